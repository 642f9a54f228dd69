#include "script/list_options.h"

#include <lauxlib.h>
#include <string.h>

#include "script/trace.h"

static const char *text_option_lj(lua_State *L, const char *method, const char *name)
{
    int type = lua_getfield(L, 3, name);
    if (type != LUA_TNIL && type != LUA_TSTRING)
        neapi_misuse_lj(L, "%s: option %s must be a text, but is a %s", method, name,
                        luaL_typename(L, -1));
    return lua_tostring(L, -1);
}

static bool is_known(lua_State *L, int place, bool with_status)
{
    static const char *const names[] = {"prefix", "behind", "limit", "order", "status"};
    size_t count = sizeof names / sizeof *names - !with_status;
    for (size_t i = 0; lua_type(L, place) == LUA_TSTRING && i < count; i++)
        if (strcmp(lua_tostring(L, place), names[i]) == 0)
            return true;
    return false;
}

static void check_names_lj(lua_State *L, const char *method, bool with_status)
{
    for (lua_pushnil(L); lua_next(L, 3) != 0; lua_pop(L, 1))
        if (!is_known(L, -2, with_status))
            neapi_misuse_lj(L, "%s has no option '%s'; there are %sprefix, behind, limit and order",
                            method, luaL_tolstring(L, -2, NULL), with_status ? "status, " : "");
}

/* false: there are none. */
static bool read_options_lj(lua_State *L, const char *method, bool with_status,
                            neap_list_options *options)
{
    neap_list_options_init(options);
    if (lua_isnoneornil(L, 3))
        return false;
    if (!lua_istable(L, 3))
        neapi_misuse_lj(L, "%s: the options must be a table, but are a %s", method,
                        luaL_typename(L, 3));
    check_names_lj(L, method, with_status);
    options->prefix = text_option_lj(L, method, "prefix");
    options->behind = text_option_lj(L, method, "behind");
    const char *order = text_option_lj(L, method, "order");
    options->backward = order != NULL && strcmp(order, "descending") == 0;
    if (order != NULL && !options->backward && strcmp(order, "ascending") != 0)
        neapi_misuse_lj(L,
                        "%s: option order must be \"ascending\" or \"descending\", but is \"%s\"",
                        method, order);
    int type = lua_getfield(L, 3, "limit");
    if (type != LUA_TNIL && (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 1))
        neapi_misuse_lj(L, "%s: option limit must be an integer from 1", method);
    options->limit = (uint64_t)lua_tointeger(L, -1);
    return true;
}

void neapi_list_options_lj(lua_State *L, const char *method, neap_list_options *options)
{
    read_options_lj(L, method, false, options);
}

void neapi_saga_options_lj(lua_State *L, const char *method, neap_saga_options *options)
{
    neap_list_options range;
    neap_saga_options_init(options);
    if (!read_options_lj(L, method, true, &range))
        return;
    options->prefix = range.prefix;
    options->behind = range.behind;
    options->backward = range.backward;
    options->limit = range.limit;
    options->status = text_option_lj(L, method, "status");
}

const char *neapi_document_key_lj(lua_State *L, const char *method, size_t *size)
{
    if (lua_type(L, 3) != LUA_TSTRING && !lua_isinteger(L, 3))
        neapi_misuse_lj(L, "%s: the key must be a text or an integer, but is a %s", method,
                        luaL_typename(L, 3));
    return luaL_tolstring(L, 3, size);
}
