#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "guess.h"
#include "outgoing.h"
#include "rows.h"

/* A batch is two questions to the server. The first begins a transaction, takes the lock that every
 * writer takes, and reads what the batch is about; the second writes what was accepted, and
 * commits. As the first has been answered when the second is sent, the lock is held by whoever may
 * commit: who gets it later, with another connection, knows what became of the batch, by its last
 * event, or, if it has none, by its number, which is then noted under its writer's id.
 *
 * Where nobody else writes, what would be read is known, and the batch is one question: behind the
 * lock stands a guard, which fails if somebody has appended after all, and takes all behind it with
 * it; then the batch is asked for as ever. One that is lost may be read by the server later than
 * whoever asks what became of it: who finds it not there notes its number, and the guard lets no
 * batch pass whose number is noted. */

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

static void queue_note(neapi_pg_session *session)
{
    const neapi_pg_store *store = neapi_pg_store_of(session);
    neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
    neapi_pg_uuid(&params, &store->writer);
    neapi_pg_integer(&params, store->batch);
    neapi_pg_queue(&session->connection, NEAPI_PG_SQL_WRITER_NOTE, &params);
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
    queue_note(session);
}

/* *sent: the commit is on its way. */
static neap_status write_batch(neapi_pg_session *session, neapi_unit *const *units, size_t count,
                               bool *sent, neap_error *error)
{
    neapi_pg_connection *connection = &session->connection;
    neap_status status = NEAP_OK;
    if (session->batch->writes)
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

/* Reads, judges, writes. */
static neap_status commit_in_turn(neapi_pg_session *session, neapi_unit *const *units, size_t count,
                                  int64_t now_us, bool *sent, neap_error *error)
{
    neapi_pg_store *store = neapi_pg_store_of(session);
    neap_status status = load(session, units, count, now_us, error);
    if (status == NEAP_OK)
        status = judge(session, units, count, error);
    if (status != NEAP_OK)
        return status;
    store->batch++;
    store->at_once = false;
    status = neapi_pg_go_on(&session->connection, error);
    return status == NEAP_OK ? write_batch(session, units, count, sent, error) : status;
}

static neap_status queue_guard(neapi_pg_session *session, neap_error *error)
{
    neapi_pg_connection *connection = &session->connection;
    const neapi_pg_store *store = neapi_pg_store_of(session);
    neapi_pg_params lock = NEAPI_PG_PARAMS_INIT, guard = NEAPI_PG_PARAMS_INIT;
    neapi_pg_text(&lock, neapi_text_of(store->target.schema));
    neapi_pg_integer(&guard, (int64_t)atomic_load(&store->seen.position));
    neapi_pg_uuid(&guard, &store->seen.id);
    neapi_pg_uuid(&guard, &store->writer);
    neapi_pg_integer(&guard, store->batch);
    neap_status status = neapi_pg_begin(connection, error);
    if (status != NEAP_OK)
        return status;
    neapi_pg_queue(connection, NEAPI_PG_SQL_BEGIN, NULL);
    neapi_pg_queue(connection, NEAPI_PG_SQL_LOCK, &lock);
    neapi_pg_queue(connection, NEAPI_PG_SQL_GUARD, &guard);
    return NEAP_OK;
}

/* The guard divides by zero; and the first event of a stream may be there. */
static bool was_wrong(const neapi_pg_connection *connection)
{
    return !connection->lost &&
           (strcmp(connection->state, "22012") == 0 || strcmp(connection->state, "23505") == 0);
}

/* *done: false, nothing was; it is to be committed in turn. */
static neap_status commit_at_once(neapi_pg_session *session, neapi_unit *const *units, size_t count,
                                  int64_t now_us, bool *done, bool *sent, neap_error *error)
{
    neapi_pg_store *store = neapi_pg_store_of(session);
    *done = false;
    if (!neapi_pg_guess(session, units, count, now_us))
        return NEAP_OK;
    neap_status status = judge(session, units, count, error);
    if (status != NEAP_OK || !neapi_pg_guess_shows(session))
        return status;
    store->batch++;
    store->at_once = true;
    status = queue_guard(session, error);
    if (status == NEAP_OK)
        status = write_batch(session, units, count, sent, error);
    *done = status == NEAP_OK;
    if (status == NEAP_OK || !was_wrong(&session->connection))
        return status;
    neapi_pg_rollback(&session->connection);
    *sent = false;
    return NEAP_OK;
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
    bool sent = false, done = false;
    if (store->unknown)
        return neapi_fail(error, NEAP_USAGE, "the batch before is still to be resolved");
    neap_status status = reserve(store, count, error);
    if (status == NEAP_OK)
        status = commit_at_once(session, units, count, now_us, &done, &sent, error);
    if (status == NEAP_OK && !done)
        status = commit_in_turn(session, units, count, now_us, &sent, error);
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
    if (store->at_once) {
        queue_note(session);
        store->fenced = true;
    }
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
