/* What a caller gets: JSON, and for a command its receipt. */
#ifndef NEAPI_RUNTIME_REPLY_H
#define NEAPI_RUNTIME_REPLY_H

#include "base/buffer.h"
#include "neap.h"
#include "store/unit.h"

/* Takes the buffer's content. Owns: the caller. Errors: NULL, no memory. */
neap_reply *neapi_reply_json(neapi_buffer *json);

/* The receipt of an accepted unit, or (unit without events) of a decision that adds nothing.
 * `stream`, `version` and `position` are the deciding aggregate's; what the unit appended comes
 * first. Errors: NULL. */
neap_reply *neapi_reply_receipt(neap_uuid command_id, const neapi_unit *unit, neap_text stream,
                                uint64_t version, uint64_t position);

/* Of a receipt that nobody else has yet: not all that was waited for has caught up. */
void neapi_reply_set_behind(neap_reply *reply);

/* The receipt that was kept with an idempotency key. Errors: NULL. */
neap_reply *neapi_reply_repeated(const neapi_key *key);

/* Appends the unit's event types as a JSON array of texts. */
void neapi_receipt_types(neapi_buffer *json, const neapi_unit *unit);

#endif
