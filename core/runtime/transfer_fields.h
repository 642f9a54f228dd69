/* What the lines of an export have in them, as tables: writing, reading and comparing follow them.
 */
#ifndef NEAPI_RUNTIME_TRANSFER_FIELDS_H
#define NEAPI_RUNTIME_TRANSFER_FIELDS_H

#include "runtime/transfer_line.h"

typedef enum neapi_transfer_type {
    NEAPI_TRANSFER_COUNT, /* uint64_t */
    NEAPI_TRANSFER_SMALL, /* uint32_t */
    NEAPI_TRANSFER_HASH,  /* uint64_t, in hexadecimal */
    NEAPI_TRANSFER_FLAG,  /* bool */
    NEAPI_TRANSFER_TIME,  /* int64_t, µs since 1970 */
    NEAPI_TRANSFER_ID,    /* neap_uuid */
    NEAPI_TRANSFER_TEXT,  /* neap_text, UTF-8 */
    NEAPI_TRANSFER_BYTES, /* neap_text, mostly JSON */
    NEAPI_TRANSFER_TAGS,  /* of an event */
} neapi_transfer_type;

typedef struct neapi_transfer_field {
    const char *name;
    neapi_transfer_type type;
    size_t offset; /* in the line */
    bool required;
    bool place; /* where an event is, not what it is */
} neapi_transfer_field;

typedef struct neapi_transfer_table {
    const char *name;
    const neapi_transfer_field *fields; /* in the order in which they are written */
    size_t count;
} neapi_transfer_table;

/* Lifetime: static. */
const neapi_transfer_table *neapi_transfer_table_of(neapi_transfer_kind kind);

static inline const void *neapi_transfer_value(const neapi_transfer_line *line,
                                               const neapi_transfer_field *field)
{
    return (const char *)line + field->offset;
}

#endif
