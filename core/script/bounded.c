#include "script/bounded.h"

#include <lauxlib.h>
#include <stdint.h>
#include <string.h>

#include "script/failure.h"
#include "script/limits.h"
#include "script/pattern.h"
#include "script/vm.h"

#define LARGEST_MOVE ((lua_Integer)10 * 1000 * 1000)

/* Without a call of its own, so that errors name the function as it was called. */
static int call_original(lua_State *L)
{
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
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

/* What a table does not have, its __index may give without running an instruction. */
static void spend_fetched_lj(lua_State *L, lua_Integer first, lua_Integer last)
{
    if (luaL_getmetafield(L, 1, "__index") == LUA_TNIL)
        return;
    lua_pop(L, 1);
    if (last > INT64_MAX - LARGEST_MOVE || first + LARGEST_MOVE < last)
        neapi_raise_lj(L, NEAP_LIMIT, "table.concat would join more than %lld elements",
                       (long long)LARGEST_MOVE);
    neapi_limits_spend_lj(L, (uint64_t)(last - first) + 1);
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
        if (type == LUA_TNIL)
            spend_fetched_lj(L, i, last);
        if (type == LUA_TNIL || i == last)
            break;
    }
    neapi_limits_spend_lj(L, total / 16);
    return call_original(L);
}

/* Counts what a function is about to do with so many elements. Raises if they are too many for one
 * call, in which no limit is looked at. */
static void spend_elements_lj(lua_State *L, const char *name, lua_Integer count)
{
    if (count > LARGEST_MOVE)
        neapi_raise_lj(L, NEAP_LIMIT, "%s would move more than %lld elements", name,
                       (long long)LARGEST_MOVE);
    if (count > 0)
        neapi_limits_spend_lj(L, (uint64_t)count);
}

static int bounded_move(lua_State *L)
{
    lua_Integer first = luaL_checkinteger(L, 2), last = luaL_checkinteger(L, 3);
    bool huge =
        last >= first && (first <= INT64_MIN + LARGEST_MOVE || last - LARGEST_MOVE >= first);
    spend_elements_lj(L, "table.move", huge ? INT64_MAX : last - first);
    return call_original(L);
}

/* insert(list, place, value) and remove(list, place) move what lies behind. */
static void spend_behind_lj(lua_State *L, const char *name)
{
    lua_Integer place = luaL_checkinteger(L, 2), size = luaL_len(L, 1);
    if (place > 0 && place <= size)
        spend_elements_lj(L, name, size - place);
}

static int bounded_insert(lua_State *L)
{
    if (lua_gettop(L) == 3 && lua_type(L, 1) == LUA_TTABLE)
        spend_behind_lj(L, "table.insert");
    return call_original(L);
}

static int bounded_remove(lua_State *L)
{
    if (lua_gettop(L) == 2 && lua_type(L, 1) == LUA_TTABLE)
        spend_behind_lj(L, "table.remove");
    return call_original(L);
}

/* About as many comparisons as sorting takes; those of a function in Lua are counted there too. */
static int bounded_sort(lua_State *L)
{
    if (lua_type(L, 1) != LUA_TTABLE)
        return call_original(L);
    lua_Integer size = luaL_len(L, 1);
    lua_Integer steps = size < 1 ? 0 : size;
    for (lua_Integer rest = size; rest > 4 && steps < INT64_MAX / 4; rest /= 4)
        steps += size;
    spend_elements_lj(L, "table.sort", size);
    neapi_limits_spend_lj(L, (uint64_t)steps);
    return call_original(L);
}

/* Functions that go through the whole text once. */
static int bounded_text(lua_State *L)
{
    if (lua_type(L, 1) == LUA_TSTRING)
        neapi_limits_spend_lj(L, lua_rawlen(L, 1) / 16);
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
    bound_lj(L, "upper", bounded_text);
    bound_lj(L, "lower", bounded_text);
    bound_lj(L, "reverse", bounded_text);
    bound_lj(L, "byte", bounded_text);
    bound_lj(L, "unpack", bounded_text);
    neapi_pattern_open_lj(L, -1);
    lua_pushnil(L);
    lua_setfield(L, -2, "dump"); /* makes bytecode, which nothing here would load */
    lua_getfield(L, index, "table");
    bound_lj(L, "concat", bounded_concat);
    bound_lj(L, "move", bounded_move);
    bound_lj(L, "insert", bounded_insert);
    bound_lj(L, "remove", bounded_remove);
    bound_lj(L, "sort", bounded_sort);
    lua_getfield(L, index, "utf8");
    bound_lj(L, "len", bounded_text);
    bound_lj(L, "offset", bounded_text);
    bound_lj(L, "codepoint", bounded_text);
    lua_getfield(L, index, "math");
    bound_lj(L, "tointeger", bounded_text);
    lua_pushvalue(L, index);
    bound_lj(L, "tonumber", bounded_text);
    lua_pop(L, 5);
}
