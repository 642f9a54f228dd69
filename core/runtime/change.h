/* Changes of a running subscription: it is built anew, paused, resumed, reset. Each is one unit of
 * work over the subscription's record, made by its home lane; what the runtime does follows once it
 * is durable.
 *
 * A rebuild: the next build begins beside the live one, with checkpoints of its own, and reads the
 * whole log. Once it is as far as the live one, that one goes no further, and when nothing of it is
 * in flight one unit makes the next build the live one and drops the old checkpoints, so that
 * whoever still has them can commit no more. The old documents go later, for somebody may be
 * reading them. */
#ifndef NEAPI_RUNTIME_CHANGE_H
#define NEAPI_RUNTIME_CHANGE_H

#include "runtime/subscribed.h"

typedef enum neapi_change {
    NEAPI_CHANGE_REBUILD, /* begin; nothing if it goes on already */
    NEAPI_CHANGE_PAUSE,
    NEAPI_CHANGE_RESUME, /* also what has stopped */
    NEAPI_CHANGE_RESET,  /* to request->at_version */
} neapi_change;

/* A request of kind CHANGE has come to the subscription's home lane. */
void neapi_change_begin(neapi_lane *lane, neapi_request *request);

/* The record may have been changed by another process, or who runs the subscription has: the home
 * lane looks. Threads: any. */
void neapi_change_look(const neap_runtime *runtime, neapi_subscribed *subscribed);
/* Reads the record, and does what others have changed in it; also, whether it is run here. Nothing
 * of the home lane's own is in flight. Threads: the home lane's. Errors: as neapi_find_document,
 * NEAP_CORRUPT, NEAP_NOMEM; it is to be called again then. */
neap_status neapi_change_follow(neapi_lane *lane, neapi_subscribed *subscribed, neap_error *error);

/* For core/runtime/change_follow.c. The unit's record is what the store has. */
void neapi_change_take_record(neapi_subscribed *subscribed);
void neapi_change_resume(const neapi_lane *lane, neapi_subscribed *subscribed);
/* Gives each partition to its lane. */
void neapi_change_send_partitions(neapi_lane *lane, neapi_build *build);
/* The record has a next build: makes it. It is durable: should there be no memory for it now, it
 * begins when the store is opened again. Errors: NEAP_NOMEM. */
neap_status neapi_change_begin_next(neapi_lane *lane, neapi_subscribed *subscribed,
                                    neap_error *error);
/* live: the next one, or one whose partitions have their lanes. */
void neapi_change_replace_live(neapi_lane *lane, neapi_subscribed *subscribed, neapi_build *live);

/* Goes on with rebuilds of subscriptions whose home the lane is. false: there was nothing to do. */
bool neapi_changes_step(neapi_lane *lane);
int64_t neapi_changes_wake_us(const neapi_lane *lane);

#endif
