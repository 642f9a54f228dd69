#include "script/order.h"

#include <lauxlib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "script/limits.h"

enum { BACKWARD = 1 }; /* upvalue of both functions */

/* A key, for comparing without Lua. Lifetime: as long as it is in its table. */
typedef struct key {
    int rank; /* of its type */
    bool is_integer;
    lua_Integer integer;
    lua_Number number;
    const char *text;
    size_t size;
    uintptr_t address;
    lua_Integer place;
} key;

static key key_at(lua_State *L, int index)
{
    key it = {.rank = lua_type(L, index)};
    switch (it.rank) {
    case LUA_TNUMBER:
        it.rank = -1; /* before all others */
        it.is_integer = lua_isinteger(L, index);
        it.integer = lua_tointeger(L, index);
        it.number = lua_tonumber(L, index);
        break;
    case LUA_TSTRING:
        it.rank = 0;
        it.text = lua_tolstring(L, index, &it.size);
        break;
    case LUA_TBOOLEAN:
        it.integer = lua_toboolean(L, index);
        it.is_integer = true;
        break;
    default:
        it.address = (uintptr_t)lua_topointer(L, index);
        break;
    }
    return it;
}

static int compare_texts(const key *a, const key *b)
{
    size_t shorter = a->size < b->size ? a->size : b->size;
    int difference = shorter != 0 ? memcmp(a->text, b->text, shorter) : 0;
    return difference != 0 ? difference : (a->size > b->size) - (a->size < b->size);
}

static int compare(const void *left, const void *right)
{
    const key *a = left, *b = right;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    if (a->text != NULL)
        return compare_texts(a, b);
    if (a->is_integer && b->is_integer)
        return (a->integer > b->integer) - (a->integer < b->integer);
    if (a->rank == -1)
        return (a->number > b->number) - (a->number < b->number);
    return (a->address > b->address) - (a->address < b->address);
}

static bool is_backward(lua_State *L)
{
    return lua_toboolean(L, lua_upvalueindex(BACKWARD));
}

static lua_Integer count_keys(lua_State *L)
{
    lua_Integer count = 0;
    for (lua_pushnil(L); lua_next(L, 1) != 0; lua_pop(L, 1))
        count++;
    return count;
}

/* ---- next ------------------------------------------------------------------------------------ */

/* Whether the key on top comes behind the one (if there is one) and before the other. */
static bool is_between(const key *it, const key *behind, const key *before, bool backward)
{
    int sign = backward ? -1 : 1;
    return (behind == NULL || sign * compare(it, behind) > 0) &&
           (before == NULL || sign * compare(it, before) < 0);
}

/* next(table, key): each call goes through all of it; pairs does not. */
static int ordered_next(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    neapi_limits_spend_lj(L, (uint64_t)count_keys(L));
    bool first = lua_isnil(L, 2), found = false, backward = is_backward(L);
    key behind = key_at(L, 2), best;
    lua_pushnil(L); /* 3: the best one */
    lua_pushnil(L);
    while (lua_next(L, 1) != 0) {
        key it = key_at(L, 4);
        lua_pop(L, 1);
        if (!is_between(&it, first ? NULL : &behind, found ? &best : NULL, backward))
            continue;
        best = it;
        found = true;
        lua_pushvalue(L, 4);
        lua_replace(L, 3);
    }
    lua_settop(L, 3);
    if (!found)
        return 1;
    lua_pushvalue(L, 3);
    lua_rawget(L, 1);
    return 2;
}

/* ---- pairs ----------------------------------------------------------------------------------- */

/* What the loop calls: (table, key), with the keys, and how many of them were given. */
static int step(lua_State *L)
{
    lua_Integer at = lua_tointeger(L, lua_upvalueindex(2));
    while (lua_rawgeti(L, lua_upvalueindex(1), ++at) != LUA_TNIL) {
        lua_pushvalue(L, -1);
        if (lua_rawget(L, 1) != LUA_TNIL) { /* it was not taken out meanwhile */
            lua_pushinteger(L, at);
            lua_replace(L, lua_upvalueindex(2));
            return 2;
        }
        lua_pop(L, 2);
    }
    return 1;
}

/* Pushes the list of the table's keys, in order. */
static void push_keys_lj(lua_State *L, bool backward)
{
    lua_Integer count = count_keys(L), at = 0;
    neapi_limits_spend_lj(L, 4 * (uint64_t)count);
    key *keys = lua_newuserdatauv(L, (size_t)(count + 1) * sizeof *keys, 0);
    lua_createtable(L, (int)(count < INT32_MAX ? count : 0), 0);
    int found = lua_gettop(L);
    for (lua_pushnil(L); lua_next(L, 1) != 0;) {
        lua_pop(L, 1);
        keys[at] = key_at(L, -1);
        keys[at].place = at + 1;
        at++;
        lua_pushvalue(L, -1);
        lua_rawseti(L, found, at);
    }
    qsort(keys, (size_t)count, sizeof *keys, compare);
    lua_createtable(L, (int)(count < INT32_MAX ? count : 0), 0);
    for (lua_Integer i = 0; i < count; i++) {
        lua_rawgeti(L, found, keys[backward ? count - 1 - i : i].place);
        lua_rawseti(L, found + 1, i + 1);
    }
}

static int ordered_pairs(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    if (luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL) {
        lua_pushvalue(L, 1);
        lua_call(L, 1, 3);
        return 3;
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    push_keys_lj(L, is_backward(L));
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, step, 2);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

void neapi_order_open_lj(lua_State *L, int index, bool backward)
{
    static const luaL_Reg functions[] = {
        {"next", ordered_next}, {"pairs", ordered_pairs}, {NULL, NULL}};
    lua_pushvalue(L, index);
    lua_pushboolean(L, backward);
    luaL_setfuncs(L, functions, 1);
    lua_pop(L, 1);
}
