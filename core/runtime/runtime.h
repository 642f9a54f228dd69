/* An open domain on an open store, with its lanes and its writer. */
#ifndef NEAPI_RUNTIME_RUNTIME_H
#define NEAPI_RUNTIME_RUNTIME_H

#include "runtime/ahead.h"
#include "runtime/follow.h"
#include "runtime/lane.h"

typedef enum neapi_runtime_stage {
    NEAPI_RUNTIME_LOADED,
    NEAPI_RUNTIME_RUNNING,
    NEAPI_RUNTIME_FAILED, /* to start; it can only be closed */
} neapi_runtime_stage;

/* Looks after lanes that do not come back from Lua; core/runtime/watch.c. */
typedef struct neapi_watch {
    neapi_gate gate;
    atomic_bool stopping;
    pthread_t thread;
    bool made, running;
} neapi_watch;

struct neap_runtime {
    neap_options options; /* its texts are owned */
    bool in_hosts_state;  /* the domain is in a Lua state of the host's: neap_load_in() */
    const neapi_platform *platform;
    neapi_platform given;    /* what platform points to if a clock or a seed was given */
    atomic_ullong random;    /* of the seed */
    atomic_llong skipped_us; /* that nobody waited for, with a clock that is given */
    neapi_report report;
    pthread_mutex_t log_mutex;
    neapi_sources *sources;
    struct neap_history *history; /* held: of a past, whose sources are the history's; else NULL */
    struct neapi_branch *branch;  /* of a past that goes on on its own; NULL: it does not */
    neapi_engine *engine;         /* the first lane's once that is made */
    neapi_catalog *catalog;
    neapi_service *provided; /* by the host, for domain and middleware */
    size_t provided_count;
    struct neapi_provided_publisher *publishers; /* by the host, for outboxes */
    size_t publisher_count;
    struct neapi_use *uses; /* the host's middleware */
    size_t use_count;
    char fingerprint[37]; /* of a domain without sources */
    neapi_store *store;
    pthread_mutex_t host_mutex; /* see host_reading.h */
    neapi_session *host_session;
    neapi_writer writer;
    neapi_hub *hub;
    neapi_ahead *ahead;            /* for who is far behind; NULL: nobody reads for others */
    struct neapi_members *members; /* NULL: nobody else writes to the store */
    int64_t patience_us;           /* of members with others; 0: the usual */
    struct neapi_queue *queue;     /* one of the lanes'; NULL: not all subscriptions run here, and
                                      no other process writes */
    _Atomic(struct neapi_delivery *) delivery; /* NULL: nobody has asked for it */
    struct neapi_subscribed *subscribed;       /* those that have a checkpoint */
    uint32_t subscribed_count;
    struct neapi_in_unit *in_unit; /* inline projections */
    uint32_t in_unit_count;
    neapi_router router;
    unsigned lane_count;            /* of the router's lanes: those that are made */
    neapi_store_calls reader_calls; /* of all sessions that the host reads with */
    int64_t started_us;             /* monotonic */
    neapi_count turned_away; /* messages for which there was no room, or no runtime any more */
    neapi_lane *given_up;    /* lanes that did not come back; see rescue.c */
    unsigned rescues;
    neapi_engine *kept_engine; /* whose definitions somebody may still look at */
    neap_runtime *kept_before; /* of runtimes that are closed, but cannot be freed */
    neapi_watch watch;
    neapi_request *last_barrier; /* for closing, which must not want memory */
    bool has_writer;
    neapi_runtime_stage stage;
    /* Without lanes: who drives. */
    pthread_mutex_t drive_mutex;
    _Atomic(pthread_t) driver;
    atomic_bool driven;
};

/* A past of the history, loaded and not started: without its store. The sources, complete, are the
 * history's. Errors: as neap_load(). */
neap_status neapi_runtime_load_past(struct neap_history *history, neapi_sources *sources,
                                    const neap_options *options, neap_runtime **past,
                                    neap_error *error);

/* As neap_load(), of files that were read. Takes the sources, also on failure. */
neap_status neapi_runtime_load_sources(neapi_sources *sources, const neap_options *options,
                                       neap_runtime **runtime, neap_error *error);

/* What neap_drain() waits behind. Errors: NULL, no memory. */
neapi_request *neapi_barrier_new(const neap_runtime *runtime);
void neapi_barrier_free(neapi_request *barrier); /* one that was not used; NULL is allowed */
/* neap_drain() of a running runtime, also from within a handler of another one, for closing. Takes
 * the barrier. */
neap_status neapi_drain(neap_runtime *runtime, neapi_request *barrier, uint32_t timeout_ms,
                        neap_error *error);
/* Makes the domain's services in one of its engines, and frees what the host gave for them;
 * core/runtime/provide.c. */
neap_status neapi_runtime_start_services(const neap_runtime *runtime, neapi_engine *engine,
                                         neap_error *error);
void neapi_runtime_free_services(neap_runtime *runtime);

/* Live reading; core/runtime/followers.c. The hub is there before the writer, and lives on as long
 * as somebody reads. */
neap_status neapi_runtime_open_hub(neap_runtime *runtime, neap_error *error);
/* Gives readers and followers what is left, tells them that it is over, and takes the store from
 * them. The writer is stopped. */
void neapi_runtime_close_hub(neap_runtime *runtime);
/* Whether the calling thread is the one that calls followers back. */
bool neapi_runtime_delivers(const neap_runtime *runtime);
/* Without lanes: calls followers back. false: there was nothing for them. */
bool neapi_runtime_deliver(neap_runtime *runtime);
neapi_followed neapi_runtime_followed(neap_runtime *runtime);

/* The lanes, in the order of their life: core/runtime/lanes.c. */
/* Decides how many there are, and loads the domain in each. */
neap_status neapi_lanes_make(neap_runtime *runtime, neap_error *error);
/* The runtime's first engine, or one more, with its services if the lane runs what may use them. */
neap_status neapi_lanes_give_engine(neap_runtime *runtime, neapi_lane *lane, neap_error *error);
/* The store is open. */
neap_status neapi_lanes_open(neap_runtime *runtime, neap_text fingerprint, neap_error *error);
neap_status neapi_lanes_start(neap_runtime *runtime, neap_error *error);
void neapi_lanes_admit(neap_runtime *runtime, neapi_admission admission);
/* Waits until what they have begun is answered; what they have not is answered NEAP_CLOSED. */
void neapi_lanes_stop(neap_runtime *runtime);
/* How many messages they did not begin. */
uint64_t neapi_lanes_dropped(const neap_runtime *runtime);
void neapi_lanes_close(neap_runtime *runtime);
/* The rest, at which who was given up may still look. */
void neapi_lanes_free(neap_runtime *runtime);
/* An engine of the domain for the lane. */
neap_status neapi_runtime_open_engine(neap_runtime *runtime, neapi_lane *lane,
                                      neapi_engine **engine, neap_error *error);
/* What an engine of the runtime's domain needs; without a lane, and silent. */
neapi_engine_options neapi_runtime_engine_options(const neap_runtime *runtime);

/* A store that is read without a domain. */
struct neap_store {
    neapi_store *store;
    neapi_hub *hub; /* of who follows it */
};

#endif
