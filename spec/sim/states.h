/* Whether a state that somebody was shown, as JSON, is one that the ledger has had. json NULL: the
 * initial one. */
#ifndef NEAP_SPEC_STATES_H
#define NEAP_SPEC_STATES_H

#include "sim/ledger.h"

/* The number of that name; it has to be there. */
int64_t states_number(const char *json, size_t size, const char *name);
bool states_is_account(const ledger_account *account, const char *json, size_t size);
/* At some position from the first one to now; *found is what it was then. */
bool states_was_account(const char *stream, uint64_t first, const char *json, size_t size,
                        ledger_account *found);
bool states_was_enrolment(const char *course, const char *student, uint64_t first, const char *json,
                          size_t size, ledger_enrolment *found);

#endif
