/* What the store keeps of a subscription, as documents in collections of Neap's own:
 *
 * - `$subscription`, by the subscription's name: which build is live, how many partitions it has,
 *   whether it is paused.
 * - `$checkpoint`, by the name of a partition: the position up to which its effects are durable. It
 *   is written in the unit of those effects, and only over the one that its writer has seen: who
 *   was fenced can write none of both.
 *
 * A build is one making of a projection's documents, numbered from 1: a rebuild makes the next one
 * beside it. What keeps no documents has one build for good. */
#ifndef NEAPI_RUNTIME_CHECKPOINT_H
#define NEAPI_RUNTIME_CHECKPOINT_H

#include "base/buffer.h"
#include "bus/catalog.h"
#include "store/store.h"

#define NEAPI_SUBSCRIPTIONS NEAPI_LITERAL("$subscription")
#define NEAPI_CHECKPOINTS   NEAPI_LITERAL("$checkpoint")

/* A subscription's record. */
typedef struct neapi_record {
    uint32_t build; /* the live one */
    uint32_t next;  /* one that is being built beside it; 0: none */
    uint32_t last;  /* the highest number that one ever had */
    uint32_t partitions, next_partitions;
    uint32_t version, next_version; /* of the definition that each is made by */
    uint32_t schema, next_schema;   /* neapi_schema_hash() of it */
    bool paused;
    /* Where several processes write: how often it was resumed, and put elsewhere. */
    uint32_t resumes, resets;
} neapi_record;

/* What an inline projection has in the place of a schema: no checkpoint is beside its documents. */
#define NEAPI_SCHEMA_INLINE 2

/* Tells the texts of two schemas apart, and odd; 0: there is none. Stored data depends on it. */
uint32_t neapi_schema_hash(const neapi_subscription *definition);

/* Appends the record's canonical JSON. kind: of the subscription. */
void neapi_record_write(neapi_buffer *json, neapi_subscription_kind kind,
                        const neapi_record *record);
/* Errors: NEAP_CORRUPT. */
neap_status neapi_record_read(neap_text json, neapi_record *record, neap_error *error);

typedef struct neapi_checkpoint {
    uint64_t generation; /* of the partition's owner: rises when it has another */
    uint64_t position;
} neapi_checkpoint;

void neapi_checkpoint_write(neapi_buffer *json, const neapi_checkpoint *checkpoint);
/* Errors: NEAP_CORRUPT. */
neap_status neapi_checkpoint_read(neap_text json, neapi_checkpoint *checkpoint, neap_error *error);

/* Append a name: of a build's documents' collection, `orders@1`, and of a partition's checkpoint,
 * `orders@1/0`. */
void neapi_collection_name(neapi_buffer *name, neap_text subscription, uint32_t build);
void neapi_checkpoint_key(neapi_buffer *name, neap_text subscription, uint32_t build,
                          uint32_t partition);

#endif
