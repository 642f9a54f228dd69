/* Questions from the host: queries, and states. */
#include "base/error.h"
#include "base/text.h"
#include "runtime/call.h"
#include "runtime/instance.h"
#include "runtime/on_demand.h"
#include "runtime/reply.h"

neap_status neap_query(neap_runtime *runtime, const char *name, const char *json, size_t json_size,
                       uint32_t timeout_ms, neap_reply **reply, neap_error *error)
{
    const neapi_message *message;
    neap_status status = neapi_call_check(runtime, "neap_query", true, error);
    if (status == NEAP_OK)
        status = neapi_catalog_message(runtime->catalog, NEAP_KIND_QUERY, neapi_text_of(name),
                                       &message, error);
    if (status == NEAP_OK)
        status = neapi_call_check_json(runtime, name, neapi_text(json, json_size), error);
    if (status != NEAP_OK)
        return status;
    neapi_request *request =
        neapi_request_new(runtime->platform, NEAPI_REQUEST_QUERY, true, neapi_text(json, json_size),
                          (neap_text){0}, (neap_text){0});
    if (request == NULL)
        return neapi_nomem(error);
    request->message = message;
    request->deadline_us = neapi_deadline_of(runtime, timeout_ms);
    status = neapi_call_push(runtime, request, false, error);
    return status == NEAP_OK ? neapi_call_wait(runtime, request, reply, error) : status;
}

neap_status neap_state(neap_runtime *runtime, const char *aggregate, const char *id,
                       uint64_t version, neap_reply **reply, neap_error *error)
{
    const neapi_aggregate *found;
    neap_status status = neapi_call_check(runtime, "neap_state", true, error);
    if (status == NEAP_OK)
        status = neapi_catalog_aggregate(runtime->catalog, neapi_text_of(aggregate), &found, error);
    if (status != NEAP_OK)
        return status;
    neapi_request *request = neapi_call_new(runtime, NEAPI_REQUEST_STATE, NEAPI_NO_DEADLINE);
    if (request == NULL)
        return neapi_nomem(error);
    request->at_version = version;
    status =
        neapi_instance_named(&request->arena, found, neapi_text_of(id), &request->instance, error);
    if (status != NEAP_OK) {
        neapi_call_discard(request);
        return status;
    }
    status = neapi_call_push(runtime, request, false, error);
    return status == NEAP_OK ? neapi_call_wait(runtime, request, reply, error) : status;
}

neap_status neapi_on_demand_ask(neap_runtime *runtime, const neapi_subscription *projection,
                                neap_text key, neapi_buffer *json, bool *found, neap_error *error)
{
    neap_reply *reply;
    neap_status status = neapi_call_check(runtime, "neap_find", true, error);
    if (status != NEAP_OK)
        return status;
    neapi_request *request = neapi_call_new(runtime, NEAPI_REQUEST_STATE, NEAPI_NO_DEADLINE);
    if (request == NULL)
        return neapi_nomem(error);
    request->projection = projection;
    request->instance.stream = neapi_arena_text(&request->arena, key);
    if (request->instance.stream.data == NULL) {
        neapi_call_discard(request);
        return neapi_nomem(error);
    }
    status = neapi_call_push(runtime, request, false, error);
    if (status == NEAP_OK)
        status = neapi_call_wait(runtime, request, &reply, error);
    if (status != NEAP_OK)
        return status;
    neap_text text = {0};
    text.data = neap_reply_json(reply, &text.size);
    *found = text.size != 0;
    neapi_buffer_text(json, text);
    neap_reply_free(reply);
    return json->failed ? neapi_nomem(error) : NEAP_OK;
}
