/* What a SELECT is given in Lua: (self, projection, statement, …). */
#ifndef NEAPI_SCRIPT_SELECT_H
#define NEAPI_SCRIPT_SELECT_H

#include <lua.h>

#include "base/buffer.h"
#include "neap.h"

/* The statement, at 3; the stack keeps it alive. Raises what cannot be one. method: for messages.
 */
neap_text neapi_select_statement_lj(lua_State *L, const char *method);
/* Appends what follows it, up to the top of the stack, as a JSON list. Raises what is no value. The
 * buffer is the caller's also then. */
void neapi_select_parameters_lj(lua_State *L, const char *method, neapi_buffer *json);

#endif
