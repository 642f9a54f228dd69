/* The options of neap.open that are for the domain's services. */
#include <lauxlib.h>

#include "script/host.h"
#include "script/trace.h"

/* Pushes a table option; false: it was not given. */
static bool push_table_option_lj(lua_State *L, const char *name)
{
    if (lua_type(L, 2) != LUA_TTABLE || lua_getfield(L, 2, name) == LUA_TNIL)
        return false;
    if (lua_type(L, -1) != LUA_TTABLE)
        neapi_misuse_lj(L, "neap.open: '%s' must be a table by services' names, but is a %s", name,
                        luaL_typename(L, -1));
    return true;
}

/* Its JSON, which the stack keeps alive; NULL: it was not given. */
static const char *table_option_lj(lua_State *L, const char *name)
{
    if (!push_table_option_lj(L, name))
        return NULL;
    int table = lua_gettop(L);
    lua_getfield(L, LUA_REGISTRYINDEX, "neap.encode");
    lua_pushvalue(L, table);
    lua_call(L, 1, 2);
    if (lua_isnil(L, -2)) {
        lua_getfield(L, -1, "message");
        neapi_misuse_lj(L, "neap.open: '%s': %s", name, lua_tostring(L, -1));
    }
    lua_pop(L, 1);
    return lua_tostring(L, -1);
}

/* A host and a domain share no values: what is in the host's Lua cannot be called by a lane. */
static const char *services_option_lj(lua_State *L, const neap_options *options)
{
    if (!push_table_option_lj(L, "services") || options->lanes == 0)
        return NULL; /* without lanes it can be called: neap_load_in() takes them */
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        if (lua_type(L, -1) != LUA_TSTRING)
            neapi_misuse_lj(L,
                            "neap.open: services: '%s' must be the name of a module beside the "
                            "domain, but is a %s; a lane has a Lua of its own",
                            luaL_tolstring(L, -2, NULL), luaL_typename(L, -1));
        lua_pop(L, 1);
    }
    return table_option_lj(L, "services");
}

void neapi_host_services_lj(lua_State *L, neap_options *options)
{
    options->config = table_option_lj(L, "config");
    options->services = services_option_lj(L, options);
}
