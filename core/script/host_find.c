/* Documents and rows of projections, for the host. */
#include <lauxlib.h>

#include "base/error.h"
#include "base/text.h"
#include "message/json.h"
#include "script/convert.h"
#include "script/host.h"
#include "script/list_options.h"
#include "script/select.h"
#include "script/trace.h"

static const char *check_projection_lj(lua_State *L, const char *method)
{
    if (lua_type(L, 2) != LUA_TSTRING)
        neapi_misuse_lj(L, "runtime:%s needs a projection's name, but got a %s", method,
                        luaL_typename(L, 2));
    return lua_tostring(L, 2);
}

/* Gives the text's value, and frees the text. */
static int return_value(lua_State *L, neap_status status, char **text, size_t size,
                        neap_error *error)
{
    if (status == NEAP_OK && *text == NULL)
        lua_pushnil(L);
    else if (status == NEAP_OK)
        status = neapi_decode_lj(L, neapi_text(*text, size), NEAPI_JSON_DEPTH, error);
    neap_free(*text);
    *text = NULL;
    return status == NEAP_OK ? 1 : neapi_host_fail_lj(L, error);
}

/* runtime:find(projection, key) → document or nil | nil, err */
int neapi_host_find(lua_State *L)
{
    neapi_host *host = neapi_host_check_lj(L, "find");
    const char *projection = check_projection_lj(L, "find");
    lua_settop(L, 3);
    const char *key = neapi_document_key_lj(L, "runtime:find", NULL);
    neap_error error;
    size_t size;
    char **text = neapi_host_text_place_lj(L);
    neap_status status = neap_find(host->runtime, projection, key, text, &size, &error);
    return return_value(L, status, text, size, &error);
}

/* runtime:list(projection, { prefix =, behind =, limit =, order = }) → list | nil, err */
int neapi_host_list(lua_State *L)
{
    neapi_host *host = neapi_host_check_lj(L, "list");
    const char *projection = check_projection_lj(L, "list");
    neap_list_options options;
    lua_settop(L, 3);
    neapi_list_options_lj(L, "runtime:list", &options);
    neap_error error;
    size_t size;
    char **text = neapi_host_text_place_lj(L);
    neap_status status = neap_list(host->runtime, projection, &options, text, &size, &error);
    return return_value(L, status, text, size, &error);
}

/* runtime:select(projection, statement, …) → rows | nil, err */
int neapi_host_select(lua_State *L)
{
    neapi_host *host = neapi_host_check_lj(L, "select");
    const char *projection = check_projection_lj(L, "select");
    const char *statement = neapi_select_statement_lj(L, "runtime:select").data;
    neap_error error;
    size_t size = 0;
    neapi_buffer_clear(&host->json);
    neapi_select_parameters_lj(L, "runtime:select", &host->json);
    neapi_buffer_byte(&host->json, 0);
    char **text = neapi_host_text_place_lj(L);
    neap_status status = host->json.failed ? neapi_nomem(&error)
                                           : neap_select(host->runtime, projection, statement,
                                                         host->json.data, text, &size, &error);
    return return_value(L, status, text, size, &error);
}
