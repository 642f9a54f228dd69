/* What was folded, kept in memory at spaced positions, so that a past need not be folded from the
 * beginning. Threads: any. */
#ifndef NEAPI_RUNTIME_PAST_KEEP_H
#define NEAPI_RUNTIME_PAST_KEEP_H

#include <pthread.h>

#include "base/buffer.h"
#include "store/store.h"

/* All documents of a past at one position. */
typedef struct neapi_kept_past {
    atomic_uint references;
    uint64_t position;
    neapi_buffer bytes;
} neapi_kept_past;

typedef struct neapi_past_keep {
    pthread_mutex_t mutex;
    neapi_kept_past **items; /* by position */
    size_t count, capacity;
    size_t bytes, most_bytes;
    uint64_t spacing; /* from one to the next; it grows, so that they take no more than that */
} neapi_past_keep;

bool neapi_past_keep_init(neapi_past_keep *keep, uint64_t spacing, size_t most_bytes);
void neapi_past_keep_fini(neapi_past_keep *keep);

/* The last one at or before the position, held; NULL: none. */
neapi_kept_past *neapi_past_keep_nearest(neapi_past_keep *keep, uint64_t position);
void neapi_kept_past_release(neapi_kept_past *kept); /* NULL is allowed */
/* Where a fold that goes on behind the position is to be kept next. */
uint64_t neapi_past_keep_next(neapi_past_keep *keep, uint64_t position);
/* Keeps what the session has. What there is no memory for is not kept: it is folded again. */
void neapi_past_keep_add(neapi_past_keep *keep, neapi_session *session, uint64_t position);
/* Finds one of its documents; false: there is none. Lifetime: the data's is that of `kept`. */
bool neapi_kept_past_find(const neapi_kept_past *kept, neap_text collection, neap_text key,
                          neap_text *data);
/* Puts it into a store without documents. Errors: NEAP_STORE, NEAP_NOMEM. */
neap_status neapi_kept_past_put(const neapi_kept_past *kept, neapi_store *store, neap_error *error);

#endif
