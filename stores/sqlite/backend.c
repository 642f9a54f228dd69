#include "reader.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "lock.h"
#include "path.h"
#include "schema.h"
#include "tidy.h"

static neap_status read_options(const neapi_url *url, bool *full_sync, neap_error *error)
{
    static const char *const known[] = {"synchronous", NULL};
    neap_status status = neapi_url_check_options(url, known, error);
    if (status != NEAP_OK)
        return status;
    bool given;
    neap_text value = neapi_url_option(url, "synchronous", &given);
    *full_sync = !given || neapi_text_equal(value, NEAPI_LITERAL("full"));
    if (*full_sync || neapi_text_equal(value, NEAPI_LITERAL("normal")))
        return NEAP_OK;
    return neapi_fail(error, NEAP_USAGE,
                      "the option synchronous is \"full\" or \"normal\", not \"%.*s\"",
                      NEAPI_TEXT(value));
}

/* Opens the file once, to see what it is and to make it what it should be. *code: what SQLite said
 * last. */
static neap_status look_at_file(const neapi_sqlite_store *store, neapi_mode mode, int *code,
                                neap_error *error)
{
    neapi_connection connection;
    neapi_sqlite_access access = mode == NEAPI_MODE_WRITE ? NEAPI_SQLITE_WRITES : store->reads;
    *code = SQLITE_OK;
    neap_status status = neapi_connection_open(&connection, store->real, access, error);
    if (status != NEAP_OK)
        return status;
    status = neapi_schema_check(&connection, store->real, mode, error);
    *code = sqlite3_extended_errcode(connection.db);
    neapi_connection_close(&connection);
    return status;
}

/* What this user cannot write can be read without the files that SQLite wants to make beside it,
 * unless one that is there has what was not yet moved into the store. */
static neap_status look_at_still_file(neapi_sqlite_store *store, int *code, neap_error *error)
{
    neapi_sqlite_mark log;
    *code = SQLITE_OK;
    store->still.real = store->real;
    store->still.log = neapi_sqlite_path_beside(store->real, "-wal");
    if (store->still.log == NULL)
        return neapi_nomem(error);
    if (neapi_sqlite_mark_of(store->still.log, &log) && log.size > 0)
        return neapi_fail(error, NEAP_STORE,
                          "%s was not closed by its writer, and this user cannot write beside it; "
                          "copy it, together with %s-wal, to where it can be opened for writing",
                          store->real, store->real);
    if (!neapi_sqlite_mark_of(store->real, &store->still.mark))
        return neapi_fail(error, NEAP_STORE, "%s: %m", store->real);
    store->reads = NEAPI_SQLITE_IMMUTABLE;
    return look_at_file(store, NEAPI_MODE_READ, code, error);
}

/* Files beside it that a reader made would be the reader's, and its writer could not write them. */
static bool makes_foreign_files(const neapi_sqlite_store *store)
{
    return store->reads == NEAPI_SQLITE_READS && !neapi_sqlite_path_is_own(store->real) &&
           !neapi_sqlite_path_is_open(store->real);
}

static neap_status check_file(neapi_sqlite_store *store, neapi_mode mode, neap_error *error)
{
    int code;
    neap_status status;
    store->reads = NEAPI_SQLITE_READS;
    if (mode == NEAPI_MODE_READ && makes_foreign_files(store))
        status = look_at_still_file(store, &code, error);
    else
        status = look_at_file(store, mode, &code, error);
    return status != NEAP_OK ? neapi_schema_explain(store->real, code, status, error) : NEAP_OK;
}

static void close_store(neapi_store *base)
{
    neapi_sqlite_store *store = (neapi_sqlite_store *)base;
    neapi_sqlite_unlock(store->lock);
    if (store->lock < 0 && store->reads == NEAPI_SQLITE_READS)
        neapi_sqlite_tidy(store->real);
    neapi_free(store->batch.units);
    neapi_free(store->batch.verdicts);
    neapi_free(store->batch.spoilt);
    neapi_free(store->still.log);
    neapi_free(store->real);
    neapi_free(store);
}

static neap_status open_store(const neapi_url *url, neapi_mode mode, neapi_store **result,
                              neap_error *error)
{
    bool full_sync;
    neapi_sqlite_path path;
    neap_status status = read_options(url, &full_sync, error);
    if (status == NEAP_OK && sqlite3_threadsafe() == 0)
        status = neapi_fail(error, NEAP_STORE, "this SQLite was built without threads");
    if (status == NEAP_OK)
        status = neapi_sqlite_path_find(url->path, mode, &path, error);
    if (status != NEAP_OK)
        return status;
    neapi_sqlite_store *store = neapi_alloc_zero(1, sizeof *store);
    if (store == NULL) {
        neapi_free(path.real);
        return neapi_nomem(error);
    }
    store->real = path.real;
    store->lock = -1;
    store->full_sync = full_sync;
    if (mode == NEAPI_MODE_WRITE)
        status = neapi_sqlite_lock(store->real, &store->lock, error);
    if (status == NEAP_OK)
        status = check_file(store, mode, error);
    if (status != NEAP_OK)
        close_store(&store->base);
    else
        *result = &store->base;
    return status;
}

static void close_session(neapi_session *base)
{
    neapi_sqlite_session *session = neapi_sqlite_session_of(base);
    if (session->writer != NULL)
        neapi_sqlite_writer_close(session);
    neapi_sqlite_projected_fini(&session->projected);
    neapi_connection_close(&session->connection);
    neapi_sqlite_tags_fini(&session->tags);
    neapi_sqlite_types_fini(&session->types);
    neapi_sqlite_tail_fini(&session->tail);
    neapi_free(session->places);
    neapi_free(session->wanted);
    neapi_free(session->walks);
    neapi_free(session);
}

static neap_status open_session(neapi_store *base, neapi_mode mode, neapi_session **result,
                                neap_error *error)
{
    neapi_sqlite_store *store = (neapi_sqlite_store *)base;
    neapi_sqlite_session *session = neapi_alloc_zero(1, sizeof *session);
    if (session == NULL)
        return neapi_nomem(error);
    neapi_sqlite_projected_init(&session->projected, session);
    session->base.store = base;
    session->base.mode = mode;
    neapi_sqlite_access access = mode == NEAPI_MODE_WRITE ? NEAPI_SQLITE_WRITES : store->reads;
    neap_status status = NEAP_OK;
    if (mode == NEAPI_MODE_READ && makes_foreign_files(store))
        status = neapi_fail(error, NEAP_UNAVAILABLE,
                            "nobody writes the file any more, and this user cannot write beside "
                            "it; open it again");
    if (status == NEAP_OK)
        status = neapi_connection_open(&session->connection, store->real, access, error);
    if (status == NEAP_OK)
        status = neapi_reading_enable(session, error);
    if (access == NEAPI_SQLITE_IMMUTABLE)
        session->connection.still = &store->still;
    if (status == NEAP_OK && mode == NEAPI_MODE_WRITE)
        status = neapi_connection_tune(&session->connection, store->full_sync, error);
    if (status == NEAP_OK && mode == NEAPI_MODE_WRITE)
        status = neapi_sqlite_writer_open(session, error);
    if (status != NEAP_OK)
        close_session(&session->base);
    else
        *result = &session->base;
    return status;
}

const neapi_backend neapi_backend_sqlite = {
    .scheme = "sqlite",
    .shared = false,
    .waits = true,
    .open = open_store,
    .close = close_store,
    .session_open = open_session,
    .session_close = close_session,
    .commit = neapi_sqlite_commit,
    .resolve = neapi_sqlite_resolve,
    .read = neapi_sqlite_read,
    .stream_head = neapi_sqlite_stream_head,
    .head = neapi_sqlite_head,
    .find_key = neapi_sqlite_find_key,
    .find_snapshot = neapi_sqlite_find_snapshot,
    .find_command = neapi_sqlite_find_command,
    .find_document = neapi_sqlite_find_document,
    .list_documents = neapi_sqlite_list_documents,
    .list_collections = neapi_sqlite_list_collections,
    .show_kept = neapi_sqlite_show_kept,
    .select = neapi_sqlite_select,
    .maintain = neapi_sqlite_maintain,
    .verify = neapi_sqlite_verify,
    .survey = neapi_sqlite_survey,
};
