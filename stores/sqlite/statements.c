#include "statements.h"

/* Taking events. Left joins: an event that is not there, or without its stream, must be found out,
 * not left out. */
#define TAKE(stream)                                                                               \
    "neap_take(" stream ", e.position, e.stream, e.version, e.type, e.schema, e.recorded_at, "     \
    "e.id, e.command_id, e.correlation_id, e.causation_id, e.tags, e.meta, e.data)"
#define STREAMS     "LEFT JOIN streams s ON s.id = e.stream WHERE "
#define WANTED      "neap_wanted(e.type) AND "
#define PLACES      "SELECT 1 FROM neap_places p LEFT JOIN events e ON e.position = p.position "
#define LOG         "SELECT 1 FROM events e " STREAMS "e.position BETWEEN ?1 AND ?2 AND "
#define TAKE_PLACE  TAKE("s.name")
#define TAKE_STREAM TAKE("NULL")
#define TAKE_LOG    TAKE("s.name") " ORDER BY e.position"

/* The lists that hold the numbers from ?2 to ?3 begin with the last that begins before. */
#define LISTS(index, key, number)                                                                  \
    "SELECT " number ", positions FROM " index " WHERE " key " = ?1 AND " number                   \
    " >= coalesce((SELECT max(" number ") FROM " index " WHERE " key " = ?1 AND " number           \
    " <= ?2), 0) AND " number " <= ?3 ORDER BY " number
#define COLLECTION "(SELECT id FROM collections WHERE name = ?1)"
#define DOCUMENTS                                                                                  \
    "SELECT key, data FROM document_rows WHERE collection = " COLLECTION                           \
    " AND key >= ?2 AND key < ?3 ORDER BY key"
#define MARKS "indexed = ?1, sealed = ?2, written = ?3"

static const char *const texts[NEAPI_SQL_COUNT] = {
    [NEAPI_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [NEAPI_SQL_BEGIN_READING] = "BEGIN",
    [NEAPI_SQL_COMMIT] = "COMMIT",
    [NEAPI_SQL_ROLLBACK] = "ROLLBACK",
    [NEAPI_SQL_PLACE] = "SELECT writer, commits FROM store",
    [NEAPI_SQL_TAKE_PLACE] = "UPDATE store SET epoch = epoch + 1, writer = ?1",
    [NEAPI_SQL_NEXT_COMMIT] = "UPDATE store SET " MARKS ", commits = ?4",
    [NEAPI_SQL_FENCE] = "UPDATE store SET fences = fences + 1",
    [NEAPI_SQL_HEAD] = "SELECT max(position) FROM events",
    /* Without the store's own row, which is damage, nothing is taken to be behind the indexes. */
    [NEAPI_SQL_INDEXED] = "SELECT coalesce((SELECT indexed FROM store), (SELECT max(position) FROM "
                          "events), 0), coalesce((SELECT max(position) FROM events), 0)",
    [NEAPI_SQL_MARKS] = "SELECT sealed, written FROM store",
    [NEAPI_SQL_SET_MARKS] = "UPDATE store SET " MARKS,
    [NEAPI_SQL_TAIL] = "SELECT position, stream, version, category FROM events "
                       "WHERE position > ?1 ORDER BY position",
    [NEAPI_SQL_STREAM_LISTS] = LISTS("stream_index", "stream", "version"),
    [NEAPI_SQL_STREAM_LISTS_] = LISTS("stream_index", "stream", "version") " DESC",
    [NEAPI_SQL_STREAM_LAST_LIST] = "SELECT version, positions FROM stream_index WHERE stream = ?1 "
                                   "ORDER BY version DESC LIMIT 1",
    [NEAPI_SQL_STREAM_LIST_ADD] =
        "INSERT INTO stream_index (stream, version, positions) VALUES (?1, ?2, ?3)",
    [NEAPI_SQL_CATEGORY_LISTS] = LISTS("category_index", "category", "position"),
    [NEAPI_SQL_CATEGORY_LISTS_] = LISTS("category_index", "category", "position") " DESC",
    [NEAPI_SQL_CATEGORY_LIST_ADD] =
        "INSERT INTO category_index (category, position, positions) VALUES (?1, ?2, ?3)",
    [NEAPI_SQL_STREAM_INDEX] =
        "SELECT stream, version, positions FROM stream_index ORDER BY stream, version",
    [NEAPI_SQL_CATEGORY_INDEX] =
        "SELECT category, position, positions FROM category_index ORDER BY category, position",
    [NEAPI_SQL_FACTS] = "SELECT stream, version, category FROM events WHERE position = ?1",
    [NEAPI_SQL_STREAM_ID] = "SELECT id, category FROM streams WHERE name = ?1",
    [NEAPI_SQL_STREAM_ADD] = "INSERT INTO streams (name, category) VALUES (?1, ?2)",
    [NEAPI_SQL_CATEGORY_ID] = "SELECT id, 0 FROM categories WHERE name = ?1",
    [NEAPI_SQL_CATEGORY_ADD] = "INSERT INTO categories (name) VALUES (?1)",
    [NEAPI_SQL_TYPE_ID] = "SELECT id, 0 FROM types WHERE name = ?1",
    [NEAPI_SQL_TYPE_ADD] = "INSERT INTO types (name) VALUES (?1)",
    [NEAPI_SQL_TAG_ID] = "SELECT id, 0 FROM tags WHERE name = ?1",
    [NEAPI_SQL_TAG_ADD] = "INSERT INTO tags (name) VALUES (?1)",
    [NEAPI_SQL_TAG_LAST] = "SELECT max(position) FROM event_tags WHERE tag = ?1",
    [NEAPI_SQL_TAG_LAST_OF_TYPE] =
        "SELECT position FROM event_tags WHERE tag = ?1 AND position > ?2 AND neap_wanted(type) "
        "ORDER BY position DESC LIMIT 1",
    [NEAPI_SQL_TAG_FORWARD] =
        "SELECT position, type FROM event_tags WHERE tag = ?1 AND position BETWEEN ?2 AND ?3 "
        "ORDER BY position LIMIT ?4",
    [NEAPI_SQL_TAG_BACKWARD] =
        "SELECT position, type FROM event_tags WHERE tag = ?1 AND position BETWEEN ?2 AND ?3 "
        "ORDER BY position DESC LIMIT ?4",
    [NEAPI_SQL_EVENT_TAG_ADD] = "INSERT INTO event_tags (tag, position, type) VALUES (?1, ?2, ?3)",
    [NEAPI_SQL_EVENTS_ADD] =
        "INSERT INTO events (position, stream, version, category, type, schema, recorded_at, id, "
        "cause, command_id, correlation_id, causation_id, tags, meta, data) "
        "SELECT * FROM neap_events",
    [NEAPI_SQL_COMMANDS_ADD] =
        "INSERT INTO commands (number, id, correlation_id, causation_id, name, recorded_at, meta, "
        "data) SELECT * FROM neap_commands",
    [NEAPI_SQL_LAST_COMMAND] = "SELECT max(number) FROM commands",
    [NEAPI_SQL_COMMAND_OF_EVENT] =
        "SELECT c.id, c.correlation_id, c.causation_id, c.recorded_at, c.name, c.data, c.meta "
        "FROM events e JOIN commands c ON c.number = e.cause WHERE e.position = ?1",
    [NEAPI_SQL_KEY_EXPIRY] = "SELECT expires_at FROM keys WHERE key = ?1",
    [NEAPI_SQL_KEY_ADD] =
        "INSERT OR REPLACE INTO keys (key, hash, command_id, expires_at, stream, types, version, "
        "position) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [NEAPI_SQL_KEY_FIND] = "SELECT key, hash, command_id, expires_at, stream, types, version, "
                           "position FROM keys WHERE key = ?1 AND expires_at > ?2",
    [NEAPI_SQL_KEYS] = "SELECT key, hash, command_id, expires_at, stream, types, version, "
                       "position FROM keys WHERE expires_at > ?1 ORDER BY key",
    [NEAPI_SQL_KEYS_EXPIRED] = "SELECT 1 FROM keys WHERE expires_at <= ?1 LIMIT 1",
    [NEAPI_SQL_KEYS_DROP] = "DELETE FROM keys WHERE key IN (SELECT key FROM keys "
                            "WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)",
    [NEAPI_SQL_SNAPSHOT_ADD] =
        "INSERT OR REPLACE INTO snapshots (name, version, fingerprint, state, keep) "
        "VALUES (?1, ?2, ?3, ?4, ?5)",
    [NEAPI_SQL_SNAPSHOT_TRIM] =
        "DELETE FROM snapshots WHERE name = ?1 AND version < (SELECT version FROM snapshots "
        "WHERE name = ?1 ORDER BY version DESC LIMIT 1 OFFSET ?2 - 1)",
    [NEAPI_SQL_SNAPSHOT_FIND] =
        "SELECT version, fingerprint, state, keep FROM snapshots WHERE name = ?1 "
        "AND version <= ?2 AND fingerprint = ?3 ORDER BY version DESC LIMIT 1",
    [NEAPI_SQL_COLLECTION_ID] = "SELECT id, 0 FROM collections WHERE name = ?1",
    [NEAPI_SQL_COLLECTION_ADD] = "INSERT INTO collections (name) VALUES (?1)",
    [NEAPI_SQL_COLLECTIONS] = "SELECT name, (SELECT count(*) FROM document_rows "
                              "WHERE collection = id) FROM collections",
    [NEAPI_SQL_COLLECTION_NAMES] = "SELECT id, name FROM collections ORDER BY name",
    [NEAPI_SQL_DOCUMENT] = "SELECT data FROM document_rows WHERE collection = ?1 AND key = ?2",
    [NEAPI_SQL_DOCUMENT_FIND] =
        "SELECT data FROM document_rows WHERE collection = " COLLECTION " AND key = ?2",
    [NEAPI_SQL_DOCUMENT_KEYS] = "SELECT key FROM document_rows WHERE collection = ?1 ORDER BY key",
    [NEAPI_SQL_DOCUMENT_DROP] = "DELETE FROM document_rows WHERE collection = ?1 AND key = ?2",
    [NEAPI_SQL_DOCUMENTS_PUT] = "INSERT INTO document_rows (collection, key, data) "
                                "SELECT * FROM neap_documents",
    [NEAPI_SQL_DOCUMENTS] =
        "SELECT key, data FROM document_rows WHERE collection = ?1 ORDER BY key",
    [NEAPI_SQL_DOCUMENTS_FORWARD] = DOCUMENTS,
    [NEAPI_SQL_DOCUMENTS_BACKWARD] = DOCUMENTS " DESC",
    [NEAPI_SQL_OWNED] = "SELECT name, projection, build, shown FROM projection_tables",
    [NEAPI_SQL_OWNED_ADD] =
        "INSERT INTO projection_tables (name, build, projection, shown) VALUES (?1, ?2, ?3, 0)",
    [NEAPI_SQL_OWNED_SHOW] =
        "UPDATE projection_tables SET shown = ?3 WHERE name = ?1 AND build = ?2",
    [NEAPI_SQL_OWNED_DROP] = "DELETE FROM projection_tables WHERE name = ?1 AND build = ?2",
    [NEAPI_SQL_TABLE_NAMES] = "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')",
    [NEAPI_SQL_DEFAULTS] = "SELECT dflt_value FROM pragma_table_xinfo(?1 || '@' || ?2) "
                           "WHERE dflt_value IS NOT NULL",
    [NEAPI_SQL_NAME_TAKEN] = "SELECT 1 FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE",
    [NEAPI_SQL_SAVEPOINT] = "SAVEPOINT neap",
    [NEAPI_SQL_BACK_TO_SAVEPOINT] = "ROLLBACK TO neap",
    [NEAPI_SQL_RELEASE] = "RELEASE neap",
    [NEAPI_SQL_SURVEY] = "SELECT position, version, stream, category, type, schema, recorded_at, "
                         "tags IS NOT NULL, data FROM events WHERE position BETWEEN ?1 AND ?2 "
                         "ORDER BY position",
    [NEAPI_SQL_TYPE_NAME] = "SELECT name FROM types WHERE id = ?1",
    [NEAPI_SQL_CATEGORY_NAME] = "SELECT name FROM categories WHERE id = ?1",
    [NEAPI_SQL_STREAM_NAME] = "SELECT name FROM streams WHERE id = ?1",
    [NEAPI_SQL_PLACES] = PLACES STREAMS TAKE_PLACE,
    [NEAPI_SQL_PLACES_WANTED] = PLACES STREAMS WANTED TAKE_PLACE,
    [NEAPI_SQL_STREAM_PLACES] = PLACES "WHERE " TAKE_STREAM,
    [NEAPI_SQL_STREAM_PLACES_WANTED] = PLACES "WHERE " WANTED TAKE_STREAM,
    [NEAPI_SQL_LOG] = LOG TAKE_LOG,
    [NEAPI_SQL_LOG_WANTED] = LOG WANTED TAKE_LOG,
    [NEAPI_SQL_LOG_] = LOG TAKE_LOG " DESC",
    [NEAPI_SQL_LOG_WANTED_] = LOG WANTED TAKE_LOG " DESC",
};

const char *neapi_sql_text(neapi_sql sql)
{
    return texts[sql];
}
