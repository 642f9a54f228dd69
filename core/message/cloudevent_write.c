#include <string.h>

#include "base/text.h"
#include "base/uuid.h"
#include "message/cloudevent.h"
#include "message/json.h"
#include "message/skip.h"
#include "message/write.h"

static void next(neapi_buffer *json)
{
    if (json->size > 0 && json->data[json->size - 1] != '{')
        neapi_buffer_byte(json, ',');
}

static void write_text(neapi_buffer *json, const char *name, neap_text text)
{
    if (text.size == 0)
        return;
    next(json);
    neapi_buffer_format(json, "\"%s\":", name);
    neapi_json_quote(json, text);
}

static void write_id(neapi_buffer *json, const char *name, neap_uuid id)
{
    char text[37];
    if (neapi_uuid_is_zero(id))
        return;
    neap_uuid_format(id, text);
    write_text(json, name, neapi_text(text, 36));
}

static void write_count(neapi_buffer *json, const char *name, uint64_t count)
{
    if (count == 0)
        return;
    next(json);
    neapi_buffer_format(json, "\"%s\":\"%llu\"", name, (unsigned long long)count);
}

static void write_data(neapi_buffer *json, neap_text data)
{
    if (data.size == 0)
        return;
    next(json);
    NEAPI_BUFFER_LITERAL(json, "\"data\":");
    neapi_buffer_text(json, data);
    NEAPI_BUFFER_LITERAL(json, ",\"datacontenttype\":\"application/json\"");
}

static bool is_trace(neap_text name)
{
    return neapi_text_equal(name, NEAPI_LITERAL("traceparent")) ||
           neapi_text_equal(name, NEAPI_LITERAL("tracestate"));
}

/* What the metadata has beside the trace. */
static void write_meta(neapi_buffer *json, neap_text meta)
{
    neapi_buffer rest = NEAPI_BUFFER_INIT;
    neapi_member member;
    if (meta.size == 0)
        return;
    neapi_scan scan = neapi_scan_of(meta, 1);
    while (neapi_scan_next_member(&scan, &member)) {
        if (is_trace(member.raw))
            continue;
        neapi_buffer_byte(&rest, rest.size == 0 ? '{' : ',');
        neapi_buffer_byte(&rest, '"');
        neapi_buffer_text(&rest, member.raw);
        NEAPI_BUFFER_LITERAL(&rest, "\":");
        neapi_buffer_text(&rest, member.value);
    }
    if (rest.size != 0) {
        neapi_buffer_byte(&rest, '}');
        write_text(json, "meta", neapi_text(rest.data, rest.size));
    }
    json->failed |= rest.failed;
    neapi_buffer_fini(&rest);
}

static void write_trace(neapi_buffer *json, const char *name, neap_text meta)
{
    neap_text raw;
    if (meta.size == 0 || !neapi_json_member(meta, neapi_text_of(name), &raw))
        return;
    next(json);
    neapi_buffer_format(json, "\"%s\":", name);
    neapi_buffer_text(json, raw);
}

static void write_tags(neapi_buffer *json, const neap_event *event)
{
    neapi_buffer list = NEAPI_BUFFER_INIT;
    if (event->tag_count == 0)
        return;
    for (uint32_t i = 0; i < event->tag_count; i++) {
        neapi_buffer_byte(&list, i == 0 ? '[' : ',');
        neapi_json_quote(&list, event->tags[i]);
    }
    neapi_buffer_byte(&list, ']');
    write_text(json, "tags", neapi_text(list.data, list.size));
    json->failed |= list.failed;
    neapi_buffer_fini(&list);
}

static void write_schema(neapi_buffer *json, uint32_t schema)
{
    next(json);
    if (schema <= INT32_MAX)
        neapi_buffer_format(json, "\"schemaversion\":%u", schema);
    else
        neapi_buffer_format(json, "\"schemaversion\":\"%u\"", schema);
}

void neapi_cloudevent_write(neapi_buffer *json, const neap_event *event, neap_text source)
{
    neapi_buffer_byte(json, '{');
    write_id(json, "causationid", event->causation_id);
    write_id(json, "commandid", event->command_id);
    write_id(json, "correlationid", event->correlation_id);
    write_data(json, event->data);
    write_id(json, "id", event->id);
    write_meta(json, event->meta);
    write_count(json, "position", event->position);
    if (event->schema != 0)
        write_schema(json, event->schema);
    write_text(json, "source", source);
    write_text(json, "specversion", NEAPI_LITERAL("1.0"));
    write_count(json, "streamversion", event->version);
    write_text(json, "subject", event->stream);
    write_tags(json, event);
    next(json);
    NEAPI_BUFFER_LITERAL(json, "\"time\":");
    neapi_json_time(json, event->recorded_at);
    write_trace(json, "traceparent", event->meta);
    write_trace(json, "tracestate", event->meta);
    write_text(json, "type", event->type);
    neapi_buffer_byte(json, '}');
}
