/* Whole Lua values: copying, comparing, saving and loading folded states. All may raise for want of
 * memory; what else is wrong is returned. */
#ifndef NEAPI_SCRIPT_VALUE_H
#define NEAPI_SCRIPT_VALUE_H

#include <lua.h>

#include "base/buffer.h"

/* Pushes a deep copy of the value at `index`. Tables that are shared, or contain themselves, are so
 * in the copy too; functions are not copied; metatables are kept. Errors: NEAP_LIMIT (depth), with
 * nothing pushed. */
neap_status neapi_value_copy_lj(lua_State *L, int index, unsigned depth, neap_error *error);

/* Whether both values are the same through all depths; if not, error->path is the first place found
 * where they differ. Compares with a copy that neapi_value_copy_lj made. */
bool neapi_value_same_lj(lua_State *L, int copy, int value, neap_error *error);

/* Appends bytes that load gives back exactly, with tables that are shared or contain themselves.
 * Errors: NEAP_HANDLER naming the path of what cannot be kept (a function, a key that is a table, a
 * metatable of the domain's own), NEAP_LIMIT (depth, more than `bytes_limit`). */
neap_status neapi_value_save_lj(lua_State *L, int index, unsigned depth, size_t bytes_limit,
                                neapi_buffer *bytes, neap_error *error);

/* Pushes the value. Errors: NEAP_CORRUPT for bytes that save did not write, with nothing pushed. */
neap_status neapi_value_load_lj(lua_State *L, neap_text bytes, unsigned depth, neap_error *error);

/* Appends canonical JSON for people: what JSON cannot say is shown as text. */
void neapi_value_show_lj(lua_State *L, int index, unsigned depth, neapi_buffer *json);

/* A path such as "items[2].sku", built while going down. */
typedef struct neapi_value_path {
    char text[256];
    size_t size;
} neapi_value_path;

/* Adds the key at `index`; gives the size before, to go back to. Allocates nothing. */
size_t neapi_value_path_push(neapi_value_path *path, lua_State *L, int index);
void neapi_value_path_pop(neapi_value_path *path, size_t size);

#endif
