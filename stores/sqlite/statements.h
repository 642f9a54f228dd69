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
    NEAPI_SQL_STREAM_HEAD,
    NEAPI_SQL_STREAM_ID,
    NEAPI_SQL_STREAM_VERSION,
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
    NEAPI_SQL_EVENT_ADD,
    NEAPI_SQL_EVENT, /* at one position; columns: neapi_sql_column */
    NEAPI_SQL_COMMAND_ADD,
    NEAPI_SQL_COMMAND_OF_EVENT,
    NEAPI_SQL_KEY_EXPIRY,
    NEAPI_SQL_KEY_ADD,
    NEAPI_SQL_KEY_FIND,
    NEAPI_SQL_KEYS_EXPIRED, /* whether there is one */
    NEAPI_SQL_KEYS_DROP,
    NEAPI_SQL_SNAPSHOT_ADD,
    NEAPI_SQL_SNAPSHOT_TRIM,
    NEAPI_SQL_SNAPSHOT_FIND,
    NEAPI_SQL_SURVEY, /* events between two positions, as far as figures need them */
    NEAPI_SQL_TYPE_NAME,
    NEAPI_SQL_CATEGORY_NAME,
    NEAPI_SQL_STREAM_NAME,
    /* Pages: what is read, in which order, and whether only some types are wanted. See
     * neapi_sql_page. */
    NEAPI_SQL_PAGES,
    NEAPI_SQL_COUNT = NEAPI_SQL_PAGES + 12
} neapi_sql;

typedef enum neapi_sql_source {
    NEAPI_SQL_LOG,
    NEAPI_SQL_OF_CATEGORY,
    NEAPI_SQL_OF_STREAM
} neapi_sql_source;

const char *neapi_sql_text(neapi_sql sql);

/* The statement that reads a page. Parameters: lowest and highest number, how many, and the
 * category's or stream's id. Columns: neapi_sql_column. */
neapi_sql neapi_sql_page(neapi_sql_source source, int backward, int some_types);

typedef enum neapi_sql_column {
    NEAPI_COLUMN_POSITION,
    NEAPI_COLUMN_VERSION,
    NEAPI_COLUMN_SCHEMA,
    NEAPI_COLUMN_RECORDED_AT,
    NEAPI_COLUMN_ID,
    NEAPI_COLUMN_COMMAND_ID,
    NEAPI_COLUMN_CORRELATION_ID,
    NEAPI_COLUMN_CAUSATION_ID,
    NEAPI_COLUMN_TAGS,
    NEAPI_COLUMN_META,
    NEAPI_COLUMN_DATA,
    NEAPI_COLUMN_TYPE,
    NEAPI_COLUMN_STREAM
} neapi_sql_column;

#endif
