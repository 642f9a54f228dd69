#include "reader.h"

#include "base/error.h"
#include "base/text.h"

/* With a filter by types most of what lies in the range may be unwanted. One reading looks at so
 * many numbers at most, in so many pieces, before it gives back what it has: a page may be empty
 * without being the last, but no transaction is long. */
#define PIECE  16384
#define PIECES 8

static int64_t clamped(uint64_t number)
{
    return number > INT64_MAX ? INT64_MAX : (int64_t)number;
}

/* The first column of the statement's one row; 0 if there is none. */
static neap_status ask(neapi_query *query, int64_t *answer, neap_error *error)
{
    bool row;
    *answer = 0;
    neap_status status = neapi_query_step(query, &row, error);
    if (status == NEAP_OK && row) {
        *answer = neapi_query_column_integer(query, 0);
        neapi_query_end(query);
    }
    return status;
}

static neap_status ask_name(neapi_reading *reading, neapi_sql sql, neap_text name, int64_t *id,
                            neap_error *error)
{
    neapi_query query = neapi_query_begin(&reading->session->connection, sql);
    neapi_query_text(&query, name);
    return ask(&query, id, error);
}

/* Finds out what the range means: which stream or category, and where it ends. */
static neap_status find_source(neapi_reading *reading, neap_error *error)
{
    const neapi_range *range = reading->range;
    neapi_connection *connection = &reading->session->connection;
    neap_status status = NEAP_OK;
    if (range->stream.size != 0) {
        reading->source = NEAPI_SQL_OF_STREAM;
        status = ask_name(reading, NEAPI_SQL_STREAM_ID, range->stream, &reading->id, error);
        if (status != NEAP_OK)
            return status;
        neapi_query query = neapi_query_begin(connection, NEAPI_SQL_STREAM_VERSION);
        neapi_query_integer(&query, reading->id);
        return ask(&query, &reading->end, error);
    }
    neapi_query query = neapi_query_begin(connection, NEAPI_SQL_HEAD);
    status = ask(&query, &reading->end, error);
    if (status != NEAP_OK || range->category.size == 0)
        return status;
    reading->source = NEAPI_SQL_OF_CATEGORY;
    return ask_name(reading, NEAPI_SQL_CATEGORY_ID, range->category, &reading->id, error);
}

/* Finds the wanted types that there are. */
static neap_status find_types(neapi_reading *reading, neap_error *error)
{
    neapi_sqlite_session *session = reading->session;
    const neapi_range *range = reading->range;
    neap_status status = neapi_sqlite_wanted_begin(session, range->type_count, error);
    for (size_t i = 0; i < range->type_count && status == NEAP_OK; i++) {
        int64_t id;
        status = ask_name(reading, NEAPI_SQL_TYPE_ID, range->types[i], &id, error);
        if (status == NEAP_OK && id != 0)
            neapi_sqlite_wanted_add(session, id);
    }
    neapi_sqlite_wanted_end(session);
    return status;
}

static void find_bounds(neapi_reading *reading)
{
    const neapi_range *range = reading->range;
    bool nothing = (reading->source != NEAPI_SQL_LOG && reading->id == 0) ||
                   (range->type_count != 0 && reading->session->connection.wanted_count == 0);
    int64_t high = clamped(range->backward ? range->from : range->to);
    reading->lowest = clamped(range->backward ? range->to : range->from);
    reading->highest = nothing ? 0 : high < reading->end ? high : reading->end;
}

/* An id that may be left out because it is the expected one. */
static bool optional_uuid(const neapi_query *query, int column, neap_uuid expected, neap_uuid *uuid)
{
    *uuid = expected;
    return neapi_query_column_null(query, column) || neapi_query_column_uuid(query, column, uuid);
}

/* The row as an event, whose texts are borrowed until the next step. */
static neap_status decode(neapi_reading *reading, const neapi_query *query, neap_event *event,
                          neap_error *error)
{
    int64_t position = neapi_query_column_integer(query, NEAPI_COLUMN_POSITION);
    int64_t version = neapi_query_column_integer(query, NEAPI_COLUMN_VERSION);
    int64_t schema = neapi_query_column_integer(query, NEAPI_COLUMN_SCHEMA);
    *event = (neap_event){
        .position = (uint64_t)position,
        .version = (uint64_t)version,
        .recorded_at = neapi_query_column_integer(query, NEAPI_COLUMN_RECORDED_AT),
        .schema = (uint32_t)schema,
        .type = neapi_query_column_bytes(query, NEAPI_COLUMN_TYPE),
        .stream = neapi_query_column_bytes(query, NEAPI_COLUMN_STREAM),
        .data = neapi_query_column_bytes(query, NEAPI_COLUMN_DATA),
        .meta = neapi_query_column_bytes(query, NEAPI_COLUMN_META),
    };
    neap_text tags = neapi_query_column_bytes(query, NEAPI_COLUMN_TAGS);
    if (event->type.data == NULL || event->stream.data == NULL || event->data.data == NULL ||
        event->meta.data == NULL || tags.data == NULL)
        return neapi_nomem(error);
    neap_uuid none = {{0}};
    bool ids =
        neapi_query_column_uuid(query, NEAPI_COLUMN_ID, &event->id) &&
        optional_uuid(query, NEAPI_COLUMN_COMMAND_ID, none, &event->command_id) &&
        optional_uuid(query, NEAPI_COLUMN_CORRELATION_ID, event->command_id,
                      &event->correlation_id) &&
        optional_uuid(query, NEAPI_COLUMN_CAUSATION_ID, event->command_id, &event->causation_id);
    bool names = event->type.size != 0 && event->stream.size != 0;
    bool numbers = position > 0 && version > 0 && schema > 0 && schema <= UINT32_MAX;
    if (!ids || !names || !numbers)
        return neapi_sqlite_damaged(error,
                                    !names ? "the stream or the type is missing of the event at"
                                           : "no event can look like the one at",
                                    position);
    neap_status status = neapi_sqlite_tags_read(&reading->session->tags, tags, error);
    if (status == NEAP_CORRUPT)
        return neapi_sqlite_damaged(error, "the tags are damaged of the event at", position);
    event->tags = reading->session->tags.items;
    event->tag_count = reading->session->tags.count;
    return status;
}

static neap_status take(neapi_reading *reading, const neap_event *event, neap_error *error)
{
    const neapi_range *range = reading->range;
    neapi_page *page = reading->page;
    uint64_t number = reading->source == NEAPI_SQL_OF_STREAM ? event->version : event->position;
    size_t size = event->data.size + event->meta.size;
    reading->full =
        page->count == range->max_events ||
        (page->count != 0 && (size > range->max_bytes || page->bytes > range->max_bytes - size));
    if (reading->full) {
        page->next = number;
        return NEAP_OK;
    }
    return neapi_page_add(page, event) ? NEAP_OK : neapi_nomem(error);
}

neap_status neapi_reading_take(neapi_reading *reading, const neapi_query *query, neap_error *error)
{
    neap_event event;
    neap_status status = decode(reading, query, &event, error);
    return status == NEAP_OK ? take(reading, &event, error) : status;
}

/* Reads what is wanted between the two numbers. */
static neap_status read_piece(neapi_reading *reading, int64_t low, int64_t high, neap_error *error)
{
    const neapi_range *range = reading->range;
    /* One more than there is room for tells whether the page is the last. */
    size_t room = range->max_events - reading->page->count;
    int64_t most = room < INT64_MAX ? (int64_t)room + 1 : INT64_MAX;
    neapi_query query =
        neapi_query_begin(&reading->session->connection,
                          neapi_sql_page(reading->source, range->backward, range->type_count != 0));
    neapi_query_integer(&query, low);
    neapi_query_integer(&query, high);
    neapi_query_integer(&query, most);
    if (reading->source != NEAPI_SQL_LOG)
        neapi_query_integer(&query, reading->id);
    for (;;) {
        bool row;
        neap_status status = neapi_query_step(&query, &row, error);
        if (status != NEAP_OK || !row)
            return status;
        status = neapi_reading_take(reading, &query, error);
        if (status != NEAP_OK || reading->full) {
            neapi_query_end(&query);
            return status;
        }
    }
}

static neap_status read_pieces(neapi_reading *reading, neap_error *error)
{
    bool backward = reading->range->backward;
    int64_t low = reading->lowest, high = reading->highest;
    for (int pieces = 0; low <= high; pieces++) {
        if (pieces == PIECES) {
            reading->full = true;
            reading->page->next = (uint64_t)(backward ? high : low);
            return NEAP_OK;
        }
        bool whole = reading->range->type_count == 0 || high - low < PIECE;
        int64_t first = whole || !backward ? low : high - PIECE + 1;
        int64_t last = whole || backward ? high : low + PIECE - 1;
        neap_status status = read_piece(reading, first, last, error);
        if (status != NEAP_OK || reading->full)
            return status;
        if (whole)
            return NEAP_OK;
        if (backward)
            high = first - 1;
        else
            low = last + 1;
    }
    return NEAP_OK;
}

/* Where the page after the last one would begin: behind all that was there. */
static uint64_t behind_the_end(const neapi_reading *reading)
{
    const neapi_range *range = reading->range;
    if (range->backward)
        return range->to - 1;
    uint64_t end = (uint64_t)reading->end;
    uint64_t to = range->to < end ? range->to : end;
    return to >= range->from ? to + 1 : range->from;
}

static neap_status read_page(neapi_reading *reading, neap_error *error)
{
    neap_status status = find_source(reading, error);
    if (status == NEAP_OK && reading->range->type_count != 0)
        status = find_types(reading, error);
    if (status != NEAP_OK)
        return status;
    find_bounds(reading);
    status = reading->range->tag_count != 0 ? neapi_reading_by_tags(reading, error)
                                            : read_pieces(reading, error);
    if (status == NEAP_OK && !reading->full) {
        reading->page->last = true;
        reading->page->next = behind_the_end(reading);
    }
    return status;
}

/* All statements of one reading see the same moment; the transaction ends with it. */
neap_status neapi_sqlite_read(neapi_session *base, const neapi_range *range, neapi_page *page,
                              neap_error *error)
{
    neapi_reading reading = {
        .session = neapi_sqlite_session_of(base), .range = range, .page = page};
    neapi_connection *connection = &reading.session->connection;
    neap_status status = neapi_query_begin_transaction(connection, NEAPI_SQL_BEGIN_READING, error);
    if (status != NEAP_OK)
        return status;
    status = read_page(&reading, error);
    if (status == NEAP_OK) {
        neapi_query end = neapi_query_begin(connection, NEAPI_SQL_COMMIT);
        status = neapi_query_finish(&end, error);
    }
    if (status != NEAP_OK)
        neapi_query_rollback(connection);
    return status;
}
