/* string.find, match, gmatch and gsub: what Lua's own give, but with a bound on what one call may
 * take. */
#ifndef NEAPI_SCRIPT_PATTERN_H
#define NEAPI_SCRIPT_PATTERN_H

#include "script/pattern_match.h"

/* Replaces them in the string library at `index`. */
void neapi_pattern_open_lj(lua_State *L, int index);

/* Room for the program of a short pattern. */
typedef struct neapi_pattern_room {
    neapi_pattern_item items[65];
    neapi_pattern_set sets[21];
} neapi_pattern_room;

/* Compiles the text at `index`: into the room if it has enough, else into a userdata that it
 * pushes. Raises if it is no text, or too large. */
void neapi_pattern_read_lj(lua_State *L, int index, neapi_pattern_room *room,
                           neapi_pattern_program *program);

int neapi_pattern_gsub(lua_State *L);

#endif
