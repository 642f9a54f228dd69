#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "script/host.h"
#include "script/trace.h"

#define MOST_OPTIONS 32

static int wrong_type(lua_State *L, const char *method, const char *name, const char *expected)
{
    return neapi_misuse_lj(L, "%s: '%s' must be %s, but is a %s", method, name, expected,
                           luaL_typename(L, -1));
}

static void set_integer_lj(lua_State *L, const char *method, const neapi_host_option *option,
                           void *field)
{
    lua_Integer value = lua_tointeger(L, -1);
    lua_Integer most = option->type == NEAPI_HOST_UNSIGNED || option->type == NEAPI_HOST_UINT32
                           ? (lua_Integer)UINT32_MAX
                           : INT64_MAX;
    if (!lua_isinteger(L, -1) || value < 0 || value > most)
        wrong_type(L, method, option->name, "an integer from 0");
    if (option->type == NEAPI_HOST_UNSIGNED)
        *(unsigned *)field = (unsigned)value;
    else if (option->type == NEAPI_HOST_UINT32)
        *(uint32_t *)field = (uint32_t)value;
    else if (option->type == NEAPI_HOST_SIZE)
        *(size_t *)field = (size_t)value;
    else if (option->type == NEAPI_HOST_UINT64)
        *(uint64_t *)field = (uint64_t)value;
    else
        *(int64_t *)field = value;
}

static void set_seconds_lj(lua_State *L, const char *method, const neapi_host_option *option,
                           void *field)
{
    double seconds = lua_tonumber(L, -1);
    if (lua_type(L, -1) != LUA_TNUMBER || !(seconds > 0) || seconds > 4e6)
        wrong_type(L, method, option->name, "a number of seconds above 0");
    *(uint32_t *)field = (uint32_t)ceil(seconds * 1000);
}

/* Sets the field from the value on top. */
static void set_lj(lua_State *L, const char *method, const neapi_host_option *option, void *target)
{
    void *field = (char *)target + option->offset;
    switch (option->type) {
    case NEAPI_HOST_TEXT:
        if (lua_type(L, -1) != LUA_TSTRING)
            wrong_type(L, method, option->name, "a text");
        *(const char **)field = lua_tostring(L, -1);
        break;
    case NEAPI_HOST_FLAG:
        if (lua_type(L, -1) != LUA_TBOOLEAN)
            wrong_type(L, method, option->name, "true or false");
        *(bool *)field = lua_toboolean(L, -1);
        break;
    case NEAPI_HOST_SECONDS:
        set_seconds_lj(L, method, option, field);
        break;
    case NEAPI_HOST_OTHER:
        break;
    default:
        set_integer_lj(L, method, option, field);
    }
}

static int unknown_option(lua_State *L, const char *method, const neapi_host_option *options)
{
    const char *names[MOST_OPTIONS], *nearest = NULL;
    size_t count = 0;
    neap_text wanted = {0};
    wanted.data = luaL_tolstring(L, -1, &wanted.size);
    for (; options[count].name != NULL && count < MOST_OPTIONS; count++)
        names[count] = options[count].name;
    nearest = neapi_nearest(wanted, names, count);
    if (nearest != NULL)
        return neapi_misuse_lj(L, "%s knows no option '%s'; did you mean '%s'?", method,
                               wanted.data, nearest);
    return neapi_misuse_lj(L, "%s knows no option '%s'", method, wanted.data);
}

static const neapi_host_option *find_option(const neapi_host_option *options, const char *name)
{
    for (; name != NULL && options->name != NULL; options++)
        if (strcmp(options->name, name) == 0)
            return options;
    return NULL;
}

void neapi_host_options_lj(lua_State *L, int index, const char *method,
                           const neapi_host_option *options, void *target)
{
    if (lua_isnoneornil(L, index))
        return;
    if (lua_type(L, index) != LUA_TTABLE)
        neapi_misuse_lj(L, "%s: its options must be a table, but are a %s", method,
                        luaL_typename(L, index));
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
        const neapi_host_option *option = find_option(options, name);
        if (option == NULL) {
            lua_pop(L, 1);
            unknown_option(L, method, options);
        }
        set_lj(L, method, option, target);
        lua_pop(L, 1);
    }
}
