/* A rejection that a handler returned, as an error. */
#include <lauxlib.h>
#include <string.h>

#include "base/error.h"
#include "script/engine_state.h"
#include "script/failure.h"

/* Appends details as JSON to the engine's buffer. */
static neap_status encode_details_lj(lua_State *L, neapi_engine *engine, int index,
                                     neap_error *error)
{
    neapi_buffer *json = &engine->scratch;
    neapi_buffer_clear(json);
    neap_status status = neapi_encode_lj(L, index, engine->vm.depth, json, error);
    if (status != NEAP_OK) {
        neapi_error_prefix(error, "the details of a rejection");
        return neapi_failure_as(error, NEAP_HANDLER);
    }
    if (json->failed)
        return neapi_nomem(error);
    if (json->size >= sizeof error->details)
        return neapi_fail(error, NEAP_HANDLER,
                          "the details of a rejection take %zu bytes as JSON, more than %zu",
                          json->size, sizeof error->details - 1);
    return NEAP_OK;
}

static neap_status fill_rejection_lj(lua_State *L, neapi_engine *engine, int index,
                                     neap_error *error)
{
    size_t code_size, message_size;
    lua_getfield(L, index, "code");
    lua_getfield(L, index, "message");
    lua_getfield(L, index, "details");
    int details = lua_gettop(L);
    const char *code = lua_tolstring(L, details - 2, &code_size);
    const char *message = lua_tolstring(L, details - 1, &message_size);
    if (code == NULL || message == NULL)
        return neapi_fail(error, NEAP_HANDLER, "a rejection lost its code or its message");
    bool detailed = !lua_isnil(L, details);
    neap_status status = detailed ? encode_details_lj(L, engine, details, error) : NEAP_OK;
    if (status != NEAP_OK)
        return status;
    neapi_fail(error, NEAP_REJECTED, "rejected");
    NEAPI_ERROR_SET(error, code, code, code_size);
    NEAPI_ERROR_SET(error, message, message, message_size);
    if (detailed)
        NEAPI_ERROR_SET(error, details, engine->scratch.data, engine->scratch.size);
    return NEAP_REJECTED;
}

bool neapi_rejection_lj(lua_State *L, neapi_engine *engine, int index, neap_status *status,
                        neap_error *error)
{
    const void *mark = neapi_mark_of(L, index);
    if (mark == NULL || mark != engine->rejection_mark)
        return false;
    *status = fill_rejection_lj(L, engine, lua_absindex(L, index), error);
    return true;
}
