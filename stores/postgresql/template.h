/* SQL of projections as it is written: {name} stands for the table of that name of one build, ?, ?2
 * and $2 for values, and ?? for PostgreSQL's operator ?. */
#ifndef NEAPI_POSTGRESQL_TEMPLATE_H
#define NEAPI_POSTGRESQL_TEMPLATE_H

#include "base/buffer.h"
#include "store/unit.h"

/* PostgreSQL cuts what is longer. */
#define NEAPI_PG_NAME_BYTES 63

/* One statement, as PostgreSQL gets it. */
typedef struct neapi_pg_template {
    neapi_buffer run;   /* with $1, $2, … */
    neapi_buffer check; /* with a NULL of the value's type in their places */
    size_t words;       /* 0: there is no statement, only blanks and comments */
    char first[4][16];  /* of its words, in capitals; empty: something else stands there */
    size_t parameters;
    bool selects;  /* has the word SELECT, TABLE (behind the second word) or EXECUTE */
    bool may_tell; /* a text in it says now, today and the like, or can hide it */
} neapi_pg_template;

void neapi_pg_template_fini(neapi_pg_template *template);

/* Translates the statement at *at, and moves *at behind the semicolon that ends it, or to the end.
 * values: NULL, it may have no parameters. false: why says what is wrong with it; a refused
 * allocation sticks in the buffers. */
bool neapi_pg_translate(neapi_pg_template *template, const neapi_statement *given, size_t *at,
                        char *why, size_t room);

/* The table of a placeholder, "name@build"; its name alone, as PostgreSQL reads it: small. */
void neapi_pg_table_text(neapi_buffer *sql, neap_text name, uint32_t build);

#endif
