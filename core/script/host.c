#include "script/host.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "message/json.h"
#include "script/convert.h"
#include "script/lua_error.h"
#include "script/native.h"
#include "script/schedule_options.h"
#include "script/trace.h"

#define METATABLE "neap.Runtime"

neapi_host *neapi_host_check_lj(lua_State *L, const char *method)
{
    neapi_host *host = luaL_testudata(L, 1, METATABLE);
    if (host == NULL)
        neapi_misuse_lj(L, "call it as runtime:%s(…), with a colon", method);
    if (host->runtime == NULL)
        neapi_misuse_lj(L, "runtime:%s: the runtime is closed", method);
    neapi_host_arrive_lj(L, host, method);
    return host;
}

void neapi_host_closes_lj(lua_State *L, const char *name, lua_CFunction close)
{
    if (luaL_newmetatable(L, name)) {
        lua_pushcfunction(L, close);
        lua_setfield(L, -2, "__gc");
        lua_pushcfunction(L, close);
        lua_setfield(L, -2, "__close");
        lua_pushstring(L, name);
        lua_setfield(L, -2, "__metatable");
    }
    lua_setmetatable(L, -2);
}

int neapi_host_fail_lj(lua_State *L, const neap_error *error)
{
    lua_pushnil(L);
    neapi_push_error_lj(L, error);
    return 2;
}

/* ---- Replies --------------------------------------------------------------------------------- */

/* Holds a reply for Lua, so that an error raised while it is converted does not lose it. */
static int free_reply(lua_State *L)
{
    neap_reply **reply = lua_touserdata(L, 1);
    neap_reply_free(*reply);
    *reply = NULL;
    return 0;
}

void *neapi_host_place_lj(lua_State *L, const char *type, lua_CFunction release)
{
    void *place = lua_newuserdatauv(L, sizeof(void *), 0);
    memset(place, 0, sizeof(void *)); /* no pointer of a type yet */
    if (luaL_newmetatable(L, type)) {
        lua_pushcfunction(L, release);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return place;
}

static int free_text(lua_State *L)
{
    char **text = lua_touserdata(L, 1);
    neap_free(*text);
    *text = NULL;
    return 0;
}

char **neapi_host_text_place_lj(lua_State *L)
{
    return neapi_host_place_lj(L, "neap.Text", free_text);
}

neap_reply **neapi_host_reply_place_lj(lua_State *L)
{
    return neapi_host_place_lj(L, "neap.Reply", free_reply);
}

void neapi_host_set_count_lj(lua_State *L, const char *name, uint64_t count)
{
    lua_pushinteger(L, (lua_Integer)count);
    lua_setfield(L, -2, name);
}

void neapi_host_set_text_lj(lua_State *L, const char *name, neap_text text)
{
    lua_pushlstring(L, text.data, text.size);
    lua_setfield(L, -2, name);
}

void neapi_host_push_receipt_lj(lua_State *L, const neap_receipt *receipt)
{
    char id[37];
    neap_uuid_format(receipt->command_id, id);
    lua_createtable(L, 0, 7);
    if (!neapi_uuid_is_zero(receipt->command_id)) {
        lua_pushstring(L, id);
        lua_setfield(L, -2, "command_id");
    }
    if (receipt->stream.size != 0) {
        lua_pushlstring(L, receipt->stream.data, receipt->stream.size);
        lua_setfield(L, -2, "stream");
    }
    lua_pushinteger(L, (lua_Integer)receipt->version);
    lua_setfield(L, -2, "version");
    lua_pushinteger(L, (lua_Integer)receipt->position);
    lua_setfield(L, -2, "position");
    lua_pushboolean(L, receipt->repeated);
    lua_setfield(L, -2, "repeated");
    if (!receipt->caught_up) {
        lua_pushboolean(L, false);
        lua_setfield(L, -2, "caught_up");
    }
    lua_createtable(L, (int)receipt->event_count, 0);
    for (size_t i = 0; i < receipt->event_count; i++) {
        lua_pushlstring(L, receipt->events[i].data, receipt->events[i].size);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "events");
}

int neapi_host_return_receipt_lj(lua_State *L, neap_reply **reply)
{
    neapi_host_push_receipt_lj(L, neap_reply_receipt(*reply));
    neap_reply_free(*reply);
    *reply = NULL;
    return 1;
}

/* Gives the reply's JSON as a value, and frees the reply. */
static int return_value(lua_State *L, neap_reply **reply)
{
    neap_error error;
    neap_text json = {0};
    json.data = neap_reply_json(*reply, &json.size);
    neap_status status = neapi_decode_lj(L, json, NEAPI_JSON_DEPTH, &error);
    neap_reply_free(*reply);
    *reply = NULL;
    return status == NEAP_OK ? 1 : neapi_host_fail_lj(L, &error);
}

/* ---- Messages -------------------------------------------------------------------------------- */

const char *neapi_host_name_lj(lua_State *L, const char *method, const char *what)
{
    if (lua_type(L, 2) != LUA_TSTRING)
        neapi_misuse_lj(L, "runtime:%s needs the name of %s as a text, but got a %s", method, what,
                        luaL_typename(L, 2));
    return lua_tostring(L, 2);
}

/* The message's fields, at place 3: a table, JSON, or nothing for a message without fields. */
neap_status neapi_host_data_lj(lua_State *L, neapi_host *host, const char *method, neap_text *json,
                               neap_error *error)
{
    if (lua_isnoneornil(L, 3)) {
        *json = NEAPI_LITERAL("{}");
        return NEAP_OK;
    }
    if (lua_type(L, 3) == LUA_TSTRING) {
        json->data = lua_tolstring(L, 3, &json->size);
        return NEAP_OK;
    }
    if (lua_type(L, 3) != LUA_TTABLE)
        neapi_misuse_lj(L, "runtime:%s needs the fields as a table, or as JSON, but got a %s",
                        method, luaL_typename(L, 3));
    neapi_buffer_clear(&host->json);
    neap_status status = neapi_encode_lj(L, 3, NEAPI_JSON_DEPTH, &host->json, error);
    if (status == NEAP_OK && host->json.failed)
        status = neapi_nomem(error);
    *json = neapi_text(host->json.data, host->json.size);
    return status;
}

/* Replaces options.meta, a table of texts, by its JSON, which the stack keeps alive. */
neap_status neapi_host_meta_lj(lua_State *L, const char *method, neap_dispatch_options *options,
                               neap_error *error)
{
    if (lua_type(L, 4) != LUA_TTABLE || lua_getfield(L, 4, "meta") == LUA_TNIL)
        return NEAP_OK;
    if (lua_type(L, -1) != LUA_TTABLE)
        neapi_misuse_lj(L, "runtime:%s: 'meta' must be a table of texts, but is a %s", method,
                        luaL_typename(L, -1));
    int meta = lua_gettop(L);
    lua_getfield(L, LUA_REGISTRYINDEX, "neap.encode");
    lua_pushvalue(L, meta);
    lua_call(L, 1, 2);
    if (!lua_isnil(L, -2)) {
        options->meta = lua_tostring(L, -2);
        return NEAP_OK;
    }
    neapi_error_take(L, -1, error);
    neapi_error_prefix(error, "meta");
    return error->status;
}

void neapi_host_wait_for_lj(lua_State *L, const char *method, neap_dispatch_options *options)
{
    if (lua_type(L, 4) != LUA_TTABLE || lua_getfield(L, 4, "wait_for") == LUA_TNIL)
        return;
    if (lua_type(L, -1) == LUA_TSTRING) {
        lua_createtable(L, 1, 0);
        lua_insert(L, -2);
        lua_rawseti(L, -2, 1);
    }
    if (lua_type(L, -1) != LUA_TTABLE)
        neapi_misuse_lj(L, "runtime:%s: 'wait_for' must be a list of names, but is a %s", method,
                        luaL_typename(L, -1));
    int list = lua_gettop(L);
    lua_Integer count = luaL_len(L, list);
    const char **names = lua_newuserdatauv(L, ((size_t)count + 1) * sizeof *names, 0);
    luaL_checkstack(L, (int)count + 2, "wait_for");
    for (lua_Integer i = 1; i <= count; i++) {
        if (lua_geti(L, list, i) != LUA_TSTRING)
            neapi_misuse_lj(L, "runtime:%s: 'wait_for' must be a list of names, but has a %s",
                            method, luaL_typename(L, -1));
        names[i - 1] = lua_tostring(L, -1);
    }
    names[count] = NULL;
    options->wait_for = names;
}

static void take_schedule_lj(lua_State *L, const char *label, neap_dispatch_options *options)
{
    neapi_schedule_options when;
    neapi_schedule_options_lj(L, 4, label, &when);
    options->queued = when.given;
    options->after_ms = (uint64_t)((when.after_us + 999) / 1000);
    options->at_us = when.at_us;
    options->name = when.name;
}

bool neapi_host_message_lj(lua_State *L, neapi_host *host, const char *method,
                           neapi_host_message *message, neap_error *error)
{
    static const neapi_host_option of_send[] = {
        {"after", NEAPI_HOST_OTHER, 0},
        {"at", NEAPI_HOST_OTHER, 0},
        {"name", NEAPI_HOST_OTHER, 0},
        {"idempotency_key", NEAPI_HOST_TEXT, offsetof(neap_dispatch_options, idempotency_key)},
        {"correlation_id", NEAPI_HOST_TEXT, offsetof(neap_dispatch_options, correlation_id)},
        {"causation_id", NEAPI_HOST_TEXT, offsetof(neap_dispatch_options, causation_id)},
        {"timeout", NEAPI_HOST_SECONDS, offsetof(neap_dispatch_options, timeout_ms)},
        {"fail_when_full", NEAPI_HOST_FLAG, offsetof(neap_dispatch_options, fail_when_full)},
        {"meta", NEAPI_HOST_OTHER, 0},
        {"wait_for", NEAPI_HOST_OTHER, 0},
        {NULL, NEAPI_HOST_OTHER, 0},
    };
    enum { OF_SEND_ALONE = 3 };
    bool sends = strcmp(method, "send") == 0;
    const neapi_host_option *known = sends ? of_send : of_send + OF_SEND_ALONE;
    char label[64];
    snprintf(label, sizeof label, "runtime:%s", method);
    lua_settop(L, 4);
    message->name = neapi_host_name_lj(L, method, "a command");
    neap_dispatch_options_init(&message->options);
    neapi_host_options_lj(L, 4, label, known, &message->options);
    neapi_host_wait_for_lj(L, method, &message->options);
    if (sends)
        take_schedule_lj(L, label, &message->options);
    return neapi_host_data_lj(L, host, method, &message->json, error) == NEAP_OK &&
           neapi_host_meta_lj(L, method, &message->options, error) == NEAP_OK;
}

/* runtime:dispatch(name, data, options) → receipt | nil, err */
static int host_dispatch(lua_State *L)
{
    neapi_host *host = neapi_host_check_lj(L, "dispatch");
    neapi_host_message message;
    neap_error error;
    if (!neapi_host_message_lj(L, host, "dispatch", &message, &error))
        return neapi_host_fail_lj(L, &error);
    neap_reply **reply = neapi_host_reply_place_lj(L);
    if (neap_dispatch(host->runtime, message.name, message.json.data, message.json.size,
                      &message.options, reply, &error) != NEAP_OK)
        return neapi_host_fail_lj(L, &error);
    return neapi_host_return_receipt_lj(L, reply);
}

/* The position that options.after tells, a receipt or a position itself; 0: none. */
static uint64_t after_lj(lua_State *L)
{
    if (lua_type(L, 4) != LUA_TTABLE || lua_getfield(L, 4, "after") == LUA_TNIL)
        return 0;
    if (lua_type(L, -1) == LUA_TTABLE)
        lua_getfield(L, -1, "position");
    if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 0)
        neapi_misuse_lj(L, "runtime:query: 'after' must be a receipt, or a position");
    return (uint64_t)lua_tointeger(L, -1);
}

/* runtime:query(name, data, options) → answer | nil, err */
static int host_query(lua_State *L)
{
    static const neapi_host_option known[] = {
        {"timeout", NEAPI_HOST_SECONDS, 0},
        {"after", NEAPI_HOST_OTHER, 0},
        {NULL, NEAPI_HOST_OTHER, 0},
    };
    neapi_host *host = neapi_host_check_lj(L, "query");
    lua_settop(L, 4);
    const char *name = neapi_host_name_lj(L, "query", "a query");
    uint32_t timeout_ms = 0;
    neapi_host_options_lj(L, 4, "runtime:query", known, &timeout_ms);
    neap_text json;
    neap_error error;
    if (neapi_host_data_lj(L, host, "query", &json, &error) != NEAP_OK)
        return neapi_host_fail_lj(L, &error);
    uint64_t after = after_lj(L);
    if (after != 0 && neap_catch_up(host->runtime, NULL, after, timeout_ms, &error) != NEAP_OK)
        return neapi_host_fail_lj(L, &error);
    neap_reply **reply = neapi_host_reply_place_lj(L);
    if (neap_query(host->runtime, name, json.data, json.size, timeout_ms, reply, &error) != NEAP_OK)
        return neapi_host_fail_lj(L, &error);
    return return_value(L, reply);
}

const char *neapi_host_id_lj(lua_State *L, neapi_host *host, const char *method, neap_error *error)
{
    neap_text json;
    if (lua_type(L, 3) == LUA_TSTRING || lua_isinteger(L, 3))
        return lua_tostring(L, 3);
    if (lua_type(L, 3) != LUA_TTABLE)
        neapi_misuse_lj(L,
                        "runtime:%s: the id must be a text, an integer, or a table of tags, but is "
                        "a %s",
                        method, luaL_typename(L, 3));
    if (neapi_host_data_lj(L, host, method, &json, error) != NEAP_OK)
        return NULL;
    const char *id = neapi_buffer_terminated(&host->json);
    if (id == NULL)
        neapi_nomem(error);
    return id;
}

/* runtime:state(aggregate, id, version) → state | nil, err */
static int host_state(lua_State *L)
{
    neapi_host *host = neapi_host_check_lj(L, "state");
    lua_settop(L, 4);
    const char *name = neapi_host_name_lj(L, "state", "an aggregate");
    if (!lua_isnil(L, 4) && (!lua_isinteger(L, 4) || lua_tointeger(L, 4) < 1))
        return neapi_misuse_lj(L, "runtime:state: the version must be an integer from 1");
    neap_error error;
    const char *id = neapi_host_id_lj(L, host, "state", &error);
    if (id == NULL)
        return neapi_host_fail_lj(L, &error);
    neap_reply **reply = neapi_host_reply_place_lj(L);
    if (neap_state(host->runtime, name, id, (uint64_t)lua_tointeger(L, 4), reply, &error) !=
        NEAP_OK)
        return neapi_host_fail_lj(L, &error);
    return return_value(L, reply);
}

uint32_t neapi_host_timeout_lj(lua_State *L, int place, const char *method)
{
    if (lua_isnoneornil(L, place))
        return 0;
    lua_Number seconds = lua_tonumber(L, place);
    if (lua_type(L, place) != LUA_TNUMBER || !(seconds > 0) || seconds > 4e6)
        neapi_misuse_lj(L, "runtime:%s: the timeout must be a number of seconds above 0", method);
    return seconds < 0.001 ? 1 : (uint32_t)(seconds * 1000);
}

/* runtime:drain(timeout) → true | nil, err */
static int host_drain(lua_State *L)
{
    neapi_host *host = neapi_host_check_lj(L, "drain");
    uint32_t timeout_ms = neapi_host_timeout_lj(L, 2, "drain");
    neap_error error;
    if (neap_drain(host->runtime, timeout_ms, &error) != NEAP_OK)
        return neapi_host_fail_lj(L, &error);
    lua_pushboolean(L, 1);
    return 1;
}

/* ---- Opening and closing --------------------------------------------------------------------- */

static int host_close(lua_State *L)
{
    neapi_host *host = luaL_testudata(L, 1, METATABLE);
    if (host == NULL)
        return neapi_misuse_lj(L, "call it as runtime:close(), with a colon");
    if (host->runtime == NULL)
        return 0;
    neapi_host_enter_lj(L, host, "close");
    neapi_host_close_cursors(host);
    neapi_host_close_consumers(host);
    neapi_host_close_exporters(host);
    neap_close(host->runtime);
    host->runtime = NULL;
    neapi_host_log_tell(L, 1, &host->log);
    neapi_host_log_fini(&host->log);
    neapi_buffer_fini(&host->json);
    return 0;
}

static int unknown_method(lua_State *L)
{
    static const char *const names[] = {"dispatch",
                                        "send",
                                        "publish",
                                        "query",
                                        "state",
                                        "events",
                                        "stats",
                                        "metrics",
                                        "check_store",
                                        "drain",
                                        "close",
                                        "subscriptions",
                                        "catch_up",
                                        "rebuild",
                                        "pause",
                                        "dead_letters",
                                        "retry_dead_letters",
                                        "drop_dead_letter",
                                        "drop_dead_letters",
                                        "retry_dead_commands",
                                        "drop_dead_commands",
                                        "resume",
                                        "reset",
                                        "find",
                                        "list",
                                        "select",
                                        "cancel",
                                        "timers",
                                        "rebuild_begin",
                                        "rebuild_progress",
                                        "saga",
                                        "sagas",
                                        "consume"};
    neap_text wanted = {0};
    wanted.data = luaL_tolstring(L, 2, &wanted.size);
    const char *nearest = neapi_nearest(wanted, names, sizeof names / sizeof *names);
    if (nearest != NULL)
        return neapi_misuse_lj(L, "a runtime has no '%s'; did you mean '%s'?", wanted.data,
                               nearest);
    return neapi_misuse_lj(L, "a runtime has no '%s'", wanted.data);
}

static const luaL_Reg methods[] = {
    {"dispatch", host_dispatch},
    {"send", neapi_host_send},
    {"cancel", neapi_host_cancel},
    {"timers", neapi_host_timers},
    {"publish", neapi_host_publish},
    {"query", host_query},
    {"state", host_state},
    {"events", neapi_host_events},
    {"consume", neapi_host_consume},
    {"export", neapi_host_export},
    {"stats", neapi_host_stats},
    {"metrics", neapi_host_metrics},
    {"subscriptions", neapi_host_subscriptions},
    {"find", neapi_host_find},
    {"list", neapi_host_list},
    {"select", neapi_host_select},
    {"saga", neapi_host_saga},
    {"sagas", neapi_host_sagas},
    {"catch_up", neapi_host_catch_up},
    {"rebuild", neapi_host_rebuild},
    {"rebuild_begin", neapi_host_rebuild_begin},
    {"rebuild_progress", neapi_host_rebuild_progress},
    {"pause", neapi_host_pause},
    {"resume", neapi_host_resume},
    {"reset", neapi_host_reset},
    {"dead_letters", neapi_host_dead_letters},
    {"retry_dead_letters", neapi_host_retry_dead_letters},
    {"drop_dead_letter", neapi_host_drop_dead_letter},
    {"drop_dead_letters", neapi_host_drop_dead_letters},
    {"retry_dead_commands", neapi_host_retry_dead_commands},
    {"drop_dead_commands", neapi_host_drop_dead_commands},
    {"drain", host_drain},
    {"close", host_close},
    {"check_store", neapi_host_check_store},
    {NULL, NULL},
};

/* The method whose number is its upvalue; then what was to be logged meanwhile is told. */
static int call_method(lua_State *L)
{
    int results = methods[lua_tointeger(L, lua_upvalueindex(1))].func(L);
    neapi_host *host = luaL_testudata(L, 1, METATABLE);
    if (host != NULL)
        neapi_host_log_tell(L, 1, &host->log);
    return results;
}

static void push_methods_lj(lua_State *L)
{
    lua_newtable(L);
    for (lua_Integer i = 0; methods[i].name != NULL; i++) {
        lua_pushinteger(L, i);
        lua_pushcclosure(L, call_method, 1);
        lua_setfield(L, -2, methods[i].name);
    }
}

void neapi_host_push_metatable_lj(lua_State *L)
{
    if (!luaL_newmetatable(L, METATABLE))
        return;
    push_methods_lj(L);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, unknown_method);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, host_close);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, host_close);
    lua_setfield(L, -2, "__close");
    lua_pushliteral(L, METATABLE);
    lua_setfield(L, -2, "__metatable");
}
