#include "message/json.h"
#include "message/write.h"

static void write_count(neapi_buffer *json, const char *name, uint64_t count)
{
    neapi_buffer_format(json, "\"%s\":%llu,", name, (unsigned long long)count);
}

static void write_rate(neapi_buffer *json, const char *name, double rate)
{
    neapi_buffer_format(json, "\"%s\":", name);
    neapi_write_float(json, rate);
    neapi_buffer_byte(json, ',');
}

static void write_time(neapi_buffer *json, const char *name, int64_t us)
{
    neapi_buffer_format(json, "\"%s\":", name);
    neapi_json_time(json, us);
    neapi_buffer_byte(json, ',');
}

/* Ends what began with `open`, in the place of the last comma. */
static void end(neapi_buffer *json, char open)
{
    if (json->size > 0 && json->data[json->size - 1] == ',')
        json->size--;
    neapi_buffer_byte(json, open == '[' ? ']' : '}');
}

static void write_types(neapi_buffer *json, const neap_type_statistics *type)
{
    NEAPI_BUFFER_LITERAL(json, "\"types\":[");
    for (; type != NULL; type = type->next) {
        NEAPI_BUFFER_LITERAL(json, "{\"type\":");
        neapi_json_quote(json, type->type);
        neapi_buffer_byte(json, ',');
        write_count(json, "schema", type->schema);
        write_count(json, "events", type->events);
        write_count(json, "first", type->first);
        write_count(json, "last", type->last);
        write_count(json, "data_bytes", type->data_bytes);
        end(json, '{');
        neapi_buffer_byte(json, ',');
    }
    end(json, '[');
    neapi_buffer_byte(json, ',');
}

static void write_categories(neapi_buffer *json, const neap_category_statistics *category)
{
    NEAPI_BUFFER_LITERAL(json, "\"categories\":[");
    for (; category != NULL; category = category->next) {
        NEAPI_BUFFER_LITERAL(json, "{\"category\":");
        neapi_json_quote(json, category->category);
        neapi_buffer_byte(json, ',');
        write_count(json, "streams", category->streams);
        write_count(json, "events", category->events);
        end(json, '{');
        neapi_buffer_byte(json, ',');
    }
    end(json, '[');
    neapi_buffer_byte(json, ',');
}

static void write_streams(neapi_buffer *json, const neap_stream_statistics *stream)
{
    NEAPI_BUFFER_LITERAL(json, "\"longest_streams\":[");
    for (; stream != NULL; stream = stream->next) {
        NEAPI_BUFFER_LITERAL(json, "{\"stream\":");
        neapi_json_quote(json, stream->stream);
        neapi_buffer_byte(json, ',');
        write_count(json, "events", stream->events);
        write_count(json, "last", stream->last);
        end(json, '{');
        neapi_buffer_byte(json, ',');
    }
    end(json, '[');
    neapi_buffer_byte(json, ',');
}

static void write_times(neapi_buffer *json, const neap_statistics *statistics)
{
    if (statistics->events != 0) {
        write_time(json, "first_at", statistics->first_at);
        write_time(json, "last_at", statistics->last_at);
    }
    write_count(json, "last_hour", statistics->last_hour);
    write_count(json, "last_day", statistics->last_day);
    if (statistics->per_second > 0) {
        write_rate(json, "per_second", statistics->per_second);
        write_rate(json, "per_minute", statistics->per_second * 60);
        write_rate(json, "per_day", statistics->per_second * 86400);
    }
}

void neapi_json_statistics(neapi_buffer *json, const neap_statistics *statistics)
{
    neapi_buffer_byte(json, '{');
    write_time(json, "taken_at", statistics->taken_at);
    write_count(json, "events", statistics->events);
    write_count(json, "tagged_events", statistics->tagged_events);
    write_count(json, "data_bytes", statistics->data_bytes);
    write_count(json, "streams", statistics->streams);
    write_count(json, "commands", statistics->commands);
    write_count(json, "keys", statistics->keys);
    write_count(json, "snapshots", statistics->snapshots);
    write_count(json, "snapshot_bytes", statistics->snapshot_bytes);
    write_count(json, "store_bytes", statistics->store_bytes);
    write_count(json, "log_bytes", statistics->log_bytes);
    write_times(json, statistics);
    write_types(json, statistics->types);
    write_categories(json, statistics->categories);
    write_streams(json, statistics->longest_streams);
    end(json, '{');
}
