/* core/script: memory that is limited, and memory that is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include "base/alloc.h"
#include "base/text.h"
#include "core/engine_support.h"

typedef struct keeper {
    engine_world *world;
    neapi_state kept[64];
    size_t count;
    int asked;
    size_t most;
} keeper;

static void let_go(void *host)
{
    keeper *self = host;
    self->asked++;
    while (self->count > 0)
        neapi_engine_state_free(self->world->engine, self->kept[--self->count]);
}

static void warm_states_are_let_go_before_a_handler_is_stopped(void **unused)
{
    (void)unused;
    static const char text[] =
        "local neap = require 'neap'\n"
        "local spec = neap.domain 'spec'\n"
        "local Done = spec:event 'Done' {}\n"
        "spec:command 'Do' { id = 'string' }\n"
        "spec:aggregate 'Thing' {\n"
        "  key = 'id', initial = function() return { text = ('x'):rep(200000) .. tostring({}) } "
        "end,\n"
        "  commands = { Do = function()\n"
        "    local t = {} for i = 1, 4000 do t[i] = ('y'):rep(1000) .. i end end },\n"
        "  events = { Done = function() end },\n"
        "}\n"
        "return spec\n";
    engine_world world;
    keeper host = {.world = &world};
    neapi_engine_options options = engine_options(&world);
    options.memory_bytes = 8 << 20;
    options.let_go = let_go;
    options.host = &host;
    assert_int_equal(engine_open(&world, text, &options), NEAP_OK);
    neapi_state state = engine_state(&world, "a");
    for (host.count = 0; host.count < 36; host.count++)
        host.kept[host.count] = engine_state(&world, "b");
    assert_int_equal(engine_decide(&world, "Do", state, "{\"id\":\"a\"}"), NEAP_OK);
    assert_int_equal(host.asked, 1);
    assert_int_equal(host.count, 0);
    neapi_engine_collect(world.engine);
    assert_true(neapi_engine_memory(world.engine) < 2 << 20);
    engine_close(&world);
}

static void note_memory(void *host)
{
    keeper *self = host;
    self->asked++;
    if (neapi_engine_memory(self->world->engine) > self->most)
        self->most = neapi_engine_memory(self->world->engine);
}

static void large_texts_are_noticed_long_before_the_next_hook(void **unused)
{
    (void)unused;
    static const char text[] =
        "local neap = require 'neap'\n"
        "local spec = neap.domain 'spec'\n"
        "local Done = spec:event 'Done' {}\n"
        "spec:command 'Do' { id = 'string' }\n"
        "local function plainly()\n"
        "  local kept, text = {}, ('x'):rep(1000000)\n"
        "  for i = 1, 1000 do kept[i] = text .. i end\n"
        "end\n"
        "local grow = { plainly = plainly, in_coroutine = coroutine.wrap(plainly) }\n"
        "function grow.in_ended_coroutines()\n"
        "  local kept = {}\n"
        "  for i = 1, 1000 do kept[i] = coroutine.wrap(string.rep)('x', 1000000 + i) end\n"
        "end\n"
        "spec:aggregate 'Thing' {\n"
        "  key = 'id', commands = { Do = function(_, c) grow[c.id]() end },\n"
        "  events = { Done = function() end },\n"
        "}\n"
        "return spec\n";
    static const char *const commands[] = {"{\"id\":\"plainly\"}", "{\"id\":\"in_coroutine\"}",
                                           "{\"id\":\"in_ended_coroutines\"}"};
    for (int i = 0; i < 3; i++) {
        engine_world world;
        keeper host = {.world = &world};
        neapi_engine_options options = engine_options(&world);
        options.memory_bytes = 8 << 20;
        options.let_go = note_memory;
        options.host = &host;
        assert_int_equal(engine_open(&world, text, &options), NEAP_OK);
        neapi_state state = engine_state(&world, "a");
        assert_int_equal(engine_decide(&world, "Do", state, commands[i]), NEAP_LIMIT);
        assert_string_equal(world.error.message,
                            "memory: more than 8388608 bytes of Lua are in use");
        assert_true(host.asked > 0 && host.most < 12 << 20);
        engine_close(&world);
    }
}

static const char small[] =
    "local neap = require 'neap'\n"
    "local spec = neap.domain 'spec'\n"
    "local Done = spec:event('Done', { tags = { 'id' } }) { id = 'string', value = 'any?' }\n"
    "spec:command 'Do' { id = 'string', value = 'any?' }\n"
    "spec:aggregate 'Thing' {\n"
    "  key = 'id', initial = { count = 0 },\n"
    "  commands = { Do = function(s, c) return Done { id = c.id, value = c.value } end },\n"
    "  events = { Done = function(s) s.count = s.count + 1 end },\n"
    "}\n"
    "return spec\n";

static neap_status whole_life(engine_world *world)
{
    neap_status status = engine_open(world, small, NULL);
    if (status != NEAP_OK)
        return status;
    neapi_state state;
    status = neapi_engine_state_new(world->engine, engine_instance(world), &state, &world->error);
    if (status == NEAP_OK)
        status = engine_decide(world, "Do", state, "{\"id\":\"a\",\"value\":3}");
    neapi_buffer bytes = NEAPI_BUFFER_INIT;
    if (status == NEAP_OK)
        status = neapi_engine_state_save(world->engine, state, 1 << 20, &bytes, &world->error);
    neapi_buffer_fini(&bytes);
    return status;
}

static void survives_every_refused_allocation(void **unused)
{
    (void)unused;
    neapi_alloc_refuse(0, false);
    int64_t before = neapi_alloc_blocks();
    for (int persistent = 0; persistent < 2; persistent++) {
        neap_status status = NEAP_NOMEM;
        for (uint64_t nth = 3; status != NEAP_OK && nth < 400; nth++) {
            engine_world world;
            neapi_alloc_refuse(nth, persistent != 0);
            status = whole_life(&world);
            neapi_alloc_refuse(0, false);
            assert_true(status == NEAP_OK || status == NEAP_NOMEM);
            engine_close(&world);
            assert_int_equal(neapi_alloc_blocks(), before);
        }
        assert_int_equal(status, NEAP_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(warm_states_are_let_go_before_a_handler_is_stopped),
        cmocka_unit_test(large_texts_are_noticed_long_before_the_next_hook),
        cmocka_unit_test(survives_every_refused_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
