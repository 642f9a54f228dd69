/* The log of a host's Lua: a function of its own. Records come from any thread and in the midst of
 * handlers, where that Lua cannot be called; so they are kept, and told when the host's call of the
 * runtime is about to return. */
#ifndef NEAPI_SCRIPT_HOST_LOG_H
#define NEAPI_SCRIPT_HOST_LOG_H

#include <lua.h>
#include <pthread.h>

#include "neap.h"

struct neapi_kept_record;

typedef struct neapi_host_log {
    bool wanted; /* the function is the host's second user value */
    bool telling;
    pthread_mutex_t mutex;
    struct neapi_kept_record *first, *last;
    size_t kept;
    uint64_t lost; /* for want of room */
} neapi_host_log;

/* Reads the options `log` and `log_level` of the table at `options`, for the host at `host`. Raises
 * what is no log. */
void neapi_host_log_option_lj(lua_State *L, int options, int host, neapi_host_log *log,
                              neap_options *taken);
/* Tells what was kept since; the host is at place `host`. What the function raises is a warning of
 * Lua's. */
void neapi_host_log_tell(lua_State *L, int host, neapi_host_log *log);
void neapi_host_log_fini(neapi_host_log *log);

#endif
