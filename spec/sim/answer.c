#include "sim/answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "sim/scheduler.h"
#include "sim/states.h"
#include "sim/trace.h"

static size_t wanted_events(op_kind kind)
{
    return kind == OP_HALVE || kind == OP_CLAIM || kind == OP_GIFT ? 2 : 1;
}

size_t answer_events_of(const sim_op *op, uint64_t *last)
{
    size_t count = 0;
    *last = 0;
    for (uint64_t at = 1; at <= ledger_head(); at++) {
        if (ledger_at(at)->op != op->id)
            continue;
        if (count != 0 && *last != at - 1 && op->kind != OP_TRANSFER)
            trace_fail("op %u is at positions %" PRIu64 " and %" PRIu64, op->id, *last, at);
        *last = at;
        count++;
    }
    bool whole = op->kind == OP_TRANSFER ? count <= 2 : count == wanted_events(op->kind);
    if (count != 0 && !whole)
        trace_fail("op %u recorded %zu events, %zu are its", op->id, count,
                   wanted_events(op->kind));
    return count;
}

/* Whether the op decides nothing as of one of those positions: by key where the stream has the
 * receipt's version; by tags at the receipt's position, for the version is that of when the stream
 * was asked for it, a moment later. */
static bool decides_nothing(const sim_op *op, uint64_t first, const neap_receipt *receipt)
{
    char stream[32];
    history_stream(op, stream);
    uint64_t position = receipt->position, newest = ledger_version(stream, ledger_head());
    if (op->kind == OP_ENROL)
        return position >= first && position <= ledger_head() &&
               receipt->version >= ledger_version(stream, position) && receipt->version <= newest &&
               ledger_enrolment_at(op->course, op->student, position).enrolled;
    for (uint64_t at = first; op->kind == OP_HALVE && at <= ledger_head(); at++)
        if (ledger_version(stream, at) == receipt->version &&
            ledger_account_at(stream, at).balance / 2 == 0)
            return true;
    return false;
}

static void check_same_receipt(const sim_op *op, const neap_receipt *receipt)
{
    if (op->version != receipt->version || op->position != receipt->position ||
        op->events != receipt->event_count ||
        memcmp(&op->command_id, &receipt->command_id, sizeof op->command_id) != 0)
        trace_fail("op %u got another receipt: version %" PRIu64 ", position %" PRIu64
                   ", %zu events; before %" PRIu64 ", %" PRIu64 ", %zu",
                   op->id, receipt->version, receipt->position, receipt->event_count, op->version,
                   op->position, op->events);
}

static void check_events(const sim_attempt *attempt, const neap_receipt *receipt)
{
    const sim_op *op = attempt->op;
    uint64_t last;
    size_t count = answer_events_of(op, &last);
    if (count != receipt->event_count || last != receipt->position)
        trace_fail("op %u was answered with %zu events up to position %" PRIu64
                   "; durable are %zu up to %" PRIu64,
                   op->id, receipt->event_count, receipt->position, count, last);
    const ledger_entry *entry = ledger_at(last);
    bool same_id = memcmp(&entry->command_id, &receipt->command_id, sizeof(neap_uuid)) == 0;
    if (entry->version != receipt->version || !same_id ||
        !neapi_text_equal(receipt->stream, neapi_text_of(entry->stream)))
        trace_fail("op %u was answered with version %" PRIu64 " of %.*s; it is %" PRIu64 " of %s",
                   op->id, receipt->version, NEAPI_TEXT(receipt->stream), entry->version,
                   entry->stream);
    if (op->expected != NEAP_ANY_VERSION && entry->version != op->expected + 1)
        trace_fail("op %u expected version %" PRIu64 " and became %" PRIu64, op->id, op->expected,
                   entry->version);
    if (op->key[0] == '\0' && last - count < attempt->acked_before)
        trace_fail("op %u is behind position %" PRIu64 ", which was known before", op->id,
                   attempt->acked_before);
    for (uint64_t at = last; at > last - count; at--)
        ledger_ack(at);
}

/* It recorded nothing itself; its two commands have, one after the other. */
static size_t check_transfer(const sim_op *op)
{
    uint64_t last, first = 1;
    size_t count = answer_events_of(op, &last);
    while (count == 2 && ledger_at(first)->op != op->id)
        first++;
    if (count != 2 || ledger_at(first)->kind != LEDGER_WITHDRAWN ||
        ledger_at(last)->kind != LEDGER_DEPOSITED)
        trace_fail("op %u was done, and is not a withdrawal and a deposit", op->id);
    ledger_ack(first);
    ledger_ack(last);
    return count;
}

void answer_check_done(sim_attempt *attempt, const neap_receipt *receipt)
{
    sim_op *op = attempt->op;
    uint64_t last;
    if (receipt == NULL)
        trace_fail("op %u was answered without a receipt", op->id);
    if (op->kind == OP_SPOIL || op->kind == OP_BREAK)
        trace_fail("op %u cannot be done, and was", op->id);
    size_t events = receipt->event_count;
    if (op->done)
        check_same_receipt(op, receipt);
    else if (op->kind == OP_TRANSFER && events == 0)
        events = check_transfer(op);
    else if (events != 0)
        check_events(attempt, receipt);
    else if (answer_events_of(op, &last) != 0)
        trace_fail("op %u was answered with no events, and has some", op->id);
    else if (!decides_nothing(op, op->acked_before, receipt))
        trace_fail("op %u decided nothing, which is right at no position from %" PRIu64
                   " to %" PRIu64,
                   op->id, op->acked_before, ledger_head());
    if (receipt->repeated && op->key[0] == '\0')
        trace_fail("op %u has no key, and its receipt is said to be an earlier one's", op->id);
    if (op->done)
        return;
    op->done = true;
    op->done_at = scheduler_steps();
    op->version = receipt->version;
    op->position = receipt->position;
    op->events = events;
    op->command_id = receipt->command_id;
}

/* Another command had the key before: it was done, or may have been, or it is about to be answered,
 * with events or without. */
static void check_duplicate(const sim_op *op)
{
    const sim_op *other;
    for (unsigned i = 0; (other = history_op_at(i)) != NULL; i++) {
        uint64_t last;
        bool same = other != op && strcmp(other->key, op->key) == 0;
        bool empty = other->kind == OP_HALVE || other->kind == OP_ENROL;
        if (same && (other->done || other->maybe || empty || answer_events_of(other, &last) != 0))
            return;
    }
    trace_fail("op %u is said to be a duplicate, and nobody else has used %s", op->id, op->key);
}

static bool rejects_enrolment(const sim_op *op, const char *code, const ledger_enrolment *state)
{
    if (op->kind == OP_LEAVE)
        return strcmp(code, "not_there") == 0 && !state->enrolled;
    if (state->enrolled)
        return false;
    if (strcmp(code, "full") == 0)
        return state->seats >= 3;
    return strcmp(code, "busy_student") == 0 && state->seats < 3 && state->courses >= 2;
}

static void check_rejected(const sim_attempt *attempt, const neap_error *error)
{
    const sim_op *op = attempt->op;
    char stream[32];
    const char *details = error->details;
    bool right = false;
    if (op->kind == OP_WITHDRAW) {
        ledger_account state;
        right = states_was_account(history_stream(op, stream), attempt->acked_before, details,
                                   strlen(details), &state) &&
                state.balance < op->amount;
    } else if (history_is_tagged(op)) {
        ledger_enrolment state;
        right = states_was_enrolment(op->course, op->student, attempt->acked_before, details,
                                     strlen(details), &state) &&
                rejects_enrolment(op, error->code, &state);
    }
    if (op->kind == OP_TRANSFER)
        right = strcmp(error->code, "not_taken") == 0 || strcmp(error->code, "not_given") == 0;
    if (!right)
        trace_fail("op %u was rejected as %s with %s, which is right at no position from %" PRIu64
                   " to %" PRIu64,
                   op->id, error->code, details, attempt->acked_before, ledger_head());
}

/* The answer had to wait, and there was no memory to keep more of it than its status. */
static bool says_nothing(const neap_error *error, const history_rules *rules)
{
    return rules->memory_fails && strcmp(error->message, "there was no memory to say more") == 0;
}

/* The fold count that a broken handler tells has to be one that was. */
static void check_broken(const sim_attempt *attempt, const neap_error *error,
                         const history_rules *rules)
{
    const sim_op *op = attempt->op;
    const char *at = strstr(error->message, "broken at ");
    char stream[32];
    unsigned long long count;
    if (op->kind == OP_SPOIL || (op->kind == OP_BREAK && says_nothing(error, rules)))
        return;
    if (op->kind != OP_BREAK || at == NULL || sscanf(at, "broken at %llu", &count) != 1)
        trace_fail("op %u failed in its handler: %s", op->id, error->message);
    history_stream(op, stream);
    if (count < ledger_version(stream, attempt->acked_before) ||
        count > ledger_version(stream, ledger_head()))
        trace_fail("op %u failed on version %llu of %s", op->id, count, stream);
}

bool answer_may_fail(neap_status status, const history_rules *rules)
{
    switch (status) {
    case NEAP_UNAVAILABLE:
    case NEAP_STORE:
        return rules->store_fails;
    case NEAP_NOMEM:
        return rules->memory_fails;
    case NEAP_CONFLICT:
    case NEAP_TIMEOUT:
    case NEAP_BUSY:
        return true;
    default:
        return false;
    }
}

void answer_check_failed(sim_attempt *attempt, neap_status status, const neap_error *error,
                         const history_rules *rules)
{
    sim_op *op = attempt->op;
    uint64_t last;
    if (op->done && op->done_at < attempt->began_at && status == NEAP_REJECTED)
        trace_fail("op %u was done, and was rejected when it was asked for again", op->id);
    if (status == NEAP_REJECTED && !says_nothing(error, rules))
        check_rejected(attempt, error);
    else if (status == NEAP_HANDLER)
        check_broken(attempt, error, rules);
    else if (status == NEAP_DUPLICATE && op->key[0] != '\0')
        check_duplicate(op);
    else if (status == NEAP_CLOSED ? !attempt->refused && !rules->closes
                                   : status != NEAP_REJECTED && !answer_may_fail(status, rules))
        trace_fail("op %u failed: %s: %s", op->id, neap_status_name(status), error->message);
    if (error->outcome_unknown)
        op->maybe = true;
    else if (op->key[0] == '\0' && answer_events_of(op, &last) != 0)
        trace_fail("op %u failed (%s: %s), and is at position %" PRIu64, op->id,
                   neap_status_name(status), error->message, last);
}
