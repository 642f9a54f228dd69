/* A domain in a host's own lua_State: its code runs among the host's globals and libraries, as they
 * are. */
#ifndef NEAPI_SCRIPT_GUEST_H
#define NEAPI_SCRIPT_GUEST_H

#include <lua.h>

#include "script/sources.h"

/* Pushes a domain's require: what it gives are the files beside the domain's, read anew each time,
 * in an environment that sees the host's globals and can make none. *place: as for
 * neapi_require_push_lj(). */
void neapi_guest_require_lj(lua_State *L, neapi_sources *sources, neapi_sources ***place);

/* Replaces that require, on top, by what the domain's file returned, run in its environment. */
void neapi_guest_load_lj(lua_State *L, neapi_sources *sources);

/* load(path) → what the domain's file returned | nil, err. What it raises is raised. */
int neapi_guest_load_file(lua_State *L);

/* Whether the value at `index` is a domain that was made in this state. */
bool neapi_guest_is_domain(lua_State *L, int index);

/* Replaces the domain on top by what neap.plan makes of it. */
void neapi_guest_plan_lj(lua_State *L);

#endif
