/* Turns of commands that share a tag: each waits for all that came before it and have one of its
 * tags, so those of one stream, or of one tag, are decided in the order in which they came.
 * Threads: the lane's. */
#ifndef NEAPI_RUNTIME_TURNS_H
#define NEAPI_RUNTIME_TURNS_H

#include "runtime/lane.h"

/* Puts the request behind all that share a tag of its instance: request->behind says for how many
 * of its tags it has to wait. Errors: NEAP_NOMEM; it has no place then. */
neap_status neapi_turns_enter(neapi_lane *lane, neapi_request *request);

/* Gives its places up. Whoever has to wait for nobody any more goes among what is ready. */
void neapi_turns_leave(neapi_lane *lane, neapi_request *request);

#endif
