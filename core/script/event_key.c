#include "script/event_key.h"

#include <lauxlib.h>

#include "base/error.h"
#include "base/text.h"
#include "message/number.h"
#include "script/failure.h"
#include "script/schema_flat.h"
#include "script/upcast.h"

#define MOST_KEYS 1000

void neapi_event_prefix(const neapi_subscription *subscription, const neap_event *stored,
                        neap_error *error)
{
    if (stored->position == 0) { /* it is being decided */
        neapi_error_prefix(error, "%s '%.*s', event '%.*s' (%.*s)",
                           neapi_subscription_kind_name(subscription->kind),
                           NEAPI_TEXT(subscription->name), NEAPI_TEXT(stored->type),
                           NEAPI_TEXT(stored->stream));
        return;
    }
    neapi_error_prefix(error, "%s '%.*s', event '%.*s' at position %llu (%.*s, %llu)",
                       neapi_subscription_kind_name(subscription->kind),
                       NEAPI_TEXT(subscription->name), NEAPI_TEXT(stored->type),
                       (unsigned long long)stored->position, NEAPI_TEXT(stored->stream),
                       (unsigned long long)stored->version);
}

/* ---- The event ------------------------------------------------------------------------------- */

neap_status neapi_event_push_lj(lua_State *L, neapi_engine *engine,
                                const neapi_planned_subscription *planned, uint32_t message,
                                const neap_event *event, neap_error *error)
{
    neapi_schema *schema = engine->plan.messages[message].schema;
    neapi_flat_set seen = planned != NULL ? planned->seen[message] : NEAPI_FLAT_ALL;
    if (neapi_flat_recall_lj(L, schema, event->data, seen))
        return NEAP_OK;
    neap_status status = neapi_decode_lj(L, event->data, engine->vm.depth, error);
    if (status != NEAP_OK)
        neapi_error_prefix(error, "it cannot be read");
    return status == NEAP_INVALID ? neapi_failure_as(error, NEAP_CORRUPT) : status;
}

/* Whether a stored event of that type may become one that is handled. */
static bool is_wanted(const neapi_subscription *subscription, neap_text type)
{
    for (size_t i = 0; i < subscription->type_count; i++)
        if (neapi_text_equal(subscription->types[i], type))
            return true;
    return subscription->type_count == 0;
}

static neap_status visit_upcast_lj(lua_State *L, neapi_engine *engine,
                                   const neapi_planned_subscription *planned,
                                   const neap_event *stored, const neapi_upcasting *upcasting,
                                   neapi_event_visit_lj *visit, void *user, neap_error *error)
{
    int top = lua_gettop(L), count;
    neap_status status = neapi_upcast_lj(L, engine, stored, upcasting, &count, error);
    for (int i = 1; i <= count && status == NEAP_OK; i++) {
        neap_event event;
        uint32_t message;
        status =
            neapi_upcast_take_lj(L, engine, top + i, stored, upcasting, &event, &message, error);
        if (status == NEAP_OK && planned->handlers[message] != 0)
            status = visit(L, engine, user, message, &event, error);
    }
    lua_settop(L, top);
    return status;
}

neap_status neapi_event_today_lj(lua_State *L, neapi_engine *engine,
                                 const neapi_subscription *subscription, const neap_event *stored,
                                 neapi_event_visit_lj *visit, void *user, neap_error *error)
{
    const neapi_planned_subscription *planned = &engine->plan.subscriptions[subscription->index];
    const neapi_message *message = neapi_catalog_event(&engine->catalog, stored->type);
    if (message != NULL && message->schema == stored->schema)
        return planned->handlers[message->index] != 0
                   ? visit(L, engine, user, message->index, stored, error)
                   : NEAP_OK;
    neapi_upcasting upcasting;
    neap_reading problem;
    if (!is_wanted(subscription, stored->type))
        return NEAP_OK;
    neap_status status = neapi_upcasting_find(engine, stored, &upcasting, &problem, error);
    if (status != NEAP_OK)
        return status;
    if (upcasting.message == NEAPI_NONE || upcasting.step_count != 0)
        return visit_upcast_lj(L, engine, planned, stored, &upcasting, visit, user, error);
    neap_event event = *stored; /* it only had another name */
    event.type = engine->catalog.messages[upcasting.message]->name;
    return planned->handlers[upcasting.message] != 0
               ? visit(L, engine, user, upcasting.message, &event, error)
               : NEAP_OK;
}

/* ---- Its keys -------------------------------------------------------------------------------- */

static neap_status refuse(lua_State *L, neapi_engine *engine,
                          const neapi_subscription *subscription, uint32_t message, int value,
                          neap_error *error)
{
    neap_text event = engine->catalog.messages[message]->name;
    const char *what = lua_type(L, value) == LUA_TNUMBER ? "float" : luaL_typename(L, value);
    int key = engine->plan.subscriptions[subscription->index].keys[message];
    if (lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_FUNCTIONS), key) == LUA_TFUNCTION)
        return neapi_fail_at(L, -1, error,
                             "the key's function gave a %s for the event '%.*s'; it gives texts or "
                             "integers, or nil",
                             what, NEAPI_TEXT(event));
    return neapi_fail(error, NEAP_HANDLER,
                      "%.*s:%d: its key '%s' is a %s in the event '%.*s'; it must be a text or an "
                      "integer",
                      NEAPI_TEXT(subscription->file), subscription->line, lua_tostring(L, -1), what,
                      NEAPI_TEXT(event));
}

/* Makes the value at `index` a string. Errors: false, it can be none. */
static bool make_string_lj(lua_State *L, int index)
{
    if (lua_type(L, index) == LUA_TSTRING)
        return true;
    if (!lua_isinteger(L, index))
        return false;
    char text[NEAPI_NUMBER_ROOM];
    lua_pushlstring(L, text, neapi_integer_write(lua_tointeger(L, index), text));
    lua_replace(L, index);
    return true;
}

static bool is_nothing(lua_State *L, int index)
{
    return lua_isnil(L, index) || neapi_is_null(L, index);
}

/* Whether one of the values from `first` on, before `index`, is the same. */
static bool is_repeated(lua_State *L, int first, int index)
{
    for (int i = first; i < index; i++)
        if (lua_rawequal(L, i, index))
            return true;
    return false;
}

/* Of what the key's function gave, from `first` on. */
static neap_status take_keys_lj(lua_State *L, neapi_engine *engine,
                                const neapi_subscription *subscription, uint32_t message, int first,
                                int *count, neap_error *error)
{
    luaL_checkstack(L, 20, "the keys of an event");
    if (lua_gettop(L) - first >= MOST_KEYS)
        return neapi_fail(error, NEAP_LIMIT, "it has more than %d keys", MOST_KEYS);
    for (int i = first; i <= lua_gettop(L);) {
        bool none = is_nothing(L, i);
        if (!none && !make_string_lj(L, i))
            return refuse(L, engine, subscription, message, i, error);
        if (none || is_repeated(L, first, i))
            lua_remove(L, i);
        else
            i++;
    }
    *count = lua_gettop(L) - first + 1;
    return NEAP_OK;
}

/* The value of the key's field is on top. */
static neap_status take_key_lj(lua_State *L, neapi_engine *engine,
                               const neapi_subscription *subscription, uint32_t message, int *count,
                               neap_error *error)
{
    int value = lua_gettop(L);
    *count = 1;
    if (lua_type(L, value) == LUA_TSTRING)
        return NEAP_OK;
    if (!is_nothing(L, value))
        return make_string_lj(L, value) ? NEAP_OK
                                        : refuse(L, engine, subscription, message, value, error);
    lua_pop(L, 1);
    *count = 0;
    return NEAP_OK;
}

neap_status neapi_event_keys_lj(lua_State *L, neapi_engine *engine,
                                const neapi_subscription *subscription, uint32_t message,
                                int fields, int *count, neap_error *error)
{
    int key = engine->plan.subscriptions[subscription->index].keys[message];
    int first = lua_gettop(L) + 1;
    *count = 0;
    if (lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_FUNCTIONS), key) == LUA_TFUNCTION) {
        lua_pushvalue(L, fields);
        lua_pushvalue(L, lua_upvalueindex(NEAPI_UPVALUE_PROJECTION));
        lua_call(L, 2, LUA_MULTRET);
        return take_keys_lj(L, engine, subscription, message, first, count, error);
    }
    lua_rawget(L, fields);
    return take_key_lj(L, engine, subscription, message, count, error);
}

neap_status neapi_event_with_keys_lj(lua_State *L, neapi_engine *engine,
                                     const neapi_subscription *subscription, uint32_t message,
                                     const neap_event *event, int *count, neap_error *error)
{
    const neapi_planned_subscription *planned = &engine->plan.subscriptions[subscription->index];
    uint8_t field = planned->key_fields[message];
    if (field != NEAPI_NO_FIELD &&
        neapi_flat_recall_with_lj(L, engine->plan.messages[message].schema, event->data,
                                  planned->handler_seen[message], field))
        return take_key_lj(L, engine, subscription, message, count, error);
    neap_status status = neapi_event_push_lj(L, engine, planned, message, event, error);
    if (status != NEAP_OK)
        return status;
    return neapi_event_keys_lj(L, engine, subscription, message, lua_gettop(L), count, error);
}
