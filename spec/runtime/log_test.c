/* What a host's log is told, with its fields. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include "neap.h"

#define MOST 16

typedef struct heard {
    unsigned texts, records;
    neap_log_level levels[MOST];
    char messages[MOST][256], json[MOST][600];
} heard;

static neap_error error;

static void hear_text(void *user, neap_log_level level, const char *text)
{
    heard *it = user;
    (void)level;
    (void)text;
    it->texts++;
}

static void hear_record(void *user, const neap_log_record *record)
{
    heard *it = user;
    unsigned at = it->records++;
    assert_true(at < MOST);
    assert_true(record->at_us > 0);
    it->levels[at] = record->level;
    snprintf(it->messages[at], sizeof it->messages[at], "%s", record->message);
    char *json;
    size_t size;
    assert_int_equal(neap_log_record_json(record, &json, &size, &error), NEAP_OK);
    assert_int_equal(size, strlen(json));
    snprintf(it->json[at], sizeof it->json[at], "%s", json);
    neap_free(json);
}

static neap_runtime *open_runtime(heard *it, neap_log_level level)
{
    neap_options options;
    neap_runtime *runtime;
    neap_options_init(&options);
    assert_int_equal(options.log_level, NEAP_LOG_INFO);
    options.log = hear_text;
    options.log_record = hear_record;
    options.log_user = it;
    options.log_level = level;
    *it = (heard){0};
    assert_int_equal(neap_open(FIXTURES "/talking.lua", &options, &runtime, &error), NEAP_OK);
    return runtime;
}

static void send(neap_runtime *runtime, const char *json)
{
    assert_int_equal(neap_send(runtime, "Say", json, strlen(json), NULL, NULL, NULL, &error),
                     NEAP_OK);
}

static void prints_come_with_what_is_handled(void **unused)
{
    heard it;
    (void)unused;
    neap_runtime *runtime = open_runtime(&it, NEAP_LOG_INFO);
    send(runtime, "{\"id\":\"a\"}");
    neap_close(runtime);
    assert_int_equal(it.records, 1);
    assert_int_equal(it.texts, 1);
    assert_string_equal(it.messages[0], "saying a");
    assert_non_null(strstr(it.json[0], "\"level\":\"info\",\"message\":\"saying a\",\"lane\":1,"
                                       "\"command\":\"Say\",\"stream\":\"Speaker-a\","
                                       "\"command_id\":\""));
    assert_memory_equal(it.json[0], "{\"time\":\"", 9);
}

static void an_error_that_nobody_waits_for_is_said(void **unused)
{
    heard it;
    (void)unused;
    neap_runtime *runtime = open_runtime(&it, NEAP_LOG_ERROR);
    send(runtime, "{\"id\":\"bad\"}");
    send(runtime, "{\"id\":\"no\"}"); /* a rejection is no fault */
    assert_int_equal(neap_dispatch(runtime, "Say", "{\"id\":\"bad\"}", 12, NULL, NULL, &error),
                     NEAP_HANDLER);
    neap_close(runtime);
    assert_int_equal(it.records, 1);
    assert_int_equal(it.levels[0], NEAP_LOG_ERROR);
    assert_non_null(strstr(it.messages[0], "command Say: handler: "));
    assert_non_null(strstr(it.json[0], "\"status\":\"handler\",\"duration_us\":"));
}

static void debugging_tells_of_every_answer(void **unused)
{
    heard it;
    (void)unused;
    neap_runtime *runtime = open_runtime(&it, NEAP_LOG_DEBUG);
    send(runtime, "{\"id\":\"a\"}");
    send(runtime, "{\"id\":\"no\"}");
    neap_close(runtime);
    assert_int_equal(it.records, 3);
    unsigned answers = 0;
    for (unsigned i = 0; i < it.records; i++) {
        if (it.levels[i] != NEAP_LOG_DEBUG)
            continue;
        answers++;
        bool rejected = strstr(it.messages[i], ": silent: ") != NULL;
        assert_non_null(strstr(it.json[i], rejected ? "\"status\":\"rejected\",\"code\":\"silent\""
                                                    : "\"status\":\"ok\",\"duration_us\""));
    }
    assert_int_equal(answers, 2);
}

static void fields_are_quoted(void **unused)
{
    (void)unused;
    const neap_log_field fields[] = {
        {.name = "text", .text = {"a\"b\xff", 4}},
        {.name = "number", .number = -7},
        {.name = "empty", .text = {"", 0}},
    };
    const neap_log_record record = {.size = sizeof record,
                                    .level = NEAP_LOG_WARN,
                                    .message = "line\nbreak",
                                    .fields = fields,
                                    .field_count = 3};
    char *json;
    assert_int_equal(neap_log_record_json(&record, &json, NULL, &error), NEAP_OK);
    assert_string_equal(json, "{\"level\":\"warn\",\"message\":\"line\\nbreak\","
                              "\"text\":\"a\\\"b\xEF\xBF\xBD\",\"number\":-7,\"empty\":\"\"}");
    neap_free(json);
    assert_string_equal(neap_log_level_name(NEAP_LOG_ERROR), "error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_come_with_what_is_handled),
        cmocka_unit_test(an_error_that_nobody_waits_for_is_said),
        cmocka_unit_test(debugging_tells_of_every_answer),
        cmocka_unit_test(fields_are_quoted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
