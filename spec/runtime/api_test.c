/* neap.h as a host sees it: threads, timeouts, closing, reading, handlers in C. */
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

#include "neap.h"

/* All of it holds with a lane and its threads (1), and without (0). */
#ifndef LANES
#define LANES 1
#endif

static neap_error error;

static void init_options(neap_options *options)
{
    neap_options_init(options);
    options->lanes = LANES;
}

static neap_runtime *open_counting(const char *store)
{
    neap_options options;
    init_options(&options);
    options.store = store;
    neap_runtime *runtime = NULL;
    if (neap_open(DOMAIN, &options, &runtime, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    return runtime;
}

static neap_status dispatch(neap_runtime *runtime, const char *name, const char *json,
                            const char *key, neap_reply **reply)
{
    neap_dispatch_options options;
    neap_dispatch_options_init(&options);
    options.idempotency_key = key;
    return neap_dispatch(runtime, name, json, strlen(json), &options, reply, &error);
}

static void a_command_gives_a_receipt(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_counting("memory:");
    neap_reply *reply;
    assert_int_equal(dispatch(runtime, "Add", "{\"n\":3,\"id\":\"a\"}", NULL, &reply), NEAP_OK);
    const neap_receipt *receipt = neap_reply_receipt(reply);
    assert_int_equal(receipt->version, 1);
    assert_int_equal(receipt->position, 1);
    assert_int_equal(receipt->event_count, 1);
    assert_memory_equal(receipt->events[0].data, "Added", 5);
    assert_memory_equal(receipt->stream.data, "Counter-a", 9);
    assert_non_null(strstr(neap_reply_json(reply, NULL),
                           "\"stream\":\"Counter-a\",\"version\":1,\"position\":1"));
    neap_reply_free(reply);
    neap_close(runtime);
}

static void a_decision_without_events_gives_a_receipt_too(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_counting("memory:");
    neap_reply *reply;
    assert_int_equal(dispatch(runtime, "Add", "{\"n\":3,\"id\":\"a\"}", NULL, NULL), NEAP_OK);
    assert_int_equal(dispatch(runtime, "Touch", "{\"id\":\"a\"}", "touched", &reply), NEAP_OK);
    assert_int_equal(neap_reply_receipt(reply)->event_count, 0);
    assert_int_equal(neap_reply_receipt(reply)->version, 1);
    assert_int_equal(neap_reply_receipt(reply)->position, 1);
    neap_reply_free(reply);
    assert_int_equal(dispatch(runtime, "Touch", "{\"id\":\"a\"}", "touched", &reply), NEAP_OK);
    assert_true(neap_reply_receipt(reply)->repeated);
    assert_int_equal(neap_reply_receipt(reply)->version, 1);
    neap_reply_free(reply);
    neap_close(runtime);
}

static void refusals_say_what_was_wrong(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_counting("memory:");
    assert_int_equal(dispatch(runtime, "Ad", "{}", NULL, NULL), NEAP_UNKNOWN);
    assert_non_null(strstr(error.message, "Add"));
    assert_int_equal(dispatch(runtime, "Added", "{}", NULL, NULL), NEAP_UNKNOWN);
    assert_non_null(strstr(error.message, "event"));
    assert_int_equal(dispatch(runtime, "Add", "{\"id\":\"a\"}", NULL, NULL), NEAP_INVALID);
    assert_string_equal(error.path, "n");
    assert_int_equal(dispatch(runtime, "Add", "{\"id\":\"\",\"n\":1}", NULL, NULL), NEAP_INVALID);
    assert_string_equal(error.path, "id");
    assert_int_equal(dispatch(runtime, "Add", "{\"n\":1}", NULL, NULL), NEAP_INVALID);
    assert_string_equal(error.path, "id");
    assert_int_equal(dispatch(runtime, "Add", "nonsense", NULL, NULL), NEAP_INVALID);
    assert_int_equal(error.line, 1);
    assert_int_equal(dispatch(runtime, "Add", "{\"id\":\"a\",\"n\":21}", NULL, NULL),
                     NEAP_REJECTED);
    assert_string_equal(error.code, "full");
    assert_string_equal(error.details, "{\"total\":0}");
    neap_close(runtime);
}

static void the_same_key_gives_the_first_receipt(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_counting("memory:");
    neap_reply *first, *second;
    assert_int_equal(dispatch(runtime, "Add", "{\"n\":3,\"id\":\"a\"}", "k", &first), NEAP_OK);
    assert_int_equal(dispatch(runtime, "Add", "{\"id\":\"a\", \"n\":3}", "k", &second), NEAP_OK);
    const neap_receipt *one = neap_reply_receipt(first), *two = neap_reply_receipt(second);
    assert_false(one->repeated);
    assert_true(two->repeated);
    assert_memory_equal(&one->command_id, &two->command_id, sizeof one->command_id);
    assert_int_equal(one->position, two->position);
    assert_int_equal(two->event_count, 1);
    assert_int_equal(dispatch(runtime, "Add", "{\"id\":\"a\",\"n\":4}", "k", NULL), NEAP_DUPLICATE);
    neap_reply_free(first);
    neap_reply_free(second);
    neap_close(runtime);
}

static void a_plain_handler_publishes_and_the_aggregate_sees_it(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_counting("memory:");
    neap_reply *reply;
    assert_int_equal(dispatch(runtime, "Add", "{\"n\":3,\"id\":\"a\"}", NULL, NULL), NEAP_OK);
    assert_int_equal(dispatch(runtime, "Note", "{\"id\":\"a\",\"text\":\"hello\"}", NULL, &reply),
                     NEAP_OK);
    assert_int_equal(neap_reply_receipt(reply)->version, 2);
    neap_reply_free(reply);
    assert_int_equal(dispatch(runtime, "Add", "{\"n\":1,\"id\":\"a\"}", NULL, &reply), NEAP_OK);
    assert_int_equal(neap_reply_receipt(reply)->version, 3);
    neap_reply_free(reply);
    assert_int_equal(neap_state(runtime, "Counter", "a", 0, &reply, &error), NEAP_OK);
    assert_string_equal(neap_reply_json(reply, NULL),
                        "{\"additions\":2,\"note\":\"hello\",\"total\":4}");
    neap_reply_free(reply);
    assert_int_equal(neap_state(runtime, "Counter", "a", 1, &reply, &error), NEAP_OK);
    assert_string_equal(neap_reply_json(reply, NULL), "{\"additions\":1,\"total\":3}");
    neap_reply_free(reply);
    assert_int_equal(neap_state(runtime, "Counter", "a", 9, &reply, &error), NEAP_UNKNOWN);
    assert_non_null(strstr(error.message, "3"));
    assert_int_equal(neap_state(runtime, "Counter", "b", 0, &reply, &error), NEAP_UNKNOWN);
    neap_close(runtime);
}

static neap_status publish(neap_runtime *runtime, const char *stream, uint64_t expected,
                           const char *type, const char *json, const char *key, neap_reply **reply)
{
    neap_dispatch_options options;
    neap_dispatch_options_init(&options);
    options.idempotency_key = key;
    options.meta = "{\"user\":\"ada\"}";
    options.causation_id = "01890a5d-ac96-774b-bcce-b302099a8057";
    return neap_publish(runtime, stream, expected, type, json, strlen(json), &options, reply,
                        &error);
}

static void an_event_from_outside_is_recorded_and_folded(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_counting("memory:");
    neap_reply *reply;
    assert_int_equal(dispatch(runtime, "Add", "{\"id\":\"a\",\"n\":15}", NULL, NULL), NEAP_OK);
    assert_int_equal(publish(runtime, "Counter-a", NEAP_ANY_VERSION, "Added",
                             " {\"n\":4, \"id\":\"a\"}", NULL, &reply),
                     NEAP_OK);
    assert_string_equal(
        neap_reply_json(reply, NULL),
        "{\"stream\":\"Counter-a\",\"version\":2,\"position\":2,\"events\":[\"Added\"]}");
    neap_reply_free(reply);
    /* The warm aggregate knows of it. */
    assert_int_equal(dispatch(runtime, "Add", "{\"id\":\"a\",\"n\":2}", NULL, NULL), NEAP_REJECTED);
    neap_cursor *cursor;
    const neap_event *event;
    const char *json;
    assert_int_equal(neap_read(runtime, NULL, &cursor, &error), NEAP_OK);
    assert_int_equal(neap_cursor_next(cursor, &event, &error), NEAP_OK);
    assert_int_equal(neap_cursor_next(cursor, &event, &error), NEAP_OK);
    assert_int_equal(neap_cursor_json(cursor, &json, NULL, &error), NEAP_OK);
    assert_non_null(strstr(json, "\"data\":{\"id\":\"a\",\"n\":4},"));
    assert_non_null(strstr(json, "\"meta\":{\"user\":\"ada\"}"));
    assert_non_null(strstr(json, "\"causation_id\":\"01890a5d-ac96-774b-bcce-b302099a8057\""));
    assert_null(strstr(json, "\"command_id\""));
    neap_cursor_close(cursor);
    neap_close(runtime);
}

static void an_event_from_outside_can_be_refused(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_counting("memory:");
    const char *json = "{\"id\":\"a\",\"n\":4}";
    assert_int_equal(publish(runtime, "Counter-a", 3, "Added", json, NULL, NULL), NEAP_CONFLICT);
    assert_string_equal(error.message, "Counter-a is at version 0, expected 3");
    assert_int_equal(publish(runtime, "Counter-a", 0, "Added", json, NULL, NULL), NEAP_OK);
    assert_int_equal(publish(runtime, "Counter-a", 0, "Added", json, NULL, NULL), NEAP_CONFLICT);
    assert_int_equal(publish(runtime, "a b\n", 0, "Added", json, NULL, NULL), NEAP_INVALID);
    assert_int_equal(publish(runtime, "", 0, "Added", json, NULL, NULL), NEAP_INVALID);
    assert_int_equal(publish(runtime, "Counter-a", 1, "Aded", json, NULL, NULL), NEAP_UNKNOWN);
    assert_non_null(strstr(error.message, "did you mean 'Added'?"));
    assert_int_equal(publish(runtime, "Counter-a", 1, "Add", json, NULL, NULL), NEAP_UNKNOWN);
    assert_int_equal(publish(runtime, "Counter-a", 1, "Added", "{\"id\":\"a\"}", NULL, NULL),
                     NEAP_INVALID);
    neap_close(runtime);
}

static void check_recorded(neap_runtime *runtime, const char *json)
{
    neap_cursor *cursor;
    const neap_event *event;
    assert_int_equal(neap_read(runtime, NULL, &cursor, &error), NEAP_OK);
    assert_int_equal(neap_cursor_next(cursor, &event, &error), NEAP_OK);
    assert_int_equal(event->schema, 1);
    assert_int_equal(event->tag_count, 2);
    assert_memory_equal(event->tags[1].data, "b:2", 3);
    assert_int_equal(event->data.size, strlen(json));
    assert_memory_equal(event->data.data, json, event->data.size);
    neap_cursor_close(cursor);
}

static void a_fact_of_an_earlier_version_is_recorded_as_it_is(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_counting("memory:");
    const char *json = "{ \"n\": 1.0e2, \"id\": [],\"\\u00e9\":true}", *none = "[]";
    const neap_text tags[] = {{"a:1", 3}, {"b:2", 3}};
    neap_dispatch_options options;
    neap_dispatch_options_init(&options);
    options.schema = 1;
    options.tags = tags;
    options.tag_count = 2;
#define PUBLISH(type, text)                                                                        \
    neap_publish(runtime, "Odd-1", NEAP_ANY_VERSION, type, text, strlen(text), &options, NULL,     \
                 &error)
    assert_int_equal(PUBLISH("Added", json), NEAP_OK);
    check_recorded(runtime, "{\"id\":[],\"n\":100.0,\"\xC3\xA9\":true}");
    assert_int_equal(PUBLISH("Added", none), NEAP_INVALID);
    assert_int_equal(PUBLISH("Added", ""), NEAP_INVALID);
    assert_int_equal(PUBLISH("Aded", json), NEAP_UNKNOWN);
    assert_int_equal(PUBLISH(NULL, json), NEAP_INVALID);
    options.tags = NULL;
    assert_int_equal(PUBLISH("Added", json), NEAP_USAGE);
    options.tag_count = 0;
    options.schema = 2;
    assert_int_equal(PUBLISH("Added", json), NEAP_INVALID);
    options.schema = UINT32_MAX;
    assert_int_equal(PUBLISH("Added", json), NEAP_USAGE);
    assert_int_equal(neap_dispatch(runtime, "Add", json, strlen(json), &options, NULL, &error),
                     NEAP_USAGE);
    assert_string_equal(error.message, "option schema is for neap_publish, not for the command "
                                       "'Add'");
    assert_int_equal(neap_send(runtime, "Add", json, strlen(json), &options, NULL, NULL, &error),
                     NEAP_USAGE);
#undef PUBLISH
    neap_close(runtime);
}

static void an_event_with_a_key_is_recorded_once(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_counting("memory:");
    neap_reply *reply;
    const char *json = "{\"id\":\"a\",\"n\":4}";
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(
            publish(runtime, "Counter-a", NEAP_ANY_VERSION, "Added", json, "k-1", &reply), NEAP_OK);
        assert_int_equal(neap_reply_receipt(reply)->version, 1);
        assert_int_equal(neap_reply_receipt(reply)->repeated, i == 1);
        assert_null(strstr(neap_reply_json(reply, NULL), "command_id"));
        neap_reply_free(reply);
    }
    assert_int_equal(publish(runtime, "Counter-b", NEAP_ANY_VERSION, "Added", json, "k-1", NULL),
                     NEAP_DUPLICATE);
    neap_close(runtime);
}

static void queries_see_what_is_accepted(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_counting("memory:");
    neap_reply *reply;
    assert_int_equal(neap_query(runtime, "Total", "{\"id\":\"a\"}", 10, 0, &reply, &error),
                     NEAP_OK);
    assert_string_equal(neap_reply_json(reply, NULL), "0");
    neap_reply_free(reply);
    assert_int_equal(dispatch(runtime, "Add", "{\"n\":3,\"id\":\"a\"}", NULL, NULL), NEAP_OK);
    assert_int_equal(neap_query(runtime, "Total", "{\"id\":\"a\"}", 10, 0, &reply, &error),
                     NEAP_OK);
    assert_string_equal(neap_reply_json(reply, NULL), "3");
    neap_reply_free(reply);
    assert_int_equal(neap_query(runtime, "Total", "{}", 2, 0, &reply, &error), NEAP_INVALID);
    neap_close(runtime);
}

typedef struct tally {
    atomic_uint ok, rejected, closed, other;
} tally;

static void count(void *user, neap_status status, neap_reply *reply, const neap_error *failure)
{
    tally *result = user;
    (void)failure;
    atomic_fetch_add(status == NEAP_OK         ? &result->ok
                     : status == NEAP_REJECTED ? &result->rejected
                     : status == NEAP_CLOSED   ? &result->closed
                                               : &result->other,
                     1);
    neap_reply_free(reply);
}

typedef struct sender {
    neap_runtime *runtime;
    tally *tally;
    unsigned number;
} sender;

#define SENDERS 4
#define EACH    500

static void *send_many(void *argument)
{
    const sender *it = argument;
    char json[64];
    neap_error failure;
    for (unsigned i = 0; i < EACH; i++) {
        snprintf(json, sizeof json, "{\"id\":\"c%u\",\"n\":1}", (i * 7 + it->number) % 40);
        if (i % 5 == 0) {
            neap_reply *reply = NULL;
            neap_status status =
                neap_dispatch(it->runtime, "Add", json, strlen(json), NULL, &reply, &failure);
            count(it->tally, status, reply, &failure);
        } else {
            assert_int_equal(
                neap_send(it->runtime, "Add", json, strlen(json), NULL, count, it->tally, &failure),
                NEAP_OK);
        }
    }
    return NULL;
}

static void many_threads_share_one_runtime(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_counting("memory:");
    tally result = {0};
    pthread_t threads[SENDERS];
    sender senders[SENDERS];
    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i] = (sender){runtime, &result, i};
        assert_int_equal(pthread_create(&threads[i], NULL, send_many, &senders[i]), 0);
    }
    for (unsigned i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(neap_drain(runtime, 60000, &error), NEAP_OK);
    /* 40 counters that hold 20 each, and more than enough commands for each of them. */
    assert_int_equal(result.ok, 800);
    assert_int_equal(result.ok + result.rejected, SENDERS * EACH);
    neap_close(runtime);
}

static void closing_does_what_was_accepted(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_counting("memory:");
    tally result = {0};
    for (unsigned i = 0; i < 2000; i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"id\":\"c%u\",\"n\":1}", i);
        assert_int_equal(
            neap_send(runtime, "Add", json, strlen(json), NULL, count, &result, &error), NEAP_OK);
    }
    neap_close(runtime);
    assert_int_equal(result.ok, 2000);
}

static void closing_without_patience_answers_closed(void **unused)
{
    (void)unused;
    neap_options options;
    init_options(&options);
    options.close_ms = 0;
    neap_runtime *runtime;
    assert_int_equal(neap_open(DOMAIN, &options, &runtime, &error), NEAP_OK);
    tally result = {0};
    for (unsigned i = 0; i < 5000; i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"id\":\"c%u\",\"n\":1}", i);
        assert_int_equal(
            neap_send(runtime, "Add", json, strlen(json), NULL, count, &result, &error), NEAP_OK);
    }
    neap_close(runtime);
    assert_int_equal(result.ok + result.closed, 5000);
    assert_int_equal(result.other, 0);
}

static void call_from_callback(void *user, neap_status status, neap_reply *reply,
                               const neap_error *failure)
{
    neap_runtime *runtime = *(neap_runtime **)user;
    (void)failure;
    assert_int_equal(status, NEAP_OK);
    neap_error inner;
    neap_status waited = neap_dispatch(runtime, "Touch", "{\"id\":\"a\"}", 10, NULL, NULL, &inner);
    *(neap_runtime **)user = waited == NEAP_USAGE ? NULL : runtime;
    neap_reply_free(reply);
}

static void waiting_inside_a_callback_is_refused(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_counting("memory:"), *seen = runtime;
    assert_int_equal(
        neap_send(runtime, "Touch", "{\"id\":\"a\"}", 10, NULL, call_from_callback, &seen, &error),
        NEAP_OK);
    assert_int_equal(neap_drain(runtime, 0, &error), NEAP_OK);
    assert_null(seen);
    neap_close(runtime);
}

static void a_full_queue_is_busy(void **unused)
{
    (void)unused;
    neap_options options;
    init_options(&options);
    options.queue_length = 2;
    neap_runtime *runtime;
    assert_int_equal(neap_open(DOMAIN, &options, &runtime, &error), NEAP_OK);
    neap_dispatch_options now;
    neap_dispatch_options_init(&now);
    now.fail_when_full = true;
    tally result = {0};
    unsigned busy = 0, sent = 0;
    for (unsigned i = 0; i < 20000 && busy == 0; i++) {
        neap_status status =
            neap_send(runtime, "Add", "{\"id\":\"a\",\"n\":1}", 16, &now, count, &result, &error);
        busy += status == NEAP_BUSY;
        sent += status == NEAP_OK;
    }
    assert_int_equal(busy, 1);
    neap_close(runtime);
    assert_int_equal(result.ok + result.rejected, sent);
}

static void events_are_read_in_every_way(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_counting("memory:");
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(dispatch(runtime, "Add",
                                  i % 2 ? "{\"n\":1,\"id\":\"a\"}" : "{\"n\":2,\"id\":\"b\"}", NULL,
                                  NULL),
                         NEAP_OK);
    neap_filter filter;
    neap_filter_init(&filter);
    filter.stream = "Counter-a";
    filter.from = 2;
    filter.to = 4;
    filter.backward = true;
    filter.limit = 2;
    neap_cursor *cursor;
    const neap_event *event;
    assert_int_equal(neap_read(runtime, &filter, &cursor, &error), NEAP_OK);
    assert_int_equal(neap_cursor_next(cursor, &event, &error), NEAP_OK);
    assert_int_equal(event->version, 4);
    const char *json;
    assert_int_equal(neap_cursor_json(cursor, &json, NULL, &error), NEAP_OK);
    assert_non_null(strstr(json, "\"type\":\"Added\""));
    assert_int_equal(neap_cursor_next(cursor, &event, &error), NEAP_OK);
    assert_int_equal(event->version, 3);
    assert_int_equal(neap_cursor_next(cursor, &event, &error), NEAP_OK);
    assert_null(event);
    neap_cursor_close(cursor);

    neap_filter_init(&filter);
    filter.from = 11;
    assert_int_equal(neap_read(runtime, &filter, &cursor, &error), NEAP_OK);
    assert_int_equal(neap_cursor_next(cursor, &event, &error), NEAP_OK);
    assert_null(event);
    assert_int_equal(neap_cursor_wait(cursor, 10, &error), NEAP_OK);
    assert_int_equal(dispatch(runtime, "Add", "{\"n\":1,\"id\":\"c\"}", NULL, NULL), NEAP_OK);
    assert_int_equal(neap_cursor_wait(cursor, 60000, &error), NEAP_OK);
    assert_int_equal(neap_cursor_next(cursor, &event, &error), NEAP_OK);
    assert_non_null(event);
    assert_int_equal(event->position, 11);
    neap_cursor_close(cursor);

    filter.stream = "Counter-a";
    filter.category = "Counter";
    assert_int_equal(neap_read(runtime, &filter, &cursor, &error), NEAP_USAGE);
    neap_close(runtime);
}

/* A domain whose messages the host handles. */
static neap_status pay(neap_context *context, const char *json, size_t size, void *user,
                       neap_error *failure)
{
    (void)json;
    (void)size;
    unsigned *calls = user;
    if (++*calls == 2)
        return neap_context_reject(context, "poor", "no money", "{\"left\":0}", failure);
    neap_status status = neap_context_publish(context, "Account-1", NEAP_ANY_VERSION, "Paid",
                                              "{\"amount\":5}", 12, failure);
    return status == NEAP_OK ? neap_context_publish(context, "Ledger-1", 0, "Paid",
                                                    "{\"amount\":-5}", 13, failure)
                             : status;
}

static neap_status balance(neap_context *context, const char *json, size_t size, void *user,
                           neap_error *failure)
{
    (void)json;
    (void)size;
    (void)user;
    return neap_context_answer(context, "{\"balance\":5}", 13, failure);
}

static void the_host_handles_messages(void **unused)
{
    (void)unused;
    neap_runtime *runtime;
    unsigned calls = 0;
    neap_reply *reply;
    assert_int_equal(neap_load(FIXTURES "/hosted.lua", NULL, &runtime, &error), NEAP_OK);
    assert_int_equal(neap_start(runtime, &error), NEAP_USAGE);
    assert_non_null(strstr(error.message, "Pay"));
    assert_int_equal(neap_handle_command(runtime, "Pai", pay, &calls, &error), NEAP_UNKNOWN);
    assert_int_equal(neap_handle_command(runtime, "Pay", pay, &calls, &error), NEAP_OK);
    assert_int_equal(neap_handle_command(runtime, "Pay", pay, &calls, &error), NEAP_USAGE);
    assert_int_equal(neap_handle_query(runtime, "Balance", balance, NULL, &error), NEAP_OK);
    assert_int_equal(neap_start(runtime, &error), NEAP_OK);
    assert_int_equal(dispatch(runtime, "Pay", "{\"amount\":5}", NULL, &reply), NEAP_OK);
    assert_int_equal(neap_reply_receipt(reply)->event_count, 2);
    assert_int_equal(neap_reply_receipt(reply)->position, 2);
    neap_reply_free(reply);
    assert_int_equal(dispatch(runtime, "Pay", "{\"amount\":5}", NULL, NULL), NEAP_REJECTED);
    assert_string_equal(error.code, "poor");
    assert_string_equal(error.details, "{\"left\":0}");
    assert_int_equal(dispatch(runtime, "Pay", "{\"amount\":5}", NULL, NULL), NEAP_CONFLICT);
    assert_int_equal(calls, 6); /* decided again three times */
    assert_int_equal(neap_query(runtime, "Balance", "{}", 2, 0, &reply, &error), NEAP_OK);
    assert_string_equal(neap_reply_json(reply, NULL), "{\"balance\":5}");
    neap_reply_free(reply);
    neap_close(runtime);
}

static void a_reading_runtime_answers_beside_a_writing_one(void **unused)
{
    (void)unused;
    char folder[] = "/tmp/neap-api-XXXXXX", url[64], path[80];
    assert_non_null(mkdtemp(folder));
    snprintf(url, sizeof url, "sqlite:%s/counting.db", folder);
    neap_runtime *writing = open_counting(url), *reading;
    neap_reply *reply;
    assert_int_equal(dispatch(writing, "Add", "{\"n\":3,\"id\":\"a\"}", NULL, NULL), NEAP_OK);
    neap_options options;
    init_options(&options);
    options.store = url;
    options.read_only = true;
    assert_int_equal(neap_open(DOMAIN, &options, &reading, &error), NEAP_OK);
    assert_int_equal(neap_query(reading, "Total", "{\"id\":\"a\"}", 10, 0, &reply, &error),
                     NEAP_OK);
    assert_string_equal(neap_reply_json(reply, NULL), "3");
    neap_reply_free(reply);
    assert_int_equal(dispatch(writing, "Add", "{\"n\":4,\"id\":\"a\"}", NULL, NULL), NEAP_OK);
    assert_int_equal(neap_query(reading, "Total", "{\"id\":\"a\"}", 10, 0, &reply, &error),
                     NEAP_OK);
    assert_string_equal(neap_reply_json(reply, NULL), "7");
    neap_reply_free(reply);
    assert_int_equal(dispatch(reading, "Add", "{\"n\":4,\"id\":\"a\"}", NULL, NULL), NEAP_USAGE);
    options.read_only = false;
    neap_runtime *second;
    assert_int_equal(neap_open(DOMAIN, &options, &second, &error), NEAP_BUSY);
    neap_close(reading);
    neap_close(writing);
    assert_int_equal(neap_open(DOMAIN, &options, &second, &error), NEAP_OK);
    assert_int_equal(neap_state(second, "Counter", "a", 0, &reply, &error), NEAP_OK);
    assert_string_equal(neap_reply_json(reply, NULL), "{\"additions\":2,\"total\":7}");
    neap_reply_free(reply);
    neap_close(second);
    snprintf(path, sizeof path, "rm -r %s", folder);
    assert_int_equal(system(path), 0);
}

static void wrong_options_are_named(void **unused)
{
    (void)unused;
    neap_options options;
    neap_runtime *runtime;
    init_options(&options);
    options.lanes = 5000;
    assert_int_equal(neap_load(DOMAIN, &options, &runtime, &error), NEAP_USAGE);
    assert_non_null(strstr(error.message, "lanes"));
    memset(&options, 0xEE, sizeof options);
    assert_int_equal(neap_load(DOMAIN, &options, &runtime, &error), NEAP_USAGE);
    assert_non_null(strstr(error.message, "neap_options_init"));
    assert_int_equal(neap_open("/nowhere/at-all.lua", NULL, &runtime, &error), NEAP_USAGE);
    init_options(&options);
    options.store = "mangodb:x";
    assert_int_equal(neap_open(DOMAIN, &options, &runtime, &error), NEAP_USAGE);
    assert_non_null(strstr(error.message, "sqlite"));
}

static void close_from_callback(void *user, neap_status status, neap_reply *reply,
                                const neap_error *failure)
{
    (void)status;
    (void)failure;
    neap_close(user);
    neap_reply_free(reply);
}

static void count_errors(void *user, neap_log_level level, const char *text)
{
    if (level == NEAP_LOG_ERROR && strstr(text, "neap_close") != NULL)
        atomic_fetch_add((atomic_uint *)user, 1);
}

static void closing_inside_a_callback_does_nothing_but_log(void **unused)
{
    (void)unused;
    atomic_uint errors = 0;
    neap_options options;
    init_options(&options);
    options.log = count_errors;
    options.log_user = &errors;
    neap_runtime *runtime;
    assert_int_equal(neap_open(DOMAIN, &options, &runtime, &error), NEAP_OK);
    assert_int_equal(neap_send(runtime, "Touch", "{\"id\":\"a\"}", 10, NULL, close_from_callback,
                               runtime, &error),
                     NEAP_OK);
    assert_int_equal(neap_drain(runtime, 0, &error), NEAP_OK);
    assert_int_equal(errors, 1);
    assert_int_equal(dispatch(runtime, "Touch", "{\"id\":\"a\"}", NULL, NULL), NEAP_OK);
    neap_close(runtime);
}

static void what_cannot_be_meant_is_usage(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_counting("memory:");
    char long_key[600];
    memset(long_key, 'k', sizeof long_key - 1);
    long_key[sizeof long_key - 1] = '\0';
    const char *const keys[] = {"", "a\nb", "\xff", long_key};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        assert_int_equal(dispatch(runtime, "Add", "{\"n\":1,\"id\":\"a\"}", keys[i], NULL),
                         NEAP_USAGE);
        assert_string_equal(error.code, "usage");
        assert_non_null(strstr(error.message, "idempotency key"));
    }
    assert_int_equal(neap_dispatch(runtime, "Add", NULL, 4, NULL, NULL, &error), NEAP_USAGE);
    assert_int_equal(neap_query(runtime, "Total", NULL, 4, 0, NULL, &error), NEAP_USAGE);
    assert_int_equal(neap_dispatch(runtime, "Add", NULL, 0, NULL, NULL, &error), NEAP_INVALID);
    assert_int_equal(neap_open(DOMAIN, NULL, NULL, &error), NEAP_USAGE);
    assert_int_equal(neap_start(runtime, &error), NEAP_USAGE);

    neap_cursor *cursor;
    neap_filter filter;
    neap_filter_init(&filter);
    filter.stream = "";
    assert_int_equal(neap_read(runtime, &filter, &cursor, &error), NEAP_USAGE);
    filter.stream = NULL;
    filter.category = "";
    assert_int_equal(neap_read(runtime, &filter, &cursor, &error), NEAP_USAGE);
    filter.category = "Counter-a";
    assert_int_equal(neap_read(runtime, &filter, &cursor, &error), NEAP_USAGE);
    filter.category = NULL;
    filter.stream = "a\nb";
    assert_int_equal(neap_read(runtime, &filter, &cursor, &error), NEAP_INVALID);
    neap_close(runtime);
}

static void meta_is_a_message_too(void **unused)
{
    (void)unused;
    neap_options options;
    init_options(&options);
    options.message_bytes = 64;
    neap_runtime *runtime;
    assert_int_equal(neap_open(DOMAIN, &options, &runtime, &error), NEAP_OK);
    neap_dispatch_options given;
    neap_dispatch_options_init(&given);
    given.meta = "{\"a\":\"0123456789012345678901234567890123456789012345678901234567890\"}";
    assert_int_equal(neap_dispatch(runtime, "Touch", "{\"id\":\"a\"}", 10, &given, NULL, &error),
                     NEAP_LIMIT);
    assert_non_null(strstr(error.message, "meta"));
    neap_close(runtime);
}

/* Every call of the header takes NULL for the error. */
static void nobody_needs_an_error(void **unused)
{
    (void)unused;
    neap_runtime *runtime;
    neap_cursor *cursor;
    neap_store *store;
    neap_reply *reply;
    neap_filter filter;
    const neap_event *event;
    const char *json;
    neap_filter_init(&filter);
    assert_int_equal(neap_open("/nowhere/at-all.lua", NULL, &runtime, NULL), NEAP_USAGE);
    assert_int_equal(neap_store_open("nothing:", &store, NULL), NEAP_USAGE);
    assert_int_equal(neap_load(DOMAIN, NULL, &runtime, NULL), NEAP_OK);
    assert_int_equal(neap_read(runtime, &filter, &cursor, NULL), NEAP_USAGE);
    assert_int_equal(neap_dispatch(runtime, "Add", "{}", 2, NULL, NULL, NULL), NEAP_USAGE);
    assert_int_equal(neap_handle_command(runtime, "Add", NULL, NULL, NULL), NEAP_USAGE);
    assert_int_equal(neap_start(runtime, NULL), NEAP_OK);
    assert_int_equal(neap_dispatch(runtime, "Add", "{}", 2, NULL, NULL, NULL), NEAP_INVALID);
    assert_int_equal(neap_dispatch(runtime, "Ad", "{}", 2, NULL, NULL, NULL), NEAP_UNKNOWN);
    assert_int_equal(neap_dispatch(runtime, NULL, NULL, 0, NULL, NULL, NULL), NEAP_UNKNOWN);
    assert_int_equal(neap_query(runtime, "Total", "{}", 2, 0, &reply, NULL), NEAP_INVALID);
    assert_int_equal(neap_state(runtime, "Counter", "a", 0, &reply, NULL), NEAP_UNKNOWN);
    assert_int_equal(neap_state(runtime, "Counter", NULL, 0, &reply, NULL), NEAP_INVALID);
    assert_int_equal(neap_state(runtime, NULL, NULL, 0, &reply, NULL), NEAP_UNKNOWN);
    assert_int_equal(neap_send(runtime, "Ad", "{}", 2, NULL, NULL, NULL, NULL), NEAP_UNKNOWN);
    assert_int_equal(neap_send(runtime, "Add", "{}", 2, NULL, NULL, NULL, NULL), NEAP_OK);
    assert_int_equal(neap_drain(runtime, 0, NULL), NEAP_OK);
    assert_int_equal(neap_read(runtime, &filter, &cursor, NULL), NEAP_OK);
    assert_int_equal(neap_cursor_next(cursor, &event, NULL), NEAP_OK);
    assert_int_equal(neap_cursor_json(cursor, &json, NULL, NULL), NEAP_USAGE);
    assert_int_equal(neap_cursor_wait(cursor, 1, NULL), NEAP_OK);
    neap_cursor_close(cursor);
    neap_close(runtime);
}

/* What a handler does in one call, and what became of it. */
typedef struct oddity {
    neap_status returns;
    const char *code, *message; /* message: what the caller's must contain */
    neap_status told;
    void (*before)(neap_context *context, neap_error *failure);
} oddity;

static void say_nothing(neap_context *context, neap_error *failure)
{
    (void)context;
    (void)failure;
}

static void fail_before(neap_context *context, neap_error *failure)
{
    const char *json;
    assert_int_equal(neap_context_state(context, "Nobody", "a", &json, NULL, failure),
                     NEAP_UNKNOWN);
}

static void reject_into_nothing(neap_context *context, neap_error *failure)
{
    (void)failure;
    neap_context_reject(context, "poor", "no money", NULL, NULL);
}

static void publish_into_nothing(neap_context *context, neap_error *failure)
{
    (void)failure;
    assert_int_equal(neap_context_publish(context, "A-1", 0, "Piad", "{}", 2, NULL), NEAP_UNKNOWN);
}

static void fill_by_hand(neap_context *context, neap_error *failure)
{
    (void)context;
    strcpy(failure->code, "closed-today");
    strcpy(failure->message, "come again tomorrow");
    failure->outcome_unknown = true;
}

static neap_status be_odd(neap_context *context, const char *json, size_t size, void *user,
                          neap_error *failure)
{
    (void)json;
    (void)size;
    const oddity *const *how = user;
    (*how)->before(context, failure);
    return (*how)->returns;
}

static void what_a_handler_returns_is_what_its_caller_is_told(void **unused)
{
    (void)unused;
    const oddity oddities[] = {
        {NEAP_OK, "ok", "", NEAP_OK, fail_before},
        {NEAP_INVALID, "invalid", "no message", NEAP_INVALID, say_nothing},
        {NEAP_REJECTED, "rejected", "Nobody", NEAP_REJECTED, fail_before},
        {NEAP_REJECTED, "poor", "no money", NEAP_REJECTED, reject_into_nothing},
        {NEAP_UNKNOWN, "unknown", "Paid", NEAP_UNKNOWN, publish_into_nothing},
        {NEAP_REJECTED, "closed-today", "tomorrow", NEAP_REJECTED, fill_by_hand},
        {NEAP_UNAVAILABLE, "unavailable", "tomorrow", NEAP_UNAVAILABLE, fill_by_hand},
        {(neap_status)99, "handler", "99", NEAP_HANDLER, say_nothing},
        {(neap_status)-1, "handler", "-1", NEAP_HANDLER, say_nothing},
    };
    const oddity *how = oddities;
    neap_runtime *runtime;
    assert_int_equal(neap_load(FIXTURES "/hosted.lua", NULL, &runtime, &error), NEAP_OK);
    assert_int_equal(neap_handle_command(runtime, "Pay", be_odd, &how, &error), NEAP_OK);
    assert_int_equal(neap_handle_query(runtime, "Balance", be_odd, &how, &error), NEAP_OK);
    assert_int_equal(neap_start(runtime, &error), NEAP_OK);
    for (; how < oddities + sizeof oddities / sizeof *oddities; how++) {
        error = (neap_error){.code = "ok"};
        assert_int_equal(dispatch(runtime, "Pay", "{\"amount\":5}", NULL, NULL), how->told);
        assert_int_equal(error.status, how->told);
        assert_string_equal(error.code, how->code);
        assert_non_null(strstr(error.message, how->message));
        assert_false(error.outcome_unknown);
        if (how->before != publish_into_nothing)
            assert_int_equal(neap_query(runtime, "Balance", "{}", 2, 0, NULL, &error), how->told);
    }
    neap_close(runtime);
}

/* Folded states are let go before a handler is stopped for want of memory. */
static void warm_aggregates_give_way_to_a_handler(void **unused)
{
    (void)unused;
    enum { BOXES = 22, TEXT = 100000, ROWS = 60000 };
    neap_options options;
    init_options(&options);
    options.lane_memory_bytes = 8 << 20;
    neap_runtime *runtime;
    neap_reply *reply;
    assert_int_equal(neap_open(FIXTURES "/roomy.lua", &options, &runtime, &error), NEAP_OK);
    char *json = malloc(TEXT + 100), query[40];
    for (int i = 0; i < BOXES; i++) {
        int size = sprintf(json, "{\"id\":\"b%d\",\"text\":\"", i);
        memset(json + size, 'x', TEXT);
        strcpy(json + size + TEXT, "\"}");
        assert_int_equal(dispatch(runtime, "Keep", json, NULL, NULL), NEAP_OK);
    }
    free(json);
    sprintf(query, "{\"rows\":%d}", ROWS);
    if (neap_query(runtime, "Build", query, strlen(query), 0, &reply, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    neap_reply_free(reply);
    assert_int_equal(dispatch(runtime, "Keep", "{\"id\":\"b1\",\"text\":\"\"}", NULL, &reply),
                     NEAP_OK);
    assert_int_equal(neap_reply_receipt(reply)->version, 2);
    neap_reply_free(reply);
    sprintf(query, "{\"rows\":%d}", 10 * ROWS);
    assert_int_equal(neap_query(runtime, "Build", query, strlen(query), 0, &reply, &error),
                     NEAP_LIMIT);
    neap_close(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_gives_a_receipt),
        cmocka_unit_test(a_decision_without_events_gives_a_receipt_too),
        cmocka_unit_test(refusals_say_what_was_wrong),
        cmocka_unit_test(the_same_key_gives_the_first_receipt),
        cmocka_unit_test(a_plain_handler_publishes_and_the_aggregate_sees_it),
        cmocka_unit_test(an_event_from_outside_is_recorded_and_folded),
        cmocka_unit_test(an_event_from_outside_can_be_refused),
        cmocka_unit_test(a_fact_of_an_earlier_version_is_recorded_as_it_is),
        cmocka_unit_test(an_event_with_a_key_is_recorded_once),
        cmocka_unit_test(queries_see_what_is_accepted),
        cmocka_unit_test(many_threads_share_one_runtime),
        cmocka_unit_test(closing_does_what_was_accepted),
        cmocka_unit_test(closing_without_patience_answers_closed),
        cmocka_unit_test(waiting_inside_a_callback_is_refused),
        cmocka_unit_test(a_full_queue_is_busy),
        cmocka_unit_test(events_are_read_in_every_way),
        cmocka_unit_test(the_host_handles_messages),
        cmocka_unit_test(a_reading_runtime_answers_beside_a_writing_one),
        cmocka_unit_test(wrong_options_are_named),
        cmocka_unit_test(closing_inside_a_callback_does_nothing_but_log),
        cmocka_unit_test(what_cannot_be_meant_is_usage),
        cmocka_unit_test(meta_is_a_message_too),
        cmocka_unit_test(nobody_needs_an_error),
        cmocka_unit_test(what_a_handler_returns_is_what_its_caller_is_told),
        cmocka_unit_test(warm_aggregates_give_way_to_a_handler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
