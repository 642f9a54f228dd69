#include <time.h>

#include "message/json.h"
#include "message/write.h"

/* A comma, unless it is the object's first member, and the name. */
static void write_name(neapi_buffer *json, const char *name)
{
    if (json->size > 0 && json->data[json->size - 1] != '{')
        neapi_buffer_byte(json, ',');
    neapi_buffer_format(json, "\"%s\":", name);
}

static void write_text(neapi_buffer *json, const char *name, neap_text text)
{
    if (text.size == 0)
        return;
    write_name(json, name);
    neapi_json_quote(json, text);
}

static void write_count(neapi_buffer *json, const char *name, uint64_t value)
{
    write_name(json, name);
    neapi_buffer_format(json, "%llu", (unsigned long long)value);
}

static void write_id(neapi_buffer *json, const char *name, neap_uuid id)
{
    static const neap_uuid none;
    char text[37];
    if (memcmp(&id, &none, sizeof id) == 0)
        return;
    neap_uuid_format(id, text);
    write_text(json, name, (neap_text){text, 36});
}

void neapi_json_time(neapi_buffer *json, int64_t us)
{
    int64_t seconds = us / 1000000, fraction = us % 1000000;
    if (fraction < 0) {
        fraction += 1000000;
        seconds--;
    }
    time_t when = (time_t)seconds;
    struct tm tm;
    if (gmtime_r(&when, &tm) == NULL) {
        NEAPI_BUFFER_LITERAL(json, "null");
        return;
    }
    neapi_buffer_format(json, "\"%04lld-%02d-%02dT%02d:%02d:%02d.%06dZ\"", 1900LL + tm.tm_year,
                        tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)fraction);
}

static void write_tags(neapi_buffer *json, const neap_event *event)
{
    if (event->tag_count == 0)
        return;
    write_name(json, "tags");
    for (uint32_t i = 0; i < event->tag_count; i++) {
        neapi_buffer_byte(json, i == 0 ? '[' : ',');
        neapi_json_quote(json, event->tags[i]);
    }
    neapi_buffer_byte(json, ']');
}

static void write_raw(neapi_buffer *json, const char *name, neap_text raw)
{
    if (raw.size == 0)
        return;
    write_name(json, name);
    neapi_buffer_text(json, raw);
}

void neapi_json_event(neapi_buffer *json, const neap_event *event)
{
    neapi_buffer_byte(json, '{');
    write_count(json, "position", event->position);
    write_text(json, "stream", event->stream);
    write_count(json, "version", event->version);
    write_text(json, "type", event->type);
    write_count(json, "schema", event->schema);
    write_raw(json, "data", event->data);
    write_name(json, "recorded_at");
    neapi_json_time(json, event->recorded_at);
    write_id(json, "id", event->id);
    write_id(json, "correlation_id", event->correlation_id);
    write_id(json, "causation_id", event->causation_id);
    write_id(json, "command_id", event->command_id);
    write_tags(json, event);
    write_raw(json, "meta", event->meta);
    neapi_buffer_byte(json, '}');
}
