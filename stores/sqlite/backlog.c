#include "backlog.h"

#include "base/alloc.h"
#include "base/error.h"
#include "index.h"

/* A commit writes nothing of a run before so much is due: many small commits then share the pages
 * that it changes. */
#define LEAST_ENTRIES (neapi_sqlite_run / 128)

size_t neapi_sqlite_run = NEAPI_SQLITE_RUN;

void neapi_sqlite_backlog_fini(neapi_sqlite_backlog *backlog)
{
    neapi_free(backlog->by_stream);
    neapi_free(backlog->by_category);
    neapi_free(backlog->spare);
    *backlog = (neapi_sqlite_backlog){0};
}

static bool reserve(neapi_sqlite_backlog *backlog, size_t count)
{
    if (count <= backlog->capacity)
        return true;
    uint32_t **orders[] = {&backlog->by_stream, &backlog->by_category, &backlog->spare};
    for (size_t i = 0; i < 3; i++) {
        uint32_t *wider = neapi_realloc(*orders[i], count * sizeof *wider);
        if (wider == NULL)
            return false;
        *orders[i] = wider;
    }
    backlog->capacity = count;
    return true;
}

static uint64_t key_of(const neapi_sqlite_tail_event *event, bool category)
{
    return (uint64_t)(category ? event->category : event->stream);
}

/* Sorts by stream or category, and within it by position: digit by digit, from the last. */
static void sort(neapi_sqlite_backlog *backlog, const neapi_sqlite_tail *tail, bool category)
{
    const neapi_sqlite_tail_event *events = tail->events + backlog->first;
    uint32_t *from = category ? backlog->by_category : backlog->by_stream, *to = backlog->spare;
    uint64_t all = 0;
    for (size_t i = 0; i < backlog->count; i++) {
        from[i] = (uint32_t)i;
        all |= key_of(&events[i], category);
    }
    for (int shift = 0; shift < 64 && all >> shift != 0; shift += 8) {
        size_t starts[257] = {0};
        for (size_t i = 0; i < backlog->count; i++)
            starts[(key_of(&events[i], category) >> shift & 255) + 1]++;
        for (size_t i = 1; i < 256; i++)
            starts[i] += starts[i - 1];
        for (size_t i = 0; i < backlog->count; i++)
            to[starts[key_of(&events[from[i]], category) >> shift & 255]++] = from[i];
        uint32_t *sorted = to;
        to = from;
        from = sorted;
    }
    if (category)
        backlog->by_category = from;
    else
        backlog->by_stream = from;
    backlog->spare = to;
}

/* Puts the run in order that ends at backlog->sealed. */
static neap_status order(neapi_sqlite_backlog *backlog, const neapi_sqlite_tail *tail,
                         neap_error *error)
{
    backlog->first = neapi_sqlite_tail_find(tail, backlog->indexed + 1);
    backlog->count = neapi_sqlite_tail_find(tail, backlog->sealed + 1) - backlog->first;
    if (!reserve(backlog, backlog->count))
        return neapi_nomem(error);
    sort(backlog, tail, false);
    sort(backlog, tail, true);
    return NEAP_OK;
}

static neap_status seal(neapi_sqlite_backlog *backlog, const neapi_sqlite_tail *tail,
                        neap_error *error)
{
    backlog->sealed = tail->head;
    backlog->written = 0;
    return order(backlog, tail, error);
}

neap_status neapi_sqlite_backlog_load(neapi_sqlite_backlog *backlog, const neapi_sqlite_tail *tail,
                                      neapi_connection *connection, neap_error *error)
{
    bool row;
    neapi_query query = neapi_query_begin(connection, NEAPI_SQL_MARKS);
    neap_status status = neapi_query_step(&query, &row, error);
    if (status != NEAP_OK)
        return status;
    int64_t sealed = row ? neapi_query_column_integer(&query, 0) : tail->indexed;
    int64_t written = row ? neapi_query_column_integer(&query, 1) : 0;
    neapi_query_end(&query);
    backlog->indexed = tail->indexed;
    backlog->sealed = sealed;
    backlog->written = (size_t)written;
    backlog->first = backlog->count = backlog->due = 0;
    if (sealed < tail->indexed || sealed > tail->head || written < 0)
        return neapi_sqlite_damaged(error, "a run of its indexes ends at", sealed);
    if (sealed == tail->indexed)
        return NEAP_OK;
    status = order(backlog, tail, error);
    if (status == NEAP_OK && backlog->written > 2 * backlog->count)
        return neapi_sqlite_damaged(error, "of a run of its indexes is written", written);
    return status;
}

/* Writes the next list of the run; *taken: its entries. */
static neap_status write_list(neapi_sqlite_backlog *backlog, const neapi_sqlite_tail *tail,
                              size_t *taken, neapi_connection *connection, neap_error *error)
{
    bool category = backlog->written >= backlog->count;
    const uint32_t *run = category ? backlog->by_category : backlog->by_stream;
    size_t at = backlog->written - (category ? backlog->count : 0), start = at;
    const neapi_sqlite_tail_event *events = tail->events + backlog->first;
    const neapi_sqlite_tail_event *begin = &events[run[at]];
    neapi_sqlite_list list = {.size = 0};
    while (at < backlog->count && key_of(&events[run[at]], category) == key_of(begin, category) &&
           neapi_sqlite_list_add(&list, events[run[at]].position))
        at++;
    *taken = at - start;
    return neapi_sqlite_list_write(
        &list, connection, category ? NEAPI_SQL_CATEGORY_LIST_ADD : NEAPI_SQL_STREAM_LIST_ADD,
        (int64_t)key_of(begin, category), category ? begin->position : begin->version, error);
}

/* Writes about so many entries of the run that is sealed. */
static neap_status write_some(neapi_sqlite_backlog *backlog, const neapi_sqlite_tail *tail,
                              size_t entries, neapi_connection *connection, neap_error *error)
{
    neap_status status = NEAP_OK;
    while (entries > 0 && backlog->written < 2 * backlog->count && status == NEAP_OK) {
        size_t taken = 0;
        status = write_list(backlog, tail, &taken, connection, error);
        backlog->written += taken;
        entries -= taken < entries ? taken : entries;
    }
    if (status == NEAP_OK && backlog->written == 2 * backlog->count) {
        backlog->indexed = backlog->sealed;
        backlog->first += backlog->count;
        backlog->count = backlog->written = 0;
    }
    return status;
}

neap_status neapi_sqlite_backlog_advance(neapi_sqlite_backlog *backlog,
                                         const neapi_sqlite_tail *tail, size_t added,
                                         neapi_connection *connection, neap_error *error)
{
    neap_status status = NEAP_OK;
    bool sealed = backlog->sealed > backlog->indexed;
    if (sealed) {
        backlog->due += 4 * added;
        if (backlog->due < LEAST_ENTRIES && tail->count < NEAPI_SQLITE_TAIL_RUNS * neapi_sqlite_run)
            return NEAP_OK;
        status = write_some(backlog, tail, backlog->due, connection, error);
        backlog->due = 0;
    }
    while (status == NEAP_OK &&
           tail->count - backlog->first >= NEAPI_SQLITE_TAIL_RUNS * neapi_sqlite_run)
        status = neapi_sqlite_backlog_write(backlog, tail, SIZE_MAX, &sealed, connection, error);
    if (status == NEAP_OK && backlog->sealed == backlog->indexed &&
        tail->count - backlog->first >= neapi_sqlite_run)
        status = seal(backlog, tail, error);
    return status;
}

neap_status neapi_sqlite_backlog_write(neapi_sqlite_backlog *backlog, const neapi_sqlite_tail *tail,
                                       size_t entries, bool *left, neapi_connection *connection,
                                       neap_error *error)
{
    neap_status status = NEAP_OK;
    if (backlog->sealed == backlog->indexed && tail->head > backlog->indexed)
        status = seal(backlog, tail, error);
    if (status == NEAP_OK)
        status = write_some(backlog, tail, entries, connection, error);
    *left = backlog->indexed < tail->head;
    return status;
}

void neapi_sqlite_backlog_done(neapi_sqlite_backlog *backlog, neapi_sqlite_tail *tail)
{
    if (backlog->indexed > tail->indexed) {
        neapi_sqlite_tail_drop(tail, backlog->indexed);
        backlog->first = 0;
    }
}
