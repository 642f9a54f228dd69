#include "runtime/wakeups.h"

#include "base/alloc.h"

void neapi_wakeups_fini(neapi_wakeups *wakeups)
{
    neapi_free(wakeups->heap);
    *wakeups = (neapi_wakeups){0};
}

static void put(neapi_wakeups *wakeups, size_t at, neapi_wakeup *wakeup)
{
    wakeups->heap[at] = wakeup;
    wakeup->place = at + 1;
}

static void rise(neapi_wakeups *wakeups, neapi_wakeup *wakeup)
{
    size_t at = wakeup->place - 1;
    while (at > 0 && wakeups->heap[(at - 1) / 2]->at_us > wakeup->at_us) {
        put(wakeups, at, wakeups->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(wakeups, at, wakeup);
}

static void sink(neapi_wakeups *wakeups, neapi_wakeup *wakeup)
{
    size_t at = wakeup->place - 1;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < wakeups->count &&
            wakeups->heap[child + 1]->at_us < wakeups->heap[child]->at_us)
            child++;
        if (child >= wakeups->count || wakeups->heap[child]->at_us >= wakeup->at_us)
            break;
        put(wakeups, at, wakeups->heap[child]);
        at = child;
    }
    put(wakeups, at, wakeup);
}

bool neapi_wakeups_set(neapi_wakeups *wakeups, neapi_wakeup *wakeup, int64_t at_us)
{
    if (wakeup->place == 0 && wakeups->count == wakeups->capacity) {
        size_t capacity = wakeups->capacity != 0 ? wakeups->capacity * 2 : 16;
        neapi_wakeup **larger = neapi_realloc(wakeups->heap, capacity * sizeof *larger);
        if (larger == NULL)
            return false;
        wakeups->heap = larger;
        wakeups->capacity = capacity;
    }
    wakeup->at_us = at_us;
    if (wakeup->place == 0)
        put(wakeups, wakeups->count++, wakeup);
    rise(wakeups, wakeup);
    sink(wakeups, wakeup);
    return true;
}

void neapi_wakeups_remove(neapi_wakeups *wakeups, neapi_wakeup *wakeup)
{
    if (wakeup->place == 0)
        return;
    size_t at = wakeup->place - 1;
    wakeup->place = 0;
    neapi_wakeup *last = wakeups->heap[--wakeups->count];
    if (last == wakeup)
        return;
    put(wakeups, at, last);
    rise(wakeups, last);
    sink(wakeups, last);
}
