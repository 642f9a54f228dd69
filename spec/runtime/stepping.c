#include "runtime/stepping.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include "runtime/lane.h"
#include "runtime/writer.h"

#define MOST_STEPS 10000
#define MOST_LANES 8

static neapi_lane *lanes[MOST_LANES];
static neapi_writer *writer;
static bool inside; /* of a step: what waits there is not to be waited for */
static unsigned idle;
static int64_t now_us = 1700000000000000;
static uint64_t dice = 1;

static bool step(void)
{
    bool busy = false;
    inside = true;
    for (unsigned i = 0; i < MOST_LANES; i++)
        if (lanes[i] != NULL)
            busy = neapi_lane_step(lanes[i]) || busy;
    if (writer != NULL)
        busy = neapi_writer_step(writer) || busy;
    inside = false;
    return busy;
}

bool stepping_settle(void)
{
    for (unsigned steps = 0; steps < MOST_STEPS; steps++)
        if (!step())
            return true;
    return false;
}

void stepping_advance(int64_t us)
{
    now_us += us;
}

static int64_t read_clock(void *self)
{
    (void)self;
    return now_us++;
}

static void draw(void *self, void *bytes, size_t size)
{
    (void)self;
    for (size_t i = 0; i < size; i++) {
        dice = dice * 6364136223846793005u + 1442695040888963407u;
        ((unsigned char *)bytes)[i] = (unsigned char)(dice >> 33);
    }
}

static void park(void *self, neapi_gate *gate, unsigned seen, int64_t deadline_us)
{
    (void)self;
    bool busy = !inside && step();
    if (busy || neapi_gate_seen(gate) != seen) {
        idle = 0;
        return;
    }
    if (deadline_us != NEAPI_NO_DEADLINE && deadline_us > now_us)
        now_us = deadline_us;
    else if (idle++ > 10)
        fail_msg("something is waited for, and nobody has anything to do");
}

static void wake(void *self, neapi_gate *gate)
{
    (void)self;
    atomic_fetch_add(&gate->count, 1);
}

/* ---- In place of the functions of the same names --------------------------------------------- */

const neapi_platform *__wrap_neapi_platform_machine(void);
neap_status __wrap_neapi_lane_start(neapi_lane *started, neap_error *error);
neap_status __wrap_neapi_writer_start(neapi_writer *started, neap_error *error);
void __wrap_neapi_lane_join(neapi_lane *stopped);
void __wrap_neapi_writer_stop(neapi_writer *stopped);
neap_status __wrap_neapi_watch_start(neap_runtime *runtime, neap_error *error);
void __wrap_neapi_watch_stop(neap_runtime *runtime);
neapi_ahead_page *__wrap_neapi_ahead_ask(neapi_ahead *ahead, const neapi_range *range,
                                         uint64_t from, neapi_gate *gate);

const neapi_platform *__wrap_neapi_platform_machine(void)
{
    static const neapi_platform platform = {NULL, read_clock, read_clock, draw, park, wake};
    return &platform;
}

static neapi_lane **place_of(const neapi_lane *lane)
{
    for (unsigned i = 0; i < MOST_LANES; i++)
        if (lanes[i] == lane)
            return &lanes[i];
    return NULL;
}

neap_status __wrap_neapi_lane_start(neapi_lane *started, neap_error *error)
{
    (void)error;
    neapi_lane **place = place_of(NULL);
    assert_non_null(place);
    *place = started;
    started->running = true;
    return NEAP_OK;
}

neap_status __wrap_neapi_writer_start(neapi_writer *started, neap_error *error)
{
    (void)error;
    assert_null(writer);
    writer = started;
    return NEAP_OK;
}

/* As the thread does before it ends. */
void __wrap_neapi_lane_join(neapi_lane *stopped)
{
    neapi_lane **place = place_of(stopped);
    if (place == NULL)
        return;
    assert_true(stepping_settle());
    assert_true(neapi_lane_ended(stopped));
    stopped->running = false;
    *place = NULL;
}

void __wrap_neapi_writer_stop(neapi_writer *stopped)
{
    if (writer != stopped)
        return;
    assert_true(stepping_settle());
    writer = NULL;
}

/* Nobody reads ahead on a thread of his own. */
neapi_ahead_page *__wrap_neapi_ahead_ask(neapi_ahead *ahead, const neapi_range *range,
                                         uint64_t from, neapi_gate *gate)
{
    (void)ahead;
    (void)range;
    (void)from;
    (void)gate;
    return NULL;
}

/* Nobody looks after what a test steps. */
neap_status __wrap_neapi_watch_start(neap_runtime *runtime, neap_error *error)
{
    (void)runtime;
    (void)error;
    return NEAP_OK;
}

void __wrap_neapi_watch_stop(neap_runtime *runtime)
{
    (void)runtime;
}
