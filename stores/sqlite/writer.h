/* What the writing session knows about the store beyond the connection. */
#ifndef NEAPI_SQLITE_WRITER_H
#define NEAPI_SQLITE_WRITER_H

#include "added.h"
#include "backlog.h"
#include "base/buffer.h"
#include "documents.h"
#include "names.h"
#include "query.h"
#include "sqlite.h"

struct neapi_sqlite_writer {
    int64_t token;   /* in the file as long as this is the store's writer */
    int64_t commits; /* the number of the last commit */
    bool lost;       /* another writer came, or the file is another one: no commit any more */
    bool loaded;     /* head, the tail, the backlog and the names agree with the file */
    bool wrote;      /* the transaction under way has written something */
    uint64_t head;
    size_t tail_before; /* how long the tail was when the transaction began */
    uint64_t unit;      /* counts the units that were judged */
    bool unit_has_sql;  /* the last of them */
    neapi_sqlite_names streams, types, categories, tags, collections;
    neapi_sqlite_backlog backlog;
    neapi_sqlite_added added;
    neapi_sqlite_documents documents;
    int64_t last_command; /* its number */
    int log_pages;        /* in the write-ahead log after the last commit */
    bool log_used;        /* it has something since it was emptied */
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

/* A collection as it is, or without a number, if it is not there yet. */
neap_status neapi_sqlite_collection(neapi_sqlite_session *session, neap_text collection,
                                    neapi_sqlite_name **name, neap_error *error);
/* Makes one that is not there. */
neap_status neapi_sqlite_collection_add(neapi_sqlite_session *session, neapi_sqlite_name *name,
                                        neap_error *error);

/* Judges a unit, which changes nothing. NEAP_OK: *verdict says what came out (position fields are
 * not set). */
neap_status neapi_sqlite_judge(neapi_sqlite_session *session, const neapi_unit *unit,
                               int64_t now_us, neapi_verdict *verdict, neap_error *error);

/* Writes an accepted unit; gives its events their places. */
neap_status neapi_sqlite_apply(neapi_sqlite_session *session, neapi_unit *unit,
                               neapi_verdict *verdict, neap_error *error);

/* Writes some of what the indexes lack, in a transaction of its own. *left: there is more. */
neap_status neapi_sqlite_write_backlog(neapi_sqlite_session *session, bool *left,
                                       neap_error *error);
/* Binds how far the indexes go. */
void neapi_sqlite_bind_marks(const neapi_sqlite_session *session, neapi_query *query);

/* Moves the log into the file. truncate: also empties it, if no reader is in the way. */
neap_status neapi_sqlite_checkpoint(neapi_sqlite_session *session, bool truncate,
                                    neap_error *error);

/* The log is moved into the file by upkeep beyond the first, and before a commit beyond the
 * second. */
#define NEAPI_SQLITE_LOG_PAGES      1024
#define NEAPI_SQLITE_LOG_PAGES_MOST 16384

#endif
