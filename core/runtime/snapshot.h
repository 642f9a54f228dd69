/* Snapshots: folded states kept in the store, so that a long stream is not folded from its
 * beginning. They are only ever a shorter way: losing one, or failing to make one, loses nothing.
 *
 * When: `every` so many events, or when the newest is older than `after`, whichever comes first; it
 * is looked at when events are accepted and when an aggregate is loaded to decide; by tags from its
 * second decision on. Made at the end of a lane's step, when the answers of that step are given and
 * its units are with the writer. */
#ifndef NEAPI_RUNTIME_SNAPSHOT_H
#define NEAPI_RUNTIME_SNAPSHOT_H

#include "runtime/lane.h"

/* Whether the aggregate has a policy, and the instance a name that a snapshot can have. */
static inline bool neapi_snapshot_wanted(const neapi_instance *instance)
{
    const neapi_aggregate *aggregate = instance->aggregate;
    return (aggregate->snapshot_every != 0 || aggregate->snapshot_after_us != 0) &&
           instance->name.size <= NEAPI_STREAM_BYTES;
}

/* The newest usable one at or below max_version: *state stays NEAPI_NO_STATE and mark->version 0 if
 * there is none. One that cannot be read is passed over with a warning. Errors: of the store. */
neap_status neapi_snapshot_load(neapi_lane *lane, const neapi_instance *instance,
                                uint64_t max_version, neapi_state *state, neapi_snapshot_mark *mark,
                                neap_error *error);

/* Events of the aggregate were accepted, or it was loaded: notes it if a snapshot is due. */
void neapi_snapshot_consider(neapi_lane *lane, neapi_warm *warm);

/* Makes the one of an aggregate by tags if it is due, before its next decision: as long as there is
 * one after the other, its state is never that of the store at the end of a step. */
void neapi_snapshot_make_before(neapi_lane *lane, neapi_warm *warm);

/* Makes some of those that are due and hands them to the writer; more if the lane has nothing else
 * to do. false: there was none. */
bool neapi_snapshot_make_due(neapi_lane *lane, bool idle);

/* What the writer made of one. */
void neapi_snapshot_judged(neapi_lane *lane, neapi_submission *submission);

#endif
