/* How lanes use the cores, and what a command waits for: each figure beside a baseline in the same
 * run. The commands are sent by callbacks, a thousand in flight, so that no thread but the
 * runtime's works: throughput; at half of that rate, latency. One at a time: by a caller that
 * drives the lane itself, beside one bare transaction. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loop.h"
#include "measure.h"

#define STREAMS 1000

static char folder[] = "/tmp/neap-lanes-XXXXXX";
static neap_error error;
static unsigned files;

static size_t command_json(char *json, unsigned i)
{
    return add_line_json(json, i, i % STREAMS);
}

static const char *new_store(bool sqlite)
{
    static char url[100];
    if (!sqlite)
        return "memory:";
    snprintf(url, sizeof url, "sqlite:%s/%u.db", folder, files++);
    return url;
}

static neap_runtime *open_lanes(const char *store, unsigned lanes, bool caller_runs)
{
    char path[512];
    snprintf(path, sizeof path, "%s/shop.lua", FOLDER);
    neap_options options;
    neap_options_init(&options);
    options.store = store;
    options.lanes = lanes;
    options.caller_runs = caller_runs;
    options.record_commands = true;
    neap_runtime *runtime;
    if (neap_open(path, &options, &runtime, &error) != NEAP_OK)
        die("open", error.message);
    return runtime;
}

/* ---- A closed loop --------------------------------------------------------------------------- */

static unsigned one_of_few(unsigned n)
{
    return n % STREAMS;
}

/* Commands a second. */
static double loop_on(bool sqlite, unsigned lanes, unsigned commands)
{
    neap_runtime *runtime = open_lanes(new_store(sqlite), lanes, false);
    double rate = closed_loop(runtime, commands, one_of_few);
    neap_close(runtime);
    return rate;
}

/* ---- Latency at a rate ----------------------------------------------------------------------- */

typedef struct timed {
    double sent, took;
} timed;

static void note_time(void *user, neap_status status, neap_reply *reply, const neap_error *failure)
{
    if (status != NEAP_OK)
        die("command", failure->message);
    neap_reply_free(reply);
    timed *it = user;
    it->took = now_s() - it->sent;
}

static int by_time(const void *a, const void *b)
{
    double left = ((const timed *)a)->took, right = ((const timed *)b)->took;
    return (left > right) - (left < right);
}

/* Sent at its moment, or as soon as the sender comes to it; measured from that moment. Gives the
 * p99 and p50 in µs. */
static void at_rate(bool sqlite, double rate, unsigned commands, double *p50, double *p99)
{
    neap_runtime *runtime = open_lanes(new_store(sqlite), 1, false);
    timed *times = calloc(commands, sizeof *times);
    if (times == NULL)
        die("latency", "no memory");
    double start = now_s();
    for (unsigned i = 0; i < commands; i++) {
        char json[JSON_ROOM];
        size_t size = command_json(json, i);
        times[i].sent = start + i / rate;
        while (now_s() < times[i].sent)
            usleep(50);
        if (neap_send(runtime, "AddLine", json, size, NULL, note_time, &times[i], &error) !=
            NEAP_OK)
            die("send", error.message);
    }
    neap_drain(runtime, 0, NULL);
    neap_close(runtime);
    qsort(times, commands, sizeof *times, by_time);
    *p50 = times[commands / 2].took * 1e6;
    *p99 = times[commands / 100 * 99].took * 1e6;
    free(times);
}

/* ---- One at a time --------------------------------------------------------------------------- */

static double p50_of(timed *times, unsigned count)
{
    qsort(times, count, sizeof *times, by_time);
    return times[count / 2].took * 1e6;
}

static double one_at_a_time(bool sqlite, bool caller_runs, unsigned commands)
{
    neap_runtime *runtime = open_lanes(new_store(sqlite), 1, caller_runs);
    timed *times = calloc(commands, sizeof *times);
    if (times == NULL)
        die("one at a time", "no memory");
    for (unsigned i = 0; i < commands; i++) {
        char json[JSON_ROOM];
        size_t size = command_json(json, i);
        double start = now_s();
        if (neap_dispatch(runtime, "AddLine", json, size, NULL, NULL, &error) != NEAP_OK)
            die("dispatch", error.message);
        times[i].took = now_s() - start;
    }
    neap_close(runtime);
    double p50 = p50_of(times, commands);
    free(times);
    return p50;
}

static void run_sql(sqlite3 *db, const char *sql)
{
    char *why;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        die(sql, why);
}

/* One row of the same bytes a transaction, prepared. */
static double bare_transactions(unsigned commands)
{
    char path[100];
    snprintf(path, sizeof path, "%s/bare-%u.db", folder, files++);
    sqlite3 *db;
    if (sqlite3_open(path, &db) != SQLITE_OK)
        die(path, sqlite3_errmsg(db));
    run_sql(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE events (position "
                "INTEGER PRIMARY KEY, stream INTEGER, data TEXT)");
    sqlite3_stmt *begin, *insert, *commit;
    sqlite3_prepare_v2(db, "BEGIN IMMEDIATE", -1, &begin, NULL);
    sqlite3_prepare_v2(db, "INSERT INTO events VALUES (?, ?, ?)", -1, &insert, NULL);
    sqlite3_prepare_v2(db, "COMMIT", -1, &commit, NULL);
    timed *times = calloc(commands, sizeof *times);
    if (times == NULL)
        die("bare", "no memory");
    for (unsigned i = 0; i < commands; i++) {
        char json[JSON_ROOM];
        size_t size = command_json(json, i);
        double start = now_s();
        sqlite3_bind_int64(insert, 1, i + 1);
        sqlite3_bind_int64(insert, 2, i % STREAMS);
        sqlite3_bind_text(insert, 3, json, (int)size, SQLITE_STATIC);
        if (sqlite3_step(begin) != SQLITE_DONE || sqlite3_step(insert) != SQLITE_DONE ||
            sqlite3_step(commit) != SQLITE_DONE)
            die("bare", sqlite3_errmsg(db));
        sqlite3_reset(begin);
        sqlite3_reset(insert);
        sqlite3_reset(commit);
        times[i].took = now_s() - start;
    }
    sqlite3_finalize(begin);
    sqlite3_finalize(insert);
    sqlite3_finalize(commit);
    sqlite3_close(db);
    double p50 = p50_of(times, commands);
    free(times);
    return p50;
}

/* ---- All of it ------------------------------------------------------------------------------- */

static void row(const char *what, double *figures, const char *baseline, double *base)
{
    double figure = median(figures), beside = median(base);
    printf("%-44s %12.1f   %-34s %12.1f   %6.2f\n", what, figure, baseline, beside,
           figure / beside);
}

static int remove_folder(void)
{
    char clean[120];
    snprintf(clean, sizeof clean, "rm -rf %s", folder);
    return system(clean) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (mkdtemp(folder) == NULL)
        die("usage", "/tmp must be writable");
    if (argc == 3 && strcmp(argv[1], "sqlite") == 0) { /* for bench/beside */
        printf("%.0f\n", loop_on(true, 1, (unsigned)atoi(argv[2])));
        return remove_folder();
    }
    unsigned scale = argc > 1 ? (unsigned)atoi(argv[1]) : 10;
    if (scale == 0)
        die("usage", "neap_bench_lanes [SCALE], from 1");
    enum {
        ONE,
        TWO,
        SQLITE_ONE,
        SQLITE_TWO,
        P50,
        P99,
        SQLITE_P50,
        SQLITE_P99,
        DRIVEN,
        WOKEN,
        SQLITE_DRIVEN,
        BARE,
        FIGURES
    };
    double figures[FIGURES][ROUNDS];
    unsigned many = 30000 * scale, some = 10000 * scale, few = 200 * scale;
    for (int i = 0; i < ROUNDS; i++) {
        figures[ONE][i] = loop_on(false, 1, many);
        figures[TWO][i] = loop_on(false, 2, many);
        figures[SQLITE_ONE][i] = loop_on(true, 1, some);
        figures[SQLITE_TWO][i] = loop_on(true, 2, some);
        at_rate(false, figures[ONE][i] / 2, some, &figures[P50][i], &figures[P99][i]);
        at_rate(true, figures[SQLITE_ONE][i] / 2, some, &figures[SQLITE_P50][i],
                &figures[SQLITE_P99][i]);
        figures[DRIVEN][i] = one_at_a_time(false, true, few * 10);
        figures[WOKEN][i] = one_at_a_time(false, false, few * 10);
        figures[SQLITE_DRIVEN][i] = one_at_a_time(true, true, few);
        figures[BARE][i] = bare_transactions(few);
    }
    printf("%-44s %12s   %-34s %12s   %6s\n", "figure (median of 5)", "", "baseline", "", "ratio");
    row("memory, 2 lanes, commands/s", figures[TWO], "1 lane", figures[ONE]);
    row("SQLite FULL, 2 lanes, commands/s", figures[SQLITE_TWO], "1 lane", figures[SQLITE_ONE]);
    row("memory, half the rate, p99 in us", figures[P99], "p50", figures[P50]);
    row("SQLite FULL, half the rate, p99 in us", figures[SQLITE_P99], "p50", figures[SQLITE_P50]);
    row("memory, one at a time by its caller, p50 us", figures[DRIVEN], "by the lane's thread",
        figures[WOKEN]);
    row("SQLite FULL, one at a time, p50 in us", figures[SQLITE_DRIVEN],
        "C loop, one row a transaction", figures[BARE]);
    return remove_folder();
}
