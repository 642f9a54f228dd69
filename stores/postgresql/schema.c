#include "schema.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/text.h"
#include "rows.h"

#define LAYOUT 2

#define NAME "text COLLATE \"C\" NOT NULL"

#define PROJECTION_TABLES                                                                          \
    "CREATE TABLE projection_tables (made bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "       \
    "name " NAME ", build bigint NOT NULL, projection " NAME ", shown boolean NOT NULL "           \
    "DEFAULT false, UNIQUE (name, build))"

/* Documents are bytes, of which PostgreSQL's texts cannot have all: those that are none are shown
 * as it writes bytes, with \ooo for what it has no character for. */
#define AS_TEXT                                                                                    \
    "CREATE FUNCTION as_text(data bytea) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL " \
    "SAFE AS 'BEGIN RETURN convert_from(data, ''UTF8''); EXCEPTION WHEN "                          \
    "character_not_in_repertoire OR untranslatable_character THEN "                                \
    "RETURN encode(data, ''escape''); END'"
#define DOCUMENT_LIST                                                                              \
    "CREATE VIEW document_list AS SELECT collection, as_text(key) AS key, as_text(data) AS data "  \
    "FROM documents"

/* Data and documents come back byte for byte, so neither is of type json or jsonb; as_json makes
 * them such, and is what an index on a field is made with. */
static const char *const layout[] = {
    "CREATE TABLE store (application text NOT NULL, layout bigint NOT NULL, "
    "made_at timestamptz NOT NULL DEFAULT now())",
    "INSERT INTO store (application, layout) VALUES ('neap', 2)",
    "CREATE TABLE events (position bigint PRIMARY KEY, version bigint NOT NULL, "
    "recorded_at bigint NOT NULL, schema bigint NOT NULL, id uuid NOT NULL, command_id uuid, "
    "correlation_id uuid, causation_id uuid, stream " NAME ", type " NAME ", tags text[], "
    "meta text, data text NOT NULL, UNIQUE (stream, version))",
    "CREATE INDEX events_by_type ON events (type, position)",
    "CREATE INDEX events_by_category ON events (split_part(stream, '-', 1), position)",
    "CREATE TABLE tags (tag " NAME ", position bigint NOT NULL, type " NAME
    ", PRIMARY KEY (tag, position))",
    "CREATE TABLE commands (first bigint PRIMARY KEY, last bigint NOT NULL, id uuid NOT NULL, "
    "correlation_id uuid, causation_id uuid, recorded_at bigint NOT NULL, name text NOT NULL, "
    "data text, meta text)",
    "CREATE TABLE keys (key " NAME " PRIMARY KEY, hash bigint NOT NULL, command_id uuid, "
    "expires_at bigint NOT NULL, stream text NOT NULL, types text NOT NULL, "
    "version bigint NOT NULL, position bigint NOT NULL)",
    "CREATE INDEX keys_by_expiry ON keys (expires_at)",
    "CREATE TABLE snapshots (name " NAME ", version bigint NOT NULL, "
    "fingerprint bytea NOT NULL, state bytea NOT NULL, PRIMARY KEY (name, version))",
    "CREATE TABLE documents (collection " NAME ", key bytea NOT NULL, data bytea NOT NULL, "
    "PRIMARY KEY (collection, key))",
    "CREATE TABLE writers (id uuid PRIMARY KEY, batch bigint NOT NULL, "
    "committed_at timestamptz NOT NULL)",
    "CREATE FUNCTION as_json(data text) RETURNS json LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE "
    "AS 'SELECT data::json'",
    "CREATE FUNCTION as_json(data bytea) RETURNS json LANGUAGE sql IMMUTABLE STRICT "
    "PARALLEL SAFE AS 'SELECT convert_from(data, ''UTF8'')::json'",
    "CREATE VIEW event_log AS SELECT position, stream, version, type, "
    "to_timestamp(recorded_at / 1000000.0) AS recorded_at, as_json(data) AS data, "
    "as_json(meta) AS meta, tags, id, command_id, correlation_id, causation_id, schema FROM events",
    "CREATE VIEW stream_list AS SELECT DISTINCT ON (stream) stream, version, position "
    "FROM events ORDER BY stream, version DESC",
    "CREATE VIEW command_log AS SELECT first, last, name, as_json(data) AS data, "
    "to_timestamp(recorded_at / 1000000.0) AS recorded_at, as_json(meta) AS meta, id, "
    "correlation_id, causation_id FROM commands",
    PROJECTION_TABLES,
    AS_TEXT,
    DOCUMENT_LIST,
};
#define LAYOUT_STEPS (sizeof layout / sizeof *layout)

/* What a store of layout 1 lacks. */
static const char *const migration[] = {
    PROJECTION_TABLES,
    AS_TEXT,
    "DROP VIEW document_list",
    DOCUMENT_LIST,
    "UPDATE store SET layout = 2",
};
#define MIGRATION_STEPS (sizeof migration / sizeof *migration)

/* Whether there is a schema of the name, something in it, and the tables that make it a store. */
#define FOUND                                                                                      \
    "SELECT (SELECT count(*) FROM pg_namespace WHERE nspname = $1), (SELECT count(*) "             \
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1), "        \
    "(SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "              \
    "WHERE n.nspname = $1 AND c.relname = 'store' AND c.relkind = 'r'), (SELECT count(*) "         \
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 "          \
    "AND c.relname IN ('events', 'events_by_type', 'events_by_category', 'tags', 'commands', "     \
    "'keys', 'keys_by_expiry', 'snapshots', 'documents', 'writers', 'projection_tables'))"
#define PARTS   11
#define PARTS_1 10 /* of layout 1 */

typedef struct schema_state {
    int64_t schema, relations, store, parts;
} schema_state;

static neap_status look(neapi_pg_connection *connection, schema_state *found, neap_error *error)
{
    PGresult *rows;
    neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
    neapi_pg_text(&params, neapi_text_of(connection->target->schema));
    neap_status status = neapi_pg_ask_text(connection, FOUND, &params, &rows, error);
    if (status == NEAP_OK)
        *found = (schema_state){neapi_pg_get_integer(rows, 0, 0), neapi_pg_get_integer(rows, 0, 1),
                                neapi_pg_get_integer(rows, 0, 2), neapi_pg_get_integer(rows, 0, 3)};
    return status;
}

static neap_status read_layout(neapi_pg_connection *connection, const schema_state *found,
                               int64_t *version, neap_error *error)
{
    const char *schema = connection->target->schema;
    PGresult *rows;
    if (found->store == 0)
        return neapi_fail(error, NEAP_CORRUPT,
                          "the schema \"%s\" has something else in it than a store of Neap; name "
                          "another one with ?schema=",
                          schema);
    neap_status status =
        neapi_pg_ask_text(connection, "SELECT layout, application FROM store", NULL, &rows, error);
    if (status != NEAP_OK)
        return status;
    *version = PQntuples(rows) == 1 ? neapi_pg_get_integer(rows, 0, 0) : 0;
    if (*version <= 0 || !neapi_text_equal(neapi_pg_get_text(rows, 0, 1), NEAPI_LITERAL("neap")))
        return neapi_fail(error, NEAP_CORRUPT, "the schema \"%s\" is no store of Neap's", schema);
    if (*version > LAYOUT)
        return neapi_fail(error, NEAP_CORRUPT,
                          "the store was made by a newer Neap: its layout is %" PRId64
                          ", and this one knows %d",
                          *version, LAYOUT);
    return NEAP_OK;
}

static neap_status check(neapi_pg_connection *connection, const schema_state *found,
                         int64_t version, neap_error *error)
{
    int parts = version == 1 ? PARTS_1 : PARTS;
    if (found->parts != parts)
        return neapi_fail(error, NEAP_CORRUPT,
                          "the store is damaged: of its %d tables and indexes the schema \"%s\" "
                          "has %" PRId64,
                          parts, connection->target->schema, found->parts);
    return NEAP_OK;
}

/* The name as an identifier. It has letters, digits and underscores only (backend.c). */
static neap_status make(neapi_pg_connection *connection, bool schema, neap_error *error)
{
    char sql[128];
    snprintf(sql, sizeof sql, "CREATE SCHEMA \"%s\"", connection->target->schema);
    if (schema)
        neapi_pg_queue_text(connection, sql, NULL);
    for (size_t i = 0; i < LAYOUT_STEPS; i++)
        neapi_pg_queue_text(connection, layout[i], NULL);
    neapi_pg_queue_text(connection, "COMMIT", NULL);
    return neapi_pg_run(connection, error);
}

static neap_status migrate(neapi_pg_connection *connection, neap_error *error)
{
    for (size_t i = 0; i < MIGRATION_STEPS; i++)
        neapi_pg_queue_text(connection, migration[i], NULL);
    neapi_pg_queue_text(connection, "COMMIT", NULL);
    return neapi_pg_run(connection, error);
}

/* Makes what is missing in the transaction that is under way, if it still is. */
static neap_status make_or_migrate(neapi_pg_connection *connection, neap_error *error)
{
    schema_state found;
    int64_t version;
    neap_status status = look(connection, &found, error);
    bool makes = status == NEAP_OK && found.relations == 0;
    if (status == NEAP_OK && !makes)
        status = read_layout(connection, &found, &version, error);
    if (status != NEAP_OK || (!makes && version != 1))
        return status;
    status = neapi_pg_go_on(connection, error);
    if (status != NEAP_OK)
        return status;
    return makes ? make(connection, found.schema == 0, error) : migrate(connection, error);
}

/* Under the lock that commits take too: whoever comes second finds it done. */
static neap_status make_once(neapi_pg_connection *connection, neap_error *error)
{
    neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
    neapi_pg_text(&params, neapi_text_of(connection->target->schema));
    neap_status status = neapi_pg_begin(connection, error);
    if (status != NEAP_OK)
        return status;
    neapi_pg_queue(connection, NEAPI_PG_SQL_BEGIN, NULL);
    neapi_pg_queue(connection, NEAPI_PG_SQL_LOCK, &params);
    status = neapi_pg_run(connection, error);
    if (status == NEAP_OK)
        status = make_or_migrate(connection, error);
    neapi_pg_rollback(connection);
    return status;
}

neap_status neapi_pg_schema_check(neapi_pg_connection *connection, neapi_mode mode,
                                  neap_error *error)
{
    schema_state found;
    int64_t version = 0;
    neap_status status = look(connection, &found, error);
    if (status == NEAP_OK && found.relations != 0)
        status = read_layout(connection, &found, &version, error);
    if (status == NEAP_OK && version < LAYOUT && mode == NEAPI_MODE_WRITE) {
        status = make_once(connection, error);
        if (status == NEAP_OK)
            status = look(connection, &found, error);
        if (status == NEAP_OK)
            status = read_layout(connection, &found, &version, error);
    }
    if (status == NEAP_OK && found.relations == 0)
        return neapi_fail(error, NEAP_UNKNOWN, "the database has no store in the schema \"%s\"",
                          connection->target->schema);
    return status == NEAP_OK ? check(connection, &found, version, error) : status;
}
