/* Transient events on their way to subscribers: at most once, to those that run here and are not
 * paused, without checkpoint, attempts and dead letters. Threads: the lane's. */
#ifndef NEAPI_RUNTIME_SIGNAL_H
#define NEAPI_RUNTIME_SIGNAL_H

#include "runtime/lane.h"

/* The request is about to be answered: what it did is durable. Gives what it has of them to the
 * lanes of who listens. */
void neapi_signals_send(neapi_lane *lane, neapi_request *request);

#endif
