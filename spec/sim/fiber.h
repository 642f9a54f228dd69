/* Functions that run on stacks of their own, one at a time, and give way when they like. Each has
 * the program's thread-local variables for itself, as a thread has. Threads: one. */
#ifndef NEAP_SPEC_FIBER_H
#define NEAP_SPEC_FIBER_H

#include <stdbool.h>

typedef struct sim_fiber sim_fiber;

/* It does not run yet. Ends the process if there is no memory. */
sim_fiber *fiber_new(void (*run)(void *argument), void *argument);
/* Goes on with it until it gives way or ends. Not from within a fiber. */
void fiber_enter(sim_fiber *fiber);
/* The fiber that runs gives way. */
void fiber_leave(void);
bool fiber_has_ended(const sim_fiber *fiber);
/* It has ended. Its stack is kept for the next one. */
void fiber_free(sim_fiber *fiber);

#endif
