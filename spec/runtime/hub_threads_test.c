/* Threads commit, and others follow at all speeds, over rings that are too small for some: each
 * sees exactly what the store has of its range. A wake that is lost makes the test hang. */
#include "runtime/hub_world.h"

#include <sched.h>

#define WRITERS   2
#define FOLLOWERS 12
#define UNITS     3000 /* of each writer */

static const char *const kinds[] = {"Order-1 Placed",  "Order-2 Placed", "Order-1 Shipped",
                                    "Stock-1 Counted", "Stock-2 Placed", "Order-3 Paid"};
static const neap_text types[] = {{"Placed", 6}, {"Paid", 4}};

static unsigned next_dice(uint64_t *dice, unsigned sides)
{
    *dice = *dice * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*dice >> 33) % sides;
}

typedef struct test_writer {
    pthread_t thread;
    hub_world *world;
    pthread_mutex_t *turn; /* for a commit and its publication */
    uint64_t dice;
    size_t bound; /* of the bytes held */
} test_writer;

static void *write_units(void *argument)
{
    test_writer *writer = argument;
    neapi_outcome outcome;
    neap_error error;
    for (unsigned done = 0; done < UNITS;) {
        neapi_unit *units[16];
        unsigned count = 1 + next_dice(&writer->dice, 16);
        pthread_mutex_lock(writer->turn);
        for (unsigned i = 0; i < count; i++) {
            const char *events[3] = {kinds[next_dice(&writer->dice, 6)],
                                     kinds[next_dice(&writer->dice, 6)], NULL};
            units[i] = hub_unit(events + next_dice(&writer->dice, 2));
        }
        assert_int_equal(neapi_commit(writer->world->writer, units, count, 1, &outcome, &error),
                         NEAP_OK);
        neapi_hub_publish(writer->world->hub, units, count);
        assert_true(neapi_hub_look(writer->world->hub).held_bytes <= writer->bound);
        pthread_mutex_unlock(writer->turn);
        neapi_hub_wake(writer->world->hub);
        for (unsigned i = 0; i < count; i++)
            neapi_unit_release(units[i]);
        done += count;
        if (next_dice(&writer->dice, 8) == 0)
            sched_yield();
    }
    return NULL;
}

typedef struct test_follower {
    pthread_t thread;
    hub_world *world;
    hub_follower follower;
    neapi_range range;
    uint64_t dice;
    unsigned slowness; /* 0: none */
    unsigned waits;
} test_follower;

/* Some look again without being woken, as with a deadline that is over. */
static void *follow(void *argument)
{
    test_follower *test = argument;
    hub_follower *follower = &test->follower;
    hub_follow(test->world, follower, test->range);
    for (;;) {
        unsigned seen = neapi_gate_seen(&follower->gate);
        neapi_live_answer answer = hub_step(follower);
        if (answer == NEAPI_LIVE_ENDED || answer == NEAPI_LIVE_OVER)
            return NULL;
        for (unsigned i = test->slowness * next_dice(&test->dice, 20); i > 0; i--)
            sched_yield();
        if (answer == NEAPI_LIVE_WAITS && next_dice(&test->dice, 16) != 0) {
            test->waits++;
            neapi_park(neapi_platform_machine(), &follower->gate, seen, NEAPI_NO_DEADLINE);
        }
    }
}

static neapi_range range_of(unsigned which)
{
    neapi_range range = hub_everything();
    range.max_events = 64;
    switch (which % 6) {
    case 1:
        range.types = types;
        range.type_count = 1 + which % 2;
        break;
    case 2:
        range.stream = neapi_text_of("Order-1");
        range.from = 1 + which;
        break;
    case 3:
        range.category = neapi_text_of("Stock");
        break;
    case 4:
        range.from = 500;
        range.to = 2500;
        break;
    case 5:
        range.category = neapi_text_of("Order");
        range.types = types;
        range.type_count = 2;
        break;
    default:
        break;
    }
    return range;
}

/* Comes and goes while others work, and holds nothing up. */
typedef struct test_visitor {
    pthread_t thread;
    hub_world *world;
    uint64_t dice;
    atomic_bool stop;
} test_visitor;

static void *come_and_go(void *argument)
{
    test_visitor *visitor = argument;
    while (!atomic_load(&visitor->stop)) {
        hub_follower follower;
        neapi_range range = range_of(next_dice(&visitor->dice, 6));
        hub_follow(visitor->world, &follower, range);
        for (unsigned i = next_dice(&visitor->dice, 30); i > 0; i--)
            if (hub_step(&follower) == NEAPI_LIVE_WAITS)
                sched_yield();
        for (size_t i = 1; i < follower.count; i++)
            assert_true(follower.got[i] > follower.got[i - 1]);
        hub_unfollow(&follower);
    }
    return NULL;
}

static void follows(size_t most_bytes, size_t most_events, uint64_t seed)
{
    hub_world world;
    pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
    test_writer writers[WRITERS];
    static test_follower followers[FOLLOWERS];
    test_visitor visitor = {.world = &world, .dice = seed};
    hub_world_open(&world, most_bytes, most_events);
    for (unsigned i = 0; i < FOLLOWERS; i++) {
        followers[i] = (test_follower){.world = &world,
                                       .range = range_of(i),
                                       .dice = seed + 17 * i,
                                       .slowness = i % 3 == 2 ? 30 : i % 3};
        pthread_create(&followers[i].thread, NULL, follow, &followers[i]);
    }
    pthread_create(&visitor.thread, NULL, come_and_go, &visitor);
    /* The ring, a batch in the hand of each reader, and one being published. */
    size_t bound = most_bytes + (FOLLOWERS + 2) * (most_bytes / 8 + 8192);
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i] =
            (test_writer){.world = &world, .turn = &turn, .dice = seed + 1000 + i, .bound = bound};
        pthread_create(&writers[i].thread, NULL, write_units, &writers[i]);
    }
    for (unsigned i = 0; i < WRITERS; i++)
        pthread_join(writers[i].thread, NULL);
    atomic_store(&visitor.stop, true);
    pthread_join(visitor.thread, NULL);
    neapi_hub_end(world.hub);
    for (unsigned i = 0; i < FOLLOWERS; i++) {
        pthread_join(followers[i].thread, NULL);
        hub_assert_complete(&world, &followers[i].follower);
        hub_unfollow(&followers[i].follower);
    }
    hub_world_close(&world);
}

static void a_roomy_ring(void **unused)
{
    (void)unused;
    follows(64 << 20, 100000, 1);
}

static void a_ring_that_is_too_small_for_some(void **unused)
{
    (void)unused;
    follows(1 << 20, 300, 2);
}

static void a_ring_that_keeps_next_to_nothing(void **unused)
{
    (void)unused;
    follows(32 << 10, 8, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_roomy_ring),
        cmocka_unit_test(a_ring_that_is_too_small_for_some),
        cmocka_unit_test(a_ring_that_keeps_next_to_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
