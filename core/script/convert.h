/* JSON straight to Lua values and back, no tree in between. Included by core/script only.
 *
 * Functions that end in _lj may raise Lua errors (memory): call them inside a protected call. What
 * is wrong with the input is not raised but returned, with nothing pushed. */
#ifndef NEAPI_SCRIPT_CONVERT_H
#define NEAPI_SCRIPT_CONVERT_H

#include <lua.h>

#include "base/buffer.h"
#include "neap.h"

/* JSON null is this light userdata (pushed by neapi_push_null), an empty list is a table with the
 * metatable that neapi_push_array_metatable pushes; decode gives that metatable to empty arrays
 * only, encode takes a table with it, or one whose keys are 1 … n with n > 0, for a list. */
void neapi_push_null(lua_State *L);
bool neapi_is_null(lua_State *L, int index);
void neapi_push_array_metatable_lj(lua_State *L);

/* Pushes the value that `json` says. Errors: NEAP_INVALID (line, column, path), NEAP_LIMIT (depth).
 */
neap_status neapi_decode_lj(lua_State *L, neap_text json, unsigned depth, neap_error *error);

/* Appends the canonical JSON of the value at `index`. json->failed is the caller's to look at, at
 * the end; the buffer is the caller's also after a raised error. Errors: NEAP_INVALID (NaN,
 * function, cycle, mixed keys … with path), NEAP_LIMIT. */
neap_status neapi_encode_lj(lua_State *L, int index, unsigned depth, neapi_buffer *json,
                            neap_error *error);

/* A message's fields, compiled from the domain's table. Lives in a Lua userdata, so that its
 * functions and interned names live as long. Threads: the state's. */
typedef struct neapi_schema neapi_schema;

/* Pushes the metatable by which a schema's userdata is known. */
void neapi_push_schema_metatable_lj(lua_State *L);

/* Whether it was finalized: at the end of a state finalizers may still find it. */
bool neapi_schema_is_gone(const neapi_schema *schema);

/* Pushes a userdata with the compiled schema of the field table at `index` (DESIGN section 4:
 * "string", "integer?", { "integer" }, nested tables, functions). `name` is the message's, for
 * errors. Raises a text that names the field if the definition is wrong.
 *
 * "integer" takes no float, even a whole one; "number" takes both. A table has at most 200 fields.
 * null is a value, not nil: only "any", "any?" and what lies within "table" or "any" take it as it
 * is, a function is asked, and of every other optional field it says that it is absent. A function
 * is also asked about an absent field, with nil: if it accepts that, the field is optional. */
neapi_schema *neapi_schema_new_lj(lua_State *L, int index, const char *name);

/* The functions below may raise, besides memory errors, what a field's own function raises. */

/* Decodes and checks in one pass; what is absent and optional is nil. Pushes the table.
 * Errors: NEAP_INVALID naming path, what was expected and what was found; unknown fields with "did
 * you mean". */
neap_status neapi_schema_decode_lj(lua_State *L, neapi_schema *schema, neap_text json,
                                   unsigned depth, neap_error *error);

/* Checks the table at `index` and appends its canonical JSON, in one pass. */
neap_status neapi_schema_encode_lj(lua_State *L, neapi_schema *schema, int index, unsigned depth,
                                   neapi_buffer *json, neap_error *error);

/* Checks only: what a constructor does. */
neap_status neapi_schema_check_lj(lua_State *L, neapi_schema *schema, int index, unsigned depth,
                                  neap_error *error);

#endif
