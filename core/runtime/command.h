/* The parts of deciding commands that its files share: see command.c for the whole. */
#ifndef NEAPI_RUNTIME_COMMAND_H
#define NEAPI_RUNTIME_COMMAND_H

#include "runtime/lane.h"

/* true: the request holds its idempotency key now (or has none) and is to be decided. Else it was
 * answered, or waits for the request that holds the key. */
bool neapi_key_take(neapi_lane *lane, neapi_request *request);
/* Before middleware passes a request on: what its key stands for is what the caller sent. Errors:
 * as the message's schema says, NEAP_NOMEM. */
neap_status neapi_key_prepare(neapi_lane *lane, neapi_request *request, neap_error *error);
/* Says so: NEAP_UNAVAILABLE. */
neap_status neapi_key_in_use(neap_text key, neap_error *error);
/* Answers from the store if it knows the request's key; *answered says so. */
neap_status neapi_key_answer(neapi_lane *lane, neapi_request *request, bool *answered,
                             neap_error *error);
/* Adds the key to the unit. version and position are the receipt's, if the unit appends nothing. */
neap_status neapi_key_add(const neapi_lane *lane, const neapi_request *request, neapi_unit *unit,
                          neap_text stream, uint64_t version, uint64_t position);

/* Has the command's canonical JSON kept while it is decided, if it will be recorded. */
void neapi_want_canonical(neapi_lane *lane, neapi_request *request);
/* Adds what stands beside the events: the command, the key. `stream`, `version` and `position` are
 * those of the receipt of a unit without events. */
neap_status neapi_unit_complete(neapi_lane *lane, neapi_request *request, neapi_unit *unit,
                                neap_text stream, uint64_t version, uint64_t position,
                                neap_error *error);
/* Puts a request that was begun into a list, as if it had not. */
void neapi_request_park(neapi_request *request, neapi_request_list *list);

/* Its state is not to be used any more: loaded again at once if nothing is in flight, else when all
 * is back. */
void neapi_warm_make_stale(neapi_lane *lane, neapi_warm *warm);
/* All that was in flight is back: forgets the state if it is stale; what was refused and what was
 * parked is decided (again). */
void neapi_warm_resume(neapi_lane *lane, neapi_warm *warm);

/* Answers a decision that added nothing: an error that was kept, or a receipt without events. */
void neapi_answer_without_events(neapi_lane *lane, neapi_request *request, neap_status status,
                                 const neapi_warm *warm, uint64_t position);

/* The unit was refused. true: it is to be decided again, and is as if it had not been yet. Else it
 * was answered. fell_with_another: its own decision was not at fault. */
bool neapi_answer_refused(neapi_lane *lane, neapi_request *request, const neapi_unit *unit,
                          bool fell_with_another);

#endif
