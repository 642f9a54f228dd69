/* Branches: pasts that go on on their own, in memory. */
#include "base/error.h"
#include "base/text.h"
#include "message/json.h"
#include "runtime/branch.h"
#include "runtime/call.h"
#include "runtime/history.h"
#include "runtime/host_reading.h"
#include "runtime/past_state.h"
#include "runtime/queue.h"

/* The host is asked so often whether to go on, while what follows from something is done. */
#define SLICE_MS 200
/* So long a branch does at first what was left undone where it begins. */
#define BEGINNING_MS 1000
/* The end of the year 9999: ids have no room for much later. */
#define LATEST_US INT64_C(253402300799999999)

void neap_branch_options_init_sized(neap_branch_options *options, size_t size)
{
    const neap_branch_options none = {.size = size};
    memcpy(options, &none, size < sizeof none ? size : sizeof none);
}

static neap_status take_options(const neap_branch_options *given, neap_branch_options *taken,
                                neap_error *error)
{
    neap_branch_options_init(taken);
    if (given == NULL)
        return NEAP_OK;
    if (given->size < sizeof given->size || given->size > sizeof *taken)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_branch_options.size is %zu; call neap_branch_options_init() first",
                          given->size);
    memcpy(taken, given, given->size);
    if (taken->edit_count != 0 && taken->edits == NULL)
        return neapi_fail(error, NEAP_USAGE, "option edits: %zu of them at NULL",
                          taken->edit_count);
    if (taken->now_us < 0 || taken->now_us > LATEST_US)
        return neapi_fail(error, NEAP_USAGE,
                          "option now_us is %lld: a time from 1970 to 9999 is expected",
                          (long long)taken->now_us);
    return NEAP_OK;
}

/* ---- Edits ----------------------------------------------------------------------------------- */

/* The log's event at the position, on the page: as it is there, whatever the past has of it. */
static neap_status find_event(neap_runtime *past, uint64_t position, neapi_page *page,
                              neap_error *error)
{
    neapi_session *session;
    const neapi_range range = {.from = position, .to = position, .max_events = 1, .max_bytes = 1};
    uint64_t last = neapi_past_store_position(past->store);
    if (position == 0 || position > last)
        return neapi_fail(error, NEAP_UNKNOWN,
                          "the log has no event %llu here: events 1 to %llu can be other ones",
                          (unsigned long long)position, (unsigned long long)last);
    neap_status status = neapi_host_session(past, &session, error);
    if (status != NEAP_OK)
        return status;
    status = neapi_read(neapi_past_log(session), &range, page, error);
    neapi_host_session_done(past);
    if (status == NEAP_OK && page->count == 0)
        status = neapi_fail(error, NEAP_CORRUPT, "the store has no event at position %llu",
                            (unsigned long long)position);
    return status;
}

/* With history->checking: other pasts of the history may be branched at the same time. */
static neap_status check_locked(neap_history *history, const neap_event *event, neap_text json,
                                neapi_buffer *canonical, uint32_t *schema, neap_error *error)
{
    neapi_engine *engine = history->model->engine;
    neap_reading reading;
    const neapi_message *message = neapi_catalog_event(history->model->catalog, event->type);
    if (message == NULL)
        return neapi_fail(error, NEAP_INVALID,
                          "event %llu is of the type '%.*s', which the domain does not have today: "
                          "it can only be left out",
                          (unsigned long long)event->position, NEAPI_TEXT(event->type));
    const neapi_earlier earlier = {.type = event->type, .schema = message->schema};
    neap_status status = neapi_engine_check_earlier(engine, &earlier, json, canonical, error);
    if (status != NEAP_OK)
        return status;
    neap_event edited = *event;
    edited.schema = *schema = message->schema;
    edited.data = neapi_text(canonical->data, canonical->size);
    status = neapi_engine_examine(engine, &edited, &reading, error);
    return status == NEAP_OK && reading >= NEAP_READING_REFUSED
               ? neapi_error_as(error, NEAP_INVALID)
               : status;
}

/* The data must be what the event's schema of today wants. history: of the branch's domain. */
static neap_status check_data(neap_history *history, const neap_event *event, neap_text json,
                              neapi_buffer *canonical, uint32_t *schema, neap_error *error)
{
    pthread_mutex_lock(&history->checking);
    neap_status status = check_locked(history, event, json, canonical, schema, error);
    pthread_mutex_unlock(&history->checking);
    return status;
}

static neap_status add_edit(neap_history *history, neap_runtime *past, const neap_edit *edit,
                            neapi_past_edits *edits, neap_error *error)
{
    neapi_page page = NEAPI_PAGE_INIT;
    neapi_buffer data = NEAPI_BUFFER_INIT;
    uint32_t schema = 1;
    neap_status status = find_event(past, edit->position, &page, error);
    if (status == NEAP_OK && edit->json != NULL)
        status = check_data(history, &page.events[0], neapi_text(edit->json, edit->json_size),
                            &data, &schema, error);
    if (status == NEAP_OK) {
        const neapi_past_edit made = {.position = edit->position,
                                      .version = page.events[0].version,
                                      .stream = page.events[0].stream,
                                      .data = neapi_text(data.data, data.size),
                                      .schema = schema};
        status = neapi_past_edits_add(edits, &made, error);
    }
    neapi_buffer_fini(&data);
    neapi_page_fini(&page);
    return status;
}

/* Those that the past has, and the given ones. */
static neap_status gather(neap_history *history, neap_runtime *past,
                          const neap_branch_options *options, neapi_past_edits *edits,
                          neap_error *error)
{
    neap_status status =
        neapi_past_edits_add_all(edits, neapi_past_store_edits(past->store), error);
    for (size_t i = 0; i < options->edit_count && status == NEAP_OK; i++)
        status = add_edit(history, past, &options->edits[i], edits, error);
    return status;
}

/* ---- Making one ------------------------------------------------------------------------------ */

/* The history of the branch's domain. Owns: one reference. */
static neap_status choose_history(neap_runtime *past, const neap_branch_options *options,
                                  neap_history **history, neap_error *error)
{
    neapi_sources *sources = NULL, *replaced;
    neap_status status = NEAP_OK;
    if (options->path == NULL && options->replace == NULL) {
        *history = neapi_history_hold(past->history);
        return NEAP_OK;
    }
    if (options->path != NULL)
        status = neapi_sources_open(options->path, &sources, error);
    if (status == NEAP_OK && options->replace != NULL) {
        const neapi_sources *from = sources != NULL ? sources : past->history->model->sources;
        status = neapi_sources_replaced(from, neapi_text_of(options->replace), &replaced, error);
        neapi_sources_free(sources);
        sources = status == NEAP_OK ? replaced : NULL;
    }
    return status == NEAP_OK ? neapi_history_with(past->history, sources, history, error) : status;
}

/* What the clock says at first. */
static neap_status find_now(neap_runtime *past, int64_t given_us, int64_t *now_us,
                            neap_error *error)
{
    neapi_session *session;
    neapi_page page = NEAPI_PAGE_INIT;
    const neapi_range range = {
        .from = UINT64_MAX, .to = 1, .backward = true, .max_events = 1, .max_bytes = 1};
    *now_us = given_us;
    if (given_us != 0)
        return NEAP_OK;
    if (past->branch != NULL) {
        *now_us = neapi_branch_clock(past->branch);
        return NEAP_OK;
    }
    neap_status status = neapi_host_session(past, &session, error);
    if (status != NEAP_OK)
        return status;
    status = neapi_read(session, &range, &page, error);
    neapi_host_session_done(past);
    *now_us = page.count != 0 ? page.events[0].recorded_at : neapi_wall_us(past->platform);
    neapi_page_fini(&page);
    return status;
}

static neap_status start(neap_runtime *branch, neap_runtime *past, neapi_store *kept,
                         const neapi_past_edits *edits, neap_error *error)
{
    neap_status status = neapi_past_store_new(branch->history->log, &branch->store, error);
    if (status == NEAP_OK)
        status = neapi_past_store_edit(branch->store, edits, error);
    if (status != NEAP_OK)
        return status;
    neapi_past_store_move(branch->store, neapi_past_store_position(past->store));
    status = neapi_past_store_share(branch->store, kept, error);
    if (status == NEAP_OK)
        status = neapi_past_store_extend(branch->store, past->store, error);
    if (status != NEAP_OK)
        return status;
    neapi_past_store_count_as_done(branch->store, neapi_branch_clock(branch->branch));
    return neap_start(branch, error);
}

/* Drains for so long at most. What has stopped stays there, and does not keep the others from what
 * follows: TIMEOUT as long as there is more for them. */
static neap_status drain_slice(neap_runtime *branch, uint32_t slice_ms, neap_error *error)
{
    int64_t deadline_us = neapi_deadline_of(branch, slice_ms);
    uint64_t head, reached = 0;
    do {
        int64_t left_us = deadline_us - neapi_monotonic_us(branch->platform);
        if (left_us <= 0)
            return NEAP_TIMEOUT;
        head = reached;
        neap_status status = neap_drain(branch, (uint32_t)(left_us / 1000) + 1, error);
        if (status != NEAP_UNAVAILABLE)
            return status;
        reached = neapi_past_store_head(branch->store);
    } while (head != reached ||
             (branch->queue != NULL && !neapi_queue_looks_settled(branch->queue)));
    return neapi_monotonic_us(branch->platform) < deadline_us ? NEAP_OK : NEAP_TIMEOUT;
}

/* Does what is due, and what follows from it. TIMEOUT: it does not come to an end; 0: no limit. */
static neap_status settle(neap_runtime *branch, uint32_t timeout_ms, neap_error *error)
{
    int64_t deadline_us = neapi_deadline_of(branch, timeout_ms);
    for (;;) {
        int64_t left_ms = (deadline_us - neapi_monotonic_us(branch->platform)) / 1000;
        bool is_last = timeout_ms != 0 && left_ms <= SLICE_MS;
        uint32_t slice_ms = !is_last ? SLICE_MS : left_ms > 0 ? (uint32_t)left_ms : 1;
        neap_status status = drain_slice(branch, slice_ms, error);
        if (status != NEAP_TIMEOUT)
            return status;
        if (is_last)
            return neapi_fail(error, NEAP_TIMEOUT,
                              "what follows did not come to an end within %u ms", timeout_ms);
        uint64_t at = neapi_past_store_head(branch->store);
        status = neapi_history_go_on(branch->history, at, at, error);
        if (status != NEAP_OK)
            return status;
    }
}

/* kept: where documents are at the past's position. */
static neap_status make_branch(neap_history *history, neap_runtime *past, neapi_store *kept,
                               const neapi_past_edits *edits, const neap_branch_options *options,
                               neap_runtime **branch, neap_error *error)
{
    neap_runtime *made;
    int64_t now_us;
    neap_status status = find_now(past, options->now_us, &now_us, error);
    if (status != NEAP_OK)
        return status;
    neapi_branch *own = neapi_branch_new(options->answers);
    if (own == NULL)
        return neapi_nomem(error);
    atomic_store(&own->now_us, now_us);
    status =
        neapi_history_load(history, history->chosen.data, neapi_branch_clock, own, &made, error);
    if (status != NEAP_OK) {
        neapi_branch_free(own);
        return status;
    }
    made->branch = own;
    status = start(made, past, kept, edits, error);
    if (status == NEAP_OK)
        status = settle(made, BEGINNING_MS, error);
    if (status == NEAP_OK || status == NEAP_TIMEOUT) /* what has no end goes on there, too */
        *branch = made;
    else
        neap_close(made);
    return status == NEAP_TIMEOUT ? NEAP_OK : status;
}

/* A past that has the documents of the branch, up to the past's last event. What sagas send there
 * is queued, and not done. */
static neap_status fold_again(neap_history *history, neap_runtime *past,
                              const neapi_past_edits *edits, neap_runtime **folded,
                              neap_error *error)
{
    uint64_t position = neapi_past_store_position(past->store);
    neap_status status = neapi_history_past(history, position, edits, folded, error);
    if (status == NEAP_OK && neapi_past_store_is_branch(past->store))
        status = neapi_past_store_extend((*folded)->store, past->store, error);
    return status == NEAP_OK ? neapi_history_fold(*folded, error) : status;
}

/* Where the past's documents are not the branch's own, they are folded again. */
static neap_status fold_and_branch(neap_history *history, neap_runtime *past,
                                   const neap_branch_options *options, neap_runtime **branch,
                                   neap_error *error)
{
    neapi_past_edits edits = {0};
    neap_runtime *folded = NULL;
    bool same = history == past->history && options->edit_count == 0 &&
                past->options.subscriptions[0] != '\0';
    neap_status status = gather(history, past, options, &edits, error);
    if (status == NEAP_OK && !same)
        status = fold_again(history, past, &edits, &folded, error);
    if (status == NEAP_OK)
        status = make_branch(history, past, (same ? past : folded)->store, &edits, options, branch,
                             error);
    neap_close(folded);
    neapi_past_edits_fini(&edits);
    return status;
}

neap_status neap_history_branch(neap_runtime *past, const neap_branch_options *given,
                                neap_runtime **branch, neap_error *error)
{
    neap_branch_options options;
    neap_history *history;
    if (past == NULL || past->history == NULL || branch == NULL)
        return neapi_fail(error, NEAP_USAGE, "neap_history_branch: it is no past of a history");
    neap_status status = neapi_call_check(past, "neap_history_branch", true, error);
    if (status == NEAP_OK)
        status = take_options(given, &options, error);
    if (status == NEAP_OK)
        status = choose_history(past, &options, &history, error);
    if (status != NEAP_OK)
        return status;
    status = fold_and_branch(history, past, &options, branch, error);
    neapi_history_release(history);
    return status;
}

/* ---- Going on -------------------------------------------------------------------------------- */

neap_status neapi_branch_check(const neap_runtime *branch, const char *call, neap_error *error)
{
    if (branch == NULL || branch->branch == NULL)
        return neapi_fail(error, NEAP_USAGE, "%s: it is no branch of a history", call);
    return neapi_call_check(branch, call, true, error);
}

neap_status neap_history_advance(neap_runtime *branch, int64_t us, uint32_t timeout_ms,
                                 neap_error *error)
{
    neap_status status = neapi_branch_check(branch, "neap_history_advance", error);
    if (status == NEAP_OK && us < 0)
        status = neapi_fail(error, NEAP_USAGE, "neap_history_advance: time does not go back");
    if (status != NEAP_OK)
        return status;
    int64_t now_us = neapi_branch_clock(branch->branch);
    if (us != 0 && us > LATEST_US - now_us)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_history_advance: %lld us from %lld on is behind the year 9999",
                          (long long)us, (long long)now_us);
    atomic_fetch_add(&branch->branch->now_us, us);
    return settle(branch, timeout_ms, error);
}
