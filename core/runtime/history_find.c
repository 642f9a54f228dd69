/* From times and events to positions. */
#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "runtime/history.h"

#define PAGE_EVENTS 1000
#define PAGE_BYTES  ((size_t)1 << 20)

/* Reads the page that begins at the position. */
static neap_status read_from(neapi_session *session, uint64_t position, size_t most,
                             neapi_page *page, neap_error *error)
{
    const neapi_range range = {
        .from = position, .to = UINT64_MAX, .max_events = most, .max_bytes = PAGE_BYTES};
    return neapi_read(session, &range, page, error);
}

/* How many events there are that were recorded up to then; times rise with positions. */
static neap_status count_until(neapi_session *session, int64_t us, uint64_t *count,
                               neap_error *error)
{
    uint64_t low = 0, high;
    neapi_page page = NEAPI_PAGE_INIT;
    neap_status status = neapi_head(session, &high, error);
    while (status == NEAP_OK && low < high) {
        uint64_t middle = low + (high - low) / 2 + 1;
        status = read_from(session, middle, 1, &page, error);
        if (status == NEAP_OK && page.count != 0 && page.events[0].recorded_at <= us)
            low = middle;
        else
            high = middle - 1;
    }
    neapi_page_fini(&page);
    if (status == NEAP_OK)
        *count = low;
    return status;
}

neap_status neap_history_time(neap_history *history, int64_t at_us, uint64_t *position,
                              neap_error *error)
{
    neapi_session *session;
    if (history == NULL || position == NULL)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_history_time: history and position must not be NULL");
    neap_status status = neapi_session_open(history->log, NEAPI_MODE_READ, &session, error);
    if (status != NEAP_OK)
        return status;
    status = count_until(session, at_us, position, error);
    neapi_session_close(session);
    return status;
}

/* Looks from `from` up to `to`; *position 0: it is not there. */
static neap_status look_for(const neap_history *history, neapi_session *session, neap_uuid id,
                            uint64_t from, uint64_t to, uint64_t *position, neap_error *error)
{
    neapi_page page = NEAPI_PAGE_INIT;
    neap_status status = NEAP_OK;
    for (*position = 0; from <= to && *position == 0 && status == NEAP_OK;) {
        status = neapi_history_go_on(history, from, to, error);
        if (status == NEAP_OK)
            status = read_from(session, from, PAGE_EVENTS, &page, error);
        for (size_t i = 0; i < page.count && status == NEAP_OK && *position == 0; i++)
            if (neapi_uuid_equal(page.events[i].id, id))
                *position = page.events[i].position;
        if (page.last)
            break;
        from = page.next;
    }
    neapi_page_fini(&page);
    return status;
}

/* The time within a UUIDv7: when the event, or the command that it follows from, was made. */
static int64_t made_at_us(neap_uuid id)
{
    int64_t ms = 0;
    for (unsigned i = 0; i < 6; i++)
        ms = ms * 256 + id.bytes[i];
    return ms * 1000;
}

neap_status neapi_history_near(neapi_session *session, neap_uuid id, uint64_t *position,
                               neap_error *error)
{
    uint64_t before;
    neap_status status = count_until(session, made_at_us(id) - 1000, &before, error);
    if (status == NEAP_OK)
        *position = before + 1;
    return status;
}

neap_status neap_history_event(neap_history *history, const char *id, uint64_t *position,
                               neap_error *error)
{
    neap_uuid uuid;
    neapi_session *session;
    uint64_t near_it = 1, found = 0;
    if (history == NULL || id == NULL || position == NULL)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_history_event: history, id and position must not be NULL");
    if (!neapi_uuid_parse(neapi_text_of(id), &uuid))
        return neapi_fail(error, NEAP_INVALID, "'%.100s' is no event's id, which is a UUID", id);
    neap_status status = neapi_session_open(history->log, NEAPI_MODE_READ, &session, error);
    if (status != NEAP_OK)
        return status;
    status = neapi_history_near(session, uuid, &near_it, error);
    if (status == NEAP_OK)
        status = look_for(history, session, uuid, near_it, UINT64_MAX, &found, error);
    if (status == NEAP_OK && found == 0)
        status = look_for(history, session, uuid, 1, near_it - 1, &found, error);
    neapi_session_close(session);
    if (status == NEAP_OK && found == 0)
        status = neapi_fail(error, NEAP_UNKNOWN, "no event has the id %s", id);
    if (status == NEAP_OK)
        *position = found;
    return status;
}
