/* Going on with sagas that had stopped: what happened since is read from the log again, for each by
 * itself; what the queue has for them comes when all have gone on. */
#include "base/error.h"
#include "base/text.h"
#include "bus/partition.h"
#include "runtime/lane_log.h"
#include "runtime/saga_state.h"
#include "runtime/subscribed.h"

#define EVENTS_AT_ONCE 256
#define BYTES_AT_ONCE  ((size_t)1 << 20)

/* The next one of the partition that has stopped. *saga NULL: there is none, or (`more`) not yet.
 */
static neap_status find_next(neapi_lane *lane, neapi_partition *partition, neapi_saga **saga,
                             bool *more, neap_error *error)
{
    neapi_sagas *sagas = partition->sagas;
    const neapi_document_range range = {
        .collection = neapi_text(sagas->stopped.data, sagas->stopped.size),
        .behind = neapi_text(sagas->behind.data, sagas->behind.size),
        .limit = 1,
    };
    neapi_document_page page = NEAPI_DOCUMENT_PAGE_INIT;
    neap_status status = neapi_list_documents(lane->session, &range, &page, error);
    *saga = NULL;
    *more = status == NEAP_OK && page.count != 0;
    if (*more) {
        neap_text key = page.documents[0].key;
        if (neapi_partition_of(key, partition->build->partition_count) == partition->number)
            status = neapi_saga_get(lane, partition, key, saga, error);
        if (*saga == NULL || (*saga)->status != NEAPI_SAGA_STOPPED) {
            *saga = NULL;
            neapi_buffer_clear(&sagas->behind);
            neapi_buffer_text(&sagas->behind, key);
            if (status == NEAP_OK && sagas->behind.failed)
                status = neapi_nomem(error);
        }
    }
    neapi_document_page_fini(&page);
    return status;
}

static neap_status read_on(neapi_lane *lane, const neapi_partition *partition,
                           const neapi_saga *saga, neap_error *error)
{
    neapi_sagas *sagas = partition->sagas;
    const neapi_subscription *definition = partition->definition;
    const neapi_range range = {.types = definition->types,
                               .type_count = definition->type_count,
                               .from = saga->go_on_at,
                               .to = partition->through,
                               .max_events = EVENTS_AT_ONCE,
                               .max_bytes = BYTES_AT_ONCE};
    if (range.from <= range.to)
        return neapi_read(lane->session, &range, &sagas->page, error);
    sagas->page.count = 0;
    sagas->page.last = true;
    return NEAP_OK;
}

/* It has caught up with the others. */
static neap_status gone_on(neapi_lane *lane, neapi_partition *partition, neapi_saga *saga)
{
    saga->go_on_at = 0;
    neapi_saga_mark_changed(partition->sagas, saga);
    neapi_lane_say(lane, NEAP_LOG_INFO, (neap_text){0}, "saga '%.*s', key '%.*s' has gone on",
                   NEAPI_TEXT(partition->definition->name), NEAPI_TEXT(saga->key));
    return neapi_saga_say_stopped(lane, partition, saga, false);
}

static neap_status go_on(neapi_lane *lane, neapi_partition *partition, neapi_saga *saga,
                         bool *finished, neap_error *error)
{
    neapi_sagas *sagas = partition->sagas;
    const neapi_saga before = *saga;
    neap_status status = read_on(lane, partition, saga, error);
    saga->status = saga->saved.size != 0 ? NEAPI_SAGA_RUNNING : NEAPI_SAGA_ABSENT;
    saga->reason = saga->traceback = saga->stopped_by = (neap_text){0};
    for (size_t i = 0; i < sagas->page.count && status == NEAP_OK; i++) {
        if (saga->status != NEAPI_SAGA_RUNNING && saga->status != NEAPI_SAGA_ABSENT)
            break;
        status = neapi_saga_handle_event(lane, partition, &sagas->page.events[i], saga, error);
    }
    if (status != NEAP_OK)
        return status;
    *finished = saga->status == NEAPI_SAGA_STOPPED || neapi_saga_has_ended(saga) ||
                saga->status == NEAPI_SAGA_COMPENSATING || sagas->page.last ||
                sagas->page.next > partition->through;
    if (saga->status == NEAPI_SAGA_STOPPED)
        return NEAP_OK;
    if (*finished)
        return gone_on(lane, partition, saga) == NEAP_OK ? NEAP_OK : neapi_nomem(error);
    saga->status = NEAPI_SAGA_STOPPED;
    saga->reason = before.reason;
    saga->traceback = before.traceback;
    saga->stopped_by = before.stopped_by;
    saga->go_on_at = sagas->page.next;
    neapi_saga_mark_changed(sagas, saga);
    return NEAP_OK;
}

neap_status neapi_saga_resume_some(neapi_lane *lane, neapi_partition *partition, neap_error *error)
{
    neapi_sagas *sagas = partition->sagas;
    neapi_saga *saga;
    bool more, finished = false;
    neap_status status = find_next(lane, partition, &saga, &more, error);
    if (status != NEAP_OK)
        return status;
    if (saga != NULL)
        status = go_on(lane, partition, saga, &finished, error);
    if (finished) {
        neapi_buffer_clear(&sagas->behind);
        neapi_buffer_text(&sagas->behind, saga->key);
        if (sagas->behind.failed)
            status = neapi_nomem(error);
    }
    if (status == NEAP_OK && !more) {
        sagas->resuming = false;
        neapi_buffer_clear(&sagas->behind);
        neapi_page_fini(&sagas->page);
        neapi_saga_unpark(lane, sagas);
    }
    return status;
}
