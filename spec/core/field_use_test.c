/* core/script/field_use: which fields of its event a fold can see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

#include "script/field_use.h"

enum { A = 1, B = 2, C = 4 };

static neapi_schema *schema;

static int open_state(void **state)
{
    lua_State *L = luaL_newstate();
    if (L == NULL)
        return -1;
    luaL_openlibs(L);
    if (luaL_dostring(L, "return { a = 'integer', b = 'string', c = 'number?' }"))
        return -1;
    schema = neapi_schema_new_lj(L, 1, "Flat");
    *state = L;
    return 0;
}

static int close_state(void **state)
{
    lua_close(*state);
    return 0;
}

static void assert_used(lua_State *L, const char *function, uint32_t expected)
{
    char code[512];
    int top = lua_gettop(L);
    snprintf(code, sizeof code, "local other = {} local keep = print return %s", function);
    if (luaL_dostring(L, code) != LUA_OK)
        fail_msg("%s", lua_tostring(L, -1));
    uint32_t used = neapi_fields_used(L, 2, schema->fields);
    if (used != expected)
        fail_msg("%s: %x, expected %x", function, (unsigned)used, (unsigned)expected);
    lua_settop(L, top);
}

static void fields_read_by_name_are_found(void **state)
{
    static const struct {
        const char *function;
        uint32_t used;
    } cases[] = {
        {"function(s) s.n = 1 end", 0},
        {"function() end", 0},
        {"function(s, e) end", 0},
        {"function(s, e) s.n = e.a end", A},
        {"function(s, e) s.n = e['a'] end", A},
        {"function(s, e) s.n = s.n + e.a * e.c end", A | C},
        {"function(s, e) s[e.b] = e.a end", A | B},
        {"function(s, e) if e.c then s.n = #e.b elseif not e.a then s.n = nil end end", A | B | C},
        {"function(s, e) s.text = s.text .. e.b .. '!' end", B},
        {"function(s, e) s.list[#s.list + 1] = e.a end", A},
        {"function(s, e) s:add(e.a) keep(e.b) end", A | B},
        {"function(s, e) for i = 1, e.a do s[i] = e.b end end", A | B},
        {"function(s, e) for k, v in pairs(s) do other[k] = v - e.a end end", A},
        {"function(s, e) return { n = e.a, e.b } end", A | B},
        {"function(s, e) local x <const> = e.c s.n = x == 1 and x or -x end", C},
        {"function(s, e, about) s.n = about.course .. e.b end", B},
        {"function(s, e) s.n = e.unknown end", 0},
        {"function(s, e) s.n = e.b.c end", B},
        {"function(s, e) s.n = s.a end", 0},
        {"function(s, e) return s end", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_used(*state, cases[i].function, cases[i].used);
}

static void an_event_that_may_go_elsewhere_is_seen_whole(void **state)
{
    static const char *const functions[] = {
        "function(s, e) s.last = e end",
        "function(s, e) s[1] = e end",
        "function(s, e) s[s.n] = e end",
        "function(s, e) s[e] = true end",
        "function(s, e) other = e end",
        "function(s, e) other.last = e end",
        "function(s, e) last = e end",
        "function(s, e) return e end",
        "function(s, e) return s, e end",
        "function(s, e) return keep(e) end",
        "function(s, e) keep(e) end",
        "function(s, e) local x = e s.n = x.a end",
        "function(s, e) s = e end",
        "function(s, e) e = s end",
        "function(s, e) e = nil end",
        "function(s, e) e = e.a end",
        "function(s, e) e.a = 1 end",
        "function(s, e) e.more = s end",
        "function(s, e) e[1] = 1 end",
        "function(s, e) e[s.k] = 1 end",
        "function(s, e) s.n = e[s.k] end",
        "function(s, e) local k = 'a' s.n = e[k] end",
        "function(s, e) s.n = e[1] end",
        "function(s, e) for k, v in pairs(e) do s[k] = v end end",
        "function(s, e) for k, v in next, e do s[k] = v end end",
        "function(s, e) e:method() end",
        "function(s, e) s:method(e) end",
        "function(s, e) s.n = { e } end",
        "function(s, e) s.n = { x = e } end",
        "function(s, e) s.n = #e end",
        "function(s, e) s.n = -e end",
        "function(s, e) s.n = e + 1 end",
        "function(s, e) s.n = 1 + e end",
        "function(s, e) s.n = s .. e end",
        "function(s, e) s.n = e == s end",
        "function(s, e) s.n = s == e end",
        "function(s, e) s.n = e < s end",
        "function(s, e) s.n = e == nil end",
        "function(s, e) s.n = e and 1 end",
        "function(s, e) s.n = s.x or e end",
        "function(s, e) s.n = not e end",
        "function(s, e) if e then s.n = 1 end end",
        "function(s, e) local x <close> = e end",
        "function(s, e) for i = 1, 2 do s[i] = e end end",
        "function(s, ...) s.n = select(1, ...).a end",
        "function(s, e, ...) s.n = e.a end",
        "function(...) local s, e = ... s.n = e.a end",
        "function(s, e) s.f = function() return e.a end end",
        "function(s, e) local f = function() return 1 end s.n = f() + e.a end",
        "function(s, e) s.n = setmetatable(e, nil).a end",
        "print",
        "setmetatable({}, { __call = function(_, s, e) s.n = e.a end })",
    };
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        assert_used(*state, functions[i], NEAPI_FLAT_ALL);
}

/* An instruction can name a constant only up to 255. */
static void many_constants_hide_no_field(void **state)
{
    lua_State *L = *state;
    luaL_Buffer code;
    luaL_buffinit(L, &code);
    luaL_addstring(&code, "return function(s, e) ");
    for (int i = 0; i < 300; i++) {
        lua_pushfstring(L, "s.x%d = 'y%d' ", i, i);
        luaL_addvalue(&code);
    }
    luaL_addstring(&code, "s.n = e.a end");
    luaL_pushresult(&code);
    assert_int_equal(luaL_dostring(L, lua_tostring(L, -1)), LUA_OK);
    uint32_t used = neapi_fields_used(L, 2, schema->fields);
    assert_true((used & A) != 0);
}

static void only_the_wanted_fields_are_made(void **state)
{
    lua_State *L = *state;
    static const char json[] = "{\"a\":1,\"b\":\"x\\n\",\"c\":1.5}";
    neap_text text = {json, sizeof json - 1};
    lua_settop(L, 2);
    assert_true(neapi_flat_recall_lj(L, schema, text, A | C));
    lua_getfield(L, 3, "a");
    lua_getfield(L, 3, "b");
    lua_getfield(L, 3, "c");
    assert_true(lua_tointeger(L, 4) == 1 && lua_isnil(L, 5) && lua_tonumber(L, 6) == 1.5);
    lua_settop(L, 3);
    lua_pushliteral(L, "x");
    lua_setfield(L, 3, "b");
    neapi_buffer out = NEAPI_BUFFER_INIT;
    bool copied = false;
    assert_true(neapi_flat_encode_lj(L, schema, 3, &out, B, &copied));
    assert_true(copied && out.size == 23 &&
                memcmp(out.data, "{\"a\":1,\"b\":\"x\",\"c\":1.5}", 23) == 0);
    lua_getfield(L, 4, "a");
    lua_getfield(L, 4, "b");
    assert_true(lua_isnil(L, 5) && strcmp(lua_tostring(L, 6), "x") == 0);
    neapi_buffer_fini(&out);
}

/* What is not wanted is read as what is. */
static void what_is_wrong_in_other_fields_is_noticed(void **state)
{
    lua_State *L = *state;
    static const char *const wrong[] = {
        "{\"a\":1.5,\"b\":\"x\"}",
        "{\"a\":1,\"b\":\"\xFF\"}",
        "{\"a\":1,\"b\":2}",
        "{\"a\":1,\"b\":\"x\",\"c\":null}",
        "{\"a\":1}",
        "{\"a\":01,\"b\":\"x\"}",
        "{\"a\":1,\"b\":\"\\q\"}",
        "{\"a\":1,\"b\":\"x\"",
    };
    lua_settop(L, 2);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(neapi_flat_recall_lj(L, schema, (neap_text){wrong[i], strlen(wrong[i])}, 0));
        assert_int_equal(lua_gettop(L), 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fields_read_by_name_are_found, open_state, close_state),
        cmocka_unit_test_setup_teardown(an_event_that_may_go_elsewhere_is_seen_whole, open_state,
                                        close_state),
        cmocka_unit_test_setup_teardown(many_constants_hide_no_field, open_state, close_state),
        cmocka_unit_test_setup_teardown(only_the_wanted_fields_are_made, open_state, close_state),
        cmocka_unit_test_setup_teardown(what_is_wrong_in_other_fields_is_noticed, open_state,
                                        close_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
