/* Those who read the log while it grows: what they get has to be what is durable, in order, without
 * gap or repeat. */
#ifndef NEAP_SPEC_FOLLOWER_H
#define NEAP_SPEC_FOLLOWER_H

#include "sim/dice.h"
#include "sim/plan.h"

typedef enum follower_kind {
    FOLLOWER_POLLS, /* with a cursor that it has to close before the runtime is */
    FOLLOWER_WAITS, /* with one that follows, until it is told that the runtime is closed */
    FOLLOWER_IS_CALLED_BACK,
    FOLLOWER_KINDS
} follower_kind;

typedef struct sim_follower {
    neap_runtime *runtime;
    follower_kind kind;
    sim_dice chance;
    const bool *stop;   /* it shall read what there is, and end; who polls does so before... */
    const bool *closed; /* ...the runtime is closed, the others behind it */
    bool all;           /* there is time for all of it before the runtime is closed */
    bool sure;          /* it is always known what became of a commit */
    /* Its own. */
    neap_filter filter;
    uint64_t seen; /* the position up to which all that is wanted was read */
    bool opened;   /* it has called the runtime, which may be closed now */
    bool ended;    /* it will get nothing more */
} sim_follower;

/* Nothing has happened for a while: who is called back has been told of all that there is. */
void follower_check_quiet(const sim_follower *follower);

/* (A thread's function.) */
void follower_run(void *follower);

#endif
