/* The inside of what a past keeps, shared by the files that make it up. */
#ifndef NEAPI_RUNTIME_PAST_KEPT_STATE_H
#define NEAPI_RUNTIME_PAST_KEPT_STATE_H

#include "runtime/past_kept.h"

/* How many of a collection in `beneath` are not to be seen. */
typedef struct neapi_hiding {
    neap_text collection;
    uint64_t count;
} neapi_hiding;

neap_status neapi_kept_open_memory(neapi_store **store, neap_error *error);

/* Takes the mutex, whatever the outcome, and sees that the session has what is there now. */
neap_status neapi_kept_begin(neapi_kept_session *session, neap_error *error);
/* Gives the mutex back, and the status. */
neap_status neapi_kept_end(const neapi_kept_session *session, neap_status status);

/* The following are called with the mutex. */
bool neapi_kept_is_changed(const neapi_past_kept *kept, neap_text collection, neap_text key);
/* Whether it is to be looked for in `own` alone: it is changed, or counts as done. */
bool neapi_kept_is_own(const neapi_past_kept *kept, neap_text collection, neap_text key);
/* Made if there is none. Errors: NULL, no memory. */
neapi_hiding *neapi_kept_hiding_of(neapi_past_kept *kept, neap_text collection);
neap_status neapi_kept_list_locked(neapi_kept_session *session, const neapi_document_range *range,
                                   bool all, neapi_document_page *page, neap_error *error);
/* Commits what no store refuses. The session need not be a writing one: the store is this one's
 * alone. */
neap_status neapi_kept_commit_own(neapi_session *own, neapi_unit *unit, neap_error *error);
neap_status neapi_kept_put_own(neapi_session *own, neap_text collection, neap_text key,
                               neap_text data, neap_error *error);

#endif
