#include "base/error.h"
#include "base/text.h"
#include "message/json.h"
#include "runtime/runtime.h"

neap_status neapi_route_to(neapi_request *request, neap_text id, neap_error *error)
{
    const neapi_aggregate *aggregate = request->aggregate;
    if (id.size == 0) {
        neapi_fail(error, NEAP_INVALID, "%.*s: is empty, expected the id of a %.*s",
                   NEAPI_TEXT(aggregate->key), NEAPI_TEXT(aggregate->name));
        goto at_key;
    }
    size_t size = aggregate->name.size + 1 + id.size;
    char *stream = neapi_arena_alloc(&request->arena, size + 1);
    if (stream == NULL)
        return neapi_nomem(error);
    memcpy(stream, aggregate->name.data, aggregate->name.size);
    stream[aggregate->name.size] = '-';
    memcpy(stream + aggregate->name.size + 1, id.data, id.size);
    stream[size] = '\0';
    request->stream = neapi_text(stream, size);
    request->id = neapi_text(stream + aggregate->name.size + 1, id.size);
    if (neapi_stream_check(request->stream, error) == NEAP_OK)
        return NEAP_OK;
at_key:
    if (error != NULL)
        NEAPI_ERROR_SET(error, path, aggregate->key.data, aggregate->key.size);
    return NEAP_INVALID;
}

static bool is_integer(neap_text raw)
{
    for (size_t i = raw.data[0] == '-'; i < raw.size; i++)
        if (raw.data[i] < '0' || raw.data[i] > '9')
            return false;
    return true;
}

neap_status neapi_route(neapi_request *request, neap_error *error)
{
    neap_text raw;
    if (!neapi_json_member(request->json, request->aggregate->key, &raw) || raw.size == 0)
        return NEAP_OK;
    if (raw.data[0] == '"') {
        if (memchr(raw.data, '\\', raw.size) == NULL)
            return neapi_route_to(request, neapi_text(raw.data + 1, raw.size - 2), error);
        neapi_buffer text = NEAPI_BUFFER_INIT;
        neap_status status = NEAP_OK;
        bool is_text = neapi_json_unquote(raw, &text);
        if (text.failed)
            status = neapi_nomem(error);
        else if (is_text)
            status = neapi_route_to(request, neapi_text(text.data, text.size), error);
        neapi_buffer_fini(&text);
        return status;
    }
    if (!is_integer(raw))
        return NEAP_OK;
    if (neapi_text_equal(raw, NEAPI_LITERAL("-0")))
        raw = NEAPI_LITERAL("0");
    return neapi_route_to(request, raw, error);
}
