#include "sim/open_commit.h"

#include <string.h>

#include "sim/ledger.h"
#include "sim/scheduler.h"
#include "sim/trace.h"

/* As many units as the writer takes at once. */
#define MOST_UNITS 4096

/* What became of a commit that failed with an unknown outcome. */
typedef enum sim_fate {
    FATE_NONE,      /* there is no such commit */
    FATE_DONE,      /* it is durable */
    FATE_LOST,      /* it is not, and never will be */
    FATE_ON_ITS_WAY /* it may become durable at any moment, until somebody asks */
} sim_fate;

typedef struct open_commit {
    sim_fate fate;
    neapi_session *session; /* real */
    neapi_unit *units[MOST_UNITS];
    size_t count;
    int64_t now_us;
    /* What the real store said of the units, in secret. */
    neapi_unit_state states[MOST_UNITS];
    neapi_verdict verdicts[MOST_UNITS];
} open_commit;

static open_commit pending;

neap_status open_commit_now(neapi_session *real, neapi_unit *const *units, size_t count,
                            int64_t now_us, neapi_outcome *outcome, neap_error *error)
{
    scheduler_hold();
    neap_status status = real->store->backend->commit(real, units, count, now_us, outcome, error);
    scheduler_release();
    if (status == NEAP_OK)
        ledger_committed(units, count);
    return status;
}

/* It is as if the units had not been judged. */
static void hide_verdicts(void)
{
    for (size_t i = 0; i < pending.count; i++) {
        neapi_unit *unit = pending.units[i];
        pending.states[i] = unit->state;
        pending.verdicts[i] = unit->verdict;
        unit->state = NEAPI_UNIT_BUILDING;
        unit->verdict = (neapi_verdict){0};
    }
}

static void show_verdicts(void)
{
    for (size_t i = 0; i < pending.count; i++) {
        pending.units[i]->state = pending.states[i];
        pending.units[i]->verdict = pending.verdicts[i];
    }
}

/* It becomes durable now, if the store lets it. */
static void do_pending(void)
{
    neapi_outcome outcome;
    neap_error error;
    neap_status status = open_commit_now(pending.session, pending.units, pending.count,
                                         pending.now_us, &outcome, &error);
    pending.fate = status == NEAP_OK ? FATE_DONE : FATE_LOST;
    trace(scheduler_name(), "what was on its way arrives: units", (int64_t)pending.count, status);
    if (status == NEAP_OK)
        hide_verdicts();
}

void open_commit_leave(sim_dice *chance, neapi_session *real, neapi_unit *const *units,
                       size_t count, int64_t now_us)
{
    if (count > MOST_UNITS)
        trace_fail("a batch of %zu units", count);
    pending.session = real;
    memcpy(pending.units, units, count * sizeof *units);
    pending.count = count;
    pending.now_us = now_us;
    static const sim_fate fates[] = {FATE_DONE, FATE_LOST, FATE_ON_ITS_WAY};
    pending.fate = DICE_PICK(chance, fates);
    if (pending.fate == FATE_DONE)
        do_pending();
}

void open_commit_may_arrive(sim_dice *chance)
{
    if (pending.fate == FATE_ON_ITS_WAY && dice_chance(chance, 100))
        do_pending();
}

bool open_commit_resolve(neapi_unit *const *units, size_t count)
{
    bool known = pending.fate != FATE_NONE && count == pending.count &&
                 memcmp(units, pending.units, count * sizeof *units) == 0;
    if (!known)
        trace_fail("resolve of %zu units that are not those of the last commit", count);
    if (pending.fate == FATE_ON_ITS_WAY)
        pending.fate = FATE_LOST;
    if (pending.fate == FATE_DONE)
        show_verdicts();
    return pending.fate == FATE_DONE;
}

bool open_commit_is_on_its_way(void)
{
    return pending.fate == FATE_ON_ITS_WAY;
}

void open_commit_forget(void)
{
    pending.fate = FATE_NONE;
}
