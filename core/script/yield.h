/* coroutine.yield, with an error that says what is in its way. */
#ifndef NEAPI_SCRIPT_YIELD_H
#define NEAPI_SCRIPT_YIELD_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

/* coroutine.yield(…) */
int neapi_yield(lua_State *L);

/* Notes the names of the functions in the environment at `index`, and in its libraries. */
void neapi_yield_open_lj(lua_State *L, int index);

/* Writes the name of the function in C, nearest on the stack, that cannot be yielded through:
 * "string.gsub". false: there is none, so no coroutine is around. */
bool neapi_yield_blocker(lua_State *L, char *name, size_t size);

#endif
