#include "runtime/by_tags.h"

#include "base/error.h"
#include "runtime/command.h"
#include "runtime/reply.h"
#include "runtime/snapshot.h"
#include "runtime/turns.h"

/* Adds what stands beside the events. */
static neap_status complete(neapi_lane *lane, neapi_request *request, const neapi_warm *warm,
                            neapi_unit *unit, neap_error *error)
{
    const neapi_aggregate *aggregate = warm->instance.aggregate;
    uint64_t position;
    neap_status status = NEAP_OK;
    if (unit->event_count == 0)
        status = neapi_stream_head(lane->session, warm->instance.stream, &request->version,
                                   &position, error);
    if (status != NEAP_OK || (unit->event_count == 0 && !neapi_request_commits(request)))
        return status;
    status = neapi_unit_condition(unit, aggregate->types, aggregate->type_count,
                                  warm->instance.tags, warm->instance.tag_count, warm->position);
    if (status != NEAP_OK)
        return neapi_nomem(error);
    return neapi_unit_complete(lane, request, unit, warm->instance.stream, request->version,
                               warm->position, error);
}

static void submit(neapi_lane *lane, neapi_request *request, neapi_warm *warm, neapi_unit *unit)
{
    request->submission.unit = unit;
    request->by_tags = warm;
    warm->in_flight++;
    neapi_lane_submit(lane, &request->submission);
}

static void decided(neapi_lane *lane, neapi_request *request, neapi_warm *warm, neapi_unit *unit)
{
    bool has_events = unit->event_count > 0;
    lane->deciding = warm; /* an inline projection may need room */
    neap_status status = complete(lane, request, warm, unit, &lane->error);
    lane->deciding = NULL;
    if (status == NEAP_OK && unit->op_count > 0) {
        submit(lane, request, warm, unit);
        return;
    }
    neapi_unit_release(unit);
    if (status == NEAP_OK) {
        neapi_answer_without_events(lane, request, NEAP_OK, warm, warm->position);
        return;
    }
    if (has_events) /* which the state has folded */
        neapi_warm_unload(&lane->warm, warm);
    neapi_lane_fail(lane, request, &lane->error);
}

static void decide(neapi_lane *lane, neapi_request *request, neapi_warm *warm)
{
    neapi_unit *unit = neapi_unit_new(request->call.id);
    if (unit == NULL) {
        neapi_nomem(&lane->error);
        neapi_lane_fail(lane, request, &lane->error);
        return;
    }
    neapi_want_canonical(lane, request);
    bool spoilt = false;
    lane->deciding = warm;
    lane->in_hand = unit;
    neap_status status = neapi_engine_decide(lane->engine, request->message, warm->state,
                                             &request->instance, NEAP_ANY_VERSION, request->json,
                                             &request->call, unit, &spoilt, &lane->error);
    lane->deciding = NULL;
    lane->in_hand = NULL;
    neapi_metrics_decided(lane->metrics, request);
    if (status == NEAP_OK) {
        decided(lane, request, warm, unit);
        return;
    }
    neapi_unit_release(unit);
    if (spoilt)
        neapi_warm_unload(&lane->warm, warm);
    neapi_lane_fail(lane, request, &lane->error);
}

static void begin(neapi_lane *lane, neapi_request *request)
{
    neapi_warm *warm = neapi_warm_get(&lane->warm, &request->instance);
    neap_status status =
        warm != NULL ? neapi_lane_bring_up_to_date(lane, warm, &request->instance, &lane->error)
                     : neapi_nomem(&lane->error);
    if (status != NEAP_OK) {
        neapi_lane_fail(lane, request, &lane->error);
        return;
    }
    warm->decisions += warm->decisions < 2;
    neapi_snapshot_consider(lane, warm);
    neapi_snapshot_make_before(lane, warm);
    decide(lane, request, warm);
}

void neapi_by_tags_decide(neapi_lane *lane, neapi_request *request)
{
    if (request->places == NULL && neapi_turns_enter(lane, request) != NEAP_OK) {
        neapi_nomem(&lane->error);
        neapi_lane_fail(lane, request, &lane->error);
    } else if (request->behind != 0) {
        atomic_store(&request->stage, NEAPI_STAGE_WAITING);
    } else {
        begin(lane, request);
    }
}

void neapi_by_tags_begun(neapi_lane *lane, neapi_request *request)
{
    bool waits = request->behind != 0 || request->by_tags != NULL;
    if (request->places != NULL && !waits)
        neapi_turns_leave(lane, request);
}

static void accepted(neapi_lane *lane, neapi_request *request, const neapi_unit *unit,
                     neapi_warm *warm)
{
    if (unit->event_count > 0) {
        warm->version = warm->position = unit->verdict.last_position;
        warm->snapshot.folded += unit->event_count;
    }
    neapi_lane_succeed(lane, request,
                       neapi_reply_receipt(request->call.id, unit, warm->instance.stream,
                                           request->version, warm->position));
    neapi_snapshot_consider(lane, warm);
}

void neapi_by_tags_judged(neapi_lane *lane, neapi_request *request, neapi_unit *unit)
{
    neapi_warm *warm = request->by_tags;
    bool again = false;
    warm->in_flight--;
    request->by_tags = NULL;
    neapi_request_hold(request); /* its places are its own memory */
    if (unit->state == NEAPI_UNIT_ACCEPTED) {
        accepted(lane, request, unit, warm);
    } else {
        neapi_warm_unload(&lane->warm, warm);
        again = neapi_answer_refused(lane, request, unit, false);
    }
    if (again)
        neapi_request_list_push(&lane->ready, request);
    else
        neapi_turns_leave(lane, request);
    neapi_request_release(request);
}
