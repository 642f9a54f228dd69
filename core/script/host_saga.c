/* Sagas, for the host. */
#include <lauxlib.h>

#include "base/text.h"
#include "message/json.h"
#include "script/convert.h"
#include "script/host.h"
#include "script/list_options.h"
#include "script/trace.h"

/* Gives the text's value, and frees the text. */
static int return_value(lua_State *L, neap_status status, char **text, size_t size,
                        neap_error *error)
{
    if (status == NEAP_OK && *text == NULL)
        lua_pushnil(L);
    else if (status == NEAP_OK)
        status = neapi_decode_lj(L, neapi_text(*text, size), NEAPI_JSON_DEPTH + 3, error);
    neap_free(*text);
    *text = NULL;
    return status == NEAP_OK ? 1 : neapi_host_fail_lj(L, error);
}

/* runtime:saga(name, key) → saga or nil | nil, err */
int neapi_host_saga(lua_State *L)
{
    neapi_host *host = neapi_host_check_lj(L, "saga");
    if (lua_type(L, 2) != LUA_TSTRING)
        return neapi_misuse_lj(L, "runtime:saga needs a saga's name, but got a %s",
                               luaL_typename(L, 2));
    lua_settop(L, 3);
    const char *key = neapi_document_key_lj(L, "runtime:saga", NULL);
    neap_error error;
    size_t size;
    char **text = neapi_host_text_place_lj(L);
    neap_status status = neap_saga(host->runtime, lua_tostring(L, 2), key, text, &size, &error);
    return return_value(L, status, text, size, &error);
}

/* runtime:sagas(name, { status =, prefix =, behind =, limit =, order = }) → list | nil, err */
int neapi_host_sagas(lua_State *L)
{
    neapi_host *host = neapi_host_check_lj(L, "sagas");
    neap_saga_options options;
    if (!lua_isnoneornil(L, 2) && lua_type(L, 2) != LUA_TSTRING)
        return neapi_misuse_lj(L, "runtime:sagas needs a saga's name, or nil for all, but got a %s",
                               luaL_typename(L, 2));
    lua_settop(L, 3);
    neapi_saga_options_lj(L, "runtime:sagas", &options);
    options.saga = lua_tostring(L, 2);
    neap_error error;
    size_t size;
    char **text = neapi_host_text_place_lj(L);
    neap_status status = neap_sagas(host->runtime, &options, text, &size, &error);
    return return_value(L, status, text, size, &error);
}
