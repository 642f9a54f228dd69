#include "runtime/partition_state.h"

#include "base/error.h"
#include "base/text.h"
#include "runtime/lane_log.h"
#include "runtime/outlet.h"
#include "runtime/react.h"
#include "runtime/runtime.h"
#include "runtime/saga.h"
#include "runtime/subscribed.h"

#define PAGE_BYTES       ((size_t)1 << 20)
#define RETRY_FIRST_US   10000
#define RETRY_LONGEST_US 1000000

void neapi_partition_forget(neapi_lane *lane, neapi_partition *partition)
{
    neapi_project_forget(lane, partition);
    neapi_react_forget(partition);
    neapi_publish_out_forget(partition);
    if (partition->sagas != NULL)
        neapi_sagas_forget(lane, partition);
    partition->through = neapi_count_get(&partition->stored);
    partition->pending = 0;
    partition->at_end = false;
    neapi_partition_close_reading(partition);
}

bool neapi_partition_is_under_way(const neapi_partition *partition)
{
    bool delivering = partition->outlet != NULL ? neapi_outlet_is_busy(partition->outlet)
                                                : partition->delivery == NEAPI_DELIVERY_UNDER_WAY;
    return partition->in_flight || delivering;
}

void neapi_partition_begin_again(neapi_lane *lane, neapi_partition *partition, bool soon)
{
    partition->again = true;
    if (!soon) {
        int64_t pause_us = RETRY_FIRST_US << (partition->failures < 7 ? partition->failures : 7);
        partition->failures++;
        partition->again_us = neapi_monotonic_us(lane->platform) +
                              (pause_us < RETRY_LONGEST_US ? pause_us : RETRY_LONGEST_US);
    }
    if (neapi_partition_is_under_way(partition))
        return;
    partition->again = false;
    neapi_partition_forget(lane, partition);
    neapi_partition_set_state(partition, NEAPI_PARTITION_STARTING);
    if (partition->second_try.lost) /* it may be long until the store is there */
        neapi_partition_answer(lane, partition);
}

void neapi_partition_fail_for_now(neapi_lane *lane, neapi_partition *partition,
                                  const neap_error *error)
{
    if (partition->failures == 0)
        neapi_lane_say(lane, NEAP_LOG_WARN, (neap_text){0}, "%s '%.*s' tries again: %s",
                       neapi_subscription_kind_name(partition->definition->kind),
                       NEAPI_TEXT(partition->definition->name), error->message);
    neapi_partition_begin_again(lane, partition, false);
}

void neapi_partition_stop(neapi_lane *lane, neapi_partition *partition)
{
    neapi_partition_forget(lane, partition);
    if (partition->sagas != NULL)
        neapi_sagas_rest(partition);
    neapi_partition_set_state(partition, NEAPI_PARTITION_STOPPED);
    neapi_partition_say_why_stopped(partition, &lane->error);
    neapi_lane_say(lane, NEAP_LOG_ERROR, (neap_text){0}, "%s", lane->error.message);
    neapi_partition_answer(lane, partition);
}

neap_status neapi_partition_load_checkpoint(neapi_session *session, neapi_partition *partition,
                                            neapi_checkpoint *checkpoint, bool *found,
                                            neap_error *error)
{
    neapi_arena arena = NEAPI_ARENA_INIT;
    neap_text data, key = neapi_text(partition->key.data, partition->key.size);
    neap_status status =
        neapi_find_document(session, NEAPI_CHECKPOINTS, key, &arena, &data, found, error);
    if (status == NEAP_OK && *found)
        status = neapi_checkpoint_read(data, checkpoint, error);
    if (status == NEAP_OK && *found) {
        neapi_buffer_clear(&partition->mark);
        neapi_buffer_text(&partition->mark, data);
        if (partition->mark.failed)
            status = neapi_nomem(error);
    }
    neapi_arena_fini(&arena);
    return status;
}

neap_status neapi_partition_look_up(neapi_session *session, neapi_partition *partition,
                                    neap_error *error)
{
    neapi_checkpoint checkpoint = {0};
    bool found;
    neap_status status =
        neapi_partition_load_checkpoint(session, partition, &checkpoint, &found, error);
    if (status != NEAP_OK)
        return status;
    neapi_count_set(&partition->stored, checkpoint.position);
    neapi_count_set(&partition->reached, checkpoint.position);
    neapi_partition_set_state(partition, NEAPI_PARTITION_RETIRED);
    return NEAP_OK;
}

static neap_status open_reading(neapi_lane *lane, neapi_partition *partition, uint64_t behind,
                                neap_error *error)
{
    const neapi_subscription *definition = partition->definition;
    partition->range =
        (neapi_range){.types = definition->types,
                      .type_count = definition->type_count,
                      .from = behind + 1,
                      .to = partition->stop_at != 0 ? partition->stop_at - 1 : UINT64_MAX,
                      .max_events = NEAPI_PARTITION_EVENTS,
                      .max_bytes = PAGE_BYTES};
    if (definition->only_transient) { /* no stored event has such a type */
        static const neap_text none = {"", 0};
        partition->range.types = &none;
        partition->range.type_count = 1;
    }
    if (definition->category_count == 1)
        partition->range.category = definition->categories[0];
    neap_status status = neapi_live_open(&partition->live, lane->runtime->hub, &partition->range,
                                         &lane->mailbox->inbox.work, NULL, error);
    partition->open = status == NEAP_OK;
    partition->live.ahead = lane->runtime->ahead;
    return status;
}

void neapi_partition_start(neapi_lane *lane, neapi_partition *partition)
{
    neapi_checkpoint checkpoint;
    bool found;
    partition->resets = atomic_load(&partition->build->subscribed->resets);
    neap_status status = neapi_partition_load_checkpoint(lane->session, partition, &checkpoint,
                                                         &found, &lane->error);
    if (status == NEAP_OK && !found)
        status = neapi_fail(&lane->error, NEAP_CORRUPT, "the store has no checkpoint %.*s",
                            (int)partition->key.size, partition->key.data);
    bool own = true;
    if (status == NEAP_OK && lane->runtime->members != NULL)
        status = neapi_partition_check_owner(lane, partition, &own, &lane->error);
    if (status == NEAP_OK && !own)
        return; /* it rests in the next step */
    if (status == NEAP_OK && neapi_subscription_has_letters(partition->definition))
        status = neapi_react_start(lane, partition, checkpoint.position, &lane->error);
    if (status == NEAP_OK)
        status = open_reading(lane, partition, checkpoint.position, &lane->error);
    if (status == NEAP_OK) {
        partition->generation = checkpoint.generation;
        partition->through = checkpoint.position;
        if (neapi_count_get(&partition->since_us) == 0) {
            neapi_count_set(&partition->since, checkpoint.position);
            neapi_count_set(&partition->since_us, (uint64_t)neapi_monotonic_us(lane->platform));
        }
        neapi_count_set(&partition->stored, checkpoint.position);
        neapi_count_set(&partition->reached, checkpoint.position);
        neapi_partition_set_state(partition, NEAPI_PARTITION_RUNNING);
        if (partition->sagas != NULL)
            neapi_sagas_start(lane, partition);
        neapi_partition_answer(lane, partition);
    } else {
        neapi_partition_fail_for_now(lane, partition, &lane->error);
    }
}
