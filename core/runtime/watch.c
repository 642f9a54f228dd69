#include <stddef.h>

#include "base/alloc.h"
#include "base/error.h"
#include "runtime/rescue.h"

/* A lane is looked at several times before it is given up: the process may have stood still, and
 * the lane with it. */
#define LOOKS       4
#define LONGEST_US  1000000
#define SHORTEST_MS 1000

typedef struct neapi_seen {
    uint64_t stay;
    int64_t since_us;
    unsigned looks; /* since then */
} neapi_seen;

/* A handler that runs longer than its time is stopped where Lua can do it. As much time again, but
 * so much at least, is for those that Lua cannot stop. */
static int64_t patience_us(const neap_runtime *runtime)
{
    int64_t limit_ms = runtime->options.handler_ms;
    return (limit_ms + (limit_ms > SHORTEST_MS ? limit_ms : SHORTEST_MS)) * 1000;
}

static void look(neap_runtime *runtime, unsigned number, neapi_seen *seen)
{
    uint64_t stay = neapi_stay_now(runtime->router.lanes[number]);
    int64_t now_us = neapi_monotonic_us(runtime->platform);
    if (stay != seen->stay || stay % 2 == 0) {
        *seen = (neapi_seen){stay, now_us, 0};
        return;
    }
    int64_t waited_us = now_us - seen->since_us;
    if (++seen->looks >= LOOKS && waited_us >= patience_us(runtime))
        neapi_rescue(runtime, number, stay, (uint64_t)waited_us / 1000);
}

static void *run(void *argument)
{
    neap_runtime *runtime = argument;
    neapi_watch *watch = &runtime->watch;
    neapi_seen seen[64 + 64] = {{0}};
    int64_t period_us = patience_us(runtime) / LOOKS;
    if (period_us > LONGEST_US)
        period_us = LONGEST_US;
    neapi_thread_is_runtimes();
    while (!atomic_load(&watch->stopping)) {
        unsigned count = neapi_gate_seen(&watch->gate);
        for (unsigned i = 0; i < runtime->lane_count; i++)
            look(runtime, i, &seen[i]);
        if (!atomic_load(&watch->stopping))
            neapi_park(runtime->platform, &watch->gate, count,
                       neapi_monotonic_us(runtime->platform) + period_us);
    }
    return NULL;
}

neap_status neapi_watch_start(neap_runtime *runtime, neap_error *error)
{
    neapi_watch *watch = &runtime->watch;
    atomic_init(&watch->stopping, false);
    if (!neapi_gate_init(&watch->gate))
        return neapi_nomem(error);
    watch->made = true;
    neap_status status = neapi_thread_start(&watch->thread, run, runtime, error);
    watch->running = status == NEAP_OK;
    return status;
}

void neapi_watch_stop(neap_runtime *runtime)
{
    neapi_watch *watch = &runtime->watch;
    if (watch->running) {
        atomic_store(&watch->stopping, true);
        neapi_wake(runtime->platform, &watch->gate);
        pthread_join(watch->thread, NULL);
        watch->running = false;
    }
    if (watch->made)
        neapi_gate_fini(&watch->gate);
    watch->made = false;
}
