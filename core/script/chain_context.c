/* `context`, as middleware sees it: one for each message. Middleware is not pure: it may ask for
 * the time and for chance, and it may wait. */
#include <lauxlib.h>
#include <math.h>

#include "base/error.h"
#include "base/text.h"
#include "script/chain.h"
#include "script/convert.h"
#include "script/protect.h"
#include "script/trace.h"

#define METATABLE         "neap.MiddlewareContext"
#define TIMEOUT_METATABLE "neap.Timeout"

#define LONGEST_SLEEP 86400.0
/* Half of the range of a double's integers: what becomes a fraction of 1. */
#define CHANCE_BITS 53

typedef struct neapi_chain_context {
    neapi_chain *chain; /* NULL: it is done */
} chain_context;

void neapi_chain_context_end(neapi_chain *chain)
{
    if (chain->context != NULL)
        chain->context->chain = NULL;
    chain->context = NULL;
}

neapi_chain *neapi_chain_context_of(lua_State *L, int index)
{
    const chain_context *context = luaL_testudata(L, index, METATABLE);
    return context != NULL ? context->chain : NULL;
}

/* The chain that is on its way, if `self` is its context. */
static neapi_chain *check_lj(lua_State *L, const char *what)
{
    const chain_context *context = luaL_testudata(L, 1, METATABLE);
    if (context == NULL)
        neapi_misuse_lj(L, "call it as context:%s(…), with a colon", what);
    if (context->chain == NULL)
        neapi_misuse_lj(L, "context.%s: the message that this context belongs to is done", what);
    if (context->chain != context->chain->engine->chain)
        neapi_misuse_lj(L, "context.%s: this context belongs to another message", what);
    return context->chain;
}

static int64_t monotonic_us(const neapi_chain *chain)
{
    return neapi_monotonic_us(chain->engine->vm.platform);
}

/* ---- Methods --------------------------------------------------------------------------------- */

static int context_now(lua_State *L)
{
    lua_pushinteger(L, neapi_wall_us(check_lj(L, "now")->engine->vm.platform));
    return 1;
}

static int context_clock(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)monotonic_us(check_lj(L, "clock")) / 1e6);
    return 1;
}

static int context_random(lua_State *L)
{
    uint64_t bits;
    neapi_random(check_lj(L, "random")->engine->vm.platform, &bits, sizeof bits);
    lua_pushnumber(L, ldexp((lua_Number)(bits >> (64 - CHANCE_BITS)), -CHANCE_BITS));
    return 1;
}

static int context_remaining(lua_State *L)
{
    const neapi_chain *chain = check_lj(L, "remaining");
    if (chain->deadline_us == NEAPI_NO_DEADLINE)
        return 0;
    int64_t left = chain->deadline_us - monotonic_us(chain);
    lua_pushnumber(L, left > 0 ? (lua_Number)left / 1e6 : 0);
    return 1;
}

static lua_Number seconds_argument_lj(lua_State *L, const char *method)
{
    lua_Number seconds = lua_tonumber(L, 2);
    if (lua_type(L, 2) != LUA_TNUMBER || !(seconds >= 0) || seconds > LONGEST_SLEEP)
        neapi_misuse_lj(L, "context:%s needs a number of seconds from 0 to %d", method,
                        (int)LONGEST_SLEEP);
    return seconds;
}

static int after_sleep(lua_State *L, int status, lua_KContext before)
{
    (void)status;
    (void)before;
    neapi_chain *chain = neapi_chain_context_of(L, 1);
    neapi_wait_check_lj(L, &chain->engine->vm);
    if (neapi_chain_is_late(chain))
        return neapi_chain_push_late_lj(L, chain, "the message's time is over");
    lua_pushboolean(L, 1);
    return 1;
}

static int context_sleep(lua_State *L)
{
    neapi_chain *chain = check_lj(L, "sleep");
    lua_Number seconds = seconds_argument_lj(L, "sleep");
    if (neapi_chain_is_late(chain))
        return neapi_chain_push_late_lj(L, chain, "the message's time is over");
    int64_t wake_us = monotonic_us(chain) + (int64_t)(seconds * 1e6);
    chain->wake_us = wake_us < chain->deadline_us ? wake_us : chain->deadline_us;
    return neapi_chain_wait_lj(L, chain, NEAPI_CHAIN_SLEEP, after_sleep);
}

/* ---- context:timeout ------------------------------------------------------------------------- */

/* A narrower deadline, until it is closed. Its user value is the context. */
typedef struct narrowing {
    int64_t before_us;
    bool open;
} narrowing;

static int close_timeout(lua_State *L)
{
    narrowing *narrowed = luaL_checkudata(L, 1, TIMEOUT_METATABLE);
    lua_getiuservalue(L, 1, 1);
    neapi_chain *chain = neapi_chain_context_of(L, -1);
    if (narrowed->open && chain != NULL)
        chain->deadline_us = narrowed->before_us;
    narrowed->open = false;
    return 0;
}

static int context_timeout(lua_State *L)
{
    neapi_chain *chain = check_lj(L, "timeout");
    lua_Number seconds = seconds_argument_lj(L, "timeout");
    narrowing *narrowed = lua_newuserdatauv(L, sizeof *narrowed, 1);
    *narrowed = (narrowing){chain->deadline_us, true};
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    if (luaL_newmetatable(L, TIMEOUT_METATABLE)) {
        lua_pushcfunction(L, close_timeout);
        lua_setfield(L, -2, "__close");
        lua_pushliteral(L, TIMEOUT_METATABLE);
        lua_setfield(L, -2, "__metatable");
    }
    lua_setmetatable(L, -2);
    int64_t end_us = monotonic_us(chain) + (int64_t)(seconds * 1e6);
    if (end_us < chain->deadline_us)
        chain->deadline_us = end_us;
    return 1;
}

static int context_state(lua_State *L)
{
    return neapi_context_state_lj(L, check_lj(L, "state")->engine);
}

/* ---- Properties ------------------------------------------------------------------------------ */

static int unknown_property(lua_State *L, neap_text name)
{
    static const char *const names[] = {"now",          "clock",
                                        "random",       "sleep",
                                        "timeout",      "remaining",
                                        "state",        "kind",
                                        "name",         "meta",
                                        "command_id",   "correlation_id",
                                        "causation_id", "idempotency_key",
                                        "services"};
    static const char *const handlers[] = {"publish", "id"};
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++)
        if (neapi_text_equal(name, neapi_text_of(handlers[i])))
            return neapi_misuse_lj(L, "context.%s is for handlers; a middleware has none",
                                   handlers[i]);
    return neapi_context_unknown_lj(L, name, names, sizeof names / sizeof *names);
}

static void push_text(lua_State *L, neap_text text)
{
    if (text.size == 0)
        lua_pushnil(L);
    else
        lua_pushlstring(L, text.data, text.size);
}

static int push_property_lj(lua_State *L, neap_text name)
{
    const neapi_chain *chain = check_lj(L, name.data);
    if (neapi_text_equal(name, NEAPI_LITERAL("kind")))
        lua_pushstring(L, chain->kind == NEAP_KIND_QUERY ? "query" : "command");
    else if (neapi_text_equal(name, NEAPI_LITERAL("name")))
        push_text(L, chain->name);
    else if (neapi_text_equal(name, NEAPI_LITERAL("idempotency_key")))
        push_text(L, chain->key);
    else if (neapi_text_equal(name, NEAPI_LITERAL("services")))
        neapi_services_push_lj(L, chain->engine);
    else if (!neapi_context_envelope_lj(L, chain->engine, chain->call, name))
        return unknown_property(L, name);
    return 1;
}

static int context_index(lua_State *L)
{
    neap_text name;
    if (neapi_context_method_lj(L, &name))
        return 1;
    return push_property_lj(L, name);
}

void neapi_chain_context_new_lj(lua_State *L, neapi_chain *chain)
{
    static const luaL_Reg methods[] = {
        {"now", context_now},         {"clock", context_clock},
        {"random", context_random},   {"sleep", context_sleep},
        {"timeout", context_timeout}, {"remaining", context_remaining},
        {"state", context_state},     {NULL, NULL},
    };
    chain_context *context = lua_newuserdatauv(L, sizeof *context, 0);
    *context = (chain_context){NULL};
    neapi_context_class_lj(L, METATABLE, methods, context_index);
    context->chain = chain;
    chain->context = context;
}
