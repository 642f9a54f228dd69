#include "sim/later.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "sim/documents.h"
#include "sim/errands.h"
#include "sim/ledger.h"
#include "sim/scheduler.h"
#include "sim/threads.h"
#include "sim/trace.h"

#define MOST 4096

typedef enum later_state { LATER_ASKED, LATER_QUEUED, LATER_REFUSED, LATER_MAYBE } later_state;

typedef struct later_one {
    later_state state;
    bool named;   /* another one may have taken its place */
    bool retried; /* it has failed, and was tried again */
    unsigned account;
    uint64_t asked_at, queued_at;    /* steps of the scheduler */
    int64_t due_after_us, due_by_us; /* wall clock: it is due in between */
    uint64_t done_at;                /* position */
    unsigned done;
} later_one;

static later_one ones[MOST];
static unsigned count;

static bool is_in_order;

void later_begin(bool in_order)
{
    is_in_order = in_order;
    memset(ones, 0, sizeof ones);
    count = 0;
}

static void on_answer(void *user, neap_status status, neap_reply *reply, const neap_error *error)
{
    later_one *it = user;
    neap_reply_free(reply);
    it->queued_at = scheduler_steps();
    it->due_by_us += threads_wall_us();
    if (status == NEAP_OK)
        it->state = LATER_QUEUED;
    else
        it->state = error->outcome_unknown ? LATER_MAYBE : LATER_REFUSED;
}

static void cancel(neap_runtime *runtime, unsigned name)
{
    char text[16];
    neap_error error;
    snprintf(text, sizeof text, "n%u", name);
    neap_cancel(runtime, text, 0, NULL, &error);
}

void later_do(neap_runtime *runtime, sim_dice *chance, unsigned accounts)
{
    static const uint64_t afters[] = {0, 0, 0, 3, 30, 500};
    unsigned name = (unsigned)dice_below(chance, 3);
    if (count == MOST)
        return;
    if (dice_chance(chance, 100)) {
        cancel(runtime, name);
        return;
    }
    char json[120], called[16];
    neap_dispatch_options options;
    neap_error error;
    later_one *it = &ones[count];
    snprintf(called, sizeof called, "n%u", name);
    neap_dispatch_options_init(&options);
    options.queued = true;
    options.after_ms = DICE_PICK(chance, afters);
    it->named = dice_chance(chance, 200);
    options.name = it->named ? called : NULL;
    options.fail_when_full = dice_chance(chance, 100);
    it->account = (unsigned)dice_below(chance, accounts);
    it->asked_at = scheduler_steps();
    it->due_by_us = (int64_t)options.after_ms * 1000;
    it->due_after_us = threads_wall_us() + it->due_by_us;
    int size = snprintf(json, sizeof json, "{\"account\":\"a%u\",\"amount\":1,\"op\":%u}",
                        it->account, LATER_FIRST_OP + count++);
    if (neap_send(runtime, "Deposit", json, (size_t)size, &options, on_answer, it, &error) !=
        NEAP_OK)
        it->state = LATER_REFUSED;
}

void later_committed(const neapi_unit *unit)
{
    for (size_t i = 0; i < unit->op_count; i++) {
        const neapi_document *entry = &unit->ops[i].document;
        int64_t op = 0, attempts = 0;
        if (unit->ops[i].kind != NEAPI_OP_DOCUMENT || entry->write != NEAPI_DOCUMENT_PUT ||
            !neapi_text_equal(entry->collection, NEAPI_LITERAL("$queue")))
            continue;
        ledger_number(entry->data.data, entry->data.size, "op", &op);
        ledger_number(entry->data.data, entry->data.size, "attempts", &attempts);
        if (attempts != 0 && op >= LATER_FIRST_OP && op < LATER_FIRST_OP + count)
            ones[op - LATER_FIRST_OP].retried = true;
    }
}

/* One was in the queue when the other was sent, and was due before it. */
static bool comes_before(const later_one *one, const later_one *other)
{
    return one->state == LATER_QUEUED && one->account == other->account && !one->retried &&
           !one->named && one->queued_at < other->asked_at && one->due_by_us < other->due_after_us;
}

static void check_order(void)
{
    for (unsigned i = 0; i < count; i++)
        for (unsigned k = 0; k < count; k++)
            if (comes_before(&ones[i], &ones[k]) && ones[i].done_at > ones[k].done_at &&
                ones[k].done_at != 0)
                trace_fail("deposit %u was due before deposit %u, and was made behind it",
                           LATER_FIRST_OP + i, LATER_FIRST_OP + k);
}

void later_check(void)
{
    uint64_t missing = 0, dead_letters = documents_count("$dead_letter");
    if (documents_count("$queue_name") != 0)
        trace_fail("names of the queue stay behind");
    for (uint64_t position = 1; position <= ledger_head(); position++) {
        const ledger_entry *entry = ledger_at(position);
        if (entry->op < LATER_FIRST_OP || entry->op >= ERRANDS_FIRST_OP)
            continue;
        if (entry->op >= LATER_FIRST_OP + count)
            trace_fail("deposit %" PRIu64 " was never sent for later", entry->op);
        ones[entry->op - LATER_FIRST_OP].done++;
        ones[entry->op - LATER_FIRST_OP].done_at = position;
    }
    for (unsigned i = 0; i < count; i++) {
        const later_one *it = &ones[i];
        if (it->state == LATER_ASKED)
            trace_fail("deposit %u, sent for later, was not answered", LATER_FIRST_OP + i);
        if (it->done > 1)
            trace_fail("deposit %u, sent for later, took effect %u times", LATER_FIRST_OP + i,
                       it->done);
        if (it->done != 0 && it->state == LATER_REFUSED)
            trace_fail("deposit %u took effect, and was not queued", LATER_FIRST_OP + i);
        missing += it->done == 0 && it->state == LATER_QUEUED && !it->named;
    }
    if (missing > dead_letters)
        trace_fail("%" PRIu64 " of %u deposits that were queued are lost; %" PRIu64
                   " are dead letters",
                   missing, count, dead_letters);
    if (is_in_order)
        check_order();
}
