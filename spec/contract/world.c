#include "contract/world.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/uuid.h"

#define assert_ok(call)                                                                            \
    do {                                                                                           \
        neap_error failure_;                                                                       \
        failure_.message[0] = '\0';                                                                \
        neap_error *error = &failure_;                                                             \
        neap_status status_ = (call);                                                              \
        if (status_ != NEAP_OK)                                                                    \
            fail_msg("%s: %s", neap_status_name(status_), failure_.message);                       \
    } while (0)

static uint64_t counter;

neap_status store_open(const contract_fixture *fixture, const char *url, neapi_store **store,
                       neap_error *error)
{
    return fixture->open != NULL ? fixture->open(url, store, error)
                                 : neapi_store_open(url, NEAPI_MODE_WRITE, store, error);
}

void store_close(const contract_fixture *fixture, neapi_store *store)
{
    if (fixture->close != NULL && store != NULL)
        fixture->close(store);
    else
        neapi_store_close(store);
}

static void open_sessions(contract_world *world)
{
    assert_ok(neapi_session_open(world->store, NEAPI_MODE_WRITE, &world->writer, error));
    assert_ok(neapi_session_open(world->store, NEAPI_MODE_READ, &world->reader, error));
}

void world_open(contract_world *world)
{
    assert_ok(store_open(world->fixture, world->url, &world->store, error));
    open_sessions(world);
}

void world_renew(contract_world *world)
{
    if (world->fixture->renew != NULL) {
        neapi_session_close(world->reader);
        neapi_session_close(world->writer);
        assert_ok(world->fixture->renew(&world->store, error));
        open_sessions(world);
    } else if (world->fixture->persistent) {
        world_close(world);
        world_open(world);
    }
}

void world_close(contract_world *world)
{
    neapi_session_close(world->reader);
    neapi_session_close(world->writer);
    store_close(world->fixture, world->store);
    world->reader = world->writer = NULL;
    world->store = NULL;
}

int world_setup(void **state)
{
    const contract_fixture *fixture = *state;
    neapi_alloc_refuse(0, false); /* From here on blocks are counted. */
    int64_t blocks = neapi_alloc_blocks();
    contract_world *world = neapi_alloc_zero(1, sizeof *world);
    assert_non_null(world);
    world->fixture = fixture;
    world->blocks = blocks;
    fixture->fresh(world->url);
    world_open(world);
    *state = world;
    return 0;
}

int world_teardown(void **state)
{
    contract_world *world = *state;
    neapi_alloc_refuse(0, false);
    if (world->note[0] != '\0')
        print_error("it happened at %s\n", world->note);
    if (world->store != NULL) {
        assert_sound(world);
        world_close(world);
    }
    neapi_arena_fini(&world->arena);
    neapi_page_fini(&world->all);
    if (world->fixture->discard != NULL)
        world->fixture->discard(world->url);
    int64_t blocks = world->blocks;
    neapi_free(world);
    assert_int_equal(neapi_alloc_blocks(), blocks);
    return 0;
}

neap_uuid new_id(void)
{
    neap_uuid id = {{0}};
    uint64_t number = ++counter;
    memcpy(id.bytes + 8, &number, sizeof number);
    return id;
}

neap_event new_event(const char *type, const char *data)
{
    return (neap_event){.recorded_at = NOW + (int64_t)counter,
                        .id = new_id(),
                        .correlation_id = new_id(),
                        .schema = 1,
                        .type = T(type),
                        .data = T(data)};
}

neapi_unit *new_unit(void)
{
    neapi_unit *unit = neapi_unit_new(new_id());
    assert_non_null(unit);
    return unit;
}

void add_event(neapi_unit *unit, const char *stream, uint64_t expected, const neap_event *event)
{
    assert_int_equal(neapi_unit_append(unit, T(stream), expected, event), NEAP_OK);
}

void add(neapi_unit *unit, const char *stream, uint64_t expected, const char *type)
{
    char data[64];
    snprintf(data, sizeof data, "{\"n\":%llu}", (unsigned long long)counter);
    neap_event event = new_event(type, data);
    add_event(unit, stream, expected, &event);
}

void add_tagged(neapi_unit *unit, const char *stream, const char *type, const char *first,
                const char *second)
{
    const neap_text tags[] = {T(first), T(second)};
    neap_event event = new_event(type, "{}");
    event.tags = tags;
    event.tag_count = (uint32_t)(first != NULL) + (uint32_t)(second != NULL);
    add_event(unit, stream, NEAP_ANY_VERSION, &event);
}

void add_condition(neapi_unit *unit, const char *type, const char *tag, uint64_t after)
{
    const neap_text types = T(type), tags = T(tag);
    assert_int_equal(neapi_unit_condition(unit, &types, type != NULL, &tags, 1, after), NEAP_OK);
}

void add_key(neapi_unit *unit, const char *key, int64_t expires_at)
{
    neapi_key operation = {.key = T(key), .expires_at = expires_at, .types = T("[]")};
    assert_int_equal(neapi_unit_key(unit, &operation), NEAP_OK);
}

neap_uuid add_command(neapi_unit *unit, const char *name)
{
    neapi_command command = {.id = new_id(),
                             .correlation_id = new_id(),
                             .recorded_at = NOW + (int64_t)counter,
                             .name = T(name),
                             .data = T("{\"to\":\"do\"}")};
    assert_int_equal(neapi_unit_command(unit, &command), NEAP_OK);
    return command.id;
}

void add_snapshot(neapi_unit *unit, const char *stream, uint64_t version, const char *fingerprint,
                  const char *state, uint32_t keep)
{
    neapi_snapshot snapshot = {.name = T(stream),
                               .version = version,
                               .fingerprint = T(fingerprint),
                               .state = T(state),
                               .keep = keep};
    assert_int_equal(neapi_unit_snapshot(unit, &snapshot), NEAP_OK);
}

void commit_at(contract_world *world, neapi_unit *const *units, size_t count, int64_t now_us)
{
    static unsigned commits;
    neapi_outcome outcome;
    /* Who holds himself to be alone may commit in another way, and to the same effect. */
    neapi_store_alone(world->store, ++commits % 3 != 0);
    assert_ok(neapi_commit(world->writer, units, count, now_us, &outcome, error));
    for (size_t i = 0; i < count; i++)
        assert_true(units[i]->state == NEAPI_UNIT_ACCEPTED ||
                    units[i]->state == NEAPI_UNIT_REFUSED);
}

void commit(contract_world *world, neapi_unit *const *units, size_t count)
{
    commit_at(world, units, count, NOW);
}

void commit_one(contract_world *world, neapi_unit *unit, neap_status status)
{
    commit(world, &unit, 1);
    assert_verdict(unit, status);
    neapi_unit_release(unit);
}

void append(contract_world *world, const char *stream, const char *type)
{
    neapi_unit *unit = new_unit();
    add(unit, stream, NEAP_ANY_VERSION, type);
    commit_one(world, unit, NEAP_OK);
}

void append_tagged(contract_world *world, const char *stream, const char *type, const char *first,
                   const char *second)
{
    neapi_unit *unit = new_unit();
    add_tagged(unit, stream, type, first, second);
    commit_one(world, unit, NEAP_OK);
}

void release(neapi_unit *const *units, size_t count)
{
    for (size_t i = 0; i < count; i++)
        neapi_unit_release(units[i]);
}

neapi_range forward(void)
{
    return (neapi_range){.from = 1, .to = UINT64_MAX, .max_events = 100, .max_bytes = 1024 * 1024};
}

neapi_range backward(void)
{
    return (neapi_range){
        .from = UINT64_MAX, .to = 1, .backward = true, .max_events = 100, .max_bytes = 1024 * 1024};
}

void read_range(contract_world *world, neapi_session *session, neapi_range range)
{
    neapi_page page = NEAPI_PAGE_INIT;
    neapi_page_clear(&world->all);
    do {
        assert_ok(neapi_read(session, &range, &page, error));
        for (size_t i = 0; i < page.count; i++)
            assert_true(neapi_page_add(&world->all, &page.events[i]));
        if (!page.last)
            assert_true(range.backward ? page.next < range.from : page.next > range.from);
        range.from = page.next;
    } while (!page.last);
    neapi_page_fini(&page);
}

void assert_positions(contract_world *world, neapi_range range, const uint64_t *positions,
                      size_t count)
{
    neapi_session *const sessions[] = {world->reader, world->writer};
    for (size_t s = 0; s < 2; s++) {
        read_range(world, sessions[s], range);
        assert_int_equal(world->all.count, count);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(world->all.events[i].position, positions[i]);
    }
}

void assert_head(contract_world *world, uint64_t expected)
{
    neapi_session *const sessions[] = {world->reader, world->writer};
    for (size_t s = 0; s < 2; s++) {
        uint64_t position;
        assert_ok(neapi_head(sessions[s], &position, error));
        assert_int_equal(position, expected);
    }
}

void assert_stream_head(contract_world *world, const char *stream, uint64_t version,
                        uint64_t position)
{
    neapi_session *const sessions[] = {world->reader, world->writer};
    for (size_t s = 0; s < 2; s++) {
        uint64_t actual_version, actual_position;
        assert_ok(
            neapi_stream_head(sessions[s], T(stream), &actual_version, &actual_position, error));
        assert_int_equal(actual_version, version);
        assert_int_equal(actual_position, position);
    }
}

void assert_texts_equal(neap_text actual, neap_text expected)
{
    assert_int_equal(actual.size, expected.size);
    if (expected.size != 0)
        assert_memory_equal(actual.data, expected.data, expected.size);
}

void assert_text(neap_text actual, const char *expected)
{
    assert_texts_equal(actual, T(expected));
}

void assert_events_equal(const neap_event *actual, const neap_event *expected)
{
    assert_int_equal(actual->position, expected->position);
    assert_int_equal(actual->version, expected->version);
    assert_int_equal(actual->recorded_at, expected->recorded_at);
    assert_true(neapi_uuid_equal(actual->id, expected->id));
    assert_true(neapi_uuid_equal(actual->correlation_id, expected->correlation_id));
    assert_true(neapi_uuid_equal(actual->causation_id, expected->causation_id));
    assert_true(neapi_uuid_equal(actual->command_id, expected->command_id));
    assert_int_equal(actual->schema, expected->schema);
    assert_texts_equal(actual->type, expected->type);
    assert_texts_equal(actual->stream, expected->stream);
    assert_texts_equal(actual->data, expected->data);
    assert_texts_equal(actual->meta, expected->meta);
    assert_int_equal(actual->tag_count, expected->tag_count);
    for (uint32_t i = 0; i < expected->tag_count; i++)
        assert_texts_equal(actual->tags[i], expected->tags[i]);
}

static void print_finding(void *user, const char *text)
{
    (void)user;
    print_error("verify: %s\n", text);
}

neap_verification assert_sound(contract_world *world)
{
    neap_verification result = {.findings = 1};
    neapi_verify_sink sink = {NULL, print_finding};
    assert_ok(neapi_verify(world->reader, &sink, &result, error));
    assert_int_equal(result.findings, 0);
    return result;
}
