#include "runtime/change.h"

#include <stddef.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/lane_log.h"
#include "runtime/reply.h"
#include "runtime/reset.h"
#include "runtime/runtime.h"

#define RETRY_US  100000
#define CONFLICTS 5
/* Whoever reads a build's documents is through with them by then. */
#define SWEEP_GRACE_US 5000000
#define SWEPT_AT_ONCE  500
#define TABLES_AT_ONCE 100

void neapi_change_take_record(neapi_subscribed *it)
{
    neapi_buffer mark = it->mark;
    it->mark = it->new_mark;
    it->new_mark = mark;
    it->record = it->new_record;
}

static neapi_unit *new_unit(neapi_lane *lane)
{
    return neapi_unit_new(neapi_uuid_new(&lane->ids, neapi_wall_us(lane->platform)));
}

static void change_judged(neapi_lane *lane, neapi_submission *submission);
static void swap_judged(neapi_lane *lane, neapi_submission *submission);
static void sweep_judged(neapi_lane *lane, neapi_submission *submission);

/* ---- Beginning ------------------------------------------------------------------------------- */

static neap_status fill(const neapi_lane *lane, const neapi_request *request, neapi_unit *unit,
                        neap_error *error)
{
    neapi_subscribed *it = request->subscribed;
    const neapi_subscription *definition = it->definition;
    neapi_record record = it->record;
    neap_status status = NEAP_OK;
    switch ((neapi_change)request->change) {
    case NEAPI_CHANGE_REBUILD:
        status = neapi_build_begin(unit, definition, &record);
        break;
    case NEAPI_CHANGE_PAUSE:
        record.paused = true;
        break;
    case NEAPI_CHANGE_RESUME:
        record.paused = false;
        record.resumes += lane->runtime->members != NULL;
        break;
    case NEAPI_CHANGE_RESET:
        status = neapi_reset_fill(lane->session, unit, definition->name, &record,
                                  request->at_version, error);
        record.resets += lane->runtime->members != NULL;
        if (status != NEAP_OK)
            return status;
        break;
    }
    if (status == NEAP_OK)
        status = neapi_record_put(unit, it, &record);
    return status == NEAP_OK ? NEAP_OK : neapi_nomem(error);
}

void neapi_change_resume(const neapi_lane *lane, neapi_subscribed *it)
{
    atomic_store(&it->paused, false);
    atomic_fetch_add(&it->resumed, 1);
    neapi_build_nudge(lane, atomic_load(&it->live));
    neapi_build_nudge(lane, atomic_load(&it->next));
}

/* Whether there is nothing to store. */
static bool is_so_already(const neapi_lane *lane, neapi_subscribed *it, neapi_change change)
{
    switch (change) {
    case NEAPI_CHANGE_REBUILD:
        return it->record.next != 0;
    case NEAPI_CHANGE_PAUSE:
        return it->record.paused;
    case NEAPI_CHANGE_RESET:
        return false;
    default:
        if (it->record.paused || lane->runtime->members != NULL)
            return false; /* who runs it is told by the record */
        neapi_change_resume(lane, it);
        return true;
    }
}

void neapi_change_begin(neapi_lane *lane, neapi_request *request)
{
    neapi_subscribed *it = request->subscribed;
    if (it->changing) {
        neapi_request_list_push(&it->asked, request);
        return;
    }
    if (lane->runtime->members != NULL && neapi_change_follow(lane, it, &lane->error) != NEAP_OK) {
        neapi_lane_fail(lane, request, &lane->error);
        return;
    }
    if (is_so_already(lane, it, (neapi_change)request->change)) {
        neapi_lane_succeed_empty(lane, request);
        return;
    }
    neapi_unit *unit = new_unit(lane);
    neap_status status = unit != NULL ? fill(lane, request, unit, &lane->error) : NEAP_NOMEM;
    if (status != NEAP_OK) {
        if (unit == NULL)
            neapi_nomem(&lane->error);
        neapi_unit_release(unit);
        neapi_lane_fail(lane, request, &lane->error);
        return;
    }
    it->changing = true;
    request->submission.unit = unit;
    request->submission.judged = change_judged;
    neapi_lane_submit(lane, &request->submission);
}

/* A unit with a record was judged: what waited for it is begun on what came of it. */
static void go_on(neapi_lane *lane, neapi_subscribed *it)
{
    neapi_request *request;
    while (!it->changing && (request = neapi_request_list_pop(&it->asked)) != NULL)
        neapi_change_begin(lane, request);
}

void neapi_change_send_partitions(neapi_lane *lane, neapi_build *build)
{
    for (uint32_t i = 0; i < build->partition_count; i++) {
        neapi_partition *partition = &build->partitions[i];
        neapi_lane *other = lane->router->lanes[partition->lane];
        partition->mail.kind = NEAPI_MAIL_PARTITION;
        if (other == lane)
            neapi_partition_join(lane, partition);
        else if (!neapi_mailbox_send(other->mailbox, NEAPI_MAIL_PARTITION, &partition->mail))
            atomic_store(&partition->state, NEAPI_PARTITION_ENDED);
    }
}

neap_status neapi_change_begin_next(neapi_lane *lane, neapi_subscribed *it, neap_error *error)
{
    neapi_build *build;
    neap_status status = neapi_build_make(lane->runtime, it, &it->record, true, &build, error);
    if (status != NEAP_OK)
        return status;
    atomic_store(&it->next, build);
    neapi_change_send_partitions(lane, build);
    return NEAP_OK;
}

static neap_status do_it(neapi_lane *lane, neapi_subscribed *it, neapi_change change,
                         neap_error *error)
{
    switch (change) {
    case NEAPI_CHANGE_REBUILD:
        return neapi_change_begin_next(lane, it, error);
    case NEAPI_CHANGE_PAUSE:
        atomic_store(&it->paused, true);
        neapi_build_nudge(lane, atomic_load(&it->live));
        neapi_build_nudge(lane, atomic_load(&it->next));
        return NEAP_OK;
    case NEAPI_CHANGE_RESUME:
        neapi_change_resume(lane, it);
        return NEAP_OK;
    case NEAPI_CHANGE_RESET:
        atomic_fetch_add(&it->resets, 1);
        neapi_build_nudge(lane, atomic_load(&it->live));
        return NEAP_OK;
    }
    return NEAP_OK;
}

static void describe(const neapi_subscribed *it, const neapi_unit *unit,
                     const neapi_failure *failure, neap_error *error)
{
    if (failure != NULL)
        *error = failure->error;
    else if (unit->message.size != 0)
        neapi_fail(error, unit->verdict.status, "%.900s", unit->message.data);
    else
        neapi_fail(error, unit->verdict.status,
                   "the store did not take a change of %s '%.*s': somebody else changed it",
                   neapi_subscription_kind_name(it->definition->kind),
                   NEAPI_TEXT(it->definition->name));
}

static void change_judged(neapi_lane *lane, neapi_submission *submission)
{
    neapi_request *request = submission->request;
    neapi_unit *unit = submission->unit;
    neapi_subscribed *it = request->subscribed;
    neap_status status;
    it->changing = false;
    if (unit->state == NEAPI_UNIT_REFUSED && unit->verdict.status == NEAP_CONFLICT &&
        lane->runtime->members != NULL && ++request->attempts < CONFLICTS) {
        request->submission.unit = NULL;
        neapi_unit_release(unit);
        neapi_change_begin(lane, request); /* on what another process has made of it */
        go_on(lane, it);
        return;
    }
    if (unit->state == NEAPI_UNIT_ACCEPTED) {
        neapi_change_take_record(it);
        status = do_it(lane, it, (neapi_change)request->change, &lane->error);
    } else {
        describe(it, unit, request->submission.failure, &lane->error);
        status = lane->error.status;
    }
    if (status == NEAP_OK)
        neapi_lane_succeed_empty(lane, request);
    else
        neapi_lane_fail(lane, request, &lane->error);
    go_on(lane, it);
}

/* ---- Swapping -------------------------------------------------------------------------------- */

/* The lowest and the highest position that its partitions have reached. */
static void reach_of(const neapi_build *build, uint64_t *lowest, uint64_t *highest)
{
    *lowest = UINT64_MAX;
    *highest = 0;
    for (uint32_t i = 0; i < build->partition_count; i++) {
        uint64_t reached = neapi_count_get(&build->partitions[i].reached);
        *lowest = reached < *lowest ? reached : *lowest;
        *highest = reached > *highest ? reached : *highest;
    }
}

static bool is_retired(const neapi_build *build)
{
    for (uint32_t i = 0; i < build->partition_count; i++)
        if (atomic_load(&build->partitions[i].state) != NEAPI_PARTITION_RETIRED)
            return false;
    return true;
}

static neap_status fill_swap(neapi_subscribed *it, neapi_unit *unit)
{
    neapi_record record = it->record;
    neap_status status = neapi_build_swap(unit, it->definition, &record);
    return status == NEAP_OK ? neapi_record_put(unit, it, &record) : status;
}

static void swap(neapi_lane *lane, neapi_subscribed *it)
{
    neapi_unit *unit = new_unit(lane);
    if (unit == NULL || fill_swap(it, unit) != NEAP_OK) {
        neapi_unit_release(unit);
        it->again_us = neapi_monotonic_us(lane->platform) + RETRY_US;
        return;
    }
    it->changing = true;
    it->swap = (neapi_submission){.unit = unit, .judged = swap_judged};
    neapi_lane_submit(lane, &it->swap);
}

void neapi_change_replace_live(neapi_lane *lane, neapi_subscribed *it, neapi_build *live)
{
    neapi_build *old = atomic_load(&it->live);
    old->replaced = it->replaced;
    it->replaced = old;
    atomic_store(&old->retiring, true);
    atomic_store(&it->live, live);
    if (atomic_load(&it->next) == live)
        atomic_store(&it->next, NULL);
    it->swept = it->sweeping_to = old->number - 1;
    it->sweep_us = neapi_monotonic_us(lane->platform) + SWEEP_GRACE_US;
    neapi_build_nudge(lane, old);
    neapi_build_nudge(lane, live);
}

static void swap_judged(neapi_lane *lane, neapi_submission *submission)
{
    neapi_subscribed *it = (void *)((char *)submission - offsetof(neapi_subscribed, swap));
    neapi_build *next = atomic_load(&it->next);
    it->changing = false;
    if (submission->unit->state == NEAPI_UNIT_ACCEPTED) {
        neapi_change_take_record(it);
        neapi_change_replace_live(lane, it, next);
        neapi_lane_say(lane, NEAP_LOG_INFO, (neap_text){0},
                       "%s '%.*s' has been rebuilt: build %u is live",
                       neapi_subscription_kind_name(it->definition->kind),
                       NEAPI_TEXT(it->definition->name), next->number);
    } else {
        describe(it, submission->unit, submission->failure, &lane->error);
        neapi_lane_say(lane, NEAP_LOG_WARN, (neap_text){0}, "%s", lane->error.message);
        it->again_us = neapi_monotonic_us(lane->platform) + RETRY_US;
        atomic_store(&it->looks, lane->runtime->members != NULL);
    }
    neapi_unit_release(submission->unit);
    neapi_failure_release(submission->failure);
    *submission = (neapi_submission){0};
    go_on(lane, it);
}

/* ---- Sweeping: the documents of builds that are of no use any more go -------------------------
 */

static bool is_of_use(const neapi_record *record, uint32_t build)
{
    return build == record->build || build == record->next;
}

/* Whether a build still has documents. */
static neap_status has_documents(neapi_session *session, neap_text collection, bool *has,
                                 neap_error *error)
{
    const neapi_document_range range = {.collection = collection, .limit = 1};
    neapi_document_page page = NEAPI_DOCUMENT_PAGE_INIT;
    neap_status status = neapi_list_documents(session, &range, &page, error);
    *has = status == NEAP_OK && page.count != 0;
    neapi_document_page_fini(&page);
    return status;
}

static void submit_sweep(neapi_lane *lane, neapi_subscribed *it, neap_text collection)
{
    neapi_unit *unit = new_unit(lane);
    if (unit == NULL || neapi_unit_clear_collection(unit, collection, SWEPT_AT_ONCE) != NEAP_OK) {
        neapi_unit_release(unit);
        it->sweep_us = neapi_monotonic_us(lane->platform) + RETRY_US;
        return;
    }
    it->sweeping = true;
    it->sweep = (neapi_submission){.unit = unit, .judged = sweep_judged};
    neapi_lane_submit(lane, &it->sweep);
}

static void sweep_judged(neapi_lane *lane, neapi_submission *submission)
{
    neapi_subscribed *it = (void *)((char *)submission - offsetof(neapi_subscribed, sweep));
    it->sweeping = false;
    if (submission->unit->state != NEAPI_UNIT_ACCEPTED)
        it->sweep_us = neapi_monotonic_us(lane->platform) + RETRY_US;
    else if (it->definition->is_sql)
        it->swept = it->sweeping_to;
    neapi_unit_release(submission->unit);
    neapi_failure_release(submission->failure);
    *submission = (neapi_submission){0};
}

/* The tables of all builds, up to the next that is of use, at once: whether there are any is not
 * known. */
static void sweep_tables(neapi_lane *lane, neapi_subscribed *it)
{
    neapi_unit *unit = new_unit(lane);
    neap_status status = unit != NULL ? NEAP_OK : NEAP_NOMEM;
    uint32_t build = it->swept + 1;
    for (; status == NEAP_OK && build <= it->record.last && !is_of_use(&it->record, build) &&
           build - it->swept <= TABLES_AT_ONCE;
         build++)
        status = neapi_build_drop_tables(unit, it->definition, build);
    if (status != NEAP_OK) {
        neapi_unit_release(unit);
        it->sweep_us = neapi_monotonic_us(lane->platform) + RETRY_US;
        return;
    }
    it->sweeping = true;
    it->sweeping_to = build - 1;
    it->sweep = (neapi_submission){.unit = unit, .judged = sweep_judged};
    neapi_lane_submit(lane, &it->sweep);
}

/* In order of their numbers; a piece at a time. */
static bool sweep(neapi_lane *lane, neapi_subscribed *it)
{
    if (it->definition->kind != NEAPI_PROJECTION || it->sweeping || it->swept >= it->record.last ||
        atomic_load(&lane->stopping) || neapi_monotonic_us(lane->platform) < it->sweep_us)
        return false;
    it->sweep_us = 0; /* nothing is to be woken for while a unit is in flight, or a build made */
    uint32_t build = it->swept + 1;
    bool has = false;
    if (it->definition->is_sql && !is_of_use(&it->record, build)) {
        sweep_tables(lane, it);
        return true;
    }
    if (!is_of_use(&it->record, build)) {
        neapi_buffer name = NEAPI_BUFFER_INIT;
        neapi_collection_name(&name, it->definition->name, build);
        neap_text collection = neapi_text(name.data, name.size);
        neap_status status =
            name.failed ? NEAP_NOMEM : has_documents(lane->session, collection, &has, &lane->error);
        if (status != NEAP_OK)
            it->sweep_us = neapi_monotonic_us(lane->platform) + RETRY_US;
        else if (has)
            submit_sweep(lane, it, collection);
        neapi_buffer_fini(&name);
        if (status != NEAP_OK)
            return false;
    } else if (build != it->record.build) {
        return false; /* it may yet be given up */
    }
    if (!has)
        it->swept = build;
    return true;
}

static bool step(neapi_lane *lane, neapi_subscribed *it)
{
    neapi_build *live = atomic_load(&it->live), *next = atomic_load(&it->next);
    if (next == NULL || it->changing || atomic_load(&lane->stopping) ||
        (it->again_us != 0 && neapi_monotonic_us(lane->platform) < it->again_us))
        return false;
    uint64_t live_lowest, live_highest, next_lowest, next_highest;
    it->again_us = 0;
    reach_of(live, &live_lowest, &live_highest);
    reach_of(next, &next_lowest, &next_highest);
    if (next_lowest < live_highest)
        return false;
    if (!atomic_exchange(&live->retiring, true)) {
        neapi_build_nudge(lane, live);
        return true;
    }
    if (!is_retired(live))
        return false;
    swap(lane, it);
    return true;
}

/* Somebody may have changed the record, or who runs it has changed. */
static bool look(neapi_lane *lane, neapi_subscribed *it)
{
    if (!atomic_load(&it->granted))
        atomic_store(&it->owned, false);
    if (it->changing || neapi_monotonic_us(lane->platform) < it->look_us)
        return false;
    atomic_store(&it->looks, false);
    it->look_us = 0;
    if (neapi_change_follow(lane, it, &lane->error) == NEAP_OK)
        return true;
    it->look_us = neapi_monotonic_us(lane->platform) + RETRY_US;
    atomic_store(&it->looks, true);
    return false;
}

bool neapi_changes_step(neapi_lane *lane)
{
    bool busy = false;
    for (neapi_subscribed *it = lane->at_home; it != NULL; it = it->next_home) {
        if (atomic_load(&it->looks) && !atomic_load(&lane->stopping))
            busy = look(lane, it) || busy;
        if (atomic_load(&it->owned))
            busy = step(lane, it) || sweep(lane, it) || busy;
    }
    return busy;
}

int64_t neapi_changes_wake_us(const neapi_lane *lane)
{
    int64_t wake_us = NEAPI_NO_DEADLINE;
    if (atomic_load(&lane->stopping))
        return wake_us;
    for (const neapi_subscribed *it = lane->at_home; it != NULL; it = it->next_home) {
        if (it->again_us != 0 && it->again_us < wake_us)
            wake_us = it->again_us;
        if (it->look_us != 0 && it->look_us < wake_us)
            wake_us = it->look_us;
        if (it->swept < it->record.last && it->sweep_us != 0 && it->sweep_us < wake_us)
            wake_us = it->sweep_us;
    }
    return wake_us;
}
