/* What was committed comes back whole. */
#include <stdio.h>

#include "base/alloc.h"
#include "contract/rules.h"
#include "contract/world.h"

void data_comes_back_byte_for_byte(void **state)
{
    contract_world *world = *state;
    static const char *const data[] = {
        "{}",
        " { \"spaces\" : [ 1 , 1.0 , -0.0, 1e2 ] }\r\n",
        "{\"text\":\"\\u0000 \\\" \\\\ / \\ud83d\\ude00 \xF0\x9F\x98\x80 \xC3\xA4 '; DROP TABLE\"}",
        "{\"b\":1,\"a\":2}",
        "9223372036854775807",
        "\"\"",
        "null",
    };
    const size_t count = sizeof data / sizeof *data;
    neapi_unit *unit = new_unit();
    for (size_t i = 0; i < count; i++) {
        neap_event event = new_event("Said", data[i]);
        add_event(unit, "Talk-1", NEAP_ANY_VERSION, &event);
    }
    commit_one(world, unit, NEAP_OK);
    read_range(world, world->reader, forward());
    assert_int_equal(world->all.count, count);
    for (size_t i = 0; i < count; i++)
        assert_text(world->all.events[i].data, data[i]);
}

void envelope_comes_back(void **state)
{
    contract_world *world = *state;
    const neap_text tags[] = {T("course:math"),
                              T("student:\xC3\xA4"
                                "da"),
                              T("student:bob")};
    const neap_text sorted[] = {tags[0], tags[2], tags[1]};
    neapi_unit *unit = new_unit();
    neap_event full = new_event("Enrolled \xE2\x82\xAC", "{\"seat\":1}");
    full.causation_id = new_id();
    full.command_id = add_command(unit, "Enrol");
    full.schema = 7;
    full.meta = T("{\"user\":\"ada\"}");
    full.tags = sorted;
    full.tag_count = 3;
    add_event(unit, "Course-math 1 \xF0\x9F\x98\x80", 0, &full);
    neap_event plain = new_event("Noted", "{}");
    plain.recorded_at = 1;
    add_event(unit, "Note", 0, &plain);
    commit_one(world, unit, NEAP_OK);

    full.position = 1;
    full.version = 1;
    full.stream = T("Course-math 1 \xF0\x9F\x98\x80");
    plain.position = 2;
    plain.version = 1;
    plain.stream = T("Note");
    read_range(world, world->reader, forward());
    assert_int_equal(world->all.count, 2);
    assert_events_equal(&world->all.events[0], &full);
    assert_events_equal(&world->all.events[1], &plain);
}

void accepted_units_survive_reopening(void **state)
{
    contract_world *world = *state;
    neapi_unit *unit = new_unit();
    neap_event event = new_event("Placed", "{\"total\":42}");
    event.command_id = add_command(unit, "Place");
    add_event(unit, "Order-1", 0, &event);
    add_key(unit, "k-1", NOW + 1000);
    add_snapshot(unit, "Order-1", 1, "f", "placed", 1);
    commit_one(world, unit, NEAP_OK);
    event.position = event.version = 1;
    event.stream = T("Order-1");

    for (int i = 0; i < 2; i++) {
        world_close(world);
        world_open(world);
        read_range(world, world->reader, forward());
        assert_int_equal(world->all.count, 1);
        assert_events_equal(&world->all.events[0], &event);
        neapi_key key;
        neapi_snapshot snapshot;
        neapi_command command;
        bool found[3] = {false};
        neapi_find_key(world->reader, T("k-1"), NOW, &world->arena, &key, &found[0], NULL);
        neapi_find_snapshot(world->reader, T("Order-1"), 1, T("f"), &world->arena, &snapshot,
                            &found[1], NULL);
        neapi_find_command(world->reader, 1, &world->arena, &command, &found[2], NULL);
        assert_true(found[0] && found[1] && found[2]);
        assert_text(snapshot.state, "placed");
        assert_text(command.name, "Place");
    }
    append(world, "Order-1", "Shipped");
    assert_stream_head(world, "Order-1", 2, 2);
}

void large_batch(void **state)
{
    contract_world *world = *state;
    enum { UNITS = 2000 };
    static neapi_unit *units[UNITS];
    for (size_t i = 0; i < UNITS; i++) {
        char stream[32];
        snprintf(stream, sizeof stream, "Order-%zu", i % 300);
        units[i] = new_unit();
        add(units[i], stream, i / 300, "Changed");
    }
    for (size_t i = 0; i < 1000; i++)
        add(units[UNITS - 1], "Order-last", NEAP_ANY_VERSION, "Changed");
    commit(world, units, UNITS);
    for (size_t i = 0; i < UNITS; i++)
        assert_verdict(units[i], NEAP_OK);
    release(units, UNITS);
    assert_head(world, UNITS + 1000);
    assert_stream_head(world, "Order-299", 6, 1800);
    assert_stream_head(world, "Order-last", 1000, UNITS + 1000);
    read_range(world, world->reader, forward());
    assert_int_equal(world->all.count, UNITS + 1000);
}

void large_event(void **state)
{
    contract_world *world = *state;
    enum { SIZE = 8 * 1024 * 1024 };
    char *data = neapi_alloc(SIZE + 1);
    assert_non_null(data);
    memset(data, 'x', SIZE);
    data[0] = data[SIZE - 1] = '"';
    data[SIZE] = '\0';
    neap_event event = new_event("Grown", data);
    neapi_unit *unit = new_unit();
    add_event(unit, "Big-1", 0, &event);
    add(unit, "Big-1", 0, "Changed");
    commit_one(world, unit, NEAP_OK);
    read_range(world, world->reader, forward());
    assert_int_equal(world->all.count, 2);
    assert_texts_equal(world->all.events[0].data, event.data);
    neapi_free(data);
}
