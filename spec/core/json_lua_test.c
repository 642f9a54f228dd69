/* JSON straight to Lua values and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <lualib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "core/json_cases.h"
#include "message/json.h"
#include "script/convert.h"

static int open_state(void **state)
{
    lua_State *L = luaL_newstate();
    if (L == NULL)
        return -1;
    luaL_openlibs(L);
    *state = L;
    return 0;
}

static int close_state(void **state)
{
    lua_close(*state);
    return 0;
}

/* A copy without anything behind it, so that a sanitizer sees a byte read beyond the end. */
static neap_status decode_exactly(lua_State *L, neap_text json, neap_error *error)
{
    char *copy = malloc(json.size != 0 ? json.size : 1);
    memcpy(copy, json.data, json.size);
    int top = lua_gettop(L);
    neap_status status = neapi_decode_lj(L, neapi_text(copy, json.size), NEAPI_JSON_DEPTH, error);
    assert_int_equal(lua_gettop(L), status == NEAP_OK ? top + 1 : top);
    free(copy);
    return status;
}

static neapi_buffer encoded(lua_State *L, int index)
{
    neapi_buffer json = NEAPI_BUFFER_INIT;
    neap_error error;
    int top = lua_gettop(L);
    if (neapi_encode_lj(L, index, NEAPI_JSON_DEPTH, &json, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    assert_int_equal(lua_gettop(L), top);
    return json;
}

static bool same(lua_State *L, int a, int b);

static bool same_tables(lua_State *L, int a, int b)
{
    size_t pairs = 0;
    lua_pushnil(L);
    while (lua_next(L, a) != 0) {
        lua_pushvalue(L, -2);
        lua_rawget(L, b);
        bool equal = same(L, lua_gettop(L) - 1, lua_gettop(L));
        lua_pop(L, equal ? 2 : 3);
        if (!equal)
            return false;
        pairs++;
    }
    lua_pushnil(L);
    while (lua_next(L, b) != 0) {
        lua_pop(L, 1);
        pairs--;
    }
    int marks = lua_getmetatable(L, a) + 2 * lua_getmetatable(L, b);
    lua_settop(L, lua_gettop(L) - (marks & 1) - (marks >> 1));
    return pairs == 0 && (marks == 0 || marks == 3);
}

/* Equal in value and type, integers apart from floats. */
static bool same(lua_State *L, int a, int b)
{
    luaL_checkstack(L, 10, NULL);
    if (lua_type(L, a) != lua_type(L, b) || lua_isinteger(L, a) != lua_isinteger(L, b))
        return false;
    if (lua_type(L, a) == LUA_TTABLE)
        return same_tables(L, a, b);
    if (lua_type(L, a) == LUA_TNUMBER && !lua_isinteger(L, a))
        return lua_tonumber(L, a) == lua_tonumber(L, b) &&
               signbit(lua_tonumber(L, a)) == signbit(lua_tonumber(L, b));
    return lua_rawequal(L, a, b);
}

/* Encoding what was decoded gives JSON that says the same, and always the same bytes. */
static void check_round_trip(lua_State *L, const char *about)
{
    int value = lua_gettop(L);
    neapi_buffer first = encoded(L, value);
    neap_text text = neapi_text(first.data, first.size);
    assert_int_equal(neapi_json_check(text, NEAPI_JSON_DEPTH, NULL), NEAP_OK);
    assert_int_equal(decode_exactly(L, text, NULL), NEAP_OK);
    if (!same(L, value, value + 1))
        fail_msg("%s: %.*s", about, (int)first.size, first.data);
    neapi_buffer second = encoded(L, value + 1);
    assert_true(neapi_text_equal(text, neapi_text(second.data, second.size)));
    neapi_buffer_fini(&first);
    neapi_buffer_fini(&second);
    lua_settop(L, value);
}

static void accepts_what_is_json(void **state)
{
    lua_State *L = *state;
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        neap_error error;
        if (decode_exactly(L, accepted[i].json, &error) != NEAP_OK)
            fail_msg("%s: %s", accepted[i].about, error.message);
        check_round_trip(L, accepted[i].about);
        lua_settop(L, 0);
    }
}

/* What is wrong is said in the same words as by the check in C. */
static void refuses_what_is_not(void **state)
{
    lua_State *L = *state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        neap_error error, expected;
        if (decode_exactly(L, refused[i].json, &error) != NEAP_INVALID)
            fail_msg("accepted: %s", refused[i].about);
        neapi_json_check(refused[i].json, NEAPI_JSON_DEPTH, &expected);
        assert_string_equal(error.message, expected.message);
        assert_string_equal(error.path, expected.path);
        assert_int_equal(error.line, expected.line);
        assert_int_equal(error.column, expected.column);
    }
}

static void limits_the_depth_both_ways(void **state)
{
    lua_State *L = *state;
    char json[1200];
    neap_error error;
    for (unsigned depth = 1; depth <= 600; depth++) {
        memset(json, '[', depth);
        memset(json + depth, ']', depth);
        neap_status status = neapi_decode_lj(L, neapi_text(json, 2 * depth), 400, &error);
        assert_int_equal(status, depth <= 400 ? NEAP_OK : NEAP_LIMIT);
        if (status != NEAP_OK)
            continue;
        neapi_buffer out = NEAPI_BUFFER_INIT;
        assert_int_equal(neapi_encode_lj(L, -1, depth, &out, &error), NEAP_OK);
        neapi_buffer_clear(&out);
        assert_int_equal(neapi_encode_lj(L, -1, depth - 1, &out, &error), NEAP_LIMIT);
        assert_string_equal(error.code, "limit");
        neapi_buffer_fini(&out);
        lua_settop(L, 0);
    }
    assert_int_equal(lua_gettop(L), 0);
}

/* Values on the stack, made from random numbers. */
static uint64_t next_random(uint64_t *seed)
{
    uint64_t z = *seed += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static void push_random_text(lua_State *L, uint64_t *seed)
{
    static const char *const pieces[] = {"a", "sku", "\"", "\\",       "\n",   "\x01", "é",
                                         "€", "🌊",   "/",  "order_id", "\x7F", ""};
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    for (uint64_t left = next_random(seed) % 12; left > 0; left--)
        luaL_addstring(&text, pieces[next_random(seed) % (sizeof pieces / sizeof *pieces)]);
    if (next_random(seed) % 8 == 0)
        luaL_addlstring(&text, "\0", 1);
    luaL_pushresult(&text);
}

static void push_random_float(lua_State *L, uint64_t *seed)
{
    uint64_t bits = next_random(seed);
    double value;
    memcpy(&value, &bits, sizeof value);
    lua_pushnumber(L, isfinite(value) ? value : 0.5);
}

static void push_random(lua_State *L, uint64_t *seed, int depth)
{
    uint64_t kind = next_random(seed) % (depth > 0 ? 9 : 6);
    uint64_t count = next_random(seed) % (next_random(seed) % 20 == 0 ? 60 : 6);
    luaL_checkstack(L, 10, NULL);
    switch (kind) {
    case 0:
        lua_pushboolean(L, next_random(seed) % 2 == 0);
        return;
    case 1:
        neapi_push_null(L);
        return;
    case 2:
        push_random_float(L, seed);
        return;
    case 3:
        lua_pushinteger(L, (lua_Integer)(next_random(seed) >> next_random(seed) % 64));
        return;
    case 4:
    case 5:
        push_random_text(L, seed);
        return;
    case 6:
        lua_newtable(L);
        for (uint64_t i = 1; i <= count; i++) {
            push_random(L, seed, depth - 1);
            lua_rawseti(L, -2, (lua_Integer)i);
        }
        if (count == 0) {
            neapi_push_array_metatable_lj(L);
            lua_setmetatable(L, -2);
        }
        return;
    default:
        lua_newtable(L);
        for (uint64_t i = 0; i < count; i++) {
            push_random_text(L, seed);
            push_random(L, seed, depth - 1);
            lua_rawset(L, -3);
        }
    }
}

static void gives_back_random_values(void **state)
{
    lua_State *L = *state;
    uint64_t seed = 7;
    for (int i = 0; i < 4000; i++) {
        push_random(L, &seed, 5);
        check_round_trip(L, "random");
        lua_settop(L, 0);
    }
}

static void gives_back_random_values_while_garbage_is_collected(void **state)
{
    lua_State *L = *state;
    uint64_t seed = 8;
    lua_gc(L, LUA_GCINC, 1, 1000, 1);
    for (int i = 0; i < 300; i++) {
        push_random(L, &seed, 5);
        check_round_trip(L, "random");
        lua_settop(L, 0);
    }
    lua_gc(L, LUA_GCGEN, 1, 1);
    for (int i = 0; i < 300; i++) {
        push_random(L, &seed, 5);
        check_round_trip(L, "random");
        lua_settop(L, 0);
    }
}

static void handles_large_tables(void **state)
{
    lua_State *L = *state;
    lua_newtable(L);
    for (lua_Integer i = 1; i <= 100000; i++) {
        lua_pushfstring(L, "name%d", (int)((i * 7919) % 100003));
        lua_pushinteger(L, i);
        lua_rawset(L, -3);
    }
    check_round_trip(L, "a large object");
    lua_settop(L, 0);
    lua_newtable(L);
    for (lua_Integer i = 100000; i >= 1; i--) {
        lua_pushinteger(L, i);
        lua_rawseti(L, -2, i);
    }
    check_round_trip(L, "a list that was filled from its end");
    lua_settop(L, 0);
}

/* Runs Lua code that is to return a text. */
static void assert_lua(lua_State *L, const char *code, const char *expected)
{
    if (luaL_dostring(L, code) != LUA_OK)
        fail_msg("%s", lua_tostring(L, -1));
    neapi_buffer json = NEAPI_BUFFER_INIT;
    neap_error error;
    neap_status status = neapi_encode_lj(L, -1, NEAPI_JSON_DEPTH, &json, &error);
    const char *got = status == NEAP_OK ? neapi_buffer_terminated(&json) : error.message;
    assert_string_equal(got, expected);
    neapi_buffer_fini(&json);
    lua_settop(L, 0);
}

static void names_what_json_cannot_say(void **state)
{
    lua_State *L = *state;
    assert_lua(L, "local a = {b = {}}; a.b.c = a; return a", "b.c: a table contains itself");
    assert_lua(L, "local a = {}; a[1] = {x = a}; return {deep = a}",
               "deep[1].x: a table contains itself");
    assert_lua(L, "local s = {1}; return {s, s}", "[[1],[1]]");
    assert_lua(L, "return {1, 2, x = 3}", "a table has both names and places as keys");
    assert_lua(L, "return {x = 3, [1] = 2}", "a table has both names and places as keys");
    assert_lua(L, "return {[2] = 1}", "a list has holes: its keys are not 1, 2, 3 …");
    assert_lua(L, "return {[0] = 1}", "a list has holes: its keys are not 1, 2, 3 …");
    assert_lua(L, "return {a = {1, 2, nil, 4}}", "a: a list has holes: its keys are not 1, 2, 3 …");
    assert_lua(L, "local t = {}; t[3], t[2], t[1] = 3, 2, 1; return t", "[1,2,3]");
    assert_lua(L, "return {[1.5] = 1}", "a key is a float, not a name");
    assert_lua(L, "return {a = {[true] = 1}}", "a: a key is a boolean, not a name");
    assert_lua(L, "return {[{}] = 1}", "a key is a table, not a name");
    assert_lua(L, "return {0/0}", "[1]: JSON has no NaN");
    assert_lua(L, "return {a = 1/0}", "a: JSON has no infinity");
    assert_lua(L, "return {a = -1/0}", "a: JSON has no infinity");
    assert_lua(L, "return {a = {b = {print}}}", "a.b[1]: JSON has no function");
    assert_lua(L, "return {a = io.stdout}", "a: JSON has no userdata");
    assert_lua(L, "return {a = coroutine.create(print)}", "a: JSON has no thread");
    assert_lua(L, "return nil", "JSON has no nil");
    assert_lua(L, "return {['\\xff'] = 1}", "a name is not valid UTF-8");
    assert_lua(L, "return {a = {'\\xed\\xa0\\x80'}}", "a[1]: a string is not valid UTF-8");
    assert_lua(L, "local t = {}; for i = 1, 40 do t['k' .. i] = i end; t[1] = 1; return t",
               "a table has both names and places as keys");
}

static void writes_canonically(void **state)
{
    lua_State *L = *state;
    assert_lua(L, "return {b = 1, a = 2, B = 3, ab = 4, [''] = 5, ['é'] = 6, ['a\\0'] = 7}",
               "{\"\":5,\"B\":3,\"a\":2,\"a\\u0000\":7,\"ab\":4,\"b\":1,\"é\":6}");
    assert_lua(L, "return {12345678 + 0.0, -0.0, 1, 1.0, math.mininteger, 2^53, 1e100}",
               "[12345678.0,-0.0,1,1.0,-9223372036854775808,9007199254740992.0,1e100]");
    assert_lua(L, "return {longer_name_b = 1, longer_name_a = 2, longer_name = 3, longer = 4}",
               "{\"longer\":4,\"longer_name\":3,\"longer_name_a\":2,\"longer_name_b\":1}");
    assert_lua(
        L,
        "local t = {}; for i = 30, 1, -1 do t[('%02d'):format(i)] = i % 3 == 0 end "
        "local seen = {} return t",
        "{\"01\":false,\"02\":false,\"03\":true,\"04\":false,\"05\":false,\"06\":true,\"07\":false,"
        "\"08\":false,\"09\":true,\"10\":false,\"11\":false,\"12\":true,\"13\":false,\"14\":false,"
        "\"15\":true,\"16\":false,\"17\":false,\"18\":true,\"19\":false,\"20\":false,\"21\":true,"
        "\"22\":false,\"23\":false,\"24\":true,\"25\":false,\"26\":false,\"27\":true,\"28\":false,"
        "\"29\":false,\"30\":true}");
    assert_lua(L, "return {'\\b\\f\\n\\r\\t\\0\\x1f\\x7f\"\\\\/'}",
               "[\"\\b\\f\\n\\r\\t\\u0000\\u001f\x7F\\\"\\\\/\"]");
}

static void runs_no_metamethod(void **state)
{
    assert_lua(*state,
               "local function no() error 'called' end "
               "return setmetatable({a = setmetatable({1, 2}, {__len = no, __index = no})}, "
               "{__pairs = no, __index = no, __tostring = no, __name = 'x'})",
               "{\"a\":[1,2]}");
}

static void counts_refused_memory(void **state)
{
    lua_State *L = *state;
    lua_newtable(L);
    for (int i = 1; i <= 100; i++) {
        lua_pushfstring(L, "%d", i);
        lua_rawseti(L, -2, i);
    }
    neapi_alloc_refuse(0, false);
    int64_t blocks = neapi_alloc_blocks();
    for (uint64_t nth = 1;; nth++) {
        neapi_buffer json = NEAPI_BUFFER_INIT;
        neapi_alloc_refuse(nth, false);
        neap_status status = neapi_encode_lj(L, 1, NEAPI_JSON_DEPTH, &json, NULL);
        neapi_alloc_refuse(0, false);
        assert_int_equal(status, NEAP_OK);
        bool failed = json.failed;
        neapi_buffer_fini(&json);
        assert_int_equal(neapi_alloc_blocks(), blocks);
        if (!failed)
            break;
        assert_true(nth < 100);
    }
    lua_settop(L, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_what_is_json),
        cmocka_unit_test(refuses_what_is_not),
        cmocka_unit_test(limits_the_depth_both_ways),
        cmocka_unit_test(gives_back_random_values),
        cmocka_unit_test(gives_back_random_values_while_garbage_is_collected),
        cmocka_unit_test(handles_large_tables),
        cmocka_unit_test(names_what_json_cannot_say),
        cmocka_unit_test(writes_canonically),
        cmocka_unit_test(runs_no_metamethod),
        cmocka_unit_test(counts_refused_memory),
    };
    return cmocka_run_group_tests(tests, open_state, close_state);
}
