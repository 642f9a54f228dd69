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
    neapi_sqlite_session *session = reading->session;
    int64_t position;
    if (range->stream.size == 0 && range->category.size == 0) {
        neapi_query query = neapi_query_begin(&session->connection, NEAPI_SQL_HEAD);
        return ask(&query, &reading->end, error);
    }
    bool of_stream = range->stream.size != 0;
    neap_status status = ask_name(reading, of_stream ? NEAPI_SQL_STREAM_ID : NEAPI_SQL_CATEGORY_ID,
                                  of_stream ? range->stream : range->category, &reading->id, error);
    if (status == NEAP_OK)
        status = neapi_sqlite_tail_follow(&session->tail, &session->connection, error);
    if (status != NEAP_OK)
        return status;
    reading->source = of_stream ? NEAPI_SQLITE_OF_STREAM : NEAPI_SQLITE_OF_CATEGORY;
    reading->end = of_stream ? 0 : session->tail.head;
    if (!of_stream || reading->id == 0)
        return NEAP_OK;
    return neapi_sqlite_stream_end(session, reading->id, &reading->end, &position, error);
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
    bool nothing = (reading->source != NEAPI_SQLITE_OF_ALL && reading->id == 0) ||
                   (range->type_count != 0 && reading->session->connection.wanted_count == 0);
    int64_t high = clamped(range->backward ? range->from : range->to);
    reading->lowest = clamped(range->backward ? range->to : range->from);
    reading->highest = nothing ? 0 : high < reading->end ? high : reading->end;
}

/* Reads what is wanted between the two positions. */
static neap_status read_piece(neapi_reading *reading, int64_t low, int64_t high, neap_error *error)
{
    static const neapi_sql statements[2][2] = {{NEAPI_SQL_LOG, NEAPI_SQL_LOG_WANTED},
                                               {NEAPI_SQL_LOG_, NEAPI_SQL_LOG_WANTED_}};
    neapi_query query = neapi_query_begin(
        &reading->session->connection,
        statements[reading->range->backward ? 1 : 0][reading->range->type_count != 0 ? 1 : 0]);
    neapi_query_integer(&query, low);
    neapi_query_integer(&query, high);
    return neapi_reading_run(reading, &query, error);
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

size_t neapi_reading_how_many(const neapi_reading *reading, bool filtered)
{
    size_t room = reading->range->max_events - reading->page->count;
    return filtered || room >= NEAPI_READING_AT_ONCE ? NEAPI_READING_AT_ONCE : room + 1;
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
    if (reading->range->tag_count != 0)
        status = neapi_reading_by_tags(reading, error);
    else if (reading->source == NEAPI_SQLITE_OF_ALL)
        status = read_pieces(reading, error);
    else
        status = neapi_reading_by_index(reading, error);
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
    reading.session->reading = &reading;
    status = read_page(&reading, error);
    reading.session->reading = NULL;
    if (status == NEAP_OK) {
        neapi_query end = neapi_query_begin(connection, NEAPI_SQL_COMMIT);
        status = neapi_query_finish(&end, error);
    }
    if (status != NEAP_OK)
        neapi_query_rollback(connection);
    return status;
}
