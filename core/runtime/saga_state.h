/* The inside of a partition's sagas, shared by the files that make it up. */
#ifndef NEAPI_RUNTIME_SAGA_STATE_H
#define NEAPI_RUNTIME_SAGA_STATE_H

#include "base/map.h"
#include "runtime/saga.h"
#include "runtime/saga_record.h"

#define NEAPI_SAGA_OWNER       NEAPI_LITERAL("saga")
#define NEAPI_SAGA_COMPENSATED NEAPI_LITERAL("$compensated") /* behind all that compensates */

struct neapi_sagas {
    neapi_buffer collection, stopped; /* names */
    neapi_map by_key;                 /* those at hand; absent ones too */
    neapi_saga *changed;
    const neapi_saga *current; /* its function is being called */
    neapi_arena keys;          /* of the event that is being handled */
    neapi_effects effects;

    /* What the queue has handed over. */
    neapi_due *first_due, *last_due;
    neapi_due *in_unit;  /* it was handled; newest first */
    unsigned one_by_one; /* so many are to be handled each in a unit of its own */
    int64_t parked_us;   /* what was given back for later was due from then on; 0: nothing was */

    /* Going on with those that had stopped. */
    unsigned resumes; /* of the subscription, that it has seen */
    bool resuming;
    neapi_buffer behind; /* the one that was gone on with last */
    neapi_page page;
};

/* What a saga handles: an event, or (NULL) what is due. */
typedef struct neapi_saga_cause {
    const neap_event *event;
    const neapi_due *due;
    neapi_call call;
} neapi_saga_cause;

/* The one of that key, as it is with all that was handled so far. Errors: as neapi_find_document,
 * NEAP_CORRUPT, NEAP_NOMEM. */
neap_status neapi_saga_get(neapi_lane *lane, neapi_partition *partition, neap_text key,
                           neapi_saga **saga, neap_error *error);
/* The unit that is to be committed next. Errors: NULL, no memory. */
neapi_unit *neapi_saga_unit(neapi_lane *lane, neapi_partition *partition);
void neapi_saga_mark_changed(neapi_sagas *sagas, neapi_saga *saga);
/* Gets its state into the engine. */
neap_status neapi_saga_load_state(neapi_lane *lane, neapi_saga *saga, neap_error *error);
void neapi_saga_free_state(neapi_lane *lane, neapi_saga *saga);
/* Adds or drops the document that says that it has stopped. */
neap_status neapi_saga_say_stopped(neapi_lane *lane, neapi_partition *partition,
                                   const neapi_saga *saga, bool stopped);

/* Has it handled, and puts what it wants done into the unit; or stops it. core/runtime/saga_step.c.
 * Errors: what may pass: all of the unit is to be done again. */
neap_status neapi_saga_run(neapi_lane *lane, neapi_partition *partition, neapi_saga *saga,
                           const neapi_saga_cause *cause, neap_error *error);
/* It has failed: what compensates is queued. n: what the cause has put into the queue so far. */
neap_status neapi_saga_compensate(neapi_lane *lane, neapi_partition *partition, neapi_saga *saga,
                                  const neapi_saga_cause *cause, uint64_t n, neap_error *error);
/* Puts a command, or a timeout, of the saga into the queue. */
neap_status neapi_saga_put(neapi_lane *lane, neapi_partition *partition, neapi_saga *saga,
                           neapi_queued *entry, neap_error *error);
/* Has all of the event's sagas that are of the partition handle it; only: that one alone, if it is
 * one of them; NULL: all. */
neap_status neapi_saga_handle_event(neapi_lane *lane, neapi_partition *partition,
                                    const neap_event *event, const neapi_saga *only,
                                    neap_error *error);

/* Goes on with one that had stopped, some way. core/runtime/saga_resume.c. */
neap_status neapi_saga_resume_some(neapi_lane *lane, neapi_partition *partition, neap_error *error);

/* The queue looks again at what was given back for later. core/runtime/saga_due.c. */
void neapi_saga_unpark(const neapi_lane *lane, neapi_sagas *sagas);

/* It may be that the same works later. */
static inline bool neapi_saga_may_pass(neap_status status)
{
    return status == NEAP_NOMEM || status == NEAP_UNAVAILABLE || status == NEAP_STORE ||
           status == NEAP_CLOSED;
}

#endif
