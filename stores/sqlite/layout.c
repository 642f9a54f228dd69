#include "layout.h"

#include <stddef.h>

#define UUID_TEXT(column)                                                                          \
    "CASE WHEN " column " IS NOT NULL THEN "                                                       \
    "lower(substr(hex(" column "), 1, 8) || '-' || substr(hex(" column "), 9, 4) || '-' || "       \
    "substr(hex(" column "), 13, 4) || '-' || substr(hex(" column "), 17, 4) || '-' || "           \
    "substr(hex(" column "), 21)) END"
#define ID                UUID_TEXT("id") " AS id"
#define COMMAND_ID        UUID_TEXT("command_id") " AS command_id"
#define EVENT_ID          UUID_TEXT("e.id") " AS id"
#define EVENT_CORRELATION UUID_TEXT("coalesce(correlation_id, command_id)") " AS correlation_id"
#define EVENT_CAUSATION   UUID_TEXT("coalesce(causation_id, command_id)") " AS causation_id"
#define CORRELATION       UUID_TEXT("coalesce(correlation_id, id)") " AS correlation_id"
#define CAUSATION         UUID_TEXT("causation_id") " AS causation_id"

#define TIME_TEXT(column)                                                                          \
    "strftime('%Y-%m-%dT%H:%M:%S', " column " / 1000000, 'unixepoch') || "                         \
    "printf('.%06dZ', " column " % 1000000) AS " column
#define RECORDED_AT TIME_TEXT("recorded_at")
#define EXPIRES_AT  TIME_TEXT("expires_at")
#define DUE_AT      TIME_TEXT("due_at")
#define FAILED_AT   TIME_TEXT("failed_at")

/* Streams, types and categories are numbers in the log. A stream's row never changes: appending to
 * it writes the event, nothing else.
 *
 * Ids of an event that say the expected are NULL: correlation and causation that are the command's
 * own id, as they are of all that came from outside. The command's id is in the event as well as at
 * the command, so that reading the log looks nothing up there. */
static const char *const from_0_to_1[] = {
    /* epoch: how often it was opened for writing. writer: drawn by chance by who did so last. */
    "CREATE TABLE store ("
    " one INTEGER PRIMARY KEY CHECK (one = 1),"
    " epoch INTEGER NOT NULL,"
    " writer INTEGER NOT NULL,"
    " commits INTEGER NOT NULL,"
    " fences INTEGER NOT NULL)",
    "INSERT INTO store VALUES (1, 0, 0, 0, 0)",

    "CREATE TABLE categories ("
    " id INTEGER PRIMARY KEY,"
    " name TEXT NOT NULL UNIQUE)",

    "CREATE TABLE streams ("
    " id INTEGER PRIMARY KEY,"
    " name TEXT NOT NULL UNIQUE,"
    " category INTEGER NOT NULL)",

    "CREATE TABLE types ("
    " id INTEGER PRIMARY KEY,"
    " name TEXT NOT NULL UNIQUE)",

    /* correlation_id NULL: its own id. causation_id NULL: it came from outside. */
    "CREATE TABLE commands ("
    " number INTEGER PRIMARY KEY,"
    " id BLOB NOT NULL,"
    " correlation_id BLOB,"
    " causation_id BLOB,"
    " name TEXT NOT NULL,"
    " recorded_at INTEGER NOT NULL,"
    " meta TEXT,"
    " data TEXT)",

    /* cause: the number of its command. command_id NULL: none. The others NULL: the command's. */
    "CREATE TABLE events ("
    " position INTEGER PRIMARY KEY,"
    " stream INTEGER NOT NULL,"
    " version INTEGER NOT NULL,"
    " category INTEGER NOT NULL,"
    " type INTEGER NOT NULL,"
    " schema INTEGER NOT NULL,"
    " recorded_at INTEGER NOT NULL,"
    " id BLOB NOT NULL,"
    " cause INTEGER,"
    " command_id BLOB,"
    " correlation_id BLOB,"
    " causation_id BLOB,"
    " tags TEXT,"
    " meta TEXT,"
    " data TEXT NOT NULL)",
    "CREATE UNIQUE INDEX events_by_stream ON events (stream, version)",
    "CREATE INDEX events_by_category ON events (category)", /* and by position, the row's id */

    "CREATE TABLE keys ("
    " key TEXT PRIMARY KEY,"
    " hash INTEGER NOT NULL,"
    " command_id BLOB NOT NULL,"
    " expires_at INTEGER NOT NULL,"
    " stream TEXT NOT NULL,"
    " types TEXT NOT NULL,"
    " version INTEGER NOT NULL,"
    " position INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE INDEX keys_by_expiry ON keys (expires_at)",

    "CREATE TABLE snapshots ("
    " number INTEGER PRIMARY KEY,"
    " stream INTEGER NOT NULL,"
    " version INTEGER NOT NULL,"
    " fingerprint TEXT NOT NULL,"
    " keep INTEGER NOT NULL,"
    " state BLOB NOT NULL,"
    " UNIQUE (stream, version))",

    /* For people in SQLite's shell. */
    "CREATE VIEW event_log AS SELECT position, " RECORDED_AT ", s.name AS stream, version,"
    " t.name AS type, schema, data, meta, tags, " EVENT_ID ", " COMMAND_ID ", " EVENT_CORRELATION
    ", " EVENT_CAUSATION " FROM events e"
    " LEFT JOIN streams s ON s.id = e.stream LEFT JOIN types t ON t.id = e.type",

    "CREATE VIEW stream_list AS SELECT s.name AS stream, c.name AS category,"
    " (SELECT max(version) FROM events WHERE stream = s.id) AS version,"
    " (SELECT position FROM events WHERE stream = s.id ORDER BY version DESC LIMIT 1)"
    " AS last_position FROM streams s LEFT JOIN categories c ON c.id = s.category",

    "CREATE VIEW command_log AS SELECT number, " RECORDED_AT ", name, data, meta, " ID
    ", " CORRELATION ", " CAUSATION " FROM commands",

    "CREATE VIEW key_list AS SELECT key, " EXPIRES_AT
    ", stream, version, position, types, " COMMAND_ID " FROM keys",
    NULL};

/* A row for each tag of the event e. What is no array of texts, no writer of ours has left there;
 * it stays for verify to find. */
#define EACH_TAG                                                                                   \
    "json_each(CASE WHEN json_valid(e.tags) THEN e.tags END) j WHERE e.tags IS NOT NULL "          \
    "AND substr(e.tags, 1, 1) = '[' AND j.type = 'text'"

/* Tags are numbers in their index, as streams and types are. It holds the type too, so that to
 * judge a condition no event is looked at. An event without tags has no row there.
 *
 * Measured with two tags an event and 1,000 events a commit: numbers take a fifth less time, and a
 * tenth less space, than an index of the tags' texts without a table of names.
 *
 * Snapshots have a name of their own, which need not be a stream's. Streams that were there for the
 * sake of a snapshot go. */
static const char *const from_1_to_2[] = {
    "CREATE TABLE tags ("
    " id INTEGER PRIMARY KEY,"
    " name TEXT NOT NULL UNIQUE)",
    "INSERT INTO tags (name) SELECT DISTINCT j.value FROM events e, " EACH_TAG " ORDER BY 1",

    "CREATE TABLE event_tags ("
    " tag INTEGER NOT NULL,"
    " position INTEGER NOT NULL,"
    " type INTEGER NOT NULL,"
    " PRIMARY KEY (tag, position)) WITHOUT ROWID",
    "INSERT OR IGNORE INTO event_tags SELECT (SELECT id FROM tags WHERE name = j.value),"
    " e.position, e.type FROM events e, " EACH_TAG " ORDER BY 1, 2",

    "ALTER TABLE snapshots RENAME TO snapshots_of_streams",
    "CREATE TABLE snapshots ("
    " number INTEGER PRIMARY KEY,"
    " name TEXT NOT NULL,"
    " version INTEGER NOT NULL,"
    " fingerprint TEXT NOT NULL,"
    " keep INTEGER NOT NULL,"
    " state BLOB NOT NULL,"
    " UNIQUE (name, version))",
    "INSERT INTO snapshots SELECT o.number, s.name, o.version, o.fingerprint, o.keep, o.state"
    " FROM snapshots_of_streams o JOIN streams s ON s.id = o.stream",
    "DROP TABLE snapshots_of_streams",
    "DELETE FROM streams WHERE NOT EXISTS (SELECT 1 FROM events WHERE stream = streams.id)",
    "DELETE FROM categories WHERE id NOT IN (SELECT category FROM streams)",

    "CREATE VIEW tag_list AS SELECT name AS tag,"
    " (SELECT count(*) FROM event_tags WHERE tag = t.id) AS events,"
    " (SELECT max(position) FROM event_tags WHERE tag = t.id) AS last_position FROM tags t",

    "CREATE VIEW tag_log AS SELECT t.name AS tag, e.position, " RECORDED_AT ", s.name AS stream,"
    " e.version, y.name AS type, e.data FROM tags t JOIN event_tags x ON x.tag = t.id"
    " JOIN events e ON e.position = x.position"
    " LEFT JOIN streams s ON s.id = e.stream LEFT JOIN types y ON y.id = e.type",
    NULL};

/* Streams and categories are found by lists of positions that follow the log in runs: see index.h
 * and backlog.h. What was there is listed in whole.
 *
 * indexed: the indexes have the events up to there. sealed: the end of the run that is being
 * written to them, of which `written` entries are; equal to indexed if none is. */
#define LISTS(key, number, chunk)                                                                  \
    "SELECT " key ", first, '[' || list || ']' FROM (SELECT " key ", min(" number ") OVER chunk"   \
    " AS first, group_concat(position) OVER chunk AS list, row_number() OVER chunk AS place"       \
    " FROM (SELECT *, " chunk " AS chunk FROM events) WINDOW chunk AS (PARTITION BY " key          \
    ", chunk ORDER BY " number " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING))"       \
    " WHERE place = 1"

static const char *const from_2_to_3[] = {
    "ALTER TABLE store ADD COLUMN indexed INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE store ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE store ADD COLUMN written INTEGER NOT NULL DEFAULT 0",
    "UPDATE store SET indexed = (SELECT coalesce(max(position), 0) FROM events)",
    "UPDATE store SET sealed = indexed",

    "CREATE TABLE stream_index ("
    " stream INTEGER NOT NULL,"
    " version INTEGER NOT NULL,"
    " positions TEXT NOT NULL,"
    " PRIMARY KEY (stream, version)) WITHOUT ROWID",
    "INSERT INTO stream_index " LISTS("stream", "version", "(version - 1) / 64"),
    "DROP INDEX events_by_stream",

    "CREATE TABLE category_index ("
    " category INTEGER NOT NULL,"
    " position INTEGER NOT NULL,"
    " positions TEXT NOT NULL,"
    " PRIMARY KEY (category, position)) WITHOUT ROWID",
    "INSERT INTO category_index " LISTS(
        "category", "position",
        "(row_number() OVER (PARTITION BY category ORDER BY position) - 1) / 64"),
    "DROP INDEX events_by_category",

    /* What is behind the indexes is looked at once for all streams. */
    "DROP VIEW stream_list",
    "CREATE VIEW stream_list AS SELECT s.name AS stream, c.name AS category,"
    " coalesce(t.version, (SELECT version + json_array_length(positions) - 1 FROM stream_index"
    " WHERE stream = s.id ORDER BY version DESC LIMIT 1)) AS version,"
    " coalesce(t.position, (SELECT json_extract(positions, '$[#-1]') FROM stream_index"
    " WHERE stream = s.id ORDER BY version DESC LIMIT 1)) AS last_position"
    " FROM streams s LEFT JOIN categories c ON c.id = s.category"
    " LEFT JOIN (SELECT stream, max(version) AS version, max(position) AS position FROM events"
    " WHERE position > (SELECT indexed FROM store) GROUP BY stream) t ON t.stream = s.id",

    "CREATE VIEW stream_log AS SELECT p.name AS stream, e.version, e.position, " RECORDED_AT
    ", y.name AS type, e.data FROM (SELECT s.name, j.value AS position FROM streams s"
    " CROSS JOIN stream_index x ON x.stream = s.id CROSS JOIN json_each(x.positions) j"
    " WHERE j.value <= (SELECT indexed FROM store)"
    " UNION ALL SELECT s.name, e.position FROM streams s CROSS JOIN events e ON e.stream = s.id"
    " WHERE e.position > (SELECT indexed FROM store)) p"
    " CROSS JOIN events e ON e.position = p.position LEFT JOIN types y ON y.id = e.type",
    NULL};

/* Documents lie in the order of their keys, beside those of the same collection: a page of a list
 * is a few pages of the file, and a batch that is written in that order goes through them once.
 *
 * What becomes of a conflict is said here and not by the statement: one that replaces, and
 * otherwise ends the transaction, needs no journal of its own beside the log, which SQLite would
 * keep in a file for each batch. */
static const char *const from_3_to_4[] = {
    "CREATE TABLE collections ("
    " id INTEGER PRIMARY KEY,"
    " name TEXT NOT NULL UNIQUE)",

    "CREATE TABLE document_rows ("
    " collection INTEGER NOT NULL ON CONFLICT ROLLBACK,"
    " key TEXT NOT NULL ON CONFLICT ROLLBACK,"
    " data TEXT NOT NULL ON CONFLICT ROLLBACK,"
    " PRIMARY KEY (collection, key) ON CONFLICT REPLACE) WITHOUT ROWID",

    /* Projections that keep rows have tables "name@build". shown: the view of that name is of it.
     */
    "CREATE TABLE projection_tables ("
    " name TEXT NOT NULL COLLATE NOCASE,"
    " build INTEGER NOT NULL,"
    " projection TEXT NOT NULL,"
    " shown INTEGER NOT NULL,"
    " PRIMARY KEY (name, build)) WITHOUT ROWID",

    "CREATE VIEW documents AS SELECT c.name AS collection, d.key, d.data"
    " FROM document_rows d JOIN collections c ON c.id = d.collection",

    "CREATE VIEW queue AS SELECT " DUE_AT ", json_extract(data, '$.name') AS name,"
    " json_extract(data, '$.command') AS command, json_extract(data, '$.data') AS data,"
    " json_extract(data, '$.owner') AS owner, json_extract(data, '$.attempts') AS attempts,"
    " substr(key, 43) AS id FROM (SELECT CAST(substr(key, 1, 20) AS INTEGER) AS due_at, key, data"
    " FROM documents WHERE collection = '$queue' ORDER BY key)",
    NULL};

/* For people again. A projection may have made a table of that name before: it keeps it. */
static const char *const from_4_to_5[] = {
    "CREATE VIEW IF NOT EXISTS checkpoints AS SELECT"
    " substr(key, 1, instr(key, '@') - 1) AS subscription,"
    " CAST(substr(key, instr(key, '@') + 1) AS INTEGER) AS build,"
    " CAST(substr(key, instr(key, '/') + 1) AS INTEGER) AS partition,"
    " json_extract(data, '$.position') AS position,"
    " (SELECT coalesce(max(position), 0) FROM events) - json_extract(data, '$.position') AS lag"
    " FROM documents WHERE collection = '$checkpoint'",

    "CREATE VIEW IF NOT EXISTS dead_letters AS SELECT"
    " coalesce(json_extract(data, '$.subscription'), '$queue') AS subscription,"
    " json_extract(data, '$.position') AS position, json_extract(data, '$.stream') AS stream,"
    " coalesce(json_extract(data, '$.type'), json_extract(data, '$.entry.command'),"
    " json_extract(data, '$.entry.name')) AS type,"
    " json_extract(data, '$.attempts') AS attempts, " FAILED_AT ","
    " json_extract(data, '$.error.code') AS code, json_extract(data, '$.error.message') AS message,"
    " coalesce(json_extract(data, '$.event_id'), substr(key, 50)) AS id"
    " FROM (SELECT key, data, json_extract(data, '$.failed_at') AS failed_at FROM documents"
    " WHERE collection = '$dead_letter' ORDER BY key)",

    "CREATE VIEW IF NOT EXISTS subscriptions AS SELECT s.key AS name,"
    " json_extract(s.data, '$.kind') AS kind, json_extract(s.data, '$.paused') AS paused,"
    " json_extract(s.data, '$.version') AS version, json_extract(s.data, '$.build') AS build,"
    " json_extract(s.data, '$.partitions') AS partitions, min(c.position) AS position,"
    " max(c.lag) AS lag, nullif(json_extract(s.data, '$.next'), 0) AS next_build,"
    " (SELECT count(*) FROM document_rows WHERE key > s.key || '/' AND key < s.key || '0' AND"
    " collection = (SELECT id FROM collections WHERE name = '$dead_letter')) AS dead_letters"
    " FROM documents s LEFT JOIN (SELECT substr(key, 1, instr(key, '@') - 1) AS subscription,"
    " CAST(substr(key, instr(key, '@') + 1) AS INTEGER) AS build,"
    " json_extract(data, '$.position') AS position, (SELECT coalesce(max(position), 0)"
    " FROM events) - json_extract(data, '$.position') AS lag FROM documents"
    " WHERE collection = '$checkpoint') c"
    " ON c.subscription = s.key AND c.build = json_extract(s.data, '$.build')"
    " WHERE s.collection = '$subscription' GROUP BY s.key",
    NULL};

static const char *const *const steps[] = {from_0_to_1, from_1_to_2, from_2_to_3, from_3_to_4,
                                           from_4_to_5};

/* Since then there are more views, which people read and the library does not. */
int64_t neapi_sqlite_oldest_read(void)
{
    return 4;
}

int64_t neapi_sqlite_newest(void)
{
    return (int64_t)(sizeof steps / sizeof *steps);
}

const char *const *neapi_sqlite_step(int64_t from)
{
    return steps[from];
}
