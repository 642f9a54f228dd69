/* Reading events, from a store on its own or from a runtime's. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "message/json.h"
#include "runtime/options.h"
#include "runtime/runtime.h"
#include "store/check.h"

#define PAGE_EVENTS 512
#define PAGE_BYTES  (1u << 20)
#define POLL_US     20000

struct neap_cursor {
    neapi_session *session;
    neapi_arena arena; /* holds the filter's texts */
    neapi_range range;
    uint64_t left; /* how many more the filter allows */
    neapi_page page;
    size_t at;     /* in the page */
    uint64_t seen; /* the store's head before the page was read */
    const neap_event *current;
    neapi_buffer json;
    neapi_gate never; /* nobody wakes it: waiting is polling */
};

neap_status neap_store_open(const char *url, neap_store **store, neap_error *error)
{
    if (url == NULL || store == NULL)
        return neapi_fail(error, NEAP_USAGE, "neap_store_open: url and store must not be NULL");
    neap_store *opened = neapi_alloc(sizeof *opened);
    if (opened == NULL)
        return neapi_nomem(error);
    neap_status status = neapi_store_open(url, NEAPI_MODE_READ, &opened->store, error);
    if (status != NEAP_OK) {
        neapi_free(opened);
        return status;
    }
    *store = opened;
    return NEAP_OK;
}

void neap_store_close(neap_store *store)
{
    if (store == NULL)
        return;
    neapi_store_close(store->store);
    neapi_free(store);
}

static void ignore_finding(void *user, const char *text)
{
    (void)user;
    (void)text;
}

neap_status neap_store_verify(neap_store *store, neap_finding_callback callback, void *user,
                              neap_verification *result, neap_error *error)
{
    neapi_session *session;
    neap_status status = neapi_session_open(store->store, NEAPI_MODE_READ, &session, error);
    if (status != NEAP_OK)
        return status;
    const neapi_verify_sink sink = {user, callback != NULL ? callback : ignore_finding};
    neap_verification verification = {0};
    status = neapi_verify(session, &sink, &verification, error);
    neapi_session_close(session);
    if (status == NEAP_OK && result != NULL)
        *result = verification;
    return status;
}

/* An empty name would read everything, which nobody means who gives one. */
static neap_status check_name(const char *name, const char *what, neap_error *error)
{
    if (name == NULL || name[0] != '\0')
        return NEAP_OK;
    return neapi_fail(error, NEAP_USAGE, "filter: the %s is empty; NULL reads all", what);
}

static neap_status check_filter(const neap_filter *filter, neap_error *error)
{
    neap_status status = check_name(filter->stream, "stream", error);
    if (status == NEAP_OK)
        status = check_name(filter->category, "category", error);
    if (status != NEAP_OK)
        return status;
    if (filter->stream != NULL && filter->category != NULL)
        return neapi_fail(error, NEAP_USAGE, "filter: give a stream or a category, not both");
    if (filter->from != 0 && filter->to != 0 && filter->from > filter->to)
        return neapi_fail(error, NEAP_USAGE, "filter: from (%llu) is above to (%llu)",
                          (unsigned long long)filter->from, (unsigned long long)filter->to);
    if (filter->type_count != 0 && filter->types == NULL)
        return neapi_fail(error, NEAP_USAGE, "filter: type_count is %zu and types is NULL",
                          filter->type_count);
    return NEAP_OK;
}

static bool copy_filter(neap_cursor *cursor, const neap_filter *filter)
{
    neapi_range *range = &cursor->range;
    neap_text *types = neapi_arena_alloc(&cursor->arena, (filter->type_count + 1) * sizeof *types);
    range->stream = neapi_arena_text(&cursor->arena, neapi_text_of(filter->stream));
    range->category = neapi_arena_text(&cursor->arena, neapi_text_of(filter->category));
    if (types == NULL || range->stream.data == NULL || range->category.data == NULL)
        return false;
    for (size_t i = 0; i < filter->type_count; i++) {
        types[i] = neapi_arena_text(&cursor->arena, neapi_text_of(filter->types[i]));
        if (types[i].data == NULL)
            return false;
    }
    range->types = types;
    range->type_count = filter->type_count;
    uint64_t lowest = filter->from != 0 ? filter->from : 1;
    uint64_t highest = filter->to != 0 ? filter->to : UINT64_MAX;
    range->backward = filter->backward;
    range->from = filter->backward ? highest : lowest;
    range->to = filter->backward ? lowest : highest;
    range->max_events = PAGE_EVENTS;
    range->max_bytes = PAGE_BYTES;
    cursor->left = filter->limit != 0 ? filter->limit : UINT64_MAX;
    return true;
}

static neap_status open_cursor(neapi_store *store, const neap_filter *given, neap_cursor **cursor,
                               neap_error *error)
{
    neap_filter filter;
    neap_status status = neapi_filter_take(given, &filter, error);
    if (status == NEAP_OK)
        status = check_filter(&filter, error);
    if (status != NEAP_OK)
        return status;
    neap_cursor *opened = neapi_alloc_zero(1, sizeof *opened);
    if (opened == NULL)
        return neapi_nomem(error);
    if (!neapi_gate_init(&opened->never)) {
        neapi_free(opened);
        return neapi_nomem(error);
    }
    status = copy_filter(opened, &filter) ? NEAP_OK : neapi_nomem(error);
    if (status == NEAP_OK)
        status = neapi_range_check(&opened->range, error);
    if (status == NEAP_OK)
        status = neapi_session_open(store, NEAPI_MODE_READ, &opened->session, error);
    if (status != NEAP_OK) {
        neap_cursor_close(opened);
        return status;
    }
    *cursor = opened;
    return NEAP_OK;
}

neap_status neap_store_read(neap_store *store, const neap_filter *filter, neap_cursor **cursor,
                            neap_error *error)
{
    return open_cursor(store->store, filter, cursor, error);
}

neap_status neap_read(neap_runtime *runtime, const neap_filter *filter, neap_cursor **cursor,
                      neap_error *error)
{
    if (runtime->stage != NEAPI_RUNTIME_RUNNING)
        return neapi_fail(error, NEAP_USAGE, "neap_read: the runtime is not started");
    return open_cursor(runtime->store, filter, cursor, error);
}

void neap_cursor_close(neap_cursor *cursor)
{
    if (cursor == NULL)
        return;
    if (cursor->session != NULL)
        neapi_session_close(cursor->session);
    neapi_page_fini(&cursor->page);
    neapi_buffer_fini(&cursor->json);
    neapi_arena_fini(&cursor->arena);
    neapi_gate_fini(&cursor->never);
    neapi_free(cursor);
}

static bool range_is_over(const neapi_range *range)
{
    return range->backward ? range->from < range->to : range->from > range->to;
}

/* Reads on until there is an event, or nothing more for now. */
static neap_status fill(neap_cursor *cursor, neap_error *error)
{
    cursor->at = 0;
    do {
        neapi_page_clear(&cursor->page);
        if (range_is_over(&cursor->range))
            return NEAP_OK;
        neap_status status = neapi_head(cursor->session, &cursor->seen, error);
        if (status == NEAP_OK)
            status = neapi_read(cursor->session, &cursor->range, &cursor->page, error);
        if (status != NEAP_OK) {
            neapi_page_clear(&cursor->page);
            return status;
        }
        cursor->range.from = cursor->page.next;
        if (cursor->range.backward && cursor->page.last)
            cursor->range.from = 0;
    } while (cursor->page.count == 0 && !cursor->page.last);
    return NEAP_OK;
}

neap_status neap_cursor_next(neap_cursor *cursor, const neap_event **event, neap_error *error)
{
    if (cursor->left > 0 && cursor->at >= cursor->page.count) {
        cursor->current = NULL;
        neap_status status = fill(cursor, error);
        if (status != NEAP_OK)
            return status;
    }
    cursor->current = NULL;
    if (cursor->left > 0 && cursor->at < cursor->page.count) {
        cursor->current = &cursor->page.events[cursor->at++];
        if (cursor->left != UINT64_MAX)
            cursor->left--;
    }
    *event = cursor->current;
    return NEAP_OK;
}

neap_status neap_cursor_wait(neap_cursor *cursor, uint32_t timeout_ms, neap_error *error)
{
    if (cursor->left == 0 || range_is_over(&cursor->range) || cursor->at < cursor->page.count)
        return NEAP_OK;
    const neapi_platform *platform = neapi_platform_machine();
    int64_t end = neapi_monotonic_us(platform) + (int64_t)timeout_ms * 1000;
    for (;;) {
        uint64_t head;
        neap_status status = neapi_head(cursor->session, &head, error);
        int64_t now = neapi_monotonic_us(platform);
        if (status != NEAP_OK || head > cursor->seen || now >= end)
            return status;
        int64_t pause = end - now < POLL_US ? end - now : POLL_US;
        neapi_park(platform, &cursor->never, neapi_gate_seen(&cursor->never), now + pause);
    }
}

neap_status neap_cursor_json(neap_cursor *cursor, const char **json, size_t *size,
                             neap_error *error)
{
    if (cursor->current == NULL)
        return neapi_fail(error, NEAP_USAGE, "neap_cursor_json: the cursor is not at an event");
    neapi_buffer_clear(&cursor->json);
    neapi_json_event(&cursor->json, cursor->current);
    const char *text = neapi_buffer_terminated(&cursor->json);
    if (text == NULL)
        return neapi_nomem(error);
    *json = text;
    if (size != NULL)
        *size = cursor->json.size;
    return NEAP_OK;
}
