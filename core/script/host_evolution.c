/* How something came about, for the host: what lua/neap/past_changes.lua is made of. */
#include <lauxlib.h>
#include <string.h>

#include "base/text.h"
#include "message/json.h"
#include "script/convert.h"
#include "script/event_table.h"
#include "script/host.h"
#include "script/host_history.h"
#include "script/lua_error.h"
#include "script/trace.h"

#define METATABLE "neap.Evolution"

/* A userdata, whose user value is the past, which lives as long. Closed: evolution is NULL. */
typedef struct host_evolution {
    neap_evolution *evolution;
} host_evolution;

static int raise_lj(lua_State *L, const neapi_asking *it, const neap_error *error)
{
    if (it != NULL && it->raised)
        return lua_error(L);
    neapi_push_error_lj(L, error);
    return lua_error(L);
}

static int evolution_close(lua_State *L)
{
    host_evolution *held = luaL_checkudata(L, 1, METATABLE);
    neap_evolution_close(held->evolution);
    held->evolution = NULL;
    return 0;
}

/* Pushes one that is still closed, of the past at `past`. */
static host_evolution *push_lj(lua_State *L, int past)
{
    host_evolution *held = lua_newuserdatauv(L, sizeof *held, 1);
    held->evolution = NULL;
    neapi_host_closes_lj(L, METATABLE, evolution_close);
    lua_pushvalue(L, past);
    lua_setiuservalue(L, -2, 1);
    return held;
}

static neap_kind kind_lj(lua_State *L, int place)
{
    static const char *const names[] = {"aggregate", "projection", "saga", NULL};
    static const neap_kind kinds[] = {NEAP_KIND_AGGREGATE, NEAP_KIND_PROJECTION, NEAP_KIND_SAGA};
    return kinds[luaL_checkoption(L, place, NULL, names)];
}

/* evolution(past, name, id, options, kind) → evolution | nil, err */
static int past_evolution(lua_State *L)
{
    static const neapi_host_option known[] = {
        {"field", NEAPI_HOST_TEXT, offsetof(neap_evolution_options, field)},
        {"every", NEAPI_HOST_FLAG, offsetof(neap_evolution_options, every)},
        {"nearest", NEAPI_HOST_FLAG, offsetof(neap_evolution_options, nearest)},
        {"behind", NEAPI_HOST_UINT64, offsetof(neap_evolution_options, behind)},
        {"to", NEAPI_HOST_UINT64, offsetof(neap_evolution_options, to)},
        {NULL, NEAPI_HOST_OTHER, 0},
    };
    neap_error error;
    neap_evolution_options options;
    neap_evolution_options_init(&options);
    neapi_host *host = neapi_host_check_lj(L, "changes");
    lua_settop(L, 5);
    neap_kind kind = kind_lj(L, 5);
    neapi_host_options_lj(L, 4, "past:changes", known, &options);
    const char *id = neapi_host_id_lj(L, host, "changes", &error);
    if (id == NULL)
        return neapi_host_fail_lj(L, &error);
    host_evolution *held = push_lj(L, 1);
    if (neap_history_evolution(host->runtime, kind, luaL_checkstring(L, 2), id, &options,
                               &held->evolution, &error) != NEAP_OK)
        return neapi_host_fail_lj(L, &error);
    return 1;
}

/* The one at `place`. Its past takes place 1, and it place 2; all else goes. */
static host_evolution *check_lj(lua_State *L, int place, const char *method)
{
    host_evolution *held = luaL_checkudata(L, place, METATABLE);
    luaL_argcheck(L, held->evolution != NULL, place, "it is closed");
    lua_getiuservalue(L, place, 1);
    lua_insert(L, 1);
    neapi_host_check_lj(L, method);
    return held;
}

static neap_status push_value_lj(lua_State *L, neap_text json, neap_error *error)
{
    if (json.data != NULL)
        return neapi_decode_lj(L, json, NEAPI_JSON_DEPTH + 3, error);
    lua_pushnil(L);
    return NEAP_OK;
}

/* next(evolution, known) → event, old, now; nil behind the last. known: old is not wanted, and nil
 */
static int evolution_next(lua_State *L)
{
    bool known = lua_toboolean(L, 2);
    lua_settop(L, 1);
    host_evolution *held = check_lj(L, 1, "changes");
    neapi_host_history *history = neapi_host_history_of_lj(L, "changes");
    neap_evolution_step step;
    neap_error error;
    neapi_asking it;
    neapi_asking_begin(history, &it, L);
    neap_status status = neap_evolution_next(held->evolution, &step, &error);
    neapi_asking_end(history, &it);
    if (status != NEAP_OK)
        return raise_lj(L, &it, &error);
    if (step.event == NULL) {
        lua_pushnil(L);
        return 1;
    }
    if (neapi_push_event_lj(L, step.event, &error) != NEAP_OK ||
        push_value_lj(L, known ? (neap_text){0} : step.old, &error) != NEAP_OK ||
        push_value_lj(L, step.now, &error) != NEAP_OK)
        return raise_lj(L, NULL, &error);
    return 3;
}

/* skip(evolution, most) → how many it were */
static int evolution_skip(lua_State *L)
{
    lua_settop(L, 2);
    lua_Integer most = luaL_checkinteger(L, 2);
    host_evolution *held = check_lj(L, 1, "changes");
    neapi_host_history *history = neapi_host_history_of_lj(L, "changes");
    uint64_t skipped;
    neap_error error;
    neapi_asking it;
    neapi_asking_begin(history, &it, L);
    neap_status status =
        neap_evolution_skip(held->evolution, most > 0 ? (uint64_t)most : 0, &skipped, &error);
    neapi_asking_end(history, &it);
    if (status != NEAP_OK)
        return raise_lj(L, &it, &error);
    lua_pushinteger(L, (lua_Integer)skipped);
    return 1;
}

/* at(evolution) → the place behind which it is */
static int evolution_at(lua_State *L)
{
    lua_settop(L, 1);
    host_evolution *held = check_lj(L, 1, "changes");
    neapi_host_history *history = neapi_host_history_of_lj(L, "changes");
    uint64_t place;
    neap_error error;
    neapi_asking it;
    neapi_asking_begin(history, &it, L);
    neap_status status = neap_evolution_at(held->evolution, &place, &error);
    neapi_asking_end(history, &it);
    if (status != NEAP_OK)
        return raise_lj(L, &it, &error);
    lua_pushinteger(L, place > LUA_MAXINTEGER ? LUA_MAXINTEGER : (lua_Integer)place);
    return 1;
}

/* copy(evolution, to) → another one */
static int evolution_copy(lua_State *L)
{
    lua_Integer to = luaL_optinteger(L, 2, LUA_MAXINTEGER);
    lua_settop(L, 1);
    host_evolution *held = check_lj(L, 1, "changes");
    host_evolution *copy = push_lj(L, 1);
    neap_error error;
    if (neap_evolution_copy(held->evolution, to > 0 ? (uint64_t)to : 0, &copy->evolution, &error) !=
        NEAP_OK)
        return raise_lj(L, NULL, &error);
    return 1;
}

void neapi_host_evolution_lj(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"evolution", past_evolution},
        {"evolution_next", evolution_next},
        {"evolution_skip", evolution_skip},
        {"evolution_at", evolution_at},
        {"evolution_copy", evolution_copy},
        {"evolution_close", evolution_close},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
