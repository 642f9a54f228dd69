#include "statements.h"

/* A page of events. A left join: an event without its stream or type must be found out, not left
 * out. An index is named where only that one reads in order without sorting. */
#define COLUMNS                                                                                    \
    "SELECT e.position, e.version, e.schema, e.recorded_at, e.id, e.command_id, "                  \
    "e.correlation_id, e.causation_id, e.tags, e.meta, e.data, t.name, s.name FROM events e "
#define NAMES  "LEFT JOIN types t ON t.id = e.type LEFT JOIN streams s ON s.id = e.stream WHERE "
#define WANTED " AND neap_wanted(e.type)"

#define LOG COLUMNS NAMES "e.position BETWEEN ?1 AND ?2"
#define CATEGORY                                                                                   \
    COLUMNS "INDEXED BY events_by_category " NAMES                                                 \
            "e.category = ?4 AND e.position BETWEEN ?1 AND ?2"
#define STREAM                                                                                     \
    COLUMNS "INDEXED BY events_by_stream " NAMES "e.stream = ?4 AND e.version BETWEEN ?1 AND ?2"

#define BY_POSITION  " ORDER BY e.position LIMIT ?3"
#define BY_POSITION_ " ORDER BY e.position DESC LIMIT ?3"
#define BY_VERSION   " ORDER BY e.version LIMIT ?3"
#define BY_VERSION_  " ORDER BY e.version DESC LIMIT ?3"

static const char *const texts[NEAPI_SQL_COUNT] = {
    [NEAPI_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [NEAPI_SQL_BEGIN_READING] = "BEGIN",
    [NEAPI_SQL_COMMIT] = "COMMIT",
    [NEAPI_SQL_ROLLBACK] = "ROLLBACK",
    [NEAPI_SQL_PLACE] = "SELECT writer, commits FROM store",
    [NEAPI_SQL_TAKE_PLACE] = "UPDATE store SET epoch = epoch + 1, writer = ?1",
    [NEAPI_SQL_NEXT_COMMIT] = "UPDATE store SET commits = ?1",
    [NEAPI_SQL_FENCE] = "UPDATE store SET fences = fences + 1",
    [NEAPI_SQL_HEAD] = "SELECT max(position) FROM events",
    [NEAPI_SQL_STREAM_HEAD] =
        "SELECT version, position FROM events INDEXED BY events_by_stream "
        "WHERE stream = (SELECT id FROM streams WHERE name = ?1) ORDER BY version DESC LIMIT 1",
    [NEAPI_SQL_STREAM_ID] = "SELECT id, category FROM streams WHERE name = ?1",
    [NEAPI_SQL_STREAM_VERSION] = "SELECT max(version) FROM events WHERE stream = ?1",
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
    [NEAPI_SQL_EVENT] = COLUMNS NAMES "e.position = ?1",
    [NEAPI_SQL_EVENT_ADD] =
        "INSERT INTO events (position, stream, version, category, type, schema, recorded_at, id, "
        "cause, command_id, correlation_id, causation_id, tags, meta, data) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    [NEAPI_SQL_COMMAND_ADD] =
        "INSERT INTO commands (id, correlation_id, causation_id, name, recorded_at, meta, data) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [NEAPI_SQL_COMMAND_OF_EVENT] =
        "SELECT c.id, c.correlation_id, c.causation_id, c.recorded_at, c.name, c.data, c.meta "
        "FROM events e JOIN commands c ON c.number = e.cause WHERE e.position = ?1",
    [NEAPI_SQL_KEY_EXPIRY] = "SELECT expires_at FROM keys WHERE key = ?1",
    [NEAPI_SQL_KEY_ADD] =
        "INSERT OR REPLACE INTO keys (key, hash, command_id, expires_at, stream, types, version, "
        "position) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [NEAPI_SQL_KEY_FIND] = "SELECT key, hash, command_id, expires_at, stream, types, version, "
                           "position FROM keys WHERE key = ?1 AND expires_at > ?2",
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
    [NEAPI_SQL_SURVEY] = "SELECT position, version, stream, category, type, schema, recorded_at, "
                         "tags IS NOT NULL, data FROM events WHERE position BETWEEN ?1 AND ?2 "
                         "ORDER BY position",
    [NEAPI_SQL_TYPE_NAME] = "SELECT name FROM types WHERE id = ?1",
    [NEAPI_SQL_CATEGORY_NAME] = "SELECT name FROM categories WHERE id = ?1",
    [NEAPI_SQL_STREAM_NAME] = "SELECT name FROM streams WHERE id = ?1",
    [NEAPI_SQL_PAGES] = LOG BY_POSITION,
    LOG BY_POSITION_,
    LOG WANTED BY_POSITION,
    LOG WANTED BY_POSITION_,
    CATEGORY BY_POSITION,
    CATEGORY BY_POSITION_,
    CATEGORY WANTED BY_POSITION,
    CATEGORY WANTED BY_POSITION_,
    STREAM BY_VERSION,
    STREAM BY_VERSION_,
    STREAM WANTED BY_VERSION,
    STREAM WANTED BY_VERSION_,
};

const char *neapi_sql_text(neapi_sql sql)
{
    return texts[sql];
}

neapi_sql neapi_sql_page(neapi_sql_source source, int backward, int some_types)
{
    return (neapi_sql)(NEAPI_SQL_PAGES + (int)source * 4 + (some_types != 0 ? 2 : 0) +
                       (backward != 0 ? 1 : 0));
}
