/* What the store keeps of one saga: a document of `$saga:<name>`, by the saga's key. It is
 * canonical JSON that people can read; beside the state as JSON stands what gives it back exactly.
 *
 * Threads: owner. */
#ifndef NEAPI_RUNTIME_SAGA_RECORD_H
#define NEAPI_RUNTIME_SAGA_RECORD_H

#include "base/arena.h"
#include "base/buffer.h"
#include "runtime/queued.h"
#include "script/engine.h"

typedef enum neapi_saga_status {
    NEAPI_SAGA_ABSENT, /* it has not begun; there is no document */
    NEAPI_SAGA_RUNNING,
    NEAPI_SAGA_COMPLETED,
    NEAPI_SAGA_COMPENSATING, /* it has failed; the commands that compensate are on their way */
    NEAPI_SAGA_FAILED,       /* and all of them, if there were any, took effect */
    NEAPI_SAGA_COMPENSATION_FAILED, /* some did not */
    NEAPI_SAGA_STOPPED,             /* one of its functions raised: it waits to be resumed */
} neapi_saga_status;

/* Lifetime: static. */
const char *neapi_saga_status_name(neapi_saga_status status);
/* false: it is none. */
bool neapi_saga_status_named(neap_text name, neapi_saga_status *status);

/* Something of it that was put into the queue, and may be there yet. */
typedef struct neapi_saga_sent {
    neapi_queued_key key;
    neap_text timeout; /* its name; empty: it is a command */
    neap_text command;
    neap_text name; /* of a command; empty: none */
    struct neapi_saga_sent *next;
} neapi_saga_sent;

/* A command for when it fails. */
typedef struct neapi_saga_compensation {
    neap_uuid id;
    neap_text command, data, meta;
    struct neapi_saga_compensation *next; /* the one that was recorded before */
} neapi_saga_compensation;

/* A command that did not take effect, and that no function of the saga dealt with. */
typedef struct neapi_saga_failure {
    neap_text command, code, message;
    struct neapi_saga_failure *next;
} neapi_saga_failure;

/* All texts and lists are the arena's. */
typedef struct neapi_saga {
    neapi_arena arena;
    neap_text key;
    neapi_saga_status status;
    neapi_buffer saved; /* the state; empty: none */
    neapi_state state;  /* the same in the engine; NEAPI_NO_STATE: it is not there now */
    neap_uuid correlation_id;
    int64_t started_at, updated_at, ended_at;
    uint64_t position; /* of the last event that it handled */
    neap_text reason;  /* why it failed; or why it has stopped */
    neap_text traceback;
    neap_text stopped_by;  /* "event 12", "timeout payment" … */
    uint64_t go_on_at;     /* STOPPED: it has handled no event from this position on */
    neapi_saga_sent *sent; /* newest first */
    size_t sent_count;
    neapi_saga_compensation *compensations; /* newest first */
    size_t compensation_count;
    neapi_saga_failure *failures; /* newest first */
    bool changed;                 /* since it was put into a unit */
    struct neapi_saga *next;      /* of those that are */
} neapi_saga;

/* Copies the key. Errors: NULL, no memory. */
neapi_saga *neapi_saga_new(neap_text key);
/* NULL is allowed. Its state must have been freed. */
void neapi_saga_free(neapi_saga *saga);

static inline bool neapi_saga_has_ended(const neapi_saga *saga)
{
    return saga->status == NEAPI_SAGA_COMPLETED || saga->status == NEAPI_SAGA_FAILED ||
           saga->status == NEAPI_SAGA_COMPENSATION_FAILED;
}

/* Add one. Copy what they are given. Errors: NEAP_NOMEM. */
neap_status neapi_saga_add_sent(neapi_saga *saga, const neapi_saga_sent *sent);
neap_status neapi_saga_add_compensation(neapi_saga *saga,
                                        const neapi_saga_compensation *compensation);
neap_status neapi_saga_add_failure(neapi_saga *saga, const neapi_saga_failure *failure);
/* Takes what has the key out of the list. false: it is not there. */
bool neapi_saga_forget_sent(neapi_saga *saga, neap_text key);

/* Append the name of the collection of a saga's documents, and of the one of those that have
 * stopped: each has a document there, by its key. */
void neapi_saga_collection(neapi_buffer *name, neap_text saga);
void neapi_saga_stopped_collection(neapi_buffer *name, neap_text saga);

/* Appends the canonical JSON. state: the state's, or empty. */
void neapi_saga_write(neapi_buffer *json, const neapi_saga *saga, neap_text state);
/* Errors: NEAP_CORRUPT, NEAP_NOMEM. */
neap_status neapi_saga_read(neap_text json, neapi_saga *saga, neap_error *error);

#endif
