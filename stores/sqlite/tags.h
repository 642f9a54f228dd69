/* An event's tags as one text: a JSON array, so that SQL can look into it. */
#ifndef NEAPI_SQLITE_TAGS_H
#define NEAPI_SQLITE_TAGS_H

#include "base/buffer.h"

/* Appends the array to the buffer, which says whether an allocation was refused. */
void neapi_sqlite_tags_write(const neap_text *tags, uint32_t count, neapi_buffer *buffer);

typedef struct neapi_sqlite_tags {
    neap_text *items; /* Lifetime: until the next reading */
    uint32_t count, capacity;
    char *bytes;
    size_t byte_capacity;
} neapi_sqlite_tags;

void neapi_sqlite_tags_fini(neapi_sqlite_tags *tags);
/* Errors: CORRUPT (it is no array of texts, as written here), NOMEM. */
neap_status neapi_sqlite_tags_read(neapi_sqlite_tags *tags, neap_text json, neap_error *error);

#endif
