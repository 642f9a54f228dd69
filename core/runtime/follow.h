/* A cursor's way of going on with what is committed: at the end of the log it waits. Its session is
 * the store's, which may be closed meanwhile: then it is told so, and touches neither any more. */
#ifndef NEAPI_RUNTIME_FOLLOW_H
#define NEAPI_RUNTIME_FOLLOW_H

#include "runtime/live.h"

/* Where it reads. */
typedef struct neapi_followed {
    neap_runtime *runtime; /* NULL: a store on its own */
    neapi_store *store;
    neapi_store_calls *calls; /* where the session's are counted; NULL: nowhere */
    neapi_hub *hub;
    const neapi_platform *platform;
    bool others_write; /* what is committed is not published in the hub: the store's head is polled
                        */
    bool nobody_works; /* but for who waits (lanes 0) */
} neapi_followed;

typedef struct neapi_following {
    neapi_followed where;
    pthread_mutex_t mutex;  /* held in every call but while it waits, so that the session is not
                               closed under it */
    neapi_session *session; /* NULL: was closed */
    neapi_live live;
    neapi_gate gate;
    const neap_event *found; /* at hand, and not given yet */
    uint32_t timeout_ms;     /* 0: waits as long as it takes */
} neapi_following;

/* range: forward; outlives it. Owns: it is init'ed in place, and stays there until it is closed.
 * Errors: as neapi_session_open, NEAP_CLOSED, NEAP_NOMEM. */
neap_status neapi_following_open(neapi_following *following, const neapi_followed *where,
                                 neapi_range *range, uint32_t timeout_ms, neap_error *error);
void neapi_following_close(neapi_following *following);

/* As neap_cursor_next() of a cursor that follows. */
neap_status neapi_following_next(neapi_following *following, neapi_page *page,
                                 const neap_event **event, neap_error *error);
/* Waits for the next event, which is left where it is. NEAP_OK: it is there, or the end, or the
 * time is over. */
neap_status neapi_following_wait(neapi_following *following, neapi_page *page, uint32_t timeout_ms,
                                 neap_error *error);

#endif
