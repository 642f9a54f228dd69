/* Running a unit's SQL, within the transaction of its batch and behind a savepoint of its own. */
#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "base/text.h"
#include "projected.h"

#define AT_ONCE (NEAPI_PG_RESULTS / 2) /* statements that are sent together */

typedef struct unit_run {
    neapi_pg_projected *projected;
    neapi_unit *unit;
    neapi_verdict *verdict;
    size_t queued;           /* since the last run, Neap's own among them */
    size_t ops[AT_ONCE + 8]; /* which operation each is; SIZE_MAX: Neap's own */
} unit_run;

bool neapi_pg_has_sql(const neapi_unit *unit)
{
    for (size_t i = 0; i < unit->op_count; i++)
        if (unit->ops[i].kind == NEAPI_OP_SQL || unit->ops[i].kind == NEAPI_OP_TABLES)
            return true;
    return false;
}

/* Says what was refused, and why. */
static void refuse(unit_run *running, size_t at, neap_status status)
{
    const char *why = running->projected->why;
    const neapi_op *op = &running->unit->ops[at];
    char event[40] = "";
    running->verdict->status = status;
    running->verdict->op = at;
    if (op->kind == NEAPI_OP_TABLES) {
        neapi_unit_say(running->unit, "projection %.*s, the tables of build %" PRIu32 ": %s",
                       NEAPI_TEXT(op->tables.projection), op->tables.build, why);
        return;
    }
    if (op->statement.position != 0)
        snprintf(event, sizeof event, ", event %" PRIu64, op->statement.position);
    neapi_unit_say(running->unit, "projection %.*s%s: %s: %.*s",
                   NEAPI_TEXT(op->statement.projection), event, why,
                   NEAPI_TEXT(op->statement.text));
}

/* ---- Statements ------------------------------------------------------------------------------ */

static void queue_own(unit_run *running, neapi_pg_sql sql, const neapi_pg_params *params)
{
    neapi_pg_queue(running->projected->connection, sql, params);
    running->ops[running->queued++] = SIZE_MAX;
}

/* Sends what is queued. What the deferred constraints say belongs to the last operation. */
static neap_status flush(unit_run *running, neap_error *error)
{
    neapi_pg_connection *connection = running->projected->connection;
    size_t queued = running->queued;
    running->queued = 0;
    if (queued == 0)
        return NEAP_OK;
    neap_status status = neapi_pg_projected_run(running->projected, error), verdict = NEAP_OK;
    neapi_arena_clear(&running->projected->arena);
    if (status == NEAP_OK)
        return neapi_pg_go_on(connection, error);
    if (connection->lost || !neapi_pg_blame(running->projected, error, &verdict))
        return status;
    size_t at = neapi_pg_well(connection);
    at = at < queued ? running->ops[at] : SIZE_MAX;
    refuse(running, at != SIZE_MAX ? at : running->unit->op_count - 1, verdict);
    return neapi_pg_go_on(connection, error);
}

static neap_status run_statement(unit_run *running, size_t at, neap_error *error)
{
    neapi_pg_projected *projected = running->projected;
    const neapi_statement *given = &running->unit->ops[at].statement;
    neapi_pg_prepared *prepared = NULL;
    neap_status status = NEAP_OK, verdict = NEAP_OK;
    if (projected->stale || projected->link != projected->connection->link) {
        status = flush(running, error);
        if (status == NEAP_OK && running->verdict->status == NEAP_OK)
            status = neapi_pg_projected_refresh(projected, error);
        if (status == NEAP_OK)
            status = neapi_pg_go_on(projected->connection, error);
    }
    if (status != NEAP_OK || running->verdict->status != NEAP_OK)
        return status;
    if (!neapi_pg_prepared_find(projected, NEAPI_PG_USE_WRITE, given, &prepared))
        return neapi_nomem(error);
    if (prepared == NULL) {
        status = flush(running, error);
        if (status != NEAP_OK || running->verdict->status != NEAP_OK)
            return status;
        status = neapi_pg_prepare(projected, NEAPI_PG_USE_WRITE, given, &prepared, &verdict, error);
        if (status == NEAP_OK)
            status = neapi_pg_go_on(projected->connection, error);
        if (status == NEAP_OK && verdict != NEAP_OK)
            refuse(running, at, verdict);
        if (status != NEAP_OK || verdict != NEAP_OK)
            return status;
    }
    if (neapi_pg_prepared_queue(projected, prepared, given, -1, &verdict)) {
        running->ops[running->queued++] = at;
        return running->queued >= AT_ONCE ? flush(running, error) : NEAP_OK;
    }
    if (verdict == NEAP_OK)
        return neapi_nomem(error);
    char why[NEAPI_PG_WHY];
    memcpy(why, projected->why, sizeof why);
    status = flush(running, error); /* what stands before it may be refused already */
    if (status == NEAP_OK && running->verdict->status == NEAP_OK) {
        memcpy(projected->why, why, sizeof why);
        refuse(running, at, verdict);
    }
    return status;
}

static neap_status run_tables(unit_run *running, size_t at, neap_error *error)
{
    neap_status verdict = NEAP_OK, status = flush(running, error);
    if (status != NEAP_OK || running->verdict->status != NEAP_OK)
        return status;
    running->projected->stale = true;
    status =
        neapi_pg_change_tables(running->projected, &running->unit->ops[at].tables, &verdict, error);
    if (status == NEAP_OK && verdict != NEAP_OK)
        refuse(running, at, verdict);
    return status;
}

/* ---- Units ----------------------------------------------------------------------------------- */

/* Somebody else's lock is waited for no longer than a statement may go on, so that only what it
 * does itself can take it too long. */
static void begin(unit_run *running)
{
    char limit[16], locks[16];
    neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
    snprintf(limit, sizeof limit, "%ds", NEAPI_PG_STATEMENT_SECONDS);
    snprintf(locks, sizeof locks, "%ds", NEAPI_PG_STATEMENT_SECONDS / 2);
    neapi_pg_text(&params, neapi_text_of(limit));
    neapi_pg_text(&params, neapi_text_of(locks));
    neapi_pg_text(&params, NEAPI_LITERAL("off"));
    queue_own(running, NEAPI_PG_SQL_SAVEPOINT, NULL);
    queue_own(running, NEAPI_PG_SQL_LIMITS, &params);
}

static neap_status end(unit_run *running, neap_error *error)
{
    neapi_pg_connection *connection = running->projected->connection;
    if (running->verdict->status == NEAP_OK) {
        queue_own(running, NEAPI_PG_SQL_CONSTRAINTS, NULL);
        neap_status status = flush(running, error);
        if (status != NEAP_OK)
            return status;
    }
    running->queued = 0;
    if (running->verdict->status != NEAP_OK) {
        running->projected->stale = true;
        neapi_pg_queue(connection, NEAPI_PG_SQL_BACK_TO_SAVEPOINT, NULL);
    }
    neapi_pg_queue(connection, NEAPI_PG_SQL_RELEASE, NULL);
    neapi_pg_queue_text(connection, "SET LOCAL statement_timeout TO DEFAULT", NULL);
    neapi_pg_queue_text(connection, "SET LOCAL lock_timeout TO '10s'", NULL);
    neap_status status = neapi_pg_run(connection, error);
    return status == NEAP_OK ? neapi_pg_go_on(connection, error) : status;
}

neap_status neapi_pg_run_unit(neapi_pg_session *session, neapi_unit *unit, neapi_verdict *verdict,
                              neap_error *error)
{
    unit_run running = {.projected = session->projected, .unit = unit, .verdict = verdict};
    neap_status status = neapi_pg_go_on(&session->connection, error);
    if (status != NEAP_OK)
        return status;
    neapi_arena_clear(&session->projected->arena);
    begin(&running);
    for (size_t i = 0; i < unit->op_count && status == NEAP_OK && verdict->status == NEAP_OK; i++) {
        if (unit->ops[i].kind == NEAPI_OP_SQL)
            status = run_statement(&running, i, error);
        else if (unit->ops[i].kind == NEAPI_OP_TABLES)
            status = run_tables(&running, i, error);
    }
    return status == NEAP_OK ? end(&running, error) : status;
}
