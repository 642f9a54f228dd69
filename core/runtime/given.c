#include "runtime/given.h"

#include "runtime/inline.h"

static int64_t given_clock(void *self)
{
    const neap_runtime *runtime = self;
    return runtime->options.clock(runtime->options.clock_user);
}

/* SplitMix64: the same bits for the same seed. */
static void seeded_random(void *self, void *bytes, size_t size)
{
    neap_runtime *runtime = self;
    const uint64_t step = 0x9E3779B97F4A7C15u;
    for (char *at = bytes; size > 0;) {
        uint64_t bits = atomic_fetch_add(&runtime->random, step) + step;
        bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9u;
        bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EBu;
        bits ^= bits >> 31;
        size_t taken = size < sizeof bits ? size : sizeof bits;
        memcpy(at, &bits, taken);
        at += taken;
        size -= taken;
    }
}

/* The machine's clock, and what was not waited for. */
static int64_t skipping_clock(void *self)
{
    const neap_runtime *runtime = self;
    return neapi_monotonic_us(neapi_platform_machine()) + atomic_load(&runtime->skipped_us);
}

static void skip(void *self, neapi_gate *gate, unsigned seen, int64_t deadline_us)
{
    neap_runtime *runtime = self;
    if (deadline_us == NEAPI_NO_DEADLINE) {
        neapi_park(neapi_platform_machine(), gate, seen, deadline_us);
        return;
    }
    int64_t left_us = deadline_us - skipping_clock(self);
    if (neapi_gate_seen(gate) == seen && left_us > 0)
        atomic_fetch_add(&runtime->skipped_us, left_us);
}

void neapi_given_take(neap_runtime *runtime)
{
    const neap_options *options = &runtime->options;
    runtime->platform = neapi_platform_machine();
    if (options->clock == NULL && options->seed == 0)
        return;
    runtime->given = *runtime->platform;
    runtime->given.self = runtime; /* the machine's own functions do not look at it */
    if (options->clock != NULL)
        runtime->given.wall_us = given_clock;
    if (options->clock != NULL && neapi_is_inline(runtime)) {
        runtime->given.monotonic_us = skipping_clock;
        runtime->given.park = skip;
    }
    if (options->seed != 0)
        runtime->given.random = seeded_random;
    atomic_init(&runtime->random, options->seed);
    runtime->platform = &runtime->given;
}
