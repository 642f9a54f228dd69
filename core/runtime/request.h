/* One message on its way: from the caller's thread through a lane (and the writer) to its answer.
 */
#ifndef NEAPI_RUNTIME_REQUEST_H
#define NEAPI_RUNTIME_REQUEST_H

#include "base/platform.h"
#include "bus/catalog.h"
#include "runtime/submission.h"
#include "script/engine.h"

typedef enum neapi_request_kind {
    NEAPI_REQUEST_COMMAND,
    NEAPI_REQUEST_PUBLISH, /* an event from outside: what it is was decided elsewhere */
    NEAPI_REQUEST_QUERY,
    NEAPI_REQUEST_STATE,
    NEAPI_REQUEST_QUEUE,    /* a command to be put into the queue */
    NEAPI_REQUEST_CANCEL,   /* what has a name in the queue, to be taken out */
    NEAPI_REQUEST_DELIVERY, /* of an event to a subscriber */
    NEAPI_REQUEST_CATCH_UP, /* answered once a subscription has reached `at_version` */
    NEAPI_REQUEST_CHANGE,   /* of a subscription */
    NEAPI_REQUEST_BARRIER,  /* answered once everything that its lane took before it has been */
    NEAPI_REQUEST_LOOK,     /* of a past: what `look` does with its lane's engine and session */
} neapi_request_kind;

typedef enum neapi_stage {
    NEAPI_STAGE_WAITING, /* nothing of it has begun; its caller may withdraw it */
    NEAPI_STAGE_BEGUN,
    NEAPI_STAGE_WITHDRAWN,
    NEAPI_STAGE_DONE,
} neapi_stage;

/* What is asked of the queue. */
typedef struct neapi_schedule {
    neap_text name;   /* empty: none */
    int64_t after_us; /* from when it is put there; or */
    int64_t at_us;    /* since 1970; 0: not given */
    neap_uuid id;     /* of the command that is queued, or of what is cancelled; zero: nothing is */
    /* Of CANCEL: dead letters of the queue that are meant instead; the caller's, who waits. */
    struct neapi_queue_letters *letters;
} neapi_schedule;

typedef struct neapi_request neapi_request;
struct neapi_lane;
struct neapi_warm;
struct neapi_place;
struct neapi_passage;
struct neapi_in_hand;

typedef neapi_mail_list neapi_request_list;

struct neapi_request {
    neapi_mail mail;        /* in the one list that holds it: a box, ready, parked, deferred … */
    atomic_uint references; /* the waiting caller's, and the runtime's */
    atomic_int stage;
    neapi_request_kind kind;

    /* What was asked. Texts lie behind the struct, or in `arena`. */
    const neapi_message *message; /* NULL: of an event that is as `earlier` says */
    neapi_instance instance; /* of the aggregate; without a stream: it could not be found out */
    neap_text json, key, meta;
    neap_text stream;                     /* of an event from outside, terminated */
    neapi_schedule *schedule;             /* QUEUE, CANCEL; in `arena` */
    uint64_t expected;                    /* and the version that its stream has before it */
    neapi_earlier earlier;                /* schema 0: it is of today */
    const neapi_subscription *projection; /* STATE: a live one, whose document it is, by its key in
                                             the place of a stream; NULL: an aggregate's */
    uint64_t at_version; /* of a state (by tags: a position); 0: now. Of CATCH_UP: the position */
    /* Of CATCH_UP: which is to reach it next; of DELIVERY: whose it is. */
    struct neapi_partition *partition;
    neap_event delivered;  /* of DELIVERY; in `arena` */
    bool transient;        /* and whether it is: nobody tries it again */
    neapi_signals signals; /* COMMAND, PUBLISH: what it gives when it is durable; in `arena` */
    struct {               /* of CATCH_UP: dead letters are tried again */
        bool wanted;
        neap_text stream; /* those of one stream, whose partition is meant; empty: all */
        uint64_t dropped; /* but for this one, which goes; 0: none */
        bool drops;       /* they all go instead of being tried again */
    } letters;
    /* LOOK: called once, by who drives the lane; fills *error on failure. */
    neap_status (*look)(struct neapi_lane *lane, void *looker, neap_error *error);
    void *looker;
    struct neapi_subscribed *subscribed; /* of CHANGE: what is changed, and how */
    int change;
    int64_t arrived_us;   /* monotonic: when the host asked */
    bool as_saved;        /* a state: the answer is bytes of neapi_engine_state_save() */
    bool past_middleware; /* it is what a middleware's `next` asked for, or nothing wraps it */
    /* What its unit does with documents beside, so that it takes effect once: what it came from
     * goes with it. In `arena`, or the outer one's. */
    const neapi_document *consume;
    unsigned consume_count;
    struct neapi_in_hand *due; /* the entry of the queue that it is, which its answer goes to */
    int64_t deadline_us;       /* monotonic; NEAPI_NO_DEADLINE */
    neapi_call call;
    neapi_arena arena;

    /* The lane's. */
    neapi_submission submission;
    struct neapi_warm *warm;      /* by key: whose state it was decided on */
    struct neapi_warm *by_tags;   /* by tags: whose state it was decided on */
    struct neapi_place *places;   /* by tags: in the queues of its tags; NULL: in none */
    unsigned behind;              /* in how many of those another one is before it */
    neapi_request_list deferred;  /* decided on this one's outcome; answered after it */
    neapi_request_list same_key;  /* wait for this one because they have its idempotency key */
    neapi_request *older, *newer; /* in the lane's order of arrival */
    uint64_t version, position;   /* of the stream, when a decision added nothing */
    unsigned attempts;
    neapi_request *outer; /* whose handler or middleware asked for this one; held */
    unsigned depth;       /* of dispatches and queries within each other; 0: the host's */
    bool effect; /* what its handler had done took effect, or may have, whatever becomes of it */
    struct neapi_lane *home;       /* the lane that asked, where the answer goes; NULL: none did */
    struct neapi_passage *passage; /* which waits for this one; NULL: nobody does. That lane's */
    size_t uses_passed;            /* of the host's middleware, that hear of the answer */
    bool uses_asked;
    int64_t asked_us; /* when they were: monotonic */
    bool listed;      /* in the lane's order of arrival */
    bool holds_key;
    bool hashed;
    uint64_t hash; /* with a key, of what the caller asked for */

    /* The answer. */
    neap_status status;
    neap_error *error; /* owned; NULL: there was no memory for one, or no error */
    bool outcome_unknown;
    neap_reply *reply; /* owned until taken */
    neap_callback callback;
    void *user;
    bool gated; /* a caller waits at `answered` */
    neapi_gate answered;
    const neapi_platform *platform;
};

/* Owns: one reference, or two if `gated` (one for the waiting caller). The text is copied. Errors:
 * NULL. */
neapi_request *neapi_request_new(const neapi_platform *platform, neapi_request_kind kind,
                                 bool gated, neap_text json, neap_text key, neap_text meta);
void neapi_request_hold(neapi_request *request);
void neapi_request_release(neapi_request *request);

/* Answers: stores the outcome, wakes or calls back, and gives up the runtime's reference. Takes
 * reply. */
void neapi_request_succeed(neapi_request *request, neap_reply *reply);
/* error: may be request->error. */
void neapi_request_fail(neapi_request *request, const neap_error *error);

/* Keeps a copy of the error for later; without memory for one the status alone will be told. */
void neapi_request_keep_error(neapi_request *request, const neap_error *error);

/* Lets the waiting caller go on without it: true if nothing of it has begun, and nothing will. */
bool neapi_request_withdraw(neapi_request *request);
/* For the lane: false if it was withdrawn. */
bool neapi_request_begin(neapi_request *request);

static inline neapi_request *neapi_request_of(neapi_mail *mail)
{
    return (neapi_request *)mail;
}

/* Whether it may change what is stored. */
static inline bool neapi_request_writes(const neapi_request *request)
{
    return request->kind == NEAPI_REQUEST_COMMAND || request->kind == NEAPI_REQUEST_PUBLISH ||
           request->kind == NEAPI_REQUEST_QUEUE || request->kind == NEAPI_REQUEST_CANCEL;
}

/* Whether it commits a unit though it decided nothing: something is to be remembered of it. */
static inline bool neapi_request_commits(const neapi_request *request)
{
    return request->key.size != 0 || request->consume_count != 0;
}

/* Of its message; of a question for a state, the aggregate's. */
neap_text neapi_request_name(const neapi_request *request);

/* Whether it is about the runtime itself, and counted and logged nowhere. */
static inline bool neapi_request_is_internal(const neapi_request *request)
{
    return request->kind == NEAPI_REQUEST_CATCH_UP || request->kind == NEAPI_REQUEST_CHANGE ||
           request->kind == NEAPI_REQUEST_DELIVERY || request->kind == NEAPI_REQUEST_LOOK;
}

/* All zero for an event from outside, and where there was nothing to cancel. */
static inline neap_uuid neapi_request_command_id(const neapi_request *request)
{
    switch (request->kind) {
    case NEAPI_REQUEST_COMMAND:
        return request->call.id;
    case NEAPI_REQUEST_QUEUE:
    case NEAPI_REQUEST_CANCEL:
        return request->schedule->id;
    default:
        return (neap_uuid){{0}};
    }
}

/* Has what lies at `memory` brought near, while something else is done: another thread wrote it,
 * long enough ago for it to be out of this core's caches. NULL is allowed. */
static inline void neapi_bring_near(const void *memory, size_t size)
{
    const char *at = memory;
    for (size_t i = 0; at != NULL && i < size; i += 64)
        __builtin_prefetch(at + i, 1);
}

static inline void neapi_request_list_push(neapi_request_list *list, neapi_request *request)
{
    neapi_mail_push(list, &request->mail);
}

static inline neapi_request *neapi_request_list_pop(neapi_request_list *list)
{
    return neapi_request_of(neapi_mail_pop(list));
}

/* Moves all of `from` behind `to`. */
static inline void neapi_request_list_join(neapi_request_list *to, neapi_request_list *from)
{
    neapi_mail_join(to, from);
}

#endif
