/* The inside of the queue, shared by the files that make it up. */
#ifndef NEAPI_RUNTIME_QUEUE_STATE_H
#define NEAPI_RUNTIME_QUEUE_STATE_H

#include "runtime/lane.h"
#include "runtime/queue.h"

#define NEAPI_QUEUE_IN_FLIGHT 64   /* commands under way, and units of the queue's own */
#define NEAPI_QUEUE_IN_HAND   1024 /* with those that wait to be tried again, or for their owner */
#define NEAPI_QUEUE_BEHIND    256  /* of one owner, remembered behind the one that is in hand */
#define NEAPI_QUEUE_AGAIN_US  100000 /* when the store has failed */

typedef enum neapi_in_hand_state {
    NEAPI_IN_HAND_READY,      /* to be read and begun: in queue->ready */
    NEAPI_IN_HAND_DISPATCHED, /* its command is under way */
    NEAPI_IN_HAND_UNIT,       /* a unit of the queue's own is */
    NEAPI_IN_HAND_WAITING,    /* to be tried again */
    NEAPI_IN_HAND_GIVEN,      /* its owner has it */
} neapi_in_hand_state;

/* What becomes of the entry in the unit. */
typedef enum neapi_in_hand_unit {
    NEAPI_UNIT_TAKES_OUT, /* it was rejected; or answered without having taken effect */
    NEAPI_UNIT_DISCARDS,  /* its name stands for another one */
    NEAPI_UNIT_TRIES_AGAIN,
    NEAPI_UNIT_BURIES,
} neapi_in_hand_unit;

typedef struct neapi_in_hand neapi_in_hand;

/* The entries of one owner: one in hand, or parked, and those behind it, in the order of their
 * keys. */
typedef struct neapi_owner_line {
    neap_text owner; /* behind the struct */
    neapi_queued_key *behind;
    size_t first, count, capacity; /* of behind */
    bool has_more;                 /* there are some from this moment on that are not in the list */
    int64_t more_us;
    /* The first that the owner has parked: what is due behind it is not begun before it is told of,
     * and read again. */
    neapi_queued_key parked; /* empty: none */
    bool resting;            /* nothing is in hand, because of that */
    struct neapi_owner_line *next_parked, **at_parked;
} neapi_owner_line;

struct neapi_in_hand {
    neapi_submission submission; /* the first member */
    neapi_due due;
    neapi_queue *queue;
    neapi_in_hand_state state;
    neapi_in_hand_unit doing;
    neapi_queued_key key;
    neapi_arena arena; /* the entry's texts */
    neapi_queued entry;
    neapi_owner_line *line; /* NULL: nobody's */
    neap_error *error;      /* why it failed; owned */
    int64_t again_at;       /* TRIES_AGAIN: when */
    neapi_wakeup wakeup;    /* wall clock */
    neapi_in_hand *next;    /* in `ready`, or among those that are given back */
    bool done, parked;      /* given back so */
};

struct neapi_queue {
    neapi_lane *lane;
    neapi_mailbox *mailbox; /* the lane's, also of who takes its place */
    neapi_queue_owner owners[NEAPI_QUEUE_OWNERS];
    size_t owner_count;
    neapi_map in_hand;        /* by key */
    neapi_map lines;          /* by owner */
    neapi_owner_line *parked; /* those with something that is parked */
    unsigned in_flight, given;
    neapi_in_hand *first_ready, *last_ready;
    neapi_wakeups wakeups;

    /* Reading on: what is due up to the cursor is in hand, or behind what is. */
    neapi_queued_key cursor;
    bool at_start; /* there is no cursor yet */
    bool scanning; /* something behind it may be due */
    neapi_document_page page;
    size_t page_at;
    bool page_is_old;  /* something may have come into what it shows */
    int64_t next_us;   /* wall: the first that is not due yet; INT64_MAX: there is none */
    bool unreadable;   /* the store cannot be read, which was said */
    int64_t again_us;  /* wall: the store is not to be asked before; 0: it may be */
    int64_t shared_us; /* wall: where others write, too, all is looked at again then */
    int64_t wake_us;   /* monotonic */

    /* From other threads. */
    atomic_llong told_us; /* the earliest that came; INT64_MAX: nothing did */
    _Atomic(neapi_in_hand *) returned;
    atomic_bool settled;
};

/* What becomes of an entry: core/runtime/queue_due.c. */
/* The entry is read, and of nobody's who has another in hand. */
void neapi_in_hand_begin(neapi_in_hand *it);
/* It waits until that moment of the wall clock, and is read again then. */
void neapi_in_hand_wait(neapi_in_hand *it, int64_t at_us);
/* It is not there any more, or needs no more care. */
void neapi_in_hand_release(neapi_in_hand *it);
void neapi_in_hand_make_ready(neapi_in_hand *it);
/* Errors: NULL, no memory. */
neapi_in_hand *neapi_in_hand_new(neapi_queue *queue, neap_text key);

/* Owners' lines: core/runtime/queue_lines.c. */
/* Puts a key behind what its owner has in hand. true: it has something, and the key is behind it,
 * or will be found again. */
bool neapi_queue_line_up(neapi_queue *queue, neap_text owner, neap_text key);
/* The owner has nothing in hand, and nothing parked before it: now it has this. Errors: false, no
 * memory. */
bool neapi_queue_begin_line(neapi_queue *queue, neapi_in_hand *it);
/* The next one takes its place, if there is one. */
void neapi_queue_end_turn(neapi_queue *queue, neapi_in_hand *it);
/* Its owner has parked it: what is due behind it is found again with it. */
void neapi_queue_leave_line(neapi_queue *queue, neapi_in_hand *it);
/* What is parked and due from that moment on is read again. */
void neapi_queue_unpark(neapi_queue *queue, int64_t due_us);
/* What is due from that moment on is read again. */
void neapi_queue_rewind(neapi_queue *queue, int64_t due_us);

/* Whether the entry is this process's to do: who runs a saga does what is the saga's. Any may do it
 * twice without harm, as its own unit takes it out. */
bool neapi_queue_is_ours(const neapi_queue *queue, neap_text owner);

/* Says to the log what became of an entry. */
void neapi_queue_say(const neapi_queue *queue, neap_log_level level, const neapi_queued *entry,
                     const char *what, const neap_error *why);

static inline neapi_in_hand *neapi_in_hand_of(neapi_due *due)
{
    return (neapi_in_hand *)(void *)((char *)due - offsetof(neapi_in_hand, due));
}

/* No more is begun: the runtime closes. */
static inline bool neapi_queue_is_closing(const neapi_queue *queue)
{
    return atomic_load(&queue->mailbox->admission) != NEAPI_ADMITS_ALL ||
           atomic_load(&queue->lane->stopping);
}

#endif
