#include "script/yield.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "script/run.h"
#include "script/trace.h"

#define NAMES "neap.names" /* from function to name, in the registry */

/* ---- Names ----------------------------------------------------------------------------------- */

/* Adds the functions of the table on top; they are at `names`. */
static void name_functions_lj(lua_State *L, int names, const char *prefix)
{
    int table = lua_gettop(L);
    lua_pushnil(L);
    while (lua_next(L, table) != 0) {
        if (lua_type(L, -1) == LUA_TFUNCTION && lua_type(L, -2) == LUA_TSTRING) {
            lua_pushvalue(L, -1);
            lua_pushfstring(L, "%s%s", prefix, lua_tostring(L, -3));
            lua_rawset(L, names);
        }
        lua_pop(L, 1);
    }
}

void neapi_yield_open_lj(lua_State *L, int index)
{
    static const char *const libraries[] = {"coroutine", "table", "io",  "os",
                                            "string",    "math",  "utf8"};
    lua_pushvalue(L, index);
    int environment = lua_gettop(L);
    lua_newtable(L);
    lua_pushvalue(L, environment);
    name_functions_lj(L, environment + 1, "");
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        lua_pushfstring(L, "%s.", libraries[i]);
        lua_getfield(L, environment, libraries[i]);
        name_functions_lj(L, environment + 1, lua_tostring(L, -2));
        lua_settop(L, environment + 2);
    }
    lua_pop(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, NAMES);
    lua_pop(L, 1);
}

/* ---- Who is in the way ----------------------------------------------------------------------- */

/* Writes the name that the function of the frame has in a library. */
static bool library_name(lua_State *L, lua_Debug *ar, char *name, size_t size)
{
    bool known = false;
    if (lua_getfield(L, LUA_REGISTRYINDEX, NAMES) == LUA_TTABLE) { /* no host has them */
        lua_getinfo(L, "f", ar);
        known = lua_rawget(L, -2) == LUA_TSTRING;
        if (known)
            snprintf(name, size, "%s", lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return known;
}

/* A wrapper of ours and what it wraps are neighbours on the stack: the wrapper has the name. What
 * is in no library, as a message's constructor, has the name by which it was called. */
bool neapi_yield_blocker(lua_State *L, char *name, size_t size)
{
    lua_Debug ar;
    bool found = false;
    for (int level = 1; lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "Sn", &ar);
        if (ar.what[0] != 'C') {
            if (found)
                return true;
            continue;
        }
        char own[64];
        if (library_name(L, &ar, own, sizeof own)) {
            if (strcmp(own, "pcall") == 0 || strcmp(own, "xpcall") == 0)
                continue; /* they can be yielded through */
            snprintf(name, size, "%s", own);
            return true;
        }
        if (!found && ar.name != NULL && strcmp(ar.name, "pcall") != 0 &&
            strcmp(ar.name, "xpcall") != 0) {
            snprintf(name, size, "%s", ar.name);
            found = true;
        }
    }
    return found;
}

static const char *what_runs(const neapi_engine *engine)
{
    switch (engine->scope.handling) {
    case NEAPI_HANDLING_DECISION:
        return "a decision";
    case NEAPI_HANDLING_COMMAND:
        return "a handler";
    case NEAPI_HANDLING_QUERY:
        return "an answer";
    case NEAPI_HANDLING_MIDDLEWARE:
        return "a middleware";
    case NEAPI_HANDLING_PROJECTION:
        return NEAPI_PURE_PROJECTION;
    case NEAPI_HANDLING_SUBSCRIBER:
        return "a subscriber";
    case NEAPI_HANDLING_SAGA:
        return NEAPI_PURE_SAGA;
    case NEAPI_HANDLING_NOTHING:
        break;
    }
    return engine->vm.pure != NULL ? "a fold, or 'initial'," : "a domain's file";
}

int neapi_yield(lua_State *L)
{
    const neapi_engine *engine = (neapi_engine *)(void *)neapi_vm_of(L);
    const neapi_run *run = engine->scope.run;
    bool at_bottom = run != NULL && L == run->thread->L; /* which is for our waits only */
    char blocker[64];
    if (lua_isyieldable(L) && !at_bottom)
        return lua_yield(L, lua_gettop(L));
    if (!lua_isyieldable(L) && neapi_yield_blocker(L, blocker, sizeof blocker))
        return neapi_misuse_lj(L, "coroutine.yield: %s cannot be yielded through", blocker);
    return neapi_misuse_lj(L, "coroutine.yield: %s is no coroutine; nothing would resume it",
                           what_runs(engine));
}
