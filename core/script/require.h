/* require, inside a domain: the files beside it, and Neap's own modules. */
#ifndef NEAPI_SCRIPT_REQUIRE_H
#define NEAPI_SCRIPT_REQUIRE_H

#include <lua.h>

#include "script/sources.h"

/* Prepares require for Neap's own modules. */
void neapi_require_open_lj(lua_State *L);

/* Pushes the domain's require, which loads into the environment at `index`. What is Neap's is
 * required by the function at `own`; 0: found in the library itself. *place (may be NULL) is where
 * it finds the sources: set to NULL, it looks for no file any more; until then they must live.
 * Lifetime of *place: the function's. */
void neapi_require_push_lj(lua_State *L, int index, int own, neapi_sources *sources,
                           neapi_sources ***place);

/* Pushes the environment of the domain's require at `index`. */
void neapi_require_environment(lua_State *L, int index);

/* Pushes the source's chunk as a function in the environment at `index`. Raises syntax errors. */
void neapi_environment_load_lj(lua_State *L, const neapi_source *source, int index);

#endif
