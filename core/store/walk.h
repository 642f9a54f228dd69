/* Going through the documents of a collection, page by page, however many there are. */
#ifndef NEAPI_STORE_WALK_H
#define NEAPI_STORE_WALK_H

#include "store/store.h"

/* Called for each document, in order; it lives during the call, which may read by the same session.
 * *enough: set to true, no more are wanted. */
typedef neap_status (*neapi_document_seen)(void *user, const neapi_kept_document *document,
                                           bool *enough, neap_error *error);

/* range->limit: so many at most; 0: all. Threads: the session's. Errors: as neapi_list_documents,
 * and what `seen` gives. */
neap_status neapi_documents_walk(neapi_session *session, const neapi_document_range *range,
                                 neapi_document_seen seen, void *user, neap_error *error);

#endif
