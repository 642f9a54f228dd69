/* Judging and applying units. */
#include <stdio.h>

#include "base/alloc.h"
#include "contract/rules.h"
#include "contract/world.h"

void versions_are_dense(void **state)
{
    contract_world *world = *state;
    for (int i = 0; i < 5; i++) {
        append(world, "Order-1", "Changed");
        append(world, "Order-2", "Changed");
    }
    neapi_range range = forward();
    range.stream = T("Order-2");
    read_range(world, world->reader, range);
    assert_int_equal(world->all.count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(world->all.events[i].version, i + 1);
    assert_stream_head(world, "Order-1", 5, 9);
    assert_stream_head(world, "Order-2", 5, 10);
}

void positions_are_dense(void **state)
{
    contract_world *world = *state;
    neapi_unit *units[3];
    for (size_t i = 0; i < 3; i++)
        units[i] = new_unit();
    add(units[0], "A-1", 0, "Changed");
    add(units[1], "A-1", 0, "Changed"); /* refused: no position may be lost with it */
    add(units[2], "B-1", 0, "Changed");
    add(units[2], "A-1", 1, "Changed");
    commit(world, units, 3);
    release(units, 3);
    ASSERT_READ(world, forward(), 1, 2, 3);
    append(world, "A-2", "Changed");
    ASSERT_READ(world, forward(), 1, 2, 3, 4);
    assert_head(world, 4);
}

void expected_version_is_judged(void **state)
{
    contract_world *world = *state;
    neapi_unit *unit = new_unit();
    add(unit, "Order-1", 0, "Placed");
    commit_one(world, unit, NEAP_OK);

    const uint64_t wrong[] = {0, 2, 17, UINT64_MAX - 1};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        unit = new_unit();
        add(unit, "Order-1", wrong[i], "Shipped");
        commit(world, &unit, 1);
        assert_verdict(unit, NEAP_CONFLICT);
        assert_int_equal(unit->verdict.actual, 1);
        assert_int_equal(unit->verdict.op, 0);
        neapi_unit_release(unit);
    }
    unit = new_unit();
    add(unit, "Order-9", 1, "Shipped"); /* a stream that does not exist has version 0 */
    commit(world, &unit, 1);
    assert_verdict(unit, NEAP_CONFLICT);
    assert_int_equal(unit->verdict.actual, 0);
    neapi_unit_release(unit);

    unit = new_unit();
    add(unit, "Order-1", 1, "Shipped");
    commit_one(world, unit, NEAP_OK);
    assert_stream_head(world, "Order-1", 2, 2);
}

void expect_alone_appends_nothing(void **state)
{
    contract_world *world = *state;
    append(world, "Order-1", "Placed");
    neapi_unit *unit = new_unit();
    assert_int_equal(neapi_unit_expect(unit, T("Order-1"), 1), NEAP_OK);
    assert_int_equal(neapi_unit_expect(unit, T("Order-2"), 0), NEAP_OK);
    commit(world, &unit, 1);
    assert_verdict(unit, NEAP_OK);
    assert_int_equal(unit->verdict.first_position, 0);
    assert_int_equal(unit->verdict.last_position, 0);
    neapi_unit_release(unit);

    unit = new_unit();
    assert_int_equal(neapi_unit_expect(unit, T("Order-1"), 1), NEAP_OK);
    assert_int_equal(neapi_unit_expect(unit, T("Order-1"), 2), NEAP_OK);
    commit(world, &unit, 1);
    assert_verdict(unit, NEAP_CONFLICT);
    assert_int_equal(unit->verdict.op, 1);
    assert_int_equal(unit->verdict.actual, 1);
    neapi_unit_release(unit);
    assert_head(world, 1);
}

void any_version_appends(void **state)
{
    contract_world *world = *state;
    for (uint64_t version = 1; version <= 3; version++) {
        neapi_unit *unit = new_unit();
        add(unit, "Order-1", NEAP_ANY_VERSION, "Changed");
        commit_one(world, unit, NEAP_OK);
        assert_stream_head(world, "Order-1", version, version);
    }
}

void several_streams_in_one_unit(void **state)
{
    contract_world *world = *state;
    append(world, "Account-b", "Opened");
    neapi_unit *unit = new_unit();
    add(unit, "Account-a", 0, "Withdrawn");
    add(unit, "Account-b", 1, "Deposited");
    add(unit, "Audit", NEAP_ANY_VERSION, "Noted");
    commit(world, &unit, 1);
    assert_verdict(unit, NEAP_OK);
    assert_int_equal(unit->verdict.first_position, 2);
    assert_int_equal(unit->verdict.last_position, 4);
    neapi_unit_release(unit);
    assert_stream_head(world, "Account-a", 1, 2);
    assert_stream_head(world, "Account-b", 2, 3);
    assert_stream_head(world, "Audit", 1, 4);
}

void several_appends_to_one_stream_in_one_unit(void **state)
{
    contract_world *world = *state;
    neapi_unit *unit = new_unit();
    add(unit, "A-1", 0, "One");
    add(unit, "B-1", 0, "Two");
    add(unit, "A-1", 1, "Three"); /* sees what the unit itself appended */
    assert_int_equal(neapi_unit_expect(unit, T("A-1"), 2), NEAP_OK);
    commit_one(world, unit, NEAP_OK);
    assert_stream_head(world, "A-1", 2, 3);

    unit = new_unit();
    add(unit, "A-1", 2, "Four");
    add(unit, "B-1", 1, "Five");
    add(unit, "A-1", 2, "Six");
    commit(world, &unit, 1);
    assert_verdict(unit, NEAP_CONFLICT);
    assert_int_equal(unit->verdict.op, 2);
    assert_int_equal(unit->verdict.actual, 3);
    neapi_unit_release(unit);
    assert_stream_head(world, "A-1", 2, 3);
    assert_stream_head(world, "B-1", 1, 2);
}

void refused_unit_leaves_nothing(void **state)
{
    contract_world *world = *state;
    append(world, "A-1", "First");
    neapi_unit *unit = new_unit();
    add_command(unit, "Change");
    add_key(unit, "k-1", NOW + 1000);
    add(unit, "A-1", 1, "Second");
    add(unit, "New-1", 0, "Born");
    add_snapshot(unit, "A-1", 2, "f", "state", 1);
    assert_int_equal(neapi_unit_expect(unit, T("A-1"), 7), NEAP_OK);
    commit(world, &unit, 1);
    assert_verdict(unit, NEAP_CONFLICT);
    for (size_t i = 0; i < unit->event_count; i++) {
        assert_int_equal(unit->events[i].position, 0);
        assert_int_equal(unit->events[i].version, 0);
    }
    neapi_unit_release(unit);

    assert_head(world, 1);
    assert_stream_head(world, "A-1", 1, 1);
    assert_stream_head(world, "New-1", 0, 0);
    ASSERT_READ(world, forward(), 1);
    neapi_range range = forward();
    range.category = T("New");
    read_range(world, world->reader, range);
    assert_int_equal(world->all.count, 0);
    neapi_key key;
    neapi_snapshot snapshot;
    bool found = true;
    assert_int_equal(
        neapi_find_key(world->reader, T("k-1"), NOW, &world->arena, &key, &found, NULL), NEAP_OK);
    assert_false(found);
    assert_int_equal(neapi_find_snapshot(world->reader, T("A-1"), UINT64_MAX, T("f"), &world->arena,
                                         &snapshot, &found, NULL),
                     NEAP_OK);
    assert_false(found);
    neap_verification counts = assert_sound(world);
    assert_int_equal(counts.events, 1);
    assert_int_equal(counts.streams, 1);
    assert_int_equal(counts.keys, 0);
    assert_int_equal(counts.snapshots, 0);
    assert_int_equal(counts.commands, 0);
}

void refused_unit_does_not_harm_neighbours(void **state)
{
    contract_world *world = *state;
    neapi_unit *units[5];
    for (size_t i = 0; i < 5; i++)
        units[i] = new_unit();
    add(units[0], "A-1", 0, "Good");
    add(units[1], "A-1", 5, "Stale");
    add(units[2], "B-1", 0, "Good");
    add(units[3], "C\n1", 0, "Named badly"); /* refused before the store is asked */
    add(units[4], "A-1", 1, "Good");
    commit(world, units, 5);
    assert_verdict(units[0], NEAP_OK);
    assert_verdict(units[1], NEAP_CONFLICT);
    assert_verdict(units[2], NEAP_OK);
    assert_verdict(units[3], NEAP_INVALID);
    assert_verdict(units[4], NEAP_OK);
    assert_int_equal(units[4]->verdict.first_position, 3);
    release(units, 5);
    assert_head(world, 3);
}

void units_see_accepted_ones_before_them(void **state)
{
    contract_world *world = *state;
    neapi_unit *units[4];
    for (uint64_t i = 0; i < 4; i++) {
        units[i] = new_unit();
        add(units[i], "A-1", i < 3 ? i : 1, "Changed");
    }
    commit(world, units, 4);
    for (size_t i = 0; i < 3; i++) {
        assert_verdict(units[i], NEAP_OK);
        assert_int_equal(units[i]->verdict.last_position, i + 1);
    }
    assert_verdict(units[3], NEAP_CONFLICT);
    assert_int_equal(units[3]->verdict.actual, 3);
    release(units, 4);
}

void unit_after_a_refused_one_is_refused(void **state)
{
    contract_world *world = *state;
    append(world, "A-1", "First");
    neapi_unit *units[5];
    for (size_t i = 0; i < 5; i++)
        units[i] = new_unit();
    add(units[0], "A-1", 0, "Stale");
    /* Another writer brings the stream to the version that the next unit hopes for. */
    add(units[1], "A-1", 1, "Other");
    neapi_unit_follow(units[2], units[0]);
    add(units[2], "A-1", 2, "Built on sand");
    neapi_unit_follow(units[3], units[2]);
    add(units[3], "B-1", 0, "Built on that");
    neapi_unit_follow(units[4], units[1]);
    add(units[4], "A-1", 2, "Built on rock");
    commit(world, units, 5);
    assert_verdict(units[0], NEAP_CONFLICT);
    assert_verdict(units[1], NEAP_OK);
    assert_verdict(units[2], NEAP_CONFLICT);
    assert_verdict(units[3], NEAP_CONFLICT);
    assert_verdict(units[4], NEAP_OK);
    for (size_t i = 0; i < 5; i++)
        assert_null(units[i]->after);

    neapi_unit *later = new_unit(); /* in a later batch too */
    neapi_unit_follow(later, units[3]);
    add(later, "B-1", 0, "Born late");
    commit_one(world, later, NEAP_CONFLICT);
    later = new_unit();
    neapi_unit_follow(later, units[4]);
    add(later, "B-1", 0, "Born");
    commit_one(world, later, NEAP_OK);
    release(units, 5);

    neapi_unit *last[2] = {new_unit(), new_unit()};
    add(last[0], "", 0, "Refused before the store is asked");
    neapi_unit_follow(last[1], last[0]);
    add(last[1], "B-2", 0, "Built on nothing");
    commit(world, last, 2);
    assert_verdict(last[0], NEAP_INVALID);
    assert_verdict(last[1], NEAP_CONFLICT);
    release(last, 2);
}

void unknown_operation_is_usage(void **state)
{
    contract_world *world = *state;
    neapi_unit *units[2] = {new_unit(), new_unit()};
    add(units[0], "A-1", 0, "Changed");
    assert_int_equal(neapi_unit_expect(units[0], T("A-1"), 1), NEAP_OK);
    units[0]->ops[1].kind = (neapi_op_kind)4711;
    add(units[1], "A-1", 0, "Changed");
    commit(world, units, 2);
    assert_verdict(units[0], NEAP_USAGE);
    assert_int_equal(units[0]->verdict.op, 1);
    assert_verdict(units[1], NEAP_OK);
    release(units, 2);
    assert_head(world, 1);
}

void events_get_position_and_version_at_commit(void **state)
{
    contract_world *world = *state;
    append(world, "A-1", "First");
    neapi_unit *unit = new_unit();
    add(unit, "B-1", 0, "One");
    add(unit, "A-1", 1, "Two");
    add(unit, "A-1", 1, "Three");
    commit(world, &unit, 1);
    const uint64_t expected[][2] = {{2, 1}, {3, 2}, {4, 3}};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(unit->events[i].position, expected[i][0]);
        assert_int_equal(unit->events[i].version, expected[i][1]);
    }
    assert_int_equal(unit->verdict.first_position, 2);
    assert_int_equal(unit->verdict.last_position, 4);
    neapi_unit_release(unit);
}

void empty_batch_is_fine(void **state)
{
    contract_world *world = *state;
    commit(world, NULL, 0);
    neapi_unit *unit = new_unit();
    commit(world, &unit, 1);
    assert_verdict(unit, NEAP_OK);
    assert_int_equal(unit->verdict.last_position, 0);
    neapi_unit_release(unit);
    assert_head(world, 0);
}
