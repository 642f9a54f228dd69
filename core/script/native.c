#include "script/native.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/text.h"
#include "message/json.h"
#include "script/convert.h"
#include "script/lua_error.h"
#include "script/run.h"
#include "script/trace.h"

/* here() → file, line of the nearest code that is not Neap's. */
static int here(lua_State *L)
{
    lua_Debug ar;
    bool found = neapi_trace_caller(L, 1, &ar);
    lua_pushstring(L, found ? neapi_trace_file(&ar) : "?");
    lua_pushinteger(L, found ? ar.currentline : 0);
    return 2;
}

/* place_of(function) → file, line where it was written. */
static int place_of(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_Debug ar;
    lua_settop(L, 1);
    lua_getinfo(L, ">S", &ar);
    lua_pushstring(L, neapi_trace_file(&ar));
    lua_pushinteger(L, ar.linedefined);
    return 2;
}

static int add_bytes(lua_State *L, const void *bytes, size_t size, void *buffer)
{
    (void)L;
    return neapi_buffer_append(buffer, bytes, size), ((neapi_buffer *)buffer)->failed;
}

/* same_code(function, other) → whether they compile to the same, but for what they close over. */
static int same_code(lua_State *L)
{
    neapi_buffer code[2] = {NEAPI_BUFFER_INIT, NEAPI_BUFFER_INIT};
    bool whole = true;
    lua_settop(L, 2);
    for (int i = 0; i < 2; i++) {
        lua_pushvalue(L, i + 1);
        whole = whole && lua_isfunction(L, -1) && !lua_iscfunction(L, -1) &&
                lua_dump(L, add_bytes, &code[i], 1) == 0;
        lua_pop(L, 1);
    }
    bool same = whole && code[0].size == code[1].size &&
                memcmp(code[0].data, code[1].data, code[0].size) == 0;
    neapi_buffer_fini(&code[0]);
    neapi_buffer_fini(&code[1]);
    lua_pushboolean(L, same);
    return 1;
}

/* misuse(message): raises it at the nearest code that is not Neap's. */
static int misuse(lua_State *L)
{
    return neapi_misuse_lj(L, "%s", luaL_checkstring(L, 1));
}

/* nearest(wanted, names) → the name that was perhaps meant, or nil. */
static int nearest(lua_State *L)
{
    size_t size;
    const char *wanted = luaL_checklstring(L, 1, &size);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_Unsigned count = lua_rawlen(L, 2);
    if (count > 10000)
        count = 10000;
    const char **names = lua_newuserdatauv(L, (size_t)(count + 1) * sizeof *names, 0);
    size_t known = 0;
    for (lua_Unsigned i = 1; i <= count; i++) {
        /* The table keeps the text alive; numbers are passed over, for converting makes new text.
         */
        if (lua_rawgeti(L, 2, (lua_Integer)i) == LUA_TSTRING)
            names[known++] = lua_tostring(L, -1);
        lua_pop(L, 1);
    }
    lua_pushstring(L, neapi_nearest(neapi_text(wanted, size), names, known));
    return 1;
}

/* schema(fields, name, kind) → userdata */
static int schema(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    neapi_schema_new_lj(L, 1, luaL_checkstring(L, 2));
    return 1;
}

static const char depth_key, drop_key, delete_key;

bool neapi_is_drop(lua_State *L, int index)
{
    return lua_type(L, index) == LUA_TLIGHTUSERDATA && lua_touserdata(L, index) == &drop_key;
}

bool neapi_is_delete(lua_State *L, int index)
{
    return lua_type(L, index) == LUA_TLIGHTUSERDATA && lua_touserdata(L, index) == &delete_key;
}

unsigned neapi_native_depth(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &depth_key);
    unsigned depth = (unsigned)lua_tointeger(L, -1);
    lua_pop(L, 1);
    return depth;
}

void neapi_native_open_lj(lua_State *L, unsigned depth)
{
    static const luaL_Reg functions[] = {
        {"here", here},
        {"place_of", place_of},
        {"same_code", same_code},
        {"misuse", misuse},
        {"nearest", nearest},
        {"schema", schema},
        {"constructor", neapi_constructor_new},
        {"circuit", neapi_circuit_new},
        {NULL, NULL},
    };
    lua_pushinteger(L, (lua_Integer)depth);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &depth_key);
    luaL_newlibtable(L, functions);
    lua_pushinteger(L, (lua_Integer)depth);
    lua_newuserdatauv(L, sizeof(neap_error), 0);
    luaL_setfuncs(L, functions, 2); /* the constructors' depth and neap_error */
    lua_pushliteral(L, NEAP_VERSION);
    lua_setfield(L, -2, "version");
    luaL_newmetatable(L, NEAPI_REJECTION);
    lua_setfield(L, -2, "rejection");
    neapi_push_null(L);
    lua_setfield(L, -2, "null");
    lua_pushlightuserdata(L, (void *)(uintptr_t)&drop_key);
    lua_setfield(L, -2, "drop");
    lua_pushlightuserdata(L, (void *)(uintptr_t)&delete_key);
    lua_setfield(L, -2, "delete");
    neapi_push_array_metatable_lj(L);
    lua_setfield(L, -2, "array_metatable");
    lua_pushcfunction(L, neapi_next);
    lua_setfield(L, -2, "next");
    neapi_push_error_metatable_lj(L);
    lua_setfield(L, -2, "error_metatable");
    neapi_json_open_lj(L);
    lua_setfield(L, -2, "json");
}
