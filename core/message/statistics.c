#include "message/json.h"
#include "message/object.h"

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

static void write_types(neapi_buffer *json, const neap_type_statistics *type)
{
    NEAPI_BUFFER_LITERAL(json, "\"types\":[");
    for (; type != NULL; type = type->next) {
        NEAPI_BUFFER_LITERAL(json, "{\"type\":");
        neapi_json_quote(json, type->type);
        neapi_buffer_byte(json, ',');
        neapi_write_count(json, "schema", type->schema);
        neapi_write_count(json, "events", type->events);
        neapi_write_count(json, "first", type->first);
        neapi_write_count(json, "last", type->last);
        neapi_write_count(json, "data_bytes", type->data_bytes);
        neapi_write_end(json, '{');
        neapi_buffer_byte(json, ',');
    }
    neapi_write_end(json, '[');
    neapi_buffer_byte(json, ',');
}

static void write_categories(neapi_buffer *json, const neap_category_statistics *category)
{
    NEAPI_BUFFER_LITERAL(json, "\"categories\":[");
    for (; category != NULL; category = category->next) {
        NEAPI_BUFFER_LITERAL(json, "{\"category\":");
        neapi_json_quote(json, category->category);
        neapi_buffer_byte(json, ',');
        neapi_write_count(json, "streams", category->streams);
        neapi_write_count(json, "events", category->events);
        neapi_write_end(json, '{');
        neapi_buffer_byte(json, ',');
    }
    neapi_write_end(json, '[');
    neapi_buffer_byte(json, ',');
}

static void write_streams(neapi_buffer *json, const neap_stream_statistics *stream)
{
    NEAPI_BUFFER_LITERAL(json, "\"longest_streams\":[");
    for (; stream != NULL; stream = stream->next) {
        NEAPI_BUFFER_LITERAL(json, "{\"stream\":");
        neapi_json_quote(json, stream->stream);
        neapi_buffer_byte(json, ',');
        neapi_write_count(json, "events", stream->events);
        neapi_write_count(json, "last", stream->last);
        neapi_write_end(json, '{');
        neapi_buffer_byte(json, ',');
    }
    neapi_write_end(json, '[');
    neapi_buffer_byte(json, ',');
}

static void write_times(neapi_buffer *json, const neap_statistics *statistics)
{
    if (statistics->events != 0) {
        write_time(json, "first_at", statistics->first_at);
        write_time(json, "last_at", statistics->last_at);
    }
    neapi_write_count(json, "last_hour", statistics->last_hour);
    neapi_write_count(json, "last_day", statistics->last_day);
    if (statistics->per_second > 0) {
        write_rate(json, "per_second", statistics->per_second);
        write_rate(json, "per_minute", statistics->per_second * 60);
        write_rate(json, "per_day", statistics->per_second * 86400);
    }
}

static void write_members(neapi_buffer *json, const neap_member_statistics *one)
{
    NEAPI_BUFFER_LITERAL(json, "\"members\":[");
    for (; one != NULL; one = one->next) {
        NEAPI_BUFFER_LITERAL(json, "{\"member\":");
        neapi_json_quote(json, one->member);
        NEAPI_BUFFER_LITERAL(json, ",\"host\":");
        neapi_json_quote(json, one->host);
        neapi_buffer_byte(json, ',');
        neapi_write_count(json, "pid", one->pid);
        if (one->seen_at != 0)
            write_time(json, "seen_at", one->seen_at);
        neapi_write_count(json, "owned", one->owned);
        neapi_buffer_format(json, "\"queue\":%s}", one->queue ? "true" : "false");
        neapi_buffer_byte(json, ',');
    }
    neapi_write_end(json, '[');
    neapi_buffer_byte(json, ',');
}

static void write_owner(neapi_buffer *json, const neap_member_statistics *owner)
{
    NEAPI_BUFFER_LITERAL(json, "\"owner\":{\"member\":");
    neapi_json_quote(json, owner->member);
    NEAPI_BUFFER_LITERAL(json, ",\"host\":");
    neapi_json_quote(json, owner->host);
    neapi_buffer_format(json, ",\"pid\":%llu},", (unsigned long long)owner->pid);
}

static void write_subscriptions(neapi_buffer *json, const neap_subscription_statistics *one)
{
    NEAPI_BUFFER_LITERAL(json, "\"subscriptions\":[");
    for (; one != NULL; one = one->next) {
        NEAPI_BUFFER_LITERAL(json, "{\"name\":");
        neapi_json_quote(json, one->name);
        NEAPI_BUFFER_LITERAL(json, ",\"kind\":");
        neapi_json_quote(json, one->kind);
        neapi_buffer_format(json, ",\"paused\":%s,", one->paused ? "true" : "false");
        neapi_write_count(json, "build", one->build);
        neapi_write_count(json, "version", one->version);
        neapi_write_count(json, "partitions", one->partitions);
        neapi_write_count(json, "position", one->position);
        neapi_write_count(json, "lag", one->lag);
        neapi_write_count(json, "documents", one->documents);
        neapi_write_count(json, "dead_letters", one->dead_letters);
        if (one->waiting != 0)
            neapi_write_count(json, "waiting", one->waiting);
        if (neapi_text_equal(one->kind, NEAPI_LITERAL("saga"))) {
            neapi_write_count(json, "sagas", one->sagas);
            neapi_write_count(json, "stopped_sagas", one->stopped_sagas);
        }
        if (one->next_build != 0) {
            neapi_write_count(json, "next_build", one->next_build);
            neapi_write_count(json, "next_position", one->next_position);
        }
        if (one->owner != NULL)
            write_owner(json, one->owner);
        neapi_write_end(json, '{');
        neapi_buffer_byte(json, ',');
    }
    neapi_write_end(json, '[');
    neapi_buffer_byte(json, ',');
}

void neapi_json_statistics(neapi_buffer *json, const neap_statistics *statistics)
{
    neapi_buffer_byte(json, '{');
    write_time(json, "taken_at", statistics->taken_at);
    neapi_write_count(json, "events", statistics->events);
    neapi_write_count(json, "tagged_events", statistics->tagged_events);
    neapi_write_count(json, "data_bytes", statistics->data_bytes);
    neapi_write_count(json, "streams", statistics->streams);
    neapi_write_count(json, "commands", statistics->commands);
    neapi_write_count(json, "keys", statistics->keys);
    neapi_write_count(json, "snapshots", statistics->snapshots);
    neapi_write_count(json, "snapshot_bytes", statistics->snapshot_bytes);
    neapi_write_count(json, "collections", statistics->collections);
    neapi_write_count(json, "documents", statistics->documents);
    neapi_write_count(json, "document_bytes", statistics->document_bytes);
    neapi_write_count(json, "queued", statistics->queued);
    neapi_write_count(json, "dead_commands", statistics->dead_commands);
    if (statistics->next_due_at != 0)
        write_time(json, "next_due_at", statistics->next_due_at);
    neapi_write_count(json, "store_bytes", statistics->store_bytes);
    neapi_write_count(json, "log_bytes", statistics->log_bytes);
    write_times(json, statistics);
    write_types(json, statistics->types);
    write_categories(json, statistics->categories);
    write_streams(json, statistics->longest_streams);
    write_subscriptions(json, statistics->subscriptions);
    if (statistics->shared)
        write_members(json, statistics->members);
    neapi_write_end(json, '{');
}
