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

/* What is known of a thread. */
typedef struct neapi_marks {
    bool own; /* it is one of a runtime's */
    const neap_runtime *works_for;
    struct neapi_way_out *way_out; /* see stay.h */
} neapi_marks;

/* The calling thread's. Lifetime: the thread's. */
neapi_marks *neapi_thread_marks(void);

/* Marks the calling thread; asks for the mark. */
void neapi_thread_is_runtimes(void);
/* Marks the calling thread, and gives how it was marked before. */
bool neapi_thread_set_own(bool is_own);
bool neapi_thread_own(void);

/* Says which runtime's handlers and callbacks the calling thread runs now; asks for it. NULL: none.
 */
void neapi_thread_work_for(const neap_runtime *runtime);
const neap_runtime *neapi_thread_works_for(void);

/* Bytes that the calling thread's stack can still grow, about; 0: unknown. */
size_t neapi_thread_stack_left(void);

#endif
