/* A page of events read from a store, in memory of its own. */
#ifndef NEAPI_STORE_PAGE_H
#define NEAPI_STORE_PAGE_H

#include "base/arena.h"
#include "neap.h"

/* The type of an event that a branch of a history leaves out: it stands for nothing. */
#define NEAPI_LEFT_OUT NEAPI_LITERAL("$left_out")

/* What to read. Numbers are versions if `stream` is given, else positions. All bounds are
 * inclusive. */
typedef struct neapi_range {
    neap_text stream;       /* empty: all */
    neap_text category;     /* empty: all; not together with stream */
    const neap_text *types; /* any of these; type_count 0: all */
    size_t type_count;
    const neap_text *tags; /* that carry any of these, "name:value"; tag_count 0: all. Not together
                              with stream or category, and at most NEAPI_TAGS_MOST */
    size_t tag_count;
    uint64_t from; /* forward: the lowest wanted, at least 1. backward: the highest wanted;
                      UINT64_MAX: newest */
    uint64_t to; /* forward: the highest wanted; UINT64_MAX: no end. backward: the lowest wanted, at
                    least 1 */
    bool backward;
    size_t max_events; /* at least 1 */
    size_t max_bytes;  /* of data and meta; at least one event comes, however large */
} neapi_range;

typedef struct neapi_page {
    neapi_arena arena; /* holds all that events point to */
    neap_event *events;
    size_t count, capacity;
    size_t bytes;
    uint64_t next; /* `from` of the page that follows. A page may be empty without being the last */
    bool last;     /* nothing more is there now within the range */
} neapi_page;

#define NEAPI_PAGE_INIT ((neapi_page){0})

void neapi_page_fini(neapi_page *page);
void neapi_page_clear(neapi_page *page); /* keeps memory */

/* Adds a copy of the event with all that it points to. Errors: false, an allocation was refused.
 * Used by stores. */
bool neapi_page_add(neapi_page *page, const neap_event *event);

#endif
