#include "runtime/drive.h"

#include "runtime/inline.h"
#include "runtime/rescue.h"
#include "runtime/thread.h"

#define LEAST_STACK ((size_t)1 << 20)

neapi_lane *neapi_drive_begin(neap_runtime *runtime, const neapi_request *request)
{
    if (!runtime->options.caller_runs || neapi_is_inline(runtime) || runtime->use_count != 0 ||
        request->deadline_us != NEAPI_NO_DEADLINE)
        return NULL;
    neapi_lane *lane = neapi_router_lane(&runtime->router, request);
    if (lane->number >= runtime->router.command_lanes || neapi_thread_stack_left() < LEAST_STACK)
        return NULL;
    return neapi_lane_try(lane) ? lane : NULL;
}

/* false: somebody else is to do something first. */
static bool go_on(neapi_lane *lane)
{
    if (neapi_lane_step(lane))
        return true;
    return neapi_lane_commit(lane);
}

/* A lane that is given up meanwhile is left as it is. */
static void work(neapi_lane *lane, const neapi_request *request)
{
    neapi_way_out out = {.own = false};
    neapi_stay_set_way_out(&out);
    lane->by_caller = true;
    neapi_inbox_attend(&lane->mailbox->inbox);
    if (setjmp(out.jump) == 0) {
        while (atomic_load(&request->stage) != NEAPI_STAGE_DONE && go_on(lane))
            continue;
        neapi_lane_leave(lane);
    } else {
        neapi_rescue_wind_up(neapi_stay_lane());
    }
    neapi_stay_set_way_out(NULL);
}

neap_status neapi_drive(const neap_runtime *runtime, neapi_lane *lane, neapi_request *request,
                        neap_error *error)
{
    neap_status status = neapi_mailbox_push_quietly(lane->mailbox, request, error);
    if (status != NEAP_OK) {
        neapi_lane_leave(lane);
        return status;
    }
    bool own_before = neapi_thread_set_own(true);
    neapi_thread_work_for(runtime);
    work(lane, request);
    neapi_thread_work_for(NULL);
    neapi_thread_set_own(own_before);
    return NEAP_OK;
}
