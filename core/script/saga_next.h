/* Middleware around a saga's event. */
#ifndef NEAPI_SCRIPT_SAGA_NEXT_H
#define NEAPI_SCRIPT_SAGA_NEXT_H

#include "script/engine_state.h"

/* Calls the saga's function, which lies below its three arguments on top of the stack, through the
 * domain's middleware, and leaves what it gave in their place. Errors: what the function or
 * middleware raised, and what middleware gave. */
neap_status neapi_saga_call_lj(lua_State *L, neapi_engine *engine, uint32_t message,
                               const neap_event *event, neap_error *error);

#endif
