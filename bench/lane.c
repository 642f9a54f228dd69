/* One lane: what a hot stream costs beside many, how fast streams fold, what a command takes of all
 * threads together, and what an idle one holds. Medians of several rounds, in turn. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "measure.h"

#define STREAMS 1000

static char folder[] = "/tmp/neap-bench-XXXXXX";
static neap_error error;

static double cpu_s(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

typedef struct rate {
    double per_s, cpu_us;
} rate;

/* Many commands in flight, over so many streams. */
static rate pipelined(neap_runtime *runtime, unsigned commands, unsigned streams)
{
    char json[256];
    double start = now_s(), cpu = cpu_s();
    for (unsigned i = 0; i < commands; i++) {
        snprintf(json, sizeof json,
                 "{\"note\":\"a note of about sixty bytes, so that an event has its length\","
                 "\"order_id\":\"o-%u\",\"price\":12.5,\"quantity\":%u,\"sku\":"
                 "\"sku-0123456789\"}",
                 i % streams, i % 7 + 1);
        send_command(runtime, "AddLine", json);
    }
    wait_for_commands(runtime, commands);
    return (rate){commands / (now_s() - start), (cpu_s() - cpu) / commands * 1e6};
}

/* Events a second, folded out of the store, and the processor's time for each. */
static rate fold(neap_runtime *runtime, unsigned events)
{
    neap_reply *reply;
    double start = now_s(), cpu = cpu_s();
    if (neap_state(runtime, "Order", "o-0", events, &reply, &error) != NEAP_OK)
        die("state", error.message);
    rate taken = {events / (now_s() - start), (cpu_s() - cpu) / events * 1e6};
    neap_reply_free(reply);
    return taken;
}

enum { MANY, HOT, FOLD, KINDS };

typedef struct measured {
    double per_s[KINDS][ROUNDS], cpu_us[KINDS][ROUNDS], ratio[ROUNDS];
} measured;

static void note(measured *all, int kind, int round, rate taken)
{
    all->per_s[kind][round] = taken.per_s;
    all->cpu_us[kind][round] = taken.cpu_us;
}

static void measure(measured *all, int round, const char *name, unsigned commands)
{
    char many[80], hot[80];
    bool file = name[0] == 's';
    snprintf(many, sizeof many, file ? "sqlite:%s/many-%d.db" : "memory:", folder, round);
    snprintf(hot, sizeof hot, file ? "sqlite:%s/hot-%d.db" : "memory:", folder, round);
    neap_runtime *runtime = open_runtime("shop.lua", many, false);
    note(all, MANY, round, pipelined(runtime, commands, STREAMS));
    neap_close(runtime);
    runtime = open_runtime("shop.lua", hot, false);
    note(all, HOT, round, pipelined(runtime, commands, 1));
    note(all, FOLD, round, fold(runtime, commands));
    neap_close(runtime);
    all->ratio[round] = all->per_s[HOT][round] / all->per_s[MANY][round];
}

static void report(measured *all, const char *name)
{
    static const char *const what[] = {"commands, 1,000 streams", "commands, one hot stream",
                                       "events folded out of it"};
    for (int kind = 0; kind < KINDS; kind++)
        printf("%-8s %-28s %12.0f /s %10.2f us of processor time each\n", name, what[kind],
               median(all->per_s[kind]), median(all->cpu_us[kind]));
    printf("%-8s %-28s %12.2f\n", name, "hot stream to many", median(all->ratio));
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

static size_t held(void)
{
    struct mallinfo2 now = mallinfo2();
    return now.uordblks + now.hblkhd;
}

static neap_runtime *open_lanes(unsigned lanes)
{
    neap_options options;
    neap_options_init(&options);
    options.lanes = lanes;
    neap_runtime *runtime;
    return neap_open(FOLDER "/shop.lua", &options, &runtime, &error) == NEAP_OK ? runtime : NULL;
}

/* What a second lane adds; in a runtime that has but one, all of it. */
static void report_idle_lane(void)
{
    size_t before = held();
    neap_runtime *one = open_lanes(1);
    size_t first = held() - before;
    neap_runtime *two = open_lanes(2);
    size_t second = held() - before - first;
    if (one == NULL)
        die("open", error.message);
    if (two != NULL)
        printf("an idle lane: %zu bytes\n", second - first);
    else
        printf("an idle runtime with its lane: %zu bytes\n", first);
    neap_close(one);
    neap_close(two);
}

int main(int argc, char **argv)
{
    unsigned scale = argc > 1 ? (unsigned)atoi(argv[1]) : 10;
    static measured memory, sqlite;
    if (scale == 0 || mkdtemp(folder) == NULL)
        die("usage", "neap_bench_lane [SCALE], from 1; /tmp must be writable");
    for (int round = 0; round < ROUNDS; round++) {
        measure(&memory, round, "memory", 20000 * scale);
        measure(&sqlite, round, "sqlite", 5000 * scale);
    }
    report(&memory, "memory");
    report(&sqlite, "sqlite");
    report_idle_lane();
    char clean[120];
    snprintf(clean, sizeof clean, "rm -rf %s", folder);
    return system(clean) == 0 ? 0 : 1;
}
