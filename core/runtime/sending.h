/* What a handler, a subscriber or a saga sends and cancels, as operations of its unit. Threads: the
 * lane's. */
#ifndef NEAPI_RUNTIME_SENDING_H
#define NEAPI_RUNTIME_SENDING_H

#include "runtime/lane.h"

/* Who sends. */
typedef struct neapi_sender {
    const neapi_call *call; /* what is sent has its id as cause */
    neap_text owner;        /* as of a neapi_queued; empty: nobody */
    uint64_t position;      /* of the event that is handled; 0: it is a command */
} neapi_sender;

/* Puts what the effects have for the queue there: SEND, CANCEL and TIMEOUT; the others are passed
 * over. Errors: NEAP_INVALID (a name), NEAP_LIMIT, NEAP_NOMEM. */
neap_status neapi_send_effects(neapi_lane *lane, const neapi_effects *effects,
                               const neapi_sender *sender, neapi_unit *unit, neap_error *error);

#endif
