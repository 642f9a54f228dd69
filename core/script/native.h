/* The native half of the Lua API: what `require "neap.internal"` gives to Neap's own Lua files. */
#ifndef NEAPI_SCRIPT_NATIVE_H
#define NEAPI_SCRIPT_NATIVE_H

#include <lua.h>
#include <stdbool.h>

/* Pushes a new table of functions, the same in the states of lanes and in a host's. `depth`: how
 * deep a message may be nested. */
void neapi_native_open_lj(lua_State *L, unsigned depth);

/* Registry names of the metatables that C and Lua share. */
#define NEAPI_REJECTION "neap.Rejection"

/* The depth that the state's native half was opened with. */
unsigned neapi_native_depth(lua_State *L);

/* Whether the value is neap.drop. */
bool neapi_is_drop(lua_State *L, int index);

/* Whether the value is neap.delete. */
bool neapi_is_delete(lua_State *L, int index);

/* internal.constructor(schema, instance, name): the function behind a message's __call. */
int neapi_constructor_new(lua_State *L);

/* internal.circuit(failures, open_for, probes): a circuit breaker; core/script/circuit.c. */
int neapi_circuit_new(lua_State *L);

/* Adds json, null and array_metatable; core/script/json_binding.c. */
void neapi_json_open_lj(lua_State *L);

#endif
