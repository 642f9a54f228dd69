/* Values that go with a statement, in PostgreSQL's binary form: never in its text. */
#ifndef NEAPI_POSTGRESQL_PARAMS_H
#define NEAPI_POSTGRESQL_PARAMS_H

#include "base/buffer.h"

#define NEAPI_PG_PARAMS_MOST 16

/* Borrows what it is given, but for numbers. */
typedef struct neapi_pg_params {
    int count;
    const char *values[NEAPI_PG_PARAMS_MOST];
    int sizes[NEAPI_PG_PARAMS_MOST];
    int formats[NEAPI_PG_PARAMS_MOST];
    uint64_t numbers[NEAPI_PG_PARAMS_MOST];
} neapi_pg_params;

#define NEAPI_PG_PARAMS_INIT ((neapi_pg_params){.count = 0})

void neapi_pg_integer(neapi_pg_params *params, int64_t value);
void neapi_pg_bool(neapi_pg_params *params, bool value);
void neapi_pg_text(neapi_pg_params *params, neap_text text); /* or bytea */
void neapi_pg_uuid(neapi_pg_params *params, const neap_uuid *uuid);
void neapi_pg_null(neapi_pg_params *params);

typedef enum neapi_pg_type { /* as PostgreSQL numbers them */
                             NEAPI_PG_UNKNOWN = 0,
                             NEAPI_PG_BOOL = 16,
                             NEAPI_PG_BYTEA = 17,
                             NEAPI_PG_INT8 = 20,
                             NEAPI_PG_TEXT = 25,
                             NEAPI_PG_FLOAT8 = 701,
                             NEAPI_PG_UUID = 2950,
} neapi_pg_type;

/* An array of one dimension. A refused allocation sticks: bytes.failed. */
typedef struct neapi_pg_array {
    neapi_buffer bytes;
    neapi_pg_type type;
    uint32_t count;
} neapi_pg_array;

void neapi_pg_array_fini(neapi_pg_array *array);
void neapi_pg_array_begin(neapi_pg_array *array, neapi_pg_type type); /* keeps memory */
void neapi_pg_add_integer(neapi_pg_array *array, int64_t value);
void neapi_pg_add_bool(neapi_pg_array *array, bool value);
void neapi_pg_add_text(neapi_pg_array *array, neap_text text); /* or bytea */
void neapi_pg_add_uuid(neapi_pg_array *array, const neap_uuid *uuid);
void neapi_pg_add_null(neapi_pg_array *array);
/* As the next parameter. Lifetime: until the array is begun again. */
void neapi_pg_array_param(neapi_pg_params *params, neapi_pg_array *array);
/* The one item of an array that has no other, as the next parameter. Lifetime: as above. */
void neapi_pg_array_only(neapi_pg_params *params, const neapi_pg_array *array);

#endif
