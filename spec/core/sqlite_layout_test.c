/* Files that an older library wrote, and the views of the newest. */
#include "core/sqlite_support.h"

#include <sqlite3.h>
#include <stdio.h>

#include "base/alloc.h"
#include "stores/sqlite/backlog.h"

/* Makes the file of layout 1: 1 Created math · 2 Noted · 3 Enrolled math, ada · 4 Enrolled art, "\ä
 * · 5 Left ada; snapshots of Enrolment-1 and of what is no stream. */
static void write_layout_1(const spec_place *place)
{
    write_fixture(place->path, "layout_1.sql");
}

/* Reads the range, both ways. */
static void assert_read(neapi_session *session, neapi_range range, const uint64_t *positions,
                        size_t count)
{
    neapi_page page = NEAPI_PAGE_INIT;
    neap_error error = {0};
    range.max_events = 100;
    range.max_bytes = 100000;
    for (int way = 0; way < 2; way++) {
        range.backward = way == 1;
        range.from = range.backward ? UINT64_MAX : 1;
        range.to = range.backward ? 1 : UINT64_MAX;
        if (neapi_read(session, &range, &page, &error) != NEAP_OK)
            fail_msg("%s", error.message);
        assert_int_equal(page.count, count);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(page.events[i].position,
                             positions[range.backward ? count - 1 - i : i]);
    }
    neapi_page_fini(&page);
}

static void assert_tagged(neapi_session *session, const char *tag, const uint64_t *positions,
                          size_t count)
{
    neap_text tags = neapi_text_of(tag);
    assert_read(session, (neapi_range){.tags = &tags, .tag_count = 1}, positions, count);
}
#define ASSERT_TAGGED(session, tag, ...)                                                           \
    assert_tagged(session, tag, (const uint64_t[]){__VA_ARGS__},                                   \
                  sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

#define ASSERT_STREAM(session, name, ...)                                                          \
    assert_read(session, (neapi_range){.stream = neapi_text_of(name)},                             \
                (const uint64_t[]){__VA_ARGS__},                                                   \
                sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static void assert_snapshot(neapi_session *session, const char *name, uint64_t version,
                            neap_text state)
{
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_snapshot snapshot;
    bool found;
    assert_int_equal(neapi_find_snapshot(session, neapi_text_of(name), version, NEAPI_LITERAL("f"),
                                         &arena, &snapshot, &found, NULL),
                     NEAP_OK);
    assert_true(found);
    assert_int_equal(snapshot.version, version);
    assert_int_equal(snapshot.keep, 9);
    assert_true(neapi_text_equal(snapshot.state, state));
    neapi_arena_fini(&arena);
}

/* Judges a condition on the type Enrolled and the tag. */
static neap_status judge(neapi_session *session, const char *tag, uint64_t after)
{
    neapi_unit *unit = new_unit("Enrolment-9", NEAP_ANY_VERSION, 1);
    neap_text type = NEAPI_LITERAL("Enrolled"), tags = neapi_text_of(tag);
    neapi_outcome outcome;
    assert_int_equal(neapi_unit_condition(unit, &type, 1, &tags, 1, after), NEAP_OK);
    assert_int_equal(neapi_unit_expect(unit, NEAPI_LITERAL("Nothing"), 1), NEAP_OK); /* no more */
    assert_int_equal(neapi_commit(session, &unit, 1, NOW, &outcome, NULL), NEAP_OK);
    neap_status status = unit->verdict.op == 2 ? unit->verdict.status : NEAP_OK;
    neapi_unit_release(unit);
    return status;
}

static void brings_a_file_of_layout_1_up_to_date(void **state)
{
    spec_place *place = *state;
    write_layout_1(place);
    spec_writing writing = open_writing(place->url);
    assert_int_equal(head_of(writing.session), 5);
    ASSERT_TAGGED(writing.session, "course:math", 1, 3);
    ASSERT_TAGGED(writing.session, "student:ada", 3, 5);
    ASSERT_TAGGED(writing.session, "student:\"\\ä", 4);
    assert_tagged(writing.session, "student:bob", NULL, 0);
    assert_int_equal(judge(writing.session, "student:ada", 2), NEAP_CONFLICT);
    assert_int_equal(judge(writing.session, "student:ada", 3), NEAP_OK);
    assert_snapshot(writing.session, "Enrolment-1", 1, neapi_text("\0one", 4));
    assert_snapshot(writing.session, "Enrolment-1", 2, NEAPI_LITERAL("two"));
    assert_snapshot(writing.session, "Enrolment course:math", 3, NEAPI_LITERAL("of no stream"));
    append(writing.session, "Enrolment-1", 3);
    close_writing(&writing);

    assert_sound(place->url);
    assert_int_equal(ask_sql(place->path, "PRAGMA user_version"), 5);
    assert_int_equal(ask_sql(place->path, "SELECT count(*) FROM stream_list"), 4);
    assert_int_equal(ask_sql(place->path, "SELECT count(*) FROM categories"), 3);
    neapi_store *store = open_store(place->url, NEAPI_MODE_READ);
    neapi_session *session = open_session(store, NEAPI_MODE_READ);
    ASSERT_TAGGED(session, "course:math", 1, 3);
    neapi_session_close(session);
    neapi_store_close(store);
}

/* 1 Order-o-1 · 2 Order-o-2 · 3 Order-o-1 · 4 Order-o-2 · 5 Order-o-3 · 6 Enrolment-math · 7
 * Enrolment-art · 8 Enrolment-math · 9 Enrolment-art · 10 Enrolment-math; three keys. */
static void brings_a_file_of_layout_2_up_to_date(void **state)
{
    spec_place *place = *state;
    write_fixture(place->path, "layout_2.sql");
    spec_writing writing = open_writing(place->url);
    ASSERT_STREAM(writing.session, "Order-o-1", 1, 3);
    ASSERT_STREAM(writing.session, "Order-o-2", 2, 4);
    ASSERT_STREAM(writing.session, "Order-o-3", 5);
    ASSERT_STREAM(writing.session, "Enrolment-math", 6, 8, 10);
    ASSERT_TAGGED(writing.session, "student:ada", 8, 9, 10);
    assert_read(writing.session, (neapi_range){.category = NEAPI_LITERAL("Order")},
                (const uint64_t[]){1, 2, 3, 4, 5}, 5);
    append(writing.session, "Order-o-1", 3);
    ASSERT_STREAM(writing.session, "Order-o-1", 1, 3, 11);
    close_writing(&writing);
    assert_sound(place->url);
    assert_int_equal(ask_sql(place->path, "SELECT count(*) FROM key_list"), 3);
    assert_int_equal(ask_sql(place->path, "SELECT version * 100 + last_position FROM stream_list "
                                          "WHERE stream = 'Order-o-1'"),
                     311);
}

/* Of more events than one list has. */
static void long_streams_are_listed_whole(void **state)
{
    spec_place *place = *state;
    write_fixture(place->path, "layout_2.sql");
    run_sql(place->path,
            "WITH RECURSIVE n(p) AS (SELECT 11 UNION ALL SELECT p + 1 FROM n WHERE p < 1000) "
            "INSERT INTO events (position, stream, version, category, type, schema, recorded_at, "
            "id, data) SELECT p, CASE p % 2 WHEN 0 THEN 1 ELSE 2 END, 2 + (p - 9) / 2, 1, 1, 1, 1, "
            "CAST(printf('%016d', p) AS BLOB), '1' FROM n");
    spec_writing writing = open_writing(place->url);
    close_writing(&writing);
    assert_sound(place->url);
    assert_true(ask_sql(place->path, "SELECT count(*) FROM stream_index WHERE stream = 1") > 5);
    assert_int_equal(ask_sql(place->path, "SELECT count(*) FROM stream_log WHERE stream = "
                                          "'Order-o-2' AND version BETWEEN 100 AND 400"),
                     301);
}

/* What is behind the indexes is shown as what they have. */
static void views_show_what_is_not_indexed_yet(void **state)
{
    spec_place *place = *state;
    neapi_sqlite_run = 4;
    spec_writing writing = open_writing(place->url);
    for (uint64_t i = 0; i < 25; i++) {
        append(writing.session, i % 3 == 0 ? "Order-1" : "Order-2", i);
        assert_int_equal(ask_sql(place->path, "SELECT count(*) FROM stream_log"), i + 1);
        assert_int_equal(ask_sql(place->path, "SELECT sum(version) FROM stream_list"), i + 1);
        assert_int_equal(ask_sql(place->path, "SELECT max(last_position) FROM stream_list"), i + 1);
        assert_int_equal(ask_sql(place->path, "SELECT max(version) FROM stream_log "
                                              "WHERE stream = 'Order-1'"),
                         i / 3 + 1);
    }
    assert_true(ask_sql(place->path, "SELECT indexed FROM store") > 0);
    assert_true(ask_sql(place->path, "SELECT indexed FROM store") < 25);
    assert_sound(place->url);
    close_writing(&writing);
    neapi_sqlite_run = NEAPI_SQLITE_RUN;
    assert_int_equal(ask_sql(place->path, "SELECT indexed FROM store"), 25);
    assert_sound(place->url);
}

/* Whatever part of a run is in the indexes already. */
static void reads_the_same_at_every_moment_of_a_run(void **state)
{
    spec_place *place = *state;
    uint64_t positions[2][60];
    size_t counts[2] = {0, 0};
    neapi_sqlite_run = 12;
    spec_writing writing = open_writing(place->url);
    neapi_store *store = open_store(place->url, NEAPI_MODE_READ);
    neapi_session *reader = open_session(store, NEAPI_MODE_READ);
    const neap_text categories[] = {NEAPI_LITERAL("A"), NEAPI_LITERAL("B")};
    const neap_text streams[] = {NEAPI_LITERAL("A-1"), NEAPI_LITERAL("B-1")};
    for (uint64_t i = 0; i < 80; i++) {
        size_t which = i % 3 == 0 ? 1 : 0;
        append(writing.session, which == 0 ? "A-1" : "B-1", i);
        positions[which][counts[which]++] = i + 1;
        for (size_t n = 0; n < 2; n++) {
            assert_read(reader, (neapi_range){.category = categories[n]}, positions[n], counts[n]);
            assert_read(reader, (neapi_range){.stream = streams[n]}, positions[n], counts[n]);
        }
    }
    neapi_session_close(reader);
    neapi_store_close(store);
    close_writing(&writing);
    neapi_sqlite_run = NEAPI_SQLITE_RUN;
}

/* The file and a new one then have the same schema. */
static void leaves_the_schema_that_a_new_file_has(void **state)
{
    spec_place *place = *state;
    write_layout_1(place);
    spec_writing writing = open_writing(place->url);
    close_writing(&writing);
    char sql[600], path[200], url[220];
    snprintf(path, sizeof path, "%s/new.db", place->folder);
    snprintf(url, sizeof url, "sqlite:%s", path);
    writing = open_writing(url);
    close_writing(&writing);
    snprintf(sql, sizeof sql,
             "ATTACH '%s' AS new; SELECT count(*) FROM (SELECT type, name, sql FROM "
             "(SELECT * FROM sqlite_schema UNION ALL SELECT * FROM new.sqlite_schema) "
             "GROUP BY type, name, sql HAVING count(*) <> 2)",
             path);
    sqlite3 *db;
    sqlite3_stmt *statement;
    const char *rest;
    assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, &rest), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
    sqlite3_finalize(statement);
    assert_int_equal(sqlite3_prepare_v2(db, rest, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int64(statement, 0), 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

static void a_reader_leaves_an_older_file_alone_and_says_so(void **state)
{
    spec_place *place = *state;
    write_layout_1(place);
    assert_refused(place->url, NEAPI_MODE_READ, NEAP_STORE,
                   "older schema version 1; open it for writing once, which brings it up to 5");
    assert_int_equal(ask_sql(place->path, "PRAGMA user_version"), 1);
}

static void a_reader_reads_what_lacks_views_alone(void **state)
{
    spec_place *place = *state;
    neapi_store *store;
    neapi_session *session;
    neap_error error;
    write_fixture(place->path, "layout_4.sql");
    if (neapi_store_open(place->url, NEAPI_MODE_READ, &store, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    assert_int_equal(neapi_session_open(store, NEAPI_MODE_READ, &session, NULL), NEAP_OK);
    assert_int_equal(read_log(session, NULL), 3);
    neapi_session_close(session);
    neapi_store_close(store);
    assert_sound(place->url);
    assert_int_equal(ask_sql(place->path, "PRAGMA user_version"), 4);
}

static void an_update_that_fails_changes_nothing(void **state)
{
    spec_place *place = *state;
    write_layout_1(place);
    run_sql(place->path, "CREATE TABLE event_tags (stray INTEGER)");
    assert_refused(place->url, NEAPI_MODE_WRITE, NEAP_CORRUPT, "event_tags already exists");
    assert_int_equal(ask_sql(place->path, "PRAGMA user_version"), 1);
    assert_int_equal(
        ask_sql(place->path, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'tag%'"), 0);
    assert_int_equal(ask_sql(place->path, "SELECT count(stream) FROM snapshots"), 3);
    run_sql(place->path, "DROP TABLE event_tags");
    spec_writing writing = open_writing(place->url);
    ASSERT_TAGGED(writing.session, "course:math", 1, 3);
    close_writing(&writing);
}

/* What is damaged stays so, and can be looked at with what a newer library knows. */
static void damaged_tags_are_left_to_verify(void **state)
{
    static const char *const damages[] = {"'{'",         "'[\"a:1\"'", "'{\"a\":\"b:1\"}'",
                                          "'[1, null]'", "x'00'",      "'\"a:1\"'"};
    spec_place *place = *state;
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        char sql[100];
        remove(place->path);
        write_layout_1(place);
        snprintf(sql, sizeof sql, "UPDATE events SET tags = %s WHERE position = 3", damages[i]);
        run_sql(place->path, sql);
        spec_writing writing = open_writing(place->url);
        ASSERT_TAGGED(writing.session, "course:math", 1);
        ASSERT_TAGGED(writing.session, "student:ada", 5);
        neapi_page page = NEAPI_PAGE_INIT;
        neapi_range range = {.from = 1, .to = 9, .max_events = 9, .max_bytes = 9999};
        assert_int_equal(neapi_read(writing.session, &range, &page, NULL), NEAP_CORRUPT);
        neapi_page_fini(&page);
        close_writing(&writing);
        assert_int_equal(ask_sql(place->path, "SELECT count(*) FROM event_tags"), 4);
    }
}

static void views_show_the_tags(void **state)
{
    spec_place *place = *state;
    write_layout_1(place);
    spec_writing writing = open_writing(place->url);
    close_writing(&writing);
    assert_int_equal(ask_sql(place->path, "SELECT count(*) FROM tag_list"), 4);
    assert_int_equal(ask_sql(place->path, "SELECT events * 100 + last_position FROM tag_list "
                                          "WHERE tag = 'student:ada'"),
                     205);
    assert_int_equal(ask_sql(place->path, "SELECT count(*) FROM tag_log WHERE tag = 'course:math' "
                                          "AND type IN ('Created', 'Enrolled') "
                                          "AND data = '{\"seat\":1}'"),
                     2);
    assert_int_equal(ask_sql(place->path, "SELECT position FROM tag_log WHERE tag = 'student:ada' "
                                          "AND stream = 'Enrolment-1' AND version = 2 "
                                          "AND recorded_at = '2023-11-14T22:13:20.000004Z'"),
                     5);
}

/* As that of layout 2, and: 11 Order-o-4 · 12 Order-o-3; another key. */
static void brings_a_file_of_layout_3_up_to_date(void **state)
{
    spec_place *place = *state;
    write_fixture(place->path, "layout_3.sql");
    spec_writing writing = open_writing(place->url);
    ASSERT_STREAM(writing.session, "Order-o-3", 5, 12);
    ASSERT_STREAM(writing.session, "Order-o-4", 11);
    ASSERT_TAGGED(writing.session, "student:ada", 8, 9, 10);
    append(writing.session, "Order-o-4", 1);
    put_document(writing.session, "orders@1", "o-4", "{\"total\":42}");
    close_writing(&writing);
    assert_sound(place->url);
    assert_int_equal(ask_sql(place->path, "PRAGMA user_version"), 5);
    assert_int_equal(ask_sql(place->path, "SELECT json_extract(data, '$.total') FROM documents "
                                          "WHERE collection = 'orders@1' AND key = 'o-4'"),
                     42);
    assert_int_equal(ask_sql(place->path, "SELECT count(*) FROM key_list"), 4);
}

/* Three orders, one of which the mailer could not handle, and one that waits behind it. */
static void brings_a_file_of_layout_4_up_to_date(void **state)
{
    spec_place *place = *state;
    write_fixture(place->path, "layout_4.sql");
    spec_writing writing = open_writing(place->url);
    ASSERT_STREAM(writing.session, "Order-b", 2, 3);
    append(writing.session, "Order-a", 1);
    close_writing(&writing);
    assert_sound(place->url);
    assert_int_equal(ask_sql(place->path, "PRAGMA user_version"), 5);
    assert_int_equal(ask_sql(place->path, "SELECT sum(position * 100 + lag) FROM checkpoints "
                                          "WHERE build = 1 AND partition = 0"),
                     602);
    assert_int_equal(ask_sql(place->path, "SELECT position * 100 + lag * 10 + dead_letters FROM "
                                          "subscriptions WHERE name = 'mailer' AND kind = "
                                          "'subscriber' AND build = 1 AND next_build IS NULL"),
                     312);
    assert_int_equal(ask_sql(place->path, "SELECT count(*) FROM subscriptions"), 2);
    assert_int_equal(ask_sql(place->path, "SELECT position FROM dead_letters WHERE subscription = "
                                          "'mailer' AND attempts = 1 AND message = 'no paper' AND "
                                          "stream = 'Order-b' AND failed_at LIKE '20%Z'"),
                     2);
    assert_int_equal(ask_sql(place->path, "SELECT position FROM dead_letters WHERE attempts = 0"),
                     3);
}

/* Its own table of that name stays. */
static void a_view_gives_way_to_a_table_of_a_projection(void **state)
{
    spec_place *place = *state;
    write_fixture(place->path, "layout_4.sql");
    run_sql(place->path, "CREATE TABLE subscriptions (position INTEGER)");
    run_sql(place->path, "INSERT INTO subscriptions VALUES (42)");
    spec_writing writing = open_writing(place->url);
    close_writing(&writing);
    assert_int_equal(ask_sql(place->path, "SELECT position FROM subscriptions"), 42);
    assert_int_equal(ask_sql(place->path, "SELECT count(*) FROM checkpoints"), 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)
    const struct CMUnitTest tests[] = {
        TEST(brings_a_file_of_layout_1_up_to_date),
        TEST(brings_a_file_of_layout_2_up_to_date),
        TEST(brings_a_file_of_layout_3_up_to_date),
        TEST(brings_a_file_of_layout_4_up_to_date),
        TEST(a_view_gives_way_to_a_table_of_a_projection),
        TEST(long_streams_are_listed_whole),
        TEST(views_show_what_is_not_indexed_yet),
        TEST(reads_the_same_at_every_moment_of_a_run),
        TEST(leaves_the_schema_that_a_new_file_has),
        TEST(a_reader_leaves_an_older_file_alone_and_says_so),
        TEST(a_reader_reads_what_lacks_views_alone),
        TEST(an_update_that_fails_changes_nothing),
        TEST(damaged_tags_are_left_to_verify),
        TEST(views_show_the_tags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
