/* A stored event as a table, with its envelope. */
#ifndef NEAPI_SCRIPT_EVENT_TABLE_H
#define NEAPI_SCRIPT_EVENT_TABLE_H

#include <lua.h>

#include "neap.h"

/* Pushes it: neap.Event of lua/neap/runtime.lua. Raises for want of memory. Errors: NEAP_INVALID
 * (data or meta that is no JSON). */
neap_status neapi_push_event_lj(lua_State *L, const neap_event *event, neap_error *error);

#endif
