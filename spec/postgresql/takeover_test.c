/* What one runtime ran, another one runs: who is fenced, when, and how soon. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the headers above. */
#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "database.h"
#include "members_world.h"
#include "runtime/members_state.h"
#include "runtime/stored.h"

/* ---- Generations ----------------------------------------------------------------------------- */

static neapi_checkpoint checkpoint_of(const char *subscription, uint32_t partition)
{
    neapi_store *store;
    neapi_session *session = NULL;
    neapi_checkpoint found = {0};
    if (neapi_store_open(url, NEAPI_MODE_READ, &store, &error) != NEAP_OK ||
        neapi_session_open(store, NEAPI_MODE_READ, &session, &error) != NEAP_OK ||
        neapi_stored_checkpoint(session, neapi_text_of(subscription), 1, partition, &found,
                                &error) != NEAP_OK)
        fail_msg("%s", error.message);
    neapi_session_close(session);
    neapi_store_close(store);
    return found;
}

static const struct {
    const char *name;
    uint32_t partitions;
} items[ITEMS] = {{"one", 1}, {"parts", 3}, {"reader", 2}, {"teller", 1}, {"waiter", 1}};

static void note_generations(uint64_t generations[ITEMS][3])
{
    for (unsigned i = 0; i < ITEMS; i++)
        for (uint32_t n = 0; n < items[i].partitions; n++)
            generations[i][n] = checkpoint_of(items[i].name, n).generation;
}

/* Of what `taker` has now and had not before, and of nothing else. */
static void assert_raised(uint64_t before[ITEMS][3], const neap_runtime *taker,
                          const bool had[ITEMS])
{
    uint64_t after[ITEMS][3];
    note_generations(after);
    for (unsigned i = 0; i < ITEMS; i++) {
        bool taken = atomic_load(&subscribed_of(taker, items[i].name)->owned) && !had[i];
        for (uint32_t n = 0; n < items[i].partitions; n++)
            if (after[i][n] != before[i][n] + taken)
                fail_msg("%s/%u: from %u to %u", items[i].name, n, (unsigned)before[i][n],
                         (unsigned)after[i][n]);
    }
}

static void who_takes_over_raises_the_generation(void **state)
{
    (void)state;
    uint64_t generations[ITEMS][3];
    bool had[ITEMS] = {false};
    neap_runtime *a = open_one(1);
    add(a, "x", 1);
    drain(a);
    note_generations(generations);
    neap_runtime *b = open_one(1);
    AWAIT(owned_by(a) + owned_by(b) == ITEMS && owned_by(b) >= 2 && owned_by(a) >= 2);
    assert_raised(generations, b, had);
    for (unsigned i = 0; i < ITEMS; i++)
        had[i] = atomic_load(&subscribed_of(b, items[i].name)->owned);
    note_generations(generations);
    neap_close(a);
    AWAIT(owned_by(b) == ITEMS);
    assert_raised(generations, b, had);
    neap_close(b);
}

/* ---- Fenced ---------------------------------------------------------------------------------- */

/* Nobody has told it: what it finds out is by its own unit, which is refused. */
static void who_is_fenced_commits_nothing_more(void **state)
{
    (void)state;
    neap_runtime *a = open_one(0);
    const neapi_subscribed *teller = subscribed_of(a, "teller");
    add(a, "x", 1);
    drain(a);
    AWAIT((drain(a), all_told(a) == 1 + 1)); /* and the saga's timeout */
    a->members->beat_us = a->members->look_us = NEAPI_NO_DEADLINE;
    neapi_checkpoint before = checkpoint_of("teller", 0);
    be_replaced("teller");
    neapi_checkpoint fenced = checkpoint_of("teller", 0);
    assert_int_not_equal(fenced.generation, before.generation);
    assert_true(atomic_load(&teller->owned));
    add(a, "x", 2);
    assert_int_equal(neap_catch_up(a, "teller", 0, 200, &error), NEAP_TIMEOUT);
    assert_false(atomic_load(&teller->owned));
    neapi_checkpoint after = checkpoint_of("teller", 0);
    assert_int_equal(after.generation, fenced.generation);
    assert_int_equal(after.position, fenced.position);
    assert_int_equal(all_told(a), 2);
    assert_int_equal(atomic_load(&errors_said), 0);
    neap_close(a);
}

static unsigned elsewhere(neap_runtime *runtime)
{
    char *json;
    size_t size;
    unsigned count = 0;
    assert_int_equal(neap_subscriptions(runtime, &json, &size, &error), NEAP_OK);
    for (const char *at = json; (at = strstr(at, "\"elsewhere\"")) != NULL; at++)
        count++;
    neap_free(json);
    return count;
}

static void who_is_fenced_stops_without_harm(void **state)
{
    (void)state;
    neap_runtime *a = open_one(1);
    neapi_subscribed *teller = subscribed_of(a, "teller");
    add(a, "x", 1);
    drain(a);
    be_replaced("teller");
    add(a, "x", 2);
    AWAIT(!atomic_load(&teller->owned));
    add(a, "x", 3);
    AWAIT(neapi_subscribed_rests(teller));
    assert_int_equal(elsewhere(a), 2); /* it, and its partition */
    char *json;
    size_t size;
    assert_int_equal(neap_dead_letters(a, NULL, &json, &size, &error), NEAP_OK);
    assert_string_equal(json, "[]");
    neap_free(json);
    neap_close(a);
    a = open_with(1, 0); /* which does not wait for an hour */
    teller = subscribed_of(a, "teller");
    AWAIT(atomic_load(&teller->owned)); /* the other is never heard of again */
    drain(a);
    AWAIT(all_told(a) == 3 + 1);
    assert_int_equal(atomic_load(&errors_said), 0);
    neap_close(a);
}

/* ---- Gone ------------------------------------------------------------------------------------ */

static bool has_queue(const neap_runtime *runtime)
{
    return atomic_load(&runtime->members->queue);
}

static atomic_uint queued;

static void note_queued(void *user, neap_status status, neap_reply *reply, const neap_error *why)
{
    (void)user;
    (void)why;
    atomic_fetch_add(&queued, status == NEAP_OK);
    neap_reply_free(reply);
}

static void queue_for_later(neap_runtime *runtime, const char *of, uint64_t after_ms)
{
    char json[80];
    neap_dispatch_options options;
    neap_dispatch_options_init(&options);
    options.queued = true;
    options.after_ms = after_ms;
    snprintf(json, sizeof json, "{\"of\":\"%s\"}", of);
    unsigned before = atomic_load(&queued);
    if (neap_send(runtime, "Tell", json, strlen(json), &options, note_queued, NULL, &error) !=
        NEAP_OK)
        fail_msg("%s", error.message);
    AWAIT(atomic_load(&queued) == before + 1);
}

/* What is due later, and what is due at once, of who leaves and of who stays. */
static void the_queue_is_handed_over_at_once(void **state)
{
    (void)state;
    neap_runtime *both[] = {open_one(1), open_one(1)};
    AWAIT(owned_by(both[0]) + owned_by(both[1]) == ITEMS && owned_by(both[1]) >= 2);
    AWAIT(has_queue(both[0]) != has_queue(both[1]));
    neap_runtime *owner = both[has_queue(both[1])], *other = both[has_queue(both[0])];
    for (unsigned i = 0; i < 20; i++) {
        char of[24];
        snprintf(of, sizeof of, "q-%u", i);
        queue_for_later(i % 2 == 0 ? owner : other, of, i % 4 < 2 ? 0 : 100 + i);
    }
    neap_close(owner);
    AWAIT(has_queue(other)); /* and not after an hour */
    AWAIT(all_told(other) == 20);
    AWAIT(owned_by(other) == ITEMS);
    neap_close(other);
}

static pid_t test_pid;

/* A child in which something failed does not go on with the tests. */
static int end_here(void **state)
{
    if (getpid() != test_pid)
        _exit(1);
    return end(state);
}

static void own_all_until_killed(int ready)
{
    neap_runtime *runtime = open_one(1);
    bool well = owned_by(runtime) == ITEMS && has_queue(runtime);
    queue_for_later(runtime, "later", 1500);
    if (write(ready, well ? "y" : "n", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

/* A process of the same machine that has ended is seen to have. */
static void who_was_killed_here_is_not_waited_for(void **state)
{
    (void)state;
    int ends[2];
    char well = 'n';
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        own_all_until_killed(ends[1]);
    close(ends[1]);
    ssize_t size = read(ends[0], &well, 1);
    close(ends[0]);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(size == 1 && well == 'y');
    neap_runtime *a = open_one(1);
    AWAIT(owned_by(a) == ITEMS && has_queue(a));
    AWAIT(all_told(a) == 1);
    neap_close(a);
}

int main(void)
{
    if (!database_is_there())
        return DATABASE_SKIP;
    test_pid = getpid();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_takes_over_raises_the_generation, begin, end),
        cmocka_unit_test_setup_teardown(who_is_fenced_commits_nothing_more, begin, end),
        cmocka_unit_test_setup_teardown(who_is_fenced_stops_without_harm, begin, end),
        cmocka_unit_test_setup_teardown(the_queue_is_handed_over_at_once, begin, end),
        cmocka_unit_test_setup_teardown(who_was_killed_here_is_not_waited_for, begin, end_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
