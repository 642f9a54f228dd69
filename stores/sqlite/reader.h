/* One reading of a page, as far as its two ways share it: along the events' own order, and along
 * the index of tags. */
#ifndef NEAPI_SQLITE_READER_H
#define NEAPI_SQLITE_READER_H

#include "sqlite.h"

/* What is wanted, in terms of the file. */
typedef struct neapi_reading {
    neapi_sqlite_session *session;
    const neapi_range *range;
    neapi_page *page;
    neapi_sql_source source;
    int64_t id;      /* of the stream or category */
    int64_t lowest;  /* the bounds, within what there is */
    int64_t highest; /* below lowest: nothing is there */
    int64_t end;     /* the last number there is: the head, or the stream's version */
    bool full;       /* the page is, and has its next */
} neapi_reading;

/* Puts the row on the page, unless that is full. */
neap_status neapi_reading_take(neapi_reading *reading, const neapi_query *query, neap_error *error);

/* Reads what carries the range's tags. */
neap_status neapi_reading_by_tags(neapi_reading *reading, neap_error *error);

#endif
