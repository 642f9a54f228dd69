#include "base/platform.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>

static int64_t clock_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t wall_us(void *self)
{
    (void)self;
    return clock_us(CLOCK_REALTIME);
}

static int64_t monotonic_us(void *self)
{
    (void)self;
    return clock_us(CLOCK_MONOTONIC);
}

static void random_bytes(void *self, void *bytes, size_t size)
{
    (void)self;
    char *at = bytes;
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0 && errno != EINTR)
            return; /* cannot happen on Linux for a valid buffer */
        if (got > 0) {
            at += got;
            size -= (size_t)got;
        }
    }
}

static void park(void *self, neapi_gate *gate, unsigned seen, int64_t deadline_us)
{
    (void)self;
    pthread_mutex_lock(&gate->mutex);
    atomic_fetch_add(&gate->sleepers, 1);
    while (atomic_load(&gate->count) == seen) {
        if (deadline_us == NEAPI_NO_DEADLINE) {
            pthread_cond_wait(&gate->moved, &gate->mutex);
            continue;
        }
        struct timespec until = {deadline_us / 1000000, (deadline_us % 1000000) * 1000};
        if (pthread_cond_timedwait(&gate->moved, &gate->mutex, &until) == ETIMEDOUT)
            break;
    }
    atomic_fetch_sub(&gate->sleepers, 1);
    pthread_mutex_unlock(&gate->mutex);
}

static void wake(void *self, neapi_gate *gate)
{
    (void)self;
    atomic_fetch_add(&gate->count, 1);
    if (atomic_load(&gate->sleepers) == 0)
        return;
    pthread_mutex_lock(&gate->mutex);
    pthread_cond_broadcast(&gate->moved);
    pthread_mutex_unlock(&gate->mutex);
}

const neapi_platform *neapi_platform_machine(void)
{
    static const neapi_platform machine = {NULL, wall_us, monotonic_us, random_bytes, park, wake};
    return &machine;
}

bool neapi_gate_init(neapi_gate *gate)
{
    atomic_init(&gate->count, 0);
    atomic_init(&gate->sleepers, 0);
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return false;
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    bool made = pthread_cond_init(&gate->moved, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    if (!made)
        return false;
    if (pthread_mutex_init(&gate->mutex, NULL) != 0) {
        pthread_cond_destroy(&gate->moved);
        return false;
    }
    return true;
}

void neapi_gate_fini(neapi_gate *gate)
{
    pthread_mutex_destroy(&gate->mutex);
    pthread_cond_destroy(&gate->moved);
}

static uint64_t process_seed;

static void draw_process_seed(void)
{
    random_bytes(NULL, &process_seed, sizeof process_seed);
}

uint64_t neapi_process_seed(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, draw_process_seed);
    return process_seed;
}
