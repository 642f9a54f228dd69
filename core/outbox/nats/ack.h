/* What JetStream answers to a published message. */
#ifndef NEAPI_OUTBOX_NATS_ACK_H
#define NEAPI_OUTBOX_NATS_ACK_H

#include "neap.h"

/* NEAP_OK: the message is kept, or was before (a duplicate by its id). Errors: LIMIT (it is larger
 * than the stream allows), UNAVAILABLE (anything else: JetStream's own words). */
neap_status neapi_nats_ack_read(neap_text json, neap_error *error);

#endif
