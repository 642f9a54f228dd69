#include "keys.h"

#include <string.h>

#include "base/alloc.h"

void neapi_memory_keys_init(neapi_memory_keys *keys)
{
    *keys = (neapi_memory_keys){0};
    neapi_map_init(&keys->map);
}

void neapi_memory_keys_fini(neapi_memory_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        neapi_free(keys->heap[i]);
    neapi_free(keys->heap);
    neapi_map_fini(&keys->map);
}

const neapi_memory_key *neapi_memory_keys_find(const neapi_memory_keys *keys, neap_text key,
                                               int64_t now_us)
{
    const neapi_memory_key *found = neapi_map_get(&keys->map, key);
    return found != NULL && now_us < found->key.expires_at ? found : NULL;
}

static void place(neapi_memory_keys *keys, size_t at, neapi_memory_key *key)
{
    keys->heap[at] = key;
    key->at = at;
}

static void rise(neapi_memory_keys *keys, size_t at)
{
    neapi_memory_key *key = keys->heap[at];
    while (at > 0 && key->key.expires_at < keys->heap[(at - 1) / 2]->key.expires_at) {
        place(keys, at, keys->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    place(keys, at, key);
}

static void sink(neapi_memory_keys *keys, size_t at)
{
    neapi_memory_key *key = keys->heap[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < keys->count &&
            keys->heap[child + 1]->key.expires_at < keys->heap[child]->key.expires_at)
            child++;
        if (child >= keys->count || keys->heap[child]->key.expires_at >= key->key.expires_at)
            break;
        place(keys, at, keys->heap[child]);
        at = child;
    }
    place(keys, at, key);
}

static neapi_memory_key *key_new(const neapi_key *key)
{
    neapi_memory_key *copy =
        neapi_alloc(sizeof *copy + key->key.size + key->stream.size + key->types.size + 3);
    if (copy == NULL)
        return NULL;
    *copy = (neapi_memory_key){.key = *key};
    char *at = (char *)(copy + 1);
    neap_text *const texts[] = {&copy->key.key, &copy->key.stream, &copy->key.types};
    for (size_t i = 0; i < 3; i++) {
        if (texts[i]->size != 0)
            memcpy(at, texts[i]->data, texts[i]->size);
        at[texts[i]->size] = '\0';
        texts[i]->data = at;
        at += texts[i]->size + 1;
    }
    return copy;
}

static bool reserve(neapi_memory_keys *keys)
{
    if (keys->count < keys->capacity)
        return true;
    size_t capacity = keys->capacity != 0 ? keys->capacity * 2 : 64;
    neapi_memory_key **heap = neapi_realloc(keys->heap, capacity * sizeof *heap);
    if (heap == NULL)
        return false;
    keys->heap = heap;
    keys->capacity = capacity;
    return true;
}

neapi_memory_key *neapi_memory_keys_add(neapi_memory_keys *keys, const neapi_key *key)
{
    neapi_memory_key *expired = neapi_map_get(&keys->map, key->key);
    if (expired != NULL)
        neapi_memory_keys_remove(keys, expired);
    neapi_memory_key *added = reserve(keys) ? key_new(key) : NULL;
    if (added == NULL || !neapi_map_put(&keys->map, added->key.key, added)) {
        neapi_free(added);
        return NULL;
    }
    place(keys, keys->count++, added);
    rise(keys, added->at);
    return added;
}

void neapi_memory_keys_remove(neapi_memory_keys *keys, neapi_memory_key *key)
{
    neapi_map_remove(&keys->map, key->key.key);
    size_t at = key->at;
    neapi_memory_key *last = keys->heap[--keys->count];
    if (last != key) {
        place(keys, at, last);
        rise(keys, at);
        sink(keys, last->at);
    }
    neapi_free(key);
}

bool neapi_memory_keys_expire(neapi_memory_keys *keys, int64_t now_us, size_t count)
{
    while (keys->count != 0 && keys->heap[0]->key.expires_at <= now_us) {
        if (count-- == 0)
            return true;
        neapi_memory_keys_remove(keys, keys->heap[0]);
    }
    return false;
}
