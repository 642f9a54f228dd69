/* Showing what is kept beside events. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/text.h"
#include "memory.h"

/* All of it happens under the lock, so that it is of one moment. */
typedef struct showing {
    neapi_memory_store *store;
    const neapi_kept_sink *sink;
    neap_error *error;
} showing;

static int by_key(const void *a, const void *b)
{
    const neapi_memory_key *const *left = a, *const *right = b;
    return neapi_text_compare((*left)->key.key, (*right)->key.key);
}

static neap_status show_keys(const showing *it, int64_t now_us)
{
    const neapi_memory_keys *keys = &it->store->keys;
    if (keys->count == 0)
        return NEAP_OK;
    const neapi_memory_key **sorted = neapi_alloc(keys->count * sizeof *sorted);
    if (sorted == NULL)
        return neapi_nomem(it->error);
    for (size_t i = 0; i < keys->count; i++)
        sorted[i] = keys->heap[i];
    qsort(sorted, keys->count, sizeof *sorted, by_key);
    neap_status status = NEAP_OK;
    for (size_t i = 0; i < keys->count && status == NEAP_OK; i++)
        if (now_us < sorted[i]->key.expires_at)
            status = it->sink->key(it->sink->user, &sorted[i]->key, it->error);
    neapi_free(sorted);
    return status;
}

/* behind: is cleared, and takes the last key of a page. */
static neap_status show_collection(const showing *it, neap_text collection, neapi_buffer *behind)
{
    neapi_document_page page = NEAPI_DOCUMENT_PAGE_INIT;
    neap_status status = NEAP_OK;
    neapi_buffer_clear(behind);
    do {
        const neapi_document_range range = {.collection = collection,
                                            .behind = neapi_text(behind->data, behind->size),
                                            .limit = SIZE_MAX};
        neapi_document_page_clear(&page);
        if (!neapi_memory_documents_list(&it->store->documents, &range, &page))
            status = neapi_nomem(it->error);
        for (size_t i = 0; i < page.count && status == NEAP_OK; i++)
            status = it->sink->document(it->sink->user, collection, page.documents[i].key,
                                        page.documents[i].data, it->error);
        neapi_buffer_clear(behind);
        if (page.count != 0)
            neapi_buffer_text(behind, page.documents[page.count - 1].key);
        if (status == NEAP_OK && behind->failed)
            status = neapi_nomem(it->error);
    } while (status == NEAP_OK && !page.last);
    neapi_document_page_fini(&page);
    return status;
}

static int by_name(const void *a, const void *b)
{
    const neapi_collection *left = a, *right = b;
    return neapi_text_compare(left->name, right->name);
}

static neap_status show_documents(const showing *it)
{
    neapi_collection_list list = NEAPI_COLLECTION_LIST_INIT;
    neapi_buffer behind = NEAPI_BUFFER_INIT;
    neap_status status = NEAP_OK;
    if (!neapi_memory_collections_list(&it->store->documents, &list))
        status = neapi_nomem(it->error);
    if (list.count != 0)
        qsort(list.collections, list.count, sizeof *list.collections, by_name);
    for (size_t i = 0; i < list.count && status == NEAP_OK; i++)
        if (it->sink->wants(it->sink->user, list.collections[i].name))
            status = show_collection(it, list.collections[i].name, &behind);
    neapi_buffer_fini(&behind);
    neapi_collection_list_fini(&list);
    return status;
}

neap_status neapi_memory_show_kept(neapi_session *session, int64_t now_us,
                                   const neapi_kept_sink *sink, uint64_t *head, neap_error *error)
{
    const showing it = {.store = neapi_memory_of(session), .sink = sink, .error = error};
    pthread_rwlock_rdlock(&it.store->lock);
    uint64_t last = it.store->log.head;
    neap_status status = show_keys(&it, now_us);
    if (status == NEAP_OK)
        status = show_documents(&it);
    pthread_rwlock_unlock(&it.store->lock);
    if (status == NEAP_OK)
        *head = last;
    return status;
}
