/* What subscriptions are at, as a JSON list. */
#include "base/error.h"
#include "base/text.h"
#include "message/field.h"
#include "message/object.h"
#include "runtime/guard.h"
#include "runtime/host_reading.h"
#include "runtime/members.h"
#include "runtime/saga.h"
#include "runtime/stored.h"
#include "runtime/subscribed.h"

/* What is to be said of all of a subscription's partitions. */
typedef struct overview {
    uint64_t head;
    bool guarded, held; /* it has a circuit; it is open */
    neapi_guard_state guard;
} overview;

static const char *state_name(const neapi_partition *partition, const overview *whole)
{
    switch ((neapi_partition_state)atomic_load(&partition->state)) {
    case NEAPI_PARTITION_PAUSED:
        return "paused";
    case NEAPI_PARTITION_STOPPED:
        return "stopped";
    case NEAPI_PARTITION_ELSEWHERE:
        return "elsewhere";
    case NEAPI_PARTITION_RETIRED:
        return "frozen";
    case NEAPI_PARTITION_ENDED:
        return "closed";
    default:
        if (neapi_count_get(&partition->reached) >= whole->head)
            return "live";
        return whole->held ? "held back" : "catching up";
    }
}

static void write_why(neapi_buffer *json, const neapi_partition *partition)
{
    neapi_subscribed *subscribed = partition->build->subscribed;
    pthread_mutex_lock(&subscribed->mutex);
    if (partition->why != NULL) {
        neapi_write_count(json, "stopped_at", partition->stop_at);
        neapi_field_write_text(json, "error", neapi_text_of(partition->why->message));
        if (partition->why->traceback[0] != '\0')
            neapi_field_write_text(json, "traceback", neapi_text_of(partition->why->traceback));
    }
    pthread_mutex_unlock(&subscribed->mutex);
}

/* What it is at, if that has failed before. */
static void write_trouble(neapi_buffer *json, const neapi_partition *partition)
{
    neapi_subscribed *subscribed = partition->build->subscribed;
    uint64_t failing = neapi_count_get(&partition->failing);
    if (failing == 0)
        return;
    neapi_write_count(json, "failing", failing);
    pthread_mutex_lock(&subscribed->mutex);
    neapi_field_write_text(json, "error", neapi_text_of(partition->trouble));
    pthread_mutex_unlock(&subscribed->mutex);
}

static void write_partition(neapi_buffer *json, const neapi_partition *partition,
                            const overview *whole)
{
    uint64_t head = whole->head;
    uint64_t reached = neapi_count_get(&partition->reached);
    neapi_buffer_byte(json, '{');
    neapi_field_write_text(json, "state", neapi_text_of(state_name(partition, whole)));
    neapi_write_count(json, "position", reached);
    neapi_write_count(json, "checkpoint", neapi_count_get(&partition->stored));
    neapi_write_count(json, "lag", reached < head ? head - reached : 0);
    neapi_write_count(json, "handled", neapi_count_get(&partition->handled));
    neapi_write_count(json, "units", neapi_count_get(&partition->units));
    if (atomic_load(&partition->state) == NEAPI_PARTITION_STOPPED)
        write_why(json, partition);
    else
        write_trouble(json, partition);
    neapi_write_member_end(json, '{');
}

/* The worst of its partitions stands for all. */
static const neapi_partition *furthest_behind(const neapi_build *build)
{
    const neapi_partition *worst = &build->partitions[0];
    for (uint32_t i = 1; i < build->partition_count; i++)
        if (neapi_count_get(&build->partitions[i].reached) < neapi_count_get(&worst->reached))
            worst = &build->partitions[i];
    return worst;
}

static void write_build(neapi_buffer *json, const neapi_build *build, const overview *whole)
{
    uint64_t head = whole->head;
    const neapi_partition *worst = furthest_behind(build);
    uint64_t reached = neapi_count_get(&worst->reached);
    neapi_field_write_text(json, "state", neapi_text_of(state_name(worst, whole)));
    neapi_write_count(json, "version", build->version);
    neapi_write_count(json, "build", build->number);
    neapi_write_count(json, "position", reached);
    neapi_write_count(json, "lag", reached < head ? head - reached : 0);
    neapi_write_begin(json, NEAPI_LITERAL("partitions"), '[');
    for (uint32_t i = 0; i < build->partition_count; i++)
        write_partition(json, &build->partitions[i], whole);
    neapi_write_member_end(json, '[');
}

/* Of one that runs elsewhere, if at all. */
static neap_status write_stored(neapi_buffer *json, neap_runtime *runtime,
                                const neapi_subscribed *subscribed, uint64_t head,
                                neap_error *error)
{
    const neapi_subscription *definition = subscribed->definition;
    neapi_record record = {.build = 1, .partitions = 1, .version = definition->version};
    neapi_session *session;
    bool found;
    neap_status status = neapi_host_session(runtime, &session, error);
    if (status != NEAP_OK)
        return status;
    status = neapi_stored_record(session, definition->name, &record, &found, error);
    neapi_field_write_text(json, "state",
                           record.paused ? NEAPI_LITERAL("paused") : NEAPI_LITERAL("elsewhere"));
    if (status == NEAP_OK)
        status = neapi_stored_write_builds(json, session, definition->name, &record, head, error);
    neapi_host_session_done(runtime);
    return status;
}

static void write_guard(neapi_buffer *json, const neapi_subscription *definition,
                        const overview *whole)
{
    const neapi_guard_state *guard = &whole->guard;
    if (whole->guarded) {
        neapi_write_begin(json, NEAPI_LITERAL("breaker"), '{');
        neapi_field_write_text(json, "state", neapi_text_of(neapi_guard_name(guard)));
        neapi_write_count(json, "failures", guard->failures);
        neapi_write_count(json, "retry_after_ms", (uint64_t)guard->open_us / 1000);
        neapi_write_member_end(json, '{');
    }
    if (definition->limit != 0) {
        neapi_write_count(json, "under_way", guard->under_way);
        neapi_write_count(json, "limit", definition->limit);
    }
}

static void write_running(neapi_buffer *json, neapi_subscribed *subscribed, uint64_t head,
                          int64_t now_us)
{
    const neapi_build *next = atomic_load(&subscribed->next);
    overview whole = {.head = head};
    whole.guarded = neapi_guard_look(subscribed, now_us, &whole.guard);
    whole.held = whole.guard.is_open;
    write_build(json, atomic_load(&subscribed->live), &whole);
    write_guard(json, subscribed->definition, &whole);
    if (next != NULL) {
        neapi_write_begin(json, NEAPI_LITERAL("next"), '{');
        write_build(json, next, &whole);
        neapi_write_member_end(json, '{');
    }
}

static neap_status write_stopped_sagas(neapi_buffer *json, neap_runtime *runtime, neap_text saga,
                                       neap_error *error)
{
    uint64_t count = 0;
    neapi_session *session;
    neap_status status = neapi_host_session(runtime, &session, error);
    if (status != NEAP_OK)
        return status;
    status = neapi_sagas_count_stopped(session, saga, &count, error);
    neapi_host_session_done(runtime);
    neapi_write_count(json, "stopped_sagas", count);
    return status;
}

/* How far the partitions of a build are that another process runs. */
static neap_status refresh(neapi_session *session, neapi_build *build, neap_error *error)
{
    neap_status status = NEAP_OK;
    for (uint32_t i = 0; build != NULL && i < build->partition_count && status == NEAP_OK; i++) {
        neapi_partition *partition = &build->partitions[i];
        neapi_checkpoint checkpoint = {0};
        if (atomic_load(&partition->state) != NEAPI_PARTITION_ELSEWHERE)
            continue;
        status = neapi_stored_checkpoint(session, partition->definition->name, build->number, i,
                                         &checkpoint, error);
        if (status == NEAP_OK && checkpoint.position > neapi_count_get(&partition->reached))
            neapi_count_set(&partition->reached, checkpoint.position);
        if (status == NEAP_OK)
            neapi_count_set(&partition->stored, checkpoint.position);
    }
    return status;
}

/* Where several processes write. */
static neap_status write_owner(neapi_buffer *json, neap_runtime *runtime,
                               neapi_subscribed *subscribed, neap_error *error)
{
    neapi_session *session;
    neap_status status = neapi_host_session(runtime, &session, error);
    if (status != NEAP_OK)
        return status;
    status = neapi_members_write_owner(json, session, subscribed->definition->name, error);
    if (status == NEAP_OK)
        status = refresh(session, atomic_load(&subscribed->live), error);
    if (status == NEAP_OK)
        status = refresh(session, atomic_load(&subscribed->next), error);
    neapi_host_session_done(runtime);
    return status;
}

static neap_status write_subscription(neapi_buffer *json, neap_runtime *runtime,
                                      neapi_subscribed *subscribed, uint64_t head,
                                      neap_error *error)
{
    neap_status status = NEAP_OK;
    neapi_buffer_byte(json, '{');
    neapi_field_write_text(json, "name", subscribed->definition->name);
    neapi_field_write_text(
        json, "kind", neapi_text_of(neapi_subscription_kind_name(subscribed->definition->kind)));
    if (runtime->members != NULL)
        status = write_owner(json, runtime, subscribed, error);
    if (subscribed->runs)
        write_running(json, subscribed, head, neapi_monotonic_us(runtime->platform));
    else if (status == NEAP_OK)
        status = write_stored(json, runtime, subscribed, head, error);
    if (status == NEAP_OK && subscribed->definition->kind == NEAPI_SAGA)
        status = write_stopped_sagas(json, runtime, subscribed->definition->name, error);
    neapi_write_member_end(json, '{');
    return status;
}

neap_status neap_subscriptions(neap_runtime *runtime, char **json, size_t *size, neap_error *error)
{
    uint64_t head;
    if (json == NULL)
        return neapi_fail(error, NEAP_USAGE, "neap_subscriptions: json must not be NULL");
    if (runtime->stage != NEAPI_RUNTIME_RUNNING)
        return neapi_fail(error, NEAP_USAGE, "neap_subscriptions: the runtime is not started");
    neap_status status = neapi_host_head(runtime, &head, error);
    if (status != NEAP_OK)
        return status;
    neapi_buffer text = NEAPI_BUFFER_INIT;
    neapi_buffer_byte(&text, '[');
    for (uint32_t i = 0; i < runtime->subscribed_count && status == NEAP_OK; i++)
        status = write_subscription(&text, runtime, &runtime->subscribed[i], head, error);
    neapi_write_end(&text, '[');
    return neapi_buffer_give(&text, status, json, size, error);
}
