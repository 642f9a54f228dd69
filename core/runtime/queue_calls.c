/* What a host asks about the queue: what waits there, of a runtime or of a store at rest. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "message/field.h"
#include "message/json.h"
#include "message/object.h"
#include "runtime/queued.h"
#include "runtime/runtime.h"

#define MOST_AT_ONCE 1000

typedef struct listing {
    neap_queue queue; /* the first member */
    neapi_arena arena;
    const neap_queued **end; /* where the next one is hung */
} listing;

void neap_queue_free(const neap_queue *queue)
{
    listing *freed = (listing *)(uintptr_t)queue;
    if (freed == NULL)
        return;
    neapi_arena_fini(&freed->arena);
    neapi_free(freed);
}

/* Copies what a name, an owner … is: texts of the arena are terminated, and never NULL. */
static neap_text kept(neapi_arena *arena, neap_text text, bool *refused)
{
    neap_text copy = neapi_arena_text(arena, text);
    *refused = *refused || copy.data == NULL;
    return copy;
}

static neap_status add(listing *to, neap_text key, const neapi_queued *entry, neap_error *error)
{
    bool refused = false;
    neap_queued *added = neapi_arena_alloc(&to->arena, sizeof *added);
    if (added == NULL)
        return neapi_nomem(error);
    *added = (neap_queued){
        .key = kept(&to->arena, key, &refused),
        .id = entry->id,
        .is_timeout = entry->is_timeout,
        .due_at = entry->again_at > entry->due_us ? entry->again_at : entry->due_us,
        .queued_at = entry->queued_at,
        .command = kept(&to->arena, entry->command, &refused),
        .data = kept(&to->arena, entry->data, &refused),
        .meta = kept(&to->arena, entry->meta, &refused),
        .name = kept(&to->arena, entry->name, &refused),
        .owner = kept(&to->arena, entry->owner, &refused),
        .correlation_id = entry->correlation_id,
        .causation_id = entry->causation_id,
        .attempts = entry->attempts,
        .failure = kept(&to->arena, entry->failure, &refused),
    };
    if (refused)
        return neapi_nomem(error);
    *to->end = added;
    to->end = &added->next;
    to->queue.count++;
    return NEAP_OK;
}

/* Entries that their names do not stand for any more are left out. */
static neap_status fill(listing *to, neapi_session *session, const char *behind, size_t limit,
                        neap_error *error)
{
    neapi_document_page page = NEAPI_DOCUMENT_PAGE_INIT;
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_document_range range = {.collection = NEAPI_QUEUE,
                                  .behind = neapi_text_of(behind),
                                  .limit = limit < MOST_AT_ONCE ? limit : MOST_AT_ONCE};
    neap_status status = neapi_list_documents(session, &range, &page, error);
    for (size_t i = 0; i < page.count && status == NEAP_OK; i++) {
        neapi_queued entry;
        bool wanted = true;
        neapi_arena_clear(&arena);
        status =
            neapi_queued_read(page.documents[i].key, page.documents[i].data, &arena, &entry, error);
        if (status == NEAP_OK)
            status = neapi_queued_is_wanted(session, &entry, &wanted, error);
        if (status == NEAP_OK && wanted)
            status = add(to, page.documents[i].key, &entry, error);
    }
    if (status == NEAP_OK) {
        to->queue.last = page.last;
        neap_text through = page.count > 0 ? page.documents[page.count - 1].key : range.behind;
        to->queue.through = neapi_arena_text(&to->arena, through).data;
        if (to->queue.through == NULL)
            status = neapi_nomem(error);
    }
    neapi_arena_fini(&arena);
    neapi_document_page_fini(&page);
    return status;
}

/* What was cancelled but is there until its moment counts as well. */
static neap_status first_due(neapi_session *session, int64_t *due_us, neap_error *error)
{
    neapi_document_page page = NEAPI_DOCUMENT_PAGE_INIT;
    const neapi_document_range range = {.collection = NEAPI_QUEUE, .limit = 1};
    neap_status status = neapi_list_documents(session, &range, &page, error);
    if (status == NEAP_OK && page.count > 0)
        neapi_queued_due_of(page.documents[0].key, due_us);
    neapi_document_page_fini(&page);
    return status;
}

neap_status neapi_queue_count(neapi_session *session, neap_statistics *statistics,
                              neap_error *error)
{
    neapi_collection_list list = NEAPI_COLLECTION_LIST_INIT;
    if (statistics->collections == 0)
        return NEAP_OK;
    neap_status status = neapi_list_collections(session, &list, error);
    for (size_t i = 0; i < list.count && status == NEAP_OK; i++)
        if (neapi_text_equal(list.collections[i].name, NEAPI_QUEUE))
            statistics->queued = list.collections[i].documents;
    neapi_collection_list_fini(&list);
    if (status == NEAP_OK && statistics->queued != 0)
        status = first_due(session, &statistics->next_due_at, error);
    return status;
}

static neap_status list(neapi_store *store, neapi_store_calls *calls, const char *behind,
                        size_t limit, const neap_queue **queue, neap_error *error)
{
    neapi_session *session;
    if (limit == 0 || queue == NULL)
        return neapi_fail(error, NEAP_USAGE,
                          "the queue is read with a limit of at least 1, and a place for it");
    neap_status status = neapi_session_open(store, NEAPI_MODE_READ, &session, error);
    if (status != NEAP_OK)
        return status;
    neapi_session_count_calls(session, calls);
    listing *made = neapi_alloc_zero(1, sizeof *made);
    if (made == NULL) {
        neapi_session_close(session);
        return neapi_nomem(error);
    }
    made->end = &made->queue.first;
    status = fill(made, session, behind, limit, error);
    neapi_session_close(session);
    if (status != NEAP_OK)
        neap_queue_free(&made->queue);
    else
        *queue = &made->queue;
    return status;
}

neap_status neap_queue_read(neap_runtime *runtime, const char *behind, size_t limit,
                            const neap_queue **queue, neap_error *error)
{
    if (runtime == NULL || runtime->stage != NEAPI_RUNTIME_RUNNING)
        return neapi_fail(error, NEAP_USAGE, "neap_queue_read: the runtime is not started");
    return list(runtime->store, &runtime->reader_calls, behind, limit, queue, error);
}

neap_status neap_store_queue_read(neap_store *store, const char *behind, size_t limit,
                                  const neap_queue **queue, neap_error *error)
{
    if (store == NULL)
        return neapi_fail(error, NEAP_USAGE, "neap_store_queue_read: store must not be NULL");
    return list(store->store, NULL, behind, limit, queue, error);
}

/* Nobody else writes to the store. */
static neap_status cancel(neapi_session *session, neapi_uuid_source *ids, neap_text name,
                          bool *cancelled, neap_error *error)
{
    int64_t now_us = neapi_wall_us(neapi_platform_machine());
    neapi_unit *unit = neapi_unit_new(neapi_uuid_new(ids, now_us));
    neapi_outcome outcome;
    neap_uuid id;
    if (unit == NULL)
        return neapi_nomem(error);
    neap_status status = neapi_queue_cancel_known(unit, session, name, &id, error);
    if (status == NEAP_OK && unit->op_count > 0)
        status = neapi_commit(session, &unit, 1, now_us, &outcome, error);
    if (status == NEAP_OK && unit->op_count > 0 && unit->state != NEAPI_UNIT_ACCEPTED)
        status = neapi_fail(error, unit->verdict.status, "the store did not take the unit of work");
    if (status == NEAP_OK && cancelled != NULL)
        *cancelled = unit->op_count > 0;
    neapi_unit_release(unit);
    return status;
}

neap_status neap_store_cancel(const char *url, const char *name, bool *cancelled, neap_error *error)
{
    neapi_store *store;
    neapi_session *session;
    neapi_uuid_source ids;
    if (url == NULL || name == NULL)
        return neapi_fail(error, NEAP_USAGE, "neap_store_cancel: url and name must not be NULL");
    neap_status status = neapi_store_open(url, NEAPI_MODE_WRITE, &store, error);
    if (status != NEAP_OK)
        return status;
    status = neapi_session_open(store, NEAPI_MODE_WRITE, &session, error);
    if (status == NEAP_OK) {
        neapi_uuid_source_init(&ids, neapi_platform_machine());
        status = cancel(session, &ids, neapi_text_of(name), cancelled, error);
        neapi_session_close(session);
    }
    neapi_store_close(store);
    return status;
}

static void write_id(neapi_fields *fields, const char *name, neap_uuid id)
{
    char text[37];
    if (neapi_uuid_is_zero(id))
        return;
    neap_uuid_format(id, text);
    neapi_fields_text(fields, name, neapi_text(text, 36));
}

static void write_queued(neapi_buffer *json, const neap_queued *queued)
{
    neapi_fields fields = {.json = json};
    neapi_fields_name(&fields, "due_at");
    neapi_json_time(json, queued->due_at);
    neapi_fields_text(&fields, "name", queued->name);
    neapi_fields_text(&fields, "command", queued->command);
    neapi_fields_raw(&fields, "data", queued->data);
    neapi_fields_raw(&fields, "meta", queued->meta);
    neapi_fields_text(&fields, "owner", queued->owner);
    neapi_fields_name(&fields, "queued_at");
    neapi_json_time(json, queued->queued_at);
    neapi_fields_number(&fields, "attempts", queued->attempts);
    neapi_fields_raw(&fields, "failure", queued->failure);
    write_id(&fields, "id", queued->id);
    write_id(&fields, "correlation_id", queued->correlation_id);
    write_id(&fields, "causation_id", queued->causation_id);
    neapi_buffer_byte(json, '}');
}

neap_status neap_queued_json(const neap_queued *queued, char **json, size_t *size,
                             neap_error *error)
{
    neapi_buffer buffer = NEAPI_BUFFER_INIT;
    write_queued(&buffer, queued);
    return neapi_buffer_give(&buffer, NEAP_OK, json, size, error);
}
