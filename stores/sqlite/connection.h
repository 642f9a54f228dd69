/* One connection to a store's file: its settings, its prepared statements, and what SQLite's errors
 * mean here. Threads: owner. */
#ifndef NEAPI_SQLITE_CONNECTION_H
#define NEAPI_SQLITE_CONNECTION_H

#include <sqlite3.h>

#include "path.h"
#include "statements.h"
#include "store/backend.h"

typedef struct neapi_sqlite_session neapi_sqlite_session;

/* How long a statement waits where another connection is in its way: while a log is recovered, or a
 * shell writes. */
#define NEAPI_SQLITE_BUSY_MS 10000

typedef enum neapi_sqlite_access {
    NEAPI_SQLITE_WRITES,   /* makes the file if it does not exist */
    NEAPI_SQLITE_READS,    /* writes nothing, never checkpoints */
    NEAPI_SQLITE_IMMUTABLE /* reads what does not change: needs no files beside it */
} neapi_sqlite_access;

/* A file that is read as one that does not change: it has not, and nobody has begun to. */
typedef struct neapi_sqlite_still {
    const char *real;
    char *log; /* the log's path */
    neapi_sqlite_mark mark;
} neapi_sqlite_still;

typedef struct neapi_connection {
    sqlite3 *db;
    sqlite3_stmt *statements[NEAPI_SQL_COUNT]; /* prepared when first wanted */
    const int64_t *wanted; /* types that the reading or the condition under way wants, rising */
    size_t wanted_count;
    const neapi_sqlite_still *still; /* NULL: the file may change */
} neapi_connection;

/* Nothing is read from the file yet. Errors: as neapi_connection_fail. On failure there is nothing
 * to close. */
neap_status neapi_connection_open(neapi_connection *connection, const char *real,
                                  neapi_sqlite_access access, neap_error *error);
/* The settings of a connection that writes. */
neap_status neapi_connection_tune(neapi_connection *connection, bool full_sync, neap_error *error);
void neapi_connection_close(neapi_connection *connection);

/* Fills error with what SQLite says about its last failure, and returns the status that it means:
 * CORRUPT, NOMEM, UNAVAILABLE, LIMIT, STORE. */
neap_status neapi_connection_fail(neapi_connection *connection, int code, neap_error *error);
/* The status alone. */
neap_status neapi_sqlite_status(int code);

/* Whether it wants events of that type. */
bool neapi_connection_wants(const neapi_connection *connection, int64_t type);

/* Runs statements without results. */
neap_status neapi_connection_run(neapi_connection *connection, const char *sql, neap_error *error);
/* The one integer that a statement answers; it is prepared for this once. */
neap_status neapi_connection_integer(neapi_connection *connection, const char *sql, int64_t *value,
                                     neap_error *error);

/* The statement, prepared when first wanted; NULL and *code if it cannot be. Lifetime: the
 * connection's. */
sqlite3_stmt *neapi_connection_prepared(neapi_connection *connection, neapi_sql sql, int *code);

/* For a value that no writer of ours can have stored. */
neap_status neapi_sqlite_damaged(neap_error *error, const char *what, int64_t number);

#endif
