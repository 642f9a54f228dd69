/* The inside of a passage, shared by the files that make it up. */
#ifndef NEAPI_RUNTIME_PASSAGE_STATE_H
#define NEAPI_RUNTIME_PASSAGE_STATE_H

#include "runtime/lane.h"

struct neapi_passage {
    neapi_run run;
    neapi_wakeup wakeup;
    neapi_request *request; /* whose answer it makes */
    neapi_request *inner;   /* what it asked for and waits for; NULL: nothing */
    neap_reply *receipt;    /* of middleware: what the last `next` of a command gave */
    neapi_effects effects;  /* of a handler: what it sends */
    neapi_buffer canonical; /* of a handler's command, which will be recorded */
    int64_t until_us;       /* of an attempt at an event: its deadline */
    size_t bytes;           /* that it holds while it waits, as lane->parked_bytes counts them */
    unsigned calls;         /* of `next` */
    bool id_is_used;        /* something may be stored under the command's own id */
    bool withdrawn;         /* while it slept: nobody waits for the answer */
    struct neapi_passage *next;          /* of those that are kept for later */
    struct neapi_passage *older, *newer; /* of those that are in use */
};

/* Puts what the run asks for among what is to be begun; core/runtime/passage_ask.c. Errors:
 * NEAP_LIMIT (nested too deep), NEAP_INVALID (the instance that it means), NEAP_CLOSED, NEAP_NOMEM.
 */
neap_status neapi_passage_ask(neapi_lane *lane, struct neapi_passage *it, neap_error *error);

#endif
