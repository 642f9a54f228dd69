/* What a lane shall look at again at a moment: a heap by time. */
#ifndef NEAPI_RUNTIME_WAKEUPS_H
#define NEAPI_RUNTIME_WAKEUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Lies within what is to be woken. */
typedef struct neapi_wakeup {
    int64_t at_us; /* monotonic */
    size_t place;  /* in the heap, from 1; 0: it is not there */
} neapi_wakeup;

typedef struct neapi_wakeups {
    neapi_wakeup **heap;
    size_t count, capacity;
} neapi_wakeups;

void neapi_wakeups_fini(neapi_wakeups *wakeups);

/* Adds it, or moves it to another time. Errors: false, no memory. */
bool neapi_wakeups_set(neapi_wakeups *wakeups, neapi_wakeup *wakeup, int64_t at_us);
/* Removes it, if it is there. */
void neapi_wakeups_remove(neapi_wakeups *wakeups, neapi_wakeup *wakeup);

/* The earliest; NULL: there is none. */
static inline neapi_wakeup *neapi_wakeups_first(const neapi_wakeups *wakeups)
{
    return wakeups->count != 0 ? wakeups->heap[0] : NULL;
}

#endif
