/* What is kept beside events: keys, commands, snapshots. */
#include <stdio.h>

#include "base/uuid.h"
#include "contract/rules.h"
#include "contract/world.h"

static bool key_found(contract_world *world, const char *name, int64_t now_us, neapi_key *key)
{
    bool found;
    assert_int_equal(
        neapi_find_key(world->reader, T(name), now_us, &world->arena, key, &found, NULL), NEAP_OK);
    return found;
}

void key_is_unique_until_it_expires(void **state)
{
    contract_world *world = *state;
    neapi_key key;
    neapi_unit *units[3];
    for (size_t i = 0; i < 3; i++) {
        units[i] = new_unit();
        add(units[i], "A-1", i, "Changed");
    }
    add_key(units[0], "k-1", NOW + 100);
    add_key(units[1], "k-1", NOW + 200); /* refused within the batch */
    add_key(units[2], "k-2", NOW + 100); /* expected version 2: the one before is not there */
    commit(world, units, 3);
    assert_verdict(units[0], NEAP_OK);
    assert_verdict(units[1], NEAP_DUPLICATE);
    assert_int_equal(units[1]->verdict.op, 1);
    assert_verdict(units[2], NEAP_CONFLICT);
    release(units, 3);
    assert_true(key_found(world, "k-1", NOW + 99, &key));
    assert_false(key_found(world, "k-1", NOW + 100, &key));
    assert_false(key_found(world, "k-2", NOW, &key));
    assert_false(key_found(world, "k", NOW, &key));

    neapi_unit *unit = new_unit(); /* and in a later one */
    add_key(unit, "k-1", NOW + 200);
    commit_at(world, &unit, 1, NOW + 99);
    assert_verdict(unit, NEAP_DUPLICATE);
    neapi_unit_release(unit);

    unit = new_unit(); /* expired: it is free, whether or not it was dropped already */
    add_key(unit, "k-1", NOW + 200);
    commit_at(world, &unit, 1, NOW + 100);
    assert_verdict(unit, NEAP_OK);
    neapi_unit_release(unit);
    assert_true(key_found(world, "k-1", NOW + 199, &key));
    assert_int_equal(key.expires_at, NOW + 200);
    assert_head(world, 1);
}

void key_keeps_the_receipt(void **state)
{
    contract_world *world = *state;
    append(world, "A-1", "First");
    neapi_key given = {.key = T("k-1 \xE2\x82\xAC"),
                       .hash = 0xFEDCBA9876543210u,
                       .command_id = new_id(),
                       .expires_at = NOW + 1000,
                       .stream = T("A-1"),
                       .types = T("[\"Second\",\"Third\"]")};
    neapi_unit *unit = new_unit();
    add(unit, "A-1", 1, "Second");
    add(unit, "A-1", 1, "Third");
    assert_int_equal(neapi_unit_key(unit, &given), NEAP_OK);
    add(unit, "B-1", 0, "Fourth");
    commit_one(world, unit, NEAP_OK);

    neapi_key key;
    assert_true(key_found(world, "k-1 \xE2\x82\xAC", NOW, &key));
    assert_texts_equal(key.key, given.key);
    assert_true(key.hash == given.hash);
    assert_true(neapi_uuid_equal(key.command_id, given.command_id));
    assert_int_equal(key.expires_at, given.expires_at);
    assert_texts_equal(key.stream, given.stream);
    assert_texts_equal(key.types, given.types);
    assert_int_equal(key.version, 3);
    assert_int_equal(key.position, 4);

    /* Without events the receipt is what the decision rested on. */
    neapi_key idle = {.key = T("k-2"),
                      .expires_at = NOW + 1000,
                      .stream = T("A-1"),
                      .types = T("[]"),
                      .version = 3,
                      .position = 3};
    unit = new_unit();
    assert_int_equal(neapi_unit_key(unit, &idle), NEAP_OK);
    commit_one(world, unit, NEAP_OK);
    assert_true(key_found(world, "k-2", NOW, &key));
    assert_int_equal(key.version, 3);
    assert_int_equal(key.position, 3);
    assert_true(neapi_uuid_is_zero(key.command_id));
}

void expired_keys_are_dropped(void **state)
{
    contract_world *world = *state;
    enum { KEYS = 2500 };
    neapi_unit *unit = new_unit();
    for (int i = 0; i < KEYS; i++) {
        char name[32];
        snprintf(name, sizeof name, "k-%d", i);
        add_key(unit, name, NOW + 1 + (i * 7919) % KEYS); /* each once, out of order */
    }
    commit_one(world, unit, NEAP_OK);
    assert_int_equal(assert_sound(world).keys, KEYS);
    bool more = true;
    int calls = 0;
    while (more) {
        assert_int_equal(neapi_maintain(world->writer, NOW + 2000, &more, NULL), NEAP_OK);
        assert_true(++calls < KEYS);
    }
    assert_int_equal(assert_sound(world).keys, 500);
    neapi_key key;
    for (int i = 0; i < KEYS; i++) {
        char name[32];
        snprintf(name, sizeof name, "k-%d", i);
        assert_int_equal(key_found(world, name, NOW, &key), 1 + (i * 7919) % KEYS > 2000);
    }
}

static bool command_found(contract_world *world, uint64_t position, neapi_command *command)
{
    bool found;
    assert_int_equal(
        neapi_find_command(world->reader, position, &world->arena, command, &found, NULL), NEAP_OK);
    return found;
}

void command_is_found_from_every_event(void **state)
{
    contract_world *world = *state;
    append(world, "A-1", "Alone");
    const neapi_command given = {.id = new_id(),
                                 .correlation_id = new_id(),
                                 .causation_id = new_id(),
                                 .recorded_at = NOW - 5,
                                 .name = T("Change \xE2\x82\xAC"),
                                 .data = T("{\"by\":7}"),
                                 .meta = T("{\"user\":\"ada\"}")};
    neapi_unit *units[2] = {new_unit(), new_unit()};
    const char *const streams[] = {"A-1", "B-1", "A-1"};
    for (size_t i = 0; i < 3; i++) {
        neap_event event = new_event("Changed", "{}");
        event.command_id = given.id;
        add_event(units[0], streams[i], NEAP_ANY_VERSION, &event);
    }
    assert_int_equal(neapi_unit_command(units[0], &given), NEAP_OK); /* even behind the events */
    neap_event event = new_event("Changed", "{}");
    event.command_id = add_command(units[1], "Other");
    add_event(units[1], "A-1", NEAP_ANY_VERSION, &event);
    commit(world, units, 2);
    release(units, 2);

    neapi_command command;
    assert_false(command_found(world, 1, &command));
    for (uint64_t position = 2; position <= 4; position++) {
        assert_true(command_found(world, position, &command));
        assert_true(neapi_uuid_equal(command.id, given.id));
        assert_true(neapi_uuid_equal(command.correlation_id, given.correlation_id));
        assert_true(neapi_uuid_equal(command.causation_id, given.causation_id));
        assert_int_equal(command.recorded_at, given.recorded_at);
        assert_texts_equal(command.name, given.name);
        assert_texts_equal(command.data, given.data);
        assert_texts_equal(command.meta, given.meta);
    }
    assert_true(command_found(world, 5, &command));
    assert_text(command.name, "Other");
    assert_text(command.meta, "");
    assert_false(command_found(world, 6, &command));
    assert_int_equal(assert_sound(world).commands, 2);
}

/* What the snapshot's state is, or "" if there is none. */
static const char *snapshot_state(contract_world *world, uint64_t max_version,
                                  const char *fingerprint)
{
    neapi_snapshot snapshot;
    bool found;
    assert_int_equal(neapi_find_snapshot(world->reader, T("A-1"), max_version, T(fingerprint),
                                         &world->arena, &snapshot, &found, NULL),
                     NEAP_OK);
    if (!found)
        return "";
    assert_text(snapshot.name, "A-1");
    assert_text(snapshot.fingerprint, fingerprint);
    assert_true(snapshot.version <= max_version);
    neap_text state = neapi_arena_text(&world->arena, snapshot.state);
    return state.data;
}

static void take_snapshot(contract_world *world, uint64_t version, const char *fingerprint,
                          const char *state, uint32_t keep)
{
    neapi_unit *unit = new_unit();
    add_snapshot(unit, "A-1", version, fingerprint, state, keep);
    commit_one(world, unit, NEAP_OK);
}

void snapshot_newest_wins(void **state)
{
    contract_world *world = *state;
    for (int i = 0; i < 9; i++)
        append(world, "A-1", "Changed");
    assert_string_equal(snapshot_state(world, UINT64_MAX, "f"), "");
    take_snapshot(world, 5, "f", "five", 9);
    take_snapshot(world, 3, "f", "three", 9);
    take_snapshot(world, 7, "g", "seven", 9);
    assert_string_equal(snapshot_state(world, UINT64_MAX, "f"), "five");
    assert_string_equal(snapshot_state(world, 5, "f"), "five");
    assert_string_equal(snapshot_state(world, 4, "f"), "three");
    assert_string_equal(snapshot_state(world, 2, "f"), "");
    assert_string_equal(snapshot_state(world, 9, "g"), "seven");
    assert_string_equal(snapshot_state(world, 6, "g"), "");
    assert_string_equal(snapshot_state(world, 9, "F"), "");
    take_snapshot(world, 5, "f", "five again", 9); /* the same version: replaced */
    assert_string_equal(snapshot_state(world, 5, "f"), "five again");

    neapi_snapshot bytes = {.name = T("A-1"),
                            .version = 9,
                            .fingerprint = T("f"),
                            .state = neapi_text("\0\xFF\x80\n", 4),
                            .keep = 9};
    neapi_unit *unit = new_unit();
    assert_int_equal(neapi_unit_snapshot(unit, &bytes), NEAP_OK);
    commit_one(world, unit, NEAP_OK);
    neapi_snapshot found;
    bool is_found;
    neapi_find_snapshot(world->reader, T("A-1"), 9, T("f"), &world->arena, &found, &is_found, NULL);
    assert_true(is_found);
    assert_texts_equal(found.state, bytes.state);
    assert_int_equal(found.version, 9);
}

void snapshot_needs_no_stream(void **state)
{
    contract_world *world = *state;
    append(world, "A-1", "Changed");
    char longest[NEAPI_STREAM_BYTES + 1];
    memset(longest, 'x', NEAPI_STREAM_BYTES);
    longest[NEAPI_STREAM_BYTES] = '\0';
    const char *const names[] = {"Enrolment course:math student:\xC3\xA4", "A-2", "A", longest};
    const uint64_t versions[] = {1, 1000, (uint64_t)1 << 40};
    for (size_t i = 0; i < 4; i++) {
        neapi_unit *unit = new_unit();
        for (size_t v = 0; v < 3; v++)
            add_snapshot(unit, names[i], versions[v], "f", v == 2 ? "newest" : "older", 2);
        commit_one(world, unit, NEAP_OK);
        neapi_snapshot found;
        bool is_found;
        assert_int_equal(neapi_find_snapshot(world->reader, T(names[i]), UINT64_MAX, T("f"),
                                             &world->arena, &found, &is_found, NULL),
                         NEAP_OK);
        assert_true(is_found);
        assert_text(found.name, names[i]);
        assert_text(found.state, "newest");
        assert_true(found.version == versions[2]);
        neapi_find_snapshot(world->reader, T(names[i]), 999, T("f"), &world->arena, &found,
                            &is_found, NULL);
        assert_false(is_found); /* only two are kept */
    }
    neap_verification counts = assert_sound(world);
    assert_int_equal(counts.snapshots, 8);
    assert_int_equal(counts.streams, 1);
    assert_stream_head(world, "A-2", 0, 0);
    neapi_unit *unit = new_unit();
    add(unit, "A-2", 0, "Opened"); /* The stream begins as if nothing of its name were there. */
    commit_one(world, unit, NEAP_OK);
}

void snapshot_keeps_only_so_many(void **state)
{
    contract_world *world = *state;
    for (int i = 0; i < 9; i++)
        append(world, "A-1", "Changed");
    append(world, "B-1", "Changed");
    neapi_unit *unit = new_unit();
    add_snapshot(unit, "B-1", 1, "f", "other", 1);
    commit_one(world, unit, NEAP_OK);
    take_snapshot(world, 1, "f", "one", 2);
    take_snapshot(world, 2, "f", "two", 2);
    take_snapshot(world, 3, "f", "three", 2);
    assert_string_equal(snapshot_state(world, 1, "f"), "");
    assert_string_equal(snapshot_state(world, 2, "f"), "two");
    assert_string_equal(snapshot_state(world, 9, "f"), "three");
    assert_int_equal(assert_sound(world).snapshots, 3);
    take_snapshot(world, 5, "f", "five", 1);
    assert_string_equal(snapshot_state(world, 4, "f"), "");
    assert_string_equal(snapshot_state(world, 5, "f"), "five");
    assert_int_equal(assert_sound(world).snapshots, 2);
}
