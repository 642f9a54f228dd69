#include "documents.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "writer.h"

#define FIRST_SLOTS   256
#define SPARSE_ENOUGH 64 /* a table with so many slots for each document is given up */

void neapi_sqlite_documents_fini(neapi_sqlite_documents *documents)
{
    neapi_arena_fini(&documents->arena);
    neapi_free(documents->slots);
    neapi_free(documents->changed.items);
    neapi_free(documents->cleared.items);
    *documents = (neapi_sqlite_documents){0};
}

void neapi_sqlite_documents_clear(neapi_sqlite_documents *documents)
{
    documents->written = NULL;
    documents->changed.count = documents->puts = 0;
    documents->last = NULL;
    if (documents->count == 0)
        return;
    if (documents->capacity > FIRST_SLOTS &&
        documents->count < documents->capacity / SPARSE_ENOUGH) {
        neapi_free(documents->slots);
        documents->slots = NULL;
        documents->capacity = 0;
    } else {
        memset(documents->slots, 0, documents->capacity * sizeof *documents->slots);
    }
    documents->count = 0;
    neapi_arena_clear(&documents->arena);
}

/* ---- Those that are known -------------------------------------------------------------------- */

static neapi_sqlite_document **slot_of(const neapi_sqlite_documents *documents,
                                       const neapi_sqlite_name *collection, neap_text key,
                                       uint64_t hash)
{
    size_t mask = documents->capacity - 1;
    for (size_t i = (size_t)hash & mask;; i = (i + 1) & mask) {
        const neapi_sqlite_document *document = documents->slots[i];
        if (document == NULL || (document->hash == hash && document->collection == collection &&
                                 neapi_text_equal(document->key, key)))
            return &documents->slots[i];
    }
}

/* Documents of different collections may have the same keys, but no more than a few. */
static uint64_t hash_of(const neapi_sqlite_name *collection, neap_text key)
{
    return neapi_text_hash(key, (uint64_t)(uintptr_t)collection);
}

static neapi_sqlite_document *find(const neapi_sqlite_documents *documents,
                                   const neapi_sqlite_name *collection, neap_text key)
{
    if (documents->count == 0)
        return NULL;
    return *slot_of(documents, collection, key, hash_of(collection, key));
}

static bool widen(neapi_sqlite_documents *documents)
{
    neapi_sqlite_documents wider = *documents;
    wider.capacity = documents->capacity != 0 ? documents->capacity * 2 : FIRST_SLOTS;
    wider.slots = neapi_alloc_zero(wider.capacity, sizeof *wider.slots);
    if (wider.slots == NULL)
        return false;
    for (size_t i = 0; i < documents->capacity; i++) {
        neapi_sqlite_document *document = documents->slots[i];
        if (document != NULL)
            *slot_of(&wider, document->collection, document->key, document->hash) = document;
    }
    neapi_free(documents->slots);
    documents->slots = wider.slots;
    documents->capacity = wider.capacity;
    return true;
}

/* Errors: NULL, an allocation was refused. */
static neapi_sqlite_document *make(neapi_sqlite_documents *documents, neapi_sqlite_name *collection,
                                   neap_text key)
{
    if (2 * (documents->count + 1) > documents->capacity && !widen(documents))
        return NULL;
    uint64_t hash = hash_of(collection, key);
    neapi_sqlite_document **slot = slot_of(documents, collection, key, hash);
    if (*slot != NULL)
        return *slot;
    neapi_sqlite_document *document =
        neapi_arena_alloc(&documents->arena, sizeof *document + key.size);
    if (document == NULL)
        return NULL;
    char *copy = memcpy(document + 1, key.data, key.size);
    *document =
        (neapi_sqlite_document){.collection = collection, .key = {copy, key.size}, .hash = hash};
    documents->count++;
    return *slot = document;
}

/* What the unit under way finds left; NULL: what is in the file. */
static const neapi_sqlite_left *left_of(const neapi_sqlite_session *session,
                                        const neapi_sqlite_document *document)
{
    if (document == NULL)
        return NULL;
    if (document->unit == session->writer->unit)
        return &document->left_by_unit;
    return document->changed ? &document->left : NULL;
}

static bool list_add(neapi_sqlite_document_list *list, neapi_sqlite_document *document)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity != 0 ? list->capacity * 2 : FIRST_SLOTS;
        neapi_sqlite_document **wider = neapi_realloc(list->items, capacity * sizeof *wider);
        if (wider == NULL)
            return false;
        list->items = wider;
        list->capacity = capacity;
    }
    list->items[list->count++] = document;
    return true;
}

/* ---- Judging --------------------------------------------------------------------------------- */

/* Many documents of one collection come one after another, and share its name. */
static neap_status find_collection(neapi_sqlite_session *session, neap_text name,
                                   neapi_sqlite_name **collection, neap_error *error)
{
    neapi_sqlite_documents *documents = &session->writer->documents;
    if (documents->last != NULL && documents->last_name.data == name.data &&
        documents->last_name.size == name.size) {
        *collection = documents->last;
        return NEAP_OK;
    }
    neap_status status = neapi_sqlite_collection(session, name, collection, error);
    if (status != NEAP_OK)
        return status;
    documents->last = *collection;
    documents->last_name = name;
    return NEAP_OK;
}

static bool is_as_expected(const neapi_document *document, bool there, neap_text data)
{
    switch (document->expect) {
    case NEAPI_DOCUMENT_ANY:
        return true;
    case NEAPI_DOCUMENT_ABSENT:
        return !there;
    case NEAPI_DOCUMENT_PRESENT:
        return there;
    case NEAPI_DOCUMENT_EQUAL:
        return there && neapi_text_equal(data, document->expected);
    }
    return false;
}

static neap_status compare_with_file(neapi_sqlite_session *session,
                                     const neapi_sqlite_name *collection,
                                     const neapi_document *document, bool *expected,
                                     neap_error *error)
{
    bool row = false;
    neap_status status = NEAP_OK;
    neap_text data = {"", 0};
    neapi_query query = neapi_query_begin(&session->connection, NEAPI_SQL_DOCUMENT);
    neapi_query_integer(&query, collection->id);
    neapi_query_text(&query, document->key);
    if (collection->id != 0)
        status = neapi_query_step(&query, &row, error);
    if (row && document->expect == NEAPI_DOCUMENT_EQUAL)
        data = neapi_query_column_bytes(&query, 0);
    if (data.data == NULL)
        status = neapi_nomem(error);
    *expected = status == NEAP_OK && is_as_expected(document, row, data);
    neapi_query_end(&query);
    return status;
}

static neap_status judge_expected(neapi_sqlite_session *session,
                                  const neapi_sqlite_name *collection,
                                  const neapi_document *document, neapi_verdict *verdict,
                                  neap_error *error)
{
    bool expected;
    neap_status status = NEAP_OK;
    const neapi_sqlite_left *left =
        left_of(session, find(&session->writer->documents, collection, document->key));
    if (left != NULL)
        expected = is_as_expected(document, !left->dropped, left->data);
    else
        status = compare_with_file(session, collection, document, &expected, error);
    if (status == NEAP_OK && !expected)
        verdict->status = NEAP_CONFLICT;
    return status;
}

/* The unit under way leaves that. */
static void leave(neapi_sqlite_session *session, neapi_sqlite_document *document,
                  neapi_sqlite_left left)
{
    neapi_sqlite_writer *writer = session->writer;
    if (document->unit != writer->unit) {
        document->unit = writer->unit;
        document->next = writer->documents.written;
        writer->documents.written = document;
    }
    document->left_by_unit = left;
}

neap_status neapi_sqlite_judge_document(neapi_sqlite_session *session,
                                        const neapi_document *document, neapi_verdict *verdict,
                                        neap_error *error)
{
    neapi_sqlite_name *collection;
    neap_status status = find_collection(session, document->collection, &collection, error);
    if (status == NEAP_OK && document->expect != NEAPI_DOCUMENT_ANY)
        status = judge_expected(session, collection, document, verdict, error);
    if (status != NEAP_OK || verdict->status != NEAP_OK || document->write == NEAPI_DOCUMENT_KEEP)
        return status;
    neapi_sqlite_document *written = make(&session->writer->documents, collection, document->key);
    if (written == NULL)
        return neapi_nomem(error);
    leave(session, written,
          (neapi_sqlite_left){document->write == NEAPI_DOCUMENT_DROP, document->data});
    return NEAP_OK;
}

/* Lists the document if it is there. */
static bool list_if_there(neapi_sqlite_session *session, neapi_sqlite_document *document,
                          bool in_file)
{
    neapi_sqlite_documents *documents = &session->writer->documents;
    const neapi_sqlite_left *left = left_of(session, document);
    bool there = left != NULL ? !left->dropped : in_file;
    if (!there || document->listed == documents->clearings)
        return true;
    document->listed = documents->clearings;
    return list_add(&documents->cleared, document);
}

/* Lists the first documents, as far as the file has them. */
static neap_status list_from_file(neapi_sqlite_session *session, neapi_sqlite_name *collection,
                                  uint32_t most, neap_error *error)
{
    bool row = true;
    neapi_sqlite_documents *documents = &session->writer->documents;
    neapi_query query = neapi_query_begin(&session->connection, NEAPI_SQL_DOCUMENT_KEYS);
    neapi_query_integer(&query, collection->id);
    neap_status status = NEAP_OK;
    while (documents->cleared.count < most && status == NEAP_OK) {
        status = neapi_query_step(&query, &row, error);
        if (status != NEAP_OK || !row)
            break;
        neap_text key = neapi_query_column_bytes(&query, 0);
        neapi_sqlite_document *document =
            key.data != NULL ? make(documents, collection, key) : NULL;
        if (document == NULL || !list_if_there(session, document, true))
            status = neapi_nomem(error);
    }
    neapi_query_end(&query);
    return status;
}

static int by_key(const void *a, const void *b)
{
    const neapi_sqlite_document *left = *(neapi_sqlite_document *const *)a,
                                *right = *(neapi_sqlite_document *const *)b;
    return neapi_text_compare(left->key, right->key);
}

/* The first in the file that are there, and all that is there because the batch says so: among
 * these are the first of all. */
neap_status neapi_sqlite_judge_clear(neapi_sqlite_session *session, neap_text name, uint32_t most,
                                     neap_error *error)
{
    neapi_sqlite_name *collection;
    neapi_sqlite_documents *documents = &session->writer->documents;
    documents->cleared.count = 0;
    documents->clearings++;
    neap_status status = find_collection(session, name, &collection, error);
    if (status == NEAP_OK && collection->id != 0)
        status = list_from_file(session, collection, most, error);
    for (size_t i = 0; i < documents->capacity && status == NEAP_OK; i++) {
        neapi_sqlite_document *document = documents->slots[i];
        if (document != NULL && document->collection == collection &&
            !list_if_there(session, document, false))
            status = neapi_nomem(error);
    }
    if (status != NEAP_OK || documents->cleared.count == 0)
        return status;
    neapi_sqlite_document **items = documents->cleared.items;
    qsort(items, documents->cleared.count, sizeof(neapi_sqlite_document *), by_key);
    for (size_t i = 0; i < documents->cleared.count && i < most; i++)
        leave(session, items[i], (neapi_sqlite_left){.dropped = true});
    return NEAP_OK;
}

/* ---- Writing --------------------------------------------------------------------------------- */

bool neapi_sqlite_documents_accept(neapi_sqlite_documents *documents)
{
    for (; documents->written != NULL; documents->written = documents->written->next) {
        neapi_sqlite_document *document = documents->written;
        if (!document->changed && !list_add(&documents->changed, document))
            return false;
        document->changed = true;
        document->left = document->left_by_unit;
    }
    return true;
}

/* What is there comes first, by collection and key. */
static int by_place(const void *a, const void *b)
{
    const neapi_sqlite_document *left = *(neapi_sqlite_document *const *)a,
                                *right = *(neapi_sqlite_document *const *)b;
    if (left->left.dropped != right->left.dropped)
        return left->left.dropped ? 1 : -1;
    if (left->collection != right->collection)
        return left->collection->id < right->collection->id ? -1 : 1;
    return neapi_text_compare(left->key, right->key);
}

static neap_status make_collections(neapi_sqlite_session *session, neap_error *error)
{
    neapi_sqlite_documents *documents = &session->writer->documents;
    neap_status status = NEAP_OK;
    documents->puts = 0;
    for (size_t i = 0; i < documents->changed.count && status == NEAP_OK; i++) {
        const neapi_sqlite_document *document = documents->changed.items[i];
        if (document->left.dropped)
            continue;
        documents->puts++;
        if (document->collection->id == 0)
            status = neapi_sqlite_collection_add(session, document->collection, error);
    }
    return status;
}

static neap_status drop(neapi_sqlite_session *session, const neapi_sqlite_document *document,
                        neap_error *error)
{
    neapi_query query = neapi_query_begin(&session->connection, NEAPI_SQL_DOCUMENT_DROP);
    neapi_query_integer(&query, document->collection->id);
    neapi_query_text(&query, document->key);
    return neapi_query_finish(&query, error);
}

neap_status neapi_sqlite_documents_write(neapi_sqlite_session *session, neap_error *error)
{
    neapi_sqlite_documents *documents = &session->writer->documents;
    neapi_sqlite_document_list *changed = &documents->changed;
    if (changed->count == 0)
        return NEAP_OK;
    session->writer->wrote = true;
    neap_status status = make_collections(session, error);
    if (status != NEAP_OK)
        return status;
    qsort(changed->items, changed->count, sizeof(neapi_sqlite_document *), by_place);
    if (documents->puts != 0) {
        neapi_query query = neapi_query_begin(&session->connection, NEAPI_SQL_DOCUMENTS_PUT);
        status = neapi_query_finish(&query, error);
    }
    for (size_t i = documents->puts; i < changed->count && status == NEAP_OK; i++)
        if (changed->items[i]->collection->id != 0)
            status = drop(session, changed->items[i], error);
    return status;
}

static size_t count_puts(const neapi_sqlite_session *session)
{
    return session->writer->documents.puts;
}

static void answer_document(neapi_sqlite_session *session, size_t row, int column,
                            sqlite3_context *context)
{
    const neapi_sqlite_document *document = session->writer->documents.changed.items[row];
    if (column == 0) {
        sqlite3_result_int64(context, document->collection->id);
        return;
    }
    neap_text text = column == 1 ? document->key : document->left.data;
    sqlite3_result_text64(context, text.size != 0 ? text.data : "", text.size, SQLITE_STATIC,
                          SQLITE_UTF8);
}

neap_status neapi_sqlite_documents_enable(neapi_sqlite_session *session, neap_error *error)
{
    static const neapi_sqlite_rows rows = {"neap_documents",
                                           "CREATE TABLE documents (collection, key, data)",
                                           count_puts, answer_document};
    return neapi_sqlite_rows_enable(&session->writer->documents.table, session, &rows, error);
}
