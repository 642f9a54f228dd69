/* The purity guard: functions of the libraries that read the clock, randomness or the world raise
 * an error while an aggregate's code runs. */
#ifndef NEAPI_SCRIPT_GUARD_H
#define NEAPI_SCRIPT_GUARD_H

#include <lua.h>

/* Wraps what is impure in the libraries that are fields of the table at `index` (os, io, math), and
 * the methods of files. */
void neapi_guard_open_lj(lua_State *L, int index);

#endif
