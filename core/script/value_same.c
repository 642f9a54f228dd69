#include <string.h>

#include "base/error.h"
#include "script/value.h"

typedef struct comparing {
    lua_State *L;
    int seen; /* stack index of the table of all tables that were compared, or are being */
    neapi_value_path path;
} comparing;

static bool same(comparing *job, int copy, int value);

static bool scalars_same(lua_State *L, int copy, int value)
{
    if (lua_rawequal(L, copy, value))
        return lua_isinteger(L, copy) == lua_isinteger(L, value);
    /* NaN differs from itself, but it has not changed. */
    return lua_type(L, copy) == LUA_TNUMBER && lua_type(L, value) == LUA_TNUMBER &&
           lua_tonumber(L, copy) != lua_tonumber(L, copy) &&
           lua_tonumber(L, value) != lua_tonumber(L, value);
}

/* Every member of `one` is in `other`. Keys that are tables are each their own and are passed over.
 */
static bool members_same(comparing *job, int one, int other, bool compare)
{
    lua_State *L = job->L;
    lua_pushnil(L);
    while (lua_next(L, one) != 0) {
        int key = lua_absindex(L, -2);
        if (lua_type(L, key) == LUA_TTABLE) {
            lua_settop(L, key);
            continue;
        }
        size_t before = neapi_value_path_push(&job->path, L, key);
        lua_pushvalue(L, key);
        int type = lua_rawget(L, other);
        if (type == LUA_TNIL || (compare && !same(job, key + 1, key + 2)))
            return false;
        neapi_value_path_pop(&job->path, before);
        lua_settop(L, key);
    }
    return true;
}

static bool same(comparing *job, int copy, int value)
{
    lua_State *L = job->L;
    if (lua_type(L, copy) != lua_type(L, value))
        return false;
    if (lua_type(L, copy) != LUA_TTABLE)
        return scalars_same(L, copy, value);
    if (!lua_checkstack(L, 10))
        return true; /* deeper than a copy can be */
    lua_pushvalue(L, copy);
    bool known = lua_rawget(L, job->seen) != LUA_TNIL;
    lua_pop(L, 1);
    if (known)
        return true;
    lua_pushvalue(L, copy);
    lua_pushboolean(L, 1);
    lua_rawset(L, job->seen);
    return members_same(job, copy, value, true) && members_same(job, value, copy, false);
}

bool neapi_value_same_lj(lua_State *L, int copy, int value, neap_error *error)
{
    copy = lua_absindex(L, copy);
    value = lua_absindex(L, value);
    int top = lua_gettop(L);
    lua_newtable(L);
    comparing job = {.L = L, .seen = top + 1};
    bool result = same(&job, copy, value);
    lua_settop(L, top);
    if (!result && error != NULL)
        NEAPI_ERROR_SET(error, path, job.path.text, strlen(job.path.text));
    return result;
}
