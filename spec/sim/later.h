/* What is sent for later, through the queue: each takes effect once, whatever happens meanwhile,
 * and what is due first is done first. Deposits, with numbers beyond those of all other operations.
 */
#ifndef NEAP_SPEC_LATER_H
#define NEAP_SPEC_LATER_H

#include "sim/dice.h"
#include "store/unit.h"

#define LATER_FIRST_OP 1000000

/* in_order: nothing in the run delays one of them but its own failure. */
void later_begin(bool in_order);
/* An accepted unit: notes which of them are to be tried again. */
void later_committed(const neapi_unit *unit);
/* Sends one, or cancels one. accounts: how many there are. */
void later_do(neap_runtime *runtime, sim_dice *chance, unsigned accounts);
/* All that waits is done. Compares what was told with what the ledger has. */
void later_check(void);

#endif
