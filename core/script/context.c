#include "script/context.h"

#include <lauxlib.h>

#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "script/effect.h"
#include "script/lua_error.h"
#include "script/trace.h"

/* ---- Whose it is ----------------------------------------------------------------------------- */

neapi_run *neapi_context_run(lua_State *L, int index, const neapi_context_class *class)
{
    const neapi_context *context = luaL_testudata(L, index, class->type);
    return context != NULL && context->engine != NULL ? context->run : NULL;
}

bool neapi_context_is_saga(lua_State *L, int index)
{
    const neapi_context *context = luaL_testudata(L, index, neapi_middleware_class.type);
    return context != NULL && context->engine != NULL && context->run == NULL &&
           context->engine->scope.handling == NEAPI_HANDLING_MIDDLEWARE;
}

neapi_engine *neapi_context_check_lj(lua_State *L, const neapi_context_class *class,
                                     const char *what)
{
    const neapi_context *context = luaL_testudata(L, 1, class->type);
    if (context == NULL)
        neapi_misuse_lj(L, "call it as context:%s(…), with a colon", what);
    neapi_engine *engine = context->engine;
    if (engine == NULL || (context->run == NULL && engine->scope.handling != context->kind))
        neapi_misuse_lj(L, "context.%s: %s that this context belongs to has ended", what,
                        class->owner);
    if (context->run != engine->scope.run)
        neapi_misuse_lj(L, "context.%s: %s that this context belongs to does not run now", what,
                        class->owner);
    return engine;
}

static int refuse_assignment(lua_State *L)
{
    return neapi_misuse_lj(L, "context cannot be changed");
}

/* Pushes it; from now on it is found by the class. */
static void make_metatable_lj(lua_State *L, const neapi_context_class *class)
{
    luaL_newmetatable(L, class->type);
    lua_newtable(L);
    luaL_setfuncs(L, class->methods, 0);
    lua_pushcclosure(L, class->index, 1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, refuse_assignment);
    lua_setfield(L, -2, "__newindex");
    lua_pushstring(L, class->type);
    lua_setfield(L, -2, "__metatable");
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, class);
}

static neapi_context *push_context_lj(lua_State *L, const neapi_context_class *class)
{
    /* The event's table; around a saga, what is to be called. */
    int values = class == &neapi_subscriber_class || class == &neapi_middleware_class ? 1 : 0;
    neapi_context *context = lua_newuserdatauv(L, sizeof *context, values);
    *context = (neapi_context){0};
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, class) == LUA_TNIL) {
        lua_pop(L, 1);
        make_metatable_lj(L, class);
    }
    lua_setmetatable(L, -2);
    return context;
}

static const neapi_context_class *class_of(neapi_handling kind)
{
    return kind == NEAPI_HANDLING_MIDDLEWARE   ? &neapi_middleware_class
           : kind == NEAPI_HANDLING_SUBSCRIBER ? &neapi_subscriber_class
                                               : &neapi_handler_class;
}

void neapi_context_new_lj(lua_State *L, neapi_run *run)
{
    neapi_context *context = push_context_lj(L, class_of(run->kind));
    *context = (neapi_context){run->engine, run, run->kind};
    run->context = context;
}

void neapi_context_end(neapi_run *run)
{
    if (run->context != NULL)
        run->context->engine = NULL;
    run->context = NULL;
}

neapi_context *neapi_context_pure_lj(lua_State *L, neapi_engine *engine,
                                     const neapi_context_class *class, neapi_handling kind)
{
    neapi_context *context = push_context_lj(L, class);
    *context = (neapi_context){engine, NULL, kind};
    return context;
}

int neapi_context_raise_lj(lua_State *L, const neapi_engine *engine, neap_error *error)
{
    if (!engine->vm.guest)
        neapi_vm_raise_if_fired_lj(L);
    lua_Debug ar;
    if (neapi_trace_caller(L, 1, &ar))
        neapi_error_prefix(error, "%s:%d", neapi_trace_file(&ar), ar.currentline);
    neapi_push_error_lj(L, error);
    return lua_error(L);
}

/* ---- Properties ------------------------------------------------------------------------------ */

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

void neapi_context_push_id_lj(lua_State *L, neap_uuid uuid)
{
    char text[37];
    neap_uuid_format(uuid, text);
    lua_pushlstring(L, text, 36);
}

static void push_meta_lj(lua_State *L, const neapi_engine *engine, neap_text meta)
{
    neap_error error;
    if (meta.size == 0)
        lua_newtable(L);
    else if (neapi_decode_lj(L, meta, engine->vm.depth, &error) != NEAP_OK)
        neapi_context_raise_lj(L, engine, &error);
}

bool neapi_context_envelope_lj(lua_State *L, const neapi_engine *engine, const neapi_call *call,
                               neap_text name)
{
    if (neapi_text_equal(name, NEAPI_LITERAL("meta")))
        push_meta_lj(L, engine, call->meta);
    else if (neapi_text_equal(name, NEAPI_LITERAL("command_id")))
        neapi_context_push_id_lj(L, call->id);
    else if (neapi_text_equal(name, NEAPI_LITERAL("correlation_id")))
        neapi_context_push_id_lj(L, call->correlation_id);
    else if (!neapi_text_equal(name, NEAPI_LITERAL("causation_id")))
        return false;
    else
        neapi_uuid_is_zero(call->causation_id) ? lua_pushnil(L)
                                               : neapi_context_push_id_lj(L, call->causation_id);
    return true;
}

/* ---- Of handlers, answers and decisions ------------------------------------------------------ */

static neapi_engine *check_lj(lua_State *L, const char *what)
{
    return neapi_context_check_lj(L, &neapi_handler_class, what);
}

static int context_now(lua_State *L)
{
    lua_pushinteger(L, check_lj(L, "now")->scope.call->now_us);
    return 1;
}

static int context_id(lua_State *L)
{
    neapi_call *call = check_lj(L, "id")->scope.call;
    neapi_context_push_id_lj(L, neapi_uuid_derive(call->id, ++call->derived));
    return 1;
}

static int context_publish(lua_State *L)
{
    return neapi_context_publish_lj(L, check_lj(L, "publish"));
}

/* The engine, if what runs may look at more than its own state. */
static neapi_engine *check_looking_lj(lua_State *L, const char *what)
{
    neapi_engine *engine = check_lj(L, what);
    if (engine->scope.run == NULL)
        neapi_misuse_lj(L,
                        "context:%s is for queries and plain handlers; an aggregate decides on its "
                        "own state only",
                        what);
    return engine;
}

static int context_state(lua_State *L)
{
    return neapi_context_state_lj(L, check_looking_lj(L, "state"));
}

static int context_find(lua_State *L)
{
    return neapi_context_find_lj(L, check_looking_lj(L, "find"));
}

static int context_list(lua_State *L)
{
    return neapi_context_list_lj(L, check_looking_lj(L, "list"));
}

static int context_select(lua_State *L)
{
    return neapi_context_select_lj(L, check_looking_lj(L, "select"));
}

/* The run, if it is one that may wait. */
static neapi_run *check_waiting_lj(lua_State *L, const char *what, const char *instead)
{
    neapi_run *run = check_lj(L, what)->scope.run;
    if (run == NULL)
        neapi_misuse_lj(L,
                        "context:%s waits, and an aggregate's command, which is pure, cannot: %s",
                        what, instead);
    return run;
}

static int context_sleep(lua_State *L)
{
    return neapi_context_sleep_lj(
        L, check_waiting_lj(L, "sleep", "wait in a plain handler, which dispatches it later"));
}

static int context_query(lua_State *L)
{
    return neapi_context_ask_lj(
        L, check_waiting_lj(L, "query", "what it decides on must be in the command"),
        NEAP_KIND_QUERY);
}

static int context_dispatch(lua_State *L)
{
    neapi_run *run = check_waiting_lj(L, "dispatch",
                                      "dispatch from a plain handler, which can dispatch this "
                                      "command too");
    if (run->kind == NEAPI_HANDLING_QUERY)
        return neapi_misuse_lj(L, "context:dispatch is for commands; a query changes nothing");
    return neapi_context_ask_lj(L, run, NEAP_KIND_COMMAND);
}

/* The engine, if what runs can send: a plain handler. */
static neapi_engine *check_sending_lj(lua_State *L, const char *what)
{
    neapi_engine *engine = check_lj(L, what);
    const neapi_run *run = engine->scope.run;
    if (run == NULL)
        neapi_misuse_lj(L,
                        "context:%s is for plain handlers, subscribers and sagas; an aggregate's "
                        "command decides on events only",
                        what);
    if (run->kind == NEAPI_HANDLING_QUERY)
        neapi_misuse_lj(L, "context:%s is for commands; a query changes nothing", what);
    return engine;
}

static int context_send(lua_State *L)
{
    return neapi_effect_send_lj(L, check_sending_lj(L, "send"));
}

static int context_cancel(lua_State *L)
{
    return neapi_effect_cancel_lj(L, check_sending_lj(L, "cancel"));
}

static int unknown_property(lua_State *L, neap_text name)
{
    static const char *const names[] = {"now",      "id",         "publish",        "state",
                                        "dispatch", "query",      "sleep",          "find",
                                        "list",     "select",     "send",           "cancel",
                                        "meta",     "command_id", "correlation_id", "causation_id",
                                        "event",    "services",   "idempotency_key"};
    return neapi_context_unknown_lj(L, name, names, sizeof names / sizeof *names);
}

void neapi_context_push_text(lua_State *L, neap_text text)
{
    if (text.size == 0)
        lua_pushnil(L);
    else
        lua_pushlstring(L, text.data, text.size);
}

static int context_index(lua_State *L)
{
    neap_text name;
    if (neapi_context_method_lj(L, &name))
        return 1;
    neapi_engine *engine = check_lj(L, name.data);
    const neapi_run *run = engine->scope.run;
    if (neapi_context_envelope_lj(L, engine, engine->scope.call, name))
        return 1;
    if (neapi_text_equal(name, NEAPI_LITERAL("services")))
        neapi_services_push_lj(L, engine);
    else if (run != NULL && neapi_text_equal(name, NEAPI_LITERAL("idempotency_key")))
        neapi_context_push_text(L, run->key);
    else if (neapi_text_equal(name, NEAPI_LITERAL("event")))
        lua_pushnil(L); /* no handler of this version is called for an event */
    else
        return unknown_property(L, name);
    return 1;
}

static const luaL_Reg methods[] = {
    {"now", context_now},
    {"id", context_id},
    {"publish", context_publish},
    {"state", context_state},
    {"dispatch", context_dispatch},
    {"query", context_query},
    {"sleep", context_sleep},
    {"find", context_find},
    {"list", context_list},
    {"select", context_select},
    {"send", context_send},
    {"cancel", context_cancel},
    {NULL, NULL},
};

const neapi_context_class neapi_handler_class = {"neap.Context", methods, context_index,
                                                 "the handler"};
