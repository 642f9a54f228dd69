#include "stop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

static atomic_bool requested;
static atomic_int by_signal;
static int pipe_ends[2] = {-1, -1};

void cli_stop_request(void)
{
    int saved = errno;
    if (!atomic_exchange(&requested, true)) {
        /* One byte that nobody reads: the pipe stays readable. */
        ssize_t written = write(pipe_ends[1], "", 1);
        (void)written;
    }
    errno = saved;
}

static void on_signal(int number)
{
    int none = 0;
    if (atomic_compare_exchange_strong(&by_signal, &none, number)) {
        cli_stop_request();
        return;
    }
    signal(number, SIG_DFL);
    raise(number); /* takes effect when this handler returns */
}

bool cli_stop_install(void)
{
    if (pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return false;
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    return sigaction(SIGINT, &action, NULL) == 0 && sigaction(SIGTERM, &action, NULL) == 0;
}

bool cli_stop_requested(void)
{
    return atomic_load(&requested);
}

int cli_stop_signal(void)
{
    return atomic_load(&by_signal);
}

void cli_stop_wait(void)
{
    while (!cli_stop_requested()) {
        struct pollfd asked = {.fd = pipe_ends[0], .events = POLLIN};
        poll(&asked, 1, -1);
    }
}

int cli_stop_fd(void)
{
    return pipe_ends[0];
}
