/* A message on its way through the domain's middleware, as its lane sees it: a chain that waits for
 * what `next` gives or for time, and the request that `next` makes, which goes through the lane as
 * any other. Threads: the lane's. */
#ifndef NEAPI_RUNTIME_PASSAGE_H
#define NEAPI_RUNTIME_PASSAGE_H

#include "runtime/lane.h"

/* Whether the request is one that goes through middleware first. */
static inline bool neapi_passage_wanted(const neapi_lane *lane, const neapi_request *request)
{
    return lane->has_middleware && request->outer == NULL &&
           (request->kind == NEAPI_REQUEST_COMMAND || request->kind == NEAPI_REQUEST_QUERY);
}

/* The request was begun. */
void neapi_passage_begin(neapi_lane *lane, neapi_request *request);

/* The outcome of what `next` asked for: takes reply, or keeps the error (reply NULL). The chain
 * goes on later. */
void neapi_passage_outcome(neapi_lane *lane, neapi_request *inner, neap_reply *reply,
                           const neap_error *error);
/* Goes on with the chain that waits for it. */
void neapi_passage_return(neapi_lane *lane, neapi_request *inner);

/* Goes on with all whose time has come, and, while the lane stops, ends all that sleep. false:
 * there were none. */
bool neapi_passage_wake(neapi_lane *lane);

/* Frees what is kept for passages to come. */
void neapi_passages_fini(neapi_lane *lane);

#endif
