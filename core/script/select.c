#include "script/select.h"

#include <lauxlib.h>
#include <string.h>

#include "script/convert.h"
#include "script/trace.h"

/* Where the first parameter is. */
#define FIRST 4

neap_text neapi_select_statement_lj(lua_State *L, const char *method)
{
    neap_text statement = {0};
    if (lua_type(L, 3) != LUA_TSTRING)
        neapi_misuse_lj(L, "%s needs a SELECT as a text, but got a %s", method,
                        luaL_typename(L, 3));
    statement.data = lua_tolstring(L, 3, &statement.size);
    if (strlen(statement.data) != statement.size)
        neapi_misuse_lj(L, "%s: the statement has a byte of 0", method);
    return statement;
}

static void write_value_lj(lua_State *L, const char *method, int index, neapi_buffer *json)
{
    neap_error error;
    int type = lua_type(L, index);
    if (type == LUA_TNIL) {
        NEAPI_BUFFER_LITERAL(json, "null");
        return;
    }
    if (type != LUA_TSTRING && type != LUA_TNUMBER && type != LUA_TBOOLEAN &&
        !neapi_is_null(L, index))
        neapi_misuse_lj(L,
                        "%s: value %d is a %s; values are texts, numbers, booleans, and nil or "
                        "neap.null",
                        method, index - FIRST + 1, luaL_typename(L, index));
    if (neapi_encode_lj(L, index, 1, json, &error) != NEAP_OK)
        neapi_misuse_lj(L, "%s: value %d: %s", method, index - FIRST + 1, error.message);
}

void neapi_select_parameters_lj(lua_State *L, const char *method, neapi_buffer *json)
{
    int top = lua_gettop(L);
    neapi_buffer_byte(json, '[');
    for (int index = FIRST; index <= top; index++) {
        if (index > FIRST)
            neapi_buffer_byte(json, ',');
        write_value_lj(L, method, index, json);
    }
    neapi_buffer_byte(json, ']');
}
