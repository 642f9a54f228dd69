#include "query.h"

#include <string.h>

#include "base/error.h"

/* What is read-only here may be written elsewhere: by another user, or another machine. */
static bool is_still(const neapi_sqlite_still *still)
{
    neapi_sqlite_mark now, log;
    return neapi_sqlite_mark_of(still->real, &now) && neapi_sqlite_mark_equal(now, still->mark) &&
           !(neapi_sqlite_mark_of(still->log, &log) && log.size > 0);
}

neapi_query neapi_query_begin(neapi_connection *connection, neapi_sql sql)
{
    neapi_query query = {.connection = connection, .code = SQLITE_OK};
    query.statement = neapi_connection_prepared(connection, sql, &query.code);
    if (query.code == SQLITE_OK && connection->still != NULL && !is_still(connection->still))
        query.code = SQLITE_READONLY_DBMOVED;
    return query;
}

neap_status neapi_query_begin_transaction(neapi_connection *connection, neapi_sql sql,
                                          neap_error *error)
{
    int code = SQLITE_OK;
    if (neapi_connection_prepared(connection, NEAPI_SQL_COMMIT, &code) == NULL ||
        neapi_connection_prepared(connection, NEAPI_SQL_ROLLBACK, &code) == NULL)
        return neapi_connection_fail(connection, code, error);
    neapi_query_rollback(connection);
    neapi_query begin = neapi_query_begin(connection, sql);
    return neapi_query_finish(&begin, error);
}

void neapi_query_rollback(neapi_connection *connection)
{
    if (sqlite3_get_autocommit(connection->db) != 0)
        return;
    neapi_query end = neapi_query_begin(connection, NEAPI_SQL_ROLLBACK);
    neapi_query_finish(&end, NULL);
}

static bool next_parameter(neapi_query *query)
{
    query->bound++;
    return query->code == SQLITE_OK;
}

void neapi_query_integer(neapi_query *query, int64_t value)
{
    if (next_parameter(query))
        query->code = sqlite3_bind_int64(query->statement, query->bound, value);
}

void neapi_query_text(neapi_query *query, neap_text text)
{
    if (next_parameter(query))
        query->code =
            sqlite3_bind_text64(query->statement, query->bound, text.size != 0 ? text.data : "",
                                text.size, SQLITE_STATIC, SQLITE_UTF8);
}

void neapi_query_text_or_null(neapi_query *query, neap_text text)
{
    if (text.size != 0)
        neapi_query_text(query, text);
    else
        neapi_query_null(query);
}

void neapi_query_blob(neapi_query *query, const void *data, size_t size)
{
    if (next_parameter(query))
        query->code = sqlite3_bind_blob64(query->statement, query->bound, size != 0 ? data : "",
                                          size, SQLITE_STATIC);
}

void neapi_query_null(neapi_query *query)
{
    if (next_parameter(query))
        query->code = sqlite3_bind_null(query->statement, query->bound);
}

neap_status neapi_query_step(neapi_query *query, bool *row, neap_error *error)
{
    int code = query->code == SQLITE_OK ? sqlite3_step(query->statement) : query->code;
    /* No lock keeps the file as it is while it is read. */
    if (query->connection->still != NULL && !is_still(query->connection->still))
        code = SQLITE_READONLY_DBMOVED;
    *row = code == SQLITE_ROW;
    if (*row)
        return NEAP_OK;
    neap_status status = NEAP_OK;
    if (code != SQLITE_DONE)
        status = neapi_connection_fail(query->connection, code, error);
    neapi_query_end(query);
    return status;
}

void neapi_query_end(neapi_query *query)
{
    /* Reset repeats the failure of the last step, which has been told already. */
    if (query->statement != NULL)
        sqlite3_reset(query->statement);
}

neap_status neapi_query_finish(neapi_query *query, neap_error *error)
{
    bool row = true;
    neap_status status = NEAP_OK;
    while (status == NEAP_OK && row)
        status = neapi_query_step(query, &row, error);
    return status;
}

int64_t neapi_query_column_integer(const neapi_query *query, int column)
{
    return sqlite3_column_int64(query->statement, column);
}

bool neapi_query_column_null(const neapi_query *query, int column)
{
    return sqlite3_column_type(query->statement, column) == SQLITE_NULL;
}

neap_text neapi_query_column_bytes(const neapi_query *query, int column)
{
    /* A text read as a blob is not converted, and keeps what is behind a zero byte. */
    const char *data = sqlite3_column_blob(query->statement, column);
    int size = sqlite3_column_bytes(query->statement, column);
    if (size <= 0)
        return (neap_text){"", 0};
    return (neap_text){data, data != NULL ? (size_t)size : 0};
}

bool neapi_query_column_uuid(const neapi_query *query, int column, neap_uuid *uuid)
{
    neap_text bytes = neapi_query_column_bytes(query, column);
    if (bytes.size != sizeof uuid->bytes)
        return false;
    memcpy(uuid->bytes, bytes.data, sizeof uuid->bytes);
    return true;
}

neap_status neapi_query_column_copy(const neapi_query *query, int column, neapi_arena *arena,
                                    neap_text *copy, neap_error *error)
{
    neap_text bytes = neapi_query_column_bytes(query, column);
    neap_text copied = bytes.data != NULL ? neapi_arena_text(arena, bytes) : bytes;
    if (copied.data == NULL)
        return neapi_nomem(error);
    *copy = copied;
    return NEAP_OK;
}
