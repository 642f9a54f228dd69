/* Where in the domain something is: its own files and lines, without Neap's. */
#ifndef NEAPI_SCRIPT_TRACE_H
#define NEAPI_SCRIPT_TRACE_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#include "script/vm.h"

/* Writes into vm->traceback one line "shop.lua:41: in function 'total'" for each of the domain's
 * functions on the stack, from `level` outwards. Allocates nothing, raises nothing. */
void neapi_trace(lua_State *L, int level, neapi_vm *vm);

/* Fills `ar` (source, currentline) for the nearest function on the stack, from `level` outwards,
 * that is not Neap's own Lua. false: there is none. */
bool neapi_trace_caller(lua_State *L, int level, lua_Debug *ar);

/* Whether the function that `ar` describes is a part of Neap's own Lua. */
bool neapi_trace_own(const lua_Debug *ar);

/* The file of a chunk: its source without the mark in front. */
const char *neapi_trace_file(const lua_Debug *ar);

/* Raises the formatted text behind the caller's place: "shop.lua:12: …". */
int neapi_misuse_lj(lua_State *L, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
