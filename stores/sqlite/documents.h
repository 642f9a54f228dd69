/* The documents that a batch is about. Units are judged against what is known of them here, and
 * else against the file; what accepted units leave is written in one statement at the batch's end,
 * each document once and in the order of the keys. */
#ifndef NEAPI_SQLITE_DOCUMENTS_H
#define NEAPI_SQLITE_DOCUMENTS_H

#include "names.h"
#include "rows.h"
#include "store/unit.h"

/* What operations left of a document. */
typedef struct neapi_sqlite_left {
    bool dropped;
    neap_text data; /* borrowed from the unit */
} neapi_sqlite_left;

typedef struct neapi_sqlite_document {
    neapi_sqlite_name *collection;
    neap_text key;
    uint64_t hash;
    bool changed;                         /* by an accepted unit */
    uint64_t unit;                        /* the last that wrote to it, accepted or not */
    neapi_sqlite_left left, left_by_unit; /* by the accepted ones; by that one */
    uint64_t listed;                      /* the last clearing that found it there */
    struct neapi_sqlite_document *next;   /* that the unit under way wrote to */
} neapi_sqlite_document;

typedef struct neapi_sqlite_document_list {
    neapi_sqlite_document **items;
    size_t count, capacity;
} neapi_sqlite_document_list;

typedef struct neapi_sqlite_documents {
    neapi_sqlite_document **slots; /* a hash table */
    size_t count, capacity;
    neapi_arena arena;
    neapi_sqlite_document *written; /* by the unit under way */
    neapi_sqlite_document_list changed, cleared;
    size_t puts; /* how many of the changed ones, which come first, are there */
    uint64_t clearings;
    neap_text last_name; /* of the collection that was looked up last */
    neapi_sqlite_name *last;
    neapi_sqlite_table table;
} neapi_sqlite_documents;

neap_status neapi_sqlite_documents_enable(neapi_sqlite_session *session, neap_error *error);
void neapi_sqlite_documents_fini(neapi_sqlite_documents *documents);
/* Another batch begins. */
void neapi_sqlite_documents_clear(neapi_sqlite_documents *documents);

/* Judge one operation of the unit under way, and note what it would leave. */
neap_status neapi_sqlite_judge_document(neapi_sqlite_session *session,
                                        const neapi_document *document, neapi_verdict *verdict,
                                        neap_error *error);
neap_status neapi_sqlite_judge_clear(neapi_sqlite_session *session, neap_text collection,
                                     uint32_t most, neap_error *error);
/* The unit under way is accepted. Errors: false, an allocation was refused. */
bool neapi_sqlite_documents_accept(neapi_sqlite_documents *documents);

/* Writes what accepted units left. */
neap_status neapi_sqlite_documents_write(neapi_sqlite_session *session, neap_error *error);

#endif
