#include "script/lua_error.h"

#include <lauxlib.h>
#include <string.h>

#include "base/error.h"
#include "message/json.h"
#include "script/convert.h"

#define METATABLE "neap.Error"

static int to_text(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_getfield(L, 1, "code");
    lua_pushliteral(L, ": ");
    lua_getfield(L, 1, "message");
    if (!lua_isstring(L, -3) || !lua_isstring(L, -1))
        return luaL_error(L, "an error without code or message");
    lua_concat(L, 3);
    return 1;
}

void neapi_push_error_metatable_lj(lua_State *L)
{
    if (!luaL_newmetatable(L, METATABLE))
        return;
    lua_pushcfunction(L, to_text);
    lua_setfield(L, -2, "__tostring");
    lua_pushliteral(L, METATABLE);
    lua_setfield(L, -2, "__metatable");
}

static void set_text_lj(lua_State *L, const char *name, const char *text)
{
    if (text[0] == '\0')
        return;
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

static void set_number_lj(lua_State *L, const char *name, uint32_t number)
{
    if (number == 0)
        return;
    lua_pushinteger(L, (lua_Integer)number);
    lua_setfield(L, -2, name);
}

static void set_details_lj(lua_State *L, const char *json)
{
    if (json[0] == '\0')
        return;
    neap_error ignored;
    neap_text text = {json, strlen(json)};
    if (neapi_decode_lj(L, text, NEAPI_JSON_DEPTH, &ignored) != NEAP_OK)
        lua_pushstring(L, json);
    lua_setfield(L, -2, "details");
}

void neapi_push_error_lj(lua_State *L, const neap_error *error)
{
    lua_createtable(L, 0, 4);
    set_text_lj(L, "status", neap_status_name(error->status));
    set_text_lj(L, "code", error->code);
    lua_pushstring(L, error->message);
    lua_setfield(L, -2, "message");
    set_text_lj(L, "path", error->path);
    set_text_lj(L, "traceback", error->traceback);
    set_number_lj(L, "line", error->line);
    set_number_lj(L, "column", error->column);
    set_details_lj(L, error->details);
    if (error->outcome_unknown)
        set_text_lj(L, "outcome", "unknown");
    neapi_push_error_metatable_lj(L);
    lua_setmetatable(L, -2);
}

bool neapi_error_is(lua_State *L, int index)
{
    if (lua_type(L, index) != LUA_TTABLE || !lua_getmetatable(L, index))
        return false;
    luaL_getmetatable(L, METATABLE);
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same;
}

/* Raw reads only, so that nothing can be raised; what is not text is passed over. */
static const char *text_field(lua_State *L, int index, const char *name, size_t *size)
{
    lua_pushstring(L, name);
    lua_rawget(L, index);
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, size) : NULL;
    lua_pop(L, 1);
    return text;
}

static neap_status status_named(const char *name)
{
    for (int status = NEAP_OK; status <= NEAP_NOMEM; status++)
        if (strcmp(neap_status_name((neap_status)status), name) == 0)
            return (neap_status)status;
    return NEAP_HANDLER;
}

bool neapi_error_take(lua_State *L, int index, neap_error *error)
{
    if (!neapi_error_is(L, index))
        return false;
    index = lua_absindex(L, index);
    size_t size;
    const char *status = text_field(L, index, "status", &size);
    neapi_fail(error, status != NULL ? status_named(status) : NEAP_HANDLER, "an error");
    const char *text = text_field(L, index, "code", &size);
    if (text != NULL)
        NEAPI_ERROR_SET(error, code, text, size);
    text = text_field(L, index, "message", &size);
    if (text != NULL)
        NEAPI_ERROR_SET(error, message, text, size);
    text = text_field(L, index, "path", &size);
    if (text != NULL)
        NEAPI_ERROR_SET(error, path, text, size);
    text = text_field(L, index, "traceback", &size);
    if (text != NULL)
        NEAPI_ERROR_SET(error, traceback, text, size);
    text = text_field(L, index, "outcome", &size);
    error->outcome_unknown = text != NULL && strcmp(text, "unknown") == 0;
    return true;
}
