#include "script/failure.h"

#include <lauxlib.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "script/lua_error.h"
#include "script/trace.h"
#include "script/vm.h"

static int describe(lua_State *L)
{
    luaL_tolstring(L, 1, NULL);
    return 1;
}

/* The domain's own __tostring may itself fail, so it is asked in a protected call. */
static void describe_object(lua_State *L)
{
    lua_pushcfunction(L, describe);
    lua_pushvalue(L, 1);
    if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
        lua_pop(L, 1);
        lua_pushfstring(L, "an error that is a %s was raised, and its __tostring failed",
                        luaL_typename(L, 1));
    } else if (lua_type(L, 1) == LUA_TNUMBER || lua_type(L, 1) == LUA_TBOOLEAN) {
        lua_pushfstring(L, "an error that is a %s was raised: %s", luaL_typename(L, 1),
                        lua_tostring(L, -1));
    } else if (luaL_getmetafield(L, 1, "__tostring") == LUA_TNIL) {
        lua_pop(L, 1);
        lua_pushfstring(L, "an error that is a %s was raised", luaL_typename(L, 1));
    } else {
        lua_pop(L, 1);
    }
}

int neapi_failure_handler(lua_State *L)
{
    neapi_vm *vm = lua_touserdata(L, lua_upvalueindex(1));
    if (vm == NULL)
        vm = neapi_vm_of(L);
    if (vm->fired)
        return 1;
    neapi_trace(L, 1, vm);
    if (lua_type(L, 1) == LUA_TSTRING || neapi_error_is(L, 1))
        return 1;
    describe_object(L);
    return 1;
}

static neap_status out_of_memory(const neapi_vm *vm, neap_error *error)
{
    if (vm->refused_bytes == 0)
        return neapi_nomem(error);
    return neapi_fail(error, NEAP_LIMIT,
                      "memory: one request of %zu bytes; at most %zu are allowed",
                      vm->refused_bytes, vm->allocation_bytes);
}

static neap_status raised(lua_State *L, neap_error *error)
{
    if (neapi_error_take(L, -1, error))
        return error->status;
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "unknown error";
    if (strstr(text, "stack overflow") != NULL)
        return neapi_fail(error, NEAP_LIMIT, "depth: %s", text);
    return neapi_fail(error, NEAP_HANDLER, "%s", text);
}

neap_status neapi_failure(neapi_vm *vm, lua_State *L, int lua_status, neap_error *error)
{
    neap_status status;
    if (vm->fired)
        status = neapi_fail(error, NEAP_LIMIT, "%s", vm->limit);
    else if (lua_status == LUA_ERRMEM)
        status = out_of_memory(vm, error);
    else if (lua_status == LUA_ERRERR) /* what our message handler lacks is room */
        status = neapi_fail(error, NEAP_LIMIT, "depth: stack overflow");
    else
        status = raised(L, error);
    NEAPI_ERROR_SET(error, traceback, vm->traceback, strlen(vm->traceback));
    return status;
}

neap_status neapi_failure_as(neap_error *error, neap_status status)
{
    const char *code = neap_status_name(status);
    error->status = status;
    NEAPI_ERROR_SET(error, code, code, strlen(code));
    return status;
}

void neapi_failure_place(lua_State *L, int index, neap_error *error)
{
    lua_Debug ar;
    lua_pushvalue(L, index);
    lua_getinfo(L, ">S", &ar);
    neapi_error_prefix(error, "%s:%d", neapi_trace_file(&ar), ar.linedefined);
}

neap_status neapi_fail_at(lua_State *L, int index, neap_error *error, const char *format, ...)
{
    char message[sizeof error->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    neapi_fail(error, NEAP_HANDLER, "%s", message);
    neapi_failure_place(L, index, error);
    return NEAP_HANDLER;
}

int neapi_raise_lj(lua_State *L, neap_status status, const char *format, ...)
{
    char message[900];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    lua_Debug ar;
    neap_error error;
    if (neapi_trace_caller(L, 1, &ar))
        neapi_fail(&error, status, "%s:%d: %s", neapi_trace_file(&ar), ar.currentline, message);
    else
        neapi_fail(&error, status, "%s", message);
    neapi_push_error_lj(L, &error);
    return lua_error(L);
}
