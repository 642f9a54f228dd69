/* Requests that write: commands, and events from outside, as the host gives them. */
#ifndef NEAPI_RUNTIME_WRITING_H
#define NEAPI_RUNTIME_WRITING_H

#include "runtime/runtime.h"

/* The request of a command, or of an event from outside, complete but for who waits for it. gated:
 * somebody will. Threads: any. Errors: NEAP_UNKNOWN, NEAP_USAGE, NEAP_INVALID, NEAP_LIMIT,
 * NEAP_NOMEM. */
neap_status neapi_writing_new(neap_runtime *runtime, neapi_request_kind kind, const char *name,
                              neap_text json, const neap_dispatch_options *options, bool gated,
                              neapi_request **made, neap_error *error);

#endif
