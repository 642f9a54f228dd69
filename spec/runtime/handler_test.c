/* Plain handlers that wait, on a lane and a writer that are stepped by hand, with a clock that
 * moves only when it is told to. */
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
    by_hand_states_elsewhere = false;
    by_hand_load(&runtime, &by_hand_platform, DOMAIN, "memory:", NULL, NULL);
    runtime.options.queue_length = 100;
    by_hand_start(&runtime);
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    assert_int_equal(by_hand_lane(&runtime)->unanswered, 0);
    assert_int_equal(by_hand_lane(&runtime)->passages, 0);
    assert_int_equal(by_hand_lane(&runtime)->parked_bytes, 0);
    assert_int_equal(by_hand_lane(&runtime)->wakeups.count, 0);
    by_hand_close(&runtime);
    assert_int_equal(neapi_alloc_blocks(), 0);
    return 0;
}

typedef struct outcome {
    bool answered, unknown;
    neap_status status;
    uint64_t version, position;
    char code[32], message[256];
} outcome;

static void record(void *user, neap_status status, neap_reply *reply, const neap_error *failure)
{
    outcome *it = user;
    assert_false(it->answered);
    *it = (outcome){.answered = true, .status = status};
    if (failure != NULL) {
        it->unknown = failure->outcome_unknown;
        snprintf(it->code, sizeof it->code, "%.31s", failure->code);
        snprintf(it->message, sizeof it->message, "%.255s", failure->message);
    }
    if (reply != NULL) {
        it->version = neap_reply_receipt(reply)->version;
        it->position = neap_reply_receipt(reply)->position;
    }
    neap_reply_free(reply);
}

static void send(outcome *it, const char *name, const char *json, uint32_t timeout_ms)
{
    neap_dispatch_options options;
    neap_dispatch_options_init(&options);
    options.timeout_ms = timeout_ms;
    options.fail_when_full = true;
    *it = (outcome){0};
    if (neap_send(&runtime, name, json, strlen(json), &options, record, it, &error) != NEAP_OK)
        fail_msg("%s", error.message);
}

static uint64_t version_of(const char *stream)
{
    uint64_t version, position;
    assert_int_equal(neapi_stream_head(by_hand_lane(&runtime)->session, neapi_text_of(stream),
                                       &version, &position, &error),
                     NEAP_OK);
    return version;
}

static void it_sleeps_until_its_time_and_others_go_on(void **unused)
{
    (void)unused;
    outcome slow, middle, fast;
    int64_t began_us = by_hand_us;
    send(&slow, "Do", "{\"id\":\"a\",\"before\":10}", 0);
    send(&middle, "Do", "{\"id\":\"a\",\"before\":5}", 0);
    send(&fast, "Do", "{\"id\":\"a\"}", 0);
    by_hand_step_all(&runtime);
    assert_int_equal(fast.version, 1);
    assert_false(slow.answered || middle.answered);
    assert_int_equal(neapi_lane_wake_us(by_hand_lane(&runtime)), began_us + 5 * SECOND);
    by_hand_us = began_us + 5 * SECOND;
    by_hand_step_all(&runtime);
    assert_int_equal(middle.version, 2);
    assert_false(slow.answered);
    by_hand_us = began_us + 10 * SECOND;
    by_hand_step_all(&runtime);
    assert_int_equal(slow.version, 3);
}

static void what_it_dispatches_is_durable_before_it_goes_on(void **unused)
{
    (void)unused;
    outcome outer, before, behind;
    send(&before, "Add", "{\"id\":\"x\"}", 0);
    send(&outer, "Do", "{\"id\":\"a\",\"add\":\"x\",\"again\":2}", 0);
    send(&behind, "Add", "{\"id\":\"x\"}", 0);
    by_hand_step(&runtime);
    assert_int_equal(by_hand_lane(&runtime)->passages, 1);
    neapi_writer_step(&runtime.writer);
    assert_int_equal(by_hand_head(&runtime), 3);
    by_hand_step(&runtime);
    assert_true(before.answered && behind.answered);
    assert_int_equal(before.version, 1);
    assert_int_equal(behind.version, 3); /* the order in which they were dispatched */
    assert_false(outer.answered);
    neapi_writer_step(&runtime.writer); /* its second one */
    assert_int_equal(version_of("Thing-x"), 4);
    assert_int_equal(version_of("Done-a"), 0);
    by_hand_step_all(&runtime);
    assert_int_equal(outer.position, 5);
}

static void handlers_dispatch_handlers(void **unused)
{
    (void)unused;
    outcome it;
    send(&it, "Nest", "{\"id\":\"a\",\"depth\":5}", 0);
    by_hand_step_all(&runtime);
    assert_int_equal(it.version, 6); /* the innermost is the first */
    send(&it, "Nest", "{\"id\":\"a\",\"depth\":101}", 0);
    by_hand_step_all(&runtime);
    assert_int_equal(it.status, NEAP_LIMIT);
    assert_non_null(strstr(it.message, "nesting: 'Nest' was dispatched"));
    assert_false(it.unknown);
    assert_int_equal(by_hand_head(&runtime), 6);
}

static void time_that_ends_while_it_sleeps_leaves_nothing_done(void **unused)
{
    (void)unused;
    outcome it;
    send(&it, "Do", "{\"id\":\"a\",\"before\":10}", 1000);
    by_hand_step_all(&runtime);
    by_hand_us += SECOND;
    by_hand_step_all(&runtime);
    assert_string_equal(it.code, "late");
    assert_string_equal(it.message, "timeout");
    send(&it, "Do", "{\"id\":\"a\",\"after\":10}", 1000); /* this one takes no notice */
    by_hand_step_all(&runtime);
    by_hand_us += SECOND;
    by_hand_step_all(&runtime);
    assert_int_equal(it.status, NEAP_TIMEOUT);
    assert_string_equal(it.message, "not handled in time; nothing was recorded");
    assert_false(it.unknown);
    assert_int_equal(by_hand_head(&runtime), 0);
}

static void time_that_ends_behind_an_effect_leaves_the_outcome_unknown(void **unused)
{
    (void)unused;
    outcome it;
    send(&it, "Do", "{\"id\":\"a\",\"add\":\"x\",\"after\":10}", 1000);
    by_hand_step_all(&runtime);
    by_hand_us += SECOND;
    by_hand_step_all(&runtime);
    assert_int_equal(it.status, NEAP_TIMEOUT);
    assert_true(it.unknown);
    assert_int_equal(version_of("Thing-x"), 1);
    assert_int_equal(version_of("Done-a"), 0);
}

static void time_that_ends_at_the_writer_is_told_to_the_handler(void **unused)
{
    (void)unused;
    outcome outer, inner;
    send(&outer, "Do", "{\"id\":\"a\",\"add\":\"x\"}", 1000);
    send(&inner, "Do", "{\"id\":\"b\",\"add\":\"x\",\"within\":1}", 0);
    by_hand_step(&runtime);
    by_hand_us += SECOND;
    by_hand_step_all(&runtime);
    assert_string_equal(outer.code, "timeout");
    assert_string_equal(outer.message, "unknown");
    assert_true(outer.unknown);
    assert_string_equal(inner.code, "timeout");
    assert_true(inner.unknown);
    assert_int_equal(version_of("Thing-x"), 2); /* what was with the writer is done */
    assert_int_equal(by_hand_head(&runtime), 2);
}

static void what_sleeps_can_be_withdrawn(void **unused)
{
    (void)unused;
    outcome it;
    send(&it, "Do", "{\"id\":\"a\",\"before\":10}", 0);
    by_hand_step_all(&runtime);
    assert_true(neapi_request_withdraw(by_hand_lane(&runtime)->oldest));
    by_hand_us += 10 * SECOND;
    by_hand_step_all(&runtime);
    assert_false(it.answered);
    assert_int_equal(by_hand_head(&runtime), 0);
    send(&it, "Do", "{\"id\":\"a\",\"add\":\"x\",\"after\":10}", 0);
    by_hand_step_all(&runtime);
    assert_false(neapi_request_withdraw(by_hand_lane(&runtime)->oldest)); /* something was done */
    by_hand_us += 10 * SECOND;
    by_hand_step_all(&runtime);
    assert_int_equal(it.position, 2);
}

static void closing_ends_what_sleeps_however_deep(void **unused)
{
    (void)unused;
    outcome sleeping, nested, abandoned, committing;
    send(&sleeping, "Do", "{\"id\":\"a\",\"before\":10}", 50000);
    send(&nested, "Do", "{\"id\":\"b\",\"nest\":\"c\"}", 0);
    send(&abandoned, "Do", "{\"id\":\"d\",\"nest\":\"e\",\"within\":1}", 0);
    by_hand_step(&runtime);
    by_hand_us += SECOND;
    by_hand_step(&runtime);
    assert_string_equal(abandoned.code, "timeout");
    assert_string_equal(abandoned.message, "none");        /* it was withdrawn */
    assert_int_equal(by_hand_lane(&runtime)->passages, 3); /* a, b and c */
    send(&committing, "Do", "{\"id\":\"f\",\"add\":\"x\"}", 0);
    by_hand_step(&runtime);
    atomic_store(&by_hand_lane(&runtime)->stopping, true);
    assert_false(neapi_lane_ended(by_hand_lane(&runtime)));
    by_hand_step_all(&runtime);
    assert_true(neapi_lane_ended(by_hand_lane(&runtime)));
    assert_int_equal(sleeping.status, NEAP_CLOSED);
    assert_string_equal(nested.code, "closed");
    assert_int_equal(committing.status, NEAP_OK);
    assert_int_equal(by_hand_head(&runtime), 2);
}

static void waiting_handlers_are_bounded_by_what_they_hold(void **unused)
{
    (void)unused;
    enum { MANY = 40 };
    outcome its[MANY];
    runtime.options.lane_memory_bytes = 8 << 20;
    for (int i = 0; i < MANY; i++)
        send(&its[i], "Do", "{\"id\":\"a\",\"before\":10,\"hold\":1000000}", 0);
    by_hand_step_all(&runtime);
    unsigned first = by_hand_lane(&runtime)->passages;
    assert_in_range(first, 3, 7);
    assert_true(neapi_engine_memory(by_hand_lane(&runtime)->engine) < 8 << 20);
    unsigned waves = 0;
    for (; by_hand_head(&runtime) < MANY; waves++) {
        assert_true(waves < MANY);
        by_hand_us += 10 * SECOND;
        by_hand_step_all(&runtime);
        assert_in_range(by_hand_lane(&runtime)->passages, 0, 7);
    }
    assert_in_range(waves, 5, 14);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(its[i].status, NEAP_OK);
}

static void large_messages_that_wait_count_too(void **unused)
{
    (void)unused;
    enum { MANY = 20, SIZE = 1000000 };
    outcome its[MANY];
    char *json = malloc(SIZE + 100);
    assert_non_null(json);
    int begun = snprintf(json, 100, "{\"before\":10,\"id\":\"a\"");
    memset(json + begun, ' ', SIZE);
    snprintf(json + begun + SIZE, 3, "}");
    runtime.options.lane_memory_bytes = 8 << 20;
    for (int i = 0; i < MANY; i++)
        send(&its[i], "Do", json, 0);
    free(json);
    by_hand_step_all(&runtime);
    assert_in_range(by_hand_lane(&runtime)->passages, 3, 7);
    while (by_hand_head(&runtime) < MANY) {
        by_hand_us += 10 * SECOND;
        by_hand_step_all(&runtime);
    }
}

static void expect_last(const char *data)
{
    neapi_page page = NEAPI_PAGE_INIT;
    const neapi_range range = {
        .from = by_hand_head(&runtime), .to = UINT64_MAX, .max_events = 1, .max_bytes = 1 << 20};
    assert_int_equal(neapi_read(by_hand_lane(&runtime)->session, &range, &page, &error), NEAP_OK);
    assert_int_equal(page.count, 1);
    char last[256];
    snprintf(last, sizeof last, "%.*s", NEAPI_TEXT(page.events[0].data));
    assert_string_equal(last, data);
    neapi_page_fini(&page);
}

static void a_state_of_another_lane_comes_as_it_is(void **unused)
{
    (void)unused;
    outcome it;
    for (int i = 0; i < 2; i++) {
        send(&it, "Add", "{\"id\":\"x\",\"zone\":\"z\"}", 0);
        by_hand_step_all(&runtime);
    }
    for (int elsewhere = 0; elsewhere < 2; elsewhere++) {
        by_hand_states_elsewhere = elsewhere == 1;
        send(&it, "Read", "{\"id\":\"nobody\"}", 0);
        by_hand_step_all(&runtime);
        assert_string_equal(it.code, "missing");
        send(&it, "Read", "{\"id\":\"x\",\"zone\":\"z\"}", 0);
        by_hand_step_all(&runtime);
        assert_int_equal(it.status, NEAP_OK);
        expect_last("{\"id\":\"x\",\"note\":[2,2]}");
        send(&it, "Read", "{\"id\":\"x\"}", 0);
        by_hand_step_all(&runtime);
        expect_last("{\"id\":\"x\",\"note\":[2,-1]}");
    }
}

static void a_state_that_cannot_be_read_is_an_error_there(void **unused)
{
    (void)unused;
    outcome it;
    send(&it, "Break", "{\"id\":\"x\"}", 0);
    by_hand_step_all(&runtime);
    char messages[2][256];
    for (int elsewhere = 0; elsewhere < 2; elsewhere++) {
        by_hand_states_elsewhere = elsewhere == 1;
        send(&it, "Read", "{\"id\":\"x\"}", 0);
        by_hand_step_all(&runtime);
        assert_int_equal(it.status, NEAP_HANDLER);
        snprintf(messages[elsewhere], sizeof messages[elsewhere], "%s", it.message);
    }
    assert_string_equal(messages[0], messages[1]);
    assert_non_null(strstr(messages[0], "waiting.lua"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(it_sleeps_until_its_time_and_others_go_on),
        TEST(what_it_dispatches_is_durable_before_it_goes_on),
        TEST(handlers_dispatch_handlers),
        TEST(time_that_ends_while_it_sleeps_leaves_nothing_done),
        TEST(time_that_ends_behind_an_effect_leaves_the_outcome_unknown),
        TEST(time_that_ends_at_the_writer_is_told_to_the_handler),
        TEST(what_sleeps_can_be_withdrawn),
        TEST(closing_ends_what_sleeps_however_deep),
        TEST(waiting_handlers_are_bounded_by_what_they_hold),
        TEST(large_messages_that_wait_count_too),
        TEST(a_state_of_another_lane_comes_as_it_is),
        TEST(a_state_that_cannot_be_read_is_an_error_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
