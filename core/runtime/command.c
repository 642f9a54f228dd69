/* Deciding commands, and what becomes of the decisions: the heart of a lane.
 *
 * A decision is folded at once, so that the next command of the stream can be decided while the
 * first is still being committed. Every answer waits until all that it was decided on is durable: a
 * decision with events by the verdict on its own unit, one without (a rejection) behind the newest
 * unit in flight of its stream. When a unit is refused, all later ones of the stream are refused
 * with it (neapi_unit.after); the aggregate is then stale: once everything in flight is back it is
 * loaded again, and its commands are decided again in order. */
#include "runtime/command.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/by_tags.h"
#include "runtime/context.h"
#include "runtime/in_unit.h"
#include "runtime/passage.h"
#include "runtime/reply.h"
#include "runtime/runtime.h"
#include "runtime/schedule.h"
#include "runtime/snapshot.h"

/* A request with a key was made canonical before; any other is while it is decided. */
static neap_status add_command(const neapi_request *request, neapi_unit *unit)
{
    const neapi_call *call = &request->call;
    const neapi_buffer *canonical = call->canonical;
    const neapi_command command = {
        .id = call->id,
        .correlation_id = call->correlation_id,
        .causation_id = call->causation_id,
        .recorded_at = call->now_us,
        .name = request->message->name,
        .data = canonical != NULL ? neapi_text(canonical->data, canonical->size) : request->json,
        .meta = call->meta,
    };
    return neapi_unit_command(unit, &command);
}

void neapi_want_canonical(neapi_lane *lane, neapi_request *request)
{
    neapi_buffer_clear(&lane->canonical);
    bool wanted = lane->options->record_commands && !request->holds_key;
    request->call.canonical = wanted ? &lane->canonical : NULL;
}

neap_status neapi_unit_complete(neapi_lane *lane, neapi_request *request, neapi_unit *unit,
                                neap_text stream, uint64_t version, uint64_t position,
                                neap_error *error)
{
    neap_status status = NEAP_OK;
    if (request->kind == NEAPI_REQUEST_COMMAND && unit->event_count > 0 &&
        lane->options->record_commands)
        status = add_command(request, unit);
    if (status == NEAP_OK && request->key.size != 0)
        status = neapi_key_add(lane, request, unit, stream, version, position);
    for (unsigned i = 0; i < request->consume_count && status == NEAP_OK; i++)
        status = neapi_unit_document(unit, &request->consume[i]);
    if (status != NEAP_OK)
        return neapi_nomem(error);
    bool folds = unit->event_count != 0 && lane->runtime->in_unit_count != 0;
    return folds ? neapi_in_unit_add(lane, unit, error) : NEAP_OK;
}

void neapi_lane_submit(neapi_lane *lane, neapi_submission *submission)
{
    submission->answer_to = lane->mailbox;
    submission->mail.kind = NEAPI_MAIL_UNIT;
    submission->told = 0;
    lane->submitted++;
    neapi_mail_push(&lane->outbox, &submission->mail);
}

static neap_status load_warm(neapi_lane *lane, neapi_warm *warm, const neapi_instance *instance,
                             neap_error *error)
{
    neapi_metrics_found(lane->metrics, warm->loaded);
    if (warm->loaded)
        return NEAP_OK;
    neapi_folded folded;
    neap_status status = neapi_lane_load(lane, instance, UINT64_MAX, &folded, error);
    if (status != NEAP_OK)
        return status;
    neapi_warm_fill(warm, &folded);
    neapi_snapshot_consider(lane, warm);
    return NEAP_OK;
}

void neapi_warm_resume(neapi_lane *lane, neapi_warm *warm)
{
    if (warm->stale)
        neapi_warm_unload(&lane->warm, warm);
    warm->stale = warm->settling = false;
    neapi_request_list_join(&lane->ready, &warm->again);
    neapi_request_list_join(&lane->ready, &warm->parked);
}

void neapi_warm_make_stale(neapi_lane *lane, neapi_warm *warm)
{
    warm->stale = true;
    if (warm->in_flight == 0)
        neapi_warm_resume(lane, warm);
}

static void submit_decision(neapi_lane *lane, neapi_request *request, neapi_warm *warm,
                            neapi_unit *unit)
{
    request->submission.unit = unit;
    request->warm = warm;
    warm->version += unit->event_count;
    neapi_unit_release(warm->last);
    warm->last = neapi_unit_hold(unit);
    warm->last_request = request;
    warm->in_flight++;
    neapi_lane_submit(lane, &request->submission);
}

/* Answers a decision that added nothing, now or once what it was decided on is durable. A request
 * with an error kept is answered with that, one without with a receipt of no events. */
void neapi_answer_without_events(neapi_lane *lane, neapi_request *request, neap_status status,
                                 const neapi_warm *warm, uint64_t position)
{
    if (status != NEAP_OK) {
        if (request->error == NULL)
            neapi_fail(&lane->error, status, "there was no memory to say more");
        neapi_lane_fail(lane, request, request->error != NULL ? request->error : &lane->error);
        return;
    }
    neapi_unit none = {.event_count = 0};
    neapi_lane_succeed(lane, request,
                       neapi_reply_receipt(request->call.id, &none, warm->instance.stream,
                                           request->version, position));
}

/* Where others write, too, a decision that adds nothing was made on what may be old by now. false:
 * it was, and is made again. Errors: in *status, it cannot be known. */
static bool is_of_today(neapi_lane *lane, neapi_request *request, neap_status *status,
                        neapi_warm *warm)
{
    uint64_t version, position;
    neap_error error;
    if (!neapi_session_is_remote(lane->session))
        return true;
    if (neapi_stream_head(lane->session, warm->instance.stream, &version, &position, &error) !=
        NEAP_OK) {
        lane->error = error;
        *status = error.status;
        return true;
    }
    if (version == warm->version)
        return true;
    neapi_request_park(request, &warm->parked);
    neapi_warm_make_stale(lane, warm);
    return false;
}

static void settle_without_events(neapi_lane *lane, neapi_request *request, neap_status status,
                                  neapi_warm *warm)
{
    if (warm->last_request == NULL && !is_of_today(lane, request, &status, warm))
        return;
    request->version = warm->version;
    request->status = status;
    if (warm->last_request != NULL) {
        if (status != NEAP_OK)
            neapi_request_keep_error(request, &lane->error);
        neapi_request_list_push(&warm->last_request->deferred, request);
    } else if (status != NEAP_OK) {
        neapi_lane_fail(lane, request, &lane->error);
    } else {
        neapi_answer_without_events(lane, request, NEAP_OK, warm, warm->position);
    }
}

void neapi_request_park(neapi_request *request, neapi_request_list *list)
{
    atomic_store(&request->stage, NEAPI_STAGE_WAITING);
    neapi_request_list_push(list, request);
}

static void decided(neapi_lane *lane, neapi_request *request, neapi_warm *warm, neapi_unit *unit)
{
    bool has_events = unit->event_count > 0;
    neap_status status = NEAP_OK;
    if (!has_events && neapi_request_commits(request) && warm->in_flight > 0) {
        /* The key keeps the position that the decision rests on, which is not known yet. */
        neapi_unit_release(unit);
        warm->settling = true;
        neapi_request_park(request, &warm->parked);
        return;
    }
    if (!has_events && neapi_request_commits(request))
        status = neapi_unit_expect(unit, warm->instance.stream, warm->version);
    lane->deciding = warm; /* an inline projection may need room */
    if (status == NEAP_OK)
        status = neapi_unit_complete(lane, request, unit, warm->instance.stream, warm->version,
                                     warm->position, &lane->error);
    else
        neapi_nomem(&lane->error);
    lane->deciding = NULL;
    if (status != NEAP_OK) {
        neapi_unit_release(unit);
        settle_without_events(lane, request, status, warm);
        if (has_events)
            neapi_warm_make_stale(lane, warm);
        return;
    }
    if (unit->op_count > 0) {
        submit_decision(lane, request, warm, unit);
    } else {
        neapi_unit_release(unit);
        settle_without_events(lane, request, NEAP_OK, warm);
    }
}

/* Only what the state had a part in waits for the state to be durable. */
static bool depends_on_state(neap_status status)
{
    return status != NEAP_INVALID && status != NEAP_NOMEM;
}

static void decide(neapi_lane *lane, neapi_request *request, neapi_warm *warm)
{
    neapi_unit *unit = neapi_unit_new(request->call.id);
    if (unit == NULL) {
        neapi_nomem(&lane->error);
        neapi_lane_fail(lane, request, &lane->error);
        return;
    }
    neapi_unit_follow(unit, warm->last);
    neapi_want_canonical(lane, request);
    bool spoilt = false;
    lane->deciding = warm;
    lane->in_hand = unit;
    neap_status status = neapi_engine_decide(lane->engine, request->message, warm->state,
                                             &request->instance, warm->version, request->json,
                                             &request->call, unit, &spoilt, &lane->error);
    lane->deciding = NULL;
    lane->in_hand = NULL;
    neapi_metrics_decided(lane->metrics, request);
    if (status == NEAP_OK) {
        decided(lane, request, warm, unit);
        return;
    }
    neapi_unit_release(unit);
    if (depends_on_state(status))
        settle_without_events(lane, request, status, warm);
    else
        neapi_lane_fail(lane, request, &lane->error);
    if (spoilt)
        neapi_warm_make_stale(lane, warm);
}

static void decide_in_aggregate(neapi_lane *lane, neapi_request *request)
{
    if (request->instance.stream.size == 0) { /* no key was found: the schema says what is wrong */
        if (neapi_engine_check(lane->engine, request->message, request->json, NULL, &lane->error) ==
            NEAP_OK)
            neapi_fail(&lane->error, NEAP_INVALID,
                       "the field that names the aggregate's instance cannot be read");
        neapi_lane_fail(lane, request, &lane->error);
        return;
    }
    if (request->instance.tag_count != 0) {
        neapi_by_tags_decide(lane, request);
        return;
    }
    neapi_warm *warm = neapi_warm_get(&lane->warm, &request->instance);
    if (warm == NULL) {
        neapi_nomem(&lane->error);
        neapi_lane_fail(lane, request, &lane->error);
    } else if (warm->stale || warm->settling) {
        neapi_request_park(request, &warm->parked);
    } else if (load_warm(lane, warm, &request->instance, &lane->error) != NEAP_OK) {
        neapi_lane_fail(lane, request, &lane->error);
        neapi_warm_drop(&lane->warm, warm);
    } else {
        decide(lane, request, warm);
    }
}

/* Fills the unit of what no aggregate decides. */
typedef neap_status filler(neapi_lane *lane, neapi_request *request, neapi_unit *unit);

static neap_status run_host(neapi_lane *lane, neapi_request *request, neapi_unit *unit)
{
    neapi_want_canonical(lane, request);
    return neapi_context_command(lane, request, unit, &lane->error);
}

/* An event from outside. */
static neap_status publish(neapi_lane *lane, neapi_request *request, neapi_unit *unit)
{
    request->call.from_outside = true;
    if (request->earlier.schema != 0)
        return neapi_engine_publish_earlier(lane->engine, &request->earlier, request->stream,
                                            request->expected, request->json, &request->call, unit,
                                            &lane->error);
    return neapi_engine_publish(lane->engine, request->message, request->stream, request->expected,
                                request->json, &request->call, unit, &lane->error);
}

void neapi_lane_handled(neapi_lane *lane, neapi_request *request, neapi_unit *unit)
{
    if (neapi_unit_complete(lane, request, unit, (neap_text){0}, 0, 0, &lane->error) != NEAP_OK) {
        neapi_lane_fail(lane, request, &lane->error);
    } else if (unit->op_count == 0) {
        neapi_lane_succeed(
            lane, request,
            neapi_reply_receipt(neapi_request_command_id(request), unit, (neap_text){0}, 0, 0));
    } else {
        request->submission.unit = neapi_unit_hold(unit);
        neapi_lane_submit(lane, &request->submission);
    }
}

static void record(neapi_lane *lane, neapi_request *request, filler *fill)
{
    neapi_unit *unit = neapi_unit_new(request->call.id);
    neap_status status = unit != NULL ? NEAP_OK : neapi_nomem(&lane->error);
    lane->in_hand = unit;
    if (status == NEAP_OK)
        status = fill(lane, request, unit);
    lane->in_hand = NULL;
    neapi_metrics_decided(lane->metrics, request);
    if (status == NEAP_OK)
        neapi_lane_handled(lane, request, unit);
    else
        neapi_lane_fail(lane, request, &lane->error);
    neapi_unit_release(unit);
}

void neapi_lane_command(neapi_lane *lane, neapi_request *request)
{
    if (!neapi_key_take(lane, request))
        return;
    if (request->kind == NEAPI_REQUEST_PUBLISH)
        record(lane, request, publish);
    else if (request->kind == NEAPI_REQUEST_QUEUE)
        record(lane, request, neapi_schedule_put);
    else if (request->kind == NEAPI_REQUEST_CANCEL)
        record(lane, request, neapi_schedule_cancel);
    else if (request->message->by == NEAPI_BY_AGGREGATE)
        decide_in_aggregate(lane, request);
    else if (request->message->by == NEAPI_BY_HOST)
        record(lane, request, run_host);
    else
        neapi_passage_begin(lane, request, NEAPI_HANDLING_COMMAND);
}
