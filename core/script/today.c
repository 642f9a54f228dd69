/* A stored event as the domain knows it today, as JSON. */
#include "base/error.h"
#include "base/text.h"
#include "script/upcast.h"

typedef struct reading {
    const neap_event *stored;
    neapi_arena *arena;
    neap_event *events;
    size_t count;
} reading;

static neap_status take_lj(lua_State *L, neapi_engine *engine, const neapi_upcasting *upcasting,
                           int index, reading *job, neap_event *event, neap_error *error)
{
    uint32_t message;
    neap_status status =
        neapi_upcast_take_lj(L, engine, index, job->stored, upcasting, event, &message, error);
    if (status != NEAP_OK)
        return status;
    event->data = neapi_arena_text(job->arena, event->data);
    return event->data.data != NULL ? NEAP_OK : neapi_nomem(error);
}

static neap_status upcast_all(lua_State *L, neapi_engine *engine, void *arguments,
                              neap_error *error)
{
    reading *job = arguments;
    neapi_upcasting upcasting;
    neap_reading problem;
    int count = 1;
    neap_status status = neapi_upcasting_find(engine, job->stored, &upcasting, &problem, error);
    if (status != NEAP_OK)
        return status;
    bool as_it_is = upcasting.message != NEAPI_NONE && upcasting.step_count == 0;
    if (!as_it_is)
        status = neapi_upcast_lj(L, engine, job->stored, &upcasting, &count, error);
    if (status != NEAP_OK)
        return status;
    job->events = neapi_arena_alloc(job->arena, ((size_t)count + 1) * sizeof *job->events);
    if (job->events == NULL)
        return neapi_nomem(error);
    if (as_it_is) {
        job->events[0] = *job->stored;
        job->events[0].type = engine->catalog.messages[upcasting.message]->name;
        job->count = 1;
        return NEAP_OK;
    }
    int first = lua_gettop(L) - count + 1;
    for (; job->count < (size_t)count && status == NEAP_OK; job->count++)
        status = take_lj(L, engine, &upcasting, first + (int)job->count, job,
                         &job->events[job->count], error);
    return status;
}

neap_status neapi_engine_today(neapi_engine *engine, const neap_event *stored, neapi_arena *arena,
                               const neap_event **events, size_t *count, neap_error *error)
{
    neap_error own;
    reading job = {.stored = stored, .arena = arena};
    if (error == NULL)
        error = &own;
    neap_status status = neapi_engine_enter(engine, upcast_all, &job, error);
    if (status != NEAP_OK) {
        neapi_upcast_prefix(stored, error);
        return status;
    }
    *events = job.events;
    *count = job.count;
    return NEAP_OK;
}
