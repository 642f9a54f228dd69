/* A runtime without threads (options.lanes is 0): whoever calls it drives its lane's step and its
 * writer's commit until the call is answered. The steps are those of the threads.
 *
 * Threads: any; one drives at a time, the others wait for their turn. */
#ifndef NEAPI_RUNTIME_INLINE_H
#define NEAPI_RUNTIME_INLINE_H

#include "runtime/runtime.h"

static inline bool neapi_is_inline(const neap_runtime *runtime)
{
    return runtime->options.lanes == 0;
}

/* Whether the calling thread drives the runtime: it is in a handler or callback of it. */
bool neapi_inline_drives(const neap_runtime *runtime);

/* neapi_mailbox_push(), but makes room by doing what waits. */
neap_status neapi_inline_push(neap_runtime *runtime, neapi_request *request, int64_t deadline_us,
                              neap_error *error);

/* Works until the request is answered or its deadline has come. */
void neapi_inline_drive(neap_runtime *runtime, neapi_request *request);

/* What neapi_lane_stop() and neapi_writer_stop() do where there are threads. */
void neapi_inline_stop(neap_runtime *runtime);

#endif
