/* What a run asks for, as a request of its own. */
#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "runtime/command.h"
#include "runtime/instance.h"
#include "runtime/passage_state.h"

typedef struct neapi_passage passage;

/* What `next` asks for has the command's own id, unless something may be stored under that. */
static neapi_call next_call(neapi_lane *lane, passage *it)
{
    neapi_call call = it->request->call;
    call.canonical = NULL;
    bool first = it->calls++ == 0;
    if (first ||
        it->request->kind == NEAPI_REQUEST_DELIVERY) /* which gives the same ids each time */
        return call;
    call.now_us = neapi_wall_us(lane->platform);
    if (it->id_is_used) {
        call.causation_id = call.id;
        call.id = neapi_uuid_new(&lane->ids, call.now_us);
    }
    return call;
}

/* What a handler asks for has an id that follows from its own: who repeats the one repeats the
 * other. */
static neapi_call nested_call(const neapi_lane *lane, passage *it)
{
    neapi_call *outer = &it->request->call;
    return (neapi_call){
        .id = neapi_uuid_derive(outer->id, ++outer->derived),
        .correlation_id = outer->correlation_id,
        .causation_id = outer->id,
        .now_us = neapi_wall_us(lane->platform),
        .meta = outer->meta,
    };
}

static neap_status find_instance(const neapi_lane *lane, const neapi_wanted *wanted,
                                 neapi_request *inner, neap_error *error)
{
    const neapi_message *message = inner->message;
    if (inner->kind == NEAPI_REQUEST_STATE)
        return neapi_instance_named(&inner->arena,
                                    lane->catalog->aggregates[wanted->aggregate->index], wanted->id,
                                    &inner->instance, error);
    if (inner->kind != NEAPI_REQUEST_COMMAND || message->by != NEAPI_BY_AGGREGATE)
        return NEAP_OK;
    return neapi_instance_of_command(&inner->arena, lane->catalog->aggregates[message->aggregate],
                                     inner->json, &inner->instance, error);
}

/* Nested dispatches end, if nothing else ends them, where nesting does. */
static neap_status check_nesting(const neapi_lane *lane, const passage *it, neap_error *error)
{
    if (it->request->depth < lane->options->nesting_depth)
        return NEAP_OK;
    return neapi_fail(error, NEAP_LIMIT,
                      "nesting: '%.*s' was dispatched by a handler that was dispatched by a "
                      "handler …, %u deep",
                      NEAPI_TEXT(neapi_request_name(it->request)), lane->options->nesting_depth);
}

/* What holds the key waits, in the end, for this. */
static neap_status check_key(const passage *it, neap_error *error)
{
    neap_text key = it->run.wanted.key;
    for (const neapi_request *each = it->request; key.size != 0 && each != NULL; each = each->outer)
        if (neapi_text_equal(each->key, key))
            return neapi_key_in_use(key, error);
    return NEAP_OK;
}

static neapi_request_kind kind_of(const passage *it)
{
    switch (it->run.stop) {
    case NEAPI_RUN_NEXT:
        return it->request->kind;
    case NEAPI_RUN_DISPATCH:
        return NEAPI_REQUEST_COMMAND;
    case NEAPI_RUN_QUERY:
        return NEAPI_REQUEST_QUERY;
    default:
        return NEAPI_REQUEST_STATE;
    }
}

/* Errors: NULL, no memory. */
static neapi_request *new_inner(neapi_lane *lane, passage *it)
{
    neapi_request *outer = it->request;
    const neapi_wanted *wanted = &it->run.wanted;
    bool of_next = it->run.stop == NEAPI_RUN_NEXT;
    neapi_request_kind kind = kind_of(it);
    neap_text json = neapi_text(it->run.json.data, it->run.json.size);
    if (kind == NEAPI_REQUEST_STATE)
        json = (neap_text){0};
    neapi_request *inner =
        neapi_request_new(lane->platform, kind, false, json, wanted->key, (neap_text){0});
    if (inner == NULL)
        return NULL;
    neapi_request_hold(outer);
    inner->outer = outer;
    if (of_next) {
        inner->key = outer->key;
        inner->consume = outer->consume;
        inner->consume_count = outer->consume_count;
    }
    inner->meta = outer->call.meta;
    if (wanted->message != NULL) /* the engine's own does not know the host's handlers */
        inner->message = lane->catalog->messages[wanted->message->index];
    if (kind == NEAPI_REQUEST_DELIVERY) {
        inner->message = outer->message;
        inner->partition = outer->partition;
        inner->delivered = outer->delivered;
        inner->transient = outer->transient;
    }
    inner->deadline_us = wanted->until_us;
    inner->past_middleware = of_next;
    inner->as_saved = kind == NEAPI_REQUEST_STATE;
    inner->depth = outer->depth + (of_next ? 0 : 1);
    inner->call = of_next ? next_call(lane, it) : nested_call(lane, it);
    inner->passage = it;
    inner->arrived_us = lane->metrics->now_us;
    return inner;
}

neap_status neapi_passage_ask(neapi_lane *lane, passage *it, neap_error *error)
{
    const neapi_wanted *wanted = &it->run.wanted;
    bool of_next = it->run.stop == NEAPI_RUN_NEXT;
    neap_status status =
        of_next ? neapi_key_prepare(lane, it->request, error) : check_nesting(lane, it, error);
    if (status == NEAP_OK && !of_next)
        status = check_key(it, error);
    if (status != NEAP_OK)
        return status;
    neapi_request *inner = new_inner(lane, it);
    if (inner == NULL)
        return neapi_nomem(error);
    status = find_instance(lane, wanted, inner, error);
    /* A delivery ends by itself when its time is over: two of one event never run at once. */
    if (status == NEAP_OK && wanted->until_us != NEAPI_NO_DEADLINE &&
        inner->kind != NEAPI_REQUEST_DELIVERY &&
        !neapi_wakeups_set(&lane->wakeups, &it->wakeup, wanted->until_us))
        status = neapi_nomem(error);
    if (status == NEAP_OK)
        status = neapi_lane_ask(lane, inner, error);
    if (status != NEAP_OK) {
        neapi_wakeups_remove(&lane->wakeups, &it->wakeup);
        neapi_request_release(inner);
        return status;
    }
    it->inner = inner;
    return NEAP_OK;
}
