/* Services: made when the engine starts, from the domain's factories, modules of the host's choice,
 * and functions that the host gives in C. */
#include <lauxlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "message/json.h"
#include "script/context.h"
#include "script/environment.h"
#include "script/failure.h"
#include "script/lua_error.h"
#include "script/narrow.h"
#include "script/require.h"
#include "script/trace.h"

/* ---- Functions in C -------------------------------------------------------------------------- */

struct neap_service_call {
    neapi_buffer *result;
};

neap_status neap_service_result(neap_service_call *call, const char *json, size_t size,
                                neap_error *error)
{
    neap_status status = neapi_json_check(neapi_text(json, size), NEAPI_JSON_DEPTH, error);
    if (status != NEAP_OK)
        return status;
    neapi_buffer_clear(call->result);
    neapi_buffer_append(call->result, json, size);
    return call->result->failed ? neapi_nomem(error) : NEAP_OK;
}

static neap_status call_service(neapi_engine *engine, const neapi_service *service,
                                neap_error *error)
{
    const char *json = neapi_buffer_terminated(&engine->service_argument);
    if (json == NULL)
        return neapi_nomem(error);
    neap_service_call call = {&engine->service_result};
    neapi_buffer_clear(call.result);
    neapi_fail(error, NEAP_OK, "%s", "");
    neap_status status =
        service->function(&call, json, engine->service_argument.size, service->user, error);
    if (status == NEAP_OK)
        return NEAP_OK;
    if ((unsigned)status <= NEAP_NOMEM && error->message[0] != '\0')
        return neapi_error_settle(error, status);
    return neapi_fail(error, (unsigned)status > NEAP_NOMEM ? NEAP_HANDLER : status,
                      "service '%s' failed in '%s' and did not say why", service->service,
                      service->name);
}

static neap_status push_result_lj(lua_State *L, neapi_engine *engine, neap_error *error)
{
    const neapi_buffer *result = &engine->service_result;
    if (result->size != 0)
        return neapi_decode_lj(L, neapi_text(result->data, result->size), engine->vm.depth, error);
    lua_pushnil(L);
    return NEAP_OK;
}

/* f(argument) → result | nil, err */
static int provided(lua_State *L)
{
    const neapi_context *context = lua_touserdata(L, lua_upvalueindex(2));
    neapi_engine *engine = context->engine;
    if (engine == NULL)
        return neapi_misuse_lj(L, "the runtime that this service belongs to is closed");
    const neapi_service *service = lua_touserdata(L, lua_upvalueindex(1));
    neap_error *error = &engine->failure;
    neapi_buffer *argument = &engine->service_argument;
    if (engine->vm.pure != NULL)
        return neapi_misuse_lj(L, "service '%s' cannot be used in %s", service->service,
                               engine->vm.pure);
    neapi_buffer_clear(argument);
    neap_status status = NEAP_OK;
    if (lua_isnoneornil(L, 1))
        NEAPI_BUFFER_LITERAL(argument, "null");
    else
        status = neapi_encode_lj(L, 1, engine->vm.depth, argument, error);
    if (status != NEAP_OK)
        return neapi_raise_lj(L, status == NEAP_INVALID ? NEAP_HANDLER : status,
                              "the argument of %s.%s: %s", service->service, service->name,
                              error->message);
    status = call_service(engine, service, error);
    if (status == NEAP_OK)
        status = push_result_lj(L, engine, error);
    if (status == NEAP_OK)
        return 1;
    lua_pushnil(L);
    neapi_push_error_lj(L, error);
    return 2;
}

/* Pushes { service = { name = function } }. */
static void push_provided_lj(lua_State *L, const neapi_service_options *options)
{
    lua_newtable(L);
    for (size_t i = 0; i < options->provided_count; i++) {
        const neapi_service *service = &options->provided[i];
        luaL_getsubtable(L, -1, service->service);
        lua_pushlightuserdata(L, (void *)(uintptr_t)service);
        lua_pushvalue(L, lua_upvalueindex(NEAPI_UPVALUE_CONTEXT));
        lua_pushcclosure(L, provided, 2);
        lua_setfield(L, -2, service->name);
        lua_pop(L, 1);
    }
}

/* ---- Services that do nothing ---------------------------------------------------------------- */

/* Appends the JSON list of the arguments from the third on. */
static neap_status write_arguments_lj(lua_State *L, const neapi_engine *engine, neapi_buffer *json,
                                      neap_error *error)
{
    neap_status status = NEAP_OK;
    neapi_buffer_clear(json);
    neapi_buffer_byte(json, '[');
    for (int i = 3; i <= lua_gettop(L) && status == NEAP_OK; i++) {
        if (i > 3)
            neapi_buffer_byte(json, ',');
        if (lua_isnil(L, i))
            NEAPI_BUFFER_LITERAL(json, "null");
        else
            status = neapi_encode_lj(L, i, engine->vm.depth, json, error);
    }
    neapi_buffer_byte(json, ']');
    return status == NEAP_OK && json->failed ? neapi_nomem(error) : status;
}

/* note(service, name, …) */
static int note_call(lua_State *L)
{
    const neapi_context *context = lua_touserdata(L, lua_upvalueindex(1));
    neapi_engine *engine = context->engine;
    if (engine == NULL)
        return neapi_misuse_lj(L, "the runtime that this service belongs to is closed");
    const char *service = luaL_checkstring(L, 1), *name = luaL_checkstring(L, 2);
    if (engine->vm.pure != NULL)
        return neapi_misuse_lj(L, "service '%s' cannot be used in %s", service, engine->vm.pure);
    neap_error *error = &engine->failure;
    neapi_buffer *arguments = &engine->service_argument;
    neap_status status = write_arguments_lj(L, engine, arguments, error);
    if (status == NEAP_OK)
        status = engine->recorder.note(engine->recorder.user, service, name,
                                       neapi_text(arguments->data, arguments->size), error);
    if (status != NEAP_OK)
        return neapi_raise_lj(L, status == NEAP_INVALID ? NEAP_HANDLER : status,
                              "the arguments of %s.%s: %s", service, name, error->message);
    return 0;
}

/* ---- What guards them ------------------------------------------------------------------------ */

static neapi_context *context_lj(lua_State *L)
{
    neapi_context *context = lua_touserdata(L, lua_upvalueindex(1));
    if (context->engine == NULL)
        neapi_misuse_lj(L, "the runtime that this service belongs to is closed");
    return context;
}

/* clock() → seconds of a clock that never goes back */
static int guard_clock(lua_State *L)
{
    const neapi_vm *vm = &context_lj(L)->engine->vm;
    lua_pushnumber(L, (lua_Number)neapi_monotonic_us(vm->platform) / 1e6);
    return 1;
}

/* narrow(seconds) → what ends it when it is closed */
static int guard_narrow(lua_State *L)
{
    context_lj(L);
    neapi_narrow_lj(L, lua_upvalueindex(1), luaL_checknumber(L, 1));
    return 1;
}

/* Pushes both. */
static void push_guards_lj(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"clock", guard_clock}, {"narrow", guard_narrow}, {NULL, NULL}};
    luaL_newlibtable(L, functions);
    lua_pushvalue(L, lua_upvalueindex(NEAPI_UPVALUE_CONTEXT));
    luaL_setfuncs(L, functions, 1);
}

/* ---- Making them ----------------------------------------------------------------------------- */

void neapi_services_declare_lj(lua_State *L, neapi_engine *engine, int index)
{
    index = lua_absindex(L, index);
    lua_getfield(L, index, "services");
    engine->declared_services = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_getfield(L, index, "make_services");
    engine->make_services = luaL_ref(L, LUA_REGISTRYINDEX);
}

typedef struct starting {
    const neapi_service_options *options;
} starting;

/* JSON that is known to be right. */
static bool is_list_text(neap_text json)
{
    size_t space = 0;
    while (space < json.size && strchr(" \t\r\n", json.data[space]) != NULL)
        space++;
    return space < json.size && json.data[space] == '[';
}

/* Pushes the table that an option's JSON object says. */
static neap_status push_option_lj(lua_State *L, const neapi_engine *engine, const char *name,
                                  neap_text json, neap_error *error)
{
    neap_status status = NEAP_OK;
    if (json.size == 0)
        lua_newtable(L);
    else
        status = neapi_decode_lj(L, json, engine->vm.depth, error);
    bool is_list = status == NEAP_OK && lua_type(L, -1) == LUA_TTABLE && is_list_text(json);
    if (status == NEAP_OK && (is_list || lua_type(L, -1) != LUA_TTABLE))
        return neapi_fail(error, NEAP_USAGE, "option %s: expected a JSON object, got a %s", name,
                          is_list ? "list" : luaL_typename(L, -1));
    if (status == NEAP_OK)
        return NEAP_OK;
    neapi_error_prefix(error, "option %s", name);
    return neapi_error_as(error, NEAP_USAGE);
}

/* Those that do nothing but note it. */
static neap_status make_recorded(lua_State *L, neapi_engine *engine, void *arguments,
                                 neap_error *error)
{
    engine->recorder = ((const starting *)arguments)->options->recorder;
    luaL_checkstack(L, 20, "making services");
    neapi_environment_module_lj(L, "neap.services");
    lua_getfield(L, -1, "recorded");
    lua_rawgeti(L, LUA_REGISTRYINDEX, engine->declared_services);
    neap_status status = push_option_lj(L, engine, "answers", engine->recorder.answers, error);
    if (status != NEAP_OK)
        return status;
    lua_pushvalue(L, lua_upvalueindex(NEAPI_UPVALUE_CONTEXT));
    lua_pushcclosure(L, note_call, 1);
    lua_call(L, 3, 1);
    engine->services = luaL_ref(L, LUA_REGISTRYINDEX);
    return NEAP_OK;
}

static neap_status make_services(lua_State *L, neapi_engine *engine, void *arguments,
                                 neap_error *error)
{
    const neapi_service_options *options = ((const starting *)arguments)->options;
    luaL_checkstack(L, 20, "making services");
    lua_rawgeti(L, LUA_REGISTRYINDEX, engine->make_services);
    lua_rawgeti(L, LUA_REGISTRYINDEX, engine->declared_services);
    neap_status status = push_option_lj(L, engine, "config", options->config, error);
    if (status == NEAP_OK && engine->vm.guest && engine->given_services != LUA_NOREF)
        lua_rawgeti(L, LUA_REGISTRYINDEX, engine->given_services);
    else if (status == NEAP_OK)
        status = push_option_lj(L, engine, "services", options->modules, error);
    if (status != NEAP_OK)
        return status;
    push_provided_lj(L, options);
    lua_rawgeti(L, LUA_REGISTRYINDEX, engine->require);
    push_guards_lj(L);
    lua_call(L, 6, 1);
    engine->services = luaL_ref(L, LUA_REGISTRYINDEX);
    return NEAP_OK;
}

neap_status neapi_engine_start(neapi_engine *engine, neapi_sources *sources,
                               const neapi_service_options *options, neap_error *error)
{
    starting job = {options};
    if (options->recorder.note != NULL)
        return neapi_engine_enter(engine, make_recorded, &job, error);
    if (sources != NULL)
        neapi_sources_unseal(sources);
    neap_status status = neapi_engine_enter(engine, make_services, &job, error);
    if (sources != NULL)
        neapi_sources_seal(sources);
    return status;
}

void neapi_services_push_lj(lua_State *L, const neapi_engine *engine)
{
    if (engine->vm.pure != NULL)
        neapi_misuse_lj(L, "context.services is for plain handlers, queries and middleware; what "
                           "an aggregate decides on must be in the command");
    if (engine->services == 0)
        neapi_misuse_lj(L, "context.services: the runtime is not started");
    lua_rawgeti(L, LUA_REGISTRYINDEX, engine->services);
}
