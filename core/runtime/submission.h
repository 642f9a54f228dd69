/* A unit of work on its way to the writer and back, and why a whole batch failed. */
#ifndef NEAPI_RUNTIME_SUBMISSION_H
#define NEAPI_RUNTIME_SUBMISSION_H

#include "store/unit.h"

struct neapi_mailbox;

/* One error that many units share. */
typedef struct neapi_failure {
    atomic_uint references;
    neap_error error;
} neapi_failure;

void neapi_failure_release(neapi_failure *failure); /* NULL is allowed */

typedef struct neapi_submission {
    neapi_unit *unit;                /* one reference */
    struct neapi_mailbox *answer_to; /* where the judged unit goes */
    neapi_failure *failure;          /* one reference; set if the batch failed */
    void *request;                   /* whose it is; NULL: a snapshot */
    struct neapi_submission *next;
} neapi_submission;

typedef struct neapi_submission_list {
    neapi_submission *first, *last;
} neapi_submission_list;

void neapi_submission_list_push(neapi_submission_list *list, neapi_submission *submission);
/* Moves all of `from` behind `to`. */
void neapi_submission_list_join(neapi_submission_list *to, neapi_submission_list *from);
neapi_submission *neapi_submission_list_pop(neapi_submission_list *list);

#endif
