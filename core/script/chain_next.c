/* `next`, and how a chain stops to wait. */
#include <lauxlib.h>

#include "base/error.h"
#include "base/text.h"
#include "script/chain.h"
#include "script/failure.h"
#include "script/lua_error.h"
#include "script/protect.h"
#include "script/trace.h"

/* How often one message may wait: what goes round in circles ends here. */
#define MOST_WAITS 1000

bool neapi_chain_is_late(const neapi_chain *chain)
{
    return chain->deadline_us != NEAPI_NO_DEADLINE &&
           neapi_monotonic_us(chain->engine->vm.platform) >= chain->deadline_us;
}

int neapi_chain_push_late_lj(lua_State *L, neapi_chain *chain, const char *what)
{
    neap_error *error = &chain->engine->failure;
    neapi_fail(error, NEAP_TIMEOUT, "%s", what);
    lua_pushnil(L);
    neapi_push_error_lj(L, error);
    return 2;
}

int neapi_chain_wait_lj(lua_State *L, neapi_chain *chain, neapi_chain_stop stop, lua_KFunction then)
{
    static const char too_often[] = "waits: one message waited more than %d times in middleware";
    neapi_vm *vm = &chain->engine->vm;
    if (vm->guest && L != chain->thread->L)
        return neapi_misuse_lj(L, "in a host's own Lua (lanes = 0) a middleware cannot wait inside "
                                  "a coroutine");
    if (++chain->waits > MOST_WAITS)
        return vm->guest ? neapi_raise_lj(L, NEAP_LIMIT, too_often, MOST_WAITS)
                         : neapi_vm_fire_lj(L, too_often, MOST_WAITS);
    chain->stop = stop;
    return neapi_wait_lj(L, vm, then);
}

/* What the lane gave is on the stack behind `before` values. */
static int after_next(lua_State *L, int status, lua_KContext before)
{
    (void)status;
    neapi_wait_check_lj(L, &neapi_chain_context_of(L, 2)->engine->vm);
    return lua_gettop(L) - (int)before;
}

/* Checks the message at 1, and writes its JSON. */
static void take_message_lj(lua_State *L, neapi_engine *engine, neapi_chain *chain)
{
    uint32_t index = neapi_message_of(L, engine, 1);
    if (index == NEAPI_NONE || engine->catalog.messages[index]->kind != chain->kind) {
        const char *kind = chain->kind == NEAP_KIND_QUERY ? "query" : "command";
        neapi_misuse_lj(L,
                        "next needs the %s, or another one that its constructor made, but got a "
                        "%s",
                        kind,
                        index == NEAPI_NONE ? luaL_typename(L, 1) : "message of another kind");
    }
    neapi_buffer_clear(&chain->json);
    neap_error *error = &engine->failure;
    neap_status status = neapi_schema_encode_lj(L, engine->plan.messages[index].schema, 1,
                                                engine->vm.depth, &chain->json, error);
    if (status == NEAP_OK && chain->json.failed)
        status = neapi_nomem(error);
    if (status == NEAP_OK && chain->json.size > engine->options.message_bytes)
        status = neapi_fail(error, NEAP_LIMIT, "it takes %zu bytes, more than %zu",
                            chain->json.size, engine->options.message_bytes);
    if (status != NEAP_OK)
        neapi_raise_lj(L, status == NEAP_INVALID ? NEAP_HANDLER : status, "next: %s: %s",
                       engine->catalog.messages[index]->name.data, error->message);
    chain->message = engine->catalog.messages[index];
}

/* next(message, context) → result | nil, err */
int neapi_chain_next(lua_State *L)
{
    lua_settop(L, 2);
    neapi_chain *chain = neapi_chain_context_of(L, 2);
    if (chain == NULL || chain != chain->engine->chain)
        return neapi_misuse_lj(L,
                               "next needs the message, and the context that the middleware got");
    take_message_lj(L, chain->engine, chain);
    if (neapi_chain_is_late(chain))
        return neapi_chain_push_late_lj(L, chain, "not begun in time; nothing was done");
    return neapi_chain_wait_lj(L, chain, NEAPI_CHAIN_NEXT, after_next);
}
