/* The mark that a store has while an import into it is not complete: a document. As long as it is
 * there the store is not opened for anything else. */
#ifndef NEAPI_STORE_MARK_H
#define NEAPI_STORE_MARK_H

#include "base/buffer.h"
#include "store/backend.h"

#define NEAPI_MARK_COLLECTION NEAPI_LITERAL("$import")
#define NEAPI_MARK_KEY        NEAPI_LITERAL("unfinished")

typedef struct neapi_mark {
    int64_t begun_at; /* µs since 1970 */
    uint64_t head;    /* the last position that is going to be there */
    uint64_t id;      /* of the importer, by chance: no two marks are the same */
    neap_text from;   /* the URL of the store that it comes from; may be empty */
} neapi_mark;

/* Appends the mark's canonical JSON. */
void neapi_mark_write(neapi_buffer *json, const neapi_mark *mark);

/* Whether the store may be opened: no import into it is under way, or waits to be gone on with.
 * Errors: NEAP_UNAVAILABLE, which says so; or that could not be found out. What a damaged store
 * does not tell is for others to find. */
neap_status neapi_mark_check(neapi_store *store, neap_error *error);

#endif
