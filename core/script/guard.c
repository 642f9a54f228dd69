#include "script/guard.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "script/trace.h"
#include "script/vm.h"

enum { ORIGINAL = 1, NAME, INSTEAD };

/* An upcaster has no context to ask. */
static int refuse_in_upcaster(lua_State *L, const char *name)
{
    return neapi_misuse_lj(L,
                           "%s cannot be used in an upcaster, which gives the same whenever it "
                           "runs; all that it has is the event",
                           name);
}

static const char *instead_of(lua_State *L, const neapi_vm *vm)
{
    const char *instead = lua_tostring(L, lua_upvalueindex(INSTEAD));
    if (instead[0] != '\0')
        return instead;
    return strcmp(vm->pure, NEAPI_PURE_AGGREGATE) == 0 ? "what it decides on must be in the command"
                                                       : "what it needs must be in the event";
}

static int guarded(lua_State *L)
{
    const neapi_vm *vm = neapi_vm_of(L);
    if (vm->upcasting)
        return refuse_in_upcaster(L, lua_tostring(L, lua_upvalueindex(NAME)));
    if (vm->pure != NULL)
        return neapi_misuse_lj(
            L, "%s cannot be used in %s, which gives the same whenever it runs; %s",
            lua_tostring(L, lua_upvalueindex(NAME)), vm->pure, instead_of(L, vm));
    lua_pushvalue(L, lua_upvalueindex(ORIGINAL));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* os.date("!…", time) depends on nothing but its arguments. */
static int guarded_date(lua_State *L)
{
    const char *format = lua_tostring(L, 1);
    const neapi_vm *vm = neapi_vm_of(L);
    bool asks = format == NULL || format[0] != '!' || lua_isnoneornil(L, 2);
    if (vm->upcasting && asks)
        return refuse_in_upcaster(L, "os.date");
    if (vm->pure != NULL && asks)
        return neapi_misuse_lj(L,
                               "os.date cannot be used in %s, which gives the same whenever it "
                               "runs; use context:now(), or give a format that begins with '!', "
                               "and a time",
                               vm->pure);
    lua_pushvalue(L, lua_upvalueindex(ORIGINAL));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* Replaces the function `name` in the table on top. instead: what to use in pure code; empty: the
 * world outside is not to be had there. */
static void guard_lj(lua_State *L, const char *library, const char *name, const char *instead)
{
    if (lua_getfield(L, -1, name) != LUA_TFUNCTION) {
        lua_pop(L, 1);
        return;
    }
    lua_pushfstring(L, "%s.%s", library, name);
    lua_pushstring(L, instead);
    lua_pushcclosure(L, strcmp(name, "date") == 0 ? guarded_date : guarded, 3);
    lua_setfield(L, -2, name);
}

static void remove_lj(lua_State *L, const char *name)
{
    lua_pushnil(L);
    lua_setfield(L, -2, name);
}

static void guard_os_lj(lua_State *L)
{
    static const char *const world[] = {"execute", "getenv", "remove", "rename", "tmpname"};
    for (size_t i = 0; i < sizeof world / sizeof *world; i++)
        guard_lj(L, "os", world[i], "");
    guard_lj(L, "os", "time", "use context:now()");
    guard_lj(L, "os", "clock", "use context:now()");
    guard_lj(L, "os", "date", "use context:now()");
    remove_lj(L, "exit");      /* ends the process */
    remove_lj(L, "setlocale"); /* changes the process */
}

static void guard_io_lj(lua_State *L, const char *library)
{
    static const char *const names[] = {"close", "flush",   "input", "lines", "open", "output",
                                        "popen", "tmpfile", "read",  "write", "seek", "setvbuf"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        guard_lj(L, library, names[i], "");
}

void neapi_guard_open_lj(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    lua_getfield(L, index, "os");
    guard_os_lj(L);
    lua_getfield(L, index, "io");
    guard_io_lj(L, "io");
    lua_getfield(L, index, "math");
    guard_lj(L, "math", "random", "use context:id()");
    guard_lj(L, "math", "randomseed", "use context:id()");
    luaL_getmetatable(L, LUA_FILEHANDLE);
    lua_getfield(L, -1, "__index");
    guard_io_lj(L, "file");
    lua_pop(L, 5);
}
