/* The bytes of a snapshot: a mark of the form, when it was taken (µs, eight bytes, lowest first), a
 * hash of all that must be as it was (the same), and the saved state. */
#include "runtime/snapshot.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/lane_log.h"

#define FORM         "NpS\1"
#define FORM_BYTES   4
#define TAKEN_AT     FORM_BYTES
#define HASH_AT      (TAKEN_AT + 8)
#define HEADER_BYTES (HASH_AT + 8)

/* One while there is other work: it delays that work by saving one state. */
#define AT_ONCE_BUSY 1
#define AT_ONCE_IDLE 16
#define AT_ONCE_LAST 256 /* when the lane stops */

/* What a larger state took is given back. */
#define SCRATCH_KEPT ((size_t)1 << 20)

static neap_text fingerprint_of(const neapi_lane *lane, const neapi_aggregate *aggregate)
{
    return aggregate->snapshot_version.size != 0 ? aggregate->snapshot_version : lane->fingerprint;
}

static void put_number(char *bytes, uint64_t number)
{
    for (int i = 0; i < 8; i++)
        bytes[i] = (char)(number >> (8 * i));
}

static uint64_t number_at(const char *bytes)
{
    uint64_t number = 0;
    for (int i = 0; i < 8; i++)
        number |= (uint64_t)(unsigned char)bytes[i] << (8 * i);
    return number;
}

/* Finds out damage, which the store may not see, and bytes that belong to another stream or
 * version. */
static uint64_t hash_of(neap_text stream, uint64_t version, const char *taken_at, neap_text state)
{
    char number[8];
    put_number(number, version);
    uint64_t hash = neapi_text_hash(stream, 0);
    hash = neapi_text_hash(neapi_text(number, sizeof number), hash);
    hash = neapi_text_hash(neapi_text(taken_at, 8), hash);
    return neapi_text_hash(state, hash);
}

/* ---- Loading --------------------------------------------------------------------------------- */

static neap_status unpack(neapi_lane *lane, neap_text stream, const neapi_snapshot *found,
                          neapi_state *state, int64_t *taken_at, neap_error *error)
{
    neap_text bytes = found->state;
    if (bytes.size < HEADER_BYTES || memcmp(bytes.data, FORM, FORM_BYTES) != 0)
        return neapi_fail(error, NEAP_CORRUPT, "its form is of another version");
    neap_text saved = neapi_text(bytes.data + HEADER_BYTES, bytes.size - HEADER_BYTES);
    const char *time = bytes.data + TAKEN_AT;
    if (number_at(bytes.data + HASH_AT) != hash_of(stream, found->version, time, saved))
        return neapi_fail(error, NEAP_CORRUPT, "its bytes are damaged");
    *taken_at = (int64_t)number_at(time);
    return neapi_engine_state_load(lane->engine, saved, state, error);
}

neap_status neapi_snapshot_load(neapi_lane *lane, const neapi_instance *instance,
                                uint64_t max_version, neapi_state *state, neapi_snapshot_mark *mark,
                                neap_error *error)
{
    const neapi_aggregate *aggregate = instance->aggregate;
    neap_text name = instance->name;
    neapi_arena arena = NEAPI_ARENA_INIT;
    neap_status status = NEAP_OK;
    bool found = neapi_snapshot_wanted(instance);
    while (found && mark->version == 0 && max_version > 0) {
        neapi_snapshot snapshot;
        neap_error reason;
        neapi_arena_clear(&arena);
        status =
            neapi_find_snapshot(lane->session, name, max_version, fingerprint_of(lane, aggregate),
                                &arena, &snapshot, &found, error);
        if (status != NEAP_OK || !found)
            break;
        if (unpack(lane, name, &snapshot, state, &mark->since_us, &reason) == NEAP_OK) {
            mark->version = snapshot.version;
            break;
        }
        neapi_lane_say(lane, NEAP_LOG_WARN, instance->stream,
                       "snapshot %llu of %.*s is passed over: %s",
                       (unsigned long long)snapshot.version, NEAPI_TEXT(name), reason.message);
        mark->since_us = 0;
        mark->passed_over = true;
        bool sensible = snapshot.version > 0 && snapshot.version <= max_version;
        max_version = sensible ? snapshot.version - 1 : 0;
    }
    neapi_arena_fini(&arena);
    return status;
}

/* ---- Making ---------------------------------------------------------------------------------- */

static bool is_due(const neapi_lane *lane, const neapi_warm *warm)
{
    const neapi_aggregate *aggregate = warm->instance.aggregate;
    const neapi_snapshot_mark *mark = &warm->snapshot;
    if (!warm->loaded || warm->stale || mark->given_up || warm->version <= mark->version)
        return false;
    /* By tags there is no position yet of what is in flight; and most instances, a course with a
     * student, are decided once: snapshots of each would only fill the store. */
    bool by_tags = warm->instance.tag_count != 0;
    if (by_tags && (warm->in_flight != 0 || warm->decisions < 2))
        return false;
    if (mark->passed_over)
        return true;
    if (aggregate->snapshot_every != 0 &&
        (by_tags ? mark->folded : warm->version - mark->version) >= aggregate->snapshot_every)
        return true;
    return aggregate->snapshot_after_us != 0 &&
           neapi_wall_us(lane->platform) - mark->since_us >= aggregate->snapshot_after_us;
}

void neapi_snapshot_consider(neapi_lane *lane, neapi_warm *warm)
{
    neapi_snapshot_mark *mark = &warm->snapshot;
    if (lane->writer == NULL || !neapi_snapshot_wanted(&warm->instance) || warm->due)
        return;
    if (warm->instance.aggregate->snapshot_after_us != 0) {
        int64_t now = neapi_wall_us(lane->platform);
        if (mark->since_us == 0 || mark->since_us > now) /* a clock that was set back */
            mark->since_us = now;
    }
    if (is_due(lane, warm))
        neapi_warm_push_due(&lane->warm, warm);
}

static neap_status save(neapi_lane *lane, const neapi_warm *warm, int64_t now, neapi_buffer *bytes,
                        neap_error *error)
{
    char header[HEADER_BYTES] = FORM;
    neapi_buffer_clear(bytes);
    neapi_buffer_append(bytes, header, sizeof header);
    neap_status status = neapi_engine_state_save(lane->engine, warm->state,
                                                 lane->options->snapshot_bytes, bytes, error);
    if (status != NEAP_OK)
        return status;
    if (bytes->failed)
        return neapi_nomem(error);
    put_number(bytes->data + TAKEN_AT, (uint64_t)now);
    neap_text saved = neapi_text(bytes->data + HEADER_BYTES, bytes->size - HEADER_BYTES);
    put_number(bytes->data + HASH_AT,
               hash_of(warm->instance.name, warm->version, bytes->data + TAKEN_AT, saved));
    return NEAP_OK;
}

/* The state may be ahead of what is accepted: the unit follows the newest one in flight, and falls
 * with it. */
static neap_status make_unit(neapi_lane *lane, const neapi_warm *warm, int64_t now,
                             neapi_unit **made, neap_error *error)
{
    neap_status status = save(lane, warm, now, &lane->scratch, error);
    if (status != NEAP_OK)
        return status;
    neapi_unit *unit = neapi_unit_new(neapi_uuid_new(&lane->ids, now));
    if (unit == NULL)
        return neapi_nomem(error);
    const neapi_snapshot snapshot = {
        .name = warm->instance.name,
        .version = warm->version,
        .fingerprint = fingerprint_of(lane, warm->instance.aggregate),
        .state = neapi_text(lane->scratch.data, lane->scratch.size),
        .keep = warm->instance.aggregate->snapshot_keep,
    };
    neapi_unit_follow(unit, warm->last);
    if (neapi_unit_snapshot(unit, &snapshot) != NEAP_OK) {
        neapi_unit_release(unit);
        return neapi_nomem(error);
    }
    *made = unit;
    return NEAP_OK;
}

/* A state that cannot be saved is not tried again while it is warm: it rarely becomes one that
 * can. Any other failure is tried again when the next snapshot is due. */
static void fail(neapi_lane *lane, neapi_warm *warm, const neap_error *error)
{
    warm->snapshot.given_up = error->status != NEAP_NOMEM;
    neapi_lane_say(lane, NEAP_LOG_WARN, warm->instance.stream, "no snapshot of %.*s: %s",
                   NEAPI_TEXT(warm->instance.name), error->message);
}

static void make(neapi_lane *lane, neapi_warm *warm)
{
    int64_t now = neapi_wall_us(lane->platform);
    neap_error error;
    warm->snapshot = (neapi_snapshot_mark){.version = warm->version, .since_us = now};
    neapi_submission *submission = neapi_alloc_zero(1, sizeof *submission);
    neap_status status = submission != NULL ? make_unit(lane, warm, now, &submission->unit, &error)
                                            : neapi_nomem(&error);
    if (status == NEAP_OK) {
        neapi_lane_submit(lane, submission);
        return;
    }
    fail(lane, warm, &error);
    neapi_free(submission);
}

void neapi_snapshot_make_before(neapi_lane *lane, neapi_warm *warm)
{
    if (!warm->due || !is_due(lane, warm))
        return;
    neapi_lane_flush(lane);
    make(lane, warm);
}

bool neapi_snapshot_make_due(neapi_lane *lane, bool idle)
{
    bool last = atomic_load(&lane->stopping);
    unsigned left = last ? AT_ONCE_LAST : idle ? AT_ONCE_IDLE : AT_ONCE_BUSY;
    bool any = false;
    for (neapi_warm *warm; left > 0 && (warm = neapi_warm_pop_due(&lane->warm)) != NULL;) {
        if (!is_due(lane, warm))
            continue;
        make(lane, warm);
        any = true;
        left--;
    }
    while (last && neapi_warm_pop_due(&lane->warm) != NULL)
        continue;
    if (any)
        neapi_lane_flush(lane);
    if (lane->scratch.capacity > SCRATCH_KEPT)
        neapi_buffer_fini(&lane->scratch);
    return any;
}

void neapi_snapshot_judged(neapi_lane *lane, neapi_submission *submission)
{
    const neapi_unit *unit = submission->unit;
    neap_status status = unit->verdict.status;
    neapi_count_add(&lane->metrics->snapshots, unit->state == NEAPI_UNIT_ACCEPTED);
    if (unit->state != NEAPI_UNIT_ACCEPTED && status != NEAP_CONFLICT) {
        neap_text name = unit->ops[0].snapshot.name;
        neapi_warm *warm = neapi_warm_find(&lane->warm, name);
        if (warm != NULL && status == NEAP_LIMIT)
            warm->snapshot.given_up = true;
        neapi_lane_say(lane, NEAP_LOG_WARN, warm != NULL ? warm->instance.stream : (neap_text){0},
                       "a snapshot of %.*s was not kept: %s", NEAPI_TEXT(name),
                       neap_status_name(status));
    }
    neapi_unit_release(submission->unit);
    neapi_failure_release(submission->failure);
    neapi_free(submission);
}
