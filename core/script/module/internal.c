/* The Lua module neap.internal: for a stock lua5.4, which finds it as neap/internal.so. */
#include "neap.h"

NEAP_API int luaopen_neap_internal(void *lua_state);

int luaopen_neap_internal(void *lua_state)
{
    return neap_lua_open(lua_state);
}
