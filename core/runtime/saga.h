/* Sagas: a partition's events change the states of those sagas whose keys are of the partition, and
 * what they want done is queued, in the unit of work that stores the states and moves the
 * checkpoint. So are their timeouts, and commands of theirs that were rejected, which the queue
 * hands over, and which the same unit takes out of it.
 *
 * One whose function raises is stopped, alone: its document says why, and what comes for it waits
 * in the log and in the queue until it is resumed. Threads: the lane's. */
#ifndef NEAPI_RUNTIME_SAGA_H
#define NEAPI_RUNTIME_SAGA_H

#include "runtime/partition.h"
#include "runtime/queue.h"

typedef struct neapi_sagas neapi_sagas;

/* Errors: NULL, no memory. */
neapi_sagas *neapi_sagas_new(const neapi_subscription *saga);
void neapi_sagas_free(neapi_sagas *sagas); /* NULL is allowed. The engine is not used */

/* The queue gives what is due to the partitions from now on; before the lanes start. */
neap_status neapi_sagas_serve(neap_runtime *runtime, neap_error *error);
/* One has come to the lane of its partition. */
void neapi_saga_due_came(neapi_lane *lane, neapi_due *due);

/* Handles at most `most` of the events at hand. Errors: of one whose keys cannot be found:
 * events[event_at] is that one; and what may pass. */
neap_status neapi_sagas_handle(neapi_lane *lane, neapi_partition *partition, size_t most,
                               neap_error *error);
/* Whether something beside events waits to be handled: events wait meanwhile. */
bool neapi_sagas_wait(neapi_partition *partition);
/* The same, or it is on its way to the store. */
bool neapi_sagas_are_busy(neapi_partition *partition);
/* Handles some of that. Nothing is pending nor in flight. Errors: what may pass. */
neap_status neapi_sagas_step(neapi_lane *lane, neapi_partition *partition, neap_error *error);
/* Adds all documents that were changed. */
neap_status neapi_sagas_save(neapi_lane *lane, neapi_partition *partition, neapi_unit *unit,
                             neap_error *error);
void neapi_sagas_accepted(neapi_lane *lane, neapi_partition *partition);
/* true: the unit was refused because an entry of the queue is not there any more; all of it is to
 * be handled again. */
bool neapi_sagas_refused(neapi_partition *partition, const neapi_unit *unit);
/* Forgets what is not durable. Nothing is in flight. */
void neapi_sagas_forget(neapi_lane *lane, neapi_partition *partition);
/* The partition handles nothing for now: what is due waits in the store until it begins again. */
void neapi_sagas_rest(neapi_partition *partition);
/* It begins. */
void neapi_sagas_start(neapi_lane *lane, neapi_partition *partition);
/* How many of a saga have stopped. Errors: as neapi_list_documents. Threads: any. */
neap_status neapi_sagas_count_stopped(neapi_session *session, neap_text saga, uint64_t *count,
                                      neap_error *error);
/* Lets go of states that are only kept for speed. */
void neapi_sagas_let_go(neapi_lane *lane, neapi_partition *partition);
/* The engine is lost, with all states. */
void neapi_sagas_lose(neapi_partition *partition);

#endif
