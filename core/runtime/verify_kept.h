/* What a store at rest can show of promises 5 to 8: of what is kept beside its events, that it can
 * be read, and that its parts agree. */
#ifndef NEAPI_RUNTIME_VERIFY_KEPT_H
#define NEAPI_RUNTIME_VERIFY_KEPT_H

#include "store/store.h"

/* Goes over all documents as of one moment. *findings: how many were told the sink. Threads: the
 * session's. Errors: as neapi_show_kept and neapi_read. */
neap_status neapi_verify_kept(neapi_session *session, const neapi_verify_sink *sink,
                              uint64_t *findings, neap_error *error);

#endif
