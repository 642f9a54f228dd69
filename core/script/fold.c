#include <lauxlib.h>

#include "base/error.h"
#include "base/text.h"
#include "script/engine_state.h"
#include "script/failure.h"
#include "script/schema_flat.h"
#include "script/upcast.h"

neap_status neapi_fold_lj(lua_State *L, neapi_engine *engine, int fold,
                          const neapi_instance *instance, int state, const neap_event *event,
                          int fields, neap_error *error)
{
    neap_text type = event->type;
    int top = lua_gettop(L);
    neap_status status = NEAP_OK;
    lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_FUNCTIONS), fold);
    lua_pushvalue(L, state);
    if (fields != 0)
        lua_pushvalue(L, fields);
    else
        status = neapi_decode_lj(L, event->data, engine->vm.depth, error);
    if (status != NEAP_OK) {
        lua_settop(L, top);
        neapi_error_prefix(error, "the recorded event '%.*s' cannot be read", NEAPI_TEXT(type));
        return status == NEAP_INVALID ? neapi_failure_as(error, NEAP_CORRUPT) : status;
    }
    bool by_tags = instance->tag_count != 0;
    if (by_tags)
        neapi_push_tags_lj(L, engine, instance, event);
    lua_call(L, by_tags ? 3 : 2, 1);
    int result = lua_type(L, -1);
    if (result == LUA_TTABLE) {
        lua_replace(L, state);
        return NEAP_OK;
    }
    lua_settop(L, top);
    if (result == LUA_TNIL)
        return NEAP_OK;
    lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_FUNCTIONS), fold);
    return neapi_fail_at(L, -1, error,
                         "the fold of '%.*s' gave a %s; it changes the state, or gives a new table",
                         NEAPI_TEXT(type), lua_typename(L, result));
}

typedef struct folding {
    const neapi_instance *instance;
    neapi_state state;
    const neap_event *events;
    size_t count;
    const neap_event *upcasting; /* the event that cannot be folded as it is, while it is read */
} folding;

/* Folds the events that upcasters make of a stored one. */
static neap_status fold_several_lj(lua_State *L, neapi_engine *engine, const folding *job,
                                   const int *folds, const neap_event *stored,
                                   const neapi_upcasting *upcasting, neap_error *error)
{
    int top = lua_gettop(L), count;
    neap_status status = neapi_upcast_lj(L, engine, stored, upcasting, &count, error);
    for (int i = 1; i <= count && status == NEAP_OK; i++) {
        neap_event event;
        uint32_t message;
        status =
            neapi_upcast_take_lj(L, engine, top + i, stored, upcasting, &event, &message, error);
        if (status == NEAP_OK && folds[message] != 0)
            status = neapi_fold_lj(L, engine, folds[message], job->instance, 1, &event, 0, error);
    }
    lua_settop(L, top);
    return status;
}

/* Folds what a stored event of another name or version is today. */
static neap_status fold_upcast_lj(lua_State *L, neapi_engine *engine, folding *job,
                                  const int *folds, const neap_event *stored, neap_error *error)
{
    neapi_upcasting upcasting;
    neap_reading problem;
    job->upcasting = stored;
    neap_status status = neapi_upcasting_find(engine, stored, &upcasting, &problem, error);
    if (status != NEAP_OK)
        return status;
    if (upcasting.message == NEAPI_NONE || upcasting.step_count != 0) {
        status = fold_several_lj(L, engine, job, folds, stored, &upcasting, error);
    } else if (folds[upcasting.message] != 0) { /* it only had another name */
        neap_event event = *stored;
        event.type = engine->catalog.messages[upcasting.message]->name;
        status =
            neapi_fold_lj(L, engine, folds[upcasting.message], job->instance, 1, &event, 0, error);
    }
    if (status == NEAP_OK)
        job->upcasting = NULL;
    return status;
}

/* Folds a stored event whose name and schema version are today's. */
static neap_status fold_present_lj(lua_State *L, neapi_engine *engine, const folding *job,
                                   const neapi_message *message, const neap_event *event,
                                   neap_error *error)
{
    const neapi_planned_aggregate *planned =
        &engine->plan.aggregates[job->instance->aggregate->index];
    bool read = neapi_flat_recall_lj(L, engine->plan.messages[message->index].schema, event->data,
                                     planned->seen[message->index]);
    neap_status status = neapi_fold_lj(L, engine, planned->folds[message->index], job->instance, 1,
                                       event, read ? 2 : 0, error);
    lua_settop(L, 1);
    return status;
}

static neap_status fold_events(lua_State *L, neapi_engine *engine, void *arguments,
                               neap_error *error)
{
    folding *job = arguments;
    const int *folds = engine->plan.aggregates[job->instance->aggregate->index].folds;
    const neapi_message *message = NULL;
    neap_text type = {0};
    engine->vm.pure = NEAPI_PURE_AGGREGATE;
    engine->scope = (neapi_scope){0};
    lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_STATES), job->state);
    for (size_t i = 0; i < job->count; i++) {
        const neap_event *event = &job->events[i];
        if (i == 0 || !neapi_text_equal(event->type, type))
            message = neapi_catalog_event(&engine->catalog, event->type);
        type = event->type;
        bool as_it_is = message != NULL && message->schema == event->schema;
        int fold = as_it_is ? folds[message->index] : 0;
        if ((as_it_is && fold == 0) || !neapi_instance_wants(job->instance, event))
            continue;
        neap_status status = as_it_is ? fold_present_lj(L, engine, job, message, event, error)
                                      : fold_upcast_lj(L, engine, job, folds, event, error);
        if (status != NEAP_OK)
            return status;
    }
    lua_rawseti(L, lua_upvalueindex(NEAPI_UPVALUE_STATES), job->state);
    return NEAP_OK;
}

neap_status neapi_engine_fold(neapi_engine *engine, const neapi_instance *instance,
                              neapi_state state, const neap_event *events, size_t count,
                              neap_error *error)
{
    neap_error own;
    folding job = {instance, state, events, count, NULL};
    if (error == NULL)
        error = &own;
    neap_status status = neapi_engine_enter(engine, fold_events, &job, error);
    if (status != NEAP_OK && job.upcasting != NULL)
        neapi_upcast_prefix(job.upcasting, error);
    return status;
}
