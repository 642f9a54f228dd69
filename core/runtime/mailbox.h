/* Where other threads leave work for one lane: requests, bounded, and judged units, which are as
 * many as it submitted. */
#ifndef NEAPI_RUNTIME_MAILBOX_H
#define NEAPI_RUNTIME_MAILBOX_H

#include "runtime/request.h"

typedef struct neapi_mailbox {
    const neapi_platform *platform;
    pthread_mutex_t mutex;
    neapi_gate work; /* moved when something came for the lane */
    neapi_gate room; /* moved when a request was taken out of a full box */
    neapi_request_list requests;
    neapi_submission_list judged;
    unsigned waiting, capacity; /* waiting: here, or taken by the lane and not begun */
    bool missed;                /* somebody found the box full since there was room last */
    bool refusing;              /* no more requests; barriers still */
    bool closed;                /* nothing more */
} neapi_mailbox;

bool neapi_mailbox_init(neapi_mailbox *mailbox, const neapi_platform *platform, unsigned capacity);
void neapi_mailbox_fini(neapi_mailbox *mailbox);

/* Takes over the runtime's reference to the request. A full box is waited for until deadline_us (0:
 * not at all). Threads: any. Errors: NEAP_BUSY, NEAP_TIMEOUT, NEAP_CLOSED; the request is then
 * still the caller's. */
neap_status neapi_mailbox_push(neapi_mailbox *mailbox, neapi_request *request, int64_t deadline_us,
                               neap_error *error);
/* Puts a barrier in, full or not. */
neap_status neapi_mailbox_push_barrier(neapi_mailbox *mailbox, neapi_request *barrier,
                                       neap_error *error);
/* Threads: the writer. */
void neapi_mailbox_judged(neapi_mailbox *mailbox, neapi_submission_list *list);

/* For the lane: everything that is there. */
void neapi_mailbox_take(neapi_mailbox *mailbox, neapi_request_list *requests,
                        neapi_submission_list *judged);
/* For the lane: it began so many of the requests that it had taken. */
void neapi_mailbox_begun(neapi_mailbox *mailbox, unsigned count);
/* From now on no request is accepted. */
void neapi_mailbox_refuse(neapi_mailbox *mailbox);
/* From now on nothing is accepted. */
void neapi_mailbox_close(neapi_mailbox *mailbox);

#endif
