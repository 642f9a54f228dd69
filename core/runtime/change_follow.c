/* What other processes change in a subscription's record is done here, too. */
#include "base/error.h"
#include "base/text.h"
#include "runtime/change.h"
#include "runtime/members.h"
#include "runtime/queue.h"
#include "runtime/runtime.h"

void neapi_change_look(const neap_runtime *runtime, neapi_subscribed *it)
{
    atomic_store(&it->looks, true);
    neapi_inbox_nudge(&runtime->router.lanes[it->home]->mailbox->inbox);
}

/* It is built, or was live, and goes no further. */
static void give_up(const neapi_lane *lane, neapi_subscribed *it, neapi_build *build)
{
    atomic_store(&build->retiring, true);
    build->replaced = it->replaced;
    it->replaced = build;
    neapi_build_nudge(lane, build);
}

/* Of another definition, it is not run here. */
static bool is_of_another(const neapi_subscribed *it)
{
    return it->record.version != it->definition->version ||
           it->record.schema != neapi_schema_hash(it->definition);
}

static neap_status follow_live(neapi_lane *lane, neapi_subscribed *it, neap_error *error)
{
    neapi_build *next = atomic_load(&it->next), *live;
    if (atomic_load(&it->live)->number == it->record.build)
        return NEAP_OK;
    if (next != NULL && next->number == it->record.build) {
        neapi_change_replace_live(lane, it, next);
        return NEAP_OK;
    }
    neap_status status = neapi_build_make(lane->runtime, it, &it->record, false, &live, error);
    if (status != NEAP_OK)
        return status;
    atomic_store(&live->retiring, is_of_another(it));
    neapi_change_send_partitions(lane, live);
    neapi_change_replace_live(lane, it, live);
    return NEAP_OK;
}

static neap_status follow_next(neapi_lane *lane, neapi_subscribed *it, neap_error *error)
{
    neapi_build *next = atomic_load(&it->next);
    if ((next != NULL ? next->number : 0) == it->record.next)
        return NEAP_OK;
    if (next != NULL) {
        atomic_store(&it->next, NULL);
        give_up(lane, it, next);
    }
    return it->record.next != 0 ? neapi_change_begin_next(lane, it, error) : NEAP_OK;
}

static void follow_rest(const neapi_lane *lane, neapi_subscribed *it, const neapi_record *before)
{
    const neapi_record *now = &it->record;
    if (now->resumes != before->resumes || (before->paused && !now->paused))
        neapi_change_resume(lane, it);
    atomic_store(&it->paused, now->paused);
    if (now->resets != before->resets)
        atomic_fetch_add(&it->resets, 1);
}

/* Whether it runs here is known by its partitions. */
static void nudge_all(const neapi_lane *lane, const neapi_subscribed *it)
{
    neapi_build_nudge(lane, atomic_load(&it->live));
    neapi_build_nudge(lane, atomic_load(&it->next));
}

static neap_status take(neapi_lane *lane, neapi_subscribed *it, neap_text data, neap_error *error)
{
    const neapi_record before = it->record;
    neapi_record record = {0};
    neap_status status = neapi_record_read(data, &record, error);
    if (status != NEAP_OK)
        return status;
    it->record = record;
    status = follow_live(lane, it, error);
    if (status == NEAP_OK)
        status = follow_next(lane, it, error);
    if (status != NEAP_OK) {
        it->record = before;
        return status;
    }
    neapi_buffer_clear(&it->mark);
    neapi_buffer_text(&it->mark, data);
    follow_rest(lane, it, &before);
    if (!it->mark.failed)
        return NEAP_OK;
    return neapi_nomem(error);
}

neap_status neapi_change_follow(neapi_lane *lane, neapi_subscribed *it, neap_error *error)
{
    neapi_arena arena = NEAPI_ARENA_INIT;
    bool granted = atomic_load(&it->granted); /* first: the record is at least as new */
    neap_text data;
    bool found;
    neap_status status = neapi_find_document(lane->session, NEAPI_SUBSCRIPTIONS,
                                             it->definition->name, &arena, &data, &found, error);
    if (status == NEAP_OK && found &&
        !neapi_text_equal(data, neapi_text(it->mark.data, it->mark.size)))
        status = take(lane, it, data, error);
    neapi_arena_fini(&arena);
    bool begins = status == NEAP_OK && granted && !atomic_load(&it->owned);
    if (status == NEAP_OK)
        atomic_store(&it->owned, granted);
    if (begins && lane->runtime->queue != NULL) /* of what it has passed over */
        neapi_queue_tell(lane->runtime->queue, 0);
    nudge_all(lane, it);
    if (!granted)
        neapi_members_wake(lane->runtime->members);
    return status;
}
