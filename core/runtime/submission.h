/* A unit of work on its way to the writer and back, and why a whole batch failed. */
#ifndef NEAPI_RUNTIME_SUBMISSION_H
#define NEAPI_RUNTIME_SUBMISSION_H

#include "runtime/inbox.h"
#include "store/unit.h"

struct neapi_mailbox;

/* One error that many units share. */
typedef struct neapi_failure {
    atomic_uint references;
    neap_error error;
} neapi_failure;

void neapi_failure_release(neapi_failure *failure); /* NULL is allowed */

struct neapi_lane;

typedef struct neapi_submission {
    neapi_mail mail;
    neapi_unit *unit;                /* one reference */
    struct neapi_mailbox *answer_to; /* where the judged unit goes */
    neapi_failure *failure;          /* one reference; set if the batch failed */
    void *request;                   /* whose it is; NULL: a snapshot, or who `judged` says */
    /* NULL: the request's, or the snapshot's; else it is given back so. */
    void (*judged)(struct neapi_lane *lane, struct neapi_submission *submission);
    unsigned told; /* of a unit that was accepted: how many lanes know what it appended */
} neapi_submission;

static inline neapi_submission *neapi_submission_of(neapi_mail *mail)
{
    return (neapi_submission *)mail;
}

#endif
