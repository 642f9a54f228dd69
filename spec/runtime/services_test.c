/* Services as a host in C gives them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "script/engine.h"

static neap_error error;

static neap_runtime *load(const char *config)
{
    neap_options options;
    neap_options_init(&options);
    options.config = config;
    neap_runtime *runtime = NULL;
    if (neap_load(DOMAIN, &options, &runtime, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    return runtime;
}

static void start(neap_runtime *runtime)
{
    if (neap_start(runtime, &error) != NEAP_OK)
        fail_msg("%s", error.message);
}

static neap_status note(neap_runtime *runtime, const char *service, const char *name,
                        const char *value)
{
    char json[200];
    snprintf(json, sizeof json, "{\"service\":\"%s\",\"name\":\"%s\",\"value\":%s}", service, name,
             value);
    return neap_dispatch(runtime, "Note", json, strlen(json), NULL, NULL, &error);
}

static void check_noted(neap_runtime *runtime, const char *data)
{
    neap_cursor *cursor;
    neap_filter filter;
    neap_filter_init(&filter);
    filter.backward = true;
    assert_int_equal(neap_read(runtime, &filter, &cursor, &error), NEAP_OK);
    const neap_event *event;
    assert_int_equal(neap_cursor_next(cursor, &event, &error), NEAP_OK);
    assert_non_null(event);
    assert_int_equal(event->data.size, strlen(data));
    assert_memory_equal(event->data.data, data, strlen(data));
    neap_cursor_close(cursor);
}

/* Gives its argument back in a list, and remembers it. */
static neap_status echo(neap_service_call *call, const char *json, size_t size, void *user,
                        neap_error *failure)
{
    char text[100];
    snprintf(user, 100, "%s", json);
    snprintf(text, sizeof text, "[%s]", json);
    assert_int_equal(strlen(json), size);
    return neap_service_result(call, text, strlen(text), failure);
}

static neap_status refuse(neap_service_call *call, const char *json, size_t size, void *user,
                          neap_error *failure)
{
    (void)call;
    (void)json;
    (void)size;
    (void)user;
    failure->status = NEAP_UNAVAILABLE;
    snprintf(failure->code, sizeof failure->code, "unavailable");
    snprintf(failure->message, sizeof failure->message, "nobody answers");
    return NEAP_UNAVAILABLE;
}

/* Fills in of the error what a person reads, and no more. */
static neap_status say_why(neap_service_call *call, const char *json, size_t size, void *user,
                           neap_error *failure)
{
    (void)call;
    (void)json;
    (void)size;
    (void)user;
    snprintf(failure->message, sizeof failure->message, "the line is dead");
    return NEAP_UNAVAILABLE;
}

static neap_status say_nothing(neap_service_call *call, const char *json, size_t size, void *user,
                               neap_error *failure)
{
    (void)json;
    (void)size;
    if (user == NULL)
        return NEAP_OK;
    assert_int_equal(neap_service_result(call, "nonsense", 8, failure), NEAP_INVALID);
    failure->message[0] = '\0';
    return NEAP_STORE;
}

static void a_function_in_c_is_called_with_json_and_gives_json(void **unused)
{
    (void)unused;
    char seen[100] = "";
    neap_runtime *runtime = load(NULL);
    assert_int_equal(neap_service_provide(runtime, "mail", "echo", echo, seen, &error), NEAP_OK);
    assert_int_equal(neap_service_provide(runtime, "mail", "none", say_nothing, NULL, &error),
                     NEAP_OK);
    start(runtime);
    assert_int_equal(note(runtime, "mail", "echo", "{\"to\":\"ada\"}"), NEAP_OK);
    assert_string_equal(seen, "{\"to\":\"ada\"}");
    check_noted(runtime, "{\"text\":[{\"to\":\"ada\"}]}");
    assert_int_equal(note(runtime, "mail", "none", "null"), NEAP_OK);
    check_noted(runtime, "{}");
    neap_close(runtime);
}

static void what_fails_is_nil_and_an_error(void **unused)
{
    (void)unused;
    neap_runtime *runtime = load(NULL);
    assert_int_equal(neap_service_provide(runtime, "mail", "refuse", refuse, NULL, &error),
                     NEAP_OK);
    assert_int_equal(neap_service_provide(runtime, "mail", "mute", say_nothing, &error, &error),
                     NEAP_OK);
    assert_int_equal(neap_service_provide(runtime, "mail", "dead", say_why, NULL, &error), NEAP_OK);
    start(runtime);
    assert_int_equal(note(runtime, "mail", "refuse", "1"), NEAP_REJECTED);
    assert_string_equal(error.code, "unavailable");
    assert_string_equal(error.message, "nobody answers");
    assert_int_equal(note(runtime, "mail", "dead", "1"), NEAP_REJECTED);
    assert_string_equal(error.code, "unavailable");
    assert_string_equal(error.message, "the line is dead");
    assert_int_equal(note(runtime, "mail", "mute", "1"), NEAP_REJECTED);
    assert_string_equal(error.code, "store");
    assert_non_null(strstr(error.message, "'mail' failed in 'mute'"));
    assert_int_equal(note(runtime, "mail", "refus", "1"), NEAP_HANDLER);
    assert_non_null(strstr(error.message, "service 'mail' has no 'refus'; did you mean 'refuse'?"));
    neap_close(runtime);
}

static void it_takes_the_place_of_the_domains(void **unused)
{
    (void)unused;
    char seen[100] = "";
    neap_runtime *runtime = load("{\"clock\":{\"zone\":\"utc\"}}");
    start(runtime);
    assert_int_equal(note(runtime, "clock", "zone", "1"), NEAP_OK);
    check_noted(runtime, "{\"text\":\"utc\"}");
    neap_close(runtime);
    runtime = load(NULL);
    assert_int_equal(neap_service_provide(runtime, "clock", "zone", echo, seen, &error), NEAP_OK);
    start(runtime);
    assert_int_equal(note(runtime, "clock", "zone", "1"), NEAP_OK);
    check_noted(runtime, "{\"text\":[1]}");
    neap_close(runtime);
}

static void a_file_of_a_service_is_read_when_it_is_made(void **unused)
{
    (void)unused;
    neap_runtime *runtime = load("{\"clock\":{\"module\":\"zones\"}}");
    start(runtime);
    assert_int_equal(note(runtime, "clock", "zone", "1"), NEAP_OK);
    check_noted(runtime, "{\"text\":\"a zone of its own\"}");
    neap_close(runtime);
}

/* Else a snapshot would be of no use any more because a service has changed. */
static void it_has_no_part_in_the_fingerprint(void **unused)
{
    (void)unused;
    const neapi_engine_options options = {
        .platform = neapi_platform_machine(),
        .memory_bytes = 64 << 20,
        .allocation_bytes = 16 << 20,
        .message_bytes = 1 << 20,
        .instructions = 1000000,
        .ms = 60000,
        .depth = 50,
    };
    const neapi_service_options with_file = {
        .config = NEAPI_LITERAL("{\"clock\":{\"module\":\"zones\"}}")};
    neapi_sources *sources;
    neapi_engine *engine;
    assert_int_equal(neapi_sources_open(DOMAIN, &sources, &error), NEAP_OK);
    assert_int_equal(neapi_engine_open(sources, &options, &engine, &error), NEAP_OK);
    char before[64];
    snprintf(before, sizeof before, "%.60s", neapi_sources_fingerprint(sources).data);
    if (neapi_engine_start(engine, sources, &with_file, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    assert_string_equal(neapi_sources_fingerprint(sources).data, before);
    neapi_engine_close(engine);
    neapi_sources_free(sources);
}

static void mistakes_are_said(void **unused)
{
    (void)unused;
    neap_runtime *runtime = load(NULL);
    assert_int_equal(neap_service_provide(runtime, "mail", NULL, echo, NULL, &error), NEAP_USAGE);
    assert_int_equal(neap_service_provide(runtime, "mail", "a", echo, NULL, &error), NEAP_OK);
    assert_int_equal(neap_service_provide(runtime, "mail", "a", echo, NULL, &error), NEAP_USAGE);
    start(runtime);
    assert_int_equal(neap_service_provide(runtime, "mail", "b", echo, NULL, &error), NEAP_USAGE);
    assert_non_null(strstr(error.message, "too late"));
    neap_close(runtime);
    static const char *const configs[] = {"{\"clock\":", "3", " [{}]", "[]"};
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        runtime = load(configs[i]);
        assert_int_equal(neap_start(runtime, &error), NEAP_USAGE);
        assert_non_null(strstr(error.message, "option config"));
        assert_int_equal(i > 0, strstr(error.message, "expected a JSON object") != NULL);
        neap_close(runtime);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_function_in_c_is_called_with_json_and_gives_json),
        cmocka_unit_test(what_fails_is_nil_and_an_error),
        cmocka_unit_test(it_takes_the_place_of_the_domains),
        cmocka_unit_test(a_file_of_a_service_is_read_when_it_is_made),
        cmocka_unit_test(it_has_no_part_in_the_fingerprint),
        cmocka_unit_test(mistakes_are_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
