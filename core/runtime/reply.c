#include "runtime/reply.h"

#include "base/alloc.h"
#include "base/text.h"
#include "base/uuid.h"
#include "message/json.h"
#include "message/write.h"

struct neap_reply {
    char *json;
    size_t json_size;
    bool is_receipt;
    bool json_is_apart; /* not in the reply's own allocation */
    neap_receipt receipt;
};

void neap_reply_free(neap_reply *reply)
{
    if (reply == NULL)
        return;
    if (reply->json_is_apart)
        neapi_free(reply->json);
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
    reply->json_is_apart = true;
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

/* What a receipt's JSON has beside its stream and types: names, numbers, the id. */
#define JSON_FRAME_BYTES 256
/* A character of a stream's name, as JSON writes it at most. */
#define JSON_ESCAPE_BYTES 6

static void write_json(neapi_buffer *json, const neap_receipt *receipt, neap_text types)
{
    char id[37];
    neap_uuid_format(receipt->command_id, id);
    neapi_buffer_byte(json, '{');
    if (receipt->stream.size != 0) {
        NEAPI_BUFFER_LITERAL(json, "\"stream\":");
        neapi_json_quote(json, receipt->stream);
        NEAPI_BUFFER_LITERAL(json, ",\"version\":");
        neapi_write_integer(json, (int64_t)receipt->version);
        neapi_buffer_byte(json, ',');
    }
    NEAPI_BUFFER_LITERAL(json, "\"position\":");
    neapi_write_integer(json, (int64_t)receipt->position);
    NEAPI_BUFFER_LITERAL(json, ",\"events\":");
    neapi_buffer_text(json, types);
    if (!neapi_uuid_is_zero(receipt->command_id)) {
        NEAPI_BUFFER_LITERAL(json, ",\"command_id\":\"");
        neapi_buffer_append(json, id, 36);
        neapi_buffer_byte(json, '"');
    }
    if (receipt->repeated)
        NEAPI_BUFFER_LITERAL(json, ",\"repeated\":true");
    neapi_buffer_byte(json, '}');
}

static size_t count_types(neap_text array)
{
    size_t quotes = 0;
    for (size_t i = 0; i < array.size; i++)
        quotes += array.data[i] == '"';
    return quotes / 2;
}

/* Splits a JSON array of names (which need no unescaping: the codec wrote them) into texts. */
static void split_types(neap_text array, neap_text *types, size_t count)
{
    const char *at = array.data, *end = array.data + array.size;
    for (size_t i = 0; i < count; i++) {
        const char *open = memchr(at, '"', (size_t)(end - at));
        const char *shut = memchr(open + 1, '"', (size_t)(end - open - 1));
        types[i] = neapi_text(open + 1, (size_t)(shut - open - 1));
        at = shut + 1;
    }
}

/* One allocation: the reply, its texts of types, the stream, the array of types, the JSON. */
static neap_reply *receipt_of(neap_receipt receipt, neap_text types)
{
    size_t count = count_types(types), stream_size = receipt.stream.size;
    size_t json_bytes = JSON_FRAME_BYTES + JSON_ESCAPE_BYTES * stream_size + types.size;
    neap_reply *reply = neapi_alloc(sizeof *reply + count * sizeof(neap_text) + stream_size +
                                    types.size + json_bytes + 1);
    if (reply == NULL)
        return NULL;
    neap_text *events = (neap_text *)(void *)(reply + 1);
    char *at = (char *)(events + count);
    if (stream_size != 0)
        memcpy(at, receipt.stream.data, stream_size);
    receipt.stream = neapi_text(at, stream_size);
    at += stream_size;
    memcpy(at, types.data, types.size);
    types.data = at;
    split_types(types, events, count);
    receipt.events = events;
    receipt.event_count = count;
    neapi_buffer json = {.data = at + types.size, .capacity = json_bytes};
    write_json(&json, &receipt, types);
    json.data[json.size] = '\0';
    *reply = (neap_reply){
        .json = json.data, .json_size = json.size, .is_receipt = true, .receipt = receipt};
    return reply;
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
