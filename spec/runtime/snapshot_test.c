/* When snapshots are made, which are used, and that none is ever wrong: a lane and a writer without
 * threads, stepped by hand, with a clock that the test moves; on each store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/by_hand.h"
#include "runtime/snapshot.h"

#define SECOND ((int64_t)1000000)
#define START  ((int64_t)1700000000 * SECOND)

typedef struct world {
    const char *url;
    neap_runtime runtime;
    unsigned answered, failed;
    bool snapshot_before_answer;
    unsigned warnings;
    char warning[300];
} world;

static void note_log(void *user, neap_log_level level, const char *text)
{
    world *it = user;
    if (level < NEAP_LOG_WARN)
        return;
    it->warnings++;
    snprintf(it->warning, sizeof it->warning, "%s", text);
}

/* Answers, warnings and the clock go on as they were. */
static void open_world(world *it)
{
    by_hand_load(&it->runtime, &by_hand_platform, SNAPSHOTS, it->url, note_log, it);
    it->runtime.options.snapshot_bytes = 1024;
    by_hand_start(&it->runtime);
}

static void close_world(world *it)
{
    neap_runtime *runtime = &it->runtime;
    /* What was on its way when the process died. */
    neapi_mail_list lost = {0};
    neapi_mail_join(&lost, &runtime->writer.queue);
    neapi_inbox_take(&runtime->writer.inbox, &lost);
    neapi_inbox_take(&by_hand_lane(runtime)->mailbox->inbox, &lost);
    for (neapi_mail *mail; (mail = neapi_mail_pop(&lost)) != NULL;) {
        neapi_submission *each = neapi_submission_of(mail);
        assert_int_equal(mail->kind, NEAPI_MAIL_UNIT);
        assert_null(each->request);
        neapi_unit_release(each->unit);
        neapi_free(each);
    }
    by_hand_close(runtime);
}

static char folder[] = "/tmp/neap-snapshot-XXXXXX";
static char sqlite_url[64];

static void remove_files(void)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-lock"};
    for (size_t i = 0; i < 4; i++) {
        char path[96];
        snprintf(path, sizeof path, "%s/s.db%s", folder, endings[i]);
        unlink(path);
    }
}

static int set_up(void **state)
{
    world *it = calloc(1, sizeof *it);
    assert_non_null(it);
    it->url = *state;
    by_hand_us = START;
    remove_files();
    open_world(it);
    *state = it;
    return 0;
}

static int tear_down(void **state)
{
    world *it = *state;
    close_world(it);
    free(it);
    remove_files();
    return 0;
}

/* ---- Doing ----------------------------------------------------------------------------------- */

static void answered(void *user, neap_status status, neap_reply *reply, const neap_error *error)
{
    world *it = user;
    (void)error;
    it->answered++;
    it->failed += status != NEAP_OK;
    const neapi_mail_list *outbox = &by_hand_lane(&it->runtime)->outbox;
    it->snapshot_before_answer = it->snapshot_before_answer || outbox->first != NULL;
    neap_reply_free(reply);
}

static void send(world *it, const char *aggregate, const char *id, int n)
{
    char name[32], json[64];
    neap_error error;
    snprintf(name, sizeof name, "AddTo%s", aggregate);
    snprintf(json, sizeof json, "{\"id\":\"%s\",\"n\":%d}", id, n);
    if (neap_send(&it->runtime, name, json, strlen(json), NULL, answered, it, &error) != NEAP_OK)
        fail_msg("%s", error.message);
}

static void settle(world *it)
{
    for (unsigned idle = 0; idle < 2;) {
        bool busy = neapi_lane_step(by_hand_lane(&it->runtime));
        busy = neapi_writer_step(&it->runtime.writer) || busy;
        idle = busy ? 0 : idle + 1;
    }
}

/* So many events, one after another. */
static void add(world *it, const char *aggregate, const char *id, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        send(it, aggregate, id, 1);
        settle(it);
    }
    assert_int_equal(it->failed, 0);
}

static void restart(world *it)
{
    close_world(it);
    open_world(it);
}

/* As if the aggregates had not been used for long. */
static void forget_states(world *it)
{
    neapi_lane_let_go(by_hand_lane(&it->runtime));
}

static const neapi_aggregate *aggregate_of(world *it, const char *name)
{
    const neapi_aggregate *aggregate;
    assert_int_equal(
        neapi_catalog_aggregate(it->runtime.catalog, neapi_text_of(name), &aggregate, NULL),
        NEAP_OK);
    return aggregate;
}

/* ---- Looking --------------------------------------------------------------------------------- */

static neap_text print_of(world *it, const char *aggregate)
{
    neap_text pinned = aggregate_of(it, aggregate)->snapshot_version;
    return pinned.size != 0 ? pinned : by_hand_lane(&it->runtime)->fingerprint;
}

static bool find(world *it, const char *aggregate, const char *stream, uint64_t max_version,
                 neapi_arena *arena, neapi_snapshot *snapshot)
{
    bool found;
    assert_int_equal(neapi_find_snapshot(by_hand_lane(&it->runtime)->session, neapi_text_of(stream),
                                         max_version, print_of(it, aggregate), arena, snapshot,
                                         &found, NULL),
                     NEAP_OK);
    return found;
}

/* The versions of the stream's snapshots, newest first, as text. */
static const char *versions(world *it, const char *aggregate, const char *stream)
{
    static char text[200];
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_snapshot snapshot;
    size_t used = 0;
    text[0] = '\0';
    for (uint64_t max = UINT64_MAX; find(it, aggregate, stream, max, &arena, &snapshot);
         max = snapshot.version - 1)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%llu", used != 0 ? " " : "",
                                 (unsigned long long)snapshot.version);
    neapi_arena_fini(&arena);
    return text;
}

/* The state's total as of a version, and which snapshot it was folded through. */
static long total_at(world *it, const char *aggregate, const char *id, uint64_t max_version,
                     uint64_t *through)
{
    char stream[64];
    neapi_lane *lane = by_hand_lane(&it->runtime);
    neapi_folded folded;
    neap_error error;
    neapi_buffer json = NEAPI_BUFFER_INIT;
    snprintf(stream, sizeof stream, "%s-%s", aggregate, id);
    const neapi_instance instance = {.aggregate = aggregate_of(it, aggregate),
                                     .name = neapi_text_of(stream),
                                     .stream = neapi_text_of(stream),
                                     .id = neapi_text_of(id)};
    if (neapi_lane_load(lane, &instance, max_version, &folded, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    assert_int_equal(neapi_engine_state_json(lane->engine, folded.state, &json, &error), NEAP_OK);
    neapi_engine_state_free(lane->engine, folded.state);
    const char *at = strstr(neapi_buffer_terminated(&json), "\"total\":");
    long total = at != NULL ? strtol(at + 8, NULL, 10) : -1;
    neapi_buffer_fini(&json);
    if (through != NULL)
        *through = folded.snapshot.version;
    return total;
}

static long total(world *it, const char *aggregate, const char *id)
{
    return total_at(it, aggregate, id, UINT64_MAX, NULL);
}

/* Puts bytes where the stream's snapshot is, or would be. */
static void put(world *it, const char *aggregate, const char *stream, uint64_t version,
                neap_text bytes)
{
    neapi_outcome outcome;
    neap_error error;
    neapi_unit *unit = neapi_unit_new((neap_uuid){{7}});
    const neapi_snapshot snapshot = {.name = neapi_text_of(stream),
                                     .version = version,
                                     .fingerprint = print_of(it, aggregate),
                                     .state = bytes,
                                     .keep = 9};
    assert_int_equal(neapi_unit_snapshot(unit, &snapshot), NEAP_OK);
    assert_int_equal(
        neapi_commit(it->runtime.writer.session, &unit, 1, by_hand_us, &outcome, &error), NEAP_OK);
    assert_int_equal(unit->state, NEAPI_UNIT_ACCEPTED);
    neapi_unit_release(unit);
}

/* ---- When ------------------------------------------------------------------------------------ */

static void one_is_made_every_so_many_events(void **state)
{
    world *it = *state;
    add(it, "Counted", "a", 4);
    assert_string_equal(versions(it, "Counted", "Counted-a"), "");
    add(it, "Counted", "a", 1);
    assert_string_equal(versions(it, "Counted", "Counted-a"), "5");
    add(it, "Counted", "a", 4);
    assert_string_equal(versions(it, "Counted", "Counted-a"), "5");
    add(it, "Counted", "a", 1);
    assert_string_equal(versions(it, "Counted", "Counted-a"), "10 5");
    assert_string_equal(versions(it, "Counted", "Counted-b"), "");
}

static void one_is_made_when_the_last_is_old(void **state)
{
    world *it = *state;
    add(it, "Timed", "a", 1);
    by_hand_us += 59 * SECOND;
    add(it, "Timed", "a", 1);
    assert_string_equal(versions(it, "Timed", "Timed-a"), "");
    by_hand_us += SECOND;
    add(it, "Timed", "a", 1);
    assert_string_equal(versions(it, "Timed", "Timed-a"), "3");
    by_hand_us += 59 * SECOND;
    add(it, "Timed", "a", 1);
    assert_string_equal(versions(it, "Timed", "Timed-a"), "3");
    by_hand_us += SECOND;
    add(it, "Timed", "a", 1);
    assert_string_equal(versions(it, "Timed", "Timed-a"), "5 3");
}

static void time_alone_makes_none(void **state)
{
    world *it = *state;
    add(it, "Timed", "a", 1);
    by_hand_us += 60 * SECOND;
    add(it, "Timed", "a", 1);
    by_hand_us += 3600 * SECOND;
    settle(it);
    assert_string_equal(versions(it, "Timed", "Timed-a"), "2");
    forget_states(it);
    assert_int_equal(total(it, "Timed", "a"), 2);
    settle(it);
    assert_string_equal(versions(it, "Timed", "Timed-a"), "2");
}

static void the_age_is_known_after_loading(void **state)
{
    world *it = *state;
    add(it, "Timed", "a", 1);
    by_hand_us += 40 * SECOND;
    forget_states(it);
    add(it, "Timed", "a", 1); /* 40 s after the first event */
    assert_string_equal(versions(it, "Timed", "Timed-a"), "");
    by_hand_us += 20 * SECOND;
    forget_states(it);
    add(it, "Timed", "a", 1);
    /* It was due when it was loaded; what was decided then is in it. */
    assert_string_equal(versions(it, "Timed", "Timed-a"), "3");
    by_hand_us += 59 * SECOND;
    forget_states(it);
    add(it, "Timed", "a", 1);
    assert_string_equal(versions(it, "Timed", "Timed-a"), "3");
}

static void a_clock_set_back_only_delays(void **state)
{
    world *it = *state;
    add(it, "Timed", "a", 1);
    by_hand_us += 60 * SECOND;
    add(it, "Timed", "a", 1);
    assert_string_equal(versions(it, "Timed", "Timed-a"), "2");
    by_hand_us -= 3600 * SECOND;
    add(it, "Timed", "a", 1);
    by_hand_us += 60 * SECOND;
    add(it, "Timed", "a", 1);
    assert_string_equal(versions(it, "Timed", "Timed-a"), "4 2");
}

static void of_two_policies_the_first_counts(void **state)
{
    world *it = *state;
    add(it, "Both", "a", 5);
    assert_string_equal(versions(it, "Both", "Both-a"), "5");
    by_hand_us += 60 * SECOND;
    add(it, "Both", "a", 1);
    assert_string_equal(versions(it, "Both", "Both-a"), "6");
    by_hand_us += 59 * SECOND;
    add(it, "Both", "a", 4);
    assert_string_equal(versions(it, "Both", "Both-a"), "6");
    add(it, "Both", "a", 1);
    assert_string_equal(versions(it, "Both", "Both-a"), "11");
}

static void without_a_policy_there_is_none(void **state)
{
    world *it = *state;
    add(it, "Plain", "a", 20);
    assert_string_equal(versions(it, "Plain", "Plain-a"), "");
}

static void two_stay_unless_told_otherwise(void **state)
{
    world *it = *state;
    add(it, "Counted", "a", 20);
    assert_string_equal(versions(it, "Counted", "Counted-a"), "20 15");
    add(it, "Both", "a", 20);
    assert_string_equal(versions(it, "Both", "Both-a"), "20");
}

/* ---- Behind the answers ---------------------------------------------------------------------- */

static void no_answer_waits_for_one(void **state)
{
    world *it = *state;
    neapi_lane *lane = by_hand_lane(&it->runtime);
    add(it, "Counted", "a", 4);
    send(it, "Counted", "a", 1);
    neapi_lane_step(lane);
    assert_int_equal(lane->submitted, 1); /* the command's unit alone */
    neapi_writer_step(&it->runtime.writer);
    neapi_lane_step(lane);
    assert_int_equal(it->answered, 5);
    assert_false(it->snapshot_before_answer);
    assert_int_equal(lane->submitted, 1); /* and now the snapshot's */
    assert_string_equal(versions(it, "Counted", "Counted-a"), "");
    neapi_writer_step(&it->runtime.writer);
    assert_string_equal(versions(it, "Counted", "Counted-a"), "5");
    settle(it);
}

static void few_are_made_while_there_is_other_work(void **state)
{
    world *it = *state;
    neapi_lane *lane = by_hand_lane(&it->runtime);
    for (int stream = 0; stream < 20; stream++) {
        char id[8];
        snprintf(id, sizeof id, "%d", stream);
        for (int i = 0; i < 5; i++)
            send(it, "Counted", id, 1);
    }
    neapi_lane_step(lane);
    neapi_writer_step(&it->runtime.writer);
    assert_true(neapi_lane_step(lane)); /* answers all */
    assert_int_equal(it->answered, 100);
    assert_int_equal(lane->submitted, 1);
    assert_true(neapi_lane_step(lane)); /* nothing else to do */
    assert_int_equal(lane->submitted, 17);
    assert_true(neapi_lane_step(lane));
    assert_int_equal(lane->submitted, 20);
    assert_false(neapi_lane_step(lane));
    settle(it);
    assert_string_equal(versions(it, "Counted", "Counted-19"), "5");
}

static void what_is_due_is_made_when_the_lane_stops(void **state)
{
    world *it = *state;
    neapi_lane *lane = by_hand_lane(&it->runtime);
    for (int stream = 0; stream < 20; stream++) {
        char id[8];
        snprintf(id, sizeof id, "%d", stream);
        for (int i = 0; i < 5; i++)
            send(it, "Counted", id, 1);
    }
    neapi_lane_step(lane);
    neapi_writer_step(&it->runtime.writer);
    atomic_store(&lane->stopping, true);
    neapi_lane_step(lane);
    assert_int_equal(lane->submitted, 20);
    settle(it);
    atomic_store(&lane->stopping, false);
}

static void one_whose_state_was_let_go_is_not_made(void **state)
{
    world *it = *state;
    neapi_lane *lane = by_hand_lane(&it->runtime);
    lane->warm.capacity = 3;
    for (int stream = 0; stream < 3; stream++) {
        char id[8];
        snprintf(id, sizeof id, "%d", stream);
        for (int i = 0; i < 5; i++)
            send(it, "Counted", id, 1);
    }
    neapi_lane_step(lane);
    neapi_writer_step(&it->runtime.writer);
    neapi_lane_step(lane);
    assert_int_equal(lane->submitted, 1);
    for (int stream = 3; stream < 9; stream++) {
        char id[8];
        snprintf(id, sizeof id, "%d", stream);
        send(it, "Plain", id, 1);
    }
    settle(it);
    assert_int_equal(it->failed, 0);
    assert_int_equal(lane->submitted, 0);
}

/* ---- What is refused, and what is lost ------------------------------------------------------- */

/* Appends as another writer would. */
static void intrude(world *it, const char *stream, const char *type, const char *json)
{
    neapi_outcome outcome;
    neap_error error;
    neapi_unit *unit = neapi_unit_new((neap_uuid){{1}});
    const neap_event event = {.recorded_at = by_hand_us,
                              .id = neapi_uuid_new(&by_hand_lane(&it->runtime)->ids, by_hand_us),
                              .schema = 1,
                              .type = neapi_text_of(type),
                              .data = neapi_text_of(json)};
    assert_int_equal(neapi_unit_append(unit, neapi_text_of(stream), NEAP_ANY_VERSION, &event),
                     NEAP_OK);
    assert_int_equal(
        neapi_commit(it->runtime.writer.session, &unit, 1, by_hand_us, &outcome, &error), NEAP_OK);
    neapi_unit_release(unit);
}

static void a_refused_version_has_none(void **state)
{
    world *it = *state;
    neapi_lane *lane = by_hand_lane(&it->runtime);
    for (int i = 0; i < 5; i++)
        send(it, "Counted", "a", 1);
    neapi_lane_step(lane);
    neapi_writer_step(&it->runtime.writer);
    send(it, "Counted", "a", 1); /* is decided before the snapshot is made */
    intrude(it, "Counted-a", "CountedAdded", "{\"id\":\"a\",\"n\":100}");
    neapi_lane_step(lane);
    assert_int_equal(lane->submitted, 2);
    neapi_writer_step(&it->runtime.writer); /* refuses the sixth, and the snapshot with it */
    assert_string_equal(versions(it, "Counted", "Counted-a"), "");
    settle(it);
    assert_int_equal(it->failed, 0);
    assert_string_equal(versions(it, "Counted", "Counted-a"), "7");
    assert_int_equal(total(it, "Counted", "a"), 106);
    assert_int_equal(it->warnings, 0);
}

static void one_that_was_lost_is_made_again(void **state)
{
    world *it = *state;
    if (strcmp(it->url, "memory:") == 0)
        return;
    neapi_lane *lane = by_hand_lane(&it->runtime);
    for (int i = 0; i < 5; i++)
        send(it, "Counted", "a", 1);
    neapi_lane_step(lane);
    neapi_writer_step(&it->runtime.writer);
    neapi_lane_step(lane); /* answers; the snapshot is with the writer, which does no more */
    assert_int_equal(it->answered, 5);
    restart(it);
    assert_string_equal(versions(it, "Counted", "Counted-a"), "");
    add(it, "Counted", "a", 1);
    assert_string_equal(versions(it, "Counted", "Counted-a"), "6");
    assert_int_equal(total(it, "Counted", "a"), 6);
}

static void they_are_there_after_a_restart(void **state)
{
    world *it = *state;
    if (strcmp(it->url, "memory:") == 0)
        return;
    uint64_t through;
    add(it, "Counted", "a", 7);
    restart(it);
    assert_int_equal(total_at(it, "Counted", "a", UINT64_MAX, &through), 7);
    assert_int_equal(through, 5);
}

/* ---- Which ----------------------------------------------------------------------------------- */

static void the_newest_at_or_below_a_version_is_used(void **state)
{
    world *it = *state;
    static const uint64_t cases[][2] = {{4, 0},   {5, 5},   {7, 5},  {9, 5},
                                        {10, 10}, {12, 10}, {99, 10}};
    add(it, "Counted", "a", 12);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t through, version = cases[i][0];
        long expected = version < 12 ? (long)version : 12;
        assert_int_equal(total_at(it, "Counted", "a", version, &through), expected);
        assert_int_equal(through, cases[i][1]);
    }
}

static void that_of_a_changed_domain_is_not_used(void **state)
{
    world *it = *state;
    uint64_t through;
    add(it, "Counted", "a", 7);
    add(it, "Pinned", "a", 7);
    by_hand_lane(&it->runtime)->fingerprint = NEAPI_LITERAL("another");
    forget_states(it);
    assert_int_equal(total_at(it, "Counted", "a", UINT64_MAX, &through), 7);
    assert_int_equal(through, 0);
    assert_int_equal(total_at(it, "Pinned", "a", UINT64_MAX, &through), 7);
    assert_int_equal(through, 5);
    add(it, "Counted", "a", 1); /* had to be folded whole: so that it was the last time */
    assert_string_equal(versions(it, "Counted", "Counted-a"), "8");
    assert_int_equal(it->warnings, 0);
}

/* Puts `bytes` in the place of the newest snapshot of a stream of eleven events. */
static void check_passed_over(world *it, neap_text bytes, const char *why)
{
    uint64_t through;
    unsigned before = it->warnings;
    put(it, "Counted", "Counted-a", 10, bytes);
    forget_states(it);
    assert_int_equal(total_at(it, "Counted", "a", UINT64_MAX, &through), 11);
    assert_int_equal(through, 5);
    assert_int_equal(it->warnings, before + 1);
    if (strstr(it->warning, why) == NULL ||
        strstr(it->warning, "snapshot 10 of Counted-a is passed over") == NULL)
        fail_msg("%s", it->warning);
}

static void a_damaged_one_is_passed_over_and_made_again(void **state)
{
    world *it = *state;
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_snapshot five, ten;
    add(it, "Counted", "a", 11);
    assert_true(find(it, "Counted", "Counted-a", 5, &arena, &five));
    assert_true(find(it, "Counted", "Counted-a", 10, &arena, &ten));
    char *copy = neapi_arena_alloc(&arena, ten.state.size);
    for (size_t i = 0; i < ten.state.size; i++) {
        memcpy(copy, ten.state.data, ten.state.size);
        copy[i] ^= 0x40;
        check_passed_over(it, neapi_text(copy, ten.state.size), i < 4 ? "version" : "damaged");
    }
    for (size_t size = 0; size < ten.state.size; size++)
        check_passed_over(it, neapi_text(ten.state.data, size), size < 20 ? "version" : "damaged");
    check_passed_over(it, five.state, "damaged"); /* another version's */
    check_passed_over(it, NEAPI_LITERAL("\1\7\0\0"), "version");
    forget_states(it);
    add(it, "Counted", "a", 1);
    assert_string_equal(versions(it, "Counted", "Counted-a"), "12 10");
    it->warnings = 0;
    forget_states(it);
    assert_int_equal(total(it, "Counted", "a"), 12);
    assert_int_equal(it->warnings, 0);
    neapi_arena_fini(&arena);
}

static void one_of_events_that_are_not_there_is_passed_over(void **state)
{
    world *it = *state;
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_snapshot five;
    uint64_t through;
    add(it, "Counted", "a", 5);
    assert_true(find(it, "Counted", "Counted-a", 5, &arena, &five));
    by_hand_lane(&it->runtime)->fingerprint = NEAPI_LITERAL("another");
    close_world(it);
    remove_files();
    open_world(it);
    add(it, "Counted", "a", 3);
    put(it, "Counted", "Counted-a", 5, five.state);
    forget_states(it);
    assert_int_equal(total_at(it, "Counted", "a", UINT64_MAX, &through), 3);
    assert_int_equal(through, 0);
    assert_non_null(strstr(it->warning, "the stream ends at 3"));
    add(it, "Counted", "a", 1); /* sooner than it would be due */
    assert_string_equal(versions(it, "Counted", "Counted-a"), "5 4");
    neapi_arena_fini(&arena);
}

/* ---- What cannot be kept --------------------------------------------------------------------- */

static void a_state_that_cannot_be_saved_is_said_once(void **state)
{
    world *it = *state;
    add(it, "Unsavable", "a", 10);
    assert_int_equal(it->warnings, 1);
    assert_non_null(strstr(it->warning, "no snapshot of Unsavable-a: the state cannot be kept: "
                                        "call is a function"));
    assert_int_equal(total(it, "Unsavable", "a"), 10);
    forget_states(it);
    add(it, "Unsavable", "a", 1);
    assert_int_equal(it->warnings, 2);
}

static void a_state_that_is_too_large_is_said_once(void **state)
{
    world *it = *state;
    send(it, "Growing", "a", 500);
    settle(it);
    assert_string_equal(versions(it, "Growing", "Growing-a"), "1");
    for (int i = 0; i < 5; i++) {
        send(it, "Growing", "a", 1000);
        settle(it);
    }
    assert_string_equal(versions(it, "Growing", "Growing-a"), "1");
    assert_int_equal(it->warnings, 1);
    assert_non_null(strstr(it->warning, "takes more than 1024 bytes (snapshot_bytes)"));
    assert_int_equal(it->failed, 0);
    assert_int_equal(total(it, "Growing", "a"), 5500);
    forget_states(it);
    send(it, "Growing", "a", -1); /* small again */
    settle(it);
    assert_string_equal(versions(it, "Growing", "Growing-a"), "7 1");
}

#define TEST(name)                                                                                 \
    {                                                                                              \
#name, name, set_up, tear_down, NULL                                                       \
    }

static int run_on(const char *store, char *url)
{
    struct CMUnitTest tests[] = {
        TEST(one_is_made_every_so_many_events),
        TEST(one_is_made_when_the_last_is_old),
        TEST(time_alone_makes_none),
        TEST(the_age_is_known_after_loading),
        TEST(a_clock_set_back_only_delays),
        TEST(of_two_policies_the_first_counts),
        TEST(without_a_policy_there_is_none),
        TEST(two_stay_unless_told_otherwise),
        TEST(no_answer_waits_for_one),
        TEST(few_are_made_while_there_is_other_work),
        TEST(what_is_due_is_made_when_the_lane_stops),
        TEST(one_whose_state_was_let_go_is_not_made),
        TEST(a_refused_version_has_none),
        TEST(one_that_was_lost_is_made_again),
        TEST(they_are_there_after_a_restart),
        TEST(the_newest_at_or_below_a_version_is_used),
        TEST(that_of_a_changed_domain_is_not_used),
        TEST(a_damaged_one_is_passed_over_and_made_again),
        TEST(one_of_events_that_are_not_there_is_passed_over),
        TEST(a_state_that_cannot_be_saved_is_said_once),
        TEST(a_state_that_is_too_large_is_said_once),
    };
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tests[i].initial_state = url;
    return _cmocka_run_group_tests(store, tests, sizeof tests / sizeof *tests, NULL, NULL);
}

int main(void)
{
    static char memory_url[] = "memory:";
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(sqlite_url, sizeof sqlite_url, "sqlite:%s/s.db", folder);
    int failed = run_on("snapshots in memory", memory_url);
    failed += run_on("snapshots on sqlite", sqlite_url);
    rmdir(folder);
    return failed;
}
