/* Who looks after the subscriptions while others use the runtime: pauses, resumes and rebuilds
 * them, tries dead letters again, and reads what they keep. A thread of the run. */
#ifndef NEAP_SPEC_KEEPER_H
#define NEAP_SPEC_KEEPER_H

#include "neap.h"
#include "sim/dice.h"

typedef struct sim_keeper {
    neap_runtime *runtime;
    sim_dice chance;
    unsigned accounts, courses, students;
    unsigned calls;
    bool rows; /* a projection keeps some */
    const bool *stop;
} sim_keeper;

/* (A thread's function.) */
void keeper_run(void *keeper);

/* Nothing fails any more: everything goes on, and is handled. */
void keeper_mend(sim_keeper *keeper);
/* That is so: compares all that there is. */
void keeper_check_end(sim_keeper *keeper);

#endif
