/* A store as it was at a position: events are those of another store up to there, read and never
 * changed; what is kept beside events is in memory, and is the past's own.
 *
 * A branch takes events, which are in memory behind those, and may have others of them left out or
 * with other data. A past that is none takes no events.
 *
 * It is a backend like any other, but has no URL: it is made over a store that is open. */
#ifndef NEAPI_RUNTIME_PAST_STORE_H
#define NEAPI_RUNTIME_PAST_STORE_H

#include "base/buffer.h"
#include "runtime/past_edit.h"
#include "store/store.h"

/* At position 0. Lifetime: log, open for reading or writing, outlives it. Owns: the caller
 * (neapi_store_close). Errors: NEAP_NOMEM. */
neap_status neapi_past_store_new(neapi_store *log, neapi_store **past, neap_error *error);
neapi_store *neapi_past_store_log(const neapi_store *past);
/* To another position, which the log has. Threads: any, while nobody else moves it. */
void neapi_past_store_move(neapi_store *past, uint64_t position);
/* Which of the log's events is the last one. */
uint64_t neapi_past_store_position(const neapi_store *past);
/* The same, with those of a branch behind it. */
uint64_t neapi_past_store_head(const neapi_store *past);
bool neapi_past_store_is_branch(const neapi_store *past);

/* Before anything is read. Errors: NEAP_NOMEM. */
neap_status neapi_past_store_edit(neapi_store *past, const neapi_past_edits *edits,
                                  neap_error *error);
const neapi_past_edits *neapi_past_store_edits(const neapi_store *past);
/* Documents are those of the other past, which is at the same position; neither notices what the
 * other one does from now on. Errors: NEAP_STORE, NEAP_NOMEM. */
neap_status neapi_past_store_share(neapi_store *branch, neapi_store *past, neap_error *error);
/* From now on it is a branch, which begins with the events that the other one has behind the same
 * position. Errors: the same. */
neap_status neapi_past_store_extend(neapi_store *branch, neapi_store *past, neap_error *error);
/* What of the documents that it shares was due in the queue by then counts as done. */
void neapi_past_store_count_as_done(neapi_store *branch, int64_t due_us);
/* Appends a JSON list of the keys of the collection that a branch has changed. */
void neapi_past_store_changed(neapi_store *branch, neap_text collection, neapi_buffer *json);
/* Appends what was queued, as a JSON list of {"key":…,"entry":…}, done or not, an entry perhaps
 * more than once. folded: also what folding the log up to the position queued. Errors: NEAP_NOMEM,
 * NEAP_STORE. */
neap_status neapi_past_store_issued(neapi_session *session, bool folded, neapi_buffer *json,
                                    neap_error *error);

#endif
