#include "script/schedule_options.h"

#include <lauxlib.h>

#include "script/trace.h"

/* A hundred years. */
#define LONGEST_SECONDS (100.0 * 366 * 24 * 60 * 60)

static void take_after_lj(lua_State *L, const char *method, neapi_schedule_options *options)
{
    lua_Number seconds = lua_tonumber(L, -1);
    if (lua_type(L, -1) != LUA_TNUMBER)
        neapi_misuse_lj(L, "%s: 'after' must be a number of seconds, but is a %s", method,
                        luaL_typename(L, -1));
    if (!(seconds >= 0) || seconds > LONGEST_SECONDS)
        neapi_misuse_lj(L,
                        "%s: 'after' must be a number of seconds from 0 to a hundred years, but is "
                        "%f",
                        method, seconds);
    options->has_after = true;
    options->after_us = (int64_t)(seconds * 1e6);
}

static void take_at_lj(lua_State *L, const char *method, neapi_schedule_options *options)
{
    if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 1)
        neapi_misuse_lj(L,
                        "%s: 'at' must be an integer, the microseconds since 1970 as context:now() "
                        "gives them, but is %s",
                        method, luaL_tolstring(L, -1, NULL));
    options->has_at = true;
    options->at_us = lua_tointeger(L, -1);
}

void neapi_schedule_options_lj(lua_State *L, int index, const char *method,
                               neapi_schedule_options *options)
{
    *options = (neapi_schedule_options){.given = false};
    if (lua_type(L, index) != LUA_TTABLE)
        return;
    if (lua_getfield(L, index, "after") != LUA_TNIL)
        take_after_lj(L, method, options);
    if (lua_getfield(L, index, "at") != LUA_TNIL)
        take_at_lj(L, method, options);
    if (options->has_after && options->has_at)
        neapi_misuse_lj(L, "%s: 'after' and 'at' are both given; one says when it is done", method);
    if (lua_getfield(L, index, "name") != LUA_TNIL && lua_type(L, -1) != LUA_TSTRING)
        neapi_misuse_lj(L, "%s: 'name' must be a text, but is a %s", method, luaL_typename(L, -1));
    options->name = lua_tostring(L, -1);
    options->given = options->has_after || options->has_at || options->name != NULL;
    lua_pop(L, 3);
}
