/* Figures of a whole runtime, each beside a baseline in the same run: medians of several rounds, in
 * turn. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bare_sqlite.h"
#include "measure.h"

#define STREAMS 1000
#define NOTE    "a note of about sixty bytes, so that an event has its length"

static char folder[] = "/tmp/neap-bench-XXXXXX";
static neap_error error;

static size_t command_json(char *json, size_t size, unsigned i, bool one_stream)
{
    return (size_t)snprintf(json, size,
                            "{\"note\":\"" NOTE
                            "\",\"order_id\":\"o-%u\",\"price\":12.5,\"quantity\":%u,"
                            "\"sku\":\"sku-0123456789\"}",
                            one_stream ? 0 : i % STREAMS, i % 7 + 1);
}

/* Commands a second with many in flight: the queue's length bounds how many. */
static double pipelined(neap_runtime *runtime, unsigned commands, bool one_stream)
{
    char json[256];
    double start = now_s();
    for (unsigned i = 0; i < commands; i++) {
        command_json(json, sizeof json, i, one_stream);
        send_command(runtime, "AddLine", json);
    }
    wait_for_commands(runtime, commands);
    return commands / (now_s() - start);
}

static double one_at_a_time(neap_runtime *runtime, unsigned commands)
{
    char json[256];
    double start = now_s();
    for (unsigned i = 0; i < commands; i++) {
        size_t size = command_json(json, sizeof json, i, false);
        if (neap_dispatch(runtime, "AddLine", json, size, NULL, NULL, &error) != NEAP_OK)
            die("dispatch", error.message);
    }
    return commands / (now_s() - start);
}

static lua_State *open_bare(void)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    if (luaL_dofile(L, FOLDER "/bare.lua") != LUA_OK)
        die("bare.lua", lua_tostring(L, -1));
    return L;
}

/* A lua_pcall of the same handler and fold with ready-made tables: decisions a second. */
static double bare_pcall(lua_State *L, unsigned calls)
{
    lua_createtable(L, 0, 2);
    lua_pushinteger(L, 0);
    lua_setfield(L, -2, "lines");
    lua_pushinteger(L, 0);
    lua_setfield(L, -2, "total");
    lua_getfield(L, 1, "event");
    lua_pushinteger(L, 1);
    lua_call(L, 1, 1);
    double start = now_s();
    for (unsigned i = 0; i < calls; i++) {
        lua_getfield(L, 1, "decide");
        lua_pushvalue(L, 2);
        lua_pushvalue(L, 3);
        if (lua_pcall(L, 2, 1, 0) != LUA_OK)
            die("bare decide", lua_tostring(L, -1));
        lua_settop(L, 3);
    }
    double rate = calls / (now_s() - start);
    lua_settop(L, 1);
    return rate;
}

static double bare_fold(lua_State *L, unsigned events)
{
    lua_getfield(L, 1, "events");
    lua_pushinteger(L, events);
    lua_call(L, 1, 1);
    double start = now_s();
    lua_getfield(L, 1, "fold");
    lua_pushvalue(L, 2);
    lua_call(L, 1, 1);
    double rate = events / (now_s() - start);
    lua_settop(L, 1);
    return rate;
}

/* Folding a stream out of the store: events a second. */
static double neap_fold(neap_runtime *runtime, unsigned events)
{
    neap_reply *reply;
    double start = now_s();
    if (neap_state(runtime, "Order", "o-0", events, &reply, &error) != NEAP_OK)
        die("state", error.message);
    double rate = events / (now_s() - start);
    neap_reply_free(reply);
    return rate;
}

static void row(const char *what, double *figures, const char *baseline, double *base)
{
    double figure = median(figures), beside = median(base);
    printf("%-46s %12.0f /s   %-34s %12.0f /s   %6.2f\n", what, figure, baseline, beside,
           figure / beside);
}

static const char *sqlite_url(char *url, size_t size, int round)
{
    snprintf(url, size, "sqlite:%s/neap-%d.db", folder, round);
    return url;
}

int main(int argc, char **argv)
{
    unsigned scale = argc > 1 ? (unsigned)atoi(argv[1]) : 10;
    unsigned memory_commands = 20000 * scale, sqlite_commands = 3000 * scale, singles = 100 * scale,
             fold_events = 10000 * scale;
    if (scale == 0 || mkdtemp(folder) == NULL)
        die("usage", "neap_bench [SCALE], from 1; /tmp must be writable");
    double piped[ROUNDS], hot[ROUNDS], single[ROUNDS], bare[ROUNDS], fold[ROUNDS],
        plain_fold[ROUNDS];
    double sqlite_piped[ROUNDS], sqlite_single[ROUNDS], bare_batches[ROUNDS], bare_single[ROUNDS];
    lua_State *L = open_bare();
    for (int round = 0; round < ROUNDS; round++) {
        neap_runtime *runtime = open_runtime("shop.lua", "memory:", false);
        bare[round] = bare_pcall(L, memory_commands);
        piped[round] = pipelined(runtime, memory_commands, false);
        single[round] = one_at_a_time(runtime, singles * 20);
        neap_close(runtime);
        runtime = open_runtime("shop.lua", "memory:", false);
        hot[round] = pipelined(runtime, fold_events, true);
        plain_fold[round] = bare_fold(L, fold_events);
        fold[round] = neap_fold(runtime, fold_events);
        neap_close(runtime);
        char url[80];
        runtime = open_runtime("shop.lua", sqlite_url(url, sizeof url, round), false);
        sqlite_piped[round] = pipelined(runtime, sqlite_commands, false);
        sqlite_single[round] = one_at_a_time(runtime, singles);
        neap_close(runtime);
        bare_batches[round] = bare_sqlite(folder, sqlite_commands, STREAMS, 1000);
        bare_single[round] = bare_sqlite(folder, singles, STREAMS, 1);
    }
    lua_close(L);
    printf("%-46s %15s   %-34s %15s   %6s\n", "figure (median of 5)", "Neap", "baseline", "",
           "ratio");
    row("commands in memory, many in flight", piped, "lua_pcall of the same handler", bare);
    row("commands in memory, many in flight, one stream", hot, "lua_pcall of the same handler",
        bare);
    row("commands in memory, one at a time", single, "lua_pcall of the same handler", bare);
    row("fold of a long stream, memory store", fold, "Lua loop over ready-made tables", plain_fold);
    row("commands on SQLite FULL, many in flight", sqlite_piped, "C loop, 1,000 rows a transaction",
        bare_batches);
    row("commands on SQLite FULL, one at a time", sqlite_single, "C loop, one row a transaction",
        bare_single);
    char clean[120];
    snprintf(clean, sizeof clean, "rm -rf %s", folder);
    return system(clean) == 0 ? 0 : 1;
}
