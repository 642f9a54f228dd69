/* The threads of a run, stepped in an order that a seed chooses, under a clock that only the
 * scheduler moves. One runs at a time, as a fiber, until it waits or comes to a place where another
 * could go on as well: a lock, a wake-up, a call of the store. What the core does through
 * base/platform.h and with threads and locks comes here (threads.c). */
#ifndef NEAP_SPEC_SCHEDULER_H
#define NEAP_SPEC_SCHEDULER_H

#include <stdbool.h>
#include <stdint.h>

typedef struct sim_thread sim_thread;

typedef struct scheduler_options {
    uint64_t seed;
    unsigned preempt;  /* of a thousand places where another thread may go on, so many are taken */
    unsigned spurious; /* of a thousand steps, so many wake a thread that nobody woke */
    unsigned jump;     /* of a thousand steps, so many move the clock to the next deadline, even if
                          there is work */
    int64_t tick_us;   /* a step takes at most so long */
    uint64_t most_steps;
} scheduler_options;

void scheduler_begin(const scheduler_options *options);

/* A thread that can run from now on. Lifetime: until somebody joined it, or the end of the run.
 * name: at most 15 bytes. */
sim_thread *scheduler_spawn(const char *name, void (*run)(void *argument), void *argument);
/* Runs until all threads have ended. Fails the run if none can go on any more, or it takes more
 * steps than it may. */
void scheduler_run(void);

/* ---- For threads ----------------------------------------------------------------------------- */

/* Which one runs; NULL: none. */
sim_thread *scheduler_running(void);
const char *scheduler_name(void);

/* Waits until the thread is ready or the clock has come to deadline_us (INT64_MAX: never). `what`
 * tells for what, if the run comes to a standstill. */
void scheduler_wait(const char *what, bool (*ready)(void *of), void *of, int64_t deadline_us);
/* A place where another one could go on. */
void scheduler_may_yield(void);
void scheduler_sleep(int64_t us);
/* Waits for its end, and forgets it. */
void scheduler_join(sim_thread *thread);

/* Between these no other thread goes on. Counted. */
void scheduler_hold(void);
void scheduler_release(void);

int64_t scheduler_now_us(void); /* monotonic */
/* Steps so far: an order of all that happened. */
uint64_t scheduler_steps(void);

#endif
