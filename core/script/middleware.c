/* `context`, as middleware sees it. Middleware is not pure: it may ask for the time and for chance,
 * and it may wait. */
#include <lauxlib.h>
#include <math.h>

#include "base/text.h"
#include "script/context.h"
#include "script/narrow.h"
#include "script/run.h"
#include "script/trace.h"

/* Half of the range of a double's integers: what becomes a fraction of 1. */
#define CHANCE_BITS 53

static neapi_engine *check_lj(lua_State *L, const char *what)
{
    return neapi_context_check_lj(L, &neapi_middleware_class, what);
}

/* What can wait. Around a saga nothing does: it is pure, and so is what is around it. */
static neapi_run *run_lj(lua_State *L, const char *what)
{
    neapi_run *run = check_lj(L, what)->scope.run;
    if (run == NULL)
        neapi_misuse_lj(L, "context:%s: nothing waits around a saga, nor looks at other states",
                        what);
    return run;
}

static int64_t monotonic_us(const neapi_engine *engine)
{
    return neapi_monotonic_us(engine->vm.platform);
}

/* ---- Methods --------------------------------------------------------------------------------- */

static int context_now(lua_State *L)
{
    lua_pushinteger(L, neapi_wall_us(check_lj(L, "now")->vm.platform));
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
    neapi_random(check_lj(L, "random")->vm.platform, &bits, sizeof bits);
    lua_pushnumber(L, ldexp((lua_Number)(bits >> (64 - CHANCE_BITS)), -CHANCE_BITS));
    return 1;
}

static int context_remaining(lua_State *L)
{
    const neapi_engine *engine = check_lj(L, "remaining");
    const neapi_run *run = engine->scope.run;
    if (run == NULL || run->deadline_us == NEAPI_NO_DEADLINE)
        return 0;
    int64_t left = run->deadline_us - monotonic_us(engine);
    lua_pushnumber(L, left > 0 ? (lua_Number)left / 1e6 : 0);
    return 1;
}

static int context_sleep(lua_State *L)
{
    return neapi_context_sleep_lj(L, run_lj(L, "sleep"));
}

static int context_timeout(lua_State *L)
{
    check_lj(L, "timeout");
    neapi_narrow_lj(L, 1, neapi_context_seconds_lj(L, "timeout"));
    return 1;
}

static int context_state(lua_State *L)
{
    return neapi_context_state_lj(L, run_lj(L, "state")->engine);
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
                                        "services",     "event",
                                        "subscription", "failures"};
    static const char *const handlers[] = {"publish", "id", "dispatch", "query"};
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++)
        if (neapi_text_equal(name, neapi_text_of(handlers[i])))
            return neapi_misuse_lj(L, "context.%s is for handlers; a middleware has none",
                                   handlers[i]);
    return neapi_context_unknown_lj(L, name, names, sizeof names / sizeof *names);
}

static const char *kind_of(const neapi_scope *scope)
{
    if (scope->event != NULL)
        return "event";
    return scope->run->message->kind == NEAP_KIND_QUERY ? "query" : "command";
}

/* What only the delivery of an event has; nil of others. */
static bool push_of_event_lj(lua_State *L, neapi_engine *engine, neap_text name)
{
    const neapi_scope *scope = &engine->scope;
    bool is_event = neapi_text_equal(name, NEAPI_LITERAL("event"));
    bool is_count = neapi_text_equal(name, NEAPI_LITERAL("failures"));
    if (!is_event && !is_count && !neapi_text_equal(name, NEAPI_LITERAL("subscription")))
        return false;
    if (scope->event == NULL)
        lua_pushnil(L);
    else if (is_event)
        neapi_context_event_lj(L, engine);
    else if (is_count)
        lua_pushinteger(L, scope->run != NULL ? (lua_Integer)*scope->run->failures : 0);
    else
        neapi_context_push_text(L, scope->subscription->name);
    return true;
}

static int push_property_lj(lua_State *L, neap_text name)
{
    neapi_engine *engine = check_lj(L, name.data);
    const neapi_scope *scope = &engine->scope;
    if (neapi_text_equal(name, NEAPI_LITERAL("kind")))
        lua_pushstring(L, kind_of(scope));
    else if (neapi_text_equal(name, NEAPI_LITERAL("name")))
        neapi_context_push_text(L, scope->event != NULL ? scope->event->type
                                                        : scope->run->message->name);
    else if (neapi_text_equal(name, NEAPI_LITERAL("idempotency_key")))
        neapi_context_push_text(L, scope->run != NULL ? scope->run->key : (neap_text){0});
    else if (neapi_text_equal(name, NEAPI_LITERAL("services")))
        neapi_services_push_lj(L, engine);
    else if (!push_of_event_lj(L, engine, name) &&
             !neapi_context_envelope_lj(L, engine, scope->call, name))
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

static const luaL_Reg methods[] = {
    {"now", context_now},         {"clock", context_clock},
    {"random", context_random},   {"sleep", context_sleep},
    {"timeout", context_timeout}, {"remaining", context_remaining},
    {"state", context_state},     {NULL, NULL},
};

const neapi_context_class neapi_middleware_class = {"neap.MiddlewareContext", methods,
                                                    context_index, "the message"};
