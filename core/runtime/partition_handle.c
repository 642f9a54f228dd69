#include "runtime/partition_state.h"

#include "base/alloc.h"
#include "base/text.h"
#include "runtime/outlet.h"
#include "runtime/react.h"
#include "runtime/saga.h"
#include "runtime/subscribed.h"

/* Handled in one step of the lane, which has other things to do. */
#define STEP_EVENTS 512

bool neapi_partition_wants(const neapi_subscription *definition, const neap_event *event)
{
    if (definition->category_count < 2)
        return true;
    neap_text category = neapi_stream_category(event->stream);
    for (size_t i = 0; i < definition->category_count; i++)
        if (neapi_text_equal(category, definition->categories[i]))
            return true;
    return false;
}

/* Takes what the reader has into hand. */
static void take(neapi_partition *partition)
{
    const neap_event *event;
    partition->event_at = partition->event_count = 0;
    while (partition->event_count < NEAPI_PARTITION_EVENTS &&
           (event = neapi_live_next(&partition->live)) != NULL) {
        if (neapi_partition_wants(partition->definition, event))
            partition->events[partition->event_count++] = event;
    }
}

static void move_through(neapi_partition *partition, uint64_t position)
{
    if (partition->stop_at != 0 && position >= partition->stop_at)
        position = partition->stop_at - 1;
    if (position > partition->through)
        partition->through = position;
}

bool neapi_partition_read(neapi_lane *lane, neapi_partition *partition)
{
    neapi_live_answer answer;
    partition->at_end = false;
    take(partition); /* what did not find room before */
    if (partition->event_count != 0)
        return true;
    if (neapi_live_get(&partition->live, lane->session, &partition->page, &answer, &lane->error) !=
        NEAP_OK) {
        neapi_partition_fail_for_now(lane, partition, &lane->error);
        return true;
    }
    move_through(partition, partition->range.from - 1);
    switch (answer) {
    case NEAPI_LIVE_EVENTS:
        partition->is_far = partition->live.page != NULL && !partition->page.last;
        take(partition);
        return true;
    case NEAPI_LIVE_ON:
        return true;
    case NEAPI_LIVE_COMES:
        return false;
    case NEAPI_LIVE_WAITS:
        move_through(partition, neapi_live_reached(&partition->live));
        break;
    case NEAPI_LIVE_OVER:
        move_through(partition, partition->range.to);
        break;
    case NEAPI_LIVE_ENDED:
        break;
    }
    partition->at_end = true;
    return false;
}

static bool is_careful(const neapi_partition *partition)
{
    return partition->through < partition->careful_to;
}

void neapi_partition_keep_why(neapi_partition *partition, uint64_t position,
                              const neap_error *error)
{
    pthread_mutex_t *mutex = &partition->build->subscribed->mutex;
    pthread_mutex_lock(mutex);
    partition->stop_at = position;
    if (partition->why == NULL && error != NULL)
        partition->why = neapi_alloc(sizeof *partition->why);
    if (partition->why != NULL && error != NULL)
        *partition->why = *error;
    if (error == NULL) {
        neapi_free(partition->why);
        partition->why = NULL;
    }
    pthread_mutex_unlock(mutex);
}

void neapi_partition_stop_at(neapi_lane *lane, neapi_partition *partition, uint64_t position,
                             const neap_error *error)
{
    neapi_partition_keep_why(partition, position, error);
    neapi_partition_begin_again(lane, partition, true);
}

bool neapi_partition_may_pass(neap_status status)
{
    return status == NEAP_NOMEM || status == NEAP_UNAVAILABLE || status == NEAP_STORE ||
           status == NEAP_CONFLICT;
}

void neapi_partition_cannot_handle_all(neapi_lane *lane, neapi_partition *partition,
                                       uint64_t position, const neap_error *error)
{
    if (neapi_partition_may_pass(error->status)) {
        neapi_partition_fail_for_now(lane, partition, error);
    } else if (is_careful(partition) || partition->was_careful) {
        neapi_partition_stop_at(lane, partition, position, error);
    } else {
        partition->careful_to = position;
        neapi_partition_begin_again(lane, partition, true);
    }
}

static void cannot_handle(neapi_lane *lane, neapi_partition *partition, const neap_error *error)
{
    bool at_hand = partition->event_at < partition->event_count;
    uint64_t position =
        at_hand ? partition->events[partition->event_at]->position : partition->through + 1;
    if (error->status == NEAP_LIMIT || neapi_partition_may_pass(error->status))
        neapi_partition_cannot_handle_all(lane, partition, position, error);
    else
        neapi_partition_stop_at(lane, partition, position, error);
}

/* As much of what is at hand as shall be at once. */
static neap_status handle_some(neapi_lane *lane, neapi_partition *partition)
{
    size_t at_hand = partition->event_count - partition->event_at;
    if (partition->outlet != NULL)
        return neapi_publish_out(lane, partition, &lane->error);
    if (at_hand > STEP_EVENTS)
        at_hand = STEP_EVENTS;
    if (partition->definition->kind != NEAPI_PROJECTION && partition->sagas == NULL)
        return neapi_react(lane, partition, &lane->error);
    partition->was_careful = is_careful(partition);
    if (partition->sagas != NULL)
        return neapi_sagas_handle(lane, partition, partition->was_careful ? 1 : at_hand,
                                  &lane->error);
    return neapi_project(lane, partition, partition->was_careful ? 1 : at_hand, &lane->error);
}

bool neapi_partition_handle(neapi_lane *lane, neapi_partition *partition)
{
    size_t before = partition->event_at;
    if (handle_some(lane, partition) != NEAP_OK) {
        cannot_handle(lane, partition, &lane->error);
        return true;
    }
    size_t count = partition->event_at - before;
    if (count == 0)
        return false;
    if (partition->pending == 0)
        partition->pending_since_us = neapi_monotonic_us(lane->platform);
    partition->pending += (unsigned)count;
    neapi_count_add(&partition->handled, count);
    move_through(partition, partition->events[partition->event_at - 1]->position);
    return true;
}
