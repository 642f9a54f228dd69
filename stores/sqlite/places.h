/* Where the events of a stream or a category are: in the index as far as that goes, and behind it
 * in the tail. */
#ifndef NEAPI_SQLITE_PLACES_H
#define NEAPI_SQLITE_PLACES_H

#include "sqlite.h"

/* What is read: all, or the events of one category or stream. */
typedef enum neapi_sqlite_source {
    NEAPI_SQLITE_OF_ALL,
    NEAPI_SQLITE_OF_CATEGORY,
    NEAPI_SQLITE_OF_STREAM
} neapi_sqlite_source;

/* An event's number in what is read, its version or its position, and its position. */
struct neapi_sqlite_place {
    int64_t number, position;
};

typedef struct neapi_sqlite_places {
    neapi_sqlite_source source; /* a stream or a category, of which id is the number */
    int64_t id;
    int64_t low, high; /* numbers; of a stream they are there, all of them */
    bool backward;
    size_t most;
} neapi_sqlite_places;

/* Makes room for so many in session->places. */
neap_status neapi_sqlite_reserve_places(neapi_sqlite_session *session, size_t count,
                                        neap_error *error);

/* Fills session->places with the first of them in their order. Within a reading transaction whose
 * tail was followed. */
neap_status neapi_sqlite_find_places(neapi_sqlite_session *session,
                                     const neapi_sqlite_places *wanted, neap_error *error);

/* A stream's last version and its position; 0: it has no events. As above. */
neap_status neapi_sqlite_stream_end(neapi_sqlite_session *session, int64_t stream, int64_t *version,
                                    int64_t *position, neap_error *error);

#endif
