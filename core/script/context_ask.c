/* context:dispatch, context:query and context:sleep: what a run waits for. */
#include <lauxlib.h>

#include "base/error.h"
#include "base/text.h"
#include "script/context.h"
#include "script/host.h"
#include "script/lua_error.h"
#include "script/run.h"
#include "script/trace.h"
#include "store/check.h"

#define LONGEST_SLEEP 86400.0

/* ---- context:sleep --------------------------------------------------------------------------- */

lua_Number neapi_context_seconds_lj(lua_State *L, const char *method)
{
    lua_Number seconds = lua_tonumber(L, 2);
    if (lua_type(L, 2) != LUA_TNUMBER || !(seconds >= 0) || seconds > LONGEST_SLEEP)
        neapi_misuse_lj(L, "context:%s needs a number of seconds from 0 to %d", method,
                        (int)LONGEST_SLEEP);
    return seconds;
}

static int slept(lua_State *L, int status, lua_KContext before)
{
    const neapi_context *context = lua_touserdata(L, 1);
    neapi_run_waited(L, status, before);
    if (neapi_run_is_late(context->run))
        return neapi_run_push_late_lj(L, context->run, "the message's time is over");
    lua_pushboolean(L, 1);
    return 1;
}

int neapi_context_sleep_lj(lua_State *L, neapi_run *run)
{
    lua_Number seconds = neapi_context_seconds_lj(L, "sleep");
    if (neapi_run_is_late(run))
        return neapi_run_push_late_lj(L, run, "the message's time is over");
    run->wanted = (neapi_wanted){.until_us = neapi_run_moment_us(run, seconds)};
    return neapi_run_wait_lj(L, run, NEAPI_RUN_SLEEP, slept);
}

/* ---- context:dispatch and context:query ------------------------------------------------------ */

typedef struct asking {
    neap_kind kind;
    const char *method, *what;
    const neapi_message *message;
} asking;

static int fail_lj(lua_State *L, const neap_error *error)
{
    lua_pushnil(L);
    neapi_push_error_lj(L, error);
    return 2;
}

/* A name, and a table of fields or nothing: the table is at place 3, options at 4. */
static neap_status take_named_lj(lua_State *L, const neapi_engine *engine, asking *asked,
                                 neap_error *error)
{
    neap_text name = {0};
    name.data = lua_tolstring(L, 2, &name.size);
    lua_settop(L, 4);
    if (lua_isnil(L, 3)) {
        lua_newtable(L);
        lua_replace(L, 3);
    }
    if (lua_type(L, 3) != LUA_TTABLE)
        neapi_misuse_lj(L, "%s needs the fields as a table, but got a %s", asked->method,
                        luaL_typename(L, 3));
    return neapi_catalog_message(&engine->catalog, asked->kind, name, &asked->message, error);
}

/* What is no message of the kind that is wanted. */
static const char *what_it_is(lua_State *L, uint32_t message)
{
    if (message != NEAPI_NONE)
        return "a message of another kind";
    if (lua_isnoneornil(L, 2))
        return lua_isnil(L, 2) ? "nil" : "no value";
    return lua_pushfstring(L, "a %s", luaL_typename(L, 2));
}

/* What a constructor made: it takes place 3 too, so that options are at 4. */
static void take_made_lj(lua_State *L, neapi_engine *engine, asking *asked)
{
    uint32_t index = neapi_message_of(L, engine, 2);
    if (index == NEAPI_NONE || engine->catalog.messages[index]->kind != asked->kind)
        neapi_misuse_lj(L,
                        "%s needs a %s, made by its constructor or given by its name and "
                        "a table, but got %s",
                        asked->method, asked->what, what_it_is(L, index));
    asked->message = engine->catalog.messages[index];
    lua_settop(L, 3);
    lua_pushvalue(L, 2);
    lua_insert(L, 3);
}

typedef struct ask_options {
    const char *idempotency_key;
    uint32_t timeout_ms;
} ask_options;

static void take_options_lj(lua_State *L, const asking *asked, neapi_run *run)
{
    static const neapi_host_option of_queries[] = {
        {"timeout", NEAPI_HOST_SECONDS, offsetof(ask_options, timeout_ms)},
        {NULL, NEAPI_HOST_OTHER, 0},
    };
    static const neapi_host_option of_commands[] = {
        {"timeout", NEAPI_HOST_SECONDS, offsetof(ask_options, timeout_ms)},
        {"idempotency_key", NEAPI_HOST_TEXT, offsetof(ask_options, idempotency_key)},
        {NULL, NEAPI_HOST_OTHER, 0},
    };
    ask_options options = {NULL, 0};
    neap_error *error = &run->engine->failure;
    neapi_host_options_lj(L, 4, asked->method,
                          asked->kind == NEAP_KIND_QUERY ? of_queries : of_commands, &options);
    run->wanted = (neapi_wanted){.message = asked->message, .until_us = run->deadline_us};
    if (options.timeout_ms != 0)
        run->wanted.until_us = neapi_run_moment_us(run, options.timeout_ms / 1e3);
    if (options.idempotency_key == NULL)
        return;
    run->wanted.key = neapi_text_of(options.idempotency_key);
    if (neapi_name_check(run->wanted.key, "the idempotency key", error) != NEAP_OK)
        neapi_misuse_lj(L, "%s: %s", asked->method, error->message);
}

neap_status neapi_context_message_lj(lua_State *L, neapi_engine *engine, neap_kind kind,
                                     const char *method, const neapi_message **message,
                                     neap_error *error)
{
    neap_status status = NEAP_OK;
    asking asked = {
        .kind = kind, .method = method, .what = kind == NEAP_KIND_QUERY ? "query" : "command"};
    if (lua_type(L, 2) != LUA_TSTRING)
        take_made_lj(L, engine, &asked);
    else
        status = take_named_lj(L, engine, &asked, error);
    *message = asked.message;
    return status;
}

int neapi_context_ask_lj(lua_State *L, neapi_run *run, neap_kind kind)
{
    neapi_engine *engine = run->engine;
    neap_error *error = &engine->failure;
    asking asked = {.kind = kind,
                    .method = kind == NEAP_KIND_QUERY ? "context:query" : "context:dispatch"};
    neapi_run_check_wait_lj(L, run);
    if (neapi_context_message_lj(L, engine, kind, asked.method, &asked.message, error) != NEAP_OK)
        return fail_lj(L, error);
    neap_status status = neapi_run_encode_lj(L, run, asked.message->index, 3, error);
    if (status != NEAP_OK) {
        if (status != NEAP_INVALID) /* whose path says where */
            neapi_error_prefix(error, "%.*s", NEAPI_TEXT(asked.message->name));
        return fail_lj(L, error);
    }
    take_options_lj(L, &asked, run);
    if (neapi_run_is_late(run))
        return neapi_run_push_late_lj(L, run, "not begun in time; nothing was done");
    return neapi_run_wait_lj(L, run, kind == NEAP_KIND_QUERY ? NEAPI_RUN_QUERY : NEAPI_RUN_DISPATCH,
                             neapi_run_waited);
}
