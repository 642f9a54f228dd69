/* PostgreSQL's tokens, as far as SQL of projections is looked at before PostgreSQL sees it. */
#ifndef NEAPI_POSTGRESQL_LEXER_H
#define NEAPI_POSTGRESQL_LEXER_H

#include "neap.h"

typedef enum neapi_pg_token_kind {
    NEAPI_PG_TOKEN_END,
    NEAPI_PG_TOKEN_BLANK,     /* or a comment */
    NEAPI_PG_TOKEN_WORD,      /* a keyword or a name */
    NEAPI_PG_TOKEN_QUOTED,    /* a name in quotes */
    NEAPI_PG_TOKEN_STRING,    /* of any kind */
    NEAPI_PG_TOKEN_PARAMETER, /* ?, ?2 or $2 */
    NEAPI_PG_TOKEN_BRACE,     /* a placeholder, or what should be one */
    NEAPI_PG_TOKEN_SEMICOLON,
    NEAPI_PG_TOKEN_QUESTION, /* ??: the operator */
    NEAPI_PG_TOKEN_OTHER,
} neapi_pg_token_kind;

typedef struct neapi_pg_token {
    neapi_pg_token_kind kind;
    neap_text text;  /* as it stands there */
    bool escapes;    /* of STRING: it has other characters than it shows */
    uint32_t number; /* of PARAMETER; 0: the next one */
} neapi_pg_token;

/* The token at `at`; what never ends ends with the text. */
neapi_pg_token neapi_pg_token_at(neap_text text, size_t at);

#endif
