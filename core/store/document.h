/* Documents read from a store, in memory of their own. */
#ifndef NEAPI_STORE_DOCUMENT_H
#define NEAPI_STORE_DOCUMENT_H

#include "base/arena.h"
#include "neap.h"
#include "store/unit.h"

/* A page has about so many bytes of keys and data at most; but at least one document, however
 * large. */
#define NEAPI_DOCUMENT_PAGE_BYTES (256 * 1024)

/* What to list, in the bytewise order of keys. */
typedef struct neapi_document_range {
    neap_text collection;
    neap_text prefix; /* of the keys; empty: all */
    neap_text behind; /* a key that need not be there; what follows it is listed, in the direction
                         of the list. Empty: from the start, or the end */
    bool backward;
    size_t limit; /* documents of the page, at least 1 */
} neapi_document_range;

typedef struct neapi_kept_document {
    neap_text key, data; /* terminated */
} neapi_kept_document;

typedef struct neapi_document_page {
    neapi_arena arena; /* holds all that documents point to */
    neapi_kept_document *documents;
    size_t count, capacity;
    size_t bytes; /* of keys and data */
    bool last;    /* nothing more is there now behind it. Else the next page is `behind` its last */
} neapi_document_page;

#define NEAPI_DOCUMENT_PAGE_INIT ((neapi_document_page){0})

void neapi_document_page_fini(neapi_document_page *page);
void neapi_document_page_clear(neapi_document_page *page); /* keeps memory */

typedef struct neapi_collection {
    neap_text name;
    uint64_t documents; /* at least 1 */
} neapi_collection;

typedef struct neapi_collection_list {
    neapi_arena arena;
    neapi_collection *collections; /* in the bytewise order of their names */
    size_t count, capacity;
} neapi_collection_list;

#define NEAPI_COLLECTION_LIST_INIT ((neapi_collection_list){0})

void neapi_collection_list_fini(neapi_collection_list *list);

/* What a SELECT answers. */
typedef struct neapi_result {
    neapi_arena arena; /* holds all that it points to */
    neap_text *names;  /* of the columns */
    size_t columns;
    neapi_value *values; /* row by row, so many as there are columns */
    size_t rows, capacity;
    size_t bytes; /* of values */
    bool more;    /* rows were left out: there were more than the limit, or about 4 MiB of them */
} neapi_result;

#define NEAPI_RESULT_BYTES (4 * 1024 * 1024)
#define NEAPI_RESULT_INIT  ((neapi_result){0})

void neapi_result_fini(neapi_result *result);
void neapi_result_clear(neapi_result *result); /* keeps memory */

/* The following are for stores. */

/* Room for one more row, whose values are to be set; NULL: refused. */
neapi_value *neapi_result_row(neapi_result *result);

/* Whether the document still has room on the page; if not, the page is full. */
bool neapi_document_page_fits(const neapi_document_page *page, const neapi_document_range *range,
                              neap_text key, neap_text data);
/* Adds copies. Errors: false, an allocation was refused. */
bool neapi_document_page_add(neapi_document_page *page, neap_text key, neap_text data);
bool neapi_collection_list_add(neapi_collection_list *list, neap_text name, uint64_t documents);

/* The keys of a range: from `low` on, and below `high`. */
typedef struct neapi_document_bounds {
    neap_text low, high; /* point into the range, or into bytes */
    char bytes[2][NEAPI_STREAM_BYTES + 1];
} neapi_document_bounds;

void neapi_document_bounds_set(neapi_document_bounds *bounds, const neapi_document_range *range);

#endif
