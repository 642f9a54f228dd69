#include "runtime/context.h"

#include "base/error.h"
#include "base/text.h"
#include "message/json.h"
#include "runtime/options.h"
#include "runtime/queued.h"
#include "runtime/schedule.h"

struct neap_context {
    neapi_lane *lane;
    neapi_request *request;
    neapi_unit *unit;     /* NULL in a query */
    neapi_buffer *answer; /* NULL in a command */
    bool answered;
    neapi_arena arena; /* holds states handed out */
    neap_error *error; /* the handler's: filled also if it gives NULL in a call */
};

static neap_error *error_of(neap_context *context, neap_error *given)
{
    return given != NULL ? given : context->error;
}

/* A handler that fails without saying why has failed all the same, and what it left in the error
 * may be from a call that failed before. */
neap_status neapi_context_returned(neap_status status, neap_error *error)
{
    if (status == NEAP_OK)
        return NEAP_OK;
    if ((unsigned)status > NEAP_NOMEM)
        return neapi_fail(error, NEAP_HANDLER, "the host's handler returned %d, which is no status",
                          (int)status);
    if (error->message[0] == '\0' && error->status != status)
        return neapi_fail(error, status, "the host's handler returned \"%s\" and no message",
                          neap_status_name(status));
    return neapi_error_settle(error, status);
}

neap_status neapi_context_command(neapi_lane *lane, neapi_request *request, neapi_unit *unit,
                                  neap_error *error)
{
    neapi_buffer_clear(&lane->canonical);
    neap_status status =
        neapi_engine_check(lane->engine, request->message, request->json, &lane->canonical, error);
    if (status != NEAP_OK)
        return status;
    const char *json = neapi_buffer_terminated(&lane->canonical);
    if (json == NULL)
        return neapi_nomem(error);
    neap_context context = {.lane = lane, .request = request, .unit = unit, .error = error};
    neapi_fail(error, NEAP_OK, "%s", "");
    status = request->message->command_handler(&context, json, lane->canonical.size,
                                               request->message->user, error);
    neapi_arena_fini(&context.arena);
    return neapi_context_returned(status, error);
}

neap_status neapi_context_query(neapi_lane *lane, neapi_request *request, neapi_buffer *answer,
                                neap_error *error)
{
    neap_status status =
        neapi_engine_check(lane->engine, request->message, request->json, NULL, error);
    if (status != NEAP_OK)
        return status;
    neap_context context = {.lane = lane, .request = request, .answer = answer, .error = error};
    neapi_fail(error, NEAP_OK, "%s", "");
    status = request->message->query_handler(&context, request->json.data, request->json.size,
                                             request->message->user, error);
    neapi_arena_fini(&context.arena);
    if (status == NEAP_OK && !context.answered)
        NEAPI_BUFFER_LITERAL(answer, "null");
    return neapi_context_returned(status, error);
}

neap_status neap_context_publish(neap_context *context, const char *stream, uint64_t expected,
                                 const char *type, const char *json, size_t size, neap_error *error)
{
    error = error_of(context, error);
    if (context->unit == NULL)
        return neapi_fail(error, NEAP_USAGE, "a query cannot publish events");
    neap_text name = neapi_text_of(stream);
    const neapi_message *event;
    neap_status status = neapi_catalog_message(context->lane->catalog, NEAP_KIND_EVENT,
                                               neapi_text_of(type), &event, error);
    if (status == NEAP_OK)
        status = neapi_stream_check(name, error);
    if (status != NEAP_OK)
        return status;
    return neapi_engine_publish(context->lane->engine, event, name, expected,
                                neapi_text(json, size), &context->request->call, context->unit,
                                error);
}

static neap_status check_sending(const neap_context *context, const neap_dispatch_options *options,
                                 neap_error *error)
{
    if (context->unit == NULL)
        return neapi_fail(error, NEAP_USAGE, "a query cannot put anything into the queue");
    if (options->idempotency_key != NULL || options->meta != NULL ||
        options->correlation_id != NULL || options->causation_id != NULL ||
        options->timeout_ms != 0 || options->fail_when_full || options->schema != 0 ||
        options->tag_count != 0)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_context_send takes the options queued, after_ms, at_us and name; "
                          "the rest is the command's that is handled");
    return neapi_schedule_check(options, error);
}

/* Its canonical form is the caller's to free. */
static neap_status put(neap_context *context, const neapi_message *command, neap_text data,
                       const neap_dispatch_options *options, neap_error *error)
{
    neapi_call *call = &context->request->call;
    int64_t now_us = neapi_wall_us(context->lane->platform);
    uint64_t n = ++call->derived;
    neapi_queued entry = {
        .id = neapi_uuid_derive(call->id, n),
        .order = neapi_queued_order(0, n),
        .name = neapi_text_of(options->name),
        .command = command->name,
        .data = data,
        .meta = call->meta,
        .correlation_id = call->correlation_id,
        .causation_id = call->id,
        .queued_at = now_us,
    };
    neap_status status = neapi_schedule_due(now_us, (int64_t)(options->after_ms * 1000),
                                            options->at_us, command->name, &entry.due_us, error);
    return status == NEAP_OK ? neapi_queue_put(context->unit, context->lane->session, &entry, error)
                             : status;
}

neap_status neap_context_send(neap_context *context, const char *name, const char *json,
                              size_t size, const neap_dispatch_options *options, neap_error *error)
{
    error = error_of(context, error);
    neap_dispatch_options taken;
    const neapi_message *command;
    neapi_buffer data = NEAPI_BUFFER_INIT;
    neap_status status = neapi_dispatch_options_take(options, &taken, error);
    if (status == NEAP_OK)
        status = check_sending(context, &taken, error);
    if (status == NEAP_OK)
        status = neapi_catalog_message(context->lane->catalog, NEAP_KIND_COMMAND,
                                       neapi_text_of(name), &command, error);
    if (status == NEAP_OK)
        status = neapi_engine_check(context->lane->engine, command, neapi_text(json, size), &data,
                                    error);
    if (status == NEAP_OK && data.failed)
        status = neapi_nomem(error);
    if (status == NEAP_OK)
        status = put(context, command, neapi_text(data.data, data.size), &taken, error);
    neapi_buffer_fini(&data);
    return status;
}

neap_status neap_context_cancel(neap_context *context, const char *name, neap_error *error)
{
    error = error_of(context, error);
    if (context->unit == NULL)
        return neapi_fail(error, NEAP_USAGE, "a query cannot cancel anything");
    return neapi_queue_cancel(context->unit, context->lane->session, (neap_text){0},
                              neapi_text_of(name), error);
}

neap_status neap_context_reject(neap_context *context, const char *code, const char *message,
                                const char *details, neap_error *error)
{
    error = error_of(context, error);
    neapi_fail(error, NEAP_REJECTED, "%s", message != NULL ? message : "");
    NEAPI_ERROR_SET(error, code, code != NULL ? code : "rejected", code != NULL ? strlen(code) : 8);
    if (details == NULL)
        return NEAP_REJECTED;
    if (strlen(details) >= sizeof error->details)
        return neapi_fail(error, NEAP_LIMIT,
                          "the details of a rejection have %zu bytes; at most %zu are allowed",
                          strlen(details), sizeof error->details - 1);
    neap_error reason;
    if (neapi_json_check(neapi_text_of(details), NEAPI_JSON_DEPTH, &reason) != NEAP_OK)
        return neapi_fail(error, NEAP_INVALID, "the details of a rejection are not JSON: %s",
                          reason.message);
    NEAPI_ERROR_SET(error, details, details, strlen(details));
    return NEAP_REJECTED;
}

neap_status neap_context_answer(neap_context *context, const char *json, size_t size,
                                neap_error *error)
{
    error = error_of(context, error);
    if (context->answer == NULL)
        return neapi_fail(error, NEAP_USAGE, "a command has no answer; it publishes events");
    neap_status status =
        neapi_json_check(neapi_text(json, size), context->lane->options->nesting_depth, error);
    if (status != NEAP_OK)
        return status;
    neapi_buffer_clear(context->answer);
    neapi_buffer_append(context->answer, json, size);
    context->answered = true;
    return context->answer->failed ? neapi_nomem(error) : NEAP_OK;
}

neap_status neap_context_state(neap_context *context, const char *aggregate, const char *id,
                               const char **json, size_t *size, neap_error *error)
{
    error = error_of(context, error);
    neapi_lane *lane = context->lane;
    const neapi_aggregate *found;
    neap_status status =
        neapi_catalog_aggregate(lane->catalog, neapi_text_of(aggregate), &found, error);
    neapi_state state = NEAPI_NO_STATE;
    if (status == NEAP_OK)
        status = neapi_lane_accepted_state(lane, found, neapi_text_of(id), &state, error);
    if (status == NEAP_OK && state == NEAPI_NO_STATE)
        status = neapi_fail(error, NEAP_UNKNOWN, "%s%s%s does not exist", aggregate,
                            found->tag_count != 0 ? "" : "-", id);
    if (status != NEAP_OK)
        return status;
    neapi_buffer text = NEAPI_BUFFER_INIT;
    status = neapi_engine_state_json(lane->engine, state, &text, error);
    neapi_engine_state_free(lane->engine, state);
    neap_text copy = {NULL, 0};
    if (status == NEAP_OK && !text.failed)
        copy = neapi_arena_text(&context->arena, neapi_text(text.data, text.size));
    neapi_buffer_fini(&text);
    if (status != NEAP_OK)
        return status;
    if (copy.data == NULL)
        return neapi_nomem(error);
    *json = copy.data;
    if (size != NULL)
        *size = copy.size;
    return NEAP_OK;
}

int64_t neap_context_now(const neap_context *context)
{
    return context->request->call.now_us;
}

neap_uuid neap_context_id(neap_context *context)
{
    return neapi_uuid_derive(context->request->call.id, ++context->request->call.derived);
}
