/* The hub and those who read from it, step by step: what each of them sees is what the store has of
 * its range, in order and once, wherever it comes in and whatever the hub has kept. */
#include "runtime/hub_world.h"

#define MIB ((size_t)1 << 20)

static void keeps_nothing_without_a_reader(void **unused)
{
    (void)unused;
    hub_world world;
    hub_world_open(&world, MIB, 1000);
    hub_append(&world, "Order-1 Placed", true);
    neapi_hub_figures figures = neapi_hub_look(world.hub);
    assert_int_equal(figures.events, 0);
    assert_int_equal(figures.held_bytes, 0);
    hub_world_close(&world);
}

static void gives_what_is_committed_from_memory(void **unused)
{
    (void)unused;
    hub_world world;
    hub_follower follower;
    hub_world_open(&world, MIB, 1000);
    hub_append(&world, "Order-1 Placed", true);
    hub_follow(&world, &follower, hub_everything());
    assert_int_equal(hub_catch_up(&follower), NEAPI_LIVE_WAITS);
    assert_int_equal(follower.count, 1);
    size_t pages = follower.pages;
    for (unsigned i = 0; i < 100; i++)
        hub_append(&world, hub_kinds[i % HUB_KINDS], true);
    assert_int_equal(hub_catch_up(&follower), NEAPI_LIVE_WAITS);
    assert_int_equal(follower.pages, pages);
    hub_assert_complete(&world, &follower);
    hub_unfollow(&follower);
    assert_int_equal(neapi_hub_look(world.hub).kept_bytes, 0);
    hub_world_close(&world);
}

/* Several units, and one of several events, at once. */
static void append_some(hub_world *world, unsigned nth, bool published)
{
    const char *first[] = {hub_kinds[(nth * 5) % HUB_KINDS], hub_kinds[nth % HUB_KINDS], NULL};
    const char *second[] = {hub_kinds[(nth * 3) % HUB_KINDS], NULL};
    neapi_unit *units[] = {hub_unit(first + nth % 2), hub_unit(second)};
    hub_commit(world, units, 1 + nth % 2, published);
    neapi_unit_release(units[0]);
    neapi_unit_release(units[1]);
}

/* Half of the log is there before anybody reads. The rings are from roomy to one that keeps
 * nothing. */
static void every_filter_joins_everywhere(void **unused)
{
    (void)unused;
    const size_t rings[] = {1000, 8, 3, 1};
    for (unsigned filter = 0; filter < HUB_FILTERS; filter++)
        for (unsigned ring = 0; ring < 4; ring++)
            for (unsigned joins = 0; joins <= 24; joins += 2) {
                hub_world world;
                hub_follower early, late;
                hub_world_open(&world, MIB, rings[ring]);
                for (unsigned i = 0; i < 12; i++)
                    hub_append(&world, hub_kinds[i % HUB_KINDS], true);
                hub_follow(&world, &early, hub_filter(filter));
                for (unsigned i = 0; i < 24; i++) {
                    if (i == joins)
                        hub_follow(&world, &late, hub_filter(filter));
                    append_some(&world, i, true);
                    if (i % 3 == 0)
                        hub_catch_up(&early);
                }
                if (joins == 24)
                    hub_follow(&world, &late, hub_filter(filter));
                neapi_live_answer answer = hub_catch_up(&early);
                assert_int_equal(hub_catch_up(&late), answer);
                assert_int_equal(answer,
                                 early.asked.to != UINT64_MAX ? NEAPI_LIVE_OVER : NEAPI_LIVE_WAITS);
                hub_assert_complete(&world, &early);
                hub_assert_complete(&world, &late);
                hub_unfollow(&early);
                hub_unfollow(&late);
                hub_world_close(&world);
            }
}

static void reads_from_every_position(void **unused)
{
    (void)unused;
    hub_world world;
    hub_follower holder, follower;
    hub_world_open(&world, MIB, 10);
    hub_follow(&world, &holder, hub_everything());
    hub_catch_up(&holder);
    for (unsigned i = 0; i < 25; i++)
        hub_append(&world, hub_kinds[i % HUB_KINDS], true);
    for (uint64_t from = 1; from <= 30; from++) {
        neapi_range range = hub_everything();
        range.from = from;
        hub_follow(&world, &follower, range);
        assert_int_equal(hub_catch_up(&follower), NEAPI_LIVE_WAITS);
        if (from > 25)
            assert_int_equal(follower.pages, 0);
        hub_assert_complete(&world, &follower);
        hub_unfollow(&follower);
    }
    hub_unfollow(&holder);
    hub_world_close(&world);
}

static void wakes_only_who_wants_it(void **unused)
{
    (void)unused;
    hub_world world;
    hub_follower follower[HUB_FILTERS];
    hub_world_open(&world, MIB, 1000);
    for (unsigned i = 0; i < 10; i++) {
        hub_follow(&world, &follower[i], hub_filter(i));
        assert_int_equal(hub_catch_up(&follower[i]), NEAPI_LIVE_WAITS);
    }
    /* Everything; types, twice; Order-1; category Order: each once, and not those who want another
     * category or stream of the type, or a later version. */
    const unsigned wanted[] = {0, 2, 3, 6};
    unsigned seen[HUB_FILTERS];
    for (unsigned i = 0; i < 10; i++)
        seen[i] = neapi_gate_seen(&follower[i].gate);
    hub_append(&world, "Order-1 Shipped", true);
    assert_int_equal(neapi_hub_look(world.hub).wakes, 4);
    assert_int_equal(neapi_hub_look(world.hub).waiting, 6);
    for (unsigned i = 0; i < 4; i++)
        assert_int_not_equal(neapi_gate_seen(&follower[wanted[i]].gate), seen[wanted[i]]);
    /* Who was woken and has not looked yet is not woken again. */
    hub_append(&world, "Order-1 Shipped", true);
    assert_int_equal(neapi_hub_look(world.hub).wakes, 4);
    for (unsigned i = 0; i < 10; i++) {
        hub_catch_up(&follower[i]);
        hub_assert_complete(&world, &follower[i]);
        hub_unfollow(&follower[i]);
    }
    hub_world_close(&world);
}

/* Its position moves although it is not woken: what it did not want may be gone from memory. */
static void who_waits_for_something_rare_does_not_fall_behind(void **unused)
{
    (void)unused;
    hub_world world;
    hub_follower follower;
    hub_world_open(&world, MIB, 10);
    hub_follow(&world, &follower, hub_filter(1));
    assert_int_equal(hub_catch_up(&follower), NEAPI_LIVE_WAITS);
    size_t pages = follower.pages;
    for (unsigned i = 0; i < 100; i++)
        hub_append(&world, "Stock-1 Counted", true);
    assert_int_equal(hub_catch_up(&follower), NEAPI_LIVE_WAITS); /* as after a timeout */
    assert_int_equal(follower.live.reader.position, 101);
    for (unsigned i = 0; i < 100; i++)
        hub_append(&world, i == 95 ? "Order-1 Placed" : "Stock-1 Counted", true);
    assert_int_equal(hub_catch_up(&follower), NEAPI_LIVE_WAITS);
    assert_int_equal(follower.count, 1);
    assert_int_equal(follower.got[0], 196);
    assert_int_equal(follower.pages, pages);
    /* Nor does it look again at what it passed over when something was not published. */
    for (unsigned i = 0; i < 100; i++)
        hub_append(&world, "Stock-1 Counted", true);
    hub_append(&world, "Order-1 Placed", false);
    hub_append(&world, "Order-1 Placed", true);
    assert_int_equal(follower.live.reader.position, 301);
    hub_catch_up(&follower);
    assert_int_equal(follower.count, 3);
    hub_unfollow(&follower);
    hub_world_close(&world);
}

/* The store shows what was committed before the hub is told. */
static void what_was_read_in_the_store_wakes_nobody(void **unused)
{
    (void)unused;
    hub_world world;
    neapi_gate gate;
    neap_error error;
    neapi_hub_reader reader = {.gate = &gate};
    neapi_range range = hub_everything();
    neapi_batch *batch;
    uint64_t position;
    hub_world_open(&world, MIB, 1000);
    neapi_gate_init(&gate);
    assert_int_equal(neapi_hub_open(world.hub, &reader, &range, &error), NEAP_OK);
    assert_int_equal(neapi_hub_take(&reader, &batch, &position), NEAPI_HUB_BEHIND);
    neapi_hub_move(&reader, 5, true);
    assert_int_equal(neapi_hub_take(&reader, &batch, &position), NEAPI_HUB_WAITS);
    for (unsigned i = 0; i < 4; i++)
        hub_append(&world, "Order-1 Placed", true);
    assert_int_equal(neapi_hub_look(world.hub).wakes, 0);
    hub_append(&world, "Order-1 Placed", true);
    assert_int_equal(neapi_hub_look(world.hub).wakes, 1);
    assert_int_equal(neapi_hub_take(&reader, &batch, &position), NEAPI_HUB_EVENTS);
    assert_int_equal(position, 5);
    assert_int_equal(batch->first, 5);
    neapi_batch_release(batch);
    neapi_hub_close(&reader);
    neapi_gate_fini(&gate);
    hub_world_close(&world);
}

/* What was committed while nobody read is not known to the hub, and not taken for what is. */
static void it_starts_anew_after_the_last_reader(void **unused)
{
    (void)unused;
    hub_world world;
    hub_follower follower;
    hub_world_open(&world, MIB, 1000);
    hub_follow(&world, &follower, hub_everything());
    hub_append(&world, "Order-1 Placed", true);
    hub_unfollow(&follower);
    for (unsigned i = 0; i < 10; i++)
        hub_append(&world, "Order-1 Placed", true);
    neapi_range range = hub_everything();
    range.from = 5;
    hub_follow(&world, &follower, range);
    assert_int_equal(hub_catch_up(&follower), NEAPI_LIVE_WAITS);
    hub_assert_complete(&world, &follower);
    hub_unfollow(&follower);
    hub_world_close(&world);
}

/* Also where nothing wanted lies at the end. */
static void a_range_with_an_end_is_over_there(void **unused)
{
    (void)unused;
    hub_world world;
    hub_follower follower;
    hub_world_open(&world, MIB, 1000);
    neapi_range range = hub_filter(1);
    range.to = 12;
    hub_follow(&world, &follower, range);
    for (unsigned i = 0; i < 12; i++) {
        assert_int_equal(hub_catch_up(&follower), NEAPI_LIVE_WAITS);
        unsigned seen = neapi_gate_seen(&follower.gate);
        hub_append(&world, i % 4 == 0 ? "Order-1 Placed" : "Stock-1 Counted", true);
        assert_int_equal(neapi_gate_seen(&follower.gate) != seen, i % 4 == 0 || i == 11);
    }
    assert_int_equal(hub_catch_up(&follower), NEAPI_LIVE_OVER);
    assert_int_equal(follower.count, 3);
    hub_unfollow(&follower);
    hub_world_close(&world);
}

static void who_falls_behind_reads_the_store_and_joins_again(void **unused)
{
    (void)unused;
    hub_world world;
    hub_follower follower;
    hub_world_open(&world, MIB, 10);
    hub_follow(&world, &follower, hub_everything());
    hub_catch_up(&follower);
    for (unsigned i = 0; i < 100; i++)
        hub_append(&world, hub_kinds[i % HUB_KINDS], true);
    size_t pages = follower.pages;
    hub_catch_up(&follower);
    assert_true(follower.pages > pages);
    pages = follower.pages;
    hub_append(&world, "Order-1 Placed", true);
    hub_catch_up(&follower);
    assert_int_equal(follower.pages, pages);
    hub_assert_complete(&world, &follower);
    hub_unfollow(&follower);
    hub_world_close(&world);
}

/* What the hub was not told, as where another process commits, is found in the store. */
static void gaps_in_what_is_published_are_read(void **unused)
{
    (void)unused;
    for (unsigned filter = 0; filter < HUB_FILTERS; filter++)
        for (unsigned hole = 1; hole < 12; hole++) {
            hub_world world;
            hub_follower follower;
            hub_world_open(&world, MIB, 1000);
            hub_follow(&world, &follower, hub_filter(filter));
            for (unsigned i = 0; i < 30; i++) {
                append_some(&world, i, i % 12 < hole);
                if (i % 5 == 0)
                    hub_catch_up(&follower);
            }
            hub_append(&world, "Other-1 Other", true);
            hub_catch_up(&follower);
            hub_assert_complete(&world, &follower);
            hub_unfollow(&follower);
            hub_world_close(&world);
        }
}

static void a_gap_within_what_is_published_is_read(void **unused)
{
    (void)unused;
    hub_world world;
    hub_follower follower;
    neapi_unit *units[3];
    hub_world_open(&world, MIB, 1000);
    hub_follow(&world, &follower, hub_everything());
    hub_catch_up(&follower);
    for (unsigned i = 0; i < 3; i++)
        units[i] = hub_unit((const char *const[]){"Order-1 Placed", NULL});
    hub_commit(&world, units, 3, false);
    neapi_hub_publish(world.hub, (neapi_unit *const[]){units[0], units[2]}, 2);
    hub_catch_up(&follower);
    hub_assert_complete(&world, &follower);
    for (unsigned i = 0; i < 3; i++)
        neapi_unit_release(units[i]);
    hub_unfollow(&follower);
    hub_world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_nothing_without_a_reader),
        cmocka_unit_test(gives_what_is_committed_from_memory),
        cmocka_unit_test(every_filter_joins_everywhere),
        cmocka_unit_test(reads_from_every_position),
        cmocka_unit_test(wakes_only_who_wants_it),
        cmocka_unit_test(who_waits_for_something_rare_does_not_fall_behind),
        cmocka_unit_test(what_was_read_in_the_store_wakes_nobody),
        cmocka_unit_test(it_starts_anew_after_the_last_reader),
        cmocka_unit_test(a_range_with_an_end_is_over_there),
        cmocka_unit_test(who_falls_behind_reads_the_store_and_joins_again),
        cmocka_unit_test(gaps_in_what_is_published_are_read),
        cmocka_unit_test(a_gap_within_what_is_published_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
