/* What was raised in Lua, as a status and a neap_error. */
#ifndef NEAPI_SCRIPT_FAILURE_H
#define NEAPI_SCRIPT_FAILURE_H

#include <lua.h>

#include "neap.h"
#include "script/vm.h"

/* The message handler of every entry: notes the traceback, and gives a text for whatever was
 * raised, or the error object. Its upvalue is the neapi_vm; without one it is that of the state. */
int neapi_failure_handler(lua_State *L);

/* Fills *error (not NULL) from what lua_pcall left on top, and returns the status. Raises nothing.
 */
neap_status neapi_failure(neapi_vm *vm, lua_State *L, int lua_status, neap_error *error);

/* Fails with NEAP_HANDLER at the place of the function at `index`: "shop.lua:41: …". */
neap_status neapi_fail_at(lua_State *L, int index, neap_error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Makes it an error of another status, and returns that: what is invalid for whoever checks it may
 * be a handler's mistake for whoever asked. */
neap_status neapi_failure_as(neap_error *error, neap_status status);

/* Puts the place of the function at `index` before the message. */
void neapi_failure_place(lua_State *L, int index, neap_error *error);

/* Raises an error object with that status, its message behind the caller's place. */
int neapi_raise_lj(lua_State *L, neap_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
