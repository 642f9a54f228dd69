#include "runtime/partition_state.h"

#include "base/error.h"
#include "base/text.h"
#include "runtime/react.h"
#include "runtime/reply.h"
#include "runtime/runtime.h"
#include "runtime/saga.h"
#include "runtime/subscribed.h"

neap_status neapi_partition_say_why_stopped(const neapi_partition *partition, neap_error *error)
{
    return neapi_fail(error, NEAP_UNAVAILABLE, "%s '%.*s' has stopped at position %llu%s%.700s",
                      neapi_subscription_kind_name(partition->definition->kind),
                      NEAPI_TEXT(partition->definition->name),
                      (unsigned long long)partition->stop_at, partition->why != NULL ? ": " : "",
                      partition->why != NULL ? partition->why->message : "");
}

static void send_to(neapi_lane *lane, neapi_request *request, neapi_partition *partition)
{
    request->partition = partition;
    if (request->partition->lane == lane->number) {
        neapi_partition_awaited(lane, request);
        return;
    }
    atomic_store(&request->stage, NEAPI_STAGE_WAITING);
    neapi_lane *other = lane->router->lanes[request->partition->lane];
    if (neapi_mailbox_send(other->mailbox, NEAPI_MAIL_ASKED, &request->mail))
        return;
    neapi_fail(&lane->error, NEAP_CLOSED, "the runtime closed meanwhile");
    neapi_lane_fail(lane, request, &lane->error);
}

static bool is_trying_again(const neapi_partition *partition)
{
    return partition->second_try.on || partition->unit != NULL || partition->in_flight;
}

/* It has reached the position here: the next partition is to. */
static void pass_on(neapi_lane *lane, neapi_request *request)
{
    neapi_build *build = request->partition->build;
    uint32_t behind = request->partition->number + 1;
    if (behind < build->partition_count) {
        send_to(lane, request, &build->partitions[behind]);
        return;
    }
    neapi_lane_succeed_empty(lane, request);
}

/* The build that has taken this one's place is to reach it. */
static void go_over(neapi_lane *lane, neapi_request *request)
{
    neapi_build *live = atomic_load(&request->partition->build->subscribed->live);
    send_to(lane, request, &live->partitions[0]);
}

static bool is_live(const neapi_partition *partition)
{
    return atomic_load(&partition->build->subscribed->live) == partition->build;
}

static bool is_replaced(const neapi_partition *partition)
{
    const neapi_build *next = atomic_load(&partition->build->subscribed->next);
    return !is_live(partition) && next != partition->build;
}

bool neapi_partition_is_reset(const neapi_partition *partition)
{
    return partition->resets != atomic_load(&partition->build->subscribed->resets);
}

static bool has_reached(neapi_partition *partition, uint64_t position)
{
    return !neapi_partition_is_reset(partition) &&
           position <= neapi_count_get(&partition->reached) &&
           (partition->sagas == NULL || !neapi_sagas_are_busy(partition));
}

bool neapi_partition_is_to_go_on(const neapi_partition *partition)
{
    return !partition->lost &&
           partition->resumes != atomic_load(&partition->build->subscribed->resumed);
}

void neapi_partition_answer(neapi_lane *lane, neapi_partition *partition)
{
    neapi_request_list waiting = partition->waiting;
    partition->waiting = (neapi_request_list){0};
    neapi_partition_state state = neapi_partition_state_of(partition);
    for (neapi_request *request; (request = neapi_request_list_pop(&waiting)) != NULL;) {
        neap_status status = NEAP_OK;
        if (state == NEAPI_PARTITION_ENDED)
            status =
                neapi_fail(&lane->error, NEAP_CLOSED, "the runtime closed before %.*s caught up",
                           NEAPI_TEXT(partition->definition->name));
        else if (is_replaced(partition))
            go_over(lane, request);
        else if (request->letters.wanted && is_trying_again(partition))
            neapi_request_list_push(&partition->waiting, request);
        else if (request->letters.wanted && partition->second_try.lost)
            status = neapi_fail(&lane->error, NEAP_UNAVAILABLE,
                                "not all dead letters of '%.*s' were tried again: try once more",
                                NEAPI_TEXT(partition->definition->name));
        else if (request->letters.wanted && state == NEAPI_PARTITION_ELSEWHERE)
            status = neapi_fail(&lane->error, NEAP_UNAVAILABLE,
                                "'%.*s' is run by another process, which has to be asked",
                                NEAPI_TEXT(partition->definition->name));
        else if (request->letters.stream.size != 0)
            neapi_lane_succeed_empty(lane, request);
        else if (is_live(partition) && has_reached(partition, request->at_version))
            pass_on(lane, request);
        else if (neapi_partition_is_to_go_on(partition) ||
                 (state == NEAPI_PARTITION_STOPPED && neapi_partition_is_reset(partition)))
            neapi_request_list_push(&partition->waiting, request);
        else if (state == NEAPI_PARTITION_STOPPED)
            status = neapi_partition_say_why_stopped(partition, &lane->error);
        else if (state == NEAPI_PARTITION_PAUSED ||
                 (state == NEAPI_PARTITION_ELSEWHERE &&
                  atomic_load(&partition->build->subscribed->paused)))
            status = neapi_fail(&lane->error, NEAP_UNAVAILABLE, "%s '%.*s' is paused",
                                neapi_subscription_kind_name(partition->definition->kind),
                                NEAPI_TEXT(partition->definition->name));
        else
            neapi_request_list_push(&partition->waiting, request);
        if (status != NEAP_OK)
            neapi_lane_fail(lane, request, &lane->error);
    }
}

void neapi_partition_tell_home(const neapi_lane *lane, const neapi_partition *partition)
{
    unsigned home = partition->build->subscribed->home;
    if (home != lane->number)
        neapi_inbox_nudge(&lane->router->lanes[home]->mailbox->inbox);
}

bool neapi_partition_update_reached(neapi_lane *lane, neapi_partition *partition)
{
    bool all_durable = !partition->in_flight && partition->pending == 0 && partition->unit == NULL;
    uint64_t reached = all_durable ? partition->through : neapi_count_get(&partition->stored);
    if (reached > neapi_count_get(&partition->reached)) {
        neapi_count_set(&partition->reached, reached);
        if (!is_live(partition))
            neapi_partition_tell_home(lane, partition);
    }
    const neapi_mail *first = partition->waiting.first;
    if (first == NULL)
        return false;
    neapi_partition_answer(lane, partition);
    return partition->waiting.first != first;
}

/* false: it was answered. */
static bool begin_again_with_letters(neapi_lane *lane, neapi_partition *partition,
                                     neapi_request *request)
{
    neap_status status = NEAP_OK;
    if (neapi_partition_state_of(partition) != NEAPI_PARTITION_RUNNING &&
        neapi_partition_state_of(partition) != NEAPI_PARTITION_STARTING)
        return true; /* answered as all who wait for it are */
    if (partition->second_try.on)
        status = neapi_fail(&lane->error, NEAP_BUSY,
                            "dead letters of '%.*s' are being tried again already",
                            NEAPI_TEXT(partition->definition->name));
    if (status == NEAP_OK)
        status = neapi_react_again(partition, request->letters.stream, request->letters.dropped,
                                   request->letters.drops, &lane->error);
    if (status != NEAP_OK)
        neapi_lane_fail(lane, request, &lane->error);
    return status == NEAP_OK;
}

void neapi_partition_awaited(neapi_lane *lane, neapi_request *request)
{
    neapi_partition *partition = request->partition;
    neapi_partition_see_head(lane, partition);
    if (request->letters.wanted && !begin_again_with_letters(lane, partition, request))
        return;
    neapi_request_list_push(&partition->waiting, request);
    partition->at_end = false; /* it looks how far the log is */
    neapi_partition_answer(lane, partition);
}
