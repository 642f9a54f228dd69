/* Circuit breakers for Lua: see base/circuit.h. Times are seconds. */
#include "base/circuit.h"

#include <lauxlib.h>
#include <math.h>

#include "script/native.h"

#define METATABLE "neap.Circuit"

static neapi_circuit *check_lj(lua_State *L)
{
    return luaL_checkudata(L, 1, METATABLE);
}

static int64_t time_lj(lua_State *L, int index)
{
    return (int64_t)llround(luaL_checknumber(L, index) * 1e6);
}

/* circuit:admit(now) → pass | nil, seconds until another try is worth it */
static int admit(lua_State *L)
{
    neapi_circuit *circuit = check_lj(L);
    int64_t now_us = time_lj(L, 2);
    neapi_circuit_pass pass;
    if (neapi_circuit_admit(circuit, now_us, &pass)) {
        lua_pushinteger(L, (lua_Integer)pass);
        return 1;
    }
    int64_t left_us = circuit->open_until_us - now_us;
    lua_pushnil(L);
    lua_pushnumber(L, left_us > 0 ? (lua_Number)left_us / 1e6 : 0);
    return 2;
}

/* circuit:note(pass, failed, now) */
static int note(lua_State *L)
{
    neapi_circuit *circuit = check_lj(L);
    neapi_circuit_note(circuit, (neapi_circuit_pass)luaL_checkinteger(L, 2), lua_toboolean(L, 3),
                       time_lj(L, 4));
    return 0;
}

static const luaL_Reg methods[] = {{"admit", admit}, {"note", note}, {NULL, NULL}};

int neapi_circuit_new(lua_State *L)
{
    const neapi_circuit circuit = {.most_failures = (uint32_t)luaL_checkinteger(L, 1),
                                   .open_us = time_lj(L, 2),
                                   .most_probes = (uint32_t)luaL_checkinteger(L, 3)};
    neapi_circuit *made = lua_newuserdatauv(L, sizeof *made, 0);
    *made = circuit;
    if (luaL_newmetatable(L, METATABLE)) {
        luaL_newlib(L, methods);
        lua_setfield(L, -2, "__index");
        lua_pushliteral(L, METATABLE);
        lua_setfield(L, -2, "__metatable");
    }
    lua_setmetatable(L, -2);
    return 1;
}
