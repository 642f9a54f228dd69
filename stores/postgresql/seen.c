#include "seen.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "rows.h"

#define STREAMS_MOST 16384

void neapi_pg_seen_init(neapi_pg_seen *seen)
{
    atomic_init(&seen->position, 0);
    neapi_map_init(&seen->streams);
}

void neapi_pg_seen_fini(neapi_pg_seen *seen)
{
    neapi_map_fini(&seen->streams);
    neapi_arena_fini(&seen->arena);
}

static void forget_streams(neapi_pg_seen *seen)
{
    neapi_map_fini(&seen->streams);
    neapi_map_init(&seen->streams);
    neapi_arena_clear(&seen->arena);
}

/* What there is no room for is not known, but nothing that is known is wrong. */
static void note_version(neapi_pg_seen *seen, neap_text stream, uint64_t version)
{
    uint64_t *known = neapi_map_get(&seen->streams, stream);
    if (known == NULL) {
        if (seen->streams.count >= STREAMS_MOST)
            forget_streams(seen);
        known = neapi_arena_alloc(&seen->arena, sizeof *known);
        neap_text name = neapi_arena_text(&seen->arena, stream);
        if (known == NULL || name.data == NULL || !neapi_map_put(&seen->streams, name, known))
            return;
    }
    *known = version;
}

bool neapi_pg_seen_version(const neapi_pg_seen *seen, neap_text stream, uint64_t *version)
{
    const uint64_t *known = neapi_map_get(&seen->streams, stream);
    if (known != NULL)
        *version = *known;
    return known != NULL;
}

bool neapi_pg_seen_here(const neapi_pg_seen *seen, const neapi_pg_connection *connection)
{
    return atomic_load(&seen->position) != 0 && connection->pg != NULL &&
           seen->link == connection->link;
}

static void note(neapi_pg_seen *seen, uint64_t position, const neap_uuid *id)
{
    seen->id = *id;
    atomic_store(&seen->position, position);
}

#define WHAT_NOW                                                                                   \
    "; the server is another one, or an older copy of it. Nothing is written until the store is "  \
    "opened anew"

neap_status neapi_pg_seen_check(uint64_t before, uint64_t position, neap_error *error)
{
    if (position >= before)
        return NEAP_OK;
    return neapi_fail(error, NEAP_CORRUPT,
                      "the log has gone back: it ends at position %" PRIu64
                      ", and ended at %" PRIu64 " before" WHAT_NOW,
                      position, before);
}

bool neapi_pg_seen_queue_known(const neapi_pg_seen *seen, neapi_pg_connection *connection)
{
    uint64_t position = atomic_load(&seen->position);
    if (position == 0 || seen->link == connection->link)
        return false;
    neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
    neapi_pg_integer(&params, (int64_t)position);
    neapi_pg_queue(connection, NEAPI_PG_SQL_EVENT_ID, &params);
    return true;
}

static bool has_id(const PGresult *rows, int column, const neap_uuid *id)
{
    if (PQntuples(rows) == 0)
        return false;
    neap_uuid found = neapi_pg_get_uuid(rows, 0, column);
    return memcmp(&found, id, sizeof found) == 0;
}

neap_status neapi_pg_seen_head(neapi_pg_seen *seen, const neapi_pg_connection *connection,
                               const PGresult *head, const PGresult *known, neap_error *error)
{
    uint64_t before = atomic_load(&seen->position);
    bool empty = PQntuples(head) == 0;
    uint64_t position = empty ? 0 : (uint64_t)neapi_pg_get_integer(head, 0, 0);
    neap_status status = neapi_pg_seen_check(before, position, error);
    if (status != NEAP_OK)
        return status;
    if (known != NULL && !has_id(known, 0, &seen->id))
        return neapi_fail(error, NEAP_CORRUPT,
                          "the log has gone back: it has another event at position %" PRIu64
                          " than before" WHAT_NOW,
                          before);
    seen->link = connection->link;
    if (position != before || !has_id(head, 1, &seen->id))
        forget_streams(seen);
    if (!empty) {
        neap_uuid id = neapi_pg_get_uuid(head, 0, 1);
        note(seen, position, &id);
    }
    return NEAP_OK;
}

void neapi_pg_seen_units(neapi_pg_seen *seen, neapi_unit *const *units, size_t count)
{
    const neap_event *last = NULL;
    for (size_t i = 0; i < count; i++) {
        const neapi_unit *unit = units[i];
        for (size_t n = 0; unit->state == NEAPI_UNIT_ACCEPTED && n < unit->event_count; n++) {
            const neap_event *event = &unit->events[n];
            note_version(seen, event->stream, event->version);
            last = last == NULL || event->position > last->position ? event : last;
        }
    }
    if (last != NULL)
        note(seen, last->position, &last->id);
}
