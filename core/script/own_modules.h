/* Neap's own modules, for a Lua state that the library makes for itself. */
#ifndef NEAPI_SCRIPT_OWN_MODULES_H
#define NEAPI_SCRIPT_OWN_MODULES_H

#include <lua.h>

/* `require "neap"` and its parts give those of this library, whatever Neap is installed. The
 * standard libraries are open. */
void neapi_own_modules_lj(lua_State *L);

#endif
