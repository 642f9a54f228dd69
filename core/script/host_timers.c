/* runtime:cancel and runtime:timers: what waits in the queue. */
#include <lauxlib.h>
#include <stdio.h>

#include "base/uuid.h"
#include "message/json.h"
#include "script/convert.h"
#include "script/host.h"
#include "script/trace.h"

#define PAGE 100

/* runtime:cancel(name) → true | false | nil, err */
int neapi_host_cancel(lua_State *L)
{
    neapi_host *host = neapi_host_check_lj(L, "cancel");
    if (lua_type(L, 2) != LUA_TSTRING)
        return neapi_misuse_lj(
            L,
            "runtime:cancel needs the name that something was sent with, but got "
            "a %s",
            luaL_typename(L, 2));
    neap_error error;
    bool cancelled;
    if (neap_cancel(host->runtime, lua_tostring(L, 2), 0, &cancelled, &error) != NEAP_OK)
        return neapi_host_fail_lj(L, &error);
    lua_pushboolean(L, cancelled);
    return 1;
}

/* ---- runtime:timers -------------------------------------------------------------------------- */

/* A userdata, an upvalue of the iterator. */
typedef struct walk {
    const neap_queue *page;
    const neap_queued *next;
    char through[128];
    bool begun;
} walk;

static int walk_free(lua_State *L)
{
    walk *freed = lua_touserdata(L, 1);
    neap_queue_free(freed->page);
    freed->page = NULL;
    freed->next = NULL;
    return 0;
}

static void set_text(lua_State *L, const char *name, neap_text text)
{
    if (text.size != 0)
        neapi_host_set_text_lj(L, name, text);
}

static void set_id(lua_State *L, const char *name, neap_uuid id)
{
    char text[37];
    if (neapi_uuid_is_zero(id))
        return;
    neap_uuid_format(id, text);
    lua_pushlstring(L, text, 36);
    lua_setfield(L, -2, name);
}

static void set_json_lj(lua_State *L, const char *name, neap_text json)
{
    neap_error error;
    if (json.size != 0 && neapi_decode_lj(L, json, NEAPI_JSON_DEPTH, &error) == NEAP_OK)
        lua_setfield(L, -2, name);
}

static void push_timer_lj(lua_State *L, const neap_queued *queued)
{
    lua_createtable(L, 0, 12);
    lua_pushinteger(L, queued->due_at);
    lua_setfield(L, -2, "due_at");
    lua_pushinteger(L, queued->queued_at);
    lua_setfield(L, -2, "queued_at");
    lua_pushinteger(L, queued->attempts);
    lua_setfield(L, -2, "attempts");
    set_id(L, "id", queued->id);
    set_id(L, "correlation_id", queued->correlation_id);
    set_id(L, "causation_id", queued->causation_id);
    set_text(L, "name", queued->name);
    set_text(L, "command", queued->command);
    set_text(L, "owner", queued->owner);
    set_json_lj(L, "data", queued->data);
    set_json_lj(L, "meta", queued->meta);
    set_json_lj(L, "failure", queued->failure);
}

/* The next page, if there is one. Raises what goes wrong, as runtime:events() does. */
static void read_on_lj(lua_State *L, walk *it)
{
    neapi_host *host = lua_touserdata(L, lua_upvalueindex(2));
    if (it->begun && (it->page == NULL || it->page->last))
        return;
    if (host->runtime == NULL)
        neapi_misuse_lj(L, "runtime:timers: the runtime is closed");
    const neap_queue *page;
    neap_error error;
    if (neap_queue_read(host->runtime, it->begun ? it->through : NULL, PAGE, &page, &error) !=
        NEAP_OK) {
        neapi_host_fail_lj(L, &error);
        lua_error(L);
        return;
    }
    neap_queue_free(it->page);
    it->page = page;
    it->next = page->first;
    it->begun = true;
    snprintf(it->through, sizeof it->through, "%s", page->through);
}

static int next_timer(lua_State *L)
{
    walk *it = lua_touserdata(L, lua_upvalueindex(1));
    while (it->next == NULL && (!it->begun || (it->page != NULL && !it->page->last)))
        read_on_lj(L, it);
    if (it->next == NULL)
        return 0;
    push_timer_lj(L, it->next);
    it->next = it->next->next;
    return 1;
}

/* runtime:timers() → iterator over all that waits, by when it is due */
int neapi_host_timers(lua_State *L)
{
    neapi_host_check_lj(L, "timers");
    walk *it = lua_newuserdatauv(L, sizeof *it, 0);
    *it = (walk){.page = NULL};
    if (luaL_newmetatable(L, "neap.Timers")) {
        lua_pushcfunction(L, walk_free);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    lua_pushvalue(L, 1);
    lua_pushcclosure(L, next_timer, 2);
    return 1;
}
