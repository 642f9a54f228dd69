/* The queue: what is sent for later is done once, when it is due, whatever happens meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the headers above. */
#include <cmocka.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "runtime/queue.h"
#include "runtime/runtime.h"

#ifndef LANES
#define LANES 1
#endif
#define SECOND 1000000
#define START  1700000000000000

static neap_error error;
static atomic_llong now_us;
static char store_url[80], store_path[64];

static int64_t read_clock(void *user)
{
    (void)user;
    return atomic_load(&now_us);
}

static atomic_uint warnings, errors;
static char last_warning[512];

static void listen(void *user, neap_log_level level, const char *text)
{
    (void)user;
    if (level == NEAP_LOG_WARN)
        snprintf(last_warning, sizeof last_warning, "%s", text);
    atomic_fetch_add(level == NEAP_LOG_ERROR ? &errors : &warnings, level >= NEAP_LOG_WARN);
}

static neap_runtime *open_domain(const char *domain)
{
    neap_options options;
    neap_options_init(&options);
    options.lanes = LANES;
    options.store = store_url;
    options.clock = read_clock;
    options.log = listen;
    neap_runtime *runtime;
    if (neap_open(domain, &options, &runtime, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    return runtime;
}

static neap_runtime *open_queue(void)
{
    return open_domain(DOMAIN);
}

static int in_memory(void **state)
{
    (void)state;
    atomic_store(&now_us, START);
    atomic_store(&warnings, 0);
    atomic_store(&errors, 0);
    snprintf(store_url, sizeof store_url, "memory:");
    return 0;
}

static void remove_file(void)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-lock"};
    char path[80];
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(path, sizeof path, "%s%s", store_path, ends[i]);
        unlink(path);
    }
}

static int in_file(void **state)
{
    in_memory(state);
    snprintf(store_path, sizeof store_path, "queue_test_%d_%ld.db", LANES, (long)getpid());
    snprintf(store_url, sizeof store_url, "sqlite:%s", store_path);
    remove_file();
    return 0;
}

static int without_file(void **state)
{
    (void)state;
    remove_file();
    return 0;
}

typedef struct answer {
    atomic_uint calls;
    neap_status status;
    neap_uuid command_id;
    char message[sizeof error.message];
} answer;

static void receive(void *user, neap_status status, neap_reply *reply, const neap_error *failure)
{
    answer *to = user;
    to->status = status;
    if (reply != NULL)
        to->command_id = neap_reply_receipt(reply)->command_id;
    else
        snprintf(to->message, sizeof to->message, "%s", failure->message);
    neap_reply_free(reply);
    atomic_fetch_add(&to->calls, 1);
}

/* Puts a command into the queue, and waits until it is there. */
static answer queue(neap_runtime *runtime, const char *name, const char *json, uint64_t after_ms,
                    const char *called)
{
    neap_dispatch_options options;
    answer got = {.calls = 0};
    neap_dispatch_options_init(&options);
    options.queued = true;
    options.after_ms = after_ms;
    options.name = called;
    if (neap_send(runtime, name, json, strlen(json), &options, receive, &got, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    assert_int_equal(neap_drain(runtime, 0, &error), NEAP_OK);
    assert_int_equal(got.calls, 1);
    return got;
}

static void add(neap_runtime *runtime, const char *id, int n, uint64_t after_ms, const char *called)
{
    char json[80];
    snprintf(json, sizeof json, "{\"id\":\"%s\",\"n\":%d}", id, n);
    answer got = queue(runtime, "Add", json, after_ms, called);
    if (got.status != NEAP_OK)
        fail_msg("%s", got.message);
}

static void pass(neap_runtime *runtime, int64_t seconds)
{
    atomic_fetch_add(&now_us, seconds * SECOND);
    if (neap_drain(runtime, 60000, &error) != NEAP_OK)
        fail_msg("%s", error.message);
}

/* The n of all events, in order, as "1 2 3". */
static void expect_events(neap_runtime *runtime, const char *expected)
{
    neap_filter filter;
    neap_cursor *cursor;
    const neap_event *event;
    char text[256] = "";
    neap_filter_init(&filter);
    assert_int_equal(neap_read(runtime, &filter, &cursor, &error), NEAP_OK);
    while (neap_cursor_next(cursor, &event, &error) == NEAP_OK && event != NULL) {
        neap_json_member members[] = {{"n", true, {0}}, {"id", false, {0}}, {"group", false, {0}}};
        assert_int_equal(neap_json_members(event->data.data, event->data.size, members, 3, &error),
                         NEAP_OK);
        size_t size = strlen(text);
        snprintf(text + size, sizeof text - size, "%s%.*s", size != 0 ? " " : "",
                 NEAPI_TEXT(members[0].value));
    }
    neap_cursor_close(cursor);
    assert_string_equal(text, expected);
}

/* How many wait, and the names of the first ones. */
static size_t waiting(neap_runtime *runtime, const char *names)
{
    const neap_queue *queued;
    char text[256] = "";
    if (neap_queue_read(runtime, NULL, 100, &queued, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    for (const neap_queued *each = queued->first; each != NULL; each = each->next) {
        size_t size = strlen(text);
        snprintf(text + size, sizeof text - size, "%s%s", size != 0 ? " " : "",
                 each->name.size != 0 ? each->name.data : "-");
    }
    if (names != NULL)
        assert_string_equal(text, names);
    size_t count = queued->count;
    neap_queue_free(queued);
    return count;
}

static uint64_t documents_of(neap_runtime *runtime, const char *collection)
{
    neapi_session *session;
    neapi_document_page page = NEAPI_DOCUMENT_PAGE_INIT;
    const neapi_document_range range = {.collection = neapi_text_of(collection), .limit = 100};
    assert_int_equal(neapi_session_open(runtime->store, NEAPI_MODE_READ, &session, &error),
                     NEAP_OK);
    assert_int_equal(neapi_list_documents(session, &range, &page, &error), NEAP_OK);
    size_t count = page.count;
    neapi_document_page_fini(&page);
    neapi_session_close(session);
    return count;
}

static void expect_nothing_left(neap_runtime *runtime)
{
    assert_int_equal(documents_of(runtime, "$queue"), 0);
    assert_int_equal(documents_of(runtime, "$queue_name"), 0);
}

/* ---- Being done ------------------------------------------------------------------------------ */

static void what_is_sent_for_later_is_done_when_it_is_due(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_queue();
    add(runtime, "a", 1, 60000, NULL);
    pass(runtime, 59);
    expect_events(runtime, "");
    assert_int_equal(waiting(runtime, "-"), 1);
    pass(runtime, 1);
    expect_events(runtime, "1");
    expect_nothing_left(runtime);
    pass(runtime, 3600);
    expect_events(runtime, "1");
    neap_close(runtime);
}

static void what_is_due_at_once_is_done_at_once(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_queue();
    for (int i = 1; i <= 5; i++)
        add(runtime, "a", i, 0, NULL);
    expect_events(runtime, "1 2 3 4 5");
    expect_nothing_left(runtime);
    neap_close(runtime);
}

static void a_moment_that_is_past_is_now(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_queue();
    neap_dispatch_options options;
    answer got = {.calls = 0};
    neap_dispatch_options_init(&options);
    options.at_us = START - 5 * SECOND;
    assert_int_equal(
        neap_send(runtime, "Add", "{\"id\":\"a\",\"n\":4}", 16, &options, receive, &got, &error),
        NEAP_OK);
    assert_int_equal(neap_drain(runtime, 0, &error), NEAP_OK);
    assert_int_equal(got.status, NEAP_OK);
    expect_events(runtime, "4");
    neap_close(runtime);
}

static void what_is_sent_late_but_due_early_comes_first(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_queue();
    add(runtime, "a", 3, 3000, NULL);
    add(runtime, "a", 2, 2000, NULL);
    add(runtime, "a", 1, 1000, NULL);
    pass(runtime, 10);
    expect_events(runtime, "1 2 3");
    neap_close(runtime);
}

static void the_receipt_tells_the_id_that_the_command_has(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_queue();
    answer got = queue(runtime, "Add", "{\"id\":\"a\",\"n\":1}", 0, NULL);
    neap_cursor *cursor;
    const neap_event *event;
    assert_int_equal(neap_read(runtime, NULL, &cursor, &error), NEAP_OK);
    assert_int_equal(neap_cursor_next(cursor, &event, &error), NEAP_OK);
    assert_non_null(event);
    assert_memory_equal(&event->command_id, &got.command_id, sizeof got.command_id);
    assert_memory_equal(&event->correlation_id, &got.command_id, sizeof got.command_id);
    neap_cursor_close(cursor);
    neap_close(runtime);
}

static void each_kind_of_command_takes_its_entry_out(void **unused)
{
    (void)unused;
    static const char *const commands[][2] = {
        {"Add", "{\"id\":\"a\",\"n\":1}"},      {"Add", "{\"id\":\"a\",\"n\":0}"},
        {"Group", "{\"group\":\"g\",\"n\":2}"}, {"Group", "{\"group\":\"g\",\"n\":0}"},
        {"Relay", "{\"id\":\"b\",\"n\":3}"},    {"Relay", "{\"id\":\"b\",\"n\":0}"},
    };
    neap_runtime *runtime = open_queue();
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        queue(runtime, commands[i][0], commands[i][1], 1000, "it");
        assert_int_equal(waiting(runtime, "it"), 1);
        pass(runtime, 1);
        expect_nothing_left(runtime);
    }
    expect_events(runtime, "1 2 3");
    assert_int_equal(documents_of(runtime, "$dead_letter"), 0);
    neap_close(runtime);
}

static void many_are_done_each_once(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_queue();
    neap_dispatch_options options;
    answer got = {.calls = 0};
    neap_dispatch_options_init(&options);
    for (int i = 0; i < 500; i++) {
        char json[80];
        snprintf(json, sizeof json, "{\"id\":\"a%d\",\"n\":%d}", i % 7, i + 20);
        options.after_ms = 1 + (uint64_t)(i * 37 % 900);
        assert_int_equal(
            neap_send(runtime, "Add", json, strlen(json), &options, receive, &got, &error),
            NEAP_OK);
    }
    assert_int_equal(neap_drain(runtime, 0, &error), NEAP_OK);
    assert_int_equal(got.calls, 500);
    pass(runtime, 1);
    expect_nothing_left(runtime);
    neap_statistics const *statistics;
    assert_int_equal(neap_stats(runtime, &statistics, &error), NEAP_OK);
    assert_int_equal(statistics->events, 500);
    neap_statistics_free(statistics);
    neap_close(runtime);
}

/* With the machine's clock: nobody calls, and the lane wakes by itself. `pure`: a domain without
 * reaction lanes, whose lane others may drive meanwhile. */
static void wait_for_timers(const char *domain, const char *name, const char *json, bool pure)
{
    neap_options options;
    neap_options_init(&options);
    options.lanes = LANES != 0 ? LANES : 1;
    options.caller_runs = pure;
    neap_runtime *runtime;
    if (neap_open(domain, &options, &runtime, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    neap_filter filter;
    neap_cursor *cursor;
    const neap_event *event;
    neap_filter_init(&filter);
    filter.follow = true;
    filter.timeout_ms = 60000;
    assert_int_equal(neap_read(runtime, &filter, &cursor, &error), NEAP_OK);
    for (uint64_t after_ms = 40; after_ms > 0; after_ms -= 10) {
        neap_dispatch_options sending;
        neap_dispatch_options_init(&sending);
        sending.after_ms = after_ms;
        assert_int_equal(neap_send(runtime, name, json, strlen(json), &sending, NULL, NULL, &error),
                         NEAP_OK);
        if (pure)
            assert_int_equal(neap_dispatch(runtime, name, json, strlen(json), NULL, NULL, &error),
                             NEAP_OK);
    }
    for (int i = 0; i < (pure ? 8 : 4); i++) {
        assert_int_equal(neap_cursor_next(cursor, &event, &error), NEAP_OK);
        assert_non_null(event);
    }
    neap_cursor_close(cursor);
    neap_close(runtime);
}

static void a_timer_wakes_its_lane(void **unused)
{
    (void)unused;
    wait_for_timers(DOMAIN, "Add", "{\"id\":\"a\",\"n\":1}", false);
    wait_for_timers(PURE, "Deposit", "{\"account\":\"a\",\"amount\":1}", true);
}

/* ---- Names ----------------------------------------------------------------------------------- */

static void a_name_stands_for_what_was_sent_last(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_queue();
    add(runtime, "a", 1, 1000, "reminder");
    add(runtime, "a", 2, 5000, "reminder");
    add(runtime, "a", 3, 2000, "other/with 100%");
    assert_int_equal(waiting(runtime, "other/with 100% reminder"), 2);
    pass(runtime, 4);
    expect_events(runtime, "3");
    pass(runtime, 1);
    expect_events(runtime, "3 2");
    expect_nothing_left(runtime);
    neap_close(runtime);
}

static void what_is_cancelled_is_not_done(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_queue();
    bool cancelled = false;
    add(runtime, "a", 1, 1000, "reminder");
    assert_int_equal(neap_cancel(runtime, "reminder", 0, &cancelled, &error), NEAP_OK);
    assert_true(cancelled);
    expect_nothing_left(runtime);
    assert_int_equal(neap_cancel(runtime, "reminder", 0, &cancelled, &error), NEAP_OK);
    assert_false(cancelled);
    pass(runtime, 2);
    expect_events(runtime, "");
    add(runtime, "a", 2, 1000, "reminder");
    pass(runtime, 2);
    assert_int_equal(neap_cancel(runtime, "reminder", 0, &cancelled, &error), NEAP_OK);
    assert_false(cancelled);
    expect_events(runtime, "2");
    neap_close(runtime);
}

/* ---- Entries of others ----------------------------------------------------------------------- */

#if LANES == 0
static neapi_queued entry_of(const char *owner, const char *name, uint64_t number, int64_t due_us)
{
    static char json[4][80];
    char *data = json[number % 4];
    snprintf(data, sizeof json[0], "{\"id\":\"o\",\"n\":%llu}", (unsigned long long)number);
    neapi_queued entry = {
        .due_us = due_us,
        .order = neapi_queued_order(number, 1),
        .owner = neapi_text_of(owner),
        .name = neapi_text_of(name),
        .command = NEAPI_LITERAL("Add"),
        .data = neapi_text_of(data),
        .queued_at = START,
    };
    entry.id.bytes[6] = 0x70;
    entry.id.bytes[15] = (uint8_t)number;
    return entry;
}

/* As a unit of somebody else's, which may name what is not there any more. */
static void commit(neap_runtime *runtime, neapi_unit *unit)
{
    neapi_outcome outcome;
    assert_int_equal(neapi_commit(runtime->writer.session, &unit, 1, START, &outcome, &error),
                     NEAP_OK);
    assert_int_equal(unit->state, NEAPI_UNIT_ACCEPTED);
    if (unit->due_us != 0)
        neapi_queue_tell(runtime->queue, unit->due_us);
    neapi_unit_release(unit);
}

static neapi_unit *new_unit(void)
{
    static uint8_t number;
    neap_uuid id = {{0}};
    id.bytes[0] = 0xEE;
    id.bytes[1] = ++number;
    neapi_unit *unit = neapi_unit_new(id);
    assert_non_null(unit);
    return unit;
}

static void put(neap_runtime *runtime, const neapi_queued *entry)
{
    neapi_unit *unit = new_unit();
    assert_int_equal(neapi_queue_put(unit, NULL, entry, &error), NEAP_OK);
    commit(runtime, unit);
}

static void an_entry_that_lost_its_name_is_dropped_when_it_is_due(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_queue();
    neapi_queued first = entry_of("", "name", 1, START + SECOND);
    neapi_queued second = entry_of("", "name", 2, START + 2 * SECOND);
    neapi_queued third = entry_of("", "gone", 3, START + SECOND);
    put(runtime, &first);
    put(runtime, &second);
    put(runtime, &third);
    neapi_unit *unit = new_unit();
    assert_int_equal(neapi_queue_cancel(unit, NULL, (neap_text){0}, NEAPI_LITERAL("gone"), &error),
                     NEAP_OK);
    commit(runtime, unit);
    assert_int_equal(documents_of(runtime, "$queue"), 3);
    assert_int_equal(waiting(runtime, "name"), 1);
    pass(runtime, 1);
    assert_int_equal(documents_of(runtime, "$queue"), 1);
    pass(runtime, 1);
    expect_events(runtime, "2");
    expect_nothing_left(runtime);
    neap_close(runtime);
}

/* The command is decided, and before its unit is committed the entry goes: somebody else was
 * faster. */
static void what_is_gone_meanwhile_has_no_effect(void **unused)
{
    (void)unused;
    static const char *const commands[][2] = {
        {"Add", "{\"id\":\"a\",\"n\":1}"},
        {"Group", "{\"group\":\"g\",\"n\":2}"},
        {"Relay", "{\"id\":\"b\",\"n\":3}"},
    };
    neap_runtime *runtime = open_queue();
    for (size_t i = 0; i < 6; i++) {
        neapi_queued entry = entry_of("", i % 2 == 0 ? "" : "named", i, START);
        entry.command = neapi_text_of(commands[i / 2][0]);
        entry.data = neapi_text_of(commands[i / 2][1]);
        put(runtime, &entry);
        while (neapi_lane_step(runtime->router.lanes[0]))
            continue;
        neapi_unit *unit = new_unit();
        if (i % 2 == 0)
            assert_int_equal(neapi_queue_take_out(unit, &entry, &error), NEAP_OK);
        else
            assert_int_equal(neapi_queue_cancel(unit, runtime->router.lanes[0]->session,
                                                (neap_text){0}, entry.name, &error),
                             NEAP_OK);
        commit(runtime, unit);
        assert_int_equal(neap_drain(runtime, 0, &error), NEAP_OK);
        expect_nothing_left(runtime);
    }
    expect_events(runtime, "");
    assert_int_equal(documents_of(runtime, "$dead_letter"), 0);
    assert_int_equal(warnings, 0);
    add(runtime, "a", 4, 0, NULL);
    expect_events(runtime, "4");
    neap_close(runtime);
}

/* ---- Owners ---------------------------------------------------------------------------------- */

static neapi_due *given[8];
static unsigned given_count;

static void take(void *user, neapi_due *due)
{
    (void)user;
    given[given_count++] = due;
}

static neap_runtime *open_owned(void)
{
    static const neapi_queue_owner owner = {{"saga", 4}, take, NULL};
    neap_runtime *runtime = open_queue();
    assert_int_equal(neapi_queue_serve(runtime->queue, &owner, &error), NEAP_OK);
    given_count = 0;
    return runtime;
}

/* The owner's unit, which deals with it. */
static void deal_with(neap_runtime *runtime, neapi_due *due)
{
    neapi_unit *unit = new_unit();
    assert_int_equal(neapi_queue_take_out(unit, due->entry, &error), NEAP_OK);
    commit(runtime, unit);
    neapi_queue_give_back(due, true);
}

static void step(neap_runtime *runtime)
{
    neap_reply *reply;
    neap_state(runtime, "Tally", "nobody", 0, &reply, &error);
    neap_state(runtime, "Tally", "nobody", 0, &reply, &error);
}

static void an_owners_commands_are_done_in_order(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_owned();
    for (uint64_t i = 8; i >= 1; i--) {
        neapi_queued entry = entry_of(i % 2 == 0 ? "saga/x/1" : "saga/x/2", "", i, START);
        put(runtime, &entry);
    }
    assert_int_equal(neap_drain(runtime, 0, &error), NEAP_OK);
    neap_filter filter;
    neap_cursor *cursor;
    const neap_event *event;
    neap_filter_init(&filter);
    uint8_t last[2] = {0, 0};
    unsigned count = 0;
    assert_int_equal(neap_read(runtime, &filter, &cursor, &error), NEAP_OK);
    while (neap_cursor_next(cursor, &event, &error) == NEAP_OK && event != NULL) {
        uint8_t number = event->command_id.bytes[15];
        assert_true(number > last[number % 2]);
        last[number % 2] = number;
        count++;
    }
    neap_cursor_close(cursor);
    assert_int_equal(count, 8);
    expect_nothing_left(runtime);
    neap_close(runtime);
}

static void a_rejection_goes_to_the_owner_and_holds_up_the_rest(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_owned();
    neapi_queued refused = entry_of("saga/x/1", "", 13, START);
    neapi_queued behind = entry_of("saga/x/1", "", 14, START + 1);
    neapi_queued other = entry_of("saga/x/2", "", 15, START + 1);
    put(runtime, &refused);
    put(runtime, &behind);
    put(runtime, &other);
    atomic_fetch_add(&now_us, SECOND);
    step(runtime);
    assert_int_equal(given_count, 1);
    assert_int_equal(given[0]->error->status, NEAP_REJECTED);
    assert_string_equal(given[0]->error->code, "unlucky");
    assert_int_equal(given[0]->entry->id.bytes[15], 13);
    expect_events(runtime, "15");
    assert_int_equal(documents_of(runtime, "$queue"), 2);
    neapi_queue_give_back(given[0], false);
    step(runtime);
    assert_int_equal(given_count, 2);
    deal_with(runtime, given[1]);
    assert_int_equal(neap_drain(runtime, 0, &error), NEAP_OK);
    expect_events(runtime, "15 14");
    expect_nothing_left(runtime);
    assert_int_equal(warnings, 0);
    neap_close(runtime);
}

static void expect_given(unsigned count, uint8_t last)
{
    assert_int_equal(given_count, count);
    assert_int_equal(given[count - 1]->entry->id.bytes[15], last);
}

/* The one that was known when it was parked, the one that came later, and the one that was not due
 * then. */
static void what_is_parked_holds_up_what_is_due_later(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_owned();
    neapi_queued refused = entry_of("saga/x/1", "", 13, START);
    neapi_queued known = entry_of("saga/x/1", "", 14, START);
    neapi_queued later = entry_of("saga/x/1", "", 15, START + SECOND);
    neapi_queued other = entry_of("saga/x/2", "", 16, START + SECOND);
    put(runtime, &refused);
    put(runtime, &known);
    step(runtime);
    expect_given(1, 13);
    neapi_queue_park(given[0]);
    put(runtime, &later);
    put(runtime, &other);
    pass(runtime, 2);
    expect_events(runtime, "16");
    assert_int_equal(given_count, 1);
    neapi_queued before = entry_of("saga/x/1", "", 12, START - SECOND);
    put(runtime, &before); /* who tells of that tells of all behind it */
    step(runtime);
    expect_given(2, 13);
    expect_events(runtime, "16 12");
    neapi_queue_park(given[1]);
    pass(runtime, 1);
    expect_events(runtime, "16 12");
    neapi_queue_tell(runtime->queue, START);
    step(runtime);
    expect_given(3, 13);
    deal_with(runtime, given[2]);
    assert_int_equal(neap_drain(runtime, 0, &error), NEAP_OK);
    expect_events(runtime, "16 12 14 15");
    expect_nothing_left(runtime);
    neap_close(runtime);
}

static void what_was_parked_and_is_gone_holds_up_nothing(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_owned();
    neapi_queued refused = entry_of("saga/x/1", "", 13, START);
    neapi_queued later = entry_of("saga/x/1", "", 14, START + SECOND);
    put(runtime, &refused);
    put(runtime, &later);
    step(runtime);
    expect_given(1, 13);
    neapi_queue_park(given[0]);
    pass(runtime, 2);
    expect_events(runtime, "");
    neapi_unit *unit = new_unit();
    assert_int_equal(neapi_queue_take_out(unit, &refused, &error), NEAP_OK);
    commit(runtime, unit);
    neapi_queue_tell(runtime->queue, START);
    assert_int_equal(neap_drain(runtime, 0, &error), NEAP_OK);
    expect_events(runtime, "14");
    expect_nothing_left(runtime);
    neap_close(runtime);
}

static void a_timeout_goes_to_its_owner(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_owned();
    neapi_queued timeout = entry_of("saga/x/1", "payment", 1, START + SECOND);
    timeout.is_timeout = true;
    timeout.command = timeout.data = (neap_text){0};
    put(runtime, &timeout);
    assert_int_equal(neap_drain(runtime, 0, &error), NEAP_OK);
    assert_int_equal(given_count, 0);
    atomic_fetch_add(&now_us, SECOND);
    step(runtime);
    assert_int_equal(given_count, 1);
    assert_null(given[0]->error);
    assert_true(given[0]->entry->is_timeout);
    assert_memory_equal(given[0]->entry->name.data, "payment", 7);
    deal_with(runtime, given[0]);
    assert_int_equal(neap_drain(runtime, 0, &error), NEAP_OK);
    expect_nothing_left(runtime);
    assert_int_equal(given_count, 1);
    neap_close(runtime);
}

static void a_timeout_that_nobody_waits_for_becomes_a_dead_letter(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_queue();
    neapi_queued timeout = entry_of("saga/x/1", "payment", 1, START);
    timeout.is_timeout = true;
    timeout.command = timeout.data = (neap_text){0};
    put(runtime, &timeout);
    assert_int_equal(neap_drain(runtime, 0, &error), NEAP_OK);
    expect_nothing_left(runtime);
    assert_int_equal(documents_of(runtime, "$dead_letter"), 1);
    neap_close(runtime);
}

/* Makes the commands in the queue unreadable, with their names and places as they were. */
static void damage_commands(neap_runtime *runtime)
{
    neapi_document_page page = NEAPI_DOCUMENT_PAGE_INIT;
    const neapi_document_range range = {.collection = NEAPI_QUEUE, .limit = 100};
    neapi_session *session = runtime->router.lanes[0]->session;
    neapi_unit *unit = new_unit();
    assert_int_equal(neapi_list_documents(session, &range, &page, &error), NEAP_OK);
    for (size_t i = 0; i < page.count; i++) {
        const neapi_document damaged = {.collection = NEAPI_QUEUE,
                                        .key = page.documents[i].key,
                                        .write = NEAPI_DOCUMENT_PUT,
                                        .data = NEAPI_LITERAL("{}")};
        neap_text data = page.documents[i].data;
        if (memmem(data.data, data.size, "\"command\":", 10) != NULL)
            assert_int_equal(neapi_unit_document(unit, &damaged), NEAP_OK);
    }
    neapi_document_page_fini(&page);
    assert_int_equal(unit->op_count, 1);
    commit(runtime, unit);
}

static void expect_saga(neap_runtime *runtime, const char *key, const char *expected)
{
    char *json;
    size_t size;
    assert_int_equal(neap_saga(runtime, "keeping", key, &json, &size, &error), NEAP_OK);
    assert_non_null(json);
    if (strstr(json, expected) == NULL)
        fail_msg("%s is not in %s", expected, json);
    neap_free(json);
}

static neap_runtime *begin_saga(const char *json)
{
    neap_runtime *runtime = open_domain(DAMAGED);
    assert_int_equal(neap_dispatch(runtime, "Begin", json, strlen(json), NULL, NULL, &error),
                     NEAP_OK);
    pass(runtime, 0);
    return runtime;
}

static void what_is_damaged_holds_up_no_timeout(void **unused)
{
    (void)unused;
    neap_runtime *runtime = begin_saga("{\"id\":\"forward\"}");
    damage_commands(runtime);
    pass(runtime, 11);
    expect_saga(runtime, "forward", "\"status\":\"completed\"");
    assert_int_equal(documents_of(runtime, "$queue"), 1);
    assert_true(atomic_load(&errors) > 0);
    neap_close(runtime);
}

static void what_is_damaged_is_not_called_compensated(void **unused)
{
    (void)unused;
    neap_runtime *runtime = begin_saga("{\"id\":\"back\"}");
    pass(runtime, 11);
    expect_saga(runtime, "back", "\"status\":\"compensating\"");
    damage_commands(runtime);
    pass(runtime, 2);
    expect_saga(runtime, "back", "\"status\":\"compensation_failed\"");
    expect_saga(runtime, "back", "is no entry of the queue");
    neap_close(runtime);
}

/* More than are remembered behind one, and more than a page. */
static void a_long_line_of_one_owner_is_done_in_order(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_owned();
    for (unsigned i = 1; i <= 700; i++) {
        neapi_queued entry = entry_of("saga/x/1", "", 1, START);
        entry.order = neapi_queued_order(i, 1);
        entry.id.bytes[14] = (uint8_t)(i >> 8);
        entry.id.bytes[15] = (uint8_t)i;
        put(runtime, &entry);
    }
    pass(runtime, 0);
    neap_cursor *cursor;
    const neap_event *event;
    unsigned next = 1;
    assert_int_equal(neap_read(runtime, NULL, &cursor, &error), NEAP_OK);
    for (; neap_cursor_next(cursor, &event, &error) == NEAP_OK && event != NULL; next++)
        assert_int_equal(event->command_id.bytes[14] * 256 + event->command_id.bytes[15], next);
    neap_cursor_close(cursor);
    assert_int_equal(next, 701);
    expect_nothing_left(runtime);
    neap_close(runtime);
}
#endif

/* ---- Failing --------------------------------------------------------------------------------- */

static void a_rejection_is_logged_and_dropped(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_queue();
    add(runtime, "a", 13, 0, "thirteen");
    expect_nothing_left(runtime);
    assert_int_equal(documents_of(runtime, "$dead_letter"), 0);
    assert_int_equal(warnings, 1);
    assert_non_null(strstr(last_warning, "thirteen is not counted"));
    neap_close(runtime);
}

static void what_fails_is_tried_again_and_then_set_aside(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_queue();
    queue(runtime, "Fail", "{\"id\":\"f\"}", 0, "failing");
    for (unsigned attempt = 1; attempt < NEAPI_QUEUE_ATTEMPTS; attempt++) {
        const neap_queue *queued;
        assert_int_equal(neap_queue_read(runtime, NULL, 10, &queued, &error), NEAP_OK);
        assert_int_equal(queued->count, 1);
        assert_int_equal(queued->first->attempts, attempt);
        assert_non_null(strstr(queued->first->failure.data, "it fails, f"));
        assert_true(queued->first->due_at > atomic_load(&now_us));
        assert_true(queued->first->due_at < atomic_load(&now_us) + 40 * SECOND);
        neap_queue_free(queued);
        pass(runtime, 40);
    }
    expect_nothing_left(runtime);
    assert_int_equal(documents_of(runtime, "$dead_letter"), 1);
    pass(runtime, 3600);
    assert_int_equal(documents_of(runtime, "$dead_letter"), 1);
    neap_close(runtime);
}

static void what_fails_holds_up_nobody_else(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_queue();
    for (int i = 0; i < 100; i++)
        queue(runtime, "Fail", "{\"id\":\"f\"}", 1000, NULL);
    add(runtime, "a", 1, 2000, NULL);
    pass(runtime, 2);
    expect_events(runtime, "1");
    assert_int_equal(waiting(runtime, NULL), 100);
    neap_close(runtime);
}

/* ---- Restarts -------------------------------------------------------------------------------- */

static void what_waits_survives_a_restart(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_queue();
    add(runtime, "a", 3, 3000, NULL);
    add(runtime, "a", 1, 1000, "first");
    add(runtime, "a", 2, 2000, NULL);
    add(runtime, "a", 9, 60000, "far");
    neap_close(runtime);
    atomic_fetch_add(&now_us, 10 * SECOND);
    runtime = open_queue();
    pass(runtime, 0);
    expect_events(runtime, "1 2 3");
    assert_int_equal(waiting(runtime, "far"), 1);
    neap_close(runtime);
    runtime = open_queue();
    pass(runtime, 0);
    expect_events(runtime, "1 2 3");
    bool cancelled;
    assert_int_equal(neap_cancel(runtime, "far", 0, &cancelled, &error), NEAP_OK);
    assert_true(cancelled);
    expect_nothing_left(runtime);
    neap_close(runtime);
}

static void a_store_at_rest_tells_what_waits(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_queue();
    for (int i = 0; i < 5; i++)
        add(runtime, "a", i, 1000 + (uint64_t)i, NULL);
    neap_close(runtime);
    neap_store *store;
    const neap_queue *queued;
    assert_int_equal(neap_store_open(store_url, &store, &error), NEAP_OK);
    assert_int_equal(neap_store_queue_read(store, NULL, 3, &queued, &error), NEAP_OK);
    assert_int_equal(queued->count, 3);
    assert_false(queued->last);
    char *json;
    assert_int_equal(neap_queued_json(queued->first, &json, NULL, &error), NEAP_OK);
    assert_non_null(strstr(json, "{\"due_at\":\"2023-11-14T22:13:21.000000Z\",\"command\":\"Add\","
                                 "\"data\":{\"id\":\"a\",\"n\":0},\"queued_at\":"));
    neap_free(json);
    char through[100];
    snprintf(through, sizeof through, "%s", queued->through);
    neap_queue_free(queued);
    assert_int_equal(neap_store_queue_read(store, through, 3, &queued, &error), NEAP_OK);
    assert_int_equal(queued->count, 2);
    assert_true(queued->last);
    neap_queue_free(queued);
    neap_store_close(store);
}

/* ---- Wrong use ------------------------------------------------------------------------------- */

static neap_status try_send(neap_runtime *runtime, const char *name, const char *json,
                            const neap_dispatch_options *options)
{
    answer got = {.calls = 0};
    neap_status status =
        neap_send(runtime, name, json, strlen(json), options, receive, &got, &error);
    if (status != NEAP_OK)
        return status;
    assert_int_equal(neap_drain(runtime, 0, &error), NEAP_OK);
    snprintf(error.message, sizeof error.message, "%s", got.message);
    return got.status;
}

static void wrong_use_is_told_at_once(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_queue();
    neap_dispatch_options options;
    const char *json = "{\"id\":\"a\",\"n\":1}";
    neap_dispatch_options_init(&options);
    options.after_ms = 5;
    options.at_us = START;
    assert_int_equal(try_send(runtime, "Add", json, &options), NEAP_USAGE);
    options.after_ms = 0;
    options.at_us = -1;
    assert_int_equal(try_send(runtime, "Add", json, &options), NEAP_USAGE);
    options.at_us = START / SECOND;
    assert_int_equal(try_send(runtime, "Add", json, &options), NEAP_USAGE);
    assert_non_null(strstr(error.message, "expected microseconds since 1970"));
    options.at_us = 0;
    options.after_ms = UINT64_MAX / 2;
    assert_int_equal(try_send(runtime, "Add", json, &options), NEAP_USAGE);
    options.after_ms = 10;
    assert_int_equal(try_send(runtime, "Adt", json, &options), NEAP_UNKNOWN);
    assert_non_null(strstr(error.message, "did you mean 'Add'"));
    assert_int_equal(try_send(runtime, "Add", "{\"id\":\"a\"}", &options), NEAP_INVALID);
    assert_non_null(strstr(error.message, "n"));
    assert_int_equal(neap_dispatch(runtime, "Add", json, strlen(json), &options, NULL, &error),
                     NEAP_USAGE);
    char name[600];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    options.name = name;
    assert_int_equal(try_send(runtime, "Add", json, &options), NEAP_INVALID);
    options.name = "";
    assert_int_equal(try_send(runtime, "Add", json, &options), NEAP_INVALID);
    assert_int_equal(neap_cancel(runtime, "", 0, NULL, &error), NEAP_INVALID);
    assert_int_equal(waiting(runtime, NULL), 0);
    neap_close(runtime);
}

static void a_key_queues_once(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_queue();
    neap_dispatch_options options;
    neap_dispatch_options_init(&options);
    options.after_ms = 1000;
    options.idempotency_key = "k";
    for (int i = 0; i < 3; i++)
        assert_int_equal(try_send(runtime, "Add", "{\"n\":1,\"id\":\"a\"}", &options), NEAP_OK);
    assert_int_equal(waiting(runtime, NULL), 1);
    pass(runtime, 2);
    expect_events(runtime, "1");
    neap_close(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_sent_for_later_is_done_when_it_is_due, in_memory),
        cmocka_unit_test_setup(what_is_due_at_once_is_done_at_once, in_memory),
        cmocka_unit_test_setup(a_moment_that_is_past_is_now, in_memory),
        cmocka_unit_test_setup(what_is_sent_late_but_due_early_comes_first, in_memory),
        cmocka_unit_test_setup(the_receipt_tells_the_id_that_the_command_has, in_memory),
        cmocka_unit_test_setup(each_kind_of_command_takes_its_entry_out, in_memory),
        cmocka_unit_test_setup(many_are_done_each_once, in_memory),
        cmocka_unit_test_setup(a_timer_wakes_its_lane, in_memory),
        cmocka_unit_test_setup(a_name_stands_for_what_was_sent_last, in_memory),
        cmocka_unit_test_setup(what_is_cancelled_is_not_done, in_memory),
#if LANES == 0
        cmocka_unit_test_setup(an_entry_that_lost_its_name_is_dropped_when_it_is_due, in_memory),
        cmocka_unit_test_setup(what_is_gone_meanwhile_has_no_effect, in_memory),
        cmocka_unit_test_setup(an_owners_commands_are_done_in_order, in_memory),
        cmocka_unit_test_setup(a_rejection_goes_to_the_owner_and_holds_up_the_rest, in_memory),
        cmocka_unit_test_setup(what_is_parked_holds_up_what_is_due_later, in_memory),
        cmocka_unit_test_setup(what_was_parked_and_is_gone_holds_up_nothing, in_memory),
        cmocka_unit_test_setup(a_timeout_goes_to_its_owner, in_memory),
        cmocka_unit_test_setup(a_timeout_that_nobody_waits_for_becomes_a_dead_letter, in_memory),
        cmocka_unit_test_setup(what_is_damaged_holds_up_no_timeout, in_memory),
        cmocka_unit_test_setup(what_is_damaged_is_not_called_compensated, in_memory),
        cmocka_unit_test_setup(a_long_line_of_one_owner_is_done_in_order, in_memory),
#endif
        cmocka_unit_test_setup(a_rejection_is_logged_and_dropped, in_memory),
        cmocka_unit_test_setup(what_fails_is_tried_again_and_then_set_aside, in_memory),
        cmocka_unit_test_setup(what_fails_holds_up_nobody_else, in_memory),
        cmocka_unit_test_setup_teardown(what_waits_survives_a_restart, in_file, without_file),
        cmocka_unit_test_setup_teardown(a_store_at_rest_tells_what_waits, in_file, without_file),
        cmocka_unit_test_setup(wrong_use_is_told_at_once, in_memory),
        cmocka_unit_test_setup(a_key_queues_once, in_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
