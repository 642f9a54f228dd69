/* What was committed together, in memory: an immutable batch of events that lives as long as
 * somebody holds it. It holds the units of work, in whose memory the events are. */
#ifndef NEAPI_RUNTIME_BATCH_H
#define NEAPI_RUNTIME_BATCH_H

#include "store/unit.h"

typedef struct neapi_batch neapi_batch;

struct neapi_batch {
    atomic_uint references;
    atomic_size_t *held;  /* where its bytes are counted as long as it lives */
    uint64_t first, last; /* positions, without a hole */
    size_t bytes;         /* of all memory that is there because of it */
    neapi_batch *next;    /* for whoever owns it: a list */
    size_t unit_count;
    neapi_unit *units[];
};

/* How much goes into one batch. A single unit may be more. */
typedef struct neapi_batch_limits {
    size_t units, events, bytes;
} neapi_batch_limits;

/* Where a batch begins and ends among judged units. */
typedef struct neapi_batch_extent {
    size_t end; /* behind the last unit that was looked at */
    size_t unit_count;
    uint64_t first, last; /* positions; 0: no unit has events */
    size_t bytes;
} neapi_batch_extent;

/* The next batch of units[at…count), which were judged in this order: of those that were accepted
 * and have events. */
neapi_batch_extent neapi_batch_measure(neapi_unit *const *units, size_t at, size_t count,
                                       const neapi_batch_limits *limits);
/* held: outlives the batch. Owns: one reference. Errors: NULL, an allocation was refused. */
neapi_batch *neapi_batch_new(neapi_unit *const *units, size_t at, const neapi_batch_extent *extent,
                             atomic_size_t *held);
neapi_batch *neapi_batch_hold(neapi_batch *batch); /* Threads: any. */
void neapi_batch_release(neapi_batch *batch);      /* Threads: any. NULL is allowed. */

/* Where a reader is in a batch. All zero: at the beginning. */
typedef struct neapi_batch_place {
    size_t unit, event;
} neapi_batch_place;

/* The event at the place, which moves on; NULL: the end. Lifetime: the batch's. */
const neap_event *neapi_batch_next(const neapi_batch *batch, neapi_batch_place *place);

#endif
