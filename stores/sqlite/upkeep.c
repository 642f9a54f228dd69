#include "writer.h"

#include "base/error.h"

#define KEYS_AT_ONCE    256
#define ENTRIES_AT_ONCE 8192

neap_status neapi_sqlite_checkpoint(neapi_sqlite_session *session, bool truncate, neap_error *error)
{
    neapi_connection *connection = &session->connection;
    int in_log = 0, moved = 0;
    if (!truncate) {
        int code = sqlite3_wal_checkpoint_v2(connection->db, NULL, SQLITE_CHECKPOINT_PASSIVE,
                                             &in_log, &moved);
        if (code != SQLITE_OK)
            return neapi_connection_fail(connection, code, error);
        /* All of it: the next commit begins the log anew, unless a reader is still in it. */
        if (in_log == moved)
            session->writer->log_pages = 0;
        return NEAP_OK;
    }
    sqlite3_busy_timeout(connection->db, 0);
    int code = sqlite3_wal_checkpoint_v2(connection->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, &in_log,
                                         &moved);
    sqlite3_busy_timeout(connection->db, NEAPI_SQLITE_BUSY_MS);
    if (code == SQLITE_OK) {
        session->writer->log_pages = 0;
        session->writer->log_used = false;
    }
    bool in_the_way = (code & 0xFF) == SQLITE_BUSY || (code & 0xFF) == SQLITE_LOCKED;
    return code == SQLITE_OK || in_the_way ? NEAP_OK
                                           : neapi_connection_fail(connection, code, error);
}

neap_status neapi_sqlite_write_backlog(neapi_sqlite_session *session, bool *left, neap_error *error)
{
    neapi_sqlite_writer *writer = session->writer;
    neapi_connection *connection = &session->connection;
    int64_t commits;
    *left = false;
    if (writer->loaded && writer->backlog.indexed >= session->tail.head)
        return NEAP_OK;
    neap_status status = neapi_sqlite_begin(session, &commits, error);
    if (status != NEAP_OK)
        return status;
    bool behind = writer->backlog.indexed < session->tail.head;
    if (behind)
        status = neapi_sqlite_backlog_write(&writer->backlog, &session->tail, ENTRIES_AT_ONCE, left,
                                            connection, error);
    neapi_query query;
    if (status == NEAP_OK && behind) {
        query = neapi_query_begin(connection, NEAPI_SQL_SET_MARKS);
        neapi_sqlite_bind_marks(session, &query);
        status = neapi_query_finish(&query, error);
    }
    if (status == NEAP_OK) {
        query = neapi_query_begin(connection, NEAPI_SQL_COMMIT);
        status = neapi_query_finish(&query, error);
    }
    if (status != NEAP_OK)
        neapi_sqlite_rollback(session);
    else
        neapi_sqlite_backlog_done(&writer->backlog, &session->tail);
    return status;
}

/* Drops some of the keys that are over; *more: there are others. */
static neap_status drop_keys(neapi_sqlite_session *session, int64_t now_us, bool *more,
                             neap_error *error)
{
    bool any;
    int64_t commits;
    neapi_query query = neapi_query_begin(&session->connection, NEAPI_SQL_KEYS_EXPIRED);
    neapi_query_integer(&query, now_us);
    neap_status status = neapi_query_step(&query, &any, error);
    neapi_query_end(&query);
    if (status != NEAP_OK || !any)
        return status;
    status = neapi_sqlite_begin(session, &commits, error);
    if (status != NEAP_OK)
        return status;
    query = neapi_query_begin(&session->connection, NEAPI_SQL_KEYS_DROP);
    neapi_query_integer(&query, now_us);
    neapi_query_integer(&query, KEYS_AT_ONCE);
    status = neapi_query_finish(&query, error);
    bool full = status == NEAP_OK && sqlite3_changes(session->connection.db) == KEYS_AT_ONCE;
    if (status == NEAP_OK) {
        query = neapi_query_begin(&session->connection, NEAPI_SQL_COMMIT);
        status = neapi_query_finish(&query, error);
    }
    if (status != NEAP_OK)
        neapi_sqlite_rollback(session);
    else
        *more = full;
    return status;
}

/* The log is moved into the file when it is long; when nothing was committed since the last upkeep
 * the indexes follow to the last event, and the log is emptied as well, so that at rest the file
 * has everything. */
neap_status neapi_sqlite_maintain(neapi_session *base, int64_t now_us, bool *more,
                                  neap_error *error)
{
    neapi_sqlite_session *session = neapi_sqlite_session_of(base);
    neapi_sqlite_writer *writer = session->writer;
    *more = false;
    if (neapi_sqlite_store_of(session)->batch.unknown)
        return NEAP_OK;
    bool idle = writer->commits_at_upkeep == writer->commits;
    writer->commits_at_upkeep = writer->commits;
    neap_status status = drop_keys(session, now_us, more, error);
    if (status != NEAP_OK || *more)
        return status;
    if (idle)
        status = neapi_sqlite_write_backlog(session, more, error);
    if (status != NEAP_OK || *more)
        return status;
    if (idle && writer->log_used)
        return neapi_sqlite_checkpoint(session, true, error);
    *more = writer->log_used; /* to be emptied, if nothing is committed until the next upkeep */
    if (writer->log_pages >= NEAPI_SQLITE_LOG_PAGES)
        return neapi_sqlite_checkpoint(session, false, error);
    return NEAP_OK;
}
