/* Reading. */
#include <stdio.h>

#include "contract/rules.h"
#include "contract/world.h"

/* Six events: 1 Order-1 Placed · 2 Order-2 Placed · 3 Cart-1 Filled · 4 Order-1 Shipped ·
 * 5 Orders-1 Placed · 6 Order-1 Returned. */
static void fill(contract_world *world)
{
    append(world, "Order-1", "Placed");
    append(world, "Order-2", "Placed");
    append(world, "Cart-1", "Filled");
    append(world, "Order-1", "Shipped");
    append(world, "Orders-1", "Placed");
    append(world, "Order-1", "Returned");
}

static void assert_nothing(contract_world *world, neapi_range range)
{
    assert_positions(world, range, NULL, 0);
}

void reads_forward(void **state)
{
    contract_world *world = *state;
    assert_nothing(world, forward());
    fill(world);
    ASSERT_READ(world, forward(), 1, 2, 3, 4, 5, 6);
    neapi_range range = forward();
    range.from = 5;
    ASSERT_READ(world, range, 5, 6);
    range.from = 7;
    assert_nothing(world, range);
    range.from = UINT64_MAX;
    assert_nothing(world, range);
}

void reads_backward(void **state)
{
    contract_world *world = *state;
    assert_nothing(world, backward());
    fill(world);
    ASSERT_READ(world, backward(), 6, 5, 4, 3, 2, 1);
    neapi_range range = backward();
    range.from = 3;
    ASSERT_READ(world, range, 3, 2, 1);
    range.from = 100;
    range.to = 6;
    ASSERT_READ(world, range, 6);
    range.to = 7;
    assert_nothing(world, range);
}

void reads_one_stream(void **state)
{
    contract_world *world = *state;
    fill(world);
    neapi_range range = forward();
    range.stream = T("Order-1");
    ASSERT_READ(world, range, 1, 4, 6);
    range.from = 2; /* a version */
    ASSERT_READ(world, range, 4, 6);
    range.to = 2;
    ASSERT_READ(world, range, 4);
    range = backward();
    range.stream = T("Order-1");
    ASSERT_READ(world, range, 6, 4, 1);
    range.from = 2;
    ASSERT_READ(world, range, 4, 1);
    range.from = 4;
    ASSERT_READ(world, range, 6, 4, 1);
}

void reads_a_category(void **state)
{
    contract_world *world = *state;
    fill(world);
    append(world, "Order", "Founded"); /* without a '-' the whole name is the category */
    append(world, "Order-1-2", "Placed");
    neapi_range range = forward();
    range.category = T("Order");
    ASSERT_READ(world, range, 1, 2, 4, 6, 7, 8);
    range.from = 4;
    range.to = 7;
    ASSERT_READ(world, range, 4, 6, 7);
    range = backward();
    range.category = T("Order");
    ASSERT_READ(world, range, 8, 7, 6, 4, 2, 1);
    range.category = T("Cart");
    ASSERT_READ(world, range, 3);
}

void category_is_not_a_prefix(void **state)
{
    contract_world *world = *state;
    fill(world);
    neapi_range range = forward();
    range.category = T("Ord");
    assert_nothing(world, range);
    range.category = T("Orders");
    ASSERT_READ(world, range, 5);
    range.category = T("order");
    assert_nothing(world, range);
    range.category = T("Order%");
    assert_nothing(world, range);
    range.category = T("Order_");
    assert_nothing(world, range);
}

void reads_types(void **state)
{
    contract_world *world = *state;
    fill(world);
    const neap_text types[] = {T("Shipped"), T("Placed"), T("Unknown"), T("Placed")};
    neapi_range range = forward();
    range.types = types;
    range.type_count = 4;
    ASSERT_READ(world, range, 1, 2, 4, 5);
    range.type_count = 1;
    ASSERT_READ(world, range, 4);
    range.types = types + 2;
    assert_nothing(world, range);

    range.types = types;
    range.type_count = 2;
    range.category = T("Order");
    ASSERT_READ(world, range, 1, 2, 4);
    range.category = T("");
    range.stream = T("Order-1");
    ASSERT_READ(world, range, 1, 4);
    range.stream = T("Cart-1");
    assert_nothing(world, range);

    range = backward();
    range.types = types;
    range.type_count = 2;
    ASSERT_READ(world, range, 5, 4, 2, 1);
    range.category = T("Order");
    ASSERT_READ(world, range, 4, 2, 1);
}

void unknown_stream_is_empty(void **state)
{
    contract_world *world = *state;
    fill(world);
    neapi_range range = forward();
    range.stream = T("Order-3");
    assert_nothing(world, range);
    neapi_page page = NEAPI_PAGE_INIT;
    assert_int_equal(neapi_read(world->reader, &range, &page, NULL), NEAP_OK);
    assert_int_equal(page.count, 0);
    assert_true(page.last);
    assert_int_equal(page.next, 1);
    neapi_page_fini(&page);
    range.stream = T("Order-");
    assert_nothing(world, range);
    range.stream = T("");
    range.category = T("Nothing");
    assert_nothing(world, range);
    assert_stream_head(world, "Order-3", 0, 0);
}

/* Fills with `count` events in three streams of two categories and four types. */
static void fill_many(contract_world *world, size_t count)
{
    static const char *const streams[] = {"A-1", "B-1", "A-2"};
    static const char *const types[] = {"T0", "T1", "T2", "T3", "T4"};
    neapi_unit *unit = new_unit();
    for (size_t i = 0; i < count; i++)
        add(unit, streams[i % 3], NEAP_ANY_VERSION, types[i % 5]);
    commit_one(world, unit, NEAP_OK);
}

void pages_join_without_gap_or_repeat(void **state)
{
    contract_world *world = *state;
    fill_many(world, 200);
    const neap_text types[] = {T("T1"), T("T3")};
    static const size_t sizes[] = {1, 2, 3, 7, 50, 199, 200, 201};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (int which = 0; which < 16; which++) {
            bool is_backward = (which & 1) != 0;
            neapi_range range = is_backward ? backward() : forward();
            range.max_events = sizes[i];
            range.stream = (which & 6) == 2 ? T("A-2") : T("");
            range.category = (which & 6) == 4 ? T("A") : T("");
            range.types = types;
            range.type_count = (which & 8) != 0 ? 2 : 0;
            read_range(world, world->reader, range);
            size_t expected = (which & 6) == 2 ? 66 : (which & 6) == 4 ? 133 : 200;
            if (range.type_count != 0) {
                expected = 0;
                for (size_t n = 0; n < 200; n++)
                    expected += (n % 5 == 1 || n % 5 == 3) && ((which & 6) != 2 || n % 3 == 2) &&
                                ((which & 6) != 4 || n % 3 != 1);
            }
            assert_int_equal(world->all.count, expected);
            for (size_t n = 1; n < world->all.count; n++) {
                uint64_t before = world->all.events[n - 1].position;
                uint64_t position = world->all.events[n].position;
                assert_true(is_backward ? position < before : position > before);
            }
        }
    }
    /* What comes later joins the last page. */
    neapi_page page = NEAPI_PAGE_INIT;
    neapi_range range = forward();
    range.from = 150;
    assert_int_equal(neapi_read(world->reader, &range, &page, NULL), NEAP_OK);
    assert_true(page.last);
    assert_int_equal(page.next, 201);
    append(world, "A-1", "T0");
    range.from = page.next;
    assert_int_equal(neapi_read(world->reader, &range, &page, NULL), NEAP_OK);
    assert_int_equal(page.count, 1);
    assert_int_equal(page.events[0].position, 201);
    range.from = 500; /* Nobody asked for what is before. */
    assert_int_equal(neapi_read(world->reader, &range, &page, NULL), NEAP_OK);
    assert_true(page.last);
    assert_int_equal(page.next, 500);
    neapi_page_fini(&page);
}

void page_keeps_its_bounds(void **state)
{
    contract_world *world = *state;
    char data[103];
    memset(data, 'x', sizeof data);
    data[0] = data[101] = '"';
    data[102] = '\0'; /* 102 bytes */
    neapi_unit *unit = new_unit();
    for (int i = 0; i < 20; i++) {
        neap_event event = new_event("Said", data);
        event.meta = T("{\"abcd\":1}"); /* 10 bytes: 112 in all */
        add_event(unit, "Talk-1", NEAP_ANY_VERSION, &event);
    }
    commit_one(world, unit, NEAP_OK);
    static const struct {
        size_t max_events, max_bytes, count;
    } cases[] = {
        {20, 100000, 20}, {5, 100000, 5}, {20, 560, 5}, {20, 559, 4}, {20, 112, 1},
        {20, 111, 1},     {20, 0, 1},     {3, 560, 3},  {1, 0, 1},    {SIZE_MAX, SIZE_MAX, 20}};
    neapi_page page = NEAPI_PAGE_INIT;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int is_backward = 0; is_backward < 2; is_backward++) {
            neapi_range range = is_backward ? backward() : forward();
            range.max_events = cases[i].max_events;
            range.max_bytes = cases[i].max_bytes;
            assert_int_equal(neapi_read(world->reader, &range, &page, NULL), NEAP_OK);
            assert_int_equal(page.count, cases[i].count);
            assert_int_equal(page.bytes, cases[i].count * 112);
            if (page.count < 20) {
                assert_false(page.last);
                assert_int_equal(page.next, is_backward ? 20 - page.count : page.count + 1);
            }
        }
    }
    neapi_page_fini(&page);
}

void from_and_to_are_inclusive(void **state)
{
    contract_world *world = *state;
    fill(world);
    neapi_range range = forward();
    range.from = 2;
    range.to = 4;
    ASSERT_READ(world, range, 2, 3, 4);
    range.to = 2;
    ASSERT_READ(world, range, 2);
    range.to = 1;
    assert_nothing(world, range);
    range.to = 0;
    assert_nothing(world, range);
    range = backward();
    range.from = 4;
    range.to = 2;
    ASSERT_READ(world, range, 4, 3, 2);
    range.from = 2;
    ASSERT_READ(world, range, 2);
    range.from = 1;
    assert_nothing(world, range);
    const neap_text type = T("Placed");
    range = forward();
    range.types = &type;
    range.type_count = 1;
    range.from = 2;
    range.to = 5;
    ASSERT_READ(world, range, 2, 5);
    range.from = 3;
    range.to = 4;
    assert_nothing(world, range);
    range.backward = true;
    range.from = 5;
    range.to = 2;
    ASSERT_READ(world, range, 5, 2);
}

void reader_sees_commits_of_the_writer(void **state)
{
    contract_world *world = *state;
    neapi_session *second;
    assert_int_equal(neapi_session_open(world->store, NEAPI_MODE_READ, &second, NULL), NEAP_OK);
    for (uint64_t i = 1; i <= 5; i++) {
        append(world, "A-1", "Changed");
        assert_head(world, i);
        assert_stream_head(world, "A-1", i, i);
        read_range(world, second, forward());
        assert_int_equal(world->all.count, i);
    }
    neapi_session_close(second);
}

void reader_in_another_store_sees_commits(void **state)
{
    contract_world *world = *state;
    neapi_store *store;
    neapi_session *session;
    append(world, "A-1", "Changed");
    assert_int_equal(neapi_store_open(world->url, NEAPI_MODE_READ, &store, NULL), NEAP_OK);
    assert_int_equal(neapi_session_open(store, NEAPI_MODE_READ, &session, NULL), NEAP_OK);
    for (uint64_t i = 1; i <= 5; i++) {
        uint64_t head;
        assert_int_equal(neapi_head(session, &head, NULL), NEAP_OK);
        assert_int_equal(head, i);
        read_range(world, session, forward());
        assert_int_equal(world->all.count, i);
        append(world, "A-1", "Changed");
    }
    neapi_session_close(session);
    neapi_store_close(store);
}

void verify_counts_what_is_there(void **state)
{
    contract_world *world = *state;
    neap_verification counts = assert_sound(world);
    assert_int_equal(counts.events + counts.streams + counts.types + counts.keys, 0);
    fill(world);
    neapi_unit *unit = new_unit();
    neap_event event = new_event("Closed", "{}");
    event.command_id = add_command(unit, "Close");
    add_event(unit, "Order-1", 3, &event);
    add_key(unit, "k-1", NOW + 1);
    add_snapshot(unit, "Order-1", 4, "f", "closed", 1);
    commit_one(world, unit, NEAP_OK);
    counts = assert_sound(world);
    assert_int_equal(counts.events, 7);
    assert_int_equal(counts.streams, 4);
    assert_int_equal(counts.types, 5);
    assert_int_equal(counts.commands, 1);
    assert_int_equal(counts.keys, 1);
    assert_int_equal(counts.snapshots, 1);
}
