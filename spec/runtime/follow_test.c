/* Following the log through neap.h: cursors that wait, and followers that are called back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "neap.h"

static neap_error error;

static neap_runtime *open_at(const char *store, unsigned lanes, bool read_only)
{
    neap_options options;
    neap_options_init(&options);
    options.lanes = lanes;
    options.store = store;
    options.read_only = read_only;
    neap_runtime *runtime = NULL;
    if (neap_open(DOMAIN, &options, &runtime, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    return runtime;
}

static neap_runtime *open_memory(void)
{
    return open_at("memory:", 1, false);
}

static void note(neap_runtime *runtime, const char *id)
{
    char json[64];
    int size = snprintf(json, sizeof json, "{\"id\":\"%s\",\"text\":\"x\"}", id);
    if (neap_dispatch(runtime, "Note", json, (size_t)size, NULL, NULL, &error) != NEAP_OK)
        fail_msg("%s", error.message);
}

static neap_filter following(void)
{
    neap_filter filter;
    neap_filter_init(&filter);
    filter.follow = true;
    return filter;
}

static neap_cursor *read_with(neap_runtime *runtime, const neap_filter *filter)
{
    neap_cursor *cursor = NULL;
    if (neap_read(runtime, filter, &cursor, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    return cursor;
}

static uint64_t next_position(neap_cursor *cursor)
{
    const neap_event *event = NULL;
    if (neap_cursor_next(cursor, &event, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    return event != NULL ? event->position : 0;
}

/* ---- Cursors --------------------------------------------------------------------------------- */

static void *note_thrice(void *runtime)
{
    note(runtime, "a");
    note(runtime, "b");
    note(runtime, "a");
    return NULL;
}

static void a_cursor_waits_for_what_is_committed(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_memory();
    note(runtime, "a");
    neap_filter filter = following();
    neap_cursor *cursor = read_with(runtime, &filter);
    assert_int_equal(next_position(cursor), 1);
    pthread_t thread;
    pthread_create(&thread, NULL, note_thrice, runtime);
    for (uint64_t position = 2; position <= 4; position++)
        assert_int_equal(next_position(cursor), position);
    const char *json;
    size_t size;
    assert_int_equal(neap_cursor_json(cursor, &json, &size, &error), NEAP_OK);
    assert_non_null(strstr(json, "\"position\":4"));
    pthread_join(thread, NULL);
    neap_cursor_close(cursor);
    neap_close(runtime);
}

static void a_cursor_has_what_a_receipt_was_given_for(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_memory();
    neap_filter filter = following();
    filter.timeout_ms = 1;
    neap_cursor *cursor = read_with(runtime, &filter);
    for (uint64_t position = 1; position <= 50; position++) {
        note(runtime, "a");
        assert_int_equal(next_position(cursor), position);
    }
    neap_cursor_close(cursor);
    neap_close(runtime);
}

static void a_cursor_that_waits_too_long_says_so_and_goes_on(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_memory();
    neap_filter filter = following();
    filter.timeout_ms = 2;
    neap_cursor *cursor = read_with(runtime, &filter);
    const neap_event *event;
    assert_int_equal(neap_cursor_next(cursor, &event, &error), NEAP_TIMEOUT);
    assert_string_equal(error.message, "no event within 2 ms");
    assert_int_equal(neap_cursor_next(cursor, &event, NULL), NEAP_TIMEOUT);
    note(runtime, "a");
    assert_int_equal(next_position(cursor), 1);
    assert_int_equal(neap_cursor_wait(cursor, 1, &error), NEAP_OK);
    note(runtime, "a");
    assert_int_equal(neap_cursor_wait(cursor, 100000, &error), NEAP_OK);
    assert_int_equal(neap_cursor_wait(cursor, 100000, &error), NEAP_OK);
    assert_int_equal(next_position(cursor), 2);
    neap_cursor_close(cursor);
    neap_close(runtime);
}

static void a_cursor_keeps_to_its_filter(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_memory();
    const char *const types[] = {"Noted"};
    neap_filter filter = following();
    filter.stream = "Counter-a";
    filter.types = types;
    filter.type_count = 1;
    filter.from = 2;
    filter.to = 3;
    neap_cursor *bounded = read_with(runtime, &filter);
    filter = following();
    filter.limit = 2;
    neap_cursor *limited = read_with(runtime, &filter);
    note_thrice(runtime);
    note_thrice(runtime);
    assert_int_equal(next_position(bounded), 3);
    assert_int_equal(next_position(bounded), 4);
    assert_int_equal(next_position(bounded), 0);
    assert_int_equal(next_position(bounded), 0);
    assert_int_equal(next_position(limited), 1);
    assert_int_equal(next_position(limited), 2);
    assert_int_equal(next_position(limited), 0);
    assert_int_equal(neap_cursor_wait(limited, 100000, &error), NEAP_OK);
    neap_cursor_close(bounded);
    neap_cursor_close(limited);
    neap_close(runtime);
}

typedef struct waiter {
    pthread_t thread;
    neap_cursor *cursor;
    atomic_bool got_one;
    unsigned count;
    neap_status status;
} waiter;

static void *wait_for_the_end(void *argument)
{
    waiter *test = argument;
    const neap_event *event;
    while ((test->status = neap_cursor_next(test->cursor, &event, NULL)) == NEAP_OK) {
        test->count++;
        atomic_store(&test->got_one, true);
    }
    return NULL;
}

/* Whether it waits at this moment, or has not begun to. */
static void closing_ends_the_wait(void **unused)
{
    (void)unused;
    for (unsigned round = 0; round < 30; round++) {
        neap_runtime *runtime = open_memory();
        neap_filter filter = following();
        waiter waiters[3] = {0};
        for (unsigned i = 0; i < 3; i++) {
            waiters[i].cursor = read_with(runtime, &filter);
            pthread_create(&waiters[i].thread, NULL, wait_for_the_end, &waiters[i]);
        }
        note(runtime, "a");
        while (round % 2 == 0 && !atomic_load(&waiters[1].got_one))
            sched_yield();
        neap_close(runtime);
        for (unsigned i = 0; i < 3; i++) {
            pthread_join(waiters[i].thread, NULL);
            assert_int_equal(waiters[i].status, NEAP_CLOSED);
            assert_true(waiters[i].count <= 1);
            neap_cursor_close(waiters[i].cursor);
        }
    }
}

static void a_cursor_may_outlive_what_it_follows(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_memory();
    note_thrice(runtime);
    neap_filter filter = following();
    neap_cursor *cursor = read_with(runtime, &filter);
    assert_int_equal(next_position(cursor), 1);
    neap_close(runtime);
    assert_int_equal(next_position(cursor), 2); /* it has it in hand */
    assert_int_equal(next_position(cursor), 3);
    const neap_event *event;
    assert_int_equal(neap_cursor_next(cursor, &event, &error), NEAP_CLOSED);
    assert_int_equal(neap_cursor_wait(cursor, 100000, &error), NEAP_CLOSED);
    neap_cursor_close(cursor);
}

static neap_status follow_in_handler(neap_context *context, const char *json, size_t size,
                                     void *user, neap_error *failure)
{
    (void)json;
    (void)size;
    neap_runtime *runtime = *(neap_runtime **)user;
    neap_cursor *cursor;
    neap_filter filter = following();
    neap_status status = neap_read(runtime, &filter, &cursor, failure);
    char text[32];
    int length = snprintf(text, sizeof text, "\"%s\"", neap_status_name(status));
    return neap_context_answer(context, text, (size_t)length, failure);
}

static neap_status pay(neap_context *context, const char *json, size_t size, void *user,
                       neap_error *failure)
{
    (void)user;
    return neap_context_publish(context, "Account-1", NEAP_ANY_VERSION, "Paid", json, size,
                                failure);
}

static void following_is_refused_where_it_makes_no_sense(void **unused)
{
    (void)unused;
    neap_runtime *runtime;
    neap_cursor *cursor;
    neap_reply *reply;
    assert_int_equal(neap_load(HOSTED, NULL, &runtime, &error), NEAP_OK);
    if (neap_handle_query(runtime, "Balance", follow_in_handler, &runtime, &error) != NEAP_OK ||
        neap_handle_command(runtime, "Pay", pay, NULL, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    if (neap_start(runtime, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    assert_int_equal(neap_query(runtime, "Balance", "{}", 2, 0, &reply, &error), NEAP_OK);
    assert_string_equal(neap_reply_json(reply, NULL), "\"usage\"");
    neap_reply_free(reply);
    neap_filter filter = following();
    filter.backward = true;
    assert_int_equal(neap_read(runtime, &filter, &cursor, &error), NEAP_USAGE);
    assert_string_equal(error.message,
                        "filter: follow goes on with what comes, so backward does not go with it");
    filter = following();
    filter.follow = false;
    filter.timeout_ms = 3;
    assert_int_equal(neap_read(runtime, &filter, &cursor, &error), NEAP_USAGE);
    assert_string_equal(error.message, "filter: timeout_ms is for follow; without it nobody waits");
    neap_close(runtime);
}

static void without_lanes_a_cursor_does_what_was_sent(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_at("memory:", 0, false);
    neap_filter filter = following();
    neap_cursor *cursor = read_with(runtime, &filter);
    assert_int_equal(next_position(cursor), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(neap_send(runtime, "Note", "{\"id\":\"a\",\"text\":\"x\"}", 21, NULL, NULL,
                                   NULL, &error),
                         NEAP_OK);
    for (uint64_t position = 1; position <= 3; position++)
        assert_int_equal(next_position(cursor), position);
    assert_int_equal(next_position(cursor), 0);
    note(runtime, "b");
    assert_int_equal(next_position(cursor), 4);
    neap_cursor_close(cursor);
    neap_close(runtime);
}

/* What another runtime commits, as another process would. */
static void what_others_commit_is_seen_as_well(void **unused)
{
    (void)unused;
    char folder[] = "/tmp/neap-follow-XXXXXX", url[80], path[60];
    assert_non_null(mkdtemp(folder));
    snprintf(url, sizeof url, "sqlite:%s/s.db", folder);
    neap_runtime *writer = open_at(url, 1, false);
    note(writer, "a");
    neap_runtime *reader = open_at(url, 1, true);
    neap_store *store;
    assert_int_equal(neap_store_open(url, &store, &error), NEAP_OK);
    neap_filter filter = following();
    neap_cursor *cursors[2] = {read_with(reader, &filter), NULL};
    assert_int_equal(neap_store_read(store, &filter, &cursors[1], &error), NEAP_OK);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(next_position(cursors[i]), 1);
    pthread_t thread;
    pthread_create(&thread, NULL, note_thrice, writer);
    for (unsigned i = 0; i < 2; i++)
        for (uint64_t position = 2; position <= 4; position++)
            assert_int_equal(next_position(cursors[i]), position);
    pthread_join(thread, NULL);
    waiter waiters[2] = {{.cursor = cursors[0]}, {.cursor = cursors[1]}};
    for (unsigned i = 0; i < 2; i++)
        pthread_create(&waiters[i].thread, NULL, wait_for_the_end, &waiters[i]);
    neap_close(reader);
    neap_store_close(store);
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(waiters[i].thread, NULL);
        assert_int_equal(waiters[i].status, NEAP_CLOSED);
        neap_cursor_close(cursors[i]);
    }
    neap_close(writer);
    for (unsigned i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/s.db%s", folder, (const char *[]){"", "-wal", "-shm"}[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/s.db.lock", folder);
    unlink(path);
    rmdir(folder);
}

static void refused_allocations_leave_nothing_behind(void **unused)
{
    (void)unused;
    bool struck = true;
    for (uint64_t nth = 1; struck; nth++) {
        neap_runtime *runtime = open_memory();
        note(runtime, "a");
        neap_drain(runtime, 0, NULL);
        neap_filter filter = following();
        filter.stream = "Counter-a";
        neap_cursor *cursor = NULL;
        const neap_event *event = NULL;
        neapi_alloc_refuse(nth, false);
        int64_t blocks = neapi_alloc_blocks();
        neap_status status = neap_read(runtime, &filter, &cursor, &error);
        while (status == NEAP_OK && event == NULL)
            if (neap_cursor_next(cursor, &event, &error) != NEAP_OK)
                assert_int_equal(error.status, NEAP_NOMEM);
        struck = neapi_alloc_struck();
        neapi_alloc_refuse(0, false);
        if (status != NEAP_OK)
            assert_int_equal(neapi_alloc_blocks(), blocks);
        neap_cursor_close(cursor);
        neap_close(runtime);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cursor_waits_for_what_is_committed),
        cmocka_unit_test(a_cursor_has_what_a_receipt_was_given_for),
        cmocka_unit_test(a_cursor_that_waits_too_long_says_so_and_goes_on),
        cmocka_unit_test(a_cursor_keeps_to_its_filter),
        cmocka_unit_test(closing_ends_the_wait),
        cmocka_unit_test(a_cursor_may_outlive_what_it_follows),
        cmocka_unit_test(following_is_refused_where_it_makes_no_sense),
        cmocka_unit_test(without_lanes_a_cursor_does_what_was_sent),
        cmocka_unit_test(what_others_commit_is_seen_as_well),
        cmocka_unit_test(refused_allocations_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
