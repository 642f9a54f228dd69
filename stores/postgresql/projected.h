/* SQL of projections that keep rows: what their statements may do, and how they are run.
 *
 * PostgreSQL has nobody to ask what a statement is about to do, so it is asked what it made of one:
 * a function with the statement as its body is made and dropped again, and the body, as PostgreSQL
 * has taken it apart by then, names every table, function, operator and cast that is in it. */
#ifndef NEAPI_POSTGRESQL_PROJECTED_H
#define NEAPI_POSTGRESQL_PROJECTED_H

#include "base/arena.h"
#include "base/map.h"
#include "postgresql.h"
#include "template.h"

#define NEAPI_PG_WHY 400

/* How long a statement may go on. */
#define NEAPI_PG_STATEMENT_SECONDS 5

/* In one allocation with its key. */
typedef struct neapi_pg_prepared {
    neap_text key;
    unsigned number;
    size_t parameters;
} neapi_pg_prepared;

/* Of a session. */
typedef struct neapi_pg_projected {
    neapi_pg_connection *connection;
    neapi_map statements; /* prepared, by mode, build, projection, text and kinds of values */
    unsigned number;      /* of the last one */
    bool stale;           /* they are let go of before the next one is looked for */
    uint64_t link;        /* the connection's that they are prepared on */
    int64_t made, count;  /* of the tables that there were then */
    neapi_pg_template template;
    neapi_buffer text;
    neapi_arena arena; /* values of statements that are queued */
    int64_t took_us;   /* the last run */
    char why[NEAPI_PG_WHY];
} neapi_pg_projected;

/* What a statement is for. */
typedef enum neapi_pg_use {
    NEAPI_PG_USE_READ,
    NEAPI_PG_USE_WRITE,
} neapi_pg_use;

void neapi_pg_projected_init(neapi_pg_projected *projected, neapi_pg_connection *connection);
void neapi_pg_projected_fini(neapi_pg_projected *projected);

/* Whether there are other tables than before, by the row that TABLES_STATE answered with: then what
 * is prepared is stale. */
void neapi_pg_projected_note(neapi_pg_projected *projected, const PGresult *row);

/* Lets go of the statements if they are stale; within a transaction or without. */
neap_status neapi_pg_projected_refresh(neapi_pg_projected *projected, neap_error *error);

/* Within a transaction: lets go of them if there are too many for one more. */
neap_status neapi_pg_projected_make_room(neapi_pg_projected *projected, neap_error *error);

/* The prepared statement, or NULL: it is not prepared yet. Errors: false, a refused allocation. */
bool neapi_pg_prepared_find(neapi_pg_projected *projected, neapi_pg_use use,
                            const neapi_statement *given, neapi_pg_prepared **found);

/* Keeps what was prepared last for the statement. Errors: NULL, a refused allocation. */
neapi_pg_prepared *neapi_pg_prepared_keep(neapi_pg_projected *projected, neapi_pg_use use,
                                          const neapi_statement *given);

/* Checks and prepares it. Of WRITE within the transaction and its savepoint, of READ in a
 * transaction of its own. NEAP_OK with *found NULL: it is refused, and *verdict and why say so; the
 * transaction then has to go back. Else: what made it fail has nothing to do with it. */
neap_status neapi_pg_prepare(neapi_pg_projected *projected, neapi_pg_use use,
                             const neapi_statement *given, neapi_pg_prepared **found,
                             neap_status *verdict, neap_error *error);

/* Queues it with its values. false: *verdict and why say what is wrong with them, or, with *verdict
 * NEAP_OK, an allocation was refused. extra: behind the values, a number of its own; -1: none. */
bool neapi_pg_prepared_queue(neapi_pg_projected *projected, const neapi_pg_prepared *prepared,
                             const neapi_statement *given, int64_t extra, neap_status *verdict);

/* Runs what is queued on the connection, statements of projections among it. Errors: as
 * neapi_pg_run. */
neap_status neapi_pg_projected_run(neapi_pg_projected *projected, neap_error *error);

/* That run failed. Whether what a statement said is to blame: then *verdict and why say so. */
bool neapi_pg_blame(neapi_pg_projected *projected, const neap_error *error, neap_status *verdict);

/* In the transaction under way, as prepare. statement: checks one without preparing it. tables:
 * what the build's tables have in them: defaults, constraints, indexes, and what they refer to. */
neap_status neapi_pg_check_tables(neapi_pg_projected *projected, const neapi_tables *tables,
                                  neap_status *verdict, neap_error *error);
neap_status neapi_pg_check_statement(neapi_pg_projected *projected, const neapi_statement *given,
                                     neap_status *verdict, neap_error *error);

/* Runs the unit's SQL, all or none; a refusal is in the verdict, and unit->message says why. */
neap_status neapi_pg_run_unit(neapi_pg_session *session, neapi_unit *unit, neapi_verdict *verdict,
                              neap_error *error);
bool neapi_pg_has_sql(const neapi_unit *unit);

/* Makes, shows or drops a build's tables, within the unit's savepoint. */
neap_status neapi_pg_change_tables(neapi_pg_projected *projected, const neapi_tables *tables,
                                   neap_status *verdict, neap_error *error);

#endif
