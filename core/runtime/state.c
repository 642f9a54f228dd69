/* Folding aggregates out of the store, and saving what was folded. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/lane.h"

#define PAGE_EVENTS 1024
#define PAGE_BYTES  (1u << 20)

static neap_text fingerprint_of(const neapi_lane *lane, const neapi_aggregate *aggregate)
{
    return aggregate->snapshot_version.size != 0 ? aggregate->snapshot_version : lane->fingerprint;
}

/* A snapshot that cannot be used is only a longer way: the events are all there. */
static neap_status load_snapshot(neapi_lane *lane, const neapi_aggregate *aggregate,
                                 neap_text stream, uint64_t max_version, neapi_state *state,
                                 uint64_t *version, neap_error *error)
{
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_snapshot found;
    bool is_found = false;
    neap_status status =
        neapi_find_snapshot(lane->session, stream, max_version, fingerprint_of(lane, aggregate),
                            &arena, &found, &is_found, error);
    if (status == NEAP_OK && is_found) {
        neap_error reason;
        if (neapi_engine_state_load(lane->engine, found.state, state, &reason) == NEAP_OK)
            *version = found.version;
        else
            neapi_report_text(
                lane->report, NEAP_LOG_WARN, "snapshot %llu of %.*s is passed over: %s",
                (unsigned long long)found.version, NEAPI_TEXT(stream), reason.message);
    }
    neapi_arena_fini(&arena);
    return status;
}

static neap_status fold_events(neapi_lane *lane, const neapi_aggregate *aggregate, neap_text stream,
                               uint64_t max_version, neapi_state state, uint64_t *version,
                               uint64_t *position, neap_error *error)
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
            *version = page->events[page->count - 1].version;
            *position = page->events[page->count - 1].position;
        }
        if (page->last)
            break;
        range.from = page->next;
    }
    return NEAP_OK;
}

neap_status neapi_lane_load(neapi_lane *lane, const neapi_aggregate *aggregate, neap_text stream,
                            neap_text id, uint64_t max_version, neapi_state *state,
                            uint64_t *version, uint64_t *position, uint64_t *snapshot,
                            neap_error *error)
{
    neapi_state folded = NEAPI_NO_STATE;
    uint64_t reached = 0, at = 0, head;
    neap_status status = NEAP_OK;
    if (aggregate->snapshot_every != 0)
        status = load_snapshot(lane, aggregate, stream, max_version, &folded, &reached, error);
    *snapshot = reached;
    if (status == NEAP_OK && folded == NEAPI_NO_STATE)
        status = neapi_engine_state_new(lane->engine, aggregate, id, &folded, error);
    if (status == NEAP_OK)
        status = fold_events(lane, aggregate, stream, max_version, folded, &reached, &at, error);
    if (status == NEAP_OK && reached != 0 && at == 0)
        status = neapi_stream_head(lane->session, stream, &head, &at, error);
    if (status != NEAP_OK) {
        neapi_engine_state_free(lane->engine, folded);
        neapi_error_prefix(error, "load %.*s", NEAPI_TEXT(stream));
        return status;
    }
    *state = folded;
    *version = reached;
    *position = at;
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
    uint64_t version, position, snapshot;
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

static neap_status save(neapi_lane *lane, neapi_warm *warm, neapi_submission *submission,
                        neap_error *error)
{
    neapi_unit *unit = neapi_unit_new(neapi_uuid_new(&lane->ids, neapi_wall_us(lane->platform)));
    if (unit == NULL)
        return neapi_nomem(error);
    submission->unit = unit;
    submission->answer_to = &lane->mailbox;
    neapi_buffer_clear(&lane->scratch);
    neap_status status = neapi_engine_state_save(lane->engine, warm->state, &lane->scratch, error);
    if (status != NEAP_OK)
        return status;
    if (lane->scratch.failed)
        return neapi_nomem(error);
    const neapi_snapshot snapshot = {
        .stream = warm->stream,
        .version = warm->version,
        .fingerprint = fingerprint_of(lane, warm->aggregate),
        .state = neapi_text(lane->scratch.data, lane->scratch.size),
        .keep = 2,
    };
    neapi_unit_follow(unit, warm->last);
    status = neapi_unit_snapshot(unit, &snapshot);
    return status == NEAP_OK ? NEAP_OK : neapi_nomem(error);
}

/* The state may be ahead of what is accepted: the snapshot's unit follows the newest one in flight
 * and falls with it. */
void neapi_lane_snapshot(neapi_lane *lane, neapi_warm *warm)
{
    uint32_t every = warm->aggregate->snapshot_every;
    if (every == 0 || !warm->loaded || warm->stale || warm->version < warm->snapshot + every)
        return;
    warm->snapshot =
        warm->version; /* also if it fails: it is tried again `every` events later, not at once */
    neapi_submission *submission = neapi_alloc_zero(1, sizeof *submission);
    if (submission == NULL)
        return;
    neap_error error;
    if (save(lane, warm, submission, &error) == NEAP_OK) {
        neapi_lane_submit(lane, submission);
        return;
    }
    neapi_report_text(lane->report, NEAP_LOG_WARN, "no snapshot of %.*s: %s",
                      NEAPI_TEXT(warm->stream), error.message);
    neapi_unit_release(submission->unit);
    neapi_free(submission);
}
