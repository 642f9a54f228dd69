/* What the writing session knows about the store beyond the connection. */
#ifndef NEAPI_SQLITE_WRITER_H
#define NEAPI_SQLITE_WRITER_H

#include "base/buffer.h"
#include "names.h"
#include "query.h"
#include "sqlite.h"

struct neapi_sqlite_writer {
    int64_t token;   /* in the file as long as this is the store's writer */
    int64_t commits; /* the number of the last commit */
    bool lost;       /* another writer came, or the file is another one: no commit any more */
    bool loaded;     /* head and the names agree with the file */
    bool wrote;      /* the transaction under way has written something */
    uint64_t head;
    uint64_t unit; /* counts the units that were judged */
    neapi_sqlite_names streams, types, categories, tags;
    neapi_buffer tags_text; /* of the event that is written */
    int log_pages;          /* in the write-ahead log after the last commit */
    bool log_used;          /* it has something since it was emptied */
    int64_t commits_at_upkeep;
};

/* Opens the transaction in which this writer alone can write, once it is sure that it still is the
 * store's writer. *commits: the number of the last commit. On failure no transaction is open.
 * Errors: STORE (the place is lost, for good), UNAVAILABLE (somebody else is writing). */
neap_status neapi_sqlite_begin(neapi_sqlite_session *session, int64_t *commits, neap_error *error);
/* Forgets the transaction, and all that is known by heart. */
void neapi_sqlite_rollback(neapi_sqlite_session *session);

/* A stream as it is, or a version 0 that is not there yet. */
neap_status neapi_sqlite_stream(neapi_sqlite_session *session, neap_text stream,
                                neapi_sqlite_name **name, neap_error *error);
/* Makes the stream if it is not there. */
neap_status neapi_sqlite_stream_make(neapi_sqlite_session *session, neap_text stream,
                                     neapi_sqlite_name **name, neap_error *error);
/* The number of a type; 0: it is not there. */
neap_status neapi_sqlite_type(neapi_sqlite_session *session, neap_text type, int64_t *id,
                              neap_error *error);
/* The number of a type; makes it if it is not there. */
neap_status neapi_sqlite_type_make(neapi_sqlite_session *session, neap_text type, int64_t *id,
                                   neap_error *error);

/* A tag as it is, with its last position; or without a number, if it is on no event yet. */
neap_status neapi_sqlite_tag(neapi_sqlite_session *session, neap_text tag, neapi_sqlite_name **name,
                             neap_error *error);
/* Makes the tag if it is not there; its last position need not be looked up. */
neap_status neapi_sqlite_tag_make(neapi_sqlite_session *session, neap_text tag,
                                  neapi_sqlite_name **name, neap_error *error);

/* Judges a unit, which changes nothing. NEAP_OK: *verdict says what came out (position fields are
 * not set). */
neap_status neapi_sqlite_judge(neapi_sqlite_session *session, const neapi_unit *unit,
                               int64_t now_us, neapi_verdict *verdict, neap_error *error);

/* Writes an accepted unit; gives its events their places. */
neap_status neapi_sqlite_apply(neapi_sqlite_session *session, neapi_unit *unit,
                               neapi_verdict *verdict, neap_error *error);

/* Moves the log into the file. truncate: also empties it, if no reader is in the way. */
neap_status neapi_sqlite_checkpoint(neapi_sqlite_session *session, bool truncate,
                                    neap_error *error);

/* The log is moved into the file by upkeep beyond the first, and before a commit beyond the
 * second. */
#define NEAPI_SQLITE_LOG_PAGES      1024
#define NEAPI_SQLITE_LOG_PAGES_MOST 16384

#endif
