/* What neap.h has beside a runtime, with every allocation refused in turn: a store on its own, and
 * the tools for JSON. */
#include "runtime/fault.h"

static void prepare(fault_world *world)
{
    assert_true(fault_open(world, NULL));
    fault_dispatch(world, "Add", "{\"id\":\"a\",\"n\":1}", "key-1", 1, NEAP_OK, 0);
    fault_dispatch(world, "Add", "{\"id\":\"a\",\"n\":2}", NULL, 1, NEAP_OK, 0);
    fault_dispatch(world, "Note", "{\"id\":\"a\",\"text\":\"t\"}", NULL, 1, NEAP_OK, 0);
    fault_dispatch(world, "Note", "{\"id\":\"b\",\"text\":\"t\"}", NULL, 1, NEAP_OK, 0);
    fault_publish(world, "Box-a", "Noted", "{\"id\":\"a\",\"text\":\"t\"}", NEAP_OK, 0);
    neap_close(world->runtime);
    world->runtime = NULL;
}

static void read_events(fault_world *world, neap_store *store, const neap_filter *filter,
                        unsigned expected)
{
    neap_cursor *cursor;
    neap_error error;
    const neap_event *event = NULL;
    unsigned seen = 0;
    neap_status status = neap_store_read(store, filter, &cursor, &error);
    fault_told(world, "neap_store_read", status, &error, NEAP_OK, 0);
    if (status != NEAP_OK)
        return;
    for (;;) {
        const char *json;
        status = neap_cursor_next(cursor, &event, &error);
        fault_told(world, "neap_cursor_next", status, &error, NEAP_OK, 0);
        if (status != NEAP_OK || event == NULL)
            break;
        seen++;
        status = neap_cursor_json(cursor, &json, NULL, &error);
        fault_told(world, "neap_cursor_json", status, &error, NEAP_OK, 0);
        if (status == NEAP_OK)
            assert_int_equal(json[0], '{');
    }
    if (status == NEAP_OK)
        assert_int_equal(seen, expected); /* the end is never told in place of a failure */
    status = neap_cursor_wait(cursor, 1, &error);
    fault_told(world, "neap_cursor_wait", status, &error, NEAP_OK, 0);
    neap_cursor_close(cursor);
}

static void read_in_all_ways(fault_world *world, neap_store *store)
{
    const char *const types[] = {"Added", "Noted"};
    neap_filter filter;
    neap_filter_init(&filter);
    read_events(world, store, &filter, 5);
    filter.backward = true;
    filter.types = types;
    filter.type_count = 2;
    read_events(world, store, &filter, 5);
    filter.category = "Counter";
    read_events(world, store, &filter, 4);
    filter.category = NULL;
    filter.stream = "Counter-a";
    read_events(world, store, &filter, 3);
}

static void take_figures(fault_world *world, neap_store *store)
{
    const neap_statistics *figures;
    neap_error error;
    neap_status status = neap_store_stats(store, &figures, &error);
    fault_told(world, "neap_store_stats", status, &error, NEAP_OK, 0);
    if (status != NEAP_OK)
        return;
    assert_int_equal(figures->events, 5);
    char *json;
    size_t size;
    status = neap_statistics_json(figures, &json, &size, &error);
    fault_told(world, "neap_statistics_json", status, &error, NEAP_OK, 0);
    if (status == NEAP_OK)
        neap_free(json);
    neap_statistics_free(figures);
}

static void count_finding(void *user, const char *text)
{
    (void)text;
    ++*(unsigned *)user;
}

static void verify(fault_world *world, neap_store *store)
{
    neap_verification result;
    neap_error error;
    unsigned findings = 0;
    neap_status status = neap_store_verify(store, count_finding, &findings, &result, &error);
    fault_told(world, "neap_store_verify", status, &error, NEAP_OK, 0);
    assert_int_equal(findings, 0); /* want of memory is not damage */
    if (status == NEAP_OK)
        assert_int_equal(result.events, 5);
}

static void read_store(fault_world *world)
{
    neap_store *store;
    neap_error error;
    neap_status status = neap_store_open(world->url, &store, &error);
    fault_told(world, "neap_store_open", status, &error, NEAP_OK, 0);
    if (status != NEAP_OK)
        return;
    read_in_all_ways(world, store);
    take_figures(world, store);
    verify(world, store);
    neap_store_close(store);
}

static void read_members(fault_world *world)
{
    /* More than are looked for without a map, one of them with a name to be unescaped. */
    static const char json[] =
        "{\"a\":1,\"\\u0062\":\"x\\ny\",\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,"
        "\"h\":8,\"i\":9,\"j\":10,\"k\":11,\"l\":12,\"m\":13,\"n\":14,"
        "\"o\":15,\"p\":16,\"q\":17,\"r\":18}";
    neap_json_member members[18];
    char names[18][2];
    neap_error error;
    for (int i = 0; i < 18; i++) {
        names[i][0] = (char)('a' + i);
        names[i][1] = '\0';
        members[i] = (neap_json_member){.name = names[i], .required = true};
    }
    neap_status status = neap_json_members(json, sizeof json - 1, members, 18, &error);
    fault_told(world, "neap_json_members", status, &error, NEAP_OK, 0);
    if (status != NEAP_OK)
        return;
    char *text = NULL;
    size_t size;
    status = neap_json_string(members[1].value, &text, &size, &error);
    fault_told(world, "neap_json_string", status, &error, NEAP_OK, 0);
    if (status == NEAP_OK)
        assert_string_equal(text, "x\ny");
    neap_free(text);
}

static void write_json(fault_world *world)
{
    char *json = NULL;
    size_t size;
    neap_error error, refusal = {.status = NEAP_INVALID, .line = 1, .code = "invalid"};
    memset(refusal.message, '"', sizeof refusal.message - 1);
    neap_status status = neap_json_quote("\x01\xff text", 7, &json, &size, &error);
    fault_told(world, "neap_json_quote", status, &error, NEAP_OK, 0);
    neap_free(json);
    json = NULL;
    status = neap_error_json(&refusal, &json, &size);
    fault_told(world, "neap_error_json", status, NULL, NEAP_OK, 0);
    neap_free(json);
}

static void run(fault_world *world)
{
    read_members(world);
    write_json(world);
    read_store(world);
}

static const fault_scenario tools = {
    .domain = DOMAIN,
    .lanes = 1,
    .prepare = prepare,
    .run = run,
};

static void core(void **unused)
{
    (void)unused;
    for (fault_mode mode = 0; mode < FAULT_MODES; mode++)
        fault_every(&tools, "sqlite", FAULT_CORE, mode, 1);
}

static void sqlite_itself(void **unused)
{
    (void)unused;
    fault_every(&tools, "sqlite", FAULT_SQLITE, FAULT_ONCE, 149);
    fault_every(&tools, "sqlite", FAULT_SQLITE, FAULT_FOR_GOOD, 331);
}

int main(void)
{
    fault_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(core),
        cmocka_unit_test(sqlite_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
