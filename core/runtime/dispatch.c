/* Commands and events from the host: dispatch, send, publish, and cancel for what was queued. */
#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "runtime/call.h"
#include "runtime/options.h"
#include "runtime/queued.h"
#include "runtime/reply.h"
#include "runtime/schedule.h"
#include "runtime/subscribed.h"
#include "runtime/writing.h"
#include "store/check.h"

static neap_status check_not_queued(const char *call, const neap_dispatch_options *options,
                                    neap_error *error)
{
    if (!neapi_schedule_is_given(options))
        return NEAP_OK;
    return neapi_fail(error, NEAP_USAGE,
                      "%s: options queued, after_ms, at_us and name are for neap_send; who waits "
                      "for an outcome does not queue",
                      call);
}

static neap_status take_schedule(neapi_request *request, const char *name, uint64_t after_ms,
                                 int64_t at_us, neap_error *error)
{
    neapi_schedule *schedule = neapi_arena_alloc(&request->arena, sizeof *schedule);
    neap_text copy = neapi_arena_text(&request->arena, neapi_text_of(name));
    if (schedule == NULL || copy.data == NULL)
        return neapi_nomem(error);
    neapi_queued_name unused;
    *schedule =
        (neapi_schedule){.name = copy, .after_us = (int64_t)(after_ms * 1000), .at_us = at_us};
    request->schedule = schedule;
    return name == NULL ? NEAP_OK : neapi_queued_name_of((neap_text){0}, copy, &unused, error);
}

/* Copies what the lane needs of an event from outside. */
static neap_status take_fact(neapi_request *request, const char *stream, const char *type,
                             const neap_dispatch_options *options, neap_error *error)
{
    neapi_arena *arena = &request->arena;
    request->stream = neapi_arena_text(arena, neapi_text_of(stream));
    if (request->stream.data == NULL)
        return neapi_nomem(error);
    if (options->schema == 0)
        return NEAP_OK;
    neap_text *tags = neapi_arena_alloc(arena, ((size_t)options->tag_count + 1) * sizeof *tags);
    request->earlier = (neapi_earlier){neapi_arena_text(arena, neapi_text_of(type)),
                                       options->schema, tags, options->tag_count};
    if (request->earlier.type.data == NULL || tags == NULL)
        return neapi_nomem(error);
    for (uint32_t i = 0; i < options->tag_count; i++) {
        tags[i] = neapi_arena_text(arena, options->tags[i]);
        if (tags[i].data == NULL)
            return neapi_nomem(error);
    }
    return NEAP_OK;
}

neap_status neap_dispatch(neap_runtime *runtime, const char *name, const char *json,
                          size_t json_size, const neap_dispatch_options *options,
                          neap_reply **reply, neap_error *error)
{
    neap_dispatch_options taken;
    neapi_request *request = NULL;
    neap_status status = neapi_call_check(runtime, "neap_dispatch", true, error);
    if (status == NEAP_OK)
        status = neapi_dispatch_options_take(options, &taken, error);
    if (status == NEAP_OK)
        status = check_not_queued("neap_dispatch", &taken, error);
    if (status == NEAP_OK)
        status = neapi_writing_new(runtime, NEAPI_REQUEST_COMMAND, name,
                                   neapi_text(json, json_size), &taken, true, &request, error);
    if (status != NEAP_OK)
        return status;
    int64_t deadline_us = request->deadline_us;
    status = neapi_call_push(runtime, request, taken.fail_when_full, error);
    return status == NEAP_OK
               ? neapi_call_wait_caught_up(runtime, request, &taken, deadline_us, reply, error)
               : status;
}

neap_status neap_send(neap_runtime *runtime, const char *name, const char *json, size_t json_size,
                      const neap_dispatch_options *options, neap_callback callback, void *user,
                      neap_error *error)
{
    neap_dispatch_options taken;
    neapi_request *request = NULL;
    neap_status status = neapi_call_check(runtime, "neap_send", false, error);
    if (status == NEAP_OK)
        status = neapi_dispatch_options_take(options, &taken, error);
    bool queued = neapi_schedule_is_given(&taken);
    if (status == NEAP_OK && taken.wait_for != NULL)
        status = neapi_fail(error, NEAP_USAGE,
                            "neap_send: nobody waits; option wait_for is for neap_dispatch");
    if (status == NEAP_OK)
        status = neapi_schedule_check(&taken, error);
    if (status == NEAP_OK)
        status =
            neapi_writing_new(runtime, queued ? NEAPI_REQUEST_QUEUE : NEAPI_REQUEST_COMMAND, name,
                              neapi_text(json, json_size), &taken, false, &request, error);
    if (status != NEAP_OK)
        return status;
    if (queued)
        status = take_schedule(request, taken.name, taken.after_ms, taken.at_us, error);
    if (status != NEAP_OK) {
        neapi_call_discard(request);
        return status;
    }
    request->callback = callback;
    request->user = user;
    /* A callback that sends must not wait for room that only its own thread can make. */
    return neapi_call_push(runtime, request, taken.fail_when_full || neapi_thread_own(), error);
}

/* A transient event needs none. */
static neap_status check_stream(const neapi_request *request, const char *stream, neap_error *error)
{
    bool transient = request->message != NULL && request->message->transient;
    if (stream == NULL && transient)
        return NEAP_OK;
    if (stream == NULL)
        return neapi_fail(error, NEAP_USAGE,
                          "the event '%.*s' is recorded in a stream: say which one",
                          NEAPI_TEXT(neapi_request_name(request)));
    return neapi_stream_check(neapi_text_of(stream), error);
}

neap_status neap_publish(neap_runtime *runtime, const char *stream, uint64_t expected,
                         const char *type, const char *json, size_t json_size,
                         const neap_dispatch_options *options, neap_reply **reply,
                         neap_error *error)
{
    neap_dispatch_options taken;
    neapi_request *request = NULL;
    neap_status status = neapi_call_check(runtime, "neap_publish", true, error);
    if (status == NEAP_OK)
        status = neapi_dispatch_options_take(options, &taken, error);
    if (status == NEAP_OK)
        status = check_not_queued("neap_publish", &taken, error);
    if (status == NEAP_OK)
        status = neapi_writing_new(runtime, NEAPI_REQUEST_PUBLISH, type,
                                   neapi_text(json, json_size), &taken, true, &request, error);
    if (status != NEAP_OK)
        return status;
    request->expected = expected;
    status = check_stream(request, stream, error);
    if (status == NEAP_OK)
        status = take_fact(request, stream, type, &taken, error);
    if (status != NEAP_OK) {
        neapi_call_discard(request);
        return status;
    }
    int64_t deadline_us = request->deadline_us;
    status = neapi_call_push(runtime, request, taken.fail_when_full, error);
    return status == NEAP_OK
               ? neapi_call_wait_caught_up(runtime, request, &taken, deadline_us, reply, error)
               : status;
}

neap_status neap_cancel(neap_runtime *runtime, const char *name, uint32_t timeout_ms,
                        bool *cancelled, neap_error *error)
{
    neap_status status = neapi_call_check(runtime, "neap_cancel", true, error);
    if (status == NEAP_OK && (name == NULL || runtime->options.read_only))
        status = neapi_fail(error, NEAP_USAGE, "neap_cancel: %s",
                            name == NULL ? "name must not be NULL"
                                         : "the store is open for reading only");
    if (status != NEAP_OK)
        return status;
    neapi_request *request =
        neapi_call_new(runtime, NEAPI_REQUEST_CANCEL, neapi_deadline_of(runtime, timeout_ms));
    if (request == NULL)
        return neapi_nomem(error);
    status = take_schedule(request, name, 0, 0, error);
    if (status != NEAP_OK) {
        neapi_call_discard(request);
        return status;
    }
    neap_reply *reply;
    status = neapi_call_push(runtime, request, false, error);
    if (status == NEAP_OK)
        status = neapi_call_wait(runtime, request, &reply, error);
    if (status != NEAP_OK)
        return status;
    if (cancelled != NULL)
        *cancelled = !neapi_uuid_is_zero(neap_reply_receipt(reply)->command_id);
    neap_reply_free(reply);
    return NEAP_OK;
}
