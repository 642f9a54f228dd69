#include "runtime/on_demand.h"

#include "base/error.h"
#include "runtime/reply.h"
#include "store/check.h"

#define PAGE_EVENTS 1000
#define PAGE_BYTES  ((size_t)1 << 20)

/* Nothing is stored. */
static neap_status find_none(void *host, neap_text key, neap_text *data, bool *found,
                             neap_error *error)
{
    (void)host, (void)key, (void)error;
    *data = (neap_text){0};
    *found = false;
    return NEAP_OK;
}

static neap_status fold_page(const neapi_lane *lane, const neapi_projecting *where,
                             const neapi_page *page, neap_error *error)
{
    const neap_event *events[PAGE_EVENTS];
    size_t failed;
    for (size_t i = 0; i < page->count; i++)
        events[i] = &page->events[i];
    return neapi_engine_project(lane->engine, where, events, page->count, &failed, error);
}

/* Which events belong to the key only the fold can tell: all of its types are looked at. */
static neap_status fold_log(const neapi_lane *lane, const neapi_projecting *where,
                            neap_error *error)
{
    neapi_range range = {.types = where->projection->types,
                         .type_count = where->projection->type_count,
                         .from = 1,
                         .to = UINT64_MAX,
                         .max_events = PAGE_EVENTS,
                         .max_bytes = PAGE_BYTES};
    neapi_page page = NEAPI_PAGE_INIT;
    neap_status status = NEAP_OK;
    for (bool last = false; status == NEAP_OK && !last;) {
        status = neapi_read(lane->session, &range, &page, error);
        if (status == NEAP_OK && page.count != 0)
            status = fold_page(lane, where, &page, error);
        last = page.last;
        range.from = page.next;
    }
    neapi_page_fini(&page);
    return status;
}

neap_status neapi_on_demand_find(neapi_lane *lane, const neapi_subscription *projection,
                                 neap_text key, neapi_buffer *json, bool *found, neap_error *error)
{
    neapi_projecting where = {
        .projection = projection, .partitions = 1, .only = key, .find = find_none};
    *found = false;
    neap_status status = neapi_name_check(key, "a document's key", error);
    if (status == NEAP_OK)
        status = neapi_engine_documents_new(lane->engine, projection, &where.documents, error);
    if (status == NEAP_OK)
        status = fold_log(lane, &where, error);
    if (status == NEAP_OK)
        status = neapi_engine_document_json(lane->engine, where.documents, key, json, found, error);
    neapi_engine_documents_free(lane->engine, where.documents);
    return status;
}

void neapi_on_demand_answer(neapi_lane *lane, neapi_request *request)
{
    neapi_buffer json = NEAPI_BUFFER_INIT;
    bool found;
    neap_status status = neapi_on_demand_find(lane, request->projection, request->instance.stream,
                                              &json, &found, &lane->error);
    if (status == NEAP_OK && !found)
        neapi_buffer_clear(&json);
    if (status == NEAP_OK && !neapi_buffer_reserve(&json, 1))
        status = neapi_nomem(&lane->error);
    neapi_metrics_decided(lane->metrics, request);
    if (status == NEAP_OK)
        neapi_lane_succeed(lane, request, neapi_reply_json(&json));
    else
        neapi_lane_fail(lane, request, &lane->error);
    neapi_buffer_fini(&json);
}
