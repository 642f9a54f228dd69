/* What the domain makes of its store, as a Lua table. */
#include <lauxlib.h>

#include "script/host.h"

/* Holds the check for Lua, so that an error raised on the way does not lose it. */
static int free_check(lua_State *L)
{
    const neap_store_check **check = lua_touserdata(L, 1);
    neap_store_check_free(*check);
    *check = NULL;
    return 0;
}

static void push_findings_lj(lua_State *L, const neap_store_finding *finding)
{
    lua_newtable(L);
    for (lua_Integer i = 1; finding != NULL; finding = finding->next, i++) {
        lua_createtable(L, 0, 8);
        neapi_host_set_text_lj(L, "type", finding->type);
        neapi_host_set_count_lj(L, "schema", finding->schema);
        lua_pushstring(L, neap_reading_name(finding->reading));
        lua_setfield(L, -2, "reading");
        lua_pushboolean(L, finding->reading == NEAP_READING_REFUSED);
        lua_setfield(L, -2, "readable");
        neapi_host_set_count_lj(L, "events", finding->events);
        neapi_host_set_count_lj(L, "first", finding->first);
        neapi_host_set_count_lj(L, "last", finding->last);
        neapi_host_set_text_lj(L, "message", finding->message);
        lua_rawseti(L, -2, i);
    }
}

static void push_kept_lj(lua_State *L, const neap_kept_finding *finding)
{
    lua_newtable(L);
    for (lua_Integer i = 1; finding != NULL; finding = finding->next, i++) {
        lua_createtable(L, 0, 5);
        lua_pushboolean(L, finding->breaks);
        lua_setfield(L, -2, "breaks");
        neapi_host_set_count_lj(L, "count", finding->count);
        neapi_host_set_text_lj(L, "where", finding->where);
        neapi_host_set_text_lj(L, "what", finding->what);
        neapi_host_set_text_lj(L, "advice", finding->advice);
        lua_rawseti(L, -2, i);
    }
}

static void push_check_lj(lua_State *L, const neap_store_check *check)
{
    lua_createtable(L, 0, 9);
    neapi_host_set_count_lj(L, "events", check->events);
    neapi_host_set_count_lj(L, "current", check->current);
    neapi_host_set_count_lj(L, "upcast", check->upcast);
    neapi_host_set_count_lj(L, "retired", check->retired);
    neapi_host_set_count_lj(L, "refused", check->refused);
    neapi_host_set_count_lj(L, "unreadable", check->unreadable);
    push_findings_lj(L, check->findings);
    lua_setfield(L, -2, "findings");
    neapi_host_set_count_lj(L, "kept_broken", check->kept_broken);
    push_kept_lj(L, check->kept);
    lua_setfield(L, -2, "kept");
}

int neapi_host_check_store(lua_State *L)
{
    neapi_host *host = neapi_host_check_lj(L, "check_store");
    neap_error error;
    const neap_store_check **check = neapi_host_place_lj(L, "neap.StoreCheck", free_check);
    if (neap_check_store(host->runtime, check, &error) != NEAP_OK)
        return neapi_host_fail_lj(L, &error);
    push_check_lj(L, *check);
    neap_store_check_free(*check);
    *check = NULL;
    return 1;
}
