#include "script/documents.h"

#include <lauxlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "bus/partition.h"
#include "script/convert.h"
#include "script/failure.h"
#include "store/check.h"

/* The largest table of so many is far from what the allocator refuses: a refusal in the middle of
 * an assignment is not to be risked. */
#define MOST_DOCUMENTS 1000000

/* Places in the table of values. */
static lua_Integer place_of(uint32_t slot)
{
    return 2 * (lua_Integer)slot - 1;
}

/* ---- Handles --------------------------------------------------------------------------------- */

neapi_document_cache *neapi_documents_get(const neapi_engine *engine, neapi_documents documents)
{
    bool known = documents > 0 && documents <= engine->document_count;
    return known ? engine->documents[documents - 1] : NULL;
}

/* A free place in the list of caches. Errors: -1. */
static int take_place(neapi_engine *engine)
{
    for (int i = 0; i < engine->document_count; i++)
        if (engine->documents[i] == NULL)
            return i;
    size_t count = (size_t)engine->document_count + 1;
    neapi_document_cache **larger =
        neapi_realloc(engine->documents, count * sizeof(neapi_document_cache *));
    if (larger == NULL)
        return -1;
    engine->documents = larger;
    larger[count - 1] = NULL;
    return engine->document_count++;
}

static neap_status make_tables(lua_State *L, neapi_engine *engine, void *arguments,
                               neap_error *error)
{
    neapi_document_cache *cache = arguments;
    lua_newtable(L);
    neap_status status = neapi_state_keep_lj(L, engine, &cache->index, error);
    if (status != NEAP_OK)
        return status;
    lua_newtable(L);
    return neapi_state_keep_lj(L, engine, &cache->values, error);
}

static void free_cache(neapi_document_cache *cache)
{
    neapi_free(cache->slots);
    neapi_free(cache->changed);
    neapi_free(cache);
}

neap_status neapi_engine_documents_new(neapi_engine *engine, const neapi_subscription *projection,
                                       neapi_documents *documents, neap_error *error)
{
    neap_error own;
    int place = take_place(engine);
    neapi_document_cache *cache = place >= 0 ? neapi_alloc_zero(1, sizeof *cache) : NULL;
    if (cache == NULL)
        return neapi_nomem(error);
    cache->projection = projection;
    engine->documents[place] = cache;
    neap_status status =
        neapi_engine_enter(engine, make_tables, cache, error != NULL ? error : &own);
    if (status == NEAP_OK)
        *documents = place + 1;
    else
        neapi_engine_documents_free(engine, place + 1);
    return status;
}

void neapi_engine_documents_free(neapi_engine *engine, neapi_documents documents)
{
    neapi_document_cache *cache = neapi_documents_get(engine, documents);
    if (cache == NULL)
        return;
    neapi_engine_state_free(engine, cache->index);
    neapi_engine_state_free(engine, cache->values);
    free_cache(cache);
    engine->documents[documents - 1] = NULL;
}

void neapi_documents_fini(neapi_engine *engine)
{
    for (int i = 0; i < engine->document_count; i++)
        if (engine->documents[i] != NULL)
            free_cache(engine->documents[i]);
    neapi_free(engine->documents);
}

size_t neapi_engine_documents_count(const neapi_engine *engine, neapi_documents documents)
{
    const neapi_document_cache *cache = neapi_documents_get(engine, documents);
    return cache != NULL ? cache->count : 0;
}

/* ---- The order of their use ------------------------------------------------------------------ */

static void unlink_slot(neapi_document_cache *cache, uint32_t slot)
{
    neapi_document_slot *slots = cache->slots;
    slots[slots[slot].newer].older = slots[slot].older;
    slots[slots[slot].older].newer = slots[slot].newer;
}

static void link_newest(neapi_document_cache *cache, uint32_t slot)
{
    neapi_document_slot *slots = cache->slots;
    uint32_t newest = slots[0].older;
    slots[slot].newer = 0;
    slots[slot].older = newest;
    slots[newest].newer = slot;
    slots[0].older = slot;
}

static inline void touch(neapi_document_cache *cache, uint32_t slot)
{
    if (cache->slots[0].older == slot)
        return;
    unlink_slot(cache, slot);
    link_newest(cache, slot);
}

/* Makes room for one more slot. */
static neap_status reserve(neapi_document_cache *cache, neap_error *error)
{
    if (cache->free != 0 || cache->used + 1 < cache->capacity)
        return NEAP_OK;
    if (cache->used >= MOST_DOCUMENTS)
        return neapi_fail(error, NEAP_LIMIT, "more than %d documents at once", MOST_DOCUMENTS);
    uint32_t capacity = cache->capacity != 0 ? cache->capacity * 2 : 64;
    neapi_document_slot *slots = neapi_realloc(cache->slots, capacity * sizeof *slots);
    if (slots == NULL)
        return neapi_nomem(error);
    cache->slots = slots;
    uint32_t *changed = neapi_realloc(cache->changed, capacity * sizeof *changed);
    if (changed == NULL)
        return neapi_nomem(error);
    cache->changed = changed;
    if (cache->capacity == 0)
        slots[0] = (neapi_document_slot){0};
    cache->capacity = capacity;
    return NEAP_OK;
}

/* There is room. */
static uint32_t take_slot(neapi_document_cache *cache)
{
    uint32_t slot = cache->free;
    if (slot != 0)
        cache->free = cache->slots[slot].newer;
    else
        slot = ++cache->used;
    cache->slots[slot] = (neapi_document_slot){0};
    link_newest(cache, slot);
    cache->count++;
    return slot;
}

void neapi_document_change(neapi_document_cache *cache, uint32_t slot)
{
    if (cache->slots[slot].changed)
        return;
    cache->slots[slot].changed = true;
    cache->changed[cache->changed_count++] = slot;
}

/* ---- Finding one ----------------------------------------------------------------------------- */

void neapi_document_set_lj(lua_State *L, int values, uint32_t slot)
{
    lua_rawseti(L, values, place_of(slot));
}

/* Pushes the document as it is stored, or an empty table. */
static neap_status read_document_lj(lua_State *L, neapi_engine *engine,
                                    const neapi_projecting *where, neap_text key, bool *found,
                                    neap_error *error)
{
    neap_text data = {0};
    neap_status status = where->find(where->host, key, &data, found, error);
    if (status != NEAP_OK)
        return status;
    if (!*found) {
        lua_newtable(L);
        return NEAP_OK;
    }
    status = neapi_decode_lj(L, data, engine->vm.depth, error);
    if (status == NEAP_OK && lua_type(L, -1) != LUA_TTABLE)
        status = neapi_fail(error, NEAP_CORRUPT, "it is no table");
    if (status != NEAP_OK)
        neapi_error_prefix(error, "the stored document '%.*s' cannot be read", NEAPI_TEXT(key));
    return status == NEAP_INVALID ? neapi_failure_as(error, NEAP_CORRUPT) : status;
}

/* Of a key that is not kept. */
static neap_status take_document_lj(lua_State *L, neapi_engine *engine, neapi_document_cache *cache,
                                    const neapi_projecting *where, int index, int values,
                                    int string, uint32_t *slot, neap_error *error)
{
    neap_text key;
    key.data = lua_tolstring(L, string, &key.size);
    neap_status status = neapi_name_check(key, "its key", error);
    if (status != NEAP_OK)
        return neapi_failure_as(error, NEAP_HANDLER);
    if (where->partitions > 1 && neapi_partition_of(key, where->partitions) != where->partition)
        return NEAP_OK;
    if (where->only.size != 0 && !neapi_text_equal(key, where->only))
        return NEAP_OK;
    bool found = false;
    status = reserve(cache, error);
    if (status == NEAP_OK)
        status = read_document_lj(L, engine, where, key, &found, error);
    if (status != NEAP_OK)
        return status;
    *slot = take_slot(cache);
    cache->slots[*slot].key = key;
    cache->slots[*slot].stored = found;
    lua_pushvalue(L, -1);
    lua_rawseti(L, values, place_of(*slot));
    lua_pushvalue(L, string);
    lua_rawseti(L, values, place_of(*slot) + 1);
    lua_pushvalue(L, string);
    lua_pushinteger(L, (lua_Integer)*slot);
    lua_rawset(L, index);
    return NEAP_OK;
}

neap_status neapi_document_push_lj(lua_State *L, neapi_engine *engine, neapi_document_cache *cache,
                                   const neapi_projecting *where, int index, int values, int key,
                                   uint32_t *slot, neap_error *error)
{
    lua_pushvalue(L, key);
    lua_rawget(L, index);
    *slot = (uint32_t)lua_tointeger(L, -1);
    lua_pop(L, 1);
    if (*slot == 0)
        return take_document_lj(L, engine, cache, where, index, values, key, slot, error);
    touch(cache, *slot);
    if (lua_rawgeti(L, values, place_of(*slot)) == LUA_TTABLE)
        return NEAP_OK;
    lua_pop(L, 1); /* it was dropped */
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawseti(L, values, place_of(*slot));
    return NEAP_OK;
}

/* ---- Letting go ------------------------------------------------------------------------------ */

/* Nothing is allocated: the places hold values, and take nothing, or false. */
static void drop_slot(lua_State *L, neapi_document_cache *cache, int index, int values,
                      uint32_t slot)
{
    lua_rawgeti(L, values, place_of(slot) + 1);
    lua_pushnil(L);
    lua_rawset(L, index);
    lua_pushboolean(L, 0);
    lua_rawseti(L, values, place_of(slot));
    lua_pushboolean(L, 0);
    lua_rawseti(L, values, place_of(slot) + 1);
    unlink_slot(cache, slot);
    cache->slots[slot].newer = cache->free;
    cache->free = slot;
    cache->count--;
}

size_t neapi_engine_documents_changed(const neapi_engine *engine, neapi_documents documents)
{
    return neapi_documents_get(engine, documents)->changed_count;
}

void neapi_engine_documents_trim(neapi_engine *engine, neapi_documents documents, size_t most)
{
    lua_State *L = engine->vm.running;
    neapi_document_cache *cache = neapi_documents_get(engine, documents);
    if (cache == NULL || cache->count <= most || !lua_checkstack(L, 6))
        return;
    lua_rawgeti(L, LUA_REGISTRYINDEX, engine->states);
    lua_rawgeti(L, -1, cache->index);
    lua_rawgeti(L, -2, cache->values);
    int top = lua_gettop(L);
    uint32_t slot = cache->slots[0].newer; /* the oldest */
    while (slot != 0 && cache->count > most) {
        uint32_t newer = cache->slots[slot].newer;
        if (!cache->slots[slot].changed)
            drop_slot(L, cache, top - 1, top, slot);
        slot = newer;
    }
    lua_settop(L, top - 3);
}
