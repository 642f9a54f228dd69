/* Reading what projections keep in rows. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "projected.h"
#include "rows.h"

/* PostgreSQL's own numbers of types; all others are given as they are written. */
enum {
    BOOL = 16,
    BYTEA = 17,
    INT8 = 20,
    INT2 = 21,
    INT4 = 23,
    OID = 26,
    FLOAT4 = 700,
    FLOAT8 = 701,
    NUMERIC = 1700
};

/* ---- Taking rows ----------------------------------------------------------------------------- */

static neap_status take_names(const PGresult *rows, neapi_result *result, neap_error *error)
{
    size_t count = (size_t)PQnfields(rows);
    result->names = neapi_arena_alloc(&result->arena, (count + 1) * sizeof *result->names);
    if (result->names == NULL)
        return neapi_nomem(error);
    for (size_t i = 0; i < count; i++) {
        neap_text name = neapi_text_of(PQfname(rows, (int)i));
        result->names[i] = neapi_arena_text(&result->arena, name);
        if (result->names[i].data == NULL)
            return neapi_nomem(error);
    }
    result->columns = count;
    return NEAP_OK;
}

/* A whole number as such, if it is one that fits. */
static void take_numeric(const char *text, neapi_value *value)
{
    char *end;
    errno = 0;
    value->integer = strtoll(text, &end, 10);
    value->kind = NEAPI_VALUE_INTEGER;
    if (errno == 0 && *end == '\0')
        return;
    value->kind = NEAPI_VALUE_FLOAT;
    value->number = strtod(text, NULL);
}

static bool take_bytes(neap_text text, bool blob, neapi_result *result, neapi_value *value)
{
    value->kind = blob ? NEAPI_VALUE_BLOB : NEAPI_VALUE_TEXT;
    result->bytes += text.size;
    size_t size = 0;
    unsigned char *bytes = NULL;
    if (blob) {
        bytes = PQunescapeBytea((const unsigned char *)text.data, &size);
        if (bytes == NULL)
            return false;
        text = neapi_text((const char *)bytes, size);
    }
    value->bytes = neapi_arena_text(&result->arena, text);
    PQfreemem(bytes);
    return value->bytes.data != NULL;
}

static bool take_value(const PGresult *rows, int row, int column, neapi_result *result,
                       neapi_value *value)
{
    *value = (neapi_value){.kind = NEAPI_VALUE_NULL};
    result->bytes += sizeof *value;
    if (neapi_pg_is_null(rows, row, column))
        return true;
    neap_text text = neapi_pg_get_text(rows, row, column);
    switch (PQftype(rows, column)) {
    case BOOL:
        *value = (neapi_value){.kind = NEAPI_VALUE_BOOLEAN, .integer = text.data[0] == 't'};
        return true;
    case INT2:
    case INT4:
    case INT8:
    case OID:
    case NUMERIC:
        take_numeric(text.data, value);
        return true;
    case FLOAT4:
    case FLOAT8:
        *value = (neapi_value){.kind = NEAPI_VALUE_FLOAT, .number = strtod(text.data, NULL)};
        return true;
    default:
        return take_bytes(text, PQftype(rows, column) == BYTEA, result, value);
    }
}

static neap_status take_rows(const PGresult *rows, size_t limit, neapi_result *result,
                             neap_error *error)
{
    neap_status status = take_names(rows, result, error);
    for (int i = 0; i < PQntuples(rows) && status == NEAP_OK; i++) {
        result->more = result->rows == limit || result->bytes >= NEAPI_RESULT_BYTES;
        if (result->more)
            break;
        neapi_value *row = neapi_result_row(result);
        bool good = row != NULL;
        for (size_t n = 0; n < result->columns && good; n++)
            good = take_value(rows, i, (int)n, result, &row[n]);
        status = good ? NEAP_OK : neapi_nomem(error);
    }
    return status;
}

/* ---- Asking ---------------------------------------------------------------------------------- */

/* Its own plan, and no longer than statements go on. */
static void queue_begin(neapi_pg_projected *projected, const char *begin)
{
    neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
    char limit[16];
    snprintf(limit, sizeof limit, "%ds", NEAPI_PG_STATEMENT_SECONDS);
    neapi_pg_text(&params, neapi_text_of(limit));
    neapi_pg_text(&params, neapi_text_of(limit));
    neapi_pg_text(&params, NEAPI_LITERAL("on"));
    neapi_pg_queue_text(projected->connection, begin, NULL);
    neapi_pg_queue(projected->connection, NEAPI_PG_SQL_LIMITS, &params);
}

/* A function of the session's own is made to look at the statement: what only reads may not do so
 * elsewhere. */
static neap_status prepare(neapi_pg_projected *projected, const neapi_statement *given,
                           neap_status *verdict, neap_error *error)
{
    neapi_pg_prepared *prepared;
    neapi_pg_connection *connection = projected->connection;
    neap_status status = neapi_pg_begin(connection, error);
    if (status != NEAP_OK)
        return status;
    queue_begin(projected, "BEGIN READ WRITE");
    status = neapi_pg_run(connection, error);
    if (status == NEAP_OK)
        status = neapi_pg_go_on(connection, error);
    if (status == NEAP_OK)
        status = neapi_pg_prepare(projected, NEAPI_PG_USE_READ, given, &prepared, verdict, error);
    neapi_pg_rollback(connection);
    return status;
}

/* *found NULL: it is not prepared. Whose the tables are is read in the same transaction: somebody
 * else may change that. */
static neap_status find(neapi_pg_projected *projected, const neapi_statement *given,
                        neapi_pg_prepared **found, neap_error *error)
{
    neapi_pg_connection *connection = projected->connection;
    *found = NULL;
    neap_status status = neapi_pg_begin(connection, error);
    if (status != NEAP_OK)
        return status;
    queue_begin(projected, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    neapi_pg_queue(connection, NEAPI_PG_SQL_TABLES_STATE, NULL);
    status = neapi_pg_run(connection, error);
    if (status == NEAP_OK) {
        neapi_pg_projected_note(projected, neapi_pg_result(connection, 2));
        status = neapi_pg_go_on(connection, error);
    }
    if (status == NEAP_OK)
        status = neapi_pg_projected_refresh(projected, error);
    if (status == NEAP_OK)
        status = neapi_pg_go_on(connection, error);
    if (status == NEAP_OK && !neapi_pg_prepared_find(projected, NEAPI_PG_USE_READ, given, found))
        status = neapi_nomem(error);
    return status;
}

static neap_status run(neapi_pg_projected *projected, const neapi_statement *given, size_t limit,
                       neapi_result *result, neap_status *verdict, neap_error *error)
{
    neapi_pg_prepared *prepared;
    neapi_pg_connection *connection = projected->connection;
    neap_status status = find(projected, given, &prepared, error);
    if (status == NEAP_OK && prepared == NULL) {
        neapi_pg_rollback(connection);
        status = prepare(projected, given, verdict, error);
        if (status == NEAP_OK && *verdict == NEAP_OK)
            status = find(projected, given, &prepared, error);
    }
    if (status != NEAP_OK || *verdict != NEAP_OK)
        return status;
    if (prepared == NULL)
        return neapi_fail(error, NEAP_UNAVAILABLE, "the tables are changing");
    neapi_arena_clear(&projected->arena);
    int64_t most = limit < INT64_MAX ? (int64_t)limit + 1 : INT64_MAX;
    if (!neapi_pg_prepared_queue(projected, prepared, given, most, verdict))
        return *verdict == NEAP_OK ? neapi_nomem(error) : NEAP_OK;
    status = neapi_pg_projected_run(projected, error);
    if (status == NEAP_OK)
        return take_rows(neapi_pg_result(connection, 0), limit, result, error);
    return neapi_pg_blame(projected, error, verdict) ? NEAP_OK : status;
}

neap_status neapi_pg_select(neapi_session *base, const neapi_statement *statement, size_t limit,
                            neapi_result *result, neap_error *error)
{
    neapi_pg_session *session = neapi_pg_session_of(base);
    neapi_pg_connection *connection = &session->connection;
    bool again = connection->pg != NULL;
    neap_status status, verdict;
    do { /* what was idle may have been lost long ago */
        verdict = NEAP_OK;
        neapi_result_clear(result);
        status = run(session->projected, statement, limit, result, &verdict, error);
        neapi_pg_rollback(connection);
    } while (status != NEAP_OK && connection->lost && again && !(again = false));
    if (status != NEAP_OK || verdict == NEAP_OK)
        return status;
    return neapi_fail(error, verdict, "projection %.*s: %s: %.*s",
                      NEAPI_TEXT(statement->projection), session->projected->why,
                      NEAPI_TEXT(statement->text));
}
