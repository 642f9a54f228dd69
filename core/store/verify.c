#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/map.h"
#include "base/text.h"
#include "base/uuid.h"
#include "message/json.h"
#include "store/check.h"
#include "store/idset.h"
#include "store/store.h"
#include "store/tally.h"

#define PAGE_EVENTS 1000
#define PAGE_BYTES  (4 * 1024 * 1024)

/* A stream as far as the log was read. */
typedef struct seen_stream {
    neap_text name;
    uint64_t version;  /* of its last event */
    uint64_t position; /* the same */
} seen_stream;

typedef struct verifier {
    neapi_session *session;
    const neapi_verify_sink *sink;
    uint64_t findings;
    uint64_t events;
    uint64_t last;     /* position of the last event read */
    neapi_arena names; /* streams and types */
    neapi_map streams, types;
    neapi_tally tags;
    neapi_idset ids;
    neapi_arena command;  /* the one looked at */
    neap_uuid command_id; /* of the event before */
    bool command_found;
} verifier;

static void find(verifier *verifying, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What a damaged store holds may be anything; a finding is one line of text. */
static void make_printable(char *text)
{
    bool valid = neapi_utf8_valid(text, strlen(text));
    for (char *at = text; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;
        if (byte < 0x20 || byte == 0x7F || (byte >= 0x80 && !valid))
            *at = '?';
    }
}

/* Reports one broken invariant. */
static void find(verifier *verifying, const char *format, ...)
{
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    make_printable(text);
    verifying->findings++;
    verifying->sink->finding(verifying->sink->user, text);
}

static void forward_finding(void *user, const char *text)
{
    find(user, "%s", text);
}

/* Reports what a check says about the event. */
static void find_failed(verifier *verifying, const neap_event *event, const char *what,
                        const neap_error *error)
{
    find(verifying, "Position %" PRIu64 ", version %" PRIu64 " of %.*s: %s%s.", event->position,
         event->version, NEAPI_TEXT(event->stream), what, error->message);
}

static void check_json(verifier *verifying, const neap_event *event, const char *what,
                       neap_text json)
{
    neap_error error;
    if (neapi_json_check(json, NEAPI_JSON_DEPTH, &error) != NEAP_OK)
        find_failed(verifying, event, what, &error);
}

static void check_names(verifier *verifying, const neap_event *event)
{
    neap_error error;
    if (neapi_stream_check(event->stream, &error) != NEAP_OK)
        find_failed(verifying, event, "", &error);
    if (neapi_name_check(event->type, "the type's name", &error) != NEAP_OK)
        find_failed(verifying, event, "", &error);
    for (uint32_t i = 0; i < event->tag_count; i++) {
        if (neapi_tag_check(event->tags[i], &error) != NEAP_OK)
            find_failed(verifying, event, "", &error);
        if (i > 0 && neapi_text_compare(event->tags[i - 1], event->tags[i]) >= 0)
            find(verifying, "Position %" PRIu64 ": the tags are not in bytewise order, each once.",
                 event->position);
    }
}

static neap_status check_id(verifier *verifying, const neap_event *event)
{
    if (neapi_uuid_is_zero(event->id)) {
        find(verifying, "Position %" PRIu64 ": the event has no id.", event->position);
        return NEAP_OK;
    }
    bool known;
    neap_status status = neapi_idset_add(&verifying->ids, event->id, &known);
    if (status == NEAP_OK && known) {
        char id[37];
        neap_uuid_format(event->id, id);
        find(verifying, "Position %" PRIu64 ": the id %s belongs to an earlier event too.",
             event->position, id);
    }
    return status;
}

static neap_status check_version(verifier *verifying, const neap_event *event)
{
    seen_stream *stream = neapi_map_get(&verifying->streams, event->stream);
    if (stream == NULL) {
        stream = neapi_arena_alloc(&verifying->names, sizeof *stream);
        neap_text name = neapi_arena_text(&verifying->names, event->stream);
        if (stream == NULL || name.data == NULL ||
            !neapi_map_put(&verifying->streams, name, stream))
            return NEAP_NOMEM;
        *stream = (seen_stream){.name = name};
    }
    if (event->version != stream->version + 1)
        find(verifying,
             "Position %" PRIu64 ": version %" PRIu64 " of %.*s follows version %" PRIu64 ".",
             event->position, event->version, NEAPI_TEXT(event->stream), stream->version);
    stream->version = event->version;
    stream->position = event->position;
    return NEAP_OK;
}

static neap_status note_type(verifier *verifying, const neap_event *event)
{
    if (neapi_map_get(&verifying->types, event->type) != NULL)
        return NEAP_OK;
    neap_text name = neapi_arena_text(&verifying->names, event->type);
    if (name.data == NULL || !neapi_map_put(&verifying->types, name, (void *)name.data))
        return NEAP_NOMEM;
    return NEAP_OK;
}

/* A command need not be there, as recording them can be turned off; but then it is missing for all
 * that it decided. */
static neap_status check_command(verifier *verifying, const neap_event *event, neap_error *error)
{
    if (neapi_uuid_is_zero(event->command_id))
        return NEAP_OK;
    neapi_command command;
    bool found;
    neapi_arena_clear(&verifying->command);
    neap_status status = neapi_find_command(verifying->session, event->position,
                                            &verifying->command, &command, &found, error);
    if (status != NEAP_OK)
        return status;
    bool same = neapi_uuid_equal(event->command_id, verifying->command_id);
    if (same && found != verifying->command_found)
        find(verifying,
             "Position %" PRIu64
             ": the event's command is %s, and is %s for the event before, which "
             "the same command decided.",
             event->position, found ? "there" : "missing", found ? "missing" : "there");
    if (found && !neapi_uuid_equal(command.id, event->command_id))
        find(verifying,
             "Position %" PRIu64 ": the event names another command than the store does.",
             event->position);
    if (found && !same && command.data.size != 0)
        check_json(verifying, event, "its command's data: ", command.data);
    if (found && !same && command.meta.size != 0)
        check_json(verifying, event, "its command's meta: ", command.meta);
    verifying->command_id = event->command_id;
    verifying->command_found = found;
    return NEAP_OK;
}

static neap_status check_event(verifier *verifying, const neap_event *event, neap_error *error)
{
    if (event->position != verifying->last + 1)
        find(verifying, "Position %" PRIu64 " follows position %" PRIu64 ".", event->position,
             verifying->last);
    verifying->last = event->position;
    verifying->events++;
    check_names(verifying, event);
    check_json(verifying, event, "its data: ", event->data);
    if (event->meta.size != 0)
        check_json(verifying, event, "its meta: ", event->meta);
    if (event->recorded_at <= 0)
        find(verifying, "Position %" PRIu64 ": the event was recorded at %" PRId64 " µs.",
             event->position, event->recorded_at);
    if (event->schema == 0)
        find(verifying, "Position %" PRIu64 ": the event has schema version 0.", event->position);
    if (check_id(verifying, event) != NEAP_OK || check_version(verifying, event) != NEAP_OK ||
        note_type(verifying, event) != NEAP_OK || !neapi_tally_note(&verifying->tags, event))
        return neapi_nomem(error);
    return check_command(verifying, event, error);
}

/* Reads on until nothing is left. */
static neap_status check_log(verifier *verifying, neapi_page *page, uint64_t *from,
                             neap_error *error)
{
    neap_status status;
    do {
        neapi_range range = {
            .from = *from, .to = UINT64_MAX, .max_events = PAGE_EVENTS, .max_bytes = PAGE_BYTES};
        status = neapi_read(verifying->session, &range, page, error);
        for (size_t i = 0; i < page->count && status == NEAP_OK; i++)
            status = check_event(verifying, &page->events[i], error);
        *from = page->next;
    } while (status == NEAP_OK && !page->last);
    return status;
}

/* Whether others have committed since the log was read: then what is counted now is more. */
static neap_status has_moved(verifier *verifying, bool *moved, neap_error *error)
{
    uint64_t head;
    neap_status status = neapi_head(verifying->session, &head, error);
    if (status == NEAP_OK)
        *moved = head > verifying->last;
    return status;
}

static neap_status check_head(verifier *verifying, neapi_page *page, neap_error *error)
{
    uint64_t head, from = 1, before;
    neap_status status;
    do {
        before = verifying->last;
        status = check_log(verifying, page, &from, error);
        if (status == NEAP_OK)
            status = neapi_head(verifying->session, &head, error);
    } while (status == NEAP_OK && head > verifying->last && verifying->last > before);
    if (status == NEAP_OK && head != verifying->last)
        find(verifying,
             "The store's last position is %" PRIu64 "; its last event has position %" PRIu64 ".",
             head, verifying->last);
    return status;
}

static neap_status check_streams(verifier *verifying, neap_error *error)
{
    size_t at = 0;
    const seen_stream *stream;
    while ((stream = neapi_map_next(&verifying->streams, &at)) != NULL) {
        uint64_t version, position;
        bool moved = false;
        if (neapi_stream_check(stream->name, NULL) != NEAP_OK)
            continue; /* It was found already, and cannot be asked for. */
        neap_status status =
            neapi_stream_head(verifying->session, stream->name, &version, &position, error);
        if (status == NEAP_OK && (version > stream->version || position > stream->position))
            status = has_moved(verifying, &moved, error);
        if (status != NEAP_OK)
            return status;
        if (!moved && (version != stream->version || position != stream->position))
            find(verifying,
                 "The stream %.*s ends with version %" PRIu64 " at position %" PRIu64
                 "; the store says version %" PRIu64 " at position %" PRIu64 ".",
                 NEAPI_TEXT(stream->name), stream->version, stream->position, version, position);
    }
    return NEAP_OK;
}

/* What was read does not change, so it does not matter whether others have committed meanwhile. */
static neap_status check_tags(verifier *verifying, neap_error *error)
{
    const neapi_verify_sink sink = {verifying, forward_finding};
    return neapi_tally_compare(&verifying->tags, verifying->session, verifying->last, &sink, error);
}

static void compare(verifier *verifying, const char *what, uint64_t store, uint64_t log)
{
    if (store != log)
        find(verifying, "The store counts %" PRIu64 " %s; its log has %" PRIu64 ".", store, what,
             log);
}

static neap_status check_backend(verifier *verifying, neap_verification *result, neap_error *error)
{
    const neapi_session *session = verifying->session;
    const neapi_verify_sink sink = {verifying, forward_finding};
    neap_status status = session->store->backend->verify(verifying->session, &sink, result, error);
    if (status != NEAP_OK) {
        neapi_error_prefix(error, "verify %s", session->store->name);
        return status;
    }
    bool moved;
    status = has_moved(verifying, &moved, error);
    if (status == NEAP_OK && !moved) {
        compare(verifying, "events", result->events, verifying->events);
        compare(verifying, "streams", result->streams, verifying->streams.count);
        compare(verifying, "types", result->types, verifying->types.count);
    }
    return status;
}

neap_status neapi_verify(neapi_session *session, const neapi_verify_sink *sink,
                         neap_verification *result, neap_error *error)
{
    neap_error local;
    if (error == NULL)
        error = &local;
    verifier verifying = {.session = session, .sink = sink};
    neapi_map_init(&verifying.streams);
    neapi_map_init(&verifying.types);
    neapi_tally_init(&verifying.tags);
    neapi_page page = NEAPI_PAGE_INIT;
    neap_verification counts = {0};
    neap_status status = check_head(&verifying, &page, error);
    if (status == NEAP_OK)
        status = check_streams(&verifying, error);
    if (status == NEAP_OK)
        status = check_tags(&verifying, error);
    if (status == NEAP_OK)
        status = check_backend(&verifying, &counts, error);
    if (status == NEAP_OK) {
        counts.findings = verifying.findings;
        *result = counts;
    }
    neapi_page_fini(&page);
    neapi_arena_fini(&verifying.names);
    neapi_arena_fini(&verifying.command);
    neapi_map_fini(&verifying.streams);
    neapi_map_fini(&verifying.types);
    neapi_tally_fini(&verifying.tags);
    neapi_idset_fini(&verifying.ids);
    return status;
}
