#include "script/upcast.h"

#include <lauxlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "script/failure.h"
#include "script/native.h"
#include "store/page.h"

void neapi_upcast_prefix(const neap_event *stored, neap_error *error)
{
    neapi_error_prefix(
        error, "the stored event '%.*s', schema version %u, at position %llu (%.*s, %llu)",
        NEAPI_TEXT(stored->type), stored->schema, (unsigned long long)stored->position,
        NEAPI_TEXT(stored->stream), (unsigned long long)stored->version);
}

/* ---- Finding out ----------------------------------------------------------------------------- */

/* The name that was perhaps meant; NULL: none. */
static const char *nearest_type(const neapi_engine *engine, neap_text type)
{
    const neapi_catalog *catalog = &engine->catalog;
    const neapi_plan *plan = &engine->plan;
    const char **names =
        neapi_alloc((catalog->message_count + plan->former_count + 1) * sizeof *names);
    size_t count = 0;
    for (uint32_t i = 0; names != NULL && i < catalog->message_count; i++)
        if (catalog->messages[i]->kind == NEAP_KIND_EVENT)
            names[count++] = catalog->messages[i]->name.data;
    for (uint32_t i = 0; names != NULL && i < plan->former_count; i++)
        names[count++] = plan->formers[i].name.data;
    const char *nearest = names != NULL ? neapi_nearest(type, names, count) : NULL;
    neapi_free(names);
    return nearest;
}

static neap_status fail_unknown(const neapi_engine *engine, const neap_event *stored,
                                neap_error *error)
{
    const char *nearest = nearest_type(engine, stored->type);
    neapi_fail(error, NEAP_CORRUPT, "the domain has no such event%s%s%s",
               nearest != NULL ? "; did you mean '" : "", nearest != NULL ? nearest : "",
               nearest != NULL ? "'?" : "");
    return NEAP_CORRUPT;
}

static neap_status fail_version(const neapi_message *message, uint32_t oldest, neap_error *error)
{
    if (oldest == message->schema)
        return neapi_fail(error, NEAP_CORRUPT, "the domain reads schema version %u", oldest);
    return neapi_fail(error, NEAP_CORRUPT, "the domain reads the schema versions %u to %u", oldest,
                      message->schema);
}

neap_status neapi_upcasting_find(const neapi_engine *engine, const neap_event *stored,
                                 neapi_upcasting *upcasting, neap_reading *problem,
                                 neap_error *error)
{
    const neapi_message *message = neapi_catalog_event(&engine->catalog, stored->type);
    if (message == NULL && neapi_text_equal(stored->type, NEAPI_LEFT_OUT)) {
        *upcasting = (neapi_upcasting){NEAPI_NONE, NULL, 0};
        return NEAP_OK;
    }
    if (message == NULL) {
        const neapi_former *former = neapi_map_get(&engine->plan.former_by_name, stored->type);
        *problem = NEAP_READING_UNKNOWN;
        if (former == NULL)
            return fail_unknown(engine, stored, error);
        if (former->message == NEAPI_NONE) {
            *upcasting = (neapi_upcasting){NEAPI_NONE, &former->upcaster, former->upcaster != 0};
            return NEAP_OK;
        }
        message = engine->catalog.messages[former->message];
    }
    const neapi_planned_message *planned = &engine->plan.messages[message->index];
    uint32_t oldest = message->schema - planned->upcaster_count;
    *problem = stored->schema > message->schema ? NEAP_READING_NEWER : NEAP_READING_OLDER;
    if (stored->schema > message->schema || stored->schema < oldest)
        return fail_version(message, oldest, error);
    *upcasting = (neapi_upcasting){message->index, planned->upcasters + (stored->schema - oldest),
                                   message->schema - stored->schema};
    return NEAP_OK;
}

/* ---- Calling upcasters ----------------------------------------------------------------------- */

static neap_status refuse(lua_State *L, int step, neap_error *error, const char *what)
{
    lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_FUNCTIONS), step);
    return neapi_fail_at(L, -1, error,
                         "the upcaster gave %s; it gives the data, events, or neap.drop", what);
}

static neap_status refuse_value(lua_State *L, int step, int index, neap_error *error)
{
    char what[64];
    if (lua_type(L, index) == LUA_TTABLE)
        return refuse(L, step, error, "a table that is no event");
    snprintf(what, sizeof what, "a %s", luaL_typename(L, index));
    return refuse(L, step, error, what);
}

/* Whether the value was made by the constructor of an event that can be stored. */
static bool is_event(lua_State *L, neapi_engine *engine, int index)
{
    uint32_t message = neapi_message_of(L, engine, index);
    return message != NEAPI_NONE && engine->catalog.messages[message]->kind == NEAP_KIND_EVENT &&
           !engine->catalog.messages[message]->transient;
}

/* Puts the elements of the list at `index`, the only result, in its place. */
static void spread_lj(lua_State *L, int index)
{
    int count = (int)lua_rawlen(L, index);
    luaL_checkstack(L, count + 20, "the events that an upcaster gave");
    for (int i = 1; i <= count; i++)
        lua_rawgeti(L, index, i);
    lua_remove(L, index);
}

static bool is_list_of_events(lua_State *L, neapi_engine *engine, int index)
{
    if (lua_type(L, index) != LUA_TTABLE || neapi_message_of(L, engine, index) != NEAPI_NONE)
        return false;
    lua_rawgeti(L, index, 1);
    bool is = neapi_message_of(L, engine, -1) != NEAPI_NONE;
    lua_pop(L, 1);
    return is;
}

/* The results of a step, from `first` on, are events, nil among them counts for nothing. */
static neap_status take_events_lj(lua_State *L, neapi_engine *engine, int step, int first,
                                  neap_error *error)
{
    for (int i = lua_gettop(L); i >= first; i--) {
        if (lua_isnil(L, i))
            lua_remove(L, i);
        else if (!is_event(L, engine, i))
            return refuse_value(L, step, i, error);
    }
    return lua_gettop(L) >= first ? NEAP_OK : refuse(L, step, error, "nothing");
}

/* Calls one upcaster with the data at `data`, and leaves there what it gave. *last: that is no data
 * for the next one. */
static neap_status run_step_lj(lua_State *L, neapi_engine *engine, const neap_event *stored,
                               bool retired, int step, int data, bool *last, neap_error *error)
{
    lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_FUNCTIONS), step);
    lua_insert(L, data);
    if (retired)
        lua_pushinteger(L, (lua_Integer)stored->schema);
    engine->vm.upcasting = true;
    lua_call(L, retired ? 2 : 1, LUA_MULTRET);
    engine->vm.upcasting = false;
    luaL_checkstack(L, 20, "what an upcaster gave");
    bool single = lua_gettop(L) == data;
    *last = true;
    if (single && neapi_is_drop(L, data)) {
        lua_pop(L, 1);
        return NEAP_OK;
    }
    if (single && is_list_of_events(L, engine, data)) {
        spread_lj(L, data);
    } else if (single && !retired && lua_type(L, data) == LUA_TTABLE &&
               neapi_message_of(L, engine, data) == NEAPI_NONE) {
        *last = false;
        return NEAP_OK;
    }
    return take_events_lj(L, engine, step, data, error);
}

neap_status neapi_upcast_lj(lua_State *L, neapi_engine *engine, const neap_event *stored,
                            const neapi_upcasting *upcasting, int *count, neap_error *error)
{
    bool retired = upcasting->message == NEAPI_NONE;
    int data = lua_gettop(L) + 1;
    *count = 0;
    if (retired && upcasting->step_count == 0)
        return NEAP_OK;
    luaL_checkstack(L, 20, "upcasting");
    neap_status status = neapi_decode_lj(L, stored->data, engine->vm.depth, error);
    if (status != NEAP_OK)
        return status == NEAP_INVALID ? neapi_failure_as(error, NEAP_CORRUPT) : status;
    bool last = false;
    for (uint32_t i = 0; i < upcasting->step_count && !last; i++) {
        status = run_step_lj(L, engine, stored, retired, upcasting->steps[i], data, &last, error);
        if (status != NEAP_OK)
            return status;
    }
    *count = lua_gettop(L) - data + 1;
    return NEAP_OK;
}

neap_status neapi_upcast_take_lj(lua_State *L, neapi_engine *engine, int index,
                                 const neap_event *stored, const neapi_upcasting *upcasting,
                                 neap_event *event, uint32_t *message, neap_error *error)
{
    neapi_buffer *json = &engine->upcast;
    unsigned depth = engine->vm.depth;
    neapi_buffer_clear(json);
    uint32_t constructed = neapi_message_of(L, engine, index);
    *message = constructed != NEAPI_NONE ? constructed : upcasting->message;
    neap_status status = constructed != NEAPI_NONE
                             ? neapi_schema_encode_lj(L, engine->plan.messages[constructed].schema,
                                                      index, depth, json, error)
                             : neapi_encode_lj(L, index, depth, json, error);
    if (status == NEAP_OK && json->failed)
        status = neapi_nomem(error);
    if (status != NEAP_OK) {
        neapi_error_prefix(error, "what the upcaster gave");
        return status == NEAP_INVALID ? neapi_failure_as(error, NEAP_HANDLER) : status;
    }
    const neapi_message *today = engine->catalog.messages[*message];
    *event = *stored;
    event->type = today->name;
    event->schema = today->schema;
    event->data = neapi_text(json->data, json->size);
    return NEAP_OK;
}
