/* How a run stops to wait. */
#include <lauxlib.h>

#include "base/error.h"
#include "base/text.h"
#include "script/context.h"
#include "script/failure.h"
#include "script/lua_error.h"
#include "script/protect.h"
#include "script/run.h"
#include "script/trace.h"

/* How often one message may wait: what goes round in circles ends here. */
#define MOST_WAITS 1000

bool neapi_run_is_late(const neapi_run *run)
{
    return run->deadline_us != NEAPI_NO_DEADLINE &&
           neapi_monotonic_us(run->engine->vm.platform) >= run->deadline_us;
}

int neapi_run_push_late_lj(lua_State *L, neapi_run *run, const char *what)
{
    run->expired = true;
    neap_error *error = &run->engine->failure;
    neapi_fail(error, NEAP_TIMEOUT, "%s", what);
    lua_pushnil(L);
    neapi_push_error_lj(L, error);
    return 2;
}

int64_t neapi_run_moment_us(const neapi_run *run, lua_Number seconds)
{
    int64_t at_us = neapi_monotonic_us(run->engine->vm.platform) + (int64_t)(seconds * 1e6);
    return at_us < run->deadline_us ? at_us : run->deadline_us;
}

void neapi_run_check_wait_lj(lua_State *L, neapi_run *run)
{
    static const char too_often[] = "waits: one message waited more than %d times";
    neapi_vm *vm = &run->engine->vm;
    if (run->dropped)
        neapi_misuse_lj(L, "nothing can wait any more: the message was ended");
    if (vm->guest && L != run->thread->L)
        neapi_misuse_lj(L, "in a host's own Lua (lanes = 0) nothing can wait inside a coroutine");
    neapi_wait_possible_lj(L, vm);
    if (run->waits < MOST_WAITS)
        return;
    if (vm->guest)
        neapi_raise_lj(L, NEAP_LIMIT, too_often, MOST_WAITS);
    neapi_vm_fire_lj(L, too_often, MOST_WAITS);
}

int neapi_run_wait_lj(lua_State *L, neapi_run *run, neapi_run_stop stop, lua_KFunction then)
{
    neapi_run_check_wait_lj(L, run);
    run->waits++;
    run->stop = stop;
    return neapi_wait_lj(L, &run->engine->vm, then);
}

int neapi_run_waited(lua_State *L, int status, lua_KContext before)
{
    const neapi_context *context = lua_touserdata(L, 1);
    (void)status;
    neapi_wait_check_lj(L, &context->engine->vm);
    return lua_gettop(L) - (int)before;
}

neap_status neapi_run_encode_lj(lua_State *L, neapi_run *run, uint32_t message, int index,
                                neap_error *error)
{
    const neapi_engine *engine = run->engine;
    neapi_buffer *json = &run->json;
    uint64_t number = ++run->asks;
    neapi_buffer_clear(json);
    neap_status status = neapi_schema_encode_lj(L, engine->plan.messages[message].schema, index,
                                                engine->vm.depth, json, error);
    if (run->asks != number) /* the buffer holds something else now */
        neapi_misuse_lj(L, "the check of a field asked for something to be handled");
    if (status == NEAP_OK && json->failed)
        return neapi_nomem(error);
    if (status == NEAP_OK && json->size > engine->options.message_bytes)
        return neapi_fail(error, NEAP_LIMIT, "it takes %zu bytes, more than %zu", json->size,
                          engine->options.message_bytes);
    return status;
}
