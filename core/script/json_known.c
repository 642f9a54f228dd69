#include "script/json_known.h"

/* Its address is the place in the registry. */
static const char known_key;

neapi_known *neapi_known_open_lj(lua_State *L)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &known_key) == LUA_TUSERDATA) {
        lua_getiuservalue(L, -1, 1);
        return lua_touserdata(L, -2);
    }
    lua_pop(L, 1);
    neapi_known *known = lua_newuserdatauv(L, sizeof *known, 1);
    memset(known, 0, sizeof *known);
    lua_createtable(L, 1 << NEAPI_KNOWN_BITS, 0);
    for (lua_Integer place = 1; place <= 1 << NEAPI_KNOWN_BITS; place++) {
        lua_pushboolean(L, false);
        lua_rawseti(L, -2, place);
    }
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, -3, 1);
    lua_pushvalue(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &known_key);
    return known;
}

void neapi_known_push_lj(neapi_known *known, int known_index, lua_State *L, neap_text name,
                         neapi_name_ends ends, unsigned slot)
{
    neapi_known_name *there = &known->slots[slot];
    if (neapi_known_is(there, name.data, name.size, ends)) {
        lua_rawgeti(L, known_index, (lua_Integer)slot + 1);
        return;
    }
    const char *string = lua_pushlstring(L, name.data, name.size);
    if (name.size > NEAPI_KNOWN_LONGEST)
        return;
    lua_pushvalue(L, -1);
    lua_rawseti(L, known_index, (lua_Integer)slot + 1);
    *there = (neapi_known_name){.ends = ends, .data = string, .size = (uint32_t)name.size};
}
