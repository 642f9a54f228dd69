#include "script/guest.h"

#include <lauxlib.h>

#include "script/environment.h"
#include "script/lua_error.h"
#include "script/require.h"

void neapi_guest_require_lj(lua_State *L, neapi_sources *sources, neapi_sources ***place)
{
    lua_newtable(L);
    int environment = lua_gettop(L);
    lua_pushvalue(L, environment);
    lua_setfield(L, environment, LUA_GNAME);
    lua_getglobal(L, "require");
    neapi_require_push_lj(L, environment, lua_gettop(L), sources, place);
    lua_pushvalue(L, -1);
    lua_setfield(L, environment, "require");
    lua_createtable(L, 0, 3);
    lua_pushglobaltable(L);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, neapi_environment_refuse_global);
    lua_setfield(L, -2, "__newindex");
    lua_pushliteral(L, "the domain's environment");
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, environment);
    lua_replace(L, environment);
    lua_settop(L, environment);
}

void neapi_guest_load_lj(lua_State *L, neapi_sources *sources)
{
    int place = lua_gettop(L);
    neapi_require_environment(L, place);
    neapi_environment_load_lj(L, neapi_sources_domain(sources), place + 1);
    lua_call(L, 0, 1);
    lua_replace(L, place);
    lua_settop(L, place);
}

/* Pushes what a domain's metatable knows to make its plan with; false, nothing: it is no domain. */
static bool push_planner(lua_State *L, int index)
{
    if (lua_type(L, index) != LUA_TTABLE || luaL_getmetafield(L, index, "plan") == LUA_TNIL)
        return false;
    if (lua_type(L, -1) == LUA_TFUNCTION)
        return true;
    lua_pop(L, 1);
    return false;
}

bool neapi_guest_is_domain(lua_State *L, int index)
{
    if (!push_planner(L, index))
        return false;
    lua_pop(L, 1);
    return true;
}

void neapi_guest_plan_lj(lua_State *L)
{
    if (!push_planner(L, lua_gettop(L))) {
        if (lua_isnil(L, -1))
            luaL_error(L, "the domain's file must return its domain, but returned nothing");
        luaL_error(L, "the domain's file must return its domain, but returned a %s",
                   luaL_typename(L, -1));
    }
    lua_insert(L, -2);
    lua_call(L, 1, 1);
}

/* ---- A domain's file as an object ------------------------------------------------------------ */

/* A userdata; its user value is the domain's require, which has the place. */
typedef struct loading {
    neapi_sources *sources, **place;
} loading;

/* The domain may have kept its require, which from now on finds no file. */
static int end_loading(lua_State *L)
{
    loading *job = lua_touserdata(L, 1);
    if (job->place != NULL)
        *job->place = NULL;
    neapi_sources_free(job->sources);
    *job = (loading){NULL, NULL};
    return 0;
}

static loading *push_loading_lj(lua_State *L)
{
    loading *job = lua_newuserdatauv(L, sizeof *job, 1);
    *job = (loading){NULL, NULL};
    if (luaL_newmetatable(L, "neap.Loading.file")) {
        lua_pushcfunction(L, end_loading);
        lua_setfield(L, -2, "__gc");
        lua_pushcfunction(L, end_loading);
        lua_setfield(L, -2, "__close");
    }
    lua_setmetatable(L, -2);
    lua_toclose(L, -1);
    return job;
}

int neapi_guest_load_file(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    lua_settop(L, 1);
    loading *job = push_loading_lj(L);
    neap_error error;
    if (neapi_sources_open(path, &job->sources, &error) != NEAP_OK) {
        lua_pushnil(L);
        neapi_push_error_lj(L, &error);
        return 2;
    }
    neapi_sources **place;
    neapi_guest_require_lj(L, job->sources, &place);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, 2, 1);
    job->place = place;
    neapi_guest_load_lj(L, job->sources);
    return 1;
}
