/* neap.open, and how each call of a runtime without lanes begins. */
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "script/failure.h"
#include "script/guest.h"
#include "script/host.h"
#include "script/ink.h"
#include "script/trace.h"

#define OPTION(name, type)                                                                         \
    {                                                                                              \
#name, NEAPI_HOST_##type, offsetof(neap_options, name)                                     \
    }

/* Places in host_open. */
enum { DOMAIN = 1, OPTIONS, HOST };

neapi_host *neapi_host_push_lj(lua_State *L)
{
    neapi_host_push_metatable_lj(L);
    lua_pop(L, 1);
    neapi_host *host = lua_newuserdatauv(L, sizeof *host, 3);
    *host = (neapi_host){0};
    return host;
}

static int64_t time_of_host(void *user)
{
    return ((const neapi_host *)user)->now_us;
}

/* The clock becomes the user value of the host on top. */
static void clock_option_lj(lua_State *L, neapi_host *host, neap_options *options)
{
    if (lua_type(L, 2) != LUA_TTABLE || lua_getfield(L, 2, "clock") == LUA_TNIL) {
        lua_settop(L, HOST);
        return;
    }
    if (lua_type(L, -1) != LUA_TFUNCTION)
        neapi_misuse_lj(L, "neap.open: 'clock' must be a function that gives µs, but is a %s",
                        luaL_typename(L, -1));
    lua_setiuservalue(L, HOST, 1);
    host->has_clock = true;
    options->clock = time_of_host;
    options->clock_user = host;
}

/* With lanes the domain has Lua states of its own, and nothing of the caller's can be used there.
 */
static neap_status check_lanes(const neapi_host *host, bool is_path, const neap_options *options,
                               neap_error *error)
{
    if (options->lanes == 0)
        return NEAP_OK;
    if (!is_path)
        return neapi_fail(error, NEAP_USAGE,
                          "a domain object is for { lanes = 0 }; with lanes give the path of its "
                          "file, which each lane loads");
    if (host->has_clock)
        return neapi_fail(error, NEAP_USAGE,
                          "option clock is for { lanes = 0 }: lanes do not call into this Lua");
    return NEAP_OK;
}

static neap_status start(lua_State *L, neapi_host *host, const char *path,
                         const neap_options *options, neap_error *error)
{
    neap_runtime *runtime;
    if (options->lanes != 0)
        return neap_open(path, options, &host->runtime, error);
    bool services =
        lua_type(L, OPTIONS) == LUA_TTABLE && lua_getfield(L, OPTIONS, "services") == LUA_TTABLE;
    int place = services ? lua_gettop(L) : 0;
    lua_pushvalue(L, DOMAIN);
    neap_status status = neap_load_in(L, path, place, options, &runtime, error);
    if (status != NEAP_OK)
        return status;
    status = neap_start(runtime, error);
    if (status == NEAP_OK)
        host->runtime = runtime;
    else
        neap_close(runtime);
    return status;
}

/* neap.open(path or domain, options) → runtime | nil, err */
static int host_open(lua_State *L)
{
    static const neapi_host_option known[] = {
        OPTION(store, TEXT),
        OPTION(subscriptions, TEXT),
        OPTION(rebuild, TEXT),
        OPTION(read_only, FLAG),
        OPTION(record_commands, FLAG),
        OPTION(lanes, UNSIGNED),
        OPTION(reaction_lanes, UNSIGNED),
        OPTION(caller_runs, FLAG),
        OPTION(queue_length, UNSIGNED),
        OPTION(conflict_retries, UNSIGNED),
        OPTION(warm_aggregates, UNSIGNED),
        OPTION(nesting_depth, UNSIGNED),
        OPTION(unit_events, UNSIGNED),
        OPTION(unit_bytes, SIZE),
        OPTION(message_bytes, SIZE),
        OPTION(lane_memory_bytes, SIZE),
        OPTION(allocation_bytes, SIZE),
        OPTION(handler_instructions, UINT64),
        OPTION(handler_ms, UINT32),
        OPTION(close_ms, UINT32),
        OPTION(key_retention_ms, INT64),
        OPTION(snapshot_bytes, SIZE),
        OPTION(live_bytes, SIZE),
        OPTION(live_events, UNSIGNED),
        OPTION(seed, UINT64),
        {"clock", NEAPI_HOST_OTHER, 0},
        {"log", NEAPI_HOST_OTHER, 0},
        {"log_level", NEAPI_HOST_OTHER, 0},
        {"config", NEAPI_HOST_OTHER, 0},
        {"services", NEAPI_HOST_OTHER, 0},
        {NULL, NEAPI_HOST_OTHER, 0},
    };
    bool is_path = lua_type(L, 1) == LUA_TSTRING;
    if (!is_path && !neapi_guest_is_domain(L, 1))
        return neapi_misuse_lj(L,
                               "neap.open needs the path of a domain's file, or a domain, but "
                               "got a %s",
                               luaL_typename(L, 1));
    lua_settop(L, 2);
    neap_options options;
    neap_options_init(&options);
    options.caller_runs = true; /* no callback of the host runs on a lane */
    neapi_host_options_lj(L, 2, "neap.open", known, &options);
    neapi_host *host = neapi_host_push_lj(L);
    neapi_host_log_option_lj(L, OPTIONS, HOST, &host->log, &options);
    lua_settop(L, HOST);
    clock_option_lj(L, host, &options);
    neapi_host_services_lj(L, &options);
    host->is_inline = options.lanes == 0;
    neap_error error;
    if (check_lanes(host, is_path, &options, &error) != NEAP_OK ||
        start(L, host, lua_tostring(L, 1), &options, &error) != NEAP_OK) {
        neapi_host_log_tell(L, HOST, &host->log);
        neapi_host_log_fini(&host->log);
        return neapi_host_fail_lj(L, &error);
    }
    /* Only now: at the end of a state what was made last is finalized first, and the domain must
     * still be there when its runtime is closed. */
    neapi_host_push_metatable_lj(L);
    lua_setmetatable(L, HOST);
    neapi_host_log_tell(L, HOST, &host->log);
    lua_settop(L, HOST);
    return 1;
}

/* Asks the clock of the host at `index`. */
static int64_t ask_clock_lj(lua_State *L, int index)
{
    lua_getiuservalue(L, index, 1);
    lua_call(L, 0, 1);
    if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) <= 0)
        neapi_misuse_lj(L, "the runtime's clock must give an integer, µs since 1970, but gave %s",
                        luaL_tolstring(L, -1, NULL));
    int64_t now = lua_tointeger(L, -1);
    lua_pop(L, 1);
    return now;
}

void neapi_host_enter_lj(lua_State *L, neapi_host *host, const char *method)
{
    neap_error error;
    if (host->is_inline && neap_set_lua_thread(host->runtime, L, &error) != NEAP_OK)
        neapi_raise_lj(L, NEAP_USAGE, "runtime:%s: %s", method, error.message);
}

void neapi_host_arrive_lj(lua_State *L, neapi_host *host, const char *method)
{
    if (host->has_clock)
        host->now_us = ask_clock_lj(L, 1);
    neapi_host_enter_lj(L, host, method); /* behind the clock, which may call the runtime */
}

void neapi_host_open_lj(lua_State *L)
{
    lua_getfield(L, -1, "json");
    lua_getfield(L, -1, "encode");
    lua_setfield(L, LUA_REGISTRYINDEX, "neap.encode");
    lua_pop(L, 1);
    lua_pushcfunction(L, host_open);
    lua_setfield(L, -2, "open");
    lua_pushcfunction(L, neapi_guest_load_file);
    lua_setfield(L, -2, "load");
    neapi_host_history_lj(L);
    neapi_host_transfer_lj(L);
    neapi_ink_open_lj(L);
}
