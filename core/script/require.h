/* require, inside a domain: the files beside it, and Neap's own modules. */
#ifndef NEAPI_SCRIPT_REQUIRE_H
#define NEAPI_SCRIPT_REQUIRE_H

#include <lua.h>

#include "script/sources.h"

/* Prepares both kinds of require; sources must live as long as the state. */
void neapi_require_open_lj(lua_State *L, neapi_sources *sources);

/* Pushes the domain's require. */
void neapi_require_push_lj(lua_State *L);

/* Pushes the source's chunk as a function in the domain's environment. Raises syntax errors. */
void neapi_environment_load_lj(lua_State *L, const neapi_source *source);

#endif
