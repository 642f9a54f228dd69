/* The inside of middleware: chains that wait, and the context that they see. */
#ifndef NEAPI_SCRIPT_CHAIN_H
#define NEAPI_SCRIPT_CHAIN_H

#include "script/engine_state.h"

/* A thread of Lua that runs one chain after another. */
struct neapi_chain_thread {
    lua_State *L;
    int reference;
    struct neapi_chain_thread *next;
};

/* Keeps the plan's middleware (the plan is at `index`). */
void neapi_chain_declare_lj(lua_State *L, neapi_engine *engine, int index);

/* What the innermost middleware calls. */
int neapi_chain_next(lua_State *L);

/* Stops the chain until its lane goes on with it; `then` gets what the lane gives. */
int neapi_chain_wait_lj(lua_State *L, neapi_chain *chain, neapi_chain_stop stop,
                        lua_KFunction then);

/* Whether the message's time is over. */
bool neapi_chain_is_late(const neapi_chain *chain);
/* Pushes nil and a timeout. */
int neapi_chain_push_late_lj(lua_State *L, neapi_chain *chain, const char *what);

/* Ends a chain that waits: its pending variables are closed. */
void neapi_chain_kill(lua_State *L, neapi_engine *engine, neapi_chain *chain);

/* Nothing of chains stays in a host's state. Raises nothing. */
void neapi_chain_leave_host(lua_State *L, neapi_engine *engine);
void neapi_chain_free_threads(neapi_engine *engine);

/* ---- context, as middleware sees it (core/script/chain_context.c) ---------------------------- */

/* Pushes a new one, which the chain's end makes useless. */
void neapi_chain_context_new_lj(lua_State *L, neapi_chain *chain);
void neapi_chain_context_end(neapi_chain *chain);
/* Whose context the value at `index` is; NULL: nobody's, or of a message that is done. */
neapi_chain *neapi_chain_context_of(lua_State *L, int index);

#endif
