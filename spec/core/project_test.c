/* core/script: stored events folded into documents. */
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
#include "bus/partition.h"
#include "core/project_support.h"

#define HEADER                                                                                     \
    "local neap = require 'neap'\n"                                                                \
    "local spec = neap.domain 'spec'\n"                                                            \
    "spec:event 'Placed' { id = 'string', total = 'integer', note = 'string?' }\n"                 \
    "spec:event 'Shipped' { id = 'string' }\n"                                                     \
    "spec:event 'Counted' { id = 'integer', lines = { { sku = 'string' } } }\n"                    \
    "spec:event 'Odd' { id = 'any?', value = 'any?' }\n"

static const char orders[] =
    HEADER "spec:projection 'orders' { key = 'id', events = {\n"
           "  Placed = function(doc, event)\n"
           "    doc.total, doc.status, doc.times = event.total, 'placed', (doc.times or 0) + 1\n"
           "  end,\n"
           "  Shipped = function(doc) doc.status = 'shipped' end,\n"
           "  Counted = function(doc, event) doc.lines = event.lines end,\n"
           "  Odd = function(doc, event)\n"
           "    if event.value == 'delete' then return neap.delete end\n"
           "    if event.value == 'replace' then return { fresh = true } end\n"
           "    if event.value == 'empty' then for k in pairs(doc) do doc[k] = nil end end\n"
           "    if event.value == 'raise' then error 'no such thing' end\n"
           "    if event.value == 'number' then return 3 end\n"
           "    if event.value == 'nan' then doc.deep = { 1, { x = 0/0 } } end\n"
           "    if event.value == 'function' then doc.call = print end\n"
           "    if event.value == 'cycle' then doc.me = doc end\n"
           "    if event.value == 'mixed' then doc.list = { 1, a = 2 } end\n"
           "    if event.value == 'twice' then doc.a = { 1 } doc.b = { doc.a } end\n"
           "    if event.value == 'meta' then doc.a = setmetatable({}, {}) end\n"
           "    if event.value == 'bytes' then doc.a = '\\xff' end\n"
           "    if event.value == 'null' then doc.a, doc.b = neap.null, neap.array {} end\n"
           "    if event.value == 'loop' then while true do end end\n"
           "    if event.value == 'yield' then coroutine.yield() end\n"
           "    if event.value == 'hoard' then\n"
           "      doc.hoard = {} for i = 1, 1e7 do doc.hoard[i] = { i } end\n"
           "    end\n"
           "    if event.value == 'large' then doc.text = ('x'):rep(5 << 20) end\n"
           "  end,\n"
           "} }\n"
           "return spec\n";

static void succeeds(project_world *world, const char *type, const char *json)
{
    if (project_event(world, type, json) != NEAP_OK)
        fail_msg("%s", world->error->message);
}

static void saves(project_world *world)
{
    if (project_save(world) != NEAP_OK)
        fail_msg("%s", world->error->message);
}

static void a_document_is_what_its_events_make_of_it(void **unused)
{
    (void)unused;
    project_world *world = calloc(1, sizeof *world);
    project_open(world, orders, NULL);
    succeeds(world, "Placed", "{\"id\":\"a\",\"total\":3}");
    succeeds(world, "Placed", "{\"id\":\"b\",\"total\":4}");
    succeeds(world, "Shipped", "{\"id\":\"a\"}");
    assert_string_equal(project_stored(world, "a"), "none");
    saves(world);
    assert_int_equal(world->engine.unit->op_count, 2);
    assert_true(neapi_text_equal(world->engine.unit->ops[0].document.collection,
                                 NEAPI_LITERAL("orders@1")));
    assert_string_equal(project_stored(world, "a"),
                        "{\"status\":\"shipped\",\"times\":1,\"total\":3}");
    assert_string_equal(project_stored(world, "b"),
                        "{\"status\":\"placed\",\"times\":1,\"total\":4}");
    assert_int_equal(world->finds, 2);
    saves(world); /* nothing was changed since */
    assert_int_equal(world->engine.unit->op_count, 0);
    project_close(world);
    free(world);
}

static void a_stored_document_is_found_when_it_is_not_kept(void **unused)
{
    (void)unused;
    project_world *world = calloc(1, sizeof *world);
    project_open(world, orders, NULL);
    project_store(world, "a", "{\"times\":7}");
    succeeds(world, "Placed", "{\"id\":\"a\",\"total\":3}");
    succeeds(world, "Placed", "{\"id\":\"a\",\"total\":3}");
    assert_int_equal(world->finds, 1);
    saves(world);
    project_reopen(world);
    succeeds(world, "Placed", "{\"id\":\"a\",\"total\":3}");
    saves(world);
    assert_string_equal(project_stored(world, "a"),
                        "{\"status\":\"placed\",\"times\":10,\"total\":3}");
    project_close(world);
    free(world);
}

static void an_empty_document_is_none(void **unused)
{
    (void)unused;
    project_world *world = calloc(1, sizeof *world);
    project_open(world, orders, NULL);
    succeeds(world, "Odd", "{\"id\":\"a\"}");
    saves(world);
    assert_int_equal(world->engine.unit->op_count, 0);
    for (int kept = 0; kept < 2; kept++) {
        succeeds(world, "Shipped", "{\"id\":\"a\"}");
        saves(world);
        assert_string_equal(project_stored(world, "a"), "{\"status\":\"shipped\"}");
        succeeds(world, "Odd",
                 kept ? "{\"id\":\"a\",\"value\":\"empty\"}"
                      : "{\"id\":\"a\",\"value\":\"delete\"}");
        saves(world);
        assert_int_equal(world->engine.unit->ops[0].document.write, NEAPI_DOCUMENT_DROP);
        assert_string_equal(project_stored(world, "a"), "none");
    }
    succeeds(world, "Shipped", "{\"id\":\"b\"}"); /* made and dropped in one batch */
    succeeds(world, "Odd", "{\"id\":\"b\",\"value\":\"delete\"}");
    saves(world);
    assert_int_equal(world->engine.unit->op_count, 0);
    project_close(world);
    free(world);
}

static void a_table_that_is_given_takes_its_place(void **unused)
{
    (void)unused;
    project_world *world = calloc(1, sizeof *world);
    project_open(world, orders, NULL);
    succeeds(world, "Shipped", "{\"id\":\"a\"}");
    succeeds(world, "Odd", "{\"id\":\"a\",\"value\":\"replace\"}");
    succeeds(world, "Placed", "{\"id\":\"a\",\"total\":1}");
    succeeds(world, "Odd", "{\"id\":\"n\",\"value\":\"null\"}");
    saves(world);
    assert_string_equal(project_stored(world, "a"),
                        "{\"fresh\":true,\"status\":\"placed\",\"times\":1,\"total\":1}");
    assert_string_equal(project_stored(world, "n"), "{\"a\":null,\"b\":[]}");
    project_close(world);
    free(world);
}

static void keys_may_be_integers_or_missing(void **unused)
{
    (void)unused;
    project_world *world = calloc(1, sizeof *world);
    project_open(world, orders, NULL);
    succeeds(world, "Counted", "{\"id\":-12,\"lines\":[{\"sku\":\"s\"}]}");
    succeeds(world, "Odd", "{\"value\":\"replace\"}");
    succeeds(world, "Odd", "{\"id\":null,\"value\":\"replace\"}");
    saves(world);
    assert_int_equal(world->document_count, 1);
    assert_string_equal(project_stored(world, "-12"), "{\"lines\":[{\"sku\":\"s\"}]}");
    project_close(world);
    free(world);
}

static void fails(project_world *world, const char *type, const char *json, neap_status status,
                  const char *expected)
{
    neap_status got = project_event(world, type, json);
    if (got != status || strstr(world->error->message, expected) == NULL)
        fail_msg("%s: %s\ninstead of: %s", neap_status_name(got), world->error->message, expected);
    project_reopen(world);
}

static void what_fails_is_named(void **unused)
{
    (void)unused;
    project_world *world = calloc(1, sizeof *world);
    project_open(world, orders, NULL);
    world->position = 6;
    fails(world, "Odd", "{\"id\":\"a\",\"value\":\"raise\"}", NEAP_HANDLER,
          "projection 'orders', event 'Odd' at position 7 (Order-1, 7): key 'a': ");
    fails(world, "Odd", "{\"id\":\"a\",\"value\":\"raise\"}", NEAP_HANDLER,
          "domain.lua:17: no such thing");
    fails(world, "Odd", "{\"id\":\"a\",\"value\":\"number\"}", NEAP_HANDLER,
          "domain.lua:13: the fold of 'Odd' gave a number; it changes the document, or gives a new "
          "table, or neap.delete");
    fails(world, "Odd", "{\"id\":1.5}", NEAP_HANDLER,
          "domain.lua:7: its key 'id' is a float in the event 'Odd'; it must be a text or an "
          "integer");
    fails(world, "Odd", "{\"id\":[1]}", NEAP_HANDLER, "its key 'id' is a table");
    fails(world, "Odd", "{\"id\":\"\"}", NEAP_HANDLER, "(Order-1, 12): its key is empty");
    fails(world, "Odd", "{\"id\":\"a\\u0000b\"}", NEAP_HANDLER,
          "its key contains a control character");
    fails(world, "Odd", "{\"id\":\"a\",\"value\":\"yield\"}", NEAP_HANDLER,
          "coroutine.yield: a projection is no coroutine; nothing would resume it");
    fails(world, "Odd", "{\"id\":\"a\",\"value\":", NEAP_CORRUPT, "it cannot be read");
    project_store(world, "x", "[1");
    fails(world, "Odd", "{\"id\":\"x\"}", NEAP_CORRUPT, "the stored document 'x' cannot be read");
    project_store(world, "x", "3");
    fails(world, "Odd", "{\"id\":\"x\"}", NEAP_CORRUPT, "it is no table");
    world->unreadable = true;
    fails(world, "Odd", "{\"id\":\"x\"}", NEAP_STORE, "the disk is gone");
    project_close(world);
    free(world);
}

static void a_failure_names_the_event_of_a_batch(void **unused)
{
    (void)unused;
    project_world *world = calloc(1, sizeof *world);
    project_open(world, orders, NULL);
    neap_event events[3] = {0};
    static const char *const data[] = {"{\"id\":\"a\"}", "{\"id\":\"a\",\"value\":\"raise\"}",
                                       "{\"id\":\"a\"}"};
    for (size_t i = 0; i < 3; i++)
        events[i] = (neap_event){.position = 10 + i,
                                 .schema = 1,
                                 .type = NEAPI_LITERAL("Odd"),
                                 .data = neapi_text_of(data[i])};
    assert_int_equal(project_events(world, events, 3), NEAP_HANDLER);
    assert_int_equal(world->failed, 1);
    assert_non_null(strstr(world->error->message, "at position 11"));
    project_close(world);
    free(world);
}

static void cannot_save(project_world *world, const char *value, neap_status status,
                        const char *expected)
{
    char json[64];
    snprintf(json, sizeof json, "{\"id\":\"a\",\"value\":\"%s\"}", value);
    succeeds(world, "Odd", json);
    neap_status got = project_save(world);
    if (got != status || strcmp(world->error->message, expected) != 0)
        fail_msg("%s: %s\ninstead of: %s", neap_status_name(got), world->error->message, expected);
    project_reopen(world);
}

static void what_cannot_be_kept_is_named(void **unused)
{
    (void)unused;
    project_world *world = calloc(1, sizeof *world);
    project_open(world, orders, NULL);
    cannot_save(world, "nan", NEAP_HANDLER,
                "projection 'orders': document 'a': deep[2].x: JSON has no NaN");
    cannot_save(world, "function", NEAP_HANDLER,
                "projection 'orders': document 'a': call: JSON has no function");
    cannot_save(world, "cycle", NEAP_HANDLER,
                "projection 'orders': document 'a': me: a table contains itself");
    cannot_save(world, "mixed", NEAP_HANDLER,
                "projection 'orders': document 'a': list: a table has both names and places as "
                "keys");
    cannot_save(world, "twice", NEAP_HANDLER,
                "projection 'orders': document 'a': a: the table is in two places: copy it, for "
                "each is read back by itself");
    cannot_save(world, "meta", NEAP_HANDLER,
                "projection 'orders': document 'a': a: a table has a metatable, which cannot be "
                "kept");
    cannot_save(world, "bytes", NEAP_HANDLER,
                "projection 'orders': document 'a': a: a string is not valid UTF-8");
    cannot_save(world, "large", NEAP_LIMIT,
                "projection 'orders': document 'a': it takes 5242891 bytes, more than 4194304");
    project_close(world);
    free(world);
}

static const char keyed[] = HEADER
    "spec:projection 'orders' {\n"
    "  key = {\n"
    "    Placed = function(event, context) context:id() return event.id, 'all', nil, event.id "
    "end,\n"
    "    Shipped = function(event) return event.id ~= 'no' and event.id or nil end,\n"
    "    Odd = function(event)\n"
    "      if event.value == 'keys' then return 1, {}, 3 end\n"
    "      if event.value == 'raise' then error 'no key' end\n"
    "      if event.value == 'many' then\n"
    "        local keys = {} for i = 1, 1001 do keys[i] = i end return table.unpack(keys)\n"
    "      end\n"
    "      event.changed = true\n"
    "      return 'x', 'y'\n"
    "    end,\n"
    "    Counted = 'id',\n"
    "  },\n"
    "  events = {\n"
    "    Placed = function(doc, event) doc.count = (doc.count or 0) + event.total end,\n"
    "    Shipped = function(doc) doc.shipped = (doc.shipped or 0) + 1 end,\n"
    "    Odd = function(doc, event)\n"
    "      doc.changed, doc.value, event.value, event.changed = event.changed, event.value, 0, 1\n"
    "    end,\n"
    "    Counted = function(doc, event) doc.n = event.id end,\n"
    "  } }\n"
    "return spec\n";

static void an_event_may_have_several_keys_or_none(void **unused)
{
    (void)unused;
    project_world *world = calloc(1, sizeof *world);
    project_open(world, keyed, NULL);
    succeeds(world, "Placed", "{\"id\":\"a\",\"total\":3}");
    succeeds(world, "Placed", "{\"id\":\"b\",\"total\":4}");
    succeeds(world, "Shipped", "{\"id\":\"a\"}");
    succeeds(world, "Shipped", "{\"id\":\"no\"}");
    succeeds(world, "Counted", "{\"id\":4,\"lines\":[]}");
    saves(world);
    assert_int_equal(world->document_count, 4);
    assert_string_equal(project_stored(world, "a"), "{\"count\":3,\"shipped\":1}");
    assert_string_equal(project_stored(world, "all"), "{\"count\":7}");
    assert_string_equal(project_stored(world, "4"), "{\"n\":4}");
    project_close(world);
    free(world);
}

static void each_fold_has_an_event_of_its_own(void **unused)
{
    (void)unused;
    project_world *world = calloc(1, sizeof *world);
    project_open(world, keyed, NULL);
    succeeds(world, "Odd", "{\"value\":{\"n\":1}}");
    saves(world); /* the documents share no table */
    assert_string_equal(project_stored(world, "x"), "{\"value\":{\"n\":1}}");
    assert_string_equal(project_stored(world, "y"), "{\"value\":{\"n\":1}}");
    fails(world, "Odd", "{\"value\":\"keys\"}", NEAP_HANDLER,
          "domain.lua:11: the key's function gave a table for the event 'Odd'; it gives texts or "
          "integers, or nil");
    fails(world, "Odd", "{\"value\":\"raise\"}", NEAP_HANDLER, "domain.lua:13: no key");
    fails(world, "Odd", "{\"value\":\"many\"}", NEAP_LIMIT, "it has more than 1000 keys");
    project_close(world);
    free(world);
}

static void a_partition_folds_its_own_keys_only(void **unused)
{
    (void)unused;
    project_world *world = calloc(1, sizeof *world);
    project_open(world, orders, NULL);
    world->where.partitions = 4;
    for (uint32_t partition = 0; partition < 4; partition++) {
        world->where.partition = partition;
        project_reopen(world);
        for (int i = 0; i < 100; i++) {
            char json[64];
            snprintf(json, sizeof json, "{\"id\":\"o-%d\",\"total\":%d}", i, i);
            succeeds(world, "Placed", json);
        }
        size_t before = world->document_count;
        saves(world);
        assert_true(world->document_count > before);
        for (size_t i = before; i < world->document_count; i++)
            assert_int_equal(neapi_partition_of(neapi_text_of(world->documents[i].key), 4),
                             partition);
    }
    assert_int_equal(world->document_count, 100);
    project_close(world);
    free(world);
}

static void those_used_least_recently_are_let_go(void **unused)
{
    (void)unused;
    project_world *world = calloc(1, sizeof *world);
    project_open(world, orders, NULL);
    neapi_engine *engine = world->engine.engine;
    for (int turn = 0; turn < 3; turn++)
        for (int i = 0; i < 200; i++) {
            char json[64];
            snprintf(json, sizeof json, "{\"id\":\"o-%d\",\"total\":%d}", i, i);
            succeeds(world, "Placed", json);
            if (i % 50 == 49) {
                neapi_engine_documents_trim(engine, world->where.documents, 10);
                saves(world);
                neapi_engine_documents_trim(engine, world->where.documents, 10);
                assert_int_equal(neapi_engine_documents_count(engine, world->where.documents), 10);
            }
        }
    assert_int_equal(world->document_count, 200);
    assert_string_equal(project_stored(world, "o-7"),
                        "{\"status\":\"placed\",\"times\":3,\"total\":7}");
    size_t finds = world->finds;
    succeeds(world, "Shipped", "{\"id\":\"o-190\"}");
    assert_int_equal(world->finds, finds);
    succeeds(world, "Shipped", "{\"id\":\"o-189\"}");
    assert_int_equal(world->finds, finds + 1);
    /* What is not saved stays, however few are to be kept. */
    neapi_engine_documents_trim(engine, world->where.documents, 0);
    assert_int_equal(neapi_engine_documents_count(engine, world->where.documents), 2);
    neapi_buffer json = NEAPI_BUFFER_INIT;
    bool found;
    assert_int_equal(neapi_engine_document_json(engine, world->where.documents,
                                                NEAPI_LITERAL("o-189"), &json, &found,
                                                world->error),
                     NEAP_OK);
    assert_true(found);
    assert_true(neapi_text_equal(neapi_text(json.data, json.size),
                                 NEAPI_LITERAL("{\"status\":\"shipped\",\"times\":3,"
                                               "\"total\":189}")));
    assert_int_equal(neapi_engine_document_json(engine, world->where.documents,
                                                NEAPI_LITERAL("o-1"), &json, &found, world->error),
                     NEAP_OK);
    assert_false(found);
    neapi_buffer_fini(&json);
    project_close(world);
    free(world);
}

static const char evolving[] =
    "local neap = require 'neap'\n"
    "local spec = neap.domain 'spec'\n"
    "local New = spec:event('New', { formerly = 'Old' }) { id = 'string', n = 'integer' }\n"
    "local Both = spec:event('Both', { version = 3 }) { id = 'string', n = 'integer' }\n"
    "Both:upcast(function(data) data.n = data.n * 10 return data end)\n"
    "Both:upcast(function(data)\n"
    "  if data.n == 0 then return neap.drop end\n"
    "  return New { id = data.id, n = data.n }, New { id = 'other', n = 1 }\n"
    "end)\n"
    "spec:event 'Apart' {}\n"
    "spec:projection 'orders' { key = 'id', events = {\n"
    "  New = function(doc, event, context)\n"
    "    doc.n = (doc.n or 0) + event.n\n"
    "    doc.type, doc.schema = context.event.type, context.event.schema\n"
    "  end,\n"
    "} }\n"
    "return spec\n";

static void old_events_are_folded_as_what_they_are_today(void **unused)
{
    (void)unused;
    project_world *world = calloc(1, sizeof *world);
    project_open(world, evolving, NULL);
    succeeds(world, "Old", "{\"id\":\"a\",\"n\":1}");
    succeeds(world, "Both", "{\"id\":\"a\",\"n\":2}");
    succeeds(world, "Both", "{\"id\":\"a\",\"n\":0}");
    succeeds(world, "Apart", "{}");
    succeeds(world, "NobodyKnows", "{}");
    saves(world);
    assert_string_equal(project_stored(world, "a"), "{\"n\":21,\"schema\":1,\"type\":\"New\"}");
    assert_string_equal(project_stored(world, "other"), "{\"n\":1,\"schema\":1,\"type\":\"New\"}");
    fails(world, "Both", "{\"id\":\"a\",\"n\":true}", NEAP_HANDLER,
          "projection 'orders', event 'Both' at position");
    neap_event newer = {.position = 1, .schema = 4, .type = NEAPI_LITERAL("Both")};
    assert_int_equal(project_events(world, &newer, 1), NEAP_CORRUPT);
    assert_non_null(strstr(world->error->message, "reads the schema versions 1 to 3"));
    project_close(world);
    free(world);
}

#define ASKING(body)                                                                               \
    HEADER "local kept\n"                                                                          \
           "spec:projection 'orders' { key = 'id', events = {\n"                                   \
           "Shipped = function(doc, event, context) " body " end } } return spec\n"

static void ask(const char *domain, neap_status expected_status, const char *expected)
{
    project_world *world = calloc(1, sizeof *world);
    project_open(world, domain, NULL);
    neap_status status = project_event(world, "Shipped", "{\"id\":\"a\"}");
    if (status == NEAP_OK) {
        saves(world);
        if (strcmp(project_stored(world, "a"), expected) != 0)
            fail_msg("%s\ninstead of: %s", project_stored(world, "a"), expected);
    } else if (strstr(world->error->message, expected) == NULL) {
        fail_msg("%s\ninstead of: %s", world->error->message, expected);
    }
    assert_int_equal(status, expected_status);
    project_close(world);
    free(world);
}

static void context_has_the_event_and_nothing_that_reaches_outside(void **unused)
{
    (void)unused;
    ask(ASKING("local e = context.event doc.at, doc.now = e.position, context:now() "
               "doc.data, doc.stream, doc.version = e.data, e.stream, e.version"),
        NEAP_OK,
        "{\"at\":1,\"data\":{\"id\":\"a\"},\"now\":1000000,\"stream\":\"Order-1\",\"version\":1}");
    ask(ASKING("doc.same = context:id() ~= context:id()"), NEAP_OK, "{\"same\":true}");
    ask(ASKING("context:dispatch('Do', {})"), NEAP_HANDLER,
        "domain.lua:9: context.dispatch: a projection has none; it folds events into documents and "
        "does nothing else");
    ask(ASKING("local _ = context.services.mail"), NEAP_HANDLER, "context.services: a projection");
    ask(ASKING("context:nw()"), NEAP_HANDLER, "context has no 'nw'; did you mean 'now'?");
    ask(ASKING("context.x = 1"), NEAP_HANDLER, "context cannot be changed");
    ask(ASKING("doc.time = os.time()"), NEAP_HANDLER,
        "os.time cannot be used in a projection, which gives the same whenever it runs; use "
        "context:now()");
    ask(ASKING("doc.x = math.random()"), NEAP_HANDLER,
        "math.random cannot be used in a projection");
    ask(ASKING("io.open('/etc/passwd')"), NEAP_HANDLER,
        "io.open cannot be used in a projection, which gives the same whenever it runs; what it "
        "needs must be in the event");
    ask(ASKING("return neap.null"), NEAP_HANDLER, "gave a userdata");
    ask(ASKING("x = 1"), NEAP_HANDLER, "domain.lua:9:");
}

/* What a fold keeps for itself must not tie documents together. */
static void documents_that_share_a_table_are_refused(void **unused)
{
    (void)unused;
    project_world *world = calloc(1, sizeof *world);
    project_open(world, ASKING("kept = kept or { 1 } doc.deep = { list = kept }"), NULL);
    succeeds(world, "Shipped", "{\"id\":\"a\"}");
    succeeds(world, "Shipped", "{\"id\":\"b\"}");
    assert_int_equal(project_save(world), NEAP_HANDLER);
    assert_string_equal(world->error->message,
                        "projection 'orders': document 'b': deep.list: the table is in two places: "
                        "copy it, for each is read back by itself");
    project_close(world);
    project_open(world, ASKING("kept = kept or { 1 } return kept"), NULL);
    succeeds(world, "Shipped", "{\"id\":\"a\"}");
    succeeds(world, "Shipped", "{\"id\":\"b\"}");
    assert_int_equal(project_save(world), NEAP_HANDLER);
    assert_non_null(strstr(world->error->message, "document 'b': the table is in two places"));
    project_close(world);
    project_open(world, ASKING("kept = kept or event doc.id = kept.id kept.id = 'mine'"), NULL);
    succeeds(world, "Shipped", "{\"id\":\"a\"}");
    succeeds(world, "Shipped", "{\"id\":\"b\"}");
    saves(world);
    assert_string_equal(project_stored(world, "b"), "{\"id\":\"mine\"}");
    project_close(world);
    free(world);
}

static void limits_hold_in_a_batch(void **unused)
{
    (void)unused;
    project_world *world = calloc(1, sizeof *world);
    engine_world none;
    neapi_engine_options options = engine_options(&none);
    options.instructions = 1000000;
    options.memory_bytes = (size_t)8 << 20;
    options.log = NULL;
    project_open(world, orders, &options);
    fails(world, "Odd", "{\"id\":\"a\",\"value\":\"loop\"}", NEAP_LIMIT,
          "instructions: the handler ran more than 1000000");
    fails(world, "Odd", "{\"id\":\"a\",\"value\":\"hoard\"}", NEAP_LIMIT,
          "memory: more than 8388608 bytes of Lua are in use");
    succeeds(world, "Shipped", "{\"id\":\"a\"}");
    saves(world);
    assert_string_equal(project_stored(world, "a"), "{\"status\":\"shipped\"}");
    project_close(world);
    free(world);
}

static void let_go(void *host)
{
    project_world *world = host;
    neapi_engine_documents_trim(world->engine.engine, world->where.documents, 0);
}

/* Documents that are only kept for speed go before a handler is stopped for memory. */
static void documents_make_room(void **unused)
{
    (void)unused;
    project_world *world = calloc(1, sizeof *world);
    engine_world none;
    neapi_engine_options options = engine_options(&none);
    options.memory_bytes = (size_t)6 << 20;
    options.log = NULL;
    options.let_go = let_go;
    options.host = world;
    project_open(world, orders, &options);
    neapi_engine_set_host(world->engine.engine, world);
    static char json[70000];
    for (int i = 0; i < 300; i++) {
        int size = snprintf(json, sizeof json, "{\"id\":\"o-%d\",\"lines\":[", i);
        for (int line = 0; line < 200; line++)
            size += snprintf(json + size, sizeof json - (size_t)size, "%s{\"sku\":\"s-%d-%d\"}",
                             line ? "," : "", i, line);
        snprintf(json + size, sizeof json - (size_t)size, "]}");
        char number[70000];
        snprintf(number, sizeof number, "{\"id\":%d%s", i, strchr(json, ','));
        succeeds(world, "Counted", number);
        saves(world);
    }
    succeeds(world, "Odd", "{\"id\":\"a\"}");
    assert_int_equal(world->document_count, 300);
    project_close(world);
    free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_is_what_its_events_make_of_it),
        cmocka_unit_test(a_stored_document_is_found_when_it_is_not_kept),
        cmocka_unit_test(an_empty_document_is_none),
        cmocka_unit_test(a_table_that_is_given_takes_its_place),
        cmocka_unit_test(keys_may_be_integers_or_missing),
        cmocka_unit_test(what_fails_is_named),
        cmocka_unit_test(a_failure_names_the_event_of_a_batch),
        cmocka_unit_test(what_cannot_be_kept_is_named),
        cmocka_unit_test(an_event_may_have_several_keys_or_none),
        cmocka_unit_test(each_fold_has_an_event_of_its_own),
        cmocka_unit_test(a_partition_folds_its_own_keys_only),
        cmocka_unit_test(those_used_least_recently_are_let_go),
        cmocka_unit_test(old_events_are_folded_as_what_they_are_today),
        cmocka_unit_test(context_has_the_event_and_nothing_that_reaches_outside),
        cmocka_unit_test(documents_that_share_a_table_are_refused),
        cmocka_unit_test(limits_hold_in_a_batch),
        cmocka_unit_test(documents_make_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
