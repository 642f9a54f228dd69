/* Two Lua states in one process: two_states SCRIPT STORE. The script gives a function for each
 * step, called with the number of the state and the store; its steps are taken by turns. At the end
 * both states are closed, and the core must still be where it was. */
#include <dlfcn.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static lua_State *start(const char *script)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    if (luaL_loadfile(L, script) != LUA_OK || lua_pcall(L, 0, 1, 0) != LUA_OK) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        exit(1);
    }
    return L;
}

static void take(lua_State *L, const char *step, int number, const char *store)
{
    lua_getfield(L, 1, step);
    lua_pushinteger(L, number);
    lua_pushstring(L, store);
    if (lua_pcall(L, 2, 0, 0) == LUA_OK)
        return;
    fprintf(stderr, "%s of state %d: %s\n", step, number, lua_tostring(L, -1));
    exit(1);
}

/* Where the library's code is, if it is mapped. */
static void *core_address(void)
{
    void *library = dlopen("libneap.so.0", RTLD_LAZY | RTLD_NOLOAD);
    return library != NULL ? dlsym(library, "neap_close") : NULL;
}

int main(int count, char **arguments)
{
    if (count != 3)
        return 2;
    lua_State *first = start(arguments[1]), *second = start(arguments[1]);
    take(first, "open", 1, arguments[2]);
    take(second, "find_busy", 2, arguments[2]);
    void *core = core_address();
    lua_close(first); /* with the runtime open */
    take(second, "open", 2, arguments[2]);
    lua_State *third = start(arguments[1]);
    take(third, "find_busy", 3, arguments[2]);
    lua_close(third);
    take(second, "go_on", 2, arguments[2]);
    lua_close(second);
    if (core == NULL || core_address() != core) {
        fprintf(stderr, "the core is not mapped any more\n");
        return 1;
    }
    puts("one core");
    return 0;
}
