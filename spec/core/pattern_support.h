/* Our pattern functions beside Lua's own. */
#ifndef SPEC_CORE_PATTERN_SUPPORT_H
#define SPEC_CORE_PATTERN_SUPPORT_H

#include <lua.h>
#include <stdbool.h>

#include "neap.h"

/* Opens the libraries in the state and gets both sets of functions ready. */
void pattern_open(lua_State *L);

/* Whether find, match, gmatch and gsub give the same, errors included; a call of ours that a limit
 * stops counts as the same, and then Lua's own is not tried. Prints the case if not. */
bool pattern_same(lua_State *L, neap_text subject, neap_text pattern, int init,
                  neap_text replacement);

#endif
