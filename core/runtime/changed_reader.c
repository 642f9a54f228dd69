/* Which events one command decided. */
#include "base/error.h"
#include "base/uuid.h"
#include "runtime/changed.h"

#define PAGE_EVENTS 1024
#define PAGE_BYTES  ((size_t)1 << 20)

void neapi_decision_reader_init(neapi_decision_reader *reader, neapi_session *session,
                                const neapi_range *range)
{
    *reader = (neapi_decision_reader){.session = session, .range = *range};
    reader->range.max_events = PAGE_EVENTS;
    reader->range.max_bytes = PAGE_BYTES;
}

void neapi_decision_reader_fini(neapi_decision_reader *reader)
{
    neapi_page_fini(&reader->page);
}

static uint64_t number_of(const neapi_decision_reader *reader, const neap_event *event)
{
    return reader->range.stream.size != 0 ? event->version : event->position;
}

/* The next page; or the same one from the event at hand on, and larger if that is all of it. */
static neap_status read_on(neapi_decision_reader *reader, neap_error *error)
{
    const neapi_page *page = &reader->page;
    if (reader->at < page->count)
        reader->range.from = number_of(reader, &page->events[reader->at]);
    else if (reader->begun)
        reader->range.from = page->next;
    if (reader->begun && reader->at == 0 && page->count != 0) {
        reader->range.max_events *= 2;
        reader->range.max_bytes *= 2;
    }
    reader->at = 0;
    reader->begun = true;
    neapi_page_clear(&reader->page);
    return neapi_read(reader->session, &reader->range, &reader->page, error);
}

/* Behind the last event at hand that the same command decided as the one at `at`. */
static size_t end_of(const neapi_decision_reader *reader)
{
    const neapi_page *page = &reader->page;
    neap_uuid command = page->events[reader->at].command_id;
    size_t end = reader->at + 1;
    while (!neapi_uuid_is_zero(command) && end < page->count &&
           memcmp(&page->events[end].command_id, &command, sizeof command) == 0)
        end++;
    return end;
}

neap_status neapi_decision_next(neapi_decision_reader *reader, const neap_event **events,
                                size_t *count, neap_error *error)
{
    neapi_page *page = &reader->page;
    *count = 0;
    for (;;) {
        bool over = reader->begun && page->last;
        size_t end = reader->at < page->count ? end_of(reader) : 0;
        bool whole = end != 0 && (end < page->count || over ||
                                  neapi_uuid_is_zero(page->events[reader->at].command_id));
        if (whole) {
            *events = page->events + reader->at;
            *count = end - reader->at;
            reader->at = end;
            return NEAP_OK;
        }
        if (end == 0 && (over || (reader->begun && page->next > reader->range.to)))
            return NEAP_OK;
        neap_status status = read_on(reader, error);
        if (status != NEAP_OK)
            return status;
    }
}
