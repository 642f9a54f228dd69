/* A lua_State that Neap owns: its allocator, its limits and what is running in it. One pointer in
 * the state's extra space leads from Lua back here.
 *
 * Threads: owner. */
#ifndef NEAPI_SCRIPT_VM_H
#define NEAPI_SCRIPT_VM_H

#include <lua.h>
#include <stdatomic.h>

#include "base/platform.h"
#include "neap.h"
#include "script/slab.h"

#define NEAPI_PURE_AGGREGATE  "an aggregate"
#define NEAPI_PURE_PROJECTION "a projection"
#define NEAPI_PURE_SAGA       "a saga"

typedef struct neapi_vm {
    lua_State *L;       /* the main thread */
    lua_State *running; /* the coroutine that runs now, or the main thread */
    bool guest; /* the state is a host's: without our allocator, hook, limits and extra space */
    const neapi_platform *platform;
    neap_log_callback log;
    void *log_user;
    /* Asked before a handler is stopped for memory: lets go of what is only kept for speed, with
     * neapi_engine_state_free. May be NULL. */
    void (*let_go)(void *host);
    void *host;
    /* Looked at with the limits: true ends what runs. Set by other threads and signals. NULL:
     * nobody does. */
    const atomic_bool *stopped;

    neapi_slabs slabs;
    size_t used; /* bytes of Lua in use */
    int pause;   /* of the collector, as lua_gc takes it; 0: it is not ours to choose */
    size_t memory_bytes, allocation_bytes;
    uint64_t instruction_limit;
    uint32_t ms;
    unsigned depth;

    uint64_t instructions; /* of this handler, counted by the hook and inside C */
    uint64_t unchecked;    /* of those inside C, since the limits were looked at */
    size_t grown;          /* bytes that were made since the limits were looked at */
    int64_t deadline_us;   /* set by the first hook of a handler; 0: not yet */
    int64_t spent_us;      /* how long it ran before it waited */
    size_t refused_bytes;  /* the single request that was refused; 0: none */
    bool alarmed;          /* the allocator asked for the hook */
    bool fired;            /* a limit was reached: stays until the handler is left */
    bool ordered;          /* `pairs` goes through tables in an order that is fixed */
    bool backward;         /* the one that is the other way round */
    bool frozen;           /* what handlers share can no longer be changed */
    /* What C enters Lua through: beyond is a host's Lua; NULL: there is none. */
    lua_CFunction border;
    /* What runs without clock, randomness and I/O: NEAPI_PURE_…; NULL: something that has them. */
    const char *pure;
    bool upcasting;    /* an upcaster runs, which is pure too */
    bool waiting;      /* a coroutine yields to the lane, not to who resumed it */
    bool wait_refused; /* it cannot: on its way out is what `blocker` names */
    char blocker[64];
    unsigned entries;  /* how many calls from C into Lua are under way */
    char warning[256]; /* the pieces so far of a warning */
    char limit[160];   /* which limit fired, as a sentence */
    char traceback[sizeof((neap_error *)0)->traceback]; /* of the last error */
} neapi_vm;

/* Makes the state, with its allocator, warn and panic functions and the hook, without libraries.
 * The fields above `used`, and the limits, are the caller's to set before. Errors: false, no
 * memory. */
bool neapi_vm_open(neapi_vm *vm);
void neapi_vm_close(neapi_vm *vm);

/* For tests: states that are opened from now on begin a new collection as soon as one ends, so that
 * what is not held is soon gone. Threads: any. */
void neapi_vm_collect_eagerly(bool eagerly);

static inline neapi_vm *neapi_vm_of(lua_State *L)
{
    return *(neapi_vm **)lua_getextraspace(L);
}

/* Brackets a call from C into Lua: limits are those of the outermost. */
void neapi_vm_enter(neapi_vm *vm);
void neapi_vm_leave(neapi_vm *vm);

/* Installs the hook, with its usual period, in a thread. */
void neapi_vm_hook(lua_State *L);

/* Raises again what a limit raised, if one fired: called wherever an error could be swallowed. */
void neapi_vm_raise_if_fired_lj(lua_State *L);

/* Raises NEAP_LIMIT's error, naming the limit, and makes it stick. */
int neapi_vm_fire_lj(lua_State *L, const char *format, ...) __attribute__((format(printf, 2, 3)));

void neapi_vm_log(const neapi_vm *vm, neap_log_level level, const char *text);

#endif
