/* CloudEvents: what is written, what is read, what is refused; and the times in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "base/uuid.h"
#include "message/cloudevent.h"
#include "message/json.h"
#include "message/time.h"

static neap_uuid uuid(const char *text)
{
    neap_uuid id;
    assert_true(neapi_uuid_parse(neapi_text_of(text), &id));
    return id;
}

static neap_event whole_event(void)
{
    static neap_text tags[2];
    tags[0] = NEAPI_LITERAL("course:c \"1\"");
    tags[1] = NEAPI_LITERAL("student:s");
    return (neap_event){
        .position = UINT64_MAX,
        .version = 12,
        .recorded_at = 1764158400123456,
        .id = uuid("01890a5d-ac96-774b-bcce-b302099a8057"),
        .correlation_id = uuid("01890a5d-ac96-774b-bcce-000000000001"),
        .causation_id = uuid("01890a5d-ac96-774b-bcce-000000000002"),
        .command_id = uuid("01890a5d-ac96-774b-bcce-000000000003"),
        .schema = 3,
        .tag_count = 2,
        .type = NEAPI_LITERAL("OrderPlaced"),
        .stream = NEAPI_LITERAL("Order-\xC3\xA9\"1"),
        .data = NEAPI_LITERAL("{\"a\":[1,2.5,null]}"),
        .meta =
            NEAPI_LITERAL("{\"a\":\"\\\"\",\"traceparent\":\"00-0af7651916cd43dd8448eb211c80319c-"
                          "b7ad6b7169203331-01\",\"tracestate\":\"x=1\",\"user\":\"ada\"}"),
        .tags = tags,
    };
}

#define WHOLE                                                                                      \
    "{\"causationid\":\"01890a5d-ac96-774b-bcce-000000000002\","                                   \
    "\"commandid\":\"01890a5d-ac96-774b-bcce-000000000003\","                                      \
    "\"correlationid\":\"01890a5d-ac96-774b-bcce-000000000001\","                                  \
    "\"data\":{\"a\":[1,2.5,null]},\"datacontenttype\":\"application/json\","                      \
    "\"id\":\"01890a5d-ac96-774b-bcce-b302099a8057\","                                             \
    "\"meta\":\"{\\\"a\\\":\\\"\\\\\\\"\\\",\\\"user\\\":\\\"ada\\\"}\","                          \
    "\"position\":\"18446744073709551615\",\"schemaversion\":3,\"source\":\"/shop\","              \
    "\"specversion\":\"1.0\",\"streamversion\":\"12\",\"subject\":\"Order-\xC3\xA9\\\"1\","        \
    "\"tags\":\"[\\\"course:c \\\\\\\"1\\\\\\\"\\\",\\\"student:s\\\"]\","                         \
    "\"time\":\"2025-11-26T12:00:00.123456Z\",\"traceparent\":\"00-"                               \
    "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\",\"tracestate\":\"x=1\","               \
    "\"type\":\"OrderPlaced\"}"

static void assert_text(neap_text actual, const char *expected)
{
    assert_true(neapi_text_equal(actual, neapi_text_of(expected)));
}

static void assert_written(const neap_event *event, const char *expected)
{
    neapi_buffer json = NEAPI_BUFFER_INIT;
    neapi_cloudevent_write(&json, event, NEAPI_LITERAL("/shop"));
    assert_string_equal(neapi_buffer_terminated(&json), expected);
    assert_int_equal(neapi_json_check(neapi_text(json.data, json.size), 100, NULL), NEAP_OK);
    neapi_buffer_fini(&json);
}

static void writes_a_whole_event_canonically(void **state)
{
    (void)state;
    neap_event event = whole_event();
    assert_written(&event, WHOLE);
}

static void leaves_out_what_is_empty(void **state)
{
    (void)state;
    neap_event event = {.position = 1,
                        .version = 1,
                        .id = uuid("01890a5d-ac96-774b-bcce-b302099a8057"),
                        .schema = 1,
                        .type = NEAPI_LITERAL("A"),
                        .stream = NEAPI_LITERAL("S"),
                        .data = NEAPI_LITERAL("{}"),
                        .meta = NEAPI_LITERAL("{}")};
    assert_written(&event, "{\"data\":{},\"datacontenttype\":\"application/json\","
                           "\"id\":\"01890a5d-ac96-774b-bcce-b302099a8057\",\"position\":\"1\","
                           "\"schemaversion\":1,\"source\":\"/shop\",\"specversion\":\"1.0\","
                           "\"streamversion\":\"1\",\"subject\":\"S\","
                           "\"time\":\"1970-01-01T00:00:00.000000Z\",\"type\":\"A\"}");
}

static void reads_what_it_wrote(void **state)
{
    (void)state;
    neap_event event = whole_event();
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_cloudevent read;
    neap_error error;
    assert_int_equal(neapi_cloudevent_read(NEAPI_LITERAL(WHOLE), &arena, &read, &error), NEAP_OK);
    assert_text(read.source, "/shop");
    assert_text(read.id, "01890a5d-ac96-774b-bcce-b302099a8057");
    assert_true(read.timed);
    assert_int_equal(read.event.recorded_at, event.recorded_at);
    assert_true(read.event.position == UINT64_MAX);
    assert_text(read.event.meta, event.meta.data);
    assert_written(&read.event, WHOLE);
    neapi_arena_fini(&arena);
}

static void reads_what_others_write(void **state)
{
    (void)state;
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_cloudevent read;
    neap_error error;
    neap_text json = NEAPI_LITERAL(
        " {\"specversion\" : \"1.0\", \"ty\\u0070e\" : \"com.example.some\", \"source\" : \"/a/b\","
        "\"subject\" : null, \"id\" : \"C234-1234\", \"time\" : \"2018-04-05T17:31:00+02:00\","
        "\"comexampleextension1\" : \"value\", \"comexampleothervalue\" : 5, \"flag\":true,"
        "\"datacontenttype\" : \"application/vnd.x+JSON; charset=utf-8\","
        "\"correlationid\":\"not a uuid\", \"position\":7, \"data\" : [ 1, {} ]}\n");
    assert_int_equal(neapi_cloudevent_read(json, &arena, &read, &error), NEAP_OK);
    assert_text(read.id, "C234-1234");
    assert_text(read.event.type, "com.example.some");
    assert_true(neapi_uuid_is_zero(read.event.id));
    assert_true(neapi_uuid_is_zero(read.event.correlation_id));
    assert_int_equal(read.event.stream.size, 0);
    assert_int_equal(read.event.position, 7);
    assert_int_equal(read.event.recorded_at, 1522942260000000);
    assert_text(read.event.data, "[ 1, {} ]");
    neapi_arena_fini(&arena);
}

#define MEMBERS "\"id\":\"1\",\"source\":\"/s\",\"specversion\":\"1.0\",\"type\":\"T\""

static void refuses_what_is_none(void **state)
{
    static const struct {
        const char *json, *message;
    } cases[] = {
        {"", "expected a value, found the end (line 1, column 1)"},
        {"[1]", "expected a CloudEvent, an object"},
        {"{}", "specversion: expected a text, got nothing"},
        {"{\"specversion\":null," MEMBERS "}",
         "specversion: a member appears twice (line 1, column 44)"},
        {"{\"id\":\"1\",\"source\":\"/s\",\"specversion\":null,\"type\":\"T\"}",
         "specversion: expected a text, got nothing"},
        {"{\"id\":\"1\",\"source\":\"/s\",\"specversion\":\"1.0\"}",
         "type: expected a text, got nothing"},
        {"{\"id\":\"\",\"source\":\"/s\",\"specversion\":\"1.0\",\"type\":\"T\"}",
         "id: expected a text that is not empty, got string \"\""},
        {"{\"id\":7,\"source\":\"/s\",\"specversion\":\"1.0\",\"type\":\"T\"}",
         "id: expected string, got integer 7"},
        {"{\"id\":\"1\",\"source\":\"/s\",\"specversion\":\"0.3\",\"type\":\"T\"}",
         "specversion: expected version \"1.0\" of CloudEvents, got string \"0.3\""},
        {"{" MEMBERS ",\"data_base64\":\"AA==\"}",
         "data_base64: binary data is not read; expected JSON in data"},
        {"{" MEMBERS ",\"Extension\":1}",
         "Extension: an attribute's name has small letters and digits alone"},
        {"{" MEMBERS ",\"extension\":{}}",
         "extension: expected a text, a number or a boolean, got table"},
        {"{" MEMBERS ",\"time\":\"yesterday\"}",
         "time: expected a time as in RFC 3339, got string \"yesterday\""},
        {"{" MEMBERS ",\"datacontenttype\":\"text/xml\",\"data\":\"<a/>\"}",
         "datacontenttype: expected a type of JSON, as \"application/json\", got string "
         "\"text/xml\""},
        {"{" MEMBERS ",\"position\":\"18446744073709551616\"}",
         "position: expected a count, got string \"18446744073709551616\""},
        {"{" MEMBERS ",\"schemaversion\":4294967296}",
         "schemaversion: expected a count, got integer 4294967296"},
        {"{" MEMBERS ",\"schemaversion\":-1}", "schemaversion: expected a count, got integer -1"},
        {"{" MEMBERS ",\"tags\":\"[1]\"}",
         "tags: expected a JSON list of texts, got string \"[1]\""},
        {"{" MEMBERS ",\"tags\":\"\"}", "tags: expected a JSON list of texts, got string \"\""},
        {"{" MEMBERS ",\"meta\":\"{\\\"a\\\":1}\"}", "meta: a: expected string, got integer 1"},
        {"{" MEMBERS ",\"meta\":\"\"}", "meta: expected a value, found the end (line 1, column 1)"},
        {"{" MEMBERS ",\"traceparent\":1}", "traceparent: expected string, got integer 1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        neapi_arena arena = NEAPI_ARENA_INIT;
        neapi_cloudevent read;
        neap_error error;
        neap_text json = neapi_text_of(cases[i].json);
        assert_int_equal(neapi_cloudevent_read(json, &arena, &read, &error), NEAP_INVALID);
        assert_string_equal(error.message, cases[i].message);
        assert_int_equal(neapi_cloudevent_read(json, &arena, &read, NULL), NEAP_INVALID);
        neapi_arena_fini(&arena);
    }
}

static void drops_a_trace_that_is_none(void **state)
{
    (void)state;
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_cloudevent read;
    neap_text json = NEAPI_LITERAL("{" MEMBERS ",\"traceparent\":\"zz\",\"tracestate\":\"a=b\"}");
    assert_int_equal(neapi_cloudevent_read(json, &arena, &read, NULL), NEAP_OK);
    assert_int_equal(read.event.meta.size, 0);
    neapi_arena_fini(&arena);
}

static void any_change_of_a_byte_is_read_or_refused(void **state)
{
    static const char bytes[] = "\"\\{}[],:0a\xFF\n";
    char text[] = WHOLE;
    (void)state;
    for (size_t i = 0; i < sizeof text - 1; i++) {
        for (size_t k = 0; k < sizeof bytes; k++) {
            neapi_arena arena = NEAPI_ARENA_INIT;
            neapi_cloudevent read;
            char before = text[i];
            text[i] = bytes[k];
            char *exact = neapi_alloc(sizeof text - 1);
            memcpy(exact, text, sizeof text - 1);
            neap_status status =
                neapi_cloudevent_read(neapi_text(exact, sizeof text - 1), &arena, &read, NULL);
            assert_true(status == NEAP_OK || status == NEAP_INVALID);
            neapi_free(exact);
            neapi_arena_fini(&arena);
            text[i] = before;
        }
    }
}

static void a_refused_allocation_is_told(void **state)
{
    (void)state;
    neap_event event = whole_event();
    for (uint64_t nth = 1;; nth++) {
        neapi_buffer json = NEAPI_BUFFER_INIT;
        neapi_arena arena = NEAPI_ARENA_INIT;
        neapi_cloudevent read;
        int64_t before = neapi_alloc_blocks();
        neapi_alloc_refuse(nth, false);
        neapi_cloudevent_write(&json, &event, NEAPI_LITERAL("/shop"));
        neap_status status = neapi_cloudevent_read(NEAPI_LITERAL(WHOLE), &arena, &read, NULL);
        bool struck = neapi_alloc_struck();
        neapi_alloc_refuse(0, false);
        assert_true(struck == (json.failed || status == NEAP_NOMEM));
        neapi_buffer_fini(&json);
        neapi_arena_fini(&arena);
        assert_int_equal(neapi_alloc_blocks(), before);
        if (!struck)
            break;
    }
}

static void reads_times(void **state)
{
    static const struct {
        const char *text;
        int64_t us;
    } times[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:00.000001z", 1},
        {"1969-12-31T23:59:59.999999Z", -1},
        {"2000-02-29T12:00:00.1234567+00:00", 951825600123456},
        {"2025-11-26T12:00:00.5-05:30", 1764178200500000},
        {"1600-03-01T00:00:00Z", -11670912000000000},
        {"0000-01-01T00:00:00Z", -62167219200000000},
        {"9999-12-31T23:59:59Z", 253402300799000000},
        {"2016-12-31T23:59:60Z", 1483228800000000},
    };
    static const char *const wrong[] = {
        "",
        "2025",
        "2025-11-26",
        "2025-11-26T12:00:00",
        "2025-11-26T12:00:00.Z",
        "2025-11-26T12:00:00Zx",
        "2025-13-01T00:00:00Z",
        "2025-00-01T00:00:00Z",
        "2025-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2025-01-00T00:00:00Z",
        "2025-01-01T24:00:00Z",
        "2025-01-01T00:60:00Z",
        "2025-01-01T00:00:61Z",
        "2025-01-01T00:00:00+1:00",
        "2025-01-01T00:00:00+0100",
        "-025-01-01T00:00:00Z",
    };
    int64_t us;
    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        assert_true(neapi_time_read(neapi_text_of(times[i].text), &us));
        assert_int_equal(us, times[i].us);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(neapi_time_read(neapi_text_of(wrong[i]), &us));
}

/* Every tenth day of 800 years, as the machine's calendar has it. */
static void reads_the_times_that_are_written(void **state)
{
    (void)state;
    for (int64_t day = -200000; day < 100000; day += 10) {
        neapi_buffer json = NEAPI_BUFFER_INIT;
        int64_t us;
        neapi_json_time(&json, day * 86400000000 + 1);
        assert_true(neapi_time_read(neapi_text(json.data + 1, json.size - 2), &us));
        assert_int_equal(us, day * 86400000000 + 1);
        neapi_buffer_fini(&json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_a_whole_event_canonically),
        cmocka_unit_test(leaves_out_what_is_empty),
        cmocka_unit_test(reads_what_it_wrote),
        cmocka_unit_test(reads_what_others_write),
        cmocka_unit_test(refuses_what_is_none),
        cmocka_unit_test(drops_a_trace_that_is_none),
        cmocka_unit_test(any_change_of_a_byte_is_read_or_refused),
        cmocka_unit_test(a_refused_allocation_is_told),
        cmocka_unit_test(reads_times),
        cmocka_unit_test(reads_the_times_that_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
