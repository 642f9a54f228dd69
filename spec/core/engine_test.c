/* core/script: the engine's contract, where it can only be seen from C. */
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
#include "base/uuid.h"
#include "core/engine_support.h"

static const char thing[] =
    "local neap = require 'neap'\n"
    "local spec = neap.domain 'spec'\n"
    "local Done = spec:event('Done', { version = 3, tags = { 'kind' } })\n"
    "  { id = 'string', value = 'any?', kind = 'string?' }\n"
    "spec:command 'Do' { id = 'string', value = 'any?' }\n"
    "spec:command 'Fail' { id = 'string', how = 'string' } spec:retired 'Forgotten'\n"
    "local Publish = spec:command 'Publish' { id = 'string' }\n"
    "local Ask = spec:query 'Ask' { id = 'string' }\n"
    "spec:aggregate 'Thing' {\n"
    "  key = 'id', initial = { count = 0 },\n"
    "  commands = {\n"
    "    Do = function(s, c) return Done { id = c.id, value = c.value, kind = 'x' } end,\n"
    "    Fail = function(s, c)\n"
    "      if c.how == 'raise' then s.count = 9 error 'raised' end\n"
    "      if c.how == 'reject' then return Done { id = c.id }, neap.reject 'no' end\n"
    "      if c.how == 'fold' then return Done { id = c.id }, Done { id = c.id, value = 'bad' } "
    "end\n"
    "      if c.how == 'write' then s.count = s.count + 1 end\n"
    "      if c.how == 'print' then print('hello', 3, nil) end\n"
    "      if c.how == 'warn' then warn('take', ' care') end\n"
    "    end,\n"
    "  },\n"
    "  events = { Done = function(s, e)\n"
    "    if e.value == 'bad' then error 'cannot fold' end\n"
    "    if e.value == 'impure' then s.time = os.time() end\n"
    "    s.count = s.count + 1 s.last = e.value\n"
    "  end },\n"
    "  snapshot = { every = 100, version = 7 },\n"
    "}\n"
    "spec:handle(Publish, function(c, context)\n"
    "  context:publish(Done { id = c.id }, { stream = 'Thing-' .. c.id, expected = 2 })\n"
    "end)\n"
    "spec:answer(Ask, function(q, context) return context:state('Thing', q.id) end)\n"
    "return spec\n";

static void open_thing(engine_world *world)
{
    if (engine_open(world, thing, NULL) != NEAP_OK)
        fail_msg("%s", world->error.message);
}

static void the_catalog_knows_what_the_domain_defines(void **unused)
{
    (void)unused;
    engine_world world;
    open_thing(&world);
    const neapi_catalog *catalog = neapi_engine_catalog(world.engine);
    assert_string_equal(catalog->domain.data, "spec");
    assert_int_equal(catalog->message_count, 5);
    const neapi_message *event = neapi_catalog_event(catalog, NEAPI_LITERAL("Done"));
    assert_int_equal(event->schema, 3);
    assert_int_equal(event->line, 3);
    assert_non_null(strstr(event->file.data, "/domain.lua"));
    assert_int_equal(engine_message(&world, NEAP_KIND_COMMAND, "Do")->by, NEAPI_BY_AGGREGATE);
    assert_int_equal(engine_message(&world, NEAP_KIND_COMMAND, "Do")->aggregate, 0);
    assert_int_equal(engine_message(&world, NEAP_KIND_COMMAND, "Publish")->by, NEAPI_BY_LUA);
    assert_int_equal(engine_message(&world, NEAP_KIND_QUERY, "Ask")->by, NEAPI_BY_LUA);
    assert_string_equal(engine_instance(&world)->aggregate->key.data, "id");
    assert_int_equal(engine_instance(&world)->aggregate->snapshot_every, 100);
    assert_string_equal(engine_instance(&world)->aggregate->snapshot_version.data, "7");
    assert_int_equal(neapi_sources_fingerprint(world.sources).size, 32);
    engine_close(&world);
}

static void a_decision_is_in_the_unit_and_folded(void **unused)
{
    (void)unused;
    engine_world world;
    open_thing(&world);
    neapi_state state = engine_state(&world, "a");
    world.call.meta = NEAPI_LITERAL("{\"user\":\"ada\"}");
    assert_int_equal(engine_decide(&world, "Do", state, "{\"value\":[1,2.0,null],\"id\":\"a\"}"),
                     NEAP_OK);
    assert_false(world.spoilt);
    assert_int_equal(world.unit->event_count, 1);
    const neap_event *event = &world.unit->events[0];
    assert_string_equal(engine_data(&world, 0),
                        "{\"id\":\"a\",\"kind\":\"x\",\"value\":[1,2.0,null]}");
    assert_true(neapi_text_equal(event->stream, NEAPI_LITERAL("Thing-a")));
    assert_true(neapi_text_equal(event->type, NEAPI_LITERAL("Done")));
    assert_true(neapi_text_equal(event->meta, world.call.meta));
    assert_true(neapi_text_equal(event->tags[0], NEAPI_LITERAL("kind:x")));
    assert_int_equal(event->tag_count, 1);
    assert_int_equal(event->schema, 3);
    assert_int_equal(event->recorded_at, 1234567);
    assert_true(neapi_uuid_equal(event->command_id, world.call.id));
    assert_true(neapi_uuid_equal(event->causation_id, world.call.id));
    assert_true(neapi_uuid_equal(event->correlation_id, world.call.correlation_id));
    assert_true(neapi_uuid_equal(event->id, neapi_uuid_derive(world.call.id, 1)));
    assert_int_equal(world.call.derived, 1);
    assert_string_equal(engine_show(&world, state), "{\"count\":1,\"last\":[1,2.0,null]}");
    engine_close(&world);
}

static void the_same_decision_gives_the_same_bytes(void **unused)
{
    (void)unused;
    engine_world worlds[2];
    for (int i = 0; i < 2; i++) {
        open_thing(&worlds[i]);
        neapi_state state = engine_state(&worlds[i], "a");
        assert_int_equal(engine_decide(&worlds[i], "Do", state,
                                       "{\"id\":\"a\",\"value\":{\"z\":1,\"a\":2,\"m\":[]}}"),
                         NEAP_OK);
    }
    neap_event *one = worlds[0].unit->events, *other = worlds[1].unit->events;
    assert_true(neapi_text_equal(one->data, other->data));
    assert_true(neapi_uuid_equal(one->id, other->id));
    engine_close(&worlds[0]);
    engine_close(&worlds[1]);
}

/* An aggregate whose handler keeps the event that it returns, and whose folds write to theirs. */
static const char keeper[] =
    "local neap = require 'neap'\n"
    "local spec = neap.domain 'spec'\n"
    "local Done = spec:event 'Done' { id = 'string', n = 'number', text = 'string?' }\n"
    "spec:command 'Do' { id = 'string', n = 'number', text = 'string?' }\n"
    "local kept\n"
    "spec:aggregate 'Thing' {\n"
    "  key = 'id', initial = { seen = '' },\n"
    "  commands = { Do = function(s, c)\n"
    "    kept = kept or Done(c)\n"
    "    return kept, kept\n"
    "  end },\n"
    "  events = { Done = function(s, e)\n"
    "    s.seen = s.seen .. tostring(e.n) .. tostring(getmetatable(e)) .. tostring(e.text) .. ' '\n"
    "    e.n, e.more = 9, true\n"
    "  end },\n"
    "}\n"
    "return spec\n";

static void a_fold_gets_an_event_of_its_own(void **unused)
{
    (void)unused;
    engine_world world;
    assert_int_equal(engine_open(&world, keeper, NULL), NEAP_OK);
    neapi_state state = engine_state(&world, "a");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(engine_decide(&world, "Do", state, "{\"n\":1.0,\"id\":\"a\"}"), NEAP_OK);
        assert_int_equal(world.unit->event_count, 2);
        assert_string_equal(engine_data(&world, 0), "{\"id\":\"a\",\"n\":1.0}");
        assert_string_equal(engine_data(&world, 1), "{\"id\":\"a\",\"n\":1.0}");
    }
    assert_string_equal(engine_show(&world, state),
                        "{\"seen\":\"1.0nilnil 1.0nilnil 1.0nilnil 1.0nilnil \"}");
    engine_close(&world);
}

/* Whatever a command was written like, what is recorded of it is the same. */
static void a_command_is_recorded_canonically(void **unused)
{
    (void)unused;
    static const char *const written[] = {
        "{\"id\":\"a\",\"n\":1.5,\"text\":\"x\"}",
        "{\"text\":\"x\",\"id\":\"a\",\"n\":1.5}",
        "{ \"id\": \"a\", \"n\": 1.5, \"text\": \"x\" }",
        "{\"id\":\"a\",\"n\":1.50,\"text\":\"x\"}",
        "{\"id\":\"a\",\"n\":15e-1,\"text\":\"x\"}",
        "{\"id\":\"a\",\"n\":1.5,\"text\":\"\\u0078\"}",
        "{\"id\":\"a\",\"n\":1.5,\"text\":\"x\"}\n",
    };
    engine_world world;
    assert_int_equal(engine_open(&world, keeper, NULL), NEAP_OK);
    neapi_state state = engine_state(&world, "a");
    neapi_buffer canonical = NEAPI_BUFFER_INIT;
    world.call.canonical = &canonical;
    for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
        neapi_buffer_clear(&canonical);
        assert_int_equal(engine_decide(&world, "Do", state, written[i]), NEAP_OK);
        assert_string_equal(neapi_buffer_terminated(&canonical),
                            "{\"id\":\"a\",\"n\":1.5,\"text\":\"x\"}");
    }
    neapi_buffer_fini(&canonical);
    engine_close(&world);
}

static void a_failure_leaves_unit_and_state_unless_spoilt(void **unused)
{
    (void)unused;
    static const struct {
        const char *json;
        neap_status status;
        bool spoilt;
        size_t events;
    } cases[] = {
        {"{\"id\":\"a\",\"how\":3}", NEAP_INVALID, false, 0},
        {"{\"id\":\"a\"", NEAP_INVALID, false, 0},
        {"{\"id\":\"a\",\"how\":\"reject\"}", NEAP_REJECTED, false, 0},
        {"{\"id\":\"a\",\"how\":\"raise\"}", NEAP_HANDLER, true, 0},
        {"{\"id\":\"a\",\"how\":\"write\"}", NEAP_HANDLER, true, 0},
        {"{\"id\":\"a\",\"how\":\"fold\"}", NEAP_HANDLER, true, 2},
    };
    engine_world world;
    open_thing(&world);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        neapi_state state = engine_state(&world, "a");
        world.error.message[0] = '\0';
        assert_int_equal(engine_decide(&world, "Fail", state, cases[i].json), cases[i].status);
        assert_int_equal(world.error.status, cases[i].status);
        assert_true(world.error.message[0] != '\0');
        assert_int_equal(world.spoilt, cases[i].spoilt);
        assert_int_equal(world.unit->event_count, cases[i].events);
        if (!cases[i].spoilt)
            assert_string_equal(engine_show(&world, state), "{\"count\":0}");
        neapi_engine_state_free(world.engine, state);
    }
    engine_close(&world);
}

static void a_write_is_found_in_the_sample_of_later_decisions(void **unused)
{
    (void)unused;
    engine_world world;
    open_thing(&world);
    neapi_state state = engine_state(&world, "a");
    for (int i = 0; i < 8; i++)
        assert_int_equal(engine_decide(&world, "Fail", state, "{\"id\":\"a\",\"how\":\"x\"}"),
                         NEAP_OK);
    int found = 0;
    for (int i = 8; i < 8 + 256; i++)
        found += engine_decide(&world, "Fail", state, "{\"id\":\"a\",\"how\":\"write\"}") ==
                 NEAP_HANDLER;
    assert_int_equal(found, 1);
    assert_string_equal(world.error.path, "count");
    engine_close(&world);
}

static void stored_events_are_folded_in_order(void **unused)
{
    (void)unused;
    engine_world world;
    open_thing(&world);
    neapi_state state = engine_state(&world, "a");
    neap_event events[] = {
        {.type = NEAPI_LITERAL("Done"),
         .schema = 3,
         .data = NEAPI_LITERAL("{\"id\":\"a\",\"value\":1}")},
        {.type = NEAPI_LITERAL("Forgotten"), .data = NEAPI_LITERAL("{}")},
        {.type = NEAPI_LITERAL("Done"),
         .schema = 3,
         .data = NEAPI_LITERAL("{\"value\":2,\"new\":true}")},
    };
    assert_int_equal(
        neapi_engine_fold(world.engine, engine_instance(&world), state, events, 3, &world.error),
        NEAP_OK);
    assert_string_equal(engine_show(&world, state), "{\"count\":2,\"last\":2}");
    events[1].data = NEAPI_LITERAL("{\"id\":");
    events[1].type = events[0].type;
    events[1].schema = 3;
    assert_int_equal(
        neapi_engine_fold(world.engine, engine_instance(&world), state, events, 3, &world.error),
        NEAP_CORRUPT);
    engine_close(&world);
}

static void a_fold_is_pure_also_when_it_is_repeated(void **unused)
{
    (void)unused;
    engine_world world;
    open_thing(&world);
    neapi_state state = engine_state(&world, "a");
    neap_event event = {.type = NEAPI_LITERAL("Done"),
                        .schema = 3,
                        .data = NEAPI_LITERAL("{\"value\":\"impure\"}")};
    assert_int_equal(
        neapi_engine_fold(world.engine, engine_instance(&world), state, &event, 1, &world.error),
        NEAP_HANDLER);
    assert_non_null(strstr(world.error.message, "os.time cannot be used in an aggregate"));
    engine_close(&world);
}

static void states_are_copied_deeply_and_their_places_used_again(void **unused)
{
    (void)unused;
    engine_world world;
    open_thing(&world);
    neapi_state state = engine_state(&world, "a"), copy;
    assert_int_equal(engine_decide(&world, "Do", state, "{\"id\":\"a\",\"value\":{\"x\":[1]}}"),
                     NEAP_OK);
    assert_int_equal(neapi_engine_state_copy(world.engine, state, &copy, &world.error), NEAP_OK);
    assert_int_equal(engine_decide(&world, "Do", state, "{\"id\":\"a\"}"), NEAP_OK);
    assert_string_equal(engine_show(&world, copy), "{\"count\":1,\"last\":{\"x\":[1]}}");
    assert_string_equal(engine_show(&world, state), "{\"count\":2}");
    neapi_engine_state_free(world.engine, copy);
    assert_int_equal(engine_state(&world, "b"), copy);
    engine_close(&world);
}

static void a_plain_handler_publishes_into_the_unit(void **unused)
{
    (void)unused;
    engine_world world;
    open_thing(&world);
    neapi_run run = {
        .kind = NEAPI_HANDLING_COMMAND,
        .message = engine_message(&world, NEAP_KIND_COMMAND, "Publish"),
        .call = &world.call,
        .unit = world.unit,
        .deadline_us = NEAPI_NO_DEADLINE,
    };
    assert_int_equal(
        neapi_engine_run_start(world.engine, &run, NEAPI_LITERAL("{\"id\":\"z\"}"), &world.error),
        NEAP_OK);
    assert_int_equal(run.stop, NEAPI_RUN_ENDED);
    assert_int_equal(world.unit->op_count, 1);
    assert_int_equal(world.unit->ops[0].append.expected, 2);
    assert_true(neapi_text_equal(world.unit->ops[0].append.stream, NEAPI_LITERAL("Thing-z")));
    engine_close(&world);
}

static void a_host_publishes_and_checks(void **unused)
{
    (void)unused;
    engine_world world;
    open_thing(&world);
    const neapi_message *event = engine_message(&world, NEAP_KIND_EVENT, "Done");
    neap_text json = NEAPI_LITERAL(" {\"kind\":\"k\", \"id\":\"a\"}");
    assert_int_equal(neapi_engine_publish(world.engine, event, NEAPI_LITERAL("Thing-a"),
                                          NEAP_ANY_VERSION, json, &world.call, world.unit,
                                          &world.error),
                     NEAP_OK);
    assert_string_equal(engine_data(&world, 0), "{\"id\":\"a\",\"kind\":\"k\"}");
    assert_true(neapi_text_equal(world.unit->events[0].tags[0], NEAPI_LITERAL("kind:k")));
    assert_int_equal(neapi_engine_publish(world.engine, event, NEAPI_LITERAL("Thing-a"), 0,
                                          NEAPI_LITERAL("{}"), &world.call, world.unit,
                                          &world.error),
                     NEAP_INVALID);
    assert_int_equal(neapi_engine_publish(world.engine, event, NEAPI_LITERAL(""), 0, json,
                                          &world.call, world.unit, &world.error),
                     NEAP_INVALID);
    assert_int_equal(world.unit->event_count, 1);
    neapi_buffer canonical = NEAPI_BUFFER_INIT;
    assert_int_equal(neapi_engine_check(world.engine, event, json, &canonical, NULL), NEAP_OK);
    assert_int_equal(canonical.size, 21);
    assert_int_equal(neapi_engine_check(world.engine, event, NEAPI_LITERAL("[]"), NULL, NULL),
                     NEAP_INVALID);
    neapi_buffer_fini(&canonical);
    engine_close(&world);
}

static void print_and_warn_go_to_the_log(void **unused)
{
    (void)unused;
    engine_world world;
    open_thing(&world);
    neapi_state state = engine_state(&world, "a");
    assert_int_equal(engine_decide(&world, "Fail", state, "{\"id\":\"a\",\"how\":\"print\"}"),
                     NEAP_OK);
    assert_string_equal(world.log, "hello\t3\tnil");
    assert_int_equal(engine_decide(&world, "Fail", state, "{\"id\":\"a\",\"how\":\"warn\"}"),
                     NEAP_OK);
    assert_string_equal(world.log, "take care");
    engine_close(&world);
}

static void every_engine_of_a_runtime_runs_the_same_bytes(void **unused)
{
    (void)unused;
    engine_world world;
    open_thing(&world); /* the file is gone by now */
    neapi_engine *second;
    neapi_engine_options options = engine_options(&world);
    assert_int_equal(neapi_engine_open(world.sources, &options, &second, &world.error), NEAP_OK);
    assert_int_equal(neapi_engine_catalog(second)->message_count, 5);
    neapi_engine_close(second);
    engine_close(&world);
}

/* ---- context:state --------------------------------------------------------------------------- */

typedef struct loader {
    engine_world *world;
    neap_status status;
    bool missing;
} loader;

static neap_status load_state(void *host, const neapi_aggregate *aggregate, neap_text id,
                              neapi_state *copy, neap_error *error)
{
    const loader *self = host;
    if (self->status != NEAP_OK) {
        memset(error, 0, sizeof *error);
        error->status = self->status;
        strcpy(error->code, neap_status_name(self->status));
        strcpy(error->message, "the disk is gone");
        return self->status;
    }
    if (self->missing) {
        *copy = NEAPI_NO_STATE;
        return NEAP_OK;
    }
    neap_event event = {
        .type = NEAPI_LITERAL("Done"), .schema = 3, .data = NEAPI_LITERAL("{\"value\":5}")};
    const neapi_instance instance = {.aggregate = aggregate, .name = id, .id = id};
    neap_status status = neapi_engine_state_new(self->world->engine, &instance, copy, error);
    return status != NEAP_OK
               ? status
               : neapi_engine_fold(self->world->engine, &instance, *copy, &event, 1, error);
}

static neap_status ask(engine_world *world, neapi_run *run)
{
    neapi_buffer json = run->json;
    *run = (neapi_run){
        .kind = NEAPI_HANDLING_QUERY,
        .message = engine_message(world, NEAP_KIND_QUERY, "Ask"),
        .call = &world->call,
        .deadline_us = NEAPI_NO_DEADLINE,
        .json = json,
    };
    return neapi_engine_run_start(world->engine, run, NEAPI_LITERAL("{\"id\":\"a\"}"),
                                  &world->error);
}

static void a_query_gets_the_state_that_the_host_loads(void **unused)
{
    (void)unused;
    engine_world world;
    loader host = {.world = &world};
    neapi_engine_options options = engine_options(&world);
    options.load_state = load_state;
    options.host = &host;
    assert_int_equal(engine_open(&world, thing, &options), NEAP_OK);
    neapi_run run = {.json = NEAPI_BUFFER_INIT};
    assert_int_equal(ask(&world, &run), NEAP_OK);
    assert_string_equal(neapi_buffer_terminated(&run.json), "{\"count\":1,\"last\":5}");
    host.missing = true;
    assert_int_equal(ask(&world, &run), NEAP_OK);
    assert_string_equal(neapi_buffer_terminated(&run.json), "null");
    host.status = NEAP_UNAVAILABLE;
    assert_int_equal(ask(&world, &run), NEAP_UNAVAILABLE);
    assert_non_null(strstr(world.error.message, "domain.lua:32: the disk is gone"));
    neapi_buffer_fini(&run.json);
    engine_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_catalog_knows_what_the_domain_defines),
        cmocka_unit_test(a_decision_is_in_the_unit_and_folded),
        cmocka_unit_test(the_same_decision_gives_the_same_bytes),
        cmocka_unit_test(a_fold_gets_an_event_of_its_own),
        cmocka_unit_test(a_command_is_recorded_canonically),
        cmocka_unit_test(a_failure_leaves_unit_and_state_unless_spoilt),
        cmocka_unit_test(a_write_is_found_in_the_sample_of_later_decisions),
        cmocka_unit_test(stored_events_are_folded_in_order),
        cmocka_unit_test(a_fold_is_pure_also_when_it_is_repeated),
        cmocka_unit_test(states_are_copied_deeply_and_their_places_used_again),
        cmocka_unit_test(a_plain_handler_publishes_into_the_unit),
        cmocka_unit_test(a_host_publishes_and_checks),
        cmocka_unit_test(print_and_warn_go_to_the_log),
        cmocka_unit_test(every_engine_of_a_runtime_runs_the_same_bytes),
        cmocka_unit_test(a_query_gets_the_state_that_the_host_loads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
