/* The one thread that commits: takes all units that wait, commits them in one store transaction,
 * gives each back. */
#ifndef NEAPI_RUNTIME_WRITER_H
#define NEAPI_RUNTIME_WRITER_H

#include "runtime/mailbox.h"
#include "runtime/report.h"
#include "runtime/thread.h"
#include "store/store.h"

typedef struct neapi_writer {
    const neapi_platform *platform;
    const neapi_report *report;
    neapi_session *session;
    neapi_gate work;
    pthread_mutex_t mutex;
    neapi_submission_list queue; /* under the mutex */
    bool hurried, stopping;      /* under the mutex */
    neapi_unit **batch;
    size_t batch_count;
    /* A batch whose outcome the store could not tell: nothing else is committed before it can. */
    neapi_unit **unresolved;
    size_t unresolved_count;
    unsigned since_maintenance;
    pthread_t thread;
    bool running;
} neapi_writer;

/* Owns: the session is the writer's from here on, also on failure. Errors: NEAP_NOMEM. */
neap_status neapi_writer_init(neapi_writer *writer, const neapi_platform *platform,
                              const neapi_report *report, neapi_session *session,
                              neap_error *error);
/* The thread was stopped. */
void neapi_writer_fini(neapi_writer *writer);

/* Takes all of the list. Threads: any. A submission stays where it is until it comes back to its
 * mailbox, judged. */
void neapi_writer_push(neapi_writer *writer, neapi_submission_list *list);

bool neapi_writer_has_work(neapi_writer *writer);

/* Commits one batch, or does a piece of housekeeping. false: there was nothing to do. */
bool neapi_writer_step(neapi_writer *writer);

/* From now on a commit's outcome that is unknown is asked for once only. */
void neapi_writer_hurry(neapi_writer *writer);

neap_status neapi_writer_start(neapi_writer *writer, neap_error *error);
/* Commits what is queued, then ends the thread. */
void neapi_writer_stop(neapi_writer *writer);

#endif
