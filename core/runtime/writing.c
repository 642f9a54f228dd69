#include "runtime/writing.h"

#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "message/json.h"
#include "message/trace.h"
#include "runtime/call.h"
#include "runtime/subscribed.h"
#include "store/check.h"

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

/* A trace that cannot be followed fails no command: it is left out, as the W3C wants it. */
static void clean_trace(const neap_runtime *runtime, neapi_buffer *meta)
{
    const char *dropped;
    neapi_trace_clean(meta, &dropped);
    if (dropped != NULL)
        neapi_report_text(&runtime->report, NEAP_LOG_WARN,
                          "meta.%s is not as W3C Trace Context has it, and is left out", dropped);
}

/* Canonical, or empty if there is none. */
static neap_status take_meta(const neap_runtime *runtime, const char *given, neapi_buffer *meta,
                             neap_error *error)
{
    if (given == NULL)
        return NEAP_OK;
    neap_text json = neapi_text_of(given);
    neap_status status = neapi_call_check_json(runtime, "meta", json, error);
    if (status != NEAP_OK)
        return status;
    status = neapi_json_flat(json, meta, error);
    if (status != NEAP_OK)
        neapi_error_prefix(error, "meta");
    if (status == NEAP_OK)
        clean_trace(runtime, meta);
    if (status == NEAP_OK && meta->failed)
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
    if (kind != NEAPI_REQUEST_PUBLISH)
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

neap_status neapi_writing_new(neap_runtime *runtime, neapi_request_kind kind, const char *name,
                              neap_text json, const neap_dispatch_options *options, bool gated,
                              neapi_request **made, neap_error *error)
{
    const neapi_message *message = NULL;
    neapi_call call = {0};
    neapi_buffer meta = NEAPI_BUFFER_INIT;
    neap_status status = NEAP_OK;
    bool is_past = runtime->history != NULL && runtime->branch == NULL;
    if (runtime->options.read_only || is_past)
        status =
            neapi_fail(error, NEAP_USAGE, "%s",
                       is_past ? "a past takes no commands and no events: what happened, happened"
                               : "the store is open for reading only");
    if (status == NEAP_OK)
        status = check_earlier(kind, neapi_text_of(name), options, error);
    if (status == NEAP_OK && options->schema == 0)
        status = neapi_catalog_message(
            runtime->catalog, kind == NEAPI_REQUEST_PUBLISH ? NEAP_KIND_EVENT : NEAP_KIND_COMMAND,
            neapi_text_of(name), &message, error);
    if (status == NEAP_OK)
        status = neapi_call_check_json(runtime, name, json, error);
    if (status == NEAP_OK)
        status = neapi_wait_for_check(runtime, options, error);
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
            request->deadline_us = neapi_deadline_of(runtime, options->timeout_ms);
            *made = request;
        }
    }
    neapi_buffer_fini(&meta);
    return status;
}
