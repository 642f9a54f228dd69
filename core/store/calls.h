/* What the calls of a store came to, measured in the checked front: how many, how many failed, how
 * long they took. */
#ifndef NEAPI_STORE_CALLS_H
#define NEAPI_STORE_CALLS_H

#include "base/histogram.h"
#include "base/platform.h"
#include "store/backend.h"

typedef enum neapi_call_kind {
    NEAPI_CALL_COMMIT,
    NEAPI_CALL_RESOLVE,
    NEAPI_CALL_READ,
    NEAPI_CALL_STREAM_HEAD,
    NEAPI_CALL_HEAD,
    NEAPI_CALL_FIND_KEY,
    NEAPI_CALL_FIND_SNAPSHOT,
    NEAPI_CALL_FIND_COMMAND,
    NEAPI_CALL_FIND_DOCUMENT,
    NEAPI_CALL_LIST_DOCUMENTS,
    NEAPI_CALL_LIST_COLLECTIONS,
    NEAPI_CALL_SHOW_KEPT,
    NEAPI_CALL_SELECT,
    NEAPI_CALL_MAINTAIN,
    NEAPI_CALL_KINDS
} neapi_call_kind;

typedef struct neapi_store_call {
    neapi_count failures;
    neapi_histogram us; /* of all calls, failed ones too */
} neapi_store_call;

/* Of one session, or of several with the same role. */
typedef struct neapi_store_calls {
    const neapi_platform *platform;
    bool shared; /* by sessions that are used at the same time */
    neapi_store_call of[NEAPI_CALL_KINDS];
} neapi_store_calls;

/* "commit", "read" … Lifetime: static. */
const char *neapi_call_name(neapi_call_kind kind);

/* Around a call of the backend. Of a session that nobody measures: nothing. */
static inline int64_t neapi_call_begin(const neapi_session *session)
{
    return session->calls != NULL ? neapi_monotonic_us(session->calls->platform) : 0;
}
void neapi_call_end(const neapi_session *session, neapi_call_kind kind, int64_t began_us,
                    neap_status status);

#endif
