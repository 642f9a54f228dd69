/* What the files of a partition share; nobody else uses it. */
#ifndef NEAPI_RUNTIME_PARTITION_STATE_H
#define NEAPI_RUNTIME_PARTITION_STATE_H

#include "runtime/partition.h"

static inline void neapi_partition_set_state(neapi_partition *partition,
                                             neapi_partition_state state)
{
    atomic_store(&partition->state, (int)state);
}

static inline neapi_partition_state neapi_partition_state_of(const neapi_partition *partition)
{
    return (neapi_partition_state)atomic_load(&partition->state);
}

/* ---- Life and steps; core/runtime/partition.c -------------------------------------------------
 */

void neapi_partition_close_reading(neapi_partition *partition);

/* ---- Who waits for a position; core/runtime/partition_waiting.c ----------------------------- */

/* Gives NEAP_UNAVAILABLE. */
neap_status neapi_partition_say_why_stopped(const neapi_partition *partition, neap_error *error);
/* Its checkpoint was put elsewhere, and it does not know. */
bool neapi_partition_is_reset(const neapi_partition *partition);
/* It was resumed since it stopped or was paused, and has not gone on yet. */
bool neapi_partition_is_to_go_on(const neapi_partition *partition);
/* Answers, or passes on, all that need not wait any longer. */
void neapi_partition_answer(neapi_lane *lane, neapi_partition *partition);
/* The subscription's home lane looks whether this build can take the other one's place. */
void neapi_partition_tell_home(const neapi_lane *lane, const neapi_partition *partition);
/* A unit in flight or to come may bring what is not durable yet. true: somebody waited. */
bool neapi_partition_update_reached(neapi_lane *lane, neapi_partition *partition);

/* ---- Beginning, and beginning again; core/runtime/partition_begin.c ------------------------- */

/* What was handled and is not durable. Nothing of it is in flight. */
void neapi_partition_forget(neapi_lane *lane, neapi_partition *partition);
/* Whether something of it comes back yet. */
bool neapi_partition_is_under_way(const neapi_partition *partition);
/* Begins again at the checkpoint, at once or after a while. */
void neapi_partition_begin_again(neapi_lane *lane, neapi_partition *partition, bool soon);
/* The same after a while, for a reason that may pass. */
void neapi_partition_fail_for_now(neapi_lane *lane, neapi_partition *partition,
                                  const neap_error *error);
/* At the event that cannot be handled: see `why`. */
void neapi_partition_stop(neapi_lane *lane, neapi_partition *partition);
/* Without one in the store *found is false. */
neap_status neapi_partition_load_checkpoint(neapi_session *session, neapi_partition *partition,
                                            neapi_checkpoint *checkpoint, bool *found,
                                            neap_error *error);
/* At its checkpoint; if that cannot be read, it begins again after a while. */
void neapi_partition_start(neapi_lane *lane, neapi_partition *partition);

/* ---- Run by another process; core/runtime/partition_elsewhere.c ----------------------------- */

/* Finds out how far it is, if somebody waits for that. */
bool neapi_partition_look_elsewhere(neapi_lane *lane, neapi_partition *partition);
/* Where others write, too: what they committed is known here from now on. */
void neapi_partition_see_head(neapi_lane *lane, const neapi_partition *partition);
/* Whether the store says that it is run here; else it rests. Errors: as neapi_find_document. */
neap_status neapi_partition_check_owner(neapi_lane *lane, neapi_partition *partition, bool *own,
                                        neap_error *error);

/* ---- Reading and handling; core/runtime/partition_handle.c ---------------------------------- */

/* Whether the event is in one of the wanted categories, where they are more than a range can say.
 */
bool neapi_partition_wants(const neapi_subscription *definition, const neap_event *event);
/* Gets more into hand. false: there is nothing. */
bool neapi_partition_read(neapi_lane *lane, neapi_partition *partition);
/* error NULL: nothing stands in its way any more. */
void neapi_partition_keep_why(neapi_partition *partition, uint64_t position,
                              const neap_error *error);
/* It goes no further than to the event. What was handled before that is committed first. */
void neapi_partition_stop_at(neapi_lane *lane, neapi_partition *partition, uint64_t position,
                             const neap_error *error);
/* Whether what failed may go well when it is tried again. */
bool neapi_partition_may_pass(neap_status status);
/* A unit failed, or many events together took too much: each by itself, from the checkpoint on, to
 * find the one that is at fault. position: of the last one. */
void neapi_partition_cannot_handle_all(neapi_lane *lane, neapi_partition *partition,
                                       uint64_t position, const neap_error *error);
/* false: it waits for what is under way. */
bool neapi_partition_handle(neapi_lane *lane, neapi_partition *partition);

/* ---- Committing; core/runtime/partition_commit.c -------------------------------------------- */

/* Whether it takes no more events, for now or for good. */
bool neapi_partition_is_to_rest(const neapi_partition *partition);
/* Whether so many times as much is pending as is committed at once. */
bool neapi_partition_is_full(const neapi_lane *lane, const neapi_partition *partition,
                             unsigned times);
/* Whether what was handled is to be committed now. */
bool neapi_partition_is_due(const neapi_lane *lane, const neapi_partition *partition);
/* Commits what was handled, with the checkpoint behind it. Nothing is in flight. */
void neapi_partition_submit(neapi_lane *lane, neapi_partition *partition);
void neapi_partition_judged(neapi_lane *lane, neapi_submission *submission);

#endif
