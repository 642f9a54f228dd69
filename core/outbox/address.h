/* Where a broker is: its URL, taken apart. */
#ifndef NEAPI_OUTBOX_ADDRESS_H
#define NEAPI_OUTBOX_ADDRESS_H

#include "base/arena.h"

typedef struct neapi_address {
    const char *servers; /* what stands before '?', terminated: one URL or several, with commas */
    const char *shown;   /* the same without what may be secret */
    neap_text query;     /* behind '?' */
} neapi_address;

/* Splits it, with all text in the arena. Errors: NOMEM. */
neap_status neapi_address_read(neap_text url, neapi_arena *arena, neapi_address *address,
                               neap_error *error);

/* One option of the query. */
typedef struct neapi_address_option {
    const char *name;
    const char *value; /* out: decoded and terminated; NULL: not given */
} neapi_address_option;

/* Finds the values of those that are known. Errors: USAGE (an unknown one, one given twice, a '%'
 * without its two digits), NOMEM. */
neap_status neapi_address_options(const neapi_address *address, neapi_arena *arena,
                                  neapi_address_option *known, size_t count, neap_error *error);

/* A whole number that an option's value is. Errors: USAGE, naming what is allowed. */
neap_status neapi_address_number(const neapi_address_option *option, uint32_t most,
                                 uint32_t *number, neap_error *error);

#endif
