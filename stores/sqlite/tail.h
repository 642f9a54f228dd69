/* The events that are in no index yet: what a session knows by heart of the log behind them. The
 * writing session adds what it writes; a reading one looks at what was added since it last did.
 * Bounded, because the writer sees to it that the indexes follow: see backlog.h. Threads: owner. */
#ifndef NEAPI_SQLITE_TAIL_H
#define NEAPI_SQLITE_TAIL_H

#include "query.h"

typedef struct neapi_sqlite_tail_event {
    int64_t position, version, stream, category;
    uint32_t before; /* the stream's event before, from 1; 0: none here */
} neapi_sqlite_tail_event;

typedef struct neapi_sqlite_tail {
    bool followed; /* the file, up to what it was at a moment, as SQLite counts them */
    unsigned data_version;
    int64_t indexed;                 /* the indexes have the events up to there */
    int64_t head;                    /* the last event that they or this have */
    neapi_sqlite_tail_event *events; /* positions rise */
    size_t count, capacity;
    uint32_t *last; /* a hash table: the last event of each stream, from 1; 0: free */
    size_t slots;   /* a power of two, or 0 */
} neapi_sqlite_tail;

void neapi_sqlite_tail_fini(neapi_sqlite_tail *tail);
/* Forgets everything, and keeps memory. */
void neapi_sqlite_tail_clear(neapi_sqlite_tail *tail);

/* Looks at what was committed since. To be called within the reading or writing transaction that
 * uses it, once that has read something: only then its moment is fixed. Errors: as
 * neapi_connection_fail. */
neap_status neapi_sqlite_tail_follow(neapi_sqlite_tail *tail, neapi_connection *connection,
                                     neap_error *error);

/* Adds an event, whose position is behind all others. `before` is set here. Errors: false, an
 * allocation was refused. */
bool neapi_sqlite_tail_add(neapi_sqlite_tail *tail, neapi_sqlite_tail_event event);
/* The indexes have the events up to there: lets go of those. */
void neapi_sqlite_tail_drop(neapi_sqlite_tail *tail, int64_t indexed);

/* The stream's last event; NULL: it has none here. Lifetime: until the next change. */
const neapi_sqlite_tail_event *neapi_sqlite_tail_last(const neapi_sqlite_tail *tail,
                                                      int64_t stream);
/* The event before in the same stream, or NULL. */
const neapi_sqlite_tail_event *neapi_sqlite_tail_before(const neapi_sqlite_tail *tail,
                                                        const neapi_sqlite_tail_event *event);
/* The first event at or behind the position; the count if there is none. */
size_t neapi_sqlite_tail_find(const neapi_sqlite_tail *tail, int64_t position);

#endif
