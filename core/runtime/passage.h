/* A message in Lua, as its lane sees it: a plain handler, a query's answer or middleware, which
 * waits for what it asks for or for time, and the request that it makes, which goes through a lane
 * as any other. Threads: the lane's. */
#ifndef NEAPI_RUNTIME_PASSAGE_H
#define NEAPI_RUNTIME_PASSAGE_H

#include "runtime/lane.h"

/* Whether the request is one that goes through middleware first. */
static inline bool neapi_passage_wanted(const neapi_lane *lane, const neapi_request *request)
{
    return lane->has_middleware && !request->past_middleware &&
           (request->kind == NEAPI_REQUEST_COMMAND || request->kind == NEAPI_REQUEST_QUERY ||
            request->kind == NEAPI_REQUEST_DELIVERY);
}

/* The request was begun: has Lua handle it. kind: COMMAND, of a plain handler; QUERY; MIDDLEWARE.
 */
void neapi_passage_begin(neapi_lane *lane, neapi_request *request, neapi_handling kind);

/* The outcome of what a run asked for: takes reply, or keeps the error (reply NULL). The run goes
 * on later. */
void neapi_passage_outcome(neapi_lane *lane, neapi_request *inner, neap_reply *reply,
                           const neap_error *error);
/* Goes on with the run that waits for it. */
void neapi_passage_return(neapi_lane *lane, neapi_request *inner);

/* Goes on with all whose time has come, and, while the lane stops, ends all that sleep. false:
 * there were none. */
bool neapi_passage_wake(neapi_lane *lane);

/* The lane's Lua is lost, and with it all that runs or waits there: answers those with one error or
 * the other. They stay in the memory of the lane that was given up. true: `current` was one. */
bool neapi_passages_give_up(neapi_lane *lane, const neapi_request *current, const neap_error *stuck,
                            const neap_error *parked);
void neapi_passages_free_given_up(neapi_lane *given_up);

/* Frees what is kept for passages to come. */
void neapi_passages_fini(neapi_lane *lane);

#endif
