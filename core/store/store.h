/* The checked front over a backend: the only way in which the core uses a store. It checks
 * arguments once for all backends, so that no backend has to, and prefixes errors with the
 * operation and the store. */
#ifndef NEAPI_STORE_STORE_H
#define NEAPI_STORE_STORE_H

#include "store/calls.h"

#define NEAPI_TAGS_MOST 64 /* how many tags one range or one condition names */

/* Opens by URL. Errors: NEAP_USAGE (URL, scheme, option), NEAP_UNAVAILABLE (an import into it is
 * not complete), else as the backend's open. */
neap_status neapi_store_open(const char *url, neapi_mode mode, neapi_store **store,
                             neap_error *error);
/* The same for who goes on with an import. */
neap_status neapi_store_open_unfinished(const char *url, neapi_mode mode, neapi_store **store,
                                        neap_error *error);
void neapi_store_close(neapi_store *store);
neap_status neapi_session_open(neapi_store *store, neapi_mode mode, neapi_session **session,
                               neap_error *error);
void neapi_session_close(neapi_session *session);
/* Counts the session's calls there from now on; NULL: nowhere. Lifetime of calls: the session's. */
void neapi_session_count_calls(neapi_session *session, neapi_store_calls *calls);

/* Says that no other process listens to what is committed here, as far as is known: one that does
 * nevertheless finds it when it polls. At first somebody may. Threads: any. */
void neapi_store_alone(neapi_store *store, bool alone);

/* Whether reading goes to where several processes write, and so over a network. */
static inline bool neapi_session_is_remote(const neapi_session *session)
{
    return session->store->backend->shared;
}

/* Whether a commit waits for something, so that others may work meanwhile. */
static inline bool neapi_session_waits(const neapi_session *session)
{
    return session->store->backend->waits;
}

/* As the backend's, with every unit checked first: a unit that no store could hold (a bad name, no
 * data, an operation twice) is refused with NEAP_USAGE or NEAP_INVALID and not given to the
 * backend; the others go on. */
neap_status neapi_commit(neapi_session *session, neapi_unit *const *units, size_t count,
                         int64_t now_us, neapi_outcome *outcome, neap_error *error);
neap_status neapi_resolve(neapi_session *session, neapi_unit *const *units, size_t count,
                          bool *durable, neap_error *error);
neap_status neapi_read(neapi_session *session, const neapi_range *range, neapi_page *page,
                       neap_error *error);
neap_status neapi_stream_head(neapi_session *session, neap_text stream, uint64_t *version,
                              uint64_t *position, neap_error *error);
neap_status neapi_head(neapi_session *session, uint64_t *position, neap_error *error);
neap_status neapi_find_key(neapi_session *session, neap_text key, int64_t now_us,
                           neapi_arena *arena, neapi_key *result, bool *found, neap_error *error);
neap_status neapi_find_snapshot(neapi_session *session, neap_text name, uint64_t max_version,
                                neap_text fingerprint, neapi_arena *arena, neapi_snapshot *result,
                                bool *found, neap_error *error);
neap_status neapi_find_command(neapi_session *session, uint64_t position, neapi_arena *arena,
                               neapi_command *result, bool *found, neap_error *error);
/* Copies the document's data into the arena; *found is false, and that no error, if there is none.
 */
neap_status neapi_find_document(neapi_session *session, neap_text collection, neap_text key,
                                neapi_arena *arena, neap_text *data, bool *found,
                                neap_error *error);
/* Fills the page, whatever was on it before. */
neap_status neapi_list_documents(neapi_session *session, const neapi_document_range *range,
                                 neapi_document_page *page, neap_error *error);
/* Fills the list, whatever was on it before. It counts every document: not to be polled. */
neap_status neapi_list_collections(neapi_session *session, neapi_collection_list *list,
                                   neap_error *error);
/* Shows the sink keys and documents as of one moment; *head: the last position then. Of the sink
 * key may be NULL: it is shown none; wants: it wants all; and with wants document: it wants none.
 */
neap_status neapi_show_kept(neapi_session *session, int64_t now_us, const neapi_kept_sink *sink,
                            uint64_t *head, neap_error *error);
/* Runs a projection's SELECT, which reads its build's own tables and no others; at most `limit`
 * rows come. Fills the result, whatever it was before. Errors: NEAP_USAGE (the statement; the store
 * has no SQL), NEAP_LIMIT (it goes on for too long), NEAP_STORE. */
neap_status neapi_select(neapi_session *session, const neapi_statement *statement, size_t limit,
                         neapi_result *result, neap_error *error);
neap_status neapi_maintain(neapi_session *session, int64_t now_us, bool *more, neap_error *error);
/* As the backend's, which is shared. */
neap_status neapi_listen(neapi_session *session, int wake, int timeout_ms, neapi_told *told,
                         neap_error *error);

/* Whether a name can be a stream's: UTF-8, 1 to NEAPI_STREAM_BYTES, no control characters. Errors:
 * NEAP_INVALID. */
neap_status neapi_stream_check(neap_text stream, neap_error *error);

/* Every check that needs only the interface (dense versions and positions, order, JSON, ids), then
 * the backend's. */
neap_status neapi_verify(neapi_session *session, const neapi_verify_sink *sink,
                         neap_verification *result, neap_error *error);

/* Figures of the events that are committed now. now_us: wall clock. Owns: the caller, also on
 * failure (neapi_survey_fini). */
neap_status neapi_survey_take(neapi_session *session, int64_t now_us, neapi_survey *survey,
                              neap_error *error);

#endif
