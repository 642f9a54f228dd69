#include "runtime/by_hand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include "runtime/options.h"

int64_t by_hand_us;

static int64_t read_clock(void *self)
{
    (void)self;
    return by_hand_us;
}

static void count_up(void *self, void *bytes, size_t size)
{
    static unsigned char next;
    (void)self;
    for (size_t i = 0; i < size; i++)
        ((unsigned char *)bytes)[i] = next++;
}

static void park(void *self, neapi_gate *gate, unsigned seen, int64_t deadline_us)
{
    (void)self;
    (void)gate;
    (void)seen;
    (void)deadline_us;
}

static void wake(void *self, neapi_gate *gate)
{
    (void)self;
    atomic_fetch_add(&gate->count, 1);
}

const neapi_platform by_hand_platform = {NULL, read_clock, read_clock, count_up, park, wake};

bool by_hand_states_elsewhere;

static neap_status load_state(void *lane, const neapi_aggregate *aggregate, neap_text id,
                              neapi_state *copy, neap_error *error)
{
    if (!by_hand_states_elsewhere)
        return neapi_lane_accepted_state(lane, aggregate, id, copy, error);
    *copy = NEAPI_STATE_ELSEWHERE;
    return NEAP_OK;
}

void by_hand_load(neap_runtime *runtime, const neapi_platform *platform, const char *domain,
                  const char *store, neap_log_callback log, void *log_user)
{
    neap_error error;
    memset(runtime, 0, sizeof *runtime);
    neapi_options_take(NULL, &runtime->options, &error);
    runtime->platform = platform;
    runtime->reader_calls.platform = platform;
    pthread_mutex_init(&runtime->log_mutex, NULL);
    runtime->report = (neapi_report){
        .log = log, .user = log_user, .mutex = &runtime->log_mutex, .platform = platform};
    assert_int_equal(neapi_sources_open(domain, &runtime->sources, &error), NEAP_OK);
    const neapi_engine_options options = {
        .platform = platform,
        .memory_bytes = 64 << 20,
        .allocation_bytes = 16 << 20,
        .unit_bytes = 1 << 20,
        .message_bytes = 1 << 20,
        .instructions = 1000000,
        .ms = 60000,
        .depth = 50,
        .unit_events = 100,
        .load_state = load_state,
    };
    if (neapi_engine_open(runtime->sources, &options, &runtime->engine, &error) != NEAP_OK ||
        neapi_store_open(store, NEAPI_MODE_WRITE, &runtime->store, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    runtime->catalog = neapi_engine_catalog(runtime->engine);
}

void by_hand_start(neap_runtime *runtime)
{
    neap_error error;
    neapi_session *session;
    assert_int_equal(neapi_session_open(runtime->store, NEAPI_MODE_WRITE, &session, &error),
                     NEAP_OK);
    assert_int_equal(
        neapi_writer_init(&runtime->writer, runtime->platform, &runtime->report, session, &error),
        NEAP_OK);
    runtime->has_writer = true;
    runtime->options.lanes = 0;
    if (neapi_lanes_make(runtime, &error) != NEAP_OK ||
        neapi_lanes_open(runtime, neapi_sources_fingerprint(runtime->sources), &error) != NEAP_OK)
        fail_msg("%s", error.message);
    runtime->stage = NEAPI_RUNTIME_RUNNING;
}

void by_hand_step(neap_runtime *runtime)
{
    while (neapi_lane_step(by_hand_lane(runtime)))
        continue;
}

void by_hand_step_all(neap_runtime *runtime)
{
    for (int i = 0; i < 8; i++) {
        by_hand_step(runtime);
        neapi_writer_step(&runtime->writer);
    }
    by_hand_step(runtime);
}

uint64_t by_hand_head(const neap_runtime *runtime)
{
    uint64_t position;
    neap_error error;
    assert_int_equal(neapi_head(by_hand_lane(runtime)->session, &position, &error), NEAP_OK);
    return position;
}

void by_hand_close(neap_runtime *runtime)
{
    neapi_lanes_close(runtime);
    neapi_lanes_free(runtime);
    neapi_writer_fini(&runtime->writer);
    neapi_store_close(runtime->store);
    neapi_sources_free(runtime->sources);
    neapi_options_free(&runtime->options);
    pthread_mutex_destroy(&runtime->log_mutex);
}
