/* A message's constructor: copies the fields that it is given, checks them, and marks the copy as
 * that message. */
#include <lauxlib.h>

#include "script/convert.h"
#include "script/failure.h"
#include "script/native.h"
#include "script/schema_flat.h"
#include "script/trace.h"

/* FAILURE: a neap_error. It is shared, and not on the C stack, because a field's check may
 * construct again, as deep as Lua allows. */
enum { SCHEMA = 1, INSTANCE, NAME, DEPTH, FAILURE };

static int refuse(lua_State *L, const neap_error *error)
{
    const char *name = lua_tostring(L, lua_upvalueindex(NAME));
    if (error->status == NEAP_LIMIT)
        return neapi_raise_lj(L, NEAP_LIMIT, "%s: %s", name, error->message);
    return neapi_misuse_lj(L, "%s: %s", name, error->message);
}

/* Pushes a checked copy of the table at 2, the long way. */
static void copy_lj(lua_State *L, neapi_schema *schema)
{
    lua_createtable(L, 0, 4);
    lua_pushnil(L);
    while (lua_next(L, 2) != 0) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, 3);
    }
    unsigned depth = (unsigned)lua_tointeger(L, lua_upvalueindex(DEPTH));
    neap_error *error = lua_touserdata(L, lua_upvalueindex(FAILURE));
    if (neapi_schema_check_lj(L, schema, 3, depth, error) != NEAP_OK)
        refuse(L, error);
}

/* construct(message, fields) */
static int construct(lua_State *L)
{
    if (lua_type(L, 2) != LUA_TTABLE)
        return neapi_misuse_lj(L, "%s needs a table of fields, but got %s",
                               lua_tostring(L, lua_upvalueindex(NAME)), luaL_typename(L, 2));
    lua_settop(L, 2);
    neapi_schema *schema = lua_touserdata(L, lua_upvalueindex(SCHEMA));
    if (neapi_schema_is_gone(schema))
        return luaL_error(L, "%s is gone, for its Lua state is being closed",
                          lua_tostring(L, lua_upvalueindex(NAME)));
    if (!neapi_flat_copy_lj(L, schema, 2))
        copy_lj(L, schema);
    lua_pushvalue(L, lua_upvalueindex(INSTANCE));
    lua_setmetatable(L, 3);
    return 1;
}

int neapi_constructor_new(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TUSERDATA);
    luaL_checktype(L, 2, LUA_TTABLE);
    luaL_checktype(L, 3, LUA_TSTRING);
    lua_settop(L, 3);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_pushcclosure(L, construct, 5);
    return 1;
}
