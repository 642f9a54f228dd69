#include "runtime/lane.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/by_tags.h"
#include "runtime/change.h"
#include "runtime/context.h"
#include "runtime/in_unit.h"
#include "runtime/lane_log.h"
#include "runtime/memory.h"
#include "runtime/on_demand.h"
#include "runtime/partition.h"
#include "runtime/passage.h"
#include "runtime/queue.h"
#include "runtime/react.h"
#include "runtime/reply.h"
#include "runtime/saga.h"
#include "runtime/signal.h"
#include "runtime/snapshot.h"
#include "runtime/uses.h"

#define REQUESTS_PER_STEP 256
/* A request and the beginning of its JSON. */
#define NEAR_BYTES (sizeof(neapi_request) + 256)

neap_status neapi_lane_init(neapi_lane *lane, neapi_engine *engine, neapi_session *session,
                            neap_error *error)
{
    lane->engine = engine;
    lane->session = session;
    neapi_uuid_source_init(&lane->ids, lane->platform);
    neapi_warm_cache_init(&lane->warm, engine, lane->options->warm_aggregates);
    neapi_map_init(&lane->keys);
    neapi_map_init(&lane->turns);
    neapi_map_init(&lane->in_flight);
    lane->has_middleware = neapi_engine_has_middleware(engine);
    atomic_init(&lane->driven, false);
    atomic_init(&lane->stopping, false);
    atomic_init(&lane->gone, false);
    atomic_init(&lane->handed_over, false);
    atomic_init(&lane->stay.count, 0);
    atomic_init(&lane->watched_us, NEAPI_NO_DEADLINE);
    lane->metrics = neapi_lane_metrics_new(lane->platform, lane->catalog);
    lane->mailbox = neapi_mailbox_new(lane->platform, lane->options->queue_length);
    if (lane->metrics != NULL && lane->mailbox != NULL) {
        neapi_session_count_calls(session, &lane->metrics->calls);
        neapi_engine_set_log(engine, neapi_lane_print, lane);
        return NEAP_OK;
    }
    if (lane->mailbox != NULL)
        neapi_mailbox_free(lane->mailbox);
    neapi_free(lane->metrics);
    neapi_map_fini(&lane->keys);
    neapi_map_fini(&lane->turns);
    neapi_warm_cache_fini(&lane->warm);
    return neapi_nomem(error);
}

void neapi_lane_fini(neapi_lane *lane)
{
    neapi_queue_free(lane->queue);
    neapi_mailbox_free(lane->mailbox);
    neapi_passages_fini(lane);
    neapi_warm_cache_fini(&lane->warm);
    neapi_in_unit_fini(lane);
    neapi_map_fini(&lane->keys);
    neapi_map_fini(&lane->turns);
    neapi_page_fini(&lane->page);
    neapi_buffer_fini(&lane->scratch);
    neapi_buffer_fini(&lane->canonical);
    neapi_session_close(lane->session);
    neapi_engine_close(lane->engine);
    neapi_free(lane->metrics);
}

static void list_request(neapi_lane *lane, neapi_request *request)
{
    request->older = lane->newest;
    request->newer = NULL;
    *(lane->newest != NULL ? &lane->newest->newer : &lane->oldest) = request;
    lane->newest = request;
    request->listed = true;
    lane->unanswered++;
}

static void unlist_request(neapi_lane *lane, neapi_request *request)
{
    if (!request->listed)
        return;
    *(request->older != NULL ? &request->older->newer : &lane->oldest) = request->newer;
    *(request->newer != NULL ? &request->newer->older : &lane->newest) = request->older;
    request->listed = false;
    lane->unanswered--;
}

/* What waited for this request's idempotency key can go on. */
static void forget(neapi_lane *lane, neapi_request *request)
{
    if (request->holds_key)
        neapi_map_remove(&lane->keys, request->key);
    request->holds_key = false;
    neapi_request_list_join(&lane->ready, &request->same_key);
    unlist_request(lane, request);
}

/* What middleware does is not seen but by looking at the clock again. */
static void count_answer(neapi_lane *lane, const neapi_request *request, const neap_error *error)
{
    if (neapi_request_is_internal(request))
        return;
    if (lane->has_middleware)
        neapi_metrics_look(lane->metrics);
    neapi_metrics_answered(lane->metrics, request, error != NULL ? error->status : NEAP_OK);
    neapi_lane_log_answer(lane, request, error);
}

/* A barrier that has become the oldest goes on to the next lane, once nothing in the queue is due;
 * behind the last it is answered. */
static void pass_barriers(neapi_lane *lane)
{
    if (lane->oldest == NULL || lane->oldest->kind != NEAPI_REQUEST_BARRIER)
        return;
    if (lane->queue != NULL && !neapi_queue_is_settled(lane->queue))
        return;
    while (lane->oldest != NULL && lane->oldest->kind == NEAPI_REQUEST_BARRIER) {
        neapi_request *barrier = lane->oldest;
        neapi_lane *next = neapi_router_behind(lane->router, lane);
        unlist_request(lane, barrier);
        while (next != NULL && neapi_mailbox_push_barrier(next->mailbox, barrier, NULL) != NEAP_OK)
            next = neapi_router_behind(lane->router, next);
        if (next == NULL)
            neapi_request_succeed(barrier, NULL);
    }
}

void neapi_lane_succeed(neapi_lane *lane, neapi_request *request, neap_reply *reply)
{
    if (reply == NULL) {
        neapi_fail(&lane->error, NEAP_NOMEM, "it is done, but there was no memory for the answer");
        lane->error.outcome_unknown = neapi_request_writes(request);
        neapi_lane_fail(lane, request, &lane->error);
        return;
    }
    if (request->kind == NEAPI_REQUEST_DELIVERY)
        neapi_react_answering(lane, request, NULL);
    else if (request->signals.first != NULL)
        neapi_signals_send(lane, request);
    forget(lane, request);
    count_answer(lane, request, NULL);
    if (request->uses_passed != 0)
        neapi_uses_after(lane, request, reply, NULL);
    if (request->home != NULL)
        neapi_passage_outcome(lane, request, reply, NULL);
    else
        neapi_request_succeed(request, reply);
    pass_barriers(lane);
}

void neapi_lane_succeed_empty(neapi_lane *lane, neapi_request *request)
{
    neapi_buffer nothing = NEAPI_BUFFER_INIT;
    neapi_lane_succeed(lane, request,
                       neapi_buffer_reserve(&nothing, 1) ? neapi_reply_json(&nothing) : NULL);
    neapi_buffer_fini(&nothing);
}

/* What its handler had done took effect, though the rest failed. */
static const neap_error *with_effect(neapi_lane *lane, const neap_error *error)
{
    if (error != &lane->error)
        lane->error = *error;
    lane->error.outcome_unknown = true;
    return &lane->error;
}

void neapi_lane_fail(neapi_lane *lane, neapi_request *request, const neap_error *error)
{
    if (request->effect && !error->outcome_unknown)
        error = with_effect(lane, error);
    if (request->kind == NEAPI_REQUEST_DELIVERY)
        neapi_react_answering(lane, request, error);
    forget(lane, request);
    count_answer(lane, request, error);
    if (request->uses_passed != 0)
        neapi_uses_after(lane, request, NULL, error);
    if (request->home != NULL)
        neapi_passage_outcome(lane, request, NULL, error);
    else
        neapi_request_fail(request, error);
    pass_barriers(lane);
}

void neapi_lane_forget(neapi_lane *lane, neapi_request *request)
{
    forget(lane, request);
    neapi_fail(&lane->error, NEAP_TIMEOUT, "not begun in time; nothing was done");
    count_answer(lane, request, &lane->error);
    if (request->uses_passed != 0) {
        neapi_uses_after(lane, request, NULL, &lane->error);
    }
    neapi_request_release(request);
    pass_barriers(lane);
}

static void answer_query(neapi_lane *lane, neapi_request *request)
{
    if (request->message->by != NEAPI_BY_HOST) {
        neapi_passage_begin(lane, request, NEAPI_HANDLING_QUERY);
        return;
    }
    neapi_buffer json = NEAPI_BUFFER_INIT;
    neap_status status = neapi_context_query(lane, request, &json, &lane->error);
    neapi_metrics_decided(lane->metrics, request);
    if (status == NEAP_OK)
        neapi_lane_succeed(lane, request, neapi_reply_json(&json));
    else
        neapi_lane_fail(lane, request, &lane->error);
    neapi_buffer_fini(&json);
}

static neap_status no_such_state(const neapi_instance *instance, neap_error *error)
{
    return neapi_fail(error, NEAP_UNKNOWN, "%.*s does not exist", NEAPI_TEXT(instance->name));
}

/* Whether the state as of `wanted` is one that there was. */
static neap_status check_past(neapi_lane *lane, const neapi_instance *instance, uint64_t wanted,
                              const neapi_folded *folded, neap_error *error)
{
    uint64_t last = folded->version;
    if (instance->tag_count != 0) {
        neap_status status = neapi_head(lane->session, &last, error);
        if (status != NEAP_OK)
            return status;
    }
    if (last < wanted && last != 0)
        return neapi_fail(
            error, NEAP_UNKNOWN, "%.*s has no %s %llu: %s last is %llu", NEAPI_TEXT(instance->name),
            instance->tag_count != 0 ? "position" : "version", (unsigned long long)wanted,
            instance->tag_count != 0 ? "the store's" : "its", (unsigned long long)last);
    return folded->version == 0 ? no_such_state(instance, error) : NEAP_OK;
}

/* A past state is folded on its own; that of now comes from a warm aggregate if what it holds is
 * accepted. */
static neap_status find_state(neapi_lane *lane, neapi_request *request, neapi_state *state,
                              neap_error *error)
{
    const neapi_instance *instance = &request->instance;
    uint64_t wanted = request->at_version;
    if (wanted == 0) {
        neap_status status =
            neapi_lane_accepted_state(lane, instance->aggregate, instance->id, state, error);
        if (status == NEAP_OK && *state == NEAPI_NO_STATE && !request->as_saved)
            return no_such_state(instance, error);
        return status;
    }
    neapi_folded folded;
    neap_status status = neapi_lane_load(lane, instance, wanted, &folded, error);
    if (status != NEAP_OK)
        return status;
    status = check_past(lane, instance, wanted, &folded, error);
    if (status == NEAP_OK)
        *state = folded.state;
    else
        neapi_engine_state_free(lane->engine, folded.state);
    return status;
}

/* For another lane's handler: nothing, if there is no such instance. */
static neap_status save_state(const neapi_lane *lane, neapi_state state, neapi_buffer *bytes,
                              neap_error *error)
{
    if (state == NEAPI_NO_STATE)
        return neapi_buffer_reserve(bytes, 1) ? NEAP_OK : neapi_nomem(error);
    return neapi_engine_state_save(lane->engine, state, lane->options->allocation_bytes, bytes,
                                   error);
}

static void answer_state(neapi_lane *lane, neapi_request *request)
{
    neapi_state state = NEAPI_NO_STATE;
    neap_status status = find_state(lane, request, &state, &lane->error);
    neapi_metrics_decided(lane->metrics, request);
    if (status == NEAP_OK) {
        neapi_buffer bytes = NEAPI_BUFFER_INIT;
        status = request->as_saved
                     ? save_state(lane, state, &bytes, &lane->error)
                     : neapi_engine_state_json(lane->engine, state, &bytes, &lane->error);
        neapi_engine_state_free(lane->engine, state);
        if (status == NEAP_OK)
            neapi_lane_succeed(lane, request, neapi_reply_json(&bytes));
        neapi_buffer_fini(&bytes);
    }
    if (status != NEAP_OK)
        neapi_lane_fail(lane, request, &lane->error);
}

static bool may_begin(neapi_lane *lane, neapi_request *request)
{
    if (!neapi_request_begin(request)) {
        neapi_lane_forget(lane, request); /* withdrawn: nobody waits */
        return false;
    }
    if (atomic_load(&lane->stopping)) {
        lane->dropped += request->home == NULL && !neapi_request_is_internal(request);
        neapi_fail(&lane->error, NEAP_CLOSED, "the runtime closed before this was begun");
    } else if (lane->engine == NULL) {
        neapi_fail(&lane->error, NEAP_UNAVAILABLE,
                   "lane %u was given up and could not be replaced; nothing was done",
                   lane->number + 1);
    } else if (request->deadline_us != NEAPI_NO_DEADLINE &&
               neapi_monotonic_us(lane->platform) >= request->deadline_us) {
        neapi_fail(&lane->error, NEAP_TIMEOUT, "not begun in time; nothing was done");
    } else {
        return true;
    }
    neapi_lane_fail(lane, request, &lane->error);
    return false;
}

static void complete_call(neapi_lane *lane, neapi_request *request)
{
    neapi_call *call = &request->call;
    if (neapi_uuid_is_zero(call->id)) {
        call->now_us = neapi_wall_us(lane->platform);
        call->id = neapi_uuid_new(&lane->ids, call->now_us);
        if (neapi_uuid_is_zero(call->correlation_id))
            call->correlation_id = call->id;
        call->meta = request->meta;
    }
    call->derived = 0;
    request->signals = (neapi_signals){.arena = &request->arena};
    bool decides = request->kind == NEAPI_REQUEST_COMMAND || request->kind == NEAPI_REQUEST_PUBLISH;
    call->signals = decides ? &request->signals : NULL;
}

static void answer_look(neapi_lane *lane, neapi_request *request)
{
    neap_status status = request->look(lane, request->looker, &lane->error);
    if (status == NEAP_OK)
        neapi_lane_succeed_empty(lane, request);
    else
        neapi_lane_fail(lane, request, &lane->error);
}

static void answer(neapi_lane *lane, neapi_request *request)
{
    if (request->kind == NEAPI_REQUEST_LOOK) {
        answer_look(lane, request);
        return;
    }
    if (request->kind == NEAPI_REQUEST_CATCH_UP) {
        unlist_request(lane, request); /* no barrier waits for it */
        neapi_partition_awaited(lane, request);
        return;
    }
    if (request->kind == NEAPI_REQUEST_CHANGE) {
        neapi_change_begin(lane, request);
        return;
    }
    lane->current = request;
    complete_call(lane, request);
    if (neapi_uses_want(lane, request) &&
        neapi_uses_before(lane, request, &lane->error) != NEAP_OK) {
        neapi_lane_fail(lane, request, &lane->error);
        return;
    }
    if (neapi_passage_wanted(lane, request)) {
        neapi_passage_begin(lane, request, NEAPI_HANDLING_MIDDLEWARE);
        return;
    }
    switch (request->kind) {
    case NEAPI_REQUEST_COMMAND:
    case NEAPI_REQUEST_PUBLISH:
    case NEAPI_REQUEST_QUEUE:
    case NEAPI_REQUEST_CANCEL:
        neapi_lane_command(lane, request);
        break;
    case NEAPI_REQUEST_QUERY:
        answer_query(lane, request);
        break;
    case NEAPI_REQUEST_DELIVERY:
        neapi_react_attempt(lane, request);
        break;
    default:
        if (request->projection != NULL)
            neapi_on_demand_answer(lane, request);
        else
            answer_state(lane, request);
        break;
    }
}

static void begin(neapi_lane *lane, neapi_request *request)
{
    bool by_tags = request->kind == NEAPI_REQUEST_COMMAND && request->instance.tag_count != 0 &&
                   !neapi_passage_wanted(lane, request);
    if (by_tags) /* it may be answered at once, and its turn is given up behind that */
        neapi_request_hold(request);
    lane->current_by_tags = by_tags;
    if (may_begin(lane, request))
        answer(lane, request);
    lane->current = NULL;
    lane->current_by_tags = false;
    if (by_tags) {
        neapi_by_tags_begun(lane, request);
        neapi_request_release(request);
    }
}

static void begin_ready(neapi_lane *lane)
{
    for (;;) {
        neapi_request *request = neapi_request_list_pop(&lane->ready);
        if (request != NULL) {
            begin(lane, request);
            continue;
        }
        request = neapi_request_list_pop(&lane->returned);
        if (request == NULL)
            return;
        neapi_passage_return(lane, request);
    }
}

void neapi_lane_let_go(void *host)
{
    neapi_lane *lane = host; /* NULL: the domain is being loaded */
    if (lane == NULL || !neapi_stay_pause(lane))
        return;
    neapi_warm_unload_idle(&lane->warm, lane->deciding);
    neapi_partitions_let_go(lane);
    neapi_stay_resume(lane);
}

/* Begins as many as may be unanswered at once, and a step shall have. */
static unsigned begin_backlog(neapi_lane *lane)
{
    while (lane->begun < REQUESTS_PER_STEP && lane->unanswered < lane->options->queue_length &&
           neapi_memory_has_room(lane)) {
        neapi_request *request = neapi_request_list_pop(&lane->backlog);
        if (request == NULL)
            break;
        neapi_bring_near(lane->backlog.first, NEAR_BYTES);
        lane->begun++;
        list_request(lane, request);
        if (request->kind == NEAPI_REQUEST_BARRIER) {
            pass_barriers(lane);
        } else if (neapi_request_is_internal(request)) {
            begin(lane, request);
        } else {
            neapi_metrics_begun(lane->metrics, request);
            begin(lane, request);
        }
        begin_ready(lane);
    }
    unsigned begun = lane->begun;
    lane->begun = 0;
    if (begun > 0)
        neapi_mailbox_begun(lane->mailbox, begun);
    return begun;
}

static void publish_gauges(const neapi_lane *lane)
{
    neapi_lane_metrics *metrics = lane->metrics;
    neapi_count_set(&metrics->unanswered, lane->unanswered);
    neapi_count_set(&metrics->submitted, lane->submitted);
    neapi_count_set(&metrics->states, lane->warm.count);
    if (lane->engine != NULL)
        neapi_count_set(&metrics->lua_bytes, neapi_engine_memory(lane->engine));
}

neap_status neapi_lane_ask(neapi_lane *lane, neapi_request *inner, neap_error *error)
{
    neapi_lane *to = neapi_router_lane(lane->router, inner);
    inner->home = lane;
    if (to == lane)
        neapi_request_list_push(&lane->ready, inner);
    else if (!neapi_mailbox_send(to->mailbox, NEAPI_MAIL_ASKED, &inner->mail))
        return neapi_fail(error, NEAP_CLOSED, "the runtime closed before this was begun");
    return NEAP_OK;
}

/* The writer wrote to the unit that comes next, if it is one. */
static void bring_next_near(const neapi_lane *lane)
{
    neapi_mail *next = lane->mail.first;
    if (next == NULL || next->kind != NEAPI_MAIL_UNIT)
        return;
    const neapi_unit *unit = neapi_submission_of(next)->unit;
    neapi_bring_near(unit, sizeof *unit + sizeof *unit->events);
    if (next->next != NULL)
        neapi_bring_near(next->next, sizeof(neapi_submission));
}

/* true: there was work. */
static bool open_mail(neapi_lane *lane)
{
    bool any = false;
    neapi_inbox_take(&lane->mailbox->inbox, &lane->mail);
    for (neapi_mail *mail; (mail = neapi_mail_pop(&lane->mail)) != NULL;) {
        switch (mail->kind) {
        case NEAPI_MAIL_REQUEST:
            neapi_request_list_push(&lane->backlog, neapi_request_of(mail));
            continue; /* begun in portions: see begin_backlog() */
        case NEAPI_MAIL_ASKED:
            neapi_request_list_push(&lane->ready, neapi_request_of(mail));
            break;
        case NEAPI_MAIL_RETURNED:
            neapi_request_list_push(&lane->returned, neapi_request_of(mail));
            break;
        case NEAPI_MAIL_PARTITION:
            neapi_partition_join(lane, (neapi_partition *)mail);
            break;
        case NEAPI_MAIL_DUE:
            neapi_saga_due_came(lane, (neapi_due *)mail);
            break;
        case NEAPI_MAIL_UNIT:
            bring_next_near(lane);
            neapi_lane_judged(lane, neapi_submission_of(mail));
            neapi_metrics_judged(lane->metrics, lane->mail.first == NULL);
            break;
        }
        begin_ready(lane);
        any = true;
    }
    return any;
}

static bool step_queue(neapi_lane *lane)
{
    if (lane->queue == NULL)
        return false;
    bool busy = neapi_queue_step(lane->queue);
    begin_ready(lane);
    pass_barriers(lane);
    return busy;
}

bool neapi_lane_step(neapi_lane *lane)
{
    if (neapi_inbox_has_mail(&lane->mailbox->inbox)) /* who finds nothing looks at no clock */
        neapi_metrics_step(lane->metrics, neapi_mailbox_waiting(lane->mailbox));
    bool busy = lane->ready.first != NULL || lane->returned.first != NULL;
    if (busy) /* of a lane that was given up */
        begin_ready(lane);
    busy = open_mail(lane) || busy;
    if (neapi_passage_wake(lane)) {
        busy = true;
        begin_ready(lane);
    }
    busy = begin_backlog(lane) > 0 || busy;
    busy = step_queue(lane) || busy;
    if (lane->partitions != NULL && !lane->by_caller) {
        busy = neapi_partitions_step(lane) || busy;
        busy = neapi_changes_step(lane) || busy;
        /* Deliveries, and answers to what was not begun: for the next step. */
        busy = lane->ready.first != NULL || lane->returned.first != NULL || busy;
    }
    neapi_lane_flush(lane);
    bool saved = neapi_snapshot_make_due(lane, !busy);
    if (busy)
        neapi_memory_keep(lane);
    if (busy || saved)
        publish_gauges(lane);
    return busy || saved;
}

int64_t neapi_lane_wake_us(const neapi_lane *lane)
{
    const neapi_wakeup *first = neapi_wakeups_first(&lane->wakeups);
    int64_t queue_us = lane->queue != NULL ? neapi_queue_wake_us(lane->queue) : NEAPI_NO_DEADLINE;
    int64_t wake_us = neapi_partitions_wake_us(lane), change_us = neapi_changes_wake_us(lane);
    if (change_us < wake_us)
        wake_us = change_us;
    if (queue_us < wake_us)
        wake_us = queue_us;
    return first != NULL && first->at_us < wake_us ? first->at_us : wake_us;
}
