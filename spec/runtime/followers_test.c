/* Followers: who is called back with what is committed. Run with lanes, and with LANES=0. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "neap.h"

#ifndef LANES
#define LANES 1
#endif
#define MOST 4096

static neap_error error;

static neap_runtime *open_with(uint32_t close_ms, size_t live_bytes)
{
    neap_options options;
    neap_options_init(&options);
    options.lanes = LANES;
    options.close_ms = close_ms;
    options.live_bytes = live_bytes;
    neap_runtime *runtime = NULL;
    if (neap_open(DOMAIN, &options, &runtime, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    return runtime;
}

static neap_runtime *open_runtime(void)
{
    return open_with(10000, 1 << 20);
}

static void note(neap_runtime *runtime, const char *id)
{
    char json[64];
    int size = snprintf(json, sizeof json, "{\"id\":\"%s\",\"text\":\"x\"}", id);
    if (neap_dispatch(runtime, "Note", json, (size_t)size, NULL, NULL, &error) != NEAP_OK)
        fail_msg("%s", error.message);
}

typedef struct audience {
    neap_follower *follower;
    neap_runtime *runtime;
    uint64_t got[MOST];
    atomic_uint count, calls, last_calls;
    atomic_int last_status;
    atomic_bool hold; /* the callback does not return */
    atomic_bool held;
    unsigned enough; /* so many are wanted; 0: all */
} audience;

static bool listen(void *user, neap_status status, const neap_event *const *events, size_t count,
                   const neap_error *failure)
{
    audience *test = user;
    atomic_fetch_add(&test->calls, 1);
    assert_true((status != NEAP_OK) == (failure != NULL));
    assert_int_equal(atomic_load(&test->last_calls), 0);
    if (status != NEAP_OK || count == 0) {
        atomic_store(&test->last_status, status);
        atomic_fetch_add(&test->last_calls, 1);
        return true;
    }
    unsigned before = atomic_load(&test->count);
    for (size_t i = 0; i < count; i++) {
        assert_true(before + i < MOST);
        test->got[before + i] = events[i]->position;
    }
    while (atomic_load(&test->hold)) {
        atomic_store(&test->held, true);
        sched_yield();
    }
    atomic_store(&test->count, before + (unsigned)count);
    return test->enough == 0 || before + count < test->enough;
}

static void follow(audience *test, neap_runtime *runtime, const neap_filter *filter)
{
    test->runtime = runtime;
    if (neap_follow(runtime, filter, listen, test, &test->follower, &error) != NEAP_OK)
        fail_msg("%s", error.message);
}

/* With lanes 0 it is this thread that calls back. */
static void wait_for(audience *test, unsigned count, unsigned last_calls)
{
    while (atomic_load(&test->count) < count || atomic_load(&test->last_calls) < last_calls) {
        if (LANES == 0)
            assert_int_equal(neap_drain(test->runtime, 0, &error), NEAP_OK);
        sched_yield();
    }
}

static void assert_got(const audience *test, const uint64_t *positions, unsigned count)
{
    assert_int_equal(atomic_load(&test->count), count);
    assert_memory_equal(test->got, positions, count * sizeof *positions);
}
#define ASSERT_GOT(test, ...)                                                                      \
    assert_got((test), (const uint64_t[]){__VA_ARGS__},                                            \
               sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static void gets_what_there_was_and_what_comes(void **unused)
{
    (void)unused;
    static audience all, of_b;
    memset(&all, 0, sizeof all);
    memset(&of_b, 0, sizeof of_b);
    neap_runtime *runtime = open_runtime();
    note(runtime, "a");
    note(runtime, "b");
    follow(&all, runtime, NULL);
    neap_filter filter;
    neap_filter_init(&filter);
    filter.stream = "Counter-b";
    follow(&of_b, runtime, &filter);
    wait_for(&all, 2, 0);
    wait_for(&of_b, 1, 0);
    note(runtime, "a");
    note(runtime, "b");
    wait_for(&all, 4, 0);
    wait_for(&of_b, 2, 0);
    ASSERT_GOT(&all, 1, 2, 3, 4);
    ASSERT_GOT(&of_b, 2, 4);
    neap_follower_close(all.follower);
    neap_follower_close(of_b.follower);
    note(runtime, "b");
    neap_drain(runtime, 0, &error);
    assert_int_equal(atomic_load(&of_b.count), 2);
    assert_int_equal(atomic_load(&of_b.last_calls), 0);
    neap_close(runtime);
}

static void is_told_where_its_filter_ends(void **unused)
{
    (void)unused;
    static audience limited, bounded, enough;
    memset(&limited, 0, sizeof limited);
    memset(&bounded, 0, sizeof bounded);
    memset(&enough, 0, sizeof enough);
    neap_runtime *runtime = open_runtime();
    neap_filter filter;
    neap_filter_init(&filter);
    filter.limit = 2;
    follow(&limited, runtime, &filter);
    neap_filter_init(&filter);
    filter.from = 2;
    filter.to = 3;
    follow(&bounded, runtime, &filter);
    enough.enough = 2;
    follow(&enough, runtime, NULL);
    for (unsigned i = 0; i < 5; i++) {
        note(runtime, "a");
        wait_for(&enough, i < 2 ? i + 1 : 2, 0);
    }
    wait_for(&limited, 2, 1);
    wait_for(&bounded, 2, 1);
    ASSERT_GOT(&limited, 1, 2);
    ASSERT_GOT(&bounded, 2, 3);
    ASSERT_GOT(&enough, 1, 2);
    assert_int_equal(atomic_load(&limited.last_status), NEAP_OK);
    neap_close(runtime); /* says nothing to those who have had their last call */
    assert_int_equal(atomic_load(&limited.last_calls), 1);
    assert_int_equal(atomic_load(&enough.last_calls), 0);
    neap_follower_close(limited.follower);
    neap_follower_close(bounded.follower);
    neap_follower_close(enough.follower);
}

static void closing_gives_everything_and_says_so(void **unused)
{
    (void)unused;
    static audience all, other;
    for (unsigned round = 0; round < 20; round++) {
        memset(&all, 0, sizeof all);
        memset(&other, 0, sizeof other);
        neap_runtime *runtime = open_with(10000, round % 2 == 0 ? 1 << 20 : 1);
        follow(&all, runtime, NULL);
        neap_filter filter;
        neap_filter_init(&filter);
        filter.category = "Nobody";
        follow(&other, runtime, &filter);
        for (unsigned i = 0; i < 300; i++)
            assert_int_equal(neap_send(runtime, "Note", "{\"id\":\"a\",\"text\":\"x\"}", 21, NULL,
                                       NULL, NULL, &error),
                             NEAP_OK);
        neap_close(runtime);
        assert_int_equal(atomic_load(&all.count), 300);
        for (unsigned i = 0; i < 300; i++)
            assert_int_equal(all.got[i], i + 1);
        assert_int_equal(atomic_load(&all.last_calls), 1);
        assert_int_equal(atomic_load(&all.last_status), NEAP_CLOSED);
        assert_int_equal(atomic_load(&other.calls), 1);
        assert_int_equal(atomic_load(&other.last_status), NEAP_CLOSED);
        neap_follower_close(all.follower);
        neap_follower_close(other.follower);
    }
}

static bool close_within(void *user, neap_status status, const neap_event *const *events,
                         size_t count, const neap_error *failure)
{
    audience *test = user;
    (void)events;
    (void)failure;
    if (status == NEAP_OK) {
        neap_error refusal;
        neap_follower_close(test->follower); /* both do nothing here */
        neap_close(test->runtime);
        assert_int_equal(neap_drain(test->runtime, 0, &refusal), NEAP_USAGE);
        atomic_fetch_add(&test->count, (unsigned)count);
    }
    return true;
}

static void cannot_be_closed_from_its_callback(void **unused)
{
    (void)unused;
    static audience test;
    memset(&test, 0, sizeof test);
    neap_runtime *runtime = open_runtime();
    test.runtime = runtime;
    assert_int_equal(neap_follow(runtime, NULL, close_within, &test, &test.follower, &error),
                     NEAP_OK);
    note(runtime, "a");
    wait_for(&test, 1, 0);
    note(runtime, "a");
    wait_for(&test, 2, 0);
    neap_follower_close(test.follower);
    neap_close(runtime);
}

static void is_refused_what_makes_no_sense(void **unused)
{
    (void)unused;
    audience test = {0};
    neap_runtime *runtime = open_runtime();
    neap_filter filter;
    neap_filter_init(&filter);
    filter.backward = true;
    assert_int_equal(neap_follow(runtime, &filter, listen, &test, &test.follower, &error),
                     NEAP_USAGE);
    neap_filter_init(&filter);
    filter.timeout_ms = 5;
    assert_int_equal(neap_follow(runtime, &filter, listen, &test, &test.follower, &error),
                     NEAP_USAGE);
    assert_string_equal(error.message,
                        "filter: timeout_ms is for cursors; a follower is called back");
    assert_int_equal(neap_follow(runtime, NULL, NULL, &test, &test.follower, &error), NEAP_USAGE);
    neap_close(runtime);
    neap_follower_close(NULL);
}

static void refused_allocations_leave_nothing_behind(void **unused)
{
    (void)unused;
    neap_status status = NEAP_NOMEM;
    for (uint64_t nth = 1; status != NEAP_OK; nth++) {
        static audience test;
        memset(&test, 0, sizeof test);
        neap_runtime *runtime = open_runtime();
        const char *const types[] = {"Added", "Noted"};
        neap_filter filter;
        neap_filter_init(&filter);
        filter.types = types;
        filter.type_count = 2;
        neapi_alloc_refuse(nth, false);
        status = neap_follow(runtime, &filter, listen, &test, &test.follower, &error);
        neapi_alloc_refuse(0, false);
        if (status == NEAP_OK) {
            test.runtime = runtime;
            note(runtime, "a");
            /* It may have been what the follower itself wanted. */
            while (atomic_load(&test.count) == 0 && atomic_load(&test.last_calls) == 0) {
                if (LANES == 0)
                    assert_int_equal(neap_drain(runtime, 0, &error), NEAP_OK);
                sched_yield();
            }
            assert_true(atomic_load(&test.count) == 1 ||
                        atomic_load(&test.last_status) == NEAP_NOMEM);
        } else {
            assert_int_equal(status, NEAP_NOMEM);
        }
        neap_close(runtime);
        if (status == NEAP_OK)
            neap_follower_close(test.follower);
    }
}

/* ---- With threads ---------------------------------------------------------------------------- */

static void *close_follower(void *user)
{
    audience *test = user;
    neap_follower_close(test->follower);
    atomic_store(&test->last_calls, 99);
    return NULL;
}

static void closing_waits_for_a_callback_under_way(void **unused)
{
    (void)unused;
    static audience slow, other;
    memset(&slow, 0, sizeof slow);
    memset(&other, 0, sizeof other);
    neap_runtime *runtime = open_runtime();
    follow(&slow, runtime, NULL);
    follow(&other, runtime, NULL);
    atomic_store(&slow.hold, true);
    note(runtime, "a");
    while (!atomic_load(&slow.held))
        sched_yield();
    pthread_t thread;
    pthread_create(&thread, NULL, close_follower, &slow);
    for (unsigned i = 0; i < 1000; i++)
        sched_yield();
    assert_int_equal(atomic_load(&slow.last_calls), 0);
    neap_follower_close(other.follower); /* waits for nobody: it is not its turn */
    atomic_store(&slow.hold, false);
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&slow.count), 1);
    neap_close(runtime);
}

static void who_is_too_slow_is_told_what_was_left_out(void **unused)
{
    (void)unused;
    static audience slow;
    memset(&slow, 0, sizeof slow);
    neap_runtime *runtime = open_with(0, 1 << 20);
    follow(&slow, runtime, NULL);
    atomic_store(&slow.hold, true);
    note(runtime, "a");
    while (!atomic_load(&slow.held))
        sched_yield();
    note(runtime, "a");
    atomic_store(&slow.hold, false);
    neap_close(runtime);
    assert_int_equal(atomic_load(&slow.last_status), NEAP_CLOSED);
    assert_int_equal(atomic_load(&slow.last_calls), 1);
    neap_follower_close(slow.follower);
}

typedef struct sender {
    pthread_t thread;
    neap_runtime *runtime;
} sender;

static void *send_many(void *argument)
{
    const sender *test = argument;
    neap_error failure;
    for (unsigned i = 0; i < 500; i++) {
        char json[64];
        int size = snprintf(json, sizeof json, "{\"id\":\"c%u\",\"text\":\"x\"}", i % 7);
        assert_int_equal(
            neap_send(test->runtime, "Note", json, (size_t)size, NULL, NULL, NULL, &failure),
            NEAP_OK);
    }
    return NULL;
}

/* Threads send, followers come and go, and one stays and gets all. */
static void many_at_once(void **unused)
{
    (void)unused;
    static audience all, some[8];
    memset(&all, 0, sizeof all);
    memset(some, 0, sizeof some);
    neap_runtime *runtime = open_with(10000, 64 << 10);
    sender senders[4];
    follow(&all, runtime, NULL);
    for (unsigned i = 0; i < 4; i++) {
        senders[i].runtime = runtime;
        pthread_create(&senders[i].thread, NULL, send_many, &senders[i]);
    }
    for (unsigned round = 0; round < 50; round++)
        for (unsigned i = 0; i < 8; i++) {
            if (some[i].follower != NULL) {
                neap_follower_close(some[i].follower);
                for (unsigned n = 1; n < some[i].count; n++)
                    assert_true(some[i].got[n] > some[i].got[n - 1]);
            }
            memset(&some[i], 0, sizeof some[i]);
            neap_filter filter;
            neap_filter_init(&filter);
            filter.from = 1 + round * 10;
            filter.category = i % 2 == 0 ? "Counter" : NULL;
            filter.stream = i % 4 == 1 ? "Counter-c3" : NULL;
            follow(&some[i], runtime, &filter);
        }
    for (unsigned i = 0; i < 4; i++)
        pthread_join(senders[i].thread, NULL);
    for (unsigned i = 0; i < 8; i++)
        neap_follower_close(some[i].follower);
    neap_close(runtime);
    assert_int_equal(atomic_load(&all.count), 2000);
    for (unsigned i = 0; i < 2000; i++)
        assert_int_equal(all.got[i], i + 1);
    neap_follower_close(all.follower);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gets_what_there_was_and_what_comes),
        cmocka_unit_test(is_told_where_its_filter_ends),
        cmocka_unit_test(closing_gives_everything_and_says_so),
        cmocka_unit_test(cannot_be_closed_from_its_callback),
        cmocka_unit_test(is_refused_what_makes_no_sense),
        cmocka_unit_test(refused_allocations_leave_nothing_behind),
    };
    const struct CMUnitTest with_threads[] = {
        cmocka_unit_test(closing_waits_for_a_callback_under_way),
        cmocka_unit_test(who_is_too_slow_is_told_what_was_left_out),
        cmocka_unit_test(many_at_once),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return LANES == 0 ? failed : failed + cmocka_run_group_tests(with_threads, NULL, NULL);
}
