/* What the hub holds, what it is spared, and what becomes of those who read when memory runs out or
 * the end comes. */
#include "runtime/hub_world.h"

#include <stdlib.h>

#include "base/alloc.h"

#define MIB ((size_t)1 << 20)

static neapi_unit *filled_unit(unsigned events)
{
    const char *texts[64] = {NULL};
    for (unsigned i = 0; i < events; i++)
        texts[i] = hub_kinds[i % HUB_KINDS];
    return hub_unit(texts);
}

/* Its own bound, and for each reader one batch: all that is held is counted, and freed. */
static void memory_is_bounded(void **unused)
{
    (void)unused;
    const size_t most = 64 << 10;
    hub_world world;
    hub_follower follower[4];
    neapi_unit *units[20];
    hub_world_open(&world, most, 1000000);
    for (unsigned i = 0; i < 4; i++) {
        hub_follow(&world, &follower[i], hub_everything());
        hub_catch_up(&follower[i]);
    }
    size_t largest = 0;
    for (unsigned round = 0; round < 40; round++) {
        for (unsigned i = 0; i < 20; i++)
            units[i] = filled_unit(1 + (round + i) % 7);
        hub_commit(&world, units, 20, true);
        for (unsigned i = 0; i < 20; i++) {
            if (neapi_unit_bytes(units[i]) > largest)
                largest = neapi_unit_bytes(units[i]);
            neapi_unit_release(units[i]);
        }
        /* Each takes something into hand now and then, and keeps it. */
        neap_error error;
        neapi_live_answer answer;
        hub_follower *now = &follower[round % 4];
        while (neapi_live_next(&now->live) != NULL)
            continue;
        assert_int_equal(neapi_live_get(&now->live, now->session, &now->page, &answer, &error),
                         NEAP_OK);
        neapi_hub_figures figures = neapi_hub_look(world.hub);
        assert_true(figures.kept_bytes <= most);
        assert_true(figures.kept_bytes > most / 2 || round < 2);
        assert_true(figures.held_bytes <= most + 4 * (most / 8 + largest));
        assert_int_equal(figures.last, figures.first + figures.events - 1);
    }
    for (unsigned i = 0; i < 4; i++)
        hub_unfollow(&follower[i]);
    hub_world_close(&world);
}

static void what_is_too_large_for_it_is_read_from_the_store(void **unused)
{
    (void)unused;
    hub_world world;
    hub_follower follower;
    hub_world_open(&world, 4096, 1000);
    hub_follow(&world, &follower, hub_everything());
    hub_catch_up(&follower);
    neapi_unit *unit = filled_unit(40);
    hub_commit(&world, &unit, 1, true);
    neapi_unit_release(unit);
    assert_int_equal(neapi_hub_look(world.hub).held_bytes, 0);
    assert_int_equal(hub_catch_up(&follower), NEAPI_LIVE_WAITS);
    assert_int_equal(follower.count, 40);
    hub_assert_complete(&world, &follower);
    hub_unfollow(&follower);
    hub_world_close(&world);
}

/* Refused units, and units without events, are none of the hub's. */
static void only_what_was_accepted_is_published(void **unused)
{
    (void)unused;
    hub_world world;
    hub_follower follower;
    hub_world_open(&world, MIB, 1000);
    hub_follow(&world, &follower, hub_everything());
    hub_catch_up(&follower);
    neapi_unit *units[4];
    for (unsigned i = 0; i < 4; i++)
        units[i] = hub_unit((const char *const[]){i == 2 ? NULL : "Order-1 Placed", NULL});
    units[1]->ops[0].append.expected = 7; /* it has 1 */
    neapi_unit_expect(units[2], neapi_text_of("Order-1"), 1);
    hub_commit(&world, units, 4, true);
    assert_int_equal(units[1]->state, NEAPI_UNIT_REFUSED);
    assert_int_equal(units[2]->state, NEAPI_UNIT_ACCEPTED);
    for (unsigned i = 0; i < 4; i++)
        neapi_unit_release(units[i]);
    assert_int_equal(neapi_hub_look(world.hub).batches, 1);
    size_t pages = follower.pages;
    hub_catch_up(&follower);
    assert_int_equal(follower.count, 2);
    assert_int_equal(follower.pages, pages);
    hub_assert_complete(&world, &follower);
    hub_unfollow(&follower);
    hub_world_close(&world);
}

/* It was found, and leaves before it is woken. */
static void who_leaves_is_not_woken(void **unused)
{
    (void)unused;
    for (unsigned leaving = 0; leaving < 3; leaving++) {
        hub_world world;
        hub_follower follower[3];
        hub_world_open(&world, MIB, 1000);
        for (unsigned i = 0; i < 3; i++) {
            hub_follow(&world, &follower[i], hub_everything());
            hub_catch_up(&follower[i]);
        }
        neapi_unit *unit = filled_unit(3);
        hub_commit(&world, &unit, 1, false);
        neapi_hub_publish(world.hub, &unit, 1);
        neapi_unit_release(unit);
        hub_unfollow(&follower[leaving]);
        memset(&follower[leaving], 0xEE, sizeof follower[leaving]);
        neapi_hub_wake(world.hub);
        assert_int_equal(neapi_hub_look(world.hub).wakes, 2);
        for (unsigned i = 0; i < 3; i++)
            if (i != leaving) {
                assert_int_equal(neapi_gate_seen(&follower[i].gate), 1);
                hub_catch_up(&follower[i]);
                hub_assert_complete(&world, &follower[i]);
                hub_unfollow(&follower[i]);
            }
        hub_world_close(&world);
    }
}

static void the_end_comes_behind_everything(void **unused)
{
    (void)unused;
    hub_world world;
    hub_follower waits, late;
    hub_world_open(&world, MIB, 10);
    hub_follow(&world, &waits, hub_filter(1));
    hub_follow(&world, &late, hub_everything());
    assert_int_equal(hub_catch_up(&waits), NEAPI_LIVE_WAITS);
    for (unsigned i = 0; i < 30; i++)
        hub_append(&world, "Stock-1 Counted", true);
    unsigned seen = neapi_gate_seen(&waits.gate);
    neapi_hub_end(world.hub);
    assert_int_not_equal(neapi_gate_seen(&waits.gate), seen);
    assert_int_equal(hub_catch_up(&waits), NEAPI_LIVE_ENDED);
    assert_int_equal(hub_catch_up(&late), NEAPI_LIVE_ENDED);
    hub_assert_complete(&world, &waits);
    hub_assert_complete(&world, &late);
    neapi_live none;
    neap_error error;
    neapi_range range = hub_everything();
    assert_int_equal(neapi_live_open(&none, world.hub, &range, &waits.gate, NULL, &error),
                     NEAP_CLOSED);
    hub_unfollow(&waits);
    hub_unfollow(&late);
    hub_world_close(&world);
}

/* Gets on, whatever was refused meanwhile. */
static void catch_up_in_need(hub_follower *follower)
{
    neap_error error;
    neapi_live_answer answer;
    do {
        while (neapi_live_get(&follower->live, follower->session, &follower->page, &answer,
                              &error) != NEAP_OK)
            assert_int_equal(error.status, NEAP_NOMEM);
        for (const neap_event *event; (event = neapi_live_next(&follower->live)) != NULL;) {
            assert_true(follower->count < 64);
            follower->got[follower->count++] = event->position;
        }
    } while (answer == NEAPI_LIVE_EVENTS || answer == NEAPI_LIVE_ON);
}

static void refused_allocations_lose_nothing(void **unused)
{
    (void)unused;
    bool struck = true;
    for (uint64_t nth = 1; struck; nth++) {
        hub_world world;
        hub_follower follower[3];
        hub_world_open(&world, MIB, 16);
        for (unsigned i = 0; i < 3; i++) {
            hub_follow(&world, &follower[i], hub_filter(i));
            follower[i].got = malloc(64 * sizeof(uint64_t));
            follower[i].capacity = 64;
        }
        neapi_unit *units[40];
        for (unsigned i = 0; i < 40; i++) {
            units[i] = hub_unit((const char *const[]){hub_kinds[(i * 3) % HUB_KINDS], NULL});
            neapi_outcome outcome;
            neap_error error;
            assert_int_equal(neapi_commit(world.writer, &units[i], 1, 1, &outcome, &error),
                             NEAP_OK);
        }
        neapi_alloc_refuse(nth, false);
        for (unsigned i = 0; i < 40; i++) {
            neapi_hub_publish(world.hub, &units[i], 1);
            neapi_hub_wake(world.hub);
            if (i % 4 == 0)
                catch_up_in_need(&follower[i % 3]);
        }
        for (unsigned i = 0; i < 3; i++)
            catch_up_in_need(&follower[i]);
        struck = neapi_alloc_struck();
        neapi_alloc_refuse(0, false);
        for (unsigned i = 0; i < 3; i++) {
            hub_assert_complete(&world, &follower[i]);
            hub_unfollow(&follower[i]);
        }
        for (unsigned i = 0; i < 40; i++)
            neapi_unit_release(units[i]);
        hub_world_close(&world);
    }
}

static void opening_needs_memory(void **unused)
{
    (void)unused;
    hub_world world;
    neapi_gate gate;
    neap_error error;
    hub_world_open(&world, MIB, 16);
    neapi_gate_init(&gate);
    neap_status status = NEAP_NOMEM;
    for (uint64_t nth = 1; status != NEAP_OK; nth++) {
        neapi_live live;
        neapi_range range = hub_filter(2);
        neapi_alloc_refuse(nth, false);
        status = neapi_live_open(&live, world.hub, &range, &gate, NULL, &error);
        neapi_alloc_refuse(0, false);
        if (status == NEAP_OK)
            neapi_live_close(&live);
        else
            assert_int_equal(status, NEAP_NOMEM);
    }
    neapi_gate_fini(&gate);
    hub_world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(what_is_too_large_for_it_is_read_from_the_store),
        cmocka_unit_test(only_what_was_accepted_is_published),
        cmocka_unit_test(who_leaves_is_not_woken),
        cmocka_unit_test(the_end_comes_behind_everything),
        cmocka_unit_test(refused_allocations_lose_nothing),
        cmocka_unit_test(opening_needs_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
