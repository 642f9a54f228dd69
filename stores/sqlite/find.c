#include "sqlite.h"

#include "base/error.h"

/* Runs a statement that answers one row of two numbers, or none: 0. */
static neap_status ask_two(neapi_query *query, uint64_t *first, uint64_t *second, neap_error *error)
{
    bool row;
    int64_t numbers[2] = {0, 0};
    neap_status status = neapi_query_step(query, &row, error);
    if (status != NEAP_OK)
        return status;
    if (row) {
        numbers[0] = neapi_query_column_integer(query, 0);
        numbers[1] = second != NULL ? neapi_query_column_integer(query, 1) : 0;
        neapi_query_end(query);
    }
    if (numbers[0] < 0 || numbers[1] < 0)
        return neapi_sqlite_damaged(error, "an event has the number",
                                    numbers[0] < 0 ? numbers[0] : numbers[1]);
    *first = (uint64_t)numbers[0];
    if (second != NULL)
        *second = (uint64_t)numbers[1];
    return NEAP_OK;
}

neap_status neapi_sqlite_head(neapi_session *base, uint64_t *position, neap_error *error)
{
    neapi_query query =
        neapi_query_begin(&neapi_sqlite_session_of(base)->connection, NEAPI_SQL_HEAD);
    return ask_two(&query, position, NULL, error);
}

neap_status neapi_sqlite_stream_head(neapi_session *base, neap_text stream, uint64_t *version,
                                     uint64_t *position, neap_error *error)
{
    neapi_query query =
        neapi_query_begin(&neapi_sqlite_session_of(base)->connection, NEAPI_SQL_STREAM_HEAD);
    neapi_query_text(&query, stream);
    return ask_two(&query, version, position, error);
}

/* Fills the key from its row. */
static neap_status read_key(const neapi_query *query, neapi_arena *arena, neapi_key *key,
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
        status = read_key(&query, arena, &read, error);
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
