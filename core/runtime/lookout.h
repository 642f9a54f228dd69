/* Waiting for what others append to a store: where the store tells of it this listens, else it
 * looks now and then. Threads: owner. */
#ifndef NEAPI_RUNTIME_LOOKOUT_H
#define NEAPI_RUNTIME_LOOKOUT_H

#include "base/platform.h"
#include "store/store.h"

typedef struct neapi_lookout {
    neapi_store *store;
    neapi_session *session; /* that listens; NULL: nobody has waited yet, or `deaf` */
    bool deaf;              /* the store does not tell, or not any more */
    neapi_gate never;       /* nobody wakes it: parking is a pause */
} neapi_lookout;

/* Lifetime: the store outlives it. false: no memory. */
bool neapi_lookout_init(neapi_lookout *lookout, neapi_store *store);
void neapi_lookout_fini(neapi_lookout *lookout);

/* Waits until the last position is above `seen`, or the time is over (monotonic); *head: that
 * position then. reading: who is asked for it. Holds no transaction. Errors: as neapi_head. */
neap_status neapi_lookout_wait(neapi_lookout *lookout, neapi_session *reading, uint64_t seen,
                               int64_t until_us, uint64_t *head, neap_error *error);

#endif
