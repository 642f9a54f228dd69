/* Which lane a message goes to.
 *
 * Command lanes decide: everything that is about one stream goes to the same, so that it happens
 * one after another. Reaction lanes run what may wait or block: middleware, plain handlers,
 * queries. Where there are none the command lanes do it. Threads: any; it does not change while
 * messages come. */
#ifndef NEAPI_RUNTIME_ROUTER_H
#define NEAPI_RUNTIME_ROUTER_H

#include "runtime/request.h"

typedef struct neapi_router {
    /* The command lanes, then the reaction lanes. One that is given up is replaced. */
    _Atomic(struct neapi_lane *) *lanes;
    unsigned command_lanes; /* at least 1 */
    unsigned reaction_lanes;
    unsigned queue_lane;       /* the one that drives the queue */
    bool has_middleware;       /* of the domain: commands and queries go through it first */
    atomic_uint next_reaction; /* for what may go to any of them */
    neapi_gate ended; /* moved when a lane's thread has ended, or a lane has replaced another */
    bool made;        /* that gate */
} neapi_router;

static inline unsigned neapi_router_count(const neapi_router *router)
{
    return router->command_lanes + router->reaction_lanes;
}

/* Where a request begins. */
struct neapi_lane *neapi_router_lane(neapi_router *router, const neapi_request *request);
/* The lane that decides what is about the stream. */
struct neapi_lane *neapi_router_owner(const neapi_router *router, neap_text stream);
/* The one behind `lane` in the order of all; NULL: it is the last. */
struct neapi_lane *neapi_router_behind(const neapi_router *router, const struct neapi_lane *lane);

#endif
