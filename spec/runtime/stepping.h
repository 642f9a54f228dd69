/* The runtime without threads, through neap.h as it is: whatever waits does meanwhile what lane and
 * writer would, in the same order each time, and time passes only by being looked at. For programs
 * that neap_stepping_test() of CMakeLists.txt links. Threads: one; one runtime at a time. */
#ifndef NEAPI_SPEC_STEPPING_H
#define NEAPI_SPEC_STEPPING_H

#include <stdbool.h>
#include <stdint.h>

/* Lane and writer go on until there is nothing to do. false: they never came to an end. */
bool stepping_settle(void);
/* Moves the clock. */
void stepping_advance(int64_t us);

#endif
