/* Events that a handler decided or publishes: recognised, checked, encoded, put into the unit. */
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "message/json.h"
#include "script/failure.h"
#include "script/schema_flat.h"
#include "script/upcast.h"
#include "store/check.h"
#include "store/store.h"

/* The number that the metatable of a message's tables has. */
static uint32_t number_of(lua_State *L, const neapi_engine *engine, int index)
{
    lua_getmetatable(L, index);
    lua_rawgeti(L, -1, 1);
    lua_Integer number = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : -1;
    lua_pop(L, 2);
    bool is_one = number >= 0 && number < (lua_Integer)engine->catalog.message_count;
    return is_one ? (uint32_t)number : NEAPI_NONE;
}

uint32_t neapi_message_of(lua_State *L, neapi_engine *engine, int index)
{
    const neapi_planned_message *messages = engine->plan.messages;
    const void *mark = neapi_mark_of(L, index);
    if (mark == NULL)
        return NEAPI_NONE;
    if (mark == messages[engine->returned].instance) /* mostly the same one again */
        return engine->returned;
    uint32_t number = number_of(L, engine, index);
    if (number == NEAPI_NONE || messages[number].instance != mark)
        return NEAPI_NONE;
    engine->returned = number;
    return number;
}

static neap_status check_size(const neapi_engine *engine, neap_text type, size_t size,
                              neap_error *error)
{
    if (size <= engine->options.message_bytes)
        return NEAP_OK;
    return neapi_fail(error, NEAP_LIMIT, "event '%.*s' takes %zu bytes, more than %zu",
                      NEAPI_TEXT(type), size, engine->options.message_bytes);
}

neap_status neapi_event_encode_lj(lua_State *L, neapi_engine *engine, uint32_t message, int index,
                                  neapi_buffer *json, uint32_t wanted, bool *copied,
                                  neap_error *error)
{
    const neapi_message *event = engine->catalog.messages[message];
    neapi_schema *schema = engine->plan.messages[message].schema;
    size_t start = json->size;
    neap_status status = NEAP_OK;
    if (!neapi_flat_encode_lj(L, schema, index, json, wanted, copied))
        status = neapi_schema_encode_lj(L, schema, index, engine->vm.depth, json, error);
    if (status != NEAP_OK) {
        neapi_error_prefix(error, "event '%.*s'", NEAPI_TEXT(event->name));
        return status == NEAP_INVALID ? neapi_failure_as(error, NEAP_HANDLER) : status;
    }
    if (json->failed)
        return neapi_nomem(error);
    return check_size(engine, event->name, json->size - start, error);
}

/* Appends "name:value"; an absent field gives no tag. */
static bool append_tag(lua_State *L, neapi_buffer *text, const char *name, int fields)
{
    lua_pushstring(L, name);
    lua_rawget(L, fields);
    size_t size;
    bool present = lua_isstring(L, -1);
    if (present) {
        lua_pushvalue(L, -1);
        const char *value = lua_tolstring(L, -1, &size);
        neapi_buffer_append(text, name, strlen(name));
        neapi_buffer_byte(text, ':');
        neapi_buffer_append(text, value, size);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return present;
}

/* Fills `tags` with texts in the engine's buffer, in the order of their names, which is theirs too
 * unless one name is the beginning of another: so they are sorted once more. */
static neap_status make_tags(lua_State *L, neapi_engine *engine, uint32_t message, int fields,
                             neap_text *tags, uint32_t *count, neap_error *error)
{
    const neapi_planned_message *planned = &engine->plan.messages[message];
    neapi_buffer *text = &engine->tag_text;
    neapi_buffer_clear(text);
    *count = 0;
    for (unsigned i = 0; i < planned->tag_count; i++) {
        size_t start = text->size;
        if (!append_tag(L, text, planned->tags[i], fields))
            continue;
        size_t size = text->size - start;
        if (size > NEAPI_STREAM_BYTES)
            return neapi_fail(error, NEAP_LIMIT, "the tag '%s' takes %zu bytes, more than %d",
                              planned->tags[i], size, NEAPI_STREAM_BYTES);
        tags[(*count)++] = neapi_text(NULL, size);
    }
    if (text->failed)
        return neapi_nomem(error);
    const char *at = text->data;
    for (uint32_t i = 0; i < *count; at += tags[i].size, i++) {
        tags[i].data = at;
        if (neapi_tag_check(tags[i], error) == NEAP_OK)
            continue;
        neapi_error_prefix(error, "event '%.*s'",
                           NEAPI_TEXT(engine->catalog.messages[message]->name));
        return neapi_failure_as(error, NEAP_HANDLER);
    }
    for (uint32_t i = 1; i < *count; i++)
        for (uint32_t j = i; j > 0 && neapi_text_compare(tags[j], tags[j - 1]) < 0; j--) {
            neap_text swapped = tags[j];
            tags[j] = tags[j - 1];
            tags[j - 1] = swapped;
        }
    return NEAP_OK;
}

static neap_event envelope(neap_text type, uint32_t schema, const neapi_call *call, neap_text data)
{
    return (neap_event){
        .recorded_at = call->now_us,
        .id = neapi_uuid_derive(call->id, call->derived + 1),
        .correlation_id = call->correlation_id,
        .causation_id = call->from_outside ? call->causation_id : call->id,
        .command_id = call->from_outside ? (neap_uuid){{0}} : call->id,
        .schema = schema,
        .type = type,
        .data = data,
        .meta = call->meta,
    };
}

/* What one unit may hold, this event included. */
static neap_status check_room(const neapi_engine *engine, const neapi_unit *unit, neap_text data,
                              neap_error *error)
{
    if (unit->event_count >= engine->options.unit_events)
        return neapi_fail(error, NEAP_LIMIT, "one handler records at most %u events",
                          engine->options.unit_events);
    if (unit->event_bytes + data.size > engine->options.unit_bytes)
        return neapi_fail(error, NEAP_LIMIT, "one handler records at most %zu bytes",
                          engine->options.unit_bytes);
    return NEAP_OK;
}

/* A transient event is not recorded: it goes to who listens. */
static neap_status signal(neapi_engine *engine, neap_text stream, uint64_t expected,
                          neap_event *event, neapi_call *call, neap_error *error)
{
    neapi_signals *signals = call->signals;
    if (expected != NEAP_ANY_VERSION)
        return neapi_fail(error, NEAP_INVALID,
                          "event '%.*s' is transient: its stream has no version to expect",
                          NEAPI_TEXT(event->type));
    if (signals == NULL)
        return neapi_fail(error, NEAP_HANDLER, "event '%.*s' is transient, and nobody listens here",
                          NEAPI_TEXT(event->type));
    if (signals->count >= engine->options.unit_events ||
        signals->bytes + event->data.size > engine->options.unit_bytes)
        return neapi_fail(error, NEAP_LIMIT,
                          "one handler gives at most %u transient events, of %zu bytes",
                          engine->options.unit_events, engine->options.unit_bytes);
    event->stream = stream;
    neap_status status = neapi_signals_add(signals, event, error);
    call->derived += status == NEAP_OK;
    return status;
}

static neap_status append(neapi_engine *engine, neap_text stream, uint64_t expected,
                          neap_event *event, neapi_call *call, neapi_unit *unit, neap_error *error)
{
    neap_status status = check_room(engine, unit, event->data, error);
    if (status != NEAP_OK)
        return status;
    status = neapi_unit_append(unit, stream, expected, event);
    if (status != NEAP_OK)
        return neapi_nomem(error);
    call->derived++;
    return NEAP_OK;
}

neap_status neapi_event_append_lj(lua_State *L, neapi_engine *engine, uint32_t message, int fields,
                                  neap_text stream, uint64_t expected, neap_text data,
                                  neapi_call *call, neapi_unit *unit, neap_error *error)
{
    const neapi_message *of = engine->catalog.messages[message];
    neap_event event = envelope(of->name, of->schema, call, data);
    unsigned tag_count = engine->plan.messages[message].tag_count;
    neap_text tags[NEAPI_MOST_TAGS];
    if (tag_count != 0) {
        neap_status status = make_tags(L, engine, message, fields, tags, &event.tag_count, error);
        if (status != NEAP_OK)
            return status;
        event.tags = tags;
    }
    return of->transient ? signal(engine, stream, expected, &event, call, error)
                         : append(engine, stream, expected, &event, call, unit, error);
}

/* ---- For handlers in C ----------------------------------------------------------------------- */

typedef struct publishing {
    const neapi_message *message;
    neap_text stream, json;
    uint64_t expected;
    neapi_call *call;
    neapi_unit *unit;
    neapi_buffer *canonical;
} publishing;

neap_status neapi_message_decode_lj(lua_State *L, neapi_engine *engine, uint32_t message,
                                    neap_text json, neapi_buffer *canonical, neap_error *error)
{
    neapi_schema *schema = engine->plan.messages[message].schema;
    neap_status status = NEAP_OK;
    bool is_canonical = false;
    if (!neapi_flat_decode_lj(L, schema, json, canonical != NULL ? &is_canonical : NULL))
        status = neapi_schema_decode_lj(L, schema, json, engine->vm.depth, error);
    if (status != NEAP_OK || canonical == NULL)
        return status;
    size_t start = canonical->size;
    if (is_canonical)
        neapi_buffer_text(canonical, json);
    else if (!neapi_flat_encode_lj(L, schema, lua_gettop(L), canonical, 0, NULL))
        status = neapi_schema_encode_lj(L, schema, -1, engine->vm.depth, canonical, error);
    if (status == NEAP_OK && canonical->failed)
        status = neapi_nomem(error);
    if (status != NEAP_OK)
        canonical->size = start;
    return status;
}

static neap_status check_json(lua_State *L, neapi_engine *engine, void *arguments,
                              neap_error *error)
{
    const publishing *job = arguments;
    return neapi_message_decode_lj(L, engine, job->message->index, job->json, job->canonical,
                                   error);
}

neap_status neapi_engine_check(neapi_engine *engine, const neapi_message *message, neap_text json,
                               neapi_buffer *canonical, neap_error *error)
{
    neap_error own;
    publishing job = {.message = message, .json = json, .canonical = canonical};
    return neapi_engine_enter(engine, check_json, &job, error != NULL ? error : &own);
}

static neap_status publish_json(lua_State *L, neapi_engine *engine, void *arguments,
                                neap_error *error)
{
    const publishing *job = arguments;
    uint32_t message = job->message->index;
    neap_status status = neapi_message_decode_lj(L, engine, message, job->json, NULL, error);
    if (status != NEAP_OK)
        return status;
    int fields = lua_gettop(L);
    neapi_buffer_clear(&engine->scratch);
    status = neapi_event_encode_lj(L, engine, message, fields, &engine->scratch, 0, NULL, error);
    if (status != NEAP_OK)
        return status;
    neap_text data = neapi_text(engine->scratch.data, engine->scratch.size);
    return neapi_event_append_lj(L, engine, message, fields, job->stream, job->expected, data,
                                 job->call, job->unit, error);
}

neap_status neapi_engine_publish(neapi_engine *engine, const neapi_message *event, neap_text stream,
                                 uint64_t expected, neap_text json, neapi_call *call,
                                 neapi_unit *unit, neap_error *error)
{
    neap_error own;
    publishing job = {event, stream, json, expected, call, unit, NULL};
    neap_status status =
        event->transient && stream.size == 0 ? NEAP_OK : neapi_stream_check(stream, error);
    if (status != NEAP_OK)
        return status;
    return neapi_engine_enter(engine, publish_json, &job, error != NULL ? error : &own);
}

/* ---- As an earlier version of the domain recorded it ----------------------------------------- */

typedef struct publishing_earlier {
    const neapi_earlier *earlier;
    neap_text stream, json;
    uint64_t expected;
    neapi_call *call;
    neapi_unit *unit;
    neapi_buffer *canonical;
} publishing_earlier;

/* Whether it can have been recorded, and will be read. */
static neap_status check_earlier(const neapi_engine *engine, const neapi_earlier *earlier,
                                 neap_error *error)
{
    neapi_upcasting upcasting;
    neap_reading problem;
    const neap_event stored = {.type = earlier->type, .schema = earlier->schema};
    neap_status status = neapi_upcasting_find(engine, &stored, &upcasting, &problem, error);
    if (status == NEAP_OK && upcasting.message != NEAPI_NONE &&
        engine->catalog.messages[upcasting.message]->transient)
        return neapi_fail(error, NEAP_INVALID, "event '%.*s' is transient, which is never recorded",
                          NEAPI_TEXT(earlier->type));
    if (status != NEAP_CORRUPT)
        return status;
    neapi_error_prefix(error, "event '%.*s', schema version %u", NEAPI_TEXT(earlier->type),
                       earlier->schema);
    return neapi_failure_as(error, problem == NEAP_READING_UNKNOWN ? NEAP_UNKNOWN : NEAP_INVALID);
}

static neap_status encode_earlier_lj(lua_State *L, neapi_engine *engine,
                                     const publishing_earlier *job, neap_error *error)
{
    neapi_buffer *canonical = job->canonical;
    size_t start = canonical->size;
    neap_status status = neapi_decode_lj(L, job->json, engine->vm.depth, error);
    if (status == NEAP_OK)
        status = neapi_encode_lj(L, -1, engine->vm.depth, canonical, error);
    if (status == NEAP_OK && canonical->failed)
        status = neapi_nomem(error);
    if (status == NEAP_OK && canonical->data[start] != '{')
        status = neapi_fail(error, NEAP_INVALID, "expected an object, got a %s",
                            canonical->data[start] == '[' ? "list" : "single value");
    if (status != NEAP_OK) {
        neapi_error_prefix(error, "event '%.*s'", NEAPI_TEXT(job->earlier->type));
        return status;
    }
    return check_size(engine, job->earlier->type, canonical->size - start, error);
}

static neap_status make_earlier(lua_State *L, neapi_engine *engine, void *arguments,
                                neap_error *error)
{
    const publishing_earlier *job = arguments;
    neap_status status = check_earlier(engine, job->earlier, error);
    return status == NEAP_OK ? encode_earlier_lj(L, engine, job, error) : status;
}

static neap_status publish_earlier(lua_State *L, neapi_engine *engine, void *arguments,
                                   neap_error *error)
{
    const publishing_earlier *job = arguments;
    const neapi_earlier *earlier = job->earlier;
    neapi_buffer_clear(job->canonical);
    neap_status status = make_earlier(L, engine, arguments, error);
    if (status != NEAP_OK)
        return status;
    neap_text data = neapi_text(job->canonical->data, job->canonical->size);
    neap_event event = envelope(earlier->type, earlier->schema, job->call, data);
    event.tags = earlier->tags;
    event.tag_count = earlier->tag_count;
    return append(engine, job->stream, job->expected, &event, job->call, job->unit, error);
}

neap_status neapi_engine_check_earlier(neapi_engine *engine, const neapi_earlier *earlier,
                                       neap_text json, neapi_buffer *canonical, neap_error *error)
{
    neap_error own;
    publishing_earlier job = {.earlier = earlier, .json = json, .canonical = canonical};
    return neapi_engine_enter(engine, make_earlier, &job, error != NULL ? error : &own);
}

neap_status neapi_engine_publish_earlier(neapi_engine *engine, const neapi_earlier *earlier,
                                         neap_text stream, uint64_t expected, neap_text json,
                                         neapi_call *call, neapi_unit *unit, neap_error *error)
{
    neap_error own;
    publishing_earlier job = {earlier, stream, json, expected, call, unit, &engine->scratch};
    return neapi_engine_enter(engine, publish_earlier, &job, error != NULL ? error : &own);
}
