#include "statements.h"

/* The columns of an event, in the order in which they are taken (read.c). */
#define EVENT                                                                                      \
    "e.position, e.version, e.recorded_at, e.schema, e.id, e.command_id, e.correlation_id, "       \
    "e.causation_id, e.stream, e.type, e.tags, e.meta, e.data"
/* And of a key (neapi_pg_get_key). */
#define KEY                 "hash, command_id, expires_at, version, position, stream, types"
#define TYPES_WANTED(types) "(" types "::text[] IS NULL OR type = ANY (" types "::text[]))"

/* $1 and $2: from and to; $3: how many; $4: of what. */
#define LOG(order)                                                                                 \
    "SELECT " EVENT " FROM events e WHERE position BETWEEN $1::bigint AND $2::bigint "             \
    "ORDER BY position" order " LIMIT $3::bigint"
#define STREAM(order)                                                                              \
    "SELECT " EVENT " FROM events e WHERE stream = $4::text AND version BETWEEN $1::bigint "       \
    "AND $2::bigint AND " TYPES_WANTED("$5") " ORDER BY version" order " LIMIT $3::bigint"
#define CATEGORY(order)                                                                            \
    "SELECT " EVENT " FROM events e WHERE split_part(stream, '-', 1) = $4::text "                  \
    "AND position BETWEEN $1::bigint AND $2::bigint AND " TYPES_WANTED(                            \
        "$5") " ORDER BY position" order " LIMIT $3::bigint"
/* The first of each name, and of all those the first. */
#define FIRST_OF(each, order)                                                                      \
    "SELECT " EVENT " FROM (SELECT DISTINCT p.position FROM unnest($4::text[]) AS w (name), "      \
    "LATERAL (" each " AND position BETWEEN $1::bigint AND $2::bigint "                            \
    "ORDER BY position" order " LIMIT $3::bigint) p ORDER BY p.position" order                     \
    " LIMIT $3::bigint) f JOIN events e ON e.position = f.position ORDER BY e.position" order
#define OF_TYPES(order) FIRST_OF("SELECT position FROM events WHERE type = w.name", order)
#define OF_TAGS(order)                                                                             \
    FIRST_OF("SELECT position FROM tags WHERE tag = w.name AND " TYPES_WANTED("$5"), order)
#define DOCUMENTS(order)                                                                           \
    "SELECT key, data FROM documents WHERE collection = $1::text AND key >= $2::bytea "            \
    "AND key < $3::bytea ORDER BY key" order " LIMIT $4::bigint"

#define EVENTS_INTO                                                                                \
    "INSERT INTO events (position, version, recorded_at, schema, id, command_id, "                 \
    "correlation_id, causation_id, stream, type, tags, meta, data) "
#define COMMANDS_INTO                                                                              \
    "INSERT INTO commands (first, last, id, correlation_id, causation_id, recorded_at, name, "     \
    "data, meta) "
#define KEYS                                                                                       \
    "INSERT INTO keys AS k (key, hash, command_id, expires_at, stream, types, version, position) "
#define KEY_INTO                                                                                   \
    KEYS "VALUES ($1::text, $2::bigint, $3::uuid, $4::bigint, $5::text, $6::text, $7::bigint, "    \
         "$8::bigint)"
#define KEYS_INTO                                                                                  \
    KEYS "SELECT * FROM unnest($1::text[], $2::bigint[], $3::uuid[], $4::bigint[], $5::text[], "   \
         "$6::text[], $7::bigint[], $8::bigint[])"
#define OR_INSTEAD                                                                                 \
    " ON CONFLICT (key) DO UPDATE SET hash = excluded.hash, command_id = excluded.command_id, "    \
    "expires_at = excluded.expires_at, stream = excluded.stream, types = excluded.types, "         \
    "version = excluded.version, position = excluded.position"

const char *const neapi_pg_statements[NEAPI_PG_SQL_COUNT] = {
    [NEAPI_PG_SQL_BEGIN] = "BEGIN ISOLATION LEVEL READ COMMITTED",
    [NEAPI_PG_SQL_COMMIT] = "COMMIT",
    [NEAPI_PG_SQL_LOCK] = "SELECT pg_advisory_xact_lock(hashtextextended('neap ' || $1::text, 0))",
    [NEAPI_PG_SQL_HEAD] = "SELECT position, id FROM events ORDER BY position DESC LIMIT 1",
    [NEAPI_PG_SQL_EVENT_ID] = "SELECT id FROM events WHERE position = $1::bigint",
    [NEAPI_PG_SQL_GUARD] =
        "SELECT 1 / (coalesce((SELECT position = $1::bigint AND id = $2::uuid FROM events "
        "ORDER BY position DESC LIMIT 1), false) AND NOT EXISTS (SELECT 1 FROM writers "
        "WHERE id = $3::uuid AND batch >= $4::bigint))::int",

    [NEAPI_PG_SQL_STREAM_VERSIONS] =
        "SELECT s.n, h.version FROM unnest($1::text[]) WITH ORDINALITY AS s (name, n), LATERAL "
        "(SELECT version FROM events WHERE stream = s.name ORDER BY version DESC LIMIT 1) h",
    [NEAPI_PG_SQL_STREAM_VERSION] = "SELECT 1::bigint, version FROM events "
                                    "WHERE stream = $1::text ORDER BY version DESC LIMIT 1",
    [NEAPI_PG_SQL_KEY_EXPIRY] = "SELECT 1::bigint, expires_at FROM keys WHERE key = $1::text",
    [NEAPI_PG_SQL_KEY_EXPIRIES] =
        "SELECT w.n, k.expires_at FROM unnest($1::text[]) WITH ORDINALITY AS w (key, n) "
        "JOIN keys k ON k.key = w.key",
    [NEAPI_PG_SQL_DOCUMENTS_KNOWN] =
        "SELECT w.n, CASE WHEN w.whole THEN d.data END "
        "FROM unnest($1::text[], $2::bytea[], $3::boolean[]) "
        "WITH ORDINALITY AS w (collection, key, whole, n) "
        "JOIN documents d ON d.collection = w.collection AND d.key = w.key",
    [NEAPI_PG_SQL_COLLECTION_KEYS] =
        "SELECT w.n, d.key FROM unnest($1::text[], $2::bigint[]) "
        "WITH ORDINALITY AS w (collection, most, n), LATERAL (SELECT key FROM documents "
        "WHERE collection = w.collection ORDER BY key LIMIT w.most) d",
    [NEAPI_PG_SQL_NEWEST_TAGGED] =
        "SELECT w.n, t.position FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[]) "
        "AS w (n, tag, after, types), LATERAL (SELECT position FROM tags WHERE tag = w.tag "
        "AND position > w.after AND (w.types IS NULL OR type = ANY (w.types::text[])) "
        "ORDER BY position DESC LIMIT 1) t",

    [NEAPI_PG_SQL_EVENT_ADD] =
        EVENTS_INTO "VALUES ($1::bigint, $2::bigint, $3::bigint, $4::bigint, $5::uuid, $6::uuid, "
                    "$7::uuid, $8::uuid, $9::text, $10::text, $11::text::text[], $12::text, "
                    "$13::text)",
    [NEAPI_PG_SQL_EVENTS_ADD] = EVENTS_INTO
    "SELECT unnest($1::bigint[]), unnest($2::bigint[]), unnest($3::bigint[]), "
    "unnest($4::bigint[]), unnest($5::uuid[]), unnest($6::uuid[]), unnest($7::uuid[]), "
    "unnest($8::uuid[]), unnest($9::text[]), unnest($10::text[]), "
    "unnest($11::text[])::text[], unnest($12::text[]), unnest($13::text[])",
    [NEAPI_PG_SQL_TAGS_ADD] = "INSERT INTO tags (tag, position, type) "
                              "SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[])",
    [NEAPI_PG_SQL_COMMAND_ADD] =
        COMMANDS_INTO "VALUES ($1::bigint, $2::bigint, $3::uuid, $4::uuid, $5::uuid, $6::bigint, "
                      "$7::text, $8::text, $9::text)",
    [NEAPI_PG_SQL_COMMANDS_ADD] =
        COMMANDS_INTO "SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::uuid[], "
                      "$5::uuid[], $6::bigint[], $7::text[], $8::text[], $9::text[])",
    [NEAPI_PG_SQL_KEY_NEW] = KEY_INTO,
    [NEAPI_PG_SQL_KEY_ADD] = KEY_INTO OR_INSTEAD,
    [NEAPI_PG_SQL_KEYS_NEW] = KEYS_INTO,
    [NEAPI_PG_SQL_KEYS_ADD] = KEYS_INTO OR_INSTEAD,
    [NEAPI_PG_SQL_SNAPSHOTS_ADD] =
        "INSERT INTO snapshots (name, version, fingerprint, state) "
        "SELECT * FROM unnest($1::text[], $2::bigint[], $3::bytea[], $4::bytea[]) "
        "ON CONFLICT (name, version) DO UPDATE SET fingerprint = excluded.fingerprint, "
        "state = excluded.state",
    [NEAPI_PG_SQL_SNAPSHOTS_TRIM] =
        "DELETE FROM snapshots s USING unnest($1::text[], $2::bigint[]) AS w (name, keep) "
        "WHERE s.name = w.name AND s.version < (SELECT version FROM snapshots "
        "WHERE name = w.name ORDER BY version DESC OFFSET w.keep - 1 LIMIT 1)",
    [NEAPI_PG_SQL_DOCUMENTS_PUT] =
        "INSERT INTO documents (collection, key, data) "
        "SELECT * FROM unnest($1::text[], $2::bytea[], $3::bytea[]) "
        "ON CONFLICT (collection, key) DO UPDATE SET data = excluded.data",
    [NEAPI_PG_SQL_DOCUMENTS_DROP] =
        "DELETE FROM documents d USING unnest($1::text[], $2::bytea[]) AS w (collection, key) "
        "WHERE d.collection = w.collection AND d.key = w.key",
    [NEAPI_PG_SQL_WRITER_NOTE] =
        "INSERT INTO writers (id, batch, committed_at) VALUES ($1::uuid, $2::bigint, now()) "
        "ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, "
        "committed_at = excluded.committed_at",
    [NEAPI_PG_SQL_WRITER_BATCH] = "SELECT batch FROM writers WHERE id = $1::uuid",
    [NEAPI_PG_SQL_TELL] = "SELECT pg_notify($1::text, $2::text)",
    [NEAPI_PG_SQL_WRITER_GONE] =
        "DELETE FROM writers WHERE id = $1::uuid OR committed_at < now() - interval '7 days'",
    [NEAPI_PG_SQL_KEYS_EXPIRE] =
        "DELETE FROM keys WHERE key = ANY (ARRAY(SELECT key FROM keys "
        "WHERE expires_at <= $1::bigint ORDER BY expires_at LIMIT $2::bigint)) "
        "AND expires_at <= $1::bigint",

    [NEAPI_PG_SQL_SAVEPOINT] = "SAVEPOINT neap",
    [NEAPI_PG_SQL_RELEASE] = "RELEASE SAVEPOINT neap",
    [NEAPI_PG_SQL_BACK_TO_SAVEPOINT] = "ROLLBACK TO SAVEPOINT neap",
    [NEAPI_PG_SQL_LIMITS] =
        "SELECT set_config('statement_timeout', $1::text, true), set_config('lock_timeout', "
        "$2::text, true), set_config('enable_seqscan', $3::text, true), "
        "set_config('enable_bitmapscan', $3::text, true), set_config('enable_hashjoin', $3::text, "
        "true), set_config('enable_mergejoin', $3::text, true)",
    [NEAPI_PG_SQL_CONSTRAINTS] = "SET CONSTRAINTS ALL IMMEDIATE",
    [NEAPI_PG_SQL_TABLES_STATE] = "SELECT coalesce(max(made), 0), count(*) FROM projection_tables",

    [NEAPI_PG_SQL_STREAM_HEAD] = "SELECT version, position FROM events WHERE stream = $1::text "
                                 "ORDER BY version DESC LIMIT 1",
    [NEAPI_PG_SQL_LOG] = LOG(""),
    [NEAPI_PG_SQL_LOG_] = LOG(" DESC"),
    [NEAPI_PG_SQL_STREAM] = STREAM(""),
    [NEAPI_PG_SQL_STREAM_] = STREAM(" DESC"),
    [NEAPI_PG_SQL_CATEGORY] = CATEGORY(""),
    [NEAPI_PG_SQL_CATEGORY_] = CATEGORY(" DESC"),
    [NEAPI_PG_SQL_TYPES] = OF_TYPES(""),
    [NEAPI_PG_SQL_TYPES_] = OF_TYPES(" DESC"),
    [NEAPI_PG_SQL_TAGS] = OF_TAGS(""),
    [NEAPI_PG_SQL_TAGS_] = OF_TAGS(" DESC"),
    [NEAPI_PG_SQL_KEY_FIND] =
        "SELECT " KEY " FROM keys WHERE key = $1::text AND expires_at > $2::bigint",
    [NEAPI_PG_SQL_SNAPSHOT_FIND] =
        "SELECT version, state FROM snapshots WHERE name = $1::text AND version <= $2::bigint "
        "AND fingerprint = $3::bytea ORDER BY version DESC LIMIT 1",
    [NEAPI_PG_SQL_COMMAND_FIND] =
        "SELECT last, id, correlation_id, causation_id, recorded_at, name, data, meta "
        "FROM commands WHERE first <= $1::bigint ORDER BY first DESC LIMIT 1",
    [NEAPI_PG_SQL_DOCUMENT_FIND] =
        "SELECT data FROM documents WHERE collection = $1::text AND key = $2::bytea",
    [NEAPI_PG_SQL_DOCUMENTS] = DOCUMENTS(""),
    [NEAPI_PG_SQL_DOCUMENTS_] = DOCUMENTS(" DESC"),
    [NEAPI_PG_SQL_COLLECTIONS] = "SELECT collection, count(*) FROM documents GROUP BY collection",
    [NEAPI_PG_SQL_KEYS_SHOW] = "SELECT " KEY ", key FROM keys WHERE key > $1::text "
                               "AND expires_at > $2::bigint ORDER BY key LIMIT $3::bigint",
    [NEAPI_PG_SQL_DOCUMENTS_SHOW] =
        "SELECT collection, key, data FROM documents WHERE (collection, key) > ($1::text, "
        "$2::bytea) ORDER BY collection, key LIMIT $3::bigint",
    [NEAPI_PG_SQL_SURVEY] =
        "SELECT e.position, e.version, e.schema, e.recorded_at, e.tags IS NOT NULL, "
        "octet_length(e.data)::bigint, e.stream, e.type, f.position FROM events e "
        "JOIN events f ON f.stream = e.stream AND f.version = 1 "
        "WHERE e.position BETWEEN $1::bigint AND $2::bigint ORDER BY e.position",
    [NEAPI_PG_SQL_STREAM_NAME] = "SELECT stream FROM events WHERE position = $1::bigint",
};
