/* What is durable, as the store's own commits tell it, at once: what the answers are judged by. All
 * of it is folded here a second time, in C. */
#ifndef NEAP_SPEC_LEDGER_H
#define NEAP_SPEC_LEDGER_H

#include "store/unit.h"

typedef enum ledger_kind {
    LEDGER_DEPOSITED,
    LEDGER_WITHDRAWN,
    LEDGER_ENROLLED,
    LEDGER_LEFT,
    LEDGER_CLAIMED,
    LEDGER_NOTED,
    LEDGER_STARTED,
    LEDGER_WENT,
    LEDGER_ECHOED
} ledger_kind;

typedef struct ledger_entry {
    uint64_t version;
    ledger_kind kind;
    uint64_t op;
    int64_t amount;
    char stream[32];
    char course[16], student[16];
    char what[8], how[12]; /* of an errand's step */
    neap_uuid id, command_id;
    bool acked; /* somebody was told of it */
} ledger_entry;

/* A fold of one account. */
typedef struct ledger_account {
    int64_t balance;
    uint64_t count, digest;
} ledger_account;

/* A fold of what concerns one course or one student. An empty name: nothing does. */
typedef struct ledger_enrolment {
    int64_t seats, courses;
    bool enrolled;
    uint64_t count, digest;
} ledger_enrolment;

void ledger_begin(void);
/* What a commit accepted. Fails the run if versions or positions are not dense, or a rule of the
 * domain is broken. */
void ledger_committed(neapi_unit *const *units, size_t count);

uint64_t ledger_head(void);
/* Of a position from 1 to the head. */
const ledger_entry *ledger_at(uint64_t position);
/* The stream's version as of a position. */
uint64_t ledger_version(const char *stream, uint64_t position);
/* Folds one entry; what does not concern it changes nothing. */
void ledger_fold_account(ledger_account *account, const char *stream, const ledger_entry *entry);
void ledger_fold_enrolment(ledger_enrolment *enrolment, const char *course, const char *student,
                           const ledger_entry *entry);
/* Both as of a position. */
ledger_account ledger_account_at(const char *stream, uint64_t position);
ledger_enrolment ledger_enrolment_at(const char *course, const char *student, uint64_t position);

/* An answer has told of that position. The last such one of a stream, or of what concerns a course
 * or a student; 0: none. */
void ledger_ack(uint64_t position);
uint64_t ledger_acked_of_stream(const char *stream);
uint64_t ledger_acked_of_tags(const char *course, const char *student);

/* The whole number behind a name in flat JSON; false: it is not there. The text: empty then. */
bool ledger_number(const char *json, size_t size, const char *name, int64_t *number);
void ledger_text(const char *json, size_t size, const char *name, char *text, size_t room);

/* What came of an event at a position, as reading.lua counts it. */
#define LEDGER_ECHO_OP 3000000

#endif
