#include "memory.h"

#include "base/error.h"
#include "base/text.h"
#include "snapshots.h"

/* A name is kept once, so its place can stand for it. */
static uint64_t number_of(const char *name)
{
    return (uint64_t)(uintptr_t)name;
}

/* Under the lock. Errors: false, an allocation was refused. */
static bool see(const neapi_memory_log *log, uint64_t position, neapi_survey *survey)
{
    const neap_event *event = &neapi_memory_at(log, position)->event;
    const neapi_memory_index *category =
        neapi_map_get(&log->categories, neapi_stream_category(event->stream));
    const neapi_survey_event seen = {
        .position = position,
        .version = event->version,
        .stream = number_of(event->stream.data),
        .category = number_of(category->name.data),
        .type = number_of(event->type.data),
        .schema = event->schema,
        .recorded_at = event->recorded_at,
        .data_bytes = event->data.size,
        .tagged = event->tag_count != 0,
    };
    return neapi_survey_see(survey, &seen);
}

static bool name_all(neapi_survey *survey)
{
    for (const neapi_survey_name *each = survey->names; each != NULL; each = each->next) {
        *each->name =
            neapi_arena_text(&survey->arena, neapi_text_of((const char *)(uintptr_t)each->number));
        if (each->name->data == NULL)
            return false;
    }
    return true;
}

neap_status neapi_memory_survey(neapi_session *session, neapi_survey *survey, neap_error *error)
{
    neapi_memory_store *store = neapi_memory_of(session);
    neap_statistics *result = &survey->result;
    bool done = true;
    for (uint64_t from = 1; from <= result->events && done; from += NEAPI_MEMORY_SCAN) {
        pthread_rwlock_rdlock(&store->lock);
        for (uint64_t i = from; i < from + NEAPI_MEMORY_SCAN && i <= result->events && done; i++)
            done = see(&store->log, i, survey);
        pthread_rwlock_unlock(&store->lock);
    }
    if (!done || !neapi_survey_close(survey) || !name_all(survey))
        return neapi_nomem(error);
    pthread_rwlock_rdlock(&store->lock);
    result->commands = store->commands;
    result->keys = store->keys.count;
    result->snapshots = store->snapshots.count;
    result->snapshot_bytes = neapi_memory_snapshot_bytes(&store->snapshots);
    result->documents = store->documents.count;
    result->document_bytes = store->documents.bytes;
    result->collections = store->documents.collections.count;
    pthread_rwlock_unlock(&store->lock);
    return NEAP_OK;
}
