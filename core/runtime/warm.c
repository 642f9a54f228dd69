#include "runtime/warm.h"

#include "base/alloc.h"
#include "base/text.h"

void neapi_warm_cache_init(neapi_warm_cache *cache, neapi_engine *engine, size_t capacity)
{
    *cache = (neapi_warm_cache){.engine = engine, .capacity = capacity};
    neapi_map_init(&cache->by_name);
}

static void unlink_warm(neapi_warm_cache *cache, neapi_warm *warm)
{
    *(warm->newer != NULL ? &warm->newer->older : &cache->newest) = warm->older;
    *(warm->older != NULL ? &warm->older->newer : &cache->oldest) = warm->newer;
}

static void link_newest(neapi_warm_cache *cache, neapi_warm *warm)
{
    warm->newer = NULL;
    warm->older = cache->newest;
    *(cache->newest != NULL ? &cache->newest->newer : &cache->oldest) = warm;
    cache->newest = warm;
}

void neapi_warm_push_due(neapi_warm_cache *cache, neapi_warm *warm)
{
    if (warm->due)
        return;
    warm->due = true;
    warm->due_before = cache->last_due;
    warm->due_behind = NULL;
    *(cache->last_due != NULL ? &cache->last_due->due_behind : &cache->first_due) = warm;
    cache->last_due = warm;
}

static void unlink_due(neapi_warm_cache *cache, neapi_warm *warm)
{
    if (!warm->due)
        return;
    warm->due = false;
    *(warm->due_before != NULL ? &warm->due_before->due_behind : &cache->first_due) =
        warm->due_behind;
    *(warm->due_behind != NULL ? &warm->due_behind->due_before : &cache->last_due) =
        warm->due_before;
}

neapi_warm *neapi_warm_pop_due(neapi_warm_cache *cache)
{
    neapi_warm *warm = cache->first_due;
    if (warm != NULL)
        unlink_due(cache, warm);
    return warm;
}

static bool in_use(const neapi_warm *warm)
{
    return warm->in_flight != 0 || warm->again.first != NULL || warm->parked.first != NULL;
}

static void remove_warm(neapi_warm_cache *cache, neapi_warm *warm)
{
    neapi_map_remove(&cache->by_name, warm->instance.name);
    unlink_warm(cache, warm);
    unlink_due(cache, warm);
    cache->count--;
    neapi_warm_unload(cache, warm);
    neapi_unit_release(warm->last);
    neapi_free(warm);
}

void neapi_warm_cache_fini(neapi_warm_cache *cache)
{
    while (cache->newest != NULL)
        remove_warm(cache, cache->newest);
    neapi_map_fini(&cache->by_name);
}

neapi_warm *neapi_warm_find(neapi_warm_cache *cache, neap_text name)
{
    return neapi_map_get(&cache->by_name, name);
}

/* Copies the text to *at, and moves *at behind it. */
static neap_text placed(char **at, neap_text text)
{
    char *copy = *at;
    if (text.size != 0)
        memcpy(copy, text.data, text.size);
    *at += text.size;
    return neapi_text(copy, text.size);
}

static neapi_warm *add(neapi_warm_cache *cache, const neapi_instance *instance)
{
    bool by_tags = instance->tag_count != 0;
    size_t bytes = instance->name.size + (by_tags ? instance->stream.size : 0);
    for (size_t i = 0; i < instance->tag_count; i++)
        bytes += sizeof(neap_text) + instance->tags[i].size;
    neapi_warm *warm = neapi_alloc(sizeof *warm + bytes);
    if (warm == NULL)
        return NULL;
    *warm = (neapi_warm){.instance = *instance};
    neap_text *tags = (neap_text *)(void *)(warm + 1);
    char *at = (char *)(tags + instance->tag_count);
    for (size_t i = 0; i < instance->tag_count; i++)
        tags[i] = placed(&at, instance->tags[i]);
    neapi_instance *own = &warm->instance;
    own->tags = by_tags ? tags : NULL;
    own->name = placed(&at, instance->name);
    own->id = neapi_text(own->name.data + own->name.size - instance->id.size, instance->id.size);
    own->stream = by_tags ? placed(&at, instance->stream) : own->name;
    if (!neapi_map_put(&cache->by_name, own->name, warm)) {
        neapi_free(warm);
        return NULL;
    }
    link_newest(cache, warm);
    cache->count++;
    return warm;
}

neapi_warm *neapi_warm_get(neapi_warm_cache *cache, const neapi_instance *instance)
{
    neapi_warm *warm = neapi_warm_find(cache, instance->name);
    if (warm == NULL) {
        if (cache->count >= cache->capacity)
            neapi_warm_shrink(cache, cache->capacity - 1);
        return add(cache, instance);
    }
    if (cache->newest != warm) {
        unlink_warm(cache, warm);
        link_newest(cache, warm);
    }
    return warm;
}

void neapi_warm_fill(neapi_warm *warm, const neapi_folded *folded)
{
    warm->loaded = true;
    warm->state = folded->state;
    warm->version = folded->version;
    warm->position = folded->position;
    warm->snapshot = folded->snapshot;
}

void neapi_warm_forget_accepted(neapi_warm_cache *cache, neapi_warm *warm)
{
    neapi_engine_state_free(cache->engine, warm->accepted.state);
    warm->accepted = (neapi_folded){.state = NEAPI_NO_STATE};
}

void neapi_warm_unload(neapi_warm_cache *cache, neapi_warm *warm)
{
    neapi_warm_forget_accepted(cache, warm);
    if (warm->loaded)
        neapi_engine_state_free(cache->engine, warm->state);
    warm->loaded = false;
    warm->state = NEAPI_NO_STATE;
    warm->version = warm->position = 0;
    warm->snapshot = (neapi_snapshot_mark){0};
}

void neapi_warm_unload_idle(neapi_warm_cache *cache, const neapi_warm *except)
{
    for (neapi_warm *warm = cache->newest; warm != NULL; warm = warm->older) {
        if (warm == except)
            continue;
        if (warm->in_flight == 0) {
            neapi_count_add(&cache->evicted, warm->loaded);
            neapi_warm_unload(cache, warm);
        } else {
            neapi_warm_forget_accepted(cache, warm);
        }
    }
}

void neapi_warm_drop(neapi_warm_cache *cache, neapi_warm *warm)
{
    if (!in_use(warm))
        remove_warm(cache, warm);
}

void neapi_warm_shrink(neapi_warm_cache *cache, size_t count)
{
    neapi_warm *warm = cache->oldest;
    while (warm != NULL && cache->count > count) {
        neapi_warm *newer = warm->newer;
        neapi_count_add(&cache->evicted, !in_use(warm));
        neapi_warm_drop(cache, warm);
        warm = newer;
    }
}
