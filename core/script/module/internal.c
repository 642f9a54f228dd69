/* The Lua module neap.internal: for a stock lua5.4, which finds it as neap/internal.so. */
#include <dlfcn.h>
#include <string.h>

#include "neap.h"

NEAP_API int luaopen_neap_internal(void *lua_state);

/* In the program itself: its Lua need not be the one that this library was made for, and links. */
static void *find(void *program, const char *name, void *function, size_t size)
{
    void *found = dlsym(program, name);
    memcpy(function, &found, size);
    return found;
}

/* Raises, by the means of that Lua, if it is another version: a lua_State means something else
 * there. A Lua whose functions cannot be found is not asked. */
static void check_version_lj(void *lua_state)
{
    double (*version)(void *);
    int (*raise)(void *, const char *, ...);
    void *newer_than_5_3;
    void *program = dlopen(NULL, RTLD_LAZY);
    if (program == NULL || find(program, "luaL_error", &raise, sizeof raise) == NULL ||
        (find(program, "lua_newuserdatauv", &newer_than_5_3, sizeof newer_than_5_3) != NULL &&
         find(program, "lua_version", &version, sizeof version) != NULL &&
         version(lua_state) == 504))
        return;
    raise(lua_state, "neap needs Lua 5.4, but this is another version of Lua: run it with lua5.4");
}

int luaopen_neap_internal(void *lua_state)
{
    check_version_lj(lua_state);
    return neap_lua_open(lua_state);
}
