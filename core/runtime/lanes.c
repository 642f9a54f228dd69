/* The lanes of a runtime: made, started and ended together. */
#include "base/alloc.h"
#include "base/error.h"
#include "runtime/inline.h"
#include "runtime/queue.h"
#include "runtime/rescue.h"

/* ---- Making ---------------------------------------------------------------------------------- */

/* Whether something of the domain may wait or block: what is not an aggregate's. */
static bool reacts(const neap_runtime *runtime)
{
    const neapi_catalog *catalog = runtime->catalog;
    for (uint32_t i = 0; i < catalog->message_count; i++)
        if (catalog->messages[i]->by == NEAPI_BY_LUA || catalog->messages[i]->by == NEAPI_BY_HOST)
            return true;
    for (uint32_t i = 0; i < catalog->subscription_count; i++)
        if (catalog->subscriptions[i]->kind != NEAPI_PROJECTION)
            return true;
    return runtime->router.has_middleware;
}

static void count_lanes(neap_runtime *runtime)
{
    neapi_router *router = &runtime->router;
    router->has_middleware = neapi_engine_has_middleware(runtime->engine);
    bool decides =
        (runtime->catalog->aggregate_count != 0 || runtime->catalog->subscription_count != 0) &&
        !neapi_is_inline(runtime);
    router->command_lanes = decides ? runtime->options.lanes : 1;
    router->reaction_lanes =
        !neapi_is_inline(runtime) && reacts(runtime) ? runtime->options.reaction_lanes : 0;
    router->queue_lane = router->reaction_lanes != 0 ? router->command_lanes : 0;
}

static void set_up(neap_runtime *runtime, neapi_lane *lane, unsigned number)
{
    lane->number = number;
    lane->runtime = runtime;
    lane->router = &runtime->router;
    lane->options = &runtime->options;
    lane->platform = runtime->platform;
    lane->report = &runtime->report;
    lane->catalog = runtime->catalog;
    lane->uses = runtime->uses;
    lane->use_count = runtime->use_count;
}

/* Services live where something may use them: on the reaction lanes, if there are any. */
static bool serves(const neapi_router *router, const neapi_lane *lane)
{
    return router->reaction_lanes == 0 ? lane->number == 0 : lane->number >= router->command_lanes;
}

neap_status neapi_lanes_give_engine(neap_runtime *runtime, neapi_lane *lane, neap_error *error)
{
    neap_status status = NEAP_OK;
    if (runtime->engine != NULL) {
        lane->engine = runtime->engine;
        neapi_engine_set_host(lane->engine, lane);
        runtime->engine = NULL;
    } else {
        status = neapi_runtime_open_engine(runtime, lane, &lane->engine, error);
    }
    bool acts = runtime->history == NULL || runtime->branch != NULL;
    if (status == NEAP_OK && serves(&runtime->router, lane) && acts)
        status = neapi_runtime_start_services(runtime, lane->engine, error);
    return status;
}

neap_status neapi_lanes_make(neap_runtime *runtime, neap_error *error)
{
    neapi_router *router = &runtime->router;
    count_lanes(runtime);
    unsigned count = neapi_router_count(router);
    router->lanes = neapi_alloc_zero(count, sizeof *router->lanes);
    if (router->lanes == NULL)
        return neapi_nomem(error);
    if (!neapi_gate_init(&router->ended)) {
        neapi_free(router->lanes);
        router->lanes = NULL;
        return neapi_nomem(error);
    }
    router->made = true;
    for (unsigned i = 0; i < count; i++) {
        neapi_lane *lane = neapi_alloc_zero(1, sizeof *lane);
        if (lane == NULL)
            return neapi_nomem(error);
        router->lanes[i] = lane;
        runtime->lane_count++;
        set_up(runtime, lane, i);
        neap_status status = neapi_lanes_give_engine(runtime, lane, error);
        if (status != NEAP_OK)
            return status;
    }
    return NEAP_OK;
}

static neap_status open_queue(neap_runtime *runtime, neap_error *error)
{
    neapi_lane *lane = runtime->router.lanes[runtime->router.queue_lane];
    lane->queue = runtime->queue = runtime->writer.told = neapi_queue_new(lane);
    return lane->queue != NULL ? NEAP_OK : neapi_nomem(error);
}

neap_status neapi_lanes_open(neap_runtime *runtime, neap_text fingerprint, neap_error *error)
{
    for (unsigned i = 0; i < runtime->lane_count; i++) {
        neapi_lane *lane = runtime->router.lanes[i];
        lane->writer = runtime->has_writer ? &runtime->writer : NULL;
        lane->fingerprint = fingerprint;
        neapi_session *session;
        neap_status status = neapi_session_open(runtime->store, NEAPI_MODE_READ, &session, error);
        if (status != NEAP_OK)
            return status;
        status = neapi_lane_init(lane, lane->engine, session, error);
        if (status != NEAP_OK) {
            neapi_session_close(session);
            lane->session = NULL;
            return status;
        }
    }
    /* Where other processes write, what is queued of a saga is done by who runs it. */
    bool runs_all = runtime->options.subscriptions == NULL || runtime->store->backend->shared ||
                    runtime->branch != NULL;
    return runtime->has_writer && runs_all ? open_queue(runtime, error) : NEAP_OK;
}

neap_status neapi_lanes_start(neap_runtime *runtime, neap_error *error)
{
    neap_status status = NEAP_OK;
    for (unsigned i = 0; i < runtime->lane_count && status == NEAP_OK; i++)
        status = neapi_lane_start(runtime->router.lanes[i], error);
    return status;
}

/* ---- Ending ---------------------------------------------------------------------------------- */

static void stop(neap_runtime *runtime, unsigned first, unsigned behind)
{
    neapi_router *router = &runtime->router;
    for (unsigned i = first; i < behind; i++) {
        neapi_lane *lane = router->lanes[i];
        if (lane->running)
            neapi_lane_stop(lane);
    }
    for (unsigned i = first; i < behind; i++)
        neapi_lane_join(router->lanes[i]);
}

/* The reaction lanes first: what they have begun may still ask the command lanes, which ask nobody.
 */
void neapi_lanes_stop(neap_runtime *runtime)
{
    unsigned made = runtime->lane_count, commands = runtime->router.command_lanes;
    if (commands > made)
        commands = made;
    stop(runtime, commands, made);
    stop(runtime, 0, commands);
}

/* Who is still inside a lane that was given up has his message's definition from the first engine.
 */
static void keep_definitions(neap_runtime *runtime)
{
    if (runtime->lane_count == 0 || neapi_rescue_all_out(runtime))
        return;
    neapi_lane *first = runtime->router.lanes[0];
    runtime->kept_engine = first->engine;
    first->engine = NULL;
}

void neapi_lanes_close(neap_runtime *runtime)
{
    keep_definitions(runtime);
    for (unsigned i = runtime->lane_count; i-- > 0;) { /* the first has everybody's catalog */
        neapi_lane *lane = runtime->router.lanes[i];
        if (lane->session != NULL)
            neapi_lane_fini(lane);
        else if (lane->engine != NULL)
            neapi_engine_close(lane->engine);
        neapi_free(lane);
    }
    neapi_free(runtime->router.lanes);
}

void neapi_lanes_free(neap_runtime *runtime)
{
    if (runtime->router.made)
        neapi_gate_fini(&runtime->router.ended);
}

void neapi_lanes_admit(neap_runtime *runtime, neapi_admission admission)
{
    for (unsigned i = 0; i < runtime->lane_count; i++)
        neapi_mailbox_admit(runtime->router.lanes[i]->mailbox, admission);
}

uint64_t neapi_lanes_dropped(const neap_runtime *runtime)
{
    uint64_t dropped = 0;
    for (unsigned i = 0; i < runtime->lane_count; i++)
        dropped += runtime->router.lanes[i]->dropped;
    return dropped;
}
