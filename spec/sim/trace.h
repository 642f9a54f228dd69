/* What happened in a run, in order: kept as one hash, and printed if a run is replayed. */
#ifndef NEAP_SPEC_TRACE_H
#define NEAP_SPEC_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Begins anew. replay: the arguments with which somebody sees this run again. */
void trace_begin(const char *replay, bool print);

/* Notes one thing that happened. whose: the thread's name, an operation's …; what the numbers are,
 * `what` says: "commit: units, outcome". Neither may depend on where things lie in memory. */
void trace(const char *whose, const char *what, int64_t first, int64_t second);
/* The same of bytes, which are not printed. */
void trace_bytes(const void *bytes, size_t size);

uint64_t trace_hash(void);

/* The run has shown a fault: says which one, and how to see it again, and ends the process. */
_Noreturn void trace_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Has the process say which run it was in when it dies of a signal, or is in one for so long. */
void trace_watch(unsigned seconds);

#endif
