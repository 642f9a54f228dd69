/* Every statement that runs more than once, by name. */
#ifndef NEAPI_SQLITE_STATEMENTS_H
#define NEAPI_SQLITE_STATEMENTS_H

#include <stddef.h>

typedef enum neapi_sql {
    NEAPI_SQL_BEGIN, /* to write */
    NEAPI_SQL_BEGIN_READING,
    NEAPI_SQL_COMMIT,
    NEAPI_SQL_ROLLBACK,
    NEAPI_SQL_PLACE,       /* whose the store is, and the number of its last commit */
    NEAPI_SQL_TAKE_PLACE,  /* makes it a new writer's */
    NEAPI_SQL_NEXT_COMMIT, /* counts a commit */
    NEAPI_SQL_FENCE,       /* writes something that is not a commit */
    NEAPI_SQL_HEAD,
    NEAPI_SQL_INDEXED, /* the position up to which the indexes go, and the last one */
    NEAPI_SQL_MARKS,   /* the run that is being written to the indexes: its end, and how much is */
    NEAPI_SQL_SET_MARKS,
    NEAPI_SQL_TAIL,          /* events behind a position, as far as the indexes are about them */
    NEAPI_SQL_STREAM_LISTS,  /* of the index: of a stream, from one version to another */
    NEAPI_SQL_STREAM_LISTS_, /* backward */
    NEAPI_SQL_STREAM_LAST_LIST,
    NEAPI_SQL_STREAM_LIST_ADD,
    NEAPI_SQL_CATEGORY_LISTS,
    NEAPI_SQL_CATEGORY_LISTS_,
    NEAPI_SQL_CATEGORY_LIST_ADD,
    NEAPI_SQL_STREAM_INDEX, /* all of it, in order; so the next */
    NEAPI_SQL_CATEGORY_INDEX,
    NEAPI_SQL_FACTS, /* what the indexes say of the event at a position */
    NEAPI_SQL_STREAM_ID,
    NEAPI_SQL_STREAM_ADD,
    NEAPI_SQL_CATEGORY_ID,
    NEAPI_SQL_CATEGORY_ADD,
    NEAPI_SQL_TYPE_ID,
    NEAPI_SQL_TYPE_ADD,
    NEAPI_SQL_TAG_ID,
    NEAPI_SQL_TAG_ADD,
    NEAPI_SQL_TAG_LAST,         /* the last position of a tag */
    NEAPI_SQL_TAG_LAST_OF_TYPE, /* the last behind another, of the wanted types */
    NEAPI_SQL_TAG_FORWARD,      /* positions and types of a tag, from one position to another */
    NEAPI_SQL_TAG_BACKWARD,
    NEAPI_SQL_EVENT_TAG_ADD,
    NEAPI_SQL_EVENTS_ADD, /* those that the batch adds: see added.h */
    NEAPI_SQL_COMMANDS_ADD,
    NEAPI_SQL_LAST_COMMAND, /* its number */
    NEAPI_SQL_COMMAND_OF_EVENT,
    NEAPI_SQL_KEY_EXPIRY,
    NEAPI_SQL_KEY_ADD,
    NEAPI_SQL_KEY_FIND,
    NEAPI_SQL_KEYS,         /* those that have not expired */
    NEAPI_SQL_KEYS_EXPIRED, /* whether there is one */
    NEAPI_SQL_KEYS_DROP,
    NEAPI_SQL_SNAPSHOT_ADD,
    NEAPI_SQL_SNAPSHOT_TRIM,
    NEAPI_SQL_SNAPSHOT_FIND,
    NEAPI_SQL_COLLECTION_ID,
    NEAPI_SQL_COLLECTION_ADD,
    NEAPI_SQL_COLLECTIONS, /* names, and how many documents each has */
    NEAPI_SQL_COLLECTION_NAMES,
    NEAPI_SQL_DOCUMENT,      /* by the collection's number */
    NEAPI_SQL_DOCUMENT_FIND, /* by its name */
    NEAPI_SQL_DOCUMENT_KEYS,
    NEAPI_SQL_DOCUMENT_DROP,
    NEAPI_SQL_DOCUMENTS_PUT,     /* those that the batch leaves: see documents.h */
    NEAPI_SQL_DOCUMENTS,         /* of a collection, by its number */
    NEAPI_SQL_DOCUMENTS_FORWARD, /* from one key on to below another */
    NEAPI_SQL_DOCUMENTS_BACKWARD,
    NEAPI_SQL_OWNED, /* the tables of projections */
    NEAPI_SQL_OWNED_ADD,
    NEAPI_SQL_OWNED_SHOW,
    NEAPI_SQL_OWNED_DROP,
    NEAPI_SQL_TABLE_NAMES, /* of all tables and views */
    NEAPI_SQL_NAME_TAKEN,
    NEAPI_SQL_DEFAULTS,
    NEAPI_SQL_SAVEPOINT, /* around a unit's SQL */
    NEAPI_SQL_BACK_TO_SAVEPOINT,
    NEAPI_SQL_RELEASE,
    NEAPI_SQL_SURVEY, /* events between two positions, as far as figures need them */
    NEAPI_SQL_TYPE_NAME,
    NEAPI_SQL_CATEGORY_NAME,
    NEAPI_SQL_STREAM_NAME,
    /* These take events into a page: see take.c. Those at the places, with the stream's name or
     * without it, or from one position to another; all, or those of the wanted types. */
    NEAPI_SQL_PLACES,
    NEAPI_SQL_PLACES_WANTED,
    NEAPI_SQL_STREAM_PLACES,
    NEAPI_SQL_STREAM_PLACES_WANTED,
    NEAPI_SQL_LOG,
    NEAPI_SQL_LOG_WANTED,
    NEAPI_SQL_LOG_, /* backward */
    NEAPI_SQL_LOG_WANTED_,
    NEAPI_SQL_COUNT
} neapi_sql;

const char *neapi_sql_text(neapi_sql sql);

#endif
