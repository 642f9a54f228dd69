/* runtime:events: the log, one event after another, for a `for` loop. */
#include <lauxlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "script/event_table.h"
#include "script/host.h"
#include "script/lua_error.h"
#include "script/trace.h"

#define METATABLE "neap.Cursor"

/* A userdata; its user value is the runtime's, which lives as long. In the runtime's list as long
 * as it is open. */
struct neapi_host_cursor {
    neap_cursor *cursor;
    neapi_host *host; /* of whom waiting may need the Lua state */
    bool follows;
    neapi_host_cursor *next, **link;
    bool ended;
};

static void close_cursor(neapi_host_cursor *held)
{
    if (held->cursor == NULL)
        return;
    neap_cursor_close(held->cursor);
    held->cursor = NULL;
    *held->link = held->next;
    if (held->next != NULL)
        held->next->link = held->link;
}

void neapi_host_close_cursors(neapi_host *host)
{
    while (host->cursors != NULL)
        close_cursor(host->cursors);
}

static int cursor_close(lua_State *L)
{
    close_cursor(luaL_checkudata(L, 1, METATABLE));
    return 0;
}

static int raise_lj(lua_State *L, const neap_error *error)
{
    neapi_push_error_lj(L, error);
    return lua_error(L);
}

/* Waiting for the next event may run handlers, as any call of the runtime. */
static void arrive_lj(lua_State *L, const neapi_host_cursor *held)
{
    lua_settop(L, 0);
    lua_getiuservalue(L, lua_upvalueindex(1), 1);
    neapi_host_arrive_lj(L, held->host, "events");
}

/* What the loop calls: the next event, or nil. */
static int next_event(lua_State *L)
{
    neapi_host_cursor *held = lua_touserdata(L, lua_upvalueindex(1));
    if (held->ended) {
        lua_pushnil(L);
        return 1;
    }
    if (held->follows && held->cursor != NULL)
        arrive_lj(L, held);
    if (held->cursor == NULL)
        return neapi_misuse_lj(L, "runtime:events: the runtime was closed meanwhile");
    const neap_event *event;
    neap_error error;
    neap_status status = neap_cursor_next(held->cursor, &event, &error);
    if (held->follows && (status == NEAP_TIMEOUT || (status == NEAP_OK && event == NULL))) {
        lua_pushnil(L); /* it may be asked again */
        return 1;
    }
    if (status != NEAP_OK)
        return raise_lj(L, &error);
    if (event == NULL) {
        close_cursor(held);
        held->ended = true;
        lua_pushnil(L);
        return 1;
    }
    if (neapi_push_event_lj(L, event, &error) != NEAP_OK)
        return raise_lj(L, &error);
    return 1;
}

/* ---- The filter -------------------------------------------------------------------------------
 */

size_t neapi_host_types_lj(lua_State *L, const char *method, const char **types)
{
    if (lua_type(L, 2) != LUA_TTABLE)
        return 0;
    int type = lua_getfield(L, 2, "types");
    if (type == LUA_TNIL)
        return 0;
    if (type == LUA_TSTRING) {
        types[0] = lua_tostring(L, -1);
        return 1;
    }
    if (type != LUA_TTABLE)
        neapi_misuse_lj(L, "%s: 'types' must be a list of texts, but is a %s", method,
                        luaL_typename(L, -1));
    size_t count = (size_t)lua_rawlen(L, -1);
    if (count > NEAPI_HOST_TYPES)
        neapi_misuse_lj(L, "%s: 'types' has more than %d names", method, NEAPI_HOST_TYPES);
    for (size_t i = 0; i < count; i++) {
        if (lua_rawgeti(L, -1, (lua_Integer)i + 1) != LUA_TSTRING)
            neapi_misuse_lj(L, "%s: 'types' must be a list of texts", method);
        types[i] = lua_tostring(L, -1);
        lua_pop(L, 1);
    }
    return count;
}

static void keep(neapi_host *host, neapi_host_cursor *held, neap_cursor *cursor)
{
    held->cursor = cursor;
    held->next = host->cursors;
    held->link = &host->cursors;
    if (held->next != NULL)
        held->next->link = &held->next;
    host->cursors = held;
}

int neapi_host_events(lua_State *L)
{
    static const neapi_host_option known[] = {
        {"stream", NEAPI_HOST_TEXT, offsetof(neap_filter, stream)},
        {"category", NEAPI_HOST_TEXT, offsetof(neap_filter, category)},
        {"types", NEAPI_HOST_OTHER, 0},
        {"from", NEAPI_HOST_UINT64, offsetof(neap_filter, from)},
        {"to", NEAPI_HOST_UINT64, offsetof(neap_filter, to)},
        {"limit", NEAPI_HOST_UINT64, offsetof(neap_filter, limit)},
        {"backward", NEAPI_HOST_FLAG, offsetof(neap_filter, backward)},
        {"follow", NEAPI_HOST_FLAG, offsetof(neap_filter, follow)},
        {"timeout", NEAPI_HOST_SECONDS, offsetof(neap_filter, timeout_ms)},
        {NULL, NEAPI_HOST_OTHER, 0},
    };
    neapi_host *host = neapi_host_check_lj(L, "events");
    lua_settop(L, 2);
    neap_filter filter;
    neap_filter_init(&filter);
    neapi_host_options_lj(L, 2, "runtime:events", known, &filter);
    const char *types[NEAPI_HOST_TYPES];
    filter.type_count = neapi_host_types_lj(L, "runtime:events", types);
    filter.types = types;
    neapi_host_cursor *held = lua_newuserdatauv(L, sizeof *held, 1);
    *held = (neapi_host_cursor){.host = host, .follows = filter.follow};
    neapi_host_closes_lj(L, METATABLE, cursor_close);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    int place = lua_gettop(L);
    neap_cursor *cursor;
    neap_error error;
    if (neap_read(host->runtime, &filter, &cursor, &error) != NEAP_OK)
        return raise_lj(L, &error);
    keep(host, held, cursor);
    lua_pushvalue(L, place);
    lua_pushcclosure(L, next_event, 1);
    lua_pushnil(L);
    lua_pushnil(L);
    lua_pushvalue(L, place);
    return 4;
}
