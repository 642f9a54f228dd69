/* Doing the work of a lane on the thread that waits for it: a command that finds its lane idle is
 * decided and committed by its caller, without waking another thread. For hosts that allow it
 * (options.caller_runs). Threads: any. */
#ifndef NEAPI_RUNTIME_DRIVE_H
#define NEAPI_RUNTIME_DRIVE_H

#include "runtime/runtime.h"

/* Takes the lane for the calling thread, if it is idle, the host allows it and the request may run
 * there: pure code, no deadline, stack enough. NULL: it may not. */
neapi_lane *neapi_drive_begin(neap_runtime *runtime, const neapi_request *request);

/* Queues the request and works until it is answered, or somebody else has to do something first.
 * Gives the lane up. Errors: as neapi_mailbox_push(); the request is then still the caller's. */
neap_status neapi_drive(const neap_runtime *runtime, neapi_lane *lane, neapi_request *request,
                        neap_error *error);

#endif
