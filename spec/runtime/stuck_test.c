/* Handlers that hang in a function in C: each costs itself, and not its lane. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka needs the headers above. */
#include <cmocka.h>
#include <pthread.h>
#include <time.h>

#include "neap.h"

static neap_error error;

/* ---- Where handlers hang --------------------------------------------------------------------- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned hanging, released, out;

static neap_status hang(neap_service_call *call, const char *json, size_t size, void *user,
                        neap_error *failure)
{
    (void)call;
    (void)json;
    (void)size;
    (void)user;
    (void)failure;
    pthread_mutex_lock(&mutex);
    unsigned ticket = hanging++;
    pthread_cond_broadcast(&changed);
    while (released <= ticket)
        pthread_cond_wait(&changed, &mutex);
    out++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    return NEAP_OK;
}

static void wait_until(const unsigned *count, unsigned reached)
{
    pthread_mutex_lock(&mutex);
    while (*count < reached)
        pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
}

static void release_all(void)
{
    pthread_mutex_lock(&mutex);
    released = hanging;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    wait_until(&out, hanging);
}

/* ---- The runtime ----------------------------------------------------------------------------- */

static char said[1000];

static void note_text(void *user, neap_log_level level, const char *text)
{
    (void)user;
    pthread_mutex_lock(&mutex);
    if (level == NEAP_LOG_ERROR)
        snprintf(said, sizeof said, "%s", text);
    pthread_mutex_unlock(&mutex);
}

static neap_runtime *open_with(neap_options *options)
{
    neap_runtime *runtime;
    options->log = note_text;
    hanging = released = out = 0;
    if (neap_load(DOMAIN, options, &runtime, &error) != NEAP_OK ||
        neap_service_provide(runtime, "host", "hang", hang, NULL, &error) != NEAP_OK ||
        neap_start(runtime, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    return runtime;
}

static neap_runtime *open_impatient(void)
{
    neap_options options;
    neap_options_init(&options);
    options.handler_ms = 250;
    return open_with(&options);
}

static neap_status dispatch(neap_runtime *runtime, const char *name, const char *json)
{
    return neap_dispatch(runtime, name, json, strlen(json), NULL, NULL, &error);
}

static void check_count(neap_runtime *runtime, const char *id, const char *expected)
{
    char json[40];
    neap_reply *reply;
    snprintf(json, sizeof json, "{\"id\":\"%s\"}", id);
    assert_int_equal(neap_query(runtime, "Count", json, strlen(json), 0, &reply, &error), NEAP_OK);
    assert_string_equal(neap_reply_json(reply, NULL), expected);
    neap_reply_free(reply);
}

typedef struct outcome {
    atomic_uint answers;
    atomic_int status;
} outcome;

static void note_outcome(void *user, neap_status status, neap_reply *reply, const neap_error *why)
{
    (void)why;
    outcome *it = user;
    neap_reply_free(reply);
    atomic_store(&it->status, (int)status);
    atomic_fetch_add(&it->answers, 1);
}

static void send(neap_runtime *runtime, const char *name, const char *json, outcome *it)
{
    assert_int_equal(neap_send(runtime, name, json, strlen(json), NULL, note_outcome, it, &error),
                     NEAP_OK);
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void who_hangs_is_answered_and_the_others_go_on(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_impatient();
    outcome rests = {0}, idles[20] = {{0}}, adds[20] = {{0}};
    send(runtime, "Rest", "{\"seconds\":3600}", &rests);
    outcome hangs = {0};
    send(runtime, "Hang", "{}", &hangs);
    wait_until(&hanging, 1);
    for (unsigned i = 0; i < 20; i++) {
        send(runtime, "Idle", "{}", &idles[i]);
        send(runtime, "Add", "{\"id\":\"a\"}", &adds[i]);
    }
    assert_int_equal(dispatch(runtime, "Add", "{\"id\":\"b\"}"), NEAP_OK);
    assert_int_equal(neap_drain(runtime, 0, &error), NEAP_OK);
    assert_int_equal(hangs.status, NEAP_LIMIT);
    assert_int_equal(rests.status, NEAP_UNAVAILABLE);
    for (unsigned i = 0; i < 20; i++)
        assert_true(idles[i].answers == 1 && idles[i].status == NEAP_OK && adds[i].answers == 1 &&
                    adds[i].status == NEAP_OK);
    assert_int_equal(rests.answers + hangs.answers, 2);
    check_count(runtime, "a", "20");
    assert_non_null(strstr(said, "handling Hang, and is given up"));
    release_all();
    assert_int_equal(dispatch(runtime, "Idle", "{}"), NEAP_OK);
    neap_close(runtime);
}

static void what_it_had_done_before_makes_the_outcome_unknown(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_impatient();
    assert_int_equal(dispatch(runtime, "Hang", "{\"first\":true}"), NEAP_LIMIT);
    assert_true(error.outcome_unknown);
    check_count(runtime, "before", "1");
    release_all();
    assert_int_equal(dispatch(runtime, "Hang", "{\"first\":false}"), NEAP_LIMIT);
    assert_false(error.outcome_unknown);
    release_all();
    neap_close(runtime);
}

static void after_four_the_lane_is_not_replaced(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_impatient();
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(dispatch(runtime, "Hang", "{}"), NEAP_LIMIT);
        assert_int_equal(dispatch(runtime, "Idle", "{}"), NEAP_OK);
    }
    assert_int_equal(dispatch(runtime, "Hang", "{}"), NEAP_LIMIT);
    assert_int_equal(dispatch(runtime, "Idle", "{}"), NEAP_UNAVAILABLE);
    assert_non_null(strstr(error.message, "could not be replaced"));
    assert_int_equal(dispatch(runtime, "Add", "{\"id\":\"a\"}"), NEAP_OK);
    neap_reply *reply;
    assert_int_equal(neap_state(runtime, "Thing", "a", 0, &reply, &error), NEAP_OK);
    neap_reply_free(reply);
    release_all();
    assert_int_equal(dispatch(runtime, "Idle", "{}"), NEAP_UNAVAILABLE);
    neap_close(runtime);
}

static void closing_does_not_wait_for_who_hangs(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_impatient();
    outcome hangs = {0};
    send(runtime, "Hang", "{}", &hangs);
    wait_until(&hanging, 1);
    neap_close(runtime);
    assert_int_equal(hangs.answers, 1);
    assert_int_equal(hangs.status, NEAP_LIMIT);
    release_all();
}

/* Lua's hook cannot look into table.sort: it takes about a second here. */
static void a_decision_that_hangs_costs_itself_only(bool caller_runs)
{
    neap_options options;
    neap_options_init(&options);
    options.handler_ms = 200;
    options.caller_runs = caller_runs;
    neap_runtime *runtime = open_with(&options);
    assert_int_equal(dispatch(runtime, "Add", "{\"id\":\"a\"}"), NEAP_OK);
    assert_int_equal(dispatch(runtime, "Add", "{\"id\":\"a\",\"busy\":true}"), NEAP_LIMIT);
    assert_int_equal(dispatch(runtime, "Add", "{\"id\":\"a\"}"), NEAP_OK);
    check_count(runtime, "a", "2");
    assert_int_equal(neap_drain(runtime, 0, &error), NEAP_OK);
    neap_close(runtime);
}

static void decisions_that_hang_cost_themselves_only(void **unused)
{
    (void)unused;
    a_decision_that_hangs_costs_itself_only(false);
    a_decision_that_hangs_costs_itself_only(true);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static unsigned long long waited_as_said(void)
{
    unsigned long long waited;
    char text[sizeof said];
    pthread_mutex_lock(&mutex);
    memcpy(text, said, sizeof text);
    pthread_mutex_unlock(&mutex);
    const char *at = strstr(text, " for ");
    assert_non_null(at);
    assert_int_equal(sscanf(at, " for %llu ms", &waited), 1);
    return waited;
}

/* Both are the first thing that their lane does: the waiting for one is not that for the other. */
static void each_has_its_own_time(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_impatient();
    outcome hangs[2] = {{0}};
    int64_t began = now_ms();
    send(runtime, "Hang", "{}", &hangs[0]);
    wait_until(&hanging, 1);
    send(runtime, "Hang", "{}", &hangs[1]);
    wait_until(&hanging, 2);
    unsigned long long waited = waited_as_said();
    assert_int_equal(neap_drain(runtime, 0, &error), NEAP_OK);
    waited += waited_as_said();
    assert_true(waited <= (unsigned long long)(now_ms() - began));
    assert_true(hangs[0].status == NEAP_LIMIT && hangs[1].status == NEAP_LIMIT);
    release_all();
    neap_close(runtime);
}

/* The second waits for the first's idempotency key when that one is given up, and nothing else
 * comes. */
static void what_waited_for_who_hangs_goes_on(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_impatient();
    neap_dispatch_options keyed;
    neap_dispatch_options_init(&keyed);
    keyed.idempotency_key = "k";
    outcome hangs = {0};
    assert_int_equal(
        neap_send(runtime, "Hang", "{\"rest\":true}", 13, &keyed, note_outcome, &hangs, &error),
        NEAP_OK);
    neap_status status = neap_dispatch(runtime, "Idle", "{}", 2, &keyed, NULL, &error);
    assert_int_equal(status, NEAP_OK);
    assert_true(hangs.answers == 1 && hangs.status == NEAP_LIMIT);
    release_all();
    neap_close(runtime);
}

/* ---- Deliveries ------------------------------------------------------------------------------ */

static unsigned tries;
static bool works;

static neap_status try(neap_service_call *call, const char *json, size_t size, void *user,
                       neap_error *failure)
{
    (void)json;
    (void)size;
    (void)user;
    pthread_mutex_lock(&mutex);
    tries++;
    bool succeeds = works;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    return succeeds ? neap_service_result(call, "true", 4, failure) : NEAP_UNAVAILABLE;
}

/* The lane's Lua, and with it the middleware that waits for the next attempt, are lost: the event
 * is delivered anew, once. */
static void a_delivery_that_waits_is_made_anew(void **unused)
{
    (void)unused;
    neap_runtime *runtime;
    neap_options options;
    neap_options_init(&options);
    options.handler_ms = 250;
    options.log = note_text;
    hanging = released = out = tries = 0;
    works = false;
    if (neap_load(DELIVERY, &options, &runtime, &error) != NEAP_OK ||
        neap_service_provide(runtime, "host", "hang", hang, NULL, &error) != NEAP_OK ||
        neap_service_provide(runtime, "host", "try", try, NULL, &error) != NEAP_OK ||
        neap_start(runtime, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    assert_int_equal(dispatch(runtime, "Add", "{\"id\":\"a\"}"), NEAP_OK);
    wait_until(&tries, 1);
    pthread_mutex_lock(&mutex);
    works = true;
    pthread_mutex_unlock(&mutex);
    assert_int_equal(dispatch(runtime, "Hang", "{}"), NEAP_UNAVAILABLE); /* what waited for it */
    if (neap_drain(runtime, 60000, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    pthread_mutex_lock(&mutex);
    assert_int_equal(tries, 2);
    pthread_mutex_unlock(&mutex);
    release_all();
    neap_close(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_hangs_is_answered_and_the_others_go_on),
        cmocka_unit_test(what_it_had_done_before_makes_the_outcome_unknown),
        cmocka_unit_test(after_four_the_lane_is_not_replaced),
        cmocka_unit_test(closing_does_not_wait_for_who_hangs),
        cmocka_unit_test(decisions_that_hang_cost_themselves_only),
        cmocka_unit_test(each_has_its_own_time),
        cmocka_unit_test(what_waited_for_who_hangs_goes_on),
        cmocka_unit_test(a_delivery_that_waits_is_made_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
