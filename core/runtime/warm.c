#include "runtime/warm.h"

#include "base/alloc.h"
#include "base/text.h"

void neapi_warm_cache_init(neapi_warm_cache *cache, neapi_engine *engine, size_t capacity)
{
    *cache = (neapi_warm_cache){.engine = engine, .capacity = capacity};
    neapi_map_init(&cache->by_stream);
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
    neapi_map_remove(&cache->by_stream, warm->stream);
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
    neapi_map_fini(&cache->by_stream);
}

neapi_warm *neapi_warm_find(neapi_warm_cache *cache, neap_text stream)
{
    return neapi_map_get(&cache->by_stream, stream);
}

static neapi_warm *add(neapi_warm_cache *cache, const neapi_aggregate *aggregate, neap_text stream,
                       neap_text id)
{
    neapi_warm *warm = neapi_alloc(sizeof *warm + stream.size);
    if (warm == NULL)
        return NULL;
    *warm = (neapi_warm){.aggregate = aggregate};
    char *text = (char *)(warm + 1);
    memcpy(text, stream.data, stream.size);
    warm->stream = neapi_text(text, stream.size);
    warm->id = neapi_text(text + stream.size - id.size, id.size);
    if (!neapi_map_put(&cache->by_stream, warm->stream, warm)) {
        neapi_free(warm);
        return NULL;
    }
    link_newest(cache, warm);
    cache->count++;
    return warm;
}

neapi_warm *neapi_warm_get(neapi_warm_cache *cache, const neapi_aggregate *aggregate,
                           neap_text stream, neap_text id)
{
    neapi_warm *warm = neapi_warm_find(cache, stream);
    if (warm == NULL) {
        if (cache->count >= cache->capacity)
            neapi_warm_shrink(cache, cache->capacity - 1);
        return add(cache, aggregate, stream, id);
    }
    if (cache->newest != warm) {
        unlink_warm(cache, warm);
        link_newest(cache, warm);
    }
    return warm;
}

void neapi_warm_unload(neapi_warm_cache *cache, neapi_warm *warm)
{
    if (warm->loaded)
        neapi_engine_state_free(cache->engine, warm->state);
    warm->loaded = false;
    warm->state = NEAPI_NO_STATE;
    warm->version = warm->position = 0;
    warm->snapshot = (neapi_snapshot_mark){0};
}

void neapi_warm_unload_idle(neapi_warm_cache *cache, const neapi_warm *except)
{
    for (neapi_warm *warm = cache->newest; warm != NULL; warm = warm->older)
        if (warm->in_flight == 0 && warm != except)
            neapi_warm_unload(cache, warm);
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
        neapi_warm_drop(cache, warm);
        warm = newer;
    }
}
