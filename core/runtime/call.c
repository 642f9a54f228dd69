#include "runtime/call.h"

#include "base/error.h"
#include "base/text.h"
#include "runtime/drive.h"
#include "runtime/inline.h"
#include "runtime/instance.h"

neap_status neapi_call_check(const neap_runtime *runtime, const char *call, bool waits,
                             neap_error *error)
{
    if (runtime->stage != NEAPI_RUNTIME_RUNNING)
        return neapi_fail(error, NEAP_USAGE, "%s: the runtime is not started", call);
    if (waits && neapi_thread_own())
        return neapi_fail(error, NEAP_USAGE,
                          "%s: a handler or callback cannot wait for a runtime, its own or another",
                          call);
    return NEAP_OK;
}

neap_status neapi_call_check_json(const neap_runtime *runtime, const char *name, neap_text json,
                                  neap_error *error)
{
    if (json.data == NULL && json.size != 0)
        return neapi_fail(error, NEAP_USAGE, "%s: %zu bytes of JSON at NULL", name, json.size);
    if (json.size <= runtime->options.message_bytes)
        return NEAP_OK;
    return neapi_fail(error, NEAP_LIMIT,
                      "%s has %zu bytes; at most %zu are allowed (message_bytes)", name, json.size,
                      runtime->options.message_bytes);
}

int64_t neapi_deadline_of(const neap_runtime *runtime, uint32_t timeout_ms)
{
    return timeout_ms == 0 ? NEAPI_NO_DEADLINE
                           : neapi_monotonic_us(runtime->platform) + (int64_t)timeout_ms * 1000;
}

neapi_request *neapi_call_new(const neap_runtime *runtime, neapi_request_kind kind,
                              int64_t deadline_us)
{
    neapi_request *request = neapi_request_new(runtime->platform, kind, true, (neap_text){0},
                                               (neap_text){0}, (neap_text){0});
    if (request != NULL)
        request->deadline_us = deadline_us;
    return request;
}

void neapi_call_discard(neapi_request *request)
{
    if (request->gated)
        neapi_request_release(request);
    neapi_request_release(request);
}

neap_status neapi_call_push(neap_runtime *runtime, neapi_request *request, bool fail_when_full,
                            neap_error *error)
{
    neap_status status = NEAP_OK;
    if (request->kind == NEAPI_REQUEST_COMMAND && request->message->by == NEAPI_BY_AGGREGATE) {
        status = neapi_instance_of_command(
            &request->arena, runtime->catalog->aggregates[request->message->aggregate],
            request->json, &request->instance, error);
    }
    int64_t deadline_us = fail_when_full ? 0 : request->deadline_us;
    request->arrived_us = neapi_monotonic_us(runtime->platform);
    neapi_lane *driven = NULL;
    if (status == NEAP_OK && request->gated && !neapi_request_is_internal(request))
        driven = neapi_drive_begin(runtime, request);
    if (driven != NULL)
        status = neapi_drive(runtime, driven, request, error);
    else if (status == NEAP_OK)
        status = neapi_is_inline(runtime)
                     ? neapi_inline_push(runtime, request, deadline_us, error)
                     : neapi_mailbox_push(neapi_router_lane(&runtime->router, request)->mailbox,
                                          request, deadline_us, error);
    if (status != NEAP_OK) {
        neapi_count_add_shared(&runtime->turned_away, 1);
        neapi_call_discard(request);
    }
    return status;
}

static neap_status timed_out(neapi_request *request, neap_error *error)
{
    if (neapi_request_withdraw(request))
        return neapi_fail(error, NEAP_TIMEOUT, "not begun in time; nothing was done");
    if (!neapi_request_writes(request))
        return neapi_fail(error, NEAP_TIMEOUT, "not answered in time");
    neapi_fail(error, NEAP_TIMEOUT, "not answered in time; it may still take effect");
    if (error != NULL)
        error->outcome_unknown = true;
    return NEAP_TIMEOUT;
}

static neap_status give_answer(neapi_request *request, neap_reply **reply, neap_error *error)
{
    if (request->status != NEAP_OK) {
        if (request->error == NULL)
            neapi_fail(error, request->status, "there was no memory to say more");
        else if (error != NULL)
            *error = *request->error;
        if (error != NULL)
            error->outcome_unknown = request->outcome_unknown;
        return request->status;
    }
    if (reply != NULL) {
        *reply = request->reply;
        request->reply = NULL;
    }
    return NEAP_OK;
}

neap_status neapi_call_wait(neap_runtime *runtime, neapi_request *request, neap_reply **reply,
                            neap_error *error)
{
    neap_status status;
    if (neapi_is_inline(runtime))
        neapi_inline_drive(runtime, request);
    for (;;) {
        unsigned seen = neapi_gate_seen(&request->answered);
        if (atomic_load(&request->stage) == NEAPI_STAGE_DONE) {
            /* The waker may still be inside the gate: its reference keeps it alive. */
            status = give_answer(request, reply, error);
            break;
        }
        if (neapi_monotonic_us(request->platform) >= request->deadline_us) {
            status = timed_out(request, error);
            break;
        }
        neapi_park(request->platform, &request->answered, seen, request->deadline_us);
    }
    neapi_request_release(request);
    return status;
}
