/* For the runtime of the simulation, in front of each of its sources: another thread may go on
 * before every atomic operation. */
#ifndef NEAP_SPEC_ATOMICS_H
#define NEAP_SPEC_ATOMICS_H

#include <stdatomic.h>

#include "sim/scheduler.h"

#undef atomic_load
#undef atomic_store
#undef atomic_exchange
#undef atomic_fetch_add
#undef atomic_fetch_sub
#undef atomic_compare_exchange_strong
#undef atomic_compare_exchange_weak

#define atomic_load(object)                                                                        \
    (scheduler_may_yield(), atomic_load_explicit((object), memory_order_seq_cst))
#define atomic_store(object, value)                                                                \
    (scheduler_may_yield(), atomic_store_explicit((object), (value), memory_order_seq_cst))
#define atomic_exchange(object, value)                                                             \
    (scheduler_may_yield(), atomic_exchange_explicit((object), (value), memory_order_seq_cst))
#define atomic_fetch_add(object, value)                                                            \
    (scheduler_may_yield(), atomic_fetch_add_explicit((object), (value), memory_order_seq_cst))
#define atomic_fetch_sub(object, value)                                                            \
    (scheduler_may_yield(), atomic_fetch_sub_explicit((object), (value), memory_order_seq_cst))
#define atomic_compare_exchange_strong(object, expected, value)                                    \
    (scheduler_may_yield(),                                                                        \
     atomic_compare_exchange_strong_explicit((object), (expected), (value), memory_order_seq_cst,  \
                                             memory_order_seq_cst))
#define atomic_compare_exchange_weak(object, expected, value)                                      \
    (scheduler_may_yield(),                                                                        \
     atomic_compare_exchange_weak_explicit((object), (expected), (value), memory_order_seq_cst,    \
                                           memory_order_seq_cst))

#endif
