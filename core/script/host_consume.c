/* runtime:consume: commands out of a broker's messages, for a host in Lua. */
#include <lauxlib.h>
#include <string.h>

#include "base/error.h"
#include "script/host.h"
#include "script/lua_error.h"
#include "script/trace.h"

#define METATABLE "neap.Consumer"

/* Places in neapi_host_consume. */
enum { HOST = 1, FROM, OPTIONS, CONSUMER };

/* A userdata. In the runtime's list, and kept alive by its third user value, as long as it is open.
 */
struct neapi_host_consumer {
    neap_consumer *consumer; /* NULL: it is closed */
    neap_consumed last;      /* then */
    neapi_host_consumer *next, **link;
};

static void look(neapi_host_consumer *held)
{
    neap_consumed_init(&held->last);
    neap_consumer_stats(held->consumer, &held->last, NULL);
}

static void close_consumer(neapi_host_consumer *held)
{
    if (held->consumer == NULL)
        return;
    neap_consumer *closed = held->consumer;
    neap_consumer_stop(closed);
    look(held);
    held->consumer = NULL;
    neap_consumer_close(closed);
    *held->link = held->next;
    if (held->next != NULL)
        held->next->link = held->link;
}

void neapi_host_close_consumers(neapi_host *host)
{
    while (host->consumers != NULL)
        close_consumer(host->consumers);
}

static neapi_host_consumer *check_lj(lua_State *L, const char *method)
{
    neapi_host_consumer *held = luaL_testudata(L, 1, METATABLE);
    if (held == NULL)
        neapi_misuse_lj(L, "call it as consumer:%s(), with a colon", method);
    return held;
}

/* consumer:close(): handles what it has fetched, and ends. */
static int consumer_close(lua_State *L)
{
    close_consumer(check_lj(L, "close"));
    lua_getiuservalue(L, 1, 1);
    lua_getiuservalue(L, -1, 3);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    lua_rawset(L, -3);
    return 0;
}

/* Nothing of Lua may be there any more. */
static int consumer_collect(lua_State *L)
{
    close_consumer(lua_touserdata(L, 1));
    return 0;
}

/* consumer:stats() → what became of messages */
static int consumer_stats(lua_State *L)
{
    neapi_host_consumer *held = check_lj(L, "stats");
    if (held->consumer != NULL)
        look(held);
    lua_createtable(L, 0, 5);
    neapi_host_set_count_lj(L, "done", held->last.done);
    neapi_host_set_count_lj(L, "repeated", held->last.repeated);
    neapi_host_set_count_lj(L, "rejected", held->last.rejected);
    neapi_host_set_count_lj(L, "ended", held->last.ended);
    neapi_host_set_count_lj(L, "again", held->last.again);
    return 1;
}

static const luaL_Reg methods[] = {
    {"close", consumer_close},
    {"stats", consumer_stats},
    {NULL, NULL},
};

static void push_metatable_lj(lua_State *L)
{
    if (!luaL_newmetatable(L, METATABLE))
        return;
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, consumer_collect);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, consumer_close);
    lua_setfield(L, -2, "__close");
    lua_pushliteral(L, METATABLE);
    lua_setfield(L, -2, "__metatable");
}

/* Replaces options.commands, a table of texts, by its JSON, which the stack keeps alive. */
static neap_status commands_lj(lua_State *L, neap_consume_options *options, neap_error *error)
{
    if (lua_type(L, OPTIONS) != LUA_TTABLE || lua_getfield(L, OPTIONS, "commands") == LUA_TNIL)
        return NEAP_OK;
    if (lua_type(L, -1) != LUA_TTABLE)
        neapi_misuse_lj(L, "runtime:consume: 'commands' must be a table of texts, but is a %s",
                        luaL_typename(L, -1));
    int commands = lua_gettop(L);
    lua_getfield(L, LUA_REGISTRYINDEX, "neap.encode");
    lua_pushvalue(L, commands);
    lua_call(L, 1, 2);
    if (!lua_isnil(L, -2)) {
        options->commands = lua_tostring(L, -2);
        return NEAP_OK;
    }
    neapi_error_take(L, -1, error);
    neapi_error_prefix(error, "commands");
    return error->status;
}

/* Pushes the userdata, closed. */
static neapi_host_consumer *push_consumer_lj(lua_State *L)
{
    neapi_host_consumer *held = lua_newuserdatauv(L, sizeof *held, 1);
    *held = (neapi_host_consumer){0};
    push_metatable_lj(L);
    lua_setmetatable(L, CONSUMER);
    lua_pushvalue(L, HOST);
    lua_setiuservalue(L, CONSUMER, 1);
    return held;
}

/* The consumer at its place goes on though nobody holds it, as long as the runtime is open. */
static void keep_lj(lua_State *L, neapi_host *host, neapi_host_consumer *held)
{
    held->next = host->consumers;
    held->link = &host->consumers;
    if (held->next != NULL)
        held->next->link = &held->next;
    host->consumers = held;
    if (lua_getiuservalue(L, HOST, 3) != LUA_TTABLE) {
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_setiuservalue(L, HOST, 3);
        lua_replace(L, -2);
    }
    lua_pushvalue(L, CONSUMER);
    lua_pushboolean(L, 1);
    lua_rawset(L, -3);
    lua_settop(L, CONSUMER);
}

int neapi_host_consume(lua_State *L)
{
    static const neapi_host_option known[] = {
        {"commands", NEAPI_HOST_OTHER, 0},
        {"pending", NEAPI_HOST_UNSIGNED, offsetof(neap_consume_options, pending)},
        {"attempts", NEAPI_HOST_UNSIGNED, offsetof(neap_consume_options, attempts)},
        {"retry_delay", NEAPI_HOST_SECONDS, offsetof(neap_consume_options, retry_ms)},
        {"timeout", NEAPI_HOST_SECONDS, offsetof(neap_consume_options, timeout_ms)},
        {"keep_rejected", NEAPI_HOST_FLAG, offsetof(neap_consume_options, keep_rejected)},
        {NULL, NEAPI_HOST_OTHER, 0},
    };
    neapi_host *host = neapi_host_check_lj(L, "consume");
    neap_consume_options options;
    neap_error error;
    lua_settop(L, OPTIONS);
    if (lua_type(L, FROM) != LUA_TSTRING)
        return neapi_misuse_lj(L, "runtime:consume needs a broker's URL, but got a %s",
                               luaL_typename(L, FROM));
    neap_consume_options_init(&options);
    neapi_host_options_lj(L, OPTIONS, "runtime:consume", known, &options);
    neapi_host_consumer *held = push_consumer_lj(L);
    if (commands_lj(L, &options, &error) != NEAP_OK ||
        neap_consume(host->runtime, lua_tostring(L, FROM), &options, &held->consumer, &error) !=
            NEAP_OK)
        return neapi_host_fail_lj(L, &error);
    keep_lj(L, host, held);
    return 1;
}
