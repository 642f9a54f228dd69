/* The newest batches, without a hole between them, within a bound of bytes and of events. Threads:
 * whoever uses it sees to it that nobody else does. */
#ifndef NEAPI_RUNTIME_RING_H
#define NEAPI_RUNTIME_RING_H

#include "runtime/batch.h"

typedef struct neapi_ring {
    neapi_batch **slots;
    size_t first, count, capacity; /* the capacity is a power of two, or 0 */
    uint64_t events;
    size_t bytes;
    size_t most_bytes;
    uint64_t most_events;
} neapi_ring;

void neapi_ring_init(neapi_ring *ring, size_t most_bytes, uint64_t most_events);
void neapi_ring_fini(neapi_ring *ring);

/* Makes sure that there is a slot for one more. Errors: false, no memory. */
bool neapi_ring_reserve(neapi_ring *ring);
/* Takes the batch, which begins behind the last one, and puts what goes beyond the bounds before
 * *gone: that may be the batch itself. */
void neapi_ring_add(neapi_ring *ring, neapi_batch *batch, neapi_batch **gone);
/* Gives up all: a list. */
neapi_batch *neapi_ring_clear(neapi_ring *ring);
/* The one in which the position lies; there is one. */
neapi_batch *neapi_ring_find(const neapi_ring *ring, uint64_t position);

#endif
