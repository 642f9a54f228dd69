/* Changes of subscriptions that the host asks for: rebuild, pause, resume. */
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "runtime/call.h"
#include "runtime/change.h"
#include "runtime/chosen.h"
#include "runtime/host_reading.h"
#include "runtime/reset.h"
#include "runtime/subscribed.h"

/* Of a subscription that is there. */
static neap_status change(neap_runtime *runtime, const char *call, const char *name,
                          neapi_change wanted, uint64_t position, int64_t deadline_us,
                          neapi_subscribed **changed, neap_error *error)
{
    neap_status status = neapi_call_check(runtime, call, true, error);
    if (status == NEAP_OK && name == NULL)
        status = neapi_fail(error, NEAP_USAGE, "%s: the name must not be NULL", call);
    if (status == NEAP_OK)
        status = neapi_subscribed_running(runtime, call, neapi_text_of(name), changed, error);
    if (status == NEAP_OK && wanted == NEAPI_CHANGE_REBUILD)
        status = neapi_check_is_rebuilt((*changed)->definition, call, error);
    if (status == NEAP_OK && wanted == NEAPI_CHANGE_RESET)
        status = neapi_reset_check((*changed)->definition->kind, neapi_text_of(name), error);
    if (status != NEAP_OK)
        return status;
    neapi_request *request = neapi_call_new(runtime, NEAPI_REQUEST_CHANGE, deadline_us);
    if (request == NULL)
        return neapi_nomem(error);
    request->subscribed = *changed;
    request->change = (int)wanted;
    request->at_version = position;
    status = neapi_call_push(runtime, request, false, error);
    return status == NEAP_OK ? neapi_call_wait(runtime, request, NULL, error) : status;
}

neap_status neap_rebuild_begin(neap_runtime *runtime, const char *projection, neap_error *error)
{
    neapi_subscribed *it;
    return change(runtime, "neap_rebuild_begin", projection, NEAPI_CHANGE_REBUILD, 0,
                  NEAPI_NO_DEADLINE, &it, error);
}

neap_status neap_rebuild(neap_runtime *runtime, const char *projection, uint32_t timeout_ms,
                         neap_error *error)
{
    neapi_subscribed *it;
    int64_t deadline_us = neapi_deadline_of(runtime, timeout_ms);
    neap_status status = change(runtime, "neap_rebuild", projection, NEAPI_CHANGE_REBUILD, 0,
                                deadline_us, &it, error);
    neapi_build *next = status == NEAP_OK ? atomic_load(&it->next) : NULL;
    if (next == NULL) /* it is live already */
        return status;
    status = neapi_await_build(runtime, next, 0, deadline_us, error);
    if (status == NEAP_TIMEOUT)
        neapi_fail(error, NEAP_TIMEOUT, "'%s' is not rebuilt yet; it goes on", projection);
    return status;
}

/* The least that one of its partitions has reached; from where they went on. */
static void measure_build(const neap_runtime *runtime, const neapi_build *build,
                          neap_progress *progress)
{
    int64_t now_us = neapi_monotonic_us(runtime->platform);
    progress->build = build->number;
    progress->position = progress->since = UINT64_MAX;
    for (uint32_t i = 0; i < build->partition_count; i++) {
        const neapi_partition *partition = &build->partitions[i];
        uint64_t reached = neapi_count_get(&partition->reached);
        uint64_t since = neapi_count_get(&partition->since);
        int64_t since_us = (int64_t)neapi_count_get(&partition->since_us);
        progress->position = reached < progress->position ? reached : progress->position;
        progress->since = since < progress->since ? since : progress->since;
        progress->handled += neapi_count_get(&partition->handled);
        if (since_us != 0 && now_us - since_us > progress->elapsed_us)
            progress->elapsed_us = now_us - since_us;
    }
}

neap_status neap_rebuild_progress(neap_runtime *runtime, const char *projection,
                                  uint32_t timeout_ms, neap_progress *progress, neap_error *error)
{
    static const char call[] = "neap_rebuild_progress";
    neapi_subscribed *it;
    neap_progress now;
    neap_progress_init(&now);
    neap_status status = neapi_call_check(runtime, call, timeout_ms != 0, error);
    if (status == NEAP_OK && (projection == NULL || progress == NULL))
        status =
            neapi_fail(error, NEAP_USAGE, "%s: projection and progress must not be NULL", call);
    if (status == NEAP_OK && (progress->size < sizeof(size_t) || progress->size > sizeof now))
        status = neapi_fail(error, NEAP_USAGE, "%s: call neap_progress_init() first", call);
    if (status == NEAP_OK)
        status = neapi_subscribed_running(runtime, call, neapi_text_of(projection), &it, error);
    neapi_build *next = status == NEAP_OK ? atomic_load(&it->next) : NULL;
    if (next != NULL && timeout_ms != 0)
        status = neapi_await_build(runtime, next, 0, neapi_deadline_of(runtime, timeout_ms), error);
    if (status != NEAP_OK && status != NEAP_TIMEOUT)
        return status;
    status = neapi_host_head(runtime, &now.head, error);
    if (status != NEAP_OK)
        return status;
    const neapi_build *build = atomic_load(&it->next);
    now.done = build == NULL;
    now.size = progress->size;
    measure_build(runtime, next != NULL ? next : atomic_load(&it->live), &now);
    memcpy(progress, &now, now.size);
    return NEAP_OK;
}

neap_status neap_pause(neap_runtime *runtime, const char *subscription, neap_error *error)
{
    neapi_subscribed *it;
    return change(runtime, "neap_pause", subscription, NEAPI_CHANGE_PAUSE, 0, NEAPI_NO_DEADLINE,
                  &it, error);
}

neap_status neap_resume(neap_runtime *runtime, const char *subscription, neap_error *error)
{
    neapi_subscribed *it;
    return change(runtime, "neap_resume", subscription, NEAPI_CHANGE_RESUME, 0, NEAPI_NO_DEADLINE,
                  &it, error);
}

neap_status neap_reset(neap_runtime *runtime, const char *subscription, uint64_t position,
                       neap_error *error)
{
    neapi_subscribed *it;
    return change(runtime, "neap_reset", subscription, NEAPI_CHANGE_RESET, position,
                  NEAPI_NO_DEADLINE, &it, error);
}
