/* The index of tags, where it is long. */
#include "core/sqlite_support.h"

#include <stdio.h>

#define COMMON 140000 /* events that carry the tag: more than one reading looks at */

/* Position 1 and the last one are Rare, all between is Common; every 1,000th carries a second
 * tag. */
static void fill(const spec_place *place)
{
    spec_writing writing = open_writing(place->url);
    neap_text tags[] = {NEAPI_LITERAL("a:common"), NEAPI_LITERAL("b:seldom")};
    static const char *const types[] = {"Rare", "Common"};
    for (uint64_t i = 0; i < 2; i++) {
        neapi_unit *unit = new_unit("A-1", i, i);
        unit->events[0].type = neapi_text_of(types[i]);
        unit->events[0].tags = tags;
        unit->events[0].tag_count = 2;
        neapi_outcome outcome;
        assert_int_equal(commit_unit(writing.session, unit, &outcome, NULL), NEAP_OK);
    }
    close_writing(&writing);
    char sql[1200];
    snprintf(sql, sizeof sql,
             "BEGIN;"
             "WITH RECURSIVE n(p) AS (SELECT 3 UNION ALL SELECT p + 1 FROM n WHERE p < %d) "
             "INSERT INTO events (position, stream, version, category, type, schema, recorded_at, "
             "id, tags, data) SELECT p, 1, p, 1, CASE p WHEN %d THEN 1 ELSE 2 END, 1, 1, "
             "CAST(printf('%%016d', p) AS BLOB), CASE p %% 1000 WHEN 0 THEN "
             "'[\"a:common\",\"b:seldom\"]' ELSE '[\"a:common\"]' END, '1' FROM n;"
             "INSERT INTO event_tags SELECT 1, position, type FROM events WHERE position > 2;"
             "INSERT INTO event_tags SELECT 2, position, type FROM events "
             "WHERE position > 2 AND position %% 1000 = 0;"
             "COMMIT",
             COMMON, COMMON);
    run_sql(place->path, sql);
}

/* Reads the range to its end; returns how many pages that took, and how many events it was. */
static size_t read_all(neapi_session *session, neapi_range range, size_t *events, uint64_t *first)
{
    neapi_page page = NEAPI_PAGE_INIT;
    neap_error error = {0};
    size_t pages = 0;
    *events = 0;
    *first = 0;
    do {
        if (neapi_read(session, &range, &page, &error) != NEAP_OK)
            fail_msg("%s", error.message);
        pages++;
        if (page.count != 0 && *events == 0)
            *first = page.events[0].position;
        *events += page.count;
        assert_true(page.last ||
                    (range.backward ? page.next < range.from : page.next > range.from));
        range.from = page.next;
    } while (!page.last);
    neapi_page_fini(&page);
    return pages;
}

static void a_long_run_of_unwanted_types_is_read_in_pieces(void **state)
{
    spec_place *place = *state;
    fill(place);
    assert_sound(place->url);
    neap_text tags[] = {NEAPI_LITERAL("b:seldom"), NEAPI_LITERAL("a:common")};
    neap_text type = NEAPI_LITERAL("Rare");
    neapi_range range = {.tags = tags,
                         .tag_count = 2,
                         .types = &type,
                         .type_count = 1,
                         .from = 1,
                         .to = UINT64_MAX,
                         .max_events = 100,
                         .max_bytes = 100000};
    neapi_store *store = open_store(place->url, NEAPI_MODE_READ);
    neapi_session *session = open_session(store, NEAPI_MODE_READ);
    size_t events;
    uint64_t first;
    size_t pages = read_all(session, range, &events, &first);
    assert_int_equal(events, 2);
    assert_int_equal(first, 1);
    assert_in_range(pages, 2, 10);

    range.from = 2; /* Now the first page is empty, and not the last. */
    assert_in_range(read_all(session, range, &events, &first), 2, 10);
    assert_int_equal(events, 1);
    assert_int_equal(first, COMMON);
    range.backward = true;
    range.from = COMMON - 1;
    range.to = 1;
    assert_in_range(read_all(session, range, &events, &first), 2, 10);
    assert_int_equal(events, 1);
    assert_int_equal(first, 1);

    range.type_count = 0; /* The newest alone is one page. */
    range.max_events = 1;
    range.from = UINT64_MAX;
    range.to = COMMON;
    assert_int_equal(read_all(session, range, &events, &first), 1);
    assert_int_equal(first, COMMON);
    neapi_session_close(session);
    neapi_store_close(store);
}

static void an_index_that_leads_nowhere_is_corrupt(void **state)
{
    spec_place *place = *state;
    spec_writing writing = open_writing(place->url);
    append(writing.session, "A-1", 1);
    append(writing.session, "A-1", 2);
    close_writing(&writing);
    run_sql(place->path, "INSERT INTO tags VALUES (1, 'a:1');"
                         "INSERT INTO event_tags VALUES (1, 1, 1);"
                         "DELETE FROM events WHERE position = 1");
    neapi_store *store = open_store(place->url, NEAPI_MODE_READ);
    neapi_session *session = open_session(store, NEAPI_MODE_READ);
    neap_text tag = NEAPI_LITERAL("a:1");
    neapi_range range = {.tags = &tag, .tag_count = 1, .from = 1, .to = 9, .max_events = 9};
    neapi_page page = NEAPI_PAGE_INIT;
    neap_error error;
    assert_int_equal(neapi_read(session, &range, &page, &error), NEAP_CORRUPT);
    assert_non_null(strstr(error.message, "tags lead to an event that is not there, at 1"));
    assert_int_equal(page.count, 0);
    neapi_page_fini(&page);
    neapi_session_close(session);
    neapi_store_close(store);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_long_run_of_unwanted_types_is_read_in_pieces),
        TEST(an_index_that_leads_nowhere_is_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
