/* Short ways to write documents, and to see what is there. */
#ifndef NEAPI_SPEC_DOCUMENTS_H
#define NEAPI_SPEC_DOCUMENTS_H

#include "contract/world.h"

/* Adds the operation; data and expected may be NULL. */
void add_document(neapi_unit *unit, const char *collection, const char *key,
                  neapi_document_write write, const char *data, neapi_document_expect expect,
                  const char *expected);
/* Commits one operation. */
void put(contract_world *world, const char *collection, const char *key, const char *data);
void drop(contract_world *world, const char *collection, const char *key);

/* Both sessions find the same; data is in world->arena. */
bool document_found(contract_world *world, neap_text collection, neap_text key, neap_text *data);
/* data NULL: it is not there. */
void assert_document(contract_world *world, const char *collection, const char *key,
                     const char *data);

/* 100 documents at most. */
neapi_document_range all_of(const char *collection);
/* Lists the range, page by page, and compares keys. */
void assert_listed(contract_world *world, neapi_document_range range, const char *const *keys,
                   size_t count);
#define ASSERT_LISTED(world, range, ...)                                                           \
    assert_listed((world), (range), (const char *const[]){__VA_ARGS__},                            \
                  sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))
#define ASSERT_NOTHING_LISTED(world, range) assert_listed((world), (range), NULL, 0)

#endif
