/* The order in which a domain's `pairs` and `next` go through tables. Lua's own depends on a seed
 * that is another one in each state; what depends on it is found by two states that go through the
 * same tables the one forward and the other backward. */
#ifndef NEAPI_SCRIPT_ORDER_H
#define NEAPI_SCRIPT_ORDER_H

#include <lua.h>
#include <stdbool.h>

/* Replaces the functions in the table at `index`. Forward: numbers, then texts bytewise, then what
 * else there is, by address; backward: the other way round. */
void neapi_order_open_lj(lua_State *L, int index, bool backward);

#endif
