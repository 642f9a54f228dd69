/* What the core takes for the machine: the platform table, threads and locks, all of the scheduler.
 * By the linker's --wrap, so that the core is as it is. */
#ifndef NEAP_SPEC_THREADS_H
#define NEAP_SPEC_THREADS_H

#include "base/platform.h"

/* Begins a run: randomness follows from the seed. */
void threads_begin(uint64_t seed);

/* Sets the wall clock forward or back; the monotonic one goes on. */
void threads_set_wall(int64_t by_us);
int64_t threads_wall_us(void);

#endif
