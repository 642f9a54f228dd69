/* A store in a schema of a PostgreSQL database, over libpq. */
#ifndef NEAPI_POSTGRESQL_H
#define NEAPI_POSTGRESQL_H

#include "connection.h"
#include "seen.h"
#include "store/backend.h"

/* What one field, and all that one statement brings, may have: PostgreSQL itself ends at a
 * gibibyte. */
#define NEAPI_PG_FIELD_BYTES     ((size_t)256 * 1024 * 1024)
#define NEAPI_PG_STATEMENT_BYTES ((size_t)32 * 1024 * 1024)

typedef struct neapi_pg_store {
    neapi_store base;
    neapi_pg_target target;
    neapi_pg_seen seen;
    /* The last batch, whose outcome may be unknown: what it is known by, and what it was judged.
     * That is its last event, or, if it has none (position 0), its number, as the writer's. */
    uint64_t last_position;
    neap_uuid last_id;
    neap_uuid writer;
    int64_t batch;
    bool unknown;
    bool at_once;          /* it was sent whole, with nothing answered before */
    bool fenced;           /* one that was must not commit any more */
    atomic_int writer_pid; /* the server's process of the connection that commits */
    neapi_verdict *verdicts;
    size_t verdict_capacity;
} neapi_pg_store;

typedef struct neapi_pg_session {
    neapi_session base;
    neapi_pg_connection connection;
    uint64_t head;     /* the last one that it was told of */
    size_t mean_bytes; /* of the events that were read last */
    neap_text *tags;   /* of the event that is read */
    size_t tag_capacity;
    struct neapi_pg_batch *batch;     /* of a writing session */
    struct neapi_pg_outgoing *writes; /* of a writing session */
    struct neapi_pg_projected *projected;
} neapi_pg_session;

/* The slots of the table that have a file of their own. */
neap_status neapi_pg_commit(neapi_session *session, neapi_unit *const *units, size_t count,
                            int64_t now_us, neapi_outcome *outcome, neap_error *error);
neap_status neapi_pg_resolve(neapi_session *session, neapi_unit *const *units, size_t count,
                             bool *durable, neap_error *error);
neap_status neapi_pg_read(neapi_session *session, const neapi_range *range, neapi_page *page,
                          neap_error *error);
neap_status neapi_pg_stream_head(neapi_session *session, neap_text stream, uint64_t *version,
                                 uint64_t *position, neap_error *error);
neap_status neapi_pg_head(neapi_session *session, uint64_t *position, neap_error *error);
neap_status neapi_pg_find_key(neapi_session *session, neap_text key, int64_t now_us,
                              neapi_arena *arena, neapi_key *result, bool *found,
                              neap_error *error);
neap_status neapi_pg_find_snapshot(neapi_session *session, neap_text name, uint64_t max_version,
                                   neap_text fingerprint, neapi_arena *arena,
                                   neapi_snapshot *result, bool *found, neap_error *error);
neap_status neapi_pg_find_command(neapi_session *session, uint64_t position, neapi_arena *arena,
                                  neapi_command *result, bool *found, neap_error *error);
neap_status neapi_pg_find_document(neapi_session *session, neap_text collection, neap_text key,
                                   neapi_arena *arena, neap_text *data, bool *found,
                                   neap_error *error);
neap_status neapi_pg_list_documents(neapi_session *session, const neapi_document_range *range,
                                    neapi_document_page *page, neap_error *error);
neap_status neapi_pg_list_collections(neapi_session *session, neapi_collection_list *list,
                                      neap_error *error);
neap_status neapi_pg_show_kept(neapi_session *session, int64_t now_us, const neapi_kept_sink *sink,
                               uint64_t *head, neap_error *error);
neap_status neapi_pg_select(neapi_session *session, const neapi_statement *statement, size_t limit,
                            neapi_result *result, neap_error *error);
neap_status neapi_pg_maintain(neapi_session *session, int64_t now_us, bool *more,
                              neap_error *error);
neap_status neapi_pg_verify(neapi_session *session, const neapi_verify_sink *sink,
                            neap_verification *result, neap_error *error);
neap_status neapi_pg_survey(neapi_session *session, neapi_survey *survey, neap_error *error);

neap_status neapi_pg_listen(neapi_session *session, int wake, int timeout_ms, neapi_told *told,
                            neap_error *error);
/* Queues what tells who listens of the batch, whose units are judged. */
void neapi_pg_tell(neapi_pg_session *session, neapi_unit *const *units, size_t count);

/* A row's first columns as a key without its name, borrowed from the result. */
#define NEAPI_PG_KEY_COLUMNS 7
neapi_key neapi_pg_get_key(const PGresult *rows, int row);

static inline neapi_pg_session *neapi_pg_session_of(neapi_session *session)
{
    return (neapi_pg_session *)session;
}

static inline neapi_pg_store *neapi_pg_store_of(const neapi_pg_session *session)
{
    return (neapi_pg_store *)session->base.store;
}

/* PostgreSQL's numbers have a sign. */
static inline int64_t neapi_pg_number(uint64_t number)
{
    return number > INT64_MAX ? INT64_MAX : (int64_t)number;
}

#endif
