/* Errands: what the sagas of reading.lua run. Each goes the way that its `how` says, and however
 * often its process dies on the way, each of its steps is taken once. */
#ifndef NEAP_SPEC_ERRANDS_H
#define NEAP_SPEC_ERRANDS_H

#include "neap.h"
#include "sim/dice.h"

#define ERRANDS_FIRST_OP 2000000

/* sure: nothing in the run can make a command fail for good, so that each goes its way exactly. */
void errands_begin(bool sure);
/* Begins one. */
void errands_do(neap_runtime *runtime, sim_dice *chance);
/* The newest event, at that position, is a step. */
void errands_check_step(uint64_t position);
/* Nothing fails any more, and all is done. */
void errands_check_end(neap_runtime *runtime);

#endif
