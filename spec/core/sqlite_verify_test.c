/* What verify finds in a file that another program has changed: each check of the store's own. */
#include "core/sqlite_support.h"

#include <stdio.h>

static char findings[8192];

static void note_finding(void *user, const char *text)
{
    (void)user;
    size_t used = strlen(findings);
    snprintf(findings + used, sizeof findings - used, "%s\n", text);
}

/* 1 A-1, with tags x:1 and y:2 · 2 A-1, with x:1 · 3 B-1, without; commands and keys. */
static void fill(const spec_place *place)
{
    spec_writing writing = open_writing(place->url);
    neap_text tags[] = {NEAPI_LITERAL("x:1"), NEAPI_LITERAL("y:2")};
    static const char *const streams[] = {"A-1", "A-1", "B-1"};
    for (uint32_t i = 0; i < 3; i++) {
        neapi_unit *unit = new_unit(streams[i], i == 1 ? 1 : 0, i);
        unit->events[0].tags = tags;
        unit->events[0].tag_count = 2 - i;
        const neapi_command command = {
            .id = unit->id, .recorded_at = NOW, .name = NEAPI_LITERAL("Say")};
        const neapi_key key = {.key = neapi_text_of(i == 0 ? "k" : "l"),
                               .command_id = unit->id,
                               .expires_at = NOW + 1};
        unit->events[0].command_id = unit->id;
        assert_int_equal(neapi_unit_command(unit, &command), NEAP_OK);
        if (i < 2)
            assert_int_equal(neapi_unit_key(unit, &key), NEAP_OK);
        neapi_outcome outcome;
        assert_int_equal(commit_unit(writing.session, unit, &outcome, NULL), NEAP_OK);
    }
    close_writing(&writing);
}

static void verify(const spec_place *place)
{
    neapi_store *store = open_store(place->url, NEAPI_MODE_READ);
    neapi_session *session = open_session(store, NEAPI_MODE_READ);
    const neapi_verify_sink sink = {NULL, note_finding};
    neap_verification result = {0};
    neap_error error = {0};
    findings[0] = '\0';
    if (neapi_verify(session, &sink, &result, &error) != NEAP_OK)
        snprintf(findings, sizeof findings, "%s", error.message);
    neapi_session_close(session);
    neapi_store_close(store);
}

static const struct {
    const char *damage, *finding;
} cases[] = {
    {"SELECT 1", NULL},
    {"UPDATE events SET stream = 9 WHERE position = 2",
     "the stream or the type is missing of the event at 2"},
    {"UPDATE events SET id = 'abc' WHERE position = 2", "no event can look like the one at 2"},
    {"UPDATE events SET tags = 'x' WHERE position = 2", "the tags are damaged of the event at 2"},
    {"UPDATE events SET cause = 9 WHERE position = 2",
     "The event at position 2 was caused by command number 9, which does not exist.\n"},
    {"UPDATE events SET category = 2 WHERE position = 2",
     "The event at position 2 is listed under category number 2; its stream is in 1.\n"},
    {"UPDATE streams SET category = 2 WHERE name = 'A-1'",
     "The stream A-1 is listed under category \"B\".\n"},
    {"UPDATE events SET version = 7 WHERE position = 2",
     "The stream A-1 has 2 events with versions from 1 to 7.\n"},
    {"UPDATE events SET position = 7 WHERE position = 3",
     "The log has 3 events at positions from 1 to 7.\n"},
    {"DELETE FROM event_tags WHERE position = 2",
     "The event at position 2 carries the tag \"x:1\"; the index of tags does not say so.\n"},
    {"INSERT INTO event_tags VALUES (1, 3, 1)",
     "The index of tags says that the event at position 3 carries \"x:1\"; it does not.\n"},
    {"UPDATE event_tags SET type = 2 WHERE position = 2",
     "The index of tags says that the event at position 2 has type number 2; it has 1.\n"},
    {"INSERT INTO tags (name) VALUES ('z:1')", "The tag \"z:1\" is on no event.\n"},
    {"UPDATE keys SET position = 4 WHERE key = 'k'",
     "The key \"k\" points to position 4, behind the last event.\n"},
    {"UPDATE keys SET command_id = x'00' WHERE key = 'l'",
     "The key \"l\" has a command id of 1 bytes.\n"},
    {"DELETE FROM stream_index WHERE version = 1 AND stream = 1",
     "The index by stream lists 1 events up to position 3; there are 3.\n"},
    {"UPDATE stream_index SET positions = '[1,2,3]' WHERE stream = 1",
     "The index says that the event at position 3 is number 3 of the stream with the number 1; it "
     "is not.\n"},
    {"UPDATE stream_index SET positions = '[2,1]' WHERE stream = 1",
     "The index says that the event at position 2 is number 1 of the stream with the number 1; it "
     "is not.\n"},
    {"UPDATE stream_index SET version = 2 WHERE stream = 2",
     "The index has number 2 of the stream with the number 2 behind its number 0.\n"},
    {"UPDATE stream_index SET positions = '[1,]' WHERE stream = 1",
     "its index is wrong about the stream with the number 1"},
    {"UPDATE category_index SET positions = '[1, 2]' WHERE category = 1",
     "The index has no list of positions for the category with the number 1, from 1 on.\n"},
    {"UPDATE category_index SET positions = '[1]' WHERE category = 1",
     "The index by category lists 2 events up to position 3; there are 3.\n"},
    {"UPDATE category_index SET position = 4 WHERE category = 2",
     "The index has the position 3 first in a list from 4 on.\n"},
    {"INSERT INTO category_index VALUES (2, 4, '[4]')",
     "The index has the position 4 already, behind its end at 3.\n"},
    {"UPDATE store SET indexed = 2, sealed = 2",
     "The indexes have 2 entries behind position 2; the store says 0.\n"},
    {"UPDATE store SET sealed = 9",
     "The indexes go to position 3, and are written to 9; the log ends at 3.\n"},
    {"UPDATE document_rows SET collection = 9 WHERE key = 'A-1'",
     "The document \"A-1\" is in collection number 9, which does not exist.\n"},
    {"UPDATE document_rows SET key = x'41' WHERE key = 'A-1'",
     "A document of \"last\" has a key or data that is no text.\n"},
    {"UPDATE document_rows SET data = x'31' WHERE key = 'A-1'",
     "A document of \"last\" has a key or data that is no text.\n"},
    {"CREATE TABLE \"orders@2\" (a)", "The table \"orders@2\" belongs to no projection.\n"},
    {"INSERT INTO projection_tables VALUES ('orders', 2, 'shop', 0)",
     "The projection shop has lost the table \"orders@2\".\n"},
    {"INSERT INTO projection_tables VALUES ('orders', 2, 'shop', 1)",
     "The view \"orders\" of the projection shop is missing.\n"},
    {"DELETE FROM store", "The store has 0 rows about itself instead of one.\n"},
};

static void each_damage_is_found(void **state)
{
    const spec_place *place = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        spec_place own = *place;
        snprintf(own.path, sizeof own.path, "%s/%zu.db", place->folder, i);
        snprintf(own.url, sizeof own.url, "sqlite:%s", own.path);
        fill(&own);
        run_sql(own.path, cases[i].damage);
        verify(&own);
        bool found = cases[i].finding != NULL ? strstr(findings, cases[i].finding) != NULL
                                              : findings[0] == '\0';
        if (!found)
            fail_msg("%s: found: %s", cases[i].damage, findings);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_damage_is_found, place_setup, place_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
