/* What was asked for and what was answered, judged by the ledger: at the moment of each answer, and
 * once more at the end. */
#ifndef NEAP_SPEC_HISTORY_H
#define NEAP_SPEC_HISTORY_H

#include "sim/ledger.h"

typedef enum op_kind {
    OP_DEPOSIT,
    OP_WITHDRAW,
    OP_HALVE,
    OP_BREAK, /* its handler fails */
    OP_SPOIL, /* its fold fails */
    OP_ENROL,
    OP_LEAVE,
    OP_CLAIM,
    OP_GIFT,
    OP_PUBLISH,  /* a deposit as a fact from outside */
    OP_TRANSFER, /* a withdrawal, then a deposit, by commands of its own */
} op_kind;

/* What somebody wants to be done once, however often he asks for it. */
typedef struct sim_op {
    unsigned id; /* from 1 */
    op_kind kind;
    unsigned client;
    char account[16], to[16]; /* `to` is a gift's second account */
    char course[16], student[16];
    char topic[16];
    char key[16]; /* empty: it can be asked for once only */
    int64_t amount;
    uint64_t expected; /* of a fact: the version before it, or NEAP_ANY_VERSION */
    /* What came of it. */
    uint64_t acked_before; /* as of the first attempt: see attempt */
    bool done;
    uint64_t done_at; /* steps of the scheduler */
    bool maybe;       /* an attempt had an unknown outcome */
    uint64_t version, position;
    size_t events;
    neap_uuid command_id;
} sim_op;

/* One time that somebody asked. */
typedef struct sim_attempt {
    sim_op *op;
    unsigned client;       /* who did */
    uint64_t acked_before; /* the last position of what it rests on that had been answered for */
    uint64_t began_at;     /* steps of the scheduler */
    bool refused;          /* the call itself failed, and nothing was accepted */
    bool answered;
} sim_attempt;

typedef struct history_rules {
    bool store_fails, memory_fails; /* the run makes them */
    bool closes;   /* what was accepted may be answered "closed": there is no time for it all */
    bool in_order; /* commands of one client to one aggregate take effect in order */
} history_rules;

void history_begin(const history_rules *rules);

/* A new one; the caller fills what was asked. */
sim_op *history_op(op_kind kind, unsigned client);
/* NULL if there are none yet. */
sim_op *history_op_at(unsigned index);
unsigned history_ops(void);
/* Whether it is decided by tags. */
bool history_is_tagged(const sim_op *op);
/* What the op is about, as a stream's name. */
const char *history_stream(const sim_op *op, char stream[32]);

/* Before the call, and with its answer. error may be NULL if status is NEAP_OK. */
sim_attempt *history_ask(sim_op *op, unsigned client);
void history_answer(sim_attempt *attempt, neap_status status, const neap_receipt *receipt,
                    const neap_error *error);

/* A read of an account's or an enrolment's state: the lowest position that it has to rest on, and
 * what it gave. json NULL: there is no such state. */
uint64_t history_read_account(const char *id);
void history_account_read(const char *id, uint64_t acked_before, const char *json, size_t size);
uint64_t history_read_enrolment(const char *course, const char *student);
void history_enrolment_read(const char *course, const char *student, uint64_t acked_before,
                            const char *json, size_t size);
/* Of a version of the past. */
void history_past_read(const char *id, uint64_t version, const char *json, size_t size);
/* That a read or a store failed: whether this may be. */
void history_failed(const char *call, neap_status status, const neap_error *error);

/* So many answers of all runs so far had that status; so many did not know the outcome. */
uint64_t history_answers(neap_status status);
uint64_t history_unknown(void);

/* Everything that was asked has been answered, or all that one client asked. */
void history_check_answers(void);
void history_check_client(unsigned client);
/* The run is over. */
void history_check_end(void);

#endif
