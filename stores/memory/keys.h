/* The idempotency keys of a memory store: by name, and in the order in which they expire. */
#ifndef NEAPI_MEMORY_KEYS_H
#define NEAPI_MEMORY_KEYS_H

#include "base/map.h"
#include "store/unit.h"

/* In one allocation with its text. */
typedef struct neapi_memory_key {
    neapi_key key;
    size_t at;                     /* in the heap */
    struct neapi_memory_key *next; /* those that one unit brought */
} neapi_memory_key;

typedef struct neapi_memory_keys {
    neapi_map map;
    neapi_memory_key **heap; /* the first to expire on top */
    size_t count, capacity;
} neapi_memory_keys;

void neapi_memory_keys_init(neapi_memory_keys *keys);
void neapi_memory_keys_fini(neapi_memory_keys *keys);

/* NULL: not there at now_us. */
const neapi_memory_key *neapi_memory_keys_find(const neapi_memory_keys *keys, neap_text key,
                                               int64_t now_us);
/* Adds a copy in place of one that has expired. Errors: NULL, an allocation was refused. */
neapi_memory_key *neapi_memory_keys_add(neapi_memory_keys *keys, const neapi_key *key);
void neapi_memory_keys_remove(neapi_memory_keys *keys, neapi_memory_key *key);
/* Removes at most `count` keys that expired; whether there are more. */
bool neapi_memory_keys_expire(neapi_memory_keys *keys, int64_t now_us, size_t count);

#endif
