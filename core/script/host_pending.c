/* runtime:send: a command under way, whose outcome comes on another thread. */
#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/platform.h"
#include "script/host.h"
#include "script/lua_error.h"
#include "script/trace.h"

#define METATABLE "neap.Pending"

/* Held by Lua and, until the outcome is there, by the callback; the last one frees it. */
typedef struct outcome {
    atomic_uint references;
    atomic_bool known; /* set behind all that follows */
    neapi_gate gate;
    neap_status status;
    neap_reply *reply;
    neap_error error;
} outcome;

static outcome *outcome_new(void)
{
    outcome *made = neapi_alloc_zero(1, sizeof *made);
    if (made == NULL)
        return NULL;
    if (!neapi_gate_init(&made->gate)) {
        neapi_free(made);
        return NULL;
    }
    atomic_init(&made->references, 2);
    atomic_init(&made->known, false);
    return made;
}

static void outcome_release(outcome *held, unsigned references)
{
    if (atomic_fetch_sub(&held->references, references) != references)
        return;
    neap_reply_free(held->reply);
    neapi_gate_fini(&held->gate);
    neapi_free(held);
}

static void receive(void *user, neap_status status, neap_reply *reply, const neap_error *error)
{
    outcome *held = user;
    held->status = status;
    held->reply = reply;
    if (error != NULL)
        held->error = *error;
    atomic_store(&held->known, true);
    neapi_wake(neapi_platform_machine(), &held->gate);
    outcome_release(held, 1);
}

static int pending_free(lua_State *L)
{
    outcome **place = lua_touserdata(L, 1);
    if (*place != NULL)
        outcome_release(*place, 1);
    *place = NULL;
    return 0;
}

static outcome *check_pending_lj(lua_State *L, const char *method)
{
    outcome **place = luaL_testudata(L, 1, METATABLE);
    if (place == NULL || *place == NULL)
        neapi_misuse_lj(L, "call it as pending:%s(…), with a colon", method);
    return *place;
}

static int64_t deadline_argument_lj(lua_State *L)
{
    if (lua_isnoneornil(L, 2))
        return NEAPI_NO_DEADLINE;
    lua_Number seconds = lua_tonumber(L, 2);
    if (lua_type(L, 2) != LUA_TNUMBER || !(seconds >= 0) || seconds > 4e6)
        neapi_misuse_lj(L, "pending:wait: the timeout must be a number of seconds from 0");
    return neapi_monotonic_us(neapi_platform_machine()) + (int64_t)(seconds * 1e6);
}

static bool wait_until(outcome *held, int64_t deadline_us)
{
    const neapi_platform *platform = neapi_platform_machine();
    for (;;) {
        unsigned seen = neapi_gate_seen(&held->gate);
        if (atomic_load(&held->known))
            return true;
        if (deadline_us != NEAPI_NO_DEADLINE && neapi_monotonic_us(platform) >= deadline_us)
            return false;
        neapi_park(platform, &held->gate, seen, deadline_us);
    }
}

/* Without lanes nobody else does the work: whoever waits for it does. The runtime is the user value
 * of the pending at place 1. */
static void work_lj(lua_State *L, outcome *held, const char *method, int64_t deadline_us)
{
    if (atomic_load(&held->known) || lua_getiuservalue(L, 1, 1) != LUA_TUSERDATA)
        return;
    neapi_host *host = lua_touserdata(L, -1);
    if (host->runtime == NULL)
        return;
    lua_rotate(L, 1, 1); /* its place is the first */
    neapi_host_arrive_lj(L, host, method);
    lua_rotate(L, 1, -1);
    lua_pop(L, 1);
    int64_t left = deadline_us - neapi_monotonic_us(neapi_platform_machine());
    uint32_t ms = 0;
    if (deadline_us != NEAPI_NO_DEADLINE)
        ms = left <= 1000 ? 1 : (uint32_t)(left / 1000);
    neap_error error;
    neap_drain(host->runtime, ms, &error);
}

/* pending:wait(timeout) → receipt | nil, err. May be called again. */
static int pending_wait(lua_State *L)
{
    outcome *held = check_pending_lj(L, "wait");
    int64_t deadline_us = deadline_argument_lj(L);
    work_lj(L, held, "wait", deadline_us);
    if (!wait_until(held, deadline_us)) {
        neap_error error;
        neapi_fail(&error, NEAP_TIMEOUT, "the command is still under way");
        error.outcome_unknown = true;
        return neapi_host_fail_lj(L, &error);
    }
    if (held->status != NEAP_OK)
        return neapi_host_fail_lj(L, &held->error);
    neapi_host_push_receipt_lj(L, neap_reply_receipt(held->reply));
    return 1;
}

/* pending:done() → whether wait() would return at once. */
static int pending_done(lua_State *L)
{
    outcome *held = check_pending_lj(L, "done");
    work_lj(L, held, "done", 0);
    lua_pushboolean(L, atomic_load(&held->known));
    return 1;
}

static void push_metatable_lj(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"wait", pending_wait}, {"done", pending_done}, {NULL, NULL}};
    if (!luaL_newmetatable(L, METATABLE))
        return;
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, pending_free);
    lua_setfield(L, -2, "__gc");
    lua_pushliteral(L, METATABLE);
    lua_setfield(L, -2, "__metatable");
}

int neapi_host_send(lua_State *L)
{
    neapi_host *host = neapi_host_check_lj(L, "send");
    neapi_host_message message;
    neap_error error;
    if (!neapi_host_message_lj(L, host, "send", &message, &error))
        return neapi_host_fail_lj(L, &error);
    outcome **place = lua_newuserdatauv(L, sizeof *place, 1);
    *place = NULL;
    push_metatable_lj(L);
    lua_setmetatable(L, -2);
    if (host->is_inline) {
        lua_pushvalue(L, 1);
        lua_setiuservalue(L, -2, 1);
    }
    outcome *made = outcome_new();
    if (made == NULL) {
        neapi_nomem(&error);
        return neapi_host_fail_lj(L, &error);
    }
    *place = made;
    if (neap_send(host->runtime, message.name, message.json.data, message.json.size,
                  &message.options, receive, made, &error) == NEAP_OK)
        return 1;
    *place = NULL;
    outcome_release(made, 2);
    return neapi_host_fail_lj(L, &error);
}
