/* Where messages of others come in: a consumer at a broker, which hands each to one of its clients
 * until it is settled. Threads: owner. */
#ifndef NEAPI_OUTBOX_SOURCE_H
#define NEAPI_OUTBOX_SOURCE_H

#include "neap.h"

typedef struct neapi_source neapi_source;

/* Lifetime: until it is settled. */
typedef struct neapi_incoming {
    neap_text body;
    const char *id;     /* that the message brings; NULL: none */
    char place[160];    /* where it lies, as in "SHOP/17": the same whenever it comes */
    uint64_t delivered; /* so often, this time included */
    void *message;      /* the source's */
} neapi_incoming;

typedef enum neapi_settlement {
    NEAPI_SETTLED_DONE,  /* it does not come again */
    NEAPI_SETTLED_LATER, /* it comes again after the delay */
    NEAPI_SETTLED_NEVER, /* it can never be handled: goes where dead letters go, with the reason */
} neapi_settlement;

/* Checks the URL, and connects later. Owns: the caller. Errors: USAGE, UNKNOWN (the scheme),
 * NOMEM. */
neap_status neapi_source_open(const char *from, uint32_t timeout_ms, neapi_source **source,
                              neap_error *error);
/* Waits up to timeout_ms for some messages; *count 0: there were none. Errors: UNAVAILABLE, NOMEM.
 */
neap_status neapi_source_fetch(neapi_source *source, neapi_incoming *list, size_t most,
                               uint32_t timeout_ms, size_t *count, neap_error *error);
/* why: of NEVER. Gives what became of it: LATER where its dead letter could not be kept. */
neapi_settlement neapi_source_settle(neapi_source *source, neapi_incoming *incoming,
                                     neapi_settlement settlement, uint32_t delay_ms,
                                     const neap_error *why);
/* What was settled has gone to the broker, unless it is away. */
void neapi_source_close(neapi_source *source);

#endif
