#include "places.h"

#include "base/alloc.h"
#include "base/error.h"
#include "index.h"

/* More positions than a list of ours can have. */
#define LIST_MOST 1024

neap_status neapi_sqlite_reserve_places(neapi_sqlite_session *session, size_t count,
                                        neap_error *error)
{
    if (count <= session->place_capacity)
        return NEAP_OK;
    neapi_sqlite_place *wider = neapi_realloc(session->places, count * sizeof *wider);
    if (wider == NULL)
        return neapi_nomem(error);
    session->places = wider;
    session->place_capacity = count;
    return NEAP_OK;
}

static neap_status damaged(const neapi_sqlite_places *wanted, neap_error *error)
{
    return neapi_sqlite_damaged(error,
                                wanted->source == NEAPI_SQLITE_OF_STREAM
                                    ? "its index is wrong about the stream with the number"
                                    : "its index is wrong about the category with the number",
                                wanted->id);
}

/* Reads the positions in the row's list; 0: it is none. */
static size_t read_list(const neapi_query *query, int64_t positions[LIST_MOST])
{
    neap_text list = neapi_query_column_bytes(query, 1);
    size_t at = 0, count = 0;
    while (count < LIST_MOST && neapi_sqlite_list_next(list, &at, &positions[count]))
        count++;
    return neapi_sqlite_list_whole(list, at) ? count : 0;
}

/* Adds what is wanted of the row's list, up to where the tail begins. */
static neap_status add_list(neapi_sqlite_session *session, const neapi_sqlite_places *wanted,
                            const neapi_query *query, neap_error *error)
{
    int64_t positions[LIST_MOST], first = neapi_query_column_integer(query, 0);
    size_t count = read_list(query, positions);
    if (count == 0)
        return damaged(wanted, error);
    for (size_t i = 0; i < count && session->place_count < wanted->most; i++) {
        size_t at = wanted->backward ? count - 1 - i : i;
        int64_t number =
            wanted->source == NEAPI_SQLITE_OF_STREAM ? first + (int64_t)at : positions[at];
        if (number >= wanted->low && number <= wanted->high &&
            positions[at] <= session->tail.indexed)
            session->places[session->place_count++] = (neapi_sqlite_place){number, positions[at]};
    }
    return NEAP_OK;
}

/* Adds what the index has. */
static neap_status look_in_index(neapi_sqlite_session *session, const neapi_sqlite_places *wanted,
                                 neap_error *error)
{
    bool row, of_stream = wanted->source == NEAPI_SQLITE_OF_STREAM;
    neapi_sql forward = of_stream ? NEAPI_SQL_STREAM_LISTS : NEAPI_SQL_CATEGORY_LISTS;
    neapi_sql backward = of_stream ? NEAPI_SQL_STREAM_LISTS_ : NEAPI_SQL_CATEGORY_LISTS_;
    neapi_query query =
        neapi_query_begin(&session->connection, wanted->backward ? backward : forward);
    neapi_query_integer(&query, wanted->id);
    neapi_query_integer(&query, wanted->low);
    neapi_query_integer(&query, wanted->high);
    neap_status status = neapi_query_step(&query, &row, error);
    while (status == NEAP_OK && row && session->place_count < wanted->most) {
        status = add_list(session, wanted, &query, error);
        if (status == NEAP_OK)
            status = neapi_query_step(&query, &row, error);
    }
    neapi_query_end(&query);
    return status;
}

/* Adds a stream's events in the tail that follow those that are there already. Its chain leads
 * backward, so each goes where its version belongs. */
static void follow_chain(neapi_sqlite_session *session, const neapi_sqlite_places *wanted)
{
    int64_t next = wanted->low + (int64_t)session->place_count;
    int64_t room = (int64_t)(wanted->most - session->place_count);
    int64_t last = wanted->high - next < room ? wanted->high : next + room - 1;
    const neapi_sqlite_tail_event *event = neapi_sqlite_tail_last(&session->tail, wanted->id);
    for (; event != NULL && event->version >= next;
         event = neapi_sqlite_tail_before(&session->tail, event)) {
        if (event->version > last)
            continue;
        neapi_sqlite_place *place = &session->places[event->version - wanted->low];
        *place = (neapi_sqlite_place){event->version, event->position};
        session->place_count++;
    }
}

static void follow_chain_backward(neapi_sqlite_session *session, const neapi_sqlite_places *wanted)
{
    const neapi_sqlite_tail_event *event = neapi_sqlite_tail_last(&session->tail, wanted->id);
    for (; event != NULL && event->version >= wanted->low && session->place_count < wanted->most;
         event = neapi_sqlite_tail_before(&session->tail, event))
        if (event->version <= wanted->high)
            session->places[session->place_count++] =
                (neapi_sqlite_place){event->version, event->position};
}

static void add_of_category(neapi_sqlite_session *session, const neapi_sqlite_places *wanted,
                            const neapi_sqlite_tail_event *event)
{
    if (event->category == wanted->id && event->position >= wanted->low &&
        event->position <= wanted->high && session->place_count < wanted->most)
        session->places[session->place_count++] =
            (neapi_sqlite_place){event->position, event->position};
}

static void look_in_tail(neapi_sqlite_session *session, const neapi_sqlite_places *wanted)
{
    const neapi_sqlite_tail *tail = &session->tail;
    if (wanted->source == NEAPI_SQLITE_OF_STREAM) {
        if (wanted->backward)
            follow_chain_backward(session, wanted);
        else
            follow_chain(session, wanted);
        return;
    }
    size_t first = neapi_sqlite_tail_find(tail, wanted->low);
    size_t end =
        wanted->high >= tail->head ? tail->count : neapi_sqlite_tail_find(tail, wanted->high + 1);
    for (size_t i = first; i < end && session->place_count < wanted->most; i++)
        add_of_category(session, wanted, &tail->events[wanted->backward ? first + end - 1 - i : i]);
}

/* A stream's versions are dense: what is there has to be found, each once. */
static bool is_dense(const neapi_sqlite_session *session, const neapi_sqlite_places *wanted)
{
    uint64_t all = (uint64_t)(wanted->high - wanted->low) + 1;
    if (session->place_count != (all < wanted->most ? all : wanted->most))
        return false;
    for (size_t i = 0; i < session->place_count; i++) {
        int64_t expected = wanted->backward ? wanted->high - (int64_t)i : wanted->low + (int64_t)i;
        if (session->places[i].number != expected)
            return false;
    }
    return true;
}

neap_status neapi_sqlite_find_places(neapi_sqlite_session *session,
                                     const neapi_sqlite_places *wanted, neap_error *error)
{
    session->place_count = 0;
    neap_status status = neapi_sqlite_reserve_places(session, wanted->most, error);
    if (status != NEAP_OK)
        return status;
    if (wanted->backward)
        look_in_tail(session, wanted);
    if (session->place_count < wanted->most)
        status = look_in_index(session, wanted, error);
    if (status == NEAP_OK && !wanted->backward && session->place_count < wanted->most)
        look_in_tail(session, wanted);
    if (status == NEAP_OK && wanted->source == NEAPI_SQLITE_OF_STREAM && !is_dense(session, wanted))
        status = damaged(wanted, error);
    return status;
}

neap_status neapi_sqlite_stream_end(neapi_sqlite_session *session, int64_t stream, int64_t *version,
                                    int64_t *position, neap_error *error)
{
    bool row;
    int64_t positions[LIST_MOST];
    const neapi_sqlite_tail_event *last = neapi_sqlite_tail_last(&session->tail, stream);
    *version = last != NULL ? last->version : 0;
    *position = last != NULL ? last->position : 0;
    if (last != NULL)
        return NEAP_OK;
    neapi_query query = neapi_query_begin(&session->connection, NEAPI_SQL_STREAM_LAST_LIST);
    neapi_query_integer(&query, stream);
    neap_status status = neapi_query_step(&query, &row, error);
    if (status != NEAP_OK || !row)
        return status;
    size_t count = read_list(&query, positions);
    *version = neapi_query_column_integer(&query, 0) + (int64_t)count - 1;
    neapi_query_end(&query);
    if (count == 0 || *version < (int64_t)count)
        return neapi_sqlite_damaged(error, "its index is wrong about the stream with the number",
                                    stream);
    *position = positions[count - 1];
    return NEAP_OK;
}
