#include <string.h>

#include "base/error.h"
#include "reader.h"

/* Rows come to a page through a function that SQL calls, neap_take(…): a value that a function is
 * given costs a third of one that is asked for by column, and a row that it is called for without a
 * step a good deal less than a step. It answers 1 when the reading is over, which ends the run.
 *
 * What is known by its place is read through neap_places, a table that lists session->places:
 * SQLite's cursor then goes on from one event to the next. */

typedef enum take_value {
    TAKE_STREAM_NAME,
    TAKE_POSITION,
    TAKE_STREAM,
    TAKE_VERSION,
    TAKE_TYPE,
    TAKE_SCHEMA,
    TAKE_RECORDED_AT,
    TAKE_ID,
    TAKE_COMMAND_ID,
    TAKE_CORRELATION_ID,
    TAKE_CAUSATION_ID,
    TAKE_TAGS,
    TAKE_META,
    TAKE_DATA,
    TAKE_COUNT
} take_value;

typedef struct take_row {
    neapi_reading *reading;
    sqlite3_value **values;
    neap_event event;
} take_row;

static bool is_null(const take_row *row, take_value value)
{
    return sqlite3_value_type(row->values[value]) == SQLITE_NULL;
}

static int64_t integer(const take_row *row, take_value value)
{
    return sqlite3_value_int64(row->values[value]);
}

/* A text read as a blob is not converted, and keeps what is behind a zero byte. data is NULL if
 * SQLite had no memory. */
static neap_text bytes(const take_row *row, take_value value)
{
    sqlite3_value *given = row->values[value];
    if (sqlite3_value_type(given) == SQLITE_NULL)
        return (neap_text){"", 0};
    const char *data = sqlite3_value_blob(given);
    int size = sqlite3_value_bytes(given);
    if (size <= 0)
        return (neap_text){"", 0};
    return (neap_text){data, data != NULL ? (size_t)size : 0};
}

/* An id that may be left out because it is the expected one. */
static bool uuid(const take_row *row, take_value value, neap_uuid expected, neap_uuid *id)
{
    *id = expected;
    neap_text given = bytes(row, value);
    if (given.size == sizeof id->bytes)
        memcpy(id->bytes, given.data, sizeof id->bytes);
    return given.size == sizeof id->bytes || is_null(row, value);
}

static neap_status decode_ids(take_row *row, neap_error *error)
{
    neap_event *event = &row->event;
    neap_uuid none = {{0}};
    if (!is_null(row, TAKE_ID) && uuid(row, TAKE_ID, none, &event->id) &&
        uuid(row, TAKE_COMMAND_ID, none, &event->command_id) &&
        uuid(row, TAKE_CORRELATION_ID, event->command_id, &event->correlation_id) &&
        uuid(row, TAKE_CAUSATION_ID, event->command_id, &event->causation_id))
        return NEAP_OK;
    return neapi_sqlite_damaged(error, "no event can look like the one at",
                                (int64_t)event->position);
}

static neap_status decode_names(take_row *row, neap_error *error)
{
    neapi_sqlite_session *session = row->reading->session;
    neap_event *event = &row->event;
    event->stream = row->reading->source == NEAPI_SQLITE_OF_STREAM ? row->reading->range->stream
                                                                   : bytes(row, TAKE_STREAM_NAME);
    if (event->stream.data == NULL)
        return neapi_nomem(error);
    neap_status status = neapi_sqlite_type_find(&session->types, &session->connection,
                                                integer(row, TAKE_TYPE), &event->type, error);
    if (status == NEAP_OK && (event->type.size == 0 || event->stream.size == 0))
        return neapi_sqlite_damaged(error, "the stream or the type is missing of the event at",
                                    (int64_t)event->position);
    return status;
}

static neap_status decode_tags(take_row *row, neap_error *error)
{
    neapi_sqlite_tags *tags = &row->reading->session->tags;
    if (is_null(row, TAKE_TAGS))
        return NEAP_OK;
    neap_text text = bytes(row, TAKE_TAGS);
    if (text.data == NULL)
        return neapi_nomem(error);
    neap_status status = neapi_sqlite_tags_read(tags, text, error);
    if (status == NEAP_CORRUPT)
        return neapi_sqlite_damaged(error, "the tags are damaged of the event at",
                                    (int64_t)row->event.position);
    row->event.tags = tags->items;
    row->event.tag_count = tags->count;
    return status;
}

/* The row as an event, whose texts are borrowed until it is left. */
static neap_status decode(take_row *row, neap_error *error)
{
    int64_t position = integer(row, TAKE_POSITION), version = integer(row, TAKE_VERSION);
    int64_t schema = integer(row, TAKE_SCHEMA);
    row->event = (neap_event){
        .position = (uint64_t)position,
        .version = (uint64_t)version,
        .recorded_at = integer(row, TAKE_RECORDED_AT),
        .schema = (uint32_t)schema,
        .data = bytes(row, TAKE_DATA),
        .meta = bytes(row, TAKE_META),
    };
    if (row->event.data.data == NULL || row->event.meta.data == NULL)
        return neapi_nomem(error);
    neap_status status = decode_names(row, error);
    if (status == NEAP_OK && (position <= 0 || version <= 0 || schema <= 0 || schema > UINT32_MAX))
        return neapi_sqlite_damaged(error, "no event can look like the one at", position);
    if (status == NEAP_OK)
        status = decode_ids(row, error);
    return status == NEAP_OK ? decode_tags(row, error) : status;
}

/* Whether the place leads to an event, and to the right one. */
static neap_status check_place(const take_row *row, neap_error *error)
{
    const neapi_reading *reading = row->reading;
    const neapi_sqlite_place *place = reading->place;
    if (place == NULL ||
        (!is_null(row, TAKE_POSITION) && (reading->source != NEAPI_SQLITE_OF_STREAM ||
                                          (integer(row, TAKE_STREAM) == reading->id &&
                                           integer(row, TAKE_VERSION) == place->number))))
        return NEAP_OK;
    return neapi_sqlite_damaged(error,
                                reading->range->tag_count != 0
                                    ? "tags lead to an event that is not there, at"
                                    : "its index leads to an event that is not there, at",
                                place->position);
}

/* Puts the event on the page, unless that is full. */
static neap_status put(take_row *row, neap_error *error)
{
    neapi_reading *reading = row->reading;
    const neapi_range *range = reading->range;
    const neap_event *event = &row->event;
    neapi_page *page = reading->page;
    size_t size = event->data.size + event->meta.size;
    reading->full =
        page->count == range->max_events ||
        (page->count != 0 && (size > range->max_bytes || page->bytes > range->max_bytes - size));
    if (reading->full) {
        page->next = reading->source == NEAPI_SQLITE_OF_STREAM ? event->version : event->position;
        return NEAP_OK;
    }
    return neapi_page_add(page, event) ? NEAP_OK : neapi_nomem(error);
}

static void take(sqlite3_context *context, int count, sqlite3_value **values)
{
    neapi_sqlite_session *session = sqlite3_user_data(context);
    neapi_reading *reading = session->reading;
    take_row row = {.reading = reading, .values = values};
    if (reading == NULL || count != TAKE_COUNT)
        return;
    reading->status = check_place(&row, reading->error);
    if (reading->status == NEAP_OK)
        reading->status = decode(&row, reading->error);
    if (reading->status == NEAP_OK)
        reading->status = put(&row, reading->error);
    sqlite3_result_int(context, reading->status != NEAP_OK || reading->full);
}

neap_status neapi_reading_run(neapi_reading *reading, neapi_query *query, neap_error *error)
{
    bool row;
    reading->status = NEAP_OK;
    reading->error = error;
    neap_status status = neapi_query_step(query, &row, error);
    neapi_query_end(query);
    return status == NEAP_OK ? reading->status : status;
}

neap_status neapi_reading_take_places(neapi_reading *reading, neap_error *error)
{
    static const neapi_sql statements[2][2] = {
        {NEAPI_SQL_PLACES, NEAPI_SQL_PLACES_WANTED},
        {NEAPI_SQL_STREAM_PLACES, NEAPI_SQL_STREAM_PLACES_WANTED}};
    bool wanted = reading->range->type_count != 0 && reading->range->tag_count == 0;
    neapi_query query = neapi_query_begin(
        &reading->session->connection,
        statements[reading->source == NEAPI_SQLITE_OF_STREAM ? 1 : 0][wanted ? 1 : 0]);
    neap_status status = neapi_reading_run(reading, &query, error);
    reading->place = NULL;
    return status;
}

static size_t count_places(const neapi_sqlite_session *session)
{
    return session->reading != NULL ? session->place_count : 0;
}

static void answer_place(neapi_sqlite_session *session, size_t row, int column,
                         sqlite3_context *context)
{
    (void)column;
    session->reading->place = &session->places[row];
    sqlite3_result_int64(context, session->places[row].position);
}

neap_status neapi_reading_enable(neapi_sqlite_session *session, neap_error *error)
{
    static const neapi_sqlite_rows places = {
        "neap_places", "CREATE TABLE places (position INTEGER)", count_places, answer_place};
    int code = sqlite3_create_function_v2(session->connection.db, "neap_take", TAKE_COUNT,
                                          SQLITE_UTF8 | SQLITE_DIRECTONLY, session, take, NULL,
                                          NULL, NULL);
    if (code != SQLITE_OK)
        return neapi_connection_fail(&session->connection, code, error);
    return neapi_sqlite_rows_enable(&session->places_table, session, &places, error);
}
