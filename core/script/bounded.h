/* Library functions that could run for long inside C, where no hook looks, with a bound on what
 * they may do in one call. */
#ifndef NEAPI_SCRIPT_BOUNDED_H
#define NEAPI_SCRIPT_BOUNDED_H

#include <lua.h>

/* Replaces them in the libraries that are fields of the table at `index` (string, table, utf8). */
void neapi_bounded_open_lj(lua_State *L, int index);

#endif
