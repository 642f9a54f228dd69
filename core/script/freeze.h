/* What all handlers of a domain share, and none may change: its libraries, Neap's modules, its
 * definitions. While the domain is loaded it may still set them up.
 *
 * A frozen table is an empty one that shows another: reading goes through its metatable, which is
 * out of the domain's reach. */
#ifndef NEAPI_SCRIPT_FREEZE_H
#define NEAPI_SCRIPT_FREEZE_H

#include <lua.h>

/* Pushes a frozen table that shows the one at `index`. `what` is its name in errors. */
void neapi_freeze_push_lj(lua_State *L, int index, const char *what);

/* Freezes the table at `index` itself. Its metatable, if it has one, must be its own. */
void neapi_freeze_in_place_lj(lua_State *L, int index, const char *what);

/* Freezes a domain that is loaded, and its messages. */
void neapi_freeze_domain_lj(lua_State *L, int index);

#define NEAPI_FREEZE_DOMAIN "the domain" /* what it is called then: lua/neap/domain.lua asks */

/* Replaces what would get round it in the environment at `index`: rawset and rawget. */
void neapi_freeze_open_lj(lua_State *L, int index);

#endif
