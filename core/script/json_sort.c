#include "script/json_sort.h"

static size_t counted(lua_State *L, int table)
{
    size_t count = 0;
    lua_pushnil(L);
    while (lua_next(L, table) != 0) {
        lua_pop(L, 1);
        count++;
    }
    return count;
}

/* The names are also put into a Lua table: allocating may run finalizers, and what those do to the
 * table that is encoded must not take the names away. */
neapi_entry *neapi_sorted_names_lj(lua_State *L, int table, size_t *count)
{
    size_t room = counted(L, table), used = 0;
    neapi_entry *names = lua_newuserdatauv(L, 2 * room * sizeof *names, 0);
    lua_createtable(L, room < INT32_MAX ? (int)room : INT32_MAX, 0);
    int anchor = lua_gettop(L);
    lua_pushnil(L);
    while (lua_next(L, table) != 0) {
        lua_pop(L, 1);
        if (lua_type(L, -1) != LUA_TSTRING)
            return NULL;
        if (used == room) {
            lua_pop(L, 1);
            break;
        }
        names[used].name.data = lua_tolstring(L, -1, &names[used].name.size);
        used++;
        lua_pushvalue(L, -1);
        lua_rawseti(L, anchor, (lua_Integer)used);
    }
    *count = used;
    return neapi_entries_sort(names, names + room, used);
}
