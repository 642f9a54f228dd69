#include "contract/documents.h"

void add_document(neapi_unit *unit, const char *collection, const char *key,
                  neapi_document_write write, const char *data, neapi_document_expect expect,
                  const char *expected)
{
    const neapi_document document = {.collection = T(collection),
                                     .key = T(key),
                                     .write = write,
                                     .expect = expect,
                                     .expected = T(expected),
                                     .data = T(data)};
    assert_int_equal(neapi_unit_document(unit, &document), NEAP_OK);
}

void put(contract_world *world, const char *collection, const char *key, const char *data)
{
    neapi_unit *unit = new_unit();
    add_document(unit, collection, key, NEAPI_DOCUMENT_PUT, data, NEAPI_DOCUMENT_ANY, NULL);
    commit_one(world, unit, NEAP_OK);
}

void drop(contract_world *world, const char *collection, const char *key)
{
    neapi_unit *unit = new_unit();
    add_document(unit, collection, key, NEAPI_DOCUMENT_DROP, NULL, NEAPI_DOCUMENT_ANY, NULL);
    commit_one(world, unit, NEAP_OK);
}

bool document_found(contract_world *world, neap_text collection, neap_text key, neap_text *data)
{
    bool found[2];
    neap_text texts[2] = {{"", 0}, {"", 0}};
    neapi_session *const sessions[] = {world->reader, world->writer};
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(neapi_find_document(sessions[i], collection, key, &world->arena, &texts[i],
                                             &found[i], NULL),
                         NEAP_OK);
    assert_int_equal(found[0], found[1]);
    assert_texts_equal(texts[0], texts[1]);
    *data = texts[0];
    return found[0];
}

void assert_document(contract_world *world, const char *collection, const char *key,
                     const char *data)
{
    neap_text there;
    neapi_arena_clear(&world->arena);
    assert_int_equal(document_found(world, T(collection), T(key), &there), data != NULL);
    if (data != NULL)
        assert_text(there, data);
}

neapi_document_range all_of(const char *collection)
{
    return (neapi_document_range){.collection = T(collection), .limit = 100};
}

void assert_listed(contract_world *world, neapi_document_range range, const char *const *keys,
                   size_t count)
{
    neapi_session *const sessions[] = {world->reader, world->writer};
    neapi_document_page page = NEAPI_DOCUMENT_PAGE_INIT;
    for (size_t s = 0; s < 2; s++) {
        size_t seen = 0;
        neapi_document_range rest = range;
        do {
            assert_int_equal(neapi_list_documents(sessions[s], &rest, &page, NULL), NEAP_OK);
            for (size_t i = 0; i < page.count; i++, seen++) {
                assert_true(seen < count);
                assert_text(page.documents[i].key, keys[seen]);
            }
            neapi_arena_clear(&world->arena);
            if (page.count != 0)
                rest.behind = neapi_arena_text(&world->arena, page.documents[page.count - 1].key);
        } while (!page.last);
        assert_int_equal(seen, count);
    }
    neapi_document_page_fini(&page);
}
