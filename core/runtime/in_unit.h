/* Documents of inline projections: folded on the lane that decides, in the unit of the events.
 *
 * Each is written over the very bytes that it was folded from, so that whoever was faster, on
 * another lane or in another process, makes the unit a conflict, which is decided again. What is in
 * flight is what the next fold builds on. Threads: the lane's. */
#ifndef NEAPI_RUNTIME_IN_UNIT_H
#define NEAPI_RUNTIME_IN_UNIT_H

#include "runtime/lane.h"

/* An inline projection of a running domain. Threads: immutable once the lanes run. */
typedef struct neapi_in_unit {
    const neapi_subscription *definition;
    neapi_buffer collection; /* of its documents */
    bool built;              /* by today's definition, in a store that is open for reading only */
} neapi_in_unit;

/* Opens all of a domain's; those that the store has not, or not by today's definition, are first
 * folded from the beginning of the log. The lanes do not run yet. Errors: as neapi_engine_project,
 * neapi_commit, neapi_read. */
neap_status neapi_in_unit_open(struct neap_runtime *runtime, neapi_session *session,
                               neap_error *error);
void neapi_in_unit_close(struct neap_runtime *runtime);

/* Appends the name of the collection of one. Errors: NEAP_UNAVAILABLE (it is not built),
 * NEAP_NOMEM.
 */
neap_status neapi_in_unit_collection(const struct neap_runtime *runtime,
                                     const neapi_subscription *definition, neapi_buffer *collection,
                                     neap_error *error);

/* Folds the unit's events, which is submitted next if nothing fails. Errors: as
 * neapi_engine_project; NEAP_HANDLER also for a key that is not that of the event's stream. */
neap_status neapi_in_unit_add(neapi_lane *lane, neapi_unit *unit, neap_error *error);
/* The unit was judged, or is not submitted. */
void neapi_in_unit_settled(neapi_lane *lane, const neapi_unit *unit);
/* Whether the unit was refused for one of these documents. */
bool neapi_in_unit_is_at_fault(const neapi_lane *lane, const neapi_unit *unit);
void neapi_in_unit_fini(neapi_lane *lane);

#endif
