/* core/script: sagas step by step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "core/engine_support.h"

#define HEADER                                                                                     \
    "local neap = require 'neap'\n"                                                                \
    "local spec = neap.domain 'spec'\n"                                                            \
    "spec:event('Placed', { formerly = 'Made' }) { id = 'string', total = 'integer?' }\n"          \
    "spec:event 'Paid' { id = 'string', how = 'any?' }\n"                                          \
    "local Reserve = spec:command 'Reserve' { id = 'string' }\n"                                   \
    "local Release = spec:command 'Release' { id = 'string' }\n"                                   \
    "spec:handle(Reserve, function() end) spec:handle(Release, function() end)\n"

static const char shipping[] = HEADER
    "spec:saga 'ship' {\n"
    "  key = 'id', initial = { seen = {} }, starts = { 'Placed' },\n"
    "  events = {\n"
    "    Placed = function(saga, event, context)\n"
    "      saga.total = event.total\n"
    "      saga.key, saga.at, saga.type = context.key, context:now(), context.event.type\n"
    "      context:send(Reserve { id = event.id })\n"
    "      context:compensate(Release { id = event.id })\n"
    "      context:timeout('payment', 900)\n"
    "      context:send('Reserve', { id = 'later' }, { after = 1.5, name = 'again' })\n"
    "      context:send(Reserve { id = 'then' }, { at = 77 })\n"
    "    end,\n"
    "    Paid = function(saga, event, context)\n"
    "      local how = event.how\n"
    "      if how == 'table' then return { fresh = true } end\n"
    "      if how == 'number' then return 3 end\n"
    "      if how == 'raise' then saga.total = 0 error 'no such thing' end\n"
    "      if how == 'fail' then context:fail 'declined' end\n"
    "      if how == 'twice' then context:complete() context:complete() end\n"
    "      if how == 'timeout' then context:timeout('paymnt', 1) end\n"
    "      if how == 'never' then context:timeout('payment', -1) end\n"
    "      if how == 'dispatch' then context:dispatch(Reserve { id = 'x' }) end\n"
    "      if how == 'clock' then os.time() end\n"
    "      if how == 'yield' then coroutine.yield() end\n"
    "      if how == 'both' then context:send(Reserve { id = 'x' }, { at = 1, after = 1 }) end\n"
    "      if how == 'option' then context:send(Reserve { id = 'x' }, { aftr = 1 }) end\n"
    "      if how == 'event' then context:send(event) end\n"
    "      if how == 'unknown' then context:send('Reserv', {}) end\n"
    "      if how == 'invalid' then context:send('Reserve', { id = 3 }) end\n"
    "      if how == 'many' then for i = 1, 2000 do context:cancel('n' .. i) end end\n"
    "      if how == 'loop' then while true do end end\n"
    "      if how == 'hoard' then local t = {} for i = 1, 1e8 do t[i] = { i } end end\n"
    "      if how == 'sleep' then context:sleep(1) end\n"
    "      if how == 'change' then context.key = 'x' end\n"
    "      if how == 'name' then context:cancel('a\\0b') end\n"
    "      if how == 'cancel' then context:cancel 'payment' end\n"
    "      if how == nil then context:complete() end\n"
    "    end,\n"
    "  },\n"
    "  timeouts = { payment = function(saga, context)\n"
    "    saga.late, saga.event = context:now(), context.event\n"
    "    context:fail 'no payment in time'\n"
    "  end },\n"
    "  rejections = { Reserve = function(saga, rejection, context)\n"
    "    saga.rejection = rejection\n"
    "  end },\n"
    "}\n"
    "return spec\n";

typedef struct saga_world {
    engine_world engine;
    neapi_effects effects;
    neapi_saga_step step;
} saga_world;

static void open_saga(saga_world *world, const char *domain)
{
    *world = (saga_world){.effects = NEAPI_EFFECTS_INIT};
    neapi_engine_options options = engine_options(&world->engine);
    options.instructions = 1000000;
    options.memory_bytes = (size_t)8 << 20;
    if (engine_open(&world->engine, domain, &options) != NEAP_OK)
        fail_msg("%s", world->engine.error.message);
    world->step =
        (neapi_saga_step){.saga = neapi_engine_catalog(world->engine.engine)->subscriptions[0],
                          .key = NEAPI_LITERAL("a"),
                          .effects = &world->effects};
}

static void close_saga(saga_world *world)
{
    neapi_effects_fini(&world->effects);
    engine_close(&world->engine);
}

static neap_event event_of(const char *type, const char *json)
{
    return (neap_event){.position = 9,
                        .version = 2,
                        .recorded_at = 1000000,
                        .id = {{1, 2, 3}},
                        .correlation_id = {{4}},
                        .schema = 1,
                        .type = neapi_text_of(type),
                        .stream = NEAPI_LITERAL("Order-a"),
                        .data = neapi_text_of(json)};
}

static neap_status handle(saga_world *world, const char *type, const char *json)
{
    const neap_event event = event_of(type, json);
    neapi_effects_clear(&world->effects);
    return neapi_engine_saga_event(world->engine.engine, &world->step, &event,
                                   &world->engine.error);
}

static void handles(saga_world *world, const char *type, const char *json)
{
    if (handle(world, type, json) != NEAP_OK)
        fail_msg("%s", world->engine.error.message);
}

static const char *shown(saga_world *world)
{
    return engine_show(&world->engine, world->step.state);
}

static void a_saga_begins_with_one_of_its_events(void **unused)
{
    (void)unused;
    saga_world world;
    open_saga(&world, shipping);
    handles(&world, "Paid", "{\"id\":\"a\"}");
    assert_int_equal(world.step.state, NEAPI_NO_STATE);
    assert_false(world.step.handled);
    handles(&world, "Placed", "{\"id\":\"other\",\"total\":4}");
    assert_int_equal(world.step.state, NEAPI_NO_STATE);
    handles(&world, "Placed", "{\"id\":\"a\",\"total\":4}");
    assert_true(world.step.handled);
    assert_string_equal(
        shown(&world),
        "{\"at\":1000000,\"key\":\"a\",\"seen\":{},\"total\":4,\"type\":\"Placed\"}");
    handles(&world, "Paid", "{\"id\":\"a\",\"how\":\"table\"}");
    assert_string_equal(shown(&world), "{\"fresh\":true}");
    close_saga(&world);
}

static void what_it_wants_done_is_a_list(void **unused)
{
    (void)unused;
    saga_world world;
    open_saga(&world, shipping);
    handles(&world, "Placed", "{\"id\":\"a\"}");
    const neapi_effect *at = world.effects.first;
    assert_int_equal(world.effects.count, 5);
    assert_int_equal(at->kind, NEAPI_EFFECT_SEND);
    assert_string_equal(at->message->name.data, "Reserve");
    assert_string_equal(at->json.data, "{\"id\":\"a\"}");
    assert_int_equal(at->at_us, 0);
    neap_uuid first = at->id;
    at = at->next;
    assert_int_equal(at->kind, NEAPI_EFFECT_COMPENSATE);
    assert_string_equal(at->message->name.data, "Release");
    assert_false(neapi_uuid_equal(at->id, first));
    at = at->next;
    assert_int_equal(at->kind, NEAPI_EFFECT_TIMEOUT);
    assert_string_equal(at->name.data, "payment");
    assert_int_equal(at->at_us, 901000000);
    at = at->next;
    assert_string_equal(at->json.data, "{\"id\":\"later\"}");
    assert_string_equal(at->name.data, "again");
    assert_int_equal(at->at_us, 2500000);
    at = at->next;
    assert_int_equal(at->at_us, 77);
    assert_null(at->next);
    assert_ptr_equal(at, world.effects.last);
    assert_false(world.effects.ended);

    neapi_engine_state_free(world.engine.engine, world.step.state);
    world.step.state =
        NEAPI_NO_STATE; /* the same once more gives the same ids, another key others */
    handles(&world, "Placed", "{\"id\":\"a\"}");
    assert_true(neapi_uuid_equal(world.effects.first->id, first));
    world.step = (neapi_saga_step){
        .saga = world.step.saga, .key = NEAPI_LITERAL("b"), .effects = &world.effects};
    handles(&world, "Placed", "{\"id\":\"b\"}");
    assert_false(neapi_uuid_equal(world.effects.first->id, first));
    close_saga(&world);
}

static void its_end_is_the_last_effect(void **unused)
{
    (void)unused;
    saga_world world;
    open_saga(&world, shipping);
    handles(&world, "Placed", "{\"id\":\"a\"}");
    handles(&world, "Paid", "{\"id\":\"a\",\"how\":\"cancel\"}");
    assert_int_equal(world.effects.first->kind, NEAPI_EFFECT_CANCEL);
    assert_string_equal(world.effects.first->name.data, "payment");
    handles(&world, "Paid", "{\"id\":\"a\"}");
    assert_int_equal(world.effects.last->kind, NEAPI_EFFECT_COMPLETE);
    assert_true(world.effects.ended);
    handles(&world, "Paid", "{\"id\":\"a\",\"how\":\"fail\"}");
    assert_int_equal(world.effects.last->kind, NEAPI_EFFECT_FAIL);
    assert_string_equal(world.effects.last->text.data, "declined");
    close_saga(&world);
}

static void a_timeout_and_a_rejection_are_handled(void **unused)
{
    (void)unused;
    saga_world world;
    neapi_call call = {.id = {{9}}, .now_us = 555};
    neap_error why;
    open_saga(&world, shipping);
    handles(&world, "Placed", "{\"id\":\"a\"}");
    neapi_fail(&why, NEAP_REJECTED, "sold out");
    NEAPI_ERROR_SET(&why, code, "none_left", 9);
    NEAPI_ERROR_SET(&why, details, "{\"left\":0}", 10);
    neapi_saga_rejection rejection = {NEAPI_LITERAL("Reserve"), NEAPI_LITERAL("{\"id\":\"a\"}"),
                                      &why};
    neapi_effects_clear(&world.effects);
    assert_int_equal(neapi_engine_saga_rejected(world.engine.engine, &world.step, &rejection, &call,
                                                &world.engine.error),
                     NEAP_OK);
    assert_non_null(strstr(shown(&world),
                           "\"rejection\":{\"code\":\"none_left\",\"command\":\"Reserve\","
                           "\"data\":{\"id\":\"a\"},\"details\":{\"left\":0},\"message\":\"sold "
                           "out\"}"));
    assert_int_equal(world.effects.count, 0);
    rejection.command = NEAPI_LITERAL("Gone"); /* nobody deals with it */
    assert_int_equal(neapi_engine_saga_rejected(world.engine.engine, &world.step, &rejection, &call,
                                                &world.engine.error),
                     NEAP_OK);
    assert_false(world.step.handled);
    assert_int_equal(world.effects.last->kind, NEAPI_EFFECT_FAIL);
    assert_string_equal(world.effects.last->text.data, "Gone: sold out");
    neapi_effects_clear(&world.effects);
    assert_int_equal(neapi_engine_saga_timeout(world.engine.engine, &world.step,
                                               NEAPI_LITERAL("payment"), &call,
                                               &world.engine.error),
                     NEAP_OK);
    assert_non_null(strstr(shown(&world), "\"late\":555"));
    assert_int_equal(world.effects.last->kind, NEAPI_EFFECT_FAIL);
    assert_int_equal(neapi_engine_saga_timeout(world.engine.engine, &world.step,
                                               NEAPI_LITERAL("gone"), &call, &world.engine.error),
                     NEAP_HANDLER);
    assert_non_null(strstr(world.engine.error.message, "nothing in 'timeouts' is called 'gone'"));
    close_saga(&world);
}

static void fails(const char *how, neap_status status, const char *expected)
{
    saga_world world;
    char json[64];
    open_saga(&world, shipping);
    handles(&world, "Placed", "{\"id\":\"a\"}");
    snprintf(json, sizeof json, "{\"id\":\"a\",\"how\":\"%s\"}", how);
    neap_status got = handle(&world, "Paid", json);
    if (got != status || strstr(world.engine.error.message, expected) == NULL)
        fail_msg("%s: %s\ninstead of: %s", neap_status_name(got), world.engine.error.message,
                 expected);
    close_saga(&world);
}

static void what_fails_is_named(void **unused)
{
    (void)unused;
    fails("raise", NEAP_HANDLER, "saga 'ship', event 'Paid' at position 9 (Order-a, 2): key 'a': ");
    fails("raise", NEAP_HANDLER, ": no such thing");
    fails("number", NEAP_HANDLER,
          "it gave a number; it changes the saga's state, or gives a new table");
    fails("twice", NEAP_HANDLER, "context:complete: the saga has ended");
    fails("timeout", NEAP_HANDLER,
          "context:timeout: saga 'ship' has no 'paymnt' in 'timeouts'; did you mean 'payment'?");
    fails("never", NEAP_HANDLER, "context:timeout: its time must be a number of seconds");
    fails("dispatch", NEAP_HANDLER,
          "context.dispatch: a saga has none; it is pure: it sends commands");
    fails("clock", NEAP_HANDLER, "os.time cannot be used in a saga");
    fails("yield", NEAP_HANDLER, "coroutine.yield: a saga is no coroutine");
    fails("both", NEAP_HANDLER, "'after' and 'at' exclude each other");
    fails("option", NEAP_HANDLER, "context:send knows no option 'aftr'; did you mean 'after'?");
    fails("event", NEAP_HANDLER, "context:send needs a command");
    fails("unknown", NEAP_HANDLER, "there is no command 'Reserv'; did you mean 'Reserve'?");
    fails("invalid", NEAP_INVALID, "Reserve: ");
    fails("loop", NEAP_LIMIT, "instructions: the handler ran more than 1000000");
    fails("hoard", NEAP_LIMIT, "memory: more than 8388608 bytes of Lua are in use");
    fails("sleep", NEAP_HANDLER, "context.sleep: a saga has none");
    fails("change", NEAP_HANDLER, "context cannot be changed");
    fails("name", NEAP_HANDLER, "context:cancel: the name contains a control character");
    fails("many", NEAP_LIMIT, "one handler sends and asks for at most 1000 things");
}

static const char keyed[] = HEADER
    "local New = spec:event('New', { version = 2 }) { id = 'string' }\n"
    "New:upcast(function(data) return New { id = data.id }, New { id = data.id .. '2' } end)\n"
    "spec:saga 'ship' {\n"
    "  key = {\n"
    "    Placed = function(event, context)\n"
    "      if event.total == 3 then context:send(Reserve { id = 'x' }) end\n"
    "      return event.id, event.total, event.id\n"
    "    end,\n"
    "    New = 'id',\n"
    "  },\n"
    "  initial = function(key) return { begun = key } end, starts = { 'Placed', 'New' },\n"
    "  events = {\n"
    "    Placed = function(saga, event) event.id = 'gone' saga.n = (saga.n or 0) + 1 end,\n"
    "    New = function(saga, event) saga.id = event.id end,\n"
    "  },\n"
    "}\n"
    "return spec\n";

/* The keys of an event, one behind the other. */
static const char *keys_of(saga_world *world, const char *type, const char *json)
{
    static char all[1100];
    neapi_arena arena = NEAPI_ARENA_INIT;
    const neap_event event = event_of(type, json);
    const neap_text *keys = NULL;
    size_t count = 0, size = 0;
    all[0] = '\0';
    if (neapi_engine_event_keys(world->engine.engine, world->step.saga, &event, &arena, &keys,
                                &count, &world->engine.error) != NEAP_OK)
        snprintf(all, sizeof all, "%s", world->engine.error.message);
    for (size_t i = 0; i < count; i++)
        size += (size_t)snprintf(all + size, sizeof all - size, "%.*s ", NEAPI_TEXT(keys[i]));
    neapi_arena_fini(&arena);
    return all;
}

static void an_event_has_keys(void **unused)
{
    (void)unused;
    saga_world world;
    open_saga(&world, keyed);
    assert_string_equal(keys_of(&world, "Placed", "{\"id\":\"a\"}"), "a ");
    assert_string_equal(keys_of(&world, "Made", "{\"id\":\"a\",\"total\":7}"), "a 7 ");
    assert_string_equal(keys_of(&world, "New", "{\"id\":\"a\"}"), "a a2 ");
    assert_string_equal(keys_of(&world, "Paid", "{\"id\":\"a\"}"), "");
    assert_string_equal(keys_of(&world, "Placed", "{\"id\":\"\"}"),
                        "saga 'ship', event 'Placed' at position 9 (Order-a, 2): its key is empty");
    assert_non_null(strstr(keys_of(&world, "Placed", "{\"id\":\"a\",\"total\":3}"),
                           "context.send: the function of a key has none; it only names the saga"));
    world.step.key = NEAPI_LITERAL("a2");
    handles(&world, "New", "{\"id\":\"a\"}");
    assert_string_equal(shown(&world), "{\"begun\":\"a2\",\"id\":\"a2\"}");
    handles(&world, "Made", "{\"id\":\"a\"}");
    assert_false(world.step.handled);
    handles(&world, "Made", "{\"id\":\"a2\"}");
    assert_string_equal(shown(&world), "{\"begun\":\"a2\",\"id\":\"a2\",\"n\":1}");
    close_saga(&world);
}

static void survives_every_refused_allocation(void **unused)
{
    (void)unused;
    saga_world world;
    bool whole = false;
    for (uint64_t nth = 1; !whole; nth++) {
        open_saga(&world, shipping);
        neapi_alloc_refuse(nth, nth % 2 == 0);
        neap_status status = handle(&world, "Placed", "{\"id\":\"a\"}");
        neapi_alloc_refuse(0, false);
        whole = status == NEAP_OK;
        if (!whole)
            assert_int_equal(status, NEAP_NOMEM);
        else
            assert_int_equal(world.effects.count, 5);
        close_saga(&world);
        assert_true(nth < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_saga_begins_with_one_of_its_events),
        cmocka_unit_test(what_it_wants_done_is_a_list),
        cmocka_unit_test(its_end_is_the_last_effect),
        cmocka_unit_test(a_timeout_and_a_rejection_are_handled),
        cmocka_unit_test(what_fails_is_named),
        cmocka_unit_test(an_event_has_keys),
        cmocka_unit_test(survives_every_refused_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
