/* What a subscriber's run begins with. */
#ifndef NEAPI_SCRIPT_REACT_H
#define NEAPI_SCRIPT_REACT_H

#include "script/run.h"

/* Pushes a function and its first argument, the event. *handled: false, and nothing is pushed, if
 * the subscriber does not handle what the event is today. Errors: NEAP_CORRUPT, NEAP_HANDLER (an
 * upcaster). */
neap_status neapi_react_push_lj(lua_State *L, neapi_engine *engine, const neapi_run *run,
                                bool *handled, neap_error *error);

/* What the handler gave is at `value`, with an error behind it. */
neap_status neapi_react_settle_lj(lua_State *L, neapi_engine *engine, const neapi_run *run,
                                  int value, neap_error *error);

#endif
