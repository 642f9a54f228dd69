#include "sim/documents.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "sim/trace.h"
#include "store/store.h"

#define MOST 8192

/* Of malloc(), so that memory which is short for the runtime is not for the check. */
typedef struct kept {
    char *collection, *key, *data; /* terminated; collection NULL: the place is free */
} kept;

static kept all[MOST];
static unsigned used; /* places, free ones too */

static void drop(kept *it)
{
    free(it->collection);
    free(it->key);
    free(it->data);
    *it = (kept){0};
}

void documents_begin(void)
{
    for (unsigned i = 0; i < used; i++)
        drop(&all[i]);
    used = 0;
}

static char *copy(neap_text text)
{
    char *made = malloc(text.size + 1);
    if (made == NULL)
        abort();
    memcpy(made, text.data, text.size);
    made[text.size] = '\0';
    return made;
}

static bool is(const char *text, neap_text other)
{
    return neapi_text_equal(neapi_text_of(text), other);
}

static kept *find(neap_text collection, neap_text key)
{
    for (unsigned i = 0; i < used; i++)
        if (all[i].collection != NULL && is(all[i].key, key) && is(all[i].collection, collection))
            return &all[i];
    return NULL;
}

static kept *free_place(void)
{
    for (unsigned i = 0; i < used; i++)
        if (all[i].collection == NULL)
            return &all[i];
    if (used == MOST)
        trace_fail("more than %d documents", MOST);
    return &all[used++];
}

static void put(const neapi_document *document)
{
    kept *it = find(document->collection, document->key);
    if (it == NULL) {
        it = free_place();
        it->collection = copy(document->collection);
        it->key = copy(document->key);
    }
    free(it->data);
    it->data = copy(document->data);
}

static void clear(neap_text collection, uint64_t limit)
{
    for (; limit != 0; limit--) {
        kept *first = NULL;
        for (unsigned i = 0; i < used; i++)
            if (all[i].collection != NULL && is(all[i].collection, collection) &&
                (first == NULL || strcmp(all[i].key, first->key) < 0))
                first = &all[i];
        if (first == NULL)
            return;
        drop(first);
    }
}

void documents_apply(const neapi_unit *unit)
{
    for (size_t i = 0; i < unit->op_count; i++) {
        const neapi_op *op = &unit->ops[i];
        if (op->kind == NEAPI_OP_CLEAR)
            clear(op->clear.collection, op->clear.most);
        if (op->kind != NEAPI_OP_DOCUMENT)
            continue;
        kept *gone = op->document.write == NEAPI_DOCUMENT_DROP
                         ? find(op->document.collection, op->document.key)
                         : NULL;
        if (op->document.write == NEAPI_DOCUMENT_PUT)
            put(&op->document);
        else if (gone != NULL)
            drop(gone);
    }
}

const char *documents_find(const char *collection, const char *key)
{
    const kept *it = find(neapi_text_of(collection), neapi_text_of(key));
    return it != NULL ? it->data : NULL;
}

static void count_one(void *of, const char *key, const char *data)
{
    (void)key;
    (void)data;
    ++*(unsigned *)of;
}

unsigned documents_count(const char *collection)
{
    unsigned count = 0;
    documents_each(collection, count_one, &count);
    return count;
}

void documents_each(const char *collection,
                    void (*see)(void *of, const char *key, const char *data), void *of)
{
    for (unsigned i = 0; i < used; i++)
        if (all[i].collection != NULL && strcmp(all[i].collection, collection) == 0)
            see(of, all[i].key, all[i].data);
}

/* ---- What the store has ---------------------------------------------------------------------- */

static void check_list(neapi_session *session)
{
    neapi_collection_list list = NEAPI_COLLECTION_LIST_INIT;
    neap_error error;
    uint64_t stored = 0, kept_here = 0;
    if (neapi_list_collections(session, &list, &error) != NEAP_OK)
        trace_fail("collections cannot be listed: %s", error.message);
    for (size_t i = 0; i < list.count; i++)
        stored += list.collections[i].documents;
    for (unsigned i = 0; i < used; i++)
        kept_here += all[i].collection != NULL;
    neapi_collection_list_fini(&list);
    if (stored != kept_here)
        trace_fail("%llu documents are stored, %llu were committed", (unsigned long long)stored,
                   (unsigned long long)kept_here);
}

static void check_one(neapi_session *session, const kept *it)
{
    neapi_arena arena = NEAPI_ARENA_INIT;
    neap_error error;
    neap_text data;
    bool found;
    if (neapi_find_document(session, neapi_text_of(it->collection), neapi_text_of(it->key), &arena,
                            &data, &found, &error) != NEAP_OK)
        trace_fail("a document cannot be read: %s", error.message);
    if (!found || !is(it->data, data))
        trace_fail("%s of %s is stored as something else", it->key, it->collection);
    neapi_arena_fini(&arena);
}

void documents_check_store(const char *url)
{
    neapi_store *store;
    neapi_session *session;
    neap_error error;
    if (neapi_store_open(url, NEAPI_MODE_READ, &store, &error) != NEAP_OK ||
        neapi_session_open(store, NEAPI_MODE_READ, &session, &error) != NEAP_OK)
        trace_fail("it cannot be read: %s", error.message);
    check_list(session);
    for (unsigned i = 0; i < used; i++)
        if (all[i].collection != NULL)
            check_one(session, &all[i]);
    neapi_session_close(session);
    neapi_store_close(store);
}
