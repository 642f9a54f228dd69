/* A store in this process' memory, gone when it is closed: for tests, for trying out, and for what
 * need not last. Every open makes a new one. */
#ifndef NEAPI_MEMORY_H
#define NEAPI_MEMORY_H

#include <pthread.h>

#include "documents.h"
#include "keys.h"
#include "log.h"
#include "snapshots.h"
#include "store/backend.h"

/* How many events one page looks at, whether they are wanted or not: bounds the time under the
 * lock. */
#define NEAPI_MEMORY_SCAN 4096

typedef struct neapi_memory_store {
    neapi_store base;
    /* Committing writes under it; readers find events under it, and copy them without it. */
    pthread_rwlock_t lock;
    neapi_memory_log log;
    neapi_memory_keys keys;
    neapi_memory_snapshots snapshots;
    neapi_memory_documents documents;
    uint64_t commands;         /* how many there are */
    atomic_uint_fast64_t head; /* of the log, to be read without the lock */
} neapi_memory_store;

/* Where a walk along a type's or tag's positions has come. */
typedef struct neapi_memory_walker {
    const neapi_memory_index *index;
    size_t next;
} neapi_memory_walker;

typedef struct neapi_memory_session {
    neapi_session base;
    neapi_memory_walker *walkers; /* one for each wanted type and tag that there is */
    size_t walker_capacity;
    const neapi_memory_record *found[NEAPI_MEMORY_SCAN];
} neapi_memory_session;

/* The slots of the table that have a file of their own. */
neap_status neapi_memory_commit(neapi_session *session, neapi_unit *const *units, size_t count,
                                int64_t now_us, neapi_outcome *outcome, neap_error *error);
neap_status neapi_memory_read(neapi_session *session, const neapi_range *range, neapi_page *page,
                              neap_error *error);
neap_status neapi_memory_show_kept(neapi_session *session, int64_t now_us,
                                   const neapi_kept_sink *sink, uint64_t *head, neap_error *error);
neap_status neapi_memory_verify(neapi_session *session, const neapi_verify_sink *sink,
                                neap_verification *result, neap_error *error);
neap_status neapi_memory_survey(neapi_session *session, neapi_survey *survey, neap_error *error);

static inline neapi_memory_store *neapi_memory_of(const neapi_session *session)
{
    return (neapi_memory_store *)session->store;
}

#endif
