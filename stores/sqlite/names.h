/* Names that the writer has met, with the numbers that stand for them in the file. Bounded: of two
 * generations the older one goes when the younger one is full, unless it was looked at meanwhile.
 *
 * What is kept here is true as long as nobody else writes; it is dropped whenever a batch is rolled
 * back. */
#ifndef NEAPI_SQLITE_NAMES_H
#define NEAPI_SQLITE_NAMES_H

#include "base/arena.h"
#include "base/map.h"

typedef struct neapi_sqlite_name {
    neap_text text;
    int64_t id;            /* 0: not in the file yet */
    int64_t category;      /* of a stream that is there */
    uint64_t last;         /* of a tag that is there: its last event's position; 0: not looked up */
    uint64_t version;      /* of a stream, as the accepted units left it */
    uint64_t unit;         /* the unit that is judged, if it touched the stream */
    uint64_t unit_version; /* and as that one would leave it */
} neapi_sqlite_name;

typedef struct neapi_sqlite_generation {
    neapi_map map;
    neapi_arena arena;
} neapi_sqlite_generation;

typedef struct neapi_sqlite_names {
    neapi_sqlite_generation young, old;
    size_t limit; /* how many one generation holds */
} neapi_sqlite_names;

void neapi_sqlite_names_init(neapi_sqlite_names *names, size_t limit);
void neapi_sqlite_names_fini(neapi_sqlite_names *names);
void neapi_sqlite_names_clear(neapi_sqlite_names *names);

/* NULL with *refused false: not met. Lifetime of what these return: until the next turn. */
neapi_sqlite_name *neapi_sqlite_names_find(neapi_sqlite_names *names, neap_text text,
                                           bool *refused);
/* Adds a name that is not there. Errors: NULL, an allocation was refused. */
neapi_sqlite_name *neapi_sqlite_names_add(neapi_sqlite_names *names, neap_text text);
/* Between batches: lets the old generation go if the young one is full. */
void neapi_sqlite_names_turn(neapi_sqlite_names *names);

#endif
