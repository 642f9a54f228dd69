/* Middleware of the host: callbacks before a message is handled and when it is answered, around all
 * of the domain's. Threads: the lane's. */
#ifndef NEAPI_RUNTIME_USES_H
#define NEAPI_RUNTIME_USES_H

#include "runtime/lane.h"

typedef struct neapi_use {
    neap_before_callback before; /* NULL: none */
    neap_after_callback after;
    void *user;
} neapi_use;

/* Whether the host is to be asked about this request. */
static inline bool neapi_uses_want(const neapi_lane *lane, const neapi_request *request)
{
    return lane->use_count != 0 && !request->uses_asked && !request->past_middleware &&
           (request->kind == NEAPI_REQUEST_COMMAND || request->kind == NEAPI_REQUEST_QUERY ||
            request->kind == NEAPI_REQUEST_DELIVERY);
}

/* Asks all of them, the outermost first, until one refuses. Errors: its. */
neap_status neapi_uses_before(neapi_lane *lane, neapi_request *request, neap_error *error);

/* Tells those that let it through, the innermost first. reply or error is NULL. */
void neapi_uses_after(neapi_lane *lane, neapi_request *request, const neap_reply *reply,
                      const neap_error *error);

#endif
