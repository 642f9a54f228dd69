/* Files that an older library wrote, and the views of the newest. */
#include "core/sqlite_support.h"

#include <sqlite3.h>
#include <stdio.h>

#include "base/alloc.h"

/* Makes the file of layout 1: 1 Created math · 2 Noted · 3 Enrolled math, ada · 4 Enrolled art, "\ä
 * · 5 Left ada; snapshots of Enrolment-1 and of what is no stream. */
static void write_layout_1(const spec_place *place)
{
    FILE *file = fopen(FIXTURES "/layout_1.sql", "rb");
    assert_non_null(file);
    static char sql[64 * 1024];
    size_t size = fread(sql, 1, sizeof sql - 1, file);
    fclose(file);
    sql[size] = '\0';
    run_sql(place->path, sql);
}

static void assert_tagged(neapi_session *session, const char *tag, const uint64_t *positions,
                          size_t count)
{
    neapi_page page = NEAPI_PAGE_INIT;
    neap_error error = {0};
    neap_text tags = neapi_text_of(tag);
    neapi_range range = {.tags = &tags,
                         .tag_count = 1,
                         .from = 1,
                         .to = UINT64_MAX,
                         .max_events = 100,
                         .max_bytes = 100000};
    if (neapi_read(session, &range, &page, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    assert_int_equal(page.count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(page.events[i].position, positions[i]);
    neapi_page_fini(&page);
}
#define ASSERT_TAGGED(session, tag, ...)                                                           \
    assert_tagged(session, tag, (const uint64_t[]){__VA_ARGS__},                                   \
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
    neap_status status = unit->verdict.op == 1 ? unit->verdict.status : NEAP_OK;
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
    assert_int_equal(ask_sql(place->path, "PRAGMA user_version"), 2);
    assert_int_equal(ask_sql(place->path, "SELECT count(*) FROM stream_list"), 4);
    assert_int_equal(ask_sql(place->path, "SELECT count(*) FROM categories"), 3);
    neapi_store *store = open_store(place->url, NEAPI_MODE_READ);
    neapi_session *session = open_session(store, NEAPI_MODE_READ);
    ASSERT_TAGGED(session, "course:math", 1, 3);
    neapi_session_close(session);
    neapi_store_close(store);
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
                   "older schema version 1; open it for writing once, which brings it up to 2");
    assert_int_equal(ask_sql(place->path, "PRAGMA user_version"), 1);
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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)
    const struct CMUnitTest tests[] = {
        TEST(brings_a_file_of_layout_1_up_to_date),
        TEST(leaves_the_schema_that_a_new_file_has),
        TEST(a_reader_leaves_an_older_file_alone_and_says_so),
        TEST(an_update_that_fails_changes_nothing),
        TEST(damaged_tags_are_left_to_verify),
        TEST(views_show_the_tags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
