/* Runs: plain handlers, answers and middleware. Each is a coroutine that stops whenever it waits,
 * for what it asked for or for time to pass, and goes on when its lane says so. One that never
 * waits is over when it was started. */
#include "script/run.h"

#include <lauxlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "message/json.h"
#include "script/context.h"
#include "script/failure.h"
#include "script/host.h"
#include "script/limits.h"
#include "script/lua_error.h"
#include "script/react.h"
#include "script/value.h"

/* Threads that are kept for the runs to come. */
#define MOST_IDLE 1024

/* ---- Threads --------------------------------------------------------------------------------- */

/* In a host's state by its own coroutine.create, which debuggers and the like may have wrapped to
 * see what runs there. */
static lua_State *new_thread_lj(lua_State *L, const neapi_engine *engine)
{
    if (engine->vm.guest && lua_getglobal(L, "coroutine") == LUA_TTABLE &&
        lua_getfield(L, -1, "create") == LUA_TFUNCTION) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, engine->run_body);
        lua_call(L, 1, 1);
        lua_State *made = lua_tothread(L, -1);
        if (made != NULL && lua_gettop(made) == 1) {
            lua_settop(made, 0);
            return made;
        }
    }
    return lua_newthread(L);
}

static struct neapi_thread *take_thread_lj(lua_State *L, neapi_engine *engine)
{
    struct neapi_thread *thread = engine->idle_threads;
    if (thread != NULL) {
        engine->idle_threads = thread->next;
        engine->idle_thread_count--;
        return thread;
    }
    int top = lua_gettop(L);
    lua_State *made = new_thread_lj(L, engine);
    int reference = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_settop(L, top);
    thread = neapi_alloc(sizeof *thread);
    if (thread == NULL) {
        luaL_unref(L, LUA_REGISTRYINDEX, reference);
        return NULL;
    }
    *thread = (struct neapi_thread){made, reference, NULL};
    return thread;
}

/* A thread in which something went wrong is not used again. */
static void give_thread_back(neapi_engine *engine, struct neapi_thread *thread, bool sound)
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

void neapi_run_free_threads(neapi_engine *engine)
{
    for (struct neapi_thread *thread; (thread = engine->idle_threads) != NULL;) {
        engine->idle_threads = thread->next;
        neapi_free(thread);
    }
}

/* ---- Running --------------------------------------------------------------------------------- */

/* Inside the thread: what the run gave stays on its stack. */
static int finish(lua_State *L, int status, lua_KContext unused)
{
    (void)unused;
    neapi_engine *engine = lua_touserdata(L, lua_upvalueindex(1));
    if (status == LUA_OK || status == LUA_YIELD)
        return 2;
    neapi_run *run = engine->scope.run;
    run->failed = true;
    neapi_failure(&engine->vm, L, status, run->error);
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

static void end(neapi_engine *engine, neapi_run *run, bool sound)
{
    run->stop = NEAPI_RUN_ENDED;
    neapi_context_end(run);
    give_thread_back(engine, run->thread, sound);
    run->thread = NULL;
}

/* A host's threads have none. */
static void hook(const neapi_vm *vm, lua_State *thread)
{
    if (!vm->guest)
        neapi_vm_hook(thread);
}

/* The run's limits go on where they were when it waited. */
static void enter_run(neapi_engine *engine, neapi_run *run, neap_error *error)
{
    neapi_vm *vm = &engine->vm;
    hook(vm, run->thread->L);
    vm->instructions = run->instructions;
    vm->spent_us = run->spent_us;
    vm->deadline_us = 0;
    vm->running = run->thread->L;
    engine->scope = (neapi_scope){.handling = run->kind,
                                  .call = run->call,
                                  .unit = run->unit,
                                  .run = run,
                                  .event = run->event,
                                  .subscription = run->subscription,
                                  .effects = run->effects};
    run->error = error;
}

static void leave_run(neapi_engine *engine, neapi_run *run, lua_State *outer)
{
    neapi_vm *vm = &engine->vm;
    vm->running = outer;
    engine->scope = (neapi_scope){0};
    run->instructions = vm->instructions;
    if (vm->deadline_us != 0) /* it ran long enough for the clock to be looked at */
        run->spent_us = neapi_monotonic_us(vm->platform) - vm->deadline_us + (int64_t)vm->ms * 1000;
    if (vm->alarmed)
        neapi_limits_alarm(vm);
}

static int resume_thread(lua_State *L, neapi_engine *engine, neapi_run *run, int count,
                         int *results, neap_error *error)
{
    lua_State *outer = engine->vm.running;
    enter_run(engine, run, error);
    int status = lua_resume(run->thread->L, L, count, results);
    leave_run(engine, run, outer);
    return status;
}

/* Ends a run that stopped: its pending variables are closed, and what that raises concerns nobody.
 * What they do may ask the context, but not wait. */
static void kill_run(neapi_engine *engine, neapi_run *run)
{
    lua_State *outer = engine->vm.running;
    run->dropped = true;
    engine->vm.waiting = false;
    enter_run(engine, run, &engine->failure);
    lua_resetthread(run->thread->L);
    leave_run(engine, run, outer);
    end(engine, run, false);
}

static const char *what_yields(const neapi_run *run)
{
    return run->kind == NEAPI_HANDLING_MIDDLEWARE   ? "a middleware"
           : run->kind == NEAPI_HANDLING_QUERY      ? "an answer"
           : run->kind == NEAPI_HANDLING_SUBSCRIBER ? "a subscriber"
                                                    : "a handler";
}

/* Goes on with `count` values that lie on the thread's stack. */
static neap_status run_lj(lua_State *L, neapi_engine *engine, neapi_run *run, int count,
                          neap_error *error)
{
    lua_State *thread = run->thread->L;
    int results;
    int status = resume_thread(L, engine, run, count, &results, error);
    if (status == LUA_YIELD && engine->vm.waiting) {
        engine->vm.waiting = false;
        lua_pop(thread, results);
        return NEAP_OK;
    }
    if (status == LUA_YIELD) { /* by the coroutine.yield of a host's own Lua */
        kill_run(engine, run);
        return neapi_fail(error, NEAP_HANDLER,
                          "coroutine.yield: %s is no coroutine; nothing would resume it",
                          what_yields(run));
    }
    if (status != LUA_OK)
        neapi_failure(&engine->vm, thread, status, error);
    if (status != LUA_OK || run->failed) {
        end(engine, run, false);
        return error->status;
    }
    lua_xmove(thread, L, 2);
    end(engine, run, true);
    return neapi_run_settle_lj(L, engine, run, error);
}

typedef struct starting {
    neapi_run *run;
    neap_text json;
} starting;

/* Pushes the message's handler. */
static void push_function(lua_State *L, const neapi_engine *engine, const neapi_run *run)
{
    if (run->kind == NEAPI_HANDLING_MIDDLEWARE)
        lua_rawgeti(L, LUA_REGISTRYINDEX, engine->composed);
    else
        lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_FUNCTIONS),
                    engine->plan.messages[run->message->index].handler);
}

/* Pushes function and message. */
static neap_status push_message_lj(lua_State *L, neapi_engine *engine, const neapi_run *run,
                                   neap_text json, neap_error *error)
{
    uint32_t index = run->message->index;
    push_function(L, engine, run);
    neapi_buffer *canonical = run->kind == NEAPI_HANDLING_COMMAND ? run->call->canonical : NULL;
    neap_status status = neapi_message_decode_lj(L, engine, index, json, canonical, error);
    if (status == NEAP_OK && run->kind == NEAPI_HANDLING_MIDDLEWARE) {
        lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_FUNCTIONS),
                    engine->plan.messages[index].mark);
        lua_setmetatable(L, -2); /* next() is to know it again */
    }
    return status;
}

static neap_status start(lua_State *L, neapi_engine *engine, void *arguments, neap_error *error)
{
    const starting *job = arguments;
    neapi_run *run = job->run;
    bool handled = true;
    luaL_checkstack(L, 20, "a handler");
    neap_status status = run->event != NULL ? neapi_react_push_lj(L, engine, run, &handled, error)
                                            : push_message_lj(L, engine, run, job->json, error);
    if (status != NEAP_OK || !handled)
        return status;
    neapi_context_new_lj(L, run);
    run->thread = take_thread_lj(L, engine);
    if (run->thread == NULL)
        return neapi_nomem(error);
    lua_State *thread = run->thread->L; /* fresh or cleared: it has room for these */
    lua_pushvalue(L, -1); /* lies below all else, for the handler may let go of its context */
    lua_xmove(L, thread, 1);
    lua_rawgeti(thread, LUA_REGISTRYINDEX, engine->run_body);
    lua_xmove(L, thread, 3);
    return run_lj(L, engine, run, 3, error);
}

neap_status neapi_engine_run_start(neapi_engine *engine, neapi_run *run, neap_text json,
                                   neap_error *error)
{
    starting job = {run, json};
    run->engine = engine;
    run->number = ++engine->runs;
    run->stop = NEAPI_RUN_ENDED;
    neap_status status = neapi_engine_enter(engine, start, &job, error);
    if (status != NEAP_OK && run->thread != NULL)
        neapi_engine_run_drop(engine, run);
    return status;
}

typedef struct going_on {
    neapi_run *run;
    const neapi_run_outcome *outcome;
} going_on;

/* Pushes what the bytes say; nil for none, and for JSON's null. */
static neap_status push_bytes_lj(lua_State *L, neapi_engine *engine, const neapi_run *run,
                                 neap_text bytes, neap_error *error)
{
    neap_status status = NEAP_OK;
    if (bytes.size == 0)
        lua_pushnil(L);
    else if (run->stop == NEAPI_RUN_STATE)
        status = neapi_value_load_lj(L, bytes, engine->vm.depth, error);
    else
        status = neapi_decode_lj(L, bytes, NEAPI_JSON_DEPTH, error);
    if (status == NEAP_OK && neapi_is_null(L, -1)) {
        lua_pop(L, 1);
        lua_pushnil(L);
    }
    return status;
}

/* Pushes what the wait gives; returns how many values. */
static int push_outcome_lj(lua_State *L, neapi_engine *engine, const neapi_run *run,
                           const neapi_run_outcome *outcome)
{
    const neap_error *error = outcome->error;
    if (outcome->receipt != NULL) {
        neapi_host_push_receipt_lj(L, outcome->receipt);
        return 1;
    }
    if (error == NULL && run->stop == NEAPI_RUN_NEXT && run->event != NULL) {
        lua_pushboolean(L, 1); /* it was handled, which gives nothing */
        return 1;
    }
    if (error == NULL) {
        if (push_bytes_lj(L, engine, run, outcome->bytes, &engine->failure) == NEAP_OK)
            return 1;
        error = &engine->failure;
    }
    lua_pushnil(L);
    neapi_push_error_lj(L, error);
    return 2;
}

static void note_outcome(neapi_run *run, const neapi_run_outcome *outcome)
{
    if (run->stop == NEAPI_RUN_NEXT && outcome->error == NULL)
        run->succeeded = true;
    if (outcome->receipt != NULL || (outcome->error != NULL && outcome->error->outcome_unknown))
        run->effect = true;
}

static neap_status go_on(lua_State *L, neapi_engine *engine, void *arguments, neap_error *error)
{
    const going_on *job = arguments;
    neapi_run *run = job->run;
    int count = 0;
    luaL_checkstack(L, 10, "a handler");
    if (job->outcome != NULL) {
        count = push_outcome_lj(L, engine, run, job->outcome);
        if (!lua_checkstack(run->thread->L, count))
            return neapi_nomem(error);
        lua_xmove(L, run->thread->L, count);
    }
    return run_lj(L, engine, run, count, error);
}

neap_status neapi_engine_run_resume(neapi_engine *engine, neapi_run *run,
                                    const neapi_run_outcome *outcome, neap_error *error)
{
    going_on job = {run, outcome};
    if (outcome != NULL)
        note_outcome(run, outcome);
    neap_status status = neapi_engine_enter(engine, go_on, &job, error);
    if (status != NEAP_OK && run->thread != NULL)
        neapi_engine_run_drop(engine, run);
    return status;
}

static neap_status drop(lua_State *L, neapi_engine *engine, void *arguments, neap_error *error)
{
    (void)L;
    (void)error;
    kill_run(engine, arguments);
    return NEAP_OK;
}

void neapi_engine_run_drop(neapi_engine *engine, neapi_run *run)
{
    neap_error *ignored = &engine->failure;
    if (run->thread == NULL)
        return;
    neapi_engine_enter(engine, drop, run, ignored);
    if (run->thread != NULL)
        end(engine, run, false);
}

void neapi_engine_run_forget(neapi_run *run)
{
    neapi_free(run->thread);
    run->thread = NULL;
}

/* ---- Declaring ------------------------------------------------------------------------------- */

void neapi_run_declare_lj(lua_State *L, neapi_engine *engine, int index)
{
    index = lua_absindex(L, index);
    lua_pushlightuserdata(L, engine);
    lua_pushcclosure(L, body, 1);
    engine->run_body = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_getfield(L, index, "composed");
    if (lua_isnil(L, -1))
        lua_pop(L, 1);
    else
        engine->composed = luaL_ref(L, LUA_REGISTRYINDEX);
}

void neapi_run_leave_host(lua_State *L, neapi_engine *engine)
{
    for (const struct neapi_thread *at = engine->idle_threads; at != NULL; at = at->next)
        luaL_unref(L, LUA_REGISTRYINDEX, at->reference);
    if (engine->composed != 0)
        luaL_unref(L, LUA_REGISTRYINDEX, engine->composed);
    if (engine->run_body != 0)
        luaL_unref(L, LUA_REGISTRYINDEX, engine->run_body);
}

bool neapi_engine_has_middleware(const neapi_engine *engine)
{
    return engine->composed != 0;
}
