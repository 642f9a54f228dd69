/* What a seed makes of a run: who takes part, and what goes wrong. */
#ifndef NEAP_SPEC_PLAN_H
#define NEAP_SPEC_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "neap.h"
#include "sim/scheduler.h"
#include "sim/unsure.h"

typedef struct sim_plan {
    uint64_t seed;
    const char *store; /* URL */
    bool wrapped;      /* in middleware */
    neap_options options;
    scheduler_options scheduler;
    unsure_options unsure;
    bool host; /* has middleware of its own */
    unsigned followers, clients, accounts, courses, students, topics;
    unsigned calls; /* each client makes so many, each time that the runtime is opened */
    unsigned sends, reads, repeats; /* so many of a thousand: do not wait; only look; ask for
                                       something again */
    unsigned laters;                /* so many of a thousand calls send something for later */
    int64_t think_us;               /* and waits at most so long between them */
    unsigned lives;                 /* how often the runtime is opened */
    bool cuts;                      /* some of them end with the store gone */
    unsigned outages;               /* how often it is gone for a while */
    unsigned refusals;              /* how often memory is short */
    unsigned wall_jumps;            /* how often the wall clock is set */
    unsigned timeouts;              /* so many of a thousand calls have one */
    bool subscribed;                /* the world has its read side */
    unsigned errands;               /* so many of a thousand calls begin one */
    unsigned deaf;                  /* so many of a thousand deliveries fail */
    unsigned keeps;                 /* calls of the keeper, each time that the runtime is opened */
} sim_plan;

sim_plan plan_of(uint64_t seed, const char *store);
/* Whether calls of the store may fail. */
bool plan_store_fails(const sim_plan *plan);
/* Whether closing has time for all that was accepted. */
bool plan_has_time(const sim_plan *plan);
/* Prints it as one line. */
void plan_print(const sim_plan *plan);

#endif
