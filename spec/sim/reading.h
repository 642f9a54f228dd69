/* The read side of the world (reading.lua), judged by the ledger: whenever a checkpoint is durable,
 * what was committed with it is the plain fold of the log up to there. */
#ifndef NEAP_SPEC_READING_H
#define NEAP_SPEC_READING_H

#include "sim/ledger.h"

/* An accepted unit whose events and documents are counted already. */
void reading_committed(const neapi_unit *unit);

/* The fold of one key of `pairs`. */
typedef struct reading_pair {
    uint64_t count, digest;
} reading_pair;

/* Whether a document that somebody was shown is what the projection held at some position from the
 * first one to now. json NULL: there was none. */
bool reading_was_account(const char *account, uint64_t first, const char *json);
bool reading_was_pair(const char *key, uint64_t first, const char *json);

#endif
