/* The publishers that Neap brings: one for each scheme of a broker's URL. */
#ifndef NEAPI_OUTBOX_PUBLISHER_H
#define NEAPI_OUTBOX_PUBLISHER_H

#include "neap.h"

/* Whether it says where a broker is, as nats://host does, and is not only a name. */
bool neapi_publisher_is_url(neap_text to);

/* The one for a URL. Lifetime: static. Errors: UNKNOWN (no such scheme: which there are). */
neap_status neapi_publisher_find(neap_text url, const neap_publisher **found, neap_error *error);

/* NATS JetStream, schemes nats: and tls:. Where Neap was built without libnats, opening it is
 * NEAP_USAGE that says how to build it with. */
extern const neap_publisher neapi_publisher_nats;

#endif
