#include "projected.h"

#include <strings.h>

#include "base/error.h"
#include "base/text.h"
#include "sqlite.h"

bool neapi_sqlite_names_equal(neap_text a, neap_text b)
{
    return a.size == b.size && strncasecmp(a.data, b.data, a.size) == 0;
}

neapi_sqlite_owned *neapi_sqlite_owned_find(const neapi_sqlite_projected *projected, neap_text name,
                                            uint32_t build)
{
    neapi_sqlite_owned *owned = projected->owned;
    while (owned != NULL && (owned->build != build || !neapi_sqlite_names_equal(owned->name, name)))
        owned = owned->next;
    return owned;
}

neapi_sqlite_owned *neapi_sqlite_owned_add(neapi_sqlite_projected *projected, neap_text name,
                                           neap_text projection, uint32_t build)
{
    neapi_sqlite_owned *owned = neapi_arena_alloc(&projected->arena, sizeof *owned);
    if (owned == NULL)
        return NULL;
    *owned = (neapi_sqlite_owned){.name = neapi_arena_text(&projected->arena, name),
                                  .projection = neapi_arena_text(&projected->arena, projection),
                                  .build = build,
                                  .next = projected->owned};
    if (owned->name.data == NULL || owned->projection.data == NULL)
        return NULL;
    return projected->owned = owned;
}

static neap_status load_row(neapi_sqlite_projected *projected, const neapi_query *query,
                            neap_error *error)
{
    neap_text name = neapi_query_column_bytes(query, 0);
    neap_text projection = neapi_query_column_bytes(query, 1);
    int64_t build = neapi_query_column_integer(query, 2);
    if (name.data == NULL || projection.data == NULL)
        return neapi_nomem(error);
    neapi_sqlite_owned *owned =
        neapi_sqlite_owned_add(projected, name, projection, (uint32_t)build);
    if (owned == NULL)
        return neapi_nomem(error);
    owned->kept = true;
    owned->shown = neapi_query_column_integer(query, 3) != 0;
    return NEAP_OK;
}

static neap_status load_owned(neapi_sqlite_projected *projected, neap_error *error)
{
    bool row;
    neapi_query query = neapi_query_begin(&projected->session->connection, NEAPI_SQL_OWNED);
    neap_status status = neapi_query_step(&query, &row, error);
    while (status == NEAP_OK && row) {
        status = load_row(projected, &query, error);
        if (status == NEAP_OK)
            status = neapi_query_step(&query, &row, error);
    }
    neapi_query_end(&query);
    return status;
}

static neap_status load_names(neapi_sqlite_projected *projected, neap_error *error)
{
    bool row;
    neapi_query query = neapi_query_begin(&projected->session->connection, NEAPI_SQL_TABLE_NAMES);
    neap_status status = neapi_query_step(&query, &row, error);
    while (status == NEAP_OK && row) {
        neap_text name = neapi_query_column_bytes(&query, 0);
        neapi_buffer_append(&projected->names, name.data, name.size);
        neapi_buffer_byte(&projected->names, '\0');
        status = neapi_query_step(&query, &row, error);
    }
    neapi_query_end(&query);
    return status == NEAP_OK && projected->names.failed ? neapi_nomem(error) : status;
}

neap_status neapi_sqlite_owned_load(neapi_sqlite_projected *projected, neap_error *error)
{
    if (projected->loaded)
        return NEAP_OK;
    neapi_arena_clear(&projected->arena);
    neapi_buffer_clear(&projected->names);
    projected->owned = NULL;
    neap_status status = load_owned(projected, error);
    if (status == NEAP_OK)
        status = load_names(projected, error);
    projected->loaded = status == NEAP_OK;
    return status;
}

bool neapi_sqlite_is_table(const neapi_sqlite_projected *projected, const char *name)
{
    const neapi_buffer *names = &projected->names;
    for (size_t at = 0; at < names->size; at += strlen(names->data + at) + 1)
        if (strcasecmp(names->data + at, name) == 0)
            return true;
    return false;
}
