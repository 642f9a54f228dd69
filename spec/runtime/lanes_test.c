/* Several lanes: what holds of one stream holds in each, and what one has made durable the others
 * know. */
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
#include <pthread.h>

#include "neap.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COMMANDS 2000
#else
#define COMMANDS 20000
#endif
#define THREADS  3
#define ACCOUNTS 40

static neap_error error;

static neap_runtime *open_lanes(const char *domain, unsigned lanes, unsigned queue_length)
{
    neap_options options;
    neap_options_init(&options);
    options.lanes = lanes;
    options.queue_length = queue_length;
    neap_runtime *runtime;
    if (neap_open(domain, &options, &runtime, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    return runtime;
}

static neap_status dispatch(neap_runtime *runtime, const char *name, const char *json)
{
    neap_status status = neap_dispatch(runtime, name, json, strlen(json), NULL, NULL, &error);
    if (status != NEAP_OK && status != NEAP_REJECTED)
        fail_msg("%s", error.message);
    return status;
}

static neap_status on_account(neap_runtime *runtime, const char *name, unsigned account,
                              unsigned amount)
{
    char json[100];
    snprintf(json, sizeof json, "{\"account\":\"a%u\",\"amount\":%u}", account, amount);
    return dispatch(runtime, name, json);
}

/* ---- Order ----------------------------------------------------------------------------------- */

typedef struct sender {
    neap_runtime *runtime;
    unsigned number;
    pthread_t thread;
} sender;

static atomic_uint answered, wrong;

static void note_answer(void *user, neap_status status, neap_reply *reply, const neap_error *why)
{
    (void)user;
    (void)why;
    neap_reply_free(reply);
    atomic_fetch_add(status == NEAP_OK ? &answered : &wrong, 1);
}

/* To accounts of its own, one number after another. */
static void *send_in_order(void *argument)
{
    const sender *self = argument;
    for (unsigned i = 0; i < COMMANDS; i++) {
        char json[100];
        int size = snprintf(json, sizeof json, "{\"account\":\"t%u-%u\",\"amount\":0,\"at\":%u}",
                            self->number, i % ACCOUNTS, i / ACCOUNTS + 1);
        if (neap_send(self->runtime, "Withdraw", json, (size_t)size, NULL, note_answer, NULL,
                      NULL) != NEAP_OK)
            atomic_fetch_add(&wrong, 1);
    }
    return NULL;
}

/* The number that the event has must be its version: they were sent in that order. */
static unsigned check_order(neap_runtime *runtime)
{
    neap_cursor *cursor;
    const neap_event *event;
    unsigned events = 0;
    assert_int_equal(neap_read(runtime, NULL, &cursor, &error), NEAP_OK);
    while (neap_cursor_next(cursor, &event, &error) == NEAP_OK && event != NULL) {
        char data[200];
        snprintf(data, sizeof data, "%.*s", (int)event->data.size, event->data.data);
        const char *at = strstr(data, "\"at\":");
        assert_non_null(at);
        assert_int_equal(strtoull(at + 5, NULL, 10), event->version);
        assert_int_equal(event->position, ++events);
    }
    neap_cursor_close(cursor);
    return events;
}

static void send_from_several(const char *domain, unsigned queue_length)
{
    neap_runtime *runtime = open_lanes(domain, 3, queue_length);
    sender senders[THREADS];
    atomic_store(&answered, 0);
    atomic_store(&wrong, 0);
    for (unsigned i = 0; i < THREADS; i++) {
        senders[i] = (sender){.runtime = runtime, .number = i};
        assert_int_equal(pthread_create(&senders[i].thread, NULL, send_in_order, &senders[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(senders[i].thread, NULL);
    assert_int_equal(neap_drain(runtime, 0, &error), NEAP_OK);
    assert_int_equal(atomic_load(&wrong), 0);
    assert_int_equal(atomic_load(&answered), THREADS * COMMANDS);
    assert_int_equal(check_order(runtime), THREADS * COMMANDS);
    neap_close(runtime);
}

static void each_stream_keeps_its_order(void **unused)
{
    (void)unused;
    send_from_several(BANK, 10000);
}

static void each_stream_keeps_its_order_though_the_queues_are_full(void **unused)
{
    (void)unused;
    send_from_several(BANK, 7);
}

static void middleware_on_its_own_lane_keeps_it_too(void **unused)
{
    (void)unused;
    send_from_several(WRAPPED_BANK, 300);
}

/* ---- What others know ------------------------------------------------------------------------ */

static void grants_are_known_where_accounts_are_decided(const char *domain)
{
    neap_runtime *runtime = open_lanes(domain, 3, 1000);
    for (unsigned i = 0; i < ACCOUNTS; i++) /* warm, and empty */
        assert_int_equal(on_account(runtime, "Withdraw", i, 1), NEAP_REJECTED);
    for (unsigned round = 0; round < 50; round++) {
        unsigned first = round * 7 % ACCOUNTS, second = (first + round % 5 + 1) % ACCOUNTS;
        char json[100];
        snprintf(json, sizeof json, "{\"accounts\":[\"a%u\",\"a%u\"],\"amount\":%u}", first, second,
                 round + 1);
        assert_int_equal(dispatch(runtime, "Grant", json), NEAP_OK);
        assert_int_equal(on_account(runtime, "Withdraw", second, round + 1), NEAP_OK);
        assert_int_equal(on_account(runtime, "Withdraw", first, round + 2), NEAP_REJECTED);
        assert_int_equal(on_account(runtime, "Withdraw", first, round + 1), NEAP_OK);
    }
    neap_close(runtime);
}

static void what_a_handler_published_is_known_to_all(void **unused)
{
    (void)unused;
    grants_are_known_where_accounts_are_decided(BANK);
    grants_are_known_where_accounts_are_decided(WRAPPED_BANK);
}

static void check_balance(neap_runtime *runtime, unsigned account, unsigned expected)
{
    char json[60], number[20];
    neap_reply *reply;
    snprintf(json, sizeof json, "{\"account\":\"a%u\"}", account);
    snprintf(number, sizeof number, "%u", expected);
    assert_int_equal(neap_query(runtime, "Balance", json, strlen(json), 0, &reply, &error),
                     NEAP_OK);
    assert_string_equal(neap_reply_json(reply, NULL), number);
    neap_reply_free(reply);
}

static void a_query_sees_what_was_answered_before(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_lanes(BANK, 2, 1000);
    unsigned balance[ACCOUNTS] = {0};
    for (unsigned i = 0; i < 500; i++) {
        unsigned account = i * i % ACCOUNTS;
        assert_int_equal(on_account(runtime, "Deposit", account, i), NEAP_OK);
        balance[account] += i;
        check_balance(runtime, account, balance[account]);
    }
    neap_close(runtime);
}

/* ---- Callers that do the work ---------------------------------------------------------------- */

typedef struct spender {
    neap_runtime *runtime;
    unsigned spent;
    pthread_t thread;
} spender;

/* Takes one from each account in turn until all are empty. */
static void *spend_all(void *argument)
{
    spender *self = argument;
    for (unsigned account = 0; account < ACCOUNTS;) {
        char json[100];
        int size = snprintf(json, sizeof json, "{\"account\":\"a%u\",\"amount\":1}", account);
        neap_status status =
            neap_dispatch(self->runtime, "Withdraw", json, (size_t)size, NULL, NULL, NULL);
        if (status == NEAP_OK)
            self->spent++;
        else
            account += status == NEAP_REJECTED ? 1 : 2 * ACCOUNTS;
    }
    return NULL;
}

static void spend_from_several_threads(const char *domain, const char *store, unsigned lanes,
                                       unsigned each)
{
    neap_options options;
    neap_options_init(&options);
    options.store = store;
    options.lanes = lanes;
    options.caller_runs = true;
    neap_runtime *runtime;
    if (neap_open(domain, &options, &runtime, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    for (unsigned i = 0; i < ACCOUNTS; i++)
        assert_int_equal(on_account(runtime, "Deposit", i, each), NEAP_OK);
    spender spenders[THREADS];
    unsigned spent = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        spenders[i] = (spender){.runtime = runtime};
        assert_int_equal(pthread_create(&spenders[i].thread, NULL, spend_all, &spenders[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(spenders[i].thread, NULL);
        spent += spenders[i].spent;
    }
    assert_int_equal(spent, ACCOUNTS * each);
    neap_close(runtime);
}

static void callers_in_each_others_way_spend_nothing_twice(void **unused)
{
    (void)unused;
    spend_from_several_threads(BANK, "memory:", 1, COMMANDS / 100);
    spend_from_several_threads(BANK, "memory:", 2, COMMANDS / 100);
    spend_from_several_threads(PURSE, "memory:", 2, COMMANDS / 100);
    spend_from_several_threads(PURSE, "memory:", 0,
                               COMMANDS / 100); /* who drives is asked there too */
    char folder[] = "/tmp/neap-lanes-XXXXXX", url[64], clean[64];
    assert_non_null(mkdtemp(folder));
    snprintf(url, sizeof url, "sqlite:%s/s.db", folder);
    snprintf(clean, sizeof clean, "rm -r %s", folder);
    spend_from_several_threads(BANK, url, 2, COMMANDS / 1000);
    assert_int_equal(system(clean), 0);
}

static void note_thread(void *user, neap_log_level level, const char *text)
{
    (void)level;
    (void)text;
    if (pthread_equal(*(pthread_t *)user, pthread_self()))
        *(pthread_t *)user = 0;
}

/* Whether a handler that prints comes to run on the calling thread, in a few tries: the lane's own
 * may be there first. */
static bool runs_here(neap_options *options)
{
    pthread_t self = pthread_self();
    options->log = note_thread;
    options->log_user = &self;
    neap_runtime *runtime;
    assert_int_equal(neap_open(BANK, options, &runtime, &error), NEAP_OK);
    for (unsigned i = 0; i < 1000 && self != 0; i++)
        assert_int_equal(on_account(runtime, "Deposit", 0, 0), NEAP_OK);
    neap_close(runtime);
    return self == 0;
}

static void callers_run_only_where_the_host_allows_it(void **unused)
{
    (void)unused;
    neap_options options;
    neap_options_init(&options);
    assert_false(runs_here(&options));
    options.caller_runs = true;
    assert_true(runs_here(&options));
}

static void in_its_callback_a_caller_cannot_wait(void *user, neap_status status, neap_reply *reply,
                                                 const neap_error *why)
{
    (void)status;
    (void)why;
    neap_reply_free(reply);
    neap_runtime *runtime = user;
    static const char json[] = "{\"account\":\"b\",\"amount\":1}";
    neap_close(runtime); /* says no, and does nothing */
    neap_status waiting =
        neap_dispatch(runtime, "Deposit", json, sizeof json - 1, NULL, NULL, NULL);
    atomic_fetch_add(waiting == NEAP_USAGE ? &answered : &wrong, 1);
}

static void what_a_caller_runs_cannot_call_back_and_wait(void **unused)
{
    (void)unused;
    neap_options options;
    neap_options_init(&options);
    options.caller_runs = true;
    static const char json[] = "{\"account\":\"a\",\"amount\":1}";
    neap_runtime *runtime;
    assert_int_equal(neap_open(BANK, &options, &runtime, &error), NEAP_OK);
    atomic_store(&answered, 0);
    atomic_store(&wrong, 0);
    for (unsigned i = 0; i < 200; i++) {
        assert_int_equal(neap_send(runtime, "Deposit", json, sizeof json - 1, NULL,
                                   in_its_callback_a_caller_cannot_wait, runtime, &error),
                         NEAP_OK);
        assert_int_equal(on_account(runtime, "Deposit", i, 1), NEAP_OK);
    }
    assert_int_equal(neap_drain(runtime, 0, &error), NEAP_OK);
    neap_close(runtime);
    assert_int_equal(atomic_load(&answered), 200);
    assert_int_equal(atomic_load(&wrong), 0);
}

/* ---- Beginning and end ----------------------------------------------------------------------- */

static void note_text(void *user, neap_log_level level, const char *text)
{
    if (level >= NEAP_LOG_WARN)
        snprintf(user, 300, "%s", text);
}

/* More than can be begun at once, and no time to do it. */
static void closing_says_how_many_it_dropped(void **unused)
{
    (void)unused;
    char said[300] = "";
    neap_options options;
    neap_options_init(&options);
    options.lanes = 2;
    options.close_ms = 0;
    options.log = note_text;
    options.log_user = said;
    neap_runtime *runtime;
    assert_int_equal(neap_open(WRAPPED_BANK, &options, &runtime, &error), NEAP_OK);
    atomic_store(&answered, 0);
    atomic_store(&wrong, 0);
    for (unsigned i = 0; i < 5000; i++) {
        char json[100];
        int size = snprintf(json, sizeof json, "{\"account\":\"a%u\",\"amount\":1}", i % ACCOUNTS);
        assert_int_equal(
            neap_send(runtime, "Deposit", json, (size_t)size, NULL, note_answer, NULL, &error),
            NEAP_OK);
    }
    neap_close(runtime);
    assert_int_equal(atomic_load(&answered) + atomic_load(&wrong), 5000);
    unsigned dropped = 0;
    if (atomic_load(&wrong) != 0)
        assert_int_equal(sscanf(said, "closing: %u message", &dropped), 1);
    assert_int_equal(dropped, atomic_load(&wrong));
}

/* Longer than the pages that it is read in, each of which is read while the one before is folded.
 */
static void a_long_stream_is_folded_as_of_any_version(void **unused)
{
    (void)unused;
    static const unsigned versions[] = {2100, 1, 1023, 1024, 1025, 2048, 2049};
    neap_runtime *runtime = open_lanes(BANK, 2, 10000);
    atomic_store(&answered, 0);
    for (unsigned i = 1; i <= versions[0]; i++) {
        char json[100];
        int size = snprintf(json, sizeof json, "{\"account\":\"long\",\"amount\":%u}", i);
        assert_int_equal(
            neap_send(runtime, "Deposit", json, (size_t)size, NULL, note_answer, NULL, &error),
            NEAP_OK);
    }
    assert_int_equal(neap_drain(runtime, 0, &error), NEAP_OK);
    assert_int_equal(atomic_load(&answered), versions[0]);
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        char expected[60];
        neap_reply *reply;
        snprintf(expected, sizeof expected, "{\"balance\":%u,\"last\":0}",
                 versions[i] * (versions[i] + 1) / 2);
        assert_int_equal(neap_state(runtime, "Account", "long", versions[i], &reply, &error),
                         NEAP_OK);
        assert_string_equal(neap_reply_json(reply, NULL), expected);
        neap_reply_free(reply);
    }
    neap_close(runtime);
}

static void a_domain_that_is_not_the_same_twice_is_refused(void **unused)
{
    (void)unused;
    neap_options options;
    neap_options_init(&options);
    options.lanes = 2;
    neap_runtime *runtime;
    assert_int_equal(neap_open(UNLIKE, &options, &runtime, &error), NEAP_HANDLER);
    assert_non_null(strstr(error.message, "is not the same each time that it is loaded"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_stream_keeps_its_order),
        cmocka_unit_test(each_stream_keeps_its_order_though_the_queues_are_full),
        cmocka_unit_test(middleware_on_its_own_lane_keeps_it_too),
        cmocka_unit_test(what_a_handler_published_is_known_to_all),
        cmocka_unit_test(a_query_sees_what_was_answered_before),
        cmocka_unit_test(callers_in_each_others_way_spend_nothing_twice),
        cmocka_unit_test(callers_run_only_where_the_host_allows_it),
        cmocka_unit_test(what_a_caller_runs_cannot_call_back_and_wait),
        cmocka_unit_test(closing_says_how_many_it_dropped),
        cmocka_unit_test(a_long_stream_is_folded_as_of_any_version),
        cmocka_unit_test(a_domain_that_is_not_the_same_twice_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
