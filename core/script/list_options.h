/* Which documents to list, as Lua says it. */
#ifndef NEAPI_SCRIPT_LIST_OPTIONS_H
#define NEAPI_SCRIPT_LIST_OPTIONS_H

#include <lua.h>

#include "neap.h"

/* Reads the table, or nil, at place 3, with prefix, behind, limit and order; the stack keeps the
 * texts alive. method: "runtime:list", for errors. */
void neapi_list_options_lj(lua_State *L, const char *method, neap_list_options *options);
/* The same with status beside them. */
void neapi_saga_options_lj(lua_State *L, const char *method, neap_saga_options *options);
/* The key at place 3, a text or an integer, as text; the stack keeps it alive. */
const char *neapi_document_key_lj(lua_State *L, const char *method, size_t *size);

#endif
