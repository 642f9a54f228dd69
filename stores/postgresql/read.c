/* Reading the log. One question asks for the end and for the events, in this order: what the
 * second sees is never less than what the first saw. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "outgoing.h"
#include "rows.h"

/* So many events are asked for at once at least, however large they are, and at most. */
#define LEAST_AT_ONCE 16
#define MOST_AT_ONCE  8192
/* Where most of a category may be unwanted, one reading goes over so many positions at most: then a
 * page may be empty without being the last, but no statement is long. */
#define WINDOW 131072

typedef struct log_reading {
    neapi_pg_session *session;
    const neapi_range *range;
    neapi_page *page;
    int64_t low, high;
    int64_t end;  /* of the stream, or of the log */
    int64_t last; /* the number of the last event that came; 0: none */
    bool full;
    neapi_pg_array types, tags; /* that are wanted */
} log_reading;

/* ---- Rows ------------------------------------------------------------------------------------ */

enum {
    POSITION,
    VERSION,
    RECORDED_AT,
    SCHEMA,
    ID,
    COMMAND_ID,
    CORRELATION_ID,
    CAUSATION_ID,
    STREAM,
    TYPE,
    TAGS,
    META,
    DATA
};

static uint32_t word(const char *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return be32toh(value);
}

static bool reserve_tags(neapi_pg_session *session, size_t count)
{
    if (count <= session->tag_capacity)
        return true;
    neap_text *tags = neapi_realloc(session->tags, count * sizeof *tags);
    if (tags == NULL)
        return false;
    session->tags = tags;
    session->tag_capacity = count;
    return true;
}

static neap_status damaged(const neap_event *event, neap_error *error)
{
    return neapi_fail(error, NEAP_CORRUPT, "no event can look like the one at position %llu",
                      (unsigned long long)event->position);
}

/* An array's binary form: its dimensions (1), a word, its type, how many items from which number,
 * and the items, each with its size before it. */
static neap_status decode_tags(neapi_pg_session *session, neap_text bytes, neap_event *event,
                               neap_error *error)
{
    size_t at = 5 * sizeof(uint32_t);
    if (bytes.size < at || word(bytes.data) != 1)
        return damaged(event, error);
    uint32_t count = word(bytes.data + 3 * sizeof(uint32_t));
    if (count > bytes.size / sizeof(uint32_t))
        return damaged(event, error);
    if (!reserve_tags(session, count))
        return neapi_nomem(error);
    for (uint32_t i = 0; i < count; i++) {
        if (bytes.size - at < sizeof(uint32_t))
            return damaged(event, error);
        size_t size = word(bytes.data + at);
        at += sizeof(uint32_t);
        if (bytes.size - at < size)
            return damaged(event, error);
        session->tags[i] = neapi_text(bytes.data + at, size);
        at += size;
    }
    event->tags = session->tags;
    event->tag_count = count;
    return NEAP_OK;
}

static neap_status decode(neapi_pg_session *session, const PGresult *rows, int row,
                          neap_event *event, neap_error *error)
{
    *event = (neap_event){
        .position = (uint64_t)neapi_pg_get_integer(rows, row, POSITION),
        .version = (uint64_t)neapi_pg_get_integer(rows, row, VERSION),
        .recorded_at = neapi_pg_get_integer(rows, row, RECORDED_AT),
        .schema = (uint32_t)neapi_pg_get_integer(rows, row, SCHEMA),
        .id = neapi_pg_get_uuid(rows, row, ID),
        .command_id = neapi_pg_get_uuid(rows, row, COMMAND_ID),
        .correlation_id = neapi_pg_get_uuid(rows, row, CORRELATION_ID),
        .causation_id = neapi_pg_get_uuid(rows, row, CAUSATION_ID),
        .stream = neapi_pg_get_text(rows, row, STREAM),
        .type = neapi_pg_get_text(rows, row, TYPE),
        .meta = neapi_pg_get_text(rows, row, META),
        .data = neapi_pg_get_text(rows, row, DATA),
    };
    if (event->position - 1 >= INT64_MAX || event->version - 1 >= INT64_MAX)
        return damaged(event, error);
    if (neapi_pg_is_null(rows, row, TAGS))
        return NEAP_OK;
    return decode_tags(session, neapi_pg_get_text(rows, row, TAGS), event, error);
}

static uint64_t number_of(const log_reading *reading, const neap_event *event)
{
    return reading->range->stream.size != 0 ? event->version : event->position;
}

/* Puts events on the page, until it is full. */
static neap_status take(log_reading *reading, const PGresult *rows, neap_error *error)
{
    const neapi_range *range = reading->range;
    neapi_page *page = reading->page;
    int count = PQntuples(rows);
    size_t before = page->bytes;
    for (int i = 0; i < count; i++) {
        neap_event event;
        neap_status status = decode(reading->session, rows, i, &event, error);
        if (status != NEAP_OK)
            return status;
        size_t size = event.data.size + event.meta.size;
        reading->full = page->count == range->max_events ||
                        (page->count != 0 &&
                         (size > range->max_bytes || page->bytes > range->max_bytes - size));
        if (reading->full) {
            page->next = number_of(reading, &event);
            return NEAP_OK;
        }
        if (!neapi_page_add(page, &event))
            return neapi_nomem(error);
        reading->last = (int64_t)number_of(reading, &event);
    }
    if (count != 0)
        reading->session->mean_bytes = (page->bytes - before) / (size_t)count + 1;
    return NEAP_OK;
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static bool by_types(const neapi_range *range)
{
    return range->type_count != 0 && range->stream.size == 0 && range->category.size == 0 &&
           range->tag_count == 0;
}

static neapi_pg_sql statement_of(const neapi_range *range)
{
    neapi_pg_sql forward = range->stream.size != 0     ? NEAPI_PG_SQL_STREAM
                           : range->category.size != 0 ? NEAPI_PG_SQL_CATEGORY
                           : range->tag_count != 0     ? NEAPI_PG_SQL_TAGS
                           : range->type_count != 0    ? NEAPI_PG_SQL_TYPES
                                                       : NEAPI_PG_SQL_LOG;
    return range->backward ? forward + 1 : forward;
}

/* As many as the page is likely to have room for, and one more. */
static int64_t how_many(const log_reading *reading)
{
    const neapi_range *range = reading->range;
    size_t mean = reading->session->mean_bytes != 0 ? reading->session->mean_bytes : 256;
    size_t left =
        range->max_bytes > reading->page->bytes ? range->max_bytes - reading->page->bytes : 0;
    size_t count = left / mean + 2, room = range->max_events - reading->page->count;
    count = count < LEAST_AT_ONCE ? LEAST_AT_ONCE : count > MOST_AT_ONCE ? MOST_AT_ONCE : count;
    return (int64_t)(room < count ? room + 1 : count);
}

static void queue_end(log_reading *reading)
{
    neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
    neapi_pg_text(&params, reading->range->stream);
    if (reading->range->stream.size != 0)
        neapi_pg_queue(&reading->session->connection, NEAPI_PG_SQL_STREAM_HEAD, &params);
    else
        neapi_pg_queue(&reading->session->connection, NEAPI_PG_SQL_HEAD, NULL);
}

static void take_end(log_reading *reading, const PGresult *rows)
{
    reading->end = PQntuples(rows) != 0 ? neapi_pg_get_integer(rows, 0, 0) : 0;
}

static void queue_events(log_reading *reading, int64_t limit)
{
    const neapi_range *range = reading->range;
    neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
    neapi_pg_integer(&params, reading->low);
    neapi_pg_integer(&params, reading->high);
    neapi_pg_integer(&params, limit);
    if (by_types(range))
        neapi_pg_array_param(&params, &reading->types);
    else if (range->tag_count != 0)
        neapi_pg_array_param(&params, &reading->tags);
    else if (range->stream.size != 0 || range->category.size != 0)
        neapi_pg_text(&params, range->stream.size != 0 ? range->stream : range->category);
    if (params.count == 4 && !by_types(range) && range->type_count != 0)
        neapi_pg_array_param(&params, &reading->types);
    else if (params.count == 4 && !by_types(range))
        neapi_pg_null(&params);
    neapi_pg_queue(&reading->session->connection, statement_of(range), &params);
}

/* One question; *more: it may have left out events because there were too many of them. What was
 * idle may have been lost long ago, and reading does no harm twice. */
static neap_status ask(log_reading *reading, bool *more, neap_error *error)
{
    neapi_pg_connection *connection = &reading->session->connection;
    bool again = connection->pg != NULL;
    int64_t limit = how_many(reading);
    neap_status status;
    do {
        status = neapi_pg_begin(connection, error);
        if (status != NEAP_OK)
            return status;
        queue_end(reading);
        queue_events(reading, limit);
        status = neapi_pg_run(connection, error);
    } while (connection->lost && again && !(again = false));
    if (status != NEAP_OK)
        return status;
    take_end(reading, neapi_pg_result(connection, 0));
    const PGresult *rows = neapi_pg_result(connection, 1);
    *more = PQntuples(rows) == limit;
    return take(reading, rows, error);
}

/* ---- Pages ----------------------------------------------------------------------------------- */

/* Narrows the bounds to a window, if what is wanted may be rare. */
static neap_status narrow(log_reading *reading, bool *narrowed, neap_error *error)
{
    const neapi_range *range = reading->range;
    *narrowed = false;
    if (range->category.size == 0 || range->type_count == 0)
        return NEAP_OK;
    PGresult *rows;
    neap_status status =
        neapi_pg_ask(&reading->session->connection, NEAPI_PG_SQL_HEAD, NULL, &rows, error);
    if (status != NEAP_OK)
        return status;
    take_end(reading, rows);
    reading->high = reading->high < reading->end ? reading->high : reading->end;
    *narrowed = reading->high - reading->low >= WINDOW;
    if (*narrowed && range->backward)
        reading->low = reading->high - WINDOW + 1;
    else if (*narrowed)
        reading->high = reading->low + WINDOW - 1;
    return NEAP_OK;
}

/* Where the page after the last one would begin: behind all that was there. */
static uint64_t behind_the_end(const log_reading *reading)
{
    const neapi_range *range = reading->range;
    if (range->backward)
        return range->to - 1;
    int64_t end = reading->end > reading->last ? reading->end : reading->last;
    int64_t high = reading->high < end ? reading->high : end;
    return (uint64_t)high >= range->from ? (uint64_t)high + 1 : range->from;
}

static bool set_names(neapi_pg_array *array, const neap_text *names, size_t count)
{
    if (count == 0)
        return true;
    neapi_pg_array_begin(array, NEAPI_PG_TEXT);
    for (size_t i = 0; i < count; i++)
        neapi_pg_add_text(array, names[i]);
    return !array->bytes.failed;
}

static neap_status read_page(log_reading *reading, neap_error *error)
{
    const neapi_range *range = reading->range;
    bool narrowed, more = true;
    if (!set_names(&reading->types, range->types, range->type_count) ||
        !set_names(&reading->tags, range->tags, range->tag_count))
        return neapi_nomem(error);
    neap_status status = narrow(reading, &narrowed, error);
    int64_t low = reading->low, high = reading->high;
    while (status == NEAP_OK && more && !reading->full) {
        status = ask(reading, &more, error);
        if (reading->last != 0 && range->backward)
            reading->high = reading->last - 1;
        else if (reading->last != 0)
            reading->low = reading->last + 1;
    }
    reading->low = low;
    reading->high = high;
    if (status != NEAP_OK || reading->full)
        return status;
    if (narrowed) {
        reading->page->next = (uint64_t)(range->backward ? low - 1 : high + 1);
        return NEAP_OK;
    }
    reading->page->last = true;
    reading->page->next = behind_the_end(reading);
    return NEAP_OK;
}

neap_status neapi_pg_read(neapi_session *base, const neapi_range *range, neapi_page *page,
                          neap_error *error)
{
    log_reading reading = {
        .session = neapi_pg_session_of(base),
        .range = range,
        .page = page,
        .low = neapi_pg_number(range->backward ? range->to : range->from),
        .high = neapi_pg_number(range->backward ? range->from : range->to),
    };
    neap_status status = read_page(&reading, error);
    neapi_pg_array_fini(&reading.types);
    neapi_pg_array_fini(&reading.tags);
    return status;
}
