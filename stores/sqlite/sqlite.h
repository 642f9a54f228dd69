/* The store on one SQLite file, in its parts.
 *
 * connection, query, statements: SQLite itself. path, lock: which file, and whose. schema, layout:
 * what the file holds. index, tail, backlog: where streams and categories have their events; how
 * that is written. names, lookup, judge, apply, writer, upkeep: commits. tidy: what reading leaves.
 * places, reader, by_index, take, find, verify: reads. survey: figures. show: what is kept beside
 * events, as of one moment.
 * tags: one column; by_tags: its index. wanted: the types that a reading or a condition is about;
 * types: their names. rows, added: many rows in one statement. documents, kept: what is kept beside
 * events, written and read. projected: SQL of projections; guard: what that may do; clock: whether
 * it asks for the time; template, statement, owned, tables, run, select: how it is run. */
#ifndef NEAPI_SQLITE_SQLITE_H
#define NEAPI_SQLITE_SQLITE_H

#include "projected.h"
#include "query.h"
#include "rows.h"
#include "tags.h"
#include "tail.h"
#include "types.h"

/* A batch whose outcome may have to be found out later. It is the store's, not the session's, so
 * that another session can answer. */
typedef struct neapi_sqlite_batch {
    neapi_unit **units; /* borrowed; compared, never looked into */
    neapi_verdict *verdicts;
    size_t count, capacity;
    bool *spoilt;   /* whether the unit ended the transaction, and is left out of the next */
    bool unknown;   /* COMMIT failed, and nobody has found out yet */
    int64_t before; /* the number of the last commit before it */
} neapi_sqlite_batch;

typedef struct neapi_sqlite_store {
    neapi_store base;
    char *real; /* the file's path */
    int lock;   /* -1: opened for reading */
    neapi_sqlite_access reads;
    neapi_sqlite_still still; /* if it reads what does not change */
    bool full_sync;
    neapi_sqlite_batch batch; /* the writing session's */
} neapi_sqlite_store;

typedef struct neapi_sqlite_writer neapi_sqlite_writer;
typedef struct neapi_sqlite_place neapi_sqlite_place;
typedef struct neapi_reading neapi_reading;

#define NEAPI_SQLITE_AHEAD 128 /* rows of the index of tags that are looked at in one go */

/* How far a reading has come with one of its tags. */
typedef struct neapi_sqlite_tag_walk {
    int64_t tag;
    int64_t next;     /* from where on nothing was looked at yet */
    bool ended;       /* nothing is there */
    size_t at, count; /* what was looked at and is wanted, and how much of that is done */
    int64_t ahead[NEAPI_SQLITE_AHEAD];
} neapi_sqlite_tag_walk;

struct neapi_sqlite_session {
    neapi_session base;
    neapi_connection connection;
    int64_t *wanted; /* room for the types of one reading or condition */
    size_t wanted_capacity;
    neapi_sqlite_tag_walk *walks; /* room for the tags of one reading */
    size_t walk_capacity;
    neapi_sqlite_tags tags;     /* of the event that is read */
    neapi_sqlite_types types;   /* by heart */
    neapi_sqlite_tail tail;     /* what is behind the indexes */
    neapi_sqlite_place *places; /* where the events are that are read next: see places.h */
    size_t place_count, place_capacity;
    neapi_sqlite_table places_table;
    neapi_sqlite_projected projected; /* SQL of projections */
    neapi_reading *reading;           /* the one under way: see take.c */
    neapi_sqlite_writer *writer;      /* NULL: it reads */
};

static inline neapi_sqlite_session *neapi_sqlite_session_of(neapi_session *session)
{
    return (neapi_sqlite_session *)session;
}

static inline neapi_sqlite_store *neapi_sqlite_store_of(const neapi_sqlite_session *session)
{
    return (neapi_sqlite_store *)session->base.store;
}

/* writer: takes the place of the store's one writer, and gives it up. */
neap_status neapi_sqlite_writer_open(neapi_sqlite_session *session, neap_error *error);
void neapi_sqlite_writer_close(neapi_sqlite_session *session);
neap_status neapi_sqlite_commit(neapi_session *session, neapi_unit *const *units, size_t count,
                                int64_t now_us, neapi_outcome *outcome, neap_error *error);
neap_status neapi_sqlite_resolve(neapi_session *session, neapi_unit *const *units, size_t count,
                                 bool *durable, neap_error *error);

/* upkeep */
neap_status neapi_sqlite_maintain(neapi_session *session, int64_t now_us, bool *more,
                                  neap_error *error);

/* wanted: begin, add at most so many, end; then the connection wants them. On failure it wants
 * nothing new. */
neap_status neapi_sqlite_wanted_begin(neapi_sqlite_session *session, size_t most,
                                      neap_error *error);
void neapi_sqlite_wanted_add(neapi_sqlite_session *session, int64_t type);
void neapi_sqlite_wanted_end(neapi_sqlite_session *session);

/* reader */
neap_status neapi_sqlite_read(neapi_session *session, const neapi_range *range, neapi_page *page,
                              neap_error *error);

/* find */
neap_status neapi_sqlite_head(neapi_session *session, uint64_t *position, neap_error *error);
neap_status neapi_sqlite_stream_head(neapi_session *session, neap_text stream, uint64_t *version,
                                     uint64_t *position, neap_error *error);
neap_status neapi_sqlite_find_key(neapi_session *session, neap_text key, int64_t now_us,
                                  neapi_arena *arena, neapi_key *result, bool *found,
                                  neap_error *error);
/* Fills the key from its row. */
neap_status neapi_sqlite_read_key(const neapi_query *query, neapi_arena *arena, neapi_key *key,
                                  neap_error *error);
neap_status neapi_sqlite_find_snapshot(neapi_session *session, neap_text name, uint64_t max_version,
                                       neap_text fingerprint, neapi_arena *arena,
                                       neapi_snapshot *result, bool *found, neap_error *error);
neap_status neapi_sqlite_find_command(neapi_session *session, uint64_t position, neapi_arena *arena,
                                      neapi_command *result, bool *found, neap_error *error);

/* kept */
neap_status neapi_sqlite_find_document(neapi_session *session, neap_text collection, neap_text key,
                                       neapi_arena *arena, neap_text *data, bool *found,
                                       neap_error *error);
neap_status neapi_sqlite_list_documents(neapi_session *session, const neapi_document_range *range,
                                        neapi_document_page *page, neap_error *error);
neap_status neapi_sqlite_list_collections(neapi_session *session, neapi_collection_list *list,
                                          neap_error *error);

/* show */
neap_status neapi_sqlite_show_kept(neapi_session *session, int64_t now_us,
                                   const neapi_kept_sink *sink, uint64_t *head, neap_error *error);

/* select */
neap_status neapi_sqlite_select(neapi_session *session, const neapi_statement *statement,
                                size_t limit, neapi_result *result, neap_error *error);

/* verify */
neap_status neapi_sqlite_verify(neapi_session *session, const neapi_verify_sink *sink,
                                neap_verification *result, neap_error *error);

/* survey */
neap_status neapi_sqlite_survey(neapi_session *session, neapi_survey *survey, neap_error *error);

#endif
