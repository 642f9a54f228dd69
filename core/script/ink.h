/* Text for a terminal: what came from outside cannot steer it, and columns are counted as it does.
 *
 * Marks say what a part of a text is: a byte that no UTF-8 has, and a letter. They take no column,
 * and become colours, or nothing, when the text is painted. */
#ifndef NEAPI_SCRIPT_INK_H
#define NEAPI_SCRIPT_INK_H

#include <lua.h>

/* Adds `ink` to the table on top, with these:
 *
 *   escape(text, quoted) → text    without marks, and with what cannot be printed as Lua writes it;
 *                                  quoted: what a text in quotes may not have, too
 *   columns(text) → integer        that a terminal needs for it
 *   cut(text, columns) → text      of at most so many columns, with "…" if something is left out
 *   paint(text, coloured) → text   as it can be printed */
void neapi_ink_open_lj(lua_State *L);

#endif
