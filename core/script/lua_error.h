/* Errors across the boundary: a neap_error as a Lua object, and back, with nothing lost. */
#ifndef NEAPI_SCRIPT_LUA_ERROR_H
#define NEAPI_SCRIPT_LUA_ERROR_H

#include <lua.h>

#include "neap.h"

/* Pushes an object with code, message and, where there is something to say, details, path, line,
 * column, traceback and outcome; tostring() gives "code: message". */
void neapi_push_error_lj(lua_State *L, const neap_error *error);

/* Pushes the metatable of such objects. */
void neapi_push_error_metatable_lj(lua_State *L);

/* Whether the value at `index` is such an object. */
bool neapi_error_is(lua_State *L, int index);

/* Whether the value at `index` is such an object, in which case *error is filled from it. */
bool neapi_error_take(lua_State *L, int index, neap_error *error);

#endif
