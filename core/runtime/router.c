#include "runtime/router.h"

#include "runtime/subscribed.h"

/* FNV-1a, its high half mixed in: the same lane for the same name in every run. */
static uint64_t hash(neap_text name)
{
    uint64_t bits = 0xCBF29CE484222325u;
    for (size_t i = 0; i < name.size; i++)
        bits = (bits ^ (unsigned char)name.data[i]) * 0x100000001B3u;
    return bits ^ (bits >> 32);
}

neapi_lane *neapi_router_owner(const neapi_router *router, neap_text stream)
{
    unsigned count = router->command_lanes;
    return router->lanes[count == 1 ? 0 : hash(stream) % count];
}

/* A handler's messages stay in order: they all go to the same. */
static neapi_lane *handler_lane(const neapi_router *router, neap_text name)
{
    unsigned count = router->reaction_lanes;
    if (count == 0)
        return router->lanes[0];
    return router->lanes[router->command_lanes + (count == 1 ? 0 : hash(name) % count)];
}

static neapi_lane *any_reaction_lane(neapi_router *router)
{
    unsigned count = router->reaction_lanes;
    if (count == 0)
        return router->lanes[0];
    unsigned turn = count == 1 ? 0 : atomic_fetch_add(&router->next_reaction, 1) % count;
    return router->lanes[router->command_lanes + turn];
}

neapi_lane *neapi_router_lane(neapi_router *router, const neapi_request *request)
{
    bool first_middleware = router->has_middleware && !request->past_middleware;
    switch (request->kind) {
    case NEAPI_REQUEST_COMMAND:
        if (first_middleware || request->message->by != NEAPI_BY_AGGREGATE)
            return handler_lane(router, request->message->name);
        return neapi_router_owner(router, request->instance.stream);
    case NEAPI_REQUEST_QUERY:
        return any_reaction_lane(router);
    case NEAPI_REQUEST_PUBLISH:
        return neapi_router_owner(router, request->stream);
    case NEAPI_REQUEST_QUEUE:
    case NEAPI_REQUEST_CANCEL:
        return router->lanes[router->queue_lane];
    case NEAPI_REQUEST_STATE:
        return neapi_router_owner(router, request->instance.stream);
    case NEAPI_REQUEST_CATCH_UP:
    case NEAPI_REQUEST_DELIVERY:
        return router->lanes[request->partition->lane];
    case NEAPI_REQUEST_CHANGE:
        return router->lanes[request->subscribed->home];
    default:
        return router->lanes[0];
    }
}

neapi_lane *neapi_router_behind(const neapi_router *router, const neapi_lane *lane)
{
    unsigned next = lane->number + 1;
    return next < neapi_router_count(router) ? router->lanes[next] : NULL;
}
