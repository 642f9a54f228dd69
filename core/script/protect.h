/* Our own pcall, xpcall and coroutine library: what a limit raised passes through them. */
#ifndef NEAPI_SCRIPT_PROTECT_H
#define NEAPI_SCRIPT_PROTECT_H

#include <lua.h>

#include "script/vm.h"

/* Replaces pcall and xpcall in the table at `index`. */
void neapi_protect_open_lj(lua_State *L, int index);
/* Replaces resume, wrap and close in the coroutine library at `index`. */
void neapi_coroutine_open_lj(lua_State *L, int index);

/* Yields to the lane, through all coroutines around; `then` gets what the lane gives on top of the
 * stack as it is now, and calls neapi_wait_check_lj() first. Raises, naming the function, where
 * nothing can wait: inside gsub, sort, tostring, require … */
int neapi_wait_lj(lua_State *L, neapi_vm *vm, lua_KFunction then);
void neapi_wait_possible_lj(lua_State *L, neapi_vm *vm);
void neapi_wait_check_lj(lua_State *L, neapi_vm *vm);

#endif
