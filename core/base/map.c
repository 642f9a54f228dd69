#include "base/map.h"

#include "base/alloc.h"
#include "base/platform.h"
#include "base/text.h"

void neapi_map_init(neapi_map *map)
{
    *map = (neapi_map){.seed = neapi_process_seed()};
}

void neapi_map_fini(neapi_map *map)
{
    neapi_free(map->slots);
    *map = (neapi_map){0};
}

/* The slot that holds the key, or the free one where it would go. */
static neapi_map_slot *slot_of(const neapi_map *map, neap_text key, uint64_t hash)
{
    size_t mask = map->capacity - 1;
    for (size_t i = (size_t)hash & mask;; i = (i + 1) & mask) {
        neapi_map_slot *slot = &map->slots[i];
        if (slot->value == NULL || (slot->hash == hash && neapi_text_equal(slot->key, key)))
            return slot;
    }
}

void *neapi_map_get(const neapi_map *map, neap_text key)
{
    if (map->count == 0)
        return NULL;
    return slot_of(map, key, neapi_text_hash(key, map->seed))->value;
}

static bool grow(neapi_map *map)
{
    neapi_map larger = {.capacity = map->capacity != 0 ? map->capacity * 2 : 16, .seed = map->seed};
    larger.slots = neapi_alloc_zero(larger.capacity, sizeof *larger.slots);
    if (larger.slots == NULL)
        return false;
    for (size_t i = 0; i < map->capacity; i++)
        if (map->slots[i].value != NULL)
            *slot_of(&larger, map->slots[i].key, map->slots[i].hash) = map->slots[i];
    larger.count = map->count;
    neapi_free(map->slots);
    *map = larger;
    return true;
}

bool neapi_map_put(neapi_map *map, neap_text key, void *value)
{
    if ((map->count + 1) * 4 > map->capacity * 3 && !grow(map))
        return false;
    uint64_t hash = neapi_text_hash(key, map->seed);
    neapi_map_slot *slot = slot_of(map, key, hash);
    if (slot->value == NULL)
        map->count++;
    *slot = (neapi_map_slot){key, hash, value};
    return true;
}

void *neapi_map_remove(neapi_map *map, neap_text key)
{
    if (map->count == 0)
        return NULL;
    neapi_map_slot *slot = slot_of(map, key, neapi_text_hash(key, map->seed));
    void *value = slot->value;
    if (value == NULL)
        return NULL;
    /* Closes the gap: whatever follows in the same run moves up unless it already stands where it
     * belongs. */
    size_t mask = map->capacity - 1, hole = (size_t)(slot - map->slots);
    for (size_t i = (hole + 1) & mask; map->slots[i].value != NULL; i = (i + 1) & mask) {
        size_t home = (size_t)map->slots[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            map->slots[hole] = map->slots[i];
            hole = i;
        }
    }
    map->slots[hole].value = NULL;
    map->count--;
    return value;
}

void *neapi_map_next(const neapi_map *map, size_t *at)
{
    while (*at < map->capacity) {
        void *value = map->slots[(*at)++].value;
        if (value != NULL)
            return value;
    }
    return NULL;
}
