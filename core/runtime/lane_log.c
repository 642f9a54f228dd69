#include "runtime/lane_log.h"

#include <stddef.h>

#include "base/error.h"
#include "base/text.h"
#include "message/trace.h"

#define MOST_FIELDS 16

typedef struct field_list {
    neap_log_field fields[MOST_FIELDS];
    size_t count;
    char ids[3][37];
} field_list;

static void add_text(field_list *list, const char *name, neap_text text)
{
    if (text.size != 0)
        list->fields[list->count++] = (neap_log_field){.name = name, .text = text};
}

static void add_number(field_list *list, const char *name, int64_t number)
{
    list->fields[list->count++] = (neap_log_field){.name = name, .number = number};
}

static void add_id(field_list *list, const char *name, char text[37], neap_uuid id)
{
    if (neapi_uuid_is_zero(id))
        return;
    neap_uuid_format(id, text);
    add_text(list, name, neapi_text_of(text));
}

/* "command", "query" … */
static const char *kind_of(const neapi_request *request)
{
    switch (request->kind) {
    case NEAPI_REQUEST_COMMAND:
    case NEAPI_REQUEST_QUEUE:
        return "command";
    case NEAPI_REQUEST_CANCEL:
        return "name";
    case NEAPI_REQUEST_PUBLISH:
    case NEAPI_REQUEST_DELIVERY:
        return "event";
    case NEAPI_REQUEST_QUERY:
        return "query";
    default:
        return "aggregate";
    }
}

static void add_request(field_list *list, const neapi_request *request)
{
    const neapi_call *call = &request->call;
    add_text(list, kind_of(request), neapi_request_name(request));
    add_text(list, "stream",
             request->stream.size != 0 ? request->stream : request->instance.stream);
    if (request->kind == NEAPI_REQUEST_COMMAND)
        add_id(list, "command_id", list->ids[0], call->id);
    add_id(list, "correlation_id", list->ids[1], call->correlation_id);
    add_id(list, "causation_id", list->ids[2], call->causation_id);
    add_text(list, "trace_id", neapi_trace_id(request->meta));
}

static field_list fields_of(const neapi_lane *lane)
{
    field_list list = {.count = 0};
    add_number(&list, "lane", (int64_t)lane->number + 1);
    return list;
}

static void say(const neapi_lane *lane, neap_log_level level, const field_list *list,
                const char *format, ...) __attribute__((format(printf, 4, 5)));

static void say(const neapi_lane *lane, neap_log_level level, const field_list *list,
                const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    neapi_report_fields(lane->report, level, list->fields, list->count, format, arguments);
    va_end(arguments);
}

void neapi_lane_say(const neapi_lane *lane, neap_log_level level, neap_text stream,
                    const char *format, ...)
{
    field_list list = fields_of(lane);
    add_text(&list, "stream", stream);
    va_list arguments;
    va_start(arguments, format);
    neapi_report_fields(lane->report, level, list.fields, list.count, format, arguments);
    va_end(arguments);
}

static const neapi_request *request_of(const neapi_call *call)
{
    return (const neapi_request *)(const void *)((const char *)call -
                                                 offsetof(neapi_request, call));
}

void neapi_lane_print(void *user, neap_log_level level, const char *text)
{
    neapi_lane *lane = user;
    if (!neapi_stay_pause(lane))
        return; /* who was given up is not heard: the host may be gone */
    const neapi_call *call = neapi_engine_call(lane->engine);
    field_list list = fields_of(lane);
    if (call != NULL)
        add_request(&list, request_of(call));
    say(lane, level, &list, "%s", text);
    neapi_stay_resume(lane);
}

/* What the domain did wrong, and not its caller, is lost if nobody waits for the answer. */
static bool is_lost_fault(const neapi_request *request, neap_status status)
{
    return (status == NEAP_HANDLER || status == NEAP_LIMIT || status == NEAP_CORRUPT) &&
           !request->gated && request->callback == NULL;
}

void neapi_lane_log_answer(const neapi_lane *lane, const neapi_request *request,
                           const neap_error *error)
{
    neap_status status = error != NULL ? error->status : NEAP_OK;
    neap_log_level level = is_lost_fault(request, status) ? NEAP_LOG_ERROR : NEAP_LOG_DEBUG;
    if (!neapi_report_heard(lane->report, level) || request->home != NULL)
        return;
    field_list list = fields_of(lane);
    add_request(&list, request);
    add_text(&list, "status", neapi_text_of(neap_status_name(status)));
    if (status == NEAP_REJECTED)
        add_text(&list, "code", neapi_text_of(error->code));
    add_number(&list, "duration_us", lane->metrics->now_us - request->arrived_us);
    neap_text name = neapi_request_name(request);
    if (error != NULL)
        say(lane, level, &list, "%s %.*s: %s: %s", kind_of(request), NEAPI_TEXT(name), error->code,
            error->message);
    else
        say(lane, level, &list, "%s %.*s: ok", kind_of(request), NEAPI_TEXT(name));
}
