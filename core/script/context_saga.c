/* `context` in a saga's functions. */
#include <lauxlib.h>

#include "base/text.h"
#include "script/context.h"
#include "script/effect.h"
#include "script/trace.h"

static neapi_engine *check_lj(lua_State *L, const char *what)
{
    return neapi_context_check_lj(L, &neapi_saga_class, what);
}

static int context_now(lua_State *L)
{
    lua_pushinteger(L, check_lj(L, "now")->scope.call->now_us);
    return 1;
}

static int context_id(lua_State *L)
{
    neapi_scope *scope = &check_lj(L, "id")->scope;
    neapi_context_push_id_lj(L, neapi_effect_id(scope, ++scope->derived));
    return 1;
}

static int context_send(lua_State *L)
{
    return neapi_effect_send_lj(L, check_lj(L, "send"));
}

static int context_timeout(lua_State *L)
{
    return neapi_effect_timeout_lj(L, check_lj(L, "timeout"));
}

static int context_cancel(lua_State *L)
{
    return neapi_effect_cancel_lj(L, check_lj(L, "cancel"));
}

static int context_compensate(lua_State *L)
{
    return neapi_effect_compensate_lj(L, check_lj(L, "compensate"));
}

static int context_complete(lua_State *L)
{
    return neapi_effect_complete_lj(L, check_lj(L, "complete"));
}

static int context_fail(lua_State *L)
{
    return neapi_effect_fail_lj(L, check_lj(L, "fail"));
}

static int unknown_property(lua_State *L, neap_text name)
{
    static const char *const own[] = {"now",    "id",         "send",          "timeout",
                                      "cancel", "compensate", "complete",      "fail",
                                      "event",  "key",        "correlation_id"};
    neapi_context_refuse_lj(L, name, "a saga",
                            "it is pure: it sends commands, with context:send, and what they lead "
                            "to comes back as events");
    return neapi_context_unknown_lj(L, name, own, sizeof own / sizeof *own);
}

static int context_index(lua_State *L)
{
    neap_text name;
    if (neapi_context_method_lj(L, &name))
        return 1;
    neapi_engine *engine = check_lj(L, name.data);
    const neapi_scope *scope = &engine->scope;
    if (neapi_text_equal(name, NEAPI_LITERAL("key")))
        neapi_context_push_text(L, scope->key);
    else if (neapi_text_equal(name, NEAPI_LITERAL("correlation_id")))
        neapi_context_push_id_lj(L, scope->call->correlation_id);
    else if (!neapi_text_equal(name, NEAPI_LITERAL("event")))
        return unknown_property(L, name);
    else if (scope->event == NULL)
        lua_pushnil(L);
    else
        return neapi_context_event_lj(L, engine);
    return 1;
}

static const luaL_Reg methods[] = {
    {"now", context_now},           {"id", context_id},         {"send", context_send},
    {"timeout", context_timeout},   {"cancel", context_cancel}, {"compensate", context_compensate},
    {"complete", context_complete}, {"fail", context_fail},     {NULL, NULL},
};

const neapi_context_class neapi_saga_class = {"neap.SagaContext", methods, context_index,
                                              "the function"};
