/* A hash map from text to a pointer. Keys are borrowed: whoever owns the value keeps its key alive
 * and unchanged. */
#ifndef NEAPI_BASE_MAP_H
#define NEAPI_BASE_MAP_H

#include "neap.h"

typedef struct neapi_map_slot {
    neap_text key;
    uint64_t hash;
    void *value; /* NULL: free */
} neapi_map_slot;

typedef struct neapi_map {
    neapi_map_slot *slots;
    size_t count;
    size_t capacity; /* a power of two, or 0 */
    uint64_t seed;   /* of this process: what strangers name cannot be made to collide */
} neapi_map;

void neapi_map_init(neapi_map *map);
void neapi_map_fini(neapi_map *map); /* frees slots, not values */

void *neapi_map_get(const neapi_map *map, neap_text key); /* NULL: not there */
/* Adds or replaces; the slot's key is replaced too. value: not NULL. Errors: false, an allocation
 * was refused. */
bool neapi_map_put(neapi_map *map, neap_text key, void *value);
void *neapi_map_remove(neapi_map *map, neap_text key); /* what was there, or NULL */

/* Goes through all values: *at starts at 0; NULL ends. The map must not change meanwhile. */
void *neapi_map_next(const neapi_map *map, size_t *at);

#endif
