/* Running a unit's SQL. */
#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "base/text.h"
#include "clock.h"
#include "projected.h"
#include "writer.h"

static neap_status run(neapi_sqlite_session *session, neapi_sql sql, neap_error *error)
{
    neapi_query query = neapi_query_begin(&session->connection, sql);
    return neapi_query_finish(&query, error);
}

/* What is written must come out the same when it is built again. */
static void refuse_clock(neapi_sqlite_projected *projected, neap_status *verdict)
{
    snprintf(projected->why, sizeof projected->why,
             "it may not ask what time it is; give it the event's time as a parameter, "
             "context:now() or context.event.recorded_at");
    *verdict = NEAP_USAGE;
}

static neap_status run_statement(neapi_sqlite_projected *projected, const neapi_statement *given,
                                 neap_status *verdict, neap_error *error)
{
    sqlite3_stmt *statement = NULL;
    neap_status status = neapi_sqlite_guard(projected, NEAPI_SQLITE_MAY_WRITE, given->projection,
                                            given->build, error);
    if (status == NEAP_OK)
        status = neapi_sqlite_prepare(projected, NEAPI_SQLITE_MAY_WRITE, given, &statement, verdict,
                                      error);
    if (status == NEAP_OK && statement != NULL) {
        int code = SQLITE_ROW;
        neapi_sqlite_clock_watch();
        while (code == SQLITE_ROW)
            code = sqlite3_step(statement);
        if (code != SQLITE_DONE)
            status = neapi_sqlite_blame(projected, code, verdict, error);
        else if (neapi_sqlite_clock_was_asked())
            refuse_clock(projected, verdict);
        sqlite3_reset(statement);
    }
    neapi_sqlite_unguard(projected);
    return status;
}

/* Says what was refused, and why. */
static void say(neapi_unit *unit, const neapi_op *op, const char *why)
{
    char event[40] = "";
    if (op->kind == NEAPI_OP_TABLES) {
        neapi_unit_say(unit, "projection %.*s, the tables of build %" PRIu32 ": %s",
                       NEAPI_TEXT(op->tables.projection), op->tables.build, why);
        return;
    }
    if (op->statement.position != 0)
        snprintf(event, sizeof event, ", event %" PRIu64, op->statement.position);
    neapi_unit_say(unit, "projection %.*s%s: %s: %.*s", NEAPI_TEXT(op->statement.projection), event,
                   why, NEAPI_TEXT(op->statement.text));
}

/* Runs up to the first operation that is refused. */
static neap_status run_ops(neapi_sqlite_session *session, neapi_unit *unit, neapi_verdict *verdict,
                           neap_error *error)
{
    neapi_sqlite_projected *projected = &session->projected;
    for (size_t i = 0; i < unit->op_count; i++) {
        const neapi_op *op = &unit->ops[i];
        neap_status status = NEAP_OK;
        if (op->kind == NEAPI_OP_SQL)
            status = run_statement(projected, &op->statement, &verdict->status, error);
        else if (op->kind == NEAPI_OP_TABLES)
            status = neapi_sqlite_change_tables(projected, &op->tables, &verdict->status, error);
        if (status != NEAP_OK)
            return status;
        if (verdict->status != NEAP_OK) {
            verdict->op = i;
            say(unit, op, projected->why);
            return NEAP_OK;
        }
    }
    return NEAP_OK;
}

neap_status neapi_sqlite_run_unit(neapi_sqlite_session *session, neapi_unit *unit,
                                  neapi_verdict *verdict, bool *ended, neap_error *error)
{
    *ended = false;
    session->writer->wrote = true;
    neap_status status = run(session, NEAPI_SQL_SAVEPOINT, error);
    if (status == NEAP_OK)
        status = run_ops(session, unit, verdict, error);
    if (status != NEAP_OK)
        return status;
    *ended = sqlite3_get_autocommit(session->connection.db) != 0;
    if (verdict->status != NEAP_OK)
        neapi_sqlite_projected_forget(&session->projected);
    if (*ended && verdict->status == NEAP_OK)
        verdict->status = NEAP_STORE;
    if (*ended)
        return NEAP_OK;
    if (verdict->status != NEAP_OK)
        status = run(session, NEAPI_SQL_BACK_TO_SAVEPOINT, error);
    return status == NEAP_OK ? run(session, NEAPI_SQL_RELEASE, error) : status;
}
