#include "reader.h"

#include "base/alloc.h"
#include "base/error.h"

/* The tags' runs in the index are walked side by side, and the events are looked up at their
 * positions: that costs the same however far apart they lie, and in however long a log. */

#define AHEAD NEAPI_SQLITE_AHEAD

/* With a filter by types most of what a tag's run has may be unwanted. One reading looks at about
 * so many of its rows before it gives back what it has. */
#define ROWS_MOST 131072

typedef struct tag_walks {
    neapi_reading *reading;
    neapi_sqlite_tag_walk *walks;
    size_t count;
    size_t rows; /* looked at so far */
} tag_walks;

static neap_status reserve(neapi_sqlite_session *session, size_t count, neap_error *error)
{
    if (count <= session->walk_capacity)
        return NEAP_OK;
    neapi_sqlite_tag_walk *wider = neapi_realloc(session->walks, count * sizeof *wider);
    if (wider == NULL)
        return neapi_nomem(error);
    session->walks = wider;
    session->walk_capacity = count;
    return NEAP_OK;
}

/* Begins a walk for each tag that there is. */
static neap_status begin(tag_walks *walking, neap_error *error)
{
    const neapi_reading *reading = walking->reading;
    const neapi_range *range = reading->range;
    for (size_t i = 0; i < range->tag_count; i++) {
        bool row;
        neapi_query query = neapi_query_begin(&reading->session->connection, NEAPI_SQL_TAG_ID);
        neapi_query_text(&query, range->tags[i]);
        neap_status status = neapi_query_step(&query, &row, error);
        if (status != NEAP_OK)
            return status;
        if (!row)
            continue;
        neapi_sqlite_tag_walk *walk = &walking->walks[walking->count++];
        walk->tag = neapi_query_column_integer(&query, 0);
        walk->next = range->backward ? reading->highest : reading->lowest;
        walk->ended = false;
        walk->at = walk->count = 0;
        neapi_query_end(&query);
    }
    return NEAP_OK;
}

/* Looks at the next rows of the tag's run, and keeps what is wanted of them. */
static neap_status look_ahead(tag_walks *walking, neapi_sqlite_tag_walk *walk, neap_error *error)
{
    const neapi_reading *reading = walking->reading;
    const neapi_connection *connection = &reading->session->connection;
    bool backward = reading->range->backward, row;
    neapi_query query = neapi_query_begin(
        &reading->session->connection, backward ? NEAPI_SQL_TAG_BACKWARD : NEAPI_SQL_TAG_FORWARD);
    neapi_query_integer(&query, walk->tag);
    neapi_query_integer(&query, backward ? reading->lowest : walk->next);
    neapi_query_integer(&query, backward ? walk->next : reading->highest);
    neapi_query_integer(&query, AHEAD);
    walk->at = walk->count = 0;
    for (size_t rows = 0;; rows++) {
        neap_status status = neapi_query_step(&query, &row, error);
        if (status != NEAP_OK || !row) {
            walk->ended = rows < AHEAD;
            walking->rows += rows;
            return status;
        }
        int64_t position = neapi_query_column_integer(&query, 0);
        walk->next = backward ? position - 1 : position + 1;
        if (reading->range->type_count == 0 ||
            neapi_connection_wants(connection, neapi_query_column_integer(&query, 1)))
            walk->ahead[walk->count++] = position;
    }
}

/* The nearest position in the walks' direction, 0 at the end. *looked_at: an event of the range is
 * there; else what lies there has yet to be looked at. */
static neap_status find_nearest(tag_walks *walking, int64_t *nearest, bool *looked_at,
                                neap_error *error)
{
    bool backward = walking->reading->range->backward;
    *nearest = 0;
    for (size_t i = 0; i < walking->count; i++) {
        neapi_sqlite_tag_walk *walk = &walking->walks[i];
        while (walk->at == walk->count && !walk->ended && walking->rows < ROWS_MOST) {
            neap_status status = look_ahead(walking, walk, error);
            if (status != NEAP_OK)
                return status;
        }
        bool has_one = walk->at < walk->count;
        if (!has_one && walk->ended)
            continue;
        int64_t position = has_one ? walk->ahead[walk->at] : walk->next;
        bool nearer = backward ? position > *nearest : position < *nearest;
        if (*nearest != 0 && !nearer && (position != *nearest || has_one))
            continue;
        *nearest = position;
        *looked_at = has_one;
    }
    return NEAP_OK;
}

static void step_past(tag_walks *walking, int64_t position)
{
    for (size_t i = 0; i < walking->count; i++) {
        neapi_sqlite_tag_walk *walk = &walking->walks[i];
        walk->at += walk->at < walk->count && walk->ahead[walk->at] == position;
    }
}

/* Finds the places of the next events. *nearest: what lies there was not looked at any more; 0:
 * there is nothing left, or there are as many as there may be. */
static neap_status find_places(tag_walks *walking, size_t most, int64_t *nearest, neap_error *error)
{
    neapi_sqlite_session *session = walking->reading->session;
    session->place_count = 0;
    while (session->place_count < most) {
        bool looked_at = false;
        neap_status status = find_nearest(walking, nearest, &looked_at, error);
        if (status != NEAP_OK || *nearest == 0 || !looked_at)
            return status;
        session->places[session->place_count++] = (neapi_sqlite_place){*nearest, *nearest};
        step_past(walking, *nearest);
    }
    *nearest = 0;
    return NEAP_OK;
}

neap_status neapi_reading_by_tags(neapi_reading *reading, neap_error *error)
{
    neapi_sqlite_session *session = reading->session;
    if (reading->highest < reading->lowest)
        return NEAP_OK;
    neap_status status = reserve(session, reading->range->tag_count, error);
    tag_walks walking = {.reading = reading, .walks = session->walks};
    if (status == NEAP_OK)
        status = begin(&walking, error);
    while (status == NEAP_OK) {
        int64_t nearest = 0;
        size_t most = neapi_reading_how_many(reading, false);
        status = neapi_sqlite_reserve_places(session, most, error);
        if (status == NEAP_OK)
            status = find_places(&walking, most, &nearest, error);
        size_t count = session->place_count;
        if (status == NEAP_OK && count != 0)
            status = neapi_reading_take_places(reading, error);
        if (status != NEAP_OK || reading->full)
            return status;
        if (nearest != 0) {
            reading->full = true;
            reading->page->next = (uint64_t)nearest;
        }
        if (count < most)
            return NEAP_OK;
    }
    return status;
}
