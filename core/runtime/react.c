#include "runtime/react.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "bus/partition.h"
#include "runtime/dead_letter.h"
#include "runtime/guard.h"
#include "runtime/lane_log.h"
#include "runtime/outlet.h"
#include "runtime/passage.h"
#include "runtime/retry.h"
#include "runtime/sending.h"

/* ---- Streams that wait ----------------------------------------------------------------------- */

static void forget_held(neapi_partition *partition)
{
    neapi_map_fini(&partition->held);
    neapi_map_init(&partition->held);
    neapi_arena_clear(&partition->held_names);
}

static bool hold(neapi_partition *partition, neap_text stream)
{
    if (neapi_map_get(&partition->held, stream) != NULL)
        return true;
    neap_text name = neapi_arena_text(&partition->held_names, stream);
    return name.data != NULL && neapi_map_put(&partition->held, name, partition);
}

static bool is_mine(const neapi_partition *partition, neap_text stream)
{
    uint32_t count = partition->build->partition_count;
    return count == 1 || neapi_partition_of(stream, count) == partition->number;
}

static bool open_unit(neapi_lane *lane, neapi_partition *partition)
{
    if (partition->unit == NULL)
        partition->unit = neapi_unit_new(neapi_uuid_new(&lane->ids, neapi_wall_us(lane->platform)));
    return partition->unit != NULL;
}

typedef struct starting {
    neapi_lane *lane;
    neapi_partition *partition;
    uint64_t position;
} starting;

static neap_status hold_found(void *user, const neapi_dead_letter *letter, neap_error *error)
{
    const starting *job = user;
    neapi_partition *partition = job->partition;
    if (!is_mine(partition, letter->stream))
        return NEAP_OK;
    bool done = letter->position > job->position
                    ? open_unit(job->lane, partition) &&
                          neapi_dead_letter_drop(partition->unit, partition->definition->name,
                                                 letter->position) == NEAP_OK
                    : hold(partition, letter->stream);
    return done ? NEAP_OK : neapi_nomem(error);
}

neap_status neapi_react_start(neapi_lane *lane, neapi_partition *partition, uint64_t position,
                              neap_error *error)
{
    starting job = {lane, partition, position};
    forget_held(partition);
    return neapi_dead_letters_walk(lane->session, partition->definition->name, hold_found, &job,
                                   error);
}

void neapi_react_forget(neapi_partition *partition)
{
    neapi_second_try *again = &partition->second_try;
    again->lost = again->lost || again->on || partition->unit != NULL;
    again->on = false;
    if (partition->attempt != NULL) /* its delivery was given up with its lane's Lua */
        neapi_request_release(partition->attempt);
    partition->attempt = NULL;
    neapi_unit_release(partition->unit);
    neapi_unit_release(partition->wanted);
    partition->unit = partition->wanted = NULL;
    partition->delivery = NEAPI_DELIVERY_NONE;
    partition->attempts = 0;
    partition->retry_us = partition->held_us = 0;
    neapi_count_set(&partition->failing, 0);
}

/* ---- Delivering ------------------------------------------------------------------------------ */

/* The delivery was answered: called while the lane works, which looks at it afterwards. */
static void answered(void *user, neap_status status, neap_reply *reply, const neap_error *error)
{
    neapi_partition *partition = user;
    neap_reply_free(reply);
    partition->delivery = status == NEAP_OK ? NEAPI_DELIVERY_DONE : NEAPI_DELIVERY_FAILED;
    if (status != NEAP_OK)
        partition->failure = *error;
}

static neap_status deliver(neapi_lane *lane, neapi_partition *partition, const neap_event *event,
                           neap_error *error)
{
    neapi_request *request = neapi_request_new(lane->platform, NEAPI_REQUEST_DELIVERY, false,
                                               (neap_text){0}, (neap_text){0}, event->meta);
    if (request == NULL)
        return neapi_nomem(error);
    if (!neapi_event_copy(&request->arena, event, &request->delivered)) {
        neapi_request_release(request);
        return neapi_nomem(error);
    }
    request->partition = partition;
    request->message = neapi_catalog_event(lane->catalog, event->type);
    /* A repeated delivery gives the same ids. */
    request->call = (neapi_call){
        .id = neapi_uuid_derive(event->id, neapi_text_hash(partition->definition->name, 0)),
        .correlation_id = event->correlation_id,
        .causation_id = event->id,
        .now_us = neapi_wall_us(lane->platform),
        .meta = request->meta};
    request->past_middleware = partition->definition->kind == NEAPI_OUTBOX;
    request->callback = answered;
    request->user = partition;
    partition->delivery = NEAPI_DELIVERY_UNDER_WAY;
    partition->counted = false;
    partition->retry_us = 0;
    neapi_request_list_push(&lane->ready, request);
    return NEAP_OK;
}

static void drop_wanted(neapi_partition *partition)
{
    neapi_unit_release(partition->wanted);
    partition->wanted = NULL;
}

neap_status neapi_react_take(neapi_lane *lane, neapi_request *request, const neapi_effects *effects,
                             neap_error *error)
{
    neapi_partition *partition = request->partition;
    const neapi_sender sender = {.call = &request->call, .position = request->delivered.position};
    drop_wanted(partition);
    if (effects->first == NULL)
        return NEAP_OK;
    partition->wanted = neapi_unit_new(request->call.id);
    return partition->wanted != NULL
               ? neapi_send_effects(lane, effects, &sender, partition->wanted, error)
               : neapi_nomem(error);
}

/* ---- Attempts -------------------------------------------------------------------------------- */

/* It takes no more: it is paused, ends, or begins again. */
static bool is_to_rest(const neapi_lane *lane, const neapi_partition *partition)
{
    return partition->again || atomic_load(&lane->stopping) ||
           atomic_load(&partition->build->subscribed->paused);
}

/* A dead letter is tried once each time. */
static bool is_second_try(const neapi_partition *partition)
{
    return partition->second_try.begun && partition->second_try.on;
}

static void fail_attempt(neapi_lane *lane, neapi_partition *partition, neap_status status,
                         const char *why)
{
    neapi_request *request = partition->attempt;
    partition->attempt = NULL;
    partition->retry_us = partition->held_us = 0;
    neapi_fail(&lane->error, status, "%s '%.*s' %s",
               neapi_subscription_kind_name(partition->definition->kind),
               NEAPI_TEXT(partition->definition->name), why);
    neapi_lane_fail(lane, request, &lane->error);
}

void neapi_react_abandon(neapi_lane *lane, neapi_partition *partition)
{
    if (partition->attempt == NULL)
        return;
    partition->again = true;
    fail_attempt(lane, partition, NEAP_UNAVAILABLE, "is to rest; the event is delivered again");
}

void neapi_react_attempt(neapi_lane *lane, neapi_request *request)
{
    neapi_partition *partition = request->partition;
    if (request->transient) {
        neapi_passage_begin(lane, request, NEAPI_HANDLING_SUBSCRIBER);
        return;
    }
    if (partition->running != request &&
        (is_to_rest(lane, partition) || !neapi_guard_enter(lane, partition))) {
        partition->attempt = request;
        if (is_to_rest(lane, partition))
            neapi_react_abandon(lane, partition);
        return;
    }
    partition->running = request;
    partition->retry_us = 0;
    request->effect = false;
    neapi_passage_begin(lane, request, NEAPI_HANDLING_SUBSCRIBER);
}

/* Begins the attempt that waits, if it may. */
static void go_on(neapi_lane *lane, neapi_partition *partition)
{
    neapi_request *request = partition->attempt;
    if (request == NULL)
        return;
    int64_t now_us = neapi_monotonic_us(lane->platform);
    if (request->deadline_us != NEAPI_NO_DEADLINE && now_us >= request->deadline_us) {
        fail_attempt(lane, partition, NEAP_TIMEOUT, "is held back for longer than the time allows");
        return;
    }
    if (now_us < partition->retry_us || !neapi_guard_enter(lane, partition))
        return;
    partition->attempt = NULL;
    partition->running = request;
    atomic_store(&request->stage, NEAPI_STAGE_WAITING);
    neapi_request_list_push(&lane->ready, request);
}

static void leave(neapi_lane *lane, neapi_partition *partition, const neap_error *error,
                  bool *opened)
{
    partition->running = NULL;
    *opened = neapi_guard_leave(lane, partition, error);
}

void neapi_react_answering(neapi_lane *lane, const neapi_request *request, const neap_error *error)
{
    bool opened;
    if (request->partition->running == request)
        leave(lane, request->partition, error, &opened);
}

int64_t neapi_react_wake_us(const neapi_partition *partition)
{
    int64_t wake_us = NEAPI_NO_DEADLINE;
    if (partition->retry_us != 0)
        wake_us = partition->retry_us;
    if (partition->held_us != 0 && (partition->held_us > wake_us || partition->retry_us == 0))
        wake_us = partition->held_us;
    if (partition->attempt != NULL && partition->attempt->deadline_us < wake_us)
        wake_us = partition->attempt->deadline_us;
    return wake_us;
}

/* ---- What comes of it ------------------------------------------------------------------------ */

static void go_behind(neapi_partition *partition)
{
    partition->event_at++;
    partition->delivery = NEAPI_DELIVERY_NONE;
    partition->attempts = 0;
    neapi_count_set(&partition->failing, 0);
    partition->retry_us = 0;
}

/* What is sent is documents. */
static neap_status take_over(neapi_unit *unit, const neapi_unit *wanted)
{
    neap_status status = NEAP_OK;
    for (size_t i = 0; i < wanted->op_count && status == NEAP_OK; i++)
        if (wanted->ops[i].kind == NEAPI_OP_DOCUMENT)
            status = neapi_unit_document(unit, &wanted->ops[i].document);
    if (wanted->due_us != 0 && (unit->due_us == 0 || wanted->due_us < unit->due_us))
        unit->due_us = wanted->due_us;
    return status;
}

/* What its handler wants done is to be committed. */
static neap_status take_wanted(neapi_lane *lane, neapi_partition *partition, neap_error *error)
{
    neapi_unit *wanted = partition->wanted;
    partition->wanted = NULL;
    neap_status status = NEAP_OK;
    if (wanted != NULL &&
        (!open_unit(lane, partition) || take_over(partition->unit, wanted) != NEAP_OK))
        status = neapi_nomem(error);
    neapi_unit_release(wanted);
    return status;
}

static neap_status take_effects(neapi_lane *lane, neapi_partition *partition, neap_error *error)
{
    neap_status status = take_wanted(lane, partition, error);
    if (status == NEAP_OK)
        go_behind(partition);
    return status;
}

neap_status neapi_react_set_aside(neapi_lane *lane, neapi_partition *partition,
                                  const neap_event *event, const neap_error *failure,
                                  neap_error *error)
{
    const neapi_dead_letter letter = {.subscription = partition->definition->name,
                                      .position = event->position,
                                      .stream = event->stream,
                                      .type = event->type,
                                      .event_id = event->id,
                                      .attempts = partition->attempts,
                                      .failed_at = neapi_wall_us(lane->platform),
                                      .error = failure};
    if (!open_unit(lane, partition) || !hold(partition, event->stream) ||
        neapi_dead_letter_put(partition->unit, &letter) != NEAP_OK)
        return neapi_nomem(error);
    if (failure != NULL)
        neapi_lane_say(lane, NEAP_LOG_ERROR, event->stream,
                       "%s '%.*s' could not handle %.*s at position %llu in %u attempt%s; it is a "
                       "dead letter now: %s",
                       neapi_subscription_kind_name(partition->definition->kind),
                       NEAPI_TEXT(partition->definition->name), NEAPI_TEXT(event->type),
                       (unsigned long long)event->position, partition->attempts,
                       partition->attempts == 1 ? "" : "s", failure->message);
    go_behind(partition);
    return NEAP_OK;
}

static bool has_attempts_left(const neapi_partition *partition, neap_status status)
{
    const neapi_subscription *definition = partition->definition;
    if (is_second_try(partition))
        return false;
    return definition->kind == NEAPI_OUTBOX
               ? neapi_retry_publishing(definition, status, partition->attempts)
               : partition->attempts < definition->attempts;
}

/* Gives when it is tried again: monotonic. */
static int64_t fail_for_now(const neapi_lane *lane, neapi_partition *partition,
                            const neap_error *error)
{
    neapi_partition_note_trouble(partition, partition->attempts, error);
    return neapi_monotonic_us(lane->platform) +
           neapi_retry_delay_us(lane->platform, partition->definition, partition->attempts);
}

bool neapi_react_fails(neapi_lane *lane, neapi_request *request, const neap_error *error)
{
    neapi_partition *partition = request->partition;
    bool opened;
    leave(lane, partition, error, &opened);
    if (is_to_rest(lane, partition))
        return false;
    partition->attempts++;
    /* The failure that opens the circuit is nobody's last: what is down is not the event. */
    bool again = has_attempts_left(partition, error->status) ||
                 (opened && !is_second_try(partition) && partition->definition->attempts > 1);
    int64_t retry_us = fail_for_now(lane, partition, error);
    if (!again || retry_us >= request->deadline_us) {
        partition->counted = true;
        return false;
    }
    partition->retry_us = retry_us;
    partition->attempt = request;
    return true;
}

/* The delivery has, with all its attempts. What middleware made fail is tried again with it. */
static neap_status failed(neapi_lane *lane, neapi_partition *partition, const neap_event *event,
                          neap_error *error)
{
    drop_wanted(partition);
    if (!partition->counted)
        partition->attempts++;
    partition->counted = false;
    if (has_attempts_left(partition, partition->failure.status)) {
        partition->retry_us = fail_for_now(lane, partition, &partition->failure);
        partition->delivery = NEAPI_DELIVERY_NONE;
        return NEAP_OK;
    }
    if (!partition->definition->stops)
        return neapi_react_set_aside(lane, partition, event, &partition->failure, error);
    *error = partition->failure;
    /* Whatever it was, it is about this event. */
    return partition->definition->kind == NEAPI_OUTBOX ? neapi_error_as(error, NEAP_INVALID)
                                                       : error->status;
}

/* ---- Dead letters once more ------------------------------------------------------------------ */

struct neapi_second_letter {
    struct neapi_second_letter *next;
    uint64_t position;
    uint32_t attempts;
    neap_uuid event_id;
    neap_text stream, type;
    bool stays; /* it failed, or one before it in its stream did */
};

typedef struct neapi_second_letter second_letter;

typedef struct letter_filter {
    neapi_partition *partition;
    neap_text stream;
    uint64_t dropped;
    second_letter **last;
} letter_filter;

static neap_status list_letter(void *user, const neapi_dead_letter *letter, neap_error *error)
{
    letter_filter *filter = user;
    neapi_arena *arena = &filter->partition->second_try.arena;
    if (!is_mine(filter->partition, letter->stream) || letter->position == filter->dropped ||
        (filter->stream.size != 0 && !neapi_text_equal(filter->stream, letter->stream)))
        return NEAP_OK;
    second_letter *made = neapi_arena_alloc(arena, sizeof *made);
    if (made == NULL)
        return neapi_nomem(error);
    *made = (second_letter){.position = letter->position,
                            .attempts = letter->attempts,
                            .event_id = letter->event_id,
                            .stream = neapi_arena_text(arena, letter->stream),
                            .type = neapi_arena_text(arena, letter->type)};
    if (made->stream.data == NULL || made->type.data == NULL)
        return neapi_nomem(error);
    *filter->last = made;
    filter->last = &made->next;
    return NEAP_OK;
}

neap_status neapi_react_again(neapi_partition *partition, neap_text stream, uint64_t dropped,
                              bool drops, neap_error *error)
{
    neapi_second_try *again = &partition->second_try;
    neapi_arena_clear(&again->arena);
    again->first = again->current = NULL;
    again->stream = neapi_arena_text(&again->arena, stream);
    again->dropped = dropped;
    again->drops = drops;
    if (stream.size != 0 && again->stream.data == NULL)
        return neapi_nomem(error);
    again->on = true;
    again->lost = again->begun = false;
    return NEAP_OK;
}

/* Nothing is in flight: what is a dead letter is stored as one, also what was set aside last. */
static void begin_again(neapi_lane *lane, neapi_partition *partition)
{
    neapi_second_try *again = &partition->second_try;
    neap_error *error = &lane->error;
    letter_filter filter = {partition, again->stream, again->dropped, &again->first};
    neap_status status = neapi_dead_letters_walk(lane->session, partition->definition->name,
                                                 list_letter, &filter, error);
    if (status == NEAP_OK && again->dropped != 0 &&
        (!open_unit(lane, partition) ||
         neapi_dead_letter_drop(partition->unit, partition->definition->name, again->dropped) !=
             NEAP_OK))
        status = neapi_nomem(error);
    again->begun = true;
    again->current = again->first;
    if (status != NEAP_OK) {
        neapi_lane_say(lane, NEAP_LOG_WARN, again->stream,
                       "dead letters of subscriber '%.*s' cannot be tried again: %s",
                       NEAPI_TEXT(partition->definition->name), error->message);
        again->on = false;
        again->lost = true;
    } else if (again->first == NULL && again->stream.size != 0) {
        neapi_map_remove(&partition->held, again->stream);
    }
}

static neap_status deliver_stored(neapi_lane *lane, neapi_partition *partition,
                                  const second_letter *letter, neap_error *error)
{
    neapi_page page = NEAPI_PAGE_INIT;
    const neapi_range range = {
        .from = letter->position, .to = letter->position, .max_events = 1, .max_bytes = SIZE_MAX};
    neap_status status = neapi_read(lane->session, &range, &page, error);
    if (status == NEAP_OK && page.count == 0)
        status = neapi_fail(error, NEAP_CORRUPT, "the store has no event at position %llu",
                            (unsigned long long)letter->position);
    if (status == NEAP_OK && partition->outlet != NULL)
        status = neapi_publish_one(lane, partition, &page.events[0], error);
    else if (status == NEAP_OK)
        status = deliver(lane, partition, &page.events[0], error);
    neapi_page_fini(&page);
    return status;
}

/* It is handled, and no dead letter any more. */
static neap_status bring_back(neapi_lane *lane, neapi_partition *partition, neap_error *error)
{
    const second_letter *letter = partition->second_try.current;
    neap_status status = take_wanted(lane, partition, error);
    if (status == NEAP_OK && (!open_unit(lane, partition) ||
                              neapi_dead_letter_drop(partition->unit, partition->definition->name,
                                                     letter->position) != NEAP_OK))
        status = neapi_nomem(error);
    return status;
}

/* It failed once more: what is behind it in its stream waits on. */
static neap_status leave_there(neapi_lane *lane, neapi_partition *partition, neap_error *error)
{
    second_letter *letter = partition->second_try.current;
    const neapi_dead_letter kept = {.subscription = partition->definition->name,
                                    .position = letter->position,
                                    .stream = letter->stream,
                                    .type = letter->type,
                                    .event_id = letter->event_id,
                                    .attempts = letter->attempts + 1,
                                    .failed_at = neapi_wall_us(lane->platform),
                                    .error = &partition->failure};
    drop_wanted(partition);
    for (second_letter *each = letter; each != NULL; each = each->next)
        each->stays = each->stays || neapi_text_equal(each->stream, letter->stream);
    return open_unit(lane, partition) && neapi_dead_letter_put(partition->unit, &kept) == NEAP_OK
               ? NEAP_OK
               : neapi_nomem(error);
}

/* Streams without a letter that stays go on. */
static void release_streams(neapi_partition *partition)
{
    second_letter *first = partition->second_try.first;
    for (second_letter *each = first; each != NULL; each = each->next) {
        bool stays = false;
        for (second_letter *other = first; other != NULL && !stays; other = other->next)
            stays = other->stays && neapi_text_equal(other->stream, each->stream);
        if (!stays)
            neapi_map_remove(&partition->held, each->stream);
    }
    partition->second_try.on = false;
}

static void next_letter(neapi_partition *partition)
{
    partition->second_try.current = partition->second_try.current->next;
    partition->delivery = NEAPI_DELIVERY_NONE;
    partition->attempts = 0;
    neapi_count_set(&partition->failing, 0);
}

static neap_status try_again(neapi_lane *lane, neapi_partition *partition, neap_error *error)
{
    neap_status status = NEAP_OK;
    for (second_letter *it; status == NEAP_OK && (it = partition->second_try.current) != NULL;) {
        if (partition->outlet != NULL)
            neapi_publish_look(partition);
        if (partition->delivery == NEAPI_DELIVERY_UNDER_WAY) {
            go_on(lane, partition);
            if (partition->delivery == NEAPI_DELIVERY_UNDER_WAY)
                return NEAP_OK;
        }
        if (partition->second_try.drops)
            partition->delivery = NEAPI_DELIVERY_DONE;
        if (partition->delivery == NEAPI_DELIVERY_NONE && !it->stays) {
            if (!neapi_guard_is_free(lane, partition))
                return NEAP_OK;
            status = deliver_stored(lane, partition, it, error);
            continue;
        }
        if (partition->delivery == NEAPI_DELIVERY_DONE)
            status = bring_back(lane, partition, error);
        else if (partition->delivery == NEAPI_DELIVERY_FAILED)
            status = leave_there(lane, partition, error);
        next_letter(partition);
    }
    if (status == NEAP_OK)
        release_streams(partition);
    return status;
}

/* Between two events: one that is under way, or waits for its next attempt, comes first. No other
 * is begun meanwhile. */
static bool is_next(const neapi_partition *partition)
{
    return partition->second_try.on && partition->delivery == NEAPI_DELIVERY_NONE &&
           partition->retry_us == 0;
}

bool neapi_react_letters(neapi_lane *lane, neapi_partition *partition, neap_status *status,
                         neap_error *error)
{
    if (is_next(partition) && !partition->second_try.begun && !partition->in_flight &&
        partition->unit == NULL)
        begin_again(lane, partition);
    if (!partition->second_try.on || !partition->second_try.begun)
        return is_next(partition); /* it waits for what is in flight */
    *status = try_again(lane, partition, error);
    return partition->second_try.on;
}

bool neapi_react_is_held(const neapi_partition *partition, const neap_event *event)
{
    return neapi_map_get(&partition->held, event->stream) != NULL;
}

neap_status neapi_react(neapi_lane *lane, neapi_partition *partition, neap_error *error)
{
    neap_status status = NEAP_OK;
    if (neapi_react_letters(lane, partition, &status, error))
        return status;
    while (status == NEAP_OK && partition->event_at < partition->event_count) {
        const neap_event *event = partition->events[partition->event_at];
        switch (partition->delivery) {
        case NEAPI_DELIVERY_UNDER_WAY:
            go_on(lane, partition);
            if (partition->delivery == NEAPI_DELIVERY_UNDER_WAY)
                return NEAP_OK;
            break;
        case NEAPI_DELIVERY_DONE:
            status = take_effects(lane, partition, error);
            break;
        case NEAPI_DELIVERY_FAILED:
            status = failed(lane, partition, event, error);
            break;
        case NEAPI_DELIVERY_NONE:
            if (is_next(partition))
                return NEAP_OK; /* in the next step, or when nothing is in flight any more */
            if (partition->retry_us != 0 &&
                neapi_monotonic_us(lane->platform) < partition->retry_us)
                return NEAP_OK;
            if (!is_mine(partition, event->stream))
                go_behind(partition);
            else if (neapi_react_is_held(partition, event))
                status = neapi_react_set_aside(lane, partition, event, NULL, error);
            else if (!neapi_guard_is_free(lane, partition))
                return NEAP_OK;
            else
                status = deliver(lane, partition, event, error);
            break;
        }
    }
    return status;
}
