#include "script/vm.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "script/limits.h"
#include "script/trace.h"

/* Bytes that are made between two looks at the limits, at most: an instruction can make a large
 * text, and 10,000 of those take longer than any limit of time. */
#define MUCH ((size_t)16 << 20)

/* Before Lua 5.4.8 a refusal in the middle of a table assignment can free a block twice, so a
 * request is refused only for its own size: the same request gets the same answer. What is in use
 * in all is the hook's to judge. */
static void *allocate(void *user, void *block, size_t old_size, size_t size)
{
    neapi_vm *vm = user;
    size_t held = block != NULL ? old_size : 0; /* without a block old_size is a type */
    if (size == 0) {
        free(block);
        vm->used -= held;
        return NULL;
    }
    if (size > held && size > vm->allocation_bytes) {
        vm->refused_bytes = size;
        if (vm->running != NULL) /* only reads; no message handler is called for this error */
            neapi_trace(vm->running, 0, vm);
        return NULL;
    }
    void *moved = realloc(block, size);
    if (moved == NULL)
        return size <= held ? block : NULL;
    vm->used += size - held;
    vm->grown += size > held ? size - held : 0;
    if ((vm->used > vm->memory_bytes || vm->grown > MUCH) && !vm->alarmed)
        neapi_limits_alarm(vm);
    return moved;
}

void neapi_vm_log(const neapi_vm *vm, neap_log_level level, const char *text)
{
    if (vm->log != NULL)
        vm->log(vm->log_user, level, text);
}

/* Called for an error outside every protected call, which no path of this library leads to; what
 * Lua does next cannot be prevented, so it is at least said. */
static int panic(lua_State *L)
{
    const char *message = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "unknown error";
    neapi_vm_log(neapi_vm_of(L), NEAP_LOG_ERROR, message);
    return 0;
}

/* A warning comes in pieces, each with `more` set but the last; one that begins with '@' controls
 * Lua's own warnings, of which there are none here. */
static void warn(void *user, const char *text, int more)
{
    neapi_vm *vm = user;
    size_t used = strlen(vm->warning);
    neapi_text_copy(vm->warning + used, sizeof vm->warning - used, text, strlen(text));
    if (more)
        return;
    if (vm->warning[0] != '@')
        neapi_vm_log(vm, NEAP_LOG_WARN, vm->warning);
    vm->warning[0] = '\0';
}

static atomic_bool collects_eagerly;

void neapi_vm_collect_eagerly(bool eagerly)
{
    atomic_store(&collects_eagerly, eagerly);
}

bool neapi_vm_open(neapi_vm *vm)
{
    vm->alarmed = true; /* until there is a thread that could be told */
    lua_State *L = lua_newstate(allocate, vm);
    if (L == NULL)
        return false;
    vm->L = vm->running = L;
    *(neapi_vm **)lua_getextraspace(L) = vm;
    lua_atpanic(L, panic);
    lua_setwarnf(L, warn, vm);
    if (atomic_load(&collects_eagerly))
        lua_gc(L, LUA_GCINC, 100, 400, 0);
    neapi_vm_hook(L);
    vm->alarmed = false;
    return true;
}

void neapi_vm_close(neapi_vm *vm)
{
    if (vm->L == NULL)
        return;
    vm->alarmed = true;
    lua_sethook(vm->L, NULL, 0, 0);
    lua_close(vm->L);
    vm->L = vm->running = NULL;
}

void neapi_vm_enter(neapi_vm *vm)
{
    if (vm->entries++ != 0)
        return;
    vm->instructions = vm->unchecked = 0;
    vm->grown = 0;
    vm->deadline_us = 0;
    vm->refused_bytes = 0;
    vm->traceback[0] = '\0';
}

void neapi_vm_leave(neapi_vm *vm)
{
    if (--vm->entries != 0)
        return;
    vm->pure = false;
    if (vm->fired || vm->alarmed) {
        vm->fired = vm->alarmed = false;
        neapi_vm_hook(vm->L);
    }
}
