/* Old events beside new ones, on both stores: written behind the runtime's back, by a domain's
 * earlier version as it were. Without threads, so that it can be done in the midst of a decision.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka needs the headers above. */
#include <cmocka.h>
#include <pthread.h>

#include "base/alloc.h"
#include "base/text.h"
#include "runtime/runtime.h"

typedef struct world {
    char folder[40], store[80];
    neap_runtime *runtime;
    neap_reply *reply;
    char said[200];          /* what the handler printed */
    const char *interrupted; /* an old event's data: committed when the handler prints */
} world;

static neap_error error;

static void commit(world *it, const char *stream, const char *type, uint32_t schema,
                   const char *data)
{
    static uint8_t number;
    neapi_outcome outcome;
    const neap_text tag = NEAPI_LITERAL("id:a");
    const neap_event event = {
        .recorded_at = 1,
        .id = {{1, ++number}},
        .correlation_id = {{2}},
        .causation_id = {{2}},
        .type = neapi_text_of(type),
        .schema = schema,
        .data = neapi_text_of(data),
        .tags = &tag,
        .tag_count = 1,
    };
    neapi_unit *unit = neapi_unit_new((neap_uuid){{3, number}});
    assert_int_equal(neapi_unit_append(unit, neapi_text_of(stream), NEAP_ANY_VERSION, &event),
                     NEAP_OK);
    if (neapi_commit(it->runtime->writer.session, &unit, 1, 1, &outcome, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    assert_int_equal(unit->state, NEAPI_UNIT_ACCEPTED);
    neapi_unit_release(unit);
}

static void hear(void *user, neap_log_level level, const char *text)
{
    world *it = user;
    (void)level;
    snprintf(it->said + strlen(it->said), sizeof it->said - strlen(it->said), "%s\n", text);
    const char *data = it->interrupted;
    it->interrupted = NULL;
    if (data != NULL)
        commit(it, "Elsewhere-1", "Counted", 1, data);
}

static void open_world(world *it, const char *store)
{
    *it = (world){0};
    snprintf(it->store, sizeof it->store, "%s", store);
    if (strcmp(store, "sqlite:") == 0) {
        strcpy(it->folder, "/tmp/neap-evolution-XXXXXX");
        assert_non_null(mkdtemp(it->folder));
        snprintf(it->store, sizeof it->store, "sqlite:%s/old.db", it->folder);
    }
    neap_options options;
    neap_options_init(&options);
    options.store = it->store;
    options.lanes = 0;
    options.log = hear;
    options.log_user = it;
    if (neap_open(DOMAIN, &options, &it->runtime, &error) != NEAP_OK)
        fail_msg("%s", error.message);
}

static void close_world(world *it)
{
    char clean[80];
    neap_reply_free(it->reply);
    neap_close(it->runtime);
    snprintf(clean, sizeof clean, "rm -r %s", it->folder);
    if (it->folder[0] != '\0')
        assert_int_equal(system(clean), 0);
}

static void dispatch(world *it, const char *command, const char *json)
{
    if (neap_dispatch(it->runtime, command, json, strlen(json), NULL, NULL, &error) != NEAP_OK)
        fail_msg("%s", error.message);
}

static const char *state(world *it, const char *aggregate, const char *id)
{
    neap_reply_free(it->reply);
    it->reply = NULL;
    if (neap_state(it->runtime, aggregate, id, 0, &it->reply, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    return neap_reply_json(it->reply, NULL);
}

static void write_the_past(world *it)
{
    commit(it, "Counter-a", "Counted", 1, "{\"id\":\"a\",\"count\":1}");
    commit(it, "Counter-a", "Added", 1, "{\"id\":\"a\",\"count\":2}");
    commit(it, "Counter-a", "Opened", 7, "{}");
    commit(it, "Counter-a", "AddedTwice", 1, "{\"id\":\"a\",\"n\":100}");
    commit(it, "Counter-a", "Added", 2, "{\"id\":\"a\",\"n\":5}");
    commit(it, "Counter-a", "Other", 1, "{\"id\":\"a\"}");
}

static void old_events_are_read_and_continued(void **store)
{
    world it;
    open_world(&it, *store);
    write_the_past(&it);
    assert_string_equal(state(&it, "Counter", "a"), "{\"events\":6,\"sum\":1235}");
    assert_string_equal(state(&it, "Tagged", "{\"id\":\"a\"}"), "{\"events\":6,\"sum\":1235}");
    dispatch(&it, "Add", "{\"id\":\"a\",\"n\":1}");
    dispatch(&it, "AddTagged", "{\"id\":\"a\",\"n\":1}");
    dispatch(&it, "Add", "{\"id\":\"a\",\"n\":1}");
    assert_string_equal(it.said, "deciding on 1235\ndeciding on 1236\ndeciding on 1236\n");
    assert_string_equal(state(&it, "Counter", "a"), "{\"events\":8,\"sum\":1237}");
    assert_string_equal(state(&it, "Tagged", "{\"id\":\"a\"}"), "{\"events\":9,\"sum\":1238}");
    close_world(&it);
}

/* A process that runs the version before records an event by the name that it still has there. */
static void an_old_name_in_the_midst_of_a_decision_is_a_conflict(void **store)
{
    world it;
    open_world(&it, *store);
    dispatch(&it, "AddTagged", "{\"id\":\"a\",\"n\":1}");
    it.interrupted = "{\"id\":\"a\",\"count\":3}";
    dispatch(&it, "AddTagged", "{\"id\":\"a\",\"n\":1}");
    assert_string_equal(it.said, "deciding on 0\ndeciding on 1\ndeciding on 31\n");
    close_world(&it);
}

static void what_cannot_be_read_stops_the_decision_and_nothing_else(void **store)
{
    world it;
    open_world(&it, *store);
    const char *json = "{\"id\":\"a\",\"n\":1}";
    commit(&it, "Counter-a", "Added", 3, "{\"id\":\"a\",\"n\":5}");
    for (int i = 0; i < 2; i++)
        assert_int_equal(neap_dispatch(it.runtime, "Add", json, strlen(json), NULL, NULL, &error),
                         NEAP_CORRUPT);
    assert_string_equal(error.message,
                        "load Counter-a: the stored event 'Added', schema version 3, at position 1 "
                        "(Counter-a, 1): the domain reads the schema versions 1 to 2");
    assert_int_equal(neap_state(it.runtime, "Tagged", "{\"id\":\"a\"}", 0, &it.reply, &error),
                     NEAP_CORRUPT);
    dispatch(&it, "Add", "{\"id\":\"b\",\"n\":1}");
    commit(&it, "Counter-c", "Added", 1, "{\"id\":\"a\",\"raise\":true}");
    assert_int_equal(neap_state(it.runtime, "Counter", "c", 0, &it.reply, &error), NEAP_HANDLER);
    assert_non_null(strstr(error.message, ": raised"));
    assert_non_null(strstr(error.traceback, "evolving.lua:8"));
    assert_string_equal(state(&it, "Counter", "b"), "{\"events\":1,\"sum\":1}");
    close_world(&it);
}

static void a_check_counts_and_finds(void **store)
{
    world it;
    const neap_store_check *check;
    open_world(&it, *store);
    write_the_past(&it);
    commit(&it, "Counter-a", "Add", 1, "{}");
    commit(&it, "Counter-a", "Added", 2, "{\"id\":5,\"n\":5}");
    commit(&it, "Counter-a", "Add", 1, "{}");
    assert_int_equal(neap_check_store(it.runtime, &check, &error), NEAP_OK);
    assert_int_equal(check->events, 9);
    assert_int_equal(check->current, 1);
    assert_int_equal(check->upcast, 4);
    assert_int_equal(check->retired, 1);
    assert_int_equal(check->refused, 1);
    assert_int_equal(check->unreadable, 2);
    const neap_store_finding *finding = check->findings;
    assert_memory_equal(finding->type.data, "Add", 4);
    assert_int_equal(finding->schema, 1);
    assert_int_equal(finding->reading, NEAP_READING_UNKNOWN);
    assert_int_equal(finding->events, 2);
    assert_int_equal(finding->first, 7);
    assert_int_equal(finding->last, 9);
    assert_string_equal(finding->message.data,
                        "the domain has no such event; did you mean 'Added'?");
    finding = finding->next;
    assert_int_equal(finding->reading, NEAP_READING_REFUSED);
    assert_string_equal(finding->message.data, "id: expected string, got integer 5");
    assert_null(finding->next);
    close_world(&it); /* the check is the caller's own */
    neap_store_check_free(check);
}

/* Refuses the n-th allocation. false: there are not so many. */
static bool read_refused(world *it, uint64_t nth)
{
    const neap_store_check *check = NULL;
    neap_reply *reply = NULL;
    neapi_alloc_refuse(nth, false);
    neap_status read = neap_state(it->runtime, "Counter", "a", 0, &reply, &error);
    bool struck = neapi_alloc_struck();
    neap_status checked = struck ? NEAP_OK : neap_check_store(it->runtime, &check, &error);
    struck = neapi_alloc_struck();
    neapi_alloc_refuse(0, false);
    assert_true(read == NEAP_OK || (struck && read == NEAP_NOMEM));
    assert_true(checked == NEAP_OK || (struck && checked == NEAP_NOMEM));
    if (reply != NULL)
        assert_string_equal(neap_reply_json(reply, NULL), "{\"events\":6,\"sum\":1235}");
    if (check != NULL)
        assert_int_equal(check->unreadable, 1);
    neap_reply_free(reply);
    neap_store_check_free(check);
    return struck;
}

static void without_memory_nothing_is_read_wrongly(void **store)
{
    world it;
    open_world(&it, *store);
    write_the_past(&it);
    commit(&it, "Counter-b", "Add", 1, "{}");
    uint64_t nth = 1;
    while (read_refused(&it, nth))
        nth++;
    assert_true(nth > 20);
    assert_string_equal(state(&it, "Counter", "a"), "{\"events\":6,\"sum\":1235}");
    close_world(&it);
}

/* ---- Any store ------------------------------------------------------------------------------- */

static bool has(const neapi_aggregate *aggregate, const char *type)
{
    for (size_t i = 0; i < aggregate->type_count; i++)
        if (neapi_text_equal(aggregate->types[i], neapi_text_of(type)))
            return true;
    return false;
}

static void an_aggregate_reads_every_type_that_may_become_its_own(void **unused)
{
    (void)unused;
    neap_runtime *runtime;
    assert_int_equal(neap_load(DOMAIN, NULL, &runtime, &error), NEAP_OK);
    const neapi_aggregate *tagged;
    assert_int_equal(
        neapi_catalog_aggregate(runtime->catalog, NEAPI_LITERAL("Tagged"), &tagged, &error),
        NEAP_OK);
    assert_true(has(tagged, "Added") && has(tagged, "Counted"));
    assert_true(has(tagged, "AddedTwice") && has(tagged, "Other"));
    assert_int_equal(tagged->type_count, 4);
    neap_close(runtime);
}

static void a_check_needs_no_start(void **unused)
{
    (void)unused;
    char folder[] = "/tmp/neap-evolution-XXXXXX", store[80], clean[80];
    assert_non_null(mkdtemp(folder));
    snprintf(store, sizeof store, "sqlite:%s/old.db", folder);
    neap_options options;
    neap_options_init(&options);
    options.store = store;
    neap_runtime *loaded, *writing;
    const neap_store_check *check;
    assert_int_equal(neap_load(DOMAIN, &options, &loaded, &error), NEAP_OK);
    assert_int_equal(neap_check_store(loaded, &check, &error), NEAP_UNKNOWN);
    assert_int_equal(neap_open(DOMAIN, &options, &writing, &error), NEAP_OK);
    for (int i = 0; i < 2; i++) {
        const char *json = "{\"id\":\"a\",\"n\":1}";
        assert_int_equal(neap_dispatch(writing, "Add", json, strlen(json), NULL, NULL, &error),
                         NEAP_OK);
        assert_int_equal(neap_check_store(loaded, &check, &error), NEAP_OK);
        assert_int_equal(check->events, i + 1);
        assert_int_equal(check->current, i + 1);
        neap_store_check_free(check);
    }
    neap_close(writing);
    neap_close(loaded);
    snprintf(clean, sizeof clean, "rm -r %s", folder);
    assert_int_equal(system(clean), 0);
}

static void wrong_calls_are_refused(void **unused)
{
    (void)unused;
    const neap_store_check *check = NULL;
    neap_runtime *runtime;
    assert_int_equal(neap_check_store(NULL, &check, &error), NEAP_USAGE);
    assert_int_equal(neap_load(DOMAIN, NULL, &runtime, &error), NEAP_OK);
    assert_int_equal(neap_check_store(runtime, NULL, NULL), NEAP_USAGE);
    neap_close(runtime);
    neap_store_check_free(NULL);
}

static void readings_have_names(void **unused)
{
    (void)unused;
    static const char *const names[] = {"current", "upcast", "retired", "refused", "unknown",
                                        "newer",   "older",  "failed",  "damaged"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        assert_string_equal(neap_reading_name((neap_reading)i), names[i]);
    assert_string_equal(neap_reading_name((neap_reading)99), "unknown reading");
}

#define DISPATCHES 300

static void *add_many(void *runtime)
{
    const char *json = "{\"id\":\"a\",\"n\":1}";
    for (int i = 0; i < DISPATCHES; i++)
        if (neap_dispatch(runtime, "Add", json, strlen(json), NULL, NULL, NULL) != NEAP_OK)
            return runtime;
    return NULL;
}

static void a_check_runs_beside_decisions(void **unused)
{
    (void)unused;
    neap_runtime *runtime;
    pthread_t thread;
    void *failed;
    uint64_t seen = 0;
    assert_int_equal(neap_open(DOMAIN, NULL, &runtime, &error), NEAP_OK);
    assert_int_equal(pthread_create(&thread, NULL, add_many, runtime), 0);
    for (int i = 0; i < 10000 && seen < DISPATCHES; i++) {
        const neap_store_check *check;
        assert_int_equal(neap_check_store(runtime, &check, &error), NEAP_OK);
        assert_true(check->events >= seen && check->current == check->events);
        seen = check->events;
        neap_store_check_free(check);
    }
    pthread_join(thread, &failed);
    assert_null(failed);
    assert_int_equal(seen, DISPATCHES);
    neap_close(runtime);
}

#define ON(store, test)                                                                            \
    {                                                                                              \
        .name = #test " " store, .test_func = test, .initial_state = store                         \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON("memory:", old_events_are_read_and_continued),
        ON("sqlite:", old_events_are_read_and_continued),
        ON("memory:", an_old_name_in_the_midst_of_a_decision_is_a_conflict),
        ON("sqlite:", an_old_name_in_the_midst_of_a_decision_is_a_conflict),
        ON("memory:", what_cannot_be_read_stops_the_decision_and_nothing_else),
        ON("sqlite:", what_cannot_be_read_stops_the_decision_and_nothing_else),
        ON("memory:", a_check_counts_and_finds),
        ON("sqlite:", a_check_counts_and_finds),
        ON("memory:", without_memory_nothing_is_read_wrongly),
        ON("sqlite:", without_memory_nothing_is_read_wrongly),
        cmocka_unit_test(an_aggregate_reads_every_type_that_may_become_its_own),
        cmocka_unit_test(a_check_needs_no_start),
        cmocka_unit_test(wrong_calls_are_refused),
        cmocka_unit_test(readings_have_names),
        cmocka_unit_test(a_check_runs_beside_decisions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
