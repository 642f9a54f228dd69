/* A Lua with Neap inside, which runs busted: lua_host [--eager | --generational] FOLDER ARGUMENT…
 * FOLDER is the source tree; the arguments are busted's. Built as everything else is, so that
 * sanitizers see all of it. */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

#include "neap.h"
#include "script/vm.h"

static int open_native(lua_State *L)
{
    return neap_lua_open(L);
}

static void set_collector(lua_State *L, const char *mode)
{
    if (strcmp(mode, "--eager") == 0) {
        lua_gc(L, LUA_GCINC, 105, 200, 0);
        neapi_vm_collect_eagerly(true);
    } else {
        lua_gc(L, LUA_GCGEN, 1, 1);
        neapi_vm_collect_eagerly(true);
    }
}

/* run(folder, argument, …), all as texts */
static int run(lua_State *L)
{
    static const char script[] =
        "local folder = ...\n"
        "package.path = folder .. '/lua/?.lua;' .. folder .. '/lua/?/init.lua;' .. folder ..\n"
        "  '/?.lua;' .. package.path\n"
        "arg = table.pack(select(2, ...))\n"
        "arg[0] = 'busted'\n"
        "require 'busted.runner' ({ standalone = false })\n";
    luaL_openlibs(L);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, open_native);
    lua_setfield(L, -2, "neap.internal");
    lua_pop(L, 1);
    if (luaL_loadbuffer(L, script, sizeof script - 1, "=lua_host") != LUA_OK)
        return lua_error(L);
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 0);
    return 0;
}

int main(int count, char **arguments)
{
    lua_State *L = luaL_newstate();
    if (L == NULL)
        return 1;
    int first = 1;
    if (count > 1 && strncmp(arguments[1], "--", 2) == 0)
        set_collector(L, arguments[first++]);
    lua_pushcfunction(L, run);
    for (int i = first; i < count; i++)
        lua_pushstring(L, arguments[i]);
    int status = lua_pcall(L, count - first, 0, 0);
    if (status != LUA_OK)
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
    lua_close(L);
    return status == LUA_OK ? 0 : 1;
}
