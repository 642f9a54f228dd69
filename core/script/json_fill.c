#include "script/convert.h"
#include "script/json_values.h"

void neapi_filling_flush_lj(neapi_filling *filling, lua_State *L, bool last)
{
    if (filling->put == 0) {
        /* If more are to come a table of twice that size has to grow less often. */
        lua_createtable(L, (int)(last ? filling->held : 2 * filling->held), 0);
        lua_replace(L, filling->table);
    }
    lua_Integer place = filling->put + filling->held;
    filling->put = place;
    for (; filling->held > 0; filling->held--)
        lua_rawseti(L, filling->table, place--);
}

void neapi_push_empty_array_lj(lua_State *L)
{
    lua_newtable(L);
    neapi_push_array_metatable_lj(L);
    lua_setmetatable(L, -2);
}
