/* What all measurements share. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "neap.h"

/* How often each figure is measured, in turn with what it is compared with. */
#define ROUNDS 5

/* A monotonic clock, in seconds. */
double now_s(void);

/* What passed of the clock, and of the process's own processor time, in seconds. */
typedef struct span {
    double wall, processor;
} span;

span begin_span(void);
span end_span(span began);

/* Says what failed and why, and ends the process. */
void die(const char *what, const char *why);

/* Sorts the values of all rounds. */
double median(double *values);

/* A domain's file in this folder, on a store. */
neap_runtime *open_runtime(const char *domain, const char *store, bool read_only);

/* Queues the command, with room in the queue or when there is some; a failure ends the process. */
void send_command(neap_runtime *runtime, const char *name, const char *json);

/* Waits until all that was queued is done; ends the process if one of `commands` was not. */
void wait_for_commands(neap_runtime *runtime, unsigned commands);

/* Events of one long stream, bench/shop.lua's Order-o-0. */
#define LONG_STREAM 100000

/* Writes it with a domain that has the command AddLine. */
void write_long_stream(const char *domain, const char *store);

/* Milliseconds that one load of it takes, of so many. */
double load_ms(neap_runtime *runtime, unsigned loads);

#endif
