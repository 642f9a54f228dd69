/* Transient events that one message gave: they reach who listens once all else that it did is
 * durable, and are stored nowhere.
 *
 * Threads: owner. */
#ifndef NEAPI_SCRIPT_SIGNALS_H
#define NEAPI_SCRIPT_SIGNALS_H

#include "base/arena.h"
#include "neap.h"

typedef struct neapi_signal {
    neap_event event; /* without position and version; stream: empty, if none was said */
    struct neapi_signal *next;
} neapi_signal;

/* In the order in which they were given. */
typedef struct neapi_signals {
    neapi_arena *arena; /* whose the texts are */
    neapi_signal *first, *last;
    unsigned count;
    size_t bytes;
} neapi_signals;

/* Copies an event with all texts into the arena. false: no memory. */
bool neapi_event_copy(neapi_arena *arena, const neap_event *event, neap_event *copy);

/* Adds a copy. Errors: NEAP_NOMEM. */
neap_status neapi_signals_add(neapi_signals *signals, const neap_event *event, neap_error *error);

#endif
