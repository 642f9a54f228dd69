/* What a lane does when memory runs short: aggregates that are only kept for speed go first, and
 * while messages that wait hold too much no further one is begun. Threads: the lane's. */
#ifndef NEAPI_RUNTIME_MEMORY_H
#define NEAPI_RUNTIME_MEMORY_H

#include "runtime/lane.h"

/* Lets go of what is not needed, if three quarters of the limit are in use: at the end of a step.
 */
void neapi_memory_keep(neapi_lane *lane);

/* Whether there is room for one message more. */
bool neapi_memory_has_room(neapi_lane *lane);

#endif
