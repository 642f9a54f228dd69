/* What a domain's code sees: the libraries in an environment of its own, and require. */
#ifndef NEAPI_SCRIPT_ENVIRONMENT_H
#define NEAPI_SCRIPT_ENVIRONMENT_H

#include <lua.h>

#include "script/sources.h"
#include "script/vm.h"

/* Opens the libraries in a state of ours, Neap's own modules, and the domain's environment. */
void neapi_environment_open_lj(lua_State *L, neapi_sources *sources);

/* Pushes the domain's require. */
void neapi_environment_require_lj(lua_State *L);

/* Runs the domain's file in its environment and pushes what it returned. */
void neapi_environment_run_lj(lua_State *L, neapi_sources *sources);

/* The __newindex of a domain's environment: raises, for it may not create globals. */
int neapi_environment_refuse_global(lua_State *L);

/* Pushes one of Neap's own modules, "neap.plan", loading it if need be. */
void neapi_environment_module_lj(lua_State *L, const char *name);

#endif
