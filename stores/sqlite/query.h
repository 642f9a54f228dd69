/* One run of a prepared statement. What fails while it is prepared or bound is kept until the first
 * step, so that a run reads as one thought. */
#ifndef NEAPI_SQLITE_QUERY_H
#define NEAPI_SQLITE_QUERY_H

#include "connection.h"

typedef struct neapi_query {
    neapi_connection *connection;
    sqlite3_stmt *statement; /* the connection's; NULL: it could not be prepared */
    int bound;               /* parameters bound so far */
    int code;                /* SQLITE_OK, or what failed first */
} neapi_query;

/* A statement is in one run at a time. */
neapi_query neapi_query_begin(neapi_connection *connection, neapi_sql sql);

/* Runs one of the statements that begin a transaction. How it may end is prepared before that: a
 * transaction must not stay open because there was no memory to end it. */
neap_status neapi_query_begin_transaction(neapi_connection *connection, neapi_sql sql,
                                          neap_error *error);
/* Ends the transaction without effect, if there is one. */
void neapi_query_rollback(neapi_connection *connection);

/* Each binds the next parameter. Bytes are borrowed until the run ends. */
void neapi_query_integer(neapi_query *query, int64_t value);
void neapi_query_text(neapi_query *query, neap_text text);
void neapi_query_text_or_null(neapi_query *query, neap_text text); /* empty: NULL */
void neapi_query_blob(neapi_query *query, const void *data, size_t size);
void neapi_query_null(neapi_query *query);

/* The next row. At the end, and after a failure, *row is false and the run has ended. */
neap_status neapi_query_step(neapi_query *query, bool *row, neap_error *error);
/* Ends the run before its last row: what it held open is let go. */
void neapi_query_end(neapi_query *query);
/* Steps to the end. */
neap_status neapi_query_finish(neapi_query *query, neap_error *error);

/* Columns of the row, borrowed until the next step. Bytes: data is NULL if SQLite had no memory. */
int64_t neapi_query_column_integer(const neapi_query *query, int column);
bool neapi_query_column_null(const neapi_query *query, int column);
neap_text neapi_query_column_bytes(const neapi_query *query, int column);
/* False: the column is no UUID. */
bool neapi_query_column_uuid(const neapi_query *query, int column, neap_uuid *uuid);
/* A copy of the bytes. Errors: NOMEM. */
neap_status neapi_query_column_copy(const neapi_query *query, int column, neapi_arena *arena,
                                    neap_text *copy, neap_error *error);

#endif
