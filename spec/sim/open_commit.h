/* The one commit of a store of which its writer does not know what became. */
#ifndef NEAP_SPEC_OPEN_COMMIT_H
#define NEAP_SPEC_OPEN_COMMIT_H

#include "sim/dice.h"
#include "store/backend.h"

/* Commits, and tells the ledger. */
neap_status open_commit_now(neapi_session *real, neapi_unit *const *units, size_t count,
                            int64_t now_us, neapi_outcome *outcome, neap_error *error);

/* The units are durable in secret, or never will be, or may become so at any moment until somebody
 * asks. None looks judged. */
void open_commit_leave(sim_dice *chance, neapi_session *real, neapi_unit *const *units,
                       size_t count, int64_t now_us);
/* Now and then what is on its way becomes durable. */
void open_commit_may_arrive(sim_dice *chance);
bool open_commit_is_on_its_way(void);
/* Whether it is durable: then the units are judged. From here on it can become so no more. */
bool open_commit_resolve(neapi_unit *const *units, size_t count);
/* There is no such commit any more. */
void open_commit_forget(void);

#endif
