#include "runtime/thread.h"

#include <signal.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"

/* Lua's C stack limit (LUAI_MAXCCALLS, 200 levels) and a store's calls need less than half of it.
 */
#define STACK_BYTES (2u << 20)

static _Thread_local neapi_marks marks;
static _Thread_local const char *stack_end; /* the lowest byte; NULL: not asked for yet */

neapi_marks *neapi_thread_marks(void)
{
    return &marks;
}

void neapi_thread_work_for(const neap_runtime *runtime)
{
    marks.works_for = runtime;
}

const neap_runtime *neapi_thread_works_for(void)
{
    return marks.works_for;
}

void neapi_thread_is_runtimes(void)
{
    marks.own = true;
}

bool neapi_thread_set_own(bool is_own)
{
    bool before = marks.own;
    marks.own = is_own;
    return before;
}

bool neapi_thread_own(void)
{
    return marks.own;
}

neap_status neapi_thread_start(pthread_t *thread, void *(*run)(void *), void *argument,
                               neap_error *error)
{
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0)
        return neapi_nomem(error);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(thread, &attributes, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (failure != 0)
        return neapi_fail(error, NEAP_UNAVAILABLE, "no thread could be started: %s",
                          strerror(failure));
    return NEAP_OK;
}

/* The end of a main thread's stack is a guess (its limit may change), which costs the reading of a
 * file: so only once a thread. */
static const char *find_stack_end(void)
{
    pthread_attr_t attributes;
    void *lowest = NULL;
    size_t size;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return NULL;
    if (pthread_attr_getstack(&attributes, &lowest, &size) != 0)
        lowest = NULL;
    pthread_attr_destroy(&attributes);
    return lowest;
}

size_t neapi_thread_stack_left(void)
{
    const char here = 0;
    const char *now = (const char *)(uintptr_t)&here;
    if (stack_end == NULL)
        stack_end = find_stack_end();
    return stack_end != NULL && now > stack_end ? (size_t)(now - stack_end) : 0;
}
