/* Folding aggregates out of the store. */
#include "base/error.h"
#include "base/text.h"
#include "runtime/instance.h"
#include "runtime/lane_log.h"
#include "runtime/runtime.h"
#include "runtime/snapshot.h"

#define PAGE_EVENTS 1024
#define PAGE_BYTES  (1u << 20)

static bool is_by_tags(const neapi_instance *instance)
{
    return instance->tag_count != 0;
}

/* What follows on what was folded: by key of the stream, by tags of the log. */
static neapi_range range_behind(const neapi_instance *instance, const neapi_folded *folded,
                                uint64_t max_version)
{
    const neapi_aggregate *aggregate = instance->aggregate;
    if (!is_by_tags(instance))
        return (neapi_range){.stream = instance->stream,
                             .from = folded->version + 1,
                             .to = max_version,
                             .max_events = PAGE_EVENTS,
                             .max_bytes = PAGE_BYTES};
    return (neapi_range){.types = aggregate->types,
                         .type_count = aggregate->type_count,
                         .tags = instance->tags,
                         .tag_count = instance->tag_count,
                         .from = folded->position + 1,
                         .to = max_version,
                         .max_events = PAGE_EVENTS,
                         .max_bytes = PAGE_BYTES};
}

static neap_status fold_page(neapi_lane *lane, const neapi_instance *instance, neapi_folded *folded,
                             neap_error *error)
{
    const neapi_page *page = &lane->page;
    if (page->count == 0)
        return NEAP_OK;
    neap_status status =
        neapi_engine_fold(lane->engine, instance, folded->state, page->events, page->count, error);
    if (status != NEAP_OK)
        return status;
    const neap_event *last = &page->events[page->count - 1];
    if (folded->version == 0)
        folded->snapshot.since_us = page->events[0].recorded_at;
    folded->version = is_by_tags(instance) ? last->position : last->version;
    folded->position = last->position;
    folded->snapshot.folded += page->count;
    neapi_count_add(&lane->metrics->folded, page->count);
    return NEAP_OK;
}

/* A stream's next page is read while this one is folded. */
static void ask_ahead(neapi_lane *lane, const neapi_range *range)
{
    neapi_ahead *ahead = lane->runtime->ahead;
    uint64_t next = lane->page.next;
    if (ahead != NULL && range->stream.size != 0 && !lane->page.last && next <= range->to)
        lane->coming = neapi_ahead_ask(ahead, range, next, &lane->mailbox->inbox.work);
}

static void drop_ahead(neapi_lane *lane)
{
    neapi_ahead_drop(lane->coming);
    lane->coming = NULL;
}

static neap_status get_page(neapi_lane *lane, const neapi_range *range, neap_error *error)
{
    bool taken = lane->coming != NULL &&
                 neapi_ahead_await(lane->coming, range->from, &lane->page) == NEAPI_AHEAD_TAKEN;
    drop_ahead(lane);
    neap_status status = taken ? NEAP_OK : neapi_read(lane->session, range, &lane->page, error);
    if (status == NEAP_OK)
        ask_ahead(lane, range);
    return status;
}

static neap_status fold_behind(neapi_lane *lane, const neapi_instance *instance,
                               uint64_t max_version, neapi_folded *folded, neap_error *error)
{
    neapi_range range = range_behind(instance, folded, max_version);
    while (range.from <= max_version) {
        neapi_page_clear(&lane->page);
        neap_status status = get_page(lane, &range, error);
        if (status == NEAP_OK)
            status = fold_page(lane, instance, folded, error);
        if (status != NEAP_OK) {
            drop_ahead(lane);
            return status;
        }
        if (is_by_tags(instance))
            folded->position = lane->page.next - 1;
        if (lane->page.last)
            break;
        range.from = lane->page.next;
    }
    return NEAP_OK;
}

/* Folds through the newest snapshot at or below `newest`. */
static neap_status load_through(neapi_lane *lane, const neapi_instance *instance, uint64_t newest,
                                uint64_t max_version, neapi_folded *folded, neap_error *error)
{
    *folded = (neapi_folded){.state = NEAPI_NO_STATE,
                             .snapshot.passed_over = folded->snapshot.passed_over};
    neap_status status =
        neapi_snapshot_load(lane, instance, newest, &folded->state, &folded->snapshot, error);
    folded->version = folded->snapshot.version;
    if (is_by_tags(instance))
        folded->position = folded->version;
    if (status == NEAP_OK && folded->state == NEAPI_NO_STATE)
        status = neapi_engine_state_new(lane->engine, instance, &folded->state, error);
    if (status == NEAP_OK)
        status = fold_behind(lane, instance, max_version, folded, error);
    if (status != NEAP_OK)
        neapi_engine_state_free(lane->engine, folded->state);
    return status;
}

/* Where the stream ends, or by tags the log. */
static neap_status find_end(neapi_lane *lane, const neapi_instance *instance, uint64_t *version,
                            uint64_t *position, neap_error *error)
{
    if (!is_by_tags(instance))
        return neapi_stream_head(lane->session, instance->stream, version, position, error);
    neap_status status = neapi_head(lane->session, position, error);
    *version = *position;
    return status;
}

/* Whether there is all that the state came from: a snapshot may be ahead of a store that was put
 * back. If not, it is folded again without that snapshot. */
static neap_status check_end(neapi_lane *lane, const neapi_instance *instance, uint64_t max_version,
                             neapi_folded *folded, neap_error *error)
{
    bool from_snapshot = folded->version != 0 && folded->version == folded->snapshot.version;
    if (!from_snapshot)
        return NEAP_OK;
    uint64_t end, end_at;
    neap_status status = find_end(lane, instance, &end, &end_at, error);
    if (status != NEAP_OK || end < folded->version)
        neapi_engine_state_free(lane->engine, folded->state);
    if (status == NEAP_OK && end < folded->version) {
        neapi_lane_say(lane, NEAP_LOG_WARN, instance->stream,
                       "snapshot %llu of %.*s is passed over: the stream ends at %llu",
                       (unsigned long long)folded->version, NEAPI_TEXT(instance->name),
                       (unsigned long long)end);
        folded->snapshot.passed_over = true;
        status = load_through(lane, instance, end, max_version, folded, error);
    }
    if (status == NEAP_OK && folded->position == 0 && folded->version != 0)
        folded->position = end_at;
    return status;
}

neap_status neapi_lane_load(neapi_lane *lane, const neapi_instance *instance, uint64_t max_version,
                            neapi_folded *folded, neap_error *error)
{
    neapi_folded loaded = {0};
    neapi_count_add(&lane->metrics->loads, 1);
    neap_status status = load_through(lane, instance, max_version, max_version, &loaded, error);
    if (status == NEAP_OK)
        status = check_end(lane, instance, max_version, &loaded, error);
    if (status == NEAP_OK)
        *folded = loaded;
    else
        neapi_error_prefix(error, "load %.*s", NEAPI_TEXT(instance->name));
    return status;
}

/* The folds hold the state: it is not to be let go of meanwhile. */
static neap_status top_up(neapi_lane *lane, const neapi_warm *warm, const neapi_instance *instance,
                          neapi_folded *folded, neap_error *error)
{
    const neapi_warm *deciding = lane->deciding;
    lane->deciding = warm;
    neap_status status = fold_behind(lane, instance, UINT64_MAX, folded, error);
    lane->deciding = deciding;
    if (status != NEAP_OK)
        neapi_error_prefix(error, "load %.*s", NEAPI_TEXT(instance->name));
    return status;
}

neap_status neapi_lane_bring_up_to_date(neapi_lane *lane, neapi_warm *warm,
                                        const neapi_instance *instance, neap_error *error)
{
    neapi_folded folded = {warm->state, warm->version, warm->position, warm->snapshot};
    neapi_metrics_found(lane->metrics, warm->loaded);
    neap_status status = warm->loaded ? top_up(lane, warm, instance, &folded, error)
                                      : neapi_lane_load(lane, instance, UINT64_MAX, &folded, error);
    if (status == NEAP_OK)
        neapi_warm_fill(warm, &folded);
    else
        neapi_warm_unload(&lane->warm, warm);
    return status;
}

static neap_status copy_unless_new(neapi_lane *lane, neapi_state state, uint64_t version,
                                   neapi_state *copy, neap_error *error)
{
    *copy = NEAPI_NO_STATE;
    return version == 0 ? NEAP_OK : neapi_engine_state_copy(lane->engine, state, copy, error);
}

/* The state is ahead of what is accepted, or not to be used: the accepted one is kept beside it,
 * so that who asks next finds it but for what came since. */
static neap_status accepted_beside(neapi_lane *lane, neapi_warm *warm,
                                   const neapi_instance *instance, neapi_state *copy,
                                   neap_error *error)
{
    neapi_folded *kept = &warm->accepted;
    neapi_metrics_found(lane->metrics, kept->state != NEAPI_NO_STATE);
    neap_status status = kept->state != NEAPI_NO_STATE
                             ? top_up(lane, warm, instance, kept, error)
                             : neapi_lane_load(lane, instance, UINT64_MAX, kept, error);
    if (status == NEAP_OK)
        return copy_unless_new(lane, kept->state, kept->version, copy, error);
    neapi_warm_forget_accepted(&lane->warm, warm);
    return status;
}

/* Of an instance that another lane decides: what was folded here before, and what was committed
 * since. */
static neap_status state_of_others(neapi_lane *lane, const neapi_instance *instance,
                                   neapi_state *copy, neap_error *error)
{
    neapi_warm *warm = neapi_warm_get(&lane->warm, instance);
    if (warm == NULL)
        return neapi_nomem(error);
    neapi_metrics_found(lane->metrics, warm->loaded);
    neap_status status = neapi_lane_bring_up_to_date(lane, warm, instance, error);
    return status != NEAP_OK ? status
                             : copy_unless_new(lane, warm->state, warm->version, copy, error);
}

static neap_status accepted_state(neapi_lane *lane, const neapi_instance *instance,
                                  neapi_state *copy, neap_error *error)
{
    if (neapi_router_owner(lane->router, instance->stream) != lane)
        return state_of_others(lane, instance, copy, error);
    neapi_warm *warm = neapi_warm_find(&lane->warm, instance->name);
    if (warm != NULL && !neapi_warm_settled(warm))
        return accepted_beside(lane, warm, instance, copy, error);
    if (warm == NULL || !is_by_tags(instance))
        neapi_metrics_found(lane->metrics, warm != NULL);
    if (warm != NULL) {
        neap_status status = is_by_tags(instance) || neapi_session_is_remote(lane->session)
                                 ? neapi_lane_bring_up_to_date(lane, warm, instance, error)
                                 : NEAP_OK;
        return status != NEAP_OK ? status
                                 : copy_unless_new(lane, warm->state, warm->version, copy, error);
    }
    neapi_folded folded;
    neap_status status = neapi_lane_load(lane, instance, UINT64_MAX, &folded, error);
    if (status == NEAP_OK && folded.version == 0) {
        neapi_engine_state_free(lane->engine, folded.state);
        folded.state = NEAPI_NO_STATE;
    }
    if (status == NEAP_OK)
        *copy = folded.state;
    return status;
}

neap_status neapi_lane_accepted_state(void *host, const neapi_aggregate *aggregate, neap_text id,
                                      neapi_state *copy, neap_error *error)
{
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_instance instance;
    if (!neapi_stay_pause(host))
        return neapi_fail(error, NEAP_CLOSED, "this handler's lane was given up");
    neap_status status = neapi_instance_named(&arena, aggregate, id, &instance, error);
    if (status == NEAP_OK)
        status = accepted_state(host, &instance, copy, error);
    neapi_arena_fini(&arena);
    neapi_stay_resume(host);
    return status;
}

neap_status neapi_lane_state_for_handler(void *host, const neapi_aggregate *aggregate, neap_text id,
                                         neapi_state *copy, neap_error *error)
{
    const neapi_lane *lane = host;
    if (lane->number < lane->router->command_lanes || !neapi_session_is_remote(lane->session))
        return neapi_lane_accepted_state(host, aggregate, id, copy, error);
    *copy = NEAPI_STATE_ELSEWHERE;
    return NEAP_OK;
}
