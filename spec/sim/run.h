/* One run: a runtime, its clients and all that goes wrong, as a plan has it, from an empty store to
 * the last check. */
#ifndef NEAP_SPEC_RUN_H
#define NEAP_SPEC_RUN_H

#include "sim/plan.h"

typedef struct run_result {
    uint64_t trace, store; /* hashes: of all that happened, of what is stored */
    uint64_t operations, events, steps;
} run_result;

/* What it shows to be wrong ends the process: see trace.h, whose trace_begin() comes before. */
run_result run_plan(const sim_plan *plan);

#endif
