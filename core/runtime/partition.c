#include "runtime/partition_state.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"
#include "runtime/members.h"
#include "runtime/react.h"
#include "runtime/runtime.h"
#include "runtime/saga.h"
#include "runtime/subscribed.h"

neap_status neapi_partition_init(neapi_partition *partition, neapi_build *build, uint32_t number,
                                 unsigned lane, neap_error *error)
{
    const neapi_subscription *definition = build->subscribed->definition;
    partition->build = build;
    partition->definition = definition;
    partition->number = number;
    partition->lane = lane;
    partition->submission.judged = neapi_partition_judged;
    neapi_map_init(&partition->held);
    atomic_init(&partition->state, NEAPI_PARTITION_STARTING);
    neapi_checkpoint_key(&partition->key, definition->name, build->number, number);
    if (definition->kind == NEAPI_SAGA)
        partition->sagas = neapi_sagas_new(definition);
    bool made = definition->kind != NEAPI_SAGA || partition->sagas != NULL;
    return !made || partition->key.failed ? neapi_nomem(error) : NEAP_OK;
}

void neapi_partition_note_trouble(neapi_partition *partition, unsigned failures,
                                  const neap_error *error)
{
    pthread_mutex_t *mutex = &partition->build->subscribed->mutex;
    pthread_mutex_lock(mutex);
    snprintf(partition->trouble, sizeof partition->trouble, "%.255s", error->message);
    pthread_mutex_unlock(mutex);
    neapi_count_set(&partition->failing, failures);
}

void neapi_partition_close_reading(neapi_partition *partition)
{
    if (partition->open)
        neapi_live_close(&partition->live);
    partition->open = false;
    partition->event_count = partition->event_at = 0;
    neapi_page_fini(&partition->page);
}

void neapi_partition_fini(neapi_partition *partition)
{
    neapi_partition_close_reading(partition);
    neapi_react_forget(partition);
    neapi_unit_release(partition->unit);
    neapi_sagas_free(partition->sagas);
    neapi_map_fini(&partition->held);
    neapi_arena_fini(&partition->second_try.arena);
    neapi_arena_fini(&partition->held_names);
    neapi_arena_fini(&partition->found);
    neapi_buffer_fini(&partition->key);
    neapi_buffer_fini(&partition->mark);
    neapi_buffer_fini(&partition->new_mark);
    neapi_free(partition->why);
}

static void end(neapi_lane *lane, neapi_partition *partition)
{
    neapi_react_abandon(lane, partition);
    if (neapi_partition_state_of(partition) == NEAPI_PARTITION_ENDED ||
        neapi_partition_is_under_way(partition))
        return;
    if (!partition->lost)
        neapi_partition_forget(lane, partition);
    neapi_partition_set_state(partition, NEAPI_PARTITION_ENDED);
    neapi_partition_answer(lane, partition);
}

bool neapi_partitions_have_ended(const neapi_lane *lane)
{
    for (const neapi_partition *partition = lane->partitions; partition != NULL;
         partition = partition->next)
        if (neapi_partition_state_of(partition) != NEAPI_PARTITION_ENDED &&
            !neapi_partition_is_under_way(partition))
            return false;
    return true;
}

/* Everything before the event that cannot be handled is durable. */
static bool is_to_stop(const neapi_partition *partition)
{
    return partition->stop_at != 0 && partition->through + 1 >= partition->stop_at &&
           partition->pending == 0 && !partition->in_flight;
}

/* Nothing of it is in flight. */
static void rest(neapi_lane *lane, neapi_partition *partition)
{
    bool for_good = atomic_load(&partition->build->retiring);
    if (!partition->lost)
        neapi_partition_forget(lane, partition);
    if (partition->sagas != NULL)
        neapi_sagas_rest(partition);
    bool owned = atomic_load(&partition->build->subscribed->owned);
    neapi_partition_set_state(partition, for_good ? NEAPI_PARTITION_RETIRED
                                         : owned  ? NEAPI_PARTITION_PAUSED
                                                  : NEAPI_PARTITION_ELSEWHERE);
    neapi_count_set(&partition->reached, neapi_count_get(&partition->stored));
    neapi_partition_answer(lane, partition);
    if (for_good)
        neapi_partition_tell_home(lane, partition);
    if (!owned)
        neapi_members_wake(lane->runtime->members);
}

/* Its checkpoint is elsewhere: whatever it did here, or could not do, is over. */
static void go_elsewhere(neapi_lane *lane, neapi_partition *partition)
{
    neapi_partition_keep_why(partition, 0, NULL);
    partition->careful_to = 0;
    partition->failures = 0;
    neapi_partition_begin_again(lane, partition, true);
}

/* What comes to sagas beside events is handled between units. */
static bool handle_what_waits(neapi_lane *lane, neapi_partition *partition, bool rests)
{
    if (rests || partition->again || partition->in_flight || partition->pending != 0 ||
        is_to_stop(partition))
        return false;
    neap_status status = neapi_sagas_step(lane, partition, &lane->error);
    if (neapi_partition_may_pass(status))
        neapi_partition_fail_for_now(lane, partition, &lane->error);
    else if (status != NEAP_OK)
        neapi_partition_stop_at(lane, partition, partition->through + 1, &lane->error);
    return true;
}

static bool run(neapi_lane *lane, neapi_partition *partition)
{
    bool busy = false;
    bool room = partition->was_careful ? partition->pending == 0 && !partition->in_flight
                                       : !neapi_partition_is_full(lane, partition, 2);
    bool rests = neapi_partition_is_to_rest(partition);
    if (neapi_partition_is_reset(partition))
        go_elsewhere(lane, partition);
    if (neapi_partition_state_of(partition) != NEAPI_PARTITION_RUNNING)
        return true;
    if (rests || partition->again)
        neapi_react_abandon(lane, partition);
    if (partition->sagas != NULL && neapi_sagas_wait(partition)) {
        busy = handle_what_waits(lane, partition, rests);
    } else if (room && !rests && !partition->again) {
        if (partition->event_at == partition->event_count)
            busy = neapi_partition_read(lane, partition);
        if (partition->event_at < partition->event_count || partition->second_try.on)
            busy = neapi_partition_handle(lane, partition) || busy;
    }
    if (partition->again && !neapi_partition_is_under_way(partition))
        neapi_partition_begin_again(lane, partition, true);
    if (neapi_partition_state_of(partition) != NEAPI_PARTITION_RUNNING)
        return true;
    if (partition->again)
        return busy;
    if (!partition->in_flight && neapi_partition_is_due(lane, partition)) {
        neapi_partition_submit(lane, partition);
        busy = true;
    } else if (is_to_stop(partition)) {
        neapi_partition_stop(lane, partition);
        return true;
    } else if (rests && partition->pending == 0 && !neapi_partition_is_under_way(partition)) {
        rest(lane, partition);
        return true;
    }
    return neapi_partition_update_reached(lane, partition) || busy;
}

/* It is paused, and elsewhere now. */
static bool look_where_it_is(neapi_lane *lane, neapi_partition *partition)
{
    unsigned resets = atomic_load(&partition->build->subscribed->resets);
    neapi_checkpoint checkpoint = {0};
    bool found;
    neap_status status = neapi_partition_load_checkpoint(lane->session, partition, &checkpoint,
                                                         &found, &lane->error);
    if (status != NEAP_OK)
        return false; /* in the next step */
    partition->resets = resets;
    neapi_count_set(&partition->stored, checkpoint.position);
    neapi_count_set(&partition->reached, checkpoint.position);
    return true;
}

/* It was paused, or has stopped. */
static bool look_whether_to_go_on(neapi_lane *lane, neapi_partition *partition)
{
    if (atomic_load(&partition->build->retiring)) {
        rest(lane, partition);
        return true;
    }
    if (!atomic_load(&partition->build->subscribed->owned)) {
        neapi_partition_keep_why(partition, 0, NULL);
        rest(lane, partition);
        return true;
    }
    bool goes_on = neapi_partition_is_to_go_on(partition);
    if (!goes_on && neapi_partition_is_reset(partition) &&
        neapi_partition_state_of(partition) == NEAPI_PARTITION_PAUSED)
        return look_where_it_is(lane, partition);
    if (partition->lost || (!goes_on && !neapi_partition_is_reset(partition)))
        return false;
    partition->resumes = atomic_load(&partition->build->subscribed->resumed);
    neapi_partition_keep_why(partition, 0, NULL);
    partition->failures = 0;
    neapi_partition_set_state(partition, NEAPI_PARTITION_STARTING);
    return true;
}

/* Another process runs it. */
static bool look_whether_it_is_here(neapi_lane *lane, neapi_partition *partition)
{
    const neapi_subscribed *it = partition->build->subscribed;
    if (atomic_load(&partition->build->retiring)) {
        rest(lane, partition);
        return true;
    }
    if (!atomic_load(&it->owned) || partition->lost)
        return neapi_partition_look_elsewhere(lane, partition);
    partition->resumes = atomic_load(&it->resumed);
    partition->careful_to = 0;
    partition->failures = 0;
    neapi_partition_set_state(partition, NEAPI_PARTITION_STARTING);
    return true;
}

void neapi_partition_join(neapi_lane *lane, neapi_partition *partition)
{
    partition->next = lane->partitions;
    lane->partitions = partition;
}

static bool step(neapi_lane *lane, neapi_partition *partition)
{
    if (atomic_load(&lane->stopping)) {
        end(lane, partition);
        return false;
    }
    if (lane->engine == NULL ||
        (partition->again_us != 0 && neapi_monotonic_us(lane->platform) < partition->again_us))
        return false;
    partition->again_us = 0;
    switch (neapi_partition_state_of(partition)) {
    case NEAPI_PARTITION_STARTING:
        if (neapi_partition_is_to_rest(partition))
            rest(lane, partition);
        else
            neapi_partition_start(lane, partition);
        return true;
    case NEAPI_PARTITION_RUNNING:
        return run(lane, partition);
    case NEAPI_PARTITION_PAUSED:
    case NEAPI_PARTITION_STOPPED:
        return look_whether_to_go_on(lane, partition);
    case NEAPI_PARTITION_ELSEWHERE:
        return look_whether_it_is_here(lane, partition);
    default:
        if (partition->waiting.first != NULL)
            neapi_partition_answer(lane, partition);
        return false;
    }
}

bool neapi_partitions_step(neapi_lane *lane)
{
    bool busy = false;
    for (neapi_partition *partition = lane->partitions; partition != NULL;
         partition = partition->next)
        busy = step(lane, partition) || busy;
    return busy;
}

/* Whether the step after that moment would try again: who waits for a unit in flight does not. */
static bool may_react(const neapi_partition *partition)
{
    return !partition->again && !neapi_partition_is_to_rest(partition);
}

int64_t neapi_partitions_wake_us(const neapi_lane *lane)
{
    int64_t wake_us = NEAPI_NO_DEADLINE;
    if (atomic_load(&lane->stopping))
        return wake_us;
    for (const neapi_partition *partition = lane->partitions; partition != NULL;
         partition = partition->next) {
        if (partition->again_us != 0 && partition->again_us < wake_us)
            wake_us = partition->again_us;
        int64_t react_us =
            may_react(partition) ? neapi_react_wake_us(partition) : NEAPI_NO_DEADLINE;
        if (react_us < wake_us)
            wake_us = react_us;
    }
    return wake_us;
}

void neapi_partitions_let_go(neapi_lane *lane)
{
    for (neapi_partition *partition = lane->partitions; partition != NULL;
         partition = partition->next) {
        if (partition->sagas != NULL)
            neapi_sagas_let_go(lane, partition);
        if (partition->documents != NEAPI_NO_DOCUMENTS && !partition->in_flight &&
            partition->pending == 0 && partition != lane->handling) {
            neapi_engine_documents_free(lane->engine, partition->documents);
            partition->documents = NEAPI_NO_DOCUMENTS;
        }
    }
}

void neapi_partitions_give_up(neapi_lane *fresh, neapi_partition *stuck, const neap_error *error)
{
    for (neapi_partition *partition = fresh->partitions; partition != NULL;
         partition = partition->next) {
        partition->documents = NEAPI_NO_DOCUMENTS;
        if (partition->sagas != NULL)
            neapi_sagas_lose(partition);
        if (partition != stuck) {
            if (neapi_partition_state_of(partition) == NEAPI_PARTITION_RUNNING)
                neapi_partition_begin_again(fresh, partition, true);
            continue;
        }
        partition->lost = true;
        if (partition->sagas != NULL)
            neapi_sagas_rest(partition);
        bool in_event = partition->event_at < partition->event_count;
        neapi_partition_keep_why(partition,
                                 in_event ? partition->events[partition->event_at]->position
                                          : partition->through + 1,
                                 error);
        neapi_partition_set_state(partition, NEAPI_PARTITION_STOPPED);
        neapi_partition_answer(fresh, partition);
    }
}
