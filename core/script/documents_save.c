/* Documents as JSON, into a unit of work. */
#include <lauxlib.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/text.h"
#include "message/path.h"
#include "script/documents.h"
#include "script/failure.h"
#include "script/json_values.h"

/* A table of a document. What is read back never has one in two places: it would fold otherwise
 * from then on. */
typedef struct met_table {
    const void *table;
    uint32_t slot;
} met_table;

typedef struct saving {
    neapi_document_cache *cache;
    neap_text collection;
    neapi_unit *unit;
    neapi_buffer met;    /* met_table */
    const void *refused; /* the table that is in two places */
    uint32_t slot;       /* whose document is looked at; 0: none */
    /* Of one that is only asked for. */
    neap_text key;
    neapi_buffer *json;
    bool found;
} saving;

static neap_status visit(neapi_encoder *encoder, int index, void *user)
{
    saving *job = user;
    lua_State *L = encoder->L;
    const void *table = lua_topointer(L, index);
    if (lua_getmetatable(L, index)) {
        neapi_push_array_metatable_lj(L);
        bool is_array = lua_rawequal(L, -1, -2);
        lua_pop(L, 2);
        if (!is_array)
            return neapi_fail(encoder->error, NEAP_INVALID,
                              "a table has a metatable, which cannot be kept");
    }
    if (table == job->refused)
        return neapi_fail(encoder->error, NEAP_INVALID,
                          "the table is in two places: copy it, for each is read back by itself");
    met_table met = {table, job->slot};
    neapi_buffer_append(&job->met, &met, sizeof met);
    return NEAP_OK;
}

/* Appends the table on top. */
static neap_status encode_lj(lua_State *L, neapi_engine *engine, saving *job, neapi_buffer *json,
                             neap_error *error)
{
    neapi_encoder encoder;
    int top = lua_gettop(L);
    size_t start = json->size;
    neapi_encoder_init(&encoder, L, json, engine->vm.depth, error);
    encoder.visit = visit;
    encoder.visitor = job;
    neap_status status = neapi_encode_value_lj(&encoder, top);
    lua_settop(L, top);
    if (status == NEAP_INVALID)
        status = neapi_failure_as(error, NEAP_HANDLER);
    if (status != NEAP_OK) {
        neapi_path_into_message(error);
        return status;
    }
    if (json->failed || job->met.failed)
        return neapi_nomem(error);
    if (json->size - start > engine->options.message_bytes)
        return neapi_fail(error, NEAP_LIMIT, "it takes %zu bytes, more than %zu",
                          json->size - start, engine->options.message_bytes);
    return NEAP_OK;
}

/* Pushes the slot's document; false: it is none, or empty, and nothing is pushed. */
static bool push_document(lua_State *L, int values, uint32_t slot)
{
    if (lua_rawgeti(L, values, 2 * (lua_Integer)slot - 1) == LUA_TTABLE) {
        lua_pushnil(L);
        if (lua_next(L, -2) != 0) {
            lua_pop(L, 2);
            return true;
        }
    }
    lua_pop(L, 1);
    return false;
}

static neap_status save_document_lj(lua_State *L, neapi_engine *engine, saving *job, int values,
                                    neap_error *error)
{
    neapi_document_slot *slot = &job->cache->slots[job->slot];
    neapi_document document = {.collection = job->collection, .key = slot->key};
    if (push_document(L, values, job->slot)) {
        neapi_buffer_clear(&engine->scratch);
        neap_status status = encode_lj(L, engine, job, &engine->scratch, error);
        lua_pop(L, 1);
        if (status != NEAP_OK)
            return status;
        document.write = NEAPI_DOCUMENT_PUT;
        document.data = neapi_text(engine->scratch.data, engine->scratch.size);
    } else if (slot->stored) {
        document.write = NEAPI_DOCUMENT_DROP;
    } else {
        return NEAP_OK;
    }
    return neapi_unit_document(job->unit, &document) == NEAP_OK ? NEAP_OK : neapi_nomem(error);
}

static int by_table(const void *a, const void *b)
{
    const met_table *first = a, *second = b;
    if (first->table != second->table)
        return first->table < second->table ? -1 : 1;
    return (first->slot > second->slot) - (first->slot < second->slot);
}

/* Fails, naming its path, if some table is in two places. */
static neap_status check_met_lj(lua_State *L, neapi_engine *engine, saving *job, int values,
                                neap_error *error)
{
    met_table *met = (met_table *)(void *)job->met.data;
    size_t count = job->met.size / sizeof *met;
    if (count != 0)
        qsort(met, count, sizeof *met, by_table);
    for (size_t i = 1; i < count; i++) {
        if (met[i].table != met[i - 1].table)
            continue;
        job->refused = met[i].table;
        job->slot = met[i].slot;
        push_document(L, values, job->slot);
        neapi_buffer_clear(&engine->scratch);
        return encode_lj(L, engine, job, &engine->scratch, error);
    }
    return NEAP_OK;
}

static neap_status save_documents(lua_State *L, neapi_engine *engine, void *arguments,
                                  neap_error *error)
{
    saving *job = arguments;
    neapi_document_cache *cache = job->cache;
    luaL_checkstack(L, 20, "saving documents");
    lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_STATES), cache->values);
    int values = lua_gettop(L);
    for (uint32_t i = 0; i < cache->changed_count; i++) {
        job->slot = cache->changed[i];
        neap_status status = save_document_lj(L, engine, job, values, error);
        if (status != NEAP_OK)
            return status;
    }
    neap_status status = check_met_lj(L, engine, job, values, error);
    for (uint32_t i = 0; i < cache->changed_count && status == NEAP_OK; i++) {
        neapi_document_slot *slot = &cache->slots[cache->changed[i]];
        slot->changed = false;
        slot->stored = push_document(L, values, cache->changed[i]);
        lua_settop(L, values);
    }
    if (status == NEAP_OK)
        cache->changed_count = 0;
    return status;
}

/* Enters, and says in an error which document it is about. */
static neap_status enter(neapi_engine *engine, neapi_work work, saving *job, neap_error *error)
{
    neap_status status = neapi_engine_enter(engine, work, job, error);
    neapi_buffer_fini(&job->met);
    if (status == NEAP_OK || status == NEAP_NOMEM)
        return status;
    if (job->slot != 0)
        neapi_error_prefix(error, "document '%.*s'", NEAPI_TEXT(job->cache->slots[job->slot].key));
    neapi_error_prefix(error, "projection '%.*s'", NEAPI_TEXT(job->cache->projection->name));
    return status;
}

neap_status neapi_engine_documents_save(neapi_engine *engine, neapi_documents documents,
                                        neap_text collection, neapi_unit *unit, neap_error *error)
{
    neap_error own;
    saving job = {.cache = neapi_documents_get(engine, documents),
                  .collection = collection,
                  .unit = unit,
                  .met = NEAPI_BUFFER_INIT};
    if (job.cache->changed_count == 0)
        return NEAP_OK;
    return enter(engine, save_documents, &job, error != NULL ? error : &own);
}

static neap_status show_document(lua_State *L, neapi_engine *engine, void *arguments,
                                 neap_error *error)
{
    saving *job = arguments;
    luaL_checkstack(L, 20, "a document");
    lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_STATES), job->cache->values);
    lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_STATES), job->cache->index);
    lua_pushlstring(L, job->key.data, job->key.size);
    lua_rawget(L, -2);
    job->slot = (uint32_t)lua_tointeger(L, -1);
    job->found = job->slot != 0 && push_document(L, 1, job->slot);
    return job->found ? encode_lj(L, engine, job, job->json, error) : NEAP_OK;
}

neap_status neapi_engine_document_json(neapi_engine *engine, neapi_documents documents,
                                       neap_text key, neapi_buffer *json, bool *found,
                                       neap_error *error)
{
    neap_error own;
    saving job = {.cache = neapi_documents_get(engine, documents),
                  .key = key,
                  .json = json,
                  .met = NEAPI_BUFFER_INIT};
    neap_status status = enter(engine, show_document, &job, error != NULL ? error : &own);
    *found = status == NEAP_OK && job.found;
    return status;
}
