#include "documents.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

#define LEVELS 12 /* each has a quarter of the one below it: enough for 16 million documents */

/* In one allocation with its levels and its key. */
struct neapi_memory_document {
    neapi_memory_collection *collection;
    neap_text key;
    neapi_memory_value *value; /* NULL only until the first is there */
    neapi_memory_document *previous;
    uint32_t levels;
    neapi_memory_document *next[];
};

/* In one allocation with its name. */
struct neapi_memory_collection {
    neap_text name;
    neapi_memory_document *first[LEVELS], *last;
    uint64_t nodes; /* documents, and what stands for dropped ones while a unit is judged */
    uint64_t count;
};

/* For each level, the link that leads to the place. */
typedef struct links {
    neapi_memory_document **at[LEVELS];
    neapi_memory_document *before; /* NULL: the place is the first */
} links;

void neapi_memory_documents_init(neapi_memory_documents *documents)
{
    *documents = (neapi_memory_documents){0};
    neapi_map_init(&documents->collections);
}

static void collection_free(neapi_memory_collection *collection)
{
    for (neapi_memory_document *at = collection->first[0]; at != NULL;) {
        neapi_memory_document *next = at->next[0];
        neapi_free(at->value);
        neapi_free(at);
        at = next;
    }
    neapi_free(collection);
}

void neapi_memory_documents_fini(neapi_memory_documents *documents)
{
    size_t at = 0;
    neapi_memory_collection *collection;
    while ((collection = neapi_map_next(&documents->collections, &at)) != NULL)
        collection_free(collection);
    neapi_map_fini(&documents->collections);
}

/* The first document whose key is not below; NULL: none. */
static neapi_memory_document *find_place(neapi_memory_collection *collection, neap_text key,
                                         links *found)
{
    neapi_memory_document *before = NULL, *at = NULL;
    for (int level = LEVELS - 1; level >= 0; level--) {
        neapi_memory_document **link =
            before != NULL ? &before->next[level] : &collection->first[level];
        while ((at = *link) != NULL && neapi_text_compare(at->key, key) < 0) {
            before = at;
            link = &at->next[level];
        }
        found->at[level] = link;
    }
    found->before = before;
    return at;
}

/* The document with that key, or what stands for it; NULL: none. */
static neapi_memory_document *find(const neapi_memory_documents *documents, neap_text name,
                                   neap_text key)
{
    links found;
    neapi_memory_collection *collection = neapi_map_get(&documents->collections, name);
    neapi_memory_document *at = collection != NULL ? find_place(collection, key, &found) : NULL;
    return at != NULL && neapi_text_equal(at->key, key) ? at : NULL;
}

const neapi_memory_value *neapi_memory_document_find(const neapi_memory_documents *documents,
                                                     neap_text collection, neap_text key)
{
    const neapi_memory_document *document = find(documents, collection, key);
    return document != NULL && !document->value->dropped ? document->value : NULL;
}

static neapi_memory_collection *collection_make(neapi_memory_documents *documents, neap_text name)
{
    neapi_memory_collection *collection = neapi_map_get(&documents->collections, name);
    if (collection != NULL)
        return collection;
    collection = neapi_alloc_zero(1, sizeof *collection + name.size + 1);
    if (collection == NULL)
        return NULL;
    memcpy(collection + 1, name.data, name.size);
    collection->name = neapi_text((char *)(collection + 1), name.size);
    if (neapi_map_put(&documents->collections, collection->name, collection))
        return collection;
    neapi_free(collection);
    return NULL;
}

static void discard_if_empty(neapi_memory_documents *documents, neapi_memory_collection *collection)
{
    if (collection->nodes != 0)
        return;
    neapi_map_remove(&documents->collections, collection->name);
    neapi_free(collection);
}

/* By chance, but always the same of a key: a quarter of them goes up to the next level. */
static uint32_t levels_of(const neapi_memory_documents *documents, neap_text key)
{
    uint32_t levels = 1;
    uint64_t bits = neapi_text_hash(key, documents->collections.seed);
    for (; levels < LEVELS && (bits & 3) == 0; bits >>= 2)
        levels++;
    return levels;
}

/* A document without a value, in its place. */
static neapi_memory_document *insert(neapi_memory_documents *documents,
                                     neapi_memory_collection *collection, neap_text key,
                                     const links *place)
{
    uint32_t levels = levels_of(documents, key);
    size_t size = sizeof(neapi_memory_document) + levels * sizeof(neapi_memory_document *);
    neapi_memory_document *document = neapi_alloc(size + key.size);
    if (document == NULL)
        return NULL;
    char *copy = memcpy((char *)document + size, key.data, key.size);
    *document = (neapi_memory_document){.collection = collection,
                                        .key = {copy, key.size},
                                        .previous = place->before,
                                        .levels = levels};
    for (uint32_t i = 0; i < levels; i++) {
        document->next[i] = *place->at[i];
        *place->at[i] = document;
    }
    if (document->next[0] != NULL)
        document->next[0]->previous = document;
    else
        collection->last = document;
    collection->nodes++;
    return document;
}

static void remove_document(neapi_memory_documents *documents, neapi_memory_document *document)
{
    links place;
    neapi_memory_collection *collection = document->collection;
    find_place(collection, document->key, &place);
    for (uint32_t i = 0; i < document->levels; i++)
        *place.at[i] = document->next[i];
    if (document->next[0] != NULL)
        document->next[0]->previous = document->previous;
    else
        collection->last = document->previous;
    collection->nodes--;
    neapi_free(document);
    discard_if_empty(documents, collection);
}

/* Counts the value in, or out again. */
static void count(neapi_memory_documents *documents, const neapi_memory_value *value, bool in)
{
    if (value == NULL || value->dropped)
        return;
    uint64_t one = in ? 1 : UINT64_MAX;
    documents->count += one;
    documents->bytes += in ? value->data.size : 0 - (uint64_t)value->data.size;
    value->document->collection->count += one;
}

/* data NULL: it is dropped. */
static bool change(neapi_memory_documents *documents, neapi_memory_document *document,
                   const neap_text *data)
{
    size_t size = data != NULL ? data->size : 0;
    neapi_memory_value *value = neapi_alloc(sizeof *value + size + 1);
    if (value == NULL)
        return false;
    char *copy = (char *)(value + 1);
    if (size != 0)
        memcpy(copy, data->data, size);
    copy[size] = '\0';
    neapi_memory_value *before = document->value;
    *value =
        (neapi_memory_value){.document = document,
                             .data = {copy, size},
                             .dropped = data == NULL,
                             .committed_before = before == NULL || before->unit != documents->unit,
                             .unit = documents->unit,
                             .before = before,
                             .next = documents->changes};
    documents->changes = value;
    document->value = value;
    count(documents, before, false);
    count(documents, value, true);
    return true;
}

static bool is_as_expected(const neapi_memory_value *value, const neapi_document *document)
{
    bool there = value != NULL && !value->dropped;
    switch (document->expect) {
    case NEAPI_DOCUMENT_ANY:
        return true;
    case NEAPI_DOCUMENT_ABSENT:
        return !there;
    case NEAPI_DOCUMENT_PRESENT:
        return there;
    case NEAPI_DOCUMENT_EQUAL:
        return there && neapi_text_equal(value->data, document->expected);
    }
    return false;
}

static neap_status put(neapi_memory_documents *documents, const neapi_document *document)
{
    links place;
    neapi_memory_collection *collection = collection_make(documents, document->collection);
    if (collection == NULL)
        return NEAP_NOMEM;
    neapi_memory_document *at = find_place(collection, document->key, &place);
    if (at != NULL && neapi_text_equal(at->key, document->key))
        return change(documents, at, &document->data) ? NEAP_OK : NEAP_NOMEM;
    at = insert(documents, collection, document->key, &place);
    if (at != NULL && change(documents, at, &document->data))
        return NEAP_OK;
    if (at != NULL)
        remove_document(documents, at);
    else
        discard_if_empty(documents, collection);
    return NEAP_NOMEM;
}

static neap_status drop(neapi_memory_documents *documents, neapi_memory_document *document)
{
    if (document == NULL || document->value->dropped || change(documents, document, NULL))
        return NEAP_OK;
    return NEAP_NOMEM;
}

neap_status neapi_memory_document_write(neapi_memory_documents *documents,
                                        const neapi_document *document)
{
    bool put_whatever_is_there =
        document->write == NEAPI_DOCUMENT_PUT && document->expect == NEAPI_DOCUMENT_ANY;
    if (put_whatever_is_there)
        return put(documents, document);
    neapi_memory_document *at = find(documents, document->collection, document->key);
    if (!is_as_expected(at != NULL ? at->value : NULL, document))
        return NEAP_CONFLICT;
    if (document->write == NEAPI_DOCUMENT_PUT)
        return put(documents, document);
    return document->write == NEAPI_DOCUMENT_DROP ? drop(documents, at) : NEAP_OK;
}

neap_status neapi_memory_collection_clear(neapi_memory_documents *documents, neap_text name,
                                          uint32_t most)
{
    const neapi_memory_collection *collection = neapi_map_get(&documents->collections, name);
    neapi_memory_document *at = collection != NULL ? collection->first[0] : NULL;
    for (; at != NULL && most > 0; at = at->next[0]) {
        if (at->value->dropped)
            continue;
        if (!change(documents, at, NULL))
            return NEAP_NOMEM;
        most--;
    }
    return NEAP_OK;
}

/* The changes of the unit, oldest first; there are none any more. */
static neapi_memory_value *take_changes(neapi_memory_documents *documents)
{
    neapi_memory_value *oldest = NULL, *at = documents->changes;
    while (at != NULL) {
        neapi_memory_value *next = at->next;
        at->next = oldest;
        oldest = at;
        at = next;
    }
    documents->changes = NULL;
    documents->unit++;
    return oldest;
}

void neapi_memory_documents_settle(neapi_memory_documents *documents)
{
    neapi_memory_value *next, *at = take_changes(documents);
    for (; at != NULL; at = next) {
        next = at->next;
        neapi_memory_document *document = at->document;
        if (at->committed_before)
            neapi_free(at->before);
        at->before = NULL;
        bool newest = document->value == at;
        if (newest && !at->dropped)
            continue;
        neapi_free(at);
        if (newest)
            remove_document(documents, document);
    }
}

void neapi_memory_documents_take_back(neapi_memory_documents *documents)
{
    while (documents->changes != NULL) {
        neapi_memory_value *value = documents->changes;
        neapi_memory_document *document = value->document;
        documents->changes = value->next;
        count(documents, value, false);
        count(documents, value->before, true);
        document->value = value->before;
        if (document->value == NULL)
            remove_document(documents, document);
        neapi_free(value);
    }
    documents->unit++;
}

/* The last document below; NULL: none. */
static const neapi_memory_document *find_last(neapi_memory_collection *collection, neap_text high)
{
    links place;
    const neapi_memory_document *at = find_place(collection, high, &place);
    return at != NULL ? at->previous : collection->last;
}

bool neapi_memory_documents_list(const neapi_memory_documents *documents,
                                 const neapi_document_range *range, neapi_document_page *page)
{
    links place;
    neapi_document_bounds bounds;
    neapi_memory_collection *collection = neapi_map_get(&documents->collections, range->collection);
    neapi_document_bounds_set(&bounds, range);
    const neapi_memory_document *at = NULL;
    if (collection != NULL)
        at = range->backward ? find_last(collection, bounds.high)
                             : find_place(collection, bounds.low, &place);
    for (; at != NULL; at = range->backward ? at->previous : at->next[0]) {
        if (neapi_text_compare(at->key, bounds.low) < 0 ||
            neapi_text_compare(at->key, bounds.high) >= 0)
            break;
        if (!neapi_document_page_fits(page, range, at->key, at->value->data))
            return true;
        if (!neapi_document_page_add(page, at->key, at->value->data))
            return false;
    }
    page->last = true;
    return true;
}

bool neapi_memory_collections_list(const neapi_memory_documents *documents,
                                   neapi_collection_list *list)
{
    size_t at = 0;
    const neapi_memory_collection *collection;
    while ((collection = neapi_map_next(&documents->collections, &at)) != NULL)
        if (!neapi_collection_list_add(list, collection->name, collection->count))
            return false;
    return true;
}

bool neapi_memory_documents_agree(const neapi_memory_documents *documents)
{
    size_t next = 0;
    uint64_t total = 0;
    const neapi_memory_collection *collection;
    while ((collection = neapi_map_next(&documents->collections, &next)) != NULL) {
        uint64_t there = 0;
        const neapi_memory_document *before = NULL;
        for (const neapi_memory_document *at = collection->first[0]; at != NULL; at = at->next[0]) {
            if (at->previous != before || at->value == NULL || at->value->dropped ||
                (before != NULL && neapi_text_compare(before->key, at->key) >= 0))
                return false;
            before = at;
            there++;
        }
        if (there == 0 || there != collection->count || there != collection->nodes ||
            collection->last != before)
            return false;
        total += there;
    }
    return total == documents->count;
}
