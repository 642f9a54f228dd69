/* All of Neap's own SQL that is prepared. What is asked or added once has a statement without
 * arrays beside the one for many, for the sake of what is committed alone: it is planned and run in
 * half the time. Names are found through the search path, which a connection sets to the store's
 * schema; data comes in parameters only. */
#ifndef NEAPI_POSTGRESQL_STATEMENTS_H
#define NEAPI_POSTGRESQL_STATEMENTS_H

typedef enum neapi_pg_sql {
    NEAPI_PG_SQL_BEGIN,
    NEAPI_PG_SQL_COMMIT,
    NEAPI_PG_SQL_LOCK,
    NEAPI_PG_SQL_HEAD,
    NEAPI_PG_SQL_EVENT_ID,
    NEAPI_PG_SQL_GUARD,
    /* What a batch is judged by. */
    NEAPI_PG_SQL_STREAM_VERSIONS,
    NEAPI_PG_SQL_STREAM_VERSION,
    NEAPI_PG_SQL_KEY_EXPIRIES,
    NEAPI_PG_SQL_KEY_EXPIRY,
    NEAPI_PG_SQL_DOCUMENTS_KNOWN,
    NEAPI_PG_SQL_COLLECTION_KEYS,
    NEAPI_PG_SQL_NEWEST_TAGGED,
    /* What it leaves behind. */
    NEAPI_PG_SQL_EVENTS_ADD,
    NEAPI_PG_SQL_EVENT_ADD,
    NEAPI_PG_SQL_TAGS_ADD,
    NEAPI_PG_SQL_COMMANDS_ADD,
    NEAPI_PG_SQL_COMMAND_ADD,
    NEAPI_PG_SQL_KEYS_ADD,
    NEAPI_PG_SQL_KEY_ADD,
    NEAPI_PG_SQL_KEYS_NEW, /* which are not there, or the statement fails */
    NEAPI_PG_SQL_KEY_NEW,
    NEAPI_PG_SQL_SNAPSHOTS_ADD,
    NEAPI_PG_SQL_SNAPSHOTS_TRIM,
    NEAPI_PG_SQL_DOCUMENTS_PUT,
    NEAPI_PG_SQL_DOCUMENTS_DROP,
    NEAPI_PG_SQL_WRITER_NOTE,
    NEAPI_PG_SQL_WRITER_BATCH,
    NEAPI_PG_SQL_WRITER_GONE,
    NEAPI_PG_SQL_TELL,
    NEAPI_PG_SQL_KEYS_EXPIRE,
    /* Rows of projections. */
    NEAPI_PG_SQL_SAVEPOINT,
    NEAPI_PG_SQL_RELEASE,
    NEAPI_PG_SQL_BACK_TO_SAVEPOINT,
    NEAPI_PG_SQL_LIMITS,
    NEAPI_PG_SQL_CONSTRAINTS,
    NEAPI_PG_SQL_TABLES_STATE,
    /* Reading; what goes backward comes behind what goes forward. */
    NEAPI_PG_SQL_STREAM_HEAD,
    NEAPI_PG_SQL_LOG,
    NEAPI_PG_SQL_LOG_,
    NEAPI_PG_SQL_STREAM,
    NEAPI_PG_SQL_STREAM_,
    NEAPI_PG_SQL_CATEGORY,
    NEAPI_PG_SQL_CATEGORY_,
    NEAPI_PG_SQL_TYPES,
    NEAPI_PG_SQL_TYPES_,
    NEAPI_PG_SQL_TAGS,
    NEAPI_PG_SQL_TAGS_,
    NEAPI_PG_SQL_KEY_FIND,
    NEAPI_PG_SQL_SNAPSHOT_FIND,
    NEAPI_PG_SQL_COMMAND_FIND,
    NEAPI_PG_SQL_DOCUMENT_FIND,
    NEAPI_PG_SQL_DOCUMENTS,
    NEAPI_PG_SQL_DOCUMENTS_,
    NEAPI_PG_SQL_COLLECTIONS,
    NEAPI_PG_SQL_KEYS_SHOW,
    NEAPI_PG_SQL_DOCUMENTS_SHOW,
    NEAPI_PG_SQL_SURVEY,
    NEAPI_PG_SQL_STREAM_NAME,
    NEAPI_PG_SQL_COUNT
} neapi_pg_sql;

extern const char *const neapi_pg_statements[NEAPI_PG_SQL_COUNT];

#endif
