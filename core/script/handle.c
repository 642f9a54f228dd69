/* Plain handlers and answers. */
#include <lauxlib.h>

#include "base/error.h"
#include "script/engine_state.h"
#include "script/failure.h"

typedef struct handling {
    neapi_handling kind;
    const neapi_message *message;
    neap_text json;
    neapi_call *call;
    neapi_unit *unit;
    neapi_buffer *answer;
} handling;

enum { HANDLER = 1, RESULT };

/* Calls the handler; its first result, or nil, is at RESULT. */
static neap_status call_lj(lua_State *L, neapi_engine *engine, const handling *job,
                           neap_error *error)
{
    const neapi_planned_message *planned = &engine->plan.messages[job->message->index];
    lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_FUNCTIONS), planned->handler);
    lua_pushvalue(L, HANDLER);
    neap_status status = neapi_message_decode_lj(L, engine, job->message->index, job->json,
                                                 job->call->canonical, error);
    if (status != NEAP_OK)
        return status;
    lua_pushvalue(L, lua_upvalueindex(NEAPI_UPVALUE_CONTEXT));
    engine->scope = (neapi_scope){job->kind, job->call, job->unit};
    lua_call(L, 2, 1);
    engine->scope.handling = NEAPI_HANDLING_NOTHING;
    return NEAP_OK;
}

static neap_status handle(lua_State *L, neapi_engine *engine, void *arguments, neap_error *error)
{
    const handling *job = arguments;
    neap_status status = call_lj(L, engine, job, error);
    if (status != NEAP_OK || lua_isnil(L, RESULT))
        return status;
    if (neapi_rejection_lj(L, engine, RESULT, &status, error))
        return status;
    if (neapi_message_of(L, engine, RESULT) != NEAPI_NONE)
        return neapi_fail_at(L, HANDLER, error,
                             "the handler of '%.*s' returned a message; a plain handler publishes "
                             "events with context:publish(event, { stream = … })",
                             NEAPI_TEXT(job->message->name));
    return neapi_fail_at(L, HANDLER, error,
                         "the handler of '%.*s' returned a %s; it returns nothing, or "
                         "neap.reject(…)",
                         NEAPI_TEXT(job->message->name), luaL_typename(L, RESULT));
}

neap_status neapi_engine_handle(neapi_engine *engine, const neapi_message *command, neap_text json,
                                neapi_call *call, neapi_unit *unit, neap_error *error)
{
    neap_error own;
    handling job = {NEAPI_HANDLING_COMMAND, command, json, call, unit, NULL};
    return neapi_engine_enter(engine, handle, &job, error != NULL ? error : &own);
}

static neap_status answer(lua_State *L, neapi_engine *engine, void *arguments, neap_error *error)
{
    const handling *job = arguments;
    neap_status status = call_lj(L, engine, job, error);
    if (status != NEAP_OK || neapi_rejection_lj(L, engine, RESULT, &status, error))
        return status;
    size_t start = job->answer->size;
    if (lua_isnil(L, RESULT)) {
        NEAPI_BUFFER_LITERAL(job->answer, "null");
        return job->answer->failed ? neapi_nomem(error) : NEAP_OK;
    }
    status = neapi_encode_lj(L, RESULT, engine->vm.depth, job->answer, error);
    if (status == NEAP_OK && job->answer->failed)
        status = neapi_nomem(error);
    if (status == NEAP_OK)
        return NEAP_OK;
    job->answer->size = start;
    if (status != NEAP_INVALID)
        return status;
    neapi_error_prefix(error, "the answer of '%.*s'", NEAPI_TEXT(job->message->name));
    return neapi_failure_as(error, NEAP_HANDLER);
}

neap_status neapi_engine_answer(neapi_engine *engine, const neapi_message *query, neap_text json,
                                neapi_call *call, neapi_buffer *answered, neap_error *error)
{
    neap_error own;
    handling job = {NEAPI_HANDLING_QUERY, query, json, call, NULL, answered};
    return neapi_engine_enter(engine, answer, &job, error != NULL ? error : &own);
}
