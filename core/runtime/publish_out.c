/* Outboxes: a partition's events are published in batches, and its checkpoint moves behind what was
 * acknowledged. An outbox never skips an event: while its broker cannot be reached it tries again
 * and again; at an event that it does not take it stops, or sets it aside as a dead letter. */
#include "base/error.h"
#include "base/text.h"
#include "runtime/lane_log.h"
#include "runtime/outlet.h"
#include "runtime/react.h"
#include "runtime/retry.h"
#include "runtime/runtime.h"

static void try_later(neapi_lane *lane, neapi_partition *partition)
{
    neapi_outlet *outlet = partition->outlet;
    if (outlet->failures++ == 0)
        neapi_lane_say(lane, NEAP_LOG_WARN, (neap_text){0}, "outbox '%.*s' tries again: %s",
                       NEAPI_TEXT(partition->definition->name), outlet->error.message);
    neapi_partition_note_trouble(partition, outlet->failures, &outlet->error);
    partition->retry_us =
        neapi_monotonic_us(lane->platform) +
        neapi_retry_delay_us(lane->platform, partition->definition, outlet->failures);
}

static void goes_on(neapi_lane *lane, neapi_partition *partition)
{
    if (partition->outlet->failures > 0)
        neapi_lane_say(lane, NEAP_LOG_INFO, (neap_text){0}, "outbox '%.*s' goes on",
                       NEAPI_TEXT(partition->definition->name));
    partition->outlet->failures = 0;
    neapi_count_set(&partition->failing, 0);
}

/* What came of a batch. */
static neap_status settle(neapi_lane *lane, neapi_partition *partition, neap_error *error)
{
    neapi_outlet *outlet = partition->outlet;
    bool moved = outlet->acknowledged > 0;
    partition->delivery = NEAPI_DELIVERY_NONE;
    atomic_store(&outlet->stage, NEAPI_OUTLET_IDLE);
    partition->event_at += outlet->acknowledged;
    if (moved)
        goes_on(lane, partition);
    if (outlet->status == NEAP_OK)
        return NEAP_OK;
    if (neapi_retry_publishing(partition->definition, outlet->status, outlet->failures + 1)) {
        try_later(lane, partition);
        return NEAP_OK;
    }
    partition->attempts = outlet->failures + 1;
    outlet->failures = 0;
    if (!partition->definition->stops)
        return neapi_react_set_aside(lane, partition, partition->events[partition->event_at],
                                     &outlet->error, error);
    *error = outlet->error;
    return neapi_error_as(error, NEAP_INVALID); /* whatever it was: it is about this event */
}

/* How many are published next: up to one that waits behind a dead letter. */
static size_t next_batch(const neapi_partition *partition)
{
    size_t count = 0, at_hand = partition->event_count - partition->event_at;
    const neap_event *const *first = partition->events + partition->event_at;
    while (count < at_hand && !neapi_react_is_held(partition, first[count]))
        count++;
    return count;
}

neap_status neapi_publish_out(neapi_lane *lane, neapi_partition *partition, neap_error *error)
{
    neap_status status = NEAP_OK;
    if (neapi_react_letters(lane, partition, &status, error) || status != NEAP_OK ||
        partition->event_at == partition->event_count)
        return status;
    if (partition->delivery == NEAPI_DELIVERY_NONE) {
        if (partition->retry_us != 0 && neapi_monotonic_us(lane->platform) < partition->retry_us)
            return NEAP_OK;
        partition->retry_us = 0;
        size_t count = next_batch(partition);
        if (count == 0)
            return neapi_react_set_aside(lane, partition, partition->events[partition->event_at],
                                         NULL, error);
        partition->delivery = NEAPI_DELIVERY_UNDER_WAY;
        neapi_outlet_give(partition->outlet, lane, partition->events + partition->event_at, count);
    }
    return neapi_outlet_is_busy(partition->outlet) ? NEAP_OK : settle(lane, partition, error);
}

neap_status neapi_publish_one(neapi_lane *lane, neapi_partition *partition, const neap_event *event,
                              neap_error *error)
{
    neapi_outlet *outlet = partition->outlet;
    neapi_arena_clear(&outlet->letter);
    if (!neapi_event_copy(&outlet->letter, event, &outlet->one))
        return neapi_nomem(error);
    outlet->only = &outlet->one;
    partition->delivery = NEAPI_DELIVERY_UNDER_WAY;
    partition->attempts++;
    neapi_outlet_give(outlet, lane, &outlet->only, 1);
    return NEAP_OK;
}

void neapi_publish_look(neapi_partition *partition)
{
    neapi_outlet *outlet = partition->outlet;
    if (partition->delivery != NEAPI_DELIVERY_UNDER_WAY || neapi_outlet_is_busy(outlet))
        return;
    atomic_store(&outlet->stage, NEAPI_OUTLET_IDLE);
    partition->delivery = outlet->status == NEAP_OK ? NEAPI_DELIVERY_DONE : NEAPI_DELIVERY_FAILED;
    partition->failure = outlet->error;
}

void neapi_publish_out_forget(neapi_partition *partition)
{
    if (partition->outlet == NULL)
        return;
    partition->delivery = NEAPI_DELIVERY_NONE;
    partition->retry_us = 0;
    atomic_store(&partition->outlet->stage, NEAPI_OUTLET_IDLE);
}
