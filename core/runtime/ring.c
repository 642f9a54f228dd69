#include "runtime/ring.h"

#include "base/alloc.h"

#define FIRST_CAPACITY 64

void neapi_ring_init(neapi_ring *ring, size_t most_bytes, uint64_t most_events)
{
    *ring = (neapi_ring){.most_bytes = most_bytes, .most_events = most_events};
}

static neapi_batch **slot(const neapi_ring *ring, size_t index)
{
    return &ring->slots[(ring->first + index) & (ring->capacity - 1)];
}

static void drop_first(neapi_ring *ring, neapi_batch **gone)
{
    neapi_batch *batch = *slot(ring, 0);
    ring->first = (ring->first + 1) & (ring->capacity - 1);
    ring->count--;
    ring->bytes -= batch->bytes;
    ring->events -= batch->last - batch->first + 1;
    batch->next = *gone;
    *gone = batch;
}

neapi_batch *neapi_ring_clear(neapi_ring *ring)
{
    neapi_batch *gone = NULL;
    while (ring->count != 0)
        drop_first(ring, &gone);
    return gone;
}

void neapi_ring_fini(neapi_ring *ring)
{
    for (neapi_batch *batch = neapi_ring_clear(ring), *next; batch != NULL; batch = next) {
        next = batch->next;
        neapi_batch_release(batch);
    }
    neapi_free(ring->slots);
}

bool neapi_ring_reserve(neapi_ring *ring)
{
    if (ring->count < ring->capacity)
        return true;
    size_t capacity = ring->capacity != 0 ? ring->capacity * 2 : FIRST_CAPACITY;
    neapi_batch **slots = neapi_alloc(capacity * sizeof(neapi_batch *));
    if (slots == NULL)
        return false;
    for (size_t i = 0; i < ring->count; i++)
        slots[i] = *slot(ring, i);
    neapi_free(ring->slots);
    ring->slots = slots;
    ring->first = 0;
    ring->capacity = capacity;
    return true;
}

void neapi_ring_add(neapi_ring *ring, neapi_batch *batch, neapi_batch **gone)
{
    *slot(ring, ring->count++) = batch;
    ring->bytes += batch->bytes;
    ring->events += batch->last - batch->first + 1;
    while (ring->count != 0 && (ring->bytes > ring->most_bytes || ring->events > ring->most_events))
        drop_first(ring, gone);
}

neapi_batch *neapi_ring_find(const neapi_ring *ring, uint64_t position)
{
    size_t low = 0, high = ring->count - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((*slot(ring, middle))->last < position)
            low = middle + 1;
        else
            high = middle;
    }
    return *slot(ring, low);
}
