/* Values of a result, in PostgreSQL's binary form. */
#ifndef NEAPI_POSTGRESQL_ROWS_H
#define NEAPI_POSTGRESQL_ROWS_H

#include <endian.h>
#include <libpq-fe.h>
#include <string.h>

#include "neap.h"

static inline bool neapi_pg_is_null(const PGresult *rows, int row, int column)
{
    return PQgetisnull(rows, row, column) != 0;
}

/* 0 if it is null, or of another size. */
static inline int64_t neapi_pg_get_integer(const PGresult *rows, int row, int column)
{
    uint64_t number = 0;
    if (PQgetlength(rows, row, column) == (int)sizeof number)
        memcpy(&number, PQgetvalue(rows, row, column), sizeof number);
    return (int64_t)be64toh(number);
}

static inline bool neapi_pg_get_bool(const PGresult *rows, int row, int column)
{
    return PQgetlength(rows, row, column) == 1 && PQgetvalue(rows, row, column)[0] != 0;
}

/* Text or bytea; terminated. Empty if it is null. Lifetime: the result's. */
static inline neap_text neapi_pg_get_text(const PGresult *rows, int row, int column)
{
    return (neap_text){PQgetvalue(rows, row, column), (size_t)PQgetlength(rows, row, column)};
}

/* All zero if it is null. */
static inline neap_uuid neapi_pg_get_uuid(const PGresult *rows, int row, int column)
{
    neap_uuid uuid = {{0}};
    if (PQgetlength(rows, row, column) == (int)sizeof uuid.bytes)
        memcpy(uuid.bytes, PQgetvalue(rows, row, column), sizeof uuid.bytes);
    return uuid;
}

#endif
