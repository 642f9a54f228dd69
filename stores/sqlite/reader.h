/* One reading of a page, as far as its three ways share it: along the events' own order, along the
 * index of streams or categories, and along that of tags. */
#ifndef NEAPI_SQLITE_READER_H
#define NEAPI_SQLITE_READER_H

#include "places.h"

/* What is wanted, in terms of the file. */
struct neapi_reading {
    neapi_sqlite_session *session;
    const neapi_range *range;
    neapi_page *page;
    neapi_sqlite_source source;
    int64_t id;      /* of the stream or category */
    int64_t lowest;  /* the bounds, within what there is */
    int64_t highest; /* below lowest: nothing is there */
    int64_t end;     /* the last number there is: the head, or the stream's version */
    bool full;       /* the page is, and has its next */
    const neapi_sqlite_place *place; /* that led to the row that is taken; NULL: none did */
    neap_status status;              /* what taking a row came to */
    neap_error *error;
};

/* take: has the session's connection know what its statements call. */
neap_status neapi_reading_enable(neapi_sqlite_session *session, neap_error *error);
/* Runs a statement that takes rows, until there are no more or the reading is over. */
neap_status neapi_reading_run(neapi_reading *reading, neapi_query *query, neap_error *error);
/* Takes the events at session->places. */
neap_status neapi_reading_take_places(neapi_reading *reading, neap_error *error);

/* How many places to look for at a time: one more than the page has room for, which tells whether
 * it is the last; with a filter that is yet to be applied as many as is sensible. */
#define NEAPI_READING_AT_ONCE 1024
size_t neapi_reading_how_many(const neapi_reading *reading, bool filtered);

/* Reads the events of a stream or a category. */
neap_status neapi_reading_by_index(neapi_reading *reading, neap_error *error);

/* Reads what carries the range's tags. */
neap_status neapi_reading_by_tags(neapi_reading *reading, neap_error *error);

#endif
