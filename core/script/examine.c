/* What reading a stored event comes to, and what a saga still has: for the check of a whole store.
 */
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "script/upcast.h"

typedef struct examining {
    const neap_event *stored;
    neap_reading reading; /* what it is if that which is done now fails */
} examining;

/* Whether today's schema takes what is read. */
static neap_status check_lj(lua_State *L, neapi_engine *engine, examining *job, uint32_t message,
                            neap_text data, neap_error *error)
{
    int top = lua_gettop(L);
    job->reading = NEAP_READING_REFUSED;
    neap_status status = neapi_schema_decode_lj(L, engine->plan.messages[message].schema, data,
                                                engine->vm.depth, error);
    lua_settop(L, top);
    neap_text name = engine->catalog.messages[message]->name;
    if (status != NEAP_OK && !neapi_text_equal(name, job->stored->type))
        neapi_error_prefix(error, "as '%.*s'", NEAPI_TEXT(name));
    return status;
}

/* It is folded as its bytes are. */
static neap_status examine_bytes_lj(lua_State *L, neapi_engine *engine, examining *job,
                                    uint32_t message, neap_error *error)
{
    neap_text data = job->stored->data;
    neap_status status = check_lj(L, engine, job, message, data, error);
    if (status == NEAP_OK) {
        neap_text name = engine->catalog.messages[message]->name;
        job->reading =
            neapi_text_equal(name, job->stored->type) ? NEAP_READING_CURRENT : NEAP_READING_UPCAST;
    } else if (neapi_decode_lj(L, data, engine->vm.depth, NULL) != NEAP_OK) {
        job->reading = NEAP_READING_DAMAGED;
    }
    return status;
}

static neap_status examine_upcast_lj(lua_State *L, neapi_engine *engine, examining *job,
                                     const neapi_upcasting *upcasting, neap_error *error)
{
    int top = lua_gettop(L), count;
    job->reading = NEAP_READING_FAILED;
    neap_status status = neapi_upcast_lj(L, engine, job->stored, upcasting, &count, error);
    if (status == NEAP_CORRUPT)
        job->reading = NEAP_READING_DAMAGED;
    neap_status judged = NEAP_OK;
    for (int i = 1; i <= count && status == NEAP_OK; i++) {
        neap_event event;
        uint32_t message;
        job->reading = NEAP_READING_FAILED;
        status = neapi_upcast_take_lj(L, engine, top + i, job->stored, upcasting, &event, &message,
                                      error);
        if (status == NEAP_OK && judged == NEAP_OK)
            judged = check_lj(L, engine, job, message, event.data, error);
    }
    if (status != NEAP_OK)
        return status;
    job->reading = judged != NEAP_OK ? NEAP_READING_REFUSED
                   : count == 0      ? NEAP_READING_RETIRED
                                     : NEAP_READING_UPCAST;
    return judged;
}

static neap_status examine(lua_State *L, neapi_engine *engine, void *arguments, neap_error *error)
{
    examining *job = arguments;
    neapi_upcasting upcasting;
    neap_status status =
        neapi_upcasting_find(engine, job->stored, &upcasting, &job->reading, error);
    if (status != NEAP_OK)
        return status;
    return upcasting.message != NEAPI_NONE && upcasting.step_count == 0
               ? examine_bytes_lj(L, engine, job, upcasting.message, error)
               : examine_upcast_lj(L, engine, job, &upcasting, error);
}

neap_status neapi_engine_examine(neapi_engine *engine, const neap_event *stored,
                                 neap_reading *reading, neap_error *error)
{
    examining job = {stored, NEAP_READING_FAILED};
    neap_status status = neapi_engine_enter(engine, examine, &job, error);
    if (status == NEAP_NOMEM)
        return status;
    *reading = job.reading;
    return NEAP_OK;
}

typedef struct looking {
    const neapi_subscription *saga;
    neap_text name;
    bool found;
} looking;

static neap_status look(lua_State *L, neapi_engine *engine, void *arguments, neap_error *error)
{
    looking *job = arguments;
    int top = lua_gettop(L);
    (void)error;
    lua_rawgeti(L, LUA_REGISTRYINDEX, engine->functions);
    lua_rawgeti(L, -1, engine->plan.subscriptions[job->saga->index].timeouts);
    lua_pushlstring(L, job->name.data, job->name.size);
    job->found = lua_rawget(L, -2) != LUA_TNIL;
    lua_settop(L, top);
    return NEAP_OK;
}

neap_status neapi_engine_has_timeout(neapi_engine *engine, const neapi_subscription *saga,
                                     neap_text name, bool *has, neap_error *error)
{
    looking job = {saga, name, false};
    neap_status status = neapi_engine_enter(engine, look, &job, error);
    *has = job.found;
    return status;
}
