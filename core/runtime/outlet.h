/* Where an outbox's events go: a publisher, and the thread that waits for its acknowledgements, so
 * that no lane does. One batch is on its way at a time. */
#ifndef NEAPI_RUNTIME_OUTLET_H
#define NEAPI_RUNTIME_OUTLET_H

#include "runtime/mailbox.h"
#include "runtime/partition.h"

typedef enum neapi_outlet_stage {
    NEAPI_OUTLET_IDLE,  /* the lane's */
    NEAPI_OUTLET_GIVEN, /* the thread's */
    NEAPI_OUTLET_DONE,  /* the lane's */
} neapi_outlet_stage;

typedef struct neapi_outlet {
    const neapi_subscription *definition;
    const neapi_platform *platform;
    neap_publisher publisher;
    neap_publisher_options options;
    void *self; /* the publisher's */
    bool open;
    neapi_arena texts; /* of the options, and the source */
    neap_text source;
    neapi_gate gate;
    atomic_bool stopping;
    pthread_t thread;
    bool has_gate, running;

    atomic_int stage;
    /* The batch, by whose turn it is. */
    neapi_mailbox *mailbox; /* of the lane that gave it */
    const neap_event *const *events;
    size_t count;
    size_t acknowledged;
    neap_status status;
    neap_error error;
    neapi_arena batch;

    unsigned failures;  /* in a row; the lane's */
    neapi_arena letter; /* holds `one`: a dead letter that is tried again */
    neap_event one;
    const neap_event *only;
} neapi_outlet;

/* Opens the publishers of all outboxes; with lanes they get their threads. Errors: UNKNOWN (no such
 * publisher), and whatever a publisher says of its options. */
neap_status neapi_outlets_open(neap_runtime *runtime, neap_error *error);
/* The lanes do not run any more: waits for what is on its way, and closes all. */
void neapi_outlets_close(neap_runtime *runtime);

/* Gives it a batch, which lives until the stage is DONE; without a thread that is so at once. The
 * lane is woken then. */
void neapi_outlet_give(neapi_outlet *outlet, neapi_lane *lane, const neap_event *const *events,
                       size_t count);

static inline bool neapi_outlet_is_busy(const neapi_outlet *outlet)
{
    return outlet != NULL && atomic_load(&outlet->stage) == NEAPI_OUTLET_GIVEN;
}

/* A publisher that the host provides. */
typedef struct neapi_provided_publisher {
    const char *name;
    neap_publisher publisher;
    void *user;
} neapi_provided_publisher;

void neapi_publishers_free(neap_runtime *runtime);

/* Goes on with what is at hand of an outbox's partition; core/runtime/publish_out.c. Errors: of an
 * event that its publisher does not take, however often it is tried: events[event_at]. */
neap_status neapi_publish_out(neapi_lane *lane, neapi_partition *partition, neap_error *error);
/* Publishes an event that is a dead letter. Errors: NEAP_NOMEM. */
neap_status neapi_publish_one(neapi_lane *lane, neapi_partition *partition, const neap_event *event,
                              neap_error *error);
/* Sets partition->delivery, if that is over. */
void neapi_publish_look(neapi_partition *partition);
/* Nothing is on its way. */
void neapi_publish_out_forget(neapi_partition *partition);

#endif
