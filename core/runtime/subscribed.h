/* The subscriptions of a running domain: which builds of each there are, and on which lanes their
 * partitions run.
 *
 * What is stored of a subscription is changed by one lane, its home: see change.h. */
#ifndef NEAPI_RUNTIME_SUBSCRIBED_H
#define NEAPI_RUNTIME_SUBSCRIBED_H

#include "base/circuit.h"
#include "runtime/partition.h"

typedef struct neapi_subscribed neapi_subscribed;
struct neapi_subscribed {
    const neapi_subscription *definition;
    bool runs;                   /* in this runtime */
    bool rebuild;                /* it begins to be built anew, unless it is being */
    unsigned home;               /* the lane's number */
    neapi_subscribed *next_home; /* of those with the same */
    _Atomic(neapi_build *) live;
    _Atomic(neapi_build *) next; /* being built beside it; NULL: none */
    atomic_bool paused;
    /* Where other processes write, too. `granted`: the store says that it is this one's to run;
     * `owned`: it is being run, and follows once the home lane has looked at the record; `looks`:
     * the home lane is to. Else it is owned from the beginning. */
    atomic_bool granted, owned, looks;
    atomic_uint resumed;   /* how often */
    atomic_uint resets;    /* how often its checkpoints were put elsewhere */
    pthread_mutex_t mutex; /* of what its partitions say of why they stopped, and of: */
    neapi_circuit circuit;
    unsigned under_way; /* partitions that are at an event; of one that has a circuit or a limit */
    bool awaited;       /* some would be if they might */
    const neapi_report *report;
    atomic_uint signals; /* transient events that are on their way, or handled */
    atomic_bool losing;  /* there are too many */
    /* The home lane's. */
    neapi_record record; /* as stored */
    neapi_buffer mark;   /* its bytes */
    neapi_buffer new_mark;
    neapi_record new_record;
    neapi_build *replaced;    /* builds that were live */
    bool changing;            /* a unit with a new record is in flight */
    neapi_request_list asked; /* changes that wait for that */
    int64_t again_us;         /* monotonic: a change that failed is not tried again before */
    int64_t look_us;          /* monotonic: the record is not read before */
    neapi_submission swap;
    uint32_t swept;   /* no build up to this one has documents that are of no use */
    int64_t sweep_us; /* monotonic: no others are swept before */
    bool sweeping;
    uint32_t sweeping_to; /* what is swept in SQL: up to that build */
    neapi_submission sweep;
};

/* The store is open, and the lanes are made: stores what is not stored yet of each subscription,
 * and gives each lane its partitions. Without a writer none of them runs, and those that are not
 * chosen do not. Errors: as neapi_commit, NEAP_CORRUPT, NEAP_NOMEM. */
neap_status neapi_subscriptions_open(neap_runtime *runtime, neap_error *error);
/* The lanes have ended, and nobody is inside of them. */
void neapi_subscriptions_close(neap_runtime *runtime);

/* The subscription of that name that has a checkpoint. Errors: NEAP_UNKNOWN, NEAP_USAGE (it has
 * none: what it gives is always up to date). */
neap_status neapi_subscribed_named(const neap_runtime *runtime, neap_text name,
                                   neapi_subscribed **found, neap_error *error);

/* The same of one that runs here; call: for the message. Errors: NEAP_USAGE (it does not). */
neap_status neapi_subscribed_running(const neap_runtime *runtime, const char *call, neap_text name,
                                     neapi_subscribed **found, neap_error *error);

/* The number of a subscription's live build: of one that runs elsewhere, as the store says now.
 * Errors: as neapi_subscribed_named, neapi_stored_record. */
neap_status neapi_subscribed_live_build(const neap_runtime *runtime, neapi_session *session,
                                        neap_text name, uint32_t *build, neap_error *error);

/* Waits until a subscription has reached the position, all of its partitions. deadline_us:
 * monotonic. Errors: NEAP_TIMEOUT, NEAP_UNAVAILABLE (it has stopped, or is paused), NEAP_CLOSED,
 * NEAP_NOMEM. */
neap_status neapi_catch_up(neap_runtime *runtime, neapi_subscribed *subscribed, uint64_t position,
                           int64_t deadline_us, neap_error *error);

/* That what the option wait_for names can be waited for. Errors: NEAP_UNKNOWN, NEAP_USAGE (it does
 * not run here). */
neap_status neapi_wait_for_check(const neap_runtime *runtime, const neap_dispatch_options *options,
                                 neap_error *error);
/* Waits for a request's answer, and then until what wait_for names has caught up with it; where it
 * has not, the receipt says so. Errors: as neapi_call_wait. */
neap_status neapi_call_wait_caught_up(neap_runtime *runtime, neapi_request *request,
                                      const neap_dispatch_options *options, int64_t deadline_us,
                                      neap_reply **reply, neap_error *error);

/* It is not run here, and nothing of it is under way. Threads: any. */
bool neapi_subscribed_rests(const neapi_subscribed *subscribed);

/* The same of one of its builds: until it is live, and has reached it. */
neap_status neapi_await_build(neap_runtime *runtime, neapi_build *build, uint64_t position,
                              int64_t deadline_us, neap_error *error);

/* Has a partition, and those behind it, try dead letters again: of one stream (that of the
 * partition alone), but for one position, which is dropped; or all (stream empty). drops: they go
 * instead. Waits until what comes of it is durable. Errors: NEAP_BUSY, NEAP_UNAVAILABLE,
 * NEAP_CLOSED, NEAP_STORE, NEAP_NOMEM. */
neap_status neapi_try_letters_again(neap_runtime *runtime, neapi_partition *partition,
                                    neap_text stream, uint64_t dropped, bool drops,
                                    neap_error *error);

/* Makes a build as the record says, next: the one that is to take the place of the live one.
 * Errors: NEAP_NOMEM. */
neap_status neapi_build_make(const neap_runtime *runtime, neapi_subscribed *subscribed,
                             const neapi_record *record, bool next, neapi_build **made,
                             neap_error *error);
void neapi_build_free(neapi_build *build); /* NULL is allowed, as below */
/* The other lanes that have partitions of it look at them. */
void neapi_build_nudge(const neapi_lane *lane, const neapi_build *build);

/* Add to a unit: the record, in the place of the one that is stored; the checkpoints of a build at
 * a position, and none any more. Errors: NEAP_NOMEM. */
neap_status neapi_record_put(neapi_unit *unit, neapi_subscribed *subscribed,
                             const neapi_record *record);
neap_status neapi_checkpoints_put(neapi_unit *unit, const neapi_subscription *definition,
                                  uint32_t build, uint32_t partitions, uint64_t position);
neap_status neapi_checkpoints_drop(neapi_unit *unit, const neapi_subscription *definition,
                                   uint32_t build, uint32_t partitions);

/* Add to a unit what begins the next build, makes it the live one, or drops the tables of one, and
 * change the record, which is to be put. Errors: NEAP_NOMEM. */
neap_status neapi_build_begin(neapi_unit *unit, const neapi_subscription *definition,
                              neapi_record *record);
neap_status neapi_build_swap(neapi_unit *unit, const neapi_subscription *definition,
                             neapi_record *record);
neap_status neapi_build_drop_tables(neapi_unit *unit, const neapi_subscription *definition,
                                    uint32_t build);

#endif
