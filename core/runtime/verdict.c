/* What becomes of a request when the writer has judged its unit. */
#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/by_tags.h"
#include "runtime/command.h"
#include "runtime/in_unit.h"
#include "runtime/queued.h"
#include "runtime/reply.h"
#include "runtime/snapshot.h"

static void answer_deferred(neapi_lane *lane, neapi_request_list *deferred, neapi_warm *warm,
                            uint64_t position)
{
    for (neapi_request *request; (request = neapi_request_list_pop(deferred)) != NULL;)
        neapi_answer_without_events(lane, request, request->status, warm, position);
}

/* What a plain handler published makes the aggregates of those streams old. */
static void outdate(neapi_lane *lane, const neapi_unit *unit)
{
    for (size_t i = 0; i < unit->op_count; i++) {
        if (unit->ops[i].kind != NEAPI_OP_APPEND ||
            neapi_router_owner(lane->router, unit->ops[i].append.stream) != lane)
            continue;
        neapi_warm *warm = neapi_warm_find(&lane->warm, unit->ops[i].append.stream);
        if (warm != NULL && warm->loaded)
            neapi_warm_make_stale(lane, warm);
    }
}

static bool owns_one(const neapi_lane *lane, const neapi_unit *unit)
{
    for (size_t i = 0; i < unit->op_count; i++)
        if (unit->ops[i].kind == NEAPI_OP_APPEND &&
            neapi_router_owner(lane->router, unit->ops[i].append.stream) == lane)
            return true;
    return false;
}

/* Shows a unit that no aggregate decided, and that is durable or may be, to the lanes whose streams
 * it appended to, one after another, before it is answered: who has the answer finds the events
 * wherever he asks. false: all know it. */
static bool tell_others(neapi_lane *lane, neapi_submission *submission)
{
    const neapi_router *router = lane->router;
    while (submission->told < router->command_lanes) {
        neapi_lane *other = router->lanes[submission->told++];
        if (other != lane && owns_one(other, submission->unit) &&
            neapi_mailbox_send(other->mailbox, NEAPI_MAIL_UNIT, &submission->mail))
            return true;
    }
    return false;
}

/* This lane was told, and tells the next, or gives it back. */
static void pass_on(neapi_lane *lane, neapi_submission *submission)
{
    outdate(lane, submission->unit);
    if (!tell_others(lane, submission))
        neapi_mailbox_send(submission->answer_to, NEAPI_MAIL_UNIT, &submission->mail);
}

static void accepted(neapi_lane *lane, neapi_request *request, neapi_unit *unit, neapi_warm *warm)
{
    neapi_request_list deferred = request->deferred;
    request->deferred = (neapi_request_list){0};
    if (warm == NULL)
        outdate(lane, unit);
    else if (unit->event_count > 0)
        warm->position = unit->verdict.last_position;
    uint64_t position = warm != NULL ? warm->position : 0;
    neap_text stream = warm != NULL ? warm->instance.stream : (neap_text){0};
    uint64_t version = 0;
    for (size_t i = 0; i < unit->op_count && unit->event_count == 0; i++)
        if (unit->ops[i].kind == NEAPI_OP_EXPECT)
            version = unit->ops[i].expect.version;
    neapi_lane_succeed(
        lane, request,
        neapi_reply_receipt(neapi_request_command_id(request), unit, stream, version, position));
    if (warm != NULL) {
        answer_deferred(lane, &deferred, warm, position);
        neapi_snapshot_consider(lane, warm);
    }
}

/* As if it had not been decided yet. */
static void take_back(neapi_request *request)
{
    neapi_unit_release(request->submission.unit);
    neapi_failure_release(request->submission.failure);
    request->submission.unit = NULL;
    request->submission.failure = NULL;
    neapi_free(request->error);
    request->error = NULL;
    request->status = NEAP_OK;
    request->warm = NULL;
    atomic_store(&request->stage, NEAPI_STAGE_WAITING);
}

/* What stood in the way of the unit, as the start of a sentence. */
static void describe_conflict(const neapi_unit *unit, char *text, size_t room)
{
    const neapi_op *op = &unit->ops[unit->verdict.op];
    unsigned long long actual = (unsigned long long)unit->verdict.actual;
    if (op->kind == NEAPI_OP_CONDITION)
        snprintf(text, room, "an event with one of the same tags came meanwhile, at position %llu",
                 actual);
    else if (op->kind == NEAPI_OP_DOCUMENT)
        snprintf(text, room, "the document %.*s of %.*s is not as expected",
                 NEAPI_TEXT(op->document.key), NEAPI_TEXT(op->document.collection));
    else if (op->kind == NEAPI_OP_EXPECT)
        snprintf(text, room, "%.*s is at version %llu, expected %llu",
                 NEAPI_TEXT(op->expect.stream), actual, (unsigned long long)op->expect.version);
    else if (op->kind == NEAPI_OP_APPEND)
        snprintf(text, room, "%.*s is at version %llu, expected %llu",
                 NEAPI_TEXT(op->append.stream), actual, (unsigned long long)op->append.expected);
    else
        snprintf(text, room, "what the unit of work rests on has changed");
}

static void fail_conflict(neapi_lane *lane, neapi_request *request, const neapi_unit *unit)
{
    char what[1200];
    describe_conflict(unit, what, sizeof what);
    if (request->kind == NEAPI_REQUEST_PUBLISH)
        neapi_fail(&lane->error, NEAP_CONFLICT, "%s", what);
    else
        neapi_fail(&lane->error, NEAP_CONFLICT, "%s; decided %u time%s", what, request->attempts,
                   request->attempts == 1 ? "" : "s");
    neapi_lane_fail(lane, request, &lane->error);
}

/* Another request of the same key was faster: its receipt is the answer. */
static void answer_duplicate(neapi_lane *lane, neapi_request *request)
{
    bool answered = false;
    neap_status status = neapi_key_answer(lane, request, &answered, &lane->error);
    if (status == NEAP_OK && answered)
        return;
    if (status == NEAP_OK)
        neapi_fail(&lane->error, NEAP_UNAVAILABLE,
                   "the idempotency key \"%.*s\" is being used by somebody else; try again",
                   NEAPI_TEXT(request->key));
    neapi_lane_fail(lane, request, &lane->error);
}

static void fail_with_batch(neapi_lane *lane, neapi_request *request, const neapi_unit *unit)
{
    const neapi_failure *failure = request->submission.failure;
    if (failure == NULL) {
        neapi_fail(&lane->error, unit->verdict.status, "%s",
                   unit->message.size != 0 ? unit->message.data
                                           : "the store did not take the unit of work");
        lane->error.outcome_unknown = unit->state == NEAPI_UNIT_UNKNOWN;
    }
    neapi_lane_fail(lane, request, failure != NULL ? &failure->error : &lane->error);
}

/* What the command came from is not there any more. */
static bool is_consumed(const neapi_request *request, const neapi_unit *unit)
{
    return unit->verdict.status == NEAP_CONFLICT && request->consume_count != 0 &&
           neapi_queue_is_consuming(&unit->ops[unit->verdict.op]);
}

static void fail_consumed(neapi_lane *lane, neapi_request *request)
{
    neapi_fail(&lane->error, NEAP_CONFLICT,
               "'%.*s' is not in the queue any more: it took effect before, or was cancelled",
               NEAPI_TEXT(neapi_request_name(request)));
    neapi_lane_fail(lane, request, &lane->error);
}

/* Whether it can be decided again. An event from outside would be the same again; what a handler
 * had done before, done twice. */
static bool may_go_again(const neapi_request *request)
{
    return (request->kind == NEAPI_REQUEST_COMMAND && !request->effect) ||
           request->kind == NEAPI_REQUEST_CANCEL;
}

/* An event from outside is as good as it was, behind a document that somebody else wrote. */
static bool fell_by_document(const neapi_lane *lane, const neapi_request *request,
                             const neapi_unit *unit)
{
    return request->kind == NEAPI_REQUEST_PUBLISH && neapi_in_unit_is_at_fault(lane, unit);
}

bool neapi_answer_refused(neapi_lane *lane, neapi_request *request, const neapi_unit *unit,
                          bool fell_with_another)
{
    if (is_consumed(request, unit)) {
        fail_consumed(lane, request);
        return false;
    }
    if (unit->verdict.status == NEAP_CONFLICT &&
        (may_go_again(request) || fell_by_document(lane, request, unit)) &&
        (fell_with_another || request->attempts++ < lane->options->conflict_retries)) {
        take_back(request);
        neapi_count_add(&neapi_metrics_of(lane->metrics, request)->again, 1);
        return true;
    }
    if (unit->verdict.status == NEAP_CONFLICT)
        fail_conflict(lane, request, unit);
    else if (unit->verdict.status == NEAP_DUPLICATE)
        answer_duplicate(lane, request);
    else
        fail_with_batch(lane, request, unit);
    return false;
}

static void refused(neapi_lane *lane, neapi_request *request, neapi_unit *unit, neapi_warm *warm)
{
    bool fell_with_another = warm != NULL && warm->stale;
    neapi_request_list deferred = request->deferred,
                       *again = warm != NULL ? &warm->again : &lane->ready;
    request->deferred = (neapi_request_list){0};
    if (warm != NULL)
        warm->stale = true;
    else if (unit->state == NEAPI_UNIT_UNKNOWN)
        outdate(lane, unit);
    if (neapi_answer_refused(lane, request, unit, fell_with_another))
        neapi_request_list_push(again, request);
    for (neapi_request *waiting; (waiting = neapi_request_list_pop(&deferred)) != NULL;) {
        take_back(waiting);
        neapi_request_list_push(again, waiting);
    }
}

/* Appended by what no aggregate decided: other lanes may have to know. */
static bool is_news(const neapi_submission *submission)
{
    const neapi_request *request = submission->request;
    return request != NULL && request->warm == NULL && request->by_tags == NULL &&
           submission->unit->state != NEAPI_UNIT_REFUSED;
}

void neapi_lane_judged(neapi_lane *lane, neapi_submission *submission)
{
    if (submission->answer_to != lane->mailbox) {
        pass_on(lane, submission);
        return;
    }
    if (is_news(submission) && tell_others(lane, submission))
        return;
    lane->submitted--;
    if (lane->in_flight.count != 0)
        neapi_in_unit_settled(lane, submission->unit);
    if (submission->judged != NULL) {
        submission->judged(lane, submission);
        return;
    }
    neapi_request *request = submission->request;
    if (request == NULL) {
        neapi_snapshot_judged(lane, submission);
        return;
    }
    neapi_warm *warm = request->warm;
    neapi_unit *unit =
        neapi_unit_hold(submission->unit); /* answering may free the request and its unit */
    if (request->by_tags != NULL) {
        neapi_by_tags_judged(lane, request, unit);
        neapi_unit_release(unit);
        return;
    }
    if (warm != NULL) {
        warm->in_flight--;
        if (warm->last == unit) {
            neapi_unit_release(warm->last);
            warm->last = NULL;
            warm->last_request = NULL;
        }
    }
    if (unit->state == NEAPI_UNIT_ACCEPTED)
        accepted(lane, request, unit, warm);
    else
        refused(lane, request, unit, warm);
    if (warm != NULL && (warm->stale || warm->settling) && warm->in_flight == 0)
        neapi_warm_resume(lane, warm);
    neapi_unit_release(unit);
}
