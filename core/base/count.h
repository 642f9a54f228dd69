/* Counts that are read while they are written, without locks: relaxed atomics, so that counting is
 * one instruction. */
#ifndef NEAPI_BASE_COUNT_H
#define NEAPI_BASE_COUNT_H

#include <stdatomic.h>
#include <stdint.h>

/* Zeroed memory is a count of 0. Threads: read by any. */
typedef _Atomic uint64_t neapi_count;

static inline uint64_t neapi_count_get(const neapi_count *count)
{
    return atomic_load_explicit((neapi_count *)(uintptr_t)count, memory_order_relaxed);
}

/* Threads: one writes at a time. */
static inline void neapi_count_set(neapi_count *count, uint64_t value)
{
    atomic_store_explicit(count, value, memory_order_relaxed);
}

/* Threads: one writes at a time. */
static inline void neapi_count_add(neapi_count *count, uint64_t more)
{
    neapi_count_set(count, neapi_count_get(count) + more);
}

/* Threads: several may write. */
static inline void neapi_count_add_shared(neapi_count *count, uint64_t more)
{
    atomic_fetch_add_explicit(count, more, memory_order_relaxed);
}

#endif
