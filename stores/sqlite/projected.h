/* SQL of projections that keep rows: whose tables there are, what their statements may do, and how
 * they are run. A statement is prepared once for its text, and its values are bound. */
#ifndef NEAPI_SQLITE_PROJECTED_H
#define NEAPI_SQLITE_PROJECTED_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/map.h"
#include "query.h"
#include "store/unit.h"

/* A table of a build. */
typedef struct neapi_sqlite_owned {
    neap_text name; /* as a placeholder has it; in the file it is "name@build" */
    neap_text projection;
    uint32_t build;
    bool kept;  /* the file says so */
    bool shown; /* the view of that name is about it */
    struct neapi_sqlite_owned *next;
} neapi_sqlite_owned;

/* What may be done now. */
typedef enum neapi_sqlite_may {
    NEAPI_SQLITE_MAY_ALL,    /* Neap's own statements */
    NEAPI_SQLITE_MAY_WRITE,  /* rows of the build's own tables */
    NEAPI_SQLITE_MAY_CREATE, /* and make such tables */
    NEAPI_SQLITE_MAY_READ,
} neapi_sqlite_may;

#define NEAPI_SQLITE_WHY 400

/* Of a session. */
typedef struct neapi_sqlite_projected {
    neapi_sqlite_session *session;
    bool guarded, loaded;
    neapi_arena arena; /* holds the owned */
    neapi_sqlite_owned *owned;
    neapi_buffer names;   /* of all tables and views, each with a zero byte behind it */
    neapi_map statements; /* prepared, by build and text */
    neapi_buffer text;
    neapi_sqlite_may may;
    neap_text projection; /* whose statement it is */
    uint32_t build;
    bool no_memory;             /* to judge it */
    uint64_t rounds;            /* that the statement has gone on for: see progress */
    char why[NEAPI_SQLITE_WHY]; /* what the statement was refused for; empty: SQLite knows */
} neapi_sqlite_projected;

void neapi_sqlite_projected_init(neapi_sqlite_projected *projected, neapi_sqlite_session *session);
void neapi_sqlite_projected_fini(neapi_sqlite_projected *projected);
/* Lets go of what is known by heart of the file. */
void neapi_sqlite_projected_forget(neapi_sqlite_projected *projected);

/* Lets go of the prepared statements: those of a table that is gone are found out when they are
 * prepared again. */
void neapi_sqlite_statements_forget(neapi_sqlite_projected *projected);

/* guard: begin what the build may do, and end it. Errors: as neapi_connection_fail. */
neap_status neapi_sqlite_guard(neapi_sqlite_projected *projected, neapi_sqlite_may may,
                               neap_text projection, uint32_t build, neap_error *error);
void neapi_sqlite_unguard(neapi_sqlite_projected *projected);

/* owned: knows the tables by heart, and finds one; NULL: there is none. */
neap_status neapi_sqlite_owned_load(neapi_sqlite_projected *projected, neap_error *error);
neapi_sqlite_owned *neapi_sqlite_owned_find(const neapi_sqlite_projected *projected, neap_text name,
                                            uint32_t build);
neapi_sqlite_owned *neapi_sqlite_owned_add(neapi_sqlite_projected *projected, neap_text name,
                                           neap_text projection, uint32_t build);

/* As SQLite compares names: without case. */
bool neapi_sqlite_names_equal(neap_text a, neap_text b);
/* Whether the name is one of a table or a view, as they were when they were loaded. */
bool neapi_sqlite_is_table(const neapi_sqlite_projected *projected, const char *name);

/* The statement with its values, ready for a step, and guarded. NEAP_OK with *statement NULL: it is
 * refused, and verdict and why say so. Else: the whole batch fails. */
neap_status neapi_sqlite_prepare(neapi_sqlite_projected *projected, neapi_sqlite_may may,
                                 const neapi_statement *given, sqlite3_stmt **statement,
                                 neap_status *verdict, neap_error *error);
/* What a failed step means: NEAP_OK, the statement is to blame, *verdict is the unit's and why says
 * the rest; else what made it fail has nothing to do with it. */
neap_status neapi_sqlite_blame(neapi_sqlite_projected *projected, int code, neap_status *verdict,
                               neap_error *error);

/* Runs the unit's statements, all or none; a refusal is in the verdict, and unit->message says why.
 * *ended: the transaction is gone, with all that it had written. */
neap_status neapi_sqlite_run_unit(neapi_sqlite_session *session, neapi_unit *unit,
                                  neapi_verdict *verdict, bool *ended, neap_error *error);

/* steady: whether the text names no modifier of time that depends on the machine; why says which.
 * Literals only: what is put together, or bound, is not seen. */
bool neapi_sqlite_is_of_no_zone(neapi_sqlite_projected *projected, neap_text text);
/* That the build's new tables have no default that may not be called, as neapi_sqlite_prepare. */
neap_status neapi_sqlite_check_defaults(neapi_sqlite_projected *projected,
                                        const neapi_tables *tables, neap_status *verdict,
                                        neap_error *error);

/* tables: makes, shows or drops a build's, as neapi_sqlite_prepare does. */
neap_status neapi_sqlite_change_tables(neapi_sqlite_projected *projected,
                                       const neapi_tables *tables, neap_status *verdict,
                                       neap_error *error);

#endif
