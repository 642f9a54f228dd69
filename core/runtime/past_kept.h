/* What a past keeps beside the log's events: documents, keys, and the events of a branch, in
 * memory.
 *
 * A branch begins with what its past has. Nothing is copied: from then on both read the same
 * documents, which are changed no more, and what one of them changes is its own, on top. So it is
 * instant, however much there is. Threads: any. */
#ifndef NEAPI_RUNTIME_PAST_KEPT_H
#define NEAPI_RUNTIME_PAST_KEPT_H

#include <pthread.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/map.h"
#include "store/store.h"

/* Documents that nobody changes any more. */
typedef struct neapi_frozen {
    atomic_uint references;
    neapi_store *store;
} neapi_frozen;

typedef struct neapi_past_kept {
    pthread_mutex_t mutex;
    neapi_store *own;      /* in memory */
    neapi_frozen *beneath; /* NULL: all of it is in `own` */
    neapi_map changed;     /* documents of `beneath` that are looked for in `own` alone */
    neapi_map hidden;      /* by collection: how many of `beneath` those are */
    neapi_arena names;
    int64_t due_us; /* what was due in the queue of `beneath` by then is of no account */
} neapi_past_kept;

/* Errors: NEAP_STORE, NEAP_NOMEM. */
neap_status neapi_past_kept_init(neapi_past_kept *kept, neap_error *error);
void neapi_past_kept_fini(neapi_past_kept *kept); /* also of a zeroed one, or after a failure */

/* Appends the keys of a collection that were changed, or made, since it shares its documents: each
 * a JSON text, with a comma behind it. */
void neapi_past_kept_write_changed(neapi_past_kept *kept, neap_text collection, neapi_buffer *json);

/* `kept`, which is new, has from now on what the other one has. */
neap_status neapi_past_kept_share(neapi_past_kept *kept, neapi_past_kept *other, neap_error *error);
/* Adds the events and keys of the other one's own. */
neap_status neapi_past_kept_add_events(neapi_past_kept *kept, neapi_past_kept *other,
                                       neap_error *error);

typedef struct neapi_kept_session {
    neapi_past_kept *kept;
    neapi_mode mode;
    neapi_session *own, *beneath; /* as they were when it was used last */
} neapi_kept_session;

neap_status neapi_kept_session_open(neapi_kept_session *session, neapi_past_kept *kept,
                                    neapi_mode mode, neap_error *error);
void neapi_kept_session_close(neapi_kept_session *session);

/* The session of what is its own, for events and keys. Lifetime: until the next call. */
neap_status neapi_kept_own(neapi_kept_session *session, neapi_session **own, neap_error *error);
/* Judges one unit, whose events are behind those of the log. As neapi_commit(). */
neap_status neapi_kept_commit(neapi_kept_session *session, neapi_unit *unit, int64_t now_us,
                              neapi_outcome *outcome, neap_error *error);

/* As those of a store. */
neap_status neapi_kept_find(neapi_kept_session *session, neap_text collection, neap_text key,
                            neapi_arena *arena, neap_text *data, bool *found, neap_error *error);
neap_status neapi_kept_list(neapi_kept_session *session, const neapi_document_range *range,
                            neapi_document_page *page, neap_error *error);
neap_status neapi_kept_collections(neapi_kept_session *session, neapi_collection_list *list,
                                   neap_error *error);
/* head: of its own events. */
neap_status neapi_kept_show(neapi_kept_session *session, int64_t now_us,
                            const neapi_kept_sink *sink, uint64_t *head, neap_error *error);
/* The queue's entries, with those that count as done. */
neap_status neapi_kept_show_queued(neapi_kept_session *session, const neapi_kept_sink *sink,
                                   neap_error *error);

#endif
