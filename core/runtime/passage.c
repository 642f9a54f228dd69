#include "runtime/passage.h"

#include <stddef.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/command.h"
#include "runtime/passage_state.h"
#include "runtime/queue.h"
#include "runtime/react.h"
#include "runtime/reply.h"
#include "runtime/sending.h"

/* Passages that are kept, with their buffers, for the messages to come. */
#define MOST_IDLE 256
/* What a buffer keeps for the next message. */
#define KEPT_BYTES ((size_t)64 * 1024)

typedef struct neapi_passage passage;

/* ---- Taking and freeing ---------------------------------------------------------------------- */

static void list_passage(neapi_lane *lane, passage *it)
{
    lane->passages++;
    it->older = lane->newest_passage;
    it->newer = NULL;
    *(it->older != NULL ? &it->older->newer : &lane->oldest_passage) = it;
    lane->newest_passage = it;
}

static void unlist_passage(neapi_lane *lane, const passage *it)
{
    lane->passages--;
    *(it->older != NULL ? &it->older->newer : &lane->oldest_passage) = it->newer;
    *(it->newer != NULL ? &it->newer->older : &lane->newest_passage) = it->older;
}

static passage *new_passage(neapi_lane *lane)
{
    passage *made = lane->idle_passages;
    if (made == NULL)
        return neapi_alloc_zero(1, sizeof *made);
    lane->idle_passages = made->next;
    lane->idle_passage_count--;
    neapi_buffer json = made->run.json, canonical = made->canonical;
    *made = (passage){.run.json = json, .canonical = canonical};
    neapi_buffer_clear(&made->run.json);
    neapi_buffer_clear(&made->canonical);
    return made;
}

static passage *take_passage(neapi_lane *lane)
{
    passage *taken = new_passage(lane);
    if (taken != NULL)
        list_passage(lane, taken);
    return taken;
}

static void free_memory(passage *it)
{
    neapi_buffer_fini(&it->run.json);
    neapi_buffer_fini(&it->canonical);
    neapi_free(it);
}

static void free_passage(neapi_lane *lane, passage *it)
{
    neapi_wakeups_remove(&lane->wakeups, &it->wakeup);
    neap_reply_free(it->receipt);
    neapi_unit_release(it->run.unit);
    neapi_effects_fini(&it->effects);
    unlist_passage(lane, it);
    if (lane->idle_passage_count == MOST_IDLE) {
        free_memory(it);
        return;
    }
    if (it->run.json.capacity > KEPT_BYTES)
        neapi_buffer_fini(&it->run.json);
    if (it->canonical.capacity > KEPT_BYTES)
        neapi_buffer_fini(&it->canonical);
    it->next = lane->idle_passages;
    lane->idle_passages = it;
    lane->idle_passage_count++;
}

void neapi_passages_fini(neapi_lane *lane)
{
    for (passage *it; (it = lane->idle_passages) != NULL;) {
        lane->idle_passages = it->next;
        free_memory(it);
    }
    neapi_wakeups_fini(&lane->wakeups);
}

/* ---- The answer ------------------------------------------------------------------------------ */

/* What it had done stays done, whatever becomes of the rest. */
static void note_effect(const passage *it)
{
    it->request->effect = it->request->effect || it->run.effect;
}

/* A handler that waited until its time was over: what it published is not recorded any more. */
static bool is_too_late(const neapi_lane *lane, const passage *it)
{
    return it->run.waits > 0 && it->run.kind == NEAPI_HANDLING_COMMAND &&
           it->request->deadline_us != NEAPI_NO_DEADLINE &&
           neapi_monotonic_us(lane->platform) >= it->request->deadline_us;
}

static void end_handler(neapi_lane *lane, passage *it)
{
    const neapi_sender sender = {.call = &it->request->call};
    if (neapi_send_effects(lane, &it->effects, &sender, it->run.unit, &lane->error) == NEAP_OK)
        neapi_lane_handled(lane, it->request, it->run.unit);
    else
        neapi_lane_fail(lane, it->request, &lane->error);
}

/* What a transient event's handler sends is all that it wants durable. */
static void end_transient(neapi_lane *lane, passage *it)
{
    neapi_request *request = it->request;
    const neapi_sender sender = {.call = &request->call};
    neapi_unit *unit = it->effects.first != NULL ? neapi_unit_new(request->call.id) : NULL;
    if (it->effects.first == NULL)
        neapi_lane_succeed_empty(lane, request);
    else if (unit == NULL ||
             neapi_send_effects(lane, &it->effects, &sender, unit, &lane->error) != NEAP_OK)
        neapi_lane_fail(lane, request, &lane->error);
    else
        neapi_lane_handled(lane, request, unit);
    neapi_unit_release(unit);
}

/* The handler of an event has ended well, unless it waited until its time was over: then it had
 * something left to do. */
static neap_status settle_delivery(neapi_lane *lane, passage *it)
{
    if (it->run.expired && neapi_monotonic_us(lane->platform) >= it->until_us)
        return neapi_fail(&lane->error, NEAP_TIMEOUT, "not handled in time");
    if (it->request->transient)
        return NEAP_OK;
    return neapi_react_take(lane, it->request, &it->effects, &lane->error);
}

static void succeed(neapi_lane *lane, passage *it)
{
    neapi_request *request = it->request;
    neap_reply *reply = NULL;
    note_effect(it);
    if (it->withdrawn) {
        neapi_lane_forget(lane, request);
    } else if (is_too_late(lane, it)) {
        neapi_fail(&lane->error, NEAP_TIMEOUT, "not handled in time; nothing was recorded");
        neapi_lane_fail(lane, request, &lane->error);
    } else if (it->run.kind == NEAPI_HANDLING_COMMAND) {
        end_handler(lane, it);
    } else if (it->run.kind == NEAPI_HANDLING_SUBSCRIBER && request->transient) {
        end_transient(lane, it);
    } else if (it->run.kind == NEAPI_HANDLING_SUBSCRIBER) {
        neapi_lane_succeed_empty(lane, request);
    } else {
        reply = it->receipt;
        it->receipt = NULL;
        if (request->kind == NEAPI_REQUEST_QUERY)
            reply = neapi_reply_json(&it->run.json);
        if (request->kind == NEAPI_REQUEST_DELIVERY)
            neapi_lane_succeed_empty(lane, request);
        else
            neapi_lane_succeed(lane, request, reply);
    }
    free_passage(lane, it);
}

/* lane->error says why. */
static void fail(neapi_lane *lane, passage *it)
{
    neapi_request *request = it->request;
    note_effect(it);
    bool withdrawn = it->withdrawn, attempts = it->run.kind == NEAPI_HANDLING_SUBSCRIBER;
    free_passage(lane, it);
    if (attempts && !request->transient && neapi_react_fails(lane, request, &lane->error))
        return;
    if (withdrawn)
        neapi_lane_forget(lane, request);
    else
        neapi_lane_fail(lane, request, &lane->error);
}

/* Ends a run that waits; lane->error says why. */
static void abandon(neapi_lane *lane, passage *it)
{
    neapi_engine_run_drop(lane->engine, &it->run);
    fail(lane, it);
}

/* ---- Waiting -------------------------------------------------------------------------------- */

static size_t bytes_of(const neapi_request *request)
{
    return sizeof *request + request->json.size + request->key.size + request->meta.size;
}

/* What it holds counts while it waits; what it holds in Lua is counted there. */
static void park(neapi_lane *lane, passage *it)
{
    it->bytes = sizeof *it + bytes_of(it->request) + it->run.json.capacity + it->canonical.capacity;
    if (it->inner != NULL) /* which another lane may have by now */
        it->bytes += sizeof *it->inner + it->run.json.size;
    if (it->run.unit != NULL)
        it->bytes += it->run.unit->event_bytes;
    lane->parked_bytes += it->bytes;
}

static void unpark(neapi_lane *lane, passage *it)
{
    lane->parked_bytes -= it->bytes;
    it->bytes = 0;
}

/* ---- Running --------------------------------------------------------------------------------- */

static neap_status closed(neap_error *error)
{
    return neapi_fail(error, NEAP_CLOSED, "the runtime closed while this waited");
}

/* Sleeps. Who waits for the answer may withdraw the request meanwhile, if nothing was done. */
static neap_status rest(neapi_lane *lane, passage *it, neap_error *error)
{
    if (atomic_load(&lane->stopping))
        return closed(error);
    if (!neapi_wakeups_set(&lane->wakeups, &it->wakeup, it->run.wanted.until_us))
        return neapi_nomem(error);
    if (!it->run.effect)
        atomic_store(&it->request->stage, NEAPI_STAGE_WAITING);
    return NEAP_OK;
}

/* The run stopped, or ended with `status` and, if that is not NEAP_OK, lane->error. */
static void stopped(neapi_lane *lane, passage *it, neap_status status)
{
    neapi_run *run = &it->run;
    if (run->stop == NEAPI_RUN_ENDED && run->kind != NEAPI_HANDLING_MIDDLEWARE &&
        run->kind != NEAPI_HANDLING_SUBSCRIBER)
        neapi_metrics_decided(lane->metrics, it->request);
    else /* what it took so far is nobody else's */
        neapi_metrics_look(lane->metrics);
    while (status == NEAP_OK && run->stop != NEAPI_RUN_ENDED && run->stop != NEAPI_RUN_SLEEP) {
        if (neapi_passage_ask(lane, it, &lane->error) == NEAP_OK) {
            park(lane, it);
            return;
        }
        const neapi_run_outcome outcome = {.error = &lane->error};
        status = neapi_engine_run_resume(lane->engine, run, &outcome, &lane->error);
    }
    if (status == NEAP_OK && run->stop == NEAPI_RUN_ENDED && run->kind == NEAPI_HANDLING_SUBSCRIBER)
        status = settle_delivery(lane, it);
    if (status != NEAP_OK)
        fail(lane, it);
    else if (run->stop == NEAPI_RUN_ENDED)
        succeed(lane, it);
    else if (rest(lane, it, &lane->error) == NEAP_OK)
        park(lane, it);
    else
        abandon(lane, it);
}

/* What a handler publishes goes into a unit, and the command with it. */
static neap_status prepare_handler(const neapi_lane *lane, passage *it)
{
    neapi_request *request = it->request;
    it->run.unit = neapi_unit_new(request->call.id);
    bool recorded = lane->options->record_commands && !request->holds_key;
    request->call.canonical = recorded ? &it->canonical : NULL;
    return it->run.unit != NULL ? NEAP_OK : NEAP_NOMEM;
}

static void prepare_delivery(const neapi_lane *lane, passage *it)
{
    const neapi_partition *partition = it->request->partition;
    neapi_run *run = &it->run;
    run->subscription = partition->definition;
    run->event = &it->request->delivered;
    static const unsigned none;
    run->failures = it->request->transient ? &none : &partition->attempts;
    int64_t timeout_us = partition->definition->timeout_us;
    if (run->kind == NEAPI_HANDLING_SUBSCRIBER && timeout_us != 0) {
        int64_t until_us = neapi_monotonic_us(lane->platform) + timeout_us;
        if (until_us < run->deadline_us)
            run->deadline_us = until_us;
    }
    it->until_us = run->deadline_us;
}

void neapi_passage_begin(neapi_lane *lane, neapi_request *request, neapi_handling kind)
{
    passage *it = take_passage(lane);
    if (it == NULL) {
        neapi_nomem(&lane->error);
        neapi_lane_fail(lane, request, &lane->error);
        return;
    }
    it->request = request;
    it->run.kind = kind;
    it->run.message = request->message;
    it->run.call = &request->call;
    it->run.key = request->key;
    it->run.deadline_us = request->deadline_us;
    if (kind == NEAPI_HANDLING_COMMAND || kind == NEAPI_HANDLING_SUBSCRIBER)
        it->run.effects = &it->effects;
    if (request->kind == NEAPI_REQUEST_DELIVERY)
        prepare_delivery(lane, it);
    if (kind == NEAPI_HANDLING_COMMAND && prepare_handler(lane, it) != NEAP_OK) {
        neapi_nomem(&lane->error);
        fail(lane, it);
        return;
    }
    stopped(lane, it, neapi_engine_run_start(lane->engine, &it->run, request->json, &lane->error));
}

/* ---- Going on -------------------------------------------------------------------------------- */

void neapi_passage_outcome(neapi_lane *lane, neapi_request *inner, neap_reply *reply,
                           const neap_error *error)
{
    inner->reply = reply;
    inner->status = reply != NULL ? NEAP_OK : error->status;
    if (reply == NULL) {
        inner->outcome_unknown = error->outcome_unknown;
        neapi_request_keep_error(inner, error);
    }
    if (inner->home == lane)
        neapi_request_list_push(&lane->returned, inner);
    else if (!neapi_mailbox_send(inner->home->mailbox, NEAPI_MAIL_RETURNED, &inner->mail))
        neapi_request_release(inner); /* nobody waits for it any more */
}

/* What the inner request came to; lane->error serves if there was no memory to keep its error. */
static neapi_run_outcome outcome_of(neapi_lane *lane, const neapi_request *inner)
{
    if (inner->status == NEAP_OK) {
        neapi_run_outcome outcome = {.receipt = neap_reply_receipt(inner->reply)};
        if (outcome.receipt == NULL)
            outcome.bytes.data = neap_reply_json(inner->reply, &outcome.bytes.size);
        return outcome;
    }
    if (inner->error != NULL)
        return (neapi_run_outcome){.error = inner->error};
    neapi_fail(&lane->error, inner->status, "there was no memory to say more");
    lane->error.outcome_unknown = inner->outcome_unknown;
    return (neapi_run_outcome){.error = &lane->error};
}

void neapi_passage_return(neapi_lane *lane, neapi_request *inner)
{
    passage *it = inner->passage;
    if (inner->due != NULL) {
        neapi_queue_answered(lane->queue, inner);
        return;
    }
    if (it == NULL) { /* nobody waits for it any more */
        neapi_request_release(inner);
        return;
    }
    unpark(lane, it);
    neapi_wakeups_remove(&lane->wakeups, &it->wakeup);
    const neapi_run_outcome outcome = outcome_of(lane, inner);
    bool of_next = it->run.stop == NEAPI_RUN_NEXT;
    it->inner = NULL;
    it->run.expired = it->run.expired || inner->status == NEAP_TIMEOUT;
    lane->current = it->request;
    lane->coming_back = inner;
    neap_status status = neapi_engine_run_resume(lane->engine, &it->run, &outcome, &lane->error);
    lane->coming_back = NULL;
    if (of_next && outcome.receipt != NULL) {
        neap_reply_free(it->receipt);
        it->receipt = inner->reply;
        inner->reply = NULL;
    }
    it->id_is_used =
        it->id_is_used || (of_next && (inner->status == NEAP_OK || inner->outcome_unknown));
    neapi_request_release(inner);
    stopped(lane, it, status);
    lane->current = NULL;
}

/* The time for what was asked for is over. */
static void expire(neapi_lane *lane, passage *it)
{
    neapi_request *inner = it->inner;
    bool withdrawn = neapi_request_withdraw(inner);
    it->inner = NULL;
    inner->passage = NULL;
    if (withdrawn) {
        neapi_fail(&lane->error, NEAP_TIMEOUT, "not begun in time; nothing was done");
    } else {
        neapi_fail(&lane->error, NEAP_TIMEOUT, "not answered in time; it may still take effect");
        lane->error.outcome_unknown = inner->kind == NEAPI_REQUEST_COMMAND;
        it->id_is_used = true;
    }
    it->run.expired = true;
    const neapi_run_outcome outcome = {.error = &lane->error};
    lane->current = it->request;
    stopped(lane, it, neapi_engine_run_resume(lane->engine, &it->run, &outcome, &lane->error));
    lane->current = NULL;
}

/* Its sleep is over, or its time. If it was withdrawn its time is over too: the run sees a timeout,
 * as when the lane is the first to notice, and middleware counts it as one. */
static void wake_up(neapi_lane *lane, passage *it)
{
    it->withdrawn = !it->run.effect && !neapi_request_begin(it->request);
    if (!atomic_load(&lane->stopping)) {
        lane->current = it->request;
        stopped(lane, it, neapi_engine_run_resume(lane->engine, &it->run, NULL, &lane->error));
        lane->current = NULL;
        return;
    }
    closed(&lane->error);
    abandon(lane, it);
}

static passage *passage_of(neapi_wakeup *wakeup)
{
    return (passage *)(void *)((char *)wakeup - offsetof(passage, wakeup));
}

/* The next that is to be woken now. While the lane stops nobody sleeps on; what `next` asked for
 * still comes back. */
static passage *next_due(neapi_lane *lane, int64_t now_us)
{
    neapi_wakeup *first = neapi_wakeups_first(&lane->wakeups);
    if (first == NULL)
        return NULL;
    if (first->at_us <= now_us)
        return passage_of(first);
    if (!atomic_load(&lane->stopping))
        return NULL;
    for (size_t i = 0; i < lane->wakeups.count; i++) {
        passage *it = passage_of(lane->wakeups.heap[i]);
        if (it->inner == NULL)
            return it;
    }
    return NULL;
}

bool neapi_passage_wake(neapi_lane *lane)
{
    bool woken = false;
    if (lane->wakeups.count == 0)
        return false;
    int64_t now_us = neapi_monotonic_us(lane->platform);
    for (passage *it; (it = next_due(lane, now_us)) != NULL; woken = true) {
        unpark(lane, it);
        neapi_wakeups_remove(&lane->wakeups, &it->wakeup);
        if (it->inner != NULL)
            expire(lane, it);
        else
            wake_up(lane, it);
    }
    return woken;
}

/* ---- In a lane that was given up ------------------------------------------------------------- */

/* Its coroutine is lost. Its request stays until the state is closed, for the coroutine knows it.
 */
static void give_up(neapi_lane *lane, passage *it, const neap_error *error)
{
    neapi_request *request = it->request;
    unpark(lane, it);
    neapi_wakeups_remove(&lane->wakeups, &it->wakeup);
    if (it->inner != NULL)
        it->inner->passage = NULL; /* its answer finds nobody */
    it->inner = NULL;
    note_effect(it);
    neapi_request_hold(request);
    if (it->withdrawn)
        neapi_lane_forget(lane, request);
    else
        neapi_lane_fail(lane, request, error);
}

bool neapi_passages_give_up(neapi_lane *lane, const neapi_request *current, const neap_error *stuck,
                            const neap_error *parked)
{
    passage *it = lane->oldest_passage;
    bool found = false;
    lane->oldest_passage = lane->newest_passage = NULL;
    lane->passages = 0;
    for (; it != NULL; it = it->newer) {
        bool is_current = it->request == current;
        found = found || is_current;
        give_up(lane, it, is_current ? stuck : parked);
    }
    return found;
}

void neapi_passages_free_given_up(neapi_lane *lane)
{
    for (passage *it; (it = lane->oldest_passage) != NULL;) {
        lane->oldest_passage = it->newer;
        neapi_engine_run_forget(&it->run);
        neap_reply_free(it->receipt);
        neapi_unit_release(it->run.unit);
        neapi_effects_fini(&it->effects);
        neapi_request_release(it->request);
        free_memory(it);
    }
}
