/* Stored events folded into a projection's documents. */
#include <lauxlib.h>

#include "base/error.h"
#include "base/text.h"
#include "script/documents.h"
#include "script/event_key.h"
#include "script/failure.h"
#include "script/native.h"

typedef struct projecting {
    const neapi_projecting *where;
    const neapi_planned_subscription *planned;
    neapi_document_cache *cache;
    const neap_event *const *events;
    size_t count, at;
    uint32_t slot; /* of the document that is folded; 0: none is yet */
} projecting;

/* Places on the stack. */
enum { INDEX = 1, VALUES };

static neap_status refuse_result(lua_State *L, neapi_engine *engine, const projecting *job,
                                 uint32_t message, const char *what, neap_error *error)
{
    lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_FUNCTIONS), job->planned->handlers[message]);
    return neapi_fail_at(L, -1, error,
                         "the fold of '%.*s' gave %s; it changes the document, or gives a new "
                         "table, or neap.delete",
                         NEAPI_TEXT(engine->catalog.messages[message]->name), what);
}

/* Puts what the fold gave, on top, where it belongs. */
static neap_status take_result_lj(lua_State *L, neapi_engine *engine, const projecting *job,
                                  uint32_t message, neap_error *error)
{
    char what[64];
    switch (lua_type(L, -1)) {
    case LUA_TNIL:
        return NEAP_OK;
    case LUA_TTABLE:
        if (neapi_message_of(L, engine, lua_gettop(L)) != NEAPI_NONE)
            return refuse_result(L, engine, job, message, "a message", error);
        neapi_document_set_lj(L, VALUES, job->slot);
        return NEAP_OK;
    default:
        if (neapi_is_delete(L, -1)) {
            lua_pushboolean(L, 0);
            neapi_document_set_lj(L, VALUES, job->slot);
            return NEAP_OK;
        }
        snprintf(what, sizeof what, "a %s", luaL_typename(L, -1));
        return refuse_result(L, engine, job, message, what, error);
    }
}

/* Folds the event, whose table is at `fields`, into the document of the key at `key`. */
static neap_status fold_lj(lua_State *L, neapi_engine *engine, projecting *job, uint32_t message,
                           int fields, int key, neap_error *error)
{
    lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_FUNCTIONS), job->planned->handlers[message]);
    neap_status status = neapi_document_push_lj(L, engine, job->cache, job->where, INDEX, VALUES,
                                                key, &job->slot, error);
    if (status != NEAP_OK || job->slot == 0)
        return status;
    neapi_document_change(job->cache, job->slot);
    lua_pushvalue(L, fields);
    lua_pushvalue(L, lua_upvalueindex(NEAPI_UPVALUE_PROJECTION));
    lua_call(L, 3, 1);
    return take_result_lj(L, engine, job, message, error);
}

/* Folds one that is of today. */
static neap_status fold_event_lj(lua_State *L, neapi_engine *engine, void *user, uint32_t message,
                                 const neap_event *event, neap_error *error)
{
    projecting *job = user;
    const neapi_planned_subscription *planned = job->planned;
    int count, fields = lua_gettop(L) + 1;
    engine->scope.event = event;
    neap_status status =
        neapi_event_with_keys_lj(L, engine, job->where->projection, message, event, &count, error);
    bool fresh = planned->key_reads[message];
    for (int i = 1; status == NEAP_OK && i <= count; i++) {
        if (!fresh) { /* somebody may have changed, or kept, the one before */
            status = neapi_event_push_lj(L, engine, planned, message, event, error);
            if (status != NEAP_OK)
                break;
            lua_replace(L, fields);
        }
        fresh = planned->handler_reads[message];
        status = fold_lj(L, engine, job, message, fields, fields + i, error);
        if (i < count)
            lua_settop(L, fields + count);
    }
    lua_settop(L, fields - 1);
    return status;
}

static neap_status project_events(lua_State *L, neapi_engine *engine, void *arguments,
                                  neap_error *error)
{
    projecting *job = arguments;
    const neapi_subscription *projection = job->where->projection;
    luaL_checkstack(L, 30, "a projection");
    engine->vm.pure = NEAPI_PURE_PROJECTION;
    engine->scope =
        (neapi_scope){.handling = NEAPI_HANDLING_PROJECTION, .subscription = projection};
    lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_STATES), job->cache->index);
    lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_STATES), job->cache->values);
    const neapi_message *message = NULL; /* of the event before: mostly the same comes again */
    for (; job->at < job->count; job->at++) {
        const neap_event *stored = job->events[job->at];
        job->slot = 0;
        engine->scope.event = stored;
        engine->scope.derived = 0;
        if (message == NULL || !neapi_text_equal(message->name, stored->type))
            message = neapi_catalog_event(&engine->catalog, stored->type);
        bool as_it_is = message != NULL && message->schema == stored->schema;
        if (as_it_is && job->planned->handlers[message->index] == 0)
            continue;
        neap_status status = as_it_is ? fold_event_lj(L, engine, job, message->index, stored, error)
                                      : neapi_event_today_lj(L, engine, projection, stored,
                                                             fold_event_lj, job, error);
        if (status != NEAP_OK)
            return status;
    }
    return NEAP_OK;
}

neap_status neapi_engine_project(neapi_engine *engine, const neapi_projecting *where,
                                 const neap_event *const *events, size_t count, size_t *failed,
                                 neap_error *error)
{
    neap_error own;
    projecting job = {.where = where,
                      .planned = &engine->plan.subscriptions[where->projection->index],
                      .cache = neapi_documents_get(engine, where->documents),
                      .events = events,
                      .count = count};
    if (error == NULL)
        error = &own;
    neap_status status = neapi_engine_enter(engine, project_events, &job, error);
    if (status == NEAP_OK)
        return status;
    *failed = job.at;
    if (status == NEAP_NOMEM || job.at >= count)
        return status;
    if (job.slot != 0)
        neapi_error_prefix(error, "key '%.*s'", NEAPI_TEXT(job.cache->slots[job.slot].key));
    neapi_event_prefix(where->projection, events[job.at], error);
    return status;
}
