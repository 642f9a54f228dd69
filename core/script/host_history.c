/* Histories and pasts, for the host: what lua/neap/history.lua is made of. */
#include <lauxlib.h>
#include <string.h>

#include "base/text.h"
#include "message/json.h"
#include "script/convert.h"
#include "script/host_history.h"
#include "script/list_options.h"
#include "script/trace.h"

/* What is told nests so much deeper than the states and data in it. */
#define AROUND 10

void neapi_asking_begin(neapi_host_history *host, neapi_asking *it, lua_State *L)
{
    *it = (neapi_asking){.L = L, .outer = host->asking};
    host->asking = it;
}

void neapi_asking_end(neapi_host_history *host, const neapi_asking *it)
{
    host->asking = it->outer;
}

static neapi_host_history *check_lj(lua_State *L, const char *method)
{
    neapi_host_history *host = luaL_testudata(L, 1, NEAPI_HOST_HISTORY);
    if (host == NULL || host->history == NULL)
        neapi_misuse_lj(L,
                        host == NULL ? "history:%s: it is called with a history"
                                     : "history:%s: the history is closed",
                        method);
    return host;
}

/* ---- Whether to go on ------------------------------------------------------------------------ */

/* The function is in the registry, by the history's address. */
static int ask(lua_State *L)
{
    lua_pushvalue(L, 1);
    lua_rawget(L, LUA_REGISTRYINDEX);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 3);
    lua_call(L, 2, 1);
    return 1;
}

static lua_Integer shown(uint64_t position)
{
    return position > LUA_MAXINTEGER ? LUA_MAXINTEGER : (lua_Integer)position;
}

static bool go_on(void *user, uint64_t position, uint64_t target)
{
    neapi_host_history *host = user;
    neapi_asking *it = host->asking;
    if (it == NULL)
        return true;
    lua_State *L = it->L;
    if (it->raised || !lua_checkstack(L, 4))
        return false;
    lua_pushcfunction(L, ask);
    lua_pushlightuserdata(L, host);
    lua_pushinteger(L, shown(position));
    lua_pushinteger(L, shown(target));
    it->raised = lua_pcall(L, 3, 1, 0) != LUA_OK;
    if (it->raised)
        return false;
    bool wanted = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return wanted;
}

/* Behind a call that may have asked. */
int neapi_asking_fail_lj(lua_State *L, const neapi_asking *it, const neap_error *error)
{
    return it->raised ? lua_error(L) : neapi_host_fail_lj(L, error);
}

/* ---- Opening and closing --------------------------------------------------------------------- */

static int history_close(lua_State *L)
{
    neapi_host_history *host = luaL_testudata(L, 1, NEAPI_HOST_HISTORY);
    if (host == NULL)
        return neapi_misuse_lj(L, "history:close: it is called with a history");
    neap_history_close(host->history);
    host->history = NULL;
    return 0;
}

/* A past's calls may ask as well: it keeps the history alive, and so does its function. */
static int history_release(lua_State *L)
{
    history_close(L);
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, lua_touserdata(L, 1));
    return 0;
}

static void push_metatable_lj(lua_State *L)
{
    if (!luaL_newmetatable(L, NEAPI_HOST_HISTORY))
        return;
    lua_pushcfunction(L, history_release);
    lua_setfield(L, -2, "__gc");
    lua_pushliteral(L, NEAPI_HOST_HISTORY);
    lua_setfield(L, -2, "__metatable");
}

/* open(path, options) → history | nil, err */
static int history_open(lua_State *L)
{
    static const neapi_host_option known[] = {
        {"store", NEAPI_HOST_TEXT, offsetof(neap_history_options, store)},
        {"checkpoint_bytes", NEAPI_HOST_SIZE, offsetof(neap_history_options, checkpoint_bytes)},
        {"checkpoint_spacing", NEAPI_HOST_UINT64,
         offsetof(neap_history_options, checkpoint_spacing)},
        {"go_on", NEAPI_HOST_OTHER, 0},
        {NULL, NEAPI_HOST_OTHER, 0},
    };
    neap_history_options options;
    neap_error error;
    if (lua_type(L, 1) != LUA_TSTRING)
        return neapi_misuse_lj(L, "history.open needs the path of a domain's file, but got a %s",
                               luaL_typename(L, 1));
    lua_settop(L, 2);
    neap_history_options_init(&options);
    neapi_host_options_lj(L, 2, "history.open", known, &options);
    neapi_host_history *host = lua_newuserdatauv(L, sizeof *host, 0);
    *host = (neapi_host_history){0};
    push_metatable_lj(L);
    lua_setmetatable(L, -2);
    if (lua_type(L, 2) == LUA_TTABLE && lua_getfield(L, 2, "go_on") != LUA_TNIL) {
        if (lua_type(L, -1) != LUA_TFUNCTION)
            return neapi_misuse_lj(L, "history.open: 'go_on' must be a function, but is a %s",
                                   luaL_typename(L, -1));
        lua_rawsetp(L, LUA_REGISTRYINDEX, host);
        options.go_on = go_on;
        options.go_on_user = host;
    }
    lua_settop(L, 3);
    if (neap_history_open(lua_tostring(L, 1), &options, &host->history, &error) != NEAP_OK)
        return neapi_host_fail_lj(L, &error);
    return 1;
}

/* ---- Positions ------------------------------------------------------------------------------- */

/* A position at the place; nil: the last one. */
static uint64_t position_lj(lua_State *L, int place, const char *method)
{
    if (lua_isnoneornil(L, place))
        return NEAP_LAST;
    if (!lua_isinteger(L, place) || lua_tointeger(L, place) < 0)
        neapi_misuse_lj(L, "%s needs a position, an integer from 0, but got %s", method,
                        luaL_tolstring(L, place, NULL));
    return (uint64_t)lua_tointeger(L, place);
}

static int return_position(lua_State *L, uint64_t position)
{
    lua_pushinteger(L, (lua_Integer)position);
    return 1;
}

/* time(history, us) → position | nil, err */
static int history_time(lua_State *L)
{
    neapi_host_history *host = check_lj(L, "time");
    lua_Integer at_us = luaL_checkinteger(L, 2);
    neapi_asking it;
    neap_error error;
    uint64_t position;
    neapi_asking_begin(host, &it, L);
    neap_status status = neap_history_time(host->history, at_us, &position, &error);
    neapi_asking_end(host, &it);
    if (status != NEAP_OK)
        return neapi_asking_fail_lj(L, &it, &error);
    return return_position(L, position);
}

/* event(history, id) → position | nil, err */
static int history_event(lua_State *L)
{
    neapi_host_history *host = check_lj(L, "event");
    const char *id = luaL_checkstring(L, 2);
    neapi_asking it;
    neap_error error;
    uint64_t position;
    neapi_asking_begin(host, &it, L);
    neap_status status = neap_history_event(host->history, id, &position, &error);
    neapi_asking_end(host, &it);
    if (status != NEAP_OK)
        return neapi_asking_fail_lj(L, &it, &error);
    return return_position(L, position);
}

/* ---- Pasts ----------------------------------------------------------------------------------- */

/* last(history) → position | nil, err */
static int history_last(lua_State *L)
{
    neapi_host_history *host = check_lj(L, "last");
    neap_error error;
    uint64_t position;
    if (neap_history_last(host->history, &position, &error) != NEAP_OK)
        return neapi_host_fail_lj(L, &error);
    return return_position(L, position);
}

int neapi_host_return_past_lj(lua_State *L, neapi_host *past)
{
    past->is_inline = true;
    lua_settop(L, 2);
    neapi_host_push_metatable_lj(L);
    lua_setmetatable(L, 2);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, 2, 2);
    return 1;
}

/* Gives a past, as a runtime. */
static int return_past(lua_State *L, neapi_host_history *host, uint64_t position, bool is_log)
{
    lua_settop(L, 1);
    neapi_host *past = neapi_host_push_lj(L);
    neapi_asking it;
    neap_error error;
    neapi_asking_begin(host, &it, L);
    neap_status status = is_log ? neap_history_log(host->history, &past->runtime, &error)
                                : neap_history_at(host->history, position, &past->runtime, &error);
    neapi_asking_end(host, &it);
    if (status != NEAP_OK)
        return neapi_asking_fail_lj(L, &it, &error);
    return neapi_host_return_past_lj(L, past);
}

/* at(history, position) → runtime | nil, err */
static int history_at(lua_State *L)
{
    neapi_host_history *host = check_lj(L, "at");
    return return_past(L, host, position_lj(L, 2, "history:at"), false);
}

/* log(history) → runtime | nil, err */
static int history_log(lua_State *L)
{
    return return_past(L, check_lj(L, "log"), NEAP_LAST, true);
}

/* The history of the past at place 1, which its calls may ask through. */
neapi_host_history *neapi_host_history_of_lj(lua_State *L, const char *method)
{
    lua_getiuservalue(L, 1, 2);
    neapi_host_history *host = luaL_testudata(L, -1, NEAPI_HOST_HISTORY);
    lua_pop(L, 1);
    if (host == NULL)
        neapi_misuse_lj(L, "%s: it is no past of a history", method);
    return host;
}

/* position(past) → integer */
static int past_position(lua_State *L)
{
    neapi_host *past = neapi_host_check_lj(L, "position");
    neap_error error;
    uint64_t position;
    if (neap_history_position(past->runtime, &position, &error) != NEAP_OK)
        return neapi_host_fail_lj(L, &error);
    return return_position(L, position);
}

/* forward(past, position) → true | nil, err */
static int past_forward(lua_State *L)
{
    neapi_host *past = neapi_host_check_lj(L, "forward");
    neapi_host_history *host = neapi_host_history_of_lj(L, "forward");
    uint64_t position = position_lj(L, 2, "forward");
    neapi_asking it;
    neap_error error;
    neapi_asking_begin(host, &it, L);
    neap_status status = neap_history_forward(past->runtime, position, &error);
    neapi_asking_end(host, &it);
    if (status != NEAP_OK)
        return neapi_asking_fail_lj(L, &it, &error);
    lua_pushboolean(L, 1);
    return 1;
}

static int return_value(lua_State *L, const neapi_asking *it, neap_status status, char **text,
                        size_t size, neap_error *error)
{
    if (status == NEAP_OK && *text == NULL)
        lua_pushnil(L);
    else if (status == NEAP_OK)
        status = neapi_decode_lj(L, neapi_text(*text, size), NEAPI_JSON_DEPTH + AROUND, error);
    neap_free(*text);
    *text = NULL;
    return status == NEAP_OK ? 1 : neapi_asking_fail_lj(L, it, error);
}

/* Reads the options at place 3; only what reloads has `keep`. */
static void compare_options_lj(lua_State *L, const char *method, bool keeps,
                               neap_history_compare_options *options)
{
    const neapi_host_option known[] = {
        {"from", NEAPI_HOST_UINT64, offsetof(neap_history_compare_options, from)},
        {"to", NEAPI_HOST_UINT64, offsetof(neap_history_compare_options, to)},
        {"limit", NEAPI_HOST_SIZE, offsetof(neap_history_compare_options, limit)},
        {"aggregate", NEAPI_HOST_TEXT, offsetof(neap_history_compare_options, aggregate)},
        {keeps ? "keep" : NULL, NEAPI_HOST_OTHER, 0},
        {NULL, NEAPI_HOST_OTHER, 0},
    };
    neap_history_compare_options_init(options);
    neapi_host_options_lj(L, 3, method, known, options);
}

/* compare(history, after, options) → report | nil, err */
static int history_compare(lua_State *L)
{
    neapi_host_history *before = check_lj(L, "reload");
    const neapi_host_history *after = luaL_testudata(L, 2, NEAPI_HOST_HISTORY);
    neap_history_compare_options options;
    neap_error error;
    size_t size;
    neapi_asking it;
    if (after == NULL || after->history == NULL)
        return neapi_misuse_lj(L, "history:reload: the other history is closed");
    lua_settop(L, 3);
    compare_options_lj(L, "history:reload", true, &options);
    char **text = neapi_host_text_place_lj(L);
    neapi_asking_begin(before, &it, L);
    neap_status status =
        neap_history_compare(before->history, after->history, &options, text, &size, &error);
    neapi_asking_end(before, &it);
    return return_value(L, &it, status, text, size, &error);
}

/* deterministic(history, nil, options) → report | nil, err */
static int history_deterministic(lua_State *L)
{
    neapi_host_history *host = check_lj(L, "deterministic");
    neap_history_compare_options options;
    neap_error error;
    size_t size;
    neapi_asking it;
    lua_settop(L, 3);
    compare_options_lj(L, "history:deterministic", false, &options);
    char **text = neapi_host_text_place_lj(L);
    neapi_asking_begin(host, &it, L);
    neap_status status = neap_history_deterministic(host->history, &options, text, &size, &error);
    neapi_asking_end(host, &it);
    return return_value(L, &it, status, text, size, &error);
}

/* streams(past, nil, options) → list | nil, err */
static int past_streams(lua_State *L)
{
    neapi_host *past = neapi_host_check_lj(L, "streams");
    neapi_host_history *host = neapi_host_history_of_lj(L, "streams");
    neap_list_options options;
    neap_error error;
    size_t size;
    lua_settop(L, 3);
    neapi_list_options_lj(L, "streams", &options);
    char **text = neapi_host_text_place_lj(L);
    neapi_asking it;
    neapi_asking_begin(host, &it, L);
    neap_status status = neap_history_streams(past->runtime, &options, text, &size, &error);
    neapi_asking_end(host, &it);
    return return_value(L, &it, status, text, size, &error);
}

/* command(past, position) → command or nil | nil, err */
static int past_command(lua_State *L)
{
    neapi_host *past = neapi_host_check_lj(L, "command");
    neapi_host_history *host = neapi_host_history_of_lj(L, "command");
    uint64_t position = position_lj(L, 2, "command");
    neap_error error;
    size_t size;
    char **text = neapi_host_text_place_lj(L);
    neapi_asking it;
    neapi_asking_begin(host, &it, L);
    neap_status status = neap_history_command(past->runtime, position, text, &size, &error);
    neapi_asking_end(host, &it);
    return return_value(L, &it, status, text, size, &error);
}

static void set_text_lj(lua_State *L, const char *name, const char *text)
{
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

/* definitions(past) → list */
static int past_definitions(lua_State *L)
{
    static const char *const kinds[] = {[NEAP_KIND_COMMAND] = "command",
                                        [NEAP_KIND_EVENT] = "event",
                                        [NEAP_KIND_QUERY] = "query",
                                        [NEAP_KIND_AGGREGATE] = "aggregate",
                                        [NEAP_KIND_PROJECTION] = "projection",
                                        [NEAP_KIND_SUBSCRIBER] = "subscriber",
                                        [NEAP_KIND_SAGA] = "saga",
                                        [NEAP_KIND_OUTBOX] = "outbox"};
    neapi_host *past = neapi_host_check_lj(L, "definitions");
    neap_definition definition;
    lua_newtable(L);
    for (size_t i = 0; neap_definition_at(past->runtime, i, &definition); i++) {
        lua_createtable(L, 0, 5);
        set_text_lj(L, "kind", kinds[definition.kind]);
        set_text_lj(L, "name", definition.name);
        set_text_lj(L, "file", definition.file);
        set_text_lj(L, "handled_by", definition.handled_by); /* NULL: nil */
        lua_pushinteger(L, definition.line);
        lua_setfield(L, -2, "line");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

#define MOST_RELATED 256

/* related(past, id, relation, from, to) → positions, up to where nothing was looked at | nil, err
 */
static int past_related(lua_State *L)
{
    static const char *const names[] = {"itself", "correlated", NULL};
    neapi_host *past = neapi_host_check_lj(L, "related");
    neapi_host_history *host = neapi_host_history_of_lj(L, "related");
    const char *id = luaL_checkstring(L, 2);
    neap_relation relation = (neap_relation)luaL_checkoption(L, 3, NULL, names);
    uint64_t from = (uint64_t)luaL_optinteger(L, 4, 0);
    uint64_t to = (uint64_t)luaL_optinteger(L, 5, LUA_MAXINTEGER);
    uint64_t positions[MOST_RELATED];
    size_t count = relation == NEAP_RELATION_ITSELF ? 1 : MOST_RELATED;
    neapi_asking it;
    neap_error error;
    neapi_asking_begin(host, &it, L);
    neap_status status =
        neap_history_related(past->runtime, id, relation, &from, to, positions, &count, &error);
    neapi_asking_end(host, &it);
    if (status != NEAP_OK)
        return neapi_asking_fail_lj(L, &it, &error);
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        lua_pushinteger(L, (lua_Integer)positions[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_pushinteger(L, shown(from));
    return 2;
}

/* handler_of(past, by, message) → file, line; nil: none does */
static int past_handler_of(lua_State *L)
{
    neapi_host *past = neapi_host_check_lj(L, "handler_of");
    const char *by = luaL_optstring(L, 2, NULL), *file;
    int line;
    if (!neap_handler_place(past->runtime, by, luaL_checkstring(L, 3), &file, &line)) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushstring(L, file);
    lua_pushinteger(L, line);
    return 2;
}

void neapi_host_history_lj(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"open", history_open},
        {"close", history_close},
        {"time", history_time},
        {"event", history_event},
        {"at", history_at},
        {"log", history_log},
        {"compare", history_compare},
        {"deterministic", history_deterministic},
        {"last", history_last},
        {"position", past_position},
        {"forward", past_forward},
        {"streams", past_streams},
        {"command", past_command},
        {"definitions", past_definitions},
        {"follow", neapi_host_follow},
        {"handler_of", past_handler_of},
        {"related", past_related},
        {NULL, NULL},
    };
    luaL_newlib(L, functions);
    neapi_host_branch_lj(L);
    neapi_host_evolution_lj(L);
    lua_setfield(L, -2, "history");
}
