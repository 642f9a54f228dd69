/* A runtime whose lane and writer the test steps itself, with a clock that it moves: no threads. */
#ifndef NEAPI_SPEC_BY_HAND_H
#define NEAPI_SPEC_BY_HAND_H

#include "runtime/runtime.h"

/* The time of by_hand_platform, which stands still: µs, wall clock and monotonic alike. */
extern int64_t by_hand_us;

/* Its randomness counts up, and nobody waits in it. */
extern const neapi_platform by_hand_platform;

/* Whether handlers are to ask for states as if another lane had them. */
extern bool by_hand_states_elsewhere;

/* Loads the domain with runtime->platform and opens the store; options may be changed afterwards.
 * `log` may be NULL. What fails ends the test. */
void by_hand_load(neap_runtime *runtime, const neapi_platform *platform, const char *domain,
                  const char *store, neap_log_callback log, void *log_user);
/* Makes writer and lane. */
void by_hand_start(neap_runtime *runtime);
static inline neapi_lane *by_hand_lane(const neap_runtime *runtime)
{
    return runtime->router.lanes[0];
}
/* Steps the lane until it has nothing to do; lane and writer in turn, a few times. */
void by_hand_step(neap_runtime *runtime);
void by_hand_step_all(neap_runtime *runtime);
/* The store's last position. */
uint64_t by_hand_head(const neap_runtime *runtime);
/* Frees all of it; nothing may be on its way. */
void by_hand_close(neap_runtime *runtime);

#endif
