/* Which events belong to a message: the one with its id, those of its correlation. */
#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "runtime/history.h"
#include "runtime/host_reading.h"
#include "runtime/past_store.h"

#define PAGE_EVENTS 4096
#define PAGE_BYTES  ((size_t)4 << 20)

typedef struct search {
    neap_runtime *past;
    neap_uuid id;
    neap_relation relation;
    uint64_t from, to;
    uint64_t *positions;
    size_t capacity, count;
} search;

static bool belongs(const search *it, const neap_event *event)
{
    return neapi_uuid_equal(
        it->relation == NEAP_RELATION_ITSELF ? event->id : event->correlation_id, it->id);
}

static bool is_full(const search *it)
{
    return it->count == it->capacity;
}

/* A page of the log, read on the host's session: the function that is asked between pages may use
 * that too. */
static neap_status look_at_page(search *it, neapi_page *page, neap_error *error)
{
    neapi_session *session;
    const neapi_range range = {
        .from = it->from, .to = it->to, .max_events = PAGE_EVENTS, .max_bytes = PAGE_BYTES};
    neap_status status = neapi_host_session(it->past, &session, error);
    if (status != NEAP_OK)
        return status;
    status = neapi_read(session, &range, page, error);
    neapi_host_session_done(it->past);
    if (status != NEAP_OK)
        return status;
    it->from = page->last ? it->to + 1 : page->next;
    for (size_t i = 0; i < page->count && !is_full(it); i++) {
        if (!belongs(it, &page->events[i]))
            continue;
        it->positions[it->count++] = page->events[i].position;
        if (is_full(it))
            it->from = page->events[i].position + 1;
    }
    return NEAP_OK;
}

static neap_status look_through(search *it, neap_error *error)
{
    neapi_page page = NEAPI_PAGE_INIT;
    neap_status status = NEAP_OK;
    while (it->from <= it->to && !is_full(it) && status == NEAP_OK) {
        status = neapi_history_go_on(it->past->history, it->from, it->to, error);
        if (status == NEAP_OK)
            status = look_at_page(it, &page, error);
    }
    neapi_page_fini(&page);
    return status;
}

/* Where the first event may be that follows from a message with the id. */
static neap_status begin(search *it, neap_error *error)
{
    neapi_session *session;
    if (it->from != 0)
        return NEAP_OK;
    neap_status status = neapi_host_session(it->past, &session, error);
    if (status != NEAP_OK)
        return status;
    status = neapi_history_near(session, it->id, &it->from, error);
    neapi_host_session_done(it->past);
    return status;
}

neap_status neap_history_related(neap_runtime *past, const char *id, neap_relation relation,
                                 uint64_t *from, uint64_t to, uint64_t *positions, size_t *count,
                                 neap_error *error)
{
    if (past == NULL || past->history == NULL)
        return neapi_fail(error, NEAP_USAGE, "neap_history_related: it is no past of a history");
    if (id == NULL || from == NULL || positions == NULL || count == NULL || *count == 0)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_history_related: id, from, positions and count must not be NULL, "
                          "and there must be room for a position");
    uint64_t head = neapi_past_store_position(past->store);
    search it = {.past = past,
                 .relation = relation,
                 .from = *from,
                 .to = to < head ? to : head,
                 .positions = positions,
                 .capacity = *count};
    if (!neapi_uuid_parse(neapi_text_of(id), &it.id))
        return neapi_fail(error, NEAP_INVALID, "'%.100s' is no id, which is a UUID", id);
    neap_status status = begin(&it, error);
    if (status == NEAP_OK)
        status = look_through(&it, error);
    if (status == NEAP_OK) {
        *from = it.from;
        *count = it.count;
    }
    return status;
}
