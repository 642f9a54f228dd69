/* The Lua module's native half in a host's own state. */
#include <lua.h>

#include "message/json.h"
#include "script/host.h"
#include "script/native.h"

int neap_lua_open(void *lua_state)
{
    lua_State *L = lua_state;
    neapi_native_open_lj(L, NEAPI_JSON_DEPTH);
    neapi_host_open_lj(L);
    return 1;
}
