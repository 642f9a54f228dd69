#include <stdio.h>
#include <string.h>

#include "script/value.h"

size_t neapi_value_path_push(neapi_value_path *path, lua_State *L, int index)
{
    size_t before = path->size, left = sizeof path->text - before;
    char *end = path->text + before;
    int written;
    if (lua_type(L, index) == LUA_TSTRING)
        written = snprintf(end, left, "%s%s", before != 0 ? "." : "", lua_tostring(L, index));
    else if (lua_isinteger(L, index))
        written = snprintf(end, left, "[%lld]", (long long)lua_tointeger(L, index));
    else if (lua_type(L, index) == LUA_TNUMBER)
        written = snprintf(end, left, "[%.14g]", lua_tonumber(L, index));
    else if (lua_type(L, index) == LUA_TBOOLEAN)
        written = snprintf(end, left, "[%s]", lua_toboolean(L, index) ? "true" : "false");
    else
        written = snprintf(end, left, "[%s]", lua_typename(L, lua_type(L, index)));
    if (written > 0)
        path->size += (size_t)written < left ? (size_t)written : left - 1;
    return before;
}

void neapi_value_path_pop(neapi_value_path *path, size_t size)
{
    path->size = size;
    path->text[size] = '\0';
}
