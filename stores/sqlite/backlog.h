/* How the indexes follow the log.
 *
 * When the tail has a run of events it is sealed and put in order by stream and by category. Each
 * commit after that writes, in its own transaction, some of those lists to the indexes: twice as
 * many entries as it added, so that one run is done with when the next is half full, and no commit
 * is long. With the last list the store's mark `indexed` moves to the run's end. `sealed` and
 * `written` are in the file as well, so whoever opens it takes the run up where it was left: what
 * was not written yet is made from the events again.
 *
 * Measured by bench/layout.c, processor time of an event with everything, at 1,000, 100,000 and
 * 1,000,000 streams: a unique index on (stream, version) 8.8, 13.4 and 16.8 µs; sorted rows 2.0,
 * 2.9 and 3.8 µs; sorted lists 1.6, 3.5 and 3.0 µs; no index 1.9, 1.5 and 1.7 µs. Runs of 16,384
 * cost more with many streams; longer ones take more memory, and more time when a store is opened.
 */
#ifndef NEAPI_SQLITE_BACKLOG_H
#define NEAPI_SQLITE_BACKLOG_H

#include "tail.h"

/* Events of a run. Specs make it small. */
extern size_t neapi_sqlite_run;
#define NEAPI_SQLITE_RUN 65536

/* So many runs are in the tail at most after a commit; a file that has a good deal more has been
 * changed by somebody else. */
#define NEAPI_SQLITE_TAIL_RUNS 3
#define NEAPI_SQLITE_TAIL_MOST (16 * NEAPI_SQLITE_RUN)

typedef struct neapi_sqlite_backlog {
    int64_t indexed; /* as the transaction under way leaves it */
    int64_t sealed;  /* the end of the run that is written now; equal to indexed: none is */
    size_t written;  /* entries of it that are in the indexes: of streams, then of categories */
    size_t first;    /* where in the tail it begins */
    size_t count;    /* its events */
    size_t due;      /* entries that ought to be written, when they are worth a few pages */
    uint32_t *by_stream, *by_category, *spare; /* its events in order, from `first` on */
    size_t capacity;
} neapi_sqlite_backlog;

void neapi_sqlite_backlog_fini(neapi_sqlite_backlog *backlog);

/* Takes up what the file says, once the tail has followed it. Within a transaction. */
neap_status neapi_sqlite_backlog_load(neapi_sqlite_backlog *backlog, const neapi_sqlite_tail *tail,
                                      neapi_connection *connection, neap_error *error);
/* After so many events were added: writes what is due. Within a transaction, which has then to
 * record the marks. */
neap_status neapi_sqlite_backlog_advance(neapi_sqlite_backlog *backlog,
                                         const neapi_sqlite_tail *tail, size_t added,
                                         neapi_connection *connection, neap_error *error);
/* Writes up to about so many entries, of a run that need not be full. *left: entries are left. */
neap_status neapi_sqlite_backlog_write(neapi_sqlite_backlog *backlog, const neapi_sqlite_tail *tail,
                                       size_t entries, bool *left, neapi_connection *connection,
                                       neap_error *error);
/* The transaction is durable. */
void neapi_sqlite_backlog_done(neapi_sqlite_backlog *backlog, neapi_sqlite_tail *tail);

#endif
