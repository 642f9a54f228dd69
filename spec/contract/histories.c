/* Random units against a plain model: whatever a store does with them, the model says the same. */
#include <stdio.h>
#include <stdlib.h>

#include "base/uuid.h"
#include "contract/model.h"
#include "contract/rules.h"

#define SEED    20240229u /* or $NEAP_SEED */
#define BATCHES 300
#define LARGEST 20 /* units in a batch */

typedef struct random_history {
    contract_world *world;
    uint32_t random;
    model_store model;
} random_history;

/* xorshift: the same everywhere. */
static uint32_t random_below(random_history *history, uint32_t bound)
{
    history->random ^= history->random << 13;
    history->random ^= history->random >> 17;
    history->random ^= history->random << 5;
    return history->random % bound;
}

static bool chance(random_history *history, uint32_t percent)
{
    return random_below(history, 100) < percent;
}

/* Some of the tags, in their order. Returns how many. */
static uint32_t random_tags(random_history *history, neap_text *tags)
{
    uint32_t count = 0;
    for (size_t i = 0; i < MODEL_TAGS; i++)
        if (chance(history, 20))
            tags[count++] = T(model_tags[i]);
    return count;
}

static void random_append(random_history *history, neapi_unit *unit, uint64_t *versions,
                          neap_uuid command)
{
    size_t s = random_below(history, MODEL_STREAMS);
    uint64_t expected = versions[s];
    if (chance(history, 20))
        expected = NEAP_ANY_VERSION;
    else if (chance(history, 10))
        expected = random_below(history, 6);
    for (uint32_t events = 1 + random_below(history, 4); events > 0; events--) {
        char data[MODEL_BYTES];
        snprintf(data, sizeof data, "{\"n\":%u}", random_below(history, 1000000));
        neap_event event = new_event(model_types[random_below(history, MODEL_TYPES)], data);
        neap_text tags[MODEL_TAGS];
        event.tags = tags;
        event.tag_count = random_tags(history, tags);
        event.meta = chance(history, 20) ? T("{\"user\":\"ada\"}") : T("");
        event.command_id = command;
        add_event(unit, model_streams[s], expected, &event);
        versions[s]++;
    }
}

static void random_key(random_history *history, neapi_unit *unit, bool *used)
{
    size_t k = random_below(history, MODEL_KEYS);
    neapi_key key = {.key = T(model_keys[k]),
                     .hash = random_below(history, 1000),
                     .expires_at = history->model.now_us + random_below(history, 60),
                     .stream = chance(history, 70)
                                   ? T(model_streams[random_below(history, MODEL_STREAMS)])
                                   : T(""),
                     .types = T("[]"),
                     .version = random_below(history, 9),
                     .position = random_below(history, 9)};
    if (!used[k])
        assert_int_equal(neapi_unit_key(unit, &key), NEAP_OK);
    used[k] = true;
}

/* Knows nearly all of the log, mostly. */
static void random_condition(random_history *history, neapi_unit *unit)
{
    neap_text types[2], tags[2];
    for (size_t i = 0; i < 2; i++) {
        types[i] = T(model_types[random_below(history, MODEL_TYPES)]);
        tags[i] = T(model_tags[random_below(history, MODEL_TAGS)]);
    }
    uint32_t head = (uint32_t)history->model.log.count;
    uint64_t after = chance(history, 80) ? head + random_below(history, 8)
                                         : head - random_below(history, head / 4 + 1);
    assert_int_equal(neapi_unit_condition(unit, types, random_below(history, 3), tags,
                                          1 + random_below(history, 2), after),
                     NEAP_OK);
}

static void random_snapshot(random_history *history, neapi_unit *unit, const uint64_t *versions)
{
    size_t s = random_below(history, MODEL_STREAMS);
    char text[MODEL_BYTES];
    snprintf(text, sizeof text, "state %u", random_below(history, 1000000));
    add_snapshot(unit, model_streams[s], 1 + random_below(history, (uint32_t)versions[s] + 5),
                 model_prints[random_below(history, 2)], text,
                 1 + random_below(history, MODEL_KEPT));
}

static neapi_unit *random_unit(random_history *history)
{
    neapi_unit *unit = new_unit();
    uint64_t versions[MODEL_STREAMS];
    bool used[MODEL_KEYS] = {false};
    memcpy(versions, history->model.state.version, sizeof versions);
    neap_uuid command = {{0}};
    if (chance(history, 50))
        command = add_command(unit, "Do");
    for (uint32_t ops = random_below(history, 5); ops > 0; ops--) {
        uint32_t which = random_below(history, 100);
        size_t s = random_below(history, MODEL_STREAMS);
        if (which < 55)
            random_append(history, unit, versions, command);
        else if (which < 70)
            assert_int_equal(neapi_unit_expect(unit, T(model_streams[s]),
                                               versions[s] + (chance(history, 10) ? 1 : 0)),
                             NEAP_OK);
        else if (which < 80)
            random_condition(history, unit);
        else if (which < 90)
            random_key(history, unit, used);
        else
            random_snapshot(history, unit, versions);
    }
    return unit;
}

static bool in_category(neap_text stream, const char *category)
{
    return neapi_text_equal(neapi_stream_category(stream), T(category));
}

static bool matches(const neapi_range *range, const neap_event *event)
{
    uint64_t number = range->stream.size != 0 ? event->version : event->position;
    uint64_t low = range->backward ? range->to : range->from;
    uint64_t high = range->backward ? range->from : range->to;
    if (number < low || number > high)
        return false;
    if (range->stream.size != 0 && !neapi_text_equal(range->stream, event->stream))
        return false;
    if (range->category.size != 0 && !in_category(event->stream, range->category.data))
        return false;
    return model_wants(event, range->types, range->type_count, range->tags, range->tag_count);
}

static void compare_read(random_history *history)
{
    static const char *const categories[] = {"A", "AB", "B", "\xC3\x84", "C"};
    neapi_range range = chance(history, 50) ? forward() : backward();
    neap_text tags[3];
    uint32_t which = random_below(history, 4);
    if (which == 1)
        range.stream = T(model_streams[random_below(history, MODEL_STREAMS)]);
    else if (which == 2)
        range.category = T(categories[random_below(history, 5)]);
    neap_text types[3];
    for (size_t i = 0; i < 3; i++) {
        types[i] = T(model_types[random_below(history, MODEL_TYPES)]);
        tags[i] = T(model_tags[random_below(history, MODEL_TAGS)]);
    }
    range.types = types;
    range.tags = tags;
    range.tag_count = which == 3 ? 1 + random_below(history, 3) : 0;
    range.type_count = chance(history, 50) ? random_below(history, 4) : 0;
    uint32_t end =
        (uint32_t)history->model.log.count / (range.stream.size != 0 ? MODEL_STREAMS : 1) + 3;
    if (chance(history, 50))
        range.from = 1 + random_below(history, end);
    if (chance(history, 30))
        range.to = 1 + random_below(history, end);
    range.max_events = 1 + random_below(history, 60);
    range.max_bytes = random_below(history, 2000);

    read_range(history->world,
               chance(history, 80) ? history->world->reader : history->world->writer, range);
    const neapi_page *all = &history->world->all;
    size_t at = 0;
    for (size_t n = 0; n < history->model.log.count; n++) {
        size_t i = range.backward ? history->model.log.count - 1 - n : n;
        if (!matches(&range, &history->model.log.events[i]))
            continue;
        assert_true(at < all->count);
        assert_events_equal(&all->events[at++], &history->model.log.events[i]);
    }
    assert_int_equal(at, all->count);
}

static void compare_keys(random_history *history)
{
    for (size_t k = 0; k < MODEL_KEYS; k++) {
        const model_key *expected = &history->model.state.keys[k];
        neapi_key key;
        bool found;
        assert_int_equal(neapi_find_key(history->world->reader, T(model_keys[k]),
                                        history->model.now_us, &history->world->arena, &key, &found,
                                        NULL),
                         NEAP_OK);
        assert_int_equal(found, history->model.now_us < expected->expires_at);
        if (!found)
            continue;
        assert_int_equal(key.expires_at, expected->expires_at);
        assert_int_equal(key.hash, expected->hash);
        assert_int_equal(key.version, expected->version);
        assert_int_equal(key.position, expected->position);
    }
}

static void compare_snapshots(random_history *history)
{
    size_t s = random_below(history, MODEL_STREAMS), at = 0;
    int print = (int)random_below(history, 2);
    uint64_t max_version = 1 + random_below(history, (uint32_t)history->model.state.version[s] + 1);
    const model_snapshot *list = history->model.state.snapshots[s];
    size_t count = history->model.state.snapshot_count[s];
    while (at < count && (list[at].version > max_version || list[at].print != print))
        at++;
    neapi_snapshot snapshot;
    bool found;
    assert_int_equal(neapi_find_snapshot(history->world->reader, T(model_streams[s]), max_version,
                                         T(model_prints[print]), &history->world->arena, &snapshot,
                                         &found, NULL),
                     NEAP_OK);
    assert_int_equal(found, at < count);
    if (found) {
        assert_int_equal(snapshot.version, list[at].version);
        assert_text(snapshot.state, list[at].state);
    }
}

static void compare_command(random_history *history)
{
    if (history->model.log.count == 0)
        return;
    uint64_t position = 1 + random_below(history, (uint32_t)history->model.log.count);
    neap_uuid expected = history->model.log.events[position - 1].command_id;
    neapi_command command;
    bool found;
    assert_int_equal(neapi_find_command(history->world->reader, position, &history->world->arena,
                                        &command, &found, NULL),
                     NEAP_OK);
    assert_int_equal(found, !neapi_uuid_is_zero(expected));
    if (found)
        assert_true(neapi_uuid_equal(command.id, expected));
}

static void compare_verdict(const neapi_unit *unit, const neapi_verdict *expected, bool blocked)
{
    assert_verdict(unit, expected->status);
    if (blocked)
        return;
    assert_int_equal(unit->verdict.first_position, expected->first_position);
    assert_int_equal(unit->verdict.last_position, expected->last_position);
    if (expected->status == NEAP_OK)
        return;
    assert_int_equal(unit->verdict.op, expected->op);
    if (expected->status == NEAP_CONFLICT)
        assert_int_equal(unit->verdict.actual, expected->actual);
}

static void run_batch(random_history *history)
{
    neapi_unit *units[LARGEST];
    neapi_verdict verdicts[LARGEST];
    bool blocked[LARGEST];
    size_t count = 1 + random_below(history, LARGEST);
    history->model.now_us += random_below(history, 20);
    for (size_t i = 0; i < count; i++) {
        units[i] = random_unit(history);
        blocked[i] = false;
        if (i > 0 && chance(history, 20)) {
            size_t after = random_below(history, (uint32_t)i);
            neapi_unit_follow(units[i], units[after]);
            blocked[i] = verdicts[after].status != NEAP_OK;
        }
        verdicts[i] = model_judge(&history->model, units[i], blocked[i]);
    }
    commit_at(history->world, units, count, history->model.now_us);
    for (size_t i = 0; i < count; i++)
        compare_verdict(units[i], &verdicts[i], blocked[i]);
    release(units, count);
}

void random_histories_match_the_model(void **state)
{
    contract_world *world = *state;
    const char *given = getenv("NEAP_SEED");
    uint32_t seed = given != NULL ? (uint32_t)strtoul(given, NULL, 10) | 1 : SEED;
    random_history history = {.world = world, .random = seed, .model = {.now_us = NOW}};
    for (unsigned batch = 0; batch < BATCHES; batch++) {
        snprintf(world->note, sizeof world->note, "seed %u, batch %u", seed, batch);
        neapi_arena_clear(&world->arena);
        run_batch(&history);
        for (int i = 0; i < 3; i++)
            compare_read(&history);
        compare_keys(&history);
        if (world->fixture->renew == NULL)
            compare_snapshots(&history);
        compare_command(&history);
        size_t s = random_below(&history, MODEL_STREAMS);
        assert_stream_head(world, model_streams[s], history.model.state.version[s],
                           history.model.state.position[s]);
        assert_head(world, history.model.log.count);
        bool more;
        if (chance(&history, 20))
            assert_int_equal(neapi_maintain(world->writer, history.model.now_us, &more, NULL),
                             NEAP_OK);
        if (chance(&history, 3))
            world_renew(world);
    }
    assert_true(history.model.log.count > 5 * BATCHES); /* The histories are worth something. */
    neapi_page_fini(&history.model.log);
    world->note[0] = '\0';
}
