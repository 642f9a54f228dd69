/* The documents that are durable, as the store's own commits tell it. */
#ifndef NEAP_SPEC_DOCUMENTS_H
#define NEAP_SPEC_DOCUMENTS_H

#include "store/unit.h"

void documents_begin(void);
/* What an accepted unit does to them. */
void documents_apply(const neapi_unit *unit);

/* The data; NULL: there is none. Lifetime: until the next commit. */
const char *documents_find(const char *collection, const char *key);
unsigned documents_count(const char *collection);
/* Calls for each of a collection, in no order. */
void documents_each(const char *collection,
                    void (*see)(void *of, const char *key, const char *data), void *of);
/* Fails the run unless the store has all of them, and no others. Nothing goes on. */
void documents_check_store(const char *url);

#endif
