/* What a past has beside events, in order: what is its own, and of what is beneath what it has not
 * changed. */
#include <stdlib.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/past_kept_state.h"
#include "runtime/queued.h"

/* Goes through the documents of one of the two, page by page. */
typedef struct side {
    neapi_session *session; /* NULL: there is nothing */
    neapi_document_range range;
    neapi_document_page page;
    neapi_buffer behind;
    size_t next;
    const neapi_past_kept *passes_over; /* what is changed there; NULL: nothing */
    bool all;                           /* what counts as done is not passed over */
} side;

static bool passes_over(const side *it, neap_text key)
{
    const neapi_past_kept *kept = it->passes_over;
    neap_text collection = it->range.collection;
    if (kept == NULL)
        return false;
    return it->all ? neapi_kept_is_changed(kept, collection, key)
                   : neapi_kept_is_own(kept, collection, key);
}

static neap_status turn_page(side *it, neap_error *error)
{
    if (it->page.count != 0) {
        neapi_buffer_clear(&it->behind);
        neapi_buffer_text(&it->behind, it->page.documents[it->page.count - 1].key);
        if (it->behind.failed)
            return neapi_nomem(error);
        it->range.behind = neapi_text(it->behind.data, it->behind.size);
    }
    it->next = 0;
    return neapi_list_documents(it->session, &it->range, &it->page, error);
}

/* *document NULL: there is no more. */
static neap_status look(side *it, const neapi_kept_document **document, neap_error *error)
{
    *document = NULL;
    while (it->session != NULL) {
        while (it->next == it->page.count && !it->page.last) {
            neap_status status = turn_page(it, error);
            if (status != NEAP_OK)
                return status;
        }
        if (it->next == it->page.count)
            return NEAP_OK;
        const neapi_kept_document *found = &it->page.documents[it->next];
        if (!passes_over(it, found->key)) {
            *document = found;
            return NEAP_OK;
        }
        it->next++;
    }
    return NEAP_OK;
}

static bool comes_first(const neapi_kept_document *a, const neapi_kept_document *b, bool backward)
{
    int order = neapi_text_compare(a->key, b->key);
    return backward ? order > 0 : order < 0;
}

static neap_status merge(side *own, side *beneath, const neapi_document_range *range,
                         neapi_document_page *page, neap_error *error)
{
    for (;;) {
        const neapi_kept_document *mine, *other;
        neap_status status = look(own, &mine, error);
        if (status == NEAP_OK)
            status = look(beneath, &other, error);
        if (status != NEAP_OK)
            return status;
        if (mine == NULL && other == NULL) {
            page->last = true;
            return NEAP_OK;
        }
        bool takes_own =
            other == NULL || (mine != NULL && comes_first(mine, other, range->backward));
        const neapi_kept_document *taken = takes_own ? mine : other;
        if (!neapi_document_page_fits(page, range, taken->key, taken->data))
            return NEAP_OK;
        if (!neapi_document_page_add(page, taken->key, taken->data))
            return neapi_nomem(error);
        (takes_own ? own : beneath)->next++;
    }
}

static void side_fini(side *it)
{
    neapi_document_page_fini(&it->page);
    neapi_buffer_fini(&it->behind);
}

neap_status neapi_kept_list_locked(neapi_kept_session *session, const neapi_document_range *range,
                                   bool all, neapi_document_page *page, neap_error *error)
{
    const neapi_past_kept *kept = session->kept;
    if (kept->beneath == NULL)
        return neapi_list_documents(session->own, range, page, error);
    side own = {.session = session->own, .range = *range};
    side beneath = {.session = session->beneath, .range = *range, .passes_over = kept, .all = all};
    neap_status status = merge(&own, &beneath, range, page, error);
    side_fini(&own);
    side_fini(&beneath);
    return status;
}

neap_status neapi_kept_list(neapi_kept_session *session, const neapi_document_range *range,
                            neapi_document_page *page, neap_error *error)
{
    neap_status status = neapi_kept_begin(session, error);
    if (status == NEAP_OK)
        status = neapi_kept_list_locked(session, range, false, page, error);
    return neapi_kept_end(session, status);
}

static neapi_collection *collection_in(const neapi_collection_list *list, neap_text name)
{
    for (size_t i = 0; i < list->count; i++)
        if (neapi_text_equal(list->collections[i].name, name))
            return &list->collections[i];
    return NULL;
}

static neap_status add_beneath(const neapi_kept_session *session, neapi_collection_list *list,
                               neap_error *error)
{
    const neapi_past_kept *kept = session->kept;
    neapi_collection_list there = NEAPI_COLLECTION_LIST_INIT;
    neap_status status = neapi_list_collections(session->beneath, &there, error);
    for (size_t i = 0; i < there.count && status == NEAP_OK; i++) {
        const neapi_collection *it = &there.collections[i];
        const neapi_hiding *hidden = neapi_map_get(&kept->hidden, it->name);
        uint64_t left = it->documents - (hidden != NULL ? hidden->count : 0);
        neapi_collection *known = collection_in(list, it->name);
        if (left == 0)
            continue;
        if (known != NULL)
            known->documents += left;
        else if (!neapi_collection_list_add(list, it->name, left))
            status = neapi_nomem(error);
    }
    neapi_collection_list_fini(&there);
    return status;
}

static neap_status collections_locked(neapi_kept_session *session, neapi_collection_list *list,
                                      neap_error *error)
{
    neap_status status = neapi_list_collections(session->own, list, error);
    if (status == NEAP_OK && session->beneath != NULL)
        status = add_beneath(session, list, error);
    return status;
}

neap_status neapi_kept_collections(neapi_kept_session *session, neapi_collection_list *list,
                                   neap_error *error)
{
    neap_status status = neapi_kept_begin(session, error);
    if (status == NEAP_OK)
        status = collections_locked(session, list, error);
    return neapi_kept_end(session, status);
}

/* ---- Showing --------------------------------------------------------------------------------- */

static neap_status show_collection(neapi_kept_session *session, const neapi_kept_sink *sink,
                                   neap_text collection, bool all, neap_error *error)
{
    neapi_document_range range = {.collection = collection, .limit = SIZE_MAX};
    neapi_buffer behind = NEAPI_BUFFER_INIT;
    neapi_document_page page = NEAPI_DOCUMENT_PAGE_INIT;
    neap_status status = NEAP_OK;
    do {
        neapi_document_page_clear(&page);
        status = neapi_kept_list_locked(session, &range, all, &page, error);
        for (size_t i = 0; i < page.count && status == NEAP_OK; i++)
            status = sink->document(sink->user, collection, page.documents[i].key,
                                    page.documents[i].data, error);
        neapi_buffer_clear(&behind);
        if (page.count != 0)
            neapi_buffer_text(&behind, page.documents[page.count - 1].key);
        range.behind = neapi_text(behind.data, behind.size);
        if (status == NEAP_OK && behind.failed)
            status = neapi_nomem(error);
    } while (status == NEAP_OK && !page.last);
    neapi_document_page_fini(&page);
    neapi_buffer_fini(&behind);
    return status;
}

static int by_name(const void *a, const void *b)
{
    const neapi_collection *left = a, *right = b;
    return neapi_text_compare(left->name, right->name);
}

static neap_status show_locked(neapi_kept_session *session, int64_t now_us,
                               const neapi_kept_sink *sink, uint64_t *head, neap_error *error)
{
    const neapi_kept_sink keys = {.user = sink->user, .key = sink->key};
    neapi_collection_list list = NEAPI_COLLECTION_LIST_INIT;
    neap_status status = neapi_show_kept(session->own, now_us, &keys, head, error);
    if (status == NEAP_OK)
        status = collections_locked(session, &list, error);
    if (list.count != 0)
        qsort(list.collections, list.count, sizeof *list.collections, by_name);
    for (size_t i = 0; i < list.count && status == NEAP_OK; i++)
        if (sink->wants(sink->user, list.collections[i].name))
            status = show_collection(session, sink, list.collections[i].name, false, error);
    neapi_collection_list_fini(&list);
    return status;
}

neap_status neapi_kept_show(neapi_kept_session *session, int64_t now_us,
                            const neapi_kept_sink *sink, uint64_t *head, neap_error *error)
{
    neap_status status = neapi_kept_begin(session, error);
    if (status == NEAP_OK)
        status = show_locked(session, now_us, sink, head, error);
    return neapi_kept_end(session, status);
}

neap_status neapi_kept_show_queued(neapi_kept_session *session, const neapi_kept_sink *sink,
                                   neap_error *error)
{
    neap_status status = neapi_kept_begin(session, error);
    if (status == NEAP_OK)
        status = show_collection(session, sink, NEAPI_QUEUE, true, error);
    return neapi_kept_end(session, status);
}
