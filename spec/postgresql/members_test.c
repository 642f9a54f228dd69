/* Two runtimes that write to one store: each subscription is run by one of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the headers above. */
#include <cmocka.h>
#include <unistd.h>

#include "base/text.h"
#include "database.h"
#include "members_world.h"
#include "runtime/members_state.h"

static unsigned count_in(const char *text, const char *wanted)
{
    unsigned count = 0;
    while ((text = strstr(text, wanted)) != NULL) {
        text += strlen(wanted);
        count++;
    }
    return count;
}

static void assert_listed(neap_runtime *runtime, const char *projection, const char *expected)
{
    char *json;
    size_t size;
    if (neap_list(runtime, projection, NULL, &json, &size, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    assert_string_equal(json, expected);
    neap_free(json);
}

/* What a store's own writer commits is not told there, and what another one's does is. */
static void what_others_commit_is_told(void **state)
{
    (void)state;
    neapi_told said;
    neapi_session *session;
    neap_runtime *a = open_one(0), *b = open_one(0);
    assert_int_equal(neapi_session_open(a->store, NEAPI_MODE_READ, &session, &error), NEAP_OK);
    assert_int_equal(neapi_listen(session, -1, 0, &said, &error), NEAP_OK);
    assert_true(said.more && said.queue); /* nobody knows what was before */
    do
        assert_int_equal(neapi_listen(session, -1, 0, &said, &error), NEAP_OK);
    while (said.more || said.queue);
    add(a, "x", 1);
    add(b, "y", 1);
    double began = now();
    for (said.position = 0; said.position == 0 && now() - began < PATIENCE_S;)
        assert_int_equal(neapi_listen(session, -1, 1000, &said, &error), NEAP_OK);
    assert_true(said.position >= 2);
    neapi_session_close(session);
    neap_close(a);
    neap_close(b);
}

static bool is_listed(neap_runtime *runtime, const char *projection, const char *expected)
{
    char *json;
    size_t size;
    if (neap_list(runtime, projection, NULL, &json, &size, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    bool equal = strcmp(json, expected) == 0;
    neap_free(json);
    return equal;
}

/* As where the telling is lost: the head is looked at all the same. */
static void what_nobody_tells_is_found(void **state)
{
    (void)state;
    neap_runtime *a = open_one(1);
    add(a, "x", 1);
    AWAIT(all_told(a) == 1 + 1); /* and the saga's timeout: it commits no more of its own */
    database_run(url, "INSERT INTO events (position, version, recorded_at, schema, id, stream, "
                      "type, data) SELECT (SELECT max(position) + 1 FROM events), 2, recorded_at, "
                      "schema, gen_random_uuid(), stream, type, data FROM events WHERE type = "
                      "'Added'");
    AWAIT(is_listed(a, "one", "[{\"key\":\"x\",\"document\":{\"count\":2,\"sum\":2}}]"));
    assert_int_equal(atomic_load(&errors_said), 0);
    neap_close(a);
}

static void one_alone_runs_everything_at_once(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        neap_runtime *alone = open_one(1);
        assert_int_equal(owned_by(alone), ITEMS);
        neap_close(alone);
    }
}

static void two_share_and_who_leaves_hands_over(void **state)
{
    (void)state;
    neap_runtime *a = open_one(2);
    add(a, "x", 1);
    neap_runtime *b = open_one(1);
    AWAIT(owned_by(a) + owned_by(b) == ITEMS && owned_by(b) >= 2 && owned_by(a) >= 2);
    for (uint32_t i = 0; i < ITEMS; i++)
        assert_false(atomic_load(&a->subscribed[i].owned) && atomic_load(&b->subscribed[i].owned));
    for (int i = 0; i < 20; i++)
        add(i % 2 == 0 ? a : b, i % 4 < 2 ? "x" : "y", 1);
    drain(a);
    drain(b);
    static const char expected[] = "[{\"key\":\"x\",\"document\":{\"count\":11,\"sum\":11}},"
                                   "{\"key\":\"y\",\"document\":{\"count\":10,\"sum\":10}}]";
    assert_listed(b, "one", expected);
    assert_listed(a, "parts", expected);
    neap_close(a);
    AWAIT(owned_by(b) == ITEMS); /* and not after an hour */
    add(b, "x", 1);
    drain(b);
    AWAIT(all_told(b) == 22 + 2); /* each once, and two timeouts */
    assert_int_equal(atomic_load(&errors_said), 0);
    neap_close(b);
}

/* What another process committed is waited for, whoever runs the projection. */
static void waiting_is_for_whoever_runs_it(void **state)
{
    (void)state;
    neap_runtime *a = open_one(1), *b = open_one(1);
    neap_runtime *both[] = {a, b};
    AWAIT(owned_by(a) + owned_by(b) == ITEMS && owned_by(b) >= 2);
    for (int i = 0; i < 20; i++) {
        static const char *const wanted[] = {"one", "parts", NULL};
        neap_dispatch_options options;
        neap_reply *reply;
        neap_dispatch_options_init(&options);
        options.wait_for = wanted;
        options.timeout_ms = PATIENCE_S * 1000;
        assert_int_equal(neap_dispatch(both[i % 2], "Add", "{\"id\":\"x\",\"n\":1}", 16, &options,
                                       &reply, &error),
                         NEAP_OK);
        assert_true(neap_reply_receipt(reply)->caught_up);
        neap_reply_free(reply);
        char expected[80];
        snprintf(expected, sizeof expected,
                 "[{\"key\":\"x\",\"document\":{\"count\":%d,\"sum\":%d}}]", i + 1, i + 1);
        assert_listed(a, "one", expected);
        assert_listed(b, "parts", expected);
    }
    neap_close(a);
    neap_close(b);
}

static void decisions_rest_on_what_others_committed(void **state)
{
    (void)state;
    neap_runtime *a = open_one(1), *b = open_one(1);
    assert_int_equal(dispatch(a, "Limit", "{\"id\":\"x\",\"most\":1}", "k"), NEAP_OK);
    assert_int_equal(dispatch(b, "Limit", "{\"id\":\"x\",\"most\":1}", "k"), NEAP_OK); /* once */
    assert_int_equal(dispatch(b, "Limit", "{\"id\":\"x\",\"most\":1}", NULL), NEAP_REJECTED);
    add(a, "x", 1);
    add(b, "x", 1); /* its copy is old: it is loaded again */
    add(a, "x", 1);
    assert_int_equal(dispatch(b, "Limit", "{\"id\":\"x\",\"most\":4}", NULL), NEAP_REJECTED);
    assert_int_equal(dispatch(b, "Limit", "{\"id\":\"x\",\"most\":5}", NULL), NEAP_OK);
    assert_int_equal(dispatch(a, "Limit", "{\"id\":\"x\",\"most\":5}", NULL), NEAP_REJECTED);
    assert_int_equal(dispatch(a, "Seat", "{\"room\":\"r\",\"guest\":\"1\"}", NULL), NEAP_OK);
    assert_int_equal(dispatch(b, "Seat", "{\"room\":\"r\",\"guest\":\"2\"}", NULL), NEAP_OK);
    assert_int_equal(dispatch(a, "Seat", "{\"room\":\"r\",\"guest\":\"3\"}", NULL), NEAP_REJECTED);
    neap_reply *reply;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            neap_query(i == 0 ? a : b, "Count", "{\"id\":\"x\"}", 10, 0, &reply, &error), NEAP_OK);
        assert_string_equal(neap_reply_json(reply, NULL), "{\"count\":5}");
        neap_reply_free(reply);
    }
    neap_close(a);
    neap_close(b);
}

static void who_was_held_for_dead_is_a_member_again(void **state)
{
    (void)state;
    neap_runtime *a = open_one(2);
    add(a, "x", 1);
    database_run(url, "DELETE FROM documents WHERE collection IN ('$member', '$owner')");
    neap_runtime *b = open_one(2);
    AWAIT(owned_by(a) >= 2 && owned_by(a) + owned_by(b) == ITEMS);
    add(a, "x", 2);
    drain(a);
    drain(b);
    AWAIT(all_told(b) == 2 + 1);
    assert_int_equal(atomic_load(&errors_said), 0);
    neap_close(a);
    neap_close(b);
}

static void changes_reach_who_runs_it(void **state)
{
    (void)state;
    neap_runtime *a = open_one(1), *b = open_one(1);
    neap_runtime *both[] = {a, b};
    AWAIT(owned_by(a) + owned_by(b) == ITEMS && owned_by(b) >= 2);
    add(a, "x", 1);
    drain(a);
    for (int i = 0; i < 2; i++) {
        neap_runtime *asks = both[i], *other = both[1 - i];
        assert_int_equal(neap_pause(asks, "one", &error), NEAP_OK);
        for (uint32_t at = 0; at < ITEMS; at++)
            if (strcmp(a->subscribed[at].definition->name.data, "one") == 0)
                AWAIT(atomic_load(&other->subscribed[at].paused));
        add(other, "x", 1);
        assert_int_equal(neap_catch_up(other, "one", 0, 5000, &error), NEAP_UNAVAILABLE);
        assert_int_equal(neap_resume(other, "one", &error), NEAP_OK);
        for (uint32_t at = 0; at < ITEMS; at++)
            AWAIT(!atomic_load(&asks->subscribed[at].paused));
        drain(asks);
        if (neap_rebuild(asks, "parts", PATIENCE_S * 1000, &error) != NEAP_OK)
            fail_msg("%s", error.message);
        drain(other);
        char expected[80];
        snprintf(expected, sizeof expected,
                 "[{\"key\":\"x\",\"document\":{\"count\":%d,\"sum\":%d}}]", i + 2, i + 2);
        assert_listed(asks, "parts", expected);
        AWAIT(atomic_load(&a->subscribed[1].live)->number ==
              atomic_load(&b->subscribed[1].live)->number);
        assert_listed(other, "parts", expected);
    }
    AWAIT(all_told(a) == 3 + 1);
    assert_int_equal(neap_reset(a, "teller", 0, &error), NEAP_OK);
    drain(b);
    unsigned twice;
    AWAIT(told(b, &twice) == 6 + 1 && twice == 3);
    assert_int_equal(atomic_load(&errors_said), 0);
    neap_close(a);
    neap_close(b);
}

static size_t letters_of(neap_runtime *runtime)
{
    char *json;
    size_t size;
    assert_int_equal(neap_dead_letters(runtime, "teller", &json, &size, &error), NEAP_OK);
    size_t count = count_in(json, "\"position\"");
    neap_free(json);
    return count;
}

/* Who does not run the subscriber asks who does. */
static void dead_letters_are_tried_by_whoever_runs_it(void **state)
{
    (void)state;
    neap_runtime *a = open_one(1), *b = open_one(1);
    AWAIT(owned_by(a) + owned_by(b) == ITEMS && owned_by(b) >= 2);
    add(a, "x", 13); /* position 1 */
    drain(a);
    atomic_store(&errors_said, 0); /* that it is a dead letter now */
    add(b, "x", 1);
    drain(a);
    drain(b);
    assert_int_equal(letters_of(a), 2);
    neap_runtime *other = NULL;
    for (uint32_t i = 0; i < ITEMS; i++)
        if (strcmp(a->subscribed[i].definition->name.data, "teller") == 0)
            other = atomic_load(&a->subscribed[i].owned) ? b : a;
    assert_non_null(other);
    if (neap_retry_dead_letters(other, "teller", 0, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    assert_int_equal(letters_of(other), 2); /* it says the same thing again */
    if (neap_drop_dead_letter(other, "teller", 1, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    assert_int_equal(letters_of(other), 0); /* what waited behind it was tried */
    assert_int_equal(neap_drop_dead_letter(other, "teller", 1, &error), NEAP_UNKNOWN);
    neap_close(a);
    neap_close(b);
}

static void assert_shown(const neap_runtime *runtime, const neap_statistics *stats)
{
    const neap_member_statistics *shown = stats->members;
    neap_text id = {runtime->members->id, strlen(runtime->members->id)};
    while (shown != NULL && !neapi_text_equal(shown->member, id))
        shown = shown->next;
    assert_non_null(shown);
    assert_int_equal(shown->pid, getpid());
    assert_true(shown->seen_at > stats->taken_at - (int64_t)PATIENCE_S * 1000000);
    assert_int_equal(shown->owned, owned_by(runtime));
    assert_int_equal(shown->queue, atomic_load(&runtime->members->queue));
    const neap_subscription_statistics *one = stats->subscriptions;
    for (; one != NULL; one = one->next)
        assert_int_equal(one->owner == shown,
                         atomic_load(&subscribed_of(runtime, one->name.data)->owned));
}

static void figures_show_who_runs_what(void **state)
{
    (void)state;
    neap_runtime *a = open_one(1), *b = open_one(1);
    const neap_statistics *stats;
    char *json;
    size_t size;
    AWAIT(owned_by(a) + owned_by(b) == ITEMS && owned_by(b) >= 2);
    AWAIT(atomic_load(&a->members->queue) != atomic_load(&b->members->queue));
    assert_int_equal(neap_stats(a, &stats, &error), NEAP_OK);
    assert_true(stats->shared);
    assert_shown(a, stats);
    assert_shown(b, stats);
    assert_int_equal(neap_statistics_json(stats, &json, &size, &error), NEAP_OK);
    assert_int_equal(count_in(json, "\"owner\":{\"member\":"), ITEMS);
    assert_int_equal(count_in(json, "\"seen_at\":"), 2);
    neap_free(json);
    neap_statistics_free(stats);
    neap_close(a);
    neap_close(b);
    neap_store *store;
    assert_int_equal(neap_store_open(url, &store, &error), NEAP_OK);
    assert_int_equal(neap_store_stats(store, &stats, &error), NEAP_OK);
    assert_true(stats->shared && stats->members == NULL && stats->subscriptions->owner == NULL);
    neap_statistics_free(stats);
    neap_store_close(store);
}

/* Without lanes it is who calls that looks after it. */
static void one_without_lanes_is_a_member_too(void **state)
{
    (void)state;
    neap_runtime *a = open_one(0), *b = open_one(1);
    add(a, "x", 1);
    AWAIT((drain(a), owned_by(b) >= 2 && owned_by(a) + owned_by(b) == ITEMS));
    add(b, "x", 1);
    AWAIT((drain(a), all_told(b) == 2 + 1));
    neap_close(a);
    AWAIT(owned_by(b) == ITEMS);
    assert_int_equal(atomic_load(&errors_said), 0);
    neap_close(b);
}

int main(void)
{
    if (!database_is_there())
        return DATABASE_SKIP;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_others_commit_is_told, begin, end),
        cmocka_unit_test_setup_teardown(what_nobody_tells_is_found, begin, end),
        cmocka_unit_test_setup_teardown(one_alone_runs_everything_at_once, begin, end),
        cmocka_unit_test_setup_teardown(two_share_and_who_leaves_hands_over, begin, end),
        cmocka_unit_test_setup_teardown(waiting_is_for_whoever_runs_it, begin, end),
        cmocka_unit_test_setup_teardown(decisions_rest_on_what_others_committed, begin, end),
        cmocka_unit_test_setup_teardown(who_was_held_for_dead_is_a_member_again, begin, end),
        cmocka_unit_test_setup_teardown(changes_reach_who_runs_it, begin, end),
        cmocka_unit_test_setup_teardown(dead_letters_are_tried_by_whoever_runs_it, begin, end),
        cmocka_unit_test_setup_teardown(figures_show_who_runs_what, begin, end),
        cmocka_unit_test_setup_teardown(one_without_lanes_is_a_member_too, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
