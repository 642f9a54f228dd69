/* Specs inside a program: busted in a Lua state in which `require "neap"` is this library. */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "script/own_modules.h"

typedef struct spec_run {
    const neap_spec_options *options;
    neap_spec_result result;
} spec_run;

static void push_text_lj(lua_State *L, const char *name, const char *text)
{
    if (text == NULL)
        return;
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

static void push_task_lj(lua_State *L, const neap_spec_options *options)
{
    lua_newtable(L);
    lua_newtable(L);
    for (size_t i = 0; i < options->path_count; i++) {
        lua_pushstring(L, options->paths[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "paths");
    push_text_lj(L, "filter", options->filter);
    push_text_lj(L, "output", options->output);
    lua_pushboolean(L, options->shuffle);
    lua_setfield(L, -2, "shuffle");
    if (options->seed != 0) {
        lua_pushinteger(L, (lua_Integer)options->seed);
        lua_setfield(L, -2, "seed");
    }
}

static int run_specs(lua_State *L)
{
    spec_run *run = lua_touserdata(L, 1);
    luaL_openlibs(L);
    neapi_own_modules_lj(L);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "neap.spec_run");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "all");
    push_task_lj(L, run->options);
    lua_call(L, 1, 3);
    run->result.run = (uint64_t)lua_tointeger(L, -3);
    run->result.pending = (uint64_t)lua_tointeger(L, -2);
    run->result.passed = lua_toboolean(L, -1);
    return 0;
}

static neap_status check(const neap_spec_options *options, const neap_spec_result *result,
                         neap_error *error)
{
    if (options == NULL || result == NULL)
        return neapi_fail(error, NEAP_USAGE, "neap_spec_run: options and result must not be NULL");
    if (options->size != sizeof *options)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_spec_options.size is %zu; call neap_spec_options_init() first",
                          options->size);
    for (size_t i = 0; i < options->path_count; i++)
        if (options->paths[i] == NULL || strchr(options->paths[i], ',') != NULL)
            return neapi_fail(error, NEAP_USAGE,
                              "'%s' has a comma, at which busted would divide it",
                              options->paths[i] != NULL ? options->paths[i] : "NULL");
    return NEAP_OK;
}

void neap_spec_options_init_sized(neap_spec_options *options, size_t size)
{
    const neap_spec_options defaults = {.size = size};
    memcpy(options, &defaults, size < sizeof defaults ? size : sizeof defaults);
}

neap_status neap_spec_run(const neap_spec_options *options, neap_spec_result *result,
                          neap_error *error)
{
    neap_status status = check(options, result, error);
    if (status != NEAP_OK)
        return status;
    lua_State *L = luaL_newstate();
    if (L == NULL)
        return neapi_nomem(error);
    spec_run run = {.options = options};
    lua_pushcfunction(L, run_specs);
    lua_pushlightuserdata(L, &run);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
        const char *message = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
        status = neapi_fail(error, NEAP_UNAVAILABLE, "%s",
                            message != NULL ? message : "busted failed without saying why");
    }
    lua_close(L);
    fflush(NULL);
    if (status == NEAP_OK)
        *result = run.result;
    return status;
}
