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

/* As long as so little is in use, memory is cheaper than marking what lives again and again: then a
 * collection begins only when four times as much is there as the last one left, else at twice. */
#define LITTLE          ((size_t)16 << 20)
#define PAUSE_OF_LITTLE 400
#define PAUSE           200

/* ---- Blocks ---------------------------------------------------------------------------------- */

/* Sanitizers and Valgrind shall see every block: there each is the system's. */
#if defined(__SANITIZE_ADDRESS__) || !defined(NDEBUG)
#define SMALL 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SMALL 0
#endif
#endif
#ifndef SMALL
#define SMALL NEAPI_SLAB_LARGEST
#endif

/* A block of the system's begins 8 bytes behind a multiple of 16, one in a slab at a multiple: by
 * that they are told apart, whatever size Lua says that they have. */
#define SHIFT 8

static bool lies_in_slab(const void *block)
{
    return SMALL != 0 && ((uintptr_t)block & SHIFT) == 0;
}

static void *take_block(neapi_vm *vm, size_t size)
{
    if (size <= SMALL)
        return neapi_slabs_take(&vm->slabs, size);
    char *made = malloc(size + SHIFT);
    return made != NULL ? made + SHIFT : NULL;
}

static void give_block(neapi_vm *vm, void *block)
{
    if (lies_in_slab(block))
        neapi_slabs_give(&vm->slabs, block);
    else
        free((char *)block - SHIFT);
}

static void *move_block(neapi_vm *vm, void *block, size_t old_size, size_t size)
{
    bool in_slab = lies_in_slab(block);
    if (in_slab && size <= neapi_slab_of(block)->size &&
        neapi_slab_place(size) == neapi_slab_of(block)->place)
        return block;
    if (!in_slab && size > SMALL) {
        char *moved = realloc((char *)block - SHIFT, size + SHIFT);
        return moved != NULL ? moved + SHIFT : NULL;
    }
    void *moved = take_block(vm, size);
    if (moved == NULL)
        return NULL;
    memcpy(moved, block, old_size < size ? old_size : size);
    give_block(vm, block);
    return moved;
}

static bool is_over(const neapi_vm *vm)
{
    return vm->used > vm->memory_bytes || vm->grown > MUCH;
}

/* Before Lua 5.4.8 a refusal in the middle of a table assignment can free a block twice, so a
 * request is refused only for its own size: the same request gets the same answer. What is in use
 * in all is the hook's to judge. */
__attribute__((noinline)) static void *allocate_any(neapi_vm *vm, void *block, size_t old_size,
                                                    size_t size)
{
    size_t held = block != NULL ? old_size : 0; /* without a block old_size is a type */
    if (size == 0) {
        give_block(vm, block);
        vm->used -= held;
        return NULL;
    }
    if (size > held && size > vm->allocation_bytes) {
        vm->refused_bytes = size;
        if (vm->running != NULL) /* only reads; no message handler is called for this error */
            neapi_trace(vm->running, 0, vm);
        return NULL;
    }
    void *moved = block != NULL ? move_block(vm, block, old_size, size) : take_block(vm, size);
    if (moved == NULL)
        return size <= held ? block : NULL;
    vm->used += size - held;
    vm->grown += size > held ? size - held : 0;
    if (is_over(vm) && !vm->alarmed)
        neapi_limits_alarm(vm);
    return moved;
}

/* What nearly every call asks for, without a call of its own. */
static void *allocate(void *user, void *block, size_t old_size, size_t size)
{
    neapi_vm *vm = user;
    if (size == 0 && block == NULL)
        return NULL;
    if (size == 0 && lies_in_slab(block)) {
        neapi_slab *slab = neapi_slab_of(block);
        if (slab->used > 1 && slab->used < slab->capacity) {
            neapi_slab_put(slab, block);
            vm->used -= old_size;
            return NULL;
        }
    }
    if (size <= SMALL && size != 0 && block == NULL && size <= vm->allocation_bytes) {
        neapi_slab *slab = vm->slabs.open[neapi_slab_place(size)];
        if (slab != NULL && slab->used + 1 < slab->capacity && !is_over(vm)) {
            vm->used += size;
            vm->grown += size;
            return neapi_slab_get(slab);
        }
    }
    return allocate_any(vm, block, old_size, size);
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
    if (L == NULL) {
        neapi_slabs_fini(&vm->slabs);
        return false;
    }
    vm->L = vm->running = L;
    *(neapi_vm **)lua_getextraspace(L) = vm;
    lua_atpanic(L, panic);
    lua_setwarnf(L, warn, vm);
    vm->pause = atomic_load(&collects_eagerly) ? 0 : PAUSE;
    if (vm->pause == 0)
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
    neapi_slabs_fini(&vm->slabs);
    vm->L = vm->running = NULL;
}

static void choose_pause(neapi_vm *vm)
{
    int pause = vm->used < LITTLE ? PAUSE_OF_LITTLE : PAUSE;
    if (vm->pause == pause || vm->pause == 0)
        return;
    vm->pause = pause;
    lua_gc(vm->L, LUA_GCINC, pause, 0, 0);
}

void neapi_vm_enter(neapi_vm *vm)
{
    if (vm->entries++ != 0)
        return;
    choose_pause(vm);
    vm->instructions = vm->unchecked = 0;
    vm->grown = 0;
    vm->deadline_us = vm->spent_us = 0;
    vm->refused_bytes = 0;
    vm->traceback[0] = '\0';
}

void neapi_vm_leave(neapi_vm *vm)
{
    if (--vm->entries != 0)
        return;
    vm->pure = NULL;
    if (vm->fired || vm->alarmed) {
        vm->fired = vm->alarmed = false;
        neapi_vm_hook(vm->L);
    }
}
