/* Messages on their way through the domain's middleware. Each is a coroutine that stops whenever it
 * waits, for what `next` gives or for time to pass, and goes on when its lane says so. */
#include <lauxlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "message/json.h"
#include "script/chain.h"
#include "script/failure.h"
#include "script/host.h"
#include "script/limits.h"
#include "script/lua_error.h"

/* Threads that are kept for the messages to come. */
#define MOST_IDLE 1024

/* ---- Threads --------------------------------------------------------------------------------- */

static struct neapi_chain_thread *take_thread_lj(lua_State *L, neapi_engine *engine)
{
    struct neapi_chain_thread *thread = engine->idle_threads;
    if (thread != NULL) {
        engine->idle_threads = thread->next;
        engine->idle_thread_count--;
        return thread;
    }
    lua_State *made = lua_newthread(L);
    int reference = luaL_ref(L, LUA_REGISTRYINDEX);
    thread = neapi_alloc(sizeof *thread);
    if (thread == NULL) {
        luaL_unref(L, LUA_REGISTRYINDEX, reference);
        return NULL;
    }
    *thread = (struct neapi_chain_thread){made, reference, NULL};
    return thread;
}

/* A thread in which something went wrong is not used again. */
static void give_thread_back(neapi_engine *engine, struct neapi_chain_thread *thread, bool sound)
{
    if (sound && engine->idle_thread_count < MOST_IDLE) {
        lua_settop(thread->L, 0);
        thread->next = engine->idle_threads;
        engine->idle_threads = thread;
        engine->idle_thread_count++;
        return;
    }
    luaL_unref(engine->vm.running, LUA_REGISTRYINDEX, thread->reference);
    neapi_free(thread);
}

void neapi_chain_free_threads(neapi_engine *engine)
{
    for (struct neapi_chain_thread *thread; (thread = engine->idle_threads) != NULL;) {
        engine->idle_threads = thread->next;
        neapi_free(thread);
    }
}

/* ---- Running --------------------------------------------------------------------------------- */

/* Inside the thread: what the chain gave stays on its stack. */
static int finish(lua_State *L, int status, lua_KContext unused)
{
    (void)unused;
    neapi_engine *engine = lua_touserdata(L, lua_upvalueindex(1));
    if (status == LUA_OK || status == LUA_YIELD)
        return 2;
    engine->chain->failed = true;
    neapi_failure(&engine->vm, L, status, engine->chain_error);
    return 0;
}

/* body(function, message, context): at the bottom of the thread. Its upvalue is the engine. */
static int body(lua_State *L)
{
    const neapi_engine *engine = lua_touserdata(L, lua_upvalueindex(1));
    lua_rawgeti(L, LUA_REGISTRYINDEX, engine->handler);
    lua_insert(L, 1);
    return finish(L, lua_pcallk(L, 2, 2, 1, 0, finish), 0);
}

static void end(lua_State *L, neapi_engine *engine, neapi_chain *chain, bool sound)
{
    (void)L;
    chain->stop = NEAPI_CHAIN_ENDED;
    neapi_chain_context_end(chain);
    give_thread_back(engine, chain->thread, sound);
    chain->thread = NULL;
}

/* The error at `index` that the chain gave. */
static neap_status take_error_lj(lua_State *L, neapi_engine *engine, int index, neap_error *error)
{
    neapi_error_take(L, index, error);
    lua_getfield(L, index, "details");
    if (lua_isnil(L, -1))
        return error->status;
    neap_status status = error->status;
    neapi_buffer_clear(&engine->scratch);
    neap_error *reason = &engine->failure;
    if (neapi_encode_lj(L, -1, engine->vm.depth, &engine->scratch, reason) != NEAP_OK)
        return neapi_fail(error, NEAP_HANDLER, "the details of an error: %s", reason->message);
    if (engine->scratch.failed)
        return neapi_nomem(error);
    if (engine->scratch.size >= sizeof error->details)
        return neapi_fail(error, NEAP_HANDLER,
                          "the details of an error take %zu bytes as JSON, more than %zu",
                          engine->scratch.size, sizeof error->details - 1);
    NEAPI_ERROR_SET(error, details, engine->scratch.data, engine->scratch.size);
    return status;
}

static neap_status write_answer_lj(lua_State *L, neapi_engine *engine, neapi_chain *chain,
                                   int index, neap_error *error)
{
    neapi_buffer_clear(&chain->json);
    neap_status status = NEAP_OK;
    if (lua_isnil(L, index))
        NEAPI_BUFFER_LITERAL(&chain->json, "null");
    else
        status = neapi_encode_lj(L, index, engine->vm.depth, &chain->json, error);
    if (status == NEAP_OK && chain->json.failed)
        return neapi_nomem(error);
    if (status != NEAP_INVALID)
        return status;
    neapi_error_prefix(error, "the answer of '%.*s'", NEAPI_TEXT(chain->name));
    return neapi_failure_as(error, NEAP_HANDLER);
}

/* What the chain gave, its result and its error, is on top. */
static neap_status settle_lj(lua_State *L, neapi_engine *engine, neapi_chain *chain,
                             neap_error *error)
{
    int value = lua_gettop(L) - 1;
    if (lua_isnil(L, value) && !lua_isnil(L, value + 1))
        return take_error_lj(L, engine, value + 1, error);
    if (chain->kind == NEAP_KIND_QUERY)
        return write_answer_lj(L, engine, chain, value, error);
    if (chain->succeeded)
        return NEAP_OK;
    return neapi_fail(error, NEAP_HANDLER,
                      "the middleware gave a result for the command '%.*s', which next did not: a "
                      "command's receipt comes from next",
                      NEAPI_TEXT(chain->name));
}

/* A host's threads have none. */
static void hook(const neapi_vm *vm, lua_State *thread)
{
    if (!vm->guest)
        neapi_vm_hook(thread);
}

static int resume_thread(lua_State *L, neapi_engine *engine, neapi_chain *chain, int count,
                         int *results, neap_error *error)
{
    neapi_vm *vm = &engine->vm;
    lua_State *thread = chain->thread->L, *outer = vm->running;
    hook(vm, thread);
    vm->instructions = chain->instructions;
    vm->running = thread;
    engine->chain = chain;
    engine->chain_error = error;
    int status = lua_resume(thread, L, count, results);
    engine->chain = NULL;
    vm->running = outer;
    chain->instructions = vm->instructions;
    if (vm->alarmed)
        neapi_limits_alarm(vm);
    return status;
}

/* Goes on with `count` values that lie on the thread's stack. */
static neap_status run_lj(lua_State *L, neapi_engine *engine, neapi_chain *chain, int count,
                          neap_error *error)
{
    lua_State *thread = chain->thread->L;
    int results;
    int status = resume_thread(L, engine, chain, count, &results, error);
    if (status == LUA_YIELD && engine->vm.waiting) {
        engine->vm.waiting = false;
        lua_pop(thread, results);
        return NEAP_OK;
    }
    if (status == LUA_YIELD) {
        neapi_chain_kill(L, engine, chain);
        return neapi_fail(error, NEAP_HANDLER,
                          "a middleware yielded outside of a coroutine of its own; it waits with "
                          "next and context:sleep");
    }
    if (status != LUA_OK)
        neapi_failure(&engine->vm, thread, status, error);
    if (status != LUA_OK || chain->failed) {
        end(L, engine, chain, false);
        return error->status;
    }
    lua_xmove(thread, L, 2);
    end(L, engine, chain, true);
    return settle_lj(L, engine, chain, error);
}

typedef struct starting {
    neapi_chain *chain;
    neap_text json;
} starting;

static neap_status start(lua_State *L, neapi_engine *engine, void *arguments, neap_error *error)
{
    const starting *job = arguments;
    neapi_chain *chain = job->chain;
    uint32_t index = chain->message->index;
    luaL_checkstack(L, 10, "middleware");
    neap_status status = neapi_message_decode_lj(L, engine, index, job->json, NULL, error);
    if (status != NEAP_OK)
        return status;
    lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_FUNCTIONS), engine->plan.messages[index].mark);
    lua_setmetatable(L, -2);
    neapi_chain_context_new_lj(L, chain);
    struct neapi_chain_thread *thread = take_thread_lj(L, engine);
    if (thread == NULL)
        return neapi_nomem(error);
    chain->thread = thread;
    lua_pushlightuserdata(thread->L, engine);
    lua_pushcclosure(thread->L, body, 1); /* a fresh or cleared thread has room for these */
    lua_rawgeti(thread->L, LUA_REGISTRYINDEX, engine->composed);
    lua_xmove(L, thread->L, 2);
    return run_lj(L, engine, chain, 3, error);
}

neap_status neapi_engine_chain_start(neapi_engine *engine, neapi_chain *chain, neap_text json,
                                     neap_error *error)
{
    starting job = {chain, json};
    chain->kind = chain->message->kind;
    chain->name = chain->message->name;
    chain->engine = engine;
    chain->stop = NEAPI_CHAIN_ENDED;
    neap_status status = neapi_engine_enter(engine, start, &job, error);
    if (status != NEAP_OK && chain->thread != NULL)
        neapi_engine_chain_drop(engine, chain);
    return status;
}

typedef struct going_on {
    neapi_chain *chain;
    const neapi_chain_outcome *outcome;
} going_on;

/* Pushes what `next` gives; returns how many values. */
static int push_outcome_lj(lua_State *L, neapi_engine *engine, const neapi_chain_outcome *outcome)
{
    neap_error *error = &engine->failure;
    if (outcome->receipt != NULL) {
        neapi_host_push_receipt_lj(L, outcome->receipt);
        return 1;
    }
    if (outcome->error == NULL) {
        if (neapi_decode_lj(L, outcome->json, NEAPI_JSON_DEPTH, error) == NEAP_OK) {
            if (neapi_is_null(L, -1)) {
                lua_pop(L, 1);
                lua_pushnil(L);
            }
            return 1;
        }
    }
    lua_pushnil(L);
    neapi_push_error_lj(L, outcome->error != NULL ? outcome->error : error);
    return 2;
}

static void note_outcome(neapi_chain *chain, const neapi_chain_outcome *outcome)
{
    if (outcome->error == NULL)
        chain->succeeded = true;
    if (outcome->receipt != NULL || (outcome->error != NULL && outcome->error->outcome_unknown))
        chain->effect = true;
}

static neap_status go_on(lua_State *L, neapi_engine *engine, void *arguments, neap_error *error)
{
    const going_on *job = arguments;
    neapi_chain *chain = job->chain;
    int count = 0;
    luaL_checkstack(L, 10, "middleware");
    if (job->outcome != NULL) {
        count = push_outcome_lj(L, engine, job->outcome);
        if (!lua_checkstack(chain->thread->L, count))
            return neapi_nomem(error);
        lua_xmove(L, chain->thread->L, count);
        note_outcome(chain, job->outcome);
    }
    return run_lj(L, engine, chain, count, error);
}

neap_status neapi_engine_chain_resume(neapi_engine *engine, neapi_chain *chain,
                                      const neapi_chain_outcome *outcome, neap_error *error)
{
    going_on job = {chain, outcome};
    neap_status status = neapi_engine_enter(engine, go_on, &job, error);
    if (status != NEAP_OK && chain->thread != NULL)
        neapi_engine_chain_drop(engine, chain);
    return status;
}

/* ---- Ending before the end ------------------------------------------------------------------- */

void neapi_chain_kill(lua_State *L, neapi_engine *engine, neapi_chain *chain)
{
    neapi_vm *vm = &engine->vm;
    lua_State *outer = vm->running;
    vm->waiting = false;
    vm->running = chain->thread->L;
    engine->chain = chain; /* what its variables do when they are closed may ask the context */
    hook(vm, vm->running);
    lua_resetthread(chain->thread->L); /* what it raises concerns nobody any more */
    engine->chain = NULL;
    vm->running = outer;
    end(L, engine, chain, false);
}

static neap_status kill_it(lua_State *L, neapi_engine *engine, void *arguments, neap_error *error)
{
    (void)error;
    neapi_chain_kill(L, engine, arguments);
    return NEAP_OK;
}

void neapi_engine_chain_drop(neapi_engine *engine, neapi_chain *chain)
{
    neap_error *ignored = &engine->failure;
    if (chain->thread == NULL)
        return;
    neapi_engine_enter(engine, kill_it, chain, ignored);
    if (chain->thread != NULL)
        end(engine->vm.running, engine, chain, false);
}

/* ---- Declaring ------------------------------------------------------------------------------- */

void neapi_chain_declare_lj(lua_State *L, neapi_engine *engine, int index)
{
    lua_getfield(L, index, "composed");
    if (lua_isnil(L, -1))
        lua_pop(L, 1);
    else
        engine->composed = luaL_ref(L, LUA_REGISTRYINDEX);
}

void neapi_chain_leave_host(lua_State *L, neapi_engine *engine)
{
    for (const struct neapi_chain_thread *at = engine->idle_threads; at != NULL; at = at->next)
        luaL_unref(L, LUA_REGISTRYINDEX, at->reference);
    if (engine->composed != 0)
        luaL_unref(L, LUA_REGISTRYINDEX, engine->composed);
}

bool neapi_engine_has_middleware(const neapi_engine *engine)
{
    return engine->composed != 0;
}
