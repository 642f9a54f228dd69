/* Subscribers, and outboxes whose publisher is the domain's own: events are delivered one after
 * another, each as a message of its own, through middleware (but for outboxes); what fails is tried
 * again, and in the end set aside as a dead letter, behind which later events of the same stream
 * wait in order. Threads: the lane's.
 *
 * A delivery is a request, which middleware gets once. What it comes to inside of that (or itself,
 * without middleware) is its attempt, which is begun as often as the handler may fail. */
#ifndef NEAPI_RUNTIME_REACT_H
#define NEAPI_RUNTIME_REACT_H

#include "runtime/partition.h"

/* Goes on with what is at hand, until a delivery is under way or waits to be tried again. Errors:
 * an event that cannot be handled, where the subscription is to stop at it. */
neap_status neapi_react(neapi_lane *lane, neapi_partition *partition, neap_error *error);
/* It begins at that position: finds out which streams wait behind dead letters. Those behind it are
 * of a time before it was put there, and go. */
neap_status neapi_react_start(neapi_lane *lane, neapi_partition *partition, uint64_t position,
                              neap_error *error);
/* Tries dead letters again: those of one stream (empty: all), but for one position (0: none), which
 * goes for good; drops: all of them do, and none is tried. It begins once nothing is in flight.
 * Errors: NEAP_NOMEM. */
neap_status neapi_react_again(neapi_partition *partition, neap_text stream, uint64_t dropped,
                              bool drops, neap_error *error);

/* Also for outboxes with a publisher elsewhere, which come to publish_out.c: */

/* Goes on with dead letters that are to be tried again. false: there are none now, or they were the
 * last; *status tells. */
bool neapi_react_letters(neapi_lane *lane, neapi_partition *partition, neap_status *status,
                         neap_error *error);
/* Whether the event waits behind a dead letter of its stream. */
bool neapi_react_is_held(const neapi_partition *partition, const neap_event *event);
/* The event at hand becomes a dead letter, after partition->attempts, or (failure NULL) waits
 * behind one. Errors: NEAP_NOMEM. */
neap_status neapi_react_set_aside(neapi_lane *lane, neapi_partition *partition,
                                  const neap_event *event, const neap_error *failure,
                                  neap_error *error);

/* Forgets what was done and is not durable. Nothing is under way. */
void neapi_react_forget(neapi_partition *partition);

/* A delivery has come through middleware: its handler runs, or it waits until it may. Takes the
 * request. */
void neapi_react_attempt(neapi_lane *lane, neapi_request *request);
/* The attempt's handler has failed. true: it is kept for another one. */
bool neapi_react_fails(neapi_lane *lane, neapi_request *request, const neap_error *error);
/* A delivery, or what it came to inside, is about to be answered; error NULL: it went well. */
void neapi_react_answering(neapi_lane *lane, const neapi_request *request, const neap_error *error);
/* No attempt is waited for any more: what waits for one is answered, and the partition begins
 * again. */
void neapi_react_abandon(neapi_lane *lane, neapi_partition *partition);
/* When something is to be done at the latest: NEAPI_NO_DEADLINE, or a monotonic time. */
int64_t neapi_react_wake_us(const neapi_partition *partition);

/* The handler of a delivery ended well: what it wants done is kept until the delivery was answered.
 */
neap_status neapi_react_take(neapi_lane *lane, neapi_request *request, const neapi_effects *effects,
                             neap_error *error);

#endif
