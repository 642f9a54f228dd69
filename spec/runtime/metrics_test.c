/* What a runtime counts, stepped by hand with a clock that the test and its store move: the figures
 * are exactly what was done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include "base/error.h"
#include "base/text.h"
#include "message/json.h"
#include "runtime/by_hand.h"
#include "runtime/figures.h"

#define COMMIT_US 700
#define READ_US   30

/* A store that takes its time, and fails when it is told to. */
static const neapi_backend *const inner = &neapi_backend_memory;
static neapi_backend slow;
static neap_status next_commit;
static neapi_outcome next_outcome;

static neap_status slow_commit(neapi_session *session, neapi_unit *const *units, size_t count,
                               int64_t now_us, neapi_outcome *outcome, neap_error *error)
{
    by_hand_us += COMMIT_US;
    neap_status status = next_commit;
    *outcome = next_outcome;
    next_commit = NEAP_OK;
    next_outcome = NEAPI_OUTCOME_NONE;
    return status == NEAP_OK ? inner->commit(session, units, count, now_us, outcome, error)
                             : neapi_fail(error, status, "the disk is full");
}

static neap_status slow_resolve(neapi_session *session, neapi_unit *const *units, size_t count,
                                bool *durable, neap_error *error)
{
    (void)session;
    (void)units;
    (void)count;
    (void)durable;
    return neapi_fail(error, NEAP_UNAVAILABLE, "still no connection");
}

static neap_status slow_read(neapi_session *session, const neapi_range *range, neapi_page *page,
                             neap_error *error)
{
    by_hand_us += READ_US;
    return inner->read(session, range, page, error);
}

static neap_runtime runtime;
static neap_error error;
static neapi_platform platform;
static unsigned answers;

/* Who waits does the work. */
static void work(void *self, neapi_gate *gate, unsigned seen, int64_t deadline_us)
{
    (void)self;
    (void)gate;
    (void)seen;
    if (deadline_us != NEAPI_NO_DEADLINE && deadline_us > by_hand_us)
        by_hand_us = deadline_us;
    else if (!neapi_lane_step(by_hand_lane(&runtime)))
        neapi_writer_step(&runtime.writer);
}

static void load(void)
{
    by_hand_us = 1700000000000000;
    platform = by_hand_platform;
    platform.park = work;
    slow = *inner;
    slow.commit = slow_commit;
    slow.resolve = slow_resolve;
    slow.read = slow_read;
    next_commit = NEAP_OK;
    next_outcome = NEAPI_OUTCOME_NONE;
    answers = 0;
    by_hand_load(&runtime, &platform, DOMAIN, "memory:", NULL, NULL);
    runtime.store->backend = &slow;
}

static int open_runtime(void **unused)
{
    (void)unused;
    load();
    by_hand_start(&runtime);
    return 0;
}

static int close_runtime(void **unused)
{
    (void)unused;
    by_hand_close(&runtime);
    return 0;
}

static void count_answer(void *user, neap_status status, neap_reply *reply,
                         const neap_error *failure)
{
    (void)user;
    (void)status;
    (void)failure;
    neap_reply_free(reply);
    answers++;
}

static neap_status send_with(const char *name, const char *json, const char *key,
                             bool fail_when_full)
{
    neap_dispatch_options options;
    neap_dispatch_options_init(&options);
    options.idempotency_key = key;
    options.fail_when_full = fail_when_full;
    return neap_send(&runtime, name, json, strlen(json), &options, count_answer, NULL, &error);
}

static void send(const char *name, const char *json)
{
    assert_int_equal(send_with(name, json, NULL, true), NEAP_OK);
}

static void settle(void)
{
    while (neapi_lane_step(by_hand_lane(&runtime)) || neapi_writer_step(&runtime.writer))
        continue;
}

static neapi_message_figures figures_of(neapi_message_group group, const char *wanted)
{
    neapi_message_figures figures = {0};
    neap_text name;
    bool found = false;
    for (uint32_t place = 0; neapi_figures_next(&runtime, group, &place, &name); place++) {
        if (name.size != 0 && !neapi_text_equal(name, neapi_text_of(wanted)))
            continue;
        neapi_figures_message(&runtime, place, &figures);
        found = true;
    }
    assert_true(found);
    return figures;
}

static neapi_message_figures command(const char *name)
{
    return figures_of(NEAPI_GROUP_COMMAND, name);
}

static neapi_lane_figures lane(void)
{
    neapi_lane_figures figures;
    assert_int_equal(neapi_figures_lanes(&runtime), 1);
    neapi_figures_lane(&runtime, 0, &figures);
    return figures;
}

static neapi_writer_figures writer(void)
{
    neapi_writer_figures figures;
    assert_true(neapi_figures_writer(&runtime, &figures));
    return figures;
}

static neapi_call_figures call(neapi_role role, neapi_call_kind kind)
{
    neapi_call_figures figures;
    neapi_figures_call(&runtime, role, kind, &figures);
    return figures;
}

/* ---- Messages -------------------------------------------------------------------------------- */

static void outcomes_are_counted_by_name(void **unused)
{
    (void)unused;
    send("Add", "{\"id\":\"a\",\"n\":1}");
    send("Add", "{\"id\":\"b\",\"n\":2}");
    send("Add", "{\"id\":\"a\",\"n\":100}");
    send("Add", "{\"id\":\"a\",\"n\":\"x\"}");
    send("Touch", "{\"id\":\"a\"}");
    settle();
    assert_int_equal(answers, 5);
    neapi_message_figures add = command("Add"), touch = command("Touch"), note = command("Note");
    assert_int_equal(add.done, 2);
    assert_int_equal(add.rejected, 1);
    for (int status = 0; status <= NEAP_NOMEM; status++)
        assert_int_equal(add.failed[status], status == NEAP_INVALID);
    assert_int_equal(add.latency_us.count, 4);
    assert_int_equal(add.decision_us.count, 4);
    assert_int_equal(touch.done, 1);
    assert_int_equal(touch.latency_us.count, 1);
    assert_int_equal(note.done + note.latency_us.count + note.decision_us.count, 0);
    assert_int_equal(figures_of(NEAPI_GROUP_QUERY, "Total").latency_us.count, 0);
}

static void times_are_those_that_passed(void **unused)
{
    (void)unused;
    send("Add", "{\"id\":\"a\",\"n\":1}");
    by_hand_us += 100;                       /* it waits in the queue */
    neapi_lane_step(by_hand_lane(&runtime)); /* reads the stream */
    by_hand_us += 50;                        /* the writer has something else to do */
    neapi_writer_step(&runtime.writer);
    by_hand_us += 20; /* and so has the lane */
    neapi_lane_step(by_hand_lane(&runtime));
    assert_int_equal(answers, 1);
    neapi_message_figures add = command("Add");
    assert_int_equal(lane().queue_wait_us.sum, 100);
    assert_int_equal(add.decision_us.sum, READ_US);
    assert_int_equal(add.latency_us.sum, 100 + READ_US + 50 + COMMIT_US + 20);
    assert_int_equal(add.latency_us.highest, add.latency_us.sum);
    assert_int_equal(call(NEAPI_ROLE_WRITER, NEAPI_CALL_COMMIT).us.sum, COMMIT_US);
    assert_int_equal(call(NEAPI_ROLE_LANE, NEAPI_CALL_READ).us.sum, READ_US);
}

static void questions_and_facts_are_counted(void **unused)
{
    (void)unused;
    neap_reply *reply;
    const char *fact = "{\"id\":\"a\",\"text\":\"t\"}";
    assert_int_equal(
        neap_publish(&runtime, "Counter-a", 0, "Noted", fact, strlen(fact), NULL, NULL, &error),
        NEAP_OK);
    assert_int_equal(
        neap_publish(&runtime, "Counter-a", 0, "Noted", fact, strlen(fact), NULL, NULL, &error),
        NEAP_CONFLICT);
    assert_int_equal(neap_query(&runtime, "Total", "{\"id\":\"a\"}", 10, 0, &reply, &error),
                     NEAP_OK);
    neap_reply_free(reply);
    assert_int_equal(neap_state(&runtime, "Counter", "a", 0, &reply, &error), NEAP_OK);
    neap_reply_free(reply);
    assert_int_equal(neap_state(&runtime, "Counter", "z", 0, &reply, &error), NEAP_UNKNOWN);
    neapi_message_figures publish = figures_of(NEAPI_GROUP_PUBLISH, "");
    assert_int_equal(publish.done, 1);
    assert_int_equal(publish.failed[NEAP_CONFLICT], 1);
    assert_int_equal(figures_of(NEAPI_GROUP_QUERY, "Total").done, 1);
    assert_int_equal(figures_of(NEAPI_GROUP_QUERY, "Total").decision_us.sum, READ_US);
    assert_int_equal(figures_of(NEAPI_GROUP_STATE, "").done, 1);
    assert_int_equal(figures_of(NEAPI_GROUP_STATE, "").failed[NEAP_UNKNOWN], 1);
}

/* Somebody else appends behind the lane's back. */
static void intrude(void)
{
    neapi_unit *unit = neapi_unit_new((neap_uuid){{1}});
    const neap_event event = {
        .recorded_at = by_hand_us,
        .id = {{9}},
        .schema = 1,
        .type = NEAPI_LITERAL("Noted"),
        .data = NEAPI_LITERAL("{\"id\":\"a\",\"text\":\"outside\"}"),
    };
    neapi_outcome fate;
    assert_int_equal(neapi_unit_append(unit, NEAPI_LITERAL("Counter-a"), NEAP_ANY_VERSION, &event),
                     NEAP_OK);
    assert_int_equal(inner->commit(runtime.writer.session, &unit, 1, by_hand_us, &fate, &error),
                     NEAP_OK);
    neapi_unit_release(unit);
}

static void decisions_made_again_are_counted(void **unused)
{
    (void)unused;
    send("Add", "{\"id\":\"a\",\"n\":1}");
    neapi_lane_step(by_hand_lane(&runtime));
    intrude();
    settle();
    assert_int_equal(answers, 1);
    neapi_message_figures add = command("Add");
    assert_int_equal(add.done, 1);
    assert_int_equal(add.again, 1);
    assert_int_equal(add.decision_us.count, 2);
    assert_int_equal(add.latency_us.count, 1);
    assert_int_equal(writer().refused, 1);
    assert_int_equal(writer().units, 2);
    assert_int_equal(writer().events, 1);
    assert_int_equal(lane().loads, 2);
    assert_int_equal(lane().folded, 1); /* the other one's event */
}

static void what_is_turned_away_is_counted(void **unused)
{
    (void)unused;
    load();
    runtime.options.queue_length = 2;
    by_hand_start(&runtime);
    send("Touch", "{\"id\":\"a\"}");
    send("Touch", "{\"id\":\"a\"}");
    assert_int_equal(lane().waiting, 2);
    assert_int_equal(send_with("Touch", "{\"id\":\"a\"}", NULL, true), NEAP_BUSY);
    settle();
    assert_int_equal(neapi_count_get(&runtime.turned_away), 1);
    assert_int_equal(command("Touch").done, 2);
    assert_int_equal(lane().waiting, 0);
    assert_int_equal(lane().waiting_most, 2);
    by_hand_close(&runtime);
}

/* ---- Lane and writer ------------------------------------------------------------------------- */

static void states_at_hand_are_counted(void **unused)
{
    (void)unused;
    load();
    runtime.options.warm_aggregates = 1;
    by_hand_start(&runtime);
    send("Add", "{\"id\":\"a\",\"n\":1}");
    settle();
    send("Add", "{\"id\":\"a\",\"n\":1}");
    settle();
    send("Add", "{\"id\":\"b\",\"n\":1}"); /* a has to go */
    settle();
    send("Touch", "{\"id\":\"a\"}");
    settle();
    neapi_lane_figures figures = lane();
    assert_int_equal(figures.misses, 3);
    assert_int_equal(figures.hits, 1);
    assert_int_equal(figures.evictions, 2);
    assert_int_equal(figures.states, 1);
    assert_int_equal(figures.loads, 3);
    assert_int_equal(figures.folded, 2);
    assert_true(figures.lua_bytes > 10000);
    by_hand_close(&runtime);
}

static void batches_are_counted(void **unused)
{
    (void)unused;
    for (int i = 0; i < 5; i++)
        send("Add", "{\"id\":\"a\",\"n\":1}");
    neapi_lane_step(by_hand_lane(&runtime));
    assert_int_equal(lane().submitted, 5);
    assert_int_equal(lane().unanswered, 5);
    assert_int_equal(writer().in_flight, 5);
    neapi_writer_step(&runtime.writer);
    settle();
    neapi_writer_figures figures = writer();
    assert_int_equal(figures.batches, 2); /* the second has the snapshot */
    assert_int_equal(figures.units, 6);
    assert_int_equal(figures.events, 5);
    assert_int_equal(figures.batch_units.highest, 5);
    assert_true(figures.bytes > 0);
    assert_int_equal(figures.failed + figures.refused + figures.unknown + figures.in_flight, 0);
    assert_int_equal(lane().snapshots, 1);
    assert_int_equal(lane().unanswered, 0);
    assert_int_equal(call(NEAPI_ROLE_WRITER, NEAPI_CALL_COMMIT).us.count, 2);
    assert_true(call(NEAPI_ROLE_WRITER, NEAPI_CALL_MAINTAIN).us.count > 0);
}

static void failed_batches_are_counted(void **unused)
{
    (void)unused;
    next_commit = NEAP_STORE;
    send("Add", "{\"id\":\"a\",\"n\":1}");
    settle();
    next_commit = NEAP_UNAVAILABLE;
    next_outcome = NEAPI_OUTCOME_UNKNOWN;
    send("Add", "{\"id\":\"a\",\"n\":1}");
    settle();
    assert_int_equal(command("Add").failed[NEAP_STORE], 1);
    assert_int_equal(command("Add").failed[NEAP_UNAVAILABLE], 1);
    assert_int_equal(command("Add").done, 0);
    assert_int_equal(writer().failed, 2);
    assert_int_equal(writer().unknown, 1);
    assert_int_equal(writer().batches, 0);
    assert_int_equal(call(NEAPI_ROLE_WRITER, NEAPI_CALL_COMMIT).failures, 2);
    neapi_call_figures resolve = call(NEAPI_ROLE_WRITER, NEAPI_CALL_RESOLVE);
    assert_true(resolve.us.count > 1);
    assert_int_equal(resolve.failures, resolve.us.count);
}

static void the_hosts_reading_is_counted_apart(void **unused)
{
    (void)unused;
    neap_cursor *cursor;
    const neap_event *event;
    neap_filter filter;
    neap_filter_init(&filter);
    assert_int_equal(neap_read(&runtime, &filter, &cursor, &error), NEAP_OK);
    assert_int_equal(neap_cursor_next(cursor, &event, &error), NEAP_OK);
    neap_cursor_close(cursor);
    assert_int_equal(call(NEAPI_ROLE_READER, NEAPI_CALL_READ).us.sum, READ_US);
    assert_int_equal(call(NEAPI_ROLE_LANE, NEAPI_CALL_READ).us.count, 0);
}

/* ---- Forms ----------------------------------------------------------------------------------- */

static void both_forms_are_given(void **unused)
{
    (void)unused;
    send("Add", "{\"id\":\"a\",\"n\":1}");
    settle();
    char *text;
    size_t size;
    assert_int_equal(neap_metrics(&runtime, &text, &size, &error), NEAP_OK);
    assert_int_equal(size, strlen(text));
    assert_int_equal(neapi_json_check(neapi_text(text, size), NEAPI_JSON_DEPTH, &error), NEAP_OK);
    assert_non_null(strstr(text, "\"Add\":{\"done\":1,\"rejected\":0,\"failed\":{},"));
    neap_free(text);
    assert_int_equal(neap_metrics_prometheus(&runtime, &text, &size, &error), NEAP_OK);
    assert_int_equal(size, strlen(text));
    assert_non_null(strstr(text, "\nneap_messages_total{domain=\"counting\",kind=\"command\","
                                 "name=\"Add\",outcome=\"done\"} 1\n"));
    neap_free(text);
}

static void a_runtime_that_is_not_started_has_none(void **unused)
{
    (void)unused;
    char *text;
    runtime.stage = NEAPI_RUNTIME_LOADED;
    assert_int_equal(neap_metrics(&runtime, &text, NULL, &error), NEAP_USAGE);
    assert_string_equal(error.message, "neap_metrics: the runtime is not started");
    assert_int_equal(neap_metrics_prometheus(NULL, &text, NULL, &error), NEAP_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(outcomes_are_counted_by_name, open_runtime, close_runtime),
        cmocka_unit_test_setup_teardown(times_are_those_that_passed, open_runtime, close_runtime),
        cmocka_unit_test_setup_teardown(questions_and_facts_are_counted, open_runtime,
                                        close_runtime),
        cmocka_unit_test_setup_teardown(decisions_made_again_are_counted, open_runtime,
                                        close_runtime),
        cmocka_unit_test(what_is_turned_away_is_counted),
        cmocka_unit_test(states_at_hand_are_counted),
        cmocka_unit_test_setup_teardown(batches_are_counted, open_runtime, close_runtime),
        cmocka_unit_test_setup_teardown(failed_batches_are_counted, open_runtime, close_runtime),
        cmocka_unit_test_setup_teardown(the_hosts_reading_is_counted_apart, open_runtime,
                                        close_runtime),
        cmocka_unit_test_setup_teardown(both_forms_are_given, open_runtime, close_runtime),
        cmocka_unit_test_setup_teardown(a_runtime_that_is_not_started_has_none, open_runtime,
                                        close_runtime),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
