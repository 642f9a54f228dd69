#include "runtime/hub_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "runtime/thread.h"

#ifndef AHEAD
#define AHEAD 0
#endif
#define NOW ((int64_t)1700000000000000)

const char *const hub_kinds[HUB_KINDS] = {
    "Order-1 Placed",  "Order-2 Placed", "Order-1 Shipped", "Stock-1 Counted",
    "Order-2 Shipped", "Stock-1 Placed", "Order-1 Paid",    "Loner Counted",
};

static const neap_text placed[] = {{"Placed", 6}};
static const neap_text several[] = {{"Shipped", 7}, {"Counted", 7}, {"Shipped", 7}, {"Never", 5}};

static neapi_range of_types(const neap_text *types, size_t count)
{
    neapi_range range = hub_everything();
    range.types = types;
    range.type_count = count;
    return range;
}

static neapi_range of_stream(const char *stream, uint64_t from)
{
    neapi_range range = hub_everything();
    range.stream = neapi_text_of(stream);
    range.from = from;
    return range;
}

static neapi_range of_category(const char *category)
{
    neapi_range range = hub_everything();
    range.category = neapi_text_of(category);
    return range;
}

neapi_range hub_filter(unsigned which)
{
    neapi_range range = hub_everything();
    switch (which) {
    case 0:
        return range;
    case 1:
        return of_types(placed, 1);
    case 2:
        return of_types(several, 4);
    case 3:
        return of_stream("Order-1", 1);
    case 4:
        return of_stream("Order-1", 4);
    case 5:
        return of_stream("Nobody-1", 1);
    case 6:
        return of_category("Order");
    case 7:
        return of_category("Loner");
    case 8:
        range = of_types(placed, 1);
        range.category = neapi_text_of("Stock");
        return range;
    case 9:
        range = of_types(several, 4);
        range.stream = neapi_text_of("Order-2");
        return range;
    case 10:
        range.from = 11;
        return range;
    case 11:
        range.from = 5;
        range.to = 17;
        return range;
    case 12:
        range = of_types(several, 4);
        range.to = 20;
        return range;
    default:
        range = of_stream("Order-1", 2);
        range.to = 6;
        return range;
    }
}

void hub_world_open(hub_world *world, size_t most_bytes, size_t most_events)
{
    neap_error error;
    neapi_alloc_refuse(0, false); /* begins to count */
    world->blocks = neapi_alloc_blocks();
    assert_int_equal(neapi_store_open("memory:", NEAPI_MODE_WRITE, &world->store, &error), NEAP_OK);
    assert_int_equal(neapi_session_open(world->store, NEAPI_MODE_WRITE, &world->writer, &error),
                     NEAP_OK);
    world->hub = neapi_hub_new(neapi_platform_machine(), most_bytes, most_events);
    assert_non_null(world->hub);
    world->ahead = AHEAD ? neapi_ahead_new(world->store, neapi_platform_machine(), NULL) : NULL;
    assert_true(!AHEAD || world->ahead != NULL);
}

#if AHEAD
neap_status __real_neapi_read(neapi_session *session, const neapi_range *range, neapi_page *page,
                              neap_error *error);
neap_status __wrap_neapi_read(neapi_session *session, const neapi_range *range, neapi_page *page,
                              neap_error *error);

/* One page in five cannot be read ahead. */
neap_status __wrap_neapi_read(neapi_session *session, const neapi_range *range, neapi_page *page,
                              neap_error *error)
{
    static atomic_uint read_ahead;
    if (neapi_thread_own() && atomic_fetch_add(&read_ahead, 1) % 5 == 4)
        return neapi_fail(error, NEAP_UNAVAILABLE, "not now");
    return __real_neapi_read(session, range, page, error);
}
#endif

void hub_world_close(hub_world *world)
{
    neapi_hub_figures figures = neapi_hub_look(world->hub);
    assert_int_equal(figures.readers, 0);
    assert_int_equal(figures.held_bytes, 0);
    neapi_hub_release(world->hub);
    neapi_ahead_stop(world->ahead);
    neapi_ahead_free(world->ahead);
    neapi_session_close(world->writer);
    neapi_store_close(world->store);
    assert_int_equal(neapi_alloc_blocks(), world->blocks);
}

static neap_uuid next_id(void)
{
    static uint64_t last;
    neap_uuid id = {{0}};
    last++;
    memcpy(id.bytes, &last, sizeof last);
    return id;
}

neapi_unit *hub_unit(const char *const *events)
{
    static unsigned before;
    neapi_unit *unit = neapi_unit_new(next_id());
    if (unit == NULL)
        fail_msg("no memory for a unit");
    for (; *events != NULL; events++) {
        const char *space = strchr(*events, ' ');
        assert_non_null(space);
        char data[32];
        snprintf(data, sizeof data, "{\"n\":%u}", before++);
        neap_event event = {.id = next_id(),
                            .recorded_at = NOW,
                            .schema = 1,
                            .type = neapi_text_of(space + 1),
                            .data = neapi_text_of(data)};
        neap_text stream = {*events, (size_t)(space - *events)};
        assert_int_equal(neapi_unit_append(unit, stream, NEAP_ANY_VERSION, &event), NEAP_OK);
    }
    return unit;
}

void hub_commit(hub_world *world, neapi_unit *const *units, size_t count, bool published)
{
    neapi_outcome outcome;
    neap_error error;
    if (neapi_commit(world->writer, units, count, NOW, &outcome, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    if (published) {
        neapi_hub_publish(world->hub, units, count);
        neapi_hub_wake(world->hub);
    }
}

void hub_append(hub_world *world, const char *event, bool published)
{
    neapi_unit *unit = hub_unit((const char *const[]){event, NULL});
    hub_commit(world, &unit, 1, published);
    neapi_unit_release(unit);
}

neapi_range hub_everything(void)
{
    return (neapi_range){.from = 1, .to = UINT64_MAX, .max_events = 3, .max_bytes = 1 << 20};
}

void hub_follow(hub_world *world, hub_follower *follower, neapi_range range)
{
    neap_error error;
    *follower = (hub_follower){.range = range, .asked = range};
    assert_true(neapi_gate_init(&follower->gate));
    assert_int_equal(neapi_session_open(world->store, NEAPI_MODE_READ, &follower->session, &error),
                     NEAP_OK);
    assert_int_equal(neapi_live_open(&follower->live, world->hub, &follower->range, &follower->gate,
                                     NULL, &error),
                     NEAP_OK);
    follower->live.ahead = world->ahead;
}

void hub_unfollow(hub_follower *follower)
{
    neapi_live_close(&follower->live);
    neapi_session_close(follower->session);
    neapi_page_fini(&follower->page);
    neapi_gate_fini(&follower->gate);
    free(follower->got);
}

static void keep(hub_follower *follower, const neap_event *event)
{
    if (follower->count == follower->capacity) {
        follower->capacity = follower->capacity != 0 ? follower->capacity * 2 : 64;
        follower->got = realloc(follower->got, follower->capacity * sizeof *follower->got);
        assert_non_null(follower->got);
    }
    follower->got[follower->count++] = event->position;
}

static neapi_live_answer get(hub_follower *follower)
{
    neap_error error;
    neapi_live_answer answer;
    for (;;) {
        unsigned seen = neapi_gate_seen(&follower->gate);
        if (neapi_live_get(&follower->live, follower->session, &follower->page, &answer, &error) !=
            NEAP_OK)
            fail_msg("%s", error.message);
        if (answer != NEAPI_LIVE_COMES)
            return answer;
        neapi_park(neapi_platform_machine(), &follower->gate, seen, NEAPI_NO_DEADLINE);
    }
}

neapi_live_answer hub_step(hub_follower *follower)
{
    neapi_live_answer answer = get(follower);
    follower->pages += follower->live.page != NULL;
    for (const neap_event *event; (event = neapi_live_next(&follower->live)) != NULL;)
        keep(follower, event);
    return answer;
}

neapi_live_answer hub_catch_up(hub_follower *follower)
{
    neapi_live_answer answer;
    do
        answer = hub_step(follower);
    while (answer == NEAPI_LIVE_EVENTS || answer == NEAPI_LIVE_ON);
    return answer;
}

void hub_assert_complete(hub_world *world, hub_follower *follower)
{
    neap_error error;
    neapi_session *session;
    neapi_page page = NEAPI_PAGE_INIT;
    neapi_range range = follower->asked;
    size_t count = 0;
    range.max_events = 1000;
    assert_int_equal(neapi_session_open(world->store, NEAPI_MODE_READ, &session, &error), NEAP_OK);
    do {
        neapi_page_clear(&page);
        assert_int_equal(neapi_read(session, &range, &page, &error), NEAP_OK);
        range.from = page.next;
        for (size_t i = 0; i < page.count; i++, count++) {
            if (count >= follower->count)
                fail_msg("position %llu is missing", (unsigned long long)page.events[i].position);
            assert_int_equal(follower->got[count], page.events[i].position);
        }
    } while (!page.last);
    assert_int_equal(follower->count, count);
    neapi_page_fini(&page);
    neapi_session_close(session);
}
