/* Listing documents and collections. */
#include <stdio.h>

#include "contract/documents.h"
#include "contract/rules.h"

/* Those of the collection c, in their order; another lies on each side. */
static const char *const keys[] = {
    "A", "B-1", "B-10", "B-2", "B.", "Ba", "a", "b", "\xC3\xA4 umlaut", "\xF0\x9F\x90\xA2"};
#define KEYS (sizeof keys / sizeof *keys)

static void fill(contract_world *world)
{
    neapi_unit *unit = new_unit();
    for (size_t i = 0; i < KEYS; i++) {
        const char *key = keys[i * 7 % KEYS];
        add_document(unit, "c", key, NEAPI_DOCUMENT_PUT, key, NEAPI_DOCUMENT_ANY, NULL);
        add_document(unit, "b", key, NEAPI_DOCUMENT_PUT, "b", NEAPI_DOCUMENT_ANY, NULL);
        add_document(unit, "d", key, NEAPI_DOCUMENT_PUT, "d", NEAPI_DOCUMENT_ANY, NULL);
    }
    commit_one(world, unit, NEAP_OK);
}

void documents_are_listed_in_bytewise_order(void **state)
{
    contract_world *world = *state;
    ASSERT_NOTHING_LISTED(world, all_of("c"));
    fill(world);
    assert_listed(world, all_of("c"), keys, KEYS);
    neapi_document_range range = all_of("c");
    range.backward = true;
    const char *backward[KEYS];
    for (size_t i = 0; i < KEYS; i++)
        backward[i] = keys[KEYS - 1 - i];
    assert_listed(world, range, backward, KEYS);
    ASSERT_NOTHING_LISTED(world, all_of("unknown"));
    neapi_document_page page = NEAPI_DOCUMENT_PAGE_INIT;
    range = all_of("c");
    assert_int_equal(neapi_list_documents(world->reader, &range, &page, NULL), NEAP_OK);
    for (size_t i = 0; i < KEYS; i++)
        assert_texts_equal(page.documents[i].data, page.documents[i].key);
    neapi_document_page_fini(&page);
}

void documents_of_any_bytes_are_listed(void **state)
{
    contract_world *world = *state;
    static const neap_text data[] = {{"\xFF\xFE", 2}, {"a\0b", 3}, {"\0", 1}, {"\xC3", 1}, {"", 0}};
    neapi_unit *unit = new_unit();
    for (int i = 0; i < 5; i++) {
        char key[] = {(char)('a' + i), '\0'};
        const neapi_document document = {
            .collection = T("c"), .key = T(key), .write = NEAPI_DOCUMENT_PUT, .data = data[i]};
        assert_int_equal(neapi_unit_document(unit, &document), NEAP_OK);
    }
    commit_one(world, unit, NEAP_OK);
    neapi_document_page page = NEAPI_DOCUMENT_PAGE_INIT;
    neapi_document_range range = all_of("c");
    assert_int_equal(neapi_list_documents(world->reader, &range, &page, NULL), NEAP_OK);
    assert_int_equal(page.count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_texts_equal(page.documents[i].data, data[i]);
    range.prefix = neapi_text("a\0", 2); /* what no key can begin with */
    assert_int_equal(neapi_list_documents(world->reader, &range, &page, NULL), NEAP_OK);
    assert_int_equal(page.count, 0);
    range = all_of("c");
    range.behind = neapi_text("c\0\xFF", 3);
    assert_int_equal(neapi_list_documents(world->reader, &range, &page, NULL), NEAP_OK);
    assert_int_equal(page.count, 2);
    neapi_document_page_fini(&page);

    static const neap_text wrong[] = {{"\xFF", 1}, {"a\0b", 3}};
    for (int i = 0; i < 4; i++) { /* a name is a text everywhere */
        const neapi_document document = {.collection = i < 2 ? wrong[i] : T("c"),
                                         .key = i < 2 ? T("k") : wrong[i - 2],
                                         .write = NEAPI_DOCUMENT_PUT,
                                         .data = T("1")};
        unit = new_unit();
        assert_int_equal(neapi_unit_document(unit, &document), NEAP_OK);
        commit_one(world, unit, NEAP_INVALID);
    }
}

void documents_are_listed_by_prefix(void **state)
{
    contract_world *world = *state;
    fill(world);
    neapi_document_range range = all_of("c");
    range.prefix = T("B");
    ASSERT_LISTED(world, range, "B-1", "B-10", "B-2", "B.", "Ba");
    range.prefix = T("B-1");
    ASSERT_LISTED(world, range, "B-1", "B-10");
    range.backward = true;
    ASSERT_LISTED(world, range, "B-10", "B-1");
    range.prefix = T("B-3");
    ASSERT_NOTHING_LISTED(world, range);
    range.prefix = T("\xC3"); /* not whole, as a text */
    ASSERT_LISTED(world, range, "\xC3\xA4 umlaut");
    range.prefix = T("\xFF");
    ASSERT_NOTHING_LISTED(world, range);
    range.prefix = T("%");
    ASSERT_NOTHING_LISTED(world, range);
}

void documents_are_listed_behind_a_key(void **state)
{
    contract_world *world = *state;
    fill(world);
    neapi_document_range range = all_of("c");
    range.behind = T("Ba");
    ASSERT_LISTED(world, range, "a", "b", "\xC3\xA4 umlaut", "\xF0\x9F\x90\xA2");
    range.behind = T("B-11"); /* is not there */
    ASSERT_LISTED(world, range, "B-2", "B.", "Ba", "a", "b", "\xC3\xA4 umlaut", "\xF0\x9F\x90\xA2");
    range.prefix = T("B");
    ASSERT_LISTED(world, range, "B-2", "B.", "Ba");
    range.backward = true;
    ASSERT_LISTED(world, range, "B-10", "B-1");
    range.behind = T("A"); /* before all with the prefix, or behind them */
    ASSERT_NOTHING_LISTED(world, range);
    range.behind = T("z");
    ASSERT_LISTED(world, range, "Ba", "B.", "B-2", "B-10", "B-1");
    range.backward = false;
    ASSERT_NOTHING_LISTED(world, range);
    range.behind = T("A");
    ASSERT_LISTED(world, range, "B-1", "B-10", "B-2", "B.", "Ba");
    range.prefix = T("");
    range.behind = T("\xF0\x9F\x90\xA2");
    ASSERT_NOTHING_LISTED(world, range);
}

void pages_of_documents_join_without_gap_or_repeat(void **state)
{
    contract_world *world = *state;
    fill(world);
    for (size_t limit = 1; limit <= KEYS + 1; limit++) {
        for (int backward = 0; backward < 2; backward++) {
            size_t seen = 0;
            neapi_document_range range = all_of("c");
            neapi_document_page page = NEAPI_DOCUMENT_PAGE_INIT;
            range.limit = limit;
            range.backward = backward != 0;
            do {
                neapi_arena_clear(&world->arena);
                assert_int_equal(neapi_list_documents(world->reader, &range, &page, NULL), NEAP_OK);
                assert_true(page.count <= limit);
                assert_int_equal(page.last, seen + page.count == KEYS);
                for (size_t i = 0; i < page.count; i++, seen++)
                    assert_text(page.documents[i].key, keys[backward ? KEYS - 1 - seen : seen]);
                range.behind = neapi_arena_text(&world->arena, page.documents[page.count - 1].key);
            } while (!page.last);
            assert_int_equal(seen, KEYS);
            neapi_document_page_fini(&page);
        }
    }
}

void page_of_documents_keeps_its_bounds(void **state)
{
    contract_world *world = *state;
    enum { SIZE = 100000, DOCUMENTS = 8 };
    static char data[4 * SIZE];
    memset(data, ' ', sizeof data);
    neapi_unit *unit = new_unit();
    for (int i = 0; i < DOCUMENTS; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        const neapi_document document = {.collection = T("c"),
                                         .key = T(key),
                                         .write = NEAPI_DOCUMENT_PUT,
                                         .data = {data, i == 5 ? 4 * SIZE : SIZE}};
        assert_int_equal(neapi_unit_document(unit, &document), NEAP_OK);
    }
    commit_one(world, unit, NEAP_OK);
    static const size_t counts[] = {2, 2, 1, 1, 2}; /* the large one comes alone */
    neapi_document_range range = all_of("c");
    neapi_document_page page = NEAPI_DOCUMENT_PAGE_INIT;
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(neapi_list_documents(world->reader, &range, &page, NULL), NEAP_OK);
        assert_int_equal(page.count, counts[i]);
        assert_int_equal(page.last, i == 4);
        neapi_arena_clear(&world->arena);
        range.behind = neapi_arena_text(&world->arena, page.documents[page.count - 1].key);
    }
    neapi_document_page_fini(&page);

    range = all_of("c");
    range.limit = 0;
    assert_int_equal(neapi_list_documents(world->reader, &range, &page, NULL), NEAP_USAGE);
    range = all_of("");
    assert_int_equal(neapi_list_documents(world->reader, &range, &page, NULL), NEAP_INVALID);
    range = all_of("c");
    range.prefix = neapi_text(data, NEAPI_STREAM_BYTES + 1);
    assert_int_equal(neapi_list_documents(world->reader, &range, &page, NULL), NEAP_INVALID);
}

void collections_are_listed_with_their_counts(void **state)
{
    contract_world *world = *state;
    neapi_collection_list list = NEAPI_COLLECTION_LIST_INIT;
    assert_int_equal(neapi_list_collections(world->reader, &list, NULL), NEAP_OK);
    assert_int_equal(list.count, 0);
    fill(world);
    put(world, "B", "k", "1");
    put(world, "$queue", "k", "1");
    put(world, "gone", "k", "1");
    drop(world, "gone", "k");
    for (int again = 0; again < 2; again++) {
        assert_int_equal(neapi_list_collections(world->reader, &list, NULL), NEAP_OK);
        static const char *const names[] = {"$queue", "B", "b", "c", "d"};
        assert_int_equal(list.count, 5);
        for (size_t i = 0; i < 5; i++) {
            assert_text(list.collections[i].name, names[i]);
            assert_int_equal(list.collections[i].documents, i < 2 ? 1 : KEYS);
        }
    }
    neapi_collection_list_fini(&list);
    neapi_survey survey;
    assert_int_equal(neapi_survey_take(world->reader, NOW, &survey, NULL), NEAP_OK);
    assert_int_equal(survey.result.documents, 3 * KEYS + 2);
    assert_int_equal(survey.result.collections, 5);
    size_t bytes = 2 + 2 * KEYS;
    for (size_t i = 0; i < KEYS; i++)
        bytes += strlen(keys[i]);
    assert_int_equal(survey.result.document_bytes, bytes);
    neapi_survey_fini(&survey);
}
