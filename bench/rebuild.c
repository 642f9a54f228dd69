/* A projection of documents made anew out of a SQLite store, against a C loop that only reads the
 * same rows, in turn.
 *
 *   neap_bench_rebuild [EVENTS [KEYS]]   1,000,000 and 10,000 if not said
 *
 * Prints thousands of events a second of wall-clock time, and nanoseconds of processor time an
 * event. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fill.h"
#include "measure.h"

static char folder[] = "/tmp/neap-rebuild-XXXXXX";
static char path[64], url[80];
static neap_error error;

static void check(neap_status status, const char *what)
{
    if (status != NEAP_OK)
        die(what, error.message);
}

static unsigned keys = 10000;

static void append(neapi_unit *unit, unsigned number)
{
    char stream[40], data[160];
    unsigned key = (unsigned)((uint64_t)number * 7919 % keys);
    snprintf(stream, sizeof stream, "Order-order-%u", key);
    snprintf(data, sizeof data,
             "{\"customer\":\"customer number %u\",\"order_id\":\"order-%u\",\"total\":%u}", key,
             key, number % 1000);
    append_event(unit, number, "OrderPlaced", stream, data);
}

/* What it takes to look at each row. */
static span read_bare(void)
{
    sqlite3 *db;
    sqlite3_stmt *statement = NULL;
    size_t bytes = 0;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(db,
                           "SELECT position, stream, version, type, schema, recorded_at, id, data "
                           "FROM events ORDER BY position",
                           -1, &statement, NULL) != SQLITE_OK)
        die("sqlite", sqlite3_errmsg(db));
    span taken = begin_span();
    while (sqlite3_step(statement) == SQLITE_ROW) {
        for (int i = 0; i < 6; i++)
            bytes += (size_t)sqlite3_column_int64(statement, i);
        bytes += *(const unsigned char *)sqlite3_column_blob(statement, 6);
        bytes += (size_t)sqlite3_column_bytes(statement, 7) + *sqlite3_column_text(statement, 7);
    }
    taken = end_span(taken);
    if (bytes == 0)
        die("sqlite", "nothing read");
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return taken;
}

static span rebuild(neap_runtime *runtime)
{
    span taken = begin_span();
    check(neap_rebuild(runtime, "orders", 0, &error), "rebuild");
    return end_span(taken);
}

static void tell(const char *what, double *walls, double *processors, unsigned events)
{
    printf("%-36s %9.1f k/s %8.0f ns processor\n", what, events / median(walls) / 1e3,
           median(processors) / events * 1e9);
}

int main(int argc, char **argv)
{
    unsigned events = argc > 1 ? (unsigned)atoi(argv[1]) : 1000000;
    double bare[2][ROUNDS], folded[2][ROUNDS];
    if (mkdtemp(folder) == NULL)
        die("folder", "not made");
    snprintf(path, sizeof path, "%s/bench.db", folder);
    snprintf(url, sizeof url, "sqlite:%s", path);
    if (argc > 2)
        keys = (unsigned)atoi(argv[2]);
    fill_store(url, events, append);
    neap_runtime *runtime = open_runtime("rebuild.lua", url, false);
    check(neap_catch_up(runtime, NULL, 0, 0, &error), "catch up");
    for (int i = 0; i < ROUNDS; i++) {
        span loop = read_bare(), build = rebuild(runtime);
        bare[0][i] = loop.wall;
        bare[1][i] = loop.processor;
        folded[0][i] = build.wall;
        folded[1][i] = build.processor;
    }
    neap_close(runtime);
    tell("a C loop that reads the rows", bare[0], bare[1], events);
    tell("a projection, rebuilt", folded[0], folded[1], events);
    printf("%-36s %9.2f\n", "of the loop", median(bare[0]) / median(folded[0]));
    char command[96];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) == 0 ? 0 : 1;
}
