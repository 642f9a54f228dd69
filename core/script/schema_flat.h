/* The short way for what most messages are: a few fields, each a text, a number or a boolean. It
 * gives up where something is out of the ordinary or wrong; the long way then says what. Included
 * by core/script only. */
#ifndef NEAPI_SCRIPT_SCHEMA_FLAT_H
#define NEAPI_SCRIPT_SCHEMA_FLAT_H

#include "script/schema.h"

/* The most fields of a flat schema: their names and values fit on the stack. */
#define NEAPI_FLAT_MOST NEAPI_HELD

/* Which fields a table shall have: a bit for each. */
typedef uint32_t neapi_flat_set;
#define NEAPI_FLAT_ALL UINT32_MAX

/* Checks the table at `index` and appends its canonical JSON. copied: if not NULL, and *copied is
 * then set, pushes the table that this JSON says, with the wanted fields. Errors: false, nothing
 * was appended or pushed. */
bool neapi_flat_encode_lj(lua_State *L, neapi_schema *schema, int index, neapi_buffer *json,
                          neapi_flat_set wanted, bool *copied);

/* Pushes a copy of the table at `index`, checked. Errors: false, nothing was pushed. */
bool neapi_flat_copy_lj(lua_State *L, neapi_schema *schema, int index);

/* Pushes the table that `json` says, checked; canonical: if not NULL, gets whether the text is how
 * that table is encoded, which may not be noticed if it has escapes. Errors: false, nothing was
 * pushed. */
bool neapi_flat_decode_lj(lua_State *L, neapi_schema *schema, neap_text json, bool *canonical);

/* Pushes the table that recorded JSON says, as neapi_decode_lj does, with the wanted fields.
 * Errors: false, nothing was pushed. */
bool neapi_flat_recall_lj(lua_State *L, neapi_schema *schema, neap_text json,
                          neapi_flat_set wanted);

/* The same, and pushes behind the table the value of the field with that number, or nil. */
bool neapi_flat_recall_with_lj(lua_State *L, neapi_schema *schema, neap_text json,
                               neapi_flat_set wanted, unsigned field);

#endif
