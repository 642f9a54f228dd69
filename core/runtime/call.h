/* A call of the host's: it becomes a request, which a lane answers. Threads: any. */
#ifndef NEAPI_RUNTIME_CALL_H
#define NEAPI_RUNTIME_CALL_H

#include "runtime/runtime.h"

/* That the runtime runs and, if the call waits, that its thread may. call: for the message.
 * Errors: NEAP_USAGE. */
neap_status neapi_call_check(const neap_runtime *runtime, const char *call, bool waits,
                             neap_error *error);
/* That what the message of that name brings is not too large. Errors: NEAP_USAGE, NEAP_LIMIT. */
neap_status neapi_call_check_json(const neap_runtime *runtime, const char *name, neap_text json,
                                  neap_error *error);

/* Monotonic; timeout_ms 0: NEAPI_NO_DEADLINE. */
int64_t neapi_deadline_of(const neap_runtime *runtime, uint32_t timeout_ms);

/* A request without a message, which somebody waits for. Errors: NULL, an allocation was refused.
 */
neapi_request *neapi_call_new(const neap_runtime *runtime, neapi_request_kind kind,
                              int64_t deadline_us);
/* One that was not pushed. */
void neapi_call_discard(neapi_request *request);

/* Gives the request to its lane, also on failure. fail_when_full: does not wait for room. Errors:
 * NEAP_BUSY, NEAP_TIMEOUT, NEAP_UNAVAILABLE, NEAP_CLOSED, NEAP_INVALID (the key of its aggregate),
 * NEAP_NOMEM. */
neap_status neapi_call_push(neap_runtime *runtime, neapi_request *request, bool fail_when_full,
                            neap_error *error);

/* Waits for the answer and gives up the caller's reference. reply may be NULL. Errors: the
 * answer's; NEAP_TIMEOUT. */
neap_status neapi_call_wait(neap_runtime *runtime, neapi_request *request, neap_reply **reply,
                            neap_error *error);

#endif
