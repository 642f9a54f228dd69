#include "runtime/figures.h"

#include "base/error.h"
#include "base/text.h"
#include "runtime/guard.h"
#include "runtime/host_reading.h"
#include "runtime/subscribed.h"

const char *neapi_group_name(neapi_message_group group)
{
    static const char *const names[NEAPI_GROUPS] = {"command", "query", "publish", "state",
                                                    "queue"};
    return names[group];
}

const char *neapi_role_name(neapi_role role)
{
    static const char *const names[NEAPI_ROLES] = {"writer", "lane", "reader"};
    return names[role];
}

static const neapi_lane *lane_at(const neap_runtime *runtime, size_t index)
{
    return runtime->router.lanes[index];
}

size_t neapi_figures_lanes(const neap_runtime *runtime)
{
    return runtime->stage == NEAPI_RUNTIME_RUNNING ? runtime->lane_count : 0;
}

bool neapi_figures_next(const neap_runtime *runtime, neapi_message_group group, uint32_t *place,
                        neap_text *name)
{
    const neapi_catalog *catalog = runtime->catalog;
    *name = (neap_text){0};
    if (group >= NEAPI_GROUP_PUBLISH) {
        uint32_t only = catalog->message_count + (uint32_t)(group - NEAPI_GROUP_PUBLISH);
        bool found = *place <= only;
        *place = only;
        return found;
    }
    neap_kind kind = group == NEAPI_GROUP_COMMAND ? NEAP_KIND_COMMAND : NEAP_KIND_QUERY;
    while (*place < catalog->message_count && catalog->messages[*place]->kind != kind)
        ++*place;
    if (*place >= catalog->message_count)
        return false;
    *name = catalog->messages[*place]->name;
    return true;
}

void neapi_figures_message(const neap_runtime *runtime, uint32_t place,
                           neapi_message_figures *figures)
{
    *figures = (neapi_message_figures){0};
    for (size_t i = 0; i < neapi_figures_lanes(runtime); i++) {
        const neapi_message_metrics *of = lane_at(runtime, i)->metrics->of[place];
        figures->done += neapi_count_get(&of->answered[NEAP_OK]);
        figures->rejected += neapi_count_get(&of->answered[NEAP_REJECTED]);
        for (int status = NEAP_REJECTED + 1; status <= NEAP_NOMEM; status++)
            figures->failed[status] += neapi_count_get(&of->answered[status]);
        figures->again += neapi_count_get(&of->again);
        neapi_distribution_add(&figures->decision_us, &of->decision_us);
        neapi_distribution_add(&figures->latency_us, &of->latency_us);
    }
}

void neapi_figures_lane(const neap_runtime *runtime, size_t index, neapi_lane_figures *figures)
{
    const neapi_lane *lane = lane_at(runtime, index);
    const neapi_lane_metrics *metrics = lane->metrics;
    *figures = (neapi_lane_figures){
        .waiting = neapi_mailbox_waiting(lane->mailbox),
        .waiting_most = neapi_count_get(&metrics->waiting_most),
        .unanswered = neapi_count_get(&metrics->unanswered),
        .submitted = neapi_count_get(&metrics->submitted),
        .states = neapi_count_get(&metrics->states),
        .hits = neapi_count_get(&metrics->hits),
        .misses = neapi_count_get(&metrics->misses),
        .evictions = neapi_count_get(&lane->warm.evicted),
        .loads = neapi_count_get(&metrics->loads),
        .folded = neapi_count_get(&metrics->folded),
        .snapshots = neapi_count_get(&metrics->snapshots),
        .lua_bytes = neapi_count_get(&metrics->lua_bytes),
    };
    neapi_distribution_add(&figures->queue_wait_us, &metrics->queue_wait_us);
}

bool neapi_figures_writer(const neap_runtime *runtime, neapi_writer_figures *figures)
{
    const neapi_writer_metrics *metrics = runtime->writer.metrics;
    if (metrics == NULL)
        return false;
    *figures = (neapi_writer_figures){
        .units = neapi_count_get(&metrics->units),
        .events = neapi_count_get(&metrics->events),
        .bytes = neapi_count_get(&metrics->bytes),
        .refused = neapi_count_get(&metrics->refused),
        .failed = neapi_count_get(&metrics->failed),
        .unknown = neapi_count_get(&metrics->unknown),
    };
    neapi_distribution_add(&figures->batch_units, &metrics->batch_units);
    figures->batches = figures->batch_units.count;
    for (size_t i = 0; i < neapi_figures_lanes(runtime); i++)
        figures->in_flight += neapi_count_get(&lane_at(runtime, i)->metrics->submitted);
    return true;
}

static void add_call(neapi_call_figures *figures, const neapi_store_call *call)
{
    figures->failures += neapi_count_get(&call->failures);
    neapi_distribution_add(&figures->us, &call->us);
}

void neapi_figures_call(const neap_runtime *runtime, neapi_role role, neapi_call_kind kind,
                        neapi_call_figures *figures)
{
    *figures = (neapi_call_figures){0};
    if (role == NEAPI_ROLE_READER)
        add_call(figures, &runtime->reader_calls.of[kind]);
    else if (role == NEAPI_ROLE_WRITER && runtime->writer.metrics != NULL)
        add_call(figures, &runtime->writer.metrics->calls.of[kind]);
    for (size_t i = 0; role == NEAPI_ROLE_LANE && i < neapi_figures_lanes(runtime); i++)
        add_call(figures, &lane_at(runtime, i)->metrics->calls.of[kind]);
}

bool neapi_figures_hub(const neap_runtime *runtime, neapi_hub_figures *figures)
{
    if (runtime->hub == NULL)
        return false;
    *figures = neapi_hub_look(runtime->hub);
    return true;
}

uint64_t neapi_figures_uptime_us(const neap_runtime *runtime)
{
    int64_t up_us = neapi_monotonic_us(runtime->platform) - runtime->started_us;
    return up_us > 0 ? (uint64_t)up_us : 0;
}

bool neapi_figures_subscription(const neap_runtime *runtime, uint32_t place, uint64_t head,
                                neapi_subscription_figures *figures)
{
    if (place >= runtime->subscribed_count)
        return false;
    neapi_subscribed *it = &runtime->subscribed[place];
    const neapi_build *build = atomic_load(&it->live);
    *figures = (neapi_subscription_figures){
        .name = it->definition->name,
        .kind = neapi_text_of(neapi_subscription_kind_name(it->definition->kind)),
        .position = UINT64_MAX};
    for (uint32_t i = 0; i < build->partition_count; i++) {
        const neapi_partition *partition = &build->partitions[i];
        uint64_t reached = neapi_count_get(&partition->reached);
        figures->position = reached < figures->position ? reached : figures->position;
        figures->handled += neapi_count_get(&partition->handled);
        figures->units += neapi_count_get(&partition->units);
        uint64_t failing = neapi_count_get(&partition->failing);
        figures->failing = failing > figures->failing ? failing : figures->failing;
    }
    figures->lag = head > figures->position ? head - figures->position : 0;
    neapi_guard_state guard;
    if (neapi_guard_look(it, neapi_monotonic_us(runtime->platform), &guard))
        figures->breaker = neapi_guard_name(&guard);
    return true;
}

/* ---- For hosts ------------------------------------------------------------------------------- */

static neap_status give(neap_runtime *runtime, const char *call,
                        void (*form)(neapi_buffer *buffer, const neap_runtime *runtime,
                                     uint64_t head),
                        char **text, size_t *size, neap_error *error)
{
    if (runtime == NULL || text == NULL)
        return neapi_fail(error, NEAP_USAGE, "%s: runtime and text must not be NULL", call);
    if (runtime->stage != NEAPI_RUNTIME_RUNNING)
        return neapi_fail(error, NEAP_USAGE, "%s: the runtime is not started", call);
    neapi_buffer buffer = NEAPI_BUFFER_INIT;
    uint64_t head = 0;
    if (runtime->subscribed_count != 0) {
        neap_status status = neapi_host_head(runtime, &head, error);
        if (status != NEAP_OK)
            return status;
    }
    form(&buffer, runtime, head);
    return neapi_buffer_give(&buffer, NEAP_OK, text, size, error);
}

neap_status neap_metrics(neap_runtime *runtime, char **json, size_t *size, neap_error *error)
{
    return give(runtime, "neap_metrics", neapi_metrics_write_json, json, size, error);
}

neap_status neap_metrics_prometheus(neap_runtime *runtime, char **text, size_t *size,
                                    neap_error *error)
{
    return give(runtime, "neap_metrics_prometheus", neapi_metrics_write_prometheus, text, size,
                error);
}
