#include "runtime/passage.h"

#include <stddef.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/instance.h"
#include "runtime/reply.h"

/* Passages that are kept, with their buffers, for the messages to come. */
#define MOST_IDLE 256
/* What a buffer keeps for the next message. */
#define KEPT_BYTES ((size_t)64 * 1024)

typedef struct neapi_passage {
    neapi_chain chain;
    neapi_wakeup wakeup;
    neapi_request *request; /* whose answer it makes */
    neapi_request *inner;   /* what `next` asked for and waits for; NULL: nothing */
    neap_reply *receipt;    /* what the last `next` of a command gave */
    unsigned calls;         /* of `next` */
    bool id_is_used;        /* something may be stored under the command's own id */
    bool withdrawn;         /* while it slept: nobody waits for the answer */
    struct neapi_passage *next;
} passage;

/* ---- Taking and freeing ---------------------------------------------------------------------- */

static passage *new_passage(neapi_lane *lane)
{
    passage *made = lane->idle_passages;
    if (made == NULL)
        return neapi_alloc_zero(1, sizeof *made);
    lane->idle_passages = made->next;
    lane->idle_passage_count--;
    neapi_buffer json = made->chain.json;
    *made = (passage){.chain.json = json};
    neapi_buffer_clear(&made->chain.json);
    return made;
}

static void free_passage(neapi_lane *lane, passage *it)
{
    neapi_wakeups_remove(&lane->wakeups, &it->wakeup);
    neap_reply_free(it->receipt);
    if (lane->idle_passage_count == MOST_IDLE) {
        neapi_buffer_fini(&it->chain.json);
        neapi_free(it);
        return;
    }
    if (it->chain.json.capacity > KEPT_BYTES)
        neapi_buffer_fini(&it->chain.json);
    it->receipt = NULL;
    it->next = lane->idle_passages;
    lane->idle_passages = it;
    lane->idle_passage_count++;
}

void neapi_passages_fini(neapi_lane *lane)
{
    for (passage *it; (it = lane->idle_passages) != NULL;) {
        lane->idle_passages = it->next;
        neapi_buffer_fini(&it->chain.json);
        neapi_free(it);
    }
    neapi_wakeups_fini(&lane->wakeups);
}

/* ---- The answer ------------------------------------------------------------------------------ */

static void succeed(neapi_lane *lane, passage *it)
{
    neapi_request *request = it->request;
    neap_reply *reply = it->receipt;
    if (request->kind == NEAPI_REQUEST_QUERY)
        reply = neapi_reply_json(&it->chain.json);
    it->receipt = NULL;
    bool withdrawn = it->withdrawn;
    free_passage(lane, it);
    if (withdrawn) {
        neap_reply_free(reply);
        neapi_lane_forget(lane, request);
        return;
    }
    neapi_lane_succeed(lane, request, reply);
}

/* lane->error says why. What `next` did stays done. */
static void fail(neapi_lane *lane, passage *it)
{
    neapi_request *request = it->request;
    lane->error.outcome_unknown = lane->error.outcome_unknown || it->chain.effect;
    bool withdrawn = it->withdrawn;
    free_passage(lane, it);
    if (withdrawn)
        neapi_lane_forget(lane, request);
    else
        neapi_lane_fail(lane, request, &lane->error);
}

/* Ends a chain that waits; lane->error says why. */
static void abandon(neapi_lane *lane, passage *it)
{
    neapi_engine_chain_drop(lane->engine, &it->chain);
    fail(lane, it);
}

/* ---- What next asks for ---------------------------------------------------------------------- */

/* Under the command's own id, unless something may be stored under that already. */
static neapi_call call_of(neapi_lane *lane, passage *it)
{
    neapi_call call = it->request->call;
    if (it->calls++ == 0)
        return call;
    call.now_us = neapi_wall_us(lane->platform);
    if (it->id_is_used) {
        call.causation_id = call.id;
        call.id = neapi_uuid_new(&lane->ids, call.now_us);
    }
    return call;
}

static neap_status find_instance(neapi_lane *lane, neapi_request *inner, neap_error *error)
{
    const neapi_message *message = inner->message;
    if (message->by != NEAPI_BY_AGGREGATE)
        return NEAP_OK;
    return neapi_instance_of_command(&inner->arena, lane->catalog->aggregates[message->aggregate],
                                     inner->json, &inner->instance, error);
}

/* Puts the request that `next` makes among those that are to be begun. */
static neap_status ask(neapi_lane *lane, passage *it, neap_error *error)
{
    neapi_request *outer = it->request;
    const neapi_buffer *json = &it->chain.json;
    neapi_request *inner =
        neapi_request_new(lane->platform, outer->kind, false, neapi_text(json->data, json->size),
                          (neap_text){0}, (neap_text){0});
    if (inner == NULL)
        return neapi_nomem(error);
    neapi_request_hold(outer);
    inner->outer = outer;
    inner->key = outer->key;
    inner->meta = outer->meta;
    inner->message = it->chain.message;
    inner->deadline_us = it->chain.deadline_us;
    inner->call = call_of(lane, it);
    neap_status status = find_instance(lane, inner, error);
    if (status == NEAP_OK && it->chain.deadline_us != NEAPI_NO_DEADLINE &&
        !neapi_wakeups_set(&lane->wakeups, &it->wakeup, it->chain.deadline_us))
        status = neapi_nomem(error);
    if (status != NEAP_OK) {
        neapi_request_release(inner);
        return status;
    }
    inner->passage = it;
    it->inner = inner;
    neapi_request_list_push(&lane->ready, inner);
    return NEAP_OK;
}

/* Sleeps. Who waits for the answer may withdraw the request meanwhile, if nothing was done. */
static neap_status rest(neapi_lane *lane, passage *it, neap_error *error)
{
    if (atomic_load(&lane->stopping))
        return neapi_fail(error, NEAP_CLOSED, "the runtime closed while this waited in middleware");
    if (!neapi_wakeups_set(&lane->wakeups, &it->wakeup, it->chain.wake_us))
        return neapi_nomem(error);
    if (!it->chain.effect)
        atomic_store(&it->request->stage, NEAPI_STAGE_WAITING);
    return NEAP_OK;
}

/* The chain stopped, or ended with `status` and, if that is not NEAP_OK, lane->error. */
static void stopped(neapi_lane *lane, passage *it, neap_status status)
{
    while (status == NEAP_OK && it->chain.stop == NEAPI_CHAIN_NEXT) {
        if (ask(lane, it, &lane->error) == NEAP_OK)
            return;
        const neapi_chain_outcome outcome = {.error = &lane->error};
        status = neapi_engine_chain_resume(lane->engine, &it->chain, &outcome, &lane->error);
    }
    if (status != NEAP_OK)
        fail(lane, it);
    else if (it->chain.stop == NEAPI_CHAIN_ENDED)
        succeed(lane, it);
    else if (rest(lane, it, &lane->error) != NEAP_OK)
        abandon(lane, it);
}

void neapi_passage_begin(neapi_lane *lane, neapi_request *request)
{
    passage *it = new_passage(lane);
    if (it == NULL) {
        neapi_nomem(&lane->error);
        neapi_lane_fail(lane, request, &lane->error);
        return;
    }
    it->request = request;
    it->chain.message = request->message;
    it->chain.call = &request->call;
    it->chain.key = request->key;
    it->chain.deadline_us = request->deadline_us;
    stopped(lane, it,
            neapi_engine_chain_start(lane->engine, &it->chain, request->json, &lane->error));
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
    neapi_request_list_push(&lane->returned, inner);
}

/* What the inner request came to; lane->error serves if there was no memory to keep its error. */
static neapi_chain_outcome outcome_of(neapi_lane *lane, const neapi_request *inner)
{
    if (inner->status == NEAP_OK) {
        neapi_chain_outcome outcome = {.receipt = neap_reply_receipt(inner->reply)};
        if (outcome.receipt == NULL)
            outcome.json.data = neap_reply_json(inner->reply, &outcome.json.size);
        return outcome;
    }
    if (inner->error != NULL)
        return (neapi_chain_outcome){.error = inner->error};
    neapi_fail(&lane->error, inner->status, "there was no memory to say more");
    lane->error.outcome_unknown = inner->outcome_unknown;
    return (neapi_chain_outcome){.error = &lane->error};
}

void neapi_passage_return(neapi_lane *lane, neapi_request *inner)
{
    passage *it = inner->passage;
    if (it == NULL) { /* nobody waits for it any more */
        neapi_request_release(inner);
        return;
    }
    neapi_wakeups_remove(&lane->wakeups, &it->wakeup);
    const neapi_chain_outcome outcome = outcome_of(lane, inner);
    neap_status status =
        neapi_engine_chain_resume(lane->engine, &it->chain, &outcome, &lane->error);
    it->inner = NULL;
    if (outcome.receipt != NULL) {
        neap_reply_free(it->receipt);
        it->receipt = inner->reply;
        inner->reply = NULL;
    }
    it->id_is_used = it->id_is_used || inner->status == NEAP_OK || inner->outcome_unknown;
    neapi_request_release(inner);
    stopped(lane, it, status);
}

/* The time for what `next` asked for is over. */
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
    const neapi_chain_outcome outcome = {.error = &lane->error};
    stopped(lane, it, neapi_engine_chain_resume(lane->engine, &it->chain, &outcome, &lane->error));
}

/* Its sleep is over, or its time. If it was withdrawn its time is over too: the middleware sees a
 * timeout, as when the lane is the first to notice, and counts it as one. */
static void wake_up(neapi_lane *lane, passage *it)
{
    it->withdrawn = !it->chain.effect && !neapi_request_begin(it->request);
    if (!atomic_load(&lane->stopping)) {
        stopped(lane, it, neapi_engine_chain_resume(lane->engine, &it->chain, NULL, &lane->error));
        return;
    }
    neapi_fail(&lane->error, NEAP_CLOSED, "the runtime closed while this waited in middleware");
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
        neapi_wakeups_remove(&lane->wakeups, &it->wakeup);
        if (it->inner != NULL)
            expire(lane, it);
        else
            wake_up(lane, it);
    }
    return woken;
}
