/* Where any thread leaves mail for one that works: a stack without locks, of which the worker takes
 * everything at once, in the order in which it came. Who pushes wakes the worker only if it sleeps.
 */
#ifndef NEAPI_RUNTIME_INBOX_H
#define NEAPI_RUNTIME_INBOX_H

#include "base/platform.h"

typedef enum neapi_mail_kind {
    NEAPI_MAIL_REQUEST,   /* a request from outside */
    NEAPI_MAIL_ASKED,     /* a request of another lane */
    NEAPI_MAIL_RETURNED,  /* and the answer to one, back where it was asked */
    NEAPI_MAIL_PARTITION, /* that is to run on the lane from now on */
    NEAPI_MAIL_DUE,       /* an entry of the queue that a saga is to deal with */
    NEAPI_MAIL_UNIT,      /* a submission: to the writer, and back */
} neapi_mail_kind;

/* The first member of what is sent. */
typedef struct neapi_mail {
    struct neapi_mail *next;
    neapi_mail_kind kind;
} neapi_mail;

typedef struct neapi_mail_list {
    neapi_mail *first, *last;
} neapi_mail_list;

void neapi_mail_push(neapi_mail_list *list, neapi_mail *mail);
neapi_mail *neapi_mail_pop(neapi_mail_list *list); /* NULL: there is none */
/* Moves all of `from` behind `to`. */
void neapi_mail_join(neapi_mail_list *to, neapi_mail_list *from);

typedef struct neapi_inbox {
    const neapi_platform *platform;
    _Atomic(neapi_mail *) newest;
    atomic_bool drowsy; /* the worker waits, or is about to, and mail is to wake it */
    neapi_gate work;
} neapi_inbox;

/* Errors: false, no room for it. */
bool neapi_inbox_init(neapi_inbox *inbox, const neapi_platform *platform);
void neapi_inbox_fini(neapi_inbox *inbox);

/* Takes all of the list. Threads: any. false: it is closed, and the list is as it was. */
bool neapi_inbox_push(neapi_inbox *inbox, neapi_mail_list *list);
/* The same without waking: who pushes will see to it that the mail is taken. */
bool neapi_inbox_push_quietly(neapi_inbox *inbox, neapi_mail_list *list);
/* Wakes the worker if it sleeps. Threads: any. */
void neapi_inbox_rouse(neapi_inbox *inbox);
/* Wakes the worker, or keeps it from sleeping: something other than mail changed. Threads: any. */
void neapi_inbox_nudge(neapi_inbox *inbox);
/* Whether there is mail. Threads: any. */
bool neapi_inbox_has_mail(const neapi_inbox *inbox);

/* The worker's: adds everything that is there to the list. */
void neapi_inbox_take(neapi_inbox *inbox, neapi_mail_list *list);
/* The worker's: waits until there is mail, somebody nudged since `seen`, or the deadline came. */
static inline unsigned neapi_inbox_seen(neapi_inbox *inbox)
{
    return neapi_gate_seen(&inbox->work);
}
void neapi_inbox_wait(neapi_inbox *inbox, unsigned seen, int64_t deadline_us);
/* The same while another thread may work in the worker's place (*instead): mail is that one's. */
void neapi_inbox_stand_by(neapi_inbox *inbox, unsigned seen, const atomic_bool *instead,
                          int64_t deadline_us);
/* Another thread works in the worker's place, and takes what comes, until it leaves that to the
 * worker again: meanwhile mail wakes nobody. Behind leaving it looks whether there is some. */
void neapi_inbox_attend(neapi_inbox *inbox);
void neapi_inbox_leave(neapi_inbox *inbox);
/* The worker's: takes no mail any more. false: there is some, and it is not closed. */
bool neapi_inbox_close(neapi_inbox *inbox);

#endif
