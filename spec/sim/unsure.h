/* Stores that cannot be relied on: "memory:" and "sqlite:" are, for the programs that link this
 * (by --wrap of the two backends), the real ones behind a layer that refuses, fails, is slow, or
 * leaves open what became of a commit, as a seed chooses call by call. What is in memory outlives
 * the runtime that wrote it, as if it were a server's, until unsure_end(). */
#ifndef NEAP_SPEC_UNSURE_H
#define NEAP_SPEC_UNSURE_H

#include "store/backend.h"

/* Each but slow_us: so many of a thousand calls. */
typedef struct unsure_options {
    uint64_t seed;
    unsigned refuse;  /* commits that fail, and nothing of them is durable */
    unsigned unknown; /* commits that fail, and who knows */
    unsigned resolve; /* questions about those that fail */
    unsigned read;    /* what reads fails */
    unsigned open;    /* stores and sessions cannot be opened */
    unsigned slow;    /* calls that take their time */
    int64_t slow_us;  /* that time, at most */
} unsure_options;

void unsure_begin(const unsure_options *options);
/* From now on nothing fails, until unsure_begin(). */
void unsure_heal(void);
/* As if the machine, or the way to it, were gone: nothing works, until `false`. What a commit was
 * about just then may have become durable, or may yet. */
void unsure_cut(bool cut);
/* Whether a call has failed since unsure_begin() that might have gone well. */
bool unsure_has_failed(void);
/* Lets go of what is in memory. */
void unsure_end(void);

#endif
