/* Our own pcall, xpcall and coroutine library: what a limit raised passes through them. */
#ifndef NEAPI_SCRIPT_PROTECT_H
#define NEAPI_SCRIPT_PROTECT_H

#include <lua.h>

/* Replaces pcall and xpcall in the table at `index`. */
void neapi_protect_open_lj(lua_State *L, int index);
/* Replaces resume, wrap and close in the coroutine library at `index`. */
void neapi_coroutine_open_lj(lua_State *L, int index);

#endif
