/* history:follow: what others append, one event after another, for a `for` loop. */
#include <lauxlib.h>
#include <stdint.h>

#include "base/platform.h"
#include "script/event_table.h"
#include "script/host.h"
#include "script/host_history.h"
#include "script/lua_error.h"
#include "script/trace.h"

#define METATABLE "neap.Following"

#define LONGEST_MS 3600000

/* A userdata; its user value is the history's, which lives as long. */
typedef struct following {
    neap_cursor *cursor;      /* NULL: it is over */
    neap_history *history;    /* kept open by the cursor */
    neapi_host_history *host; /* who is asked whether to go on */
    int64_t deadline_us;      /* monotonic; NEAPI_NO_DEADLINE: as long as it takes */
    uint64_t last;            /* behind the deadline: what was there then; 0: not known yet */
    uint64_t left;            /* how many more are wanted */
} following;

static int following_close(lua_State *L)
{
    following *it = luaL_checkudata(L, 1, METATABLE);
    neap_cursor_close(it->cursor);
    it->cursor = NULL;
    return 0;
}

/* ---- What the loop calls --------------------------------------------------------------------- */

static int64_t left_us(const following *it)
{
    if (it->deadline_us == NEAPI_NO_DEADLINE)
        return (int64_t)LONGEST_MS * 1000;
    int64_t left = it->deadline_us - neapi_monotonic_us(neapi_platform_machine());
    return left < (int64_t)LONGEST_MS * 1000 ? left : (int64_t)LONGEST_MS * 1000;
}

/* What is there when the time is over is still given, and nothing behind it: others may append
 * faster than this is taken. */
static neap_status find_last(following *it, neap_error *error)
{
    if (it->last != 0 || left_us(it) > 0)
        return NEAP_OK;
    return neap_history_last(it->history, &it->last, error);
}

/* *event: NULL at the end. Plain C. */
static neap_status find_next(following *it, const neap_event **event, neap_error *error)
{
    neap_status status = it->left > 0 ? find_last(it, error) : NEAP_OK;
    *event = NULL;
    while (status == NEAP_OK && it->left > 0) {
        status = neap_cursor_next(it->cursor, event, error);
        int64_t wait_us = left_us(it);
        if (status != NEAP_OK || *event != NULL || wait_us <= 0)
            break;
        status = neap_cursor_wait(it->cursor, (uint32_t)((wait_us + 999) / 1000), error);
    }
    if (status == NEAP_OK && *event != NULL && it->last != 0 && (*event)->position > it->last)
        *event = NULL;
    return status;
}

static int next_event(lua_State *L)
{
    following *it = lua_touserdata(L, lua_upvalueindex(1));
    lua_settop(L, 0);
    if (it->cursor == NULL)
        return 0;
    const neap_event *event;
    neapi_asking asking;
    neap_error error;
    neapi_asking_begin(it->host, &asking, L);
    neap_status status = find_next(it, &event, &error);
    neapi_asking_end(it->host, &asking);
    if (status == NEAP_OK && event != NULL) {
        it->left -= it->left != UINT64_MAX;
        status = neapi_push_event_lj(L, event, &error);
        if (status == NEAP_OK)
            return 1;
    }
    if (asking.raised)
        return lua_error(L);
    if (status != NEAP_OK) {
        neapi_push_error_lj(L, &error);
        return lua_error(L);
    }
    neap_cursor_close(it->cursor);
    it->cursor = NULL;
    return 0;
}

/* ---- The filter ------------------------------------------------------------------------------ */

/* Reads the filter at place 2. */
static void read_filter_lj(lua_State *L, const char *method, neap_filter *filter, following *it)
{
    static const neapi_host_option known[] = {
        {"stream", NEAPI_HOST_TEXT, offsetof(neap_filter, stream)},
        {"category", NEAPI_HOST_TEXT, offsetof(neap_filter, category)},
        {"types", NEAPI_HOST_OTHER, 0},
        {"from", NEAPI_HOST_UINT64, offsetof(neap_filter, from)},
        {"limit", NEAPI_HOST_UINT64, offsetof(neap_filter, limit)},
        {"timeout", NEAPI_HOST_SECONDS, offsetof(neap_filter, timeout_ms)},
        {NULL, NEAPI_HOST_OTHER, 0},
    };
    neapi_host_options_lj(L, 2, method, known, filter);
    it->left = filter->limit != 0 ? filter->limit : UINT64_MAX;
    it->deadline_us = NEAPI_NO_DEADLINE;
    if (filter->timeout_ms != 0)
        it->deadline_us =
            neapi_monotonic_us(neapi_platform_machine()) + (int64_t)filter->timeout_ms * 1000;
    filter->timeout_ms = 0;
}

/* The history at place 1, or that of the past there. */
static neapi_host_history *check_lj(lua_State *L, const char *method)
{
    neapi_host_history *host = luaL_testudata(L, 1, NEAPI_HOST_HISTORY);
    if (host == NULL) {
        neapi_host_check_lj(L, "follow");
        host = neapi_host_history_of_lj(L, method);
        lua_getiuservalue(L, 1, 2);
        lua_replace(L, 1);
    }
    if (host->history == NULL)
        neapi_misuse_lj(L, "%s: the history is closed", method);
    return host;
}

int neapi_host_follow(lua_State *L)
{
    const char *method =
        luaL_testudata(L, 1, NEAPI_HOST_HISTORY) != NULL ? "history:follow" : "past:follow";
    lua_settop(L, 2);
    neapi_host_history *host = check_lj(L, method);
    neap_filter filter;
    neap_filter_init(&filter);
    following *it = lua_newuserdatauv(L, sizeof *it, 1);
    *it = (following){.host = host, .history = host->history};
    neapi_host_closes_lj(L, METATABLE, following_close);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    int place = lua_gettop(L);
    read_filter_lj(L, method, &filter, it);
    const char *types[NEAPI_HOST_TYPES];
    filter.type_count = neapi_host_types_lj(L, method, types);
    filter.types = types;
    neap_error error;
    if (neap_history_read(host->history, &filter, &it->cursor, &error) != NEAP_OK) {
        neapi_push_error_lj(L, &error);
        return lua_error(L);
    }
    lua_pushvalue(L, place);
    lua_pushcclosure(L, next_event, 1);
    lua_pushnil(L);
    lua_pushnil(L);
    lua_pushvalue(L, place);
    return 4;
}
