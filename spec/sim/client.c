#include "sim/client.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim/errands.h"
#include "sim/later.h"
#include "sim/scheduler.h"
#include "sim/trace.h"

/* ---- What is asked for ----------------------------------------------------------------------- */

static unsigned one_of(sim_client *it, unsigned count)
{
    return (unsigned)dice_below(&it->chance, count);
}

/* One that was asked for before, and may be again; NULL: none was found. */
static sim_op *old_op(sim_client *it)
{
    for (unsigned tries = 0; tries < 8 && history_ops() != 0; tries++) {
        sim_op *found = history_op_at(one_of(it, history_ops()));
        if (found->key[0] != '\0')
            return found;
    }
    return NULL;
}

static sim_op *new_op(sim_client *it)
{
    static const op_kind kinds[] = {OP_DEPOSIT,  OP_DEPOSIT, OP_WITHDRAW, OP_WITHDRAW,
                                    OP_WITHDRAW, OP_HALVE,   OP_BREAK,    OP_SPOIL,
                                    OP_ENROL,    OP_ENROL,   OP_ENROL,    OP_LEAVE,
                                    OP_CLAIM,    OP_GIFT,    OP_PUBLISH,  OP_TRANSFER};
    sim_op *made = history_op(DICE_PICK(&it->chance, kinds), it->number);
    const sim_plan *plan = it->plan;
    made->amount = dice_between(&it->chance, 1, 30);
    if (made->kind == OP_ENROL || made->kind == OP_LEAVE) {
        snprintf(made->course, sizeof made->course, "c%u", one_of(it, plan->courses));
        snprintf(made->student, sizeof made->student, "s%u", one_of(it, plan->students));
    } else if (made->kind == OP_CLAIM) {
        snprintf(made->topic, sizeof made->topic, "t%u", one_of(it, plan->topics));
    } else {
        snprintf(made->account, sizeof made->account, "a%u", one_of(it, plan->accounts));
        snprintf(made->to, sizeof made->to, "a%u", one_of(it, plan->accounts));
    }
    if (made->kind == OP_PUBLISH && dice_chance(&it->chance, 300))
        made->expected = dice_below(&it->chance, 6);
    if (made->kind != OP_TRANSFER && dice_chance(&it->chance, 300))
        snprintf(made->key, sizeof made->key, "k-%u", made->id);
    sim_op *other = dice_chance(&it->chance, 30) ? old_op(it) : NULL;
    if (made->key[0] != '\0' && other != NULL) /* a mistake: one of them is a duplicate */
        memcpy(made->key, other->key, sizeof made->key);
    return made;
}

static const char *name_of(op_kind kind)
{
    static const char *const names[] = {"Deposit", "Withdraw",  "Halve",   "Break",
                                        "Spoil",   "Enrol",     "Leave",   "Claim",
                                        "Gift",    "Deposited", "Transfer"};
    return names[kind];
}

static size_t write_json(const sim_op *op, char *json, size_t room)
{
    int size;
    if (op->kind == OP_ENROL || op->kind == OP_LEAVE)
        size = snprintf(json, room, "{\"course\":\"%s\",\"student\":\"%s\",\"op\":%u}", op->course,
                        op->student, op->id);
    else if (op->kind == OP_CLAIM)
        size = snprintf(json, room, "{\"topic\":\"%s\",\"op\":%u}", op->topic, op->id);
    else if (op->kind == OP_GIFT || op->kind == OP_TRANSFER)
        size = snprintf(json, room, "{\"account\":\"%s\",\"to\":\"%s\",\"amount\":%lld,\"op\":%u}",
                        op->account, op->to, (long long)op->amount, op->id);
    else
        size = snprintf(json, room, "{\"account\":\"%s\",\"amount\":%lld,\"op\":%u}", op->account,
                        (long long)op->amount, op->id);
    return (size_t)size;
}

static neap_dispatch_options options_of(sim_client *it, const sim_op *op)
{
    static const uint32_t timeouts[] = {1, 5, 40, 500, 5000};
    static const char *const metas[] = {NULL, NULL, "{\"pause\":\"0.01\"}", "{\"rest\":\"0.005\"}",
                                        "{\"pause\":\"0.3\",\"rest\":\"0.3\"}"};
    neap_dispatch_options options;
    neap_dispatch_options_init(&options);
    options.idempotency_key = op->key[0] != '\0' ? op->key : NULL;
    options.fail_when_full = dice_chance(&it->chance, 100);
    if (dice_chance(&it->chance, it->plan->timeouts))
        options.timeout_ms = DICE_PICK(&it->chance, timeouts);
    if (it->plan->wrapped)
        options.meta = DICE_PICK(&it->chance, metas);
    return options;
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static void answer(sim_attempt *asked, neap_status status, neap_reply *reply,
                   const neap_error *error)
{
    history_answer(asked, status, reply != NULL ? neap_reply_receipt(reply) : NULL, error);
    neap_reply_free(reply);
}

void client_dispatch(sim_client *it, sim_op *op)
{
    char json[200];
    size_t size = write_json(op, json, sizeof json);
    neap_dispatch_options options = options_of(it, op);
    neap_reply *reply = NULL;
    neap_error error;
    sim_attempt *asked = history_ask(op, it->number);
    neap_status status;
    if (op->kind == OP_PUBLISH) {
        char stream[32];
        status = neap_publish(it->runtime, history_stream(op, stream), op->expected,
                              name_of(op->kind), json, size, &options, &reply, &error);
    } else {
        status =
            neap_dispatch(it->runtime, name_of(op->kind), json, size, &options, &reply, &error);
    }
    answer(asked, status, reply, &error);
}

typedef struct sim_sent {
    sim_attempt *asked;
    sim_client *client;
} sim_sent;

static void send_op(sim_client *it, sim_op *op, unsigned number);

static void on_answer(void *user, neap_status status, neap_reply *reply, const neap_error *error)
{
    sim_sent *it = user;
    answer(it->asked, status, reply, error);
    it->asked = NULL;
    if (*it->client->stop || !dice_chance(&it->client->chance, 50))
        return;
    sim_op *next = new_op(it->client);
    if (next->kind == OP_PUBLISH) /* which waits */
        next->kind = OP_DEPOSIT, next->expected = NEAP_ANY_VERSION;
    next->client = 1000 + next->id; /* in no order with what the client's own thread asks for */
    send_op(it->client, next, next->client);
}

/* Callbacks outlive the client that sent. */
static sim_sent sents[8192];
static unsigned sent_count;

/* number: in whose order. */
static void send_op(sim_client *it, sim_op *op, unsigned number)
{
    char json[200];
    size_t size = write_json(op, json, sizeof json);
    neap_dispatch_options options = options_of(it, op);
    neap_error error;
    sim_sent *made = &sents[sent_count++ % (sizeof sents / sizeof *sents)];
    sim_attempt *asked = history_ask(op, number);
    *made = (sim_sent){asked, it};
    neap_status status =
        neap_send(it->runtime, name_of(op->kind), json, size, &options, on_answer, made, &error);
    asked->refused = status != NEAP_OK;
    if (asked->refused)
        answer(asked, status, NULL, &error);
}

/* ---- Reading --------------------------------------------------------------------------------- */

static const char *json_of(const neap_reply *reply, size_t *size)
{
    *size = 0;
    return reply != NULL ? neap_reply_json(reply, size) : NULL;
}

static void read_account(sim_client *it, const char *id, bool by_query)
{
    char json[64];
    neap_reply *reply = NULL;
    neap_error error;
    uint64_t acked = history_read_account(id);
    int size = snprintf(json, sizeof json, "{\"account\":\"%s\"}", id);
    neap_status status =
        by_query ? neap_query(it->runtime, "GetAccount", json, (size_t)size, 0, &reply, &error)
                 : neap_state(it->runtime, "Account", id, 0, &reply, &error);
    if (status == NEAP_OK || status == NEAP_UNKNOWN) {
        size_t text_size;
        const char *text = json_of(reply, &text_size);
        history_account_read(id, acked, text, text_size);
    } else {
        history_failed("read account: status", status, &error);
    }
    neap_reply_free(reply);
}

static void read_past(sim_client *it, const char *id)
{
    neap_reply *reply = NULL;
    neap_error error;
    uint64_t version = 1 + dice_below(&it->chance, 8);
    neap_status status = neap_state(it->runtime, "Account", id, version, &reply, &error);
    if (status == NEAP_OK) {
        size_t size;
        const char *text = json_of(reply, &size);
        history_past_read(id, version, text, size);
    } else if (status != NEAP_UNKNOWN) {
        history_failed("read past: status", status, &error);
    }
    neap_reply_free(reply);
}

static void read_enrolment(sim_client *it, const char *course, const char *student)
{
    char id[64];
    neap_reply *reply = NULL;
    neap_error error;
    uint64_t acked = history_read_enrolment(course, student);
    if (student[0] != '\0')
        snprintf(id, sizeof id, "{\"course\":\"%s\",\"student\":\"%s\"}", course, student);
    else
        snprintf(id, sizeof id, "{\"course\":\"%s\"}", course);
    neap_status status = neap_state(it->runtime, "Enrolment", id, 0, &reply, &error);
    if (status == NEAP_OK || status == NEAP_UNKNOWN) {
        size_t size;
        const char *text = json_of(reply, &size);
        history_enrolment_read(course, student, acked, text, size);
    } else {
        history_failed("read enrolment: status", status, &error);
    }
    neap_reply_free(reply);
}

void client_read_all(sim_client *it)
{
    char id[16], student[16];
    for (unsigned i = 0; i < it->plan->accounts; i++) {
        snprintf(id, sizeof id, "a%u", i);
        read_account(it, id, false);
        read_account(it, id, true);
    }
    for (unsigned i = 0; i < it->plan->courses; i++) {
        snprintf(id, sizeof id, "c%u", i);
        read_enrolment(it, id, "");
        for (unsigned k = 0; k < it->plan->students; k++) {
            snprintf(student, sizeof student, "s%u", k);
            read_enrolment(it, id, student);
        }
    }
}

static void read_something(sim_client *it)
{
    char id[16], student[16] = "";
    snprintf(id, sizeof id, "a%u", one_of(it, it->plan->accounts));
    switch (one_of(it, 5)) {
    case 0:
    case 1:
        read_account(it, id, false);
        return;
    case 2:
        read_account(it, id, true);
        return;
    case 3:
        read_past(it, id);
        return;
    default:
        snprintf(id, sizeof id, "c%u", one_of(it, it->plan->courses));
        if (dice_chance(&it->chance, 700))
            snprintf(student, sizeof student, "s%u", one_of(it, it->plan->students));
        read_enrolment(it, id, student);
    }
}

/* ---- One thread ------------------------------------------------------------------------------ */

static void drain(sim_client *it)
{
    neap_error error;
    neap_status status = neap_drain(it->runtime, 2000, &error);
    if (status == NEAP_OK || (status == NEAP_UNAVAILABLE && it->plan->subscribed))
        history_check_client(it->number); /* the same when a subscription is paused */
    else
        history_failed("drain: status", status, &error);
}

static void call(sim_client *it)
{
    const sim_plan *plan = it->plan;
    sim_op *again = dice_chance(&it->chance, plan->repeats) ? old_op(it) : NULL;
    if (dice_chance(&it->chance, plan->reads)) {
        read_something(it);
    } else if (dice_chance(&it->chance, 10)) {
        drain(it);
    } else if (plan->errands != 0 && dice_chance(&it->chance, plan->errands)) {
        errands_do(it->runtime, &it->chance);
    } else if (plan->laters != 0 && dice_chance(&it->chance, plan->laters)) {
        later_do(it->runtime, &it->chance, plan->accounts);
    } else {
        sim_op *op = again != NULL ? again : new_op(it);
        bool sends = dice_chance(&it->chance, plan->sends) && op->kind != OP_PUBLISH;
        if (sends)
            send_op(it, op, it->number);
        else
            client_dispatch(it, op);
    }
}

void client_run(void *argument)
{
    sim_client *it = argument;
    for (unsigned i = 0; i < it->plan->calls && !*it->stop; i++) {
        call(it);
        if (it->plan->think_us != 0)
            scheduler_sleep(dice_between(&it->chance, 0, it->plan->think_us));
    }
}
