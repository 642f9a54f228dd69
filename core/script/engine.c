#include <lauxlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "script/context.h"
#include "script/documents.h"
#include "script/environment.h"
#include "script/failure.h"
#include "script/freeze.h"
#include "script/guest.h"
#include "script/native.h"
#include "script/run.h"

/* ---- Entering Lua ---------------------------------------------------------------------------- */

typedef struct entry {
    neapi_engine *engine;
    neapi_work work;
    void *arguments;
    neap_status status;
    neap_error *error;
} entry;

static int run_entry(lua_State *L)
{
    entry *entered = lua_touserdata(L, 1);
    lua_settop(L, 0);
    entered->status = entered->work(L, entered->engine, entered->arguments, entered->error);
    return 0;
}

/* Calls the function on top, with its argument, below it the message handler. */
static neap_status call_protected(lua_State *L, neapi_engine *engine, entry *entered)
{
    neapi_vm *vm = &engine->vm;
    neapi_scope scope = engine->scope;
    const char *pure = vm->pure;
    bool upcasting = vm->upcasting;
    neapi_vm_enter(vm);
    int status = lua_pcall(L, 1, 0, -3);
    if (status != LUA_OK) {
        entered->status = neapi_failure(vm, L, status, entered->error);
        lua_pop(L, 1);
    }
    vm->pure = pure;
    vm->upcasting = upcasting;
    engine->scope = scope;
    neapi_vm_leave(vm);
    lua_pop(L, 1);
    return entered->status;
}

neap_status neapi_engine_enter(neapi_engine *engine, neapi_work work, void *arguments,
                               neap_error *error)
{
    lua_State *L = engine->vm.running;
    entry entered = {engine, work, arguments, NEAP_OK, error};
    if (!lua_checkstack(L, 8))
        return neapi_fail(error, NEAP_LIMIT, "depth: Lua's stack is full");
    if (engine->vm.guest) /* whose state does not lead to the engine */
        lua_rawgeti(L, LUA_REGISTRYINDEX, engine->handler);
    else
        lua_pushcfunction(L, neapi_failure_handler);
    lua_rawgeti(L, LUA_REGISTRYINDEX, engine->entry);
    lua_pushlightuserdata(L, &entered);
    if (engine->options.entering == NULL)
        return call_protected(L, engine, &entered);
    engine->options.entering(engine->options.host);
    neap_status status = call_protected(L, engine, &entered);
    engine->options.left(engine->options.host);
    return status;
}

/* ---- Opening --------------------------------------------------------------------------------- */

typedef struct opening {
    neapi_engine *engine;
    neapi_sources *sources;
    int domain; /* in a host's registry; nil: the sources say it */
} opening;

/* Makes the function through which everything else enters. */
static void make_entry_lj(lua_State *L, neapi_engine *engine, int functions)
{
    lua_pushlightuserdata(L, &engine->vm);
    lua_pushcclosure(L, neapi_failure_handler, 1);
    engine->handler = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushvalue(L, functions);
    engine->functions = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushvalue(L, functions);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    engine->states = luaL_ref(L, LUA_REGISTRYINDEX);
    neapi_context *decisions =
        neapi_context_pure_lj(L, engine, &neapi_handler_class, NEAPI_HANDLING_DECISION);
    luaL_getmetatable(L, NEAPI_REJECTION);
    engine->rejection_mark = lua_topointer(L, -1);
    neapi_context *projections =
        neapi_context_pure_lj(L, engine, &neapi_projection_class, NEAPI_HANDLING_PROJECTION);
    neapi_context *sagas = neapi_context_pure_lj(L, engine, &neapi_saga_class, NEAPI_HANDLING_SAGA);
    lua_pushcclosure(L, run_entry, NEAPI_UPVALUE_SAGA);
    engine->entry = luaL_ref(L, LUA_REGISTRYINDEX);
    engine->contexts[0] = decisions; /* which from now on are kept */
    engine->contexts[1] = projections;
    engine->contexts[2] = sagas;
}

static neap_status load_domain(lua_State *L, neapi_engine *engine, void *arguments,
                               neap_error *error)
{
    const opening *job = arguments;
    luaL_checkstack(L, 20, "loading a domain");
    neapi_environment_open_lj(L, job->sources);
    lua_newtable(L);
    int functions = lua_gettop(L);
    neapi_environment_module_lj(L, "neap.plan");
    lua_getfield(L, -1, "make");
    neapi_environment_run_lj(L, job->sources);
    lua_pushvalue(L, -1);
    lua_insert(L, functions + 1);
    lua_call(L, 1, 1);
    neap_status status =
        neapi_plan_read_lj(L, -1, functions, &engine->catalog, &engine->plan, error);
    neapi_services_declare_lj(L, engine, -1);
    neapi_run_declare_lj(L, engine, -1);
    neapi_environment_require_lj(L);
    engine->require = luaL_ref(L, LUA_REGISTRYINDEX);
    if (status != NEAP_OK)
        return status;
    neapi_freeze_domain_lj(L, functions + 1);
    engine->vm.frozen = true;
    make_entry_lj(L, engine, functions);
    return NEAP_OK;
}

static neap_status enter_first(neapi_engine *engine, neapi_sources *sources, neap_error *error)
{
    lua_State *L = engine->vm.L;
    opening job = {engine, sources, LUA_NOREF};
    entry entered = {engine, load_domain, &job, NEAP_OK, error};
    lua_pushcfunction(L, neapi_failure_handler);
    lua_pushcfunction(L, run_entry);
    lua_pushlightuserdata(L, &entered);
    return call_protected(L, engine, &entered);
}

static void set_options(neapi_engine *engine, const neapi_engine_options *options)
{
    engine->options = *options;
    neapi_vm *vm = &engine->vm;
    vm->platform = options->platform;
    vm->log = options->log;
    vm->log_user = options->log_user;
    vm->let_go = options->let_go;
    vm->host = options->host;
    vm->memory_bytes = options->memory_bytes;
    vm->allocation_bytes = options->allocation_bytes;
    vm->instruction_limit = options->instructions;
    vm->ordered = options->ordered;
    vm->backward = options->backward;
    vm->ms = options->ms;
    vm->depth = options->depth;
}

/* Without a state yet. Errors: NULL. */
static neapi_engine *new_engine(const neapi_engine_options *options)
{
    neapi_engine *made = neapi_alloc_zero(1, sizeof *made);
    if (made == NULL)
        return NULL;
    neapi_catalog_init(&made->catalog);
    neapi_map_init(&made->plan.former_by_name);
    set_options(made, options);
    return made;
}

/* Nothing of the engine stays in the host's state. Allocates nothing, raises nothing. */
static void leave_host(neapi_engine *engine)
{
    lua_State *L = engine->vm.running;
    for (size_t i = 0; i < NEAPI_CONTEXTS; i++)
        if (engine->contexts[i] != NULL)
            engine->contexts[i]->engine = NULL;
    if (engine->required_place != NULL)
        *engine->required_place = NULL;
    if (!lua_checkstack(L, 4))
        return;
    const int kept[] = {
        engine->functions,
        engine->entry,
        engine->states,
        engine->handler,
        engine->require,
        engine->make_services,
        engine->declared_services,
        engine->given_services,
        engine->services != 0 ? engine->services : LUA_NOREF,
    };
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        luaL_unref(L, LUA_REGISTRYINDEX, kept[i]);
    neapi_run_leave_host(L, engine);
}

void neapi_engine_close(neapi_engine *engine)
{
    if (engine == NULL)
        return;
    if (engine->vm.guest)
        leave_host(engine);
    else
        neapi_vm_close(&engine->vm);
    neapi_run_free_threads(engine);
    neapi_documents_fini(engine);
    neapi_catalog_fini(&engine->catalog);
    neapi_map_fini(&engine->plan.former_by_name);
    neapi_buffer_fini(&engine->scratch);
    neapi_buffer_fini(&engine->tag_text);
    neapi_buffer_fini(&engine->service_argument);
    neapi_buffer_fini(&engine->service_result);
    neapi_buffer_fini(&engine->upcast);
    neapi_free(engine->free_states);
    neapi_free(engine);
}

neap_status neapi_engine_open(neapi_sources *sources, const neapi_engine_options *options,
                              neapi_engine **engine, neap_error *error)
{
    neap_error own;
    if (error == NULL)
        error = &own;
    neapi_engine *opened = new_engine(options);
    if (opened == NULL)
        return neapi_nomem(error);
    neap_status status = neapi_vm_open(&opened->vm) ? NEAP_OK : neapi_nomem(error);
    if (status == NEAP_OK)
        status = enter_first(opened, sources, error);
    if (status != NEAP_OK) {
        neapi_engine_close(opened);
        return status;
    }
    neapi_sources_seal(sources);
    *engine = opened;
    return NEAP_OK;
}

/* ---- In a host's state ----------------------------------------------------------------------- */

static neap_status load_guest(lua_State *L, neapi_engine *engine, void *arguments,
                              neap_error *error)
{
    const opening *job = arguments;
    luaL_checkstack(L, 20, "loading a domain");
    lua_newtable(L);
    int functions = lua_gettop(L);
    if (job->sources != NULL) {
        neapi_sources **place;
        neapi_guest_require_lj(L, job->sources, &place);
        lua_pushvalue(L, -1);
        engine->require = luaL_ref(L, LUA_REGISTRYINDEX);
        engine->required_place = place; /* which from now on is kept */
        neapi_guest_load_lj(L, job->sources);
    } else {
        lua_getglobal(L, "require");
        engine->require = luaL_ref(L, LUA_REGISTRYINDEX);
        lua_rawgeti(L, LUA_REGISTRYINDEX, job->domain);
    }
    neapi_guest_plan_lj(L);
    neap_status status =
        neapi_plan_read_lj(L, -1, functions, &engine->catalog, &engine->plan, error);
    neapi_services_declare_lj(L, engine, -1);
    neapi_run_declare_lj(L, engine, -1);
    if (status == NEAP_OK)
        make_entry_lj(L, engine, functions);
    return status;
}

/* (entry, domain, services): makes the message handler, which takes memory, inside the protected
 * call. */
static int enter_guest(lua_State *L)
{
    entry *entered = lua_touserdata(L, 1);
    opening *job = entered->arguments;
    if (!lua_isnil(L, 3))
        entered->engine->given_services = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_settop(L, 2);
    job->domain = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushlightuserdata(L, &entered->engine->vm);
    lua_pushcclosure(L, neapi_failure_handler, 1);
    lua_pushcfunction(L, run_entry);
    lua_pushlightuserdata(L, entered);
    call_protected(L, entered->engine, entered);
    luaL_unref(L, LUA_REGISTRYINDEX, job->domain);
    return 0;
}

static neap_status enter_guest_first(neapi_engine *engine, int services, neapi_sources *sources,
                                     neap_error *error)
{
    lua_State *L = engine->vm.running;
    opening job = {engine, sources, LUA_NOREF};
    entry entered = {engine, load_guest, &job, NEAP_OK, error};
    if (!lua_checkstack(L, 8))
        return neapi_fail(error, NEAP_LIMIT, "depth: Lua's stack is full");
    int top = lua_gettop(L);
    lua_pushcfunction(L, enter_guest);
    lua_pushlightuserdata(L, &entered);
    if (sources == NULL)
        lua_pushvalue(L, top);
    else
        lua_pushnil(L);
    if (services != 0)
        lua_pushvalue(L, services < 0 ? services + top + 1 : services);
    else
        lua_pushnil(L);
    int status = lua_pcall(L, 3, 0, 0);
    if (status != LUA_OK)
        entered.status = neapi_failure(&engine->vm, L, status, error);
    lua_settop(L, top);
    return entered.status;
}

neap_status neapi_engine_open_guest(void *lua_state, int services, neapi_sources *sources,
                                    const neapi_engine_options *options, neapi_engine **engine,
                                    neap_error *error)
{
    neap_error own;
    if (error == NULL)
        error = &own;
    neapi_engine *opened = new_engine(options);
    if (opened == NULL)
        return neapi_nomem(error);
    opened->vm.guest = true;
    opened->vm.border = run_entry;
    opened->vm.L = opened->vm.running = lua_state;
    opened->entry = opened->states = opened->handler = opened->require = LUA_NOREF;
    opened->functions = LUA_NOREF;
    opened->declared_services = opened->make_services = opened->given_services = LUA_NOREF;
    neap_status status = enter_guest_first(opened, services, sources, error);
    if (status != NEAP_OK) {
        neapi_engine_close(opened);
        return status;
    }
    if (sources != NULL)
        neapi_sources_seal(sources);
    *engine = opened;
    return NEAP_OK;
}

void neapi_engine_set_thread(neapi_engine *engine, void *lua_state)
{
    if (engine->vm.guest)
        engine->vm.running = lua_state;
}

void neapi_engine_set_host(neapi_engine *engine, void *host)
{
    engine->options.host = engine->vm.host = host;
}

neapi_catalog *neapi_engine_catalog(neapi_engine *engine)
{
    return &engine->catalog;
}

const neapi_call *neapi_engine_call(const neapi_engine *engine)
{
    const neapi_scope *scope = &engine->scope;
    bool of_message = scope->subscription == NULL || scope->run != NULL; /* a saga's is not one's */
    return scope->handling != NEAPI_HANDLING_NOTHING && of_message ? scope->call : NULL;
}

void neapi_engine_set_log(neapi_engine *engine, neap_log_callback log, void *user)
{
    engine->vm.log = log;
    engine->vm.log_user = user;
}

size_t neapi_engine_memory(const neapi_engine *engine)
{
    return engine->vm.used;
}

void neapi_engine_collect(neapi_engine *engine)
{
    lua_gc(engine->vm.running, LUA_GCCOLLECT);
}
