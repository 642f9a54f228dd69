/* A narrower deadline for what runs, for a while. */
#ifndef NEAPI_SCRIPT_NARROW_H
#define NEAPI_SCRIPT_NARROW_H

#include "script/engine_state.h"

/* Pushes what gives the run that runs now its former deadline back when it is closed, also by its
 * method `close`; without one it does nothing. Waits of the run end by then. context: the place of
 * a neapi_context of the engine's, which outlives it. */
void neapi_narrow_lj(lua_State *L, int context, lua_Number seconds);

#endif
