/* Reading on behalf of the host's threads: one session for all of them, one after another. */
#ifndef NEAPI_RUNTIME_HOST_READING_H
#define NEAPI_RUNTIME_HOST_READING_H

#include "runtime/runtime.h"

/* The session, opened when it is needed first; given back before anything else is called. Errors:
 * as neapi_session_open. */
neap_status neapi_host_session(neap_runtime *runtime, neapi_session **session, neap_error *error);
void neapi_host_session_done(neap_runtime *runtime);
/* Nobody reads any more. */
void neapi_host_session_close(neap_runtime *runtime);

/* The store's last position. */
neap_status neapi_host_head(neap_runtime *runtime, uint64_t *head, neap_error *error);

#endif
