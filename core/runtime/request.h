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
    NEAPI_REQUEST_BARRIER, /* answered once everything that its lane took before it has been */
} neapi_request_kind;

typedef enum neapi_stage {
    NEAPI_STAGE_WAITING, /* nothing of it has begun; its caller may withdraw it */
    NEAPI_STAGE_BEGUN,
    NEAPI_STAGE_WITHDRAWN,
    NEAPI_STAGE_DONE,
} neapi_stage;

typedef struct neapi_request neapi_request;
struct neapi_warm;
struct neapi_place;
struct neapi_passage;

typedef struct neapi_request_list {
    neapi_request *first, *last;
} neapi_request_list;

struct neapi_request {
    atomic_uint references; /* the waiting caller's, and the runtime's */
    atomic_int stage;
    neapi_request_kind kind;
    neapi_request *next; /* in the one list that holds it: mailbox, parked, deferred … */

    /* What was asked. Texts lie behind the struct, or in `arena`. */
    const neapi_message *message; /* NULL: of an event that is as `earlier` says */
    neapi_instance instance; /* of the aggregate; without a stream: it could not be found out */
    neap_text json, key, meta;
    neap_text stream;      /* of an event from outside, terminated */
    uint64_t expected;     /* and the version that its stream has before it */
    neapi_earlier earlier; /* schema 0: it is of today */
    uint64_t at_version;   /* of a state (by tags: a position); 0: now */
    int64_t deadline_us;   /* monotonic; NEAPI_NO_DEADLINE */
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
    neapi_request *outer;          /* whose middleware asked for this one; held */
    struct neapi_passage *passage; /* which waits for this one; NULL: nobody does */
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

/* Whether it may change what is stored. */
static inline bool neapi_request_writes(const neapi_request *request)
{
    return request->kind == NEAPI_REQUEST_COMMAND || request->kind == NEAPI_REQUEST_PUBLISH;
}

/* All zero for an event from outside. */
static inline neap_uuid neapi_request_command_id(const neapi_request *request)
{
    return request->kind == NEAPI_REQUEST_COMMAND ? request->call.id : (neap_uuid){{0}};
}

void neapi_request_list_push(neapi_request_list *list, neapi_request *request);
neapi_request *neapi_request_list_pop(neapi_request_list *list);
/* Moves all of `from` behind `to`. */
void neapi_request_list_join(neapi_request_list *to, neapi_request_list *from);

#endif
