#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "index.h"
#include "verify.h"

/* A store that is broken in one place is broken in many. */
#define SOME 50

/* One walk through an index in its order. */
typedef struct index_walk {
    neapi_connection *connection;
    const neapi_verify_sink *sink;
    neap_verification *result;
    bool category;
    size_t found;
    int64_t indexed, sealed;
    int64_t listed, ahead; /* entries up to indexed, and behind it */
    int64_t key, last;     /* of the row before: the number of its last entry */
} index_walk;

static const char *noun(const index_walk *walk)
{
    return walk->category ? "category" : "stream";
}

static void find(index_walk *walk, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void find(index_walk *walk, const char *format, ...)
{
    char text[256];
    va_list arguments;
    if (++walk->found > SOME)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    walk->result->findings++;
    walk->sink->finding(walk->sink->user, text);
}

/* Compares an entry with its event. */
static neap_status check_entry(index_walk *walk, int64_t number, int64_t position,
                               neap_error *error)
{
    bool row;
    neapi_query query = neapi_query_begin(walk->connection, NEAPI_SQL_FACTS);
    neapi_query_integer(&query, position);
    neap_status status = neapi_query_step(&query, &row, error);
    if (status != NEAP_OK)
        return status;
    int64_t key = row ? neapi_query_column_integer(&query, walk->category ? 2 : 0) : 0;
    int64_t version = row ? neapi_query_column_integer(&query, 1) : 0;
    neapi_query_end(&query);
    if (!row || key != walk->key || (!walk->category && version != number))
        find(walk,
             "The index says that the event at position %" PRId64 " is number %" PRId64
             " of the %s with the number %" PRId64 "; it is not.",
             position, number, noun(walk), walk->key);
    if (position <= walk->indexed)
        walk->listed++;
    else
        walk->ahead++;
    if (position > walk->sealed)
        find(walk, "The index has the position %" PRId64 " already, behind its end at %" PRId64 ".",
             position, walk->sealed);
    return NEAP_OK;
}

/* What follows the entry before: the next version, any later position. */
static void check_order(index_walk *walk, int64_t number)
{
    if (walk->category ? number <= walk->last : number != walk->last + 1)
        find(walk,
             "The index has number %" PRId64 " of the %s with the number %" PRId64
             " behind its number %" PRId64 ".",
             number, noun(walk), walk->key, walk->last);
    walk->last = number;
}

static neap_status check_row(index_walk *walk, const neapi_query *query, neap_error *error)
{
    int64_t key = neapi_query_column_integer(query, 0), position;
    int64_t first = neapi_query_column_integer(query, 1);
    neap_text list = neapi_query_column_bytes(query, 2);
    if (key != walk->key)
        walk->last = 0;
    walk->key = key;
    size_t at = 0, count = 0;
    neap_status status = NEAP_OK;
    while (status == NEAP_OK && neapi_sqlite_list_next(list, &at, &position)) {
        int64_t number = walk->category ? position : first + (int64_t)count;
        if (count++ == 0 && number != first)
            find(walk,
                 "The index has the position %" PRId64 " first in a list from %" PRId64 " on.",
                 position, first);
        check_order(walk, number);
        status = check_entry(walk, number, position, error);
    }
    if (status == NEAP_OK && !neapi_sqlite_list_whole(list, at))
        find(walk,
             "The index has no list of positions for the %s with the number %" PRId64
             ", from %" PRId64 " on.",
             noun(walk), key, first);
    return status;
}

static neap_status check_index(index_walk *walk, neap_error *error)
{
    bool row;
    int64_t events = 0;
    char sql[80];
    neapi_query query = neapi_query_begin(
        walk->connection, walk->category ? NEAPI_SQL_CATEGORY_INDEX : NEAPI_SQL_STREAM_INDEX);
    neap_status status = neapi_query_step(&query, &row, error);
    while (status == NEAP_OK && row) {
        status = check_row(walk, &query, error);
        if (status == NEAP_OK)
            status = neapi_query_step(&query, &row, error);
    }
    neapi_query_end(&query);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM events WHERE position <= %" PRId64,
             walk->indexed);
    if (status == NEAP_OK)
        status = neapi_connection_integer(walk->connection, sql, &events, error);
    if (status == NEAP_OK && walk->listed != events)
        find(walk,
             "The index by %s lists %" PRId64 " events up to position %" PRId64
             "; there are %" PRId64 ".",
             noun(walk), walk->listed, walk->indexed, events);
    return status;
}

static neap_status read_marks(index_walk *walk, int64_t *written, int64_t *head, neap_error *error)
{
    bool row;
    neapi_query query = neapi_query_begin(walk->connection, NEAPI_SQL_INDEXED);
    neap_status status = neapi_query_step(&query, &row, error);
    if (status != NEAP_OK || !row)
        return status;
    walk->indexed = walk->sealed = neapi_query_column_integer(&query, 0);
    *head = neapi_query_column_integer(&query, 1);
    neapi_query_end(&query);
    query = neapi_query_begin(walk->connection, NEAPI_SQL_MARKS);
    status = neapi_query_step(&query, &row, error);
    if (status != NEAP_OK || !row)
        return status;
    walk->sealed = neapi_query_column_integer(&query, 0);
    *written = neapi_query_column_integer(&query, 1);
    neapi_query_end(&query);
    return NEAP_OK;
}

static neap_status check_indexes(index_walk *walk, neap_error *error)
{
    int64_t written = 0, head = 0, ahead = 0;
    neap_status status = read_marks(walk, &written, &head, error);
    for (int i = 0; i < 2 && status == NEAP_OK; i++) {
        walk->category = i == 1;
        walk->key = walk->last = walk->listed = walk->ahead = 0;
        status = check_index(walk, error);
        ahead += walk->ahead;
    }
    if (status != NEAP_OK)
        return status;
    if (walk->indexed > walk->sealed || walk->sealed > head)
        find(walk,
             "The indexes go to position %" PRId64 ", and are written to %" PRId64
             "; the log ends at %" PRId64 ".",
             walk->indexed, walk->sealed, head);
    if (ahead != written)
        find(walk,
             "The indexes have %" PRId64 " entries behind position %" PRId64
             "; the store says %" PRId64 ".",
             ahead, walk->indexed, written);
    return NEAP_OK;
}

/* All of it sees one moment. */
neap_status neapi_sqlite_verify_indexes(neapi_connection *connection, const neapi_verify_sink *sink,
                                        neap_verification *result, neap_error *error)
{
    index_walk walk = {.connection = connection, .sink = sink, .result = result};
    neap_status status = neapi_query_begin_transaction(connection, NEAPI_SQL_BEGIN_READING, error);
    if (status != NEAP_OK)
        return status;
    status = check_indexes(&walk, error);
    if (status == NEAP_OK) {
        neapi_query end = neapi_query_begin(connection, NEAPI_SQL_COMMIT);
        status = neapi_query_finish(&end, error);
    }
    if (status != NEAP_OK)
        neapi_query_rollback(connection);
    return status;
}
