/* Who is alone on a store tells nobody what it commits, and who joins it misses nothing. */
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
#include "database.h"
#include "members_world.h"

/* Another process that appends to a stream, and holds itself to be alone. */
typedef struct silent_writer {
    neapi_store *store;
    neapi_session *session;
} silent_writer;

static void open_silent(silent_writer *writer)
{
    if (neapi_store_open(url, NEAPI_MODE_WRITE, &writer->store, &error) != NEAP_OK ||
        neapi_session_open(writer->store, NEAPI_MODE_WRITE, &writer->session, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    neapi_store_alone(writer->store, true);
}

static void close_silent(silent_writer *writer)
{
    neapi_session_close(writer->session);
    neapi_store_close(writer->store);
}

static void append_silently(silent_writer *writer, uint64_t version, bool tells)
{
    neapi_outcome outcome;
    neap_uuid unit_id = {{1, (unsigned char)version}}, id = {{2, (unsigned char)version}};
    neapi_unit *unit = neapi_unit_new(unit_id);
    const neap_event event = {.id = id,
                              .schema = 1,
                              .recorded_at = 1700000000000000,
                              .type = NEAPI_LITERAL("Added"),
                              .data = NEAPI_LITERAL("{\"id\":\"x\",\"n\":1}")};
    assert_int_equal(neapi_unit_append(unit, NEAPI_LITERAL("Thing-x"), version, &event), NEAP_OK);
    unit->tells = tells;
    if (neapi_commit(writer->session, &unit, 1, 1700000000000000, &outcome, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    assert_int_equal(unit->state, NEAPI_UNIT_ACCEPTED);
    neapi_unit_release(unit);
}

/* Who is alone tells no events, for whom should he? But what others are to look at is told. */
static void one_alone_tells_nobody(void **state)
{
    (void)state;
    neapi_told said;
    neapi_session *session;
    neapi_store *other;
    silent_writer writer;
    open_silent(&writer);
    assert_int_equal(neapi_store_open(url, NEAPI_MODE_READ, &other, &error), NEAP_OK);
    assert_int_equal(neapi_session_open(other, NEAPI_MODE_READ, &session, &error), NEAP_OK);
    assert_int_equal(neapi_listen(session, -1, 0, &said, &error), NEAP_OK);
    append_silently(&writer, 0, false);
    neapi_store_alone(writer.store, false);
    append_silently(&writer, 1, false);
    neapi_store_alone(writer.store, true);
    append_silently(&writer, 2, false);
    double began = now();
    for (said.position = 0; said.position == 0 && now() - began < PATIENCE_S;)
        assert_int_equal(neapi_listen(session, -1, 1000, &said, &error), NEAP_OK);
    assert_int_equal(said.position, 2);
    assert_false(said.more);
    append_silently(&writer, 3, true);
    for (said.position = 0; said.position == 0 && now() - began < PATIENCE_S;)
        assert_int_equal(neapi_listen(session, -1, 1000, &said, &error), NEAP_OK);
    assert_int_equal(said.position, 4);
    assert_true(said.more);
    neapi_session_close(session);
    neapi_store_close(other);
    close_silent(&writer);
}

static neap_runtime *open_for(const char *subscription)
{
    neap_options options;
    neap_runtime *runtime;
    neap_options_init(&options);
    options.store = url;
    options.lanes = 1;
    options.subscriptions = subscription;
    if (neap_open(DOMAIN, &options, &runtime, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    return runtime;
}

/* In the store: who asks the runtime for a list has it look at the log. */
static bool is_kept(const silent_writer *writer, const char *expected)
{
    neapi_arena arena = NEAPI_ARENA_INIT;
    neap_text data;
    bool found;
    assert_int_equal(neapi_find_document(writer->session, NEAPI_LITERAL("one@1"),
                                         NEAPI_LITERAL("x"), &arena, &data, &found, &error),
                     NEAP_OK);
    bool kept = found && neapi_text_equal(data, neapi_text_of(expected));
    neapi_arena_fini(&arena);
    return kept;
}

/* Who joins is not told anything by one that does not know it yet, and looks by itself. Nor does it
 * commit events of its own, by which it would see that there are others. */
static void what_nobody_tells_is_found_within_a_second_or_so(void **state)
{
    (void)state;
    silent_writer writer;
    open_silent(&writer);
    neap_runtime *joined = open_for("one");
    for (unsigned i = 1; i <= 2; i++) {
        char expected[80];
        drain(joined);
        snprintf(expected, sizeof expected, "{\"count\":%u,\"sum\":%u}", i, i);
        append_silently(&writer, i - 1, false);
        double began = now();
        AWAIT(is_kept(&writer, expected));
        print_message("found after %.3f s\n", now() - began);
    }
    neap_close(joined);
    close_silent(&writer);
}

static void who_is_alone_knows_it(void **state)
{
    (void)state;
    neap_runtime *a = open_one(1);
    assert_true(atomic_load(&a->store->alone));
    neap_runtime *b = open_one(1);
    assert_false(atomic_load(&b->store->alone));
    AWAIT(!atomic_load(&a->store->alone));
    neap_close(b);
    AWAIT(atomic_load(&a->store->alone));
    neap_close(a);
}

int main(void)
{
    if (!database_is_there())
        return DATABASE_SKIP;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_alone_tells_nobody, begin, end),
        cmocka_unit_test_setup_teardown(what_nobody_tells_is_found_within_a_second_or_so, begin,
                                        end),
        cmocka_unit_test_setup_teardown(who_is_alone_knows_it, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
