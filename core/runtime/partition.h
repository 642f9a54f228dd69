/* One partition of a subscription as it runs: it reads the log from its checkpoint on, has what it
 * finds handled, and commits what comes of that together with the checkpoint behind it. It belongs
 * to one lane, whose steps drive it. Threads: that lane's, but for the counts and `state`.
 *
 * What was handled and not committed is kept in memory alone. Whatever goes wrong with a commit, it
 * is forgotten, and the partition begins again at the checkpoint that the store has. */
#ifndef NEAPI_RUNTIME_PARTITION_H
#define NEAPI_RUNTIME_PARTITION_H

#include "base/circuit.h"
#include "runtime/checkpoint.h"
#include "runtime/lane.h"
#include "runtime/live.h"

typedef enum neapi_partition_state {
    NEAPI_PARTITION_STARTING, /* its checkpoint is to be read */
    NEAPI_PARTITION_RUNNING,
    NEAPI_PARTITION_PAUSED,
    NEAPI_PARTITION_ELSEWHERE, /* another process runs it, or is about to */
    NEAPI_PARTITION_STOPPED,   /* by an event that it cannot handle: see `why` */
    NEAPI_PARTITION_RETIRED,   /* its build goes no further, for another takes its place */
    NEAPI_PARTITION_ENDED,     /* its lane has ended */
} neapi_partition_state;

/* How it is with the event that is being delivered to a subscriber. */
typedef enum neapi_delivery_state {
    NEAPI_DELIVERY_NONE, /* it is not being, or is to be tried again */
    NEAPI_DELIVERY_UNDER_WAY,
    NEAPI_DELIVERY_DONE,
    NEAPI_DELIVERY_FAILED, /* see partition->failure */
} neapi_delivery_state;

/* Dead letters that are tried again, one after another; each stream goes no further than to the
 * first that fails. */
typedef struct neapi_second_try {
    neapi_arena arena;
    neap_text stream; /* of that one alone; empty: of all */
    uint64_t dropped; /* this position is not tried, but dropped; 0: none is */
    struct neapi_second_letter *first, *current; /* in the order of the log; once begun */
    bool on, begun;
    bool drops; /* they go, without being tried */
    bool lost;  /* it was begun, and what came of it is not durable */
} neapi_second_try;

#define NEAPI_PARTITION_EVENTS 2048 /* at hand at once */

typedef struct neapi_partition neapi_partition;
struct neapi_partition {
    neapi_mail mail; /* on its way to its lane */
    struct neapi_build *build;
    const neapi_subscription *definition;
    uint32_t number;
    unsigned lane;         /* its number */
    neapi_partition *next; /* of the same lane */
    atomic_int state;
    neapi_buffer key;      /* the checkpoint's */
    neapi_buffer mark;     /* the checkpoint's data, as the store has it */
    neapi_buffer new_mark; /* and as the unit in flight makes it */
    uint64_t generation;
    int64_t again_us;  /* monotonic: not to be looked at before; 0: at once */
    unsigned failures; /* of the store, in a row */
    unsigned resumes;  /* how often it was resumed, as far as it knows */
    unsigned resets;   /* likewise, put elsewhere */

    /* What is at hand. */
    neapi_range range;
    neapi_live live;
    bool open;
    bool at_end; /* nothing was there when it looked last */
    bool is_far; /* what it read last has more behind it in the store */
    neapi_page page;
    const neap_event *events[NEAPI_PARTITION_EVENTS];
    size_t event_count, event_at;
    uint64_t stop_at;    /* an event that cannot be handled: it goes no further; 0: none is known */
    uint64_t careful_to; /* up to here each event is handled and committed by itself */
    bool was_careful;    /* what was handled last was */
    bool lost;           /* somebody who does not come back is in it */
    neap_error *why;     /* it cannot be; NULL: there was no memory to say it */

    /* What was handled. */
    neapi_documents documents; /* of a projection */
    neapi_arena found;
    size_t at_once; /* documents that a unit may have, as large as they were; 0: not known yet */
    struct neapi_sagas *sagas; /* of a saga: see saga.h */
    /* Of a subscriber: */
    neapi_delivery_state delivery;
    struct neapi_outlet *outlet; /* of an outbox: where its events go */
    unsigned attempts;           /* of the event that is being delivered, which failed */
    int64_t retry_us;            /* monotonic: when it is tried again; 0: it is not */
    int64_t held_us;             /* monotonic: held back until then; 0: it is not */
    neapi_request *attempt;      /* waits for one of them; NULL: none does */
    neapi_request *running;      /* its handler runs, or is about to; NULL: none is */
    neapi_circuit_pass pass;     /* of that one */
    bool counted;                /* the failure is that of an attempt, which was counted */
    neap_error failure;          /* of the delivery */
    neapi_unit *wanted;          /* what its handler wants done; NULL: nothing */
    neapi_unit *unit; /* what is to be committed with the checkpoint; NULL: nothing else */
    neapi_second_try second_try;
    neapi_map held; /* streams that wait behind a dead letter, by name */
    neapi_arena held_names;
    uint64_t through;         /* everything up to here was, or was not wanted */
    unsigned pending;         /* events since the last unit */
    int64_t pending_since_us; /* monotonic */

    /* What is committed. */
    neapi_submission submission;
    uint64_t submitted; /* the position that it brings */
    bool in_flight;
    bool again;                 /* it begins again at its checkpoint, once nothing is in flight */
    neapi_request_list waiting; /* for it to reach a position */

    /* For others to read. */
    neapi_count stored;   /* the checkpoint's position */
    neapi_count reached;  /* up to here everything is durable, or was not wanted */
    neapi_count since;    /* where it began to read here */
    neapi_count since_us; /* and when: monotonic; 0: it did not yet */
    neapi_count handled, units;
    neapi_count failing; /* attempts of the event at hand that failed; 0: it is not tried again */
    char trouble[256];   /* why the last one did; under the subscription's mutex */
};

/* One making of a subscription's effects, with all its partitions. */
typedef struct neapi_build {
    struct neapi_subscribed *subscribed;
    uint32_t number, version;
    atomic_bool retiring;    /* it goes no further */
    neapi_buffer collection; /* a projection's documents */
    uint32_t partition_count;
    neapi_partition *partitions;
    struct neapi_build *replaced; /* of those that were */
} neapi_build;

/* Initialises a zeroed one. Errors: NEAP_NOMEM. */
neap_status neapi_partition_init(neapi_partition *partition, neapi_build *build, uint32_t number,
                                 unsigned lane, neap_error *error);
/* Finds out how far a partition came that goes no further. Errors: as neapi_find_document,
 * NEAP_CORRUPT. */
neap_status neapi_partition_look_up(neapi_session *session, neapi_partition *partition,
                                    neap_error *error);
/* Its lane has ended. */
void neapi_partition_fini(neapi_partition *partition);

/* The event at hand failed, so many times, and is tried again: for others to see. */
void neapi_partition_note_trouble(neapi_partition *partition, unsigned failures,
                                  const neap_error *error);

/* It runs on the lane from now on. Threads: the lane's. */
void neapi_partition_join(neapi_lane *lane, neapi_partition *partition);
/* Drives all of the lane's. false: there was nothing to do. */
bool neapi_partitions_step(neapi_lane *lane);
/* Whether all have answered who waits for them: the lane stops. */
bool neapi_partitions_have_ended(const neapi_lane *lane);
/* When one of them is to be looked at again at the latest: NEAPI_NO_DEADLINE, or a monotonic time.
 */
int64_t neapi_partitions_wake_us(const neapi_lane *lane);
/* Lets go of documents that are only kept for speed. */
void neapi_partitions_let_go(neapi_lane *lane);
/* The lane's Lua is lost. stuck: the one that was handling and did not come back, or NULL. */
void neapi_partitions_give_up(neapi_lane *fresh, neapi_partition *stuck, const neap_error *error);

/* A request of kind CATCH_UP has come to the lane of its partition. */
void neapi_partition_awaited(neapi_lane *lane, neapi_request *request);

/* Handles `most` of what is at hand. Errors: of an event that cannot be handled: events[event_at]
 * is that one, and nothing may be committed of what was handled since the last unit. */
neap_status neapi_project(neapi_lane *lane, neapi_partition *partition, size_t most,
                          neap_error *error);
/* Forgets what was folded and is not durable. */
void neapi_project_forget(neapi_lane *lane, neapi_partition *partition);
/* Whether what was folded is much enough to be committed. */
bool neapi_project_is_full(const neapi_partition *partition);
/* Says which SQL a unit was refused for. */
neap_status neapi_project_refused(const neapi_partition *partition, const neapi_unit *unit,
                                  neap_error *error);

#endif
