#include "schema.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "layout.h"

#define APPLICATION_ID 0x4E656170 /* "Neap" */

/* Opens and closes a transaction around all steps that are missing: a store has a version whole or
 * not at all. */
static neap_status upgrade(neapi_connection *connection, int64_t from, neap_error *error)
{
    char settings[128];
    int64_t newest = neapi_sqlite_newest();
    snprintf(settings, sizeof settings, "PRAGMA application_id = %d; PRAGMA user_version = %lld;",
             APPLICATION_ID, (long long)newest);
    neap_status status = neapi_connection_run(connection, "BEGIN IMMEDIATE", error);
    for (int64_t version = from; version < newest; version++) {
        const char *const *step = neapi_sqlite_step(version);
        for (; *step != NULL && status == NEAP_OK; step++)
            status = neapi_connection_run(connection, *step, error);
    }
    if (status == NEAP_OK)
        status = neapi_connection_run(connection, settings, error);
    if (status == NEAP_OK)
        status = neapi_connection_run(connection, "COMMIT", error);
    if (status != NEAP_OK)
        neapi_connection_run(connection, "ROLLBACK", NULL);
    return status;
}

/* Readers go on while a writer commits; set before anything is written, and kept in the file. */
static neap_status use_wal(neapi_connection *connection, const char *real, neap_error *error)
{
    sqlite3_stmt *statement = NULL;
    int code =
        sqlite3_prepare_v2(connection->db, "PRAGMA journal_mode = WAL", -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    neap_status status = NEAP_OK;
    if (code != SQLITE_ROW) {
        status = neapi_connection_fail(connection, code, error);
    } else {
        const char *mode = (const char *)sqlite3_column_text(statement, 0);
        if (mode == NULL || strcmp(mode, "wal") != 0)
            status =
                neapi_fail(error, NEAP_STORE, "SQLite cannot keep a write-ahead log for %s", real);
    }
    sqlite3_finalize(statement);
    return status;
}

static neap_status check_version(const char *real, int64_t version, neapi_mode mode,
                                 neap_error *error)
{
    int64_t newest = neapi_sqlite_newest();
    if (version > newest)
        return neapi_fail(error, NEAP_CORRUPT,
                          "%s has schema version %lld; this library knows only up to %lld", real,
                          (long long)version, (long long)newest);
    if (version < 1)
        return neapi_fail(error, NEAP_CORRUPT, "%s has no valid schema version", real);
    if (version < neapi_sqlite_oldest_read() && mode == NEAPI_MODE_READ)
        return neapi_fail(error, NEAP_STORE,
                          "%s has the older schema version %lld; open it for writing once, which "
                          "brings it up to %lld",
                          real, (long long)version, (long long)newest);
    return NEAP_OK;
}

neap_status neapi_schema_check(neapi_connection *connection, const char *real, neapi_mode mode,
                               neap_error *error)
{
    int64_t application = 0, version = 0, tables = 0;
    neap_status status =
        neapi_connection_integer(connection, "PRAGMA application_id", &application, error);
    if (status == NEAP_OK)
        status = neapi_connection_integer(connection, "PRAGMA user_version", &version, error);
    if (status == NEAP_OK)
        status = neapi_connection_integer(connection, "SELECT count(*) FROM sqlite_schema", &tables,
                                          error);
    if (status != NEAP_OK)
        return status;
    bool empty = application == 0 && version == 0 && tables == 0;
    if (empty && mode == NEAPI_MODE_READ)
        return neapi_fail(error, NEAP_UNKNOWN, "%s is empty: there is no store in it yet", real);
    if (!empty && application != APPLICATION_ID)
        return neapi_fail(error, NEAP_CORRUPT,
                          "%s is a SQLite database of another application (application_id %lld), "
                          "not a store",
                          real, (long long)application);
    if (!empty)
        status = check_version(real, version, mode, error);
    if (status == NEAP_OK && mode == NEAPI_MODE_WRITE)
        status = use_wal(connection, real, error);
    if (status == NEAP_OK && mode == NEAPI_MODE_WRITE && version < neapi_sqlite_newest())
        status = upgrade(connection, version, error);
    return status;
}

/* A file shorter than its own header says is refused unless the schema may be written; that is how
 * SQLite tells it from other damage. */
static bool is_cut_off(const char *real)
{
    neapi_connection connection;
    int64_t pages;
    if (neapi_connection_open(&connection, real, NEAPI_SQLITE_READS, NULL) != NEAP_OK)
        return false;
    bool readable =
        neapi_connection_integer(&connection, "PRAGMA page_count", &pages, NULL) == NEAP_OK;
    sqlite3_db_config(connection.db, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
    bool cut = !readable &&
               neapi_connection_run(&connection, "PRAGMA writable_schema = ON", NULL) == NEAP_OK &&
               neapi_connection_integer(&connection, "PRAGMA page_count", &pages, NULL) == NEAP_OK;
    neapi_connection_close(&connection);
    return cut;
}

neap_status neapi_schema_explain(const char *real, int code, neap_status status, neap_error *error)
{
    if (code == SQLITE_READONLY_DIRECTORY || code == SQLITE_CANTOPEN)
        return neapi_fail(error, NEAP_STORE,
                          "%s cannot be read while nobody writes it: SQLite has to make files "
                          "beside it, and its folder cannot be written",
                          real);
    switch (code & 0xFF) {
    case SQLITE_NOTADB:
        return neapi_fail(error, NEAP_CORRUPT, "%s is not a SQLite database", real);
    case SQLITE_CORRUPT:
        if (is_cut_off(real))
            return neapi_fail(error, NEAP_CORRUPT, "%s is cut off: it is shorter than it says",
                              real);
        neapi_error_prefix(error, "%s is damaged", real);
        return status;
    default:
        return status;
    }
}
