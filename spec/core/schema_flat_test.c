/* core/script/schema_flat: the short way says what the long way says, or gives up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include <lauxlib.h>
#include <lualib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "message/json.h"
#include "script/schema_flat.h"

#define ROUNDS 60000

static const char *const names[] = {"amount", "by", "eight888", "eight888_and_more", "id", "open"};
enum { NAMES = sizeof names / sizeof *names };

/* What stands for the fields' values; most fit some field. */
static const char *const values[] = {
    "\"\"",
    "\"o-1\"",
    "\"a text of more than sixteen bytes, and more than forty\"",
    "\"h\xC3\xA4user\"",
    "\"\x7F\"",
    "\"\\u00e4\"",
    "\"\\n\"",
    "\"\xFF\"",
    "0",
    "-0",
    "7",
    "-12",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "012",
    "12.5",
    "12.50",
    "-0.0",
    "1e2",
    "100.0",
    "0.1",
    "1e400",
    "3.0e-7",
    "true",
    "false",
    "tru",
    "null",
    "{}",
    "[1]",
    "",
};
enum { VALUES = sizeof values / sizeof *values };

static neapi_schema *schema;

static int open_state(void **state)
{
    lua_State *L = luaL_newstate();
    if (L == NULL)
        return -1;
    luaL_openlibs(L);
    if (luaL_dostring(L, "return { amount = 'integer', by = 'string?', eight888 = 'number?', "
                         "eight888_and_more = 'boolean?', id = 'string', open = 'boolean?' }"))
        return -1;
    schema = neapi_schema_new_lj(L, 1, "Flat");
    assert_true(schema->flat);
    *state = L;
    srand(5);
    return 0;
}

static int close_state(void **state)
{
    lua_close(*state);
    return 0;
}

static const char *any_of(const char *const *list, int count)
{
    return list[rand() % count];
}

static void add_space(neapi_buffer *json, int seldom)
{
    if (rand() % seldom == 0)
        neapi_buffer_byte(json, " \n\t\r"[rand() % 4]);
}

static const char *likely_value(const char *name)
{
    static const char *const texts[] = {"\"o-1\"", "\"\"", "\"a text of more than sixteen bytes\""};
    static const char *const numbers[] = {"0", "7", "-12", "4200"};
    static const char *const booleans[] = {"true", "false"};
    if (rand() % 5 == 0)
        return any_of(values, VALUES);
    if (strcmp(name, "by") == 0 || strcmp(name, "id") == 0)
        return any_of(texts, 3);
    return strcmp(name, "amount") == 0 || strcmp(name, "eight888") == 0 ? any_of(numbers, 4)
                                                                        : any_of(booleans, 2);
}

/* An object that is often canonical, more often nearly so. */
static void make_json(neapi_buffer *json)
{
    int seldom = rand() % 2 == 0 ? 1000 : 8;
    bool first = true;
    neapi_buffer_clear(json);
    add_space(json, seldom * 4);
    neapi_buffer_byte(json, '{');
    add_space(json, seldom);
    for (int i = 0; i < NAMES; i++) {
        if (rand() % 4 == 0 && strchr("ai", names[i][0]) == NULL)
            continue;
        const char *name = rand() % 40 == 0 ? any_of(names, NAMES) : names[i];
        if (rand() % 200 == 0)
            name = rand() % 2 == 0 ? "unknown" : "i\\u0064";
        if (!first)
            neapi_buffer_byte(json, ',');
        first = false;
        add_space(json, seldom);
        neapi_buffer_format(json, "\"%s\"", name);
        add_space(json, seldom);
        neapi_buffer_byte(json, ':');
        add_space(json, seldom);
        neapi_buffer_text(json, neapi_text_of(likely_value(name)));
        add_space(json, seldom);
    }
    neapi_buffer_byte(json, '}');
    add_space(json, seldom * 4);
    if (rand() % 50 == 0)
        json->size -= (size_t)rand() % json->size;
}

static bool same_value(lua_State *L, int a, int b)
{
    if (lua_type(L, a) != lua_type(L, b) || lua_isinteger(L, a) != lua_isinteger(L, b))
        return false;
    if (lua_type(L, a) == LUA_TNUMBER && signbit(lua_tonumber(L, a)) != signbit(lua_tonumber(L, b)))
        return false;
    return lua_rawequal(L, a, b);
}

static int same_pairs(lua_State *L, int a, int b)
{
    int pairs = 0;
    lua_pushnil(L);
    while (lua_next(L, a) != 0) {
        lua_pushvalue(L, -2);
        lua_rawget(L, b);
        assert_true(same_value(L, -1, -2));
        lua_pop(L, 2);
        pairs++;
    }
    return pairs;
}

static void assert_same_tables(lua_State *L, int a, int b)
{
    assert_int_equal(same_pairs(L, a, b), same_pairs(L, b, a));
}

/* With the value of any field behind it, and any fields in it. */
static void check_recall_with(lua_State *L, neap_text text, unsigned round)
{
    unsigned field = round % NAMES;
    neapi_flat_set wanted = round % 64;
    if (!neapi_flat_recall_with_lj(L, schema, text, wanted, field)) {
        assert_int_equal(lua_gettop(L), 2);
        assert_false(neapi_flat_recall_lj(L, schema, text, NEAPI_FLAT_ALL));
        return;
    }
    assert_int_equal(lua_gettop(L), 4);
    assert_true(neapi_flat_recall_lj(L, schema, text, NEAPI_FLAT_ALL));
    for (unsigned i = 0; i < NAMES; i++) {
        lua_getfield(L, 5, names[i]);
        lua_getfield(L, 3, names[i]);
        assert_true((wanted >> i & 1) != 0 ? lua_rawequal(L, -1, -2) : lua_isnil(L, -1));
        if (i == field)
            assert_true(lua_rawequal(L, -2, 4));
        lua_settop(L, 5);
    }
    lua_settop(L, 2);
}

static void decodes_as_the_long_way_does(void **state)
{
    lua_State *L = *state;
    neapi_buffer json = NEAPI_BUFFER_INIT, canonical = NEAPI_BUFFER_INIT;
    neap_error error;
    int counts[3] = {0}, recalled = 0;
    for (int round = 0; round < ROUNDS; round++) {
        lua_settop(L, 2);
        make_json(&json);
        char *copy = malloc(json.size); /* so that a sanitizer sees a byte read beyond the end */
        memcpy(copy, json.data, json.size);
        neap_text text = neapi_text(copy, json.size);
        if (neapi_flat_recall_lj(L, schema, text, NEAPI_FLAT_ALL)) {
            assert_int_equal(neapi_decode_lj(L, text, 10, &error), NEAP_OK);
            assert_same_tables(L, 3, 4);
            recalled++;
        }
        lua_settop(L, 2);
        check_recall_with(L, text, (unsigned)round);
        bool is_canonical = false, flat = neapi_flat_decode_lj(L, schema, text, &is_canonical);
        assert_int_equal(lua_gettop(L), flat ? 3 : 2);
        neap_status status = neapi_schema_decode_lj(L, schema, text, 10, &error);
        assert_false(flat && status != NEAP_OK);
        if (flat) {
            assert_same_tables(L, 3, 4);
            neapi_buffer_clear(&canonical);
            assert_int_equal(neapi_schema_encode_lj(L, schema, 4, 10, &canonical, &error), NEAP_OK);
            bool equal = neapi_text_equal(text, neapi_text(canonical.data, canonical.size));
            bool escaped = memchr(text.data, '\\', text.size) != NULL;
            if (is_canonical != equal && (is_canonical || !escaped))
                fail_msg("%.*s", (int)text.size, text.data);
            counts[0]++;
            counts[1] += equal;
        } else if (status == NEAP_OK) {
            counts[2]++;
        }
        free(copy);
    }
    assert_true(counts[0] > ROUNDS / 5 && counts[1] > ROUNDS / 20); /* it is worth something */
    assert_true(counts[2] < ROUNDS / 20);
    assert_true(recalled > ROUNDS / 10);
    neapi_buffer_fini(&json);
    neapi_buffer_fini(&canonical);
}

static void push_random_value(lua_State *L, const char *name)
{
    switch (rand() % 30) {
    case 0:
        lua_pushnumber(L, (lua_Number)NAN);
        break;
    case 1:
        lua_pushnumber(L, (lua_Number)INFINITY);
        break;
    case 2:
        lua_pushliteral(L, "\xFF");
        break;
    case 3:
        neapi_push_null(L);
        break;
    case 4:
        lua_newtable(L);
        break;
    case 5:
        lua_pushnumber(L, 12.5);
        break;
    case 6:
        lua_pushinteger(L, LUA_MININTEGER);
        break;
    case 7:
        lua_pushliteral(L, "a \"quoted\" text\n of several lines: h\xC3\xA4user");
        break;
    default:
        if (neapi_decode_lj(L, neapi_text_of(likely_value(name)), 10, NULL) != NEAP_OK)
            lua_pushboolean(L, rand() % 2);
    }
}

static void push_random_table(lua_State *L)
{
    lua_newtable(L);
    int first = rand() % NAMES;
    for (int i = 0; i < NAMES; i++) {
        const char *name = names[(first + i) % NAMES];
        if (rand() % 4 == 0 && strchr("ai", name[0]) == NULL)
            continue;
        lua_pushstring(L, rand() % 100 == 0 ? "unknown" : name);
        push_random_value(L, name);
        lua_rawset(L, -3);
    }
    if (rand() % 100 == 0) {
        lua_pushboolean(L, 1);
        lua_rawseti(L, -2, rand() % 3);
    }
}

static void encodes_as_the_long_way_does(void **state)
{
    lua_State *L = *state;
    neapi_buffer flat = NEAPI_BUFFER_INIT, plain = NEAPI_BUFFER_INIT;
    neap_error error;
    int count = 0;
    for (int round = 0; round < ROUNDS; round++) {
        lua_settop(L, 2);
        push_random_table(L);
        neapi_buffer_clear(&flat);
        neapi_buffer_clear(&plain);
        bool copied = false,
             done = neapi_flat_encode_lj(L, schema, 3, &flat, NEAPI_FLAT_ALL, &copied);
        assert_int_equal(lua_gettop(L), done ? 4 : 3);
        assert_int_equal(copied, done);
        neap_status status = neapi_schema_encode_lj(L, schema, 3, 10, &plain, &error);
        assert_int_equal(done, status == NEAP_OK);
        if (!done) {
            assert_int_equal(flat.size, 0);
            continue;
        }
        neap_text json = neapi_text(flat.data, flat.size);
        assert_true(neapi_text_equal(json, neapi_text(plain.data, plain.size)));
        assert_int_equal(neapi_decode_lj(L, json, 10, &error), NEAP_OK);
        assert_same_tables(L, 4, 5);
        count++;
    }
    assert_true(count > ROUNDS / 10);
    neapi_buffer_fini(&flat);
    neapi_buffer_fini(&plain);
}

static void copies_what_the_long_way_accepts(void **state)
{
    lua_State *L = *state;
    neap_error error;
    for (int round = 0; round < ROUNDS; round++) {
        lua_settop(L, 2);
        push_random_table(L);
        bool copied = neapi_flat_copy_lj(L, schema, 3);
        assert_int_equal(lua_gettop(L), copied ? 4 : 3);
        assert_int_equal(copied, neapi_schema_check_lj(L, schema, 3, 10, &error) == NEAP_OK);
        if (copied)
            assert_same_tables(L, 3, 4);
    }
}

static void assert_flat(lua_State *L, const char *fields, bool flat)
{
    lua_settop(L, 2);
    assert_int_equal(luaL_dostring(L, fields), LUA_OK);
    assert_int_equal(neapi_schema_new_lj(L, 3, "Other")->flat, flat);
}

static void knows_which_schemas_are_flat(void **state)
{
    lua_State *L = *state;
    assert_flat(L, "return {}", true);
    assert_flat(L, "return { a = 'table' }", false);
    assert_flat(L, "return { a = 'any?' }", false);
    assert_flat(L, "return { a = { 'integer' } }", false);
    assert_flat(L, "return { a = 'integer', b = { c = 'integer' } }", false);
    assert_flat(L, "return { a = function() return true end }", false);
    assert_flat(L, "local t = {} for i = 1, 16 do t['f' .. i] = 'integer' end return t", true);
    assert_flat(L, "local t = {} for i = 1, 17 do t['f' .. i] = 'integer' end return t", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(decodes_as_the_long_way_does, open_state, close_state),
        cmocka_unit_test_setup_teardown(encodes_as_the_long_way_does, open_state, close_state),
        cmocka_unit_test_setup_teardown(copies_what_the_long_way_accepts, open_state, close_state),
        cmocka_unit_test_setup_teardown(knows_which_schemas_are_flat, open_state, close_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
