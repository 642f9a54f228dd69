/* Reading what projections keep in rows. */
#include "base/error.h"
#include "base/text.h"
#include "projected.h"
#include "sqlite.h"

static neap_status take_names(sqlite3_stmt *statement, neapi_result *result, neap_error *error)
{
    size_t count = (size_t)sqlite3_column_count(statement);
    result->names = neapi_arena_alloc(&result->arena, count * sizeof *result->names);
    if (result->names == NULL)
        return neapi_nomem(error);
    for (size_t i = 0; i < count; i++) {
        const char *name = sqlite3_column_name(statement, (int)i);
        result->names[i] = neapi_arena_text(&result->arena, neapi_text_of(name));
        if (name == NULL || result->names[i].data == NULL)
            return neapi_nomem(error);
    }
    result->columns = count;
    return NEAP_OK;
}

static neap_status take_bytes(sqlite3_stmt *statement, int column, neapi_result *result,
                              neapi_value *value, neap_error *error)
{
    const char *data = sqlite3_column_blob(statement, column);
    int size = sqlite3_column_bytes(statement, column);
    if (size > 0 && data == NULL)
        return neapi_nomem(error);
    value->bytes = neapi_arena_text(&result->arena, neapi_text(data, (size_t)size));
    result->bytes += (size_t)size;
    return value->bytes.data != NULL ? NEAP_OK : neapi_nomem(error);
}

static neap_status take_value(sqlite3_stmt *statement, int column, neapi_result *result,
                              neapi_value *value, neap_error *error)
{
    *value = (neapi_value){.kind = NEAPI_VALUE_NULL};
    result->bytes += sizeof *value;
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
        value->kind = NEAPI_VALUE_INTEGER;
        value->integer = sqlite3_column_int64(statement, column);
        return NEAP_OK;
    case SQLITE_FLOAT:
        value->kind = NEAPI_VALUE_FLOAT;
        value->number = sqlite3_column_double(statement, column);
        return NEAP_OK;
    case SQLITE_TEXT:
        value->kind = NEAPI_VALUE_TEXT;
        return take_bytes(statement, column, result, value, error);
    case SQLITE_BLOB:
        value->kind = NEAPI_VALUE_BLOB;
        return take_bytes(statement, column, result, value, error);
    default:
        return NEAP_OK;
    }
}

static neap_status take_row(sqlite3_stmt *statement, neapi_result *result, neap_error *error)
{
    neapi_value *row = neapi_result_row(result);
    if (row == NULL)
        return neapi_nomem(error);
    neap_status status = NEAP_OK;
    for (size_t i = 0; i < result->columns && status == NEAP_OK; i++)
        status = take_value(statement, (int)i, result, &row[i], error);
    return status;
}

/* *code: what SQLite said last. */
static neap_status take_rows(sqlite3_stmt *statement, size_t limit, neapi_result *result, int *code,
                             neap_error *error)
{
    neap_status status = take_names(statement, result, error);
    *code = SQLITE_DONE;
    while (status == NEAP_OK && (*code = sqlite3_step(statement)) == SQLITE_ROW) {
        result->more = result->rows == limit || result->bytes >= NEAPI_RESULT_BYTES;
        if (result->more) {
            *code = SQLITE_DONE;
            break;
        }
        status = take_row(statement, result, error);
    }
    return status;
}

/* Says what was refused. */
static neap_status refuse(const neapi_sqlite_projected *projected, const neapi_statement *given,
                          neap_status verdict, neap_error *error)
{
    return neapi_fail(error, verdict, "projection %.*s: %s: %.*s", NEAPI_TEXT(given->projection),
                      projected->why, NEAPI_TEXT(given->text));
}

static neap_status run(neapi_sqlite_projected *projected, const neapi_statement *given,
                       size_t limit, neapi_result *result, neap_error *error)
{
    int code = SQLITE_DONE;
    sqlite3_stmt *statement = NULL;
    neap_status verdict = NEAP_OK;
    neap_status status = neapi_sqlite_guard(projected, NEAPI_SQLITE_MAY_READ, given->projection,
                                            given->build, error);
    if (status == NEAP_OK)
        status = neapi_sqlite_prepare(projected, NEAPI_SQLITE_MAY_READ, given, &statement, &verdict,
                                      error);
    if (status == NEAP_OK && statement != NULL) {
        status = take_rows(statement, limit, result, &code, error);
        if (status == NEAP_OK && code != SQLITE_DONE)
            status = neapi_sqlite_blame(projected, code, &verdict, error);
        sqlite3_reset(statement);
    }
    neapi_sqlite_unguard(projected);
    return status == NEAP_OK && verdict != NEAP_OK ? refuse(projected, given, verdict, error)
                                                   : status;
}

/* Whose the tables are is read in the same transaction: somebody else may change that. */
neap_status neapi_sqlite_select(neapi_session *base, const neapi_statement *statement, size_t limit,
                                neapi_result *result, neap_error *error)
{
    neapi_sqlite_session *session = neapi_sqlite_session_of(base);
    neapi_connection *connection = &session->connection;
    neap_status status = neapi_query_begin_transaction(connection, NEAPI_SQL_BEGIN_READING, error);
    if (status != NEAP_OK)
        return status;
    neapi_sqlite_projected_forget(&session->projected);
    status = run(&session->projected, statement, limit, result, error);
    if (status == NEAP_OK) {
        neapi_query end = neapi_query_begin(connection, NEAPI_SQL_COMMIT);
        status = neapi_query_finish(&end, error);
    }
    if (status != NEAP_OK)
        neapi_query_rollback(connection);
    return status;
}
