/* Branches of a history in a host's own Lua. */
#include <lauxlib.h>
#include <stddef.h>

#include "base/text.h"
#include "message/json.h"
#include "script/convert.h"
#include "script/host_history.h"
#include "script/trace.h"

#define REPORT_DEPTH 10 /* of what is around a state in a report */

/* Fills the edits from the list on top, of { position, JSON or false }; the list keeps the texts
 * alive. Pushes what holds them. */
static void take_edits_lj(lua_State *L, neap_branch_options *options)
{
    int list = lua_gettop(L);
    size_t count = (size_t)luaL_len(L, list);
    neap_edit *edits = lua_newuserdatauv(L, (count + 1) * sizeof *edits, 0);
    for (size_t i = 0; i < count; i++) {
        if (lua_rawgeti(L, list, (lua_Integer)i + 1) != LUA_TTABLE)
            neapi_misuse_lj(L, "branch: edit %d must be a table, but is a %s", (int)i + 1,
                            luaL_typename(L, -1));
        lua_rawgeti(L, -1, 1);
        lua_rawgeti(L, -2, 2);
        edits[i] = (neap_edit){.position = (uint64_t)lua_tointeger(L, -2)};
        if (lua_type(L, -1) == LUA_TSTRING)
            edits[i].json = lua_tolstring(L, -1, &edits[i].json_size);
        lua_pop(L, 3);
    }
    options->edits = edits;
    options->edit_count = count;
}

/* Of the texts and the number at place 2, which keeps them alive. */
static void take_options_lj(lua_State *L, neap_branch_options *options)
{
    static const neapi_host_option known[] = {
        {"path", NEAPI_HOST_TEXT, offsetof(neap_branch_options, path)},
        {"replace", NEAPI_HOST_TEXT, offsetof(neap_branch_options, replace)},
        {"answers", NEAPI_HOST_TEXT, offsetof(neap_branch_options, answers)},
        {"now", NEAPI_HOST_INT64, offsetof(neap_branch_options, now_us)},
        {"edits", NEAPI_HOST_OTHER, 0},
        {NULL, NEAPI_HOST_OTHER, 0},
    };
    neap_branch_options_init(options);
    neapi_host_options_lj(L, 2, "branch", known, options);
    if (lua_type(L, 2) == LUA_TTABLE && lua_getfield(L, 2, "edits") == LUA_TTABLE)
        take_edits_lj(L, options);
}

/* branch(past, options) → runtime | nil, err */
static int past_branch(lua_State *L)
{
    neapi_host *past = neapi_host_check_lj(L, "branch");
    neapi_host_history *history = neapi_host_history_of_lj(L, "branch");
    neap_branch_options options;
    lua_settop(L, 2);
    take_options_lj(L, &options);
    lua_getiuservalue(L, 1, 2);
    int kept = lua_gettop(L);
    neapi_host *branch = neapi_host_push_lj(L);
    neapi_asking it;
    neap_error error;
    neapi_asking_begin(history, &it, L);
    neap_status status = neap_history_branch(past->runtime, &options, &branch->runtime, &error);
    neapi_asking_end(history, &it);
    if (status != NEAP_OK)
        return neapi_asking_fail_lj(L, &it, &error);
    lua_copy(L, kept, 1);
    lua_copy(L, kept + 1, 2);
    return neapi_host_return_past_lj(L, branch);
}

/* advance(branch, us, timeout in seconds) → true | nil, err */
static int branch_advance(lua_State *L)
{
    neapi_host *branch = neapi_host_check_lj(L, "advance");
    neapi_host_history *history = neapi_host_history_of_lj(L, "advance");
    lua_Integer us = luaL_checkinteger(L, 2);
    uint32_t timeout_ms = neapi_host_timeout_lj(L, 3, "advance");
    neapi_asking it;
    neap_error error;
    neapi_asking_begin(history, &it, L);
    neap_status status = neap_history_advance(branch->runtime, us, timeout_ms, &error);
    neapi_asking_end(history, &it);
    if (status != NEAP_OK)
        return neapi_asking_fail_lj(L, &it, &error);
    lua_pushboolean(L, 1);
    return 1;
}

/* json: where the status is NEAP_OK. */
static int return_json(lua_State *L, neap_status status, neap_text json, neap_error *error)
{
    if (status == NEAP_OK)
        status = neapi_decode_lj(L, json, NEAPI_JSON_DEPTH + 3, error);
    return status == NEAP_OK ? 1 : neapi_host_fail_lj(L, error);
}

/* calls(branch) → list | nil, err */
static int branch_calls(lua_State *L)
{
    neapi_host *branch = neapi_host_check_lj(L, "calls");
    char **text = neapi_host_text_place_lj(L);
    size_t size = 0;
    neap_error error;
    neap_status status = neap_history_calls(branch->runtime, text, &size, &error);
    return return_json(L, status, neapi_text(*text, size), &error);
}

/* issued(past, folded) → list | nil, err */
static int past_issued(lua_State *L)
{
    neapi_host *past = neapi_host_check_lj(L, "issued");
    bool folded = lua_toboolean(L, 2);
    char **text = neapi_host_text_place_lj(L);
    size_t size = 0;
    neap_error error;
    neap_status status = neap_history_issued(past->runtime, folded, text, &size, &error);
    return return_json(L, status, neapi_text(*text, size), &error);
}

/* changed(branch, name) → list of keys | nil, err */
static int branch_changed(lua_State *L)
{
    neapi_host *branch = neapi_host_check_lj(L, "changed");
    const char *name = luaL_checkstring(L, 2);
    char **text = neapi_host_text_place_lj(L);
    size_t size = 0;
    neap_error error;
    neap_status status = neap_history_changed(branch->runtime, name, text, &size, &error);
    return return_json(L, status, neapi_text(*text, size), &error);
}

/* compare(branch, limit) → report, or nil: its code is that of its history | nil, err */
static int branch_compare(lua_State *L)
{
    neapi_host *branch = neapi_host_check_lj(L, "compare");
    neapi_host_history *history = neapi_host_history_of_lj(L, "compare");
    neap_history_compare_options options;
    neap_history_compare_options_init(&options);
    options.limit = (size_t)luaL_checkinteger(L, 2);
    char **text = neapi_host_text_place_lj(L);
    size_t size = 0;
    neapi_asking it;
    neap_error error;
    neapi_asking_begin(history, &it, L);
    neap_status status =
        neap_history_branch_compare(branch->runtime, &options, text, &size, &error);
    neapi_asking_end(history, &it);
    if (status == NEAP_OK && *text == NULL)
        lua_pushnil(L);
    else if (status == NEAP_OK)
        status =
            neapi_decode_lj(L, neapi_text(*text, size), NEAPI_JSON_DEPTH + REPORT_DEPTH, &error);
    return status == NEAP_OK ? 1 : neapi_asking_fail_lj(L, &it, &error);
}

/* history(past) → its history */
static int past_history(lua_State *L)
{
    neapi_host_check_lj(L, "history");
    neapi_host_history_of_lj(L, "history");
    lua_getiuservalue(L, 1, 2);
    return 1;
}

void neapi_host_branch_lj(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"branch", past_branch},          {"advance", branch_advance},
        {"calls", branch_calls},          {"changed", branch_changed},
        {"compare_code", branch_compare}, {"issued", past_issued},
        {"history", past_history},        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
