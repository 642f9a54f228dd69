#include <lauxlib.h>

#include "base/error.h"
#include "message/json.h"
#include "script/convert.h"
#include "script/lua_error.h"
#include "script/native.h"

/* A buffer that lives in a userdata, so that a raised error does not lose its memory. */
typedef struct output {
    neapi_buffer json;
    bool busy;
} output;

static int free_output(lua_State *L)
{
    output *out = lua_touserdata(L, 1);
    neapi_buffer_fini(&out->json);
    return 0;
}

static output *push_output_lj(lua_State *L)
{
    output *out = lua_newuserdatauv(L, sizeof *out, 0);
    *out = (output){.json = NEAPI_BUFFER_INIT};
    if (luaL_newmetatable(L, "neap.json.output")) {
        lua_pushcfunction(L, free_output);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return out;
}

static int fail(lua_State *L, const neap_error *error)
{
    lua_pushnil(L);
    neapi_push_error_lj(L, error);
    return 2;
}

/* Upvalues of decode and encode. */
enum { DEPTH = 1, SCHEMAS, OUTPUT };

/* The schema at that argument, or NULL if none was given. */
static neapi_schema *schema_argument(lua_State *L, int argument)
{
    if (lua_isnoneornil(L, argument))
        return NULL;
    bool is_schema =
        lua_getmetatable(L, argument) && lua_rawequal(L, -1, lua_upvalueindex(SCHEMAS));
    luaL_argexpected(L, is_schema, argument, "schema");
    luaL_argcheck(L, !neapi_schema_is_gone(lua_touserdata(L, argument)), argument,
                  "the schema is gone, for its Lua state is being closed");
    lua_pop(L, 1);
    return lua_touserdata(L, argument);
}

static unsigned depth_of(lua_State *L)
{
    return (unsigned)lua_tointeger(L, lua_upvalueindex(DEPTH));
}

/* decode(text, schema?) → value | nil, err */
static int decode(lua_State *L)
{
    neap_text json;
    neap_error error;
    json.data = luaL_checklstring(L, 1, &json.size);
    neapi_schema *schema = schema_argument(L, 2);
    unsigned depth = depth_of(L);
    neap_status status = schema != NULL ? neapi_schema_decode_lj(L, schema, json, depth, &error)
                                        : neapi_decode_lj(L, json, depth, &error);
    return status == NEAP_OK ? 1 : fail(L, &error);
}

/* What a buffer keeps for the next use. */
enum { KEPT_BYTES = 64 * 1024 };

static neap_status encode_into(lua_State *L, neapi_schema *schema, neapi_buffer *json,
                               neap_error *error)
{
    unsigned depth = depth_of(L);
    neap_status status = schema != NULL ? neapi_schema_encode_lj(L, schema, 1, depth, json, error)
                                        : neapi_encode_lj(L, 1, depth, json, error);
    return status == NEAP_OK && json->failed ? neapi_nomem(error) : status;
}

/* encode(value, schema?) → text | nil, err. The output that is the upvalue serves all calls, but
 * for one that comes while another is under way, from a field's function or a finalizer. After a
 * raised error it stays busy, and is not used again. */
static int encode(lua_State *L)
{
    output *out = lua_touserdata(L, lua_upvalueindex(OUTPUT));
    neap_error error;
    luaL_checkany(L, 1);
    neapi_schema *schema = schema_argument(L, 2);
    if (out->busy)
        out = push_output_lj(L);
    out->busy = true;
    neap_status status = encode_into(L, schema, &out->json, &error);
    if (status == NEAP_OK)
        lua_pushlstring(L, out->json.data, out->json.size);
    if (out->json.capacity > KEPT_BYTES)
        neapi_buffer_fini(&out->json);
    neapi_buffer_clear(&out->json);
    out->busy = false;
    return status == NEAP_OK ? 1 : fail(L, &error);
}

/* array(table) → the same table, marked as a list */
static int array(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    neapi_push_array_metatable_lj(L);
    lua_setmetatable(L, 1);
    return 1;
}

/* schema(fields, name?) → the compiled schema */
static int schema(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    neapi_schema_new_lj(L, 1, luaL_optstring(L, 2, "schema"));
    return 1;
}

void neapi_json_open_lj(lua_State *L)
{
    static const luaL_Reg functions[] = {{"decode", decode}, {"encode", encode}, {NULL, NULL}};
    luaL_newlibtable(L, functions);
    lua_pushinteger(L, (lua_Integer)neapi_native_depth(L));
    neapi_push_schema_metatable_lj(L);
    push_output_lj(L);
    luaL_setfuncs(L, functions, 3);
    lua_pushcfunction(L, array);
    lua_setfield(L, -2, "array");
    lua_pushcfunction(L, schema);
    lua_setfield(L, -2, "schema");
    neapi_push_null(L);
    lua_setfield(L, -2, "null");
}
