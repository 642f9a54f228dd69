#include "script/own_modules.h"

#include <lauxlib.h>
#include <string.h>

#include "neap.h"
#include "script/embedded.h"

static int open_native(lua_State *L)
{
    return neap_lua_open(L);
}

/* A searcher for require: Neap's own modules are those of the library. */
static int find_own(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    bool is_neap = strcmp(name, "neap") == 0;
    if (!is_neap && strncmp(name, "neap.", 5) != 0)
        return 0;
    const char *path = is_neap ? "init" : luaL_gsub(L, name + strlen("neap."), ".", "/");
    const neapi_embedded *embedded = neapi_embedded_file(lua_pushfstring(L, "%s.lua", path));
    if (embedded == NULL)
        return 0;
    lua_pushfstring(L, NEAPI_EMBEDDED_CHUNK "%s", embedded->file);
    if (luaL_loadbufferx(L, embedded->begin, (size_t)(embedded->end - embedded->begin),
                         lua_tostring(L, -1), "t") != LUA_OK)
        return lua_error(L);
    lua_insert(L, -2);
    return 2;
}

void neapi_own_modules_lj(lua_State *L)
{
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, open_native);
    lua_setfield(L, -2, "neap.internal");
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "searchers");
    for (lua_Integer i = (lua_Integer)lua_rawlen(L, -1); i >= 1; i--) {
        lua_rawgeti(L, -1, i);
        lua_rawseti(L, -2, i + 1);
    }
    lua_pushcfunction(L, find_own);
    lua_rawseti(L, -2, 1);
    /* neap.internal is in the second. */
    lua_pop(L, 3);
}
