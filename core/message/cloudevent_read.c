#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "message/cloudevent.h"
#include "message/json.h"
#include "message/skip.h"
#include "message/time.h"
#include "message/trace.h"

typedef struct reading {
    const neapi_scan *scan;
    neapi_arena *arena;
    neap_error *error;
    bool versioned;                          /* it has a specversion */
    neap_text meta, traceparent, tracestate; /* raw values */
    neapi_cloudevent event;
} reading;

/* Takes a member's value, whichever kind it has to be of, to its place within the reading. */
typedef neap_status (*take)(reading *r, const neapi_member *member, void *place);

static neap_status refuse(const reading *r, const neapi_member *member, const char *expected)
{
    char found[128], problem[256];
    neapi_scan_describe(r->scan, member->value.data, found, sizeof found);
    snprintf(problem, sizeof problem, "expected %s, got %s", expected, found);
    return neapi_scan_refuse(r->scan, member->value.data, (neap_text){0}, problem, r->error);
}

/* The member's value, which has to be a text. */
static neap_status read_text(const reading *r, const neapi_member *member, neap_text *text)
{
    neap_text raw = member->value;
    if (raw.data[0] != '"')
        return refuse(r, member, "string");
    char *room = neapi_arena_alloc(r->arena, raw.size);
    if (room == NULL)
        return neapi_nomem(r->error);
    *text = neapi_text(room, neapi_unescape(neapi_text(raw.data + 1, raw.size - 2), room));
    return NEAP_OK;
}

static neap_status take_text(reading *r, const neapi_member *member, void *place)
{
    neap_text *text = place;
    neap_status status = read_text(r, member, text);
    if (status == NEAP_OK && text->size == 0)
        return refuse(r, member, "a text that is not empty");
    return status;
}

static neap_status take_raw(reading *r, const neapi_member *member, void *place)
{
    if (member->value.data[0] != '"')
        return refuse(r, member, "string");
    *(neap_text *)place = member->value;
    return NEAP_OK;
}

/* What others take for an id need not be a UUID. */
static neap_status take_uuid(reading *r, const neapi_member *member, void *place)
{
    neap_text text = {0};
    neap_uuid id;
    neap_status status = read_text(r, member, &text);
    if (status == NEAP_OK && neapi_uuid_parse(text, &id))
        *(neap_uuid *)place = id;
    return status;
}

static neap_status take_id(reading *r, const neapi_member *member, void *place)
{
    neap_status status = take_text(r, member, place);
    return status == NEAP_OK ? take_uuid(r, member, &r->event.event.id) : status;
}

/* An integer, or its digits as a text. */
static neap_status read_count(const reading *r, const neapi_member *member, uint64_t most,
                              uint64_t *count)
{
    neap_text digits = member->value;
    uint64_t value = 0;
    if (digits.data[0] == '"')
        digits = neapi_text(digits.data + 1, digits.size - 2);
    bool sound = digits.size != 0;
    for (size_t i = 0; i < digits.size && sound; i++) {
        unsigned digit = (unsigned)(digits.data[i] - '0');
        sound = digit < 10 && value <= (most - digit) / 10;
        value = value * 10 + digit;
    }
    if (!sound)
        return refuse(r, member, "a count");
    *count = value;
    return NEAP_OK;
}

static neap_status take_count(reading *r, const neapi_member *member, void *place)
{
    return read_count(r, member, UINT64_MAX, place);
}

static neap_status take_schema(reading *r, const neapi_member *member, void *place)
{
    uint64_t schema = 0;
    neap_status status = read_count(r, member, UINT32_MAX, &schema);
    *(uint32_t *)place = (uint32_t)schema;
    return status;
}

static neap_status take_time(reading *r, const neapi_member *member, void *place)
{
    neap_text text = {0};
    neap_status status = read_text(r, member, &text);
    if (status != NEAP_OK)
        return status;
    r->event.timed = neapi_time_read(text, place);
    return r->event.timed ? NEAP_OK : refuse(r, member, "a time as in RFC 3339");
}

static bool ends_with(neap_text text, neap_text end)
{
    return text.size >= end.size &&
           strncasecmp(text.data + text.size - end.size, end.data, end.size) == 0;
}

/* The subtype, in front of any parameter, says whether it is JSON. */
static neap_status take_content_type(reading *r, const neapi_member *member, void *place)
{
    neap_text type = {0};
    neap_status status = read_text(r, member, &type);
    (void)place;
    if (status != NEAP_OK)
        return status;
    const char *semicolon = type.size != 0 ? memchr(type.data, ';', type.size) : NULL;
    if (semicolon != NULL)
        type.size = (size_t)(semicolon - type.data);
    while (type.size != 0 && type.data[type.size - 1] == ' ')
        type.size--;
    if (ends_with(type, NEAPI_LITERAL("/json")) || ends_with(type, NEAPI_LITERAL("+json")))
        return NEAP_OK;
    return refuse(r, member, "a type of JSON, as \"application/json\"");
}

static neap_status take_version(reading *r, const neapi_member *member, void *place)
{
    neap_text text = {0};
    neap_status status = read_text(r, member, &text);
    if (status == NEAP_OK && !neapi_text_equal(text, NEAPI_LITERAL("1.0")))
        return refuse(r, member, "version \"1.0\" of CloudEvents");
    *(bool *)place = true;
    return status;
}

/* list: behind the bracket of a checked list. */
static bool collect_tags(neap_text list, neap_text *tags, char *room, uint32_t *count)
{
    neapi_scan scan = neapi_scan_of(list, 1);
    while (neapi_scan_peek(&scan) == '"') {
        neap_text raw;
        bool escaped;
        if (!neapi_scan_string(&scan, &raw, &escaped))
            return false;
        tags[*count] = neapi_text(room, neapi_unescape(raw, room));
        room += tags[(*count)++].size;
        if (neapi_scan_peek(&scan) == ',')
            scan.at++;
    }
    return neapi_scan_peek(&scan) == ']';
}

static neap_status take_tags(reading *r, const neapi_member *member, void *place)
{
    neap_event *event = place;
    neap_text list = {0};
    neap_status status = read_text(r, member, &list);
    if (status != NEAP_OK)
        return status;
    neapi_scan scan = neapi_scan_of(list, 1);
    if (neapi_json_check(list, 1, NULL) != NEAP_OK || neapi_scan_peek(&scan) != '[')
        return refuse(r, member, "a JSON list of texts");
    list = neapi_text(scan.at + 1, (size_t)(scan.end - scan.at - 1));
    neap_text *tags = neapi_arena_alloc(r->arena, (list.size / 2 + 1) * sizeof *tags);
    char *room = neapi_arena_alloc(r->arena, list.size);
    if (tags == NULL || room == NULL)
        return neapi_nomem(r->error);
    event->tags = tags;
    if (!collect_tags(list, tags, room, &event->tag_count))
        return refuse(r, member, "a JSON list of texts");
    return NEAP_OK;
}

static const struct {
    const char *name;
    take take;
    size_t place;
} attributes[] = {
    {"id", take_id, offsetof(reading, event.id)},
    {"source", take_text, offsetof(reading, event.source)},
    {"specversion", take_version, offsetof(reading, versioned)},
    {"type", take_text, offsetof(reading, event.event.type)},
    {"subject", take_text, offsetof(reading, event.event.stream)},
    {"time", take_time, offsetof(reading, event.event.recorded_at)},
    {"datacontenttype", take_content_type, 0},
    {"dataschema", take_text, offsetof(reading, event.data_schema)},
    {"correlationid", take_uuid, offsetof(reading, event.event.correlation_id)},
    {"causationid", take_uuid, offsetof(reading, event.event.causation_id)},
    {"commandid", take_uuid, offsetof(reading, event.event.command_id)},
    {"position", take_count, offsetof(reading, event.event.position)},
    {"streamversion", take_count, offsetof(reading, event.event.version)},
    {"schemaversion", take_schema, offsetof(reading, event.event.schema)},
    {"tags", take_tags, offsetof(reading, event.event)},
    {"meta", take_raw, offsetof(reading, meta)},
    {"traceparent", take_raw, offsetof(reading, traceparent)},
    {"tracestate", take_raw, offsetof(reading, tracestate)},
};

static neap_status take_attribute(reading *r, neap_text name, const neapi_member *member)
{
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
        if (neapi_text_equal(name, neapi_text_of(attributes[i].name)))
            return attributes[i].take(r, member, (char *)r + attributes[i].place);
    return NEAP_OK;
}

static bool is_attribute_name(neap_text name)
{
    for (size_t i = 0; i < name.size; i++)
        if ((name.data[i] < 'a' || name.data[i] > 'z') &&
            (name.data[i] < '0' || name.data[i] > '9'))
            return false;
    return name.size != 0;
}

static neap_status take_member(reading *r, const neapi_member *member)
{
    char *room = neapi_arena_alloc(r->arena, member->raw.size + 1);
    if (room == NULL)
        return neapi_nomem(r->error);
    neap_text name = neapi_text(room, neapi_unescape(member->raw, room));
    char first = member->value.data[0];
    if (neapi_text_equal(name, NEAPI_LITERAL("data"))) {
        r->event.event.data = member->value;
        return NEAP_OK;
    }
    if (neapi_text_equal(name, NEAPI_LITERAL("data_base64")))
        return neapi_scan_refuse_member(r->scan, member->raw.data - 1,
                                        "binary data is not read; expected JSON in data", r->error);
    if (!is_attribute_name(name))
        return neapi_scan_refuse_member(r->scan, member->raw.data - 1,
                                        "an attribute's name has small letters and digits alone",
                                        r->error);
    if (first == '{' || first == '[')
        return refuse(r, member, "a text, a number or a boolean");
    return first == 'n' ? NEAP_OK : take_attribute(r, name, member);
}

static neap_status check_required(const reading *r, const char *opening)
{
    const struct {
        const char *name;
        bool given;
    } required[] = {{"specversion", r->versioned},
                    {"id", r->event.id.size != 0},
                    {"source", r->event.source.size != 0},
                    {"type", r->event.event.type.size != 0}};
    for (size_t i = 0; i < sizeof required / sizeof *required; i++)
        if (!required[i].given)
            return neapi_scan_refuse(r->scan, opening, neapi_text_of(required[i].name),
                                     "expected a text, got nothing", r->error);
    return NEAP_OK;
}

static void join_trace(neapi_buffer *json, const char *name, neap_text raw)
{
    if (raw.size == 0)
        return;
    if (json->size > 1)
        neapi_buffer_byte(json, ',');
    neapi_buffer_format(json, "\"%s\":", name);
    neapi_buffer_text(json, raw);
}

/* Gives the content of a raw text as a flat object, canonical. */
static neap_status read_flat(const reading *r, neap_text raw, neapi_buffer *flat)
{
    if (raw.size == 0) {
        NEAPI_BUFFER_LITERAL(flat, "{}");
        return flat->failed ? neapi_nomem(r->error) : NEAP_OK;
    }
    neapi_buffer buffer = NEAPI_BUFFER_INIT;
    neapi_json_unquote(raw, &buffer);
    const char *text = neapi_buffer_terminated(&buffer);
    neap_status status = text != NULL
                             ? neapi_json_flat(neapi_text(text, buffer.size), flat, r->error)
                             : neapi_nomem(r->error);
    neapi_buffer_fini(&buffer);
    return status;
}

/* Puts the trace's attributes back into the metadata. */
static neap_status join_meta(reading *r)
{
    neapi_buffer joined = NEAPI_BUFFER_INIT, meta = NEAPI_BUFFER_INIT;
    const char *dropped;
    if (r->meta.size == 0 && r->traceparent.size == 0)
        return NEAP_OK;
    neap_status status = read_flat(r, r->meta, &joined);
    if (status != NEAP_OK)
        goto cleanup;
    joined.size--;
    join_trace(&joined, "traceparent", r->traceparent);
    join_trace(&joined, "tracestate", r->tracestate);
    neapi_buffer_byte(&joined, '}');
    if (joined.failed) {
        status = neapi_nomem(r->error);
        goto cleanup;
    }
    status = neapi_json_flat(neapi_text(joined.data, joined.size), &meta, r->error);
    if (status != NEAP_OK)
        goto cleanup;
    neapi_trace_clean(&meta, &dropped);
    neap_text text = neapi_text(meta.data, meta.size > 2 ? meta.size : 0);
    r->event.event.meta = neapi_arena_text(r->arena, text);
    if (meta.failed || r->event.event.meta.data == NULL)
        status = neapi_nomem(r->error);
cleanup:
    if (status == NEAP_INVALID)
        neapi_error_prefix(r->error, "meta");
    neapi_buffer_fini(&joined);
    neapi_buffer_fini(&meta);
    return status;
}

neap_status neapi_cloudevent_read(neap_text json, neapi_arena *arena, neapi_cloudevent *event,
                                  neap_error *error)
{
    neapi_scan scan = neapi_scan_of(json, NEAPI_JSON_DEPTH);
    neapi_member member;
    reading r = {.scan = &scan, .arena = arena, .error = error};
    neap_status status = neapi_json_check(json, NEAPI_JSON_DEPTH, error);
    if (status != NEAP_OK)
        return status;
    if (neapi_scan_peek(&scan) != '{')
        return neapi_scan_refuse(&scan, scan.at, (neap_text){0}, "expected a CloudEvent, an object",
                                 error);
    const char *opening = scan.at;
    while (status == NEAP_OK && neapi_scan_next_member(&scan, &member))
        status = take_member(&r, &member);
    if (status == NEAP_OK)
        status = check_required(&r, opening);
    if (status == NEAP_OK)
        status = join_meta(&r);
    if (status == NEAP_OK)
        *event = r.event;
    return status;
}
