/* `context`: what a handler may ask for and do while it runs. One object serves all handlers of an
 * engine, one after another. */
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "script/engine_state.h"
#include "script/failure.h"
#include "script/lua_error.h"
#include "script/trace.h"
#include "store/store.h"

#define METATABLE "neap.Context"

/* The engine, if a handler runs and `self` is its context. */
static neapi_engine *check_context_lj(lua_State *L, const char *what)
{
    neapi_engine **place = luaL_testudata(L, 1, METATABLE);
    if (place == NULL)
        neapi_misuse_lj(L, "call it as context:%s(…), with a colon", what);
    neapi_engine *engine = *place;
    if (engine == NULL || engine->scope.handling == NEAPI_HANDLING_NOTHING)
        neapi_misuse_lj(L, "context.%s: the handler that this context belongs to has ended", what);
    return engine;
}

static void push_uuid(lua_State *L, neap_uuid uuid)
{
    char text[37];
    neap_uuid_format(uuid, text);
    lua_pushlstring(L, text, 36);
}

static int context_now(lua_State *L)
{
    lua_pushinteger(L, check_context_lj(L, "now")->scope.call->now_us);
    return 1;
}

static int context_id(lua_State *L)
{
    neapi_call *call = check_context_lj(L, "id")->scope.call;
    push_uuid(L, neapi_uuid_derive(call->id, ++call->derived));
    return 1;
}

/* ---- context:publish ------------------------------------------------------------------------- */

static int refuse_publish(lua_State *L, neapi_handling handling)
{
    if (handling == NEAPI_HANDLING_DECISION)
        return neapi_misuse_lj(L, "context:publish is for plain handlers; an aggregate's command "
                                  "returns its events");
    return neapi_misuse_lj(L, "context:publish is for commands; a query changes nothing");
}

static neap_text stream_option_lj(lua_State *L)
{
    neap_text stream = {0};
    if (lua_getfield(L, 3, "stream") != LUA_TSTRING)
        neapi_misuse_lj(L, "context:publish needs { stream = \"…\" }");
    stream.data = lua_tolstring(L, -1, &stream.size);
    neap_error error;
    if (neapi_stream_check(stream, &error) != NEAP_OK)
        neapi_misuse_lj(L, "context:publish: %s", error.message);
    return stream; /* kept alive by the stack */
}

static uint64_t expected_option_lj(lua_State *L)
{
    if (lua_getfield(L, 3, "expected") == LUA_TNIL)
        return NEAP_ANY_VERSION;
    if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 0)
        neapi_misuse_lj(L, "context:publish: 'expected' must be an integer from 0");
    return (uint64_t)lua_tointeger(L, -1);
}

static void check_publish_options_lj(lua_State *L)
{
    static const char *const known[] = {"stream", "expected"};
    if (lua_type(L, 3) != LUA_TTABLE)
        neapi_misuse_lj(L, "context:publish needs { stream = \"…\" } behind the event");
    lua_pushnil(L);
    while (lua_next(L, 3) != 0) {
        lua_pop(L, 1);
        neap_text key = {0};
        if (lua_type(L, -1) == LUA_TSTRING)
            key.data = lua_tolstring(L, -1, &key.size);
        if (neapi_text_equal(key, NEAPI_LITERAL("stream")) ||
            neapi_text_equal(key, NEAPI_LITERAL("expected")))
            continue;
        const char *nearest = key.size != 0 ? neapi_nearest(key, known, 2) : NULL;
        neapi_misuse_lj(L, "context:publish knows no option '%.*s'%s%s%s", NEAPI_TEXT(key),
                        nearest != NULL ? "; did you mean '" : "", nearest != NULL ? nearest : "",
                        nearest != NULL ? "'?" : "");
    }
}

/* Raises what went wrong in C, with its status, behind the caller's place. */
static int raise_lj(lua_State *L, const neapi_engine *engine, neap_error *error)
{
    if (!engine->vm.guest)
        neapi_vm_raise_if_fired_lj(L);
    lua_Debug ar;
    if (neapi_trace_caller(L, 1, &ar))
        neapi_error_prefix(error, "%s:%d", neapi_trace_file(&ar), ar.currentline);
    neapi_push_error_lj(L, error);
    return lua_error(L);
}

static int context_publish(lua_State *L)
{
    neapi_engine *engine = check_context_lj(L, "publish");
    neapi_scope *scope = &engine->scope;
    if (scope->handling != NEAPI_HANDLING_COMMAND)
        return refuse_publish(L, scope->handling);
    lua_settop(L, 3);
    uint32_t message = neapi_message_of(L, engine, 2);
    if (message == NEAPI_NONE || engine->catalog.messages[message]->kind != NEAP_KIND_EVENT)
        return neapi_misuse_lj(L, "context:publish needs an event: call the event's constructor");
    check_publish_options_lj(L);
    neap_text stream = stream_option_lj(L);
    uint64_t expected = expected_option_lj(L);
    neapi_buffer_clear(&engine->scratch);
    neap_error *error = &engine->failure;
    uint64_t number = ++engine->publishings;
    neap_status status = neapi_event_encode_lj(L, engine, message, 2, &engine->scratch, error);
    if (engine->publishings != number) /* the buffer holds something else now */
        return neapi_misuse_lj(L, "context:publish was called by the check of a field");
    if (status == NEAP_OK) {
        neap_text data = neapi_text(engine->scratch.data, engine->scratch.size);
        status = neapi_event_append_lj(L, engine, message, 2, stream, expected, data, scope->call,
                                       scope->unit, error);
    }
    return status == NEAP_OK ? 0 : raise_lj(L, engine, error);
}

/* ---- context:state --------------------------------------------------------------------------- */

/* The table at 3 as JSON, which the stack keeps alive. */
static neap_text push_tags_json_lj(lua_State *L, neapi_engine *engine)
{
    neap_text json = {0};
    neap_error *error = &engine->failure;
    neapi_buffer_clear(&engine->scratch);
    if (neapi_encode_lj(L, 3, engine->vm.depth, &engine->scratch, error) != NEAP_OK)
        neapi_misuse_lj(L, "context:state: %s", error->message);
    if (engine->scratch.failed)
        luaL_error(L, "not enough memory");
    lua_pushlstring(L, engine->scratch.data, engine->scratch.size);
    json.data = lua_tolstring(L, -1, &json.size);
    return json;
}

int neapi_context_state_lj(lua_State *L, neapi_engine *engine)
{
    neap_text name = {0}, id = {0};
    bool by_tags = lua_type(L, 3) == LUA_TTABLE;
    if (lua_type(L, 2) != LUA_TSTRING ||
        (!by_tags && lua_type(L, 3) != LUA_TSTRING && !lua_isinteger(L, 3)))
        return neapi_misuse_lj(L, "call it as context:state(\"Aggregate\", id)");
    name.data = lua_tolstring(L, 2, &name.size);
    if (by_tags)
        id = push_tags_json_lj(L, engine);
    else
        id.data = lua_tolstring(L, 3, &id.size);
    neap_error *error = &engine->failure;
    const neapi_aggregate *aggregate;
    if (neapi_catalog_aggregate(&engine->catalog, name, &aggregate, error) != NEAP_OK)
        return neapi_misuse_lj(L, "context:state: %s", error->message);
    neapi_state copy = NEAPI_NO_STATE;
    if (engine->options.load_state == NULL)
        return neapi_misuse_lj(L, "context:state is not available here");
    lua_State *outer = engine->vm.running; /* in a host's state it may be another coroutine */
    engine->vm.running = L;
    neap_status status =
        engine->options.load_state(engine->options.host, aggregate, id, &copy, error);
    engine->vm.running = outer;
    if (status != NEAP_OK)
        return raise_lj(L, engine, error);
    if (copy == NEAPI_NO_STATE) {
        lua_pushnil(L);
        return 1;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, engine->states);
    lua_rawgeti(L, -1, copy);
    engine->vm.running = L;
    neapi_engine_state_free(engine, copy);
    engine->vm.running = outer;
    return 1;
}

static int context_state(lua_State *L)
{
    neapi_engine *engine = check_context_lj(L, "state");
    if (engine->scope.handling == NEAPI_HANDLING_DECISION)
        return neapi_misuse_lj(L, "context:state is for queries and plain handlers; an aggregate "
                                  "decides on its own state only");
    return neapi_context_state_lj(L, engine);
}

/* ---- Its properties ---------------------------------------------------------------------------
 */

static void push_meta_lj(lua_State *L, const neapi_engine *engine, neap_text meta)
{
    neap_error error;
    if (meta.size == 0)
        lua_newtable(L);
    else if (neapi_decode_lj(L, meta, engine->vm.depth, &error) != NEAP_OK)
        raise_lj(L, engine, &error);
}

bool neapi_context_envelope_lj(lua_State *L, const neapi_engine *engine, const neapi_call *call,
                               neap_text name)
{
    if (neapi_text_equal(name, NEAPI_LITERAL("meta")))
        push_meta_lj(L, engine, call->meta);
    else if (neapi_text_equal(name, NEAPI_LITERAL("command_id")))
        push_uuid(L, call->id);
    else if (neapi_text_equal(name, NEAPI_LITERAL("correlation_id")))
        push_uuid(L, call->correlation_id);
    else if (!neapi_text_equal(name, NEAPI_LITERAL("causation_id")))
        return false;
    else
        neapi_uuid_is_zero(call->causation_id) ? lua_pushnil(L) : push_uuid(L, call->causation_id);
    return true;
}

/* ---- What it shares with that of middleware ---------------------------------------------------
 */

static int refuse_assignment(lua_State *L)
{
    return neapi_misuse_lj(L, "context cannot be changed");
}

void neapi_context_class_lj(lua_State *L, const char *type, const luaL_Reg *methods,
                            lua_CFunction index)
{
    if (luaL_newmetatable(L, type)) {
        lua_newtable(L);
        luaL_setfuncs(L, methods, 0);
        lua_pushcclosure(L, index, 1);
        lua_setfield(L, -2, "__index");
        lua_pushcfunction(L, refuse_assignment);
        lua_setfield(L, -2, "__newindex");
        lua_pushstring(L, type);
        lua_setfield(L, -2, "__metatable");
    }
    lua_setmetatable(L, -2);
}

bool neapi_context_method_lj(lua_State *L, neap_text *name)
{
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
        return true;
    if (lua_type(L, 2) != LUA_TSTRING)
        neapi_misuse_lj(L, "context is indexed by texts only");
    name->data = lua_tolstring(L, 2, &name->size);
    return false;
}

int neapi_context_unknown_lj(lua_State *L, neap_text name, const char *const *names, size_t count)
{
    const char *nearest = neapi_nearest(name, names, count);
    return neapi_misuse_lj(L, "context has no '%.*s'%s%s%s", NEAPI_TEXT(name),
                           nearest != NULL ? "; did you mean '" : "",
                           nearest != NULL ? nearest : "", nearest != NULL ? "'?" : "");
}

/* ---- The object -------------------------------------------------------------------------------
 */

static int unknown_property(lua_State *L, neap_text name)
{
    static const char *const names[] = {"now",   "id",         "publish",        "state",
                                        "meta",  "command_id", "correlation_id", "causation_id",
                                        "event", "services"};
    return neapi_context_unknown_lj(L, name, names, sizeof names / sizeof *names);
}

static int context_index(lua_State *L)
{
    neap_text name;
    if (neapi_context_method_lj(L, &name))
        return 1;
    neapi_engine *engine = check_context_lj(L, name.data);
    if (neapi_context_envelope_lj(L, engine, engine->scope.call, name))
        return 1;
    if (neapi_text_equal(name, NEAPI_LITERAL("services")))
        neapi_services_push_lj(L, engine);
    else if (neapi_text_equal(name, NEAPI_LITERAL("event")))
        lua_pushnil(L); /* no handler of this version is called for an event */
    else
        return unknown_property(L, name);
    return 1;
}

neapi_engine **neapi_context_new_lj(lua_State *L, neapi_engine *engine)
{
    static const luaL_Reg methods[] = {
        {"now", context_now},     {"id", context_id}, {"publish", context_publish},
        {"state", context_state}, {NULL, NULL},
    };
    neapi_engine **place = lua_newuserdatauv(L, sizeof *place, 0);
    *place = engine;
    neapi_context_class_lj(L, METATABLE, methods, context_index);
    return place;
}
