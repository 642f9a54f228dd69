#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "outgoing.h"
#include "rows.h"

/* A batch is two questions to the server. The first begins a transaction, takes the lock that every
 * writer takes, and reads what the batch is about; the second writes what was accepted, and
 * commits. As the first has been answered when the second is sent, the lock is held by whoever may
 * commit: who gets it later, with another connection, knows what became of the batch, by its last
 * event, or, if it has none, by its number, which is then noted under its writer's id. */

static neap_status reserve(neapi_pg_store *store, size_t count, neap_error *error)
{
    if (count <= store->verdict_capacity)
        return NEAP_OK;
    neapi_verdict *verdicts = neapi_realloc(store->verdicts, count * sizeof *verdicts);
    if (verdicts == NULL)
        return neapi_nomem(error);
    store->verdicts = verdicts;
    store->verdict_capacity = count;
    return NEAP_OK;
}

/* What was idle may have been lost long ago: nothing is begun yet, so that it can be tried anew. */
static neap_status load(neapi_pg_session *session, neapi_unit *const *units, size_t count,
                        int64_t now_us, neap_error *error)
{
    neapi_pg_connection *connection = &session->connection;
    bool again = connection->pg != NULL;
    neap_status status;
    do {
        status = neapi_pg_begin(connection, error);
        if (status == NEAP_OK)
            status = neapi_pg_batch_load(session, units, count, now_us, error);
    } while (status != NEAP_OK && connection->lost && again && !(again = false));
    return status;
}

static neap_status judge(neapi_pg_session *session, neapi_unit *const *units, size_t count,
                         neap_error *error)
{
    neapi_pg_store *store = neapi_pg_store_of(session);
    for (size_t i = 0; i < count; i++) {
        neap_status status = neapi_pg_judge(session, units[i], error);
        if (status != NEAP_OK)
            return status;
        store->verdicts[i] = units[i]->verdict;
    }
    return NEAP_OK;
}

/* NULL: none of the accepted units has an event. */
static const neap_event *last_event(const neapi_pg_store *store, neapi_unit *const *units,
                                    size_t count)
{
    while (count-- > 0) {
        const neapi_unit *unit = units[count];
        for (size_t i = 0; store->verdicts[count].status == NEAP_OK && i < unit->event_count; i++)
            if (unit->events[i].position == store->verdicts[count].last_position)
                return &unit->events[i];
    }
    return NULL;
}

/* Sees to it that the batch can be found again. */
static void queue_mark(neapi_pg_session *session, neapi_unit *const *units, size_t count)
{
    neapi_pg_store *store = neapi_pg_store_of(session);
    const neap_event *last = last_event(store, units, count);
    store->last_position = last != NULL ? last->position : 0;
    if (last != NULL) {
        store->last_id = last->id;
        return;
    }
    neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
    neapi_pg_uuid(&params, &store->writer);
    neapi_pg_integer(&params, store->batch);
    neapi_pg_queue(&session->connection, NEAPI_PG_SQL_WRITER_NOTE, &params);
}

/* *sent: the commit is on its way. */
static neap_status write_batch(neapi_pg_session *session, neapi_unit *const *units, size_t count,
                               bool *sent, neap_error *error)
{
    neapi_pg_connection *connection = &session->connection;
    neap_status status = neapi_pg_go_on(connection, error);
    if (status == NEAP_OK && session->batch->writes)
        status = neapi_pg_outgoing_queue(session, units, count, error);
    if (status != NEAP_OK)
        return status;
    if (session->batch->writes) {
        queue_mark(session, units, count);
        neapi_pg_tell(session, units, count);
    }
    neapi_pg_queue(connection, NEAPI_PG_SQL_COMMIT, NULL);
    *sent = session->batch->writes;
    return neapi_pg_run(connection, error);
}

static void answer(neapi_pg_store *store, neapi_unit *const *units, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const neapi_verdict *verdict = &store->verdicts[i];
        if (verdict->status == NEAP_OK)
            neapi_unit_accept(units[i], verdict->first_position, verdict->last_position);
        else
            neapi_unit_refuse(units[i], verdict->status, verdict->op, verdict->actual);
    }
    neapi_pg_seen_units(&store->seen, units, count);
}

neap_status neapi_pg_commit(neapi_session *base, neapi_unit *const *units, size_t count,
                            int64_t now_us, neapi_outcome *outcome, neap_error *error)
{
    neapi_pg_session *session = neapi_pg_session_of(base);
    neapi_pg_store *store = neapi_pg_store_of(session);
    bool sent = false;
    if (store->unknown)
        return neapi_fail(error, NEAP_USAGE, "the batch before is still to be resolved");
    neap_status status = reserve(store, count, error);
    if (status == NEAP_OK)
        status = load(session, units, count, now_us, error);
    if (status == NEAP_OK)
        status = judge(session, units, count, error);
    if (status == NEAP_OK) {
        store->batch++;
        status = write_batch(session, units, count, &sent, error);
    }
    if (status == NEAP_OK) {
        answer(store, units, count);
        return NEAP_OK;
    }
    store->unknown = sent && session->connection.lost;
    *outcome = store->unknown ? NEAPI_OUTCOME_UNKNOWN : NEAPI_OUTCOME_NONE;
    neapi_pg_rollback(&session->connection);
    for (size_t i = 0; i < count; i++)
        units[i]->verdict = (neapi_verdict){0};
    return status;
}

static void queue_question(neapi_pg_session *session)
{
    const neapi_pg_store *store = neapi_pg_store_of(session);
    neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
    if (store->last_position != 0) {
        neapi_pg_integer(&params, (int64_t)store->last_position);
        neapi_pg_queue(&session->connection, NEAPI_PG_SQL_EVENT_ID, &params);
    } else {
        neapi_pg_uuid(&params, &store->writer);
        neapi_pg_queue(&session->connection, NEAPI_PG_SQL_WRITER_BATCH, &params);
    }
}

static bool answers_yes(const neapi_pg_store *store, const PGresult *row)
{
    if (PQntuples(row) != 1)
        return false;
    if (store->last_position == 0)
        return neapi_pg_get_integer(row, 0, 0) == store->batch;
    neap_uuid id = neapi_pg_get_uuid(row, 0, 0);
    return memcmp(&id, &store->last_id, sizeof id) == 0;
}

neap_status neapi_pg_resolve(neapi_session *base, neapi_unit *const *units, size_t count,
                             bool *durable, neap_error *error)
{
    neapi_pg_session *session = neapi_pg_session_of(base);
    neapi_pg_connection *connection = &session->connection;
    neapi_pg_store *store = neapi_pg_store_of(session);
    if (!store->unknown)
        return neapi_fail(error, NEAP_USAGE, "no batch is to be resolved");
    neap_status status = neapi_pg_begin(connection, error);
    if (status != NEAP_OK)
        return status;
    neapi_pg_params lock = NEAPI_PG_PARAMS_INIT;
    neapi_pg_text(&lock, neapi_text_of(store->target.schema));
    neapi_pg_queue(connection, NEAPI_PG_SQL_BEGIN, NULL);
    neapi_pg_queue(connection, NEAPI_PG_SQL_LOCK, &lock);
    queue_question(session);
    neapi_pg_queue(connection, NEAPI_PG_SQL_COMMIT, NULL);
    status = neapi_pg_run(connection, error);
    if (status != NEAP_OK) {
        neapi_pg_rollback(connection);
        return status;
    }
    *durable = answers_yes(store, neapi_pg_result(connection, 2));
    store->unknown = false;
    if (*durable)
        answer(store, units, count);
    return NEAP_OK;
}
