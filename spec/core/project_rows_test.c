/* core/script: stored events as statements. */
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
#include "core/engine_support.h"

static const char revenue[] =
    "local neap = require 'neap'\n"
    "local spec = neap.domain 'spec'\n"
    "spec:event 'Placed' { id = 'string', total = 'integer' }\n"
    "spec:event 'Odd' { id = 'string', how = 'string' }\n"
    "local kept\n"
    "spec:projection 'revenue' {\n"
    "  key = 'id', partitions = 4, schema = 'CREATE TABLE {revenue} (id TEXT, total INTEGER)',\n"
    "  events = {\n"
    "    Placed = function(sql, event, context)\n"
    "      sql('INSERT INTO {revenue} VALUES (?, ?)', event.id, event.total)\n"
    "      sql('UPDATE {revenue} SET a = ?, b = ?, c = ?, d = ?', 1.5, true, nil, neap.null)\n"
    "    end,\n"
    "    Odd = function(sql, event)\n"
    "      local how = event.how\n"
    "      if how == 'table' then sql('INSERT', 1, {}) end\n"
    "      if how == 'nan' then sql('INSERT', 0/0) end\n"
    "      if how == 'bytes' then sql('INSERT', '\\xff') end\n"
    "      if how == 'none' then sql() end\n"
    "      if how == 'number' then sql(3) end\n"
    "      if how == 'many' then for i = 1, 1001 do sql('INSERT') end end\n"
    "      if how == 'values' then sql('INSERT', ('x'):byte(1, -1), table.unpack({}, 1, 300)) end\n"
    "      if how == 'return' then return neap.delete end\n"
    "      if how == 'time' then sql('INSERT', os.time()) end\n"
    "      if how == 'keep' then kept = sql end\n"
    "    end,\n"
    "  } }\n"
    "spec:projection 'other' { key = 'id', events = { Placed = function() kept('INSERT') end } }\n"
    "return spec\n";

typedef struct rows_world {
    engine_world engine;
    neapi_projecting_rows where;
    size_t failed;
} rows_world;

static void open_rows(rows_world *world)
{
    memset(world, 0, sizeof *world);
    if (engine_open(&world->engine, revenue, NULL) != NEAP_OK)
        fail_msg("%s", world->engine.error.message);
    world->where = (neapi_projecting_rows){
        .projection = neapi_engine_catalog(world->engine.engine)->subscriptions[0],
        .build = 3,
        .partitions = 1,
        .unit = world->engine.unit};
}

static neap_status project(rows_world *world, const char *type, const char *json)
{
    const neap_event event = {.position = 7,
                              .version = 2,
                              .schema = 1,
                              .type = neapi_text_of(type),
                              .stream = NEAPI_LITERAL("Order-1"),
                              .data = neapi_text_of(json)};
    const neap_event *list[] = {&event};
    neapi_unit_clear(world->engine.unit);
    return neapi_engine_project_rows(world->engine.engine, &world->where, list, 1, &world->failed,
                                     &world->engine.error);
}

static void a_fold_says_statements(void **unused)
{
    (void)unused;
    rows_world world;
    open_rows(&world);
    if (project(&world, "Placed", "{\"id\":\"a\",\"total\":4}") != NEAP_OK)
        fail_msg("%s", world.engine.error.message);
    assert_int_equal(world.engine.unit->op_count, 2);
    assert_int_equal(world.engine.unit->ops[0].kind, NEAPI_OP_SQL);
    const neapi_statement *first = &world.engine.unit->ops[0].statement,
                          *second = &world.engine.unit->ops[1].statement;
    assert_true(neapi_text_equal(first->projection, NEAPI_LITERAL("revenue")));
    assert_true(
        neapi_text_equal(first->text, NEAPI_LITERAL("INSERT INTO {revenue} VALUES (?, ?)")));
    assert_int_equal(first->build, 3);
    assert_int_equal(first->position, 7);
    assert_int_equal(first->value_count, 2);
    assert_int_equal(first->values[0].kind, NEAPI_VALUE_TEXT);
    assert_true(neapi_text_equal(first->values[0].bytes, NEAPI_LITERAL("a")));
    assert_int_equal(first->values[1].integer, 4);
    assert_int_equal(second->value_count, 4);
    assert_int_equal(second->values[0].kind, NEAPI_VALUE_FLOAT);
    assert_int_equal(second->values[1].kind, NEAPI_VALUE_BOOLEAN);
    assert_int_equal(second->values[1].integer, 1);
    assert_int_equal(second->values[2].kind, NEAPI_VALUE_NULL);
    assert_int_equal(second->values[3].kind, NEAPI_VALUE_NULL);
    engine_close(&world.engine);
}

static void a_partition_has_its_own_keys_only(void **unused)
{
    (void)unused;
    rows_world world;
    size_t folded = 0;
    open_rows(&world);
    world.where.partitions = 4;
    for (uint32_t i = 0; i < 40; i++) {
        char json[64], key[8];
        snprintf(key, sizeof key, "o-%u", i / 4);
        snprintf(json, sizeof json, "{\"id\":\"%s\",\"total\":4}", key);
        world.where.partition = i % 4;
        assert_int_equal(project(&world, "Placed", json), NEAP_OK);
        bool own = neapi_partition_of(neapi_text_of(key), 4) == i % 4;
        assert_int_equal(world.engine.unit->op_count, own ? 2 : 0);
        folded += own;
    }
    assert_int_equal(folded, 10);
    engine_close(&world.engine);
}

static void fails(const char *how, neap_status status, const char *expected)
{
    rows_world world;
    char json[64];
    open_rows(&world);
    snprintf(json, sizeof json, "{\"id\":\"a\",\"how\":\"%s\"}", how);
    neap_status got = project(&world, "Odd", json);
    if (got != status || strstr(world.engine.error.message, expected) == NULL)
        fail_msg("%s: %s\ninstead of: %s", neap_status_name(got), world.engine.error.message,
                 expected);
    engine_close(&world.engine);
}

static void what_is_wrong_is_named(void **unused)
{
    (void)unused;
    fails("table", NEAP_HANDLER, "projection 'revenue', event 'Odd' at position 7 (Order-1, 2): ");
    fails("table", NEAP_HANDLER,
          "domain.lua:15: sql: value 2 is a table; values are texts, numbers, booleans, and nil or "
          "neap.null");
    fails("nan", NEAP_HANDLER, "sql: value 1 is NaN");
    fails("bytes", NEAP_HANDLER, "sql: value 1 is a text that is not UTF-8");
    fails("none", NEAP_HANDLER, "sql needs a statement, a text, but got nothing");
    fails("number", NEAP_HANDLER, "sql needs a statement, a text, but got number");
    fails("many", NEAP_LIMIT, "sql: one event makes at most 1000 statements");
    fails("values", NEAP_HANDLER, "sql: a statement has at most 200 values, but got 301");
    fails("return", NEAP_HANDLER, "gave a userdata; what keeps rows gives nothing");
    fails("time", NEAP_HANDLER, "os.time cannot be used in a projection");
}

static neap_status find_none(void *host, neap_text key, neap_text *data, bool *found,
                             neap_error *error)
{
    (void)host, (void)key, (void)data, (void)error;
    *found = false;
    return NEAP_OK;
}

static void sql_ends_with_its_fold(void **unused)
{
    (void)unused;
    rows_world world;
    open_rows(&world);
    neap_error *error = &world.engine.error;
    assert_int_equal(project(&world, "Odd", "{\"id\":\"a\",\"how\":\"keep\"}"), NEAP_OK);
    neapi_projecting other = {.projection =
                                  neapi_engine_catalog(world.engine.engine)->subscriptions[1],
                              .partitions = 1,
                              .find = find_none};
    assert_int_equal(
        neapi_engine_documents_new(world.engine.engine, other.projection, &other.documents, error),
        NEAP_OK);
    const neap_event event = {.schema = 1,
                              .type = NEAPI_LITERAL("Placed"),
                              .data = NEAPI_LITERAL("{\"id\":\"a\",\"total\":4}")};
    const neap_event *list[] = {&event};
    assert_int_equal(
        neapi_engine_project(world.engine.engine, &other, list, 1, &world.failed, error),
        NEAP_HANDLER);
    assert_non_null(strstr(error->message, "sql: the fold that it belongs to has ended"));
    engine_close(&world.engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fold_says_statements),
        cmocka_unit_test(a_partition_has_its_own_keys_only),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(sql_ends_with_its_fold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
