/* Folding aggregates out of the store. */
#include "base/error.h"
#include "base/text.h"
#include "runtime/snapshot.h"

#define PAGE_EVENTS 1024
#define PAGE_BYTES  (1u << 20)

/* *since_us: set to the time of the stream's first event, if that is folded. */
static neap_status fold_events(neapi_lane *lane, const neapi_aggregate *aggregate, neap_text stream,
                               uint64_t max_version, neapi_state state, uint64_t *version,
                               uint64_t *position, int64_t *since_us, neap_error *error)
{
    neapi_range range = {.stream = stream,
                         .from = *version + 1,
                         .to = max_version,
                         .max_events = PAGE_EVENTS,
                         .max_bytes = PAGE_BYTES};
    while (range.from <= max_version) {
        neapi_page_clear(&lane->page);
        neap_status status = neapi_read(lane->session, &range, &lane->page, error);
        if (status != NEAP_OK)
            return status;
        const neapi_page *page = &lane->page;
        if (page->count > 0) {
            status =
                neapi_engine_fold(lane->engine, aggregate, state, page->events, page->count, error);
            if (status != NEAP_OK)
                return status;
            if (*version == 0)
                *since_us = page->events[0].recorded_at;
            *version = page->events[page->count - 1].version;
            *position = page->events[page->count - 1].position;
        }
        if (page->last)
            break;
        range.from = page->next;
    }
    return NEAP_OK;
}

/* Folds through the newest snapshot at or below `newest`. */
static neap_status load_through(neapi_lane *lane, const neapi_aggregate *aggregate,
                                neap_text stream, neap_text id, uint64_t newest,
                                uint64_t max_version, neapi_state *state, uint64_t *version,
                                uint64_t *position, neapi_snapshot_mark *snapshot,
                                neap_error *error)
{
    neapi_state folded = NEAPI_NO_STATE;
    neap_status status =
        neapi_snapshot_load(lane, aggregate, stream, newest, &folded, snapshot, error);
    *version = snapshot->version;
    *position = 0;
    if (status == NEAP_OK && folded == NEAPI_NO_STATE)
        status = neapi_engine_state_new(lane->engine, aggregate, id, &folded, error);
    if (status == NEAP_OK)
        status = fold_events(lane, aggregate, stream, max_version, folded, version, position,
                             &snapshot->since_us, error);
    if (status == NEAP_OK)
        *state = folded;
    else
        neapi_engine_state_free(lane->engine, folded);
    return status;
}

neap_status neapi_lane_load(neapi_lane *lane, const neapi_aggregate *aggregate, neap_text stream,
                            neap_text id, uint64_t max_version, neapi_state *state,
                            uint64_t *version, uint64_t *position, neapi_snapshot_mark *snapshot,
                            neap_error *error)
{
    neapi_state folded;
    uint64_t reached, at, head, head_at = 0;
    neapi_snapshot_mark mark = {0};
    neap_status status = load_through(lane, aggregate, stream, id, max_version, max_version,
                                      &folded, &reached, &at, &mark, error);
    if (status == NEAP_OK && reached != 0 && at == 0) {
        status = neapi_stream_head(lane->session, stream, &head, &head_at, error);
        if (status != NEAP_OK || head < reached)
            neapi_engine_state_free(lane->engine, folded);
        if (status == NEAP_OK && head < reached) {
            neapi_report_text(lane->report, NEAP_LOG_WARN,
                              "snapshot %llu of %.*s is passed over: the stream ends at %llu",
                              (unsigned long long)reached, NEAPI_TEXT(stream),
                              (unsigned long long)head);
            mark = (neapi_snapshot_mark){.passed_over = true};
            status = load_through(lane, aggregate, stream, id, head, max_version, &folded, &reached,
                                  &at, &mark, error);
        }
        at = at == 0 ? head_at : at;
    }
    if (status != NEAP_OK) {
        neapi_error_prefix(error, "load %.*s", NEAPI_TEXT(stream));
        return status;
    }
    *state = folded;
    *version = reached;
    *position = at;
    *snapshot = mark;
    return NEAP_OK;
}

neap_status neapi_lane_accepted_state(void *host, const neapi_aggregate *aggregate, neap_text id,
                                      neapi_state *copy, neap_error *error)
{
    neapi_lane *lane = host;
    neapi_buffer name = NEAPI_BUFFER_INIT;
    neapi_buffer_text(&name, aggregate->name);
    neapi_buffer_byte(&name, '-');
    neapi_buffer_text(&name, id);
    neap_status status;
    if (name.failed) {
        status = neapi_nomem(error);
        goto cleanup;
    }
    neap_text stream = neapi_text(name.data, name.size);
    const neapi_warm *warm = neapi_warm_find(&lane->warm, stream);
    if (warm != NULL && neapi_warm_settled(warm)) {
        *copy = NEAPI_NO_STATE;
        status = warm->version == 0
                     ? NEAP_OK
                     : neapi_engine_state_copy(lane->engine, warm->state, copy, error);
        goto cleanup;
    }
    uint64_t version, position;
    neapi_snapshot_mark snapshot;
    neapi_state state;
    status = neapi_lane_load(lane, aggregate, stream, id, UINT64_MAX, &state, &version, &position,
                             &snapshot, error);
    if (status == NEAP_OK && version == 0) {
        neapi_engine_state_free(lane->engine, state);
        state = NEAPI_NO_STATE;
    }
    if (status == NEAP_OK)
        *copy = state;
cleanup:
    neapi_buffer_fini(&name);
    return status;
}
