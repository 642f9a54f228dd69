#include "seen.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "rows.h"

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
    if (!empty) {
        neap_uuid id = neapi_pg_get_uuid(head, 0, 1);
        note(seen, position, &id);
    }
    return NEAP_OK;
}

void neapi_pg_seen_units(neapi_pg_seen *seen, neapi_unit *const *units, size_t count)
{
    while (count-- > 0) {
        const neapi_unit *unit = units[count];
        if (unit->state != NEAPI_UNIT_ACCEPTED || unit->event_count == 0)
            continue;
        const neap_event *last = &unit->events[unit->event_count - 1];
        for (size_t i = 0; i < unit->event_count; i++)
            last = unit->events[i].position > last->position ? &unit->events[i] : last;
        note(seen, last->position, &last->id);
        return;
    }
}
