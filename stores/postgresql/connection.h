/* A connection to a PostgreSQL server. All that is asked goes through a pipeline: statements are
 * queued, sent together, and answered together. Whatever is lost is connected again with the next
 * run. */
#ifndef NEAPI_POSTGRESQL_CONNECTION_H
#define NEAPI_POSTGRESQL_CONNECTION_H

#include <libpq-fe.h>

#include "params.h"
#include "statements.h"

#define NEAPI_PG_RESULTS 64 /* statements of one run, without those that prepare others */

extern int neapi_pg_silence_ms; /* a server that says nothing for so long is given up; tests change
                                   it */

/* Where to connect to. Threads: immutable. */
typedef struct neapi_pg_target {
    PQconninfoOption *options; /* as libpq read them out of the URL */
    char *schema;
} neapi_pg_target;

typedef struct neapi_pg_queued {
    neapi_pg_sql sql; /* NEAPI_PG_SQL_COUNT: a text */
    bool prepares;
} neapi_pg_queued;

typedef struct neapi_pg_connection {
    const neapi_pg_target *target;
    bool writes;
    bool patient; /* waits for as long as an answer takes */
    PGconn *pg;   /* NULL: not connected */
    bool prepared[NEAPI_PG_SQL_COUNT];
    neapi_pg_queued queue[2 * NEAPI_PG_RESULTS];
    size_t queued;
    bool listens;  /* to what others commit */
    uint64_t link; /* counts those to the server */
    bool lost;     /* while it was used */
    bool refused;  /* what was queued could not be */
    PGresult *results[NEAPI_PG_RESULTS];
    size_t result_count;
    char state[6]; /* the SQLSTATE of the last failure; empty: it came from elsewhere */
} neapi_pg_connection;

void neapi_pg_init(neapi_pg_connection *connection, const neapi_pg_target *target, bool writes);
void neapi_pg_fini(neapi_pg_connection *connection);

/* Connects if that is to be done. Errors: NEAP_UNAVAILABLE; NEAP_STORE, trying again will not
 * help. */
neap_status neapi_pg_connect(neapi_pg_connection *connection, neap_error *error);
/* Whether the server has said nothing since it answered last, such as that it ends. */
bool neapi_pg_is_quiet(const neapi_pg_connection *connection);
/* Rolls a transaction back that is still under way; a connection on which that fails is ended. */
void neapi_pg_rollback(neapi_pg_connection *connection);

/* begin: lets go of the results before; connects. queue: `params` NULL: there are none. run: sends
 * what is queued, and waits for all results. A statement that fails takes those behind it with it,
 * and run fails for it. Errors: as the status of the failure's SQLSTATE; NEAP_UNAVAILABLE, the
 * connection was lost (connection->lost). */
neap_status neapi_pg_begin(neapi_pg_connection *connection, neap_error *error);
/* As begin, within the transaction that is under way: never with another connection. */
neap_status neapi_pg_go_on(neapi_pg_connection *connection, neap_error *error);
void neapi_pg_queue(neapi_pg_connection *connection, neapi_pg_sql sql,
                    const neapi_pg_params *params);
void neapi_pg_queue_text(neapi_pg_connection *connection, const char *sql,
                         const neapi_pg_params *params);
/* A statement that is not of Neap's own: prepare says of which types its parameters are, and named
 * is answered in text. */
void neapi_pg_queue_prepare(neapi_pg_connection *connection, const char *name, const char *sql,
                            const neapi_pg_type *types, size_t count);
void neapi_pg_queue_named(neapi_pg_connection *connection, const char *name, size_t count,
                          const char *const *values, const int *sizes, const int *formats);
neap_status neapi_pg_run(neapi_pg_connection *connection, neap_error *error);
/* How many of the queued statements went well before one failed. */
size_t neapi_pg_well(const neapi_pg_connection *connection);
/* The n-th queued statement's; lifetime: until the next begin. */
PGresult *neapi_pg_result(const neapi_pg_connection *connection, size_t n);

/* begin, queue and run of one statement. */
neap_status neapi_pg_ask(neapi_pg_connection *connection, neapi_pg_sql sql,
                         const neapi_pg_params *params, PGresult **result, neap_error *error);
neap_status neapi_pg_ask_text(neapi_pg_connection *connection, const char *sql,
                              const neapi_pg_params *params, PGresult **result, neap_error *error);

#endif
