/* context:state. */
#include <lauxlib.h>

#include "base/error.h"
#include "base/text.h"
#include "script/context.h"
#include "script/lua_error.h"
#include "script/run.h"
#include "script/trace.h"

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

/* What cannot be read is raised. */
static int waited(lua_State *L, int status, lua_KContext before)
{
    const neapi_context *context = lua_touserdata(L, 1);
    int count = neapi_run_waited(L, status, before);
    if (count == 1)
        return 1;
    neap_error *error = &context->engine->failure;
    neapi_error_take(L, -1, error);
    return neapi_context_raise_lj(L, context->engine, error);
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
    neapi_run *run = engine->scope.run;
    if (engine->options.load_state == NULL)
        return neapi_misuse_lj(L, "context:state is not available here");
    if (!engine->vm.guest) /* whether it has to or not: where it does is nobody's to know */
        neapi_run_check_wait_lj(L, run);
    lua_State *outer = engine->vm.running; /* in a host's state it may be another coroutine */
    engine->vm.running = L;
    neap_status status =
        engine->options.load_state(engine->options.host, aggregate, id, &copy, error);
    engine->vm.running = outer;
    if (status != NEAP_OK)
        return neapi_context_raise_lj(L, engine, error);
    if (copy == NEAPI_STATE_ELSEWHERE) {
        run->wanted =
            (neapi_wanted){.aggregate = aggregate, .id = id, .until_us = run->deadline_us};
        return neapi_run_wait_lj(L, run, NEAPI_RUN_STATE, waited);
    }
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
