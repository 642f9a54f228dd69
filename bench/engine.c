/* What the limits cost: the same decisions with the hook and without it, and the same loops in a
 * state of Neap's, with its allocator and its hook, and in a plain one of Lua's. What a warm
 * aggregate takes. And the same fold of an aggregate and of a projection's documents. */
#include <lauxlib.h>
#include <lualib.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "measure.h"
#include "runtime/instance.h"
#include "runtime/warm.h"
#include "script/engine_state.h"

/* Of one turn; the turns with and without change often, so that both meet the same machine. */
#define TURNS     10
#define DECISIONS 10000
#define SPINS     2000000
#define TABLES    200000
#define WARM      20000
#define KEYS      1000
#define EVENTS    100000
#define BATCH     1000

static neap_error error;

typedef struct world {
    neapi_sources *sources;
    neapi_engine *engine;
    neapi_arena arena;
    neapi_instance instance;
    neapi_state state;
    neapi_unit *unit;
    neapi_buffer canonical;
    neapi_call call;
} world;

/* Of this thread: what else the machine does is not counted. */
static double used_s(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

static void check(neap_status status)
{
    if (status != NEAP_OK)
        die("engine", error.message);
}

static void open_world(world *made, const char *domain)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", FOLDER, domain);
    const neapi_engine_options options = {
        .platform = neapi_platform_machine(),
        .memory_bytes = (size_t)256 << 20,
        .allocation_bytes = (size_t)64 << 20,
        .unit_bytes = (size_t)4 << 20,
        .message_bytes = (size_t)4 << 20,
        .instructions = 100000000,
        .ms = 60000,
        .depth = 100,
        .unit_events = 1000,
    };
    *made = (world){.call = {.id = {{1}}, .correlation_id = {{1}}, .now_us = 1}};
    made->call.canonical = &made->canonical;
    made->unit = neapi_unit_new(made->call.id);
    check(neapi_sources_open(path, &made->sources, &error));
    check(neapi_engine_open(made->sources, &options, &made->engine, &error));
    check(neapi_instance_named(&made->arena, neapi_engine_catalog(made->engine)->aggregates[0],
                               NEAPI_LITERAL("o-1"), &made->instance, &error));
    check(neapi_engine_state_new(made->engine, &made->instance, &made->state, &error));
}

static void close_world(world *of)
{
    neapi_engine_close(of->engine);
    neapi_sources_free(of->sources);
    neapi_unit_release(of->unit);
    neapi_arena_fini(&of->arena);
    neapi_buffer_fini(&of->canonical);
}

static void watch(world *of, bool hooked)
{
    if (hooked)
        neapi_vm_hook(of->engine->vm.L);
    else
        lua_sethook(of->engine->vm.L, NULL, 0, 0);
}

/* Seconds that so many decisions take. */
static double decide(world *of, const char *command, const char *json, unsigned times, bool hooked)
{
    const neapi_message *message;
    check(neapi_catalog_message(neapi_engine_catalog(of->engine), NEAP_KIND_COMMAND,
                                neapi_text_of(command), &message, &error));
    watch(of, hooked);
    double start = used_s();
    for (unsigned i = 0; i < times; i++) {
        bool spoilt;
        neapi_unit_clear(of->unit);
        neapi_buffer_clear(&of->canonical);
        check(neapi_engine_decide(of->engine, message, of->state, &of->instance, 0,
                                  neapi_text_of(json), &of->call, of->unit, &spoilt, &error));
    }
    return used_s() - start;
}

static double plain(lua_State *L, const char *code)
{
    if (luaL_loadstring(L, code) != LUA_OK)
        die("engine", lua_tostring(L, -1));
    double start = used_s();
    if (lua_pcall(L, 0, 0, 0) != LUA_OK)
        die("engine", lua_tostring(L, -1));
    return used_s() - start;
}

enum { SHOP, SPIN, MAKE, STATE, KINDS };

typedef struct taken {
    double with[KINDS][ROUNDS], without[KINDS][ROUNDS], overhead[KINDS][ROUNDS];
} taken;

static void row(const char *what, const char *without, taken *all, int kind)
{
    printf("%-38s %10.1f ms   %-34s %10.1f ms   %+6.1f %%\n", what, median(all->with[kind]) * 1e3,
           without, median(all->without[kind]) * 1e3, median(all->overhead[kind]) * 100);
}

/* Bytes that each of many warm aggregates takes, in Lua and beside it. */
static void report_warm(world *of)
{
    neapi_warm_cache cache;
    neapi_warm_cache_init(&cache, of->engine, WARM);
    neapi_engine_collect(of->engine);
    struct mallinfo2 before = mallinfo2();
    size_t lua = neapi_engine_memory(of->engine);
    for (unsigned i = 0; i < WARM; i++) {
        char id[32];
        neapi_instance instance;
        neapi_folded folded = {.state = NEAPI_NO_STATE};
        snprintf(id, sizeof id, "o-%06u", i);
        neapi_arena_clear(&of->arena);
        check(neapi_instance_named(&of->arena, of->instance.aggregate, neapi_text_of(id), &instance,
                                   &error));
        check(neapi_engine_state_new(of->engine, &instance, &folded.state, &error));
        neapi_warm *warm = neapi_warm_get(&cache, &instance);
        if (warm == NULL)
            die("engine", "no memory");
        neapi_warm_fill(warm, &folded);
    }
    neapi_engine_collect(of->engine);
    struct mallinfo2 after = mallinfo2();
    printf("a warm aggregate of two fields: %zu bytes, %zu of them Lua's\n",
           (after.uordblks + after.hblkhd - before.uordblks - before.hblkhd) / WARM,
           (neapi_engine_memory(of->engine) - lua) / WARM);
    neapi_warm_cache_fini(&cache);
}

static void measure(taken *all, int round, world *shop, world *loops, lua_State *L)
{
    static const char line[] = "{\"note\":\"a note of about sixty bytes, so that an event has its "
                               "length\",\"order_id\":\"o-1\",\"price\":12.5,\"quantity\":3,"
                               "\"sku\":\"sku-0123456789\"}";
    char spin[64], make[64], code[80];
    snprintf(spin, sizeof spin, "{\"count\":%d,\"id\":\"o-1\"}", SPINS);
    snprintf(make, sizeof make, "{\"count\":%d,\"id\":\"o-1\"}", TABLES);
    snprintf(code, sizeof code, "for i = 1, %d do local _ = { i, i } end", TABLES);
    for (int turn = 0; turn < TURNS; turn++) {
        all->with[SHOP][round] += decide(shop, "AddLine", line, DECISIONS, true);
        all->without[SHOP][round] += decide(shop, "AddLine", line, DECISIONS, false);
        all->with[SPIN][round] += decide(loops, "Spin", spin, 1, true);
        all->without[SPIN][round] += decide(loops, "Spin", spin, 1, false);
        double made = decide(loops, "Make", make, 1, true);
        all->with[MAKE][round] += made;
        all->with[STATE][round] += made;
        all->without[MAKE][round] += decide(loops, "Make", make, 1, false);
        all->without[STATE][round] += plain(L, code);
    }
    for (int kind = 0; kind < KINDS; kind++)
        all->overhead[kind][round] = all->with[kind][round] / all->without[kind][round] - 1;
}

/* ---- A fold, and a projection ---------------------------------------------------------------- */

typedef struct folding {
    neap_event *events;
    const neap_event **list;
} folding;

static folding make_events(void)
{
    folding made = {calloc(EVENTS, sizeof *made.events), calloc(EVENTS, sizeof *made.list)};
    if (made.events == NULL || made.list == NULL)
        die("engine", "no memory");
    for (unsigned i = 0; i < EVENTS; i++) {
        char json[256];
        snprintf(json, sizeof json,
                 "{\"note\":\"a note of about sixty bytes, so that an event has its length\","
                 "\"order_id\":\"o-%06u\",\"price\":12.5,\"quantity\":3,"
                 "\"sku\":\"sku-0123456789\"}",
                 i % KEYS);
        made.events[i] = (neap_event){.position = i + 1,
                                      .version = i + 1,
                                      .schema = 1,
                                      .type = NEAPI_LITERAL("LineAdded"),
                                      .stream = NEAPI_LITERAL("Order-o-1"),
                                      .data = neapi_text_of(strdup(json))};
        made.list[i] = &made.events[i];
    }
    return made;
}

static neap_status find_none(void *host, neap_text key, neap_text *data, bool *found,
                             neap_error *failure)
{
    (void)host, (void)key, (void)data, (void)failure;
    *found = false;
    return NEAP_OK;
}

static double fold_s(world *of, const folding *these)
{
    double start = used_s();
    for (unsigned i = 0; i < EVENTS; i += BATCH)
        check(neapi_engine_fold(of->engine, &of->instance, of->state, these->events + i, BATCH,
                                &error));
    return used_s() - start;
}

/* saved: also made JSON, each document once a batch. */
static double project_s(world *of, neapi_projecting *where, const folding *these, bool saved)
{
    size_t failed;
    double start = used_s();
    for (unsigned i = 0; i < EVENTS; i += BATCH) {
        check(neapi_engine_project(of->engine, where, these->list + i, BATCH, &failed, &error));
        if (!saved)
            continue;
        neapi_unit_clear(of->unit);
        check(neapi_engine_documents_save(of->engine, where->documents, NEAPI_LITERAL("orders@1"),
                                          of->unit, &error));
    }
    return used_s() - start;
}

static void report_projection(void)
{
    world of;
    double folds[ROUNDS], projects[ROUNDS], saves[ROUNDS], ratios[ROUNDS];
    folding these = make_events();
    open_world(&of, "projection.lua");
    neapi_projecting where = {.projection = neapi_engine_catalog(of.engine)->subscriptions[0],
                              .partitions = 1,
                              .find = find_none};
    check(neapi_engine_documents_new(of.engine, where.projection, &where.documents, &error));
    project_s(&of, &where, &these, true);
    for (int round = 0; round < ROUNDS; round++) {
        folds[round] = fold_s(&of, &these);
        projects[round] = project_s(&of, &where, &these, false);
        neapi_unit_clear(of.unit);
        saves[round] = project_s(&of, &where, &these, true);
        ratios[round] = projects[round] / folds[round];
    }
    printf("%-38s %10.0f ns   %-34s %10.0f ns   %8.2f\n", "an event projected, of 1,000 keys",
           median(projects) / EVENTS * 1e9, "folded by an aggregate", median(folds) / EVENTS * 1e9,
           median(ratios));
    printf("%-38s %10.0f ns\n", "the same, saved once a batch", median(saves) / EVENTS * 1e9);
    close_world(&of);
    for (unsigned i = 0; i < EVENTS; i++)
        free((char *)these.events[i].data.data);
    free(these.events);
    free(these.list);
}

int main(void)
{
    static taken all;
    world shop, loops;
    open_world(&shop, "shop.lua");
    open_world(&loops, "limits.lua");
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    for (int round = 0; round < ROUNDS; round++)
        measure(&all, round, &shop, &loops, L);
    lua_close(L);
    printf("%-38s %13s   %-34s %13s   %8s\n", "limits, processor time (median of 5)", "with",
           "without", "", "overhead");
    row("the shop's commands, decided", "without the hook", &all, SHOP);
    row("an empty loop", "without the hook", &all, SPIN);
    row("a loop that makes tables", "without the hook", &all, MAKE);
    row("the same, hook and allocator", "a plain state of Lua's", &all, STATE);
    report_warm(&shop);
    report_projection();
    close_world(&shop);
    close_world(&loops);
    return 0;
}
