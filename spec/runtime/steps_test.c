/* The lane and the writer without threads, stepped in an order that a seed chooses, over a store
 * that fails on purpose and into which somebody else writes; what came out is compared with what
 * the callers were told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "message/json.h"
#include "runtime/by_hand.h"

#define COMMANDS 60
#define COUNTERS 3
#define SEEDS    300
#define LIMIT    20

static uint64_t state_of_dice;

static unsigned dice(unsigned sides)
{
    state_of_dice = state_of_dice * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state_of_dice >> 33) % sides;
}

/* A store that hands on to the memory store, and sometimes fails before or after. */
static const neapi_backend *const inner = &neapi_backend_memory;
typedef enum failure {
    FAILS_BY_DICE = -1,
    FAILS_WITHOUT_EFFECT,
    FAILS_UNKNOWN_UNDONE,
    FAILS_UNKNOWN_DONE
} failure;
static unsigned failure_percent;
static failure next_failure = FAILS_BY_DICE;
static bool last_was_applied;
static bool resolve_fails;
static unsigned resolve_calls;

static neap_status faulty_commit(neapi_session *session, neapi_unit *const *units, size_t count,
                                 int64_t now_us, neapi_outcome *outcome, neap_error *error)
{
    failure how = next_failure;
    next_failure = FAILS_BY_DICE;
    if (how == FAILS_BY_DICE && dice(100) >= failure_percent)
        return inner->commit(session, units, count, now_us, outcome, error);
    switch (how == FAILS_BY_DICE ? (failure)dice(3) : how) {
    case FAILS_WITHOUT_EFFECT:
        *outcome = NEAPI_OUTCOME_NONE;
        return neapi_fail(error, NEAP_STORE, "the disk is full");
    case FAILS_UNKNOWN_UNDONE:
        *outcome = NEAPI_OUTCOME_UNKNOWN;
        last_was_applied = false;
        break;
    default:
        if (inner->commit(session, units, count, now_us, outcome, error) != NEAP_OK)
            return error->status;
        *outcome = NEAPI_OUTCOME_UNKNOWN;
        last_was_applied = true;
        break;
    }
    return neapi_fail(error, NEAP_UNAVAILABLE, "the connection was lost");
}

static neap_status faulty_resolve(neapi_session *session, neapi_unit *const *units, size_t count,
                                  bool *durable, neap_error *error)
{
    (void)session;
    (void)units;
    (void)count;
    resolve_calls++;
    if (resolve_fails || dice(4) == 0)
        return neapi_fail(error, NEAP_UNAVAILABLE, "still no connection");
    *durable = last_was_applied;
    return NEAP_OK;
}

static neapi_backend faulty;

static void roll(void *self, void *bytes, size_t size)
{
    (void)self;
    for (size_t i = 0; i < size; i++)
        ((unsigned char *)bytes)[i] = (unsigned char)dice(256);
}

/* Time does not pass by itself: parking moves it to the deadline. */
static void park(void *self, neapi_gate *gate, unsigned seen, int64_t deadline_us)
{
    (void)self;
    (void)gate;
    (void)seen;
    if (deadline_us != NEAPI_NO_DEADLINE && deadline_us > by_hand_us)
        by_hand_us = deadline_us;
}

static neapi_platform platform;

typedef struct outcome {
    bool answered;
    neap_status status;
    char code[64];
    char message[200];
    bool unknown, repeated;
    uint64_t version, position;
    size_t events;
    neap_uuid command_id;
    unsigned counter, answered_as;
    char key[16];
    char name[8];
} outcome;

typedef struct world {
    neap_runtime runtime;
    outcome outcomes[COMMANDS];
    unsigned sent, answers;
    uint64_t seed;
    bool outsider;
} world;

static void record(void *user, neap_status status, neap_reply *reply, const neap_error *error)
{
    outcome *result = user;
    assert_false(result->answered);
    result->answered = true;
    result->status = status;
    if (status != NEAP_OK) {
        snprintf(result->code, sizeof result->code, "%s", error->code);
        snprintf(result->message, sizeof result->message, "%.190s", error->message);
        result->unknown = error->outcome_unknown;
        return;
    }
    const neap_receipt *receipt = neap_reply_receipt(reply);
    assert_non_null(receipt);
    result->version = receipt->version;
    result->position = receipt->position;
    result->events = receipt->event_count;
    result->command_id = receipt->command_id;
    result->repeated = receipt->repeated;
    neap_reply_free(reply);
}

static void open_world(world *it, uint64_t seed)
{
    memset(it, 0, sizeof *it);
    it->seed = seed;
    state_of_dice = seed * 2654435761u + 1;
    by_hand_us = 1700000000000000;
    platform = by_hand_platform;
    platform.random = roll;
    platform.park = park;
    faulty = *inner;
    faulty.commit = faulty_commit;
    faulty.resolve = faulty_resolve;
    by_hand_load(&it->runtime, &platform, DOMAIN, "memory:", NULL, NULL);
    it->runtime.store->backend = &faulty;
    by_hand_start(&it->runtime);
}

static void send_one(world *it, const char *name, unsigned counter, unsigned n, const char *key)
{
    char json[80];
    outcome *result = &it->outcomes[it->sent++];
    result->counter = counter;
    snprintf(result->name, sizeof result->name, "%s", name);
    snprintf(result->key, sizeof result->key, "%s", key != NULL ? key : "");
    if (strcmp(name, "Add") == 0)
        snprintf(json, sizeof json, "{\"id\":\"c%u\",\"n\":%u}", counter, n);
    else if (strcmp(name, "Note") == 0)
        snprintf(json, sizeof json, "{\"id\":\"c%u\",\"text\":\"n%u\"}", counter, n);
    else
        snprintf(json, sizeof json, "{\"id\":\"c%u\"}", counter);
    neap_dispatch_options options;
    neap_dispatch_options_init(&options);
    options.idempotency_key = key;
    neap_error error;
    neap_status status =
        neap_send(&it->runtime, name, json, strlen(json), &options, record, result, &error);
    if (status != NEAP_OK)
        fail_msg("seed %llu: %s", (unsigned long long)it->seed, error.message);
}

/* The lower numbers have keys. */
static void send_touch(world *it, unsigned counter, unsigned number)
{
    char key[16];
    snprintf(key, sizeof key, "t%u-%u", counter, number);
    send_one(it, "Touch", counter, 0, number < 3 ? key : NULL);
}

static void send_any(world *it)
{
    unsigned counter = dice(COUNTERS), kind = dice(10);
    char key[16];
    snprintf(key, sizeof key, "k%u-%u", counter, dice(6));
    if (kind < 6)
        send_one(it, "Add", counter, 1 + dice(3), NULL);
    else if (kind < 8)
        send_one(it, "Add", counter, 2,
                 key); /* always the same command, so that a key can come twice */
    else if (kind == 8)
        send_touch(it, counter, dice(6));
    else
        send_one(it, "Note", counter, dice(100), NULL);
}

/* Somebody else appends to a counter, as another process on a shared store would. */
static void intrude(world *it)
{
    neap_runtime *runtime = &it->runtime;
    neap_error error;
    neapi_unit *unit = neapi_unit_new((neap_uuid){{1}});
    char stream[32];
    snprintf(stream, sizeof stream, "Counter-c%u", dice(COUNTERS));
    const neap_event event = {
        .recorded_at = by_hand_us,
        .id = neapi_uuid_new(&by_hand_lane(runtime)->ids, by_hand_us),
        .schema = 1,
        .type = NEAPI_LITERAL("Noted"),
        .data = NEAPI_LITERAL("{\"id\":\"x\",\"text\":\"outside\"}"),
    };
    assert_int_equal(neapi_unit_append(unit, neapi_text_of(stream), NEAP_ANY_VERSION, &event),
                     NEAP_OK);
    neapi_outcome fate;
    assert_int_equal(inner->commit(runtime->writer.session, &unit, 1, by_hand_us, &fate, &error),
                     NEAP_OK);
    assert_int_equal(unit->state, NEAPI_UNIT_ACCEPTED);
    neapi_unit_release(unit);
}

static void run_all(world *it)
{
    unsigned idle = 0;
    while (it->sent < COMMANDS || idle < 3) {
        bool busy = false;
        switch (dice(it->outsider ? 7 : 6)) {
        case 0:
        case 1:
            if (it->sent < COMMANDS)
                send_any(it);
            break;
        case 2:
        case 3:
            busy = neapi_lane_step(by_hand_lane(&it->runtime));
            break;
        case 6:
            if (it->sent < COMMANDS)
                intrude(it);
            break;
        default:
            busy = neapi_writer_step(&it->runtime.writer);
        }
        if (it->sent == COMMANDS) {
            busy = neapi_lane_step(by_hand_lane(&it->runtime)) || busy;
            busy = neapi_writer_step(&it->runtime.writer) || busy;
            idle = busy ? 0 : idle + 1;
        }
    }
}

static const outcome *told(const world *it, const neap_event *event)
{
    for (unsigned i = 0; i < COMMANDS; i++)
        if (it->outcomes[i].status == NEAP_OK && !it->outcomes[i].repeated &&
            neapi_uuid_equal(it->outcomes[i].command_id, event->command_id))
            return &it->outcomes[i];
    return NULL;
}

static unsigned number_in(neap_text data)
{
    neap_text raw;
    assert_true(neapi_json_member(data, NEAPI_LITERAL("n"), &raw));
    return (unsigned)strtoul(raw.data, NULL, 10);
}

#define check(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("seed %llu: %s", (unsigned long long)it->seed, #condition);                   \
    } while (0)

/* What is in the store, and what the callers were told, must be the same thing. */
static void check_log(world *it)
{
    neap_cursor *cursor;
    neap_error error;
    neap_filter filter;
    neap_filter_init(&filter);
    assert_int_equal(neap_read(&it->runtime, &filter, &cursor, &error), NEAP_OK);
    unsigned totals[COUNTERS] = {0}, told_of = 0, unknown = 0, done = 0;
    const neap_event *event;
    while (neap_cursor_next(cursor, &event, &error) == NEAP_OK && event != NULL) {
        unsigned counter = (unsigned)(event->stream.data[event->stream.size - 1] - '0');
        if (neapi_text_equal(event->type, NEAPI_LITERAL("Added")))
            totals[counter] += number_in(event->data);
        if (neapi_uuid_is_zero(event->command_id))
            continue;
        const outcome *result = told(it, event);
        if (result == NULL) {
            unknown++;
            continue;
        }
        told_of++;
        check(result->version == event->version);
        check(result->position == event->position);
    }
    neap_cursor_close(cursor);
    unsigned may_have_happened = 0;
    for (unsigned i = 0; i < COMMANDS; i++) {
        const outcome *result = &it->outcomes[i];
        check(result->answered);
        done += result->status == NEAP_OK && !result->repeated && result->events > 0;
        may_have_happened += result->status != NEAP_OK && result->unknown;
        check(result->status == NEAP_OK || result->status == NEAP_REJECTED ||
              result->status == NEAP_STORE || result->status == NEAP_UNAVAILABLE ||
              result->status == NEAP_CONFLICT);
        check(result->status != NEAP_CONFLICT || it->outsider);
        if (result->status == NEAP_REJECTED)
            check(strcmp(result->code, "full") == 0);
    }
    check(told_of == done);
    check(unknown <= may_have_happened);
    for (unsigned i = 0; i < COUNTERS; i++)
        check(totals[i] <= LIMIT);
}

/* A key takes effect once: all its receipts are the first one's. */
static void check_keys(const world *it)
{
    for (unsigned i = 0; i < COMMANDS; i++) {
        const outcome *one = &it->outcomes[i];
        if (one->key[0] == '\0' || one->status != NEAP_OK)
            continue;
        for (unsigned j = i + 1; j < COMMANDS; j++) {
            const outcome *two = &it->outcomes[j];
            if (strcmp(one->key, two->key) == 0)
                check(two->status != NEAP_REJECTED);
            if (two->status != NEAP_OK || strcmp(one->key, two->key) != 0)
                continue;
            check(neapi_uuid_equal(one->command_id, two->command_id));
            check(one->version == two->version && one->position == two->position);
            check(one->events == two->events);
        }
    }
}

/* Commands of one counter are decided in the order in which they were sent, also when they are
 * decided again. */
static void check_order(const world *it)
{
    uint64_t last[COUNTERS] = {0};
    for (unsigned i = 0; i < COMMANDS; i++) {
        const outcome *one = &it->outcomes[i];
        if (one->status != NEAP_OK || one->key[0] != '\0' || strcmp(one->name, "Add") != 0)
            continue;
        check(one->version > last[one->counter]);
        last[one->counter] = one->version;
    }
}

/* Nothing is left behind once everything was answered. */
static void check_rest(world *it)
{
    const neapi_lane *lane = by_hand_lane(&it->runtime);
    check(lane->unanswered == 0);
    check(lane->submitted == 0);
    check(lane->oldest == NULL);
    check(lane->keys.count == 0);
    for (const neapi_warm *warm = lane->warm.newest; warm != NULL; warm = warm->older)
        check(warm->in_flight == 0 && warm->last == NULL && !warm->stale &&
              warm->parked.first == NULL);
}

/* The state that a decision would be made on is the fold of what is stored. */
static void check_states(world *it)
{
    neapi_lane *lane = by_hand_lane(&it->runtime);
    neap_error error;
    for (neapi_warm *warm = lane->warm.newest; warm != NULL; warm = warm->older) {
        if (!warm->loaded || it->outsider)
            continue;
        neapi_buffer kept = NEAPI_BUFFER_INIT, again = NEAPI_BUFFER_INIT;
        neapi_folded folded;
        assert_int_equal(neapi_lane_load(lane, &warm->instance, UINT64_MAX, &folded, &error),
                         NEAP_OK);
        assert_int_equal(neapi_engine_state_json(lane->engine, warm->state, &kept, &error),
                         NEAP_OK);
        assert_int_equal(neapi_engine_state_json(lane->engine, folded.state, &again, &error),
                         NEAP_OK);
        check(folded.version == warm->version && folded.position == warm->position);
        check(kept.size == again.size && memcmp(kept.data, again.data, kept.size) == 0);
        neapi_engine_state_free(lane->engine, folded.state);
        neapi_buffer_fini(&kept);
        neapi_buffer_fini(&again);
    }
}

static void run_seeds(unsigned percent, bool outsider)
{
    const char *most = getenv("NEAP_SEEDS");
    uint64_t seeds = most != NULL ? strtoull(most, NULL, 10) : SEEDS;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        world it;
        failure_percent = percent;
        open_world(&it, seed);
        it.outsider = outsider;
        run_all(&it);
        failure_percent = 0;
        neapi_writer_step(&it.runtime.writer);
        check_rest(&it);
        check_log(&it);
        check_keys(&it);
        check_order(&it);
        check_states(&it);
        by_hand_close(&it.runtime);
    }
}

static void any_order_of_steps_tells_the_truth(void **unused)
{
    (void)unused;
    run_seeds(0, false);
}

static void a_store_that_fails_loses_and_doubles_nothing(void **unused)
{
    (void)unused;
    run_seeds(20, false);
}

static void a_second_writer_makes_decisions_again(void **unused)
{
    (void)unused;
    run_seeds(0, true);
}

static void all_at_once(void **unused)
{
    (void)unused;
    run_seeds(15, true);
}

static void rejection_waits_for_what_it_was_decided_on(void **unused)
{
    (void)unused;
    world it;
    failure_percent = 0;
    open_world(&it, 1);
    send_one(&it, "Add", 0, 20, NULL);
    send_one(&it, "Add", 0, 1, NULL);
    neapi_lane_step(by_hand_lane(&it.runtime));
    assert_false(it.outcomes[0].answered);
    assert_false(it.outcomes[1].answered);
    neapi_writer_step(&it.runtime.writer);
    assert_false(it.outcomes[1].answered);
    neapi_lane_step(by_hand_lane(&it.runtime));
    assert_int_equal(it.outcomes[0].status, NEAP_OK);
    assert_int_equal(it.outcomes[1].status, NEAP_REJECTED);
    by_hand_close(&it.runtime);
}

static void successors_of_a_refused_unit_are_decided_again(void **unused)
{
    (void)unused;
    world it;
    failure_percent = 0;
    open_world(&it, 1);
    send_one(&it, "Add", 0, 15, NULL);
    neapi_lane_step(by_hand_lane(&it.runtime));
    send_one(&it, "Add", 0, 10, NULL); /* rejected, if the first is accepted */
    neapi_lane_step(by_hand_lane(&it.runtime));
    next_failure = FAILS_WITHOUT_EFFECT;
    neapi_writer_step(&it.runtime.writer);
    for (int i = 0; i < 4; i++) {
        neapi_lane_step(by_hand_lane(&it.runtime));
        neapi_writer_step(&it.runtime.writer);
    }
    assert_int_equal(it.outcomes[0].status, NEAP_STORE);
    assert_int_equal(it.outcomes[1].status, NEAP_OK); /* what stood in its way never happened */
    assert_int_equal(it.outcomes[1].version, 1);
    by_hand_close(&it.runtime);
}

static void step_both(world *it, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        neapi_lane_step(by_hand_lane(&it->runtime));
        neapi_writer_step(&it->runtime.writer);
    }
}

/* Decided while the event that it rests on was still on its way: the key keeps what was answered.
 */
static void a_key_keeps_the_position_that_was_answered(void **unused)
{
    (void)unused;
    world it;
    failure_percent = 0;
    open_world(&it, 1);
    send_one(&it, "Add", 0, 1, NULL);
    send_one(&it, "Touch", 0, 0, "k");
    send_one(&it, "Add", 0, 2, NULL);
    step_both(&it, 4);
    send_one(&it, "Touch", 0, 0, "k");
    step_both(&it, 4);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(it.outcomes[i].status, NEAP_OK);
    assert_int_equal(it.outcomes[1].version, 1);
    assert_int_equal(it.outcomes[1].position, 1);
    assert_int_equal(it.outcomes[2].version, 2);
    assert_true(it.outcomes[3].repeated);
    assert_int_equal(it.outcomes[3].version, 1);
    assert_int_equal(it.outcomes[3].position, 1);
    check_rest(&it);
    by_hand_close(&it.runtime);
}

/* What waits for others to settle is decided again with them when one of them is refused. */
static void a_keyed_decision_that_waits_follows_those_before_it(void **unused)
{
    (void)unused;
    world it;
    failure_percent = 0;
    open_world(&it, 1);
    send_one(&it, "Add", 0, 1, NULL);
    send_one(&it, "Touch", 0, 0, "k");
    send_one(&it, "Add", 0, 2, NULL);
    neapi_lane_step(by_hand_lane(&it.runtime));
    next_failure = FAILS_WITHOUT_EFFECT;
    neapi_writer_step(&it.runtime.writer);
    step_both(&it, 4);
    assert_int_equal(it.outcomes[0].status, NEAP_STORE);
    assert_int_equal(it.outcomes[1].status, NEAP_OK);
    assert_int_equal(it.outcomes[1].version, 0);
    assert_int_equal(it.outcomes[1].position, 0);
    assert_int_equal(it.outcomes[2].version, 1);
    check_rest(&it);
    by_hand_close(&it.runtime);
}

static void closing_asks_for_an_unknown_outcome_only_once(void **unused)
{
    (void)unused;
    world it;
    failure_percent = 0;
    open_world(&it, 1);
    send_one(&it, "Add", 0, 1, NULL);
    neapi_lane_step(by_hand_lane(&it.runtime));
    next_failure = FAILS_UNKNOWN_DONE;
    resolve_fails = true;
    resolve_calls = 0;
    neapi_writer_hurry(&it.runtime.writer);
    neapi_writer_step(&it.runtime.writer);
    assert_int_equal(resolve_calls, 0);
    assert_false(neapi_writer_try(&it.runtime.writer)); /* it may take long: the thread does it */
    neapi_writer_step(&it.runtime.writer);
    assert_int_equal(resolve_calls, 1);
    resolve_fails = false;
    neapi_lane_step(by_hand_lane(&it.runtime));
    assert_int_equal(it.outcomes[0].status, NEAP_UNAVAILABLE);
    assert_true(it.outcomes[0].unknown);
    by_hand_close(&it.runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rejection_waits_for_what_it_was_decided_on),
        cmocka_unit_test(successors_of_a_refused_unit_are_decided_again),
        cmocka_unit_test(a_key_keeps_the_position_that_was_answered),
        cmocka_unit_test(a_keyed_decision_that_waits_follows_those_before_it),
        cmocka_unit_test(closing_asks_for_an_unknown_outcome_only_once),
        cmocka_unit_test(any_order_of_steps_tells_the_truth),
        cmocka_unit_test(a_store_that_fails_loses_and_doubles_nothing),
        cmocka_unit_test(a_second_writer_makes_decisions_again),
        cmocka_unit_test(all_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
