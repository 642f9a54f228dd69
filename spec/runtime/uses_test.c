/* Middleware of a host in C. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "neap.h"

static neap_error error;
static char log_text[2000];

static void note(const char *who, const char *what, const char *name)
{
    size_t used = strlen(log_text);
    snprintf(log_text + used, sizeof log_text - used, "%s%s %s; ", who, what, name);
}

static neap_status before(void *user, const neap_passing *message, neap_error *failure)
{
    (void)failure;
    note(user, "<", message->name);
    assert_int_equal(message->size, sizeof *message);
    return NEAP_OK;
}

static void after(void *user, const neap_passing *message, neap_status status,
                  const neap_reply *reply, const neap_error *failure, int64_t elapsed_us)
{
    assert_true(elapsed_us >= 0);
    assert_int_equal(status == NEAP_OK, reply != NULL);
    assert_int_equal(status == NEAP_OK, failure == NULL);
    if (status == NEAP_OK && message->kind == NEAP_KIND_COMMAND)
        assert_non_null(neap_reply_receipt(reply));
    note(user, ">", status == NEAP_OK ? "ok" : failure->code);
}

/* Refuses what has no user in its meta. */
static neap_status guard(void *user, const neap_passing *message, neap_error *failure)
{
    note(user, "?", message->name);
    if (message->meta.size != 0)
        return NEAP_OK;
    snprintf(failure->code, sizeof failure->code, "nobody");
    snprintf(failure->message, sizeof failure->message, "who are you?");
    return NEAP_REJECTED;
}

static neap_runtime *open_with(const char *domain, bool guarded)
{
    neap_runtime *runtime = NULL;
    neap_options options;
    neap_options_init(&options);
    log_text[0] = '\0';
    assert_int_equal(neap_load(domain, &options, &runtime, &error), NEAP_OK);
    assert_int_equal(neap_use(runtime, before, after, "a", &error), NEAP_OK);
    if (guarded)
        assert_int_equal(neap_use(runtime, guard, after, "g", &error), NEAP_OK);
    assert_int_equal(neap_use(runtime, NULL, after, "b", &error), NEAP_OK);
    assert_int_equal(neap_start(runtime, &error), NEAP_OK);
    return runtime;
}

static neap_status add(neap_runtime *runtime, const char *json, const char *meta)
{
    neap_dispatch_options options;
    neap_dispatch_options_init(&options);
    options.meta = meta;
    return neap_dispatch(runtime, "Add", json, strlen(json), &options, NULL, &error);
}

static void check_order(const char *domain)
{
    neap_runtime *runtime = open_with(domain, false);
    assert_int_equal(add(runtime, "{\"id\":\"a\",\"n\":1}", NULL), NEAP_OK);
    assert_string_equal(log_text, "a< Add; b> ok; a> ok; ");
    log_text[0] = '\0';
    assert_int_equal(add(runtime, "{\"id\":\"a\",\"n\":90}", NULL), NEAP_REJECTED);
    assert_string_equal(log_text, "a< Add; b> full; a> full; ");
    log_text[0] = '\0';
    assert_int_equal(add(runtime, "{\"id\":\"a\"}", NULL), NEAP_INVALID);
    assert_string_equal(log_text, "a< Add; b> invalid; a> invalid; ");
    log_text[0] = '\0';
    neap_reply *reply;
    assert_int_equal(neap_query(runtime, "Total", "{\"id\":\"a\"}", 10, 0, &reply, &error),
                     NEAP_OK);
    assert_string_equal(log_text, "a< Total; b> ok; a> ok; ");
    neap_reply_free(reply);
    neap_close(runtime);
}

static void the_first_is_the_outermost(void **unused)
{
    (void)unused;
    check_order(DOMAIN);
}

static void it_is_around_the_domains_own(void **unused)
{
    (void)unused;
    check_order(WRAPPED);
}

static void one_that_refuses_is_heard_by_those_around_it(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_with(DOMAIN, true);
    assert_int_equal(add(runtime, "{\"id\":\"a\",\"n\":1}", NULL), NEAP_REJECTED);
    assert_string_equal(error.code, "nobody");
    assert_string_equal(error.message, "who are you?");
    assert_string_equal(log_text, "a< Add; g? Add; a> nobody; ");
    log_text[0] = '\0';
    assert_int_equal(add(runtime, "{\"id\":\"a\",\"n\":1}", "{\"user\":\"ada\"}"), NEAP_OK);
    assert_string_equal(log_text, "a< Add; g? Add; b> ok; g> ok; a> ok; ");
    neap_close(runtime);
}

static void it_is_asked_once_however_often_a_message_is_decided(void **unused)
{
    (void)unused;
    neap_runtime *runtime = open_with(DOMAIN, false);
    neap_dispatch_options options;
    neap_dispatch_options_init(&options);
    options.idempotency_key = "k"; /* the later ones wait for the first, and begin again */
    const char *json = "{\"id\":\"a\",\"n\":1}";
    for (int i = 0; i < 10; i++)
        assert_int_equal(
            neap_send(runtime, "Add", json, strlen(json), &options, NULL, NULL, &error), NEAP_OK);
    assert_int_equal(neap_drain(runtime, 60000, &error), NEAP_OK);
    unsigned asked = 0;
    for (const char *at = log_text; (at = strstr(at, "a< Add")) != NULL; at++)
        asked++;
    assert_int_equal(asked, 10);
    neap_close(runtime);
}

static void mistakes_are_said(void **unused)
{
    (void)unused;
    neap_runtime *runtime = NULL;
    assert_int_equal(neap_load(DOMAIN, NULL, &runtime, &error), NEAP_OK);
    assert_int_equal(neap_use(runtime, NULL, NULL, NULL, &error), NEAP_USAGE);
    assert_int_equal(neap_start(runtime, &error), NEAP_OK);
    assert_int_equal(neap_use(runtime, before, NULL, NULL, &error), NEAP_USAGE);
    assert_non_null(strstr(error.message, "too late"));
    neap_close(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_is_the_outermost),
        cmocka_unit_test(it_is_around_the_domains_own),
        cmocka_unit_test(one_that_refuses_is_heard_by_those_around_it),
        cmocka_unit_test(it_is_asked_once_however_often_a_message_is_decided),
        cmocka_unit_test(mistakes_are_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
