/* Histories as Lua objects: what their bindings share. */
#ifndef NEAPI_SCRIPT_HOST_HISTORY_H
#define NEAPI_SCRIPT_HOST_HISTORY_H

#include "script/host.h"

#define NEAPI_HOST_HISTORY "neap.History" /* the metatable's name */

/* A userdata, whose user value is the function that is asked whether to go on. Closed: history is
 * NULL. */
typedef struct neapi_host_history {
    neap_history *history;
    struct neapi_asking *asking; /* of the innermost call that is under way; NULL: there is none */
} neapi_host_history;

/* A call during which the function may be asked, on the stack of that call. Between begin and end
 * is only plain C: nothing may jump over the end. The function may call the history itself, in
 * other coroutines too, hence `outer`. */
typedef struct neapi_asking {
    lua_State *L;
    struct neapi_asking *outer;
    bool raised; /* the function did; what it raised is on top of L's stack */
} neapi_asking;

void neapi_asking_begin(neapi_host_history *host, neapi_asking *it, lua_State *L);
void neapi_asking_end(neapi_host_history *host, const neapi_asking *it);
/* Behind a call that may have asked: raises what the function raised, or returns nil and the error.
 */
int neapi_asking_fail_lj(lua_State *L, const neapi_asking *it, const neap_error *error);

/* The history of the past at place 1. */
neapi_host_history *neapi_host_history_of_lj(lua_State *L, const char *method);

/* Gives the past's userdata, which is at place 2 and complete now; its history is at place 1. */
int neapi_host_return_past_lj(lua_State *L, neapi_host *past);
/* Adds what concerns branches to the table on top; core/script/host_branch.c. */
void neapi_host_branch_lj(lua_State *L);

/* follow(history or past, filter) → iterator, nil, nil, what closes it; core/script/host_follow.c.
 */
int neapi_host_follow(lua_State *L);

/* Adds to the table on top what host_evolution.c has. */
void neapi_host_evolution_lj(lua_State *L);

#endif
