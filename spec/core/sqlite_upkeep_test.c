/* What happens between commits and in the long run: the write-ahead log stays bounded, expired keys
 * go, long logs are read in pieces, and what the writer knows by heart stays bounded and true. */
#include "core/sqlite_support.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "stores/sqlite/index.h"
#include "stores/sqlite/names.h"
#include "stores/sqlite/tags.h"

#define MIB (1024 * 1024)

static void maintain(neapi_session *session, int64_t now_us, bool *more)
{
    neap_error error = {0};
    if (neapi_maintain(session, now_us, more, &error) != NEAP_OK)
        fail_msg("%s", error.message);
}

/* Commits one event of about so many bytes. */
static void append_large(neapi_session *session, size_t size)
{
    char *data = malloc(size);
    assert_non_null(data);
    memset(data, 'x', size);
    data[0] = data[size - 1] = '"';
    neapi_unit *unit = new_unit("Order-1", NEAP_ANY_VERSION, 1);
    unit->events[0].data = neapi_text(data, size);
    neapi_outcome outcome;
    neap_error error = {0};
    if (commit_unit(session, unit, &outcome, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    free(data);
}

static void the_log_stays_short_under_load(void **state)
{
    spec_place *place = *state;
    char url[200];
    bool more;
    snprintf(url, sizeof url, "%s?synchronous=normal", place->url);
    spec_writing writing = open_writing(url);
    for (int i = 0; i < 100; i++) {
        append_large(writing.session, 200000);
        maintain(writing.session, NOW, &more);
    }
    assert_true(file_size(place->path, "-wal") < 5 * MIB);
    close_writing(&writing);
}

static void the_log_has_a_bound_without_any_upkeep(void **state)
{
    spec_place *place = *state;
    char url[200];
    snprintf(url, sizeof url, "%s?synchronous=normal", place->url);
    spec_writing writing = open_writing(url);
    for (int i = 0; i < 100; i++)
        append_large(writing.session, MIB);
    assert_true(file_size(place->path, "-wal") < 68 * MIB);
    close_writing(&writing);
}

static void the_log_is_emptied_when_nothing_happens(void **state)
{
    spec_place *place = *state;
    bool more;
    spec_writing writing = open_writing(place->url);
    append(writing.session, "Order-1", 1);
    maintain(writing.session, NOW, &more);
    assert_true(file_size(place->path, "-wal") > 0);
    assert_true(more); /* who is asked to come again finds that nothing happened */
    maintain(writing.session, NOW, &more);
    assert_int_equal(file_size(place->path, "-wal"), 0);
    assert_false(more);
    append(writing.session, "Order-1", 2);
    assert_int_equal(head_of(writing.session), 2);
    close_writing(&writing);
    assert_sound(place->url);
}

/* A shell that reads for long keeps the log from being begun anew, and nothing else. */
static void a_long_reader_holds_up_the_log_only(void **state)
{
    spec_place *place = *state;
    bool more;
    sqlite3 *shell;
    spec_writing writing = open_writing(place->url);
    append(writing.session, "Order-1", 1);
    assert_int_equal(sqlite3_open(place->path, &shell), SQLITE_OK);
    assert_int_equal(sqlite3_exec(shell, "BEGIN; SELECT count(*) FROM events", NULL, NULL, NULL),
                     SQLITE_OK);
    for (int i = 0; i < 30; i++) {
        append_large(writing.session, 200000);
        maintain(writing.session, NOW, &more);
        maintain(writing.session, NOW, &more);
    }
    int64_t long_log = file_size(place->path, "-wal");
    assert_true(long_log > 5 * MIB);
    assert_int_equal(sqlite3_exec(shell, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    maintain(writing.session, NOW, &more);
    assert_int_equal(file_size(place->path, "-wal"), 0);
    assert_int_equal(sqlite3_close(shell), SQLITE_OK);
    close_writing(&writing);
    assert_sound(place->url);
}

static void expired_keys_go_in_small_pieces(void **state)
{
    spec_place *place = *state;
    bool more;
    neapi_unit *units[600];
    spec_writing writing = open_writing(place->url);
    for (size_t i = 0; i < 600; i++) {
        char text[32];
        neapi_key key = {.key = {text, 0}, .expires_at = NOW + (i < 550 ? 1 : 1000)};
        key.key.size = (size_t)snprintf(text, sizeof text, "key-%zu", i);
        units[i] = new_unit("Order-1", NEAP_ANY_VERSION, i);
        assert_int_equal(neapi_unit_key(units[i], &key), NEAP_OK);
    }
    neapi_outcome outcome;
    assert_int_equal(neapi_commit(writing.session, units, 600, NOW, &outcome, NULL), NEAP_OK);
    for (size_t i = 0; i < 600; i++)
        neapi_unit_release(units[i]);
    for (maintain(writing.session, NOW, &more); more; maintain(writing.session, NOW, &more))
        ;
    assert_int_equal(ask_sql(place->path, "SELECT count(*) FROM keys"), 600);
    int pieces = 1;
    for (maintain(writing.session, NOW + 1, &more); more; maintain(writing.session, NOW + 1, &more))
        pieces++;
    assert_int_equal(pieces, 3);
    assert_int_equal(ask_sql(place->path, "SELECT count(*) FROM keys"), 50);
    append(writing.session, "Order-1", 1); /* Upkeep's own transactions are no other writer's. */
    close_writing(&writing);
    assert_sound(place->url);
}

static void append_many(neapi_session *session, size_t count, const char *last_type)
{
    neapi_unit *unit = neapi_unit_new((neap_uuid){{9}});
    for (size_t i = 0; i < count; i++) {
        neapi_unit *one = new_unit("Order-1", NEAP_ANY_VERSION, i);
        if (i + 1 == count)
            one->events[0].type = neapi_text_of(last_type);
        assert_int_equal(
            neapi_unit_append(unit, one->events[0].stream, NEAP_ANY_VERSION, &one->events[0]),
            NEAP_OK);
        neapi_unit_release(one);
    }
    neapi_outcome outcome;
    neap_error error = {0};
    if (commit_unit(session, unit, &outcome, &error) != NEAP_OK)
        fail_msg("%s", error.message);
}

/* Reads all that is in the range; returns how many pages that took. */
static int find_rare(neapi_session *session, neapi_range range, uint64_t position)
{
    neapi_page page = NEAPI_PAGE_INIT;
    int pages = 0;
    uint64_t found = 0;
    do {
        assert_int_equal(neapi_read(session, &range, &page, NULL), NEAP_OK);
        if (page.count != 0) {
            assert_int_equal(found, 0);
            found = page.events[0].position;
            assert_int_equal(page.count, 1);
        }
        range.from = page.next;
        pages++;
    } while (!page.last);
    assert_int_equal(found, position);
    neapi_page_fini(&page);
    return pages;
}

/* What is rare is looked for in many short transactions. */
static void a_rare_type_is_found_page_by_page(void **state)
{
    spec_place *place = *state;
    neap_text rare = NEAPI_LITERAL("Rare");
    spec_writing writing = open_writing(place->url);
    for (int i = 0; i < 7; i++)
        append_many(writing.session, 20000, "Said");
    append_many(writing.session, 20000, "Rare");
    append_many(writing.session, 140000, "Said");
    neapi_range range = {.from = 1,
                         .to = UINT64_MAX,
                         .types = &rare,
                         .type_count = 1,
                         .max_events = 10,
                         .max_bytes = MIB};
    assert_true(find_rare(writing.session, range, 160000) > 1);
    range.category = NEAPI_LITERAL("Order");
    assert_true(find_rare(writing.session, range, 160000) > 1);
    range.category = (neap_text){NULL, 0};
    range.stream = NEAPI_LITERAL("Order-1");
    assert_true(find_rare(writing.session, range, 160000) > 1);
    range.backward = true;
    range.from = UINT64_MAX;
    range.to = 1;
    assert_true(find_rare(writing.session, range, 160000) > 1);
    range.stream = (neap_text){NULL, 0};
    assert_true(find_rare(writing.session, range, 160000) > 1);
    close_writing(&writing);
}

static void names_by_heart_are_bounded(void **state)
{
    (void)state;
    neapi_sqlite_names names;
    bool refused;
    neapi_sqlite_names_init(&names, 4);
    for (int i = 0; i < 100; i++) {
        char text[16];
        neap_text name = {text, (size_t)snprintf(text, sizeof text, "n-%d", i)};
        neapi_sqlite_names_turn(&names);
        assert_null(neapi_sqlite_names_find(&names, name, &refused));
        neapi_sqlite_names_add(&names, name)->id = i + 1;
        assert_int_equal(neapi_sqlite_names_find(&names, name, &refused)->id, i + 1);
        assert_true(names.young.map.count + names.old.map.count <= 8);
        /* What is looked at stays. */
        neapi_sqlite_name *first = neapi_sqlite_names_find(&names, NEAPI_LITERAL("n-0"), &refused);
        assert_non_null(first);
        assert_int_equal(first->id, 1);
    }
    assert_null(neapi_sqlite_names_find(&names, NEAPI_LITERAL("n-50"), &refused));
    neapi_sqlite_names_clear(&names);
    assert_null(neapi_sqlite_names_find(&names, NEAPI_LITERAL("n-0"), &refused));
    neapi_sqlite_names_fini(&names);
}

static void tags_come_back_as_they_were(void **state)
{
    (void)state;
    const neap_text tags[] = {NEAPI_LITERAL("a:\"quoted\""), NEAPI_LITERAL("b:\\"),
                              NEAPI_LITERAL(""), NEAPI_LITERAL("\n\x01:\x1f"),
                              NEAPI_LITERAL("c:[\"ü\",]")};
    neapi_buffer json = NEAPI_BUFFER_INIT;
    neapi_sqlite_tags read = {0};
    for (uint32_t count = 1; count <= 5; count++) {
        neapi_buffer_clear(&json);
        neapi_sqlite_tags_write(tags, count, &json);
        assert_int_equal(neapi_sqlite_tags_read(&read, neapi_text(json.data, json.size), NULL),
                         NEAP_OK);
        assert_int_equal(read.count, count);
        for (uint32_t i = 0; i < count; i++)
            assert_true(neapi_text_equal(read.items[i], tags[i]));
    }
    for (size_t size = 1; size < json.size; size++) /* The whole, and nothing less. */
        assert_int_equal(neapi_sqlite_tags_read(&read, neapi_text(json.data, size), NULL),
                         NEAP_CORRUPT);
    static const char *const bad[] = {
        "x",   "[]",      "[\"a\",]", "[\"a\"]x",     "[\"\\n\"]", "[\"\\u0100\"]",
        "[1]", "{\"a\"}", "[\"a\" ]", "[\"\\u00G0\"]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(neapi_sqlite_tags_read(&read, neapi_text_of(bad[i]), NULL), NEAP_CORRUPT);
    assert_int_equal(neapi_sqlite_tags_read(&read, (neap_text){"", 0}, NULL), NEAP_OK);
    assert_int_equal(read.count, 0);
    neapi_sqlite_tags_fini(&read);
    neapi_buffer_fini(&json);
}

static void lists_come_back_as_they_were(void **state)
{
    (void)state;
    static const int64_t positions[] = {1, 9, 10, 4711, INT64_MAX - 1, INT64_MAX};
    neapi_sqlite_list list = {.size = 0};
    int64_t position;
    size_t at = 0, count = 0;
    for (size_t i = 0; i < 6; i++)
        assert_true(neapi_sqlite_list_add(&list, positions[i]));
    list.text[list.size] = ']';
    neap_text text = {list.text, list.size + 1};
    for (; neapi_sqlite_list_next(text, &at, &position); count++)
        assert_int_equal(position, positions[count]);
    assert_int_equal(count, 6);
    assert_true(neapi_sqlite_list_whole(text, at));
    static const char *const bad[] = {
        "",     "[",   "[]",    "[0]",     "[-1]",  "[1",
        "[1,]", "1",   "[1]x",  "[ 1]",    "[1 ]",  "[,1]",
        "{1}",  "[a]", "[1.5]", "[\"1\"]", "[1;2]", "[9223372036854775808]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        text = neapi_text_of(bad[i]);
        at = 0;
        while (neapi_sqlite_list_next(text, &at, &position))
            assert_true(position > 0);
        assert_false(neapi_sqlite_list_whole(text, at));
    }
    list.size = 0;
    for (count = 0; neapi_sqlite_list_add(&list, INT64_MAX); count++)
        assert_true(list.size < sizeof list.text);
    assert_in_range(count, NEAPI_SQLITE_LIST_BYTES / 20, NEAPI_SQLITE_LIST_BYTES / 20 + 1);
}

/* When nothing is committed any more the indexes have everything, and opening a store and closing
 * it changes no more than whose it is. */
static void the_indexes_follow_when_nothing_happens(void **state)
{
    spec_place *place = *state;
    bool more = true;
    spec_writing writing = open_writing(place->url);
    append_many(writing.session, 20000, "Said");
    maintain(writing.session, NOW, &more);
    assert_int_equal(ask_sql(place->path, "SELECT indexed FROM store"), 0);
    int pieces = 1;
    for (maintain(writing.session, NOW, &more); more; maintain(writing.session, NOW, &more))
        pieces++;
    assert_true(pieces > 2);
    assert_int_equal(ask_sql(place->path, "SELECT indexed FROM store"), 20000);
    append(writing.session, "Order-1", 1); /* Upkeep's own transactions are no other writer's. */
    assert_int_equal(ask_sql(place->path, "SELECT indexed FROM store"), 20000);
    close_writing(&writing);
    assert_int_equal(ask_sql(place->path, "SELECT indexed FROM store"), 20001);
    assert_sound(place->url);
}

/* What somebody sees who opens the file in SQLite's own shell. */
static void the_views_read_well(void **state)
{
    spec_place *place = *state;
    spec_writing writing = open_writing(place->url);
    neapi_unit *unit = new_unit("Order-1", 0, 42);
    neap_uuid id = {{0x01, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x70, 0x02, 0x80, 0x03, 4, 5, 6, 7, 8, 9}};
    neapi_command command = {
        .id = id, .correlation_id = id, .recorded_at = NOW + 7, .name = NEAPI_LITERAL("Say")};
    unit->events[0].id = unit->events[0].command_id = id;
    unit->events[0].correlation_id = unit->events[0].causation_id = id;
    assert_int_equal(neapi_unit_command(unit, &command), NEAP_OK);
    neapi_outcome outcome;
    assert_int_equal(commit_unit(writing.session, unit, &outcome, NULL), NEAP_OK);
    assert_int_equal(
        ask_sql(place->path,
                "SELECT count(*) FROM event_log WHERE position = 1 AND stream = 'Order-1' AND "
                "version = 1 AND type = 'Said' AND recorded_at = '2023-11-14T22:13:20.000000Z' AND "
                "data = '42' AND id = '0189abcd-ef01-7002-8003-040506070809' AND command_id = id "
                "AND correlation_id = id AND causation_id = id"),
        1);
    assert_int_equal(ask_sql(place->path, "SELECT count(*) FROM stream_list WHERE stream = "
                                          "'Order-1' AND category = 'Order' AND version = 1 AND "
                                          "last_position = 1"),
                     1);
    assert_int_equal(
        ask_sql(place->path,
                "SELECT count(*) FROM command_log WHERE name = 'Say' AND "
                "recorded_at = '2023-11-14T22:13:20.000007Z' AND causation_id IS NULL AND "
                "id = '0189abcd-ef01-7002-8003-040506070809' AND correlation_id = id"),
        1);
    close_writing(&writing);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_log_stays_short_under_load),
        TEST(the_log_has_a_bound_without_any_upkeep),
        TEST(the_log_is_emptied_when_nothing_happens),
        TEST(a_long_reader_holds_up_the_log_only),
        TEST(expired_keys_go_in_small_pieces),
        TEST(a_rare_type_is_found_page_by_page),
        TEST(the_views_read_well),
        TEST(the_indexes_follow_when_nothing_happens),
        cmocka_unit_test(lists_come_back_as_they_were),
        cmocka_unit_test(names_by_heart_are_bounded),
        cmocka_unit_test(tags_come_back_as_they_were),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
