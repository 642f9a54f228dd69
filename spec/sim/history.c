#include "sim/history.h"
#include "sim/later.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "sim/answer.h"
#include "sim/scheduler.h"
#include "sim/states.h"
#include "sim/trace.h"

#define MOST_OPS      2048
#define MOST_ATTEMPTS 8192

static history_rules rules;
static sim_op ops[MOST_OPS];
static unsigned op_count;
static sim_attempt attempts[MOST_ATTEMPTS];
static unsigned attempt_count;
static uint64_t answers[NEAP_NOMEM + 1], unknown_answers;

void history_begin(const history_rules *given)
{
    rules = *given;
    op_count = attempt_count = 0;
}

sim_op *history_op(op_kind kind, unsigned client)
{
    if (op_count == MOST_OPS)
        trace_fail("more than %d operations", MOST_OPS);
    sim_op *made = &ops[op_count++];
    *made = (sim_op){.id = op_count, .kind = kind, .client = client, .expected = NEAP_ANY_VERSION};
    return made;
}

sim_op *history_op_at(unsigned index)
{
    return index < op_count ? &ops[index] : NULL;
}

unsigned history_ops(void)
{
    return op_count;
}

const char *history_stream(const sim_op *op, char stream[32])
{
    if (op->course[0] != '\0')
        snprintf(stream, 32, "Enrolment-%s", op->course);
    else if (op->topic[0] != '\0')
        snprintf(stream, 32, "Claim-%s", op->topic);
    else
        snprintf(stream, 32, "Account-%s", op->account);
    return stream;
}

bool history_is_tagged(const sim_op *op)
{
    return op->kind == OP_ENROL || op->kind == OP_LEAVE;
}

/* ---- Asking ---------------------------------------------------------------------------------- */

sim_attempt *history_ask(sim_op *op, unsigned client)
{
    if (attempt_count == MOST_ATTEMPTS)
        trace_fail("more than %d attempts", MOST_ATTEMPTS);
    char stream[32];
    sim_attempt *made = &attempts[attempt_count];
    *made = (sim_attempt){.op = op, .client = client, .began_at = scheduler_steps()};
    made->acked_before = history_is_tagged(op) ? ledger_acked_of_tags(op->course, op->student)
                                               : ledger_acked_of_stream(history_stream(op, stream));
    bool first = true;
    for (unsigned i = 0; i < attempt_count; i++)
        first = first && attempts[i].op != op;
    if (first)
        op->acked_before = made->acked_before;
    attempt_count++;
    trace(scheduler_name(), "asks: op, kind", op->id, op->kind);
    return made;
}

/* ---- Reading --------------------------------------------------------------------------------- */

uint64_t history_read_account(const char *id)
{
    char stream[32];
    snprintf(stream, sizeof stream, "Account-%s", id);
    return ledger_acked_of_stream(stream);
}

void history_account_read(const char *id, uint64_t acked_before, const char *json, size_t size)
{
    char stream[32];
    ledger_account found;
    snprintf(stream, sizeof stream, "Account-%s", id);
    trace(scheduler_name(), "reads: balance, count", states_number(json, size, "balance"),
          states_number(json, size, "count"));
    if (!states_was_account(stream, acked_before, json, size, &found))
        trace_fail("%s read %.*s, which %s was at no position from %" PRIu64 " to %" PRIu64,
                   scheduler_name(), (int)size, json != NULL ? json : "", stream, acked_before,
                   ledger_head());
}

uint64_t history_read_enrolment(const char *course, const char *student)
{
    return ledger_acked_of_tags(course, student);
}

void history_enrolment_read(const char *course, const char *student, uint64_t acked_before,
                            const char *json, size_t size)
{
    ledger_enrolment found;
    trace(scheduler_name(), "reads: seats, count", states_number(json, size, "seats"),
          states_number(json, size, "count"));
    if (!states_was_enrolment(course, student, acked_before, json, size, &found))
        trace_fail("%s read %.*s, which %s and %s were at no position from %" PRIu64 " to %" PRIu64,
                   scheduler_name(), (int)size, json != NULL ? json : "", course, student,
                   acked_before, ledger_head());
}

void history_past_read(const char *id, uint64_t version, const char *json, size_t size)
{
    char stream[32];
    ledger_account account = {0};
    snprintf(stream, sizeof stream, "Account-%s", id);
    for (uint64_t at = 1; at <= ledger_head() && account.count < version; at++)
        ledger_fold_account(&account, stream, ledger_at(at));
    if (account.count != version || !states_is_account(&account, json, size))
        trace_fail("version %" PRIu64 " of %s was read as %.*s", version, stream, (int)size, json);
}

/* ---- Answers --------------------------------------------------------------------------------- */

void history_failed(const char *call, neap_status status, const neap_error *error)
{
    trace(scheduler_name(), call, -1, status);
    if (!answer_may_fail(status, &rules))
        trace_fail("%s failed: %s: %s", call, neap_status_name(status), error->message);
}

uint64_t history_answers(neap_status status)
{
    return answers[status];
}

uint64_t history_unknown(void)
{
    return unknown_answers;
}

void history_answer(sim_attempt *attempt, neap_status status, const neap_receipt *receipt,
                    const neap_error *error)
{
    bool unknown = status != NEAP_OK && error->outcome_unknown;
    trace(scheduler_name(), "is answered: op, status", attempt->op->id, status);
    trace(scheduler_name(), "   unknown, position", unknown,
          receipt != NULL ? (int64_t)receipt->position : 0);
    if (attempt->answered)
        trace_fail("op %u was answered twice", attempt->op->id);
    attempt->answered = true;
    answers[status]++;
    unknown_answers += unknown;
    if (status == NEAP_OK)
        answer_check_done(attempt, receipt);
    else
        answer_check_failed(attempt, status, error, &rules);
}

/* ---- At the end ------------------------------------------------------------------------------ */

void history_check_client(unsigned client)
{
    for (unsigned i = 0; i < attempt_count; i++)
        if (!attempts[i].answered && (client == 0 || attempts[i].client == client))
            trace_fail("op %u was not answered", attempts[i].op->id);
}

void history_check_answers(void)
{
    history_check_client(0);
}

static bool is_ordered(const sim_op *op)
{
    return op->key[0] == '\0' && op->kind <= OP_LEAVE;
}

/* Events of commands that one client gave to one aggregate, one after the other. */
static void check_order(void)
{
    for (uint64_t at = 1; at <= ledger_head(); at++) {
        if (ledger_at(at)->op >= LATER_FIRST_OP)
            continue;
        const sim_op *later = &ops[ledger_at(at)->op - 1];
        for (uint64_t before = 1; before < at; before++) {
            if (ledger_at(before)->op >= LATER_FIRST_OP)
                continue;
            const sim_op *earlier = &ops[ledger_at(before)->op - 1];
            bool same = earlier->client == later->client &&
                        strcmp(ledger_at(before)->stream, ledger_at(at)->stream) == 0;
            if (same && is_ordered(earlier) && is_ordered(later) && earlier->id > later->id)
                trace_fail("op %u took effect before op %u, which its client gave before it",
                           earlier->id, later->id);
        }
    }
}

/* A key is one command's. */
static void check_keys(void)
{
    for (unsigned i = 0; i < op_count; i++)
        for (unsigned k = 0; k < i; k++) {
            uint64_t last;
            if (ops[i].key[0] == '\0' || strcmp(ops[i].key, ops[k].key) != 0)
                continue;
            bool first = ops[k].done || answer_events_of(&ops[k], &last) != 0;
            if (first && (ops[i].done || answer_events_of(&ops[i], &last) != 0))
                trace_fail("ops %u and %u have the same key, and both took effect", ops[k].id,
                           ops[i].id);
        }
}

void history_check_end(void)
{
    history_check_answers();
    for (uint64_t at = 1; at <= ledger_head(); at++)
        if (ledger_at(at)->op == 0 ||
            (ledger_at(at)->op > op_count && ledger_at(at)->op < LATER_FIRST_OP))
            trace_fail("nobody asked for what is at position %" PRIu64, at);
    for (unsigned i = 0; i < op_count; i++) {
        uint64_t last;
        size_t count = answer_events_of(&ops[i], &last);
        bool wanted = ops[i].done && ops[i].events != 0;
        if (wanted ? count == 0 : count != 0 && !ops[i].maybe)
            trace_fail("op %u was %s, and has %zu events", ops[i].id, wanted ? "done" : "not done",
                       count);
        if (ops[i].done && ops[i].events == 0 && count != 0)
            trace_fail("op %u decided nothing, and has %zu events", ops[i].id, count);
    }
    check_keys();
    if (rules.in_order)
        check_order();
}
