#include "sim/threads.h"

#include <errno.h>
#include <string.h>

#include "runtime/thread.h"
#include "sim/dice.h"
#include "sim/scheduler.h"
#include "sim/trace.h"

#define MOST_LOCKS 16

static sim_dice chance;
static int64_t wall_ahead_us;
/* Locks that a thread of the run holds. */
static const pthread_mutex_t *locks[MOST_LOCKS];
static unsigned started;

void threads_begin(uint64_t seed)
{
    chance = dice_of(seed, 2);
    wall_ahead_us = 1700000000000000;
    memset(locks, 0, sizeof locks);
    started = 0;
}

void threads_set_wall(int64_t by_us)
{
    wall_ahead_us += by_us;
}

/* ---- The platform ---------------------------------------------------------------------------- */

int64_t threads_wall_us(void)
{
    return scheduler_now_us() + wall_ahead_us;
}

static int64_t wall_us(void *self)
{
    (void)self;
    return threads_wall_us();
}

static int64_t monotonic_us(void *self)
{
    (void)self;
    return scheduler_now_us();
}

static void draw(void *self, void *bytes, size_t size)
{
    (void)self;
    for (size_t i = 0; i < size; i++)
        ((unsigned char *)bytes)[i] = (unsigned char)dice_draw(&chance);
}

typedef struct parking {
    neapi_gate *gate;
    unsigned seen;
} parking;

static bool has_moved(void *of)
{
    const parking *parked = of;
    return neapi_gate_seen(parked->gate) != parked->seen;
}

static void park(void *self, neapi_gate *gate, unsigned seen, int64_t deadline_us)
{
    (void)self;
    parking parked = {gate, seen};
    atomic_fetch_add(&gate->sleepers, 1);
    scheduler_wait("gate", has_moved, &parked, deadline_us);
    atomic_fetch_sub(&gate->sleepers, 1);
}

static void wake(void *self, neapi_gate *gate)
{
    (void)self;
    atomic_fetch_add(&gate->count, 1);
    scheduler_may_yield();
    atomic_load(&gate->sleepers); /* as the machine does: the gate has to be there still */
}

const neapi_platform *__wrap_neapi_platform_machine(void);
uint64_t __wrap_neapi_process_seed(void);

const neapi_platform *__wrap_neapi_platform_machine(void)
{
    static const neapi_platform platform = {NULL, wall_us, monotonic_us, draw, park, wake};
    return &platform;
}

uint64_t __wrap_neapi_process_seed(void)
{
    return 0x5EED;
}

/* ---- Threads --------------------------------------------------------------------------------- */

typedef struct sim_start {
    void *(*run)(void *);
    void *argument;
} sim_start;

static sim_start starts[64];

static void run_started(void *argument)
{
    const sim_start *it = argument;
    it->run(it->argument);
}

neap_status __wrap_neapi_thread_start(pthread_t *thread, void *(*run)(void *), void *argument,
                                      neap_error *error);
int __wrap_pthread_join(pthread_t joined, void **result);
pthread_t __wrap_pthread_self(void);
pthread_t __real_pthread_self(void);

neap_status __wrap_neapi_thread_start(pthread_t *thread, void *(*run)(void *), void *argument,
                                      neap_error *error)
{
    (void)error;
    sim_start *it = &starts[started++ % (sizeof starts / sizeof *starts)];
    *it = (sim_start){run, argument};
    char name[] = "runtime-00";
    name[8] = (char)('0' + started / 10 % 10);
    name[9] = (char)('0' + started % 10);
    *thread = (pthread_t)(void *)scheduler_spawn(name, run_started, it);
    return NEAP_OK;
}

int __wrap_pthread_join(pthread_t joined, void **result)
{
    if (result != NULL)
        *result = NULL;
    scheduler_join((struct sim_thread *)(void *)joined);
    return 0;
}

pthread_t __wrap_pthread_self(void)
{
    struct sim_thread *self = scheduler_running();
    return self != NULL ? (pthread_t)(void *)self : __real_pthread_self();
}

/* What a fiber has when it begins. */
size_t __wrap_neapi_thread_stack_left(void);

size_t __wrap_neapi_thread_stack_left(void)
{
    return (size_t)2 << 20;
}

/* ---- Locks ----------------------------------------------------------------------------------- */

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_trylock(pthread_mutex_t *mutex);

static const pthread_mutex_t **place_of(const pthread_mutex_t *mutex)
{
    for (unsigned i = 0; i < MOST_LOCKS; i++)
        if (locks[i] == mutex)
            return &locks[i];
    return NULL;
}

static bool is_free(void *of)
{
    return place_of(of) == NULL;
}

static void take(const pthread_mutex_t *mutex)
{
    const pthread_mutex_t **place = place_of(NULL);
    if (place == NULL)
        trace_fail("more than %d locks are held", MOST_LOCKS);
    *place = mutex;
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    scheduler_may_yield();
    while (!is_free(mutex))
        scheduler_wait("lock", is_free, mutex, NEAPI_NO_DEADLINE);
    take(mutex);
    return 0;
}

int __wrap_pthread_mutex_trylock(pthread_mutex_t *mutex)
{
    scheduler_may_yield();
    if (!is_free(mutex))
        return EBUSY;
    take(mutex);
    return 0;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    const pthread_mutex_t **place = place_of(mutex);
    if (place == NULL)
        trace_fail("%s gives back a lock that nobody holds", scheduler_name());
    *place = NULL;
    scheduler_may_yield();
    return 0;
}
