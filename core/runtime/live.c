#include "runtime/live.h"

#include "runtime/wanted.h"

neap_status neapi_live_open(neapi_live *live, neapi_hub *hub, neapi_range *range, neapi_gate *gate,
                            void (*detach)(neapi_hub_reader *reader), neap_error *error)
{
    *live = (neapi_live){.range = range, .reader = {.gate = gate, .detach = detach}};
    return neapi_hub_open(hub, &live->reader, range, error);
}

/* number: in the range's own count. */
static void skip_to(neapi_live *live, uint64_t number)
{
    if (live->range->from < number)
        live->range->from = number;
}

static bool is_by_position(const neapi_live *live)
{
    return live->range->stream.size == 0;
}

static void put_down(neapi_live *live)
{
    if (is_by_position(live))
        skip_to(live, live->behind);
    if (live->given != 0 || live->pages != 0)
        neapi_hub_count(&live->reader, live->given, live->pages);
    live->given = live->pages = 0;
    neapi_batch_release(live->batch);
    live->batch = NULL;
    live->page = NULL;
}

void neapi_live_close(neapi_live *live)
{
    put_down(live);
    neapi_ahead_drop(live->coming);
    live->coming = NULL;
    neapi_hub_close(&live->reader);
}

uint64_t neapi_live_reached(const neapi_live *live)
{
    return neapi_hub_position(&live->reader) - 1;
}

static bool is_over(const neapi_live *live)
{
    return live->range->from > live->range->to;
}

const neap_event *neapi_live_next(neapi_live *live)
{
    const neap_event *event;
    if (live->page != NULL && live->at < live->page->count) {
        event = &live->page->events[live->at++];
        live->given++;
        live->range->from = neapi_number_of(live->range, event) + 1;
        return event;
    }
    live->page = NULL; /* which may be used for another reader */
    while (live->batch != NULL && (event = neapi_batch_next(live->batch, &live->place)) != NULL)
        if (neapi_is_wanted(live->range, event)) {
            live->range->from = neapi_number_of(live->range, event) + 1;
            live->given++;
            return event;
        }
    return NULL;
}

/* false: it is coming. Where it was not read ahead, or cannot be, the page stays empty. */
static bool take_coming(neapi_live *live, neapi_page *page, bool *taken)
{
    *taken = false;
    if (live->coming == NULL)
        return true;
    neapi_ahead_answer answer = neapi_ahead_take(live->coming, live->range->from, page);
    if (answer == NEAPI_AHEAD_COMES)
        return false;
    neapi_ahead_drop(live->coming);
    live->coming = NULL;
    *taken = answer == NEAPI_AHEAD_TAKEN;
    return true;
}

/* Up to its end the reader is through with everything; a stream's versions do not tell up to which
 * position that is, but the head that was there before does. */
static neap_status read_page(neapi_live *live, neapi_session *session, neapi_page *page,
                             neap_error *error)
{
    uint64_t head;
    if (is_by_position(live)) {
        neap_status status = neapi_read(session, live->range, page, error);
        if (status == NEAP_OK)
            neapi_hub_move(&live->reader, page->next, page->last);
        return status;
    }
    neap_status status = neapi_head(session, &head, error);
    if (status == NEAP_OK)
        status = neapi_read(session, live->range, page, error);
    if (status == NEAP_OK && page->last)
        neapi_hub_move(&live->reader, head + 1, true);
    return status;
}

/* Gets what the store has. */
static neap_status get_page(neapi_live *live, neapi_session *session, neapi_page *page,
                            neapi_live_answer *answer, neap_error *error)
{
    bool taken;
    neap_status status = NEAP_OK;
    if (!take_coming(live, page, &taken)) {
        *answer = NEAPI_LIVE_COMES;
        return NEAP_OK;
    }
    if (taken) /* the last of what was there when it was read; not of what is there by now */
        neapi_hub_move(&live->reader, page->next, false);
    else
        status = read_page(live, session, page, error);
    if (status != NEAP_OK)
        return status;
    if (live->ahead != NULL && !page->last && is_by_position(live))
        live->coming = neapi_ahead_ask(live->ahead, live->range, page->next, live->reader.gate);
    *answer = NEAPI_LIVE_EVENTS;
    if (page->count == 0) {
        skip_to(live, page->next);
        *answer = NEAPI_LIVE_ON;
    }
    live->page = page;
    live->pages = 1;
    live->at = 0;
    live->behind = page->next;
    return NEAP_OK;
}

neap_status neapi_live_get(neapi_live *live, neapi_session *session, neapi_page *page,
                           neapi_live_answer *answer, neap_error *error)
{
    put_down(live);
    neapi_page_clear(page);
    if (is_over(live)) {
        *answer = NEAPI_LIVE_OVER;
        return NEAP_OK;
    }
    uint64_t position;
    neapi_hub_answer found = neapi_hub_take(&live->reader, &live->batch, &position);
    if (found == NEAPI_HUB_WAITS || found == NEAPI_HUB_ENDED) {
        *answer = found == NEAPI_HUB_WAITS ? NEAPI_LIVE_WAITS : NEAPI_LIVE_ENDED;
        return NEAP_OK;
    }
    if (is_by_position(live)) /* who waits does not: the hub looks at the range */
        skip_to(live, position);
    if (found == NEAPI_HUB_BEHIND)
        return get_page(live, session, page, answer, error);
    live->place = (neapi_batch_place){0};
    live->behind = live->batch->last + 1;
    neapi_hub_move(&live->reader, live->behind, false);
    *answer = NEAPI_LIVE_EVENTS;
    return NEAP_OK;
}
