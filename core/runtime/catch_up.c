/* Waiting until subscriptions have caught up, and until nothing is left to do. */
#include "base/error.h"
#include "base/text.h"
#include "runtime/asked.h"
#include "runtime/call.h"
#include "runtime/host_reading.h"
#include "runtime/queue.h"
#include "runtime/reply.h"
#include "runtime/subscribed.h"

neap_status neapi_await_build(neap_runtime *runtime, neapi_build *build, uint64_t position,
                              int64_t deadline_us, neap_error *error)
{
    neapi_request *request = neapi_call_new(runtime, NEAPI_REQUEST_CATCH_UP, deadline_us);
    if (request == NULL)
        return neapi_nomem(error);
    request->partition = &build->partitions[0];
    request->at_version = position;
    neap_status status = neapi_call_push(runtime, request, false, error);
    return status == NEAP_OK ? neapi_call_wait(runtime, request, NULL, error) : status;
}

neap_status neapi_try_letters_again(neap_runtime *runtime, neapi_partition *partition,
                                    neap_text stream, uint64_t dropped, bool drops,
                                    neap_error *error)
{
    const neapi_subscribed *subscribed = partition->build->subscribed;
    if (runtime->members != NULL && !atomic_load(&subscribed->owned))
        return neapi_asked_wait(runtime, subscribed, stream, dropped, drops, error);
    neapi_request *request = neapi_call_new(runtime, NEAPI_REQUEST_CATCH_UP, NEAPI_NO_DEADLINE);
    if (request == NULL)
        return neapi_nomem(error);
    request->partition = partition;
    request->letters.wanted = true;
    request->letters.dropped = dropped;
    request->letters.drops = drops;
    if (stream.size != 0)
        request->letters.stream = neapi_arena_text(&request->arena, stream);
    if (stream.size != 0 && request->letters.stream.data == NULL) {
        neapi_call_discard(request);
        return neapi_nomem(error);
    }
    neap_status status = neapi_call_push(runtime, request, false, error);
    return status == NEAP_OK ? neapi_call_wait(runtime, request, NULL, error) : status;
}

neap_status neapi_catch_up(neap_runtime *runtime, neapi_subscribed *subscribed, uint64_t position,
                           int64_t deadline_us, neap_error *error)
{
    neapi_build *build = atomic_load(&subscribed->live), *next = atomic_load(&subscribed->next);
    if (build->version != subscribed->definition->version && next != NULL)
        build = next; /* the other one goes no further */
    neap_status status = neapi_await_build(runtime, build, position, deadline_us, error);
    if (status == NEAP_TIMEOUT)
        neapi_fail(error, NEAP_TIMEOUT, "'%.*s' has not caught up with position %llu in time",
                   NEAPI_TEXT(subscribed->definition->name), (unsigned long long)position);
    return status;
}

/* What it gives is there with the receipt. */
static bool is_always_current(const neap_runtime *runtime, const char *name)
{
    const neapi_subscription *definition;
    neap_error unwanted;
    return neapi_catalog_subscription(runtime->catalog, neapi_text_of(name), &definition,
                                      &unwanted) == NEAP_OK &&
           (definition->is_inline || definition->is_live);
}

neap_status neapi_wait_for_check(const neap_runtime *runtime, const neap_dispatch_options *options,
                                 neap_error *error)
{
    neapi_subscribed *it;
    neap_status status = NEAP_OK;
    for (const char *const *name = options->wait_for; status == NEAP_OK && name != NULL && *name;
         name++) {
        if (!is_always_current(runtime, *name))
            status =
                neapi_subscribed_running(runtime, "wait_for", neapi_text_of(*name), &it, error);
    }
    return status;
}

neap_status neapi_call_wait_caught_up(neap_runtime *runtime, neapi_request *request,
                                      const neap_dispatch_options *options, int64_t deadline_us,
                                      neap_reply **reply, neap_error *error)
{
    neap_reply *answer = NULL;
    neap_status status = neapi_call_wait(runtime, request, &answer, error);
    if (status != NEAP_OK)
        return status;
    uint64_t position = neap_reply_receipt(answer)->position;
    for (const char *const *name = options->wait_for; name != NULL && *name != NULL; name++) {
        neapi_subscribed *it;
        neap_error unwanted;
        if (is_always_current(runtime, *name))
            continue;
        if (neapi_subscribed_named(runtime, neapi_text_of(*name), &it, &unwanted) != NEAP_OK ||
            neapi_catch_up(runtime, it, position, deadline_us, &unwanted) != NEAP_OK)
            neapi_reply_set_behind(answer);
    }
    if (reply != NULL)
        *reply = answer;
    else
        neap_reply_free(answer);
    return NEAP_OK;
}

neapi_request *neapi_barrier_new(const neap_runtime *runtime)
{
    return neapi_call_new(runtime, NEAPI_REQUEST_BARRIER, NEAPI_NO_DEADLINE);
}

void neapi_barrier_free(neapi_request *barrier)
{
    if (barrier != NULL)
        neapi_call_discard(barrier);
}

static neap_status drain_until(neap_runtime *runtime, neapi_request *barrier, int64_t deadline_us,
                               neap_error *error)
{
    barrier->deadline_us = deadline_us;
    neap_status status =
        neapi_mailbox_push_barrier(runtime->router.lanes[0]->mailbox, barrier, error);
    if (status != NEAP_OK) {
        neapi_call_discard(barrier);
        return status;
    }
    return neapi_call_wait(runtime, barrier, NULL, error);
}

neap_status neapi_drain(neap_runtime *runtime, neapi_request *barrier, uint32_t timeout_ms,
                        neap_error *error)
{
    return drain_until(runtime, barrier, neapi_deadline_of(runtime, timeout_ms), error);
}

/* The first error of those that did not catch up. */
static neap_status catch_all_up(neap_runtime *runtime, bool projections_only, uint64_t position,
                                int64_t deadline_us, neap_error *error)
{
    neap_status first = NEAP_OK;
    for (uint32_t i = 0; i < runtime->subscribed_count; i++) {
        neap_error unwanted;
        if (!runtime->subscribed[i].runs ||
            (projections_only && runtime->subscribed[i].definition->kind != NEAPI_PROJECTION))
            continue;
        neap_status status = neapi_catch_up(runtime, &runtime->subscribed[i], position, deadline_us,
                                            first == NEAP_OK ? error : &unwanted);
        if (first == NEAP_OK)
            first = status;
    }
    return first;
}

neap_status neap_catch_up(neap_runtime *runtime, const char *name, uint64_t position,
                          uint32_t timeout_ms, neap_error *error)
{
    neapi_subscribed *one = NULL;
    neap_status status = neapi_call_check(runtime, "neap_catch_up", true, error);
    if (status == NEAP_OK && name != NULL)
        status =
            neapi_subscribed_running(runtime, "neap_catch_up", neapi_text_of(name), &one, error);
    else if (status == NEAP_OK && !runtime->has_writer)
        status = neapi_fail(error, NEAP_USAGE,
                            "neap_catch_up: the store is open for reading only, and nothing "
                            "catches up here");
    if (status == NEAP_OK && position == 0)
        status = neapi_host_head(runtime, &position, error);
    if (status != NEAP_OK)
        return status;
    int64_t deadline_us = neapi_deadline_of(runtime, timeout_ms);
    return one != NULL ? neapi_catch_up(runtime, one, position, deadline_us, error)
                       : catch_all_up(runtime, true, position, deadline_us, error);
}

/* What subscriptions do may bring more for them to handle. */
static neap_status drain_all(neap_runtime *runtime, int64_t deadline_us, neap_error *error)
{
    for (uint64_t head = 0, reached = 0;; reached = head) {
        neapi_request *barrier = neapi_barrier_new(runtime);
        if (barrier == NULL)
            return neapi_nomem(error);
        neap_status status = drain_until(runtime, barrier, deadline_us, error);
        if (status == NEAP_OK && runtime->subscribed_count != 0 && runtime->has_writer)
            status = neapi_host_head(runtime, &head, error);
        if (status == NEAP_OK && head != reached)
            status = catch_all_up(runtime, false, head, deadline_us, error);
        bool settled = runtime->queue == NULL || neapi_queue_looks_settled(runtime->queue);
        if (status != NEAP_OK || (head == reached && settled))
            return status;
    }
}

neap_status neap_drain(neap_runtime *runtime, uint32_t timeout_ms, neap_error *error)
{
    neap_status status = neapi_call_check(runtime, "neap_drain", true, error);
    if (status == NEAP_OK)
        status = drain_all(runtime, neapi_deadline_of(runtime, timeout_ms), error);
    if (status == NEAP_TIMEOUT)
        neapi_fail(error, NEAP_TIMEOUT, "not everything was answered within %u ms", timeout_ms);
    return status;
}
