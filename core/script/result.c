/* What a run gave in the end: a handler's rejection, a query's answer, middleware's result. */
#include <lauxlib.h>

#include "base/error.h"
#include "base/text.h"
#include "script/failure.h"
#include "script/lua_error.h"
#include "script/react.h"
#include "script/run.h"

/* The answer at `index` as JSON. */
static neap_status write_answer_lj(lua_State *L, neapi_engine *engine, neapi_run *run, int index,
                                   neap_error *error)
{
    neapi_buffer_clear(&run->json);
    neap_status status = NEAP_OK;
    if (lua_isnil(L, index))
        NEAPI_BUFFER_LITERAL(&run->json, "null");
    else
        status = neapi_encode_lj(L, index, engine->vm.depth, &run->json, error);
    if (status == NEAP_OK && run->json.failed)
        return neapi_nomem(error);
    if (status != NEAP_INVALID)
        return status;
    neapi_error_prefix(error, "the answer of '%.*s'", NEAPI_TEXT(run->message->name));
    return neapi_failure_as(error, NEAP_HANDLER);
}

static neap_status settle_query_lj(lua_State *L, neapi_engine *engine, neapi_run *run, int value,
                                   neap_error *error)
{
    neap_status status;
    if (neapi_rejection_lj(L, engine, value, &status, error))
        return status;
    return write_answer_lj(L, engine, run, value, error);
}

/* A plain handler gives nothing, or a rejection. */
static neap_status settle_command_lj(lua_State *L, neapi_engine *engine, const neapi_run *run,
                                     int value, neap_error *error)
{
    neap_status status;
    if (lua_isnil(L, value))
        return NEAP_OK;
    if (neapi_rejection_lj(L, engine, value, &status, error))
        return status;
    lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_FUNCTIONS),
                engine->plan.messages[run->message->index].handler);
    if (neapi_message_of(L, engine, value) != NEAPI_NONE)
        return neapi_fail_at(L, -1, error,
                             "the handler of '%.*s' returned a message; a plain handler publishes "
                             "events with context:publish(event, { stream = … })",
                             NEAPI_TEXT(run->message->name));
    return neapi_fail_at(L, -1, error,
                         "the handler of '%.*s' returned a %s; it returns nothing, or "
                         "neap.reject(…)",
                         NEAPI_TEXT(run->message->name), luaL_typename(L, value));
}

neap_status neapi_run_take_error_lj(lua_State *L, neapi_engine *engine, int index,
                                    neap_error *error)
{
    neapi_error_take(L, index, error);
    lua_getfield(L, index, "details");
    if (lua_isnil(L, -1))
        return error->status;
    neap_status status = error->status;
    neapi_buffer_clear(&engine->scratch);
    neap_error *reason = &engine->failure;
    if (neapi_encode_lj(L, -1, engine->vm.depth, &engine->scratch, reason) != NEAP_OK)
        return neapi_fail(error, NEAP_HANDLER, "the details of an error: %s", reason->message);
    if (engine->scratch.failed)
        return neapi_nomem(error);
    if (engine->scratch.size >= sizeof error->details)
        return neapi_fail(error, NEAP_HANDLER,
                          "the details of an error take %zu bytes as JSON, more than %zu",
                          engine->scratch.size, sizeof error->details - 1);
    NEAPI_ERROR_SET(error, details, engine->scratch.data, engine->scratch.size);
    return status;
}

static neap_status settle_middleware_lj(lua_State *L, neapi_engine *engine, neapi_run *run,
                                        int value, neap_error *error)
{
    if (lua_isnil(L, value) && !lua_isnil(L, value + 1))
        return neapi_run_take_error_lj(L, engine, value + 1, error);
    if (run->event != NULL)
        return neapi_run_check_passed(run->event, run->succeeded, error);
    if (run->message->kind == NEAP_KIND_QUERY)
        return write_answer_lj(L, engine, run, value, error);
    if (run->succeeded)
        return NEAP_OK;
    return neapi_fail(error, NEAP_HANDLER,
                      "the middleware gave a result for the command '%.*s', which next did not: a "
                      "command's receipt comes from next",
                      NEAPI_TEXT(run->message->name));
}

neap_status neapi_run_check_passed(const neap_event *event, bool handled, neap_error *error)
{
    return handled ? NEAP_OK
                   : neapi_fail(error, NEAP_HANDLER,
                                "the middleware gave no error for the event '%.*s', which next did "
                                "not handle: what is not to be handled it refuses",
                                NEAPI_TEXT(event->type));
}

neap_status neapi_run_settle_lj(lua_State *L, neapi_engine *engine, neapi_run *run,
                                neap_error *error)
{
    int value = lua_gettop(L) - 1;
    switch (run->kind) {
    case NEAPI_HANDLING_MIDDLEWARE:
        return settle_middleware_lj(L, engine, run, value, error);
    case NEAPI_HANDLING_SUBSCRIBER:
        return neapi_react_settle_lj(L, engine, run, value, error);
    case NEAPI_HANDLING_QUERY:
        return settle_query_lj(L, engine, run, value, error);
    default:
        return settle_command_lj(L, engine, run, value, error);
    }
}
