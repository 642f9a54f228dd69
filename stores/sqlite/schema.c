#include "schema.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

#define APPLICATION_ID 0x4E656170 /* "Neap" */

#define UUID_TEXT(column)                                                                          \
    "lower(substr(hex(" column "), 1, 8) || '-' || substr(hex(" column "), 9, 4) || '-' || "       \
    "substr(hex(" column "), 13, 4) || '-' || substr(hex(" column "), 17, 4) || '-' || "           \
    "substr(hex(" column "), 21))"

#define TIME_TEXT(column)                                                                          \
    "strftime('%Y-%m-%dT%H:%M:%S', " column " / 1000000, 'unixepoch') || "                         \
    "printf('.%06dZ', " column " % 1000000)"

/* Version 1.
 *
 * Streams, types and categories are numbers in the log; a stream's row never changes, so appending
 * to it writes nothing but the event and its place in the index.
 *
 * A category is read by an index of its own. Its entries are (category, position), so a commit
 * writes at the end of each category's run and nowhere else: measured on 1,000 streams of 10
 * categories it costs 4 % of a commit, while without it a category that is one event in a
 * thousand takes as long to read as the whole log.
 *
 * The ids of an event are NULL where they say the expected: correlation and causation that are the
 * command's own id, as they are for all that came from outside. They are in the event and not
 * looked up at its command, so that reading the log touches one table. */
static const char version_1[] =
    "CREATE TABLE store ("
    " one INTEGER PRIMARY KEY CHECK (one = 1),"
    " epoch INTEGER NOT NULL,"  /* how often it was opened for writing */
    " writer INTEGER NOT NULL," /* drawn by chance by the writer that opened it last */
    " commits INTEGER NOT NULL,"
    " fences INTEGER NOT NULL);"
    "INSERT INTO store VALUES (1, 0, 0, 0, 0);"
    "CREATE TABLE categories (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE streams (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    " category INTEGER NOT NULL);"
    "CREATE TABLE types (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE commands (number INTEGER PRIMARY KEY, id BLOB NOT NULL,"
    " correlation_id BLOB," /* NULL: its own id */
    " causation_id BLOB,"   /* NULL: it came from outside */
    " name TEXT NOT NULL, recorded_at INTEGER NOT NULL, meta TEXT, data TEXT);"
    "CREATE TABLE events (position INTEGER PRIMARY KEY, stream INTEGER NOT NULL,"
    " version INTEGER NOT NULL, category INTEGER NOT NULL, type INTEGER NOT NULL,"
    " schema INTEGER NOT NULL, recorded_at INTEGER NOT NULL, id BLOB NOT NULL,"
    " cause INTEGER,"       /* the number of its command */
    " command_id BLOB,"     /* NULL: none */
    " correlation_id BLOB," /* NULL: the command's id */
    " causation_id BLOB,"   /* NULL: the command's id */
    " tags TEXT, meta TEXT, data TEXT NOT NULL);"
    "CREATE UNIQUE INDEX events_by_stream ON events (stream, version);"
    "CREATE INDEX events_by_category ON events (category);" /* and by position, the row's id */
    "CREATE TABLE keys (key TEXT PRIMARY KEY, hash INTEGER NOT NULL, command_id BLOB NOT NULL,"
    " expires_at INTEGER NOT NULL, stream TEXT NOT NULL, types TEXT NOT NULL,"
    " version INTEGER NOT NULL, position INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX keys_by_expiry ON keys (expires_at);"
    "CREATE TABLE snapshots (number INTEGER PRIMARY KEY, stream INTEGER NOT NULL,"
    " version INTEGER NOT NULL, fingerprint TEXT NOT NULL, keep INTEGER NOT NULL, state BLOB "
    "NOT NULL,"
    " UNIQUE (stream, version));"
    "CREATE VIEW event_log AS SELECT e.position, " TIME_TEXT(
        "e.recorded_at") " AS recorded_at,"
                         " s.name AS stream, e.version, t.name AS type, e.schema, e.data, "
                         "e.meta, e.tags,"
                         " " UUID_TEXT(
                             "e.id") " AS id,"
                                     " " UUID_TEXT(
                                         "e.command_id") " AS command_id,"
                                                         " " UUID_TEXT(
                                                             "coalesce(e.correlation_id, "
                                                             "e.command_id)") " AS "
                                                                              "correlation_id,"
                                                                              " " UUID_TEXT(
                                                                                  "coalesce(e."
                                                                                  "causation_"
                                                                                  "id, "
                                                                                  "e.command_"
                                                                                  "id)") " AS "
                                                                                         "causa"
                                                                                         "tion_"
                                                                                         "id"
                                                                                         " FROM"
                                                                                         " even"
                                                                                         "ts e "
                                                                                         "LEFT "
                                                                                         "JOIN "
                                                                                         "strea"
                                                                                         "ms s "
                                                                                         "ON "
                                                                                         "s.id "
                                                                                         "= "
                                                                                         "e."
                                                                                         "strea"
                                                                                         "m "
                                                                                         "LEFT "
                                                                                         "JOIN "
                                                                                         "types"
                                                                                         " t "
                                                                                         "ON "
                                                                                         "t.id "
                                                                                         "= "
                                                                                         "e."
                                                                                         "type;"
                                                                                         "CREAT"
                                                                                         "E "
                                                                                         "VIEW "
                                                                                         "strea"
                                                                                         "m_"
                                                                                         "list "
                                                                                         "AS "
                                                                                         "SELEC"
                                                                                         "T "
                                                                                         "s."
                                                                                         "name "
                                                                                         "AS "
                                                                                         "strea"
                                                                                         "m, "
                                                                                         "c."
                                                                                         "name "
                                                                                         "AS "
                                                                                         "categ"
                                                                                         "ory,"
                                                                                         " ("
                                                                                         "SELEC"
                                                                                         "T "
                                                                                         "max("
                                                                                         "versi"
                                                                                         "on) "
                                                                                         "FROM "
                                                                                         "event"
                                                                                         "s "
                                                                                         "WHERE"
                                                                                         " stre"
                                                                                         "am = "
                                                                                         "s.id)"
                                                                                         " AS "
                                                                                         "versi"
                                                                                         "on,"
                                                                                         " ("
                                                                                         "SELEC"
                                                                                         "T "
                                                                                         "posit"
                                                                                         "ion "
                                                                                         "FROM "
                                                                                         "event"
                                                                                         "s "
                                                                                         "WHERE"
                                                                                         " stre"
                                                                                         "am = "
                                                                                         "s.id "
                                                                                         "ORDER"
                                                                                         " BY "
                                                                                         "versi"
                                                                                         "on "
                                                                                         "DESC "
                                                                                         "LIMIT"
                                                                                         " 1)"
                                                                                         " AS "
                                                                                         "last_"
                                                                                         "posit"
                                                                                         "ion "
                                                                                         "FROM "
                                                                                         "strea"
                                                                                         "ms s "
                                                                                         "LEFT "
                                                                                         "JOIN "
                                                                                         "categ"
                                                                                         "ories"
                                                                                         " c "
                                                                                         "ON "
                                                                                         "c.id "
                                                                                         "= "
                                                                                         "s."
                                                                                         "categ"
                                                                                         "ory;"
                                                                                         "CREAT"
                                                                                         "E "
                                                                                         "VIEW "
                                                                                         "comma"
                                                                                         "nd_"
                                                                                         "log "
                                                                                         "AS "
                                                                                         "SELEC"
                                                                                         "T "
                                                                                         "numbe"
                                                                                         "r,"
                                                                                         " " TIME_TEXT(
                                                                                             "r"
                                                                                             "e"
                                                                                             "c"
                                                                                             "o"
                                                                                             "r"
                                                                                             "d"
                                                                                             "e"
                                                                                             "d"
                                                                                             "_"
                                                                                             "a"
                                                                                             "t") " AS recorded_at,"
                                                                                                  " name, data, meta, " UUID_TEXT(
                                                                                                      "id") " AS id,"
                                                                                                            " " UUID_TEXT(
                                                                                                                "coalesce(correlation_id, id)") " AS correlation_id,"
                                                                                                                                                " CASE WHEN causation_id IS NOT NULL THEN " UUID_TEXT(
                                                                                                                                                    "causation_id") " END AS causation_id"
                                                                                                                                                                    " FROM commands;"
                                                                                                                                                                    "CREATE VIEW key_list AS SELECT key, " TIME_TEXT(
                                                                                                                                                                        "expires_at") " AS expires_at, stream,"
                                                                                                                                                                                      " version, position, types, " UUID_TEXT(
                                                                                                                                                                                          "command_id") " AS command_id FROM keys;";

/* The step at index n leads from version n to n + 1. */
static const char *const steps[] = {version_1};
#define NEWEST ((int64_t)(sizeof steps / sizeof *steps))

/* Opens and closes a transaction around all steps that are missing: a store has a version whole or
 * not at all. */
static neap_status upgrade(neapi_connection *connection, int64_t from, neap_error *error)
{
    char settings[128];
    snprintf(settings, sizeof settings, "PRAGMA application_id = %d; PRAGMA user_version = %lld;",
             APPLICATION_ID, (long long)NEWEST);
    neap_status status = neapi_connection_run(connection, "BEGIN IMMEDIATE", error);
    for (int64_t i = from; i < NEWEST && status == NEAP_OK; i++)
        status = neapi_connection_run(connection, steps[i], error);
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
    if (version > NEWEST)
        return neapi_fail(error, NEAP_CORRUPT,
                          "%s has schema version %lld; this library knows only up to %lld", real,
                          (long long)version, (long long)NEWEST);
    if (version < 1)
        return neapi_fail(error, NEAP_CORRUPT, "%s has no valid schema version", real);
    if (version < NEWEST && mode == NEAPI_MODE_READ)
        return neapi_fail(error, NEAP_STORE,
                          "%s has the older schema version %lld; open it for writing once, which "
                          "brings it up to %lld",
                          real, (long long)version, (long long)NEWEST);
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
    if (status == NEAP_OK && mode == NEAPI_MODE_WRITE && version < NEWEST)
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
