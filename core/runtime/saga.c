#include "runtime/saga_state.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "bus/partition.h"
#include "runtime/lane_log.h"
#include "runtime/subscribed.h"

#define EVENTS_AT_ONCE 64
#define KEPT           10000

neapi_sagas *neapi_sagas_new(const neapi_subscription *saga)
{
    neapi_sagas *made = neapi_alloc_zero(1, sizeof *made);
    if (made == NULL)
        return NULL;
    neapi_map_init(&made->by_key);
    made->effects = NEAPI_EFFECTS_INIT;
    neapi_saga_collection(&made->collection, saga->name);
    neapi_saga_stopped_collection(&made->stopped, saga->name);
    if (!made->collection.failed && !made->stopped.failed)
        return made;
    neapi_sagas_free(made);
    return NULL;
}

/* Those whose states are not in the engine. */
static void free_all(neapi_sagas *sagas)
{
    size_t at = 0;
    for (neapi_saga *saga; (saga = neapi_map_next(&sagas->by_key, &at)) != NULL;)
        neapi_saga_free(saga);
    neapi_map_fini(&sagas->by_key);
    neapi_map_init(&sagas->by_key);
    sagas->changed = NULL;
}

void neapi_sagas_free(neapi_sagas *sagas)
{
    if (sagas == NULL)
        return;
    free_all(sagas);
    neapi_map_fini(&sagas->by_key);
    neapi_buffer_fini(&sagas->collection);
    neapi_buffer_fini(&sagas->stopped);
    neapi_buffer_fini(&sagas->behind);
    neapi_arena_fini(&sagas->keys);
    neapi_effects_fini(&sagas->effects);
    neapi_page_fini(&sagas->page);
    neapi_free(sagas);
}

/* ---- At hand --------------------------------------------------------------------------------- */

void neapi_saga_free_state(neapi_lane *lane, neapi_saga *saga)
{
    if (saga->state != NEAPI_NO_STATE)
        neapi_engine_state_free(lane->engine, saga->state);
    saga->state = NEAPI_NO_STATE;
}

neap_status neapi_saga_load_state(neapi_lane *lane, neapi_saga *saga, neap_error *error)
{
    if (saga->state != NEAPI_NO_STATE || saga->saved.size == 0)
        return NEAP_OK;
    neap_status status = neapi_engine_state_load(
        lane->engine, neapi_text(saga->saved.data, saga->saved.size), &saga->state, error);
    if (status == NEAP_CORRUPT)
        neapi_error_prefix(error, "the state of saga '%.*s'", NEAPI_TEXT(saga->key));
    return status;
}

/* What is not in the queue any more was done. Nothing that is in flight is about the saga. */
static neap_status forget_what_was_done(const neapi_lane *lane, neapi_saga *saga, neap_error *error)
{
    neapi_arena arena = NEAPI_ARENA_INIT;
    neap_status status = NEAP_OK;
    for (neapi_saga_sent **at = &saga->sent; *at != NULL && status == NEAP_OK;) {
        neap_text data;
        bool found;
        neapi_arena_clear(&arena);
        status = neapi_find_document(lane->session, NEAPI_QUEUE, neapi_queued_key_text(&(*at)->key),
                                     &arena, &data, &found, error);
        if (status == NEAP_OK && !found) {
            *at = (*at)->next;
            saga->sent_count--;
        } else {
            at = &(*at)->next;
        }
    }
    neapi_arena_fini(&arena);
    return status;
}

static neap_status read_saga(const neapi_lane *lane, const neapi_sagas *sagas, neapi_saga *saga,
                             neap_error *error)
{
    neapi_arena arena = NEAPI_ARENA_INIT;
    neap_text data;
    bool found = false;
    neap_status status = neapi_find_document(
        lane->session, neapi_text(sagas->collection.data, sagas->collection.size), saga->key,
        &arena, &data, &found, error);
    if (status == NEAP_OK && found)
        status = neapi_saga_read(data, saga, error);
    neapi_arena_fini(&arena);
    return status == NEAP_OK ? forget_what_was_done(lane, saga, error) : status;
}

neap_status neapi_saga_get(neapi_lane *lane, neapi_partition *partition, neap_text key,
                           neapi_saga **saga, neap_error *error)
{
    neapi_sagas *sagas = partition->sagas;
    *saga = neapi_map_get(&sagas->by_key, key);
    if (*saga != NULL)
        return NEAP_OK;
    neapi_saga *made = neapi_saga_new(key);
    if (made == NULL)
        return neapi_nomem(error);
    neap_status status = read_saga(lane, sagas, made, error);
    if (status == NEAP_OK && !neapi_map_put(&sagas->by_key, made->key, made))
        status = neapi_nomem(error);
    if (status == NEAP_OK)
        *saga = made;
    else
        neapi_saga_free(made);
    return status;
}

void neapi_saga_mark_changed(neapi_sagas *sagas, neapi_saga *saga)
{
    if (saga->changed)
        return;
    saga->changed = true;
    saga->next = sagas->changed;
    sagas->changed = saga;
}

neapi_unit *neapi_saga_unit(neapi_lane *lane, neapi_partition *partition)
{
    if (partition->unit == NULL)
        partition->unit = neapi_unit_new(neapi_uuid_new(&lane->ids, neapi_wall_us(lane->platform)));
    return partition->unit;
}

neap_status neapi_saga_say_stopped(neapi_lane *lane, neapi_partition *partition,
                                   const neapi_saga *saga, bool stopped)
{
    const neapi_sagas *sagas = partition->sagas;
    neapi_unit *unit = neapi_saga_unit(lane, partition);
    const neapi_document document = {
        .collection = neapi_text(sagas->stopped.data, sagas->stopped.size),
        .key = saga->key,
        .write = stopped ? NEAPI_DOCUMENT_PUT : NEAPI_DOCUMENT_DROP,
        .data = stopped ? NEAPI_LITERAL("{}") : (neap_text){0},
    };
    return unit != NULL ? neapi_unit_document(unit, &document) : NEAP_NOMEM;
}

/* ---- Events ---------------------------------------------------------------------------------- */

static neap_status handle_event(neapi_lane *lane, neapi_partition *partition,
                                const neap_event *event, neapi_saga *saga, neap_error *error)
{
    neapi_saga_cause cause = {.event = event};
    neapi_engine_event_call(event, &cause.call);
    return neapi_saga_run(lane, partition, saga, &cause, error);
}

neap_status neapi_saga_handle_event(neapi_lane *lane, neapi_partition *partition,
                                    const neap_event *event, const neapi_saga *only,
                                    neap_error *error)
{
    neapi_sagas *sagas = partition->sagas;
    const neap_text *keys;
    size_t count = 0;
    neapi_arena_clear(&sagas->keys);
    lane->handling = partition;
    neap_status status = neapi_engine_event_keys(lane->engine, partition->definition, event,
                                                 &sagas->keys, &keys, &count, error);
    lane->handling = NULL;
    for (size_t i = 0; status == NEAP_OK && i < count; i++) {
        neapi_saga *saga = NULL;
        if (neapi_partition_of(keys[i], partition->build->partition_count) != partition->number)
            continue;
        status = neapi_saga_get(lane, partition, keys[i], &saga, error);
        if (status == NEAP_OK && (only == NULL || only == saga) &&
            (saga->status == NEAPI_SAGA_ABSENT || saga->status == NEAPI_SAGA_RUNNING))
            status = handle_event(lane, partition, event, saga, error);
    }
    return status;
}

neap_status neapi_sagas_handle(neapi_lane *lane, neapi_partition *partition, size_t most,
                               neap_error *error)
{
    neap_status status = NEAP_OK;
    for (size_t i = 0; i < most && i < EVENTS_AT_ONCE && status == NEAP_OK; i++) {
        status = neapi_saga_handle_event(lane, partition, partition->events[partition->event_at],
                                         NULL, error);
        if (status == NEAP_OK)
            partition->event_at++;
    }
    return status;
}

/* ---- Units ----------------------------------------------------------------------------------- */

static neap_status save(neapi_lane *lane, const neapi_sagas *sagas, neapi_saga *saga,
                        neapi_buffer *state, neapi_buffer *json, neapi_unit *unit,
                        neap_error *error)
{
    neapi_buffer_clear(state);
    neapi_buffer_clear(json);
    neap_status status = neapi_saga_load_state(lane, saga, error);
    if (status == NEAP_OK && saga->state != NEAPI_NO_STATE)
        status = neapi_engine_state_json(lane->engine, saga->state, state, error);
    if (status != NEAP_OK)
        return status;
    neapi_saga_write(json, saga, neapi_text(state->data, state->size));
    const neapi_document document = {
        .collection = neapi_text(sagas->collection.data, sagas->collection.size),
        .key = saga->key,
        .write = saga->status != NEAPI_SAGA_ABSENT ? NEAPI_DOCUMENT_PUT : NEAPI_DOCUMENT_DROP,
        .data = neapi_text(json->data, json->size),
    };
    if (state->failed || json->failed || neapi_unit_document(unit, &document) != NEAP_OK)
        return neapi_nomem(error);
    return NEAP_OK;
}

neap_status neapi_sagas_save(neapi_lane *lane, neapi_partition *partition, neapi_unit *unit,
                             neap_error *error)
{
    neapi_sagas *sagas = partition->sagas;
    neapi_buffer state = NEAPI_BUFFER_INIT, json = NEAPI_BUFFER_INIT;
    neap_status status = NEAP_OK;
    for (neapi_saga *saga; (saga = sagas->changed) != NULL && status == NEAP_OK;) {
        status = save(lane, sagas, saga, &state, &json, unit, error);
        saga->changed = false;
        sagas->changed = saga->next;
    }
    neapi_buffer_fini(&state);
    neapi_buffer_fini(&json);
    return status;
}

static void drop_all(neapi_lane *lane, neapi_sagas *sagas)
{
    size_t at = 0;
    for (neapi_saga *saga; (saga = neapi_map_next(&sagas->by_key, &at)) != NULL;)
        neapi_saga_free_state(lane, saga);
    free_all(sagas);
}

void neapi_sagas_accepted(neapi_lane *lane, neapi_partition *partition)
{
    neapi_sagas *sagas = partition->sagas;
    for (neapi_due *due; (due = sagas->in_unit) != NULL;) {
        sagas->in_unit = due->next;
        if (due->stays)
            neapi_queue_park(due);
        else
            neapi_queue_give_back(due, true);
    }
    /* All that they are is in the store now. */
    if (sagas->by_key.count > KEPT && partition->unit == NULL)
        drop_all(lane, sagas);
}

bool neapi_sagas_refused(neapi_partition *partition, const neapi_unit *unit)
{
    neapi_sagas *sagas = partition->sagas;
    if (unit->verdict.status != NEAP_CONFLICT || unit->verdict.op >= unit->op_count ||
        !neapi_queue_is_consuming(&unit->ops[unit->verdict.op]) || sagas->in_unit == NULL)
        return false;
    if (sagas->in_unit->next == NULL) { /* it took effect before, or was cancelled */
        neapi_queue_give_back(sagas->in_unit, true);
        sagas->in_unit = NULL;
    }
    for (const neapi_due *due = sagas->in_unit; due != NULL; due = due->next)
        sagas->one_by_one++;
    return true;
}

void neapi_sagas_forget(neapi_lane *lane, neapi_partition *partition)
{
    neapi_sagas *sagas = partition->sagas;
    drop_all(lane, sagas);
    neapi_unit_release(partition->unit);
    partition->unit = NULL;
    sagas->resuming = sagas->resuming || sagas->behind.size != 0;
    neapi_buffer_clear(&sagas->behind);
    for (neapi_due *due; (due = sagas->in_unit) != NULL;) {
        sagas->in_unit = due->next;
        due->next = sagas->first_due;
        sagas->first_due = due;
        if (sagas->last_due == NULL)
            sagas->last_due = due;
    }
}

void neapi_sagas_let_go(neapi_lane *lane, neapi_partition *partition)
{
    size_t at = 0;
    for (neapi_saga *saga; (saga = neapi_map_next(&partition->sagas->by_key, &at)) != NULL;)
        if (saga != partition->sagas->current)
            neapi_saga_free_state(lane, saga);
}

void neapi_sagas_lose(neapi_partition *partition)
{
    size_t at = 0;
    for (neapi_saga *saga; (saga = neapi_map_next(&partition->sagas->by_key, &at)) != NULL;)
        saga->state = NEAPI_NO_STATE;
}
