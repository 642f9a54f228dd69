/* The statements of projections: prepared once for their text. */
#include "projected.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "base/text.h"
#include "rows.h"

#define STATEMENTS_MOST 256 /* prepared at a time */

static void let_go(neapi_map *statements)
{
    size_t at = 0;
    void *each;
    while ((each = neapi_map_next(statements, &at)) != NULL)
        neapi_free(each);
    neapi_map_fini(statements);
    neapi_map_init(statements);
}

void neapi_pg_projected_init(neapi_pg_projected *projected, neapi_pg_connection *connection)
{
    *projected = (neapi_pg_projected){.connection = connection};
    neapi_map_init(&projected->statements);
}

void neapi_pg_projected_fini(neapi_pg_projected *projected)
{
    let_go(&projected->statements);
    neapi_map_fini(&projected->statements);
    neapi_pg_template_fini(&projected->template);
    neapi_buffer_fini(&projected->text);
    neapi_arena_fini(&projected->arena);
}

void neapi_pg_projected_note(neapi_pg_projected *projected, const PGresult *row)
{
    int64_t made = neapi_pg_get_integer(row, 0, 0), count = neapi_pg_get_integer(row, 0, 1);
    projected->stale = projected->stale || made != projected->made || count != projected->count;
    projected->made = made;
    projected->count = count;
}

neap_status neapi_pg_projected_refresh(neapi_pg_projected *projected, neap_error *error)
{
    neapi_pg_connection *connection = projected->connection;
    if (projected->link != connection->link) { /* they went with the connection */
        let_go(&projected->statements);
        projected->link = connection->link;
        projected->stale = false;
    }
    if (!projected->stale)
        return NEAP_OK;
    let_go(&projected->statements);
    for (size_t i = 0; i < NEAPI_PG_SQL_COUNT; i++)
        connection->prepared[i] = false;
    neapi_pg_queue_text(connection, "DEALLOCATE ALL", NULL);
    neap_status status = neapi_pg_run(connection, error);
    projected->stale = status != NEAP_OK;
    return status;
}

neap_status neapi_pg_projected_make_room(neapi_pg_projected *projected, neap_error *error)
{
    if (projected->statements.count < STATEMENTS_MOST)
        return NEAP_OK;
    projected->stale = true;
    neap_status status = neapi_pg_projected_refresh(projected, error);
    return status == NEAP_OK ? neapi_pg_go_on(projected->connection, error) : status;
}

/* ---- Finding them ---------------------------------------------------------------------------- */

static void write_key(neapi_buffer *key, neapi_pg_use use, const neapi_statement *given)
{
    neapi_buffer_clear(key);
    neapi_buffer_format(key, "%d %" PRIu32 " %zu ", (int)use, given->build, given->value_count);
    for (size_t i = 0; i < given->value_count; i++)
        neapi_buffer_byte(key, (char)('0' + (int)given->values[i].kind));
    neapi_buffer_text(key, given->projection);
    neapi_buffer_byte(key, '\0');
    neapi_buffer_text(key, given->text);
}

bool neapi_pg_prepared_find(neapi_pg_projected *projected, neapi_pg_use use,
                            const neapi_statement *given, neapi_pg_prepared **found)
{
    neapi_buffer *key = &projected->text;
    write_key(key, use, given);
    *found = key->failed ? NULL
                         : neapi_map_get(&projected->statements, neapi_text(key->data, key->size));
    return !key->failed;
}

neapi_pg_prepared *neapi_pg_prepared_keep(neapi_pg_projected *projected, neapi_pg_use use,
                                          const neapi_statement *given)
{
    neapi_buffer *key = &projected->text;
    write_key(key, use, given);
    neapi_pg_prepared *kept = key->failed ? NULL : neapi_alloc(sizeof *kept + key->size);
    if (kept == NULL)
        return NULL;
    char *copy = memcpy(kept + 1, key->data, key->size);
    *kept = (neapi_pg_prepared){.key = {copy, key->size},
                                .number = projected->number,
                                .parameters = projected->template.parameters};
    if (neapi_map_put(&projected->statements, kept->key, kept))
        return kept;
    neapi_free(kept);
    return NULL;
}
