#include "runtime/inline.h"

#include "runtime/members.h"

/* The only one. */
static neapi_lane *lane_of(const neap_runtime *runtime)
{
    return runtime->router.lanes[0];
}

/* Who drives is, for as long, one of the runtime's threads. */
static bool begin(neap_runtime *runtime)
{
    pthread_mutex_lock(&runtime->drive_mutex);
    atomic_store(&runtime->driver, pthread_self());
    atomic_store(&runtime->driven, true);
    return neapi_thread_set_own(true);
}

static void end(neap_runtime *runtime, bool own_before)
{
    neapi_thread_set_own(own_before);
    atomic_store(&runtime->driven, false);
    pthread_mutex_unlock(&runtime->drive_mutex);
}

bool neapi_inline_drives(const neap_runtime *runtime)
{
    return atomic_load(&runtime->driven) &&
           pthread_equal(atomic_load(&runtime->driver), pthread_self());
}

/* false: there was nothing to do. */
static bool step(neap_runtime *runtime)
{
    bool busy = neapi_lane_step(lane_of(runtime));
    if (runtime->has_writer && neapi_writer_has_work(&runtime->writer))
        busy = neapi_writer_step(&runtime->writer) || busy;
    if (runtime->members != NULL && runtime->stage == NEAPI_RUNTIME_RUNNING)
        busy = neapi_members_step(runtime->members) || busy;
    return neapi_runtime_deliver(runtime) || busy;
}

static void step_or_wait(neap_runtime *runtime, int64_t deadline_us)
{
    neapi_inbox *inbox = &lane_of(runtime)->mailbox->inbox;
    unsigned seen = neapi_inbox_seen(inbox);
    if (step(runtime))
        return;
    int64_t wake_us = neapi_lane_wake_us(lane_of(runtime));
    if (runtime->members != NULL && neapi_members_wake_us(runtime->members) < wake_us)
        wake_us = neapi_members_wake_us(runtime->members);
    neapi_inbox_wait(inbox, seen, wake_us < deadline_us ? wake_us : deadline_us);
}

neap_status neapi_inline_push(neap_runtime *runtime, neapi_request *request, int64_t deadline_us,
                              neap_error *error)
{
    neapi_mailbox *mailbox = lane_of(runtime)->mailbox;
    for (;;) {
        neap_status status = neapi_mailbox_push(mailbox, request, 0, error);
        if (status != NEAP_BUSY || deadline_us == 0)
            return status;
        if (neapi_monotonic_us(runtime->platform) >= deadline_us)
            return neapi_mailbox_push(mailbox, request, deadline_us, error);
        bool own_before = begin(runtime);
        /* Who drove meanwhile may have made room; then there may be nothing to wait for. */
        status = neapi_mailbox_push(mailbox, request, 0, error);
        if (status == NEAP_BUSY)
            step_or_wait(runtime, deadline_us);
        end(runtime, own_before);
        if (status != NEAP_BUSY)
            return status;
    }
}

void neapi_inline_drive(neap_runtime *runtime, neapi_request *request)
{
    bool own_before = begin(runtime);
    while (atomic_load(&request->stage) != NEAPI_STAGE_DONE &&
           neapi_monotonic_us(runtime->platform) < request->deadline_us)
        step_or_wait(runtime, request->deadline_us);
    end(runtime, own_before);
}

void neapi_inline_stop(neap_runtime *runtime)
{
    neapi_lane *lane = lane_of(runtime);
    bool own_before = begin(runtime);
    neapi_lane_stop(lane);
    while (step(runtime) || !neapi_lane_ended(lane))
        continue;
    if (runtime->has_writer)
        neapi_writer_step(&runtime->writer); /* nothing is queued: housekeeping */
    end(runtime, own_before);
}
