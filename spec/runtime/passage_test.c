/* Messages on their way through middleware, on a lane and a writer that are stepped by hand, with a
 * clock that moves only when it is told to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/by_hand.h"

#define SECOND 1000000

static neap_runtime runtime;
static neap_error error;

static int set_up(void **unused)
{
    (void)unused;
    by_hand_us = 1700000000000000;
    by_hand_load(&runtime, &by_hand_platform, DOMAIN, "memory:", NULL, NULL);
    runtime.options.queue_length = 4;
    by_hand_start(&runtime);
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    assert_int_equal(by_hand_lane(&runtime)->unanswered, 0);
    assert_int_equal(by_hand_lane(&runtime)->wakeups.count, 0);
    by_hand_close(&runtime);
    assert_int_equal(neapi_alloc_blocks(), 0);
    return 0;
}

typedef struct outcome {
    bool answered, unknown;
    neap_status status;
    uint64_t version;
    char code[32];
} outcome;

static void record(void *user, neap_status status, neap_reply *reply, const neap_error *failure)
{
    outcome *it = user;
    assert_false(it->answered);
    *it = (outcome){.answered = true, .status = status};
    if (failure != NULL) {
        it->unknown = failure->outcome_unknown;
        snprintf(it->code, sizeof it->code, "%.31s", failure->code);
    }
    if (reply != NULL)
        it->version = neap_reply_receipt(reply)->version;
    neap_reply_free(reply);
}

static neap_status try_send(outcome *it, const char *json, uint32_t timeout_ms)
{
    neap_dispatch_options options;
    neap_dispatch_options_init(&options);
    options.timeout_ms = timeout_ms;
    options.fail_when_full = true;
    *it = (outcome){0};
    return neap_send(&runtime, "Do", json, strlen(json), &options, record, it, &error);
}

static void send(outcome *it, const char *json, uint32_t timeout_ms)
{
    if (try_send(it, json, timeout_ms) != NEAP_OK)
        fail_msg("%s", error.message);
}

static void it_sleeps_until_its_time_and_others_go_on(void **unused)
{
    (void)unused;
    outcome slow, middle, fast;
    send(&slow, "{\"id\":\"a\",\"before\":10}", 0);
    send(&middle, "{\"id\":\"b\",\"before\":5}", 0);
    send(&fast, "{\"id\":\"a\"}", 0);
    int64_t began_us = by_hand_us;
    by_hand_step_all(&runtime);
    assert_true(fast.answered);
    assert_int_equal(fast.version, 1);
    assert_false(slow.answered || middle.answered);
    assert_int_equal(neapi_lane_wake_us(by_hand_lane(&runtime)), began_us + 5 * SECOND);
    by_hand_us = began_us + 5 * SECOND;
    by_hand_step_all(&runtime);
    assert_true(middle.answered);
    assert_false(slow.answered);
    by_hand_us = began_us + 10 * SECOND - 1;
    by_hand_step_all(&runtime);
    assert_false(slow.answered);
    by_hand_us++;
    by_hand_step_all(&runtime);
    assert_int_equal(slow.version, 2);
    assert_int_equal(neapi_lane_wake_us(by_hand_lane(&runtime)), NEAPI_NO_DEADLINE);
}

/* A collection takes time by all that Lua holds. What cannot be let go must not cost every step
 * one.
 */
static void memory_that_stays_is_not_collected_at_every_step(void **unused)
{
    (void)unused;
    outcome it;
    send(&it, "{\"id\":\"a\"}", 0);
    by_hand_step_all(&runtime);
    runtime.options.lane_memory_bytes = neapi_engine_memory(by_hand_lane(&runtime)->engine);
    send(&it, "{\"id\":\"a\"}", 0);
    by_hand_step_all(&runtime);
    for (int i = 0; i < 5; i++) {
        size_t before = neapi_engine_memory(by_hand_lane(&runtime)->engine);
        send(&it, "{\"id\":\"no\"}", 0);
        by_hand_step_all(&runtime);
        assert_true(neapi_engine_memory(by_hand_lane(&runtime)->engine) > before);
    }
    for (int i = 0; i < 1000; i++) {
        send(&it, "{\"id\":\"no\"}", 0);
        by_hand_step_all(&runtime);
        assert_true(neapi_engine_memory(by_hand_lane(&runtime)->engine) <
                    runtime.options.lane_memory_bytes / 4 * 5);
    }
}

static void next_gives_the_receipt_when_it_is_durable(void **unused)
{
    (void)unused;
    outcome it;
    send(&it, "{\"id\":\"a\",\"after\":1}", 0);
    by_hand_step(&runtime);
    assert_int_equal(by_hand_lane(&runtime)->wakeups.count,
                     0); /* it waits for the writer, not for time */
    neapi_writer_step(&runtime.writer);
    by_hand_step(&runtime);
    assert_int_equal(by_hand_lane(&runtime)->wakeups.count, 1);
    assert_false(it.answered);
    by_hand_us += SECOND;
    by_hand_step(&runtime);
    assert_int_equal(it.version, 1);
}

static void time_that_ends_while_it_sleeps_leaves_nothing_done(void **unused)
{
    (void)unused;
    outcome it;
    send(&it, "{\"id\":\"a\",\"before\":10}", 1000);
    by_hand_step_all(&runtime);
    by_hand_us += SECOND;
    by_hand_step_all(&runtime);
    assert_int_equal(it.status, NEAP_TIMEOUT);
    assert_false(it.unknown);
    assert_int_equal(by_hand_head(&runtime), 0);
}

static void time_that_ends_at_the_writer_leaves_the_outcome_unknown(void **unused)
{
    (void)unused;
    outcome it;
    send(&it, "{\"id\":\"a\"}", 1000);
    by_hand_step(&runtime);
    by_hand_us += SECOND;
    by_hand_step(&runtime);
    assert_int_equal(it.status, NEAP_TIMEOUT);
    assert_true(it.unknown);
    by_hand_step_all(&runtime);
    assert_int_equal(by_hand_head(&runtime), 1);
}

static void what_is_not_begun_is_withdrawn(void **unused)
{
    (void)unused;
    outcome first, second;
    send(&first, "{\"id\":\"a\"}", 0);
    by_hand_step(&runtime);
    /* Refused behind the lane's back: the second is parked until the first is decided again. */
    neapi_warm *warm = neapi_warm_find(&by_hand_lane(&runtime)->warm, NEAPI_LITERAL("Thing-a"));
    warm->settling = true;
    send(&second, "{\"id\":\"a\",\"within\":1}", 0);
    by_hand_step(&runtime);
    by_hand_us += SECOND;
    by_hand_step(&runtime);
    assert_int_equal(second.status, NEAP_TIMEOUT);
    assert_false(second.unknown);
    by_hand_step_all(&runtime);
    assert_int_equal(first.version, 1);
    assert_int_equal(by_hand_head(&runtime), 1);
}

static void a_narrower_time_ends_one_attempt(void **unused)
{
    (void)unused;
    outcome it;
    send(&it, "{\"id\":\"a\",\"within\":1,\"again\":1}", 0);
    by_hand_step(&runtime); /* the unit waits for the writer, who sleeps */
    by_hand_us += SECOND;
    by_hand_step(&runtime);
    assert_false(it.answered);
    by_hand_us += SECOND;
    by_hand_step_all(&runtime); /* both attempts are committed, each under an id of its own */
    assert_int_equal(it.status, NEAP_OK);
    assert_int_equal(by_hand_head(&runtime), 2);
}

static void closing_ends_what_sleeps_and_closes_its_variables(void **unused)
{
    (void)unused;
    outcome sleeping[3], committing, failing;
    for (int i = 0; i < 3; i++)
        send(&sleeping[i], "{\"id\":\"a\",\"before\":10}", i == 0 ? 50000 : 0);
    by_hand_step(&runtime);
    send(&committing, "{\"id\":\"b\"}", 0);
    by_hand_step(&runtime);
    atomic_store(&by_hand_lane(&runtime)->stopping, true);
    assert_int_equal(try_send(&failing, "{\"id\":\"b\",\"again\":3}", 0), NEAP_OK);
    by_hand_step_all(&runtime);
    for (int i = 0; i < 3; i++)
        assert_int_equal(sleeping[i].status, NEAP_CLOSED);
    assert_int_equal(committing.status, NEAP_OK);
    assert_int_equal(failing.status, NEAP_CLOSED);
    assert_int_equal(by_hand_head(&runtime), 1);
}

static void sleeping_messages_are_bounded(void **unused)
{
    (void)unused;
    outcome its[9];
    unsigned accepted = 0;
    for (unsigned i = 0; i < 9; i++) {
        accepted += try_send(&its[i], "{\"id\":\"a\",\"before\":10}", 0) == NEAP_OK;
        by_hand_step(&runtime);
    }
    assert_int_equal(accepted, 8); /* four that sleep, four that wait */
    assert_int_equal(by_hand_lane(&runtime)->unanswered, 4);
    for (int i = 0; i < 3; i++) {
        by_hand_us += 10 * SECOND;
        by_hand_step_all(&runtime);
    }
    assert_int_equal(by_hand_head(&runtime), 8);
}

static void rejections_come_again_and_in_the_end_are_given(void **unused)
{
    (void)unused;
    outcome it;
    send(&it, "{\"id\":\"no\",\"again\":2}", 0);
    for (int i = 0; i < 2; i++) {
        by_hand_step_all(&runtime);
        assert_false(it.answered);
        by_hand_us += SECOND;
    }
    by_hand_step_all(&runtime);
    assert_int_equal(it.status, NEAP_REJECTED);
    assert_string_equal(it.code, "no");
}

static void wakeups_come_in_order(void **unused)
{
    (void)unused;
    enum { MANY = 200 };
    neapi_wakeups heap = {0};
    neapi_wakeup them[MANY] = {0};
    unsigned dice = 1;
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < MANY; i++) {
            dice = dice * 1103515245u + 12345u;
            assert_true(neapi_wakeups_set(&heap, &them[i], (dice >> 16) % 1000));
            if (dice % 3 == 0)
                neapi_wakeups_remove(&heap, &them[(dice >> 8) % MANY]);
        }
    }
    int64_t last = 0;
    for (neapi_wakeup *first; (first = neapi_wakeups_first(&heap)) != NULL;) {
        assert_true(first->at_us >= last);
        last = first->at_us;
        neapi_wakeups_remove(&heap, first);
        assert_int_equal(first->place, 0);
    }
    neapi_wakeups_fini(&heap);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(it_sleeps_until_its_time_and_others_go_on),
        TEST(memory_that_stays_is_not_collected_at_every_step),
        TEST(next_gives_the_receipt_when_it_is_durable),
        TEST(time_that_ends_while_it_sleeps_leaves_nothing_done),
        TEST(time_that_ends_at_the_writer_leaves_the_outcome_unknown),
        TEST(what_is_not_begun_is_withdrawn),
        TEST(a_narrower_time_ends_one_attempt),
        TEST(closing_ends_what_sleeps_and_closes_its_variables),
        TEST(sleeping_messages_are_bounded),
        TEST(rejections_come_again_and_in_the_end_are_given),
        cmocka_unit_test(wakeups_come_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
