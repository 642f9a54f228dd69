#include "base/error.h"
#include "script/value.h"

typedef struct copying {
    lua_State *L;
    int made; /* stack index of the table that leads from each table to its copy */
} copying;

static bool copy(const copying *job, int index, unsigned depth);

static bool copy_members(const copying *job, int source, int target, unsigned depth)
{
    lua_State *L = job->L;
    lua_pushnil(L);
    while (lua_next(L, source) != 0) {
        int key = lua_absindex(L, -2);
        if (!copy(job, key, depth))
            return false;
        if (!copy(job, key + 1, depth))
            return false;
        lua_rawset(L, target);
        lua_settop(L, key);
    }
    return true;
}

/* Pushes the copy; false: too deep, and the stack holds whatever it held then. */
static bool copy(const copying *job, int index, unsigned depth)
{
    lua_State *L = job->L;
    if (lua_type(L, index) != LUA_TTABLE) {
        lua_pushvalue(L, index);
        return true;
    }
    if (depth == 0 || !lua_checkstack(L, 10))
        return false;
    lua_pushvalue(L, index);
    if (lua_rawget(L, job->made) == LUA_TTABLE)
        return true;
    lua_pop(L, 1);
    lua_createtable(L, (int)lua_rawlen(L, index), 0);
    int target = lua_gettop(L);
    lua_pushvalue(L, index);
    lua_pushvalue(L, target);
    lua_rawset(L, job->made);
    if (!copy_members(job, index, target, depth - 1))
        return false;
    if (lua_getmetatable(L, index))
        lua_setmetatable(L, target);
    return true;
}

neap_status neapi_value_copy_lj(lua_State *L, int index, unsigned depth, neap_error *error)
{
    index = lua_absindex(L, index);
    int top = lua_gettop(L);
    if (lua_type(L, index) != LUA_TTABLE) {
        lua_pushvalue(L, index);
        return NEAP_OK;
    }
    lua_newtable(L);
    copying job = {L, top + 1};
    if (!copy(&job, index, depth)) {
        lua_settop(L, top);
        return neapi_fail(error, NEAP_LIMIT, "a state is nested more than %u deep", depth);
    }
    lua_replace(L, top + 1);
    return NEAP_OK;
}
