#include "runtime/reply.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/alloc.h"
#include "base/text.h"
#include "base/uuid.h"
#include "message/json.h"
#include "message/write.h"

/* A receipt is JSON only if somebody asks: there is room for it in the reply, and `written` says
 * whether it is there. */
struct neap_reply {
    char *json;
    size_t json_size, json_room;
    bool is_receipt;
    bool json_is_apart; /* not in the reply's own allocation */
    atomic_bool written;
    neap_receipt receipt;
};

/* Two threads may ask the same reply at once. */
static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;

void neap_reply_free(neap_reply *reply)
{
    if (reply == NULL)
        return;
    if (reply->json_is_apart)
        neapi_free(reply->json);
    neapi_free(reply);
}

static void write_json(neapi_buffer *json, const neap_receipt *receipt)
{
    if (receipt->stream.size != 0) {
        NEAPI_BUFFER_LITERAL(json, ",\"stream\":");
        neapi_json_quote(json, receipt->stream);
        NEAPI_BUFFER_LITERAL(json, ",\"version\":");
        neapi_write_integer(json, (int64_t)receipt->version);
    }
    NEAPI_BUFFER_LITERAL(json, ",\"position\":");
    neapi_write_integer(json, (int64_t)receipt->position);
    NEAPI_BUFFER_LITERAL(json, ",\"events\":[");
    for (size_t i = 0; i < receipt->event_count; i++) {
        if (i > 0)
            neapi_buffer_byte(json, ',');
        neapi_json_quote(json, receipt->events[i]);
    }
    neapi_buffer_byte(json, ']');
    if (!neapi_uuid_is_zero(receipt->command_id)) {
        char id[37];
        neap_uuid_format(receipt->command_id, id);
        NEAPI_BUFFER_LITERAL(json, ",\"command_id\":\"");
        neapi_buffer_append(json, id, 36);
        neapi_buffer_byte(json, '"');
    }
    if (receipt->repeated)
        NEAPI_BUFFER_LITERAL(json, ",\"repeated\":true");
    if (!receipt->caught_up)
        NEAPI_BUFFER_LITERAL(json, ",\"caught_up\":false");
    neapi_buffer_byte(json, '}');
    json->data[0] = '{';
}

static void write_receipt(neap_reply *reply)
{
    pthread_mutex_lock(&writing);
    if (!atomic_load(&reply->written)) {
        neapi_buffer json = {.data = reply->json, .capacity = reply->json_room};
        write_json(&json, &reply->receipt);
        json.data[json.size] = '\0';
        reply->json_size = json.size;
        atomic_store(&reply->written, true);
    }
    pthread_mutex_unlock(&writing);
}

const char *neap_reply_json(const neap_reply *reply, size_t *size)
{
    if (!atomic_load(&reply->written))
        write_receipt((neap_reply *)(uintptr_t)reply);
    if (size != NULL)
        *size = reply->json_size;
    return reply->json;
}

const neap_receipt *neap_reply_receipt(const neap_reply *reply)
{
    return reply->is_receipt ? &reply->receipt : NULL;
}

void neapi_reply_set_behind(neap_reply *reply)
{
    reply->receipt.caught_up = false;
}

neap_reply *neapi_reply_json(neapi_buffer *json)
{
    neap_reply *reply = neapi_alloc_zero(1, sizeof *reply);
    if (reply == NULL)
        return NULL;
    reply->json_is_apart = true;
    atomic_init(&reply->written, true);
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

/* What a receipt's JSON has beside its stream and types: names, numbers, the id. */
#define JSON_FRAME_BYTES 256
/* A character of a name, as JSON writes it at most; quotes and a comma. */
#define JSON_ESCAPE_BYTES 6
#define JSON_QUOTES       3

static neap_text placed(char **at, neap_text text)
{
    char *copy = *at;
    if (text.size != 0)
        memcpy(copy, text.data, text.size);
    *at += text.size;
    return neapi_text(copy, text.size);
}

/* One allocation: the reply, its texts of types, what the texts say, room for the JSON. The types
 * are the caller's to place: they begin at *at. */
static neap_reply *receipt_of(neap_receipt receipt, size_t type_bytes, neap_text **types, char **at)
{
    size_t text_bytes = receipt.stream.size + type_bytes;
    size_t json_bytes =
        JSON_FRAME_BYTES + JSON_ESCAPE_BYTES * text_bytes + JSON_QUOTES * receipt.event_count;
    neap_reply *reply = neapi_alloc(sizeof *reply + receipt.event_count * sizeof(neap_text) +
                                    text_bytes + json_bytes);
    if (reply == NULL)
        return NULL;
    *types = (neap_text *)(void *)(reply + 1);
    *at = (char *)(*types + receipt.event_count);
    receipt.stream = placed(at, receipt.stream);
    receipt.events = *types;
    reply->json = *at + type_bytes;
    reply->json_size = 0;
    reply->json_room = json_bytes;
    reply->is_receipt = true;
    reply->json_is_apart = false;
    atomic_init(&reply->written, false);
    reply->receipt = receipt;
    reply->receipt.caught_up = true;
    return reply;
}

neap_reply *neapi_reply_receipt(neap_uuid command_id, const neapi_unit *unit, neap_text stream,
                                uint64_t version, uint64_t position)
{
    neap_receipt receipt = {
        .command_id = command_id, .stream = stream, .version = version, .position = position};
    size_t type_bytes = 0;
    for (size_t i = 0; i < unit->event_count; i++)
        type_bytes += unit->events[i].type.size;
    if (unit->event_count > 0) {
        const neap_event *last = &unit->events[unit->event_count - 1];
        receipt.stream = last->stream;
        receipt.version = last->version;
        receipt.position = last->position;
    }
    receipt.event_count = unit->event_count;
    neap_text *types;
    char *at;
    neap_reply *reply = receipt_of(receipt, type_bytes, &types, &at);
    for (size_t i = 0; reply != NULL && i < unit->event_count; i++)
        types[i] = placed(&at, unit->events[i].type);
    return reply;
}

neap_reply *neapi_reply_repeated(const neapi_key *key)
{
    neap_receipt receipt = {.command_id = key->command_id,
                            .stream = key->stream,
                            .event_count = count_types(key->types),
                            .version = key->version,
                            .position = key->position,
                            .repeated = true};
    neap_text *types;
    char *at;
    neap_reply *reply = receipt_of(receipt, key->types.size, &types, &at);
    if (reply != NULL)
        split_types(placed(&at, key->types), types, receipt.event_count);
    return reply;
}
