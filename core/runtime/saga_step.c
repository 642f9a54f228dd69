/* A saga handles something, and what it wants done becomes operations of the unit. */
#include <stdio.h>

#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "runtime/lane_log.h"
#include "runtime/saga_state.h"

/* They are all put into the queue by one unit. */
#define COMPENSATIONS_MOST 8000

static neap_status nomem_unless(bool done, neap_error *error)
{
    return done ? NEAP_OK : neapi_nomem(error);
}

/* ---- The queue ------------------------------------------------------------------------------- */

/* "saga/<name>/<key>" */
static void write_owner(neapi_buffer *owner, const neapi_partition *partition,
                        const neapi_saga *saga)
{
    neapi_buffer_text(owner, NEAPI_SAGA_OWNER);
    neapi_buffer_byte(owner, '/');
    neapi_buffer_text(owner, partition->definition->name);
    neapi_buffer_byte(owner, '/');
    neapi_buffer_text(owner, saga->key);
}

static neap_text name_of(const neapi_saga_sent *sent)
{
    return sent->timeout.size != 0 ? sent->timeout : sent->name;
}

/* Whether or not it is there still. */
static neap_status drop(neapi_unit *unit, neap_text owner, const neapi_saga_sent *sent,
                        neap_error *error)
{
    neap_text name = name_of(sent);
    const neapi_document entry = {.collection = NEAPI_QUEUE,
                                  .key = neapi_queued_key_text(&sent->key),
                                  .write = NEAPI_DOCUMENT_DROP};
    if (neapi_unit_document(unit, &entry) != NEAP_OK)
        return neapi_nomem(error);
    return name.size != 0 ? neapi_queue_cancel(unit, NULL, owner, name, error) : NEAP_OK;
}

/* Takes out of the queue what it has there: under the name, or (none) all timeouts, and commands,
 * too, if they are to go. */
static neap_status take_back(neapi_lane *lane, neapi_partition *partition, neapi_saga *saga,
                             neap_text name, bool commands, neap_error *error)
{
    neapi_buffer owner = NEAPI_BUFFER_INIT;
    neapi_unit *unit = neapi_saga_unit(lane, partition);
    write_owner(&owner, partition, saga);
    neap_status status = nomem_unless(unit != NULL && !owner.failed, error);
    for (neapi_saga_sent **at = &saga->sent; *at != NULL && status == NEAP_OK;) {
        const neapi_saga_sent *sent = *at;
        bool goes = name.size != 0 ? neapi_text_equal(name_of(sent), name)
                                   : sent->timeout.size != 0 || commands;
        if (!goes) {
            at = &(*at)->next;
            continue;
        }
        status = drop(unit, neapi_text(owner.data, owner.size), sent, error);
        *at = sent->next;
        saga->sent_count--;
    }
    neapi_buffer_fini(&owner);
    return status;
}

neap_status neapi_saga_put(neapi_lane *lane, neapi_partition *partition, neapi_saga *saga,
                           neapi_queued *entry, neap_error *error)
{
    neapi_buffer owner = NEAPI_BUFFER_INIT;
    neap_status status = NEAP_OK;
    if (entry->name.size != 0)
        status = take_back(lane, partition, saga, entry->name, true, error);
    neapi_unit *unit = neapi_saga_unit(lane, partition);
    write_owner(&owner, partition, saga);
    if (status == NEAP_OK)
        status = nomem_unless(unit != NULL && !owner.failed, error);
    if (status == NEAP_OK) {
        entry->owner = neapi_text(owner.data, owner.size);
        status = neapi_queue_put(unit, NULL, entry, error);
    }
    neapi_buffer_fini(&owner);
    if (status != NEAP_OK)
        return status;
    neapi_saga_sent sent = {.command = entry->command,
                            .timeout = entry->is_timeout ? entry->name : (neap_text){0},
                            .name = entry->is_timeout ? (neap_text){0} : entry->name};
    neapi_queued_key_of(entry, &sent.key);
    return nomem_unless(neapi_saga_add_sent(saga, &sent) == NEAP_OK, error);
}

static neapi_queued entry_of(const neapi_saga_cause *cause, uint64_t n)
{
    return (neapi_queued){
        .due_us = cause->call.now_us,
        .order = neapi_queued_order(cause->event != NULL ? cause->event->position : 0, n),
        .meta = cause->call.meta,
        .correlation_id = cause->call.correlation_id,
        .causation_id = cause->call.id,
        .queued_at = cause->call.now_us,
    };
}

/* ---- Effects --------------------------------------------------------------------------------- */

typedef struct doing {
    neapi_lane *lane;
    neapi_partition *partition;
    neapi_saga *saga;
    const neapi_saga_cause *cause;
    uint64_t n; /* what it has put into the queue so far */
} doing;

static neap_status send(doing *job, const neapi_effect *effect, neap_error *error)
{
    neapi_queued entry = entry_of(job->cause, ++job->n);
    entry.id = effect->id;
    entry.name = effect->name;
    entry.is_timeout = effect->kind == NEAPI_EFFECT_TIMEOUT;
    if (effect->at_us != 0)
        entry.due_us = effect->at_us;
    if (!entry.is_timeout) {
        entry.command = effect->message->name;
        entry.data = effect->json;
    }
    return neapi_saga_put(job->lane, job->partition, job->saga, &entry, error);
}

static neap_status record(doing *job, const neapi_effect *effect, neap_error *error)
{
    const neapi_saga_compensation compensation = {.id = effect->id,
                                                  .command = effect->message->name,
                                                  .data = effect->json,
                                                  .meta = job->cause->call.meta};
    return nomem_unless(neapi_saga_add_compensation(job->saga, &compensation) == NEAP_OK, error);
}

neap_status neapi_saga_compensate(neapi_lane *lane, neapi_partition *partition, neapi_saga *saga,
                                  const neapi_saga_cause *cause, uint64_t n, neap_error *error)
{
    neap_status status = NEAP_OK;
    if (saga->compensations == NULL) {
        saga->status = NEAPI_SAGA_FAILED;
        saga->ended_at = cause->call.now_us;
        return NEAP_OK;
    }
    saga->status = NEAPI_SAGA_COMPENSATING;
    for (const neapi_saga_compensation *it = saga->compensations; it != NULL && status == NEAP_OK;
         it = it->next) {
        neapi_queued entry = entry_of(cause, ++n);
        entry.id = it->id;
        entry.command = it->command;
        entry.data = it->data;
        entry.meta = it->meta;
        status = neapi_saga_put(lane, partition, saga, &entry, error);
    }
    /* The queue does one of its owner's after another: when this is due all others were done. */
    neapi_queued end = entry_of(cause, ++n);
    end.id = neapi_uuid_derive(
        cause->call.id, neapi_text_hash(saga->key, neapi_text_hash(partition->definition->name,
                                                                   NEAPI_SAGA_COMPENSATING)));
    end.is_timeout = true;
    end.name = NEAPI_SAGA_COMPENSATED;
    return status == NEAP_OK ? neapi_saga_put(lane, partition, saga, &end, error) : status;
}

/* What it asked for at the same time goes; what waits from before does not. */
static neap_status fail(doing *job, const neapi_effect *effect, neap_error *error)
{
    neapi_saga *saga = job->saga;
    saga->reason = neapi_arena_text(&saga->arena, effect->text);
    if (saga->reason.data == NULL)
        return neapi_nomem(error);
    neap_status status = take_back(job->lane, job->partition, saga, (neap_text){0}, false, error);
    return status == NEAP_OK
               ? neapi_saga_compensate(job->lane, job->partition, saga, job->cause, job->n, error)
               : status;
}

static neap_status complete(doing *job, neap_error *error)
{
    job->saga->status = NEAPI_SAGA_COMPLETED;
    job->saga->ended_at = job->cause->call.now_us;
    return take_back(job->lane, job->partition, job->saga, (neap_text){0}, false, error);
}

static neap_status do_effect(doing *job, const neapi_effect *effect, neap_error *error)
{
    switch (effect->kind) {
    case NEAPI_EFFECT_SEND:
    case NEAPI_EFFECT_TIMEOUT:
        return send(job, effect, error);
    case NEAPI_EFFECT_CANCEL:
        return take_back(job->lane, job->partition, job->saga, effect->name, true, error);
    case NEAPI_EFFECT_COMPENSATE:
        return record(job, effect, error);
    case NEAPI_EFFECT_COMPLETE:
        return complete(job, error);
    case NEAPI_EFFECT_FAIL:
        return fail(job, effect, error);
    }
    return NEAP_OK;
}

/* Of one that fails, what it sent before and what did not take effect yet never does. */
static neap_status do_effects(doing *job, const neapi_effects *effects, neap_error *error)
{
    neap_status status = NEAP_OK;
    if (effects->last != NULL && effects->last->kind == NEAPI_EFFECT_FAIL)
        status = take_back(job->lane, job->partition, job->saga, (neap_text){0}, true, error);
    for (const neapi_effect *effect = effects->first; effect != NULL && status == NEAP_OK;
         effect = effect->next)
        status = do_effect(job, effect, error);
    return status;
}

/* Finds out whether they can be done, before any is. */
static neap_status check_effects(const neapi_partition *partition, const neapi_saga *saga,
                                 const neapi_effects *effects, neap_error *error)
{
    neapi_buffer owner = NEAPI_BUFFER_INIT;
    neapi_queued_name unused;
    size_t compensations = saga->compensation_count;
    write_owner(&owner, partition, saga);
    neap_status status = nomem_unless(!owner.failed, error);
    for (const neapi_effect *effect = effects->first; effect != NULL && status == NEAP_OK;
         effect = effect->next) {
        compensations += effect->kind == NEAPI_EFFECT_COMPENSATE;
        if (effect->name.size != 0)
            status = neapi_queued_name_of(neapi_text(owner.data, owner.size), effect->name, &unused,
                                          error);
    }
    neapi_buffer_fini(&owner);
    if (status == NEAP_OK && compensations > COMPENSATIONS_MOST)
        status = neapi_fail(error, NEAP_LIMIT, "a saga records at most %d commands that compensate",
                            COMPENSATIONS_MOST);
    return status;
}

/* ---- Handling -------------------------------------------------------------------------------- */

static neap_status call(neapi_lane *lane, const neapi_partition *partition, neapi_saga_step *step,
                        const neapi_saga_cause *cause, neap_error *error)
{
    neap_status status;
    const neapi_due *due = cause->due;
    lane->handling = (neapi_partition *)(uintptr_t)partition;
    if (cause->event != NULL) {
        status = neapi_engine_saga_event(lane->engine, step, cause->event, error);
    } else if (due->entry->is_timeout) {
        status =
            neapi_engine_saga_timeout(lane->engine, step, due->entry->name, &cause->call, error);
    } else {
        const neapi_saga_rejection rejection = {due->entry->command, due->entry->data, due->error};
        status = neapi_engine_saga_rejected(lane->engine, step, &rejection, &cause->call, error);
    }
    lane->handling = NULL;
    return status;
}

static void begin(neapi_saga *saga, const neapi_saga_cause *cause)
{
    if (saga->status != NEAPI_SAGA_ABSENT)
        return;
    saga->status = NEAPI_SAGA_RUNNING;
    saga->started_at = cause->call.now_us;
    saga->correlation_id = cause->call.correlation_id;
}

static void moved(neapi_sagas *sagas, neapi_saga *saga, const neapi_saga_cause *cause)
{
    saga->updated_at = cause->call.now_us;
    if (cause->event != NULL)
        saga->position = cause->event->position;
    neapi_saga_mark_changed(sagas, saga);
}

static neap_text write_what(char *text, size_t room, const neapi_saga_cause *cause)
{
    const neapi_queued *entry = cause->due != NULL ? cause->due->entry : NULL;
    if (entry == NULL)
        snprintf(text, room, "event %llu (%.*s)", (unsigned long long)cause->event->position,
                 NEAPI_TEXT(cause->event->type));
    else
        snprintf(text, room, "%s '%.*s'", entry->is_timeout ? "timeout" : "the rejection of",
                 NEAPI_TEXT(entry->is_timeout ? entry->name : entry->command));
    return neapi_text_of(text);
}

/* It is as it was before; what comes for it from now on waits. */
static neap_status stop(neapi_lane *lane, neapi_partition *partition, neapi_saga *saga,
                        const neapi_saga_cause *cause, neap_error *error)
{
    char what[NEAPI_STREAM_BYTES + 40];
    neapi_lane_say(lane, NEAP_LOG_ERROR, (neap_text){0}, "%s; it has stopped", error->message);
    begin(saga, cause);
    saga->status = NEAPI_SAGA_STOPPED;
    saga->reason = neapi_arena_text(&saga->arena, neapi_text_of(error->message));
    saga->traceback = neapi_arena_text(&saga->arena, neapi_text_of(error->traceback));
    saga->stopped_by = neapi_arena_text(&saga->arena, write_what(what, sizeof what, cause));
    saga->go_on_at = cause->event != NULL ? cause->event->position : partition->through + 1;
    saga->updated_at = cause->call.now_us;
    neapi_saga_mark_changed(partition->sagas, saga);
    return nomem_unless(saga->reason.data != NULL && saga->traceback.data != NULL &&
                            saga->stopped_by.data != NULL &&
                            neapi_saga_say_stopped(lane, partition, saga, true) == NEAP_OK,
                        error);
}

/* Saves the state that it has now; what was saved before stays if that fails. */
static neap_status save_state(neapi_lane *lane, neapi_saga *saga, neap_error *error)
{
    neapi_buffer saved = NEAPI_BUFFER_INIT;
    neap_status status = neapi_engine_state_save(lane->engine, saga->state,
                                                 lane->options->unit_bytes, &saved, error);
    if (status == NEAP_OK && saved.failed)
        status = neapi_nomem(error);
    if (status == NEAP_OK) {
        neapi_buffer_fini(&saga->saved);
        saga->saved = saved;
    } else {
        neapi_buffer_fini(&saved);
    }
    return status;
}

/* The function has returned. */
static neap_status take_effects(doing *job, neap_error *error)
{
    neapi_sagas *sagas = job->partition->sagas;
    neapi_saga *saga = job->saga;
    const neapi_due *due = job->cause->due;
    neap_status status = NEAP_OK;
    begin(saga, job->cause);
    if (due != NULL) {
        neapi_unit *unit = neapi_saga_unit(job->lane, job->partition);
        neapi_queued_key key;
        neapi_queued_key_of(due->entry, &key);
        neapi_saga_forget_sent(saga, neapi_queued_key_text(&key));
        status = unit != NULL ? neapi_queue_take_out(unit, due->entry, error) : neapi_nomem(error);
    }
    if (status == NEAP_OK)
        status = do_effects(job, &sagas->effects, error);
    if (status == NEAP_OK)
        moved(sagas, saga, job->cause);
    return status;
}

neap_status neapi_saga_run(neapi_lane *lane, neapi_partition *partition, neapi_saga *saga,
                           const neapi_saga_cause *cause, neap_error *error)
{
    neapi_sagas *sagas = partition->sagas;
    neap_status status = neapi_saga_load_state(lane, saga, error);
    if (status != NEAP_OK)
        return neapi_saga_may_pass(status) ? status : stop(lane, partition, saga, cause, error);
    neapi_effects_clear(&sagas->effects);
    neapi_saga_step step = {.saga = partition->definition,
                            .key = saga->key,
                            .state = saga->state,
                            .effects = &sagas->effects};
    sagas->current = saga;
    status = call(lane, partition, &step, cause, error);
    sagas->current = NULL;
    saga->state = step.state;
    if (status == NEAP_OK && !step.handled && sagas->effects.first == NULL)
        return NEAP_OK; /* it is none of its */
    if (status == NEAP_OK)
        status = check_effects(partition, saga, &sagas->effects, error);
    if (status == NEAP_OK)
        status = save_state(lane, saga, error);
    if (status == NEAP_OK) {
        doing job = {.lane = lane, .partition = partition, .saga = saga, .cause = cause};
        return take_effects(&job, error);
    }
    neapi_saga_free_state(lane, saga);
    return neapi_saga_may_pass(status) ? status : stop(lane, partition, saga, cause, error);
}
