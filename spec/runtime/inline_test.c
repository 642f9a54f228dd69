/* A runtime without threads: who calls it does the work. And what makes a run repeatable: a clock
 * and a seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "neap.h"

static neap_error error;

static neap_runtime *open_with(const neap_options *options)
{
    neap_runtime *runtime = NULL;
    if (neap_open(DOMAIN, options, &runtime, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    return runtime;
}

static neap_runtime *open_inline(void)
{
    neap_options options;
    neap_options_init(&options);
    options.lanes = 0;
    return open_with(&options);
}

static unsigned threads_of_process(void)
{
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/task");
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static void no_thread_is_started(void **unused)
{
    (void)unused;
    unsigned before = threads_of_process();
    neap_runtime *runtime = open_inline();
    assert_int_equal(
        neap_dispatch(runtime, "Add", "{\"id\":\"a\",\"n\":1}", 16, NULL, NULL, &error), NEAP_OK);
    assert_int_equal(threads_of_process(), before);
    neap_close(runtime);
}

typedef struct outcome {
    pthread_t thread;
    unsigned calls;
    neap_status status;
} outcome;

static void receive(void *user, neap_status status, neap_reply *reply, const neap_error *failure)
{
    (void)failure;
    outcome *received = user;
    *received = (outcome){pthread_self(), received->calls + 1, status};
    neap_reply_free(reply);
}

static void what_was_sent_is_done_by_who_waits_next(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_inline();
    outcome sent = {0};
    assert_int_equal(
        neap_send(runtime, "Add", "{\"id\":\"a\",\"n\":7}", 16, NULL, receive, &sent, &error),
        NEAP_OK);
    assert_int_equal(sent.calls, 0);
    neap_reply *reply;
    assert_int_equal(neap_query(runtime, "Total", "{\"id\":\"a\"}", 10, 0, &reply, &error),
                     NEAP_OK);
    neap_reply_free(reply);
    assert_int_equal(neap_drain(runtime, 0, &error), NEAP_OK);
    assert_int_equal(sent.calls, 1);
    assert_int_equal(sent.status, NEAP_OK);
    assert_true(pthread_equal(sent.thread, pthread_self()));
    neap_close(runtime);
}

static void a_full_queue_is_worked_off_by_who_sends(void **unused)
{
    (void)unused;
    neap_options options;
    neap_options_init(&options);
    options.lanes = 0;
    options.queue_length = 3;
    neap_runtime *runtime = open_with(&options);
    outcome sent = {0};
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(
            neap_send(runtime, "Add", "{\"id\":\"a\",\"n\":1}", 16, NULL, receive, &sent, &error),
            NEAP_OK);
    assert_true(sent.calls >= 10);
    neap_close(runtime);
    assert_int_equal(sent.calls, 20);
}

static int64_t fixed_time(void *user)
{
    return atomic_load((_Atomic int64_t *)user);
}

/* The receipts and events of a few commands, as JSON. */
static void tell(unsigned lanes, uint64_t seed, char *text, size_t size)
{
    _Atomic int64_t now = 1700000000000000; /* the runtime's threads ask for it */
    neap_options options;
    neap_options_init(&options);
    options.lanes = lanes;
    options.clock = fixed_time;
    options.clock_user = (void *)&now;
    options.seed = seed;
    neap_runtime *runtime = open_with(&options);
    static const char *const commands[][2] = {{"Add", "{\"id\":\"a\",\"n\":7}"},
                                              {"Note", "{\"id\":\"a\",\"text\":\"x\"}"},
                                              {"Add", "{\"id\":\"a\",\"n\":20}"}};
    size_t used = 0;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        neap_reply *reply = NULL;
        atomic_fetch_add(&now, 1000000);
        neap_status status = neap_dispatch(runtime, commands[i][0], commands[i][1],
                                           strlen(commands[i][1]), NULL, &reply, &error);
        used += (size_t)snprintf(text + used, size - used, "%s\n",
                                 status == NEAP_OK ? neap_reply_json(reply, NULL) : error.message);
        neap_reply_free(reply);
    }
    neap_cursor *cursor;
    const neap_event *event;
    const char *json;
    assert_int_equal(neap_read(runtime, NULL, &cursor, &error), NEAP_OK);
    while (neap_cursor_next(cursor, &event, &error) == NEAP_OK && event != NULL) {
        assert_int_equal(neap_cursor_json(cursor, &json, NULL, &error), NEAP_OK);
        used += (size_t)snprintf(text + used, size - used, "%s\n", json);
    }
    neap_cursor_close(cursor);
    neap_close(runtime);
}

static void a_seed_and_a_clock_repeat_a_run_to_the_byte(void **unused)
{
    (void)unused;
    static char first[8192], again[8192], other[8192];
    tell(0, 42, first, sizeof first);
    tell(0, 42, again, sizeof again);
    tell(0, 43, other, sizeof other);
    assert_string_equal(first, again);
    assert_string_not_equal(first, other);
    assert_non_null(strstr(first, "\"recorded_at\":\"2023-11-14T22:13:21.000000Z\""));
}

/* As long as one message is answered before the next is given. */
static void lanes_repeat_it_too(void **unused)
{
    (void)unused;
    static char first[8192], again[8192];
    tell(1, 42, first, sizeof first);
    tell(1, 42, again, sizeof again);
    assert_string_equal(first, again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_thread_is_started),
        cmocka_unit_test(what_was_sent_is_done_by_who_waits_next),
        cmocka_unit_test(a_full_queue_is_worked_off_by_who_sends),
        cmocka_unit_test(a_seed_and_a_clock_repeat_a_run_to_the_byte),
        cmocka_unit_test(lanes_repeat_it_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
