/* Who of several processes runs what: a pure function of who there is, what each may run and what
 * each runs now, so that all who see the same come to the same without talking to each other. */
#ifndef NEAPI_RUNTIME_ASSIGN_H
#define NEAPI_RUNTIME_ASSIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NEAPI_NOBODY SIZE_MAX

/* may[i * members + m]: member m may run item i. owners: who runs each now, and, behind it, who is
 * to; NEAPI_NOBODY: nobody, or nobody may. loads: room for a count for each member. Members and
 * items come in the same order everywhere.
 *
 * What runs stays where it is as long as nobody has two more than another who might have one of
 * them. */
void neapi_assign(size_t members, size_t items, const bool *may, size_t *owners, size_t *loads);

#endif
