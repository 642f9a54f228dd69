#include "runtime/by_tags.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/command.h"
#include "runtime/reply.h"
#include "runtime/snapshot.h"

/* ---- Turns ----------------------------------------------------------------------------------- */

/* Of one tag. There is one as long as a decision has it, or somebody waits for it. */
typedef struct turn {
    bool taken;
    neapi_request_list waiting;
    neap_text tag; /* behind the struct */
} turn;

static turn *turn_of(const neapi_lane *lane, neap_text tag)
{
    return neapi_map_get(&lane->turns, tag);
}

static turn *make_turn(neapi_lane *lane, neap_text tag)
{
    turn *made = neapi_alloc(sizeof *made + tag.size);
    if (made == NULL)
        return NULL;
    *made = (turn){.tag = {(char *)(made + 1), tag.size}};
    memcpy(made + 1, tag.data, tag.size);
    if (neapi_map_put(&lane->turns, made->tag, made))
        return made;
    neapi_free(made);
    return NULL;
}

/* The next one can begin. */
static void pass(neapi_lane *lane, turn *passed)
{
    passed->taken = false;
    neapi_request *next = neapi_request_list_pop(&passed->waiting);
    if (next != NULL)
        neapi_request_list_push(&lane->ready, next);
    if (passed->waiting.first != NULL)
        return;
    neapi_map_remove(&lane->turns, passed->tag);
    neapi_free(passed);
}

void neapi_by_tags_pass(neapi_lane *lane, const neapi_instance *instance)
{
    for (size_t i = 0; i < instance->tag_count; i++) {
        turn *found = turn_of(lane, instance->tags[i]);
        if (found != NULL && !found->taken)
            pass(lane, found);
    }
}

static void give_turns_back(neapi_lane *lane, const neapi_instance *instance, size_t count)
{
    for (size_t i = 0; i < count; i++)
        pass(lane, turn_of(lane, instance->tags[i]));
}

static bool take_turns(neapi_lane *lane, const neapi_instance *instance)
{
    for (size_t i = 0; i < instance->tag_count; i++) {
        turn *found = turn_of(lane, instance->tags[i]);
        if (found == NULL)
            found = make_turn(lane, instance->tags[i]);
        if (found == NULL) {
            give_turns_back(lane, instance, i);
            return false;
        }
        found->taken = true;
    }
    return true;
}

/* true: another decision has one of the turns, and the request waits for it. */
static bool waits(neapi_lane *lane, neapi_request *request)
{
    const neapi_instance *instance = &request->instance;
    for (size_t i = 0; i < instance->tag_count; i++) {
        turn *found = turn_of(lane, instance->tags[i]);
        if (found == NULL || !found->taken)
            continue;
        neapi_request_park(request, &found->waiting);
        return true;
    }
    return false;
}

/* ---- Deciding -------------------------------------------------------------------------------- */

/* Loads the state, or folds what was committed since. */
static neap_status bring_up_to_date(neapi_lane *lane, neapi_warm *warm, neap_error *error)
{
    const neapi_instance *instance = &warm->instance;
    neapi_folded folded = {warm->state, warm->version, warm->position, warm->snapshot};
    neap_status status = warm->loaded ? neapi_lane_top_up(lane, instance, &folded, error)
                                      : neapi_lane_load(lane, instance, UINT64_MAX, &folded, error);
    if (status != NEAP_OK) {
        neapi_warm_unload(&lane->warm, warm);
        return status;
    }
    neapi_warm_fill(warm, &folded);
    neapi_snapshot_consider(lane, warm);
    return NEAP_OK;
}

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
    if (status != NEAP_OK || (unit->event_count == 0 && request->key.size == 0))
        return status;
    status = neapi_unit_condition(unit, aggregate->types, aggregate->type_count,
                                  warm->instance.tags, warm->instance.tag_count, warm->position);
    if (status != NEAP_OK)
        return neapi_nomem(error);
    return neapi_unit_complete(lane, request, unit, warm->instance.stream, request->version,
                               warm->position, error);
}

static neap_status submit(neapi_lane *lane, neapi_request *request, neapi_warm *warm,
                          neapi_unit *unit, neap_error *error)
{
    if (!take_turns(lane, &warm->instance))
        return neapi_nomem(error);
    request->submission.unit = unit;
    request->by_tags = warm;
    warm->in_flight++;
    neapi_lane_submit(lane, &request->submission);
    return NEAP_OK;
}

static void decided(neapi_lane *lane, neapi_request *request, neapi_warm *warm, neapi_unit *unit)
{
    bool has_events = unit->event_count > 0;
    neap_status status = complete(lane, request, warm, unit, &lane->error);
    if (status == NEAP_OK && unit->op_count > 0) {
        status = submit(lane, request, warm, unit, &lane->error);
        if (status == NEAP_OK)
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
    neap_status status = neapi_engine_decide(lane->engine, request->message, warm->state,
                                             &warm->instance, NEAP_ANY_VERSION, request->json,
                                             &request->call, unit, &spoilt, &lane->error);
    lane->deciding = NULL;
    if (status == NEAP_OK) {
        decided(lane, request, warm, unit);
        return;
    }
    neapi_unit_release(unit);
    if (spoilt)
        neapi_warm_unload(&lane->warm, warm);
    neapi_lane_fail(lane, request, &lane->error);
}

void neapi_by_tags_decide(neapi_lane *lane, neapi_request *request)
{
    if (waits(lane, request))
        return;
    neapi_warm *warm = neapi_warm_get(&lane->warm, &request->instance);
    neap_status status =
        warm != NULL ? bring_up_to_date(lane, warm, &lane->error) : neapi_nomem(&lane->error);
    if (status == NEAP_OK)
        decide(lane, request, warm);
    else
        neapi_lane_fail(lane, request, &lane->error);
}

/* ---- Judged ---------------------------------------------------------------------------------- */

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
    warm->in_flight--;
    request->by_tags = NULL;
    if (unit->state == NEAPI_UNIT_ACCEPTED) {
        accepted(lane, request, unit, warm);
    } else {
        neapi_warm_unload(&lane->warm, warm);
        if (neapi_answer_refused(lane, request, unit, false))
            neapi_request_list_push(&lane->ready, request);
    }
    give_turns_back(lane, &warm->instance, warm->instance.tag_count);
}
