/* Reading events, from a store on its own or from a runtime's. */
#include "base/alloc.h"
#include "base/error.h"
#include "message/json.h"
#include "runtime/filter.h"
#include "runtime/follow.h"
#include "runtime/history.h"
#include "runtime/lookout.h"
#include "runtime/runtime.h"
#include "runtime/verify_kept.h"

/* How long waiting goes on until a history's host is asked whether it shall. */
#define ASK_US 100000

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
    neapi_lookout lookout;
    neap_history *history; /* held; NULL: it is of a store or a runtime */
    bool follows;
    neapi_following following; /* in place of session and seen */
};

static void free_store(neap_store *store)
{
    if (store == NULL)
        return;
    neapi_hub_release(store->hub);
    neapi_free(store);
}

neap_status neap_store_open(const char *url, neap_store **store, neap_error *error)
{
    if (url == NULL || store == NULL)
        return neapi_fail(error, NEAP_USAGE, "neap_store_open: url and store must not be NULL");
    neap_store *opened = neapi_alloc_zero(1, sizeof *opened);
    if (opened != NULL)
        opened->hub =
            neapi_hub_new(neapi_platform_machine(), 1, 1); /* nothing is published there */
    neap_status status = opened != NULL && opened->hub != NULL
                             ? neapi_store_open(url, NEAPI_MODE_READ, &opened->store, error)
                             : neapi_nomem(error);
    if (status != NEAP_OK) {
        free_store(opened);
        return status;
    }
    *store = opened;
    return NEAP_OK;
}

void neap_store_close(neap_store *store)
{
    if (store == NULL)
        return;
    neapi_hub_end(store->hub);
    neapi_hub_detach_all(store->hub);
    neapi_store_close(store->store);
    free_store(store);
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
    uint64_t findings = 0;
    status = neapi_verify(session, &sink, &verification, error);
    if (status == NEAP_OK)
        status = neapi_verify_kept(session, &sink, &findings, error);
    verification.findings += findings;
    neapi_session_close(session);
    if (status == NEAP_OK && result != NULL)
        *result = verification;
    return status;
}

static void free_cursor(neap_cursor *cursor)
{
    if (cursor->session != NULL)
        neapi_session_close(cursor->session);
    neapi_page_fini(&cursor->page);
    neapi_buffer_fini(&cursor->json);
    neapi_arena_fini(&cursor->arena);
    neapi_lookout_fini(&cursor->lookout);
    neapi_history_release(cursor->history);
    neapi_free(cursor);
}

static neap_status open_session(neap_cursor *cursor, const neapi_followed *where,
                                const neap_filter *filter, neap_error *error)
{
    if (!filter->follow) {
        neap_status opened =
            neapi_session_open(where->store, NEAPI_MODE_READ, &cursor->session, error);
        if (opened == NEAP_OK)
            neapi_session_count_calls(cursor->session, where->calls);
        return opened;
    }
    if (where->hub == NULL)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_history_read: follow does not go with it; neap_cursor_wait() waits "
                          "for what comes");
    if (neapi_thread_own())
        return neapi_fail(error, NEAP_USAGE,
                          "filter: a handler or callback cannot follow: it would wait");
    neap_status status =
        neapi_following_open(&cursor->following, where, &cursor->range, filter->timeout_ms, error);
    cursor->follows = status == NEAP_OK;
    return status;
}

static neap_status open_cursor(const neapi_followed *where, const neap_filter *given,
                               neap_cursor **cursor, neap_error *error)
{
    neap_cursor *opened = neapi_alloc_zero(1, sizeof *opened);
    if (opened == NULL)
        return neapi_nomem(error);
    if (!neapi_lookout_init(&opened->lookout, where->store)) {
        neapi_free(opened);
        return neapi_nomem(error);
    }
    neap_filter filter;
    neap_status status = neapi_filter_read(given, NEAPI_FILTER_CURSOR, &opened->arena, &filter,
                                           &opened->range, &opened->left, error);
    if (status == NEAP_OK)
        status = open_session(opened, where, &filter, error);
    if (status == NEAP_OK)
        *cursor = opened;
    else
        free_cursor(opened);
    return status;
}

neap_status neap_store_read(neap_store *store, const neap_filter *filter, neap_cursor **cursor,
                            neap_error *error)
{
    const neapi_followed where = {.store = store->store,
                                  .hub = store->hub,
                                  .platform = neapi_platform_machine(),
                                  .others_write = true};
    return open_cursor(&where, filter, cursor, error);
}

neap_status neap_read(neap_runtime *runtime, const neap_filter *filter, neap_cursor **cursor,
                      neap_error *error)
{
    if (runtime->stage != NEAPI_RUNTIME_RUNNING)
        return neapi_fail(error, NEAP_USAGE, "neap_read: the runtime is not started");
    const neapi_followed where = neapi_runtime_followed(runtime);
    return open_cursor(&where, filter, cursor, error);
}

neap_status neap_history_read(neap_history *history, const neap_filter *filter,
                              neap_cursor **cursor, neap_error *error)
{
    if (history == NULL || cursor == NULL)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_history_read: history and cursor must not be NULL");
    const neapi_followed where = {.store = history->log};
    neap_status status = open_cursor(&where, filter, cursor, error);
    if (status == NEAP_OK)
        (*cursor)->history = neapi_history_hold(history);
    return status;
}

void neap_cursor_close(neap_cursor *cursor)
{
    if (cursor == NULL)
        return;
    if (cursor->follows)
        neapi_following_close(&cursor->following);
    free_cursor(cursor);
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

static neap_status next_of_following(neap_cursor *cursor, const neap_event **event,
                                     neap_error *error)
{
    cursor->current = NULL;
    if (cursor->left == 0) {
        *event = NULL;
        return NEAP_OK;
    }
    neap_status status =
        neapi_following_next(&cursor->following, &cursor->page, &cursor->current, error);
    if (status != NEAP_OK)
        return status;
    if (cursor->current != NULL && cursor->left != UINT64_MAX)
        cursor->left--;
    *event = cursor->current;
    return NEAP_OK;
}

neap_status neap_cursor_next(neap_cursor *cursor, const neap_event **event, neap_error *error)
{
    if (cursor->follows)
        return next_of_following(cursor, event, error);
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

static neap_status wait_for_more(neap_cursor *cursor, const neapi_platform *platform,
                                 int64_t end_us, neap_error *error)
{
    const neap_history *history = cursor->history;
    uint64_t head = cursor->seen;
    for (;;) {
        neap_status status = NEAP_OK;
        int64_t now_us = neapi_monotonic_us(platform), until_us = end_us;
        if (history != NULL && end_us - now_us > ASK_US)
            until_us = now_us + ASK_US;
        if (history != NULL)
            status = neapi_history_go_on(history, head, head, error);
        if (status == NEAP_OK)
            status = neapi_lookout_wait(&cursor->lookout, cursor->session, cursor->seen, until_us,
                                        &head, error);
        if (status != NEAP_OK || head > cursor->seen || until_us == end_us)
            return status;
    }
}

neap_status neap_cursor_wait(neap_cursor *cursor, uint32_t timeout_ms, neap_error *error)
{
    if (cursor->follows && cursor->left != 0) {
        cursor->current = NULL;
        return neapi_following_wait(&cursor->following, &cursor->page, timeout_ms, error);
    }
    if (cursor->left == 0 || range_is_over(&cursor->range) || cursor->at < cursor->page.count)
        return NEAP_OK;
    const neapi_platform *platform = neapi_platform_machine();
    int64_t end_us = neapi_monotonic_us(platform) + (int64_t)timeout_ms * 1000;
    return wait_for_more(cursor, platform, end_us, error);
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
