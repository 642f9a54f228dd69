/* Whether the log still has what this store has seen in it: behind a failover to a server that
 * lacks the last commits, or a copy that was put back, positions would be given twice. */
#ifndef NEAPI_POSTGRESQL_SEEN_H
#define NEAPI_POSTGRESQL_SEEN_H

#include <stdatomic.h>

#include "base/map.h"
#include "connection.h"
#include "store/unit.h"

/* Of a store. All but the position is the writer's alone. */
typedef struct neapi_pg_seen {
    atomic_uint_fast64_t position; /* the last one: the log cannot be shorter */
    neap_uuid id;                  /* of the event there */
    uint64_t link;                 /* the writer's connection that it was seen on */
    neapi_map streams;             /* versions as of that position, of streams appended to here */
    neapi_arena arena;             /* of those */
} neapi_pg_seen;

void neapi_pg_seen_init(neapi_pg_seen *seen);
void neapi_pg_seen_fini(neapi_pg_seen *seen);

/* The log ends at the position. Errors: NEAP_CORRUPT, it ended behind that before. `before` is what
 * had been seen when the position was asked for. */
neap_status neapi_pg_seen_check(uint64_t before, uint64_t position, neap_error *error);

/* By the writer, under the lock: queue_known, on a new connection, asks for the event that was the
 * last; head is the row of HEAD, known what that answered (NULL: it was not asked). */
bool neapi_pg_seen_queue_known(const neapi_pg_seen *seen, neapi_pg_connection *connection);
neap_status neapi_pg_seen_head(neapi_pg_seen *seen, const neapi_pg_connection *connection,
                               const PGresult *head, const PGresult *known, neap_error *error);
/* Whether something was seen, on this connection. */
bool neapi_pg_seen_here(const neapi_pg_seen *seen, const neapi_pg_connection *connection);
/* The stream's version, if the log still ends where it was seen to. false: not known. */
bool neapi_pg_seen_version(const neapi_pg_seen *seen, neap_text stream, uint64_t *version);
/* The units have been committed. */
void neapi_pg_seen_units(neapi_pg_seen *seen, neapi_unit *const *units, size_t count);

#endif
