#include "types.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

#define SLOTS (2 * NEAPI_SQLITE_TYPES_BY_HEART)

void neapi_sqlite_types_fini(neapi_sqlite_types *types)
{
    neapi_free(types->names);
    neapi_arena_fini(&types->arena);
    *types = (neapi_sqlite_types){0};
}

static neapi_sqlite_type_name *slot_of(const neapi_sqlite_types *types, int64_t id)
{
    size_t at = (uint64_t)id % SLOTS;
    while (types->names[at].id != 0 && types->names[at].id != id)
        at = (at + 1) % SLOTS;
    return &types->names[at];
}

static neap_status look_up(neapi_sqlite_types *types, neapi_connection *connection, int64_t id,
                           neap_text *name, neap_error *error)
{
    bool row;
    neapi_query query = neapi_query_begin(connection, NEAPI_SQL_TYPE_NAME);
    neapi_query_integer(&query, id);
    neap_status status = neapi_query_step(&query, &row, error);
    if (status != NEAP_OK || !row)
        return status;
    status = neapi_query_column_copy(&query, 0, &types->arena, name, error);
    neapi_query_end(&query);
    return status;
}

neap_status neapi_sqlite_type_find(neapi_sqlite_types *types, neapi_connection *connection,
                                   int64_t id, neap_text *name, neap_error *error)
{
    if (types->names == NULL) {
        types->names = neapi_alloc_zero(SLOTS, sizeof *types->names);
        if (types->names == NULL)
            return neapi_nomem(error);
    }
    if (types->count == NEAPI_SQLITE_TYPES_BY_HEART) {
        memset(types->names, 0, SLOTS * sizeof *types->names);
        neapi_arena_clear(&types->arena);
        types->count = 0;
    }
    neapi_sqlite_type_name *slot = slot_of(types, id);
    if (slot->id != 0) {
        *name = slot->name;
        return NEAP_OK;
    }
    neap_text found = {"", 0};
    neap_status status = look_up(types, connection, id, &found, error);
    if (status != NEAP_OK)
        return status;
    *name = found;
    if (found.size != 0 && id != 0) {
        *slot = (neapi_sqlite_type_name){id, found};
        types->count++;
    }
    return NEAP_OK;
}
