/* Recorded commands, decided again by two versions of a domain. */
#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "message/json.h"
#include "message/object.h"
#include "runtime/changed.h"
#include "runtime/instance.h"

#define PAGE_EVENTS 1024
#define PAGE_BYTES  ((size_t)1 << 20)

neap_status neapi_changed_command(neapi_changed *it, const neap_event *event,
                                  neapi_command *command, bool *found, neap_error *error)
{
    *found = false;
    neapi_arena_clear(&it->command);
    if (neapi_uuid_is_zero(event->command_id))
        return NEAP_OK;
    neap_status status =
        neapi_find_command(it->session, event->position, &it->command, command, found, error);
    if (status == NEAP_OK && *found && command->data.size == 0)
        *found = false;
    return status;
}

/* ---- Deciding -------------------------------------------------------------------------------- */

typedef struct outcome {
    const char *undecided; /* why it cannot be decided; NULL: it was */
    bool as_recorded;
    neapi_buffer json;
} outcome;

typedef struct deciding {
    neapi_changed *it;
    neapi_changed_pair *pair;
    const neapi_command *command;
    const neap_event *events;
    size_t count;
} deciding;

static void write_event(neapi_buffer *json, neap_text type, neap_text data)
{
    NEAPI_BUFFER_LITERAL(json, "{\"type\":");
    neapi_json_quote(json, type);
    NEAPI_BUFFER_LITERAL(json, ",\"data\":");
    neapi_buffer_text(json, data);
    NEAPI_BUFFER_LITERAL(json, "},");
}

static void write_error(neapi_buffer *json, const neap_error *error)
{
    NEAPI_BUFFER_LITERAL(json, "{\"code\":");
    neapi_json_quote(json, neapi_text_of(error->code));
    neapi_buffer_format(json, ",\"status\":\"%s\",\"message\":", neap_status_name(error->status));
    neapi_json_quote(json, neapi_text_of(error->message));
    if (error->details[0] != '\0')
        neapi_buffer_format(json, ",\"details\":%s", error->details);
    neapi_buffer_byte(json, '}');
}

static bool same_event(const neap_event *recorded, const neap_event *decided)
{
    return recorded->schema == decided->schema && neapi_text_equal(recorded->type, decided->type) &&
           neapi_text_equal(recorded->data, decided->data);
}

/* Whether all of the unit's events are the recorded ones, without looking at what those are today.
 */
static bool same_as_stored(const deciding *job, const neapi_unit *unit)
{
    bool same = unit->event_count == job->count;
    for (size_t i = 0; same && i < job->count; i++)
        same = same_event(&job->events[i], &unit->events[i]);
    return same;
}

/* The same with what they are today. */
static neap_status compare_today(const deciding *job, int code, const neapi_unit *unit, bool *same,
                                 neap_error *error)
{
    neap_error why;
    size_t at = 0;
    *same = true;
    for (size_t i = 0; *same && i < job->count; i++) {
        const neap_event *today;
        size_t count;
        neap_status status = neapi_engine_today(job->it->codes[code].engine, &job->events[i],
                                                &job->it->command, &today, &count, &why);
        if (neapi_changed_fails(status)) {
            *error = why;
            return status;
        }
        *same = status == NEAP_OK && count <= unit->event_count - at;
        for (size_t n = 0; *same && n < count; n++)
            *same = same_event(&today[n], &unit->events[at++]);
    }
    *same = *same && at == unit->event_count;
    return NEAP_OK;
}

static neap_status take_events(const deciding *job, int code, outcome *out, neap_error *error)
{
    const neapi_unit *unit = job->it->unit;
    neap_status status = NEAP_OK;
    if (!job->it->twice) {
        out->as_recorded = same_as_stored(job, unit);
        if (out->as_recorded)
            return NEAP_OK;
        status = compare_today(job, code, unit, &out->as_recorded, error);
        if (status != NEAP_OK || out->as_recorded)
            return status;
    }
    NEAPI_BUFFER_LITERAL(&out->json, "[");
    for (size_t i = 0; i < unit->event_count; i++)
        write_event(&out->json, unit->events[i].type, unit->events[i].data);
    neapi_write_end(&out->json, '[');
    return NEAP_OK;
}

/* The handler has changed the state that it was given: it is folded again. */
static neap_status restore(const deciding *job, int code, neap_error *error)
{
    neapi_changed *it = job->it;
    neapi_changed_pair *pair = job->pair;
    const neapi_instance *instance = &pair->instances[code];
    neapi_engine_state_free(it->codes[code].engine, pair->states[code]);
    pair->states[code] = NEAPI_NO_STATE;
    neap_status status =
        neapi_engine_state_new(it->codes[code].engine, instance, &pair->states[code], error);
    neapi_page page = NEAPI_PAGE_INIT;
    bool by_tags = instance->tag_count != 0;
    neapi_range range = {.stream = by_tags ? (neap_text){0} : instance->stream,
                         .types = by_tags ? instance->aggregate->types : NULL,
                         .type_count = by_tags ? instance->aggregate->type_count : 0,
                         .tags = instance->tags,
                         .tag_count = instance->tag_count,
                         .from = 1,
                         .to = by_tags ? job->events->position - 1 : job->events->version - 1,
                         .max_events = PAGE_EVENTS,
                         .max_bytes = PAGE_BYTES};
    while (status == NEAP_OK && range.from <= range.to) {
        neapi_page_clear(&page);
        status = neapi_read(it->session, &range, &page, error);
        if (status == NEAP_OK && page.count != 0)
            status = neapi_engine_fold(it->codes[code].engine, instance, pair->states[code],
                                       page.events, page.count, error);
        if (status != NEAP_OK || page.last)
            break;
        range.from = page.next;
    }
    neapi_page_fini(&page);
    return status;
}

/* The aggregate that decides the command in this version; NULL, and *why: none can. */
static const neapi_message *find_handler(const deciding *job, int code, const char **why)
{
    const neapi_message *message;
    neap_error unwanted;
    *why = NULL;
    if (neapi_catalog_message(job->it->codes[code].catalog, NEAP_KIND_COMMAND, job->command->name,
                              &message, &unwanted) != NEAP_OK)
        *why = "the domain has no such command any more";
    else if (message->by != NEAPI_BY_AGGREGATE)
        *why = "a plain handler decides it, which may have looked at anything";
    return *why == NULL ? message : NULL;
}

/* Whether the command goes to the pair's instance. If not the outcome says where it goes. */
static neap_status find_instance(const deciding *job, int code, const neapi_message *message,
                                 outcome *out, bool *goes_there, neap_error *error)
{
    const neapi_instance *wanted = &job->pair->instances[code];
    const neapi_catalog *catalog = job->it->codes[code].catalog;
    neapi_instance instance;
    neap_error why;
    neap_status status =
        neapi_instance_of_command(&job->it->command, catalog->aggregates[message->aggregate],
                                  job->command->data, &instance, &why);
    *goes_there = false;
    if (status == NEAP_NOMEM)
        return neapi_nomem(error);
    if (status == NEAP_OK && instance.stream.size == 0)
        status = neapi_fail(&why, NEAP_INVALID,
                            "the field that names the aggregate's instance cannot be read");
    *goes_there = status == NEAP_OK && neapi_text_equal(instance.name, wanted->name);
    if (status == NEAP_OK && !*goes_there)
        neapi_fail(&why, NEAP_UNKNOWN, "it would go to %.*s", NEAPI_TEXT(instance.name));
    if (!*goes_there)
        write_error(&out->json, &why);
    return NEAP_OK;
}

static neap_status run(const deciding *job, int code, const neapi_message *message, outcome *out,
                       neap_error *error)
{
    neapi_changed *it = job->it;
    const neapi_command *command = job->command;
    neapi_signals signals = {.arena = &it->command};
    neapi_call call = {.id = command->id,
                       .correlation_id = command->correlation_id,
                       .causation_id = command->causation_id,
                       .now_us = command->recorded_at,
                       .meta = command->meta,
                       .signals = &signals};
    bool spoilt = false;
    neap_error why;
    neapi_unit_clear(it->unit);
    neap_status status = neapi_engine_decide_again(
        it->codes[code].engine, message, job->pair->states[code], &job->pair->instances[code],
        command->data, &call, it->unit, &spoilt, &why);
    if (status == NEAP_OK)
        return take_events(job, code, out, error);
    if (neapi_changed_fails(status)) {
        *error = why;
        return status;
    }
    write_error(&out->json, &why);
    return spoilt ? restore(job, code, error) : NEAP_OK;
}

static neap_status decide(const deciding *job, int code, outcome *out, neap_error *error)
{
    bool goes_there;
    *out = (outcome){.json = NEAPI_BUFFER_INIT};
    const neapi_message *message = find_handler(job, code, &out->undecided);
    if (message == NULL)
        return NEAP_OK;
    neap_status status = find_instance(job, code, message, out, &goes_there, error);
    if (status != NEAP_OK || !goes_there)
        return status;
    if (job->pair->failed[code]) {
        out->undecided = "the state before it cannot be folded";
        return NEAP_OK;
    }
    return run(job, code, message, out, error);
}

/* ---- What differs ---------------------------------------------------------------------------- */

/* What was recorded, as it is today where that is known. */
static neap_status write_recorded(const deciding *job, neapi_buffer *json, neap_error *error)
{
    neapi_write_begin(json, NEAPI_LITERAL("recorded"), '[');
    for (size_t i = 0; i < job->count; i++) {
        const neap_event *today = &job->events[i];
        size_t count = 1;
        neap_error why;
        neap_status status = neapi_engine_today(job->it->codes[NEAPI_AFTER].engine, &job->events[i],
                                                &job->it->command, &today, &count, &why);
        if (status == NEAP_NOMEM)
            return neapi_nomem(error);
        if (status != NEAP_OK) {
            today = &job->events[i];
            count = 1;
        }
        for (size_t n = 0; n < count; n++)
            write_event(json, today[n].type, today[n].data);
    }
    neapi_write_member_end(json, '[');
    return NEAP_OK;
}

static void write_outcome(neapi_buffer *json, const char *name, const outcome *it)
{
    neapi_buffer_format(json, "\"%s\":{\"%s\":", name,
                        it->json.data[0] == '[' ? "events" : "error");
    neapi_buffer_append(json, it->json.data, it->json.size);
    NEAPI_BUFFER_LITERAL(json, "},");
}

static void write_place(const deciding *job, neapi_buffer *json)
{
    const char *why;
    const neapi_message *message = find_handler(job, NEAPI_AFTER, &why);
    neapi_buffer place = NEAPI_BUFFER_INIT;
    if (message != NULL)
        neapi_engine_place_of_command(job->it->codes[NEAPI_AFTER].engine, message, &place);
    NEAPI_BUFFER_LITERAL(json, "\"handler\":");
    neapi_json_quote(json, neapi_text(place.data, place.size));
    json->failed = json->failed || place.failed;
    neapi_buffer_fini(&place);
}

static neap_status write_decision(const deciding *job, const outcome *after, const outcome *before,
                                  neapi_buffer *json, neap_error *error)
{
    char id[37];
    const neapi_command *command = job->command;
    neap_uuid_format(command->id, id);
    NEAPI_BUFFER_LITERAL(json, "{\"command\":");
    neapi_json_quote(json, command->name);
    neapi_buffer_format(json, ",\"id\":\"%s\",\"data\":%.*s,", id, NEAPI_TEXT(command->data));
    if (command->meta.size != 0)
        neapi_buffer_format(json, "\"meta\":%.*s,", NEAPI_TEXT(command->meta));
    neapi_buffer_format(json, "\"recorded_at\":%lld,\"stream\":", (long long)command->recorded_at);
    neapi_json_quote(json, job->events->stream);
    neapi_buffer_byte(json, ',');
    neapi_write_count(json, "position", job->events->position);
    neapi_write_count(json, "version", job->events->version);
    neap_status status = write_recorded(job, json, error);
    write_outcome(json, "after", after);
    if (before != NULL)
        write_outcome(json, "before", before);
    write_place(job, json);
    neapi_write_end(json, '{');
    return status;
}

/* The code before is the proof that what is in the log is enough: it came to what was recorded, or
 * else the new code differs from both, or only from the log. */
static neap_status report(const deciding *job, const outcome *after, const outcome *before,
                          neap_error *error)
{
    neapi_changed *it = job->it;
    bool known = before->undecided == NULL && !before->as_recorded;
    bool alike = known && neapi_text_equal(neapi_text(before->json.data, before->json.size),
                                           neapi_text(after->json.data, after->json.size));
    if (alike && it->twice)
        return NEAP_OK;
    neapi_first *first = alike ? &it->decided.first_as_before : &it->decided.first;
    *(alike ? &it->decided.as_before : &it->decided.differing) += 1;
    if (!neapi_first_wants(first, job->events->position, it->limit))
        return NEAP_OK;
    neapi_buffer json = NEAPI_BUFFER_INIT;
    neap_status status = write_decision(job, after, known && !alike ? before : NULL, &json, error);
    if (status == NEAP_OK)
        return neapi_first_add(first, job->events->position, it->limit, &json, error);
    neapi_buffer_fini(&json);
    return status;
}

neap_status neapi_changed_decide(neapi_changed *it, neapi_changed_pair *pair,
                                 const neapi_command *command, const neap_event *events,
                                 size_t count, neap_error *error)
{
    const deciding job = {it, pair, command, events, count};
    outcome after, before = {.json = NEAPI_BUFFER_INIT};
    neap_status status = decide(&job, NEAPI_AFTER, &after, error);
    if (status == NEAP_OK && it->twice) { /* what it keeps elsewhere is there twice then */
        neapi_buffer_fini(&after.json);
        status = decide(&job, NEAPI_AFTER, &after, error);
    }
    it->decided.compared += status == NEAP_OK && after.undecided == NULL;
    if (status == NEAP_OK && after.undecided != NULL)
        status =
            neapi_changed_undecided(it, command->name, after.undecided, events->position, error);
    else if (status == NEAP_OK && !after.as_recorded)
        status = decide(&job, NEAPI_BEFORE, &before, error);
    if (status == NEAP_OK && (after.json.failed || before.json.failed))
        status = neapi_nomem(error);
    if (status == NEAP_OK && after.undecided == NULL && !after.as_recorded)
        status = report(&job, &after, &before, error);
    neapi_buffer_fini(&after.json);
    neapi_buffer_fini(&before.json);
    return status;
}
