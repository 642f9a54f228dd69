/* Every allocation refused, once and from then on: nothing leaks, nothing is half done, and the
 * store goes on. */
#include <stdio.h>

#include "base/alloc.h"
#include "contract/rules.h"
#include "contract/world.h"

#define UNITS        4
#define MOST_REFUSED 1000

/* 0: everything at once · 1: behind a refused allocation, with a condition on what 0 appends · 2:
 * named badly · 3: follows 1. */
static void build(neapi_unit **units)
{
    for (size_t i = 0; i < UNITS; i++)
        units[i] = new_unit();
    neap_uuid command = add_command(units[0], "Do");
    const neap_text tags[] = {T("side:left"), T("side:right")};
    for (uint32_t i = 0; i < 6; i++) {
        neap_event event = new_event(i % 2 == 0 ? "Opened" : "Closed", "{}");
        event.command_id = command;
        event.tags = tags;
        event.tag_count = i % 3;
        add_event(units[0], i < 5 ? "A-1" : "B-1", NEAP_ANY_VERSION, &event);
    }
    add_key(units[0], "k-1", NOW + 1000);
    add_snapshot(units[0], "A-1", 2, "f", "state", 1);
    add_condition(units[1], "Moved", "side:left", 0);
    neap_event event = new_event("Moved", "{}");
    event.tags = tags;
    event.tag_count = 1;
    add_event(units[1], "C-1", 0, &event);
    add(units[2], "", 0, "Lost");
    neapi_unit_follow(units[3], units[1]);
    add(units[3], "C-1", 1, "Moved");
}

static void assert_whole(contract_world *world, neapi_unit *const *units)
{
    bool accepted[UNITS], found;
    uint64_t events = 0;
    for (size_t i = 0; i < UNITS; i++) {
        accepted[i] = units[i]->state == NEAPI_UNIT_ACCEPTED;
        events += accepted[i] ? units[i]->event_count : 0;
    }
    assert_false(accepted[2]);
    assert_false(accepted[3] && !accepted[1]);
    assert_head(world, events);
    assert_stream_head(world, "A-1", accepted[0] ? 5 : 0, accepted[0] ? 5 : 0);
    neapi_key key;
    neapi_snapshot snapshot;
    assert_int_equal(
        neapi_find_key(world->reader, T("k-1"), NOW, &world->arena, &key, &found, NULL), NEAP_OK);
    assert_int_equal(found, accepted[0]);
    assert_int_equal(neapi_find_snapshot(world->reader, T("A-1"), 9, T("f"), &world->arena,
                                         &snapshot, &found, NULL),
                     NEAP_OK);
    assert_int_equal(found, accepted[0]);
    assert_int_equal(assert_sound(world).events, events);
}

/* One store, one batch, one refusal. Whether all went well nevertheless. */
static bool commit_refused(const contract_fixture *fixture, uint64_t nth, bool persistent)
{
    void *state = (void *)fixture;
    world_setup(&state);
    contract_world *world = state;
    snprintf(world->note, sizeof world->note, "refusal %u%s", (unsigned)nth,
             persistent ? " and all after it" : "");
    neapi_unit *units[UNITS];
    build(units);
    neapi_outcome outcome;
    neapi_alloc_refuse(nth, persistent);
    neap_status status = neapi_commit(world->writer, units, UNITS, NOW, &outcome, NULL);
    neapi_alloc_refuse(0, false);

    bool well = status == NEAP_OK;
    if (status != NEAP_OK) {
        assert_int_equal(status, NEAP_NOMEM);
        assert_int_equal(outcome, NEAPI_OUTCOME_NONE);
        for (size_t i = 0; i < UNITS; i++)
            assert_int_equal(units[i]->state, NEAPI_UNIT_BUILDING);
        assert_whole(world, units);
        commit(world, units, UNITS); /* The same batch goes through now. */
        assert_int_equal(units[0]->state, NEAPI_UNIT_ACCEPTED);
    }
    assert_verdict(units[2], NEAP_INVALID);
    for (size_t i = 0; i < UNITS; i++) {
        if (i == 2 || units[i]->state == NEAPI_UNIT_ACCEPTED)
            continue;
        well = false;
        assert_verdict(units[i], i == 3 && units[1]->state == NEAPI_UNIT_REFUSED ? NEAP_CONFLICT
                                                                                 : NEAP_NOMEM);
    }
    assert_whole(world, units);
    release(units, UNITS);
    append(world, "A-1", "Opened");
    world->note[0] = '\0';
    world_teardown(&state);
    return well;
}

void refused_allocation_in_commit(void **state)
{
    contract_world *world = *state;
    uint64_t most = 1;
    while (!commit_refused(world->fixture, most, true))
        assert_true(++most < MOST_REFUSED);
    for (uint64_t nth = 1; nth < most; nth++)
        commit_refused(world->fixture, nth, false);
}

typedef struct reading {
    const char *what;
    neap_status (*read)(neapi_session *session, neapi_arena *arena, uint64_t *seen);
    uint64_t expected; /* what is seen of build()'s units */
} reading;

static neap_status read_page(neapi_session *session, neapi_range range, uint64_t *seen)
{
    neapi_page page = NEAPI_PAGE_INIT;
    neap_status status = neapi_read(session, &range, &page, NULL);
    *seen = page.count;
    neapi_page_fini(&page);
    return status;
}

static neap_status read_all(neapi_session *session, neapi_arena *arena, uint64_t *seen)
{
    (void)arena;
    return read_page(session, forward(), seen);
}

static neap_status read_types(neapi_session *session, neapi_arena *arena, uint64_t *seen)
{
    (void)arena;
    const neap_text types[] = {T("Opened"), T("Closed")};
    neapi_range range = forward();
    range.types = types;
    range.type_count = 2;
    return read_page(session, range, seen);
}

static neap_status read_tags(neapi_session *session, neapi_arena *arena, uint64_t *seen)
{
    (void)arena;
    const neap_text types[] = {T("Opened"), T("Closed")},
                    tags[] = {T("side:left"), T("side:right")};
    neapi_range range = backward();
    range.types = types;
    range.type_count = 2;
    range.tags = tags;
    range.tag_count = 2;
    return read_page(session, range, seen);
}

static neap_status read_category(neapi_session *session, neapi_arena *arena, uint64_t *seen)
{
    (void)arena;
    const neap_text types[] = {T("Moved")};
    neapi_range range = backward();
    range.category = T("C");
    range.types = types;
    range.type_count = 1;
    return read_page(session, range, seen);
}

static neap_status read_stream(neapi_session *session, neapi_arena *arena, uint64_t *seen)
{
    (void)arena;
    neapi_range range = forward();
    range.stream = T("A-1");
    range.from = 2;
    return read_page(session, range, seen);
}

static neap_status find_key(neapi_session *session, neapi_arena *arena, uint64_t *seen)
{
    neapi_key key;
    bool found = false;
    neap_status status = neapi_find_key(session, T("k-1"), NOW, arena, &key, &found, NULL);
    *seen = found;
    return status;
}

static neap_status find_snapshot(neapi_session *session, neapi_arena *arena, uint64_t *seen)
{
    neapi_snapshot snapshot;
    bool found = false;
    neap_status status =
        neapi_find_snapshot(session, T("A-1"), 9, T("f"), arena, &snapshot, &found, NULL);
    *seen = found;
    return status;
}

static neap_status find_command(neapi_session *session, neapi_arena *arena, uint64_t *seen)
{
    neapi_command command;
    bool found = false;
    neap_status status = neapi_find_command(session, 1, arena, &command, &found, NULL);
    *seen = found;
    return status;
}

static neap_status find_head(neapi_session *session, neapi_arena *arena, uint64_t *seen)
{
    (void)arena;
    return neapi_head(session, seen, NULL);
}

static neap_status find_stream_head(neapi_session *session, neapi_arena *arena, uint64_t *seen)
{
    (void)arena;
    uint64_t position;
    return neapi_stream_head(session, T("A-1"), seen, &position, NULL);
}

static neap_status take_survey(neapi_session *session, neapi_arena *arena, uint64_t *seen)
{
    (void)arena;
    neapi_survey survey;
    neap_status status = neapi_survey_take(session, NOW, &survey, NULL);
    *seen = survey.result.events;
    neapi_survey_fini(&survey);
    return status;
}

static void count_finding(void *user, const char *text)
{
    (void)text;
    ++*(uint64_t *)user;
}

static neap_status verify(neapi_session *session, neapi_arena *arena, uint64_t *seen)
{
    (void)arena;
    uint64_t findings = 0;
    const neapi_verify_sink sink = {&findings, count_finding};
    neap_verification result = {0};
    neap_status status = neapi_verify(session, &sink, &result, NULL);
    assert_int_equal(findings, 0); /* want of memory is not damage */
    *seen = result.events;
    return status;
}

/* A session of its own is opened for it. */
static neap_status read_once(contract_world *world, const reading *how, uint64_t *seen)
{
    neapi_session *session;
    neapi_arena arena = NEAPI_ARENA_INIT;
    *seen = 0;
    neap_status status = neapi_session_open(world->store, NEAPI_MODE_READ, &session, NULL);
    if (status != NEAP_OK)
        return status;
    status = how->read(session, &arena, seen);
    neapi_arena_fini(&arena);
    neapi_session_close(session);
    return status;
}

static void read_refused(contract_world *world, const reading *how, bool persistent)
{
    neap_status status = NEAP_NOMEM;
    uint64_t seen;
    for (uint64_t nth = 1; status != NEAP_OK; nth++) {
        snprintf(world->note, sizeof world->note, "%s, refusal %u%s", how->what, (unsigned)nth,
                 persistent ? " and all after it" : "");
        assert_true(nth < MOST_REFUSED);
        int64_t blocks = neapi_alloc_blocks();
        neapi_alloc_refuse(nth, persistent);
        status = read_once(world, how, &seen);
        neapi_alloc_refuse(0, false);
        assert_int_equal(neapi_alloc_blocks(), blocks);
        if (status != NEAP_OK)
            assert_int_equal(status, NEAP_NOMEM);
        else
            assert_int_equal(seen, how->expected);
        assert_int_equal(read_once(world, how, &seen), NEAP_OK);
        assert_int_equal(seen, how->expected);
    }
}

void refused_allocation_in_read(void **state)
{
    static const reading readings[] = {
        {"all", read_all, 8},           {"types", read_types, 6},
        {"tags", read_tags, 4},         {"category", read_category, 2},
        {"stream", read_stream, 4},     {"key", find_key, 1},
        {"snapshot", find_snapshot, 1}, {"command", find_command, 1},
        {"head", find_head, 8},         {"head of a stream", find_stream_head, 5},
        {"survey", take_survey, 8},     {"verify", verify, 8},
    };
    contract_world *world = *state;
    neapi_unit *units[UNITS];
    build(units);
    commit(world, units, UNITS);
    release(units, UNITS);
    for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
        read_refused(world, &readings[i], false);
        read_refused(world, &readings[i], true);
    }
    world->note[0] = '\0';
}

static void maintain_refused(contract_world *world, bool persistent)
{
    neap_status status = NEAP_NOMEM;
    for (uint64_t nth = 1; status != NEAP_OK; nth++) {
        bool more, found;
        neapi_key key;
        neapi_unit *unit = new_unit();
        add(unit, "A-1", NEAP_ANY_VERSION, "Opened");
        add_key(unit, "k-1", NOW + 1);
        commit_one(world, unit, NEAP_OK);
        assert_true(nth < MOST_REFUSED);
        neapi_alloc_refuse(nth, persistent);
        status = neapi_maintain(world->writer, NOW + 2, &more, NULL);
        neapi_alloc_refuse(0, false);
        if (status != NEAP_OK)
            assert_int_equal(status, NEAP_NOMEM);
        assert_int_equal(neapi_maintain(world->writer, NOW + 2, &more, NULL), NEAP_OK);
        assert_int_equal(
            neapi_find_key(world->reader, T("k-1"), NOW, &world->arena, &key, &found, NULL),
            NEAP_OK);
        assert_false(found);
    }
}

void refused_allocation_in_maintain(void **state)
{
    maintain_refused(*state, false);
    maintain_refused(*state, true);
}

void refused_allocation_in_open(void **state)
{
    contract_world *world = *state;
    neap_status status = NEAP_NOMEM;
    for (uint64_t nth = 1; status != NEAP_OK; nth++) {
        assert_true(nth < MOST_REFUSED);
        for (int persistent = 0; persistent < 2; persistent++) {
            char url[CONTRACT_URL_SIZE];
            neapi_store *store = NULL;
            neapi_session *session = NULL;
            int64_t blocks = neapi_alloc_blocks();
            world->fixture->fresh(url);
            neapi_alloc_refuse(nth, persistent != 0);
            status = store_open(world->fixture, url, &store, NULL);
            if (status == NEAP_OK)
                status = neapi_session_open(store, NEAPI_MODE_WRITE, &session, NULL);
            neapi_alloc_refuse(0, false);
            if (status != NEAP_OK)
                assert_int_equal(status, NEAP_NOMEM);
            neapi_session_close(session);
            store_close(world->fixture, store);
            if (world->fixture->discard != NULL)
                world->fixture->discard(url);
            assert_int_equal(neapi_alloc_blocks(), blocks);
        }
    }
}
