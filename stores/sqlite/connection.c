#include "connection.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/error.h"
#include "clock.h"

neap_status neapi_sqlite_status(int code)
{
    switch (code & 0xFF) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
    case SQLITE_MISMATCH:
    case SQLITE_CONSTRAINT: /* Units were judged before: a constraint breaks on damage only. */
    case SQLITE_ERROR:      /* The statements are ours, so it is the schema that is not. */
        return NEAP_CORRUPT;
    case SQLITE_NOMEM:
        return NEAP_NOMEM;
    case SQLITE_IOERR:
        return code == SQLITE_IOERR_NOMEM ? NEAP_NOMEM : NEAP_STORE;
    case SQLITE_READONLY:
        return code == SQLITE_READONLY_DBMOVED ? NEAP_UNAVAILABLE : NEAP_STORE;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
    case SQLITE_INTERRUPT:
        return NEAP_UNAVAILABLE;
    case SQLITE_TOOBIG:
        return NEAP_LIMIT;
    default:
        return NEAP_STORE;
    }
}

neap_status neapi_connection_fail(neapi_connection *connection, int code, neap_error *error)
{
    neap_status status = neapi_sqlite_status(code);
    if (status == NEAP_NOMEM)
        return neapi_nomem(error);
    if (code == SQLITE_READONLY_DBMOVED)
        return neapi_fail(error, status,
                          "the file has changed, though this user cannot write it; open it again");
    /* The connection's own words are about its last call; they fit only if that was this one. */
    bool told = connection->db != NULL && sqlite3_extended_errcode(connection->db) == code;
    const char *words = told ? sqlite3_errmsg(connection->db) : sqlite3_errstr(code);
    int number = told ? sqlite3_system_errno(connection->db) : 0;
    bool system = (code & 0xFF) == SQLITE_IOERR || (code & 0xFF) == SQLITE_CANTOPEN;
    if (system && number != 0) {
        errno = number;
        return neapi_fail(error, status, "SQLite: %s: %m (%d)", words, code);
    }
    return neapi_fail(error, status, "SQLite: %s (%d)", words, code);
}

neap_status neapi_sqlite_damaged(neap_error *error, const char *what, int64_t number)
{
    return neapi_fail(error, NEAP_CORRUPT, "the store is damaged: %s %lld", what,
                      (long long)number);
}

bool neapi_connection_wants(const neapi_connection *connection, int64_t type)
{
    size_t low = 0, high = connection->wanted_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (connection->wanted[middle] < type)
            low = middle + 1;
        else
            high = middle;
    }
    return low < connection->wanted_count && connection->wanted[low] == type;
}

/* SQL's neap_wanted(type): whether the reading under way wants events of that type. It spares the
 * unwanted ones their decoding, and the statement a length that varies. What has no type is an
 * event that is not there, which is to be found out. */
static void wanted(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    sqlite3_result_int(context, sqlite3_value_type(values[0]) == SQLITE_NULL ||
                                    neapi_connection_wants(sqlite3_user_data(context),
                                                           sqlite3_value_int64(values[0])));
}

/* file:PATH?immutable=1, with everything in PATH escaped that could mean something there. */
static char *immutable_uri(const char *real)
{
    neapi_buffer uri = NEAPI_BUFFER_INIT;
    NEAPI_BUFFER_LITERAL(&uri, "file:");
    for (; *real != '\0'; real++) {
        if (strchr("%?#&=+ ", *real) != NULL)
            neapi_buffer_format(&uri, "%%%02X", (unsigned)(unsigned char)*real);
        else
            neapi_buffer_byte(&uri, *real);
    }
    NEAPI_BUFFER_LITERAL(&uri, "?immutable=1");
    char *text = neapi_buffer_take(&uri, NULL);
    neapi_buffer_fini(&uri);
    return text;
}

static int open_file(neapi_connection *connection, const char *real, neapi_sqlite_access access)
{
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (access == NEAPI_SQLITE_WRITES)
        return sqlite3_open_v2(real, &connection->db,
                               flags | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                               neapi_sqlite_clock_vfs());
    if (access == NEAPI_SQLITE_READS)
        return sqlite3_open_v2(real, &connection->db, flags | SQLITE_OPEN_READONLY, NULL);
    char *uri = immutable_uri(real);
    if (uri == NULL)
        return SQLITE_NOMEM;
    int code =
        sqlite3_open_v2(uri, &connection->db, flags | SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
    neapi_free(uri);
    return code;
}

/* A store may come from a stranger: nothing in its schema runs. */
static int configure(neapi_connection *connection, neapi_sqlite_access access)
{
    static const struct {
        int option, value;
    } settings[] = {{SQLITE_DBCONFIG_DEFENSIVE, 1},      {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
                    {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0}, {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
                    {SQLITE_DBCONFIG_ENABLE_FKEY, 0},    {SQLITE_DBCONFIG_DQS_DML, 0}};
    sqlite3 *db = connection->db;
    int code = SQLITE_OK;
    for (size_t i = 0; i < sizeof settings / sizeof *settings && code == SQLITE_OK; i++)
        code = sqlite3_db_config(db, settings[i].option, settings[i].value, NULL);
    if (code == SQLITE_OK && access != NEAPI_SQLITE_WRITES)
        code = sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_busy_timeout(db, NEAPI_SQLITE_BUSY_MS);
    if (code == SQLITE_OK)
        code = sqlite3_wal_autocheckpoint(db, 0);
    if (code == SQLITE_OK)
        code = sqlite3_create_function_v2(db, "neap_wanted", 1, SQLITE_UTF8, connection, wanted,
                                          NULL, NULL, NULL);
    return code;
}

neap_status neapi_connection_open(neapi_connection *connection, const char *real,
                                  neapi_sqlite_access access, neap_error *error)
{
    *connection = (neapi_connection){0};
    neap_status status = NEAP_OK;
    int code = open_file(connection, real, access);
    if (code == SQLITE_OK)
        code = configure(connection, access);
    if (code != SQLITE_OK)
        status = neapi_connection_fail(connection, code, error);
    if (status == NEAP_OK)
        status = neapi_connection_run(connection, "PRAGMA cell_size_check = ON", error);
    if (status != NEAP_OK)
        neapi_connection_close(connection);
    return status;
}

neap_status neapi_connection_tune(neapi_connection *connection, bool full_sync, neap_error *error)
{
    neap_status status = neapi_connection_run(
        connection, full_sync ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", error);
    if (status == NEAP_OK)
        status = neapi_connection_run(
            connection, "PRAGMA secure_delete = OFF; PRAGMA cache_size = -16000", error);
    return status;
}

void neapi_connection_close(neapi_connection *connection)
{
    for (size_t i = 0; i < NEAPI_SQL_COUNT; i++)
        sqlite3_finalize(connection->statements[i]);
    sqlite3_close_v2(connection->db);
    *connection = (neapi_connection){0};
}

neap_status neapi_connection_run(neapi_connection *connection, const char *sql, neap_error *error)
{
    int code = sqlite3_exec(connection->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? NEAP_OK : neapi_connection_fail(connection, code, error);
}

neap_status neapi_connection_integer(neapi_connection *connection, const char *sql, int64_t *value,
                                     neap_error *error)
{
    sqlite3_stmt *statement = NULL;
    int64_t answer = 0;
    int code = sqlite3_prepare_v2(connection->db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
        if (code == SQLITE_ROW) {
            answer = sqlite3_column_int64(statement, 0);
            code = sqlite3_step(statement);
        }
    }
    neap_status status = NEAP_OK;
    if (code != SQLITE_DONE)
        status = neapi_connection_fail(connection, code, error);
    else
        *value = answer;
    sqlite3_finalize(statement);
    return status;
}

sqlite3_stmt *neapi_connection_prepared(neapi_connection *connection, neapi_sql sql, int *code)
{
    if (connection->statements[sql] == NULL)
        *code = sqlite3_prepare_v3(connection->db, neapi_sql_text(sql), -1,
                                   SQLITE_PREPARE_PERSISTENT, &connection->statements[sql], NULL);
    return connection->statements[sql];
}
