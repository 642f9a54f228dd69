/* context:send and its like: what a handler wants done, into the list of its scope. */
#ifndef NEAPI_SCRIPT_EFFECT_H
#define NEAPI_SCRIPT_EFFECT_H

#include "script/engine_state.h"

/* Methods of `context`, behind the check of `self`. They raise what is wrong. */

/* context:send(command, options) → the command's id. */
int neapi_effect_send_lj(lua_State *L, neapi_engine *engine);
/* context:compensate(command) */
int neapi_effect_compensate_lj(lua_State *L, neapi_engine *engine);
/* context:cancel(name) */
int neapi_effect_cancel_lj(lua_State *L, neapi_engine *engine);
/* context:timeout(name, seconds) */
int neapi_effect_timeout_lj(lua_State *L, neapi_engine *engine);
/* context:complete() */
int neapi_effect_complete_lj(lua_State *L, neapi_engine *engine);
/* context:fail(message) */
int neapi_effect_fail_lj(lua_State *L, neapi_engine *engine);

/* Adds a copy. Errors: NEAP_LIMIT, NEAP_NOMEM. */
neap_status neapi_effect_add(const neapi_engine *engine, neapi_effects *effects,
                             const neapi_effect *effect, neap_error *error);

/* The n-th id of what is handled now, the same whenever that is handled again. */
neap_uuid neapi_effect_id(const neapi_scope *scope, uint64_t n);

#endif
