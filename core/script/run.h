/* The inside of runs: messages in Lua that may wait. */
#ifndef NEAPI_SCRIPT_RUN_H
#define NEAPI_SCRIPT_RUN_H

#include "script/engine_state.h"

/* A coroutine that serves one run after another. */
struct neapi_thread {
    lua_State *L;
    int reference;
    struct neapi_thread *next;
};

/* Keeps the plan's middleware (the plan is at `index`), and what threads begin with. */
void neapi_run_declare_lj(lua_State *L, neapi_engine *engine, int index);
/* Nothing of runs stays in a host's state. Raises nothing. */
void neapi_run_leave_host(lua_State *L, neapi_engine *engine);
void neapi_run_free_threads(neapi_engine *engine);

/* ---- Waiting (core/script/wait.c) ------------------------------------------------------------ */

/* Stops the run until its lane goes on with it: then `then` is called with what the lane gives on
 * top of the stack as it is now, whose height is its context. The run's context is at place 1.
 * Raises where nothing can wait, as neapi_run_check_wait_lj(), which says so before anything is
 * done that is for nothing then. */
int neapi_run_wait_lj(lua_State *L, neapi_run *run, neapi_run_stop stop, lua_KFunction then);
void neapi_run_check_wait_lj(lua_State *L, neapi_run *run);
/* A `then`: what the lane gives are the results. */
int neapi_run_waited(lua_State *L, int status, lua_KContext before);

/* Whether the message's time is over. */
bool neapi_run_is_late(const neapi_run *run);
/* Pushes nil and a timeout. */
int neapi_run_push_late_lj(lua_State *L, neapi_run *run, const char *what);
/* The moment in `seconds`, or the run's deadline if that comes before. */
int64_t neapi_run_moment_us(const neapi_run *run, lua_Number seconds);

/* Encodes the message at `index` into run->json. Errors: what is wrong with it; NEAP_LIMIT, its
 * size. Raises if the check of one of its fields asked for something itself. */
neap_status neapi_run_encode_lj(lua_State *L, neapi_run *run, uint32_t message, int index,
                                neap_error *error);

/* What the innermost middleware calls; core/script/next.c. */
int neapi_next(lua_State *L);

/* ---- What came of it (core/script/result.c) -------------------------------------------------- */

/* What the run gave, its result and its error, is on top: fills run->json, or *error. */
neap_status neapi_run_settle_lj(lua_State *L, neapi_engine *engine, neapi_run *run,
                                neap_error *error);

/* Takes the error at `index` that middleware gave. */
neap_status neapi_run_take_error_lj(lua_State *L, neapi_engine *engine, int index,
                                    neap_error *error);
/* What middleware gave for an event is no error: then the event was handled. */
neap_status neapi_run_check_passed(const neap_event *event, bool handled, neap_error *error);

#endif
