#include "script/freeze.h"

#include <lauxlib.h>

#include "script/trace.h"
#include "script/vm.h"

/* Its address is the key of the table that is shown, in a frozen one's metatable. */
static const char shown_key;
/* And of its name. */
static const char what_key;

/* Upvalues of the metamethods. */
enum { SHOWN = 1, WHAT };

/* Pushes what the table at `index` shows; nil and false if it is not frozen. */
static bool push_shown_lj(lua_State *L, int index)
{
    if (lua_type(L, index) != LUA_TTABLE || !lua_getmetatable(L, index)) {
        lua_pushnil(L);
        return false;
    }
    bool frozen = lua_rawgetp(L, -1, &shown_key) == LUA_TTABLE;
    lua_remove(L, -2);
    return frozen;
}

static int refuse(lua_State *L, const char *what, int key)
{
    const char *name = luaL_tolstring(L, key, NULL);
    return neapi_misuse_lj(L, "%s.%s cannot be changed: all handlers share it", what, name);
}

/* __newindex(table, key, value) */
static int assign(lua_State *L)
{
    if (neapi_vm_of(L)->frozen)
        return refuse(L, lua_tostring(L, lua_upvalueindex(WHAT)), 2);
    lua_settop(L, 3);
    lua_rawset(L, lua_upvalueindex(SHOWN));
    return 0;
}

static int step(lua_State *L)
{
    lua_settop(L, 2);
    return lua_next(L, lua_upvalueindex(SHOWN)) != 0 ? 2 : 0;
}

/* __pairs: without giving away the table that is shown. */
static int all_pairs(lua_State *L)
{
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(SHOWN));
    lua_pushcclosure(L, step, 1);
    lua_insert(L, 1);
    lua_pushnil(L);
    return 3;
}

static int length(lua_State *L)
{
    lua_pushinteger(L, luaL_len(L, lua_upvalueindex(SHOWN)));
    return 1;
}

/* Fills the metatable on top so that its tables show the one at `shown`. */
static void fill_metatable_lj(lua_State *L, int shown, const char *what)
{
    lua_pushvalue(L, shown);
    lua_rawsetp(L, -2, &shown_key);
    lua_pushvalue(L, shown);
    lua_setfield(L, -2, "__index");
    lua_pushvalue(L, shown);
    lua_pushstring(L, what);
    lua_pushcclosure(L, assign, 2);
    lua_setfield(L, -2, "__newindex");
    lua_pushvalue(L, shown);
    lua_pushcclosure(L, all_pairs, 1);
    lua_setfield(L, -2, "__pairs");
    lua_pushvalue(L, shown);
    lua_pushcclosure(L, length, 1);
    lua_setfield(L, -2, "__len");
    lua_pushstring(L, what);
    lua_rawsetp(L, -2, &what_key);
}

/* Puts it out of the domain's reach. */
static void protect_metatable_lj(lua_State *L, const char *what)
{
    lua_pushstring(L, what);
    lua_setfield(L, -2, "__metatable");
}

void neapi_freeze_push_lj(lua_State *L, int index, const char *what)
{
    index = lua_absindex(L, index);
    lua_newtable(L);
    lua_createtable(L, 0, 6);
    fill_metatable_lj(L, index, what);
    protect_metatable_lj(L, what);
    lua_setmetatable(L, -2);
}

/* Moves all members of one table to another. */
static void move_members_lj(lua_State *L, int from, int to)
{
    lua_pushnil(L);
    while (lua_next(L, from) != 0) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, to);
        lua_pushvalue(L, -1);
        lua_pushnil(L);
        lua_rawset(L, from); /* lua_next goes on from a key that was removed */
    }
}

void neapi_freeze_in_place_lj(lua_State *L, int index, const char *what)
{
    index = lua_absindex(L, index);
    lua_newtable(L);
    int shown = lua_gettop(L);
    move_members_lj(L, index, shown);
    if (lua_getmetatable(L, index)) {
        lua_createtable(L, 0, 1);
        lua_getfield(L, -2, "__index");
        lua_setfield(L, -2, "__index");
        lua_setmetatable(L, shown);
    } else {
        lua_createtable(L, 0, 6);
    }
    fill_metatable_lj(L, shown, what);
    lua_setmetatable(L, index);
    lua_settop(L, shown - 1);
}

void neapi_freeze_domain_lj(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    luaL_checkstack(L, 10, "freezing a domain");
    static const char *const lists[] = {"messages",   "aggregates",  "handlers",
                                        "unfinished", "retirements", "subscriptions"};
    lua_getfield(L, index, "messages");
    int messages = lua_gettop(L);
    for (lua_Integer i = 1; lua_rawgeti(L, messages, i) == LUA_TTABLE; i++) {
        const char *what = luaL_tolstring(L, -1, NULL);
        lua_getfield(L, -2, "tags");
        neapi_freeze_in_place_lj(L, -1, what);
        neapi_freeze_in_place_lj(L, -3, what);
        lua_settop(L, messages);
    }
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        lua_getfield(L, index, lists[i]);
        neapi_freeze_in_place_lj(L, -1, NEAPI_FREEZE_DOMAIN);
        lua_settop(L, messages);
    }
    neapi_freeze_in_place_lj(L, index, NEAPI_FREEZE_DOMAIN);
    lua_getmetatable(L, index);
    protect_metatable_lj(L, NEAPI_FREEZE_DOMAIN);
    lua_settop(L, messages - 1);
}

/* ---- Ways round it --------------------------------------------------------------------------- */

static int raw_set(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkany(L, 2);
    luaL_checkany(L, 3);
    lua_settop(L, 3);
    if (!push_shown_lj(L, 1)) {
        lua_settop(L, 3);
    } else if (neapi_vm_of(L)->frozen) {
        lua_getmetatable(L, 1);
        lua_rawgetp(L, -1, &what_key);
        return refuse(L, lua_tostring(L, -1), 2);
    } else {
        lua_insert(L, 2);
    }
    lua_rawset(L, -3);
    lua_settop(L, 1);
    return 1;
}

static int raw_get(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkany(L, 2);
    lua_settop(L, 2);
    if (push_shown_lj(L, 1)) {
        lua_pushvalue(L, 2);
        lua_rawget(L, 3);
        return 1;
    }
    lua_settop(L, 2);
    lua_rawget(L, 1);
    return 1;
}

void neapi_freeze_open_lj(lua_State *L, int index)
{
    static const luaL_Reg functions[] = {{"rawset", raw_set}, {"rawget", raw_get}, {NULL, NULL}};
    lua_pushvalue(L, index);
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
    luaL_getmetatable(L, LUA_FILEHANDLE);
    lua_pushliteral(L, "file");
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}
