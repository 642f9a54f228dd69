/* What other processes commit is told with NOTIFY, in the transaction that commits it, so it comes
 * when it can be read, and not at all if it cannot. Who is alone saves that, for NOTIFY wakes its
 * own listener, too: but for what tells, such as that somebody leaves or is there. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "postgresql.h"
#include "rows.h"

#define CHANNEL_BYTES 32

/* A channel is the database's: each schema has one of its own. A schema's name may be as long as a
 * channel's. */
static void name_channel(const neapi_pg_store *store, char channel[CHANNEL_BYTES])
{
    snprintf(channel, CHANNEL_BYTES, "neap_%016llx",
             (unsigned long long)neapi_text_hash(neapi_text_of(store->target.schema), 0));
}

/* ---- Telling --------------------------------------------------------------------------------- */

void neapi_pg_tell(neapi_pg_session *session, neapi_unit *const *units, size_t count)
{
    neapi_pg_store *store = neapi_pg_store_of(session);
    uint64_t last = 0;
    bool more = false, queue = false, alone = atomic_load(&store->base.alone);
    for (size_t i = 0; i < count; i++) {
        if (store->verdicts[i].status != NEAP_OK)
            continue;
        if (store->verdicts[i].last_position > last)
            last = store->verdicts[i].last_position;
        more = more || units[i]->tells;
        queue = queue || units[i]->due_us != 0;
    }
    if (!more && (alone || (last == 0 && !queue)))
        return;
    char channel[CHANNEL_BYTES], text[32];
    neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
    name_channel(store, channel);
    snprintf(text, sizeof text, "%llu%s%s", (unsigned long long)last, queue ? "q" : "",
             more ? "+" : "");
    neapi_pg_text(&params, neapi_text_of(channel));
    neapi_pg_text(&params, neapi_text_of(text));
    atomic_store(&store->writer_pid, PQbackendPID(session->connection.pg));
    neapi_pg_queue(&session->connection, NEAPI_PG_SQL_TELL, &params);
}

/* ---- Listening ------------------------------------------------------------------------------- */

/* false: there was nothing of somebody else. */
static bool take(neapi_pg_session *session, neapi_told *told)
{
    int own = atomic_load(&neapi_pg_store_of(session)->writer_pid);
    for (PGnotify *each; (each = PQnotifies(session->connection.pg)) != NULL;) {
        uint64_t position = strtoull(each->extra, NULL, 10);
        if (each->be_pid != own) {
            told->more = told->more || strchr(each->extra, '+') != NULL;
            told->queue = told->queue || strchr(each->extra, 'q') != NULL;
            told->position = position > told->position ? position : told->position;
        }
        PQfreemem(each);
    }
    return told->more || told->queue || told->position != 0;
}

static neap_status begin(neapi_pg_session *session, neapi_told *told, neap_error *error)
{
    char channel[CHANNEL_BYTES], sql[CHANNEL_BYTES + 16];
    PGresult *result;
    name_channel(neapi_pg_store_of(session), channel);
    snprintf(sql, sizeof sql, "LISTEN %s", channel);
    neap_status status = neapi_pg_ask_text(&session->connection, sql, NULL, &result, error);
    session->connection.listens = status == NEAP_OK;
    told->more = told->queue = true;
    return status;
}

neap_status neapi_pg_listen(neapi_session *base, int wake, int timeout_ms, neapi_told *told,
                            neap_error *error)
{
    neapi_pg_session *session = neapi_pg_session_of(base);
    neapi_pg_connection *connection = &session->connection;
    if (!connection->listens)
        return begin(session, told, error);
    if (take(session, told))
        return NEAP_OK;
    struct pollfd wanted[] = {{.fd = PQsocket(connection->pg), .events = POLLIN},
                              {.fd = wake, .events = POLLIN}};
    int ready = poll(wanted, 2, timeout_ms);
    if (ready < 0 && errno != EINTR)
        return neapi_fail(error, NEAP_UNAVAILABLE, "%s", strerror(errno));
    if (ready > 0 && wanted[0].revents != 0 && PQconsumeInput(connection->pg) == 0) {
        neapi_pg_fini(connection); /* connected again by who asks next */
        return neapi_fail(error, NEAP_UNAVAILABLE, "the connection was lost");
    }
    take(session, told);
    return NEAP_OK;
}
