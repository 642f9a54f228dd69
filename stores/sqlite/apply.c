#include "tags.h"
#include "writer.h"

#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"

/* Gives the events their places. */
static neap_status place_events(neapi_sqlite_session *session, neapi_unit *unit,
                                neapi_verdict *verdict, neap_error *error)
{
    neapi_sqlite_writer *writer = session->writer;
    for (size_t i = 0; i < unit->op_count; i++) {
        if (unit->ops[i].kind != NEAPI_OP_APPEND)
            continue;
        neapi_sqlite_name *stream;
        neap_status status =
            neapi_sqlite_stream(session, unit->ops[i].append.stream, &stream, error);
        if (status != NEAP_OK)
            return status;
        for (size_t n = 0; n < unit->ops[i].append.count; n++) {
            neap_event *event = &unit->events[unit->ops[i].append.first + n];
            event->position = ++writer->head;
            event->version = ++stream->version;
            if (verdict->first_position == 0)
                verdict->first_position = event->position;
            verdict->last_position = event->position;
        }
    }
    return NEAP_OK;
}

/* The number of the unit's command, 0 if it has none. A command without events is not kept: nothing
 * would lead to it. */
static neap_status write_cause(neapi_sqlite_session *session, const neapi_unit *unit,
                               int64_t *number, neap_error *error)
{
    neapi_sqlite_writer *writer = session->writer;
    *number = 0;
    for (size_t i = 0; i < unit->op_count && unit->event_count != 0; i++) {
        if (unit->ops[i].kind != NEAPI_OP_COMMAND)
            continue;
        *number = ++writer->last_command;
        writer->wrote = true;
        return neapi_sqlite_added_command(&writer->added, &unit->ops[i].command)
                   ? NEAP_OK
                   : neapi_nomem(error);
    }
    return NEAP_OK;
}

static neap_status write_tag(neapi_sqlite_session *session, neap_text tag, uint64_t position,
                             int64_t type, neap_error *error)
{
    neapi_sqlite_name *name;
    neap_status status = neapi_sqlite_tag_make(session, tag, &name, error);
    if (status != NEAP_OK)
        return status;
    neapi_query query = neapi_query_begin(&session->connection, NEAPI_SQL_EVENT_TAG_ADD);
    neapi_query_integer(&query, name->id);
    neapi_query_integer(&query, (int64_t)position);
    neapi_query_integer(&query, type);
    name->last = position;
    return neapi_query_finish(&query, error);
}

static neap_status write_event(neapi_sqlite_session *session, const neapi_sqlite_name *stream,
                               const neap_event *event, int64_t cause, neap_error *error)
{
    int64_t type;
    neap_status status = neapi_sqlite_type_make(session, event->type, &type, error);
    if (status != NEAP_OK)
        return status;
    session->writer->wrote = true;
    const neapi_sqlite_tail_event place = {.position = (int64_t)event->position,
                                           .version = (int64_t)event->version,
                                           .stream = stream->id,
                                           .category = stream->category};
    const neapi_sqlite_new_event added = {event, stream->id, stream->category, type, cause};
    if (!neapi_sqlite_tail_add(&session->tail, place) ||
        !neapi_sqlite_added_event(&session->writer->added, added))
        return neapi_nomem(error);
    for (uint32_t i = 0; i < event->tag_count && status == NEAP_OK; i++)
        status = write_tag(session, event->tags[i], event->position, type, error);
    return status;
}

static neap_status write_events(neapi_sqlite_session *session, const neapi_unit *unit,
                                const neapi_op *op, int64_t cause, neap_error *error)
{
    neapi_sqlite_name *stream;
    neap_status status = neapi_sqlite_stream_make(session, op->append.stream, &stream, error);
    for (size_t i = 0; i < op->append.count && status == NEAP_OK; i++)
        status = write_event(session, stream, &unit->events[op->append.first + i], cause, error);
    return status;
}

/* The key gets the receipt: the unit's last position, and the version of the key's own stream. */
static neap_status write_key(neapi_sqlite_session *session, const neapi_unit *unit, neapi_key *key,
                             const neapi_verdict *verdict, neap_error *error)
{
    if (verdict->last_position != 0)
        key->position = verdict->last_position;
    for (size_t i = 0; i < unit->event_count; i++)
        if (neapi_text_equal(unit->events[i].stream, key->stream))
            key->version = unit->events[i].version;
    neapi_query query = neapi_query_begin(&session->connection, NEAPI_SQL_KEY_ADD);
    neapi_query_text(&query, key->key);
    neapi_query_integer(&query, (int64_t)key->hash);
    neapi_query_blob(&query, key->command_id.bytes, sizeof key->command_id.bytes);
    neapi_query_integer(&query, key->expires_at);
    neapi_query_text(&query, key->stream);
    neapi_query_text(&query, key->types);
    neapi_query_integer(&query, (int64_t)key->version);
    neapi_query_integer(&query, (int64_t)key->position);
    session->writer->wrote = true;
    return neapi_query_finish(&query, error);
}

static neap_status write_snapshot(neapi_sqlite_session *session, const neapi_snapshot *snapshot,
                                  neap_error *error)
{
    neapi_query query = neapi_query_begin(&session->connection, NEAPI_SQL_SNAPSHOT_ADD);
    neapi_query_text(&query, snapshot->name);
    neapi_query_integer(&query, (int64_t)snapshot->version);
    neapi_query_text(&query, snapshot->fingerprint);
    neapi_query_blob(&query, snapshot->state.data, snapshot->state.size);
    neapi_query_integer(&query, snapshot->keep);
    session->writer->wrote = true;
    neap_status status = neapi_query_finish(&query, error);
    if (status != NEAP_OK)
        return status;
    query = neapi_query_begin(&session->connection, NEAPI_SQL_SNAPSHOT_TRIM);
    neapi_query_text(&query, snapshot->name);
    neapi_query_integer(&query, snapshot->keep);
    return neapi_query_finish(&query, error);
}

neap_status neapi_sqlite_apply(neapi_sqlite_session *session, neapi_unit *unit,
                               neapi_verdict *verdict, neap_error *error)
{
    int64_t cause = 0;
    neap_status status = place_events(session, unit, verdict, error);
    if (status == NEAP_OK)
        status = write_cause(session, unit, &cause, error);
    for (size_t i = 0; i < unit->op_count && status == NEAP_OK; i++) {
        neapi_op *op = &unit->ops[i];
        if (op->kind == NEAPI_OP_APPEND)
            status = write_events(session, unit, op, cause, error);
        else if (op->kind == NEAPI_OP_KEY)
            status = write_key(session, unit, &op->key, verdict, error);
        else if (op->kind == NEAPI_OP_SNAPSHOT)
            status = write_snapshot(session, &op->snapshot, error);
    }
    if (status == NEAP_OK && !neapi_sqlite_documents_accept(&session->writer->documents))
        return neapi_nomem(error);
    return status;
}
