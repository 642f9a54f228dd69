/* core/script: subscribers' runs. */
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

static const char mailing[] =
    "local neap = require 'neap'\n"
    "local spec = neap.domain 'spec'\n"
    "local Shipped = spec:event('Shipped', { version = 2 }) { id = 'string', how = 'any?' }\n"
    "Shipped:upcast(function(data)\n"
    "  if data.id == 'none' then return neap.drop end\n"
    "  return Shipped { id = data.id .. '1', how = data.how }, Shipped { id = data.id .. '2' }\n"
    "end)\n"
    "spec:event 'Lost' {}\n"
    "spec:event('Ticked', { transient = true }) { n = 'integer' }\n"
    "local Mail = spec:command 'Mail' { id = 'string' }\n"
    "spec:handle(Mail, function() end)\n"
    "spec:answer(spec:query 'Ask' { id = 'string' }, function() end)\n"
    "local kept\n"
    "spec:subscriber 'mailer' { events = {\n"
    "  Ticked = function(event) print('tick', event.n) end,\n"
    "  Shipped = function(event, context)\n"
    "    local how = event.how\n"
    "    print('begins', event.id, context.event.data.id, context.event.schema)\n"
    "    if how == 'raise' then error 'no such thing' end\n"
    "    if how == 'nil' then return nil, 'refused' end\n"
    "    if how == 'reject' then return neap.reject('bad', 'too bad') end\n"
    "    if how == 'event' then return Shipped { id = 'x' } end\n"
    "    if how == 'value' then return 3 end\n"
    "    if how == 'publish' then context:publish(Shipped { id = 'x' }, {}) end\n"
    "    if how == 'complete' then context:complete() end\n"
    "    if how == 'typo' then context:snd() end\n"
    "    if how == 'yield' then coroutine.yield() end\n"
    "    if how == 'loop' then while true do end end\n"
    "    if how == 'hoard' then local t = {} for i = 1, 1e8 do t[i] = { i } end end\n"
    "    if how == 'keep' then kept = context end\n"
    "    if how == 'kept' then kept:now() end\n"
    "    if how == 'change' then context.event.stream = 'x' event.id = 'y' end\n"
    "    if how == 'inside' then string.gsub('x', 'x', function() context:sleep(1) end) end\n"
    "    if how == 'swallow' then pcall(function() while true do end end) print 'on' end\n"
    "    if how == 'send' then\n"
    "      print(context:send(Mail { id = event.id }, { after = 2, name = 'n' }))\n"
    "      context:cancel 'other'\n"
    "    end\n"
    "    if how == 'ids' then print(context:id(), context:id(), context.meta.user,\n"
    "      context.correlation_id, context:now()) end\n"
    "    if how == 'wait' then assert(context:sleep(1)) print('slept', event.id) end\n"
    "    if how == 'ask' then print(context:query('Ask', { id = 'q' })) end\n"
    "    if how == 'dispatch' then return context:dispatch(Mail { id = 'd' }) end\n"
    "  end,\n"
    "} }\n"
    "return spec\n";

typedef struct react_world {
    engine_world engine;
    neap_event event;
    neapi_call call;
    neapi_effects effects;
    neapi_run run;
} react_world;

static void open_react(react_world *world)
{
    memset(world, 0, sizeof *world);
    world->effects = NEAPI_EFFECTS_INIT;
    neapi_engine_options options = engine_options(&world->engine);
    options.instructions = 1000000;
    options.memory_bytes = (size_t)8 << 20;
    if (engine_open(&world->engine, mailing, &options) != NEAP_OK)
        fail_msg("%s", world->engine.error.message);
}

static void close_react(react_world *world)
{
    neapi_engine_run_drop(world->engine.engine, &world->run);
    neapi_buffer_fini(&world->run.json);
    neapi_effects_fini(&world->effects);
    engine_close(&world->engine);
}

static neap_status react(react_world *world, const char *type, uint32_t schema, const char *json)
{
    neapi_buffer_fini(&world->run.json);
    neapi_effects_clear(&world->effects);
    world->engine.log[0] = '\0';
    world->event = (neap_event){.position = 9,
                                .version = 2,
                                .recorded_at = 1000000,
                                .id = {{1, 2, 3}},
                                .correlation_id = {{4}},
                                .schema = schema,
                                .type = neapi_text_of(type),
                                .stream = NEAPI_LITERAL("Order-a"),
                                .data = neapi_text_of(json),
                                .meta = NEAPI_LITERAL("{\"user\":\"ada\"}")};
    neapi_engine_event_call(&world->event, &world->call);
    world->run =
        (neapi_run){.kind = NEAPI_HANDLING_SUBSCRIBER,
                    .subscription = neapi_engine_catalog(world->engine.engine)->subscriptions[0],
                    .event = &world->event,
                    .effects = &world->effects,
                    .call = &world->call,
                    .deadline_us = NEAPI_NO_DEADLINE};
    return neapi_engine_run_start(world->engine.engine, &world->run, (neap_text){0},
                                  &world->engine.error);
}

static void reacts(react_world *world, uint32_t schema, const char *json, const char *log)
{
    if (react(world, "Shipped", schema, json) != NEAP_OK)
        fail_msg("%s", world->engine.error.message);
    assert_string_equal(world->engine.log, log);
}

static void a_handler_gets_the_event(void **unused)
{
    (void)unused;
    react_world world;
    open_react(&world);
    reacts(&world, 2, "{\"id\":\"a\"}", "begins\ta\ta\t2");
    assert_int_equal(world.run.stop, NEAPI_RUN_ENDED);
    assert_int_equal(react(&world, "Lost", 1, "{}"), NEAP_OK); /* which it does not handle */
    assert_int_equal(react(&world, "Ticked", 1, "{\"n\":3}"), NEAP_OK);
    assert_string_equal(world.engine.log, "tick\t3");
    reacts(&world, 2, "{\"id\":\"a\",\"how\":\"value\"}", "begins\ta\ta\t2");
    const neapi_catalog *catalog = neapi_engine_catalog(world.engine.engine);
    assert_true(catalog->subscriptions[0]->type_count == 1);
    assert_true(neapi_engine_handles(world.engine.engine, catalog->subscriptions[0],
                                     neapi_catalog_event(catalog, NEAPI_LITERAL("Ticked"))));
    assert_false(neapi_engine_handles(world.engine.engine, catalog->subscriptions[0],
                                      neapi_catalog_event(catalog, NEAPI_LITERAL("Lost"))));
    close_react(&world);
}

static void what_it_sends_is_a_list(void **unused)
{
    (void)unused;
    react_world world;
    open_react(&world);
    assert_int_equal(react(&world, "Shipped", 2, "{\"id\":\"a\",\"how\":\"send\"}"), NEAP_OK);
    const neapi_effect *sent = world.effects.first;
    assert_int_equal(world.effects.count, 2);
    assert_int_equal(sent->kind, NEAPI_EFFECT_SEND);
    assert_string_equal(sent->json.data, "{\"id\":\"a\"}");
    assert_int_equal(sent->at_us, 3000000);
    assert_string_equal(sent->name.data, "n");
    char id[37];
    neap_uuid first = sent->id;
    neap_uuid_format(first, id);
    assert_string_equal(world.engine.log, id);
    assert_int_equal(sent->next->kind, NEAPI_EFFECT_CANCEL);
    assert_int_equal(react(&world, "Shipped", 2, "{\"id\":\"a\",\"how\":\"send\"}"), NEAP_OK);
    assert_true(neapi_uuid_equal(world.effects.first->id, first));
    close_react(&world);
}

static void ids_are_the_same_at_each_delivery(void **unused)
{
    (void)unused;
    react_world world;
    char first[256];
    open_react(&world);
    assert_int_equal(react(&world, "Shipped", 2, "{\"id\":\"a\",\"how\":\"ids\"}"), NEAP_OK);
    snprintf(first, sizeof first, "%s", world.engine.log);
    assert_non_null(strstr(first, "\tada\t04000000-0000-0000-0000-000000000000\t1000000"));
    assert_int_not_equal(strncmp(first, first + 37, 36), 0);
    assert_int_equal(react(&world, "Shipped", 2, "{\"id\":\"a\",\"how\":\"ids\"}"), NEAP_OK);
    assert_string_equal(world.engine.log, first);
    close_react(&world);
}

static void it_may_wait(void **unused)
{
    (void)unused;
    react_world world;
    open_react(&world);
    neap_error *error = &world.engine.error;
    assert_int_equal(react(&world, "Shipped", 2, "{\"id\":\"a\",\"how\":\"wait\"}"), NEAP_OK);
    assert_int_equal(world.run.stop, NEAPI_RUN_SLEEP);
    assert_int_equal(neapi_engine_run_resume(world.engine.engine, &world.run, NULL, error),
                     NEAP_OK);
    assert_int_equal(world.run.stop, NEAPI_RUN_ENDED);
    assert_string_equal(world.engine.log, "slept\ta");

    assert_int_equal(react(&world, "Shipped", 2, "{\"id\":\"a\",\"how\":\"ask\"}"), NEAP_OK);
    assert_int_equal(world.run.stop, NEAPI_RUN_QUERY);
    neapi_run_outcome outcome = {.bytes = NEAPI_LITERAL("[42]")};
    assert_int_equal(neapi_engine_run_resume(world.engine.engine, &world.run, &outcome, error),
                     NEAP_OK);

    assert_int_equal(react(&world, "Shipped", 2, "{\"id\":\"a\",\"how\":\"dispatch\"}"), NEAP_OK);
    assert_int_equal(world.run.stop, NEAPI_RUN_DISPATCH);
    neap_error refused;
    neapi_fail(&refused, NEAP_CONFLICT, "somebody was faster");
    outcome = (neapi_run_outcome){.error = &refused};
    assert_int_equal(neapi_engine_run_resume(world.engine.engine, &world.run, &outcome, error),
                     NEAP_CONFLICT);
    assert_string_equal(error->message, "somebody was faster");
    close_react(&world);
}

static void an_old_event_may_be_several(void **unused)
{
    (void)unused;
    react_world world;
    open_react(&world);
    reacts(&world, 1, "{\"id\":\"a\"}", "begins\ta2\ta2\t2");
    reacts(&world, 1, "{\"id\":\"none\"}", "");
    assert_int_equal(react(&world, "Shipped", 1, "{\"id\":\"a\",\"how\":\"wait\"}"), NEAP_OK);
    assert_string_equal(world.engine.log, "begins\ta1\ta1\t2");
    assert_int_equal(world.run.stop, NEAPI_RUN_SLEEP);
    assert_int_equal(
        neapi_engine_run_resume(world.engine.engine, &world.run, NULL, &world.engine.error),
        NEAP_OK);
    assert_string_equal(world.engine.log, "begins\ta2\ta2\t2");
    assert_int_equal(react(&world, "Shipped", 1, "{\"id\":\"a\",\"how\":\"nil\"}"), NEAP_HANDLER);
    assert_string_equal(world.engine.log, "begins\ta1\ta1\t2"); /* the second is not begun */
    assert_string_equal(world.engine.error.message, "refused");
    close_react(&world);
}

static void fails(const char *how, neap_status status, const char *expected)
{
    react_world world;
    char json[64];
    open_react(&world);
    snprintf(json, sizeof json, "{\"id\":\"a\",\"how\":\"%s\"}", how);
    neap_status got = react(&world, "Shipped", 2, json);
    if (got != status || strstr(world.engine.error.message, expected) == NULL)
        fail_msg("%s: %s\ninstead of: %s", neap_status_name(got), world.engine.error.message,
                 expected);
    close_react(&world);
}

static void what_fails_is_said(void **unused)
{
    (void)unused;
    fails("raise", NEAP_HANDLER, "no such thing");
    fails("nil", NEAP_HANDLER, "refused");
    fails("reject", NEAP_REJECTED, "too bad");
    fails("event", NEAP_HANDLER,
          "the handler returned a message; a subscriber dispatches commands");
    fails("publish", NEAP_HANDLER, "context.publish: a subscriber has none; what it wants done it");
    fails("complete", NEAP_HANDLER, "context.complete: a subscriber has none");
    fails("typo", NEAP_HANDLER, "context has no 'snd'; did you mean 'send'?");
    fails("yield", NEAP_HANDLER, "coroutine.yield: a subscriber is no coroutine");
    fails("loop", NEAP_LIMIT, "instructions: the handler ran more than 1000000");
    fails("swallow", NEAP_LIMIT, "instructions: the handler ran more than 1000000");
    fails("inside", NEAP_HANDLER, "string.gsub");
}

static void it_cannot_harm_what_comes_after_it(void **unused)
{
    (void)unused;
    react_world world;
    open_react(&world);
    neap_error *error = &world.engine.error;
    assert_int_equal(react(&world, "Shipped", 2, "{\"id\":\"a\",\"how\":\"hoard\"}"), NEAP_LIMIT);
    reacts(&world, 2, "{\"id\":\"a\",\"how\":\"keep\"}", "begins\ta\ta\t2");
    assert_int_equal(react(&world, "Shipped", 2, "{\"id\":\"a\",\"how\":\"kept\"}"), NEAP_HANDLER);
    assert_non_null(strstr(error->message, "the handler that this context belongs to has ended"));
    reacts(&world, 2, "{\"id\":\"a\",\"how\":\"change\"}", "begins\ta\ta\t2");
    assert_true(neapi_text_equal(world.event.stream, NEAPI_LITERAL("Order-a")));
    assert_int_equal(react(&world, "Shipped", 2, "{\"id\":"), NEAP_CORRUPT);
    assert_int_equal(react(&world, "Shipped", 9, "{\"id\":\"a\"}"), NEAP_CORRUPT);
    assert_int_equal(react(&world, "Shipped", 2, "{\"id\":\"a\",\"how\":\"wait\"}"), NEAP_OK);
    neapi_engine_run_drop(world.engine.engine, &world.run); /* in the middle of it */
    reacts(&world, 2, "{\"id\":\"a\"}", "begins\ta\ta\t2");
    close_react(&world);
}

static void survives_every_refused_allocation(void **unused)
{
    (void)unused;
    react_world world;
    bool whole = false;
    for (uint64_t nth = 1; !whole; nth++) {
        open_react(&world);
        neapi_alloc_refuse(nth, nth % 2 == 0);
        neap_status status = react(&world, "Shipped", 1, "{\"id\":\"a\",\"how\":\"send\"}");
        neapi_alloc_refuse(0, false);
        whole = status == NEAP_OK;
        if (!whole)
            assert_int_equal(status, NEAP_NOMEM);
        else
            assert_int_equal(world.effects.count, 2);
        close_react(&world);
        assert_true(nth < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handler_gets_the_event),
        cmocka_unit_test(what_it_sends_is_a_list),
        cmocka_unit_test(ids_are_the_same_at_each_delivery),
        cmocka_unit_test(it_may_wait),
        cmocka_unit_test(an_old_event_may_be_several),
        cmocka_unit_test(what_fails_is_said),
        cmocka_unit_test(it_cannot_harm_what_comes_after_it),
        cmocka_unit_test(survives_every_refused_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
