/* Time, randomness, parking and waking: the one table through which the core asks for them, so that
 * a test or a simulation can stand in for the machine. Nothing else calls clock, random or waiting
 * functions; a test checks it. */
#ifndef NEAPI_BASE_PLATFORM_H
#define NEAPI_BASE_PLATFORM_H

#include <pthread.h>
#include <stdatomic.h>

#include "neap.h"

/* An event count: who waits remembers the count, looks whether there is work, and parks until the
 * count moves. */
typedef struct neapi_gate {
    atomic_uint count;
    atomic_uint sleepers;
    pthread_mutex_t mutex;
    pthread_cond_t moved;
} neapi_gate;

#define NEAPI_NO_DEADLINE INT64_MAX

typedef struct neapi_platform {
    void *self;
    int64_t (*wall_us)(void *self);      /* since 1970, UTC */
    int64_t (*monotonic_us)(void *self); /* never goes back */
    void (*random)(void *self, void *bytes, size_t size);
    /* Returns once gate->count differs from seen, or monotonic_us reaches deadline_us. May return
     * early. */
    void (*park)(void *self, neapi_gate *gate, unsigned seen, int64_t deadline_us);
    /* Moves the count, and wakes whoever is parked there. Threads: any. */
    void (*wake)(void *self, neapi_gate *gate);
} neapi_platform;

/* The machine itself. Lifetime: static. */
const neapi_platform *neapi_platform_machine(void);

/* Errors: false if the system has no room for it. */
bool neapi_gate_init(neapi_gate *gate);
void neapi_gate_fini(neapi_gate *gate);

static inline unsigned neapi_gate_seen(neapi_gate *gate)
{
    return atomic_load(&gate->count);
}

/* Random bits that stay the same for the life of the process: the seed of hash maps. */
uint64_t neapi_process_seed(void);

static inline int64_t neapi_wall_us(const neapi_platform *platform)
{
    return platform->wall_us(platform->self);
}

static inline int64_t neapi_monotonic_us(const neapi_platform *platform)
{
    return platform->monotonic_us(platform->self);
}

static inline void neapi_random(const neapi_platform *platform, void *bytes, size_t size)
{
    platform->random(platform->self, bytes, size);
}

static inline void neapi_park(const neapi_platform *platform, neapi_gate *gate, unsigned seen,
                              int64_t deadline_us)
{
    platform->park(platform->self, gate, seen, deadline_us);
}

static inline void neapi_wake(const neapi_platform *platform, neapi_gate *gate)
{
    platform->wake(platform->self, gate);
}

#endif
