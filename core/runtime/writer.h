/* What commits: takes all units that wait, commits them in one store transaction, gives each back.
 *
 * Whoever has units and finds nobody committing does it for all who wait; the writer's own thread
 * does it for lanes that have other work, and looks after the store when it is quiet. */
#ifndef NEAPI_RUNTIME_WRITER_H
#define NEAPI_RUNTIME_WRITER_H

#include "runtime/hub.h"
#include "runtime/mailbox.h"
#include "runtime/metrics.h"
#include "runtime/report.h"
#include "runtime/thread.h"
#include "store/store.h"

typedef struct neapi_writer {
    const neapi_platform *platform;
    const neapi_report *report;
    neapi_session *session;
    neapi_hub *hub;           /* told what was committed; borrowed; NULL: nobody is told */
    struct neapi_queue *told; /* of what is put into the queue; borrowed; NULL: nobody is told */
    neapi_inbox inbox;
    atomic_bool driven;    /* somebody commits: who does has what is not atomic here */
    neapi_mail_list queue; /* taken out of the inbox, not committed yet */
    atomic_bool left;      /* there are some */
    atomic_uint commits;   /* how many batches so far */
    atomic_bool untidy;    /* there were some since the thread has looked after the store */
    atomic_bool hurried, stopping;
    neapi_unit **batch;
    size_t batch_count;
    neapi_mail_list open; /* that batch, if its outcome is still to be found out, by the thread */
    neap_error open_error;
    atomic_bool is_open;
    /* A batch whose outcome the store could not tell: nothing else is committed before it can. */
    neapi_unit **unresolved;
    size_t unresolved_count;
    unsigned since_maintenance;
    neapi_writer_metrics *metrics;
    pthread_t thread;
    bool running;
} neapi_writer;

/* Owns: the session is the writer's from here on, also on failure. Errors: NEAP_NOMEM. */
neap_status neapi_writer_init(neapi_writer *writer, const neapi_platform *platform,
                              const neapi_report *report, neapi_session *session,
                              neap_error *error);
/* The thread was stopped. */
void neapi_writer_fini(neapi_writer *writer);

/* Takes all of the list, of submissions. Threads: any. A submission stays where it is until it
 * comes back to its mailbox, judged. Nobody is woken: who pushes commits, or calls
 * neapi_writer_rouse. */
void neapi_writer_push(neapi_writer *writer, neapi_mail_list *list);
/* Has the thread commit what was pushed, if nobody does. Threads: any. */
void neapi_writer_rouse(neapi_writer *writer);

/* Threads: any. */
bool neapi_writer_has_work(const neapi_writer *writer);

/* Takes the right to step, and gives it up; what waits then is the thread's. false: somebody has
 * it, or the thread is to find out what became of a batch, which may take long. Threads: any. */
bool neapi_writer_try(neapi_writer *writer);
void neapi_writer_leave(neapi_writer *writer);

/* Commits one batch, or does a piece of housekeeping. false: there was nothing to do. Threads: who
 * has the right. */
bool neapi_writer_step(neapi_writer *writer);

/* From now on a commit's outcome that is unknown is asked for once only. */
void neapi_writer_hurry(neapi_writer *writer);

neap_status neapi_writer_start(neapi_writer *writer, neap_error *error);
/* Commits what is queued, then ends the thread. */
void neapi_writer_stop(neapi_writer *writer);

#endif
