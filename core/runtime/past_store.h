/* A store as it was at a position: events are those of another store up to there, read and never
 * changed; what is kept beside events is in memory, and is the past's own. It takes no events.
 *
 * It is a backend like any other, but has no URL: it is made over a store that is open. */
#ifndef NEAPI_RUNTIME_PAST_STORE_H
#define NEAPI_RUNTIME_PAST_STORE_H

#include "store/store.h"

/* At position 0. Lifetime: log, open for reading or writing, outlives it. Owns: the caller
 * (neapi_store_close). Errors: NEAP_NOMEM. */
neap_status neapi_past_store_new(neapi_store *log, neapi_store **past, neap_error *error);
/* To another position, which the log has. Threads: any, while nobody else moves it. */
void neapi_past_store_move(neapi_store *past, uint64_t position);
uint64_t neapi_past_store_position(const neapi_store *past);

#endif
