/* The indexes of streams and of categories: sorted lists of positions.
 *
 * An index that is written event by event dirties a page of its own for each of them, and that is
 * most of what a commit costs. So events are gathered until there are many, sorted, and written to
 * the indexes list by list: see backlog.h. Until then they are found in the tail: see tail.h.
 *
 * A row of stream_index has the positions of consecutive versions of one stream, from `version` on;
 * one of category_index those of consecutive events of a category, the first of which is
 * `position`. Positions are a JSON array, so that SQL can look into it. */
#ifndef NEAPI_SQLITE_INDEX_H
#define NEAPI_SQLITE_INDEX_H

#include "query.h"

/* A list ends when its text has so many bytes: its row then lies in its page, and not beside. */
#define NEAPI_SQLITE_LIST_BYTES 900

typedef struct neapi_sqlite_list {
    char text[NEAPI_SQLITE_LIST_BYTES + 32];
    size_t size; /* 0: empty */
} neapi_sqlite_list;

/* False: it is full. */
bool neapi_sqlite_list_add(neapi_sqlite_list *list, int64_t position);
/* Writes it as the row with those numbers, and empties it. */
neap_status neapi_sqlite_list_write(neapi_sqlite_list *list, neapi_connection *connection,
                                    neapi_sql sql, int64_t key, int64_t number, neap_error *error);

/* Takes the next position out of the array's text; *at starts at 0. False: it has ended, at the
 * text's end if that is an array as written here. */
bool neapi_sqlite_list_next(neap_text text, size_t *at, int64_t *position);
/* Whether the text ended where it should. */
static inline bool neapi_sqlite_list_whole(neap_text text, size_t at)
{
    return at == text.size && at > 2;
}

#endif
