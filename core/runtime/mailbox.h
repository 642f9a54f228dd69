/* Where other threads leave work for one lane. Requests from outside are bounded; what other lanes
 * ask, and what comes back, is as much as is on its way already. */
#ifndef NEAPI_RUNTIME_MAILBOX_H
#define NEAPI_RUNTIME_MAILBOX_H

#include "runtime/request.h"

typedef enum neapi_admission {
    NEAPI_ADMITS_ALL,
    NEAPI_ADMITS_BARRIERS, /* no more requests from outside */
    NEAPI_ADMITS_NOTHING,  /* from outside; lanes still */
} neapi_admission;

typedef struct neapi_mailbox {
    neapi_inbox inbox;
    neapi_gate room;     /* moved when a request was taken out of a full box */
    atomic_uint waiting; /* requests from outside: here, or taken by the lane and not begun */
    unsigned capacity;
    atomic_bool missed; /* somebody found the box full since there was room last */
    atomic_int admission;
} neapi_mailbox;

/* Owns: the caller. Errors: NULL. */
neapi_mailbox *neapi_mailbox_new(const neapi_platform *platform, unsigned capacity);
void neapi_mailbox_free(neapi_mailbox *mailbox);

/* Takes over the runtime's reference to the request. A full box is waited for until deadline_us (0:
 * not at all). Threads: any. Errors: NEAP_BUSY, NEAP_TIMEOUT, NEAP_CLOSED; the request is then
 * still the caller's. */
neap_status neapi_mailbox_push(neapi_mailbox *mailbox, neapi_request *request, int64_t deadline_us,
                               neap_error *error);
/* The same without waiting and without waking the lane: who pushes drives it. */
neap_status neapi_mailbox_push_quietly(neapi_mailbox *mailbox, neapi_request *request,
                                       neap_error *error);
/* Puts a barrier in, full or not. */
neap_status neapi_mailbox_push_barrier(neapi_mailbox *mailbox, neapi_request *barrier,
                                       neap_error *error);
/* From lane to lane, and from the writer. false: the lane has ended. */
bool neapi_mailbox_send(neapi_mailbox *mailbox, neapi_mail_kind kind, neapi_mail *mail);

/* For the lane: it began so many of the requests from outside that it had taken. */
void neapi_mailbox_begun(neapi_mailbox *mailbox, unsigned count);
/* How many requests are here, or taken by the lane and not begun. Threads: any. */
unsigned neapi_mailbox_waiting(const neapi_mailbox *mailbox);
/* From now on no more than that is admitted. */
void neapi_mailbox_admit(neapi_mailbox *mailbox, neapi_admission admission);

#endif
