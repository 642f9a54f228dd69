/* What is found by its name. */
#include <stdlib.h>

#include "base/error.h"
#include "postgresql.h"
#include "rows.h"

/* Asks, and says whether there is a row. */
static neap_status ask(neapi_session *base, neapi_pg_sql sql, const neapi_pg_params *params,
                       PGresult **rows, bool *found, neap_error *error)
{
    neap_status status =
        neapi_pg_ask(&neapi_pg_session_of(base)->connection, sql, params, rows, error);
    if (status == NEAP_OK)
        *found = PQntuples(*rows) != 0;
    return status;
}

static bool copy(const PGresult *rows, int column, neapi_arena *arena, neap_text *text)
{
    *text = neapi_arena_text(arena, neapi_pg_get_text(rows, 0, column));
    return text->data != NULL;
}

neap_status neapi_pg_stream_head(neapi_session *base, neap_text stream, uint64_t *version,
                                 uint64_t *position, neap_error *error)
{
    PGresult *rows;
    bool found;
    neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
    neapi_pg_text(&params, stream);
    neap_status status = ask(base, NEAPI_PG_SQL_STREAM_HEAD, &params, &rows, &found, error);
    if (status != NEAP_OK)
        return status;
    *version = found ? (uint64_t)neapi_pg_get_integer(rows, 0, 0) : 0;
    *position = found ? (uint64_t)neapi_pg_get_integer(rows, 0, 1) : 0;
    return NEAP_OK;
}

neap_status neapi_pg_head(neapi_session *base, uint64_t *position, neap_error *error)
{
    PGresult *rows;
    bool found;
    neapi_pg_session *session = neapi_pg_session_of(base);
    uint64_t seen = atomic_load(&neapi_pg_store_of(session)->seen.position);
    neap_status status = ask(base, NEAPI_PG_SQL_HEAD, NULL, &rows, &found, error);
    if (status != NEAP_OK)
        return status;
    uint64_t head = found ? (uint64_t)neapi_pg_get_integer(rows, 0, 0) : 0;
    status = neapi_pg_seen_check(seen > session->head ? seen : session->head, head, error);
    if (status != NEAP_OK)
        return status;
    *position = session->head = head;
    return NEAP_OK;
}

neapi_key neapi_pg_get_key(const PGresult *rows, int row)
{
    return (neapi_key){
        .hash = (uint64_t)neapi_pg_get_integer(rows, row, 0),
        .command_id = neapi_pg_get_uuid(rows, row, 1),
        .expires_at = neapi_pg_get_integer(rows, row, 2),
        .version = (uint64_t)neapi_pg_get_integer(rows, row, 3),
        .position = (uint64_t)neapi_pg_get_integer(rows, row, 4),
        .stream = neapi_pg_get_text(rows, row, 5),
        .types = neapi_pg_get_text(rows, row, 6),
    };
}

neap_status neapi_pg_find_key(neapi_session *base, neap_text key, int64_t now_us,
                              neapi_arena *arena, neapi_key *result, bool *found, neap_error *error)
{
    PGresult *rows;
    bool there;
    neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
    neapi_pg_text(&params, key);
    neapi_pg_integer(&params, now_us);
    neap_status status = ask(base, NEAPI_PG_SQL_KEY_FIND, &params, &rows, &there, error);
    if (status != NEAP_OK)
        return status;
    *found = false;
    if (!there)
        return NEAP_OK;
    neapi_key kept = neapi_pg_get_key(rows, 0);
    kept.key = neapi_arena_text(arena, key);
    kept.stream = neapi_arena_text(arena, kept.stream);
    kept.types = neapi_arena_text(arena, kept.types);
    if (kept.key.data == NULL || kept.stream.data == NULL || kept.types.data == NULL)
        return neapi_nomem(error);
    *result = kept;
    *found = true;
    return NEAP_OK;
}

neap_status neapi_pg_find_snapshot(neapi_session *base, neap_text name, uint64_t max_version,
                                   neap_text fingerprint, neapi_arena *arena,
                                   neapi_snapshot *result, bool *found, neap_error *error)
{
    PGresult *rows;
    bool there;
    neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
    neapi_pg_text(&params, name);
    neapi_pg_integer(&params, neapi_pg_number(max_version));
    neapi_pg_text(&params, fingerprint);
    neap_status status = ask(base, NEAPI_PG_SQL_SNAPSHOT_FIND, &params, &rows, &there, error);
    if (status != NEAP_OK)
        return status;
    *found = false;
    if (!there)
        return NEAP_OK;
    neapi_snapshot kept = {.name = neapi_arena_text(arena, name),
                           .version = (uint64_t)neapi_pg_get_integer(rows, 0, 0),
                           .fingerprint = neapi_arena_text(arena, fingerprint)};
    if (kept.name.data == NULL || kept.fingerprint.data == NULL ||
        !copy(rows, 1, arena, &kept.state))
        return neapi_nomem(error);
    *result = kept;
    *found = true;
    return NEAP_OK;
}

neap_status neapi_pg_find_command(neapi_session *base, uint64_t position, neapi_arena *arena,
                                  neapi_command *result, bool *found, neap_error *error)
{
    PGresult *rows;
    bool there;
    neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
    neapi_pg_integer(&params, neapi_pg_number(position));
    neap_status status = ask(base, NEAPI_PG_SQL_COMMAND_FIND, &params, &rows, &there, error);
    if (status != NEAP_OK)
        return status;
    *found = false;
    if (!there || (uint64_t)neapi_pg_get_integer(rows, 0, 0) < position)
        return NEAP_OK;
    neapi_command kept = {
        .id = neapi_pg_get_uuid(rows, 0, 1),
        .correlation_id = neapi_pg_get_uuid(rows, 0, 2),
        .causation_id = neapi_pg_get_uuid(rows, 0, 3),
        .recorded_at = neapi_pg_get_integer(rows, 0, 4),
    };
    if (!copy(rows, 5, arena, &kept.name) || !copy(rows, 6, arena, &kept.data) ||
        !copy(rows, 7, arena, &kept.meta))
        return neapi_nomem(error);
    *result = kept;
    *found = true;
    return NEAP_OK;
}

/* ---- Documents ------------------------------------------------------------------------------- */

neap_status neapi_pg_find_document(neapi_session *base, neap_text collection, neap_text key,
                                   neapi_arena *arena, neap_text *data, bool *found,
                                   neap_error *error)
{
    PGresult *rows;
    bool there;
    neap_text kept;
    neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
    neapi_pg_text(&params, collection);
    neapi_pg_text(&params, key);
    neap_status status = ask(base, NEAPI_PG_SQL_DOCUMENT_FIND, &params, &rows, &there, error);
    if (status != NEAP_OK)
        return status;
    if (there && !copy(rows, 0, arena, &kept))
        return neapi_nomem(error);
    if (there)
        *data = kept;
    *found = there;
    return NEAP_OK;
}

/* So many documents are asked for at once, however large they are. */
#define AT_ONCE 64

/* Puts them on the page; *full: one had no room there. */
static neap_status take(const PGresult *rows, const neapi_document_range *range,
                        neapi_document_page *page, bool *full, neap_error *error)
{
    for (int i = 0; i < PQntuples(rows); i++) {
        neap_text key = neapi_pg_get_text(rows, i, 0), data = neapi_pg_get_text(rows, i, 1);
        *full = !neapi_document_page_fits(page, range, key, data);
        if (*full)
            return NEAP_OK;
        if (!neapi_document_page_add(page, key, data))
            return neapi_nomem(error);
    }
    return NEAP_OK;
}

neap_status neapi_pg_list_documents(neapi_session *base, const neapi_document_range *range,
                                    neapi_document_page *page, neap_error *error)
{
    neapi_document_bounds bounds;
    neapi_document_range rest = *range;
    bool full = false, more = true;
    while (more && !full) {
        PGresult *rows;
        size_t room = range->limit - page->count;
        int64_t limit = room < AT_ONCE ? (int64_t)room + 1 : AT_ONCE;
        neapi_document_bounds_set(&bounds, &rest);
        neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
        neapi_pg_text(&params, range->collection);
        neapi_pg_text(&params, bounds.low);
        neapi_pg_text(&params, bounds.high);
        neapi_pg_integer(&params, limit);
        neap_status status =
            neapi_pg_ask(&neapi_pg_session_of(base)->connection,
                         range->backward ? NEAPI_PG_SQL_DOCUMENTS_ : NEAPI_PG_SQL_DOCUMENTS,
                         &params, &rows, error);
        if (status == NEAP_OK)
            status = take(rows, range, page, &full, error);
        if (status != NEAP_OK)
            return status;
        more = PQntuples(rows) == limit;
        if (page->count != 0)
            rest.behind = page->documents[page->count - 1].key;
    }
    page->last = !full;
    return NEAP_OK;
}

neap_status neapi_pg_list_collections(neapi_session *base, neapi_collection_list *list,
                                      neap_error *error)
{
    PGresult *rows;
    bool found;
    neap_status status = ask(base, NEAPI_PG_SQL_COLLECTIONS, NULL, &rows, &found, error);
    for (int i = 0; status == NEAP_OK && i < PQntuples(rows); i++)
        if (!neapi_collection_list_add(list, neapi_pg_get_text(rows, i, 0),
                                       (uint64_t)neapi_pg_get_integer(rows, i, 1)))
            status = neapi_nomem(error);
    return status;
}

/* ---- Housekeeping ---------------------------------------------------------------------------- */

#define EXPIRED_AT_ONCE 1000

neap_status neapi_pg_maintain(neapi_session *base, int64_t now_us, bool *more, neap_error *error)
{
    PGresult *gone;
    neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
    neapi_pg_integer(&params, now_us);
    neapi_pg_integer(&params, EXPIRED_AT_ONCE);
    neap_status status = neapi_pg_ask(&neapi_pg_session_of(base)->connection,
                                      NEAPI_PG_SQL_KEYS_EXPIRE, &params, &gone, error);
    if (status == NEAP_OK)
        *more = atoi(PQcmdTuples(gone)) == EXPIRED_AT_ONCE;
    return status;
}
