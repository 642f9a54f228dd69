/* Those who use a runtime, each a thread of the run. */
#ifndef NEAP_SPEC_CLIENT_H
#define NEAP_SPEC_CLIENT_H

#include "sim/dice.h"
#include "sim/history.h"
#include "sim/plan.h"

typedef struct sim_client {
    const sim_plan *plan;
    neap_runtime *runtime;
    unsigned number;
    sim_dice chance;
    const bool *stop; /* somebody wants to close the runtime */
} sim_client;

/* Makes its calls, and ends: what it sent may be on its way still. (A thread's function.) */
void client_run(void *client);

/* Asks for an operation and waits for the answer. */
void client_dispatch(sim_client *client, sim_op *op);
/* Reads all accounts and enrolments. */
void client_read_all(sim_client *client);

#endif
