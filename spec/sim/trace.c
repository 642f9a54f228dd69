#include "sim/trace.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char replay_arguments[200];
static bool printing;
static uint64_t hash;
static uint64_t count;
static unsigned watch_seconds;

void trace_begin(const char *replay, bool print)
{
    snprintf(replay_arguments, sizeof replay_arguments, "%s", replay);
    printing = print;
    hash = 0xCBF29CE484222325u;
    count = 0;
    alarm(watch_seconds);
}

/* FNV-1a, eight bytes at a time where there are so many. */
static void add(uint64_t bits)
{
    hash = (hash ^ bits) * 0x100000001B3u;
    hash ^= hash >> 29;
}

void trace_bytes(const void *bytes, size_t size)
{
    const char *at = bytes;
    for (; size >= 8; at += 8, size -= 8) {
        uint64_t bits;
        memcpy(&bits, at, sizeof bits);
        add(bits);
    }
    for (; size > 0; at++, size--)
        add((unsigned char)*at);
}

void trace(const char *whose, const char *what, int64_t first, int64_t second)
{
    trace_bytes(whose, strlen(whose));
    trace_bytes(what, strlen(what));
    add((uint64_t)first);
    add((uint64_t)second);
    count++;
    if (printing)
        printf("%6llu %-10s %s %lld %lld\n", (unsigned long long)count, whose, what,
               (long long)first, (long long)second);
}

uint64_t trace_hash(void)
{
    return hash;
}

_Noreturn void trace_fail(const char *format, ...)
{
    fflush(stdout);
    fprintf(stderr, "sim: after %llu steps of the trace: ", (unsigned long long)count);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\nsim: to see it again: %s\n", replay_arguments);
    fflush(stderr);
    _exit(1);
}

static void write_text(const char *text)
{
    ssize_t written = write(STDERR_FILENO, text, strlen(text));
    (void)written;
}

static void on_signal(int number)
{
    write_text(number == SIGALRM ? "sim: it does not end" : "sim: it died");
    write_text("; to see it again: ");
    write_text(replay_arguments);
    write_text("\n");
    signal(number, SIG_DFL);
    raise(number);
}

void trace_watch(unsigned seconds)
{
    static const int numbers[] = {SIGALRM, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    watch_seconds = seconds;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
        sigaction(numbers[i], &action, NULL);
    }
}
