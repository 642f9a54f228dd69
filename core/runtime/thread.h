/* The runtime's own threads: started with all signals blocked, and known by a mark, so that a
 * handler or callback that would wait for the runtime from within is told so instead of waiting for
 * itself. */
#ifndef NEAPI_RUNTIME_THREAD_H
#define NEAPI_RUNTIME_THREAD_H

#include <pthread.h>

#include "neap.h"

/* Errors: NEAP_UNAVAILABLE, the system gives no thread. */
neap_status neapi_thread_start(pthread_t *thread, void *(*run)(void *), void *argument,
                               neap_error *error);

/* Marks the calling thread; asks for the mark. */
void neapi_thread_is_runtimes(void);
/* Marks the calling thread, and gives how it was marked before. */
bool neapi_thread_set_own(bool is_own);
bool neapi_thread_own(void);

#endif
