/* The values of a projection's statement. */
#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "projected.h"

/* As the protocol wants them. */
typedef struct bound {
    const char **values;
    int *sizes, *formats;
} bound;

static bool reserve(neapi_arena *arena, size_t count, bound *all)
{
    all->values = neapi_arena_alloc(arena, (count + 1) * sizeof *all->values);
    all->sizes = neapi_arena_alloc(arena, (count + 1) * sizeof *all->sizes);
    all->formats = neapi_arena_alloc(arena, (count + 1) * sizeof *all->formats);
    return all->values != NULL && all->sizes != NULL && all->formats != NULL;
}

static bool set(bound *all, size_t at, const void *value, size_t size)
{
    all->values[at] = value;
    all->sizes[at] = (int)size;
    all->formats[at] = 1;
    return true;
}

static bool set_number(neapi_arena *arena, bound *all, size_t at, const void *value)
{
    uint64_t *number = neapi_arena_alloc(arena, sizeof *number);
    if (number == NULL)
        return false;
    memcpy(number, value, sizeof *number);
    *number = htobe64(*number);
    return set(all, at, number, sizeof *number);
}

static bool set_value(neapi_arena *arena, bound *all, size_t at, const neapi_value *value)
{
    switch (value->kind) {
    case NEAPI_VALUE_INTEGER:
        return set_number(arena, all, at, &value->integer);
    case NEAPI_VALUE_FLOAT:
        return set_number(arena, all, at, &value->number);
    case NEAPI_VALUE_BOOLEAN:
        return set(all, at, value->integer != 0 ? "\1" : "\0", 1);
    case NEAPI_VALUE_TEXT:
    case NEAPI_VALUE_BLOB:
        return set(all, at, value->bytes.size != 0 ? value->bytes.data : "", value->bytes.size);
    case NEAPI_VALUE_NULL:
        break;
    }
    return set(all, at, NULL, 0);
}

/* What PostgreSQL does not take, or the connection could not carry. */
static bool is_possible(neapi_pg_projected *projected, const neapi_statement *given,
                        neap_status *verdict)
{
    for (size_t i = 0; i < given->value_count; i++) {
        const neapi_value *value = &given->values[i];
        if (value->kind != NEAPI_VALUE_TEXT && value->kind != NEAPI_VALUE_BLOB)
            continue;
        bool large = value->bytes.size > NEAPI_PG_FIELD_BYTES;
        bool zero = value->kind == NEAPI_VALUE_TEXT && value->bytes.size != 0 &&
                    memchr(value->bytes.data, '\0', value->bytes.size) != NULL;
        if (!large && !zero)
            continue;
        snprintf(projected->why, sizeof projected->why, "value %zu %s", i + 1,
                 large ? "is too large for PostgreSQL"
                       : "has a zero byte, and PostgreSQL's texts have none");
        *verdict = large ? NEAP_LIMIT : NEAP_INVALID;
        return false;
    }
    return true;
}

bool neapi_pg_prepared_queue(neapi_pg_projected *projected, const neapi_pg_prepared *prepared,
                             const neapi_statement *given, int64_t extra, neap_status *verdict)
{
    bound all;
    char name[24];
    size_t count = given->value_count;
    snprintf(name, sizeof name, "neapr%u", prepared->number);
    if (!is_possible(projected, given, verdict) || !reserve(&projected->arena, count, &all))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!set_value(&projected->arena, &all, i, &given->values[i]))
            return false;
    if (extra >= 0 && !set_number(&projected->arena, &all, count++, &extra))
        return false;
    neapi_pg_queue_named(projected->connection, name, count, all.values, all.sizes, all.formats);
    return true;
}
