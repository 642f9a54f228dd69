/* Giving up a lane that does not come back from Lua: a new one takes its place and goes on with all
 * that it had but that one handler. Its Lua stays where it is until the function in C that does not
 * return has returned. */
#ifndef NEAPI_RUNTIME_RESCUE_H
#define NEAPI_RUNTIME_RESCUE_H

#include "runtime/runtime.h"

/* How many lanes a runtime replaces. */
#define NEAPI_RESCUES 4

/* Gives up the lane, if it is still in that stay. Threads: the watcher. */
void neapi_rescue(neap_runtime *runtime, unsigned number, uint64_t stay, uint64_t waited_ms);

/* For who was inside, once he is out: frees what was his. Threads: his. */
void neapi_rescue_wind_up(neapi_lane *given_up);

/* Whether everybody is out of the lanes that were given up. The watcher has ended. */
bool neapi_rescue_all_out(const neap_runtime *runtime);
/* Frees the lanes that were given up. false: somebody is still inside one, and what he may look at
 * is to stay: the runtime's options, sources and services. */
bool neapi_rescue_close(neap_runtime *runtime);

/* The thread that looks after the lanes; core/runtime/watch.c. */
neap_status neapi_watch_start(neap_runtime *runtime, neap_error *error);
void neapi_watch_stop(neap_runtime *runtime);

#endif
