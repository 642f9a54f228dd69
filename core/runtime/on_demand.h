/* Documents of live projections: folded out of the log when somebody asks, and kept nowhere. */
#ifndef NEAPI_RUNTIME_ON_DEMAND_H
#define NEAPI_RUNTIME_ON_DEMAND_H

#include "runtime/lane.h"

/* Folds the document of one key and appends it. Also called from within Lua. Threads: the lane's.
 * Errors: as neapi_engine_project, neapi_read, NEAP_INVALID (a key that cannot be one). */
neap_status neapi_on_demand_find(neapi_lane *lane, const neapi_subscription *projection,
                                 neap_text key, neapi_buffer *json, bool *found, neap_error *error);
/* A request for one has come to a lane. */
void neapi_on_demand_answer(neapi_lane *lane, neapi_request *request);
/* The same for the host, which waits for it. */
neap_status neapi_on_demand_ask(struct neap_runtime *runtime, const neapi_subscription *projection,
                                neap_text key, neapi_buffer *json, bool *found, neap_error *error);

#endif
