/* Calls of a library that writes to sockets and starts threads: what it starts gets no signals, and
 * a broken connection raises none here. */
#ifndef NEAPI_OUTBOX_QUIET_H
#define NEAPI_OUTBOX_QUIET_H

#include <signal.h>
#include <stdbool.h>

typedef struct neapi_quiet {
    sigset_t before;
    bool pending; /* SIGPIPE was, before */
} neapi_quiet;

/* Blocks all signals of the calling thread; gives them back, without a SIGPIPE that came between.
 */
void neapi_quiet_enter(neapi_quiet *quiet);
void neapi_quiet_leave(const neapi_quiet *quiet);

#endif
