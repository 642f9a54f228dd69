#include "script/narrow.h"

#include <lauxlib.h>

#include "script/context.h"
#include "script/run.h"

#define METATABLE "neap.Timeout"

/* Its user value is the context. */
typedef struct narrowing {
    const neapi_run *run; /* looked at only while it runs */
    uint64_t number;
    int64_t before_us;
    bool open;
} narrowing;

static int give_back(lua_State *L)
{
    narrowing *narrowed = luaL_checkudata(L, 1, METATABLE);
    lua_getiuservalue(L, 1, 1);
    const neapi_context *context = lua_touserdata(L, -1);
    neapi_run *run = context != NULL && context->engine != NULL ? context->engine->scope.run : NULL;
    if (narrowed->open && run != NULL && run == narrowed->run && run->number == narrowed->number)
        run->deadline_us = narrowed->before_us;
    narrowed->open = false;
    return 0;
}

void neapi_narrow_lj(lua_State *L, int context, lua_Number seconds)
{
    neapi_run *run = ((const neapi_context *)lua_touserdata(L, context))->engine->scope.run;
    narrowing *narrowed = lua_newuserdatauv(L, sizeof *narrowed, 1);
    *narrowed = (narrowing){0};
    lua_pushvalue(L, context);
    lua_setiuservalue(L, -2, 1);
    if (luaL_newmetatable(L, METATABLE)) {
        lua_pushcfunction(L, give_back);
        lua_setfield(L, -2, "__close");
        lua_createtable(L, 0, 1);
        lua_pushcfunction(L, give_back);
        lua_setfield(L, -2, "close");
        lua_setfield(L, -2, "__index");
        lua_pushliteral(L, METATABLE);
        lua_setfield(L, -2, "__metatable");
    }
    lua_setmetatable(L, -2);
    if (run == NULL)
        return;
    *narrowed = (narrowing){run, run->number, run->deadline_us, true};
    run->deadline_us = neapi_run_moment_us(run, seconds);
}
