/* What holds a subscriber back: its circuit breaker, and how many of its partitions may be at an
 * event at once. Both are of the subscription as a whole, on whatever lanes it runs. Threads: any;
 * under the subscription's mutex. */
#ifndef NEAPI_RUNTIME_GUARD_H
#define NEAPI_RUNTIME_GUARD_H

#include "runtime/subscribed.h"

/* The subscription is new. */
void neapi_guard_init(neapi_subscribed *subscribed);

/* Whether an attempt may begin now. true: it has, and is to be left again. false:
 * partition->held_us is when to come again at the latest; when it may be before, the lane is woken.
 */
bool neapi_guard_enter(neapi_lane *lane, neapi_partition *partition);
/* Whether it might, without beginning. false: as above. */
bool neapi_guard_is_free(neapi_lane *lane, neapi_partition *partition);

/* The attempt is over; error NULL: it went well. true: with it the circuit, which was closed, is
 * open. */
bool neapi_guard_leave(neapi_lane *lane, neapi_partition *partition, const neap_error *error);

/* How it is with the circuit; false: there is none. */
typedef struct neapi_guard_state {
    bool is_open, is_half_open;
    unsigned failures;  /* in a row, while it is closed */
    int64_t open_us;    /* until it is tried again: from now on; 0: at once */
    unsigned under_way; /* partitions that are at an event */
} neapi_guard_state;

bool neapi_guard_look(neapi_subscribed *subscribed, int64_t now_us, neapi_guard_state *state);
/* "open", "half open" or "closed". */
const char *neapi_guard_name(const neapi_guard_state *state);

#endif
