/* Showing what is kept beside events, in one transaction. */
#include "sqlite.h"

#include "base/error.h"
#include "base/text.h"

static neap_status show_keys(neapi_sqlite_session *session, int64_t now_us,
                             const neapi_kept_sink *sink, neap_error *error)
{
    bool row;
    neapi_key key = {0};
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_query query = neapi_query_begin(&session->connection, NEAPI_SQL_KEYS);
    neapi_query_integer(&query, now_us);
    neap_status status = neapi_query_step(&query, &row, error);
    while (status == NEAP_OK && row) {
        neapi_arena_clear(&arena);
        status = neapi_sqlite_read_key(&query, &arena, &key, error);
        if (status == NEAP_OK)
            status = sink->key(sink->user, &key, error);
        if (status == NEAP_OK)
            status = neapi_query_step(&query, &row, error);
    }
    neapi_query_end(&query);
    neapi_arena_fini(&arena);
    return status;
}

static neap_status show_collection(neapi_sqlite_session *session, int64_t id, neap_text name,
                                   const neapi_kept_sink *sink, neap_error *error)
{
    bool row;
    neapi_query query = neapi_query_begin(&session->connection, NEAPI_SQL_DOCUMENTS);
    neapi_query_integer(&query, id);
    neap_status status = neapi_query_step(&query, &row, error);
    while (status == NEAP_OK && row) {
        neap_text key = neapi_query_column_bytes(&query, 0);
        neap_text data = neapi_query_column_bytes(&query, 1);
        status = key.data != NULL && data.data != NULL
                     ? sink->document(sink->user, name, key, data, error)
                     : neapi_nomem(error);
        if (status == NEAP_OK)
            status = neapi_query_step(&query, &row, error);
    }
    neapi_query_end(&query);
    return status;
}

static neap_status show_documents(neapi_sqlite_session *session, const neapi_kept_sink *sink,
                                  neap_error *error)
{
    bool row;
    neapi_query query = neapi_query_begin(&session->connection, NEAPI_SQL_COLLECTION_NAMES);
    neap_status status = neapi_query_step(&query, &row, error);
    while (status == NEAP_OK && row) {
        int64_t id = neapi_query_column_integer(&query, 0);
        neap_text name = neapi_query_column_bytes(&query, 1);
        if (name.data == NULL)
            status = neapi_nomem(error);
        else if (sink->wants(sink->user, name))
            status = show_collection(session, id, name, sink, error);
        if (status == NEAP_OK)
            status = neapi_query_step(&query, &row, error);
    }
    neapi_query_end(&query);
    return status;
}

neap_status neapi_sqlite_show_kept(neapi_session *base, int64_t now_us, const neapi_kept_sink *sink,
                                   uint64_t *head, neap_error *error)
{
    neapi_sqlite_session *session = neapi_sqlite_session_of(base);
    uint64_t last = 0;
    neap_status status =
        neapi_query_begin_transaction(&session->connection, NEAPI_SQL_BEGIN_READING, error);
    if (status != NEAP_OK)
        return status;
    status = neapi_sqlite_head(base, &last, error);
    if (status == NEAP_OK)
        status = show_keys(session, now_us, sink, error);
    if (status == NEAP_OK)
        status = show_documents(session, sink, error);
    if (status == NEAP_OK) {
        neapi_query end = neapi_query_begin(&session->connection, NEAPI_SQL_COMMIT);
        status = neapi_query_finish(&end, error);
    }
    if (status != NEAP_OK)
        neapi_query_rollback(&session->connection);
    else
        *head = last;
    return status;
}
