/* Projections: a partition's events are folded into documents, or into statements of SQL. */
#include "base/error.h"
#include "base/text.h"
#include "runtime/partition.h"

/* What was recorded is committed when it is that much. */
#define UNIT_BYTES ((size_t)4 << 20)

/* A document as it is stored. What is in flight is in the engine still, and is not looked for. */
static neap_status find(void *host, neap_text key, neap_text *data, bool *found, neap_error *error)
{
    neapi_lane *lane = host;
    neapi_partition *partition = lane->handling;
    const neapi_buffer *collection = &partition->build->collection;
    neapi_arena_clear(&partition->found);
    return neapi_find_document(lane->session, neapi_text(collection->data, collection->size), key,
                               &partition->found, data, found, error);
}

/* Makes what the fold needs, unless it is there. */
static neap_status prepare(neapi_lane *lane, neapi_partition *partition, neap_error *error)
{
    if (partition->definition->is_sql) {
        if (partition->unit == NULL)
            partition->unit =
                neapi_unit_new(neapi_uuid_new(&lane->ids, neapi_wall_us(lane->platform)));
        return partition->unit != NULL ? NEAP_OK : neapi_nomem(error);
    }
    return partition->documents != NEAPI_NO_DOCUMENTS
               ? NEAP_OK
               : neapi_engine_documents_new(lane->engine, partition->definition,
                                            &partition->documents, error);
}

static neap_status project_rows(neapi_lane *lane, const neapi_partition *partition, size_t most,
                                size_t *failed, neap_error *error)
{
    const neapi_projecting_rows where = {.projection = partition->definition,
                                         .build = partition->build->number,
                                         .partition = partition->number,
                                         .partitions = partition->build->partition_count,
                                         .unit = partition->unit};
    return neapi_engine_project_rows(lane->engine, &where, partition->events + partition->event_at,
                                     most, failed, error);
}

neap_status neapi_project(neapi_lane *lane, neapi_partition *partition, size_t most,
                          neap_error *error)
{
    neap_status status = prepare(lane, partition, error);
    if (status != NEAP_OK)
        return status;
    const neapi_projecting projecting = {.projection = partition->definition,
                                         .documents = partition->documents,
                                         .partition = partition->number,
                                         .partitions = partition->build->partition_count,
                                         .find = find,
                                         .host = lane};
    size_t failed = 0;
    lane->handling = partition;
    status =
        partition->definition->is_sql
            ? project_rows(lane, partition, most, &failed, error)
            : neapi_engine_project(lane->engine, &projecting,
                                   partition->events + partition->event_at, most, &failed, error);
    lane->handling = NULL;
    partition->event_at += status == NEAP_OK ? most : failed;
    return status;
}

void neapi_project_forget(neapi_lane *lane, neapi_partition *partition)
{
    if (partition->documents != NEAPI_NO_DOCUMENTS)
        neapi_engine_documents_free(lane->engine, partition->documents);
    partition->documents = NEAPI_NO_DOCUMENTS;
    if (partition->definition->is_sql) {
        neapi_unit_release(partition->unit);
        partition->unit = NULL;
    }
}

bool neapi_project_is_full(const neapi_partition *partition)
{
    return partition->unit != NULL && neapi_unit_bytes(partition->unit) > UNIT_BYTES;
}

neap_status neapi_project_refused(const neapi_partition *partition, const neapi_unit *unit,
                                  neap_error *error)
{
    const neap_event *event =
        partition->event_at > 0 ? partition->events[partition->event_at - 1] : NULL;
    if (!partition->was_careful || event == NULL || event->position != partition->submitted)
        return neapi_fail(error, NEAP_HANDLER, "%.900s", unit->message.data);
    return neapi_fail(error, NEAP_HANDLER, "event '%.*s' (%.*s, %llu): %.700s",
                      NEAPI_TEXT(event->type), NEAPI_TEXT(event->stream),
                      (unsigned long long)event->version, unit->message.data);
}
