/* `context` in a subscriber. */
#include <lauxlib.h>

#include "base/text.h"
#include "script/context.h"
#include "script/effect.h"
#include "script/trace.h"

static neapi_engine *check_lj(lua_State *L, const char *what)
{
    return neapi_context_check_lj(L, &neapi_subscriber_class, what);
}

static int context_now(lua_State *L)
{
    lua_pushinteger(L, check_lj(L, "now")->scope.event->recorded_at);
    return 1;
}

static int context_id(lua_State *L)
{
    neapi_scope *scope = &check_lj(L, "id")->scope;
    neapi_context_push_id_lj(L, neapi_effect_id(scope, ++scope->call->derived));
    return 1;
}

static int context_send(lua_State *L)
{
    return neapi_effect_send_lj(L, check_lj(L, "send"));
}

static int context_cancel(lua_State *L)
{
    return neapi_effect_cancel_lj(L, check_lj(L, "cancel"));
}

static int context_state(lua_State *L)
{
    return neapi_context_state_lj(L, check_lj(L, "state"));
}

static int context_find(lua_State *L)
{
    return neapi_context_find_lj(L, check_lj(L, "find"));
}

static int context_list(lua_State *L)
{
    return neapi_context_list_lj(L, check_lj(L, "list"));
}

static int context_select(lua_State *L)
{
    return neapi_context_select_lj(L, check_lj(L, "select"));
}

static int context_sleep(lua_State *L)
{
    return neapi_context_sleep_lj(L, check_lj(L, "sleep")->scope.run);
}

static int context_query(lua_State *L)
{
    return neapi_context_ask_lj(L, check_lj(L, "query")->scope.run, NEAP_KIND_QUERY);
}

static int context_dispatch(lua_State *L)
{
    return neapi_context_ask_lj(L, check_lj(L, "dispatch")->scope.run, NEAP_KIND_COMMAND);
}

static int unknown_property(lua_State *L, neap_text name)
{
    static const char *const own[] = {"now",      "id",    "send",     "cancel", "state",
                                      "sleep",    "query", "find",     "list",   "select",
                                      "dispatch", "event", "services", "meta",   "correlation_id"};
    neapi_context_refuse_lj(L, name, "a subscriber",
                            "what it wants done it dispatches, or sends, as a command");
    return neapi_context_unknown_lj(L, name, own, sizeof own / sizeof *own);
}

/* Made when it is asked for, then kept with the context; several events, if an old one became
 * several, have put theirs there. */
static int push_event_lj(lua_State *L, neapi_engine *engine)
{
    if (lua_getiuservalue(L, 1, 1) == LUA_TTABLE)
        return 1;
    neapi_context_event_lj(L, engine);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, 1, 1);
    return 1;
}

static int context_index(lua_State *L)
{
    neap_text name;
    if (neapi_context_method_lj(L, &name))
        return 1;
    neapi_engine *engine = check_lj(L, name.data);
    const neapi_call *call = engine->scope.call;
    if (neapi_text_equal(name, NEAPI_LITERAL("event")))
        return push_event_lj(L, engine);
    if (neapi_text_equal(name, NEAPI_LITERAL("services")))
        neapi_services_push_lj(L, engine);
    else if ((!neapi_text_equal(name, NEAPI_LITERAL("meta")) &&
              !neapi_text_equal(name, NEAPI_LITERAL("correlation_id"))) ||
             !neapi_context_envelope_lj(L, engine, call, name))
        return unknown_property(L, name);
    return 1;
}

static const luaL_Reg methods[] = {
    {"now", context_now},       {"id", context_id},
    {"send", context_send},     {"cancel", context_cancel},
    {"state", context_state},   {"sleep", context_sleep},
    {"query", context_query},   {"dispatch", context_dispatch},
    {"find", context_find},     {"list", context_list},
    {"select", context_select}, {NULL, NULL},
};

const neapi_context_class neapi_subscriber_class = {"neap.SubscriberContext", methods,
                                                    context_index, "the handler"};
