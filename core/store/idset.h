/* A set of ids: 16 bytes each, twice over, and nothing else. */
#ifndef NEAPI_STORE_IDSET_H
#define NEAPI_STORE_IDSET_H

#include "neap.h"

typedef struct neapi_idset {
    neap_uuid *slots; /* all zero: free */
    size_t count;
    size_t capacity; /* a power of two, or 0 */
} neapi_idset;

#define NEAPI_IDSET_INIT ((neapi_idset){0})

void neapi_idset_fini(neapi_idset *set);

/* Adds an id that is not all zero. *known: it was there. Errors: NEAP_NOMEM. */
neap_status neapi_idset_add(neapi_idset *set, neap_uuid id, bool *known);

#endif
