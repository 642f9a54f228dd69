#include "params.h"

#include <endian.h>

static void param(neapi_pg_params *params, const void *value, size_t size)
{
    params->values[params->count] = value;
    params->sizes[params->count] = (int)size;
    params->formats[params->count] = 1;
    params->count++;
}

void neapi_pg_integer(neapi_pg_params *params, int64_t value)
{
    uint64_t *number = &params->numbers[params->count];
    *number = htobe64((uint64_t)value);
    param(params, number, sizeof *number);
}

void neapi_pg_bool(neapi_pg_params *params, bool value)
{
    param(params, value ? "\1" : "\0", 1);
}

void neapi_pg_text(neapi_pg_params *params, neap_text text)
{
    param(params, text.size != 0 ? text.data : "", text.size);
}

void neapi_pg_uuid(neapi_pg_params *params, const neap_uuid *uuid)
{
    param(params, uuid->bytes, sizeof uuid->bytes);
}

void neapi_pg_null(neapi_pg_params *params)
{
    param(params, NULL, 0);
}

/* ---- Arrays ---------------------------------------------------------------------------------- */

typedef struct array_head {
    uint32_t dimensions, has_nulls, type, count, first;
} array_head;

void neapi_pg_array_fini(neapi_pg_array *array)
{
    neapi_buffer_fini(&array->bytes);
}

void neapi_pg_array_begin(neapi_pg_array *array, neapi_pg_type type)
{
    array->type = type;
    array->count = 0;
    neapi_buffer_clear(&array->bytes);
    array_head head = {0};
    neapi_buffer_append(&array->bytes, &head, sizeof head);
}

static void add(neapi_pg_array *array, const void *value, size_t size)
{
    uint32_t length = htobe32((uint32_t)size);
    neapi_buffer_append(&array->bytes, &length, sizeof length);
    neapi_buffer_append(&array->bytes, value, size);
    array->count++;
}

void neapi_pg_add_integer(neapi_pg_array *array, int64_t value)
{
    uint64_t number = htobe64((uint64_t)value);
    add(array, &number, sizeof number);
}

void neapi_pg_add_bool(neapi_pg_array *array, bool value)
{
    char byte = value;
    add(array, &byte, 1);
}

void neapi_pg_add_text(neapi_pg_array *array, neap_text text)
{
    add(array, text.data, text.size);
}

void neapi_pg_add_uuid(neapi_pg_array *array, const neap_uuid *uuid)
{
    add(array, uuid->bytes, sizeof uuid->bytes);
}

void neapi_pg_add_null(neapi_pg_array *array)
{
    uint32_t length = UINT32_MAX;
    neapi_buffer_append(&array->bytes, &length, sizeof length);
    array->count++;
}

void neapi_pg_array_param(neapi_pg_params *params, neapi_pg_array *array)
{
    neapi_buffer *bytes = &array->bytes;
    array_head head = {.dimensions = htobe32(array->count != 0),
                       .has_nulls = htobe32(1),
                       .type = htobe32((uint32_t)array->type),
                       .count = htobe32(array->count),
                       .first = htobe32(1)};
    if (!bytes->failed)
        memcpy(bytes->data, &head, sizeof head);
    /* An empty array has no dimension, and so neither count nor first. */
    param(params, bytes->data, array->count != 0 ? bytes->size : offsetof(array_head, count));
}

void neapi_pg_array_only(neapi_pg_params *params, const neapi_pg_array *array)
{
    const neapi_buffer *bytes = &array->bytes;
    uint32_t length;
    memcpy(&length, bytes->data + sizeof(array_head), sizeof length);
    length = be32toh(length);
    if (length == UINT32_MAX)
        neapi_pg_null(params);
    else
        param(params, bytes->data + sizeof(array_head) + sizeof length, length);
}
