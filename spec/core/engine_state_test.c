/* core/script: saved states come back exactly, and bytes that nobody saved do no harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include "base/text.h"
#include "core/engine_support.h"

/* A domain whose initial state is the expression, and whose one command compares the state with the
 * expression: it rejects with where they differ. */
static neap_status open_with(engine_world *world, const char *expression)
{
    static const char before[] = "local neap = require 'neap'\n"
                                 "local spec = neap.domain 'spec'\n"
                                 "local Done = spec:event 'Done' {}\n"
                                 "spec:command 'Same' { id = 'string' }\n"
                                 "local function make() return ";
    static const char after[] =
        " end\n"
        "local function differ(a, b, path)\n"
        "  if math.type(a) ~= math.type(b) then return path end\n"
        "  if type(a) ~= 'table' then return a ~= b and (a == a or b == b) and path or nil end\n"
        "  if type(b) ~= 'table' or getmetatable(a) ~= getmetatable(b) then return path end\n"
        "  for k in pairs(b) do if a[k] == nil then return path .. '/' .. tostring(k) end end\n"
        "  for k, v in pairs(a) do\n"
        "    local found = differ(v, b[k], path .. '/' .. tostring(k))\n"
        "    if found then return found end\n"
        "  end\n"
        "end\n"
        "spec:aggregate 'Thing' { key = 'id', initial = function() return make() end,\n"
        "  commands = { Same = function(state)\n"
        "    local found = differ(make(), state, '')\n"
        "    if found then return neap.reject('differs', found) end\n"
        "  end },\n"
        "  events = { Done = function() end } }\n"
        "return spec\n";
    char text[8192];
    snprintf(text, sizeof text, "%s%s%s", before, expression, after);
    return engine_open(world, text, NULL);
}

static neap_status save(engine_world *world, neapi_buffer *bytes)
{
    neapi_state state = engine_state(world, "a");
    neap_status status =
        neapi_engine_state_save(world->engine, state, 1 << 20, bytes, &world->error);
    neapi_engine_state_free(world->engine, state);
    return status;
}

static neap_status load(engine_world *world, const char *bytes, size_t size, neapi_state *state)
{
    return neapi_engine_state_load(world->engine, neapi_text(bytes, size), state, &world->error);
}

static const char everything[] =
    "{ 1, 2.0, 'x', true, false, neap.null, neap.array {}, {}, { 1, nil, 3 }, -1, 0, 1 << 62,\n"
    "  math.mininteger, math.maxinteger, 0.1, -0.0, 1/0, -1/0, 0/0, 5e-324, "
    "1.7976931348623157e308,\n"
    "  '', '\\0\\xff', ('y'):rep(300), name = 'n', [7.5] = 1, [true] = 2, [false] = 3, [-4] = 4,\n"
    "  [1 << 40] = 5, nested = { { { deep = { 1, 2, { x = neap.array { 1 } } } } } }, ['1'] = "
    "'text' }";

static void every_table_that_a_fold_may_build_comes_back(void **unused)
{
    (void)unused;
    engine_world world;
    if (open_with(&world, everything) != NEAP_OK)
        fail_msg("%s", world.error.message);
    neapi_buffer bytes = NEAPI_BUFFER_INIT;
    neapi_state state;
    assert_int_equal(save(&world, &bytes), NEAP_OK);
    assert_int_equal(load(&world, bytes.data, bytes.size, &state), NEAP_OK);
    if (engine_decide(&world, "Same", state, "{\"id\":\"a\"}") != NEAP_OK)
        fail_msg("%s: %s", world.error.code, world.error.message);
    neapi_buffer_fini(&bytes);
    engine_close(&world);
}

/* A fold that changes a shared table in one of its places changes it in all. */
static void shared_tables_come_back_as_one(void **unused)
{
    (void)unused;
    static const char domain[] =
        "local neap = require 'neap'\n"
        "local spec = neap.domain 'spec'\n"
        "local Done = spec:event 'Done' {}\n"
        "spec:command 'Same' { id = 'string' }\n"
        "local function make()\n"
        "  local item = { n = 1, list = neap.array {} }\n"
        "  local t = { items = { item, { item.list }, item }, last = item }\n"
        "  item.owner, t.self = t.items, t\n"
        "  return t\n"
        "end\n"
        "spec:aggregate 'Thing' { key = 'id', initial = function() return make() end,\n"
        "  commands = { Same = function(s)\n"
        "    local whole = s.self == s and s.items[1] == s.last and s.items[3] == s.last\n"
        "      and s.items[2][1] == s.last.list and s.last.owner == s.items and s.last.n == 1\n"
        "    if not whole then return neap.reject('differs', 'it is no longer one table') end\n"
        "  end },\n"
        "  events = { Done = function() end } }\n"
        "return spec\n";
    engine_world world;
    if (engine_open(&world, domain, NULL) != NEAP_OK)
        fail_msg("%s", world.error.message);
    neapi_buffer bytes = NEAPI_BUFFER_INIT;
    neapi_state state;
    if (save(&world, &bytes) != NEAP_OK)
        fail_msg("%s", world.error.message);
    assert_int_equal(load(&world, bytes.data, bytes.size, &state), NEAP_OK);
    if (engine_decide(&world, "Same", state, "{\"id\":\"a\"}") != NEAP_OK)
        fail_msg("%s: %s", world.error.code, world.error.message);
    neapi_buffer_fini(&bytes);
    engine_close(&world);
}

static void a_difference_would_be_found(void **unused)
{
    (void)unused;
    engine_world world;
    neapi_state state;
    assert_int_equal(open_with(&world, "{ a = { 1.0 } }"), NEAP_OK);
    neapi_buffer bytes = NEAPI_BUFFER_INIT;
    assert_int_equal(save(&world, &bytes), NEAP_OK);
    bytes.data[bytes.size - 2] ^= 1; /* in the float's exponent */
    assert_int_equal(load(&world, bytes.data, bytes.size, &state), NEAP_OK);
    assert_int_equal(engine_decide(&world, "Same", state, "{\"id\":\"a\"}"), NEAP_REJECTED);
    assert_string_equal(world.error.message, "/a/1");
    neapi_buffer_fini(&bytes);
    engine_close(&world);
}

static void what_cannot_be_kept_is_named(void **unused)
{
    (void)unused;
    static const struct {
        const char *expression, *message, *path;
    } cases[] = {
        {"{ list = { 1, print } }", "the state cannot be kept: list[2] is a function", "list[2]"},
        {"{ x = setmetatable({}, {}) }", "the state cannot be kept: x has a metatable", "x"},
        {"{ [{}] = 1 }", "the state cannot be kept: [table] is a key that is a table", "[table]"},
        {"{ co = coroutine.create(print) }", "the state cannot be kept: co is a thread", "co"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        engine_world world;
        neapi_buffer bytes = NEAPI_BUFFER_INIT;
        assert_int_equal(open_with(&world, cases[i].expression), NEAP_OK);
        assert_int_equal(save(&world, &bytes), NEAP_HANDLER);
        assert_string_equal(world.error.message, cases[i].message);
        assert_string_equal(world.error.path, cases[i].path);
        neapi_buffer_fini(&bytes);
        engine_close(&world);
    }
}

static void a_state_that_is_too_deep_is_a_limit(void **unused)
{
    (void)unused;
    engine_world world;
    neapi_state state;
    assert_int_equal(open_with(&world,
                               "(function() local t = {} local at = t for _ = 1, 200 do at.x "
                               "= {} at = at.x end return t end)()"),
                     NEAP_OK);
    assert_int_equal(
        neapi_engine_state_new(world.engine, engine_instance(&world), &state, &world.error),
        NEAP_LIMIT);
    engine_close(&world);
}

static void damaged_bytes_are_corrupt_and_do_no_harm(void **unused)
{
    (void)unused;
    engine_world world;
    assert_int_equal(open_with(&world, everything), NEAP_OK);
    neapi_buffer bytes = NEAPI_BUFFER_INIT;
    assert_int_equal(save(&world, &bytes), NEAP_OK);
    neapi_state state;
    for (size_t size = 0; size < bytes.size; size++) {
        char *cut = malloc(size + 1); /* so that a sanitizer sees a read beyond the end */
        assert_non_null(cut);
        memcpy(cut, bytes.data, size);
        char *exact = realloc(cut, size != 0 ? size : 1);
        assert_int_equal(load(&world, exact, size, &state), NEAP_CORRUPT);
        free(exact);
    }
    srand(11);
    int corrupt = 0, loaded = 0;
    for (int i = 0; i < 20000; i++) {
        char copy[2048];
        assert_true(bytes.size < sizeof copy);
        memcpy(copy, bytes.data, bytes.size);
        for (int changes = 1 + rand() % 4; changes > 0; changes--)
            copy[(size_t)rand() % bytes.size] = (char)rand();
        neap_status status = load(&world, copy, bytes.size, &state);
        if (status == NEAP_OK) {
            neapi_engine_state_free(world.engine, state);
            loaded++;
        } else {
            assert_int_equal(status, NEAP_CORRUPT);
            corrupt++;
        }
    }
    assert_true(corrupt > 1000 && loaded > 1000);
    neapi_buffer_fini(&bytes);
    engine_close(&world);
}

static void hostile_bytes_are_corrupt(void **unused)
{
    (void)unused;
    static const struct {
        const char *bytes;
        size_t size;
    } cases[] = {
        {"", 0},
        {"\x01", 1},                                 /* no value */
        {"\x02\x07\x00\x00", 4},                     /* another form */
        {"\x01\x02", 2},                             /* no table */
        {"\x01\x07\x00\x00\x00", 5},                 /* something behind */
        {"\x01\x07\xff\xff\xff\xff\x0f\x00", 8},     /* more elements than bytes */
        {"\x01\x07\x00\xff\xff\xff\xff\x0f", 8},     /* more pairs than bytes */
        {"\x01\x07\x80\x00\x00", 5},                 /* a number that is longer than it must be */
        {"\x01\x07\x01\x00\x06\xff\xff\xff\x7f", 9}, /* a text that is longer than the bytes */
        {"\x01\x07\x00\x01\x07\x00\x00\x02", 8},     /* a key that is a table */
        {"\x01\x07\x00\x01\x05\0\0\0\0\0\0\xf8\x7f\x02", 14}, /* a key that is not a number */
        {"\x01\x07\x00\x02\x02\x02\x02\x02", 8},              /* a key twice */
        {"\x01\x07\x01\x01\x02\x04\x02\x02", 8},              /* an element as a pair */
        {"\x01\x07\x01\x00\x0a", 5},                          /* an unknown tag */
        {"\x01\x07\x01\x00\x09\x00", 6},                      /* a table that counts from 0 */
        {"\x01\x07\x01\x00\x09\x02", 6},                      /* a table that has yet to come */
        {"\x01\x07\x00\x01\x09\x01\x02", 7},                  /* a key that is one */
    };
    engine_world world;
    neapi_state state;
    assert_int_equal(open_with(&world, "{}"), NEAP_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(load(&world, cases[i].bytes, cases[i].size, &state), NEAP_CORRUPT);
    char deep[4 * 200 + 8] = "\x01";
    size_t size = 1;
    for (int i = 0; i < 200; i++, size += 3)
        memcpy(deep + size, "\x07\x01\x00", 3);
    deep[size++] = 2;
    assert_int_equal(load(&world, deep, size, &state), NEAP_CORRUPT);
    engine_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_table_that_a_fold_may_build_comes_back),
        cmocka_unit_test(shared_tables_come_back_as_one),
        cmocka_unit_test(a_difference_would_be_found),
        cmocka_unit_test(what_cannot_be_kept_is_named),
        cmocka_unit_test(a_state_that_is_too_deep_is_a_limit),
        cmocka_unit_test(damaged_bytes_are_corrupt_and_do_no_harm),
        cmocka_unit_test(hostile_bytes_are_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
