/* What a batch is about, as its units leave it behind while they are judged: it is read from the
 * database at once, behind the lock, and judged in memory. */
#ifndef NEAPI_POSTGRESQL_BATCH_H
#define NEAPI_POSTGRESQL_BATCH_H

#include "base/map.h"
#include "postgresql.h"

typedef enum neapi_pg_guess_of { /* where a version comes from that was not asked for */
                                 NEAPI_PG_NO_GUESS,
                                 NEAPI_PG_GUESS_SEEN, /* from what this store committed */
                                 NEAPI_PG_GUESS_NEW,  /* the stream is to be a new one */
} neapi_pg_guess_of;

typedef struct neapi_pg_stream {
    neap_text name;
    uint64_t version;
    neapi_pg_guess_of guess;
    uint64_t unit, unit_version; /* as the unit of that number would leave it */
    struct neapi_pg_stream *next;
} neapi_pg_stream;

typedef struct neapi_pg_value {
    bool present;
    neap_text data;
} neapi_pg_value;

typedef struct neapi_pg_document {
    neap_text collection, key;
    neapi_pg_value value;
    bool asked;   /* a precondition is about it: the database is asked */
    bool whole;   /* for its data, too */
    bool changed; /* by an accepted unit */
    uint64_t unit;
    neapi_pg_value unit_value; /* as the unit of that number would leave it */
    struct neapi_pg_document *next, *next_touched;
} neapi_pg_document;

typedef struct neapi_pg_key {
    neap_text name;
    int64_t expires_at; /* 0: it is not there */
    struct neapi_pg_key *next;
} neapi_pg_key;

/* A collection that is cleared. */
typedef struct neapi_pg_collection {
    neap_text name;
    uint64_t most; /* of its documents that the batch may clear or drop */
    struct neapi_pg_collection *next;
} neapi_pg_collection;

/* An event of an accepted unit, under one of its tags; the newest first. */
typedef struct neapi_pg_tagged {
    neap_text type;
    uint64_t position;
    struct neapi_pg_tagged *before;
} neapi_pg_tagged;

/* A condition's newest event in the database that is against it; 0: none. */
typedef struct neapi_pg_condition {
    const neapi_condition *condition;
    uint64_t newest;
    struct neapi_pg_condition *next;
} neapi_pg_condition;

typedef struct neapi_pg_batch {
    neapi_arena arena;
    uint64_t head;
    uint64_t unit; /* counts those that are judged */
    int64_t now_us;
    neapi_map stream_map, document_map, key_map, collection_map, tag_map;
    neapi_pg_stream *streams, **last_stream;
    neapi_pg_document *documents, **last_document;
    neapi_pg_key *keys, **last_key;
    neapi_pg_collection *collections, **last_collection;
    neapi_pg_condition *conditions, **last_condition;
    neapi_pg_condition *next_condition; /* to be judged */
    neapi_pg_document *touched;         /* by the unit that is judged */
    bool has_sql;                       /* some unit has statements of projections */
    bool guessed;                       /* nothing was read */
    bool writes;                        /* something of what was accepted is to be written */
} neapi_pg_batch;

neapi_pg_batch *neapi_pg_batch_new(void); /* NULL: refused */
void neapi_pg_batch_free(neapi_pg_batch *batch);

/* Forgets the batch before, and lists what the units are about. Errors: false, an allocation was
 * refused. */
bool neapi_pg_batch_gather(neapi_pg_batch *batch, neapi_unit *const *units, size_t count);
/* Reads what the units are about, and the head; the transaction and its lock are queued already. */
neap_status neapi_pg_batch_load(neapi_pg_session *session, neapi_unit *const *units, size_t count,
                                int64_t now_us, neap_error *error);

/* Judges the unit against what those accepted before it left, and runs its SQL; one that is
 * accepted has its positions and versions, and is what the next ones see. NEAP_OK: the verdict is
 * there. */
neap_status neapi_pg_judge(neapi_pg_session *session, neapi_unit *unit, neap_error *error);

neapi_pg_stream *neapi_pg_batch_stream(neapi_pg_batch *batch, neap_text name);
/* Made if it is not there. Errors: NULL, an allocation was refused. */
neapi_pg_document *neapi_pg_batch_document(neapi_pg_batch *batch, neap_text collection,
                                           neap_text key);
/* As the unit that is judged sees it. */
neapi_pg_value *neapi_pg_document_value(const neapi_pg_batch *batch, neapi_pg_document *document);

#endif
