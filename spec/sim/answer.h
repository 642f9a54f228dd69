/* Whether an answer is right, at the moment when it is given. What is wrong fails the run. */
#ifndef NEAP_SPEC_ANSWER_H
#define NEAP_SPEC_ANSWER_H

#include "sim/history.h"

/* The op's events: how many, and the last position. Fails the run if they are not side by side, as
 * what one unit recorded is; a transfer's are of two. */
size_t answer_events_of(const sim_op *op, uint64_t *last);

/* A receipt. Marks the op as done, and its events as known. */
void answer_check_done(sim_attempt *attempt, const neap_receipt *receipt);
void answer_check_failed(sim_attempt *attempt, neap_status status, const neap_error *error,
                         const history_rules *rules);
/* Whether a call may fail so for what goes wrong in the run. */
bool answer_may_fail(neap_status status, const history_rules *rules);

#endif
