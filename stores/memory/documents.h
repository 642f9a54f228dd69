/* The documents of a memory store: for each collection a skip list, in the order of the keys. */
#ifndef NEAPI_MEMORY_DOCUMENTS_H
#define NEAPI_MEMORY_DOCUMENTS_H

#include "base/map.h"
#include "store/document.h"

typedef struct neapi_memory_collection neapi_memory_collection;
typedef struct neapi_memory_document neapi_memory_document;

/* What a document is, or was while a unit is judged. In one allocation with its data. */
typedef struct neapi_memory_value {
    neapi_memory_document *document;
    neap_text data;
    bool dropped;                      /* there is no document */
    bool committed_before;             /* what was before it is not the unit's, or is nothing */
    uint64_t unit;                     /* that left it */
    struct neapi_memory_value *before; /* NULL: there was no document */
    struct neapi_memory_value *next;   /* of the unit, the one before it in time */
} neapi_memory_value;

typedef struct neapi_memory_documents {
    neapi_map collections;       /* by name */
    uint64_t count, bytes;       /* of all that is there; bytes: of data */
    uint64_t unit;               /* counts those that were judged */
    neapi_memory_value *changes; /* of the one under way, newest first */
} neapi_memory_documents;

void neapi_memory_documents_init(neapi_memory_documents *documents);
void neapi_memory_documents_fini(neapi_memory_documents *documents);

/* NULL: there is none. */
const neapi_memory_value *neapi_memory_document_find(const neapi_memory_documents *documents,
                                                     neap_text collection, neap_text key);

/* Judge an operation, and do it. Errors: NEAP_CONFLICT, NEAP_NOMEM. */
neap_status neapi_memory_document_write(neapi_memory_documents *documents,
                                        const neapi_document *document);
neap_status neapi_memory_collection_clear(neapi_memory_documents *documents, neap_text collection,
                                          uint32_t most);
/* The unit is accepted: its changes stay. Or it is refused: nothing is left of them. Neither can
 * fail. */
void neapi_memory_documents_settle(neapi_memory_documents *documents);
void neapi_memory_documents_take_back(neapi_memory_documents *documents);

/* Between units. Errors: false, an allocation was refused. */
bool neapi_memory_documents_list(const neapi_memory_documents *documents,
                                 const neapi_document_range *range, neapi_document_page *page);
bool neapi_memory_collections_list(const neapi_memory_documents *documents,
                                   neapi_collection_list *list);

/* Whether the lists hold what the counts say, in order. */
bool neapi_memory_documents_agree(const neapi_memory_documents *documents);

#endif
