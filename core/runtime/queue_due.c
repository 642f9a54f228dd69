/* What becomes of an entry that is due: it is begun, and what comes of that goes into a unit of the
 * queue's own, or to its owner. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "message/write.h"
#include "runtime/instance.h"
#include "runtime/queue_state.h"

/* ---- Units of the queue's own ---------------------------------------------------------------- */

static void keep_error(neapi_in_hand *it, const neap_error *error)
{
    if (it->error == NULL)
        it->error = neapi_alloc(sizeof *it->error);
    if (it->error != NULL && it->error != error)
        *it->error = *error;
}

static const neap_error *error_of(const neapi_in_hand *it)
{
    static const neap_error none = {
        .status = NEAP_NOMEM, .code = "nomem", .message = "there was no memory to say more"};
    return it->error != NULL ? it->error : &none;
}

/* First, twice that … up to the longest; a quarter less or more. */
static int64_t delay_us(const neapi_lane *lane, uint32_t attempts)
{
    double delay = NEAPI_QUEUE_FIRST_US;
    for (uint32_t i = 1; i < attempts && delay < NEAPI_QUEUE_LONGEST_US; i++)
        delay *= 2;
    if (delay > NEAPI_QUEUE_LONGEST_US)
        delay = NEAPI_QUEUE_LONGEST_US;
    uint32_t bits;
    neapi_random(lane->platform, &bits, sizeof bits);
    double share = (double)bits / UINT32_MAX * 2 - 1; /* from -1 to 1 */
    return (int64_t)(delay * (1 + NEAPI_QUEUE_JITTER * share));
}

static void write_failure(neapi_buffer *json, const neap_error *why)
{
    NEAPI_BUFFER_LITERAL(json, "{\"code\":");
    neapi_write_text(json, neapi_text_of(why->code));
    NEAPI_BUFFER_LITERAL(json, ",\"message\":");
    neapi_write_text(json, neapi_text_of(why->message));
    neapi_buffer_byte(json, '}');
}

/* An owner's stays in its place, so that the order of its entries is kept; another goes behind what
 * is due before. */
static neap_status put_again(neapi_in_hand *it, neapi_unit *unit, neap_error *error)
{
    neapi_buffer failure = NEAPI_BUFFER_INIT;
    neapi_queued changed = it->entry;
    changed.attempts++;
    changed.again_at = it->again_at;
    if (changed.owner.size == 0) {
        changed.first_us = changed.first_us != 0 ? changed.first_us : changed.due_us;
        changed.due_us = it->again_at;
    }
    write_failure(&failure, error_of(it));
    changed.failure = neapi_text(failure.data, failure.size);
    neap_status status = failure.failed ? neapi_nomem(error)
                                        : neapi_queue_put_again(unit, &it->entry, &changed, error);
    neapi_buffer_fini(&failure);
    return status;
}

static neap_status fill(neapi_in_hand *it, neapi_unit *unit, neap_error *error)
{
    switch (it->doing) {
    case NEAPI_UNIT_TRIES_AGAIN:
        return put_again(it, unit, error);
    case NEAPI_UNIT_BURIES:
        it->entry.attempts++;
        return neapi_queue_bury(unit, &it->entry, neapi_wall_us(it->queue->lane->platform),
                                error_of(it), error);
    case NEAPI_UNIT_DISCARDS:
        it->entry.name = (neap_text){0}; /* which is another's */
        return neapi_queue_take_out(unit, &it->entry, error);
    default:
        return neapi_queue_take_out(unit, &it->entry, error);
    }
}

static void wait_for_store(neapi_in_hand *it)
{
    neapi_in_hand_wait(it, neapi_wall_us(it->queue->lane->platform) + NEAPI_QUEUE_AGAIN_US);
}

static void say_what_became(const neapi_in_hand *it)
{
    const neapi_queue *queue = it->queue;
    if (it->doing == NEAPI_UNIT_TRIES_AGAIN)
        neapi_queue_say(queue, NEAP_LOG_INFO, &it->entry, "will be tried again", error_of(it));
    else if (it->doing == NEAPI_UNIT_BURIES)
        neapi_queue_say(queue, NEAP_LOG_ERROR, &it->entry, "became a dead letter", error_of(it));
    else if (it->doing == NEAPI_UNIT_TAKES_OUT && it->error != NULL)
        neapi_queue_say(queue, NEAP_LOG_WARN, &it->entry, "was rejected, and is dropped",
                        it->error);
}

/* Refused with a conflict: it took effect before, was cancelled, or has changed; the last is found
 * again. */
static void judged(neapi_lane *lane, neapi_submission *submission)
{
    neapi_in_hand *it = (neapi_in_hand *)(void *)submission;
    neapi_queue *queue = it->queue;
    bool accepted = submission->unit->state == NEAPI_UNIT_ACCEPTED;
    bool gone = submission->unit->verdict.status == NEAP_CONFLICT;
    (void)lane;
    neapi_unit_release(submission->unit);
    neapi_failure_release(submission->failure);
    *submission = (neapi_submission){0};
    queue->in_flight--;
    if (accepted)
        say_what_became(it);
    if (accepted && it->doing == NEAPI_UNIT_TRIES_AGAIN && it->line != NULL)
        neapi_in_hand_wait(it, it->again_at);
    else if (accepted || gone)
        neapi_in_hand_release(it);
    else
        wait_for_store(it);
}

static void submit(neapi_in_hand *it, neapi_in_hand_unit doing)
{
    neapi_lane *lane = it->queue->lane;
    neapi_unit *unit = neapi_unit_new(neapi_uuid_new(&lane->ids, neapi_wall_us(lane->platform)));
    it->doing = doing;
    if (unit == NULL || fill(it, unit, &lane->error) != NEAP_OK) {
        neapi_unit_release(unit);
        wait_for_store(it);
        return;
    }
    it->state = NEAPI_IN_HAND_UNIT;
    it->queue->in_flight++;
    it->submission = (neapi_submission){.unit = unit, .judged = judged};
    neapi_lane_submit(lane, &it->submission);
}

/* ---- Owners ---------------------------------------------------------------------------------- */

static const neapi_queue_owner *owner_of(const neapi_queue *queue, neap_text owner)
{
    const char *end = owner.size != 0 ? memchr(owner.data, '/', owner.size) : NULL;
    neap_text kind = neapi_text(owner.data, end != NULL ? (size_t)(end - owner.data) : owner.size);
    for (size_t i = 0; i < queue->owner_count; i++)
        if (kind.size != 0 && neapi_text_equal(queue->owners[i].kind, kind))
            return &queue->owners[i];
    return NULL;
}

/* Whether it is there still: what took effect, or was cancelled, is nothing to tell. */
static neap_status is_there(neapi_in_hand *it, bool *there, neap_error *error)
{
    neapi_arena arena = NEAPI_ARENA_INIT;
    neap_text json;
    neap_status status =
        neapi_find_document(it->queue->lane->session, NEAPI_QUEUE, neapi_queued_key_text(&it->key),
                            &arena, &json, there, error);
    neapi_arena_fini(&arena);
    if (status == NEAP_OK && *there)
        status = neapi_queued_is_wanted(it->queue->lane->session, &it->entry, there, error);
    return status;
}

static void give(neapi_in_hand *it, const neapi_queue_owner *owner)
{
    it->state = NEAPI_IN_HAND_GIVEN;
    it->queue->given++;
    it->due = (neapi_due){.entry = &it->entry, .error = it->error};
    owner->give(owner->user, &it->due);
}

/* It is not there, or is answered for good: by its owner, or here. */
static void end_with(neapi_in_hand *it, neapi_in_hand_unit doing)
{
    const neapi_queue_owner *owner = owner_of(it->queue, it->entry.owner);
    bool there;
    if (owner == NULL)
        submit(it, doing);
    else if (it->error == NULL || is_there(it, &there, &it->queue->lane->error) != NEAP_OK)
        wait_for_store(it);
    else if (there)
        give(it, owner);
    else
        neapi_in_hand_release(it);
}

/* ---- Commands -------------------------------------------------------------------------------- */

static bool is_worth_another_try(neap_status status)
{
    switch (status) {
    case NEAP_UNAVAILABLE:
    case NEAP_BUSY:
    case NEAP_TIMEOUT:
    case NEAP_LIMIT:
    case NEAP_HANDLER:
    case NEAP_CONFLICT:
    case NEAP_STORE:
    case NEAP_NOMEM:
        return true;
    default:
        return false;
    }
}

static void failed(neapi_in_hand *it, const neap_error *error)
{
    const neapi_lane *lane = it->queue->lane;
    if (error->status == NEAP_CLOSED) { /* nothing was done */
        wait_for_store(it);
        return;
    }
    keep_error(it, error);
    if (error->status == NEAP_REJECTED) {
        end_with(it, NEAPI_UNIT_TAKES_OUT);
    } else if (is_worth_another_try(error->status) &&
               it->entry.attempts + 1 < NEAPI_QUEUE_ATTEMPTS) {
        it->again_at = neapi_wall_us(lane->platform) + delay_us(lane, it->entry.attempts + 1);
        submit(it, NEAPI_UNIT_TRIES_AGAIN);
    } else {
        end_with(it, NEAPI_UNIT_BURIES);
    }
}

static neap_status fill_request(neapi_in_hand *it, neapi_request *request, neap_error *error)
{
    const neapi_lane *lane = it->queue->lane;
    const neapi_queued *entry = &it->entry;
    const neapi_message *message = request->message;
    request->due = it;
    request->arrived_us = neapi_monotonic_us(lane->platform);
    request->call = (neapi_call){
        .id = entry->id,
        .correlation_id = entry->correlation_id,
        .causation_id = entry->causation_id,
        .now_us = neapi_wall_us(lane->platform),
        .meta = request->meta,
    };
    request->consume = neapi_queue_consuming(&request->arena, entry, &request->consume_count);
    if (request->consume == NULL)
        return neapi_nomem(error);
    if (message->by != NEAPI_BY_AGGREGATE)
        return NEAP_OK;
    return neapi_instance_of_command(&request->arena, lane->catalog->aggregates[message->aggregate],
                                     request->json, &request->instance, error);
}

static void dispatch(neapi_in_hand *it)
{
    neapi_lane *lane = it->queue->lane;
    const neapi_queued *entry = &it->entry;
    const neapi_message *message;
    neapi_request *request = NULL;
    neap_error *error = &lane->error;
    neap_status status =
        neapi_catalog_message(lane->catalog, NEAP_KIND_COMMAND, entry->command, &message, error);
    if (status == NEAP_OK) {
        request = neapi_request_new(lane->platform, NEAPI_REQUEST_COMMAND, false, entry->data,
                                    (neap_text){0}, entry->meta);
        status = request != NULL ? NEAP_OK : neapi_nomem(error);
    }
    if (status == NEAP_OK) {
        request->message = message;
        status = fill_request(it, request, error);
    }
    if (status == NEAP_OK)
        status = neapi_lane_ask(lane, request, error);
    if (status == NEAP_OK) {
        it->state = NEAPI_IN_HAND_DISPATCHED;
        it->queue->in_flight++;
        return;
    }
    neapi_request_release(request);
    failed(it, error);
}

/* A command without an effect that middleware answered itself is done, too. */
static void succeeded(neapi_in_hand *it)
{
    bool there = false;
    neapi_lane *lane = it->queue->lane;
    if (lane->has_middleware && is_there(it, &there, &lane->error) != NEAP_OK)
        wait_for_store(it);
    else if (there)
        submit(it, NEAPI_UNIT_TAKES_OUT);
    else
        neapi_in_hand_release(it);
}

void neapi_queue_answered(neapi_queue *queue, neapi_request *request)
{
    neapi_in_hand *it = request->due;
    queue->in_flight--;
    if (request->status == NEAP_OK) {
        succeeded(it);
    } else if (request->error != NULL) {
        failed(it, request->error);
    } else {
        neapi_fail(&queue->lane->error, request->status, "there was no memory to say more");
        failed(it, &queue->lane->error);
    }
    neapi_request_release(request);
}

void neapi_in_hand_begin(neapi_in_hand *it)
{
    neapi_lane *lane = it->queue->lane;
    const neapi_queue_owner *owner = owner_of(it->queue, it->entry.owner);
    bool wanted = true;
    int64_t now_us = neapi_wall_us(lane->platform);
    if (it->line != NULL && it->entry.again_at > now_us) {
        neapi_in_hand_wait(it, it->entry.again_at);
    } else if (neapi_queued_is_wanted(lane->session, &it->entry, &wanted, &lane->error) !=
               NEAP_OK) {
        wait_for_store(it);
    } else if (!wanted) {
        submit(it, NEAPI_UNIT_DISCARDS);
    } else if (!it->entry.is_timeout) {
        dispatch(it);
    } else if (owner != NULL) {
        give(it, owner);
    } else {
        neapi_fail(&lane->error, NEAP_UNKNOWN, "nobody waits for timeouts of '%.*s' any more",
                   NEAPI_TEXT(it->entry.owner));
        failed(it, &lane->error);
    }
}
