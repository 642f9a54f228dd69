/* Lines that are not as they were exported, or not of an export at all: each is named, and nothing
 * half happens. */
#include <stdlib.h>

#include "base/alloc.h"
#include "transfer/transfer.h"

#define MEMORY 0

static transfer_pair pair;

static neap_status import_text(const char *text, neap_error *error)
{
    return import_lines(pair.to, T(text), 7, false, error);
}

#define HEADER "{\"neap_export\":{\"format\":1}}\n"
#define EVENT_AT(position, version, rest)                                                          \
    "{\"event\":{\"position\":" position ",\"stream\":\"A-1\",\"version\":" version                \
    ",\"type\":\"Done\",\"schema\":1,\"data\":{},\"recorded_at\":\"2026-01-01T00:00:00Z\","        \
    "\"id\":\"01a21d52-2255-725f-a9e6-68b2adee347a\"" rest "}}\n"
#define EVENT EVENT_AT("1", "1", "")
#define COMMAND                                                                                    \
    "{\"command\":{\"id\":\"01a21d52-2255-725f-a9e6-68b2adee347b\",\"name\":\"Do\","               \
    "\"recorded_at\":17}}\n"
#define END(events, commands, keys, documents)                                                     \
    "{\"end\":{\"events\":" events ",\"commands\":" commands ",\"keys\":" keys                     \
    ",\"documents\":" documents "}}\n"
#define KEY(position)                                                                              \
    "{\"key\":{\"key\":\"k\",\"hash\":\"0000000000000001\",\"expires_at\":4000000000000000,"       \
    "\"version\":1,\"position\":" position "}}\n"
#define DOCUMENT(collection, data)                                                                 \
    "{\"document\":{\"collection\":\"" collection "\",\"key\":\"x@1/0\",\"data\":" data "}}\n"

/* The text is refused, with that message. */
static const struct {
    const char *text, *message;
} wrong[] = {
    {"", "there is no line: expected the first one of an export, {\"neap_export\":…}"},
    {"\n", "line 1, column 1: expected a value, found the end"},
    {"hello\n", "line 1, column 1: expected a value, found 'h'"},
    {EVENT, "line 1: expected the first line of an export, {\"neap_export\":…}, got event"},
    {"{\"neap_export\":{\"format\":2}}\n",
     "line 1: the export has format 2; this library knows format 1"},
    {"{\"neap_export\":{}}\n",
     "line 1, column 16: neap_export.format: expected a value, got nothing"},
    {HEADER, "the export is cut off: it ends with line 1, and the last one of an export is "
             "{\"end\":…}"},
    {HEADER HEADER,
     "line 2: expected a line of the export that has begun, not the first one of another"},
    {HEADER "[]\n", "line 2, column 1: expected one member: neap_export, command, event, key, "
                    "document, check or end"},
    {HEADER "{\"evnt\":{}}\n", "line 2, column 1: expected one member: neap_export, command, "
                               "event, key, document, check or end"},
    {HEADER "{\"event\":{},\"key\":{}}\n", "line 2, column 1: expected one member: neap_export, "
                                           "command, event, key, document, check or end"},
    {HEADER "{\"event\":7}\n", "line 2, column 10: event: expected an object, got integer 7"},
    {HEADER "{\"event\":{\"position\":1,\n",
     "line 2, column 24: event: expected a member's name in double quotes, found the end"},
    {HEADER EVENT_AT("0", "1", ""), "line 2: versions and positions count from 1"},
    {HEADER EVENT_AT("2", "1", ""), "line 2: position 2 follows position 0; events of a part of a "
                                    "store have to be renumbered"},
    {HEADER EVENT_AT("-1", "1", ""),
     "line 2, column 22: event.position: expected a count, got integer -1"},
    {HEADER EVENT_AT("1.5", "1", ""),
     "line 2, column 22: event.position: expected a count, got float 1.5"},
    {HEADER EVENT_AT("1", "18446744073709551616", ""),
     "line 2, column 49: event.version: an integer is beyond 64 bits"},
    {HEADER EVENT_AT("1", "1", ",\"tags\":[]"),
     "event.tags: expected a list of texts that is not empty"},
    {HEADER EVENT_AT("1", "1", ",\"tags\":[\"b:1\",\"a:1\"]"),
     "line 2: the tags of Done are not in bytewise order, each once"},
    {HEADER EVENT_AT("1", "1", ",\"tags\":[\"a\"]"),
     "line 2: the tag \"a\" is not of the form name:value"},
    {HEADER EVENT_AT("1", "1", ",\"metta\":{}"),
     "event.metta: an unknown member; did you mean 'meta'?"},
    {HEADER EVENT_AT("1", "1", ",\"data_text\":\"{}\""),
     "event.data_text: the field is given twice"},
    {HEADER EVENT_AT("1", "1", ",\"meta_hex\":\"7b7\""),
     "event.meta_hex: expected bytes in hexadecimal, got string \"7b7\""},
    {HEADER EVENT_AT("1", "1", ",\"command_id\":\"01a2\""),
     "event.command_id: expected a UUID, got string \"01a2\""},
    {HEADER EVENT_AT("1", "2", "") END("1", "0", "0", "0"),
     "line 2: version 2 of A-1 does not follow: its last one is 0"},
    {HEADER EVENT EVENT_AT("2", "2", "") EVENT_AT("3", "4", "") END("3", "0", "0", "0"),
     "line 4: version 4 of A-1 does not follow: its last one is 2"},
    {HEADER COMMAND EVENT END("1", "1", "0", "0"),
     "line 3: expected an event that the command on line 2 decided"},
    {HEADER COMMAND COMMAND, "line 3: expected an event that the command on line 2 decided"},
    {HEADER COMMAND END("0", "1", "0", "0"),
     "line 3: expected an event that the command on line 2 decided"},
    {HEADER EVENT END("2", "0", "0", "0"),
     "line 3: the export says that it has 2 events, but 1 came"},
    {HEADER EVENT KEY("1") END("1", "0", "0", "0"),
     "line 4: the export says that it has 0 keys, but 1 came"},
    {HEADER EVENT END("1", "0", "0", "0") END("1", "0", "0", "0"),
     "line 4: expected nothing: the line before was the last one"},
    {HEADER KEY("1") END("0", "0", "1", "0"),
     "line 2: the key tells of position 1, behind the last event at 0"},
    {HEADER KEY("0") EVENT, "line 3: expected a key or a document: all events have come"},
    {HEADER DOCUMENT("orders@1", "{}"),
     "line 2: expected a document of Neap's own, whose collection begins with '$'; this one is of "
     "orders@1"},
    {HEADER DOCUMENT("$import", "{}"),
     "line 2: expected a document of Neap's own, whose collection begins with '$'; this one is of "
     "$import"},
    {HEADER DOCUMENT("$checkpoint", "{}"), "line 2: a checkpoint is damaged: {}"},
    {HEADER DOCUMENT("$checkpoint", "{\"generation\":1,\"position\":3}"),
     "line 2: the checkpoint tells of position 3, behind the last event at 0"},
    {HEADER DOCUMENT("", "{}"), "line 2: a collection's name is empty"},
    {"{\"neap_export\":{\"format\":1,\"part\":true}}\n" KEY("0"),
     "line 2: expected an event: a part of a store has no keys and no documents"},
    {HEADER "{\"end\":{\"events\":0,\"commands\":0,\"keys\":0,\"documents\":0,"
            "\"hash\":\"0000000000000001\"}}\n",
     "line 2: the lines before are not those that were exported: their hash is "},
};

static void wrong_lines_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        neap_error error;
        pair_open(&pair, MEMORY, MEMORY);
        if (import_text(wrong[i].text, &error) == NEAP_OK)
            fail_msg("taken: %s", wrong[i].text);
        if (strstr(error.message, wrong[i].message) == NULL)
            fail_msg("%s\nnot %s", error.message, wrong[i].message);
        pair_close(&pair, true);
    }
}

static void lines_written_otherwise_are_taken(void **state)
{
    (void)state;
    static const char lines[] =
        HEADER "\t{ \"command\" : {\"meta\":null, \"recorded_at\":-5,\"name\":\"D\\u006f\","
               "\"id\":\"01A21D52-2255-725F-A9E6-68B2ADEE347B\"}} \r\n" EVENT_AT(
                   "1", "1", ",\"command_id\":\"01a21d52-2255-725f-a9e6-68b2adee347b\"")
                   END("1", "1", "0", "0");
    neap_error error;
    neapi_command command;
    bool found;
    pair_open(&pair, MEMORY, MEMORY);
    assert_int_equal(import_text(lines, &error), NEAP_OK);
    assert_int_equal(import_text(lines, &error), NEAP_OK);
    assert_int_equal(
        neapi_find_command(pair.to->reader, 1, &pair.to->arena, &command, &found, NULL), NEAP_OK);
    assert_true(found);
    assert_text(command.name, "Do");
    assert_text(command.meta, "null");
    assert_int_equal(command.recorded_at, -5);
    pair_close(&pair, true);
}

/* ---- Any damage ------------------------------------------------------------------------------ */

/* Whatever comes of it, what is there is a prefix, and the good lines complete it. */
static void assert_goes_on(const neapi_buffer *lines)
{
    import_all(pair.to, lines);
    assert_same(&pair);
}

static void any_missing_line_is_noticed(void **state)
{
    (void)state;
    neapi_buffer lines = NEAPI_BUFFER_INIT, without = NEAPI_BUFFER_INIT;
    pair_open(&pair, MEMORY, MEMORY);
    write_history(pair.from, 3, 12);
    export_lines(pair.from->store, NULL, &lines);
    for (size_t i = 1; i <= count_lines(&lines); i++) {
        neap_error error;
        neap_text line = line_of(&lines, i);
        size_t before = (size_t)(line.data - lines.data);
        neapi_buffer_clear(&without);
        neapi_buffer_append(&without, lines.data, before);
        neapi_buffer_append(&without, line.data + line.size, lines.size - before - line.size);
        neap_text text = {without.data, without.size};
        neap_status status = import_lines(pair.to, text, 333, false, &error);
        assert_true(status == NEAP_INVALID || status == NEAP_CONFLICT);
    }
    assert_goes_on(&lines);
    neapi_buffer_fini(&without);
    neapi_buffer_fini(&lines);
    pair_close(&pair, true);
}

static void any_changed_byte_is_noticed(void **state)
{
    (void)state;
    neapi_buffer lines = NEAPI_BUFFER_INIT;
    pair_open(&pair, MEMORY, MEMORY);
    write_history(pair.from, 4, 6);
    export_lines(pair.from->store, NULL, &lines);
    size_t end = (size_t)(line_of(&lines, count_lines(&lines)).data - lines.data);
    uint32_t random = 17;
    for (size_t at = line_of(&lines, 1).size; at < end; at++) {
        char kept = lines.data[at];
        neap_error error;
        random = random * 1664525u + 1013904223u;
        lines.data[at] = (char)(kept ^ (char)(1u << (random >> 29)));
        transfer_pair other;
        pair_open(&other, MEMORY, MEMORY);
        neap_text text = {lines.data, lines.size};
        assert_int_not_equal(import_lines(other.to, text, 4096, false, &error), NEAP_OK);
        lines.data[at] = kept;
        pair_close(&other, false);
    }
    assert_goes_on(&lines);
    neapi_buffer_fini(&lines);
    pair_close(&pair, true);
}

static void line_without_end_is_bounded(void **state)
{
    (void)state;
    neap_importer *importer;
    neap_error error = {0};
    neap_status status;
    size_t written = 0, size = (size_t)1 << 20;
    char *piece = malloc(size);
    assert_non_null(piece);
    memset(piece, ' ', size);
    pair_open(&pair, MEMORY, MEMORY);
    assert_int_equal(neapi_import_open_into(pair.to->store, NULL, &importer, &error), NEAP_OK);
    do {
        status = neap_importer_write(importer, piece, size, &error);
        written += size;
    } while (status == NEAP_OK && written < (size_t)1 << 30);
    assert_int_equal(status, NEAP_LIMIT);
    assert_string_equal(error.message, "line 1 has more than 256 MiB");
    assert_int_equal(neap_importer_finish(importer, &error), NEAP_LIMIT);
    neap_importer_close(importer);
    free(piece);
    pair_close(&pair, true);
}

/* ---- Refused allocations --------------------------------------------------------------------- */

static bool export_and_import(uint64_t nth, bool persistent)
{
    neap_error error;
    transfer_pair it;
    neap_exporter *exporter = NULL;
    neap_importer *importer = NULL;
    const char *json = "";
    size_t size;
    pair_open(&it, MEMORY, MEMORY);
    write_history(it.from, 9, 8);
    neapi_alloc_refuse(nth, persistent);
    neap_status status = neapi_export_open(it.from->store, NULL, NOW, &exporter, &error);
    if (status == NEAP_OK)
        status = neapi_import_open_into(it.to->store, NULL, &importer, &error);
    while (status == NEAP_OK && json != NULL) {
        status = neap_exporter_next(exporter, &json, &size, &error);
        if (status == NEAP_OK && json != NULL)
            status = neap_importer_write(importer, json, size, &error);
        if (status == NEAP_OK && json != NULL)
            status = neap_importer_write(importer, "\n", 1, &error);
    }
    if (status == NEAP_OK)
        status = neap_importer_finish(importer, &error);
    neap_exporter_close(exporter);
    neap_importer_close(importer);
    bool struck = neapi_alloc_struck();
    neapi_alloc_refuse(0, false);
    if (status != NEAP_OK) {
        assert_int_equal(status, NEAP_NOMEM);
        neapi_buffer lines = NEAPI_BUFFER_INIT;
        export_lines(it.from->store, NULL, &lines);
        import_all(it.to, &lines);
        neapi_buffer_fini(&lines);
    }
    assert_same(&it);
    pair_close(&it, true);
    return struck;
}

static void refused_allocations_lose_nothing(void **state)
{
    (void)state;
    for (int persistent = 0; persistent < 2; persistent++) {
        uint64_t nth = 1;
        while (export_and_import(nth, persistent != 0))
            assert_true(nth++ < 20000);
        assert_true(nth > 50);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_lines_are_named),
        cmocka_unit_test(lines_written_otherwise_are_taken),
        cmocka_unit_test(any_missing_line_is_noticed),
        cmocka_unit_test(any_changed_byte_is_noticed),
        cmocka_unit_test(line_without_end_is_bounded),
        cmocka_unit_test(refused_allocations_lose_nothing),
    };
    return cmocka_run_group_tests_name("lines", tests, NULL, NULL);
}
