#include "runtime/thread.h"

#include <signal.h>
#include <string.h>

#include "base/error.h"

/* Lua's C stack limit (LUAI_MAXCCALLS, 200 levels) and a store's calls need less than half of it.
 */
#define STACK_BYTES (2u << 20)

static _Thread_local bool own;

void neapi_thread_is_runtimes(void)
{
    own = true;
}

bool neapi_thread_set_own(bool is_own)
{
    bool before = own;
    own = is_own;
    return before;
}

bool neapi_thread_own(void)
{
    return own;
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
