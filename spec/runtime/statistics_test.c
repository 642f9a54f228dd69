/* Figures of a store, as a host gets them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include "neap.h"

static neap_error error;

static void add(neap_runtime *runtime, const char *json)
{
    assert_int_equal(neap_dispatch(runtime, "Add", json, strlen(json), NULL, NULL, &error),
                     NEAP_OK);
}

static void a_runtime_tells_its_stores_figures(void **unused)
{
    (void)unused;
    neap_runtime *runtime;
    const neap_statistics *stats;
    assert_int_equal(neap_open(DOMAIN, NULL, &runtime, &error), NEAP_OK);
    add(runtime, "{\"id\":\"a\",\"n\":1}");
    add(runtime, "{\"id\":\"a\",\"n\":2}");
    add(runtime, "{\"id\":\"b\",\"n\":1}");
    assert_int_equal(neap_stats(runtime, &stats, &error), NEAP_OK);
    neap_close(runtime); /* they are the caller's own */
    assert_int_equal(stats->events, 3);
    assert_int_equal(stats->streams, 2);
    assert_int_equal(stats->commands, 3);
    assert_memory_equal(stats->types->type.data, "Added", 6);
    assert_int_equal(stats->types->schema, 1);
    assert_null(stats->types->next);
    assert_memory_equal(stats->longest_streams->stream.data, "Counter-a", 10);
    assert_int_equal(stats->longest_streams->events, 2);
    neap_statistics_free(stats);
}

static void they_are_shown_as_json(void **unused)
{
    (void)unused;
    neap_runtime *runtime;
    const neap_statistics *stats;
    char *json;
    size_t size;
    assert_int_equal(neap_open(DOMAIN, NULL, &runtime, &error), NEAP_OK);
    assert_int_equal(neap_stats(runtime, &stats, &error), NEAP_OK);
    assert_int_equal(neap_statistics_json(stats, &json, &size, &error), NEAP_OK);
    assert_int_equal(size, strlen(json));
    assert_null(strstr(json, "first_at"));
    assert_non_null(strstr(
        json, "\"types\":[],\"categories\":[],\"longest_streams\":[],\"subscriptions\":[]}"));
    neap_free(json);
    neap_statistics_free(stats);
    add(runtime, "{\"id\":\"a\",\"n\":1}");
    assert_int_equal(neap_stats(runtime, &stats, &error), NEAP_OK);
    assert_int_equal(neap_statistics_json(stats, &json, NULL, &error), NEAP_OK);
    assert_non_null(strstr(json, "\"types\":[{\"type\":\"Added\",\"schema\":1,\"events\":1,"
                                 "\"first\":1,\"last\":1,\"data_bytes\":16}]"));
    neap_json_member member = {.name = "events", .required = true};
    neap_json_members(json, strlen(json), &member, 1, &error);
    assert_memory_equal(member.value.data, "1", member.value.size);
    neap_free(json);
    neap_statistics_free(stats);
    neap_close(runtime);
}

static void what_cannot_be_meant_is_usage(void **unused)
{
    (void)unused;
    neap_runtime *runtime;
    const neap_statistics *stats;
    assert_int_equal(neap_store_stats(NULL, &stats, &error), NEAP_USAGE);
    assert_int_equal(neap_stats(NULL, &stats, &error), NEAP_USAGE);
    assert_int_equal(neap_load(DOMAIN, NULL, &runtime, &error), NEAP_OK);
    assert_int_equal(neap_stats(runtime, NULL, &error), NEAP_USAGE);
    assert_int_equal(neap_stats(runtime, &stats, &error), NEAP_USAGE);
    assert_string_equal(error.message, "neap_stats: the runtime is not started");
    neap_close(runtime);
    neap_statistics_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_runtime_tells_its_stores_figures),
        cmocka_unit_test(they_are_shown_as_json),
        cmocka_unit_test(what_cannot_be_meant_is_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
