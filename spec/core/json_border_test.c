/* JSON at the border: members, texts, flat objects, events, errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "message/json.h"
#include "message/write.h"

static void assert_text(neap_text text, const char *expected)
{
    assert_int_equal(text.size, strlen(expected));
    assert_memory_equal(text.data, expected, text.size);
}

static void finds_a_member(void **state)
{
    neap_text json =
        neapi_text_of(" { \"a\" : [1,{\"x\":\"]}\"}] , \"b\\u0063\" : \"q\\\"r\" ,\"\":-1.5e3,"
                      "\"t\":true,\"o\":{\"a\":2}\n}");
    neap_text value;
    (void)state;
    assert_true(neapi_json_member(json, NEAPI_LITERAL("a"), &value));
    assert_text(value, "[1,{\"x\":\"]}\"}]");
    assert_true(neapi_json_member(json, NEAPI_LITERAL("bc"), &value));
    assert_text(value, "\"q\\\"r\"");
    assert_true(neapi_json_member(json, NEAPI_LITERAL(""), &value));
    assert_text(value, "-1.5e3");
    assert_true(neapi_json_member(json, NEAPI_LITERAL("t"), &value));
    assert_text(value, "true");
    assert_true(neapi_json_member(json, NEAPI_LITERAL("o"), &value));
    assert_text(value, "{\"a\":2}");
    assert_false(neapi_json_member(json, NEAPI_LITERAL("x"), &value));
    assert_false(neapi_json_member(NEAPI_LITERAL("[\"a\"]"), NEAPI_LITERAL("a"), &value));
    assert_false(neapi_json_member(NEAPI_LITERAL("{}"), NEAPI_LITERAL("a"), &value));
    assert_false(neapi_json_member(NEAPI_LITERAL(""), NEAPI_LITERAL("a"), &value));
}

static neap_status members_of(const char *json, neap_json_member *members, size_t count,
                              neap_error *error)
{
    return neap_json_members(json, strlen(json), members, count, error);
}

static void gives_the_members_that_are_named(void **state)
{
    neap_json_member members[] = {
        {"command", true, {0}}, {"data", false, {0}}, {"key", false, {0}}};
    (void)state;
    assert_int_equal(
        members_of(" {\"data\":{\"a\":[1]},\"\\u0063ommand\":\"X\"} ", members, 3, NULL), NEAP_OK);
    assert_text(members[0].value, "\"X\"");
    assert_text(members[1].value, "{\"a\":[1]}");
    assert_null(members[2].value.data);
}

static void refuses_other_members(void **state)
{
    neap_json_member members[] = {{"command", true, {"as", 2}}, {"data", false, {"it", 2}}};
    neap_error error;
    (void)state;
    assert_int_equal(members_of("{\"comand\":1,\"command\":2}", members, 2, &error), NEAP_INVALID);
    assert_string_equal(error.message, "comand: an unknown member; did you mean 'command'?");
    assert_string_equal(error.path, "comand");
    assert_int_equal(error.column, 2);
    assert_int_equal(members_of("{\"data\":1}", members, 2, &error), NEAP_INVALID);
    assert_string_equal(error.message, "command: expected a value, got nothing");
    assert_int_equal(members_of("[1]", members, 2, &error), NEAP_INVALID);
    assert_string_equal(error.message, "expected an object");
    assert_int_equal(members_of("{\"command\":1,\"command\":1}", members, 2, &error), NEAP_INVALID);
    assert_int_equal(members_of("{\"command\":tru}", members, 2, &error), NEAP_INVALID);
    assert_int_equal(error.column, 12);
    assert_int_equal(members_of("{\"command\":1}x", members, 2, NULL), NEAP_INVALID);
    assert_text(members[0].value, "as");
    assert_text(members[1].value, "it");
}

static void decodes_a_string(void **state)
{
    char *text;
    size_t size;
    neap_error error;
    (void)state;
    assert_int_equal(
        neap_json_string(neapi_text_of("\"a\\u0000\\n\\ud83c\\udf0a\\/\""), &text, &size, NULL),
        NEAP_OK);
    assert_int_equal(size, 8);
    assert_memory_equal(text, "a\0\n\xF0\x9F\x8C\x8A/", 9);
    neap_free(text);
    assert_int_equal(neap_json_string(neapi_text_of("\"\""), &text, NULL, NULL), NEAP_OK);
    assert_string_equal(text, "");
    neap_free(text);
    static const char *const wrong[] = {"",       "\"",     "12",          "\"a",
                                        "\"a\"b", "\"a\" ", "\"\\ud800\"", "\"\xE9\""};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(neap_json_string(neapi_text_of(wrong[i]), &text, &size, &error),
                         NEAP_INVALID);
    assert_int_equal(neap_json_string(neapi_text_of("12"), &text, &size, &error), NEAP_INVALID);
    assert_string_equal(error.message, "expected a JSON string, got integer 12");
}

static void quotes_any_bytes(void **state)
{
    static const struct {
        const char *text;
        size_t size;
        const char *json;
    } cases[] = {
        {"", 0, "\"\""},
        {"neap", 4, "\"neap\""},
        {"a\"b\\c/d", 7, "\"a\\\"b\\\\c/d\""},
        {"\b\f\n\r\t\x01\x1F\x7F\0", 9, "\"\\b\\f\\n\\r\\t\\u0001\\u001f\x7F\\u0000\""},
        {"0123456789abcdef\"0123456789abcdef", 33, "\"0123456789abcdef\\\"0123456789abcdef\""},
        {"\xF0\x9F\x8C\x8A\xC3\xA9", 6, "\"\xF0\x9F\x8C\x8A\xC3\xA9\""},
        {"a\xFF\xC3\xA9\xE2\x82z\n", 8, "\"a\xEF\xBF\xBD\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBDz\\n\""},
        {"\xED\xA0\x80", 3, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *json;
        size_t size;
        assert_int_equal(neap_json_quote(cases[i].text, cases[i].size, &json, &size, NULL),
                         NEAP_OK);
        assert_string_equal(json, cases[i].json);
        assert_int_equal(size, strlen(json));
        assert_int_equal(neapi_json_check(neapi_text(json, size), 1, NULL), NEAP_OK);
        neap_free(json);
    }
}

/* Every byte at every place of texts of every short length. */
static void writes_the_same_whether_plain_or_not(void **state)
{
    (void)state;
    for (size_t size = 1; size <= 40; size++) {
        for (size_t at = 0; at < size; at++) {
            for (int byte = 0; byte < 256; byte += byte == 0x22 || byte > 0x5D ? 17 : 1) {
                char text[40];
                neapi_buffer fast = NEAPI_BUFFER_INIT, slow = NEAPI_BUFFER_INIT;
                memset(text, 'x', size);
                text[at] = (char)byte;
                bool written = neapi_write_text(&fast, neapi_text(text, size));
                assert_int_equal(written, neapi_write_string(&slow, neapi_text(text, size)));
                assert_int_equal(written, byte < 0x80);
                assert_int_equal(fast.size, slow.size);
                if (written)
                    assert_memory_equal(fast.data, slow.data, fast.size);
                bool plain = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
                assert_true(!plain || fast.size == size + 2);
                assert_true(plain || !written || fast.size > size + 2);
                neapi_buffer_fini(&fast);
                neapi_buffer_fini(&slow);
            }
        }
    }
}

static void makes_a_flat_object_canonical(void **state)
{
    neapi_buffer json = NEAPI_BUFFER_INIT;
    neap_error error;
    (void)state;
    assert_int_equal(
        neapi_json_flat(neapi_text_of(" {\"user\":\"a\\u0064a\", \"\\u0061\" : \"\" ,\"B\":\"\\n\","
                                      "\"ab\":\"2\"} "),
                        &json, NULL),
        NEAP_OK);
    assert_string_equal(neapi_buffer_terminated(&json),
                        "{\"B\":\"\\n\",\"a\":\"\",\"ab\":\"2\",\"user\":\"ada\"}");
    neapi_buffer_clear(&json);
    assert_int_equal(neapi_json_flat(neapi_text_of("{}"), &json, NULL), NEAP_OK);
    assert_string_equal(neapi_buffer_terminated(&json), "{}");
    assert_int_equal(neapi_json_flat(neapi_text_of("{\"a\":\"1\",\"b\":{\"c\":1}}"), &json, &error),
                     NEAP_INVALID);
    assert_string_equal(error.message, "b: expected string, got table");
    assert_int_equal(error.column, 14);
    assert_int_equal(neapi_json_flat(neapi_text_of("[\"a\"]"), &json, &error), NEAP_INVALID);
    assert_int_equal(neapi_json_flat(neapi_text_of("{\"a\":\"1\",\"a\":\"1\"}"), &json, &error),
                     NEAP_INVALID);
    assert_int_equal(json.size, 2);
    neapi_buffer_fini(&json);
}

static void shows_an_event(void **state)
{
    neap_text tags[] = {NEAPI_LITERAL("course:c-1"), NEAPI_LITERAL("student:\"s\"")};
    neap_event event = {
        .position = UINT64_MAX,
        .version = 3,
        .recorded_at = 1700000000000042,
        .id = {{1, 2, 3, 4, 5, 6, 0x70, 8, 0x90, 10, 11, 12, 13, 14, 15, 16}},
        .schema = 1,
        .type = NEAPI_LITERAL("OrderPlaced"),
        .stream = NEAPI_LITERAL("Order-o\"1"),
        .data = NEAPI_LITERAL("{\"total\":1}"),
    };
    neapi_buffer json = NEAPI_BUFFER_INIT;
    (void)state;
    neapi_json_event(&json, &event);
    assert_string_equal(
        neapi_buffer_terminated(&json),
        "{\"position\":18446744073709551615,\"stream\":\"Order-o\\\"1\",\"version\":3,"
        "\"type\":\"OrderPlaced\",\"schema\":1,\"data\":{\"total\":1},"
        "\"recorded_at\":\"2023-11-14T22:13:20.000042Z\","
        "\"id\":\"01020304-0506-7008-900a-0b0c0d0e0f10\"}");
    neapi_buffer_clear(&json);
    event.command_id = event.causation_id = event.correlation_id = event.id;
    event.tags = tags;
    event.tag_count = 2;
    event.meta = NEAPI_LITERAL("{\"user\":\"ada\"}");
    event.recorded_at = -1;
    neapi_json_event(&json, &event);
    const char *text = neapi_buffer_terminated(&json);
    assert_non_null(strstr(text, "\"recorded_at\":\"1969-12-31T23:59:59.999999Z\""));
    assert_non_null(strstr(text, "\"command_id\":\"01020304-0506-7008-900a-0b0c0d0e0f10\""));
    assert_non_null(strstr(
        text, ",\"tags\":[\"course:c-1\",\"student:\\\"s\\\"\"],\"meta\":{\"user\":\"ada\"}}"));
    neapi_buffer_fini(&json);
}

static void shows_an_error(void **state)
{
    neap_error error = {.code = "rejected", .message = "no \"more\""};
    char *json;
    size_t size;
    (void)state;
    assert_int_equal(neap_error_json(&error, &json, &size), NEAP_OK);
    assert_string_equal(json, "{\"code\":\"rejected\",\"message\":\"no \\\"more\\\"\"}");
    assert_int_equal(size, strlen(json));
    neap_free(json);
    strcpy(error.path, "items[2].sku");
    strcpy(error.details, "{\"left\":0}");
    strcpy(error.traceback, "shop.lua:3");
    error.line = 1;
    error.column = 7;
    error.outcome_unknown = true;
    assert_int_equal(neap_error_json(&error, &json, NULL), NEAP_OK);
    assert_string_equal(
        json, "{\"code\":\"rejected\",\"message\":\"no \\\"more\\\"\",\"path\":\"items[2].sku\","
              "\"line\":1,\"column\":7,\"details\":{\"left\":0},"
              "\"traceback\":\"shop.lua:3\",\"outcome\":\"unknown\"}");
    neap_free(json);
    strcpy(error.details, "{\"left\":");
    assert_int_equal(neap_error_json(&error, &json, NULL), NEAP_OK);
    assert_int_equal(neapi_json_check(neapi_text_of(json), 2, NULL), NEAP_OK);
    neap_free(json);
}

/* Runs all that allocates with the n-th allocation refused. */
static neap_status everything(neap_error *error)
{
    neapi_buffer buffer = NEAPI_BUFFER_INIT;
    char *text = NULL;
    neap_error failed = {.code = "limit", .message = "x"};
    neap_status status = neap_json_quote("\n\xFF", 2, &text, NULL, error);
    neap_free(text);
    text = NULL;
    if (status == NEAP_OK)
        status = neap_json_string(neapi_text_of("\"a\\n\""), &text, NULL, error);
    neap_free(text);
    text = NULL;
    if (status == NEAP_OK)
        status = neap_error_json(&failed, &text, NULL);
    neap_free(text);
    if (status == NEAP_OK)
        status = neapi_json_flat(neapi_text_of("{\"b\":\"1\",\"\\u0061\":\"2\"}"), &buffer, error);
    neapi_buffer_fini(&buffer);
    return status;
}

static void survives_refused_allocations(void **state)
{
    unsigned refusals = 0;
    (void)state;
    neapi_alloc_refuse(0, false);
    int64_t blocks = neapi_alloc_blocks();
    for (uint64_t nth = 1;; nth++) {
        neap_error error;
        neapi_alloc_refuse(nth, nth % 2 == 0);
        neap_status status = everything(&error);
        neapi_alloc_refuse(0, false);
        assert_int_equal(neapi_alloc_blocks(), blocks);
        if (status == NEAP_OK)
            break;
        assert_int_equal(status, NEAP_NOMEM);
        refusals++;
    }
    assert_true(refusals >= 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_a_member),
        cmocka_unit_test(gives_the_members_that_are_named),
        cmocka_unit_test(refuses_other_members),
        cmocka_unit_test(decodes_a_string),
        cmocka_unit_test(quotes_any_bytes),
        cmocka_unit_test(writes_the_same_whether_plain_or_not),
        cmocka_unit_test(makes_a_flat_object_canonical),
        cmocka_unit_test(shows_an_event),
        cmocka_unit_test(shows_an_error),
        cmocka_unit_test(survives_refused_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
