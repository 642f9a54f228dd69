#include "guess.h"

/* Known by what was committed here; and who appends the first event of a stream finds out by that,
 * as versions are unique. */
static bool guess_version(neapi_pg_session *session, const neapi_op *op)
{
    bool appends = op->kind == NEAPI_OP_APPEND;
    if (!appends && op->kind != NEAPI_OP_EXPECT)
        return true;
    neap_text name = appends ? op->append.stream : op->expect.stream;
    neapi_pg_stream *stream = neapi_pg_batch_stream(session->batch, name);
    if (stream->guess != NEAPI_PG_NO_GUESS)
        return true;
    if (neapi_pg_seen_version(&neapi_pg_store_of(session)->seen, name, &stream->version)) {
        stream->guess = NEAPI_PG_GUESS_SEEN;
        return true;
    }
    stream->guess = NEAPI_PG_GUESS_NEW;
    return appends && op->append.expected == 0;
}

static bool guess_versions(neapi_pg_session *session, neapi_unit *const *units, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t n = 0; n < units[i]->op_count; n++)
            if (!guess_version(session, &units[i]->ops[n]))
                return false;
    return true;
}

/* Keys are new, or their insert fails. What is asked about documents only the database can say. */
static bool guess_others(neapi_pg_batch *batch)
{
    if (batch->collections != NULL || batch->has_sql)
        return false;
    for (const neapi_pg_document *each = batch->documents; each != NULL; each = each->next)
        if (each->asked)
            return false;
    for (const neapi_pg_condition *each = batch->conditions; each != NULL; each = each->next)
        if (each->condition->after < batch->head)
            return false;
    batch->next_condition = batch->conditions;
    return true;
}

bool neapi_pg_guess(neapi_pg_session *session, neapi_unit *const *units, size_t count,
                    int64_t now_us)
{
    const neapi_pg_store *store = neapi_pg_store_of(session);
    neapi_pg_batch *batch = session->batch;
    if (!atomic_load(&store->base.alone) ||
        !neapi_pg_seen_here(&store->seen, &session->connection) ||
        !neapi_pg_is_quiet(&session->connection) || !neapi_pg_batch_gather(batch, units, count))
        return false;
    batch->guessed = true;
    batch->now_us = now_us;
    batch->head = atomic_load(&store->seen.position);
    return guess_others(batch) && guess_versions(session, units, count);
}

bool neapi_pg_guess_shows(const neapi_pg_session *session)
{
    const neapi_pg_batch *batch = session->batch;
    for (const neapi_pg_stream *each = batch->streams; each != NULL; each = each->next)
        if (each->guess == NEAPI_PG_GUESS_NEW && each->version == 0)
            return false;
    for (const neapi_pg_key *each = batch->keys; each != NULL; each = each->next)
        if (each->expires_at == 0) /* refused with its unit, so nothing says that it is new */
            return false;
    return batch->head > atomic_load(&neapi_pg_store_of(session)->seen.position);
}
