/* The lock that a store's one writer holds. */
#ifndef NEAPI_SQLITE_LOCK_H
#define NEAPI_SQLITE_LOCK_H

#include "neap.h"

/* Locks the store at the real path, by a file beside it, PATH-lock, which says who holds it. The
 * file stays when the lock is gone: whoever deleted it could delete the lock of the next holder.
 * Owns: the caller releases *lock. Errors: BUSY (naming the holder), STORE, NOMEM. */
neap_status neapi_sqlite_lock(const char *real, int *lock, neap_error *error);
void neapi_sqlite_unlock(int lock); /* -1 is allowed */

#endif
