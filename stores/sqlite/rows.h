/* Tables whose rows lie in memory, for SQL to read: one statement then goes over many, where each
 * run of a statement of its own costs as much as what it does. Only our own statements see them. */
#ifndef NEAPI_SQLITE_ROWS_H
#define NEAPI_SQLITE_ROWS_H

#include <sqlite3.h>

#include "connection.h"

typedef struct neapi_sqlite_rows {
    const char *name;
    const char *columns; /* CREATE TABLE … */
    size_t (*count)(const neapi_sqlite_session *session);
    /* Answers with one of the sqlite3_result functions. */
    void (*column)(neapi_sqlite_session *session, size_t row, int column, sqlite3_context *context);
} neapi_sqlite_rows;

typedef struct neapi_sqlite_table {
    neapi_sqlite_session *session;
    const neapi_sqlite_rows *rows;
} neapi_sqlite_table;

/* Has the session's connection know the table. Lifetime: the connection's, of the table and the
 * rows. */
neap_status neapi_sqlite_rows_enable(neapi_sqlite_table *table, neapi_sqlite_session *session,
                                     const neapi_sqlite_rows *rows, neap_error *error);

#endif
