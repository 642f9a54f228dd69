#include "runtime/rescue.h"

#include <stddef.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/by_tags.h"
#include "runtime/partition.h"
#include "runtime/passage.h"
#include "runtime/queue.h"

/* What was folded is in the Lua that is lost. What is in flight is not. */
static void forget_states(neapi_warm_cache *cache, neapi_engine *engine)
{
    cache->engine = engine;
    while (neapi_warm_pop_due(cache) != NULL)
        continue;
    for (neapi_warm *warm = cache->newest; warm != NULL; warm = warm->older) {
        warm->accepted = (neapi_folded){.state = NEAPI_NO_STATE};
        warm->loaded = false;
        warm->state = NEAPI_NO_STATE;
        warm->snapshot = (neapi_snapshot_mark){0};
        if (warm->in_flight != 0 && warm->instance.tag_count == 0)
            warm->stale = true;
    }
}

/* All of the old one but what may be looked at from within Lua. */
static void take_over(neapi_lane *fresh, const neapi_lane *old, uint64_t stay)
{
    memset(fresh, 0, sizeof *fresh);
    memcpy(fresh, old, offsetof(neapi_lane, page));
    fresh->engine = NULL;
    if (fresh->queue != NULL)
        neapi_queue_move(fresh->queue, fresh);
    fresh->deciding = NULL;
    fresh->current = fresh->coming_back = NULL;
    fresh->in_hand = NULL;
    fresh->handling = NULL;
    fresh->current_by_tags = false;
    fresh->parked_bytes = fresh->memory_left = 0;
    fresh->crowd = 0;
    atomic_init(&fresh->stay.count, stay + 1); /* the watcher has seen no later one */
    atomic_init(&fresh->driven, true);
}

static void open_engine(neap_runtime *runtime, neapi_lane *fresh)
{
    neap_error error;
    if (neapi_lanes_give_engine(runtime, fresh, &error) == NEAP_OK)
        return;
    neapi_engine_close(fresh->engine);
    fresh->engine = NULL;
    neapi_report_text(&runtime->report, NEAP_LOG_ERROR, "lane %u could not be replaced: %s",
                      fresh->number + 1, error.message);
}

/* What was being handled is answered, and all that waited in the Lua that is lost. */
static void answer(neapi_lane *fresh, neapi_lane *old, uint64_t waited_ms)
{
    neap_error stuck, parked;
    neapi_request *current = old->current;
    neapi_fail(&stuck, NEAP_LIMIT,
               "time: the handler was in a function in C for %llu ms and did not come back; it was "
               "given up",
               (unsigned long long)waited_ms);
    neapi_fail(&parked, NEAP_UNAVAILABLE,
               "another handler did not come back, and what waited in its lane was given up with "
               "it");
    if (current != NULL)
        neapi_request_hold(current); /* what is inside still looks at it */
    bool in_passage = neapi_passages_give_up(fresh, current, &stuck, &parked);
    if (current != NULL && !in_passage)
        neapi_lane_fail(fresh, current, &stuck);
    if (old->current_by_tags) {
        neapi_by_tags_begun(fresh, current);
        neapi_request_release(current);
    }
    if (old->begun != 0)
        neapi_mailbox_begun(fresh->mailbox, old->begun);
    fresh->begun = 0;
    neapi_partitions_give_up(fresh, old->handling, &stuck);
}

/* Another thread than the lane's own was inside: that one goes on with the new lane. */
static void hand_over(neapi_lane *fresh, neapi_lane *old)
{
    neap_error error;
    bool own = old->stay.own;
    pthread_t thread = old->thread;
    atomic_store(&fresh->driven, false);
    fresh->router->lanes[fresh->number] = fresh;
    if (!own) {
        neapi_inbox_nudge(&fresh->mailbox->inbox);
        return;
    }
    pthread_detach(thread);
    while (neapi_lane_start_again(fresh, &error) != NEAP_OK) {
        neapi_report_text(fresh->report, NEAP_LOG_ERROR, "lane %u waits for a thread: %s",
                          fresh->number + 1, error.message);
        unsigned seen = neapi_gate_seen(&fresh->router->ended);
        neapi_park(fresh->platform, &fresh->router->ended, seen,
                   neapi_monotonic_us(fresh->platform) + 100000);
    }
}

void neapi_rescue(neap_runtime *runtime, unsigned number, uint64_t stay, uint64_t waited_ms)
{
    neapi_lane *old = runtime->router.lanes[number];
    neapi_lane *fresh = neapi_alloc(sizeof *fresh);
    if (fresh == NULL)
        return; /* the watcher comes again */
    if (!neapi_stay_give_up(old, stay)) {
        neapi_free(fresh);
        return;
    }
    bool replaced = runtime->rescues++ < NEAPI_RESCUES;
    neap_text handled = old->current != NULL    ? neapi_request_name(old->current)
                        : old->handling != NULL ? old->handling->definition->name
                                                : NEAPI_LITERAL("a snapshot");
    neapi_report_text(&runtime->report, NEAP_LOG_ERROR,
                      "lane %u was in a function in C for %llu ms, handling %.*s, and is given up "
                      "(number %u; %d are replaced)",
                      number + 1, (unsigned long long)waited_ms, NEAPI_TEXT(handled),
                      runtime->rescues, NEAPI_RESCUES);
    take_over(fresh, old, stay);
    old->given_up_before = runtime->given_up;
    runtime->given_up = old;
    if (replaced)
        open_engine(runtime, fresh);
    forget_states(&fresh->warm, fresh->engine);
    answer(fresh, old, waited_ms);
    hand_over(fresh, old);
    atomic_store(&old->handed_over, true);
    neapi_wake(runtime->platform, &runtime->router.ended);
}

/* He may come out while another lane is still taking over. */
static void wait_for_hand_over(neapi_lane *old)
{
    neapi_gate *gate = &old->router->ended;
    for (;;) {
        unsigned seen = neapi_gate_seen(gate);
        if (atomic_load(&old->handed_over))
            return;
        neapi_park(old->platform, gate, seen, NEAPI_NO_DEADLINE);
    }
}

void neapi_rescue_wind_up(neapi_lane *old)
{
    wait_for_hand_over(old);
    /* All others have their messages from the first engine. */
    if (old->catalog != neapi_engine_catalog(old->engine)) {
        neapi_engine_close(old->engine);
        old->engine = NULL;
    }
    neapi_passages_free_given_up(old);
    neapi_unit_release(old->in_hand);
    neapi_request_release(old->coming_back);
    neapi_request_release(old->current);
    neapi_page_fini(&old->page);
    neapi_ahead_drop(old->coming);
    neapi_buffer_fini(&old->scratch);
    neapi_buffer_fini(&old->canonical);
    atomic_store(&old->gone, true);
}

bool neapi_rescue_all_out(const neap_runtime *runtime)
{
    for (const neapi_lane *old = runtime->given_up; old != NULL; old = old->given_up_before)
        if (!atomic_load(&old->gone))
            return false;
    return true;
}

bool neapi_rescue_close(neap_runtime *runtime)
{
    if (!neapi_rescue_all_out(runtime))
        return false;
    for (neapi_lane *old; (old = runtime->given_up) != NULL;) {
        runtime->given_up = old->given_up_before;
        neapi_engine_close(old->engine);
        neapi_free(old);
    }
    neapi_engine_close(runtime->kept_engine);
    return true;
}
