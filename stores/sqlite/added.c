#include "added.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/uuid.h"
#include "writer.h"

#define FIRST_CAPACITY 64

void neapi_sqlite_added_fini(neapi_sqlite_added *added)
{
    neapi_free(added->events);
    neapi_free(added->commands);
    neapi_buffer_fini(&added->tags);
    *added = (neapi_sqlite_added){0};
}

void neapi_sqlite_added_clear(neapi_sqlite_added *added)
{
    added->event_count = added->command_count = 0;
}

bool neapi_sqlite_added_event(neapi_sqlite_added *added, neapi_sqlite_new_event event)
{
    if (added->event_count == added->event_capacity) {
        size_t capacity = added->event_capacity != 0 ? added->event_capacity * 2 : FIRST_CAPACITY;
        neapi_sqlite_new_event *wider = neapi_realloc(added->events, capacity * sizeof *wider);
        if (wider == NULL)
            return false;
        added->events = wider;
        added->event_capacity = capacity;
    }
    added->events[added->event_count++] = event;
    return true;
}

bool neapi_sqlite_added_command(neapi_sqlite_added *added, const neapi_command *command)
{
    if (added->command_count == added->command_capacity) {
        size_t capacity =
            added->command_capacity != 0 ? added->command_capacity * 2 : FIRST_CAPACITY;
        const neapi_command **wider = neapi_realloc(added->commands, capacity * sizeof *wider);
        if (wider == NULL)
            return false;
        added->commands = wider;
        added->command_capacity = capacity;
    }
    added->commands[added->command_count++] = command;
    return true;
}

static void answer_text(sqlite3_context *context, neap_text text)
{
    sqlite3_result_text64(context, text.size != 0 ? text.data : "", text.size, SQLITE_STATIC,
                          SQLITE_UTF8);
}

/* An empty one is NULL, as every answer is that is not given. */
static void answer_text_or_null(sqlite3_context *context, neap_text text)
{
    if (text.size != 0)
        answer_text(context, text);
}

static void answer_uuid(sqlite3_context *context, const neap_uuid *uuid)
{
    sqlite3_result_blob(context, uuid->bytes, sizeof uuid->bytes, SQLITE_STATIC);
}

/* One that is the expected is NULL. */
static void answer_uuid_unless(sqlite3_context *context, const neap_uuid *uuid,
                               const neap_uuid *expected)
{
    if (!neapi_uuid_equal(*uuid, *expected))
        answer_uuid(context, uuid);
}

static void answer_tags(sqlite3_context *context, neapi_buffer *buffer, const neap_event *event)
{
    if (event->tag_count == 0)
        return;
    neapi_buffer_clear(buffer);
    neapi_sqlite_tags_write(event->tags, event->tag_count, buffer);
    if (buffer->failed)
        sqlite3_result_error_nomem(context);
    else
        answer_text(context, (neap_text){buffer->data, buffer->size});
}

static size_t count_events(const neapi_sqlite_session *session)
{
    return session->writer->added.event_count;
}

static const neap_uuid no_uuid = {{0}};

/* In the order of the table's columns. */
static void answer_event(neapi_sqlite_session *session, size_t row, int column,
                         sqlite3_context *context)
{
    neapi_sqlite_added *added = &session->writer->added;
    const neapi_sqlite_new_event *new_event = &added->events[row];
    const neap_event *event = new_event->event;
    switch (column) {
    case 0: /* SQLite gives the next by itself, without looking whether it is there. */
        break;
    case 1:
        sqlite3_result_int64(context, new_event->stream);
        break;
    case 2:
        sqlite3_result_int64(context, (int64_t)event->version);
        break;
    case 3:
        sqlite3_result_int64(context, new_event->category);
        break;
    case 4:
        sqlite3_result_int64(context, new_event->type);
        break;
    case 5:
        sqlite3_result_int64(context, event->schema);
        break;
    case 6:
        sqlite3_result_int64(context, event->recorded_at);
        break;
    case 7:
        answer_uuid(context, &event->id);
        break;
    case 8:
        if (new_event->cause != 0)
            sqlite3_result_int64(context, new_event->cause);
        break;
    case 9:
        answer_uuid_unless(context, &event->command_id, &no_uuid);
        break;
    case 10:
        answer_uuid_unless(context, &event->correlation_id, &event->command_id);
        break;
    case 11:
        answer_uuid_unless(context, &event->causation_id, &event->command_id);
        break;
    case 12:
        answer_tags(context, &added->tags, event);
        break;
    case 13:
        answer_text_or_null(context, event->meta);
        break;
    default:
        answer_text(context, event->data);
    }
}

static size_t count_commands(const neapi_sqlite_session *session)
{
    return session->writer->added.command_count;
}

static void answer_command(neapi_sqlite_session *session, size_t row, int column,
                           sqlite3_context *context)
{
    const neapi_command *command = session->writer->added.commands[row];
    switch (column) {
    case 0:
        break;
    case 1:
        answer_uuid(context, &command->id);
        break;
    case 2:
        answer_uuid_unless(context, &command->correlation_id, &command->id);
        break;
    case 3:
        answer_uuid_unless(context, &command->causation_id, &no_uuid);
        break;
    case 4:
        answer_text(context, command->name);
        break;
    case 5:
        sqlite3_result_int64(context, command->recorded_at);
        break;
    case 6:
        answer_text_or_null(context, command->meta);
        break;
    default:
        answer_text_or_null(context, command->data);
    }
}

neap_status neapi_sqlite_added_enable(neapi_sqlite_session *session, neap_error *error)
{
    static const neapi_sqlite_rows events = {
        "neap_events",
        "CREATE TABLE events (position, stream, version, category, type, schema, recorded_at, id, "
        "cause, command_id, correlation_id, causation_id, tags, meta, data)",
        count_events, answer_event};
    static const neapi_sqlite_rows commands = {
        "neap_commands",
        "CREATE TABLE commands (number, id, correlation_id, causation_id, name, recorded_at, meta, "
        "data)",
        count_commands, answer_command};
    neapi_sqlite_added *added = &session->writer->added;
    neap_status status = neapi_sqlite_rows_enable(&added->tables[0], session, &events, error);
    return status == NEAP_OK
               ? neapi_sqlite_rows_enable(&added->tables[1], session, &commands, error)
               : status;
}

/* Inserts the rows, the last of which gets the number if what is known by heart is true. */
static neap_status insert(neapi_sqlite_session *session, neapi_sql sql, int64_t last,
                          neap_error *error)
{
    neapi_query query = neapi_query_begin(&session->connection, sql);
    neap_status status = neapi_query_finish(&query, error);
    if (status == NEAP_OK && sqlite3_last_insert_rowid(session->connection.db) != last)
        return neapi_sqlite_damaged(error, "something is behind number", last);
    return status;
}

neap_status neapi_sqlite_added_write(neapi_sqlite_session *session, neap_error *error)
{
    const neapi_sqlite_added *added = &session->writer->added;
    neap_status status = NEAP_OK;
    if (added->command_count != 0)
        status = insert(session, NEAPI_SQL_COMMANDS_ADD, session->writer->last_command, error);
    if (status == NEAP_OK && added->event_count != 0)
        status = insert(session, NEAPI_SQL_EVENTS_ADD, (int64_t)session->writer->head, error);
    return status;
}
