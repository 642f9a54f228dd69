/* The check of JSON text in C: what it accepts, what it refuses, and what it says then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/text.h"
#include "core/json_cases.h"
#include "message/json.h"

static neap_status check(const char *json, neap_error *error)
{
    return neapi_json_check(neapi_text_of(json), NEAPI_JSON_DEPTH, error);
}

/* A copy without anything behind it, so that a sanitizer sees a byte read beyond the end. */
static neap_status check_exactly(neap_text json, neap_error *error)
{
    char *copy = malloc(json.size != 0 ? json.size : 1);
    memcpy(copy, json.data, json.size);
    neap_status status = neapi_json_check(neapi_text(copy, json.size), NEAPI_JSON_DEPTH, error);
    free(copy);
    return status;
}

static void accepts_what_is_json(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        neap_error error;
        if (check_exactly(accepted[i].json, &error) != NEAP_OK)
            fail_msg("%s: %s", accepted[i].about, error.message);
    }
}

static void refuses_what_is_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        neap_error error;
        if (check_exactly(refused[i].json, &error) != NEAP_INVALID)
            fail_msg("accepted: %s", refused[i].about);
        assert_string_equal(error.code, "invalid");
        assert_true(error.line >= 1 && error.column >= 1);
        assert_true(strlen(error.message) > 10);
        assert_int_equal(check_exactly(refused[i].json, NULL), NEAP_INVALID);
    }
}

/* Every beginning of a well-formed array or object is no JSON. */
static void refuses_every_beginning(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        neap_text json = accepted[i].json;
        size_t end = json.size;
        while (end > 0 && strchr(" \t\r\n", json.data[end - 1]) != NULL)
            end--;
        if (json.data[end - 1] != ']' && json.data[end - 1] != '}')
            continue;
        for (size_t size = 0; size < end; size++)
            assert_int_equal(check_exactly(neapi_text(json.data, size), NULL), NEAP_INVALID);
    }
}

/* A byte that a string cannot hold is found at every place of strings of every short length. */
static void looks_at_every_byte_of_a_string(void **state)
{
    static const char wrong[] = {'\0', '\x01', '\n', '\x1F', '"', '\\', '\x80', '\xE9', '\xFF'};
    (void)state;
    for (size_t size = 1; size <= 40; size++) {
        char json[42];
        memset(json, 'x', sizeof json);
        json[0] = json[size + 1] = '"';
        assert_int_equal(check_exactly(neapi_text(json, size + 2), NULL), NEAP_OK);
        for (size_t at = 1; at <= size; at++) {
            for (size_t i = 0; i < sizeof wrong; i++) {
                json[at] = wrong[i];
                assert_int_equal(check_exactly(neapi_text(json, size + 2), NULL), NEAP_INVALID);
            }
            json[at] = 'x';
        }
    }
}

typedef struct place {
    const char *json, *path, *message;
    uint32_t line, column;
} place;

static void names_the_place(void **state)
{
    static const place places[] = {
        {"{\"a\":[1,{\"b\":x}]}", "a[2].b",
         "a[2].b: expected a value, found 'x' (line 1, column 14)", 1, 14},
        {"{\n  \"a\": 1,\n  \"b\" 2\n}", "b",
         "b: expected ':' after a member's name, found '2' (line 3, column 7)", 3, 7},
        {"[1,2", "[2]",
         "[2]: expected ',' or ']' after an element, found the end (line 1, column 5)", 1, 5},
        {"{\"items\":[{\"sku\":1},{\"sku\":\"\\ud800\"}]}", "items[2].sku",
         "items[2].sku: a surrogate stands alone (line 1, column 29)", 1, 29},
        {"{\"a\":1,\"a\":2}", "a", "a: a member appears twice (line 1, column 8)", 1, 8},
        {"{\"x\":{\"y\":{}},\"a b\":{\"c\":tru}}", "[\"a b\"].c",
         "[\"a b\"].c: expected a value, found 't' (line 1, column 26)", 1, 26},
        {"[[],[[7,8],[9,9223372036854775808]]]", "[2][2][2]",
         "[2][2][2]: an integer is beyond 64 bits (line 1, column 15)", 1, 15},
        {"{\"a\":1} x", "", "expected the end after the value, found 'x' (line 1, column 9)", 1, 9},
        {"", "", "expected a value, found the end (line 1, column 1)", 1, 1},
        {"[\"a\x01\"]", "[1]",
         "[1]: a control character in a string is not escaped (line 1, column 4)", 1, 4},
        {"\xEF\xBB\xBF{}", "", "expected a value, found byte 0xEF (line 1, column 1)", 1, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        neap_error error;
        assert_int_equal(check(places[i].json, &error), NEAP_INVALID);
        assert_string_equal(error.message, places[i].message);
        assert_string_equal(error.path, places[i].path);
        assert_int_equal(error.line, places[i].line);
        assert_int_equal(error.column, places[i].column);
    }
}

static void limits_the_depth(void **state)
{
    char json[2 * 2000];
    neap_error error;
    (void)state;
    for (unsigned depth = 1; depth <= 1000; depth++) {
        memset(json, '[', depth);
        memset(json + depth, ']', depth);
        neap_text text = neapi_text(json, 2 * depth);
        assert_int_equal(neapi_json_check(text, 100, &error), depth <= 100 ? NEAP_OK : NEAP_LIMIT);
    }
    assert_string_equal(error.code, "limit");
    assert_non_null(strstr(error.message, "deeper than 100"));
    assert_int_equal(check("[{\"a\":[]}]", NULL), NEAP_OK);
    assert_int_equal(neapi_json_check(neapi_text_of("[{\"a\":[]}]"), 2, NULL), NEAP_LIMIT);
    assert_int_equal(neapi_json_check(neapi_text_of("[{\"a\":1}]"), 2, NULL), NEAP_OK);
    assert_int_equal(neapi_json_check(neapi_text_of("1"), 0, NULL), NEAP_OK);
}

/* Opening brackets, a hundred thousand of them. */
static void is_not_overrun_by_openings(void **state)
{
    size_t size = 100000;
    char *json = malloc(size);
    neap_error error;
    (void)state;
    memset(json, '[', size);
    assert_int_equal(neapi_json_check(neapi_text(json, size), 1000000, &error), NEAP_LIMIT);
    for (size_t i = 0; i + 5 <= size; i += 5)
        memcpy(json + i, "{\"\":[", 5);
    assert_int_equal(neapi_json_check(neapi_text(json, size), 1000000, &error), NEAP_LIMIT);
    assert_true(strlen(error.path) < sizeof error.path);
    free(json);
}

/* An object of `count` members; the last has the name of the member `twice`. */
static neapi_buffer many_members(unsigned count, unsigned twice)
{
    neapi_buffer json = NEAPI_BUFFER_INIT;
    for (unsigned i = 0; i < count; i++)
        neapi_buffer_format(&json, "%c\"name%u\":%u", i == 0 ? '{' : ',',
                            i == count - 1 ? twice : i, i);
    neapi_buffer_byte(&json, '}');
    return json;
}

static void finds_duplicates_among_many(void **state)
{
    (void)state;
    for (unsigned count = 2; count <= 200000; count *= 10) {
        neapi_buffer json = many_members(count, count - 1);
        assert_int_equal(neapi_json_check(neapi_text(json.data, json.size), 1, NULL), NEAP_OK);
        neapi_buffer_fini(&json);
        json = many_members(count, 0);
        neap_error error;
        assert_int_equal(neapi_json_check(neapi_text(json.data, json.size), 1, &error),
                         NEAP_INVALID);
        assert_string_equal(error.path, "name0");
        neapi_buffer_fini(&json);
    }
}

static void survives_refused_allocations(void **state)
{
    neapi_buffer json = many_members(100, 99);
    neap_text text = neapi_text(json.data, json.size);
    (void)state;
    neapi_alloc_refuse(0, false);
    int64_t blocks = neapi_alloc_blocks();
    unsigned refusals = 0;
    for (uint64_t nth = 1;; nth++) {
        neap_error error;
        neapi_alloc_refuse(nth, nth % 2 == 0);
        neap_status status = neapi_json_check(text, 1, &error);
        neapi_alloc_refuse(0, false);
        assert_int_equal(neapi_alloc_blocks(), blocks);
        if (status == NEAP_OK)
            break;
        assert_int_equal(status, NEAP_NOMEM);
        assert_string_equal(error.code, "nomem");
        refusals++;
    }
    assert_true(refusals >= 2);
    neapi_buffer_fini(&json);
}

static void finds_what_lies_at_a_path(void **state)
{
    static const char json[] = "{\"a\":[1,{\"b \\\"c\":[[],\"x\"]}, 3 ],\"n\":null,\"2\":7}";
    static const struct {
        const char *path, *value; /* NULL: nothing */
    } cases[] = {
        {"[]", json},
        {"[\"n\"]", "null"},
        {"[\"a\",1]", "1"},
        {" [ \"a\" , 3 ] ", "3"},
        {"[\"a\",2,\"b \\\"c\",2]", "\"x\""},
        {"[\"a\",2,\"b \\\"c\",1]", "[]"},
        {"[\"a\",2,\"b \\\"c\",1,1]", NULL},
        {"[\"a\",0]", NULL},
        {"[\"a\",4]", NULL},
        {"[\"a\",1.0]", NULL},
        {"[\"a\",1,\"x\"]", NULL},
        {"[\"b\"]", NULL},
        {"[2]", NULL},
        {"\"a\"", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        neap_text value = {0};
        bool found = neapi_json_at(neapi_text_of(json), neapi_text_of(cases[i].path), &value);
        assert_int_equal(found, cases[i].value != NULL);
        if (found)
            assert_true(neapi_text_equal(value, neapi_text_of(cases[i].value)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_what_is_json),
        cmocka_unit_test(refuses_what_is_not),
        cmocka_unit_test(refuses_every_beginning),
        cmocka_unit_test(looks_at_every_byte_of_a_string),
        cmocka_unit_test(names_the_place),
        cmocka_unit_test(limits_the_depth),
        cmocka_unit_test(is_not_overrun_by_openings),
        cmocka_unit_test(finds_duplicates_among_many),
        cmocka_unit_test(survives_refused_allocations),
        cmocka_unit_test(finds_what_lies_at_a_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
