#include "outbox/quiet.h"

#include <pthread.h>
#include <stddef.h>
#include <time.h>

static bool pipe_is_pending(void)
{
    sigset_t pending;
    return sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
}

void neapi_quiet_enter(neapi_quiet *quiet)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &quiet->before);
    quiet->pending = pipe_is_pending();
}

void neapi_quiet_leave(const neapi_quiet *quiet)
{
    static const struct timespec at_once = {0, 0};
    sigset_t only_pipe;
    if (!quiet->pending && pipe_is_pending()) {
        sigemptyset(&only_pipe);
        sigaddset(&only_pipe, SIGPIPE);
        sigtimedwait(&only_pipe, NULL, &at_once);
    }
    pthread_sigmask(SIG_SETMASK, &quiet->before, NULL);
}
