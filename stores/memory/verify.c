#include <inttypes.h>
#include <stdio.h>

#include "memory.h"

static void compare(const neapi_verify_sink *sink, const char *what, uint64_t counted,
                    uint64_t expected)
{
    if (counted == expected)
        return;
    char text[160];
    snprintf(text, sizeof text,
             "The index of %s holds %" PRIu64 " events; the store has %" PRIu64 ".", what, counted,
             expected);
    sink->finding(sink->user, text);
}

/* How many of the indexes are in use; *events: what they hold together. */
static uint64_t count_indexes(const neapi_map *map, uint64_t *events)
{
    uint64_t used = 0;
    size_t at = 0;
    const neapi_memory_index *index;
    while ((index = neapi_map_next(map, &at)) != NULL) {
        used += index->positions.count != 0;
        *events += index->positions.count;
    }
    return used;
}

neap_status neapi_memory_verify(neapi_session *session, const neapi_verify_sink *sink,
                                neap_verification *result, neap_error *error)
{
    (void)error;
    neapi_memory_store *store = neapi_memory_of(session);
    uint64_t streams = 0, in_streams = 0, in_categories = 0, in_types = 0, in_tags = 0, tags = 0;
    size_t at = 0;
    pthread_rwlock_rdlock(&store->lock);
    const neapi_memory_stream *stream;
    while ((stream = neapi_map_next(&store->log.streams, &at)) != NULL) {
        streams += stream->positions.count != 0;
        in_streams += stream->positions.count;
    }
    count_indexes(&store->log.categories, &in_categories);
    result->types = count_indexes(&store->log.types, &in_types);
    count_indexes(&store->log.tags, &in_tags);
    for (uint64_t position = 1; position <= store->log.head; position++)
        tags += neapi_memory_at(&store->log, position)->event.tag_count;
    result->streams = streams;
    result->events = store->log.head;
    result->commands = store->commands;
    result->keys = store->keys.count;
    result->snapshots = store->snapshots.count;
    bool agree = neapi_memory_documents_agree(&store->documents);
    result->documents = store->documents.count;
    pthread_rwlock_unlock(&store->lock);
    compare(sink, "streams", in_streams, result->events);
    compare(sink, "categories", in_categories, result->events);
    compare(sink, "types", in_types, result->events);
    compare(sink, "tags", in_tags, tags);
    if (!agree)
        sink->finding(sink->user, "The documents do not agree with their counts.");
    return NEAP_OK;
}
