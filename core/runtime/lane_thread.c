/* Who drives a lane: its thread, which others may stand in for. */
#include "runtime/lane.h"
#include "runtime/partition.h"
#include "runtime/queue.h"
#include "runtime/rescue.h"

bool neapi_lane_ended(neapi_lane *lane)
{
    return atomic_load(&lane->stopping) && lane->submitted == 0 && lane->unanswered == 0 &&
           lane->passages == 0 && lane->backlog.first == NULL &&
           (lane->queue == NULL || neapi_queue_has_ended(lane->queue)) &&
           neapi_partitions_have_ended(lane) && neapi_inbox_close(&lane->mailbox->inbox);
}

bool neapi_lane_try(neapi_lane *lane)
{
    return !atomic_load(&lane->driven) && !atomic_exchange(&lane->driven, true);
}

static bool has_more(const neapi_lane *lane)
{
    return lane->backlog.first != NULL || neapi_inbox_has_mail(&lane->mailbox->inbox);
}

/* What is left, or comes back, is for the thread. */
void neapi_lane_leave(neapi_lane *lane)
{
    bool more =
        lane->backlog.first != NULL || lane->warm.first_due != NULL || lane->partitions != NULL;
    if (lane->by_caller)
        neapi_inbox_leave(&lane->mailbox->inbox);
    lane->by_caller = false;
    if (lane->pushed) /* others' units, behind the answer for which it was driven */
        neapi_writer_rouse(lane->writer);
    lane->pushed = false;
    int64_t wake_us = lane->queue != NULL ? neapi_lane_wake_us(lane) : NEAPI_NO_DEADLINE;
    atomic_store(&lane->driven, false);
    more = more || wake_us < atomic_load(&lane->watched_us); /* its thread does not know of that */
    if (more || neapi_inbox_has_mail(&lane->mailbox->inbox))
        neapi_inbox_nudge(&lane->mailbox->inbox);
}

void neapi_lane_flush(neapi_lane *lane)
{
    if (lane->outbox.first == NULL)
        return;
    neapi_writer_push(lane->writer, &lane->outbox);
    lane->pushed = true;
}

bool neapi_lane_commit(neapi_lane *lane)
{
    neapi_writer *writer = lane->writer;
    bool pushed = lane->pushed;
    lane->pushed = false;
    if (writer == NULL || !neapi_writer_has_work(writer))
        return false;
    bool here = !has_more(lane) || !neapi_session_waits(writer->session);
    if (here && neapi_writer_try(writer)) {
        neapi_writer_step(writer);
        neapi_writer_leave(writer);
        return true;
    }
    if (pushed)
        neapi_writer_rouse(writer);
    return false;
}

/* false: it has ended. */
static bool work(neapi_lane *lane, unsigned seen)
{
    bool busy = neapi_lane_step(lane);
    busy = neapi_lane_commit(lane) || busy;
    bool ended = !busy && neapi_lane_ended(lane);
    int64_t wake_us = neapi_lane_wake_us(lane);
    if (lane->queue != NULL)
        atomic_store(&lane->watched_us, wake_us);
    atomic_store(&lane->driven, false);
    if (!busy && !ended)
        neapi_inbox_stand_by(&lane->mailbox->inbox, seen, &lane->driven, wake_us);
    return !ended;
}

static void end(neapi_lane *lane)
{
    atomic_store(&lane->gone, true);
    neapi_wake(lane->platform, &lane->router->ended);
}

/* If another takes the lane's place while somebody else drives it, the thread goes on with that
 * one. */
static void run_until_end(const neapi_router *router, unsigned number)
{
    for (;;) {
        neapi_lane *lane = router->lanes[number];
        unsigned seen = neapi_inbox_seen(&lane->mailbox->inbox);
        if (lane->queue != NULL)
            atomic_store(&lane->watched_us, NEAPI_NO_DEADLINE);
        if (!neapi_lane_try(lane)) {
            neapi_inbox_stand_by(&lane->mailbox->inbox, seen, &lane->driven, NEAPI_NO_DEADLINE);
        } else if (!work(lane, seen)) {
            end(lane);
            return;
        }
    }
}

static void *run(void *argument)
{
    neapi_lane *lane = argument;
    neapi_way_out out = {.own = true};
    neapi_thread_is_runtimes();
    neapi_thread_work_for(lane->runtime);
    neapi_stay_set_way_out(&out);
    if (setjmp(out.jump) == 0)
        run_until_end(lane->router, lane->number);
    else
        neapi_rescue_wind_up(neapi_stay_lane());
    return NULL;
}

neap_status neapi_lane_start_again(neapi_lane *lane, neap_error *error)
{
    return neapi_thread_start(&lane->thread, run, lane, error);
}

neap_status neapi_lane_start(neapi_lane *lane, neap_error *error)
{
    neap_status status = neapi_lane_start_again(lane, error);
    lane->running = status == NEAP_OK;
    return status;
}

void neapi_lane_stop(neapi_lane *lane)
{
    atomic_store(&lane->stopping, true);
    neapi_mailbox_admit(lane->mailbox, NEAPI_ADMITS_NOTHING);
}

void neapi_lane_join(neapi_lane *lane)
{
    neapi_router *router = lane->router;
    unsigned number = lane->number;
    if (!lane->running)
        return;
    for (;;) {
        unsigned seen = neapi_gate_seen(&router->ended);
        lane = router->lanes[number];
        neapi_lane_stop(lane);
        if (atomic_load(&lane->gone))
            break;
        neapi_park(lane->platform, &router->ended, seen, NEAPI_NO_DEADLINE);
    }
    pthread_join(lane->thread, NULL);
    lane->running = false;
}
