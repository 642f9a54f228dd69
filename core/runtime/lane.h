/* One lua_State and its queue: a step function that decides, asks and answers. It never blocks on a
 * commit: units go to the writer and come back judged, and meanwhile the lane goes on. Threads:
 * owner, but for the mailbox. */
#ifndef NEAPI_RUNTIME_LANE_H
#define NEAPI_RUNTIME_LANE_H

#include "base/uuid.h"
#include "runtime/mailbox.h"
#include "runtime/report.h"
#include "runtime/wakeups.h"
#include "runtime/warm.h"
#include "runtime/writer.h"
#include "store/store.h"

typedef struct neapi_lane {
    const neap_options *options;
    const neapi_platform *platform;
    const neapi_report *report;
    const neapi_catalog *catalog;
    neapi_engine *engine;
    neapi_session *session;
    neapi_writer *writer; /* NULL: the store is open for reading only */
    neap_text fingerprint;
    neapi_mailbox mailbox;
    neapi_warm_cache warm;
    neapi_map keys;              /* idempotency keys of requests that are begun */
    neapi_map turns;             /* by tag: see turns.c */
    neapi_request_list backlog;  /* taken out of the mailbox, not begun */
    neapi_request_list ready;    /* to be begun (again) before anything new */
    neapi_request_list returned; /* for middleware that waits for what it asked for */
    neapi_wakeups wakeups;       /* of middleware that sleeps, or waits with a deadline */
    struct neapi_passage *idle_passages;
    unsigned idle_passage_count;
    bool has_middleware;
    const struct neapi_use *uses; /* the host's middleware, the runtime's */
    size_t use_count;
    neapi_request *oldest, *newest; /* everything taken and not answered, in order of arrival */
    unsigned unanswered;
    size_t memory_left;           /* of Lua's, when it was collected last because it ran short */
    unsigned submitted;           /* units with the writer, or on their way */
    neapi_submission_list outbox; /* go to the writer together, at the end of a step */
    neapi_uuid_source ids;
    neapi_page page;
    neapi_buffer scratch;
    neapi_buffer canonical;     /* the JSON of the command that is being decided */
    const neapi_warm *deciding; /* whose state a handler or a fold holds; NULL: none */
    neap_error error;
    atomic_bool stopping;
    pthread_t thread;
    bool running;
} neapi_lane;

/* Owns: the engine and the session are the lane's from here on. Errors: NEAP_NOMEM. */
neap_status neapi_lane_init(neapi_lane *lane, neapi_engine *engine, neapi_session *session,
                            neap_error *error);
void neapi_lane_fini(neapi_lane *lane);

/* Takes what came and does it. false: there was nothing. */
bool neapi_lane_step(neapi_lane *lane);
/* When the lane is to be stepped again at the latest, if nothing comes: NEAPI_NO_DEADLINE, or a
 * monotonic time. */
int64_t neapi_lane_wake_us(const neapi_lane *lane);

neap_status neapi_lane_start(neapi_lane *lane, neap_error *error);
/* Answers what has not begun with NEAP_CLOSED, waits for what is with the writer, and ends the
 * thread. */
void neapi_lane_stop(neapi_lane *lane);

/* Answer, and forget. reply NULL: there was no memory for it. */
void neapi_lane_succeed(neapi_lane *lane, neapi_request *request, neap_reply *reply);
void neapi_lane_fail(neapi_lane *lane, neapi_request *request, const neap_error *error);
/* Forgets one that was withdrawn: nobody waits for its answer. */
void neapi_lane_forget(neapi_lane *lane, neapi_request *request);

/* Folds an instance out of the store as of max_version (by tags: a position), through a snapshot if
 * there is one. */
neap_status neapi_lane_load(neapi_lane *lane, const neapi_instance *instance, uint64_t max_version,
                            neapi_folded *folded, neap_error *error);
/* Loads the state of an aggregate by tags, or folds what was committed since. Nothing of it is in
 * flight. After a failure it is not loaded. */
neap_status neapi_lane_bring_up_to_date(neapi_lane *lane, neapi_warm *warm, neap_error *error);
/* A copy of the accepted state, for a query. NEAPI_NO_STATE: it has no event. (A
 * neapi_engine_options.load_state.) */
neap_status neapi_lane_accepted_state(void *lane, const neapi_aggregate *aggregate, neap_text id,
                                      neapi_state *copy, neap_error *error);

/* Frees the states that are only kept for speed. (A neapi_engine_options.let_go.) */
void neapi_lane_let_go(void *lane);

/* A command: decides it, or parks it. An event from outside: submits it. */
void neapi_lane_command(neapi_lane *lane, neapi_request *request);
/* What the writer made of a unit. */
void neapi_lane_judged(neapi_lane *lane, neapi_submission *submission);
/* Puts a unit among those that go to the writer at the end of the step. */
void neapi_lane_submit(neapi_lane *lane, neapi_submission *submission);

#endif
