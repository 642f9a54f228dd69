/* A domain in a lua_State of the host's, through neap.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "neap.h"

static neap_error error;

static int open_native(lua_State *L)
{
    return neap_lua_open(L);
}

static lua_State *new_state(void)
{
    lua_State *L = luaL_newstate();
    assert_non_null(L);
    luaL_openlibs(L);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, open_native);
    lua_setfield(L, -2, "neap.internal");
    lua_pop(L, 1);
    assert_int_equal(
        luaL_dostring(L, "package.path = '" LUA_FOLDER "/?.lua;" LUA_FOLDER "/?/init.lua'"),
        LUA_OK);
    return L;
}

static neap_options inline_options(void)
{
    neap_options options;
    neap_options_init(&options);
    options.lanes = 0;
    return options;
}

static neap_runtime *start(lua_State *L, const char *path, int services)
{
    neap_options options = inline_options();
    neap_runtime *runtime;
    int top = lua_gettop(L);
    if (neap_load_in(L, path, services, &options, &runtime, &error) != NEAP_OK ||
        neap_start(runtime, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    assert_int_equal(lua_gettop(L), top);
    return runtime;
}

static void expect_total(neap_runtime *runtime, const char *expected)
{
    neap_reply *reply;
    assert_int_equal(neap_query(runtime, "Total", "{\"id\":\"a\"}", 10, 0, &reply, &error),
                     NEAP_OK);
    assert_string_equal(neap_reply_json(reply, NULL), expected);
    neap_reply_free(reply);
}

static neap_status add(neap_runtime *runtime, const char *json)
{
    return neap_dispatch(runtime, "Add", json, strlen(json), NULL, NULL, &error);
}

static void a_file_runs_in_the_hosts_state(void **unused)
{
    (void)unused;
    lua_State *L = new_state();
    assert_int_equal(luaL_dostring(L, "require 'neap'"), LUA_OK);
    neap_runtime *runtime = start(L, DOMAIN, 0);
    assert_int_equal(add(runtime, "{\"id\":\"a\",\"n\":15}"), NEAP_OK);
    assert_int_equal(add(runtime, "{\"id\":\"a\",\"n\":15}"), NEAP_REJECTED);
    assert_string_equal(error.code, "full");
    expect_total(runtime, "15");
    neap_close(runtime);
    assert_int_equal(lua_gettop(L), 0);
    lua_close(L);
}

static const char domain[] =
    "local neap = require 'neap'\n"
    "local domain = neap.domain 'guest'\n"
    "local Total = domain:query 'Total' { id = 'string' }\n"
    "domain:command 'Add' { id = 'string', n = 'integer' }\n"
    "domain:service('tally', function() return {} end)\n"
    "domain:answer(Total, function(query, context) return context.services.tally.total() end)\n"
    "return { tally = { total = function() return host_total end } }, domain\n";

static neap_status handle_add(neap_context *context, const char *json, size_t size, void *user,
                              neap_error *failure)
{
    (void)context, (void)size, (void)failure;
    assert_non_null(strstr(json, "\"n\":3"));
    lua_State *L = user;
    lua_pushinteger(L, 3);
    lua_setglobal(L, "host_total");
    return NEAP_OK;
}

static void an_object_runs_with_services_and_handlers_of_the_host(void **unused)
{
    (void)unused;
    lua_State *L = new_state();
    assert_int_equal(luaL_loadstring(L, domain), LUA_OK);
    assert_int_equal(lua_pcall(L, 0, 2, 0), LUA_OK);
    neap_options options = inline_options();
    neap_runtime *runtime;
    assert_int_equal(neap_load_in(L, NULL, -2, &options, &runtime, &error), NEAP_OK);
    assert_int_equal(neap_handle_command(runtime, "Add", handle_add, L, &error), NEAP_OK);
    assert_int_equal(neap_start(runtime, &error), NEAP_OK);
    assert_int_equal(add(runtime, "{\"id\":\"a\",\"n\":3}"), NEAP_OK);
    lua_State *other = lua_newthread(L);
    assert_int_equal(neap_set_lua_thread(runtime, other, &error), NEAP_OK);
    expect_total(runtime, "3");
    assert_int_equal(neap_set_lua_thread(runtime, L, &error), NEAP_OK);
    neap_close(runtime);
    assert_int_equal(lua_gettop(L), 3);
    lua_close(L);
}

static void what_cannot_be_loaded_is_told(void **unused)
{
    (void)unused;
    lua_State *L = new_state();
    neap_options options = inline_options();
    neap_runtime *runtime;
    lua_pushinteger(L, 3);
    assert_int_equal(neap_load_in(L, NULL, 0, &options, &runtime, &error), NEAP_HANDLER);
    assert_string_equal(error.message,
                        "the domain's file must return its domain, but returned a number");
    assert_int_equal(neap_load_in(L, "/nowhere.lua", 0, &options, &runtime, &error), NEAP_USAGE);
    assert_int_equal(neap_load_in(L, DOMAIN, 0, NULL, &runtime, &error), NEAP_USAGE);
    assert_non_null(strstr(error.message, "option lanes must be 0"));
    assert_int_equal(neap_load_in(NULL, DOMAIN, 0, &options, &runtime, &error), NEAP_USAGE);
    assert_int_equal(lua_gettop(L), 1);
    lua_close(L);
}

/* The allocator of a state: refuses what comes after `left` requests. */
static void *scarce(void *user, void *block, size_t old_size, size_t size)
{
    long *left = user;
    if (size == 0) {
        free(block);
        return NULL;
    }
    bool grows = block == NULL || size > old_size;
    if (grows && *left >= 0 && (*left)-- == 0) {
        *left = 0;
        return NULL;
    }
    return realloc(block, size);
}

/* The host's memory may end at any place: it is told, and nothing is left in its state. */
static void a_host_without_memory_is_told(void **unused)
{
    (void)unused;
    lua_State *L = new_state();
    assert_int_equal(luaL_dostring(L, "require 'neap'"), LUA_OK);
    void *user;
    lua_Alloc before = lua_getallocf(L, &user);
    neap_options options = inline_options();
    bool done = false;
    for (long allowed = 0; !done; allowed += 1 + allowed / 50) {
        long left = allowed;
        neap_runtime *runtime;
        lua_setallocf(L, scarce, &left);
        neap_status status = neap_load_in(L, DOMAIN, 0, &options, &runtime, &error);
        done = status == NEAP_OK;
        if (done)
            status = neap_start(runtime, &error);
        lua_setallocf(L, before, user);
        if (done) {
            neap_close(runtime);
        } else {
            assert_true(status == NEAP_NOMEM || status == NEAP_LIMIT || status == NEAP_HANDLER);
            assert_int_equal(lua_gettop(L), 0);
        }
    }
    neap_runtime *runtime = start(L, DOMAIN, 0);
    assert_int_equal(add(runtime, "{\"id\":\"a\",\"n\":15}"), NEAP_OK);
    neap_close(runtime);
    lua_close(L);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_runs_in_the_hosts_state),
        cmocka_unit_test(an_object_runs_with_services_and_handlers_of_the_host),
        cmocka_unit_test(what_cannot_be_loaded_is_told),
        cmocka_unit_test(a_host_without_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
