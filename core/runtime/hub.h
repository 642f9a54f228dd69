/* The hub: what was committed goes to those who follow the log from memory. It keeps the newest
 * batches within bounds, by position, and wakes who waits for one of their events. Readers pull:
 * who asks for what is not kept any more is told that it is behind, reads that from the store, and
 * comes back with the position behind it. A reader gets what lies at or behind its position, in
 * order, and nothing else decides what it gets: so there is no gap and no repeat.
 *
 * Readers that do not want an event cost nothing when it is published, and nothing is kept where
 * there is no reader.
 *
 * Threads: publishing is done by whoever commits, in the order of commits; a reader: owner; all
 * else any. */
#ifndef NEAPI_RUNTIME_HUB_H
#define NEAPI_RUNTIME_HUB_H

#include "base/count.h"
#include "base/platform.h"
#include "runtime/batch.h"
#include "runtime/topics.h"

typedef struct neapi_hub neapi_hub;
typedef struct neapi_hub_reader neapi_hub_reader;

/* platform: is not used any more once the hub has ended. Owns: one reference. Errors: NULL, no
 * memory. */
neapi_hub *neapi_hub_new(const neapi_platform *platform, size_t most_bytes, size_t most_events);
neapi_hub *neapi_hub_hold(neapi_hub *hub);
void neapi_hub_release(neapi_hub *hub); /* NULL is allowed */

/* Takes in what was committed: the accepted among the units, which have been judged in this order.
 * Without a reader it is one atomic operation. What there is no memory for is missing in the hub,
 * and readers find it in the store. */
void neapi_hub_publish(neapi_hub *hub, neapi_unit *const *units, size_t count);
/* Wakes those who waited for what was published. */
void neapi_hub_wake(neapi_hub *hub);

/* Something up to the position was committed by somebody else: readers find it in the store. The
 * place where commits of other processes come in. */
void neapi_hub_missed(neapi_hub *hub, uint64_t last);

/* Nothing more will be published: readers get what there is, then NEAPI_HUB_ENDED. Wakes all. */
void neapi_hub_end(neapi_hub *hub);
/* Calls `detach` of every reader that has one, once; it must not close the reader. */
void neapi_hub_detach_all(neapi_hub *hub);

typedef struct neapi_hub_figures {
    unsigned readers, waiting;
    uint64_t batches, events; /* kept for readers that are not far behind */
    size_t kept_bytes;        /* of those */
    size_t held_bytes;        /* of those, and of what readers still hold */
    uint64_t first, last;     /* positions kept; first > last: none */
    uint64_t wakes;           /* readers that were woken since the beginning */
    uint64_t lag;             /* events behind the end, of the one that is furthest */
    uint64_t given, fetched;  /* events that readers got from here, and from the store */
    uint64_t pages;           /* of those from the store */
} neapi_hub_figures;
/* Threads: any. */
neapi_hub_figures neapi_hub_look(neapi_hub *hub);

/* Lies within what reads. */
struct neapi_hub_reader {
    neapi_hub *hub;   /* held */
    neapi_gate *gate; /* moved when there is something for it */
    void (*detach)(neapi_hub_reader *reader);
    /* Under the hub's mutex. */
    neapi_interest interest;
    uint64_t position; /* where it goes on */
    bool at_end;       /* it has read the store to its end since it was opened */
    bool waiting, fired, detached;
    unsigned pins; /* by threads that use it outside of the mutex: closing waits for them */
    neapi_hub_reader *next, **link; /* of all readers */
    neapi_hub_reader *next_fired;
};

/* The reader got so many events: from a batch (pages 0), or from pages of the store. Threads: any.
 */
void neapi_hub_count(neapi_hub_reader *reader, uint64_t events, uint64_t pages);

/* Opens a reader of what the range asks for, from its first position on: zero but for gate and
 * detach (or NULL). What is committed from here on is published; what was before is in the store.
 * Lifetime: the range outlives the reader; range->from may move up while it does not wait. Errors:
 * NEAP_CLOSED, NEAP_NOMEM. */
neap_status neapi_hub_open(neapi_hub *hub, neapi_hub_reader *reader, const neapi_range *range,
                           neap_error *error);
void neapi_hub_close(neapi_hub_reader *reader);

typedef enum neapi_hub_answer {
    NEAPI_HUB_EVENTS, /* a batch, in which the reader's position lies */
    NEAPI_HUB_WAITS,  /* nothing wanted is there; the gate will be moved */
    NEAPI_HUB_BEHIND, /* what lies at the reader's position is not kept: the store has it */
    NEAPI_HUB_ENDED,  /* nothing more will come */
} neapi_hub_answer;

/* What there is at the reader's position. *position: where that is now; it may have moved past what
 * the reader does not want. *batch: only of NEAPI_HUB_EVENTS. Owns: the caller. */
neapi_hub_answer neapi_hub_take(neapi_hub_reader *reader, neapi_batch **batch, uint64_t *position);
/* Where the reader is; of one that waits, behind everything that was published. */
uint64_t neapi_hub_position(const neapi_hub_reader *reader);
/* The reader is through with everything before the position. at_end: it has read the store to the
 * end, as it was after the reader was opened. It does not wait. */
void neapi_hub_move(neapi_hub_reader *reader, uint64_t position, bool at_end);

#endif
