/* context:find, context:list and context:select. */
#include <lauxlib.h>

#include "base/error.h"
#include "base/text.h"
#include "script/context.h"
#include "script/list_options.h"
#include "script/select.h"
#include "script/trace.h"

static neap_text projection_lj(lua_State *L, const char *method)
{
    neap_text name = {0};
    if (lua_type(L, 2) != LUA_TSTRING)
        neapi_misuse_lj(L, "%s needs a projection's name, but got a %s", method,
                        luaL_typename(L, 2));
    name.data = lua_tolstring(L, 2, &name.size);
    return name;
}

static int give_lj(lua_State *L, neapi_engine *engine, neap_status status)
{
    neap_error *error = &engine->failure;
    if (status == NEAP_OK)
        status = neapi_decode_lj(L, neapi_text(engine->scratch.data, engine->scratch.size),
                                 engine->vm.depth, error);
    return status == NEAP_OK ? 1 : neapi_context_raise_lj(L, engine, error);
}

int neapi_context_find_lj(lua_State *L, neapi_engine *engine)
{
    neap_text projection = projection_lj(L, "context:find"), key = {0};
    bool found = false;
    lua_settop(L, 3);
    key.data = neapi_document_key_lj(L, "context:find", &key.size);
    if (engine->options.find_document == NULL)
        return neapi_misuse_lj(L, "context:find is not available here");
    neapi_buffer_clear(&engine->scratch);
    neap_status status = engine->options.find_document(engine->options.host, projection, key,
                                                       &engine->scratch, &found, &engine->failure);
    if (status == NEAP_OK && !found) {
        lua_pushnil(L);
        return 1;
    }
    return give_lj(L, engine, status);
}

int neapi_context_list_lj(lua_State *L, neapi_engine *engine)
{
    neap_list_options options;
    neap_text projection = projection_lj(L, "context:list");
    lua_settop(L, 3);
    neapi_list_options_lj(L, "context:list", &options);
    if (engine->options.list_documents == NULL)
        return neapi_misuse_lj(L, "context:list is not available here");
    neapi_buffer_clear(&engine->scratch);
    return give_lj(L, engine,
                   engine->options.list_documents(engine->options.host, projection, &options,
                                                  &engine->scratch, &engine->failure));
}

int neapi_context_select_lj(lua_State *L, neapi_engine *engine)
{
    neap_text projection = projection_lj(L, "context:select"), parameters;
    neap_text statement = neapi_select_statement_lj(L, "context:select");
    if (engine->options.select_rows == NULL)
        return neapi_misuse_lj(L, "context:select is not available here");
    neapi_buffer_clear(&engine->scratch);
    neapi_select_parameters_lj(L, "context:select", &engine->scratch);
    if (engine->scratch.failed)
        return give_lj(L, engine, neapi_nomem(&engine->failure));
    lua_pushlstring(L, engine->scratch.data, engine->scratch.size);
    parameters.data = lua_tolstring(L, -1, &parameters.size);
    neapi_buffer_clear(&engine->scratch);
    return give_lj(L, engine,
                   engine->options.select_rows(engine->options.host, projection, statement,
                                               parameters, &engine->scratch, &engine->failure));
}
