/* Subscribers with breaker, limit and timeout, without threads, with a clock that the test moves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include "base/alloc.h"
#include "neap.h"
#include "runtime/stepping.h"

static neap_runtime *runtime;
static neap_error error;

/* What the world does, and what was asked of it. */
static bool down;
static unsigned acts, tries, under_way, most_under_way, finished;
static unsigned deliveries, delivered, refused;

static neap_status act(neap_service_call *call, const char *json, size_t size, void *user,
                       neap_error *failure)
{
    (void)call;
    (void)json;
    (void)size;
    (void)user;
    acts++;
    if (!down)
        return NEAP_OK;
    failure->status = NEAP_UNAVAILABLE;
    snprintf(failure->code, sizeof failure->code, "unavailable");
    snprintf(failure->message, sizeof failure->message, "the world is down");
    return NEAP_UNAVAILABLE;
}

static neap_status count(neap_service_call *call, const char *json, size_t size, void *user,
                         neap_error *failure)
{
    (void)call;
    (void)json;
    (void)size;
    (void)failure;
    ++*(unsigned *)user;
    return NEAP_OK;
}

static neap_status begin(neap_service_call *call, const char *json, size_t size, void *user,
                         neap_error *failure)
{
    if (++under_way > most_under_way)
        most_under_way = under_way;
    return count(call, json, size, user, failure);
}

static neap_status finish(neap_service_call *call, const char *json, size_t size, void *user,
                          neap_error *failure)
{
    under_way--;
    return count(call, json, size, user, failure);
}

static neap_status before(void *user, const neap_passing *passing, neap_error *failure)
{
    (void)user;
    (void)failure;
    if (passing->kind == NEAP_KIND_EVENT) {
        assert_string_equal(passing->name, "Happened");
        assert_non_null(passing->subscription);
        assert_int_not_equal(passing->event->position, 0);
        deliveries++;
    }
    return NEAP_OK;
}

static void after(void *user, const neap_passing *passing, neap_status status,
                  const neap_reply *reply, const neap_error *failure, int64_t elapsed_us)
{
    (void)user;
    (void)reply;
    (void)failure;
    (void)elapsed_us;
    if (passing->kind == NEAP_KIND_EVENT)
        ++*(status == NEAP_OK ? &delivered : &refused);
}

static void open_with(const char *subscriptions, const char *store)
{
    static unsigned unused;
    neap_options options;
    neap_options_init(&options);
    options.store = store;
    options.subscriptions = subscriptions;
    down = false;
    acts = tries = under_way = most_under_way = finished = 0;
    deliveries = delivered = refused = 0;
    if (neap_load(DOMAIN, &options, &runtime, &error) != NEAP_OK ||
        neap_service_provide(runtime, "world", "act", act, NULL, &error) != NEAP_OK ||
        neap_service_provide(runtime, "world", "begin", begin, &unused, &error) != NEAP_OK ||
        neap_service_provide(runtime, "world", "finish", finish, &finished, &error) != NEAP_OK ||
        neap_service_provide(runtime, "world", "try", count, &tries, &error) != NEAP_OK ||
        neap_use(runtime, before, after, NULL, &error) != NEAP_OK ||
        neap_start(runtime, &error) != NEAP_OK)
        fail_msg("%s", error.message);
}

static void happen(const char *id, int n)
{
    char json[100];
    snprintf(json, sizeof json, "{\"id\":\"%s\",\"n\":%d}", id, n);
    if (neap_dispatch(runtime, "Do", json, strlen(json), NULL, NULL, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    assert_true(stepping_settle());
}

static void pass(double seconds)
{
    stepping_advance((int64_t)(seconds * 1e6));
    assert_true(stepping_settle());
}

/* Whether the subscriptions' JSON has the text. */
static bool is_said(const char *text)
{
    char *json;
    if (neap_subscriptions(runtime, &json, NULL, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    bool said = strstr(json, text) != NULL;
    neap_free(json);
    return said;
}

static unsigned letters(void)
{
    char *json;
    unsigned found = 0;
    assert_int_equal(neap_dead_letters(runtime, NULL, &json, NULL, &error), NEAP_OK);
    for (const char *at = json; (at = strstr(at, "\"position\"")) != NULL; at++)
        found++;
    neap_free(json);
    return found;
}

static void close_all(void)
{
    neap_close(runtime);
    assert_int_equal(neapi_alloc_blocks(), 0);
}

/* ---- The breaker ----------------------------------------------------------------------------- */

static bool is_measured(neap_status (*measure)(neap_runtime *, char **, size_t *, neap_error *),
                        const char *part)
{
    char *text;
    assert_int_equal(measure(runtime, &text, NULL, &error), NEAP_OK);
    bool found = strstr(text, part) != NULL;
    neap_free(text);
    return found;
}

static void metrics_tell_how_the_breaker_is(void **unused)
{
    (void)unused;
    open_with("guarded", "memory:");
    assert_true(is_measured(neap_metrics, "\"breaker\":\"closed\""));
    assert_true(is_measured(neap_metrics_prometheus, "state=\"closed\"} 1\n"));
    down = true;
    happen("a", 1);
    for (int i = 0; i < 2; i++)
        pass(0.1);
    assert_true(is_measured(neap_metrics, "\"breaker\":\"open\""));
    assert_true(is_measured(neap_metrics_prometheus, "state=\"open\"} 1\n"));
    assert_true(is_measured(neap_metrics_prometheus, "state=\"closed\"} 0\n"));
    assert_false(is_measured(neap_metrics_prometheus,
                             "subscription=\"limited\",kind=\"subscriber\",state="));
    close_all();
}

static void an_open_breaker_holds_back(void **unused)
{
    (void)unused;
    open_with("guarded", "memory:");
    assert_true(is_said("\"breaker\":{\"state\":\"closed\""));
    down = true;
    happen("a", 1);
    for (int i = 0; i < 2; i++)
        pass(0.1);
    assert_int_equal(acts, 3);
    assert_true(is_said("\"state\":\"held back\""));
    assert_true(is_said("\"breaker\":{\"state\":\"open\""));
    happen("b", 2);
    pass(9.5);
    assert_int_equal(acts, 3);
    assert_int_equal(letters(), 0);
    down = false;
    pass(0.5);
    assert_int_equal(acts, 5);
    assert_int_equal(letters(), 0);
    assert_true(is_said("\"breaker\":{\"state\":\"closed\""));
    assert_true(is_said("\"state\":\"live\""));
    close_all();
}

static void a_probe_that_fails_opens_it_again(void **unused)
{
    (void)unused;
    open_with("guarded", "memory:");
    down = true;
    happen("a", 1);
    pass(0.1);
    pass(0.1);
    pass(10);
    assert_int_equal(acts, 4);
    assert_int_equal(letters(), 1); /* its attempts are over, and the probe was one of them */
    happen("b", 1);
    for (int i = 0; i < 9; i++)
        pass(1);
    assert_int_equal(acts, 4);
    down = false;
    pass(1.1);
    assert_int_equal(acts, 5);
    assert_int_equal(letters(), 1);
    assert_true(is_said("\"breaker\":{\"state\":\"closed\""));
    close_all();
}

static void what_waits_can_be_paused_and_closed(void **unused)
{
    (void)unused;
    open_with("guarded", "memory:");
    down = true;
    happen("a", 1);
    assert_int_equal(acts, 1);
    assert_int_equal(neap_pause(runtime, "guarded", &error), NEAP_OK);
    assert_true(stepping_settle());
    assert_true(is_said("\"state\":\"paused\""));
    pass(100);
    assert_int_equal(acts, 1);
    assert_int_equal(neap_resume(runtime, "guarded", &error), NEAP_OK);
    assert_true(stepping_settle());
    assert_int_equal(acts, 2); /* it begins anew */
    pass(0.1);
    assert_int_equal(acts, 3);
    assert_true(is_said("\"state\":\"held back\""));
    close_all();
    assert_int_equal(deliveries, 2);
    assert_int_equal(refused, 2);
}

/* ---- Middleware ------------------------------------------------------------------------------ */

static void it_is_around_all_attempts(void **unused)
{
    (void)unused;
    open_with("hasty", "memory:");
    happen("a", 1);
    assert_int_equal(deliveries, 1);
    assert_int_equal(delivered, 1);
    happen("a", 7);
    pass(2);
    assert_int_equal(refused, 0);
    pass(0.2);
    assert_int_equal(tries, 3);
    pass(2);
    assert_int_equal(deliveries, 2);
    assert_int_equal(refused, 1);
    close_all();
}

/* ---- Timeout and limit ----------------------------------------------------------------------- */

static void what_waits_too_long_has_failed(void **unused)
{
    (void)unused;
    open_with("hasty", "memory:");
    happen("a", 7);
    pass(1.9);
    assert_int_equal(tries, 1);
    pass(0.1);
    pass(0.2);
    assert_int_equal(tries, 2);
    pass(2.1);
    assert_int_equal(letters(), 1);
    char *json;
    assert_int_equal(neap_dead_letters(runtime, "hasty", &json, NULL, &error), NEAP_OK);
    assert_non_null(strstr(json, "\"code\":\"timeout\""));
    assert_non_null(strstr(json, "\"attempts\":2"));
    neap_free(json);
    close_all();
}

static void no_more_than_the_limit_are_at_an_event(void **unused)
{
    (void)unused;
    open_with("limited", "memory:");
    for (int i = 0; i < 16; i++) {
        char id[] = {(char)('a' + i), '\0'};
        happen(id, i);
    }
    assert_int_equal(under_way, 2);
    assert_true(is_said("\"under_way\":2,\"limit\":2"));
    for (unsigned i = 0; i < 40 && finished < 16; i++) {
        assert_true(finished >= 2 * i);
        pass(1.001);
    }
    assert_int_equal(finished, 16);
    assert_int_equal(most_under_way, 2);
    assert_true(is_said("\"under_way\":0,\"limit\":2"));
    close_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_tell_how_the_breaker_is),
        cmocka_unit_test(an_open_breaker_holds_back),
        cmocka_unit_test(a_probe_that_fails_opens_it_again),
        cmocka_unit_test(what_waits_can_be_paused_and_closed),
        cmocka_unit_test(it_is_around_all_attempts),
        cmocka_unit_test(what_waits_too_long_has_failed),
        cmocka_unit_test(no_more_than_the_limit_are_at_an_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
