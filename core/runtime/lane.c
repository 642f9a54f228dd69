#include "runtime/lane.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/by_tags.h"
#include "runtime/context.h"
#include "runtime/passage.h"
#include "runtime/reply.h"
#include "runtime/snapshot.h"
#include "runtime/uses.h"

#define REQUESTS_PER_STEP 256

neap_status neapi_lane_init(neapi_lane *lane, neapi_engine *engine, neapi_session *session,
                            neap_error *error)
{
    lane->engine = engine;
    lane->session = session;
    neapi_uuid_source_init(&lane->ids, lane->platform);
    neapi_warm_cache_init(&lane->warm, engine, lane->options->warm_aggregates);
    neapi_map_init(&lane->keys);
    neapi_map_init(&lane->turns);
    lane->has_middleware = neapi_engine_has_middleware(engine);
    atomic_init(&lane->stopping, false);
    if (neapi_mailbox_init(&lane->mailbox, lane->platform, lane->options->queue_length))
        return NEAP_OK;
    neapi_map_fini(&lane->keys);
    neapi_map_fini(&lane->turns);
    neapi_warm_cache_fini(&lane->warm);
    return neapi_nomem(error);
}

void neapi_lane_fini(neapi_lane *lane)
{
    neapi_mailbox_fini(&lane->mailbox);
    neapi_passages_fini(lane);
    neapi_warm_cache_fini(&lane->warm);
    neapi_map_fini(&lane->keys);
    neapi_map_fini(&lane->turns);
    neapi_page_fini(&lane->page);
    neapi_buffer_fini(&lane->scratch);
    neapi_buffer_fini(&lane->canonical);
    neapi_session_close(lane->session);
    neapi_engine_close(lane->engine);
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

/* A barrier is answered when it has become the oldest. */
static void answer_barriers(neapi_lane *lane)
{
    while (lane->oldest != NULL && lane->oldest->kind == NEAPI_REQUEST_BARRIER) {
        neapi_request *barrier = lane->oldest;
        unlist_request(lane, barrier);
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
    forget(lane, request);
    if (request->uses_passed != 0)
        neapi_uses_after(lane, request, reply, NULL);
    if (request->outer != NULL)
        neapi_passage_outcome(lane, request, reply, NULL);
    else
        neapi_request_succeed(request, reply);
    answer_barriers(lane);
}

void neapi_lane_fail(neapi_lane *lane, neapi_request *request, const neap_error *error)
{
    forget(lane, request);
    if (request->uses_passed != 0)
        neapi_uses_after(lane, request, NULL, error);
    if (request->outer != NULL)
        neapi_passage_outcome(lane, request, NULL, error);
    else
        neapi_request_fail(request, error);
    answer_barriers(lane);
}

void neapi_lane_forget(neapi_lane *lane, neapi_request *request)
{
    forget(lane, request);
    if (request->uses_passed != 0) {
        neapi_fail(&lane->error, NEAP_TIMEOUT, "not begun in time; nothing was done");
        neapi_uses_after(lane, request, NULL, &lane->error);
    }
    neapi_request_release(request);
    answer_barriers(lane);
}

static void answer_query(neapi_lane *lane, neapi_request *request)
{
    neapi_buffer json = NEAPI_BUFFER_INIT;
    neap_status status = request->message->by == NEAPI_BY_HOST
                             ? neapi_context_query(lane, request, &json, &lane->error)
                             : neapi_engine_answer(lane->engine, request->message, request->json,
                                                   &request->call, &json, &lane->error);
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
        if (status == NEAP_OK && *state == NEAPI_NO_STATE)
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

static void answer_state(neapi_lane *lane, neapi_request *request)
{
    neapi_state state;
    neap_status status = find_state(lane, request, &state, &lane->error);
    if (status == NEAP_OK) {
        neapi_buffer json = NEAPI_BUFFER_INIT;
        status = neapi_engine_state_json(lane->engine, state, &json, &lane->error);
        neapi_engine_state_free(lane->engine, state);
        if (status == NEAP_OK)
            neapi_lane_succeed(lane, request, neapi_reply_json(&json));
        neapi_buffer_fini(&json);
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
    if (atomic_load(&lane->stopping))
        neapi_fail(&lane->error, NEAP_CLOSED, "the runtime closed before this was begun");
    else if (request->deadline_us != NEAPI_NO_DEADLINE &&
             neapi_monotonic_us(lane->platform) >= request->deadline_us)
        neapi_fail(&lane->error, NEAP_TIMEOUT, "not begun in time; nothing was done");
    else
        return true;
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
}

static void answer(neapi_lane *lane, neapi_request *request)
{
    complete_call(lane, request);
    if (neapi_uses_want(lane, request) &&
        neapi_uses_before(lane, request, &lane->error) != NEAP_OK) {
        neapi_lane_fail(lane, request, &lane->error);
        return;
    }
    if (neapi_passage_wanted(lane, request)) {
        neapi_passage_begin(lane, request);
        return;
    }
    switch (request->kind) {
    case NEAPI_REQUEST_COMMAND:
    case NEAPI_REQUEST_PUBLISH:
        neapi_lane_command(lane, request);
        break;
    case NEAPI_REQUEST_QUERY:
        answer_query(lane, request);
        break;
    default:
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
    if (may_begin(lane, request))
        answer(lane, request);
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

/* Aggregates go first when Lua's memory runs short, so that no handler has to be stopped for them.
 * What messages that sleep in middleware hold cannot go: not before an eighth of the limit was used
 * since does it make sense to collect again. */
static void keep_memory(neapi_lane *lane)
{
    size_t limit = lane->options->lane_memory_bytes / 4 * 3;
    size_t used = neapi_engine_memory(lane->engine);
    if (used < lane->memory_left)
        lane->memory_left = used;
    if (used < limit || used < lane->memory_left + limit / 8)
        return;
    neapi_engine_collect(lane->engine);
    for (size_t before = 0; neapi_engine_memory(lane->engine) >= limit / 2 &&
                            lane->warm.count > 0 && lane->warm.count != before;) {
        before = lane->warm.count;
        neapi_warm_shrink(&lane->warm, before / 2);
        neapi_engine_collect(lane->engine);
    }
    lane->memory_left = neapi_engine_memory(lane->engine);
}

void neapi_lane_let_go(void *host)
{
    neapi_lane *lane = host;
    neapi_warm_unload_idle(&lane->warm, lane->deciding);
}

/* Begins as many as may be unanswered at once, and a step shall have. */
static unsigned begin_backlog(neapi_lane *lane)
{
    unsigned begun = 0;
    while (begun < REQUESTS_PER_STEP && lane->unanswered < lane->options->queue_length) {
        neapi_request *request = neapi_request_list_pop(&lane->backlog);
        if (request == NULL)
            break;
        begun++;
        list_request(lane, request);
        if (request->kind == NEAPI_REQUEST_BARRIER)
            answer_barriers(lane);
        else
            begin(lane, request);
        begin_ready(lane);
    }
    if (begun > 0)
        neapi_mailbox_begun(&lane->mailbox, begun);
    return begun;
}

bool neapi_lane_step(neapi_lane *lane)
{
    neapi_submission_list judged = {0};
    neapi_mailbox_take(&lane->mailbox, &lane->backlog, &judged);
    bool busy = judged.first != NULL;
    for (neapi_submission *submission; (submission = neapi_submission_list_pop(&judged)) != NULL;) {
        neapi_lane_judged(lane, submission);
        begin_ready(lane);
    }
    if (neapi_passage_wake(lane)) {
        busy = true;
        begin_ready(lane);
    }
    busy = begin_backlog(lane) > 0 || busy;
    if (lane->outbox.first != NULL)
        neapi_writer_push(lane->writer, &lane->outbox);
    bool saved = neapi_snapshot_make_due(lane, !busy);
    if (busy)
        keep_memory(lane);
    return busy || saved;
}

int64_t neapi_lane_wake_us(const neapi_lane *lane)
{
    const neapi_wakeup *first = neapi_wakeups_first(&lane->wakeups);
    return first != NULL ? first->at_us : NEAPI_NO_DEADLINE;
}

static void *run(void *argument)
{
    neapi_lane *lane = argument;
    neapi_thread_is_runtimes();
    for (;;) {
        unsigned seen = neapi_gate_seen(&lane->mailbox.work);
        if (neapi_lane_step(lane))
            continue;
        if (atomic_load(&lane->stopping) && lane->submitted == 0 && lane->unanswered == 0)
            return NULL;
        neapi_park(lane->platform, &lane->mailbox.work, seen, neapi_lane_wake_us(lane));
    }
}

neap_status neapi_lane_start(neapi_lane *lane, neap_error *error)
{
    neap_status status = neapi_thread_start(&lane->thread, run, lane, error);
    lane->running = status == NEAP_OK;
    return status;
}

void neapi_lane_stop(neapi_lane *lane)
{
    if (!lane->running)
        return;
    atomic_store(&lane->stopping, true);
    neapi_mailbox_close(&lane->mailbox);
    pthread_join(lane->thread, NULL);
    lane->running = false;
}
