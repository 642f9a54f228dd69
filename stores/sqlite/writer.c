#include "writer.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/platform.h"

#define STREAMS_BY_HEART 50000
#define TYPES_BY_HEART   5000
#define TAGS_BY_HEART    50000

static neap_status run(neapi_sqlite_session *session, neapi_sql sql, neap_error *error)
{
    neapi_query query = neapi_query_begin(&session->connection, sql);
    return neapi_query_finish(&query, error);
}

/* Tells how long the log is after each commit; SQLite's own rule, to move it into the file then and
 * there, is off. */
static int committed(void *user, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    neapi_sqlite_writer *writer = user;
    writer->log_pages = pages;
    writer->log_used = true;
    return SQLITE_OK;
}

static neap_status lose(neapi_sqlite_session *session, const char *why, neap_error *error)
{
    session->writer->lost = true;
    return neapi_fail(error, NEAP_STORE, "%s: this session can write no more",
                      why != NULL ? why : "the store is another writer's now");
}

/* Reads whose the store is, and the number of its last commit. */
static neap_status read_place(neapi_sqlite_session *session, int64_t *token, int64_t *commits,
                              neap_error *error)
{
    bool row;
    neapi_query query = neapi_query_begin(&session->connection, NEAPI_SQL_PLACE);
    neap_status status = neapi_query_step(&query, &row, error);
    if (status != NEAP_OK)
        return status;
    if (!row)
        return neapi_fail(error, NEAP_CORRUPT, "the store is damaged: its own row is gone");
    *token = neapi_query_column_integer(&query, 0);
    *commits = neapi_query_column_integer(&query, 1);
    neapi_query_end(&query);
    return NEAP_OK;
}

/* The statement's number; 0 if there is none. */
static neap_status read_number(neapi_sqlite_session *session, neapi_sql sql, int64_t *number,
                               neap_error *error)
{
    bool row;
    neapi_query query = neapi_query_begin(&session->connection, sql);
    neap_status status = neapi_query_step(&query, &row, error);
    *number = status == NEAP_OK && row ? neapi_query_column_integer(&query, 0) : 0;
    neapi_query_end(&query);
    return status;
}

static neap_status read_head(neapi_sqlite_session *session, neap_error *error)
{
    int64_t head;
    neap_status status = read_number(session, NEAPI_SQL_HEAD, &head, error);
    if (status == NEAP_OK && head < 0)
        return neapi_sqlite_damaged(error, "there is an event at position", head);
    session->writer->head = (uint64_t)head;
    return status;
}

/* What is not known by heart yet, or no more. */
static neap_status load(neapi_sqlite_session *session, neap_error *error)
{
    neapi_connection *connection = &session->connection;
    neap_status status = read_head(session, error);
    if (status == NEAP_OK)
        status =
            read_number(session, NEAPI_SQL_LAST_COMMAND, &session->writer->last_command, error);
    if (status == NEAP_OK)
        status = neapi_sqlite_tail_follow(&session->tail, connection, error);
    if (status == NEAP_OK)
        status =
            neapi_sqlite_backlog_load(&session->writer->backlog, &session->tail, connection, error);
    return status;
}

neap_status neapi_sqlite_begin(neapi_sqlite_session *session, int64_t *commits, neap_error *error)
{
    neapi_sqlite_writer *writer = session->writer;
    if (writer->lost)
        return lose(session, NULL, error);
    int moved = 0;
    if (sqlite3_file_control(session->connection.db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) ==
            SQLITE_OK &&
        moved != 0)
        return lose(session, "the store's file was moved, replaced or deleted", error);
    int64_t token = 0;
    neap_status status =
        neapi_query_begin_transaction(&session->connection, NEAPI_SQL_BEGIN, error);
    if (status == NEAP_OK)
        status = read_place(session, &token, commits, error);
    if (status == NEAP_OK && token != writer->token)
        status = lose(session, "another writer has taken the store over", error);
    if (status == NEAP_OK && !writer->loaded)
        status = load(session, error);
    if (status != NEAP_OK) {
        neapi_sqlite_rollback(session);
        return status;
    }
    writer->loaded = true;
    writer->wrote = false;
    writer->tail_before = session->tail.count;
    neapi_sqlite_added_clear(&writer->added);
    neapi_sqlite_documents_clear(&writer->documents);
    return NEAP_OK;
}

void neapi_sqlite_rollback(neapi_sqlite_session *session)
{
    neapi_sqlite_writer *writer = session->writer;
    neapi_query_rollback(&session->connection);
    writer->loaded = false;
    neapi_sqlite_tail_clear(&session->tail);
    neapi_sqlite_names_clear(&writer->streams);
    neapi_sqlite_names_clear(&writer->types);
    neapi_sqlite_names_clear(&writer->categories);
    neapi_sqlite_names_clear(&writer->tags);
    neapi_sqlite_names_clear(&writer->collections);
    neapi_sqlite_projected_forget(&session->projected);
}

static neap_status take_place(neapi_sqlite_session *session, neap_error *error)
{
    neapi_query query = neapi_query_begin(&session->connection, NEAPI_SQL_TAKE_PLACE);
    neapi_query_integer(&query, session->writer->token);
    return neapi_query_finish(&query, error);
}

neap_status neapi_sqlite_writer_open(neapi_sqlite_session *session, neap_error *error)
{
    neapi_sqlite_writer *writer = neapi_alloc_zero(1, sizeof *writer);
    if (writer == NULL)
        return neapi_nomem(error);
    session->writer = writer;
    neapi_sqlite_names_init(&writer->streams, STREAMS_BY_HEART);
    neapi_sqlite_names_init(&writer->types, TYPES_BY_HEART);
    neapi_sqlite_names_init(&writer->categories, TYPES_BY_HEART);
    neapi_sqlite_names_init(&writer->tags, TAGS_BY_HEART);
    neapi_sqlite_names_init(&writer->collections, TYPES_BY_HEART);
    neapi_random(neapi_platform_machine(), &writer->token, sizeof writer->token);
    sqlite3_wal_hook(session->connection.db, committed, writer);

    int64_t token;
    neap_status status = neapi_sqlite_added_enable(session, error);
    if (status == NEAP_OK)
        status = neapi_sqlite_documents_enable(session, error);
    if (status == NEAP_OK)
        status = neapi_query_begin_transaction(&session->connection, NEAPI_SQL_BEGIN, error);
    if (status == NEAP_OK)
        status = read_place(session, &token, &writer->commits, error);
    if (status == NEAP_OK)
        status = take_place(session, error);
    if (status == NEAP_OK)
        status = run(session, NEAPI_SQL_COMMIT, error);
    if (status != NEAP_OK) {
        neapi_sqlite_rollback(session);
        writer->lost = true;
        neapi_sqlite_writer_close(session);
    }
    return status;
}

/* At rest the file has everything, and its indexes as well. What cannot be done now is done by who
 * opens it next. */
static void settle(neapi_sqlite_session *session)
{
    bool left = !neapi_sqlite_store_of(session)->batch.unknown;
    while (left && neapi_sqlite_write_backlog(session, &left, NULL) == NEAP_OK)
        ;
    neapi_sqlite_checkpoint(session, true, NULL);
}

void neapi_sqlite_writer_close(neapi_sqlite_session *session)
{
    neapi_sqlite_writer *writer = session->writer;
    if (writer->lost)
        sqlite3_db_config(session->connection.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    else
        settle(session);
    sqlite3_wal_hook(session->connection.db, NULL, NULL);
    neapi_sqlite_names_fini(&writer->streams);
    neapi_sqlite_names_fini(&writer->types);
    neapi_sqlite_names_fini(&writer->categories);
    neapi_sqlite_names_fini(&writer->tags);
    neapi_sqlite_names_fini(&writer->collections);
    neapi_sqlite_backlog_fini(&writer->backlog);
    neapi_sqlite_added_fini(&writer->added);
    neapi_sqlite_documents_fini(&writer->documents);
    neapi_free(writer);
    session->writer = NULL;
}

static neap_status reserve(neapi_sqlite_batch *batch, size_t count, neap_error *error)
{
    if (count <= batch->capacity)
        return NEAP_OK;
    neapi_unit **units = neapi_realloc(batch->units, count * sizeof *units);
    if (units == NULL)
        return neapi_nomem(error);
    batch->units = units;
    neapi_verdict *verdicts = neapi_realloc(batch->verdicts, count * sizeof *verdicts);
    if (verdicts == NULL)
        return neapi_nomem(error);
    batch->verdicts = verdicts;
    bool *spoilt = neapi_realloc(batch->spoilt, count * sizeof *spoilt);
    if (spoilt == NULL)
        return neapi_nomem(error);
    batch->spoilt = spoilt;
    batch->capacity = count;
    return NEAP_OK;
}

static neap_status write_unit(neapi_sqlite_session *session, neapi_unit *unit, int64_t now_us,
                              neapi_verdict *verdict, bool *ended, neap_error *error)
{
    *ended = false;
    neap_status status = neapi_sqlite_judge(session, unit, now_us, verdict, error);
    if (status == NEAP_OK && verdict->status == NEAP_OK && session->writer->unit_has_sql)
        status = neapi_sqlite_run_unit(session, unit, verdict, ended, error);
    if (status == NEAP_OK && verdict->status == NEAP_OK)
        status = neapi_sqlite_apply(session, unit, verdict, error);
    return status;
}

/* Judges and writes the units. A unit's own verdict is filled in as it goes, since those that
 * follow it look there. *ended: one has ended the transaction, and all is to be done again without
 * that one. */
static neap_status write_units(neapi_sqlite_session *session, neapi_sqlite_batch *batch,
                               int64_t now_us, bool *ended, neap_error *error)
{
    for (size_t i = 0; i < batch->count; i++)
        batch->units[i]->verdict = (neapi_verdict){0};
    for (size_t i = 0; i < batch->count; i++) {
        neapi_unit *unit = batch->units[i];
        if (!batch->spoilt[i]) {
            neap_status status =
                write_unit(session, unit, now_us, &batch->verdicts[i], ended, error);
            if (status != NEAP_OK)
                return status;
            batch->spoilt[i] = *ended;
            if (*ended)
                return NEAP_OK;
        }
        unit->verdict = batch->verdicts[i];
    }
    neap_status status = neapi_sqlite_added_write(session, error);
    return status == NEAP_OK ? neapi_sqlite_documents_write(session, error) : status;
}

/* What the system said of the log's last failed write: SQLite keeps it at the file, but does not
 * hand it on when it is COMMIT that fails. */
static int log_errno(const neapi_sqlite_session *session)
{
    sqlite3_file *file = NULL;
    int number = 0;
    sqlite3_file_control(session->connection.db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file);
    if (file != NULL && file->pMethods != NULL)
        file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &number);
    return number;
}

/* Whether the failure of COMMIT, the last call, was want of space. Then the frame that would have
 * made the transaction count is incomplete, so nothing can come of it. After any other failure it
 * may lie in the log, whole, and count once the log is recovered. */
static bool out_of_space(const neapi_sqlite_session *session, neap_error *error)
{
    int code = sqlite3_extended_errcode(session->connection.db);
    int number = code == SQLITE_FULL ? ENOSPC : code == SQLITE_IOERR_WRITE ? log_errno(session) : 0;
    if (number != ENOSPC && number != EDQUOT && number != EFBIG)
        return false;
    errno = number;
    neapi_fail(error, NEAP_STORE, "the disk is full: %m");
    return true;
}

void neapi_sqlite_bind_marks(const neapi_sqlite_session *session, neapi_query *query)
{
    const neapi_sqlite_backlog *backlog = &session->writer->backlog;
    neapi_query_integer(query, backlog->indexed);
    neapi_query_integer(query, backlog->sealed);
    neapi_query_integer(query, (int64_t)backlog->written);
}

/* Writes what the indexes are due, and counts the commit. */
static neap_status write_marks(neapi_sqlite_session *session, neap_error *error)
{
    neapi_sqlite_writer *writer = session->writer;
    neap_status status = neapi_sqlite_backlog_advance(&writer->backlog, &session->tail,
                                                      session->tail.count - writer->tail_before,
                                                      &session->connection, error);
    if (status != NEAP_OK)
        return status;
    neapi_query query = neapi_query_begin(&session->connection, NEAPI_SQL_NEXT_COMMIT);
    neapi_sqlite_bind_marks(session, &query);
    neapi_query_integer(&query, writer->commits + 1);
    return neapi_query_finish(&query, error);
}

/* Makes durable what was written. *undecided: the failure left it open whether that happened. */
static neap_status finish(neapi_sqlite_session *session, bool *undecided, neap_error *error)
{
    neapi_sqlite_writer *writer = session->writer;
    neap_status status = NEAP_OK;
    if (writer->wrote)
        status = write_marks(session, error);
    if (status != NEAP_OK)
        return status;
    status = run(session, NEAPI_SQL_COMMIT, error);
    if (status != NEAP_OK)
        *undecided = writer->wrote && !out_of_space(session, error);
    if (status == NEAP_OK && writer->wrote) {
        writer->commits++;
        neapi_sqlite_backlog_done(&writer->backlog, &session->tail);
    }
    return status;
}

/* The units get their verdicts; of `units` those that were in the batch. */
static void judged(const neapi_sqlite_batch *batch, neapi_unit *const *units, size_t count)
{
    for (size_t i = 0, at = 0; i < count && at < batch->count; i++) {
        if (units[i] != batch->units[at])
            continue;
        const neapi_verdict *verdict = &batch->verdicts[at++];
        if (verdict->status == NEAP_OK)
            neapi_unit_accept(units[i], verdict->first_position, verdict->last_position);
        else
            neapi_unit_refuse(units[i], verdict->status, verdict->op, verdict->actual);
    }
}

/* Writes the batch into a transaction, which is open then. */
static neap_status write_batch(neapi_sqlite_session *session, neapi_sqlite_batch *batch,
                               int64_t now_us, neap_error *error)
{
    int64_t commits;
    bool ended = false;
    neap_status status;
    do {
        if (ended)
            neapi_sqlite_rollback(session);
        ended = false;
        status = neapi_sqlite_begin(session, &commits, error);
        if (status == NEAP_OK && commits != session->writer->commits)
            status = lose(session, "another writer has written to the store", error);
        if (status == NEAP_OK)
            status = write_units(session, batch, now_us, &ended, error);
    } while (status == NEAP_OK && ended);
    return status;
}

neap_status neapi_sqlite_commit(neapi_session *base, neapi_unit *const *units, size_t count,
                                int64_t now_us, neapi_outcome *outcome, neap_error *error)
{
    neapi_sqlite_session *session = neapi_sqlite_session_of(base);
    neapi_sqlite_writer *writer = session->writer;
    neapi_sqlite_batch *batch = &neapi_sqlite_store_of(session)->batch;
    *outcome = NEAPI_OUTCOME_NONE;
    if (batch->unknown)
        return neapi_fail(error, NEAP_USAGE, "the batch before is still to be resolved");
    neap_status status = reserve(batch, count, error);
    if (status != NEAP_OK)
        return status;
    for (size_t i = 0; i < count; i++) {
        batch->units[i] = units[i];
        batch->spoilt[i] = false;
    }
    batch->count = count;
    if (writer->log_pages >= NEAPI_SQLITE_LOG_PAGES_MOST)
        neapi_sqlite_checkpoint(session, false, NULL);

    neapi_sqlite_names_turn(&writer->streams);
    neapi_sqlite_names_turn(&writer->types);
    neapi_sqlite_names_turn(&writer->categories);
    neapi_sqlite_names_turn(&writer->tags);
    neapi_sqlite_names_turn(&writer->collections);
    status = write_batch(session, batch, now_us, error);
    if (status == NEAP_OK)
        status = finish(session, &batch->unknown, error);
    if (status == NEAP_OK) {
        judged(batch, units, count);
        return NEAP_OK;
    }
    batch->before = writer->commits;
    *outcome = batch->unknown ? NEAPI_OUTCOME_UNKNOWN : NEAPI_OUTCOME_NONE;
    neapi_sqlite_rollback(session);
    for (size_t i = 0; i < count; i++)
        units[i]->verdict = (neapi_verdict){0};
    return status;
}

/* Writes a fence: it takes the very place in the log where the batch may lie, so that the batch
 * cannot be recovered from there any more. If the batch counts already, it comes behind it. */
neap_status neapi_sqlite_resolve(neapi_session *base, neapi_unit *const *units, size_t count,
                                 bool *durable, neap_error *error)
{
    neapi_sqlite_session *session = neapi_sqlite_session_of(base);
    neapi_sqlite_writer *writer = session->writer;
    neapi_sqlite_batch *batch = &neapi_sqlite_store_of(session)->batch;
    int64_t commits;
    if (!batch->unknown)
        return neapi_fail(error, NEAP_USAGE, "no batch is to be resolved");
    neap_status status = neapi_sqlite_begin(session, &commits, error);
    if (status != NEAP_OK)
        return status;
    if (commits != batch->before && commits != batch->before + 1)
        status = lose(session, "another writer has written to the store", error);
    if (status == NEAP_OK)
        status = run(session, NEAPI_SQL_FENCE, error);
    if (status == NEAP_OK)
        status = run(session, NEAPI_SQL_COMMIT, error);
    if (status != NEAP_OK) {
        neapi_sqlite_rollback(session);
        return status;
    }
    batch->unknown = false;
    writer->commits = commits;
    *durable = commits != batch->before;
    if (*durable)
        judged(batch, units, count);
    return NEAP_OK;
}
