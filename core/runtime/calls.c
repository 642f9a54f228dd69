/* What a host calls on a running runtime: dispatch, send, query, state, drain. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "message/json.h"
#include "runtime/inline.h"
#include "runtime/instance.h"
#include "runtime/options.h"
#include "runtime/runtime.h"
#include "store/check.h"

static neap_status check_running(const neap_runtime *runtime, const char *call, bool waits,
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

static int64_t deadline_of(const neap_runtime *runtime, uint32_t timeout_ms)
{
    return timeout_ms == 0 ? NEAPI_NO_DEADLINE
                           : neapi_monotonic_us(runtime->platform) + (int64_t)timeout_ms * 1000;
}

static neap_status parse_id(const char *text, const char *name, neap_uuid *id, neap_error *error)
{
    if (text == NULL || neapi_uuid_parse(neapi_text_of(text), id))
        return NEAP_OK;
    return neapi_fail(error, NEAP_USAGE, "%s: expected a UUID of 36 characters, got \"%.64s\"",
                      name, text);
}

static neap_status check_key(const char *key, neap_error *error)
{
    if (key == NULL ||
        neapi_name_check(neapi_text_of(key), "the idempotency key", error) == NEAP_OK)
        return NEAP_OK;
    return neapi_error_as(error, NEAP_USAGE);
}

static neap_status check_json(const neap_runtime *runtime, const char *name, neap_text json,
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

/* Canonical, or empty if there is none. */
static neap_status take_meta(const neap_runtime *runtime, const char *given, neapi_buffer *meta,
                             neap_error *error)
{
    if (given == NULL)
        return NEAP_OK;
    neap_text json = neapi_text_of(given);
    neap_status status = check_json(runtime, "meta", json, error);
    if (status != NEAP_OK)
        return status;
    status = neapi_json_flat(json, meta, error);
    if (status != NEAP_OK)
        neapi_error_prefix(error, "meta");
    else if (meta->failed)
        status = neapi_nomem(error);
    return status;
}

/* The options of a fact that is not of today. */
static neap_status check_earlier(neapi_request_kind kind, neap_text type,
                                 const neap_dispatch_options *options, neap_error *error)
{
    if (options->schema == 0 && options->tag_count == 0)
        return NEAP_OK;
    const char *option = options->schema != 0 ? "schema" : "tags";
    if (kind == NEAPI_REQUEST_COMMAND)
        return neapi_fail(error, NEAP_USAGE,
                          "option %s is for neap_publish, not for the command '%.*s'", option,
                          NEAPI_TEXT(type));
    if (options->schema == 0)
        return neapi_fail(
            error, NEAP_USAGE,
            "option tags needs schema; without it '%.*s' has the tags that its fields give",
            NEAPI_TEXT(type));
    if (options->tag_count != 0 && options->tags == NULL)
        return neapi_fail(error, NEAP_USAGE, "option tags: %u tags at NULL", options->tag_count);
    if (options->schema > INT32_MAX)
        return neapi_fail(error, NEAP_USAGE, "option schema is %u; from 1 to %d is allowed",
                          options->schema, INT32_MAX);
    neap_status status = neapi_name_check(type, "an event type's name", error);
    return status == NEAP_OK ? neapi_tags_check(type, options->tags, options->tag_count, error)
                             : status;
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

/* The request of a command, or of an event from outside, complete but for who waits for it. */
static neap_status make_writing(neap_runtime *runtime, neapi_request_kind kind, const char *name,
                                neap_text json, const neap_dispatch_options *options, bool gated,
                                neapi_request **made, neap_error *error)
{
    const neapi_message *message = NULL;
    neapi_call call = {0};
    neapi_buffer meta = NEAPI_BUFFER_INIT;
    neap_status status = runtime->options.read_only
                             ? neapi_fail(error, NEAP_USAGE, "the store is open for reading only")
                             : NEAP_OK;
    if (status == NEAP_OK)
        status = check_earlier(kind, neapi_text_of(name), options, error);
    if (status == NEAP_OK && options->schema == 0)
        status = neapi_catalog_message(
            runtime->catalog, kind == NEAPI_REQUEST_COMMAND ? NEAP_KIND_COMMAND : NEAP_KIND_EVENT,
            neapi_text_of(name), &message, error);
    if (status == NEAP_OK)
        status = check_json(runtime, name, json, error);
    if (status == NEAP_OK)
        status = check_key(options->idempotency_key, error);
    if (status == NEAP_OK)
        status = parse_id(options->correlation_id, "correlation_id", &call.correlation_id, error);
    if (status == NEAP_OK)
        status = parse_id(options->causation_id, "causation_id", &call.causation_id, error);
    if (status == NEAP_OK)
        status = take_meta(runtime, options->meta, &meta, error);
    if (status == NEAP_OK) {
        neapi_request *request = neapi_request_new(runtime->platform, kind, gated, json,
                                                   neapi_text_of(options->idempotency_key),
                                                   neapi_text(meta.data, meta.size));
        if (request == NULL) {
            status = neapi_nomem(error);
        } else {
            request->message = message;
            request->call = call;
            request->deadline_us = deadline_of(runtime, options->timeout_ms);
            *made = request;
        }
    }
    neapi_buffer_fini(&meta);
    return status;
}

static void discard(neapi_request *request)
{
    if (request->gated)
        neapi_request_release(request);
    neapi_request_release(request);
}

static neap_status push(neap_runtime *runtime, neapi_request *request, bool fail_when_full,
                        neap_error *error)
{
    neap_status status = NEAP_OK;
    if (request->kind == NEAPI_REQUEST_COMMAND && request->message->by == NEAPI_BY_AGGREGATE) {
        status = neapi_instance_of_command(
            &request->arena, runtime->catalog->aggregates[request->message->aggregate],
            request->json, &request->instance, error);
    }
    int64_t deadline_us = fail_when_full ? 0 : request->deadline_us;
    if (status == NEAP_OK)
        status = neapi_is_inline(runtime)
                     ? neapi_inline_push(runtime, request, deadline_us, error)
                     : neapi_mailbox_push(&runtime->lane.mailbox, request, deadline_us, error);
    if (status != NEAP_OK)
        discard(request);
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

/* Waits for the answer and gives up the caller's reference. */
static neap_status wait_for(neap_runtime *runtime, neapi_request *request, neap_reply **reply,
                            neap_error *error)
{
    neap_status status;
    if (neapi_is_inline(runtime))
        neapi_inline_drive(runtime, request);
    for (;;) {
        unsigned seen = neapi_gate_seen(&request->answered);
        if (atomic_load(&request->stage) == NEAPI_STAGE_DONE) {
            /* The waker may still be inside the gate: the reference that it holds keeps it alive.
             */
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

neap_status neap_dispatch(neap_runtime *runtime, const char *name, const char *json,
                          size_t json_size, const neap_dispatch_options *options,
                          neap_reply **reply, neap_error *error)
{
    neap_dispatch_options taken;
    neapi_request *request = NULL;
    neap_status status = check_running(runtime, "neap_dispatch", true, error);
    if (status == NEAP_OK)
        status = neapi_dispatch_options_take(options, &taken, error);
    if (status == NEAP_OK)
        status = make_writing(runtime, NEAPI_REQUEST_COMMAND, name, neapi_text(json, json_size),
                              &taken, true, &request, error);
    if (status == NEAP_OK)
        status = push(runtime, request, taken.fail_when_full, error);
    return status == NEAP_OK ? wait_for(runtime, request, reply, error) : status;
}

neap_status neap_send(neap_runtime *runtime, const char *name, const char *json, size_t json_size,
                      const neap_dispatch_options *options, neap_callback callback, void *user,
                      neap_error *error)
{
    neap_dispatch_options taken;
    neapi_request *request = NULL;
    neap_status status = check_running(runtime, "neap_send", false, error);
    if (status == NEAP_OK)
        status = neapi_dispatch_options_take(options, &taken, error);
    if (status == NEAP_OK)
        status = make_writing(runtime, NEAPI_REQUEST_COMMAND, name, neapi_text(json, json_size),
                              &taken, false, &request, error);
    if (status != NEAP_OK)
        return status;
    request->callback = callback;
    request->user = user;
    /* A callback that sends must not wait for room that only its own thread can make. */
    return push(runtime, request, taken.fail_when_full || neapi_thread_own(), error);
}

neap_status neap_publish(neap_runtime *runtime, const char *stream, uint64_t expected,
                         const char *type, const char *json, size_t json_size,
                         const neap_dispatch_options *options, neap_reply **reply,
                         neap_error *error)
{
    neap_dispatch_options taken;
    neapi_request *request = NULL;
    neap_status status = check_running(runtime, "neap_publish", true, error);
    if (status == NEAP_OK)
        status = neapi_dispatch_options_take(options, &taken, error);
    if (status == NEAP_OK)
        status = neapi_stream_check(neapi_text_of(stream), error);
    if (status == NEAP_OK)
        status = make_writing(runtime, NEAPI_REQUEST_PUBLISH, type, neapi_text(json, json_size),
                              &taken, true, &request, error);
    if (status != NEAP_OK)
        return status;
    request->expected = expected;
    status = take_fact(request, stream, type, &taken, error);
    if (status != NEAP_OK) {
        discard(request);
        return status;
    }
    status = push(runtime, request, taken.fail_when_full, error);
    return status == NEAP_OK ? wait_for(runtime, request, reply, error) : status;
}

neap_status neap_query(neap_runtime *runtime, const char *name, const char *json, size_t json_size,
                       uint32_t timeout_ms, neap_reply **reply, neap_error *error)
{
    const neapi_message *message;
    neap_status status = check_running(runtime, "neap_query", true, error);
    if (status == NEAP_OK)
        status = neapi_catalog_message(runtime->catalog, NEAP_KIND_QUERY, neapi_text_of(name),
                                       &message, error);
    if (status == NEAP_OK)
        status = check_json(runtime, name, neapi_text(json, json_size), error);
    if (status != NEAP_OK)
        return status;
    neapi_request *request =
        neapi_request_new(runtime->platform, NEAPI_REQUEST_QUERY, true, neapi_text(json, json_size),
                          (neap_text){0}, (neap_text){0});
    if (request == NULL)
        return neapi_nomem(error);
    request->message = message;
    request->deadline_us = deadline_of(runtime, timeout_ms);
    status = push(runtime, request, false, error);
    return status == NEAP_OK ? wait_for(runtime, request, reply, error) : status;
}

neap_status neap_state(neap_runtime *runtime, const char *aggregate, const char *id,
                       uint64_t version, neap_reply **reply, neap_error *error)
{
    const neapi_aggregate *found;
    neap_status status = check_running(runtime, "neap_state", true, error);
    if (status == NEAP_OK)
        status = neapi_catalog_aggregate(runtime->catalog, neapi_text_of(aggregate), &found, error);
    if (status != NEAP_OK)
        return status;
    neapi_request *request = neapi_request_new(runtime->platform, NEAPI_REQUEST_STATE, true,
                                               (neap_text){0}, (neap_text){0}, (neap_text){0});
    if (request == NULL)
        return neapi_nomem(error);
    request->at_version = version;
    status =
        neapi_instance_named(&request->arena, found, neapi_text_of(id), &request->instance, error);
    if (status != NEAP_OK) {
        discard(request);
        return status;
    }
    status = push(runtime, request, false, error);
    return status == NEAP_OK ? wait_for(runtime, request, reply, error) : status;
}

neapi_request *neapi_barrier_new(const neap_runtime *runtime)
{
    return neapi_request_new(runtime->platform, NEAPI_REQUEST_BARRIER, true, (neap_text){0},
                             (neap_text){0}, (neap_text){0});
}

void neapi_barrier_free(neapi_request *barrier)
{
    if (barrier != NULL)
        discard(barrier);
}

neap_status neapi_drain(neap_runtime *runtime, neapi_request *barrier, uint32_t timeout_ms,
                        neap_error *error)
{
    barrier->deadline_us = deadline_of(runtime, timeout_ms);
    neap_status status = neapi_mailbox_push_barrier(&runtime->lane.mailbox, barrier, error);
    if (status != NEAP_OK) {
        discard(barrier);
        return status;
    }
    status = wait_for(runtime, barrier, NULL, error);
    if (status == NEAP_TIMEOUT)
        neapi_fail(error, NEAP_TIMEOUT, "not everything was answered within %u ms", timeout_ms);
    return status;
}

neap_status neap_drain(neap_runtime *runtime, uint32_t timeout_ms, neap_error *error)
{
    neap_status status = check_running(runtime, "neap_drain", true, error);
    if (status != NEAP_OK)
        return status;
    neapi_request *barrier = neapi_barrier_new(runtime);
    return barrier != NULL ? neapi_drain(runtime, barrier, timeout_ms, error) : neapi_nomem(error);
}
