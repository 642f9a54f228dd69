/* A whole life of a runtime, with every allocation refused in turn. */
#include "runtime/fault.h"

#include <stdlib.h>

#define ALSO(status) FAULT_ALSO(status)

static neap_status pay(neap_context *context, const char *json, size_t size, void *user,
                       neap_error *error)
{
    (void)user;
    const char *state, *noted = "{\"id\":\"a\",\"text\":\"paid\"}";
    neap_json_member members[] = {{.name = "id", .required = true}, {.name = "n"}};
    neap_status status = neap_json_members(json, size, members, 2, error);
    char *id = NULL, stream[32];
    if (status == NEAP_OK)
        status = neap_json_string(members[0].value, &id, NULL, error);
    if (status != NEAP_OK)
        return status;
    snprintf(stream, sizeof stream, "Counter-%s", id);
    status = neap_context_state(context, "Counter", id, &state, NULL, error);
    if (status == NEAP_UNKNOWN)
        status =
            neap_context_reject(context, "unknown", "nobody is to be paid", "{\"id\":1}", error);
    if (status == NEAP_OK)
        status = neap_context_publish(context, stream, NEAP_ANY_VERSION, "Noted", noted,
                                      strlen(noted), error);
    neap_free(id);
    return status;
}

static neap_status ask(neap_context *context, const char *json, size_t size, void *user,
                       neap_error *error)
{
    (void)json;
    (void)size;
    (void)user;
    const char *state;
    neap_status status = neap_context_state(context, "Counter", "a", &state, NULL, error);
    return status == NEAP_OK ? neap_context_answer(context, state, strlen(state), error) : status;
}

static neap_status write_it(neap_service_call *call, const char *json, size_t size, void *user,
                            neap_error *error)
{
    (void)user;
    return neap_service_result(call, json, size, error);
}

static bool handlers(fault_world *world)
{
    neap_error error;
    neap_status service =
        neap_service_provide(world->runtime, "pen", "write", write_it, NULL, &error);
    fault_told(world, "neap_service_provide", service, &error, NEAP_OK, 0);
    neap_status command = neap_handle_command(world->runtime, "Pay", pay, NULL, &error);
    fault_told(world, "neap_handle_command", command, &error, NEAP_OK, 0);
    neap_status query = neap_handle_query(world->runtime, "Ask", ask, NULL, &error);
    fault_told(world, "neap_handle_query", query, &error, NEAP_OK, 0);
    return service == NEAP_OK && command == NEAP_OK && query == NEAP_OK;
}

static void query(fault_world *world, const char *name, unsigned also)
{
    neap_reply *reply = NULL;
    neap_error error;
    neap_status status = neap_query(world->runtime, name, "{\"id\":\"a\"}", 10, 0, &reply, &error);
    fault_told(world, name, status, &error, NEAP_OK, also);
    neap_reply_free(reply);
}

static void state(fault_world *world, const char *aggregate, const char *id, uint64_t version)
{
    neap_reply *reply = NULL;
    neap_error error;
    neap_status status = neap_state(world->runtime, aggregate, id, version, &reply, &error);
    fault_told(world, "neap_state", status, &error, NEAP_OK, ALSO(NEAP_UNKNOWN));
    neap_reply_free(reply);
}

static void drain(fault_world *world)
{
    neap_error error;
    neap_status status = neap_drain(world->runtime, 60000, &error);
    fault_told(world, "neap_drain", status, &error, NEAP_OK, 0);
}

static void read_events(fault_world *world, const char *stream)
{
    neap_cursor *cursor;
    neap_error error;
    neap_filter filter;
    const char *const types[] = {"Added", "Noted", "Enrolled"};
    const neap_event *event = NULL;
    neap_filter_init(&filter);
    filter.stream = stream;
    filter.types = types;
    filter.type_count = 3;
    neap_status status = neap_read(world->runtime, &filter, &cursor, &error);
    fault_told(world, "neap_read", status, &error, NEAP_OK, 0);
    if (status != NEAP_OK)
        return;
    do {
        const char *json;
        status = neap_cursor_next(cursor, &event, &error);
        fault_told(world, "neap_cursor_next", status, &error, NEAP_OK, 0);
        if (status != NEAP_OK || event == NULL)
            break;
        status = neap_cursor_json(cursor, &json, NULL, &error);
        fault_told(world, "neap_cursor_json", status, &error, NEAP_OK, 0);
    } while (status == NEAP_OK);
    neap_cursor_close(cursor);
}

static void statistics(fault_world *world)
{
    const neap_statistics *figures;
    neap_error error;
    neap_status status = neap_stats(world->runtime, &figures, &error);
    fault_told(world, "neap_stats", status, &error, NEAP_OK, 0);
    if (status != NEAP_OK)
        return;
    char *json;
    size_t size;
    status = neap_statistics_json(figures, &json, &size, &error);
    fault_told(world, "neap_statistics_json", status, &error, NEAP_OK, 0);
    if (status == NEAP_OK)
        neap_free(json);
    neap_statistics_free(figures);
}

static void take_metrics(fault_world *world)
{
    char *text;
    size_t size;
    neap_error error;
    neap_status status = neap_metrics(world->runtime, &text, &size, &error);
    fault_told(world, "neap_metrics", status, &error, NEAP_OK, 0);
    if (status == NEAP_OK)
        neap_free(text);
    status = neap_metrics_prometheus(world->runtime, &text, &size, &error);
    fault_told(world, "neap_metrics_prometheus", status, &error, NEAP_OK, 0);
    if (status == NEAP_OK)
        neap_free(text);
}

static void check_store(fault_world *world)
{
    const neap_store_check *check;
    neap_error error;
    neap_status status = neap_check_store(world->runtime, &check, &error);
    fault_told(world, "neap_check_store", status, &error, NEAP_OK, 0);
    if (status == NEAP_OK)
        neap_store_check_free(check);
}

/* Several at once, of which some are in each other's way: an aggregate's decisions are made again
 * when somebody published to its stream. */
static void send_many(fault_world *world)
{
    unsigned also = ALSO(NEAP_REJECTED);
    fault_send(world, "Add", "{\"id\":\"a\",\"n\":5}", NULL, 1, NEAP_OK, also);
    fault_send(world, "Note", "{\"id\":\"a\",\"text\":\"in between\"}", NULL, 1, NEAP_OK, also);
    fault_send(world, "Add", "{\"id\":\"a\",\"n\":6}", "key-2", 1, NEAP_OK, also);
    fault_send(world, "Add", "{\"id\":\"a\",\"n\":99}", NULL, 1, NEAP_REJECTED, ALSO(NEAP_OK));
    fault_send(world, "Touch", "{\"id\":\"a\"}", "key-3", 0, NEAP_OK, 0);
    fault_send(world, "Add", "{\"id\":\"b\",\"n\":7}", NULL, 1, NEAP_OK, 0);
    fault_send(world, "Enrol", "{\"course\":\"c\",\"student\":\"t\"}", NULL, 1, NEAP_OK, also);
    fault_send(world, "Enrol", "{\"course\":\"c\",\"student\":\"u\"}", NULL, 1, NEAP_REJECTED,
               ALSO(NEAP_OK));
    drain(world);
}

static void note_much(fault_world *world)
{
    size_t most = world->much + 100;
    char *json = malloc(most);
    assert_non_null(json);
    int size = snprintf(json, most, "{\"id\":\"b\",\"text\":\"");
    memset(json + size, 'x', world->much);
    snprintf(json + size + world->much, 3, "\"}");
    fault_dispatch(world, "Note", json, NULL, 1, NEAP_OK, ALSO(NEAP_REJECTED));
    free(json);
}

static void run(fault_world *world)
{
    const char *enrolment = "{\"course\":\"c\"}";
    if (!fault_open(world, handlers))
        return;
    fault_dispatch(world, "Add", "{\"id\":\"a\",\"n\":1}", NULL, 1, NEAP_OK, 0);
    fault_dispatch(world, "Add", "{\"id\":\"a\",\"n\":2,\"twice\":true}", "key-1", 2, NEAP_OK, 0);
    fault_dispatch(world, "Add", "{\"n\":2,\"id\":\"a\",\"twice\":true}", "key-1", 2, NEAP_OK, 0);
    fault_dispatch(world, "Add", "{\"id\":\"a\",\"n\":3}", "key-1", 1, NEAP_DUPLICATE,
                   ALSO(NEAP_OK));
    fault_dispatch(world, "Add", "{\"id\":\"a\",\"n\":99}", NULL, 1, NEAP_REJECTED, ALSO(NEAP_OK));
    fault_dispatch(world, "Add", "{\"id\":\"a\",\"n\":\"1\"}", NULL, 1, NEAP_INVALID, 0);
    fault_dispatch(world, "Touch", "{\"id\":\"\\u0061\"}", NULL, 0, NEAP_OK, 0);
    fault_dispatch_nested(world, "Both", "{\"id\":\"d\",\"n\":4}", 3, 1, NEAP_OK,
                          ALSO(NEAP_REJECTED));
    fault_dispatch(world, "Claim", "{\"name\":\"x\"}", NULL, 1, NEAP_OK, 0);
    fault_dispatch(world, "Claim", "{\"name\":\"x\"}", NULL, 1, NEAP_CONFLICT, ALSO(NEAP_OK));
    fault_dispatch(world, "Pay", "{\"id\":\"a\",\"n\":1}", NULL, 1, NEAP_OK, ALSO(NEAP_REJECTED));
    fault_dispatch(world, "Pay", "{\"id\":\"z\",\"n\":1}", NULL, 1, NEAP_REJECTED, 0);
    fault_dispatch(world, "Enrol", "{\"course\":\"c\",\"student\":\"s\"}", NULL, 1, NEAP_OK, 0);
    fault_dispatch(world, "Enrol", "{\"course\":\"c\",\"student\":\"s\"}", "key-4", 1, NEAP_OK, 0);
    fault_publish(world, "Counter-a", "Noted", "{\"id\":\"a\",\"text\":\"outside\"}", NEAP_OK, 0);
    fault_publish_earlier(world, "Counter-a", "Noted", "{\"text\":\"early\",\"id\":\"a\"}", "key-5",
                          NEAP_OK, 0);
    send_many(world);
    note_much(world);
    query(world, "Total", 0);
    query(world, "Ask", ALSO(NEAP_UNKNOWN));
    state(world, "Counter", "a", 0);
    state(world, "Counter", "a", 2);
    state(world, "Enrolment", enrolment, 0);
    state(world, "Enrolment", enrolment, 12);
    read_events(world, NULL);
    read_events(world, "Counter-a");
    statistics(world);
    take_metrics(world);
    check_store(world);
    drain(world);
}

static const fault_instance instances[] = {
    {"Counter", "a", "Counter-a"},
    {"Counter", "b", "Counter-b"},
    {"Counter", "d", "Counter-d"},
    {"Enrolment", "{\"course\":\"c\"}", NULL},
    {"Enrolment", "{\"student\":\"s\",\"course\":\"c\"}", NULL},
    {NULL, NULL, NULL},
};

static fault_scenario life = {
    .domain = DOMAIN,
    .lanes = 1,
    .run = run,
    .handlers = handlers,
    .command = "Add",
    .json = "{\"id\":\"alive\",\"n\":1}",
    .instances = instances,
};

#ifdef WITH_THREADS

/* Which allocation is the n-th is chance here, but whatever it is, all must hold. */
static void with_threads(void **unused)
{
    (void)unused;
    for (fault_mode mode = 0; mode < FAULT_MODES; mode++) {
        fault_every(&life, "memory", FAULT_CORE, mode, 3);
        fault_every(&life, "sqlite", FAULT_CORE, mode, 13);
    }
}

#else

static void core_in_memory(void **unused)
{
    (void)unused;
    for (fault_mode mode = 0; mode < FAULT_MODES; mode++)
        fault_every(&life, "memory", FAULT_CORE, mode, 1);
}

static void core_in_memory_without_lanes(void **unused)
{
    (void)unused;
    life.lanes = 0;
    for (fault_mode mode = 0; mode < FAULT_MODES; mode++)
        fault_every(&life, "memory", FAULT_CORE, mode, 7);
    life.lanes = 1;
}

static void core_on_sqlite(void **unused)
{
    (void)unused;
    fault_every(&life, "sqlite", FAULT_CORE, FAULT_ONCE, 1);
    fault_every(&life, "sqlite", FAULT_CORE, FAULT_A_WHILE, 11);
    fault_every(&life, "sqlite", FAULT_CORE, FAULT_FOR_GOOD, 13);
}

/* Most of what SQLite allocates it does to read its schema and to prepare statements. */
static void sqlite_itself(void **unused)
{
    (void)unused;
    fault_every(&life, "sqlite", FAULT_SQLITE, FAULT_ONCE, 211);
    fault_every(&life, "sqlite", FAULT_SQLITE, FAULT_A_WHILE, 307);
    fault_every(&life, "sqlite", FAULT_SQLITE, FAULT_FOR_GOOD, 311);
}

static void lua_by_size(void **unused)
{
    (void)unused;
    fault_every(&life, "memory", FAULT_LUA, FAULT_A_WHILE, 1);
    fault_every(&life, "sqlite", FAULT_LUA, FAULT_FOR_GOOD, 1);
}

#endif

int main(void)
{
    fault_install();
    const struct CMUnitTest tests[] = {
#ifdef WITH_THREADS
        cmocka_unit_test(with_threads),
#else
        cmocka_unit_test(core_in_memory), cmocka_unit_test(core_in_memory_without_lanes),
        cmocka_unit_test(core_on_sqlite), cmocka_unit_test(sqlite_itself),
        cmocka_unit_test(lua_by_size),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
