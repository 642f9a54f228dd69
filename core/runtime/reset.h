/* Putting a subscription to another place in the log: what lies behind it is handled again, or not
 * at all. */
#ifndef NEAPI_RUNTIME_RESET_H
#define NEAPI_RUNTIME_RESET_H

#include "runtime/checkpoint.h"

/* That there is something to reset. Errors: NEAP_USAGE (a projection, a saga). */
neap_status neapi_reset_check(neapi_subscription_kind kind, neap_text name, neap_error *error);

/* Adds to the unit the checkpoints of a build's partitions at the position, each over whatever is
 * there, and with a generation that fences whoever has seen that; and takes out dead letters behind
 * it, as far as the unit has room: what is left of them is void, for they lie behind the
 * checkpoint. position: NEAP_NOW, the last one there is. Errors: NEAP_INVALID (behind the last
 * one), as neapi_find_document, NEAP_CORRUPT, NEAP_NOMEM. */
neap_status neapi_reset_fill(neapi_session *session, neapi_unit *unit, neap_text name,
                             const neapi_record *record, uint64_t position, neap_error *error);

#endif
