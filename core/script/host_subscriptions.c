/* Subscriptions of a runtime: where they are, and waiting for them. */
#include <lauxlib.h>
#include <string.h>

#include "base/text.h"
#include "message/json.h"
#include "script/convert.h"
#include "script/host.h"
#include "script/trace.h"

int neapi_host_subscriptions(lua_State *L)
{
    neapi_host *host = neapi_host_check_lj(L, "subscriptions");
    neap_error error;
    size_t size;
    char **text = neapi_host_text_place_lj(L);
    neap_status status = neap_subscriptions(host->runtime, text, &size, &error);
    if (status == NEAP_OK)
        status = neapi_decode_lj(L, neapi_text(*text, size), NEAPI_JSON_DEPTH, &error);
    neap_free(*text);
    *text = NULL;
    return status == NEAP_OK ? 1 : neapi_host_fail_lj(L, &error);
}

static int done(lua_State *L, neap_status status, const neap_error *error)
{
    if (status != NEAP_OK)
        return neapi_host_fail_lj(L, error);
    lua_pushboolean(L, 1);
    return 1;
}

/* runtime:catch_up(name, position, timeout) → true | nil, err */
int neapi_host_catch_up(lua_State *L)
{
    neapi_host *host = neapi_host_check_lj(L, "catch_up");
    if (!lua_isnoneornil(L, 2) && lua_type(L, 2) != LUA_TSTRING)
        return neapi_misuse_lj(L, "runtime:catch_up: the first argument is a subscription's name");
    lua_settop(L, 4);
    if (!lua_isnil(L, 3) && (!lua_isinteger(L, 3) || lua_tointeger(L, 3) < 0))
        return neapi_misuse_lj(L, "runtime:catch_up: the position must be an integer from 0");
    uint32_t timeout_ms = neapi_host_timeout_lj(L, 4, "catch_up");
    neap_error error;
    return done(L,
                neap_catch_up(host->runtime, lua_tostring(L, 2), (uint64_t)lua_tointeger(L, 3),
                              timeout_ms, &error),
                &error);
}

static const char *check_name_lj(lua_State *L, const char *method)
{
    if (lua_type(L, 2) != LUA_TSTRING)
        neapi_misuse_lj(L, "runtime:%s needs a subscription's name, but got a %s", method,
                        luaL_typename(L, 2));
    return lua_tostring(L, 2);
}

/* runtime:rebuild(name, timeout) → true | nil, err */
int neapi_host_rebuild(lua_State *L)
{
    neapi_host *host = neapi_host_check_lj(L, "rebuild");
    const char *name = check_name_lj(L, "rebuild");
    uint32_t timeout_ms = neapi_host_timeout_lj(L, 3, "rebuild");
    neap_error error;
    return done(L, neap_rebuild(host->runtime, name, timeout_ms, &error), &error);
}

/* runtime:rebuild_begin(name) → true | nil, err */
int neapi_host_rebuild_begin(lua_State *L)
{
    neapi_host *host = neapi_host_check_lj(L, "rebuild_begin");
    neap_error error;
    return done(L, neap_rebuild_begin(host->runtime, check_name_lj(L, "rebuild_begin"), &error),
                &error);
}

static void set_position_lj(lua_State *L, const char *name, uint64_t position)
{
    lua_pushinteger(L, (lua_Integer)position);
    lua_setfield(L, -2, name);
}

/* runtime:rebuild_progress(name, timeout) → progress | nil, err */
int neapi_host_rebuild_progress(lua_State *L)
{
    neapi_host *host = neapi_host_check_lj(L, "rebuild_progress");
    const char *name = check_name_lj(L, "rebuild_progress");
    uint32_t timeout_ms = neapi_host_timeout_lj(L, 3, "rebuild_progress");
    neap_error error;
    neap_progress progress;
    neap_progress_init(&progress);
    if (neap_rebuild_progress(host->runtime, name, timeout_ms, &progress, &error) != NEAP_OK)
        return neapi_host_fail_lj(L, &error);
    lua_createtable(L, 0, 7);
    lua_pushboolean(L, progress.done);
    lua_setfield(L, -2, "done");
    set_position_lj(L, "build", progress.build);
    set_position_lj(L, "since", progress.since);
    set_position_lj(L, "position", progress.position);
    set_position_lj(L, "head", progress.head);
    set_position_lj(L, "handled", progress.handled);
    lua_pushnumber(L, (lua_Number)progress.elapsed_us * 1e-6);
    lua_setfield(L, -2, "elapsed");
    return 1;
}

/* runtime:pause(name), runtime:resume(name) → true | nil, err */
int neapi_host_pause(lua_State *L)
{
    neapi_host *host = neapi_host_check_lj(L, "pause");
    neap_error error;
    return done(L, neap_pause(host->runtime, check_name_lj(L, "pause"), &error), &error);
}

int neapi_host_resume(lua_State *L)
{
    neapi_host *host = neapi_host_check_lj(L, "resume");
    neap_error error;
    return done(L, neap_resume(host->runtime, check_name_lj(L, "resume"), &error), &error);
}

/* What option `to` says. */
static uint64_t place_lj(lua_State *L)
{
    if (lua_type(L, 3) != LUA_TTABLE || lua_getfield(L, 3, "to") == LUA_TNIL)
        neapi_misuse_lj(L, "runtime:reset needs { to = \"beginning\", \"now\" or a position }");
    lua_pushnil(L);
    while (lua_next(L, 3) != 0) {
        if (lua_type(L, -2) != LUA_TSTRING || strcmp(lua_tostring(L, -2), "to") != 0)
            neapi_misuse_lj(L, "runtime:reset has no option '%s'; did you mean 'to'?",
                            luaL_tolstring(L, -2, NULL));
        lua_pop(L, 1);
    }
    if (lua_isinteger(L, -1) && lua_tointeger(L, -1) >= 0)
        return (uint64_t)lua_tointeger(L, -1);
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    if (strcmp(text, "now") == 0)
        return NEAP_NOW;
    if (strcmp(text, "beginning") != 0)
        neapi_misuse_lj(L,
                        "runtime:reset: 'to' must be \"beginning\", \"now\" or a position from 0, "
                        "but is '%s'",
                        luaL_tolstring(L, -1, NULL));
    return 0;
}

/* runtime:reset(name, { to = … }) → true | nil, err */
int neapi_host_reset(lua_State *L)
{
    neapi_host *host = neapi_host_check_lj(L, "reset");
    const char *name = check_name_lj(L, "reset");
    uint64_t position = place_lj(L);
    neap_error error;
    return done(L, neap_reset(host->runtime, name, position, &error), &error);
}

/* runtime:dead_letters(subscriber) → list | nil, err */
int neapi_host_dead_letters(lua_State *L)
{
    neapi_host *host = neapi_host_check_lj(L, "dead_letters");
    const char *name = lua_isnoneornil(L, 2) ? NULL : check_name_lj(L, "dead_letters");
    neap_error error;
    size_t size;
    char **text = neapi_host_text_place_lj(L);
    neap_status status = neap_dead_letters(host->runtime, name, text, &size, &error);
    if (status == NEAP_OK)
        status = neapi_decode_lj(L, neapi_text(*text, size), NEAPI_JSON_DEPTH, &error);
    neap_free(*text);
    *text = NULL;
    return status == NEAP_OK ? 1 : neapi_host_fail_lj(L, &error);
}

static uint64_t position_lj(lua_State *L, const char *method)
{
    if (!lua_isinteger(L, 3) || lua_tointeger(L, 3) < 1)
        neapi_misuse_lj(L, "runtime:%s: the position must be an integer from 1", method);
    return (uint64_t)lua_tointeger(L, 3);
}

/* NULL: it is not given. */
static const char *optional_name_lj(lua_State *L, const char *method)
{
    return lua_isnoneornil(L, 2) ? NULL : check_name_lj(L, method);
}

/* runtime:retry_dead_letters(subscriber, position) → true | nil, err */
int neapi_host_retry_dead_letters(lua_State *L)
{
    static const char method[] = "retry_dead_letters";
    neapi_host *host = neapi_host_check_lj(L, method);
    const char *name = optional_name_lj(L, method);
    uint64_t position = lua_isnoneornil(L, 3) ? 0 : position_lj(L, method);
    neap_error error;
    return done(L, neap_retry_dead_letters(host->runtime, name, position, &error), &error);
}

/* runtime:drop_dead_letter(subscriber, position) → true | nil, err */
int neapi_host_drop_dead_letter(lua_State *L)
{
    neapi_host *host = neapi_host_check_lj(L, "drop_dead_letter");
    const char *name = check_name_lj(L, "drop_dead_letter");
    uint64_t position = position_lj(L, "drop_dead_letter");
    neap_error error;
    return done(L, neap_drop_dead_letter(host->runtime, name, position, &error), &error);
}

/* runtime:drop_dead_letters(subscriber) → true | nil, err */
int neapi_host_drop_dead_letters(lua_State *L)
{
    neapi_host *host = neapi_host_check_lj(L, "drop_dead_letters");
    const char *name = optional_name_lj(L, "drop_dead_letters");
    neap_error error;
    return done(L, neap_drop_dead_letters(host->runtime, name, &error), &error);
}

static int count_of(lua_State *L, neap_status status, uint64_t count, const neap_error *error)
{
    if (status != NEAP_OK)
        return neapi_host_fail_lj(L, error);
    lua_pushinteger(L, (lua_Integer)count);
    return 1;
}

static const char *optional_id_lj(lua_State *L, const char *method)
{
    if (!lua_isnoneornil(L, 2) && lua_type(L, 2) != LUA_TSTRING)
        neapi_misuse_lj(L, "runtime:%s: the command's id must be a text, but is a %s", method,
                        luaL_typename(L, 2));
    return lua_tostring(L, 2);
}

/* runtime:retry_dead_commands(id) → count | nil, err */
int neapi_host_retry_dead_commands(lua_State *L)
{
    neapi_host *host = neapi_host_check_lj(L, "retry_dead_commands");
    const char *id = optional_id_lj(L, "retry_dead_commands");
    neap_error error;
    uint64_t count = 0;
    neap_status status = neap_retry_dead_commands(host->runtime, id, &count, &error);
    return count_of(L, status, count, &error);
}

/* runtime:drop_dead_commands(id) → count | nil, err */
int neapi_host_drop_dead_commands(lua_State *L)
{
    neapi_host *host = neapi_host_check_lj(L, "drop_dead_commands");
    const char *id = optional_id_lj(L, "drop_dead_commands");
    neap_error error;
    uint64_t count = 0;
    neap_status status = neap_drop_dead_commands(host->runtime, id, &count, &error);
    return count_of(L, status, count, &error);
}
