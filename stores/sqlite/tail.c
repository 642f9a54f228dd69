#include "tail.h"

#include <string.h>

#include "backlog.h"
#include "base/alloc.h"
#include "base/error.h"

#define FIRST_CAPACITY 256

void neapi_sqlite_tail_fini(neapi_sqlite_tail *tail)
{
    neapi_free(tail->events);
    neapi_free(tail->last);
    *tail = (neapi_sqlite_tail){0};
}

void neapi_sqlite_tail_clear(neapi_sqlite_tail *tail)
{
    tail->followed = false;
    tail->indexed = tail->head = 0;
    tail->count = 0;
    if (tail->slots != 0)
        memset(tail->last, 0, tail->slots * sizeof *tail->last);
}

/* The slot of the stream, or the free one where it goes. */
static uint32_t *slot_of(const neapi_sqlite_tail *tail, int64_t stream)
{
    size_t mask = tail->slots - 1;
    size_t at = ((uint64_t)stream * 0x9E3779B97F4A7C15u >> 32) & mask;
    while (tail->last[at] != 0 && tail->events[tail->last[at] - 1].stream != stream)
        at = (at + 1) & mask;
    return &tail->last[at];
}

static void link_event(neapi_sqlite_tail *tail, size_t at)
{
    uint32_t *slot = slot_of(tail, tail->events[at].stream);
    tail->events[at].before = *slot;
    *slot = (uint32_t)(at + 1);
}

static void link_all(neapi_sqlite_tail *tail)
{
    if (tail->slots != 0)
        memset(tail->last, 0, tail->slots * sizeof *tail->last);
    for (size_t i = 0; i < tail->count; i++)
        link_event(tail, i);
}

static bool make_room(neapi_sqlite_tail *tail)
{
    if (tail->count < tail->capacity)
        return true;
    size_t capacity = tail->capacity != 0 ? tail->capacity * 2 : FIRST_CAPACITY;
    neapi_sqlite_tail_event *events = neapi_realloc(tail->events, capacity * sizeof *events);
    if (events == NULL)
        return false;
    tail->events = events;
    uint32_t *last = neapi_realloc(tail->last, capacity * 2 * sizeof *last);
    if (last == NULL)
        return false;
    tail->last = last;
    tail->slots = capacity * 2;
    tail->capacity = capacity;
    link_all(tail);
    return true;
}

bool neapi_sqlite_tail_add(neapi_sqlite_tail *tail, neapi_sqlite_tail_event event)
{
    if (!make_room(tail))
        return false;
    tail->events[tail->count] = event;
    tail->head = event.position;
    link_event(tail, tail->count++);
    return true;
}

size_t neapi_sqlite_tail_find(const neapi_sqlite_tail *tail, int64_t position)
{
    size_t low = 0, high = tail->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (tail->events[middle].position < position)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void neapi_sqlite_tail_drop(neapi_sqlite_tail *tail, int64_t indexed)
{
    tail->indexed = indexed;
    size_t dropped = neapi_sqlite_tail_find(tail, indexed + 1);
    if (dropped == 0)
        return;
    tail->count -= dropped;
    memmove(tail->events, tail->events + dropped, tail->count * sizeof *tail->events);
    link_all(tail);
}

const neapi_sqlite_tail_event *neapi_sqlite_tail_last(const neapi_sqlite_tail *tail, int64_t stream)
{
    if (tail->count == 0)
        return NULL;
    uint32_t last = *slot_of(tail, stream);
    return last != 0 ? &tail->events[last - 1] : NULL;
}

const neapi_sqlite_tail_event *neapi_sqlite_tail_before(const neapi_sqlite_tail *tail,
                                                        const neapi_sqlite_tail_event *event)
{
    return event->before != 0 ? &tail->events[event->before - 1] : NULL;
}

/* Adds what the log has behind the tail's head. */
static neap_status read_on(neapi_sqlite_tail *tail, neapi_connection *connection, neap_error *error)
{
    bool row;
    neapi_query query = neapi_query_begin(connection, NEAPI_SQL_TAIL);
    neapi_query_integer(&query, tail->head);
    neap_status status = neapi_query_step(&query, &row, error);
    while (status == NEAP_OK && row) {
        neapi_sqlite_tail_event event = {.position = neapi_query_column_integer(&query, 0),
                                         .stream = neapi_query_column_integer(&query, 1),
                                         .version = neapi_query_column_integer(&query, 2),
                                         .category = neapi_query_column_integer(&query, 3)};
        if (tail->count >= NEAPI_SQLITE_TAIL_MOST)
            status = neapi_sqlite_damaged(error, "its indexes end long before the log, at",
                                          tail->indexed);
        else if (!neapi_sqlite_tail_add(tail, event))
            status = neapi_nomem(error);
        else
            status = neapi_query_step(&query, &row, error);
    }
    neapi_query_end(&query);
    return status;
}

/* Brings it up to what the file is. */
static neap_status follow(neapi_sqlite_tail *tail, neapi_connection *connection, neap_error *error)
{
    bool row;
    neapi_query query = neapi_query_begin(connection, NEAPI_SQL_INDEXED);
    neap_status status = neapi_query_step(&query, &row, error);
    if (status != NEAP_OK || !row)
        return status;
    int64_t indexed = neapi_query_column_integer(&query, 0);
    int64_t head = neapi_query_column_integer(&query, 1);
    neapi_query_end(&query);
    if (indexed < 0 || head < 0)
        return neapi_sqlite_damaged(error, "its log or its indexes end at",
                                    head < 0 ? head : indexed);
    if (indexed < tail->indexed || head < tail->head || indexed >= tail->head) {
        neapi_sqlite_tail_clear(tail);
        tail->indexed = indexed;
        tail->head = head < indexed ? head : indexed;
    }
    if (indexed > tail->indexed)
        neapi_sqlite_tail_drop(tail, indexed);
    if (head > tail->head)
        status = read_on(tail, connection, error);
    if (status != NEAP_OK)
        neapi_sqlite_tail_clear(tail);
    return status;
}

neap_status neapi_sqlite_tail_follow(neapi_sqlite_tail *tail, neapi_connection *connection,
                                     neap_error *error)
{
    unsigned now = 0;
    bool told =
        sqlite3_file_control(connection->db, "main", SQLITE_FCNTL_DATA_VERSION, &now) == SQLITE_OK;
    if (told && tail->followed && tail->data_version == now)
        return NEAP_OK;
    neap_status status = follow(tail, connection, error);
    tail->followed = status == NEAP_OK && told;
    tail->data_version = now;
    return status;
}
