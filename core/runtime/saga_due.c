/* What the queue hands over: timeouts of sagas, and commands of theirs that did not take effect. */
#include <stdio.h>

#include "base/error.h"
#include "base/text.h"
#include "bus/partition.h"
#include "runtime/lane_log.h"
#include "runtime/runtime.h"
#include "runtime/saga_state.h"
#include "runtime/subscribed.h"

#define DUE_AT_ONCE 64

/* The parts of "saga/<name>/<key>". */
static bool split_owner(neap_text owner, neap_text *name, neap_text *key)
{
    size_t first = NEAPI_SAGA_OWNER.size + 1;
    if (owner.size <= first)
        return false;
    const char *begin = owner.data + first;
    const char *slash = memchr(begin, '/', owner.size - first);
    if (slash == NULL)
        return false;
    *name = neapi_text(begin, (size_t)(slash - begin));
    *key = neapi_text(slash + 1, (size_t)(owner.data + owner.size - slash - 1));
    return key->size != 0;
}

/* ---- On its way ------------------------------------------------------------------------------ */

static neapi_partition *partition_of(const neap_runtime *runtime, neap_text owner)
{
    neap_text name, key;
    if (!split_owner(owner, &name, &key))
        return NULL;
    for (uint32_t i = 0; i < runtime->subscribed_count; i++) {
        const neapi_subscription *definition = runtime->subscribed[i].definition;
        if (definition->kind != NEAPI_SAGA || !neapi_text_equal(definition->name, name))
            continue;
        neapi_build *live = atomic_load(&runtime->subscribed[i].live);
        return &live->partitions[neapi_partition_of(key, live->partition_count)];
    }
    return NULL;
}

/* One of a saga that the domain does not define any more stays where it is. */
static void give(void *user, neapi_due *due)
{
    neap_runtime *runtime = user;
    neapi_partition *partition = partition_of(runtime, due->entry->owner);
    if (partition == NULL) {
        neapi_report_text(&runtime->report, NEAP_LOG_WARN,
                          "something in the queue is of '%.*s', which the domain does not define",
                          NEAPI_TEXT(due->entry->owner));
        neapi_queue_park(due);
        return;
    }
    due->host = partition;
    neapi_lane *lane = runtime->router.lanes[partition->lane];
    if (partition->lane == runtime->router.queue_lane)
        neapi_saga_due_came(lane, due);
    else if (!neapi_mailbox_send(lane->mailbox, NEAPI_MAIL_DUE, &due->mail))
        neapi_queue_give_back(due, false);
}

neap_status neapi_sagas_serve(neap_runtime *runtime, neap_error *error)
{
    const neapi_queue_owner owner = {.kind = NEAPI_SAGA_OWNER, .give = give, .user = runtime};
    return neapi_queue_serve(runtime->queue, &owner, error);
}

/* ---- Waiting --------------------------------------------------------------------------------- */

static void push(neapi_sagas *sagas, neapi_due *due)
{
    due->next = NULL;
    *(sagas->last_due != NULL ? &sagas->last_due->next : &sagas->first_due) = due;
    sagas->last_due = due;
}

static neapi_due *pop(neapi_sagas *sagas)
{
    neapi_due *due = sagas->first_due;
    sagas->first_due = due->next;
    if (sagas->first_due == NULL)
        sagas->last_due = NULL;
    return due;
}

static void note_parked(neapi_sagas *sagas, const neapi_due *due)
{
    int64_t due_us = due->entry->due_us > 0 ? due->entry->due_us : 1;
    if (sagas->parked_us == 0 || due_us < sagas->parked_us)
        sagas->parked_us = due_us;
}

/* The queue looks at it no more until it is told to. */
static void park(neapi_sagas *sagas, neapi_due *due)
{
    note_parked(sagas, due);
    neapi_queue_park(due);
}

void neapi_saga_due_came(neapi_lane *lane, neapi_due *due)
{
    neapi_partition *partition = due->host;
    (void)lane;
    switch ((neapi_partition_state)atomic_load(&partition->state)) {
    case NEAPI_PARTITION_STARTING:
    case NEAPI_PARTITION_RUNNING:
        push(partition->sagas, due);
        break;
    default:
        park(partition->sagas, due);
        break;
    }
}

void neapi_sagas_rest(neapi_partition *partition)
{
    neapi_sagas *sagas = partition->sagas;
    while (sagas->first_due != NULL)
        park(sagas, pop(sagas));
    for (neapi_due *due; !partition->in_flight && (due = sagas->in_unit) != NULL;) {
        sagas->in_unit = due->next;
        park(sagas, due);
    }
}

void neapi_saga_unpark(const neapi_lane *lane, neapi_sagas *sagas)
{
    if (sagas->parked_us != 0)
        neapi_queue_tell(lane->runtime->queue, sagas->parked_us);
    sagas->parked_us = 0;
}

void neapi_sagas_start(neapi_lane *lane, neapi_partition *partition)
{
    neapi_saga_unpark(lane, partition->sagas);
}

bool neapi_sagas_wait(neapi_partition *partition)
{
    neapi_sagas *sagas = partition->sagas;
    unsigned resumed = atomic_load(&partition->build->subscribed->resumed);
    if (sagas->resumes != resumed) {
        sagas->resumes = resumed;
        sagas->resuming = true;
        neapi_buffer_clear(&sagas->behind);
    }
    return sagas->first_due != NULL || sagas->resuming;
}

bool neapi_sagas_are_busy(neapi_partition *partition)
{
    return neapi_sagas_wait(partition) || partition->sagas->in_unit != NULL;
}

/* ---- Handling -------------------------------------------------------------------------------- */

static neapi_saga_cause cause_of(const neapi_lane *lane, const neapi_due *due)
{
    const neapi_queued *entry = due->entry;
    return (neapi_saga_cause){
        .due = due,
        .call = {.id = entry->id,
                 .correlation_id = entry->correlation_id,
                 .causation_id = entry->causation_id,
                 .now_us = entry->is_timeout ? entry->due_us : neapi_wall_us(lane->platform),
                 .meta = entry->meta},
    };
}

static neap_status take_out(neapi_lane *lane, neapi_partition *partition, neapi_saga *saga,
                            const neapi_due *due, neap_error *error)
{
    neapi_queued_key key;
    neapi_unit *unit = neapi_saga_unit(lane, partition);
    neapi_queued_key_of(due->entry, &key);
    if (neapi_saga_forget_sent(saga, neapi_queued_key_text(&key)))
        neapi_saga_mark_changed(partition->sagas, saga);
    return unit != NULL ? neapi_queue_take_out(unit, due->entry, error) : neapi_nomem(error);
}

/* All that compensates took effect, or did not for good. */
static void end_compensation(neapi_saga *saga, int64_t now_us)
{
    saga->status = saga->failures != NULL ? NEAPI_SAGA_COMPENSATION_FAILED : NEAPI_SAGA_FAILED;
    saga->ended_at = saga->updated_at = now_us;
}

/* No function of the saga deals with it: it failed before, or has ended. */
static neap_status keep_failure(const neapi_lane *lane, const neapi_partition *partition,
                                neapi_saga *saga, const neapi_due *due, neap_error *error)
{
    const neapi_saga_failure failure = {.command = due->entry->command,
                                        .code = neapi_text_of(due->error->code),
                                        .message = neapi_text_of(due->error->message)};
    neapi_lane_say(lane, NEAP_LOG_WARN, (neap_text){0},
                   "saga '%.*s', key '%.*s', which is %s: %.*s had no effect: %s",
                   NEAPI_TEXT(partition->definition->name), NEAPI_TEXT(saga->key),
                   neapi_saga_status_name(saga->status), NEAPI_TEXT(failure.command),
                   due->error->message);
    saga->updated_at = neapi_wall_us(lane->platform);
    return neapi_saga_add_failure(saga, &failure) == NEAP_OK ? NEAP_OK : neapi_nomem(error);
}

static neap_status handle_known(neapi_lane *lane, neapi_partition *partition, neapi_saga *saga,
                                neapi_due *due, neap_error *error)
{
    const neapi_queued *entry = due->entry;
    neap_status status = NEAP_OK;
    if (saga->status == NEAPI_SAGA_RUNNING) {
        const neapi_saga_cause cause = cause_of(lane, due);
        status = neapi_saga_run(lane, partition, saga, &cause, error);
        due->stays = saga->status == NEAPI_SAGA_STOPPED;
        if (due->stays)
            note_parked(partition->sagas, due);
        return status;
    }
    if (!entry->is_timeout)
        status = keep_failure(lane, partition, saga, due, error);
    else if (saga->status == NEAPI_SAGA_COMPENSATING &&
             neapi_text_equal(entry->name, NEAPI_SAGA_COMPENSATED))
        end_compensation(saga, entry->due_us);
    return status == NEAP_OK ? take_out(lane, partition, saga, due, error) : status;
}

/* Whether the document is no entry, which the queue passes over. Errors: NEAP_NOMEM. */
static neap_status is_damaged(neap_text key, neap_text data, bool *damaged, neap_error *error)
{
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_queued entry;
    neap_status status = neapi_queued_read(key, data, &arena, &entry, error);
    neapi_arena_fini(&arena);
    *damaged = status == NEAP_CORRUPT;
    return *damaged ? NEAP_OK : status;
}

/* What the saga sent can be read no more: it waits for that no longer, and will never be called
 * done if it compensates. The document stays where it is, for who mends the store. */
static neap_status pass_over(const neapi_lane *lane, const neapi_partition *partition,
                             neapi_saga *saga, const neapi_saga_sent *sent, neap_error *error)
{
    char what[200];
    neap_text key = neapi_queued_key_text(&sent->key);
    neap_status status = NEAP_OK;
    snprintf(what, sizeof what, "the document %.*s of $queue is no entry of the queue",
             NEAPI_TEXT(key));
    const neapi_saga_failure failure = {.command =
                                            sent->command.size != 0 ? sent->command : sent->timeout,
                                        .code = NEAPI_LITERAL("corrupt"),
                                        .message = neapi_text_of(what)};
    neapi_lane_say(lane, NEAP_LOG_ERROR, (neap_text){0},
                   "saga '%.*s', key '%.*s': '%.*s' had no effect: %s, and is passed over",
                   NEAPI_TEXT(partition->definition->name), NEAPI_TEXT(saga->key),
                   NEAPI_TEXT(failure.command), what);
    if (saga->status == NEAPI_SAGA_COMPENSATING)
        status = neapi_saga_add_failure(saga, &failure);
    neapi_saga_mark_changed(partition->sagas, saga);
    neapi_saga_forget_sent(saga, key);
    return status == NEAP_OK ? NEAP_OK : neapi_nomem(error);
}

/* Whether nothing of the saga's that comes before it is in the queue: what was parked meanwhile is,
 * and is to be handled first. Nothing is in flight. *before: when such a thing is due. */
static neap_status is_its_turn(const neapi_lane *lane, const neapi_partition *partition,
                               neapi_saga *saga, const neapi_queued *entry, bool *turn,
                               int64_t *before_us, neap_error *error)
{
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_queued_key key;
    neap_status status = NEAP_OK;
    neapi_queued_key_of(entry, &key);
    *turn = true;
    for (const neapi_saga_sent *sent = saga->sent, *next; sent != NULL && *turn; sent = next) {
        neap_text data, other = neapi_queued_key_text(&sent->key);
        bool found, damaged = false;
        next = sent->next;
        if (strcmp(sent->key.text, key.text) >= 0)
            continue;
        neapi_arena_clear(&arena);
        status =
            neapi_find_document(lane->session, NEAPI_QUEUE, other, &arena, &data, &found, error);
        if (status == NEAP_OK && found)
            status = is_damaged(other, data, &damaged, error);
        if (status == NEAP_OK && damaged)
            status = pass_over(lane, partition, saga, sent, error);
        if (status != NEAP_OK)
            break;
        *turn = !found || damaged || !neapi_queued_due_of(other, before_us);
    }
    neapi_arena_fini(&arena);
    return status;
}

static bool knows(const neapi_saga *saga, const neapi_queued *entry)
{
    neapi_queued_key key;
    neapi_queued_key_of(entry, &key);
    for (const neapi_saga_sent *sent = saga->sent; sent != NULL; sent = sent->next)
        if (strcmp(sent->key.text, key.text) == 0)
            return true;
    return false;
}

/* Whether it is in the store: nothing is in flight. */
static neap_status is_there(const neapi_lane *lane, const neapi_queued *entry, bool *there,
                            neap_error *error)
{
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_queued_key key;
    neap_text data;
    neapi_queued_key_of(entry, &key);
    neap_status status = neapi_find_document(
        lane->session, NEAPI_QUEUE, neapi_queued_key_text(&key), &arena, &data, there, error);
    neapi_arena_fini(&arena);
    return status;
}

typedef enum due_fate {
    DUE_IN_UNIT, /* the unit is to be accepted before the queue has it back */
    DUE_GONE,    /* it is not there any more */
    DUE_PARKED,
    DUE_EARLY, /* something is to be handled before it */
} due_fate;

static neap_status handle_due(neapi_lane *lane, neapi_partition *partition, neapi_due *due,
                              due_fate *fate, int64_t *before_us, neap_error *error)
{
    neap_text name, key = {0};
    neapi_saga *saga;
    bool there, turn;
    split_owner(due->entry->owner, &name, &key);
    neap_status status = neapi_saga_get(lane, partition, key, &saga, error);
    if (status != NEAP_OK)
        return status;
    if (saga->status == NEAPI_SAGA_STOPPED) {
        note_parked(partition->sagas, due);
        *fate = DUE_PARKED;
        return NEAP_OK;
    }
    status = is_its_turn(lane, partition, saga, due->entry, &turn, before_us, error);
    if (status != NEAP_OK)
        return status;
    if (!turn) {
        *fate = DUE_EARLY;
        return NEAP_OK;
    }
    if (knows(saga, due->entry))
        return handle_known(lane, partition, saga, due, error);
    status = is_there(lane, due->entry, &there, error);
    *fate = status != NEAP_OK || there ? DUE_IN_UNIT : DUE_GONE;
    return status == NEAP_OK && there ? take_out(lane, partition, saga, due, error) : status;
}

static neap_status handle_some(neapi_lane *lane, neapi_partition *partition, neap_error *error)
{
    neapi_sagas *sagas = partition->sagas;
    neap_status status = NEAP_OK;
    unsigned most = sagas->one_by_one != 0 ? 1 : DUE_AT_ONCE;
    for (unsigned i = 0; i < most && sagas->first_due != NULL && status == NEAP_OK; i++) {
        neapi_due *due = pop(sagas);
        due_fate fate = DUE_IN_UNIT;
        int64_t before_us = 0;
        due->next = sagas->in_unit;
        due->stays = false;
        sagas->in_unit = due;
        status = handle_due(lane, partition, due, &fate, &before_us, error);
        if (fate == DUE_IN_UNIT)
            continue;
        sagas->in_unit = due->next;
        if (fate == DUE_GONE)
            neapi_queue_give_back(due, true);
        else
            neapi_queue_park(due);
        if (fate == DUE_EARLY)
            neapi_queue_tell(lane->runtime->queue, before_us);
    }
    if (sagas->one_by_one != 0)
        sagas->one_by_one--;
    return status;
}

neap_status neapi_sagas_step(neapi_lane *lane, neapi_partition *partition, neap_error *error)
{
    neapi_sagas *sagas = partition->sagas;
    neap_status status = sagas->first_due != NULL ? handle_some(lane, partition, error)
                                                  : neapi_saga_resume_some(lane, partition, error);
    if (status == NEAP_OK && (partition->unit != NULL || sagas->changed != NULL))
        partition->pending++;
    return status;
}
