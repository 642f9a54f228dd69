#include "script/bounded.h"

#include <lauxlib.h>
#include <stdint.h>
#include <string.h>

#include "script/failure.h"
#include "script/pattern.h"
#include "script/vm.h"

#define LARGEST_MOVE ((lua_Integer)10 * 1000 * 1000)

static int call_original(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

static int too_large(lua_State *L, const char *name)
{
    return neapi_raise_lj(L, NEAP_LIMIT, "%s would make a text of more than %zu bytes", name,
                          neapi_vm_of(L)->allocation_bytes);
}

static int bounded_rep(lua_State *L)
{
    size_t size, separator;
    luaL_checklstring(L, 1, &size);
    lua_Integer count = luaL_checkinteger(L, 2);
    luaL_optlstring(L, 3, "", &separator);
    if (count <= 0 || size + separator == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if (size + separator > neapi_vm_of(L)->allocation_bytes / (size_t)count)
        return too_large(L, "string.rep");
    return call_original(L);
}

/* Sums up what is to be joined, as far as it is text; the rest is the original's to complain about.
 */
static int bounded_concat(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    size_t separator, total = 0, bound = neapi_vm_of(L)->allocation_bytes;
    luaL_optlstring(L, 2, "", &separator);
    lua_Integer first = luaL_optinteger(L, 3, 1);
    lua_Integer last = luaL_opt(L, luaL_checkinteger, 4, luaL_len(L, 1));
    for (lua_Integer i = first; i <= last; i++) {
        int type = lua_rawgeti(L, 1, i);
        total += separator + (type == LUA_TSTRING ? lua_rawlen(L, -1) : 0);
        lua_pop(L, 1);
        if (total > bound)
            return too_large(L, "table.concat");
        if (type == LUA_TNIL || i == last)
            break;
    }
    return call_original(L);
}

static int bounded_move(lua_State *L)
{
    lua_Integer first = luaL_checkinteger(L, 2), last = luaL_checkinteger(L, 3);
    if (last >= first && (first <= INT64_MIN + LARGEST_MOVE || last - LARGEST_MOVE >= first))
        return neapi_raise_lj(L, NEAP_LIMIT, "table.move would move more than %lld elements",
                              (long long)LARGEST_MOVE);
    return call_original(L);
}

/* Replaces the function `name` in the table on top. */
static void bound_lj(lua_State *L, const char *name, lua_CFunction function)
{
    lua_getfield(L, -1, name);
    lua_pushcclosure(L, function, 1);
    lua_setfield(L, -2, name);
}

void neapi_bounded_open_lj(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    lua_getfield(L, index, "string");
    bound_lj(L, "rep", bounded_rep);
    neapi_pattern_open_lj(L, -1);
    lua_pushnil(L);
    lua_setfield(L, -2, "dump"); /* makes bytecode, which nothing here would load */
    lua_getfield(L, index, "table");
    bound_lj(L, "concat", bounded_concat);
    bound_lj(L, "move", bounded_move);
    lua_pop(L, 2);
}
