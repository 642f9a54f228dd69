#include "places.h"

#include "base/error.h"

/* The first column of the statement's one row; 0 if there is none. */
static neap_status ask(neapi_query *query, int64_t *number, neap_error *error)
{
    bool row;
    *number = 0;
    neap_status status = neapi_query_step(query, &row, error);
    if (status != NEAP_OK || !row)
        return status;
    *number = neapi_query_column_integer(query, 0);
    neapi_query_end(query);
    return NEAP_OK;
}

neap_status neapi_sqlite_head(neapi_session *base, uint64_t *position, neap_error *error)
{
    int64_t head;
    neapi_query query =
        neapi_query_begin(&neapi_sqlite_session_of(base)->connection, NEAPI_SQL_HEAD);
    neap_status status = ask(&query, &head, error);
    if (status == NEAP_OK && head < 0)
        return neapi_sqlite_damaged(error, "an event has the number", head);
    if (status == NEAP_OK)
        *position = (uint64_t)head;
    return status;
}

static neap_status find_stream_head(neapi_sqlite_session *session, neap_text stream,
                                    int64_t *version, int64_t *position, neap_error *error)
{
    int64_t id;
    neapi_query query = neapi_query_begin(&session->connection, NEAPI_SQL_STREAM_ID);
    neapi_query_text(&query, stream);
    neap_status status = ask(&query, &id, error);
    *version = *position = 0;
    if (status != NEAP_OK || id == 0)
        return status;
    status = neapi_sqlite_tail_follow(&session->tail, &session->connection, error);
    if (status == NEAP_OK)
        status = neapi_sqlite_stream_end(session, id, version, position, error);
    if (status == NEAP_OK && (*version < 0 || *position < 0))
        return neapi_sqlite_damaged(error, "an event has the number",
                                    *version < 0 ? *version : *position);
    return status;
}

neap_status neapi_sqlite_stream_head(neapi_session *base, neap_text stream, uint64_t *version,
                                     uint64_t *position, neap_error *error)
{
    neapi_sqlite_session *session = neapi_sqlite_session_of(base);
    neapi_connection *connection = &session->connection;
    int64_t numbers[2];
    neap_status status = neapi_query_begin_transaction(connection, NEAPI_SQL_BEGIN_READING, error);
    if (status != NEAP_OK)
        return status;
    status = find_stream_head(session, stream, &numbers[0], &numbers[1], error);
    if (status == NEAP_OK) {
        neapi_query end = neapi_query_begin(connection, NEAPI_SQL_COMMIT);
        status = neapi_query_finish(&end, error);
    }
    if (status != NEAP_OK) {
        neapi_query_rollback(connection);
        return status;
    }
    *version = (uint64_t)numbers[0];
    *position = (uint64_t)numbers[1];
    return NEAP_OK;
}

neap_status neapi_sqlite_read_key(const neapi_query *query, neapi_arena *arena, neapi_key *key,
                                  neap_error *error)
{
    key->hash = (uint64_t)neapi_query_column_integer(query, 1);
    key->expires_at = neapi_query_column_integer(query, 3);
    key->version = (uint64_t)neapi_query_column_integer(query, 6);
    key->position = (uint64_t)neapi_query_column_integer(query, 7);
    if (!neapi_query_column_uuid(query, 2, &key->command_id))
        return neapi_fail(error, NEAP_CORRUPT, "the store is damaged: a key has no command");
    neap_status status = neapi_query_column_copy(query, 0, arena, &key->key, error);
    if (status == NEAP_OK)
        status = neapi_query_column_copy(query, 4, arena, &key->stream, error);
    if (status == NEAP_OK)
        status = neapi_query_column_copy(query, 5, arena, &key->types, error);
    return status;
}

neap_status neapi_sqlite_find_key(neapi_session *base, neap_text key, int64_t now_us,
                                  neapi_arena *arena, neapi_key *result, bool *found,
                                  neap_error *error)
{
    bool row;
    neapi_key read = {0};
    neapi_query query =
        neapi_query_begin(&neapi_sqlite_session_of(base)->connection, NEAPI_SQL_KEY_FIND);
    neapi_query_text(&query, key);
    neapi_query_integer(&query, now_us);
    neap_status status = neapi_query_step(&query, &row, error);
    if (status == NEAP_OK && row)
        status = neapi_sqlite_read_key(&query, arena, &read, error);
    neapi_query_end(&query);
    if (status != NEAP_OK)
        return status;
    if (row)
        *result = read;
    *found = row;
    return NEAP_OK;
}

neap_status neapi_sqlite_find_snapshot(neapi_session *base, neap_text name, uint64_t max_version,
                                       neap_text fingerprint, neapi_arena *arena,
                                       neapi_snapshot *result, bool *found, neap_error *error)
{
    bool row;
    neapi_snapshot read = {0};
    neapi_query query =
        neapi_query_begin(&neapi_sqlite_session_of(base)->connection, NEAPI_SQL_SNAPSHOT_FIND);
    neapi_query_text(&query, name);
    neapi_query_integer(&query, max_version > INT64_MAX ? INT64_MAX : (int64_t)max_version);
    neapi_query_text(&query, fingerprint);
    neap_status status = neapi_query_step(&query, &row, error);
    if (status == NEAP_OK && row) {
        read.version = (uint64_t)neapi_query_column_integer(&query, 0);
        read.keep = (uint32_t)neapi_query_column_integer(&query, 3);
        status = neapi_query_column_copy(&query, 1, arena, &read.fingerprint, error);
        if (status == NEAP_OK)
            status = neapi_query_column_copy(&query, 2, arena, &read.state, error);
    }
    neapi_query_end(&query);
    if (status == NEAP_OK && row) {
        read.name = neapi_arena_text(arena, name);
        status = read.name.data != NULL ? NEAP_OK : neapi_nomem(error);
    }
    if (status != NEAP_OK)
        return status;
    if (row)
        *result = read;
    *found = row;
    return NEAP_OK;
}

/* Fills the command from its row. */
static neap_status read_command(const neapi_query *query, neapi_arena *arena,
                                neapi_command *command, neap_error *error)
{
    bool valid = neapi_query_column_uuid(query, 0, &command->id);
    command->correlation_id = command->id;
    if (!neapi_query_column_null(query, 1))
        valid = valid && neapi_query_column_uuid(query, 1, &command->correlation_id);
    if (!neapi_query_column_null(query, 2))
        valid = valid && neapi_query_column_uuid(query, 2, &command->causation_id);
    command->recorded_at = neapi_query_column_integer(query, 3);
    if (!valid)
        return neapi_fail(error, NEAP_CORRUPT, "the store is damaged: a command has no id");
    neap_status status = neapi_query_column_copy(query, 4, arena, &command->name, error);
    if (status == NEAP_OK)
        status = neapi_query_column_copy(query, 5, arena, &command->data, error);
    if (status == NEAP_OK)
        status = neapi_query_column_copy(query, 6, arena, &command->meta, error);
    return status;
}

neap_status neapi_sqlite_find_command(neapi_session *base, uint64_t position, neapi_arena *arena,
                                      neapi_command *result, bool *found, neap_error *error)
{
    bool row;
    neapi_command read = {0};
    neapi_query query =
        neapi_query_begin(&neapi_sqlite_session_of(base)->connection, NEAPI_SQL_COMMAND_OF_EVENT);
    neapi_query_integer(&query, position > INT64_MAX ? INT64_MAX : (int64_t)position);
    neap_status status = neapi_query_step(&query, &row, error);
    if (status == NEAP_OK && row)
        status = read_command(&query, arena, &read, error);
    neapi_query_end(&query);
    if (status != NEAP_OK)
        return status;
    if (row)
        *result = read;
    *found = row;
    return NEAP_OK;
}
