/* Middleware around a saga's event: called where the saga's function would be, with a `next` that
 * calls that. All of it is one pure call, which cannot wait. */
#include "script/saga_next.h"

#include <lauxlib.h>

#include "script/context.h"
#include "script/event_key.h"
#include "script/failure.h"
#include "script/lua_error.h"
#include "script/run.h"
#include "script/trace.h"

/* What the context's user value has: the function and its arguments, and what came of it. */
enum { FUNCTION = 1, LAST_ARGUMENT = FUNCTION + 3, CALLED, HANDLED, RESULT };

/* next(message, context) → true | nil, err */
int neapi_saga_next(lua_State *L)
{
    neapi_engine *engine = ((neapi_context *)lua_touserdata(L, 2))->engine;
    lua_getiuservalue(L, 2, 1);
    int job = lua_gettop(L);
    if (lua_rawgeti(L, job, CALLED) != LUA_TNIL)
        return neapi_misuse_lj(L, "next was called before: a saga handles an event once");
    lua_pushboolean(L, 1);
    lua_rawseti(L, job, CALLED);
    lua_rawgeti(L, LUA_REGISTRYINDEX, engine->handler);
    int handler = lua_gettop(L);
    for (int i = FUNCTION; i <= LAST_ARGUMENT; i++)
        lua_rawgeti(L, job, i);
    engine->scope.handling = NEAPI_HANDLING_SAGA;
    int status = lua_pcall(L, LAST_ARGUMENT - FUNCTION, 1, handler);
    engine->scope.handling = NEAPI_HANDLING_MIDDLEWARE;
    if (status != LUA_OK) {
        neapi_failure(&engine->vm, L, status, &engine->failure);
        lua_pushnil(L);
        neapi_push_error_lj(L, &engine->failure);
        return 2;
    }
    lua_rawseti(L, job, RESULT);
    lua_pushboolean(L, 1);
    lua_pushvalue(L, -1);
    lua_rawseti(L, job, HANDLED);
    return 1;
}

/* The function and its arguments lie on the stack from `function` on. Pushes the context. */
static neapi_context *push_context_lj(lua_State *L, neapi_engine *engine, int function)
{
    neapi_context *context =
        neapi_context_pure_lj(L, engine, &neapi_middleware_class, NEAPI_HANDLING_MIDDLEWARE);
    lua_createtable(L, RESULT, 0);
    for (int i = FUNCTION; i <= LAST_ARGUMENT; i++) {
        lua_pushvalue(L, function + i - FUNCTION);
        lua_rawseti(L, -2, i);
    }
    lua_setiuservalue(L, -2, 1);
    return context;
}

/* What middleware gave lies behind the context. Leaves what the function gave in its place. */
static neap_status settle_lj(lua_State *L, neapi_engine *engine, int function, int context,
                             const neap_event *event, neap_error *error)
{
    if (lua_isnil(L, -2) && !lua_isnil(L, -1))
        return neapi_run_take_error_lj(L, engine, lua_gettop(L), error);
    lua_getiuservalue(L, context, 1);
    bool handled = lua_rawgeti(L, -1, HANDLED) != LUA_TNIL;
    lua_rawgeti(L, -2, RESULT);
    lua_replace(L, function);
    lua_settop(L, function);
    return neapi_run_check_passed(event, handled, error);
}

neap_status neapi_saga_call_lj(lua_State *L, neapi_engine *engine, uint32_t message,
                               const neap_event *event, neap_error *error)
{
    int function = lua_gettop(L) - (LAST_ARGUMENT - FUNCTION);
    neapi_context *context = push_context_lj(L, engine, function);
    int place = lua_gettop(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, engine->handler);
    lua_rawgeti(L, LUA_REGISTRYINDEX, engine->composed);
    neap_status status = neapi_event_push_lj(L, engine, NULL, message, event, error);
    if (status == NEAP_OK) {
        lua_pushvalue(L, place);
        engine->scope.handling = NEAPI_HANDLING_MIDDLEWARE;
        int outcome = lua_pcall(L, 2, 2, place + 1);
        engine->scope.handling = NEAPI_HANDLING_SAGA;
        status = outcome == LUA_OK ? settle_lj(L, engine, function, place, event, error)
                                   : neapi_failure(&engine->vm, L, outcome, error);
    }
    context->engine = NULL; /* it lies in a table of the domain's, perhaps */
    return status;
}
