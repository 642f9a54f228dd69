#include "runtime/reply.h"

#include "base/alloc.h"
#include "base/text.h"
#include "message/json.h"

struct neap_reply {
    char *json;
    size_t json_size;
    bool is_receipt;
    neap_receipt receipt;
    neap_text *types;
    char *text; /* stream and types, which the receipt points into */
};

void neap_reply_free(neap_reply *reply)
{
    if (reply == NULL)
        return;
    neapi_free(reply->json);
    neapi_free(reply->types);
    neapi_free(reply->text);
    neapi_free(reply);
}

const char *neap_reply_json(const neap_reply *reply, size_t *size)
{
    if (size != NULL)
        *size = reply->json_size;
    return reply->json;
}

const neap_receipt *neap_reply_receipt(const neap_reply *reply)
{
    return reply->is_receipt ? &reply->receipt : NULL;
}

neap_reply *neapi_reply_json(neapi_buffer *json)
{
    neap_reply *reply = neapi_alloc_zero(1, sizeof *reply);
    if (reply == NULL)
        return NULL;
    reply->json = neapi_buffer_take(json, &reply->json_size);
    if (reply->json == NULL) {
        neapi_free(reply);
        return NULL;
    }
    return reply;
}

void neapi_receipt_types(neapi_buffer *json, const neapi_unit *unit)
{
    neapi_buffer_byte(json, '[');
    for (size_t i = 0; i < unit->event_count; i++) {
        if (i > 0)
            neapi_buffer_byte(json, ',');
        neapi_json_quote(json, unit->events[i].type);
    }
    neapi_buffer_byte(json, ']');
}

static bool write_json(neap_reply *reply, neap_text types)
{
    const neap_receipt *receipt = &reply->receipt;
    char id[37];
    neap_uuid_format(receipt->command_id, id);
    neapi_buffer json = NEAPI_BUFFER_INIT;
    neapi_buffer_byte(&json, '{');
    if (receipt->stream.size != 0) {
        NEAPI_BUFFER_LITERAL(&json, "\"stream\":");
        neapi_json_quote(&json, receipt->stream);
        neapi_buffer_format(&json, ",\"version\":%llu,", (unsigned long long)receipt->version);
    }
    neapi_buffer_format(&json,
                        "\"position\":%llu,\"events\":", (unsigned long long)receipt->position);
    neapi_buffer_text(&json, types);
    neapi_buffer_format(&json, ",\"command_id\":\"%s\"", id);
    if (receipt->repeated)
        NEAPI_BUFFER_LITERAL(&json, ",\"repeated\":true");
    neapi_buffer_byte(&json, '}');
    reply->json = neapi_buffer_take(&json, &reply->json_size);
    neapi_buffer_fini(&json);
    return reply->json != NULL;
}

/* Splits a JSON array of names (which need no unescaping: the codec wrote them) into texts. */
static bool split_types(neap_reply *reply, neap_text array)
{
    size_t count = 0;
    for (size_t i = 0; i < array.size; i++)
        count += array.data[i] == '"';
    count /= 2;
    if (count == 0)
        return true;
    reply->types = neapi_alloc(count * sizeof *reply->types);
    if (reply->types == NULL)
        return false;
    const char *at = array.data, *end = array.data + array.size;
    for (size_t i = 0; i < count; i++) {
        const char *open = memchr(at, '"', (size_t)(end - at));
        const char *shut = memchr(open + 1, '"', (size_t)(end - open - 1));
        reply->types[i] = neapi_text(open + 1, (size_t)(shut - open - 1));
        at = shut + 1;
    }
    reply->receipt.events = reply->types;
    reply->receipt.event_count = count;
    return true;
}

/* The receipt's texts are copied behind each other: first the stream, then the array of types. */
static neap_reply *receipt_of(neap_receipt receipt, neap_text types)
{
    neap_reply *reply = neapi_alloc_zero(1, sizeof *reply);
    if (reply == NULL)
        return NULL;
    reply->is_receipt = true;
    reply->receipt = receipt;
    size_t stream_size = receipt.stream.size;
    reply->text = neapi_alloc(stream_size + types.size + 1);
    if (reply->text != NULL) {
        if (stream_size != 0)
            memcpy(reply->text, receipt.stream.data, stream_size);
        memcpy(reply->text + stream_size, types.data, types.size);
        reply->receipt.stream = neapi_text(reply->text, stream_size);
        types.data = reply->text + stream_size;
        if (split_types(reply, types) && write_json(reply, types))
            return reply;
    }
    neap_reply_free(reply);
    return NULL;
}

neap_reply *neapi_reply_receipt(neap_uuid command_id, const neapi_unit *unit, neap_text stream,
                                uint64_t version, uint64_t position)
{
    neap_receipt receipt = {
        .command_id = command_id, .stream = stream, .version = version, .position = position};
    if (unit->event_count > 0) {
        const neap_event *last = &unit->events[unit->event_count - 1];
        receipt.stream = last->stream;
        receipt.version = last->version;
        receipt.position = last->position;
    }
    neapi_buffer types = NEAPI_BUFFER_INIT;
    neapi_receipt_types(&types, unit);
    neap_reply *reply =
        types.failed ? NULL : receipt_of(receipt, neapi_text(types.data, types.size));
    neapi_buffer_fini(&types);
    return reply;
}

neap_reply *neapi_reply_repeated(const neapi_key *key)
{
    neap_receipt receipt = {.command_id = key->command_id,
                            .stream = key->stream,
                            .version = key->version,
                            .position = key->position,
                            .repeated = true};
    return receipt_of(receipt, key->types);
}
