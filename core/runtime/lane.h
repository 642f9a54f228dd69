/* One lua_State and its queue: a step function that decides, asks and answers. It never blocks on a
 * commit: units go to the writer and come back judged, and meanwhile the lane goes on. Threads:
 * owner, but for the mailbox. */
#ifndef NEAPI_RUNTIME_LANE_H
#define NEAPI_RUNTIME_LANE_H

#include "base/uuid.h"
#include "runtime/ahead.h"
#include "runtime/mailbox.h"
#include "runtime/metrics.h"
#include "runtime/report.h"
#include "runtime/router.h"
#include "runtime/stay.h"
#include "runtime/wakeups.h"
#include "runtime/warm.h"
#include "runtime/writer.h"
#include "store/store.h"

typedef struct neapi_lane neapi_lane;
struct neapi_lane {
    const neap_options *options;
    const neapi_platform *platform;
    const neapi_report *report;
    const neapi_catalog *catalog;
    neapi_engine *engine;
    neapi_session *session;
    neapi_writer *writer; /* NULL: the store is open for reading only */
    neapi_router *router;
    const struct neap_runtime *runtime; /* its address; see neapi_thread_works_for() */
    unsigned number;                    /* of this lane there */
    neap_text fingerprint;
    neapi_mailbox *mailbox;
    neapi_lane_metrics *metrics;
    neapi_warm_cache warm;
    neapi_map keys;                     /* idempotency keys of requests that are begun */
    neapi_map turns;                    /* by tag: see turns.c */
    neapi_map in_flight;                /* documents of inline projections: see in_unit.c */
    neapi_request_list backlog;         /* taken out of the mailbox, not begun */
    neapi_request_list ready;           /* to be begun (again) before anything new */
    neapi_request_list returned;        /* for runs that wait for what they asked for */
    neapi_wakeups wakeups;              /* of runs that sleep, or wait with a deadline */
    struct neapi_partition *partitions; /* of subscriptions, that run here */
    struct neapi_subscribed *at_home;   /* those whose home it is */
    struct neapi_queue *queue; /* the runtime's, if this lane drives it; NULL: another one does */
    atomic_llong watched_us;   /* with a queue: until when the lane's thread waits */
    bool by_caller;            /* who steps it waits for an answer, and does nothing else */
    unsigned passages;         /* that run or wait */
    size_t parked_bytes;       /* of those that wait, outside of Lua */
    unsigned crowd;            /* how many there were when they held too much; 0: that is over */
    struct neapi_passage *oldest_passage, *newest_passage; /* those */
    struct neapi_passage *idle_passages;
    unsigned idle_passage_count;
    bool has_middleware;
    const struct neapi_use *uses; /* the host's middleware, the runtime's */
    size_t use_count;
    neapi_request *oldest, *newest; /* everything taken and not answered, in order of arrival */
    unsigned unanswered;
    uint64_t dropped;       /* not begun before the lane was to stop */
    size_t memory_left;     /* in use when it was collected last because it ran short */
    unsigned submitted;     /* units with the writer, or on their way */
    neapi_mail_list mail;   /* taken out of the mailbox, not looked at */
    neapi_mail_list outbox; /* submissions; go to the writer together, at the end of a step */
    bool pushed;            /* some did, and nobody was told */
    neapi_uuid_source ids;
    const neapi_warm *deciding; /* whose state a handler or a fold holds; NULL: none */
    unsigned begun;             /* in this step, of what came from outside */
    /* What Lua is at work on, so that it can be taken away from it: see rescue.c. */
    neapi_request *current;           /* being handled; NULL: none */
    bool current_by_tags;             /* it has a turn to give up */
    neapi_unit *in_hand;              /* what is decided goes in there */
    struct neapi_partition *handling; /* whose events are; NULL: none */
    neapi_request *coming_back;       /* the answer that a run goes on with */
    neapi_stay stay;
    atomic_bool driven; /* somebody steps it: the thread, or who waits for an answer */
    atomic_bool stopping;
    atomic_bool gone; /* the thread has ended */
    pthread_t thread;
    bool running;
    neapi_lane *given_up_before; /* of lanes that were given up */
    atomic_bool handed_over;     /* of one that was: another has all that it is to have */
    /* From here on: what may be used from within Lua. */
    neapi_page page;
    neapi_ahead_page *coming; /* of what is folded; NULL: none was asked for */
    neapi_buffer scratch;
    neapi_buffer canonical; /* the JSON of the command that is being decided */
    neap_error error;
};

/* Owns: the engine and the session are the lane's from here on. Errors: NEAP_NOMEM. */
neap_status neapi_lane_init(neapi_lane *lane, neapi_engine *engine, neapi_session *session,
                            neap_error *error);
void neapi_lane_fini(neapi_lane *lane);

/* Takes the right to step it, and gives it up. false: somebody has it. Threads: any. */
bool neapi_lane_try(neapi_lane *lane);
void neapi_lane_leave(neapi_lane *lane);

/* Takes what came and does it. false: there was nothing. Threads: who has the right. */
bool neapi_lane_step(neapi_lane *lane);
/* Commits what was decided, and what others have decided, if nobody else does, and if nothing waits
 * here or the store takes no time but the processor's; else sees to it that it is committed. false:
 * nothing was committed here. */
bool neapi_lane_commit(neapi_lane *lane);
/* When the lane is to be stepped again at the latest, if nothing comes: NEAPI_NO_DEADLINE, or a
 * monotonic time. */
int64_t neapi_lane_wake_us(const neapi_lane *lane);

neap_status neapi_lane_start(neapi_lane *lane, neap_error *error);
/* A thread for a lane that has taken another's place, which was running. */
neap_status neapi_lane_start_again(neapi_lane *lane, neap_error *error);
/* From now on: answers what has not begun with NEAP_CLOSED, waits for what is with the writer, and
 * then ends. */
void neapi_lane_stop(neapi_lane *lane);
/* Whether a lane that is to stop has: nothing comes any more. Threads: who drives it. */
bool neapi_lane_ended(neapi_lane *lane);
/* Waits for the end of the thread; also if another lane has to take this one's place meanwhile. */
void neapi_lane_join(neapi_lane *lane);

/* Puts a request that one of this lane's makes to where it belongs; its answer comes back as
 * neapi_passage_outcome(). Takes the reference. Errors: NEAP_CLOSED; it is still the caller's. */
neap_status neapi_lane_ask(neapi_lane *lane, neapi_request *inner, neap_error *error);

/* Answer, and forget. reply NULL: there was no memory for it. */
void neapi_lane_succeed(neapi_lane *lane, neapi_request *request, neap_reply *reply);
void neapi_lane_succeed_empty(neapi_lane *lane, neapi_request *request); /* nothing is to be said */
void neapi_lane_fail(neapi_lane *lane, neapi_request *request, const neap_error *error);
/* Forgets one that was withdrawn: nobody waits for its answer. */
void neapi_lane_forget(neapi_lane *lane, neapi_request *request);

/* Folds an instance out of the store as of max_version (by tags: a position), through a snapshot if
 * there is one. */
neap_status neapi_lane_load(neapi_lane *lane, const neapi_instance *instance, uint64_t max_version,
                            neapi_folded *folded, neap_error *error);
/* Loads the state of an aggregate by tags, or folds what was committed since. Nothing of it is in
 * flight. After a failure it is not loaded. instance: the state's, but the caller's own, who may
 * outlast the state (see rescue.c). */
neap_status neapi_lane_bring_up_to_date(neapi_lane *lane, neapi_warm *warm,
                                        const neapi_instance *instance, neap_error *error);
/* A copy of the accepted state, for a query. NEAPI_NO_STATE: it has no event. */
neap_status neapi_lane_accepted_state(void *lane, const neapi_aggregate *aggregate, neap_text id,
                                      neapi_state *copy, neap_error *error);

/* The same for a handler in Lua, which can wait: NEAPI_STATE_ELSEWHERE if the lane that decides the
 * instance is to be asked. So it is where reading the store would hold up this lane. (A
 * neapi_engine_options.load_state.) */
neap_status neapi_lane_state_for_handler(void *lane, const neapi_aggregate *aggregate, neap_text id,
                                         neapi_state *copy, neap_error *error);

/* Frees the states that are only kept for speed. (A neapi_engine_options.let_go.) */
void neapi_lane_let_go(void *lane);

/* What a plain handler made of its command: submits the unit, which stays the caller's. */
void neapi_lane_handled(neapi_lane *lane, neapi_request *request, neapi_unit *unit);
/* A command: decides it, or parks it. An event from outside: submits it. */
void neapi_lane_command(neapi_lane *lane, neapi_request *request);
/* What the writer made of a unit. */
void neapi_lane_judged(neapi_lane *lane, neapi_submission *submission);
/* Gives the writer what is in the outbox. */
void neapi_lane_flush(neapi_lane *lane);
/* Puts a unit among those that go to the writer at the end of the step. */
void neapi_lane_submit(neapi_lane *lane, neapi_submission *submission);

#endif
