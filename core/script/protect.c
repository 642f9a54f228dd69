#include "script/protect.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "script/limits.h"
#include "script/trace.h"
#include "script/vm.h"
#include "script/yield.h"

/* ---- pcall and xpcall ------------------------------------------------------------------------ */

/* Behind pcall's `true` are the results; in their place the error, if there was one. */
static int finish(lua_State *L, int status, lua_KContext skipped)
{
    if (status == LUA_OK || status == LUA_YIELD)
        return lua_gettop(L) - (int)skipped;
    neapi_vm_raise_if_fired_lj(L);
    lua_pushboolean(L, 0);
    lua_pushvalue(L, -2);
    return 2;
}

static int protected_call(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_pushboolean(L, 1);
    lua_insert(L, 1);
    int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, finish);
    return finish(L, status, 0);
}

/* The message handler of xpcall: the domain's own, unless a limit fired: then it is not asked. */
static int handle_message(lua_State *L)
{
    if (neapi_vm_of(L)->fired)
        return 1;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

/* xpcall(f, handler, …) */
static int protected_call_with_handler(lua_State *L)
{
    luaL_checktype(L, 2, LUA_TFUNCTION);
    int arguments = lua_gettop(L) - 2;
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, handle_message, 1);
    lua_replace(L, 2);
    lua_pushboolean(L, 1);
    lua_pushvalue(L, 1);
    lua_rotate(L, 3, 2);
    int status = lua_pcallk(L, arguments, LUA_MULTRET, 2, 2, finish);
    return finish(L, status, 2);
}

void neapi_protect_open_lj(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    lua_pushcfunction(L, protected_call);
    lua_setfield(L, index, "pcall");
    lua_pushcfunction(L, protected_call_with_handler);
    lua_setfield(L, index, "xpcall");
}

/* ---- Waiting ----------------------------------------------------------------------------------
 */

/* Notes which function on the stack is in the way. */
static void find_blocker(lua_State *L, neapi_vm *vm)
{
    if (!neapi_yield_blocker(L, vm->blocker, sizeof vm->blocker))
        snprintf(vm->blocker, sizeof vm->blocker, "a function in C");
}

static int refuse_wait(lua_State *L, const neapi_vm *vm)
{
    return neapi_misuse_lj(L, "nothing can wait inside %s", vm->blocker);
}

void neapi_wait_possible_lj(lua_State *L, neapi_vm *vm)
{
    if (lua_isyieldable(L))
        return;
    find_blocker(L, vm);
    refuse_wait(L, vm);
}

int neapi_wait_lj(lua_State *L, neapi_vm *vm, lua_KFunction then)
{
    neapi_wait_possible_lj(L, vm);
    vm->waiting = true;
    return lua_yieldk(L, 0, lua_gettop(L), then);
}

void neapi_wait_check_lj(lua_State *L, neapi_vm *vm)
{
    if (!vm->wait_refused)
        return;
    vm->wait_refused = false;
    refuse_wait(L, vm);
}

/* ---- Coroutines ------------------------------------------------------------------------------ */

static lua_State *check_coroutine(lua_State *L)
{
    lua_State *thread = lua_tothread(L, 1);
    luaL_argexpected(L, thread != NULL, 1, "coroutine");
    return thread;
}

/* What resume gives instead of a number of results. */
enum { FAILED = -1, WAITS = -2 };

/* Lets the thread run; if it waits for the lane and nothing here can, it is told so. */
static int run_thread(lua_State *L, lua_State *thread, int count, int *results)
{
    neapi_vm *vm = neapi_vm_of(L);
    lua_State *outer = vm->running;
    for (;; count = 0) {
        vm->running = thread;
        int status = lua_resume(thread, L, count, results);
        vm->running = outer;
        if (status != LUA_YIELD || !vm->waiting || lua_isyieldable(L))
            return status;
        lua_pop(thread, *results);
        vm->waiting = false;
        vm->wait_refused = true;
        find_blocker(L, vm);
    }
}

/* Moves `count` arguments over, resumes, and moves the results back. Gives their number; or FAILED,
 * with the error in their place; or WAITS, with nothing. */
static int resume(lua_State *L, lua_State *thread, int count)
{
    neapi_vm *vm = neapi_vm_of(L);
    if (!lua_checkstack(thread, count)) {
        lua_pushliteral(L, "too many arguments to resume");
        return FAILED;
    }
    lua_xmove(L, thread, count);
    int results;
    int status = run_thread(L, thread, count, &results);
    if (vm->alarmed)
        neapi_limits_alarm(vm); /* the coroutine may have ended before its hook could run */
    if (status != LUA_OK && status != LUA_YIELD) {
        lua_xmove(thread, L, 1);
        neapi_vm_raise_if_fired_lj(L);
        return FAILED;
    }
    if (vm->waiting) {
        lua_pop(thread, results);
        return WAITS;
    }
    if (!lua_checkstack(L, results + 1)) {
        lua_pop(thread, results);
        lua_pushliteral(L, "too many results to resume");
        return FAILED;
    }
    lua_xmove(thread, L, results);
    return results;
}

static int go_on_resume(lua_State *L, int status, lua_KContext before);

static int finish_resume(lua_State *L, int results)
{
    if (results == WAITS)
        return lua_yieldk(L, 0, lua_gettop(L), go_on_resume);
    lua_pushboolean(L, results >= 0);
    lua_insert(L, results >= 0 ? -(results + 1) : -2);
    return results >= 0 ? results + 1 : 2;
}

/* What the lane gave is for the coroutine. */
static int go_on_resume(lua_State *L, int status, lua_KContext before)
{
    (void)status;
    return finish_resume(L, resume(L, lua_tothread(L, 1), lua_gettop(L) - (int)before));
}

static int coroutine_resume(lua_State *L)
{
    lua_State *thread = check_coroutine(L);
    return finish_resume(L, resume(L, thread, lua_gettop(L) - 1));
}

/* Closes a coroutine's pending variables; what they raise takes the place of the error on top. */
static int reset(lua_State *L, lua_State *thread)
{
    neapi_vm *vm = neapi_vm_of(L);
    lua_State *outer = vm->running;
    vm->running = thread;
    int status = lua_resetthread(thread);
    vm->running = outer;
    neapi_vm_raise_if_fired_lj(L);
    return status;
}

static int go_on_wrapped(lua_State *L, int status, lua_KContext before);

static int finish_wrapped(lua_State *L, lua_State *thread, int results)
{
    if (results == WAITS)
        return lua_yieldk(L, 0, lua_gettop(L), go_on_wrapped);
    if (results >= 0)
        return results;
    int status = lua_status(thread);
    if (status != LUA_OK && status != LUA_YIELD) {
        /* The error was moved off the thread, which must have one for lua_resetthread. */
        lua_pushvalue(L, -1);
        lua_xmove(L, thread, 1);
        reset(L, thread);
        lua_pop(L, 1);
        lua_xmove(thread, L, 1);
    }
    if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

static int go_on_wrapped(lua_State *L, int status, lua_KContext before)
{
    (void)status;
    lua_State *thread = lua_tothread(L, lua_upvalueindex(1));
    return finish_wrapped(L, thread, resume(L, thread, lua_gettop(L) - (int)before));
}

static int wrapped(lua_State *L)
{
    lua_State *thread = lua_tothread(L, lua_upvalueindex(1));
    return finish_wrapped(L, thread, resume(L, thread, lua_gettop(L)));
}

static int coroutine_wrap(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_State *thread = lua_newthread(L);
    neapi_vm_hook(thread);
    lua_pushvalue(L, 1);
    lua_xmove(L, thread, 1);
    lua_pushcclosure(L, wrapped, 1);
    return 1;
}

static int coroutine_create(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_State *thread = lua_newthread(L);
    neapi_vm_hook(thread);
    lua_pushvalue(L, 1);
    lua_xmove(L, thread, 1);
    return 1;
}

static bool can_be_closed(lua_State *L, lua_State *thread)
{
    if (thread == L)
        return false;
    int status = lua_status(thread);
    lua_Debug ar;
    return status != LUA_OK || !lua_getstack(thread, 0, &ar);
}

static int coroutine_close(lua_State *L)
{
    lua_State *thread = check_coroutine(L);
    if (!can_be_closed(L, thread))
        return luaL_error(L, "cannot close a coroutine that runs");
    if (reset(L, thread) == LUA_OK) {
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_pushboolean(L, 0);
    lua_xmove(thread, L, 1);
    return 2;
}

void neapi_coroutine_open_lj(lua_State *L, int index)
{
    static const luaL_Reg functions[] = {
        {"resume", coroutine_resume}, {"wrap", coroutine_wrap}, {"create", coroutine_create},
        {"close", coroutine_close},   {"yield", neapi_yield},   {NULL, NULL},
    };
    lua_pushvalue(L, index);
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}
