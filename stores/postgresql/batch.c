#include "batch.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

static void begin(neapi_pg_batch *batch)
{
    batch->streams = NULL;
    batch->last_stream = &batch->streams;
    batch->documents = batch->touched = NULL;
    batch->last_document = &batch->documents;
    batch->keys = NULL;
    batch->last_key = &batch->keys;
    batch->collections = NULL;
    batch->last_collection = &batch->collections;
    batch->conditions = NULL;
    batch->last_condition = &batch->conditions;
    batch->writes = batch->has_sql = batch->guessed = false;
    batch->head = batch->unit = 0;
}

#define EACH_MAP(batch)                                                                            \
    {                                                                                              \
        &(batch)->stream_map, &(batch)->document_map, &(batch)->key_map, &(batch)->collection_map, \
            &(batch)->tag_map                                                                      \
    }
#define MAPS 5

neapi_pg_batch *neapi_pg_batch_new(void)
{
    neapi_pg_batch *batch = neapi_alloc_zero(1, sizeof *batch);
    if (batch == NULL)
        return NULL;
    neapi_map *const maps[MAPS] = EACH_MAP(batch);
    for (size_t i = 0; i < MAPS; i++)
        neapi_map_init(maps[i]);
    begin(batch);
    return batch;
}

static void clear(neapi_pg_batch *batch)
{
    neapi_map *const maps[MAPS] = EACH_MAP(batch);
    for (size_t i = 0; i < MAPS; i++) {
        neapi_map_fini(maps[i]);
        neapi_map_init(maps[i]);
    }
    neapi_arena_clear(&batch->arena);
    begin(batch);
}

void neapi_pg_batch_free(neapi_pg_batch *batch)
{
    if (batch == NULL)
        return;
    clear(batch);
    neapi_arena_fini(&batch->arena);
    neapi_free(batch);
}

/* ---- What there is --------------------------------------------------------------------------- */

neapi_pg_stream *neapi_pg_batch_stream(neapi_pg_batch *batch, neap_text name)
{
    return neapi_map_get(&batch->stream_map, name);
}

static bool add_stream(neapi_pg_batch *batch, neap_text name)
{
    if (neapi_map_get(&batch->stream_map, name) != NULL)
        return true;
    neapi_pg_stream *stream = neapi_arena_alloc(&batch->arena, sizeof *stream);
    if (stream == NULL || !neapi_map_put(&batch->stream_map, name, stream))
        return false;
    *stream = (neapi_pg_stream){.name = name};
    *batch->last_stream = stream;
    batch->last_stream = &stream->next;
    return true;
}

static bool add_key(neapi_pg_batch *batch, neap_text name)
{
    if (neapi_map_get(&batch->key_map, name) != NULL)
        return true;
    neapi_pg_key *key = neapi_arena_alloc(&batch->arena, sizeof *key);
    if (key == NULL || !neapi_map_put(&batch->key_map, name, key))
        return false;
    *key = (neapi_pg_key){.name = name};
    *batch->last_key = key;
    batch->last_key = &key->next;
    return true;
}

neapi_pg_document *neapi_pg_batch_document(neapi_pg_batch *batch, neap_text collection,
                                           neap_text key)
{
    char text[2 * NEAPI_STREAM_BYTES + 1]; /* names have no line feeds */
    memcpy(text, collection.data, collection.size);
    text[collection.size] = '\n';
    memcpy(text + collection.size + 1, key.data, key.size);
    neap_text whole = neapi_text(text, collection.size + 1 + key.size);
    neapi_pg_document *document = neapi_map_get(&batch->document_map, whole);
    if (document != NULL)
        return document;
    whole = neapi_arena_text(&batch->arena, whole);
    document = neapi_arena_alloc(&batch->arena, sizeof *document);
    if (whole.data == NULL || document == NULL ||
        !neapi_map_put(&batch->document_map, whole, document))
        return NULL;
    *document = (neapi_pg_document){
        .collection = {whole.data, collection.size},
        .key = {whole.data + collection.size + 1, key.size},
    };
    *batch->last_document = document;
    batch->last_document = &document->next;
    return document;
}

static neapi_pg_collection *add_collection(neapi_pg_batch *batch, neap_text name)
{
    neapi_pg_collection *collection = neapi_map_get(&batch->collection_map, name);
    if (collection != NULL)
        return collection;
    collection = neapi_arena_alloc(&batch->arena, sizeof *collection);
    if (collection == NULL || !neapi_map_put(&batch->collection_map, name, collection))
        return NULL;
    *collection = (neapi_pg_collection){.name = name};
    *batch->last_collection = collection;
    batch->last_collection = &collection->next;
    return collection;
}

static bool add_condition(neapi_pg_batch *batch, const neapi_condition *given)
{
    neapi_pg_condition *condition = neapi_arena_alloc(&batch->arena, sizeof *condition);
    if (condition == NULL)
        return false;
    *condition = (neapi_pg_condition){.condition = given};
    *batch->last_condition = condition;
    batch->last_condition = &condition->next;
    return true;
}

static bool add_document(neapi_pg_batch *batch, const neapi_document *given)
{
    neapi_pg_document *document = neapi_pg_batch_document(batch, given->collection, given->key);
    if (document == NULL)
        return false;
    document->asked = document->asked || given->expect != NEAPI_DOCUMENT_ANY;
    document->whole = document->whole || given->expect == NEAPI_DOCUMENT_EQUAL;
    return true;
}

static bool add_op(neapi_pg_batch *batch, const neapi_op *op)
{
    neapi_pg_collection *collection;
    switch (op->kind) {
    case NEAPI_OP_EXPECT:
        return add_stream(batch, op->expect.stream);
    case NEAPI_OP_APPEND:
        return add_stream(batch, op->append.stream);
    case NEAPI_OP_KEY:
        return add_key(batch, op->key.key);
    case NEAPI_OP_CONDITION:
        return add_condition(batch, &op->condition);
    case NEAPI_OP_DOCUMENT:
        return add_document(batch, &op->document);
    case NEAPI_OP_CLEAR:
        collection = add_collection(batch, op->clear.collection);
        if (collection != NULL)
            collection->most += op->clear.most;
        return collection != NULL;
    case NEAPI_OP_SQL:
    case NEAPI_OP_TABLES:
        batch->has_sql = true;
        return true;
    default:
        return true;
    }
}

bool neapi_pg_batch_gather(neapi_pg_batch *batch, neapi_unit *const *units, size_t count)
{
    clear(batch);
    for (size_t i = 0; i < count; i++)
        for (size_t n = 0; n < units[i]->op_count; n++)
            if (!add_op(batch, &units[i]->ops[n]))
                return false;
    for (size_t i = 0; batch->collections != NULL && i < count; i++)
        for (size_t n = 0; n < units[i]->op_count; n++) {
            const neapi_op *op = &units[i]->ops[n];
            neapi_pg_collection *collection =
                op->kind == NEAPI_OP_DOCUMENT && op->document.write == NEAPI_DOCUMENT_DROP
                    ? neapi_map_get(&batch->collection_map, op->document.collection)
                    : NULL;
            if (collection != NULL)
                collection->most++;
        }
    return true;
}
