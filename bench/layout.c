/* What a layout of the SQLite store costs: plain C loops that insert the same events, 1,000 a
 * transaction, FULL, with the checkpoint between commits on the writing connection, and differ in
 * what is written beside the events. Streams are written in turn, scattered over their numbers.
 *
 *   neap_bench_layout [EVENTS [STREAMS [NAME]]]   one number of streams, one layout: all if not
 * said
 *
 * Prints thousand events a second, and the microseconds of processor time that an event takes. */
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measure.h"

#define BATCH     1000
#define LOG_PAGES 1024 /* the log is moved into the file beyond */
#define LIST_SIZE 900  /* bytes of a list of positions, so that its row stays in its page */
#define DATA                                                                                       \
    "{\"note\":\"a note of about sixty bytes, so that an event has its length\","                  \
    "\"order_id\":\"o-123\",\"price\":12.5,\"quantity\":3,\"sku\":\"sku-0123456789\"}"

/* What an index has to say of one event. */
typedef struct entry {
    int64_t key, version, position; /* key: its stream, category or tag */
} entry;

/* Entries that are gathered, sorted when there are `size`, and then written little by little: twice
 * as many as come in. */
typedef struct run {
    entry *filling, *draining;
    size_t filled, drained, to_drain, size;
} run;

typedef struct candidate {
    const char *name, *schema;
    void (*write)(const struct candidate *layout, int64_t position, int64_t stream,
                  int64_t version);
    const char *sql[2];
    size_t run;
    bool lists;
} candidate;

static char folder[] = "/tmp/neap-layout-XXXXXX";
static sqlite3 *db;
static sqlite3_stmt *events, *beside[2];
static run runs;
static int log_pages;

static void check(int code, const char *what)
{
    if (code != SQLITE_OK && code != SQLITE_DONE)
        die(what, sqlite3_errmsg(db));
}

static void step(sqlite3_stmt *statement)
{
    check(sqlite3_step(statement), "step");
    sqlite3_reset(statement);
}

static void insert(sqlite3_stmt *statement, const int64_t *values, int count)
{
    for (int i = 0; i < count; i++)
        sqlite3_bind_int64(statement, i + 1, values[i]);
    step(statement);
}

static uint64_t scattered(uint64_t number)
{
    number *= 0x9E3779B97F4A7C15u;
    return (number ^ number >> 29) * 0xBF58476D1CE4E5B9u;
}

/* Nothing beside the events, or what SQLite does by itself. */
static void write_nothing(const candidate *layout, int64_t position, int64_t stream,
                          int64_t version)
{
    (void)layout, (void)position, (void)stream, (void)version;
}

static void write_row(const candidate *layout, int64_t position, int64_t stream, int64_t version)
{
    (void)layout;
    insert(beside[0], (const int64_t[]){stream, version, position}, 3);
}

static void write_command(const candidate *layout, int64_t position, int64_t stream,
                          int64_t version)
{
    (void)layout, (void)stream, (void)version;
    sqlite3_bind_int64(beside[0], 1, position);
    sqlite3_bind_blob(beside[0], 2, DATA, 16, SQLITE_STATIC);
    sqlite3_bind_text(beside[0], 3, DATA, sizeof DATA - 1, SQLITE_STATIC);
    step(beside[0]);
}

/* Two tags an event, of 10,000, with the type. */
static void write_tags(const candidate *layout, int64_t position, int64_t stream, int64_t version)
{
    (void)stream;
    for (uint64_t i = 0; i < 2; i++) {
        int64_t tag = (int64_t)(scattered((uint64_t)position * 2 + i) % 5000 * 2 + i);
        entry one = {tag, version, position};
        if (layout->run == 0)
            insert(beside[0], (const int64_t[]){tag, position, 1}, 3);
        else
            runs.filling[runs.filled++] = one;
    }
}

static void write_run(const candidate *layout, int64_t position, int64_t stream, int64_t version)
{
    (void)layout;
    runs.filling[runs.filled++] = (entry){stream, version, position};
}

static void write_category_run(const candidate *layout, int64_t position, int64_t stream,
                               int64_t version)
{
    (void)version;
    write_run(layout, position, stream % 10, position);
}

/* A key by chance, and what it remembers. */
static void bind_key(sqlite3_stmt *statement, int64_t position, char *key)
{
    snprintf(key, 40, "%016llx-key", (unsigned long long)scattered((uint64_t)position));
    sqlite3_bind_text(statement, 1, key, 20, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, position);
    sqlite3_bind_blob(statement, 3, DATA, 16, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 4, 1700000000000000 + position);
    sqlite3_bind_text(statement, 5, "Order-o-123", 11, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 6, (int64_t)scattered((uint64_t)position));
    step(statement);
}

static void write_key(const candidate *layout, int64_t position, int64_t stream, int64_t version)
{
    (void)stream, (void)version;
    char key[40];
    bind_key(beside[0], position, key);
    if (layout->run != 0)
        runs.filling[runs.filled++] =
            (entry){(int64_t)(scattered((uint64_t)position) >> 1), position, position};
}

static int by_key(const void *a, const void *b)
{
    const entry *left = a, *right = b;
    if (left->key != right->key)
        return left->key < right->key ? -1 : 1;
    return (left->position > right->position) - (left->position < right->position);
}

/* Writes one list of positions, or one row; returns how many entries that was. */
static size_t drain_one(const candidate *layout, const entry *entries, size_t count)
{
    if (!layout->lists) {
        insert(beside[1], (const int64_t[]){entries->key, entries->version, entries->position}, 3);
        return 1;
    }
    char list[LIST_SIZE + 32] = "[";
    size_t used = 1, taken = 0;
    do {
        used += (size_t)snprintf(list + used, 32, "%lld,", (long long)entries[taken].position);
        taken++;
    } while (taken < count && used < LIST_SIZE && entries[taken].key == entries->key);
    list[used - 1] = ']';
    sqlite3_bind_text(beside[1], 3, list, (int)used, SQLITE_STATIC);
    insert(beside[1], (const int64_t[]){entries->key, entries->version}, 2);
    return taken;
}

static void drain(const candidate *layout, size_t wanted)
{
    while (runs.drained < runs.to_drain && wanted > 0) {
        size_t taken =
            drain_one(layout, runs.draining + runs.drained, runs.to_drain - runs.drained);
        runs.drained += taken;
        wanted -= taken < wanted ? taken : wanted;
    }
    if (runs.drained < runs.to_drain || runs.filled < layout->run)
        return;
    qsort(runs.filling, runs.filled, sizeof *runs.filling, by_key);
    entry *empty = runs.draining;
    runs.draining = runs.filling;
    runs.filling = empty;
    runs.to_drain = runs.filled;
    runs.filled = runs.drained = 0;
}

#define STREAM_ROWS                                                                                \
    "CREATE TABLE beside (stream INTEGER, version INTEGER, position INTEGER, "                     \
    "PRIMARY KEY (stream, version)) WITHOUT ROWID"
#define LISTS                                                                                      \
    "CREATE TABLE beside (stream INTEGER, version INTEGER, positions TEXT, "                       \
    "PRIMARY KEY (stream, version)) WITHOUT ROWID"
#define HEADS "CREATE TABLE beside (stream INTEGER PRIMARY KEY, version INTEGER, position INTEGER)"
#define LINKED                                                                                     \
    "CREATE TABLE beside (run INTEGER, stream INTEGER, position INTEGER, before INTEGER, "         \
    "PRIMARY KEY (run, stream)) WITHOUT ROWID"
#define TAGS                                                                                       \
    "CREATE TABLE beside (tag INTEGER, position INTEGER, type INTEGER, "                           \
    "PRIMARY KEY (tag, position)) WITHOUT ROWID"
#define KEYS                                                                                       \
    "CREATE TABLE beside (key TEXT PRIMARY KEY, hash INTEGER, command BLOB, expires INTEGER, "     \
    "stream TEXT, position INTEGER) WITHOUT ROWID"
#define KEY_ROWS                                                                                   \
    "CREATE TABLE beside (number INTEGER PRIMARY KEY, key TEXT, hash INTEGER, command BLOB, "      \
    "expires INTEGER, stream TEXT, position INTEGER)"
#define INSERT3 "INSERT INTO beside VALUES (?1, ?2, ?3)"
#define INSERT_KEY                                                                                 \
    "INSERT INTO beside (key, hash, command, expires, stream, position) "                          \
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6)"

static const candidate layouts[] = {
    {"events alone", "", write_nothing, {NULL, NULL}, 0, false},
    {"unique index (stream, version)",
     "CREATE UNIQUE INDEX by_stream ON events (stream, version)",
     write_nothing,
     {NULL, NULL},
     0,
     false},
    {"heads, updated by each event",
     HEADS,
     write_row,
     {"INSERT INTO beside VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET version = ?2, "
      "position = ?3",
      NULL},
     0,
     false},
    {"runs (run, stream), 65,536",
     LINKED,
     write_run,
     {NULL, "INSERT INTO beside VALUES (?3 / 65536, ?1, ?3, 0) ON CONFLICT DO UPDATE SET "
            "position = ?3"},
     65536,
     false},
    {"rows (stream, version), runs of 16,384",
     STREAM_ROWS,
     write_run,
     {NULL, INSERT3},
     16384,
     false},
    {"rows (stream, version), runs of 65,536",
     STREAM_ROWS,
     write_run,
     {NULL, INSERT3},
     65536,
     false},
    {"lists (stream, version), runs of 16,384", LISTS, write_run, {NULL, INSERT3}, 16384, true},
    {"lists (stream, version), runs of 65,536", LISTS, write_run, {NULL, INSERT3}, 65536, true},
    {"lists (stream, version), runs of 262,144", LISTS, write_run, {NULL, INSERT3}, 262144, true},
    {"10 categories, index",
     "CREATE INDEX by_category ON events (category)",
     write_nothing,
     {NULL, NULL},
     0,
     false},
    {"10 categories, lists, runs of 65,536",
     LISTS,
     write_category_run,
     {NULL, INSERT3},
     65536,
     true},
    {"a command's row",
     "CREATE TABLE beside (number INTEGER PRIMARY KEY, id BLOB, data TEXT)",
     write_command,
     {INSERT3, NULL},
     0,
     false},
    {"two tags, row by row", TAGS, write_tags, {INSERT3, NULL}, 0, false},
    {"two tags, rows, runs of 131,072",
     TAGS,
     write_tags,
     {NULL, "INSERT INTO beside VALUES (?1, ?3, 1)"},
     131072,
     false},
    {"keys by text, expiry index",
     KEYS "; CREATE INDEX by_expiry ON beside (expires)",
     write_key,
     {INSERT_KEY, NULL},
     0,
     false},
    {"keys appended, hash index, expiry index",
     KEY_ROWS "; CREATE INDEX by_hash ON beside (position); "
              "CREATE INDEX by_expiry ON beside (expires)",
     write_key,
     {INSERT_KEY, NULL},
     0,
     false},
    {"keys appended, hashes in runs of 65,536",
     KEY_ROWS "; CREATE TABLE hashes (hash INTEGER, number INTEGER, PRIMARY KEY (hash, number)) "
              "WITHOUT ROWID",
     write_key,
     {INSERT_KEY, "INSERT INTO hashes VALUES (?1, ?2 + ?3 * 0)"},
     65536,
     false},
};

static void execute(const char *sql)
{
    check(sqlite3_exec(db, sql, NULL, NULL, NULL), sql);
}

static sqlite3_stmt *prepared(const char *sql)
{
    sqlite3_stmt *statement = NULL;
    if (sql != NULL)
        check(sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL), sql);
    return statement;
}

static int committed(void *user, sqlite3 *in, const char *name, int pages)
{
    (void)user, (void)in, (void)name;
    log_pages = pages;
    return SQLITE_OK;
}

static void open_file(const candidate *layout, const char *path)
{
    check(sqlite3_open(path, &db), "open");
    execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
            "PRAGMA cache_size = -16000;"
            "CREATE TABLE events (position INTEGER PRIMARY KEY, stream INTEGER NOT NULL, version "
            "INTEGER NOT NULL, category INTEGER NOT NULL, type INTEGER NOT NULL, recorded_at "
            "INTEGER NOT NULL, id BLOB NOT "
            "NULL, command_id BLOB, data TEXT NOT NULL)");
    execute(layout->schema);
    sqlite3_wal_hook(db, committed, NULL);
    events = prepared(
        "INSERT INTO events VALUES (?1, ?2, ?3, ?2 % 10, 1, 1700000000000000, ?4, ?5, ?6)");
    for (int i = 0; i < 2; i++)
        beside[i] = prepared(layout->sql[i]);
    runs = (run){.size = 2 * layout->run + 2 * BATCH};
    runs.filling = calloc(runs.size, sizeof(entry));
    runs.draining = calloc(runs.size, sizeof(entry));
    if (runs.filling == NULL || runs.draining == NULL)
        die("runs", "no memory");
}

static void close_file(const char *path)
{
    sqlite3_finalize(events);
    for (int i = 0; i < 2; i++)
        sqlite3_finalize(beside[i]);
    sqlite3_close(db);
    free(runs.filling);
    free(runs.draining);
    unlink(path);
}

static void write_event(const candidate *layout, int64_t position, uint64_t streams)
{
    uint64_t turn = (uint64_t)position / streams, at = (uint64_t)position % streams;
    int64_t stream = (int64_t)(at * 7919 % streams), version = (int64_t)turn + 1;
    uint64_t id[2] = {(uint64_t)position, scattered((uint64_t)position)};
    sqlite3_bind_int64(events, 1, position);
    sqlite3_bind_int64(events, 2, stream);
    sqlite3_bind_int64(events, 3, version);
    sqlite3_bind_blob(events, 4, id, sizeof id, SQLITE_STATIC);
    sqlite3_bind_blob(events, 5, id, sizeof id, SQLITE_STATIC);
    sqlite3_bind_text(events, 6, DATA, sizeof DATA - 1, SQLITE_STATIC);
    step(events);
    layout->write(layout, position, stream, version);
}

static void measure(const candidate *layout, unsigned count, unsigned streams)
{
    char path[80];
    snprintf(path, sizeof path, "%s/layout.db", folder);
    open_file(layout, path);
    double longest = 0;
    span taken = begin_span();
    for (unsigned i = 0; i < count; i += BATCH) {
        double begun = now_s();
        execute("BEGIN IMMEDIATE");
        for (unsigned n = 0; n < BATCH; n++)
            write_event(layout, (int64_t)i + n + 1, streams);
        if (layout->run != 0)
            drain(layout, runs.to_drain * 2 * BATCH / layout->run);
        execute("COMMIT");
        if (log_pages >= LOG_PAGES)
            sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
        double took = now_s() - begun;
        longest = took > longest ? took : longest;
    }
    taken = end_span(taken);
    printf("%-44s %9u streams %8.0f k/s %7.2f us/event, longest commit %6.1f ms\n", layout->name,
           streams, count / taken.wall / 1e3, taken.processor / count * 1e6, longest * 1e3);
    fflush(stdout);
    close_file(path);
}

int main(int argc, char **argv)
{
    static const unsigned all[] = {1000, 100000, 1000000};
    unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) / BATCH * BATCH : 1000000;
    unsigned only = argc > 2 ? (unsigned)atoi(argv[2]) : 0;
    if (count == 0 || mkdtemp(folder) == NULL)
        die("usage", "neap_bench_layout [EVENTS [STREAMS [NAME]]]; /tmp must be writable");
    for (size_t s = 0; s < sizeof all / sizeof *all; s++)
        for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
            if ((only == 0 || only == all[s]) &&
                (argc < 4 || strstr(layouts[i].name, argv[3]) != NULL))
                measure(&layouts[i], count, all[s]);
    return rmdir(folder) == 0 ? 0 : 1;
}
