/* The events of a past: those of the log up to its position, and behind them a branch's own. */
#include "base/error.h"
#include "base/text.h"
#include "runtime/past_state.h"

static neapi_past_store *store_of(const neapi_session *session)
{
    return (neapi_past_store *)session->store;
}

static uint64_t position_of(const neapi_session *session)
{
    return neapi_past_store_position(session->store);
}

/* ---- Events: those up to the position -------------------------------------------------------- */

/* The position of the stream's event of that version, which is there. */
static neap_status place_of(neapi_session *session, neap_text stream, uint64_t version,
                            neapi_page *page, uint64_t *position, neap_error *error)
{
    const neapi_range range = {
        .stream = stream, .from = version, .to = version, .max_events = 1, .max_bytes = 1};
    neap_status status = neapi_read(neapi_past_log(session), &range, page, error);
    if (status == NEAP_OK && page->count == 0)
        status = neapi_fail(error, NEAP_CORRUPT, "%.*s has no version %llu", NEAPI_TEXT(stream),
                            (unsigned long long)version);
    if (status == NEAP_OK)
        *position = page->events[0].position;
    return status;
}

/* The last version at the position; `version` and `at` are those of the log's own. */
neap_status neapi_past_log_head(neapi_session *session, neap_text stream, uint64_t *version,
                                uint64_t *position, neap_error *error)
{
    uint64_t end, at, head = position_of(session);
    neap_status status = neapi_stream_head(neapi_past_log(session), stream, &end, &at, error);
    uint64_t low = 0, low_at = 0; /* up to here it is in the past */
    neapi_page page = NEAPI_PAGE_INIT;
    if (status == NEAP_OK && at <= head) {
        low = end;
        low_at = at;
    }
    while (status == NEAP_OK && end - low > 1) {
        uint64_t middle = low + (end - low) / 2;
        status = place_of(session, stream, middle, &page, &at, error);
        if (status == NEAP_OK && at <= head) {
            low = middle;
            low_at = at;
        } else {
            end = middle;
        }
    }
    neapi_page_fini(&page);
    if (status == NEAP_OK) {
        *version = low;
        *position = low_at;
    }
    return status;
}

static void nothing_more(neapi_page *page, uint64_t next)
{
    page->next = next;
    page->last = true;
}

/* What came later is cut off: the versions of a stream do not tell. */
static void cut(neapi_page *page, uint64_t head)
{
    size_t count = page->count;
    while (page->count > 0 && page->events[page->count - 1].position > head)
        page->count--;
    if (page->count < count)
        nothing_more(page, page->events[page->count].version);
}

static neap_status read_stream(neapi_session *session, const neapi_range *range, neapi_page *page,
                               neap_error *error)
{
    uint64_t version, unused;
    neapi_range bounded = *range;
    if (range->backward) {
        neap_status status = neapi_past_log_head(session, range->stream, &version, &unused, error);
        if (status != NEAP_OK)
            return status;
        if (version < bounded.from)
            bounded.from = version;
        if (bounded.from < bounded.to) {
            nothing_more(page, bounded.to - 1);
            return NEAP_OK;
        }
    }
    neap_status status = neapi_read(neapi_past_log(session), &bounded, page, error);
    if (status == NEAP_OK && !range->backward)
        cut(page, position_of(session));
    return status;
}

static neap_status read_log(neapi_session *session, const neapi_range *range, neapi_page *page,
                            neap_error *error)
{
    uint64_t head = position_of(session);
    neapi_range bounded = *range;
    if (range->backward && bounded.from > head)
        bounded.from = head;
    if (!range->backward && bounded.to > head)
        bounded.to = head;
    bool nothing = range->backward ? bounded.from < bounded.to : bounded.from > bounded.to;
    if (nothing) {
        nothing_more(page, range->backward ? bounded.to - 1 : range->from);
        return NEAP_OK;
    }
    neap_status status = neapi_read(neapi_past_log(session), &bounded, page, error);
    if (status == NEAP_OK && !range->backward && page->next > head) {
        page->next = head + 1 > range->from ? head + 1 : range->from;
        page->last = true;
    }
    return status;
}

/* What the log has of the range, as the branch has it. */
static neap_status read_behind(neapi_session *session, const neapi_range *range, neapi_page *page,
                               neap_error *error)
{
    neap_status status = range->stream.size != 0 ? read_stream(session, range, page, error)
                                                 : read_log(session, range, page, error);
    if (status == NEAP_OK)
        neapi_past_edits_apply(&store_of(session)->edits, range, page);
    return status;
}

/* ---- Events: those of a branch, behind them -------------------------------------------------- */

/* The own events that are wanted, numbered as those of a store of their own. */
static neap_status read_own(neapi_session *session, const neapi_range *range, uint64_t base,
                            neapi_page *page, neap_error *error)
{
    neapi_session *own;
    neapi_range wanted = *range;
    if (range->backward) {
        wanted.from = range->from == UINT64_MAX ? UINT64_MAX : range->from - base;
        wanted.to = range->to > base ? range->to - base : 1;
    } else {
        wanted.from = range->from > base ? range->from - base : 1;
        wanted.to = range->to == UINT64_MAX ? UINT64_MAX : range->to - base;
    }
    neap_status status = neapi_kept_own(neapi_past_kept_of(session), &own, error);
    if (status == NEAP_OK)
        status = neapi_read(own, &wanted, page, error);
    if (status == NEAP_OK)
        status = neapi_past_number(session, page, error);
    page->next += base;
    return status;
}

static neap_status read_forward(neapi_session *session, const neapi_range *range, uint64_t base,
                                neapi_page *page, neap_error *error)
{
    if (range->from > base)
        return read_own(session, range, base, page, error);
    neap_status status = read_behind(session, range, page, error);
    if (status == NEAP_OK && page->last && range->to > base) {
        page->next = base + 1;
        page->last = false;
    }
    return status;
}

static neap_status read_backward(neapi_session *session, const neapi_range *range, uint64_t base,
                                 neapi_page *page, neap_error *error)
{
    if (range->from <= base)
        return read_behind(session, range, page, error);
    neap_status status = read_own(session, range, base, page, error);
    if (status == NEAP_OK && page->last && range->to <= base) {
        page->next = base;
        page->last = false;
    }
    return status;
}

neap_status neapi_past_read(neapi_session *session, const neapi_range *range, neapi_page *page,
                            neap_error *error)
{
    neap_status status = NEAP_OK;
    uint64_t base = position_of(session), unused;
    if (!store_of(session)->is_branch)
        return read_behind(session, range, page, error);
    if (range->stream.size != 0)
        status = neapi_past_log_head(session, range->stream, &base, &unused, error);
    if (status != NEAP_OK)
        return status;
    return range->backward ? read_backward(session, range, base, page, error)
                           : read_forward(session, range, base, page, error);
}

neap_status neapi_past_stream_head(neapi_session *session, neap_text stream, uint64_t *version,
                                   uint64_t *position, neap_error *error)
{
    neapi_session *own;
    uint64_t added, added_at;
    neap_status status = neapi_past_log_head(session, stream, version, position, error);
    if (status != NEAP_OK || !store_of(session)->is_branch)
        return status;
    status = neapi_kept_own(neapi_past_kept_of(session), &own, error);
    if (status == NEAP_OK)
        status = neapi_stream_head(own, stream, &added, &added_at, error);
    if (status == NEAP_OK && added != 0) {
        *version += added;
        *position = position_of(session) + added_at;
    }
    return status;
}
