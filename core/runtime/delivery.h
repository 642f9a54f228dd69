/* Followers: who is called back with what is committed. One thread, or with lanes 0 whoever waits
 * for the runtime, goes round them all and gives each what there is for it. */
#ifndef NEAPI_RUNTIME_DELIVERY_H
#define NEAPI_RUNTIME_DELIVERY_H

#include "runtime/follow.h"

typedef struct neapi_delivery neapi_delivery;

/* Owns: one reference; a follower holds another. Errors: as neapi_session_open, NEAP_NOMEM. */
neap_status neapi_delivery_new(const neapi_followed *where, neapi_delivery **delivery,
                               neap_error *error);
void neapi_delivery_release(neapi_delivery *delivery); /* NULL is allowed */
/* Errors: NEAP_UNAVAILABLE. */
neap_status neapi_delivery_start(neapi_delivery *delivery, neap_error *error);

/* Adds a follower. Errors: as neapi_filter_read, NEAP_CLOSED. */
neap_status neapi_delivery_follow(neapi_delivery *delivery, const neap_filter *filter,
                                  neap_follow_callback callback, void *user,
                                  neap_follower **follower, neap_error *error);

/* Goes round once, and calls back. false: there was nothing for anybody. Threads: one at a time. */
bool neapi_delivery_step(neapi_delivery *delivery);

/* The hub has ended: gives what is left to be given for so long, tells all followers that it is
 * over, and closes the session. */
void neapi_delivery_stop(neapi_delivery *delivery, uint32_t patience_ms);

/* Whether the calling thread is in a step. */
bool neapi_delivery_is_here(const neapi_delivery *delivery);

#endif
