#include "script/limits.h"

#include <lauxlib.h>
#include <stdarg.h>
#include <stdio.h>

#include "script/trace.h"

#define PERIOD 10000

static void hook(lua_State *L, lua_Debug *event);

void neapi_vm_hook(lua_State *L)
{
    lua_sethook(L, hook, LUA_MASKCOUNT, PERIOD);
}

void neapi_limits_alarm(neapi_vm *vm)
{
    vm->alarmed = true;
    lua_sethook(vm->running, hook, LUA_MASKCOUNT, 1);
}

int neapi_vm_fire_lj(lua_State *L, const char *format, ...)
{
    neapi_vm *vm = neapi_vm_of(L);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(vm->limit, sizeof vm->limit, format, arguments);
    va_end(arguments);
    vm->fired = true;
    neapi_trace(L, 0, vm);
    lua_sethook(L, hook, LUA_MASKCOUNT, 1);
    lua_pushstring(L, vm->limit);
    return lua_error(L);
}

void neapi_vm_raise_if_fired_lj(lua_State *L)
{
    neapi_vm *vm = neapi_vm_of(L);
    if (!vm->fired)
        return;
    lua_sethook(L, hook, LUA_MASKCOUNT, 1);
    lua_pushstring(L, vm->limit);
    lua_error(L);
}

/* Collects, then has the host let go of what it only keeps for speed, then stops the handler. */
static void check_memory_lj(lua_State *L, neapi_vm *vm)
{
    if (vm->used <= vm->memory_bytes)
        return;
    lua_gc(L, LUA_GCCOLLECT);
    if (vm->used > vm->memory_bytes && vm->let_go != NULL) {
        vm->let_go(vm->host);
        lua_gc(L, LUA_GCCOLLECT);
    }
    if (vm->used > vm->memory_bytes)
        neapi_vm_fire_lj(L, "memory: more than %zu bytes of Lua are in use", vm->memory_bytes);
}

/* Names the line: the nearest function that has some. */
static void check_stop_lj(lua_State *L, neapi_vm *vm)
{
    if (vm->stopped == NULL || !atomic_load(vm->stopped))
        return;
    lua_Debug level;
    const char *where = "";
    for (int i = 0; *where == '\0' && lua_getstack(L, i, &level); i++) {
        luaL_where(L, i);
        where = lua_tostring(L, -1);
    }
    neapi_vm_fire_lj(L, "%sinterrupted", where);
}

/* Whether it is to stop, memory, instructions and time, in that order. */
static void check_lj(lua_State *L, neapi_vm *vm)
{
    check_stop_lj(L, vm);
    check_memory_lj(L, vm);
    if (vm->instructions >= vm->instruction_limit)
        neapi_vm_fire_lj(L, "instructions: the handler ran more than %llu",
                         (unsigned long long)vm->instruction_limit);
    int64_t now_us = neapi_monotonic_us(vm->platform);
    if (vm->deadline_us == 0)
        vm->deadline_us = now_us + (int64_t)vm->ms * 1000 - vm->spent_us;
    else if (now_us >= vm->deadline_us)
        neapi_vm_fire_lj(L, "time: the handler ran longer than %u ms", vm->ms);
}

static void hook(lua_State *L, lua_Debug *event)
{
    (void)event;
    neapi_vm *vm = neapi_vm_of(L);
    neapi_vm_raise_if_fired_lj(L);
    if (vm->alarmed) {
        vm->alarmed = false;
        neapi_vm_hook(L);
        vm->grown = 0;
    } else {
        vm->instructions += PERIOD;
    }
    check_lj(L, vm);
}

void neapi_limits_spend_lj(lua_State *L, uint64_t steps)
{
    neapi_vm *vm = neapi_vm_of(L);
    vm->instructions += steps;
    vm->unchecked += steps;
    if (vm->unchecked < PERIOD)
        return;
    vm->unchecked = 0;
    check_lj(L, vm);
}
