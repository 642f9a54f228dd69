/* Documents: judged, written, found, listed, cleared. */
#include <stdio.h>

#include "contract/documents.h"
#include "contract/rules.h"

void document_comes_back_byte_for_byte(void **state)
{
    contract_world *world = *state;
    static char large[300000];
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (char)(i * 31 % 251);
    char longest[NEAPI_STREAM_BYTES + 1] = "";
    memset(longest, 'k', NEAPI_STREAM_BYTES);
    const neapi_document given[] = {
        {.collection = T("orders@1"), .key = T("o-1"), .data = T("{\"a\":1}")},
        {.collection = T("orders@1"), .key = T("o-2"), .data = neapi_text("\0\xFF\x80'\"\n\0", 7)},
        {.collection = T("orders@1"), .key = T("\xE2\x82\xAC %_'\";--"), .data = T("")},
        {.collection = T("$saga:\xC3\xA4"), .key = T(longest), .data = neapi_text(large, 300000)},
        {.collection = T(longest), .key = T(" "), .data = T("12")},
    };
    enum { COUNT = sizeof given / sizeof *given };
    neapi_unit *unit = new_unit();
    for (size_t i = 0; i < COUNT; i++) {
        neapi_document document = given[i];
        document.write = NEAPI_DOCUMENT_PUT;
        assert_int_equal(neapi_unit_document(unit, &document), NEAP_OK);
    }
    commit_one(world, unit, NEAP_OK);
    for (size_t i = 0; i < COUNT; i++) {
        neap_text data;
        assert_true(document_found(world, given[i].collection, given[i].key, &data));
        assert_texts_equal(data, given[i].data);
        assert_int_equal(data.data[data.size], '\0');
    }
    assert_document(world, "orders@1", "o-3", NULL);
    assert_document(world, "orders", "o-1", NULL);
    assert_document(world, "ORDERS@1", "o-1", NULL);
    assert_document(world, "orders@1", "O-1", NULL);
    assert_int_equal(assert_sound(world).documents, COUNT);
    assert_head(world, 0);
}

void document_is_put_and_dropped(void **state)
{
    contract_world *world = *state;
    put(world, "c", "a", "one");
    put(world, "c", "b", "two");
    put(world, "d", "a", "other");
    put(world, "c", "a", "another, and a longer one");
    assert_document(world, "c", "a", "another, and a longer one");
    assert_document(world, "c", "b", "two");
    drop(world, "c", "a");
    drop(world, "c", "a"); /* need not be there */
    drop(world, "e", "a");
    assert_document(world, "c", "a", NULL);
    assert_document(world, "c", "b", "two");
    assert_document(world, "d", "a", "other");
    put(world, "c", "a", "");
    assert_document(world, "c", "a", "");
    assert_int_equal(assert_sound(world).documents, 3);
}

/* What becomes of a unit that expects that of the document, which has the data, or is not there. */
static neap_status expect(contract_world *world, const char *data, neapi_document_expect expected,
                          const char *expected_data, neapi_document_write write)
{
    if (data != NULL)
        put(world, "c", "k", data);
    else
        drop(world, "c", "k");
    neapi_unit *unit = new_unit();
    add_document(unit, "c", "k", write, "new", expected, expected_data);
    commit(world, &unit, 1);
    neap_status status = unit->verdict.status;
    assert_verdict(unit, status);
    neapi_unit_release(unit);
    bool written = status == NEAP_OK && write != NEAPI_DOCUMENT_KEEP;
    assert_document(world, "c", "k", written ? write == NEAPI_DOCUMENT_PUT ? "new" : NULL : data);
    return status;
}

void document_is_expected(void **state)
{
    contract_world *world = *state;
    put(world, "c", "j", "before");
    put(world, "c", "l", "behind");
    for (neapi_document_write write = NEAPI_DOCUMENT_KEEP; write <= NEAPI_DOCUMENT_DROP; write++) {
        static const struct {
            const char *data;
            neapi_document_expect expected;
            const char *expected_data;
            neap_status status;
        } cases[] = {
            {"old", NEAPI_DOCUMENT_ANY, NULL, NEAP_OK},
            {NULL, NEAPI_DOCUMENT_ANY, NULL, NEAP_OK},
            {"old", NEAPI_DOCUMENT_ABSENT, NULL, NEAP_CONFLICT},
            {NULL, NEAPI_DOCUMENT_ABSENT, NULL, NEAP_OK},
            {"old", NEAPI_DOCUMENT_PRESENT, NULL, NEAP_OK},
            {"", NEAPI_DOCUMENT_PRESENT, NULL, NEAP_OK},
            {NULL, NEAPI_DOCUMENT_PRESENT, NULL, NEAP_CONFLICT},
            {"old", NEAPI_DOCUMENT_EQUAL, "old", NEAP_OK},
            {"", NEAPI_DOCUMENT_EQUAL, "", NEAP_OK},
            {"old", NEAPI_DOCUMENT_EQUAL, "olD", NEAP_CONFLICT},
            {"old", NEAPI_DOCUMENT_EQUAL, "ol", NEAP_CONFLICT},
            {"old", NEAPI_DOCUMENT_EQUAL, "old ", NEAP_CONFLICT},
            {"old", NEAPI_DOCUMENT_EQUAL, "", NEAP_CONFLICT},
            {NULL, NEAPI_DOCUMENT_EQUAL, "", NEAP_CONFLICT},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            snprintf(world->note, sizeof world->note, "case %zu", i);
            assert_int_equal(
                expect(world, cases[i].data, cases[i].expected, cases[i].expected_data, write),
                cases[i].status);
        }
    }
    neapi_unit *unit = new_unit(); /* in a collection that does not exist */
    add_document(unit, "e", "k", NEAPI_DOCUMENT_PUT, "new", NEAPI_DOCUMENT_PRESENT, NULL);
    commit_one(world, unit, NEAP_CONFLICT);
    unit = new_unit();
    add_document(unit, "e", "k", NEAPI_DOCUMENT_KEEP, NULL, NEAPI_DOCUMENT_ABSENT, NULL);
    commit_one(world, unit, NEAP_OK);
    assert_document(world, "c", "j", "before");
    assert_document(world, "c", "l", "behind");
    world->note[0] = '\0';
}

void document_sees_operations_before_it(void **state)
{
    contract_world *world = *state;
    put(world, "c", "k", "0");
    neapi_unit *unit = new_unit();
    add_document(unit, "c", "k", NEAPI_DOCUMENT_PUT, "1", NEAPI_DOCUMENT_EQUAL, "0");
    add_document(unit, "c", "k", NEAPI_DOCUMENT_KEEP, NULL, NEAPI_DOCUMENT_EQUAL, "1");
    add_document(unit, "c", "k", NEAPI_DOCUMENT_DROP, NULL, NEAPI_DOCUMENT_PRESENT, NULL);
    add_document(unit, "c", "k", NEAPI_DOCUMENT_PUT, "2", NEAPI_DOCUMENT_ABSENT, NULL);
    add_document(unit, "c", "n", NEAPI_DOCUMENT_PUT, "3", NEAPI_DOCUMENT_ABSENT, NULL);
    add_document(unit, "d", "k", NEAPI_DOCUMENT_PUT, "4", NEAPI_DOCUMENT_ABSENT, NULL);
    add_document(unit, "c", "n", NEAPI_DOCUMENT_DROP, NULL, NEAPI_DOCUMENT_EQUAL, "3");
    add_document(unit, "c", "n", NEAPI_DOCUMENT_KEEP, NULL, NEAPI_DOCUMENT_ABSENT, NULL);
    commit_one(world, unit, NEAP_OK);
    assert_document(world, "c", "k", "2");
    assert_document(world, "c", "n", NULL);
    assert_document(world, "d", "k", "4");
    assert_int_equal(assert_sound(world).documents, 2);
}

void document_sees_accepted_units_before_it(void **state)
{
    contract_world *world = *state;
    put(world, "c", "k", "0");
    static const struct {
        const char *from, *to;
        neap_status status;
    } steps[] = {{"0", "1", NEAP_OK},       {"0", "x", NEAP_CONFLICT}, {"1", "2", NEAP_OK},
                 {"x", "y", NEAP_CONFLICT}, {"2", NULL, NEAP_OK},      {"2", "z", NEAP_CONFLICT},
                 {NULL, "3", NEAP_OK},      {NULL, "w", NEAP_CONFLICT}};
    enum { STEPS = sizeof steps / sizeof *steps };
    neapi_unit *units[STEPS];
    for (size_t i = 0; i < STEPS; i++) {
        units[i] = new_unit();
        add_document(units[i], "c", "k",
                     steps[i].to != NULL ? NEAPI_DOCUMENT_PUT : NEAPI_DOCUMENT_DROP, steps[i].to,
                     steps[i].from != NULL ? NEAPI_DOCUMENT_EQUAL : NEAPI_DOCUMENT_ABSENT,
                     steps[i].from);
    }
    commit(world, units, STEPS);
    for (size_t i = 0; i < STEPS; i++)
        assert_verdict(units[i], steps[i].status);
    release(units, STEPS);
    assert_document(world, "c", "k", "3");
}

void document_conflict_names_the_operation(void **state)
{
    contract_world *world = *state;
    put(world, "c", "there", "1");
    neapi_unit *unit = new_unit();
    add_document(unit, "c", "a", NEAPI_DOCUMENT_PUT, "1", NEAPI_DOCUMENT_ANY, NULL);
    add_document(unit, "c", "there", NEAPI_DOCUMENT_PUT, "2", NEAPI_DOCUMENT_PRESENT, NULL);
    add_document(unit, "c", "missing", NEAPI_DOCUMENT_DROP, NULL, NEAPI_DOCUMENT_PRESENT, NULL);
    add_document(unit, "c", "b", NEAPI_DOCUMENT_PUT, "1", NEAPI_DOCUMENT_ANY, NULL);
    commit(world, &unit, 1);
    assert_verdict(unit, NEAP_CONFLICT);
    assert_int_equal(unit->verdict.op, 2);
    neapi_unit_release(unit);
    assert_document(world, "c", "there", "1");
}

void documents_of_a_refused_unit_are_not_there(void **state)
{
    contract_world *world = *state;
    append(world, "A-1", "Opened");
    put(world, "c", "a", "1");
    put(world, "c", "b", "2");
    neapi_unit *units[3] = {new_unit(), new_unit(), new_unit()};
    add_document(units[0], "c", "a", NEAPI_DOCUMENT_PUT, "10", NEAPI_DOCUMENT_ANY, NULL);
    add_document(units[0], "c", "c", NEAPI_DOCUMENT_PUT, "30", NEAPI_DOCUMENT_ANY, NULL);
    add_document(units[0], "d", "a", NEAPI_DOCUMENT_PUT, "40", NEAPI_DOCUMENT_ANY, NULL);
    add_document(units[0], "c", "b", NEAPI_DOCUMENT_DROP, NULL, NEAPI_DOCUMENT_ANY, NULL);
    add(units[0], "A-1", 7, "Closed"); /* a version that it does not have */
    add_document(units[1], "c", "a", NEAPI_DOCUMENT_PUT, "11", NEAPI_DOCUMENT_EQUAL, "1");
    add_document(units[1], "c", "c", NEAPI_DOCUMENT_KEEP, NULL, NEAPI_DOCUMENT_ABSENT, NULL);
    neapi_unit_follow(units[2], units[0]);
    add_document(units[2], "c", "b", NEAPI_DOCUMENT_PUT, "12", NEAPI_DOCUMENT_ANY, NULL);
    commit(world, units, 3);
    assert_verdict(units[0], NEAP_CONFLICT);
    assert_verdict(units[1], NEAP_OK);
    assert_verdict(units[2], NEAP_CONFLICT);
    release(units, 3);
    assert_document(world, "c", "a", "11");
    assert_document(world, "c", "b", "2");
    assert_document(world, "c", "c", NULL);
    assert_document(world, "d", "a", NULL);
    neapi_unit *unit = new_unit();
    assert_int_equal(neapi_unit_clear_collection(unit, T("c"), 100), NEAP_OK);
    add_document(unit, "c", "k", NEAPI_DOCUMENT_KEEP, NULL, NEAPI_DOCUMENT_PRESENT, NULL);
    commit_one(world, unit, NEAP_CONFLICT);
    assert_int_equal(assert_sound(world).documents, 2);
}

void documents_are_put_together_with_events(void **state)
{
    contract_world *world = *state;
    neapi_unit *units[2] = {new_unit(), new_unit()};
    add(units[0], "A-1", 0, "Opened");
    add_document(units[0], "c", "a", NEAPI_DOCUMENT_PUT, "1", NEAPI_DOCUMENT_ABSENT, NULL);
    add(units[0], "A-1", 1, "Moved");
    add(units[1], "A-1", 2, "Closed");
    add_document(units[1], "c", "a", NEAPI_DOCUMENT_PUT, "2", NEAPI_DOCUMENT_EQUAL, "0");
    commit(world, units, 2);
    assert_verdict(units[0], NEAP_OK);
    assert_int_equal(units[0]->verdict.last_position, 2);
    assert_verdict(units[1], NEAP_CONFLICT);
    assert_int_equal(units[1]->verdict.op, 1);
    release(units, 2);
    assert_head(world, 2);
    assert_document(world, "c", "a", "1");
}

void collection_is_cleared_in_pieces(void **state)
{
    contract_world *world = *state;
    enum { DOCUMENTS = 25 };
    neapi_unit *unit = new_unit();
    for (int i = 0; i < DOCUMENTS; i++) {
        char key[16];
        snprintf(key, sizeof key, "k-%02d", i * 7 % DOCUMENTS);
        add_document(unit, "c", key, NEAPI_DOCUMENT_PUT, key, NEAPI_DOCUMENT_ANY, NULL);
    }
    add_document(unit, "b", "k-00", NEAPI_DOCUMENT_PUT, "1", NEAPI_DOCUMENT_ANY, NULL);
    add_document(unit, "d", "k-00", NEAPI_DOCUMENT_PUT, "1", NEAPI_DOCUMENT_ANY, NULL);
    commit_one(world, unit, NEAP_OK);
    for (int left = DOCUMENTS; left > 0; left -= 10) {
        char first[16];
        snprintf(first, sizeof first, "k-%02d", DOCUMENTS - left);
        assert_document(world, "c", first, first);
        unit = new_unit();
        assert_int_equal(neapi_unit_clear_collection(unit, T("c"), 10), NEAP_OK);
        commit_one(world, unit, NEAP_OK);
        assert_document(world, "c", first, NULL);
        assert_int_equal(assert_sound(world).documents, left > 10 ? left - 10 + 2 : 2);
    }
    unit = new_unit(); /* nothing is left; one that never was */
    assert_int_equal(neapi_unit_clear_collection(unit, T("c"), UINT32_MAX), NEAP_OK);
    assert_int_equal(neapi_unit_clear_collection(unit, T("x"), 1), NEAP_OK);
    commit_one(world, unit, NEAP_OK);
    assert_document(world, "b", "k-00", "1");
    assert_document(world, "d", "k-00", "1");
}

void clearing_sees_what_is_before_it(void **state)
{
    contract_world *world = *state;
    put(world, "c", "b", "1");
    put(world, "c", "d", "1");
    put(world, "c", "f", "1");
    neapi_unit *units[2] = {new_unit(), new_unit()};
    add_document(units[0], "c", "a", NEAPI_DOCUMENT_PUT, "2", NEAPI_DOCUMENT_ANY, NULL);
    add_document(units[0], "c", "b", NEAPI_DOCUMENT_DROP, NULL, NEAPI_DOCUMENT_ANY, NULL);
    add_document(units[0], "c", "e", NEAPI_DOCUMENT_PUT, "2", NEAPI_DOCUMENT_ANY, NULL);
    add_document(units[1], "c", "c", NEAPI_DOCUMENT_PUT, "3", NEAPI_DOCUMENT_ANY, NULL);
    /* there are a, c, d, e, f: the first three of these */
    assert_int_equal(neapi_unit_clear_collection(units[1], T("c"), 3), NEAP_OK);
    add_document(units[1], "c", "d", NEAPI_DOCUMENT_PUT, "4", NEAPI_DOCUMENT_ABSENT, NULL);
    commit(world, units, 2);
    assert_verdict(units[0], NEAP_OK);
    assert_verdict(units[1], NEAP_OK);
    release(units, 2);
    ASSERT_LISTED(world, all_of("c"), "d", "e", "f");
    assert_document(world, "c", "d", "4");
    assert_document(world, "c", "e", "2");
}

void documents_survive_reopening(void **state)
{
    contract_world *world = *state;
    put(world, "c", "a", "1");
    put(world, "c", "b", "2");
    drop(world, "c", "b");
    put(world, "d", "a", "3");
    world_close(world);
    world_open(world);
    assert_document(world, "c", "a", "1");
    assert_document(world, "c", "b", NULL);
    assert_document(world, "d", "a", "3");
    neapi_unit *unit = new_unit();
    add_document(unit, "c", "a", NEAPI_DOCUMENT_PUT, "4", NEAPI_DOCUMENT_EQUAL, "1");
    commit_one(world, unit, NEAP_OK);
    assert_document(world, "c", "a", "4");
    ASSERT_LISTED(world, all_of("c"), "a");
}
