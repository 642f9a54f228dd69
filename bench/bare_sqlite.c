#include "bare_sqlite.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "measure.h"

#define RUN       65536
#define LIST      128 /* positions */
#define LOG_PAGES 1024

static sqlite3 *db;
static sqlite3_stmt *event, *command, *list;
static int log_pages;

static void run_sql(const char *sql)
{
    char *why;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        die(sql, why);
}

static void step(sqlite3_stmt *statement)
{
    if (sqlite3_step(statement) != SQLITE_DONE)
        die("step", sqlite3_errmsg(db));
    sqlite3_reset(statement);
}

static int committed(void *user, sqlite3 *in, const char *name, int pages)
{
    (void)user, (void)in, (void)name;
    log_pages = pages;
    return SQLITE_OK;
}

static void open_file(const char *path)
{
    if (sqlite3_open(path, &db) != SQLITE_OK)
        die(path, sqlite3_errmsg(db));
    run_sql("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -16000;"
            "PRAGMA wal_autocheckpoint = 0;"
            "CREATE TABLE events (position INTEGER PRIMARY KEY, stream INTEGER, version INTEGER, "
            "category INTEGER, type INTEGER, schema INTEGER, recorded_at INTEGER, id BLOB, cause "
            "INTEGER, command_id BLOB, correlation_id BLOB, causation_id BLOB, tags TEXT, meta "
            "TEXT, data TEXT);"
            "CREATE TABLE commands (number INTEGER PRIMARY KEY, id BLOB, correlation_id BLOB, "
            "causation_id BLOB, name TEXT, recorded_at INTEGER, meta TEXT, data TEXT);"
            "CREATE TABLE lists (key INTEGER, number INTEGER, positions TEXT, "
            "PRIMARY KEY (key, number)) WITHOUT ROWID");
    sqlite3_wal_hook(db, committed, NULL);
    sqlite3_prepare_v2(db,
                       "INSERT INTO events VALUES (?, ?, ?, 1, 1, 1, 1700000000000000, ?4, ?1, ?4, "
                       "NULL, NULL, NULL, NULL, ?5)",
                       -1, &event, NULL);
    sqlite3_prepare_v2(db,
                       "INSERT INTO commands VALUES (?, ?, NULL, NULL, 'AddLine', "
                       "1700000000000000, NULL, ?)",
                       -1, &command, NULL);
    sqlite3_prepare_v2(db, "INSERT INTO lists VALUES (?, ?, ?)", -1, &list, NULL);
}

static void insert_event(unsigned i, unsigned streams)
{
    char json[256], id[16] = {0};
    int size = snprintf(json, sizeof json,
                        "{\"note\":\"a note of about sixty bytes, so that an event has its "
                        "length\",\"order_id\":\"o-%u\",\"price\":12.5,\"quantity\":%u,"
                        "\"sku\":\"sku-0123456789\"}",
                        i % streams, i % 7 + 1);
    memcpy(id, &i, sizeof i);
    sqlite3_bind_int64(command, 1, i + 1);
    sqlite3_bind_blob(command, 2, id, sizeof id, SQLITE_STATIC);
    sqlite3_bind_text(command, 3, json, size, SQLITE_STATIC);
    step(command);
    sqlite3_bind_int64(event, 1, i + 1);
    sqlite3_bind_int64(event, 2, i % streams);
    sqlite3_bind_int64(event, 3, i / streams + 1);
    sqlite3_bind_blob(event, 4, id, sizeof id, SQLITE_STATIC);
    sqlite3_bind_text(event, 5, json, size, SQLITE_STATIC);
    step(event);
}

/* Lists of what is at first, first + stride, … up to last. */
static void insert_lists(unsigned key, unsigned first, unsigned stride, unsigned last)
{
    char text[LIST * 12];
    while (first <= last) {
        unsigned number = first;
        int used = 0;
        for (int i = 0; i < LIST && first <= last; i++, first += stride)
            used += snprintf(text + used, 12, "%c%u", i == 0 ? '[' : ',', first);
        text[used++] = ']';
        sqlite3_bind_int64(list, 1, key);
        sqlite3_bind_int64(list, 2, number);
        sqlite3_bind_text(list, 3, text, used, SQLITE_STATIC);
        step(list);
    }
}

/* Streams, and one category. */
static void insert_run(unsigned first, unsigned streams)
{
    for (unsigned i = 0; i < streams; i++)
        insert_lists(i, first + i, streams, first + RUN - 1);
    insert_lists(streams, first, 1, first + RUN - 1);
}

double bare_sqlite(const char *folder, unsigned events, unsigned streams, unsigned batch)
{
    char path[100];
    snprintf(path, sizeof path, "%s/bare.db", folder);
    unlink(path);
    open_file(path);
    double start = now_s();
    for (unsigned i = 0; i < events; i++) {
        if (i % batch == 0)
            run_sql("BEGIN IMMEDIATE");
        insert_event(i, streams);
        if (i % RUN == RUN - 1)
            insert_run(i + 2 - RUN, streams);
        if (i % batch != batch - 1 && i != events - 1)
            continue;
        run_sql("COMMIT");
        if (log_pages >= LOG_PAGES)
            sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    }
    double rate = events / (now_s() - start);
    sqlite3_finalize(event);
    sqlite3_finalize(command);
    sqlite3_finalize(list);
    sqlite3_close(db);
    return rate;
}
