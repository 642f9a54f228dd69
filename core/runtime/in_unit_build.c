/* Inline projections when a store is opened: which build is used, and making it. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/in_unit.h"
#include "runtime/runtime.h"
#include "runtime/subscribed.h"

#define PAGE_EVENTS    1000
#define PAGE_BYTES     ((size_t)1 << 20)
#define KEPT_DOCUMENTS 50000
#define SWEPT_AT_ONCE  500

/* One that is opened. */
typedef struct opening {
    neap_runtime *runtime;
    neapi_session *session; /* reads */
    neapi_engine *engine;
    neapi_in_unit *in_unit;
    neapi_subscribed record; /* only what neapi_record_put() looks at */
    neapi_arena arena;
    neapi_uuid_source ids;
} opening;

static neap_text collection_of(const opening *job)
{
    return neapi_text(job->in_unit->collection.data, job->in_unit->collection.size);
}

static neapi_unit *new_unit(opening *job)
{
    return neapi_unit_new(neapi_uuid_new(&job->ids, neapi_wall_us(job->runtime->platform)));
}

/* Takes the unit. */
static neap_status commit(const opening *job, neapi_unit *unit, neap_error *error)
{
    neapi_outcome outcome;
    neap_status status = NEAP_OK;
    if (unit->op_count != 0)
        status = neapi_commit(job->runtime->writer.session, &unit, 1,
                              neapi_wall_us(job->runtime->platform), &outcome, error);
    if (status == NEAP_OK && unit->op_count != 0 && unit->state != NEAPI_UNIT_ACCEPTED)
        status = neapi_fail(error, unit->verdict.status,
                            "the store did not take what it is to keep of projection '%.*s'",
                            NEAPI_TEXT(job->in_unit->definition->name));
    neapi_unit_release(unit);
    return status;
}

/* ---- Making a build -------------------------------------------------------------------------- */

/* Drops all documents of a collection, a piece at a time. */
static neap_status clear(opening *job, neap_text collection, neap_error *error)
{
    const neapi_document_range range = {.collection = collection, .limit = 1};
    neapi_document_page page = NEAPI_DOCUMENT_PAGE_INIT;
    neap_status status;
    for (;;) {
        status = neapi_list_documents(job->session, &range, &page, error);
        if (status != NEAP_OK || page.count == 0)
            break;
        neapi_unit *unit = new_unit(job);
        if (unit == NULL ||
            neapi_unit_clear_collection(unit, collection, SWEPT_AT_ONCE) != NEAP_OK) {
            neapi_unit_release(unit);
            status = neapi_nomem(error);
            break;
        }
        status = commit(job, unit, error);
        if (status != NEAP_OK)
            break;
    }
    neapi_document_page_fini(&page);
    return status;
}

static neap_status find(void *host, neap_text key, neap_text *data, bool *found, neap_error *error)
{
    opening *job = host;
    neapi_arena_clear(&job->arena);
    return neapi_find_document(job->session, collection_of(job), key, &job->arena, data, found,
                               error);
}

static neap_status fold_page(opening *job, neapi_documents documents, const neapi_page *page,
                             neap_error *error)
{
    const neapi_projecting projecting = {.projection = job->in_unit->definition,
                                         .documents = documents,
                                         .partitions = 1,
                                         .find = find,
                                         .host = job};
    const neap_event *events[PAGE_EVENTS];
    size_t failed;
    for (size_t i = 0; i < page->count; i++)
        events[i] = &page->events[i];
    neap_status status =
        neapi_engine_project(job->engine, &projecting, events, page->count, &failed, error);
    if (status != NEAP_OK)
        return status;
    neapi_unit *unit = new_unit(job);
    if (unit == NULL)
        return neapi_nomem(error);
    status = neapi_engine_documents_save(job->engine, documents, collection_of(job), unit, error);
    if (status != NEAP_OK) {
        neapi_unit_release(unit);
        return status;
    }
    neapi_engine_documents_trim(job->engine, documents, KEPT_DOCUMENTS);
    return commit(job, unit, error);
}

/* Folds the whole log. Whatever stops it, it begins again when the store is opened again. */
static neap_status build(opening *job, neap_error *error)
{
    const neapi_subscription *definition = job->in_unit->definition;
    neapi_range range = {.types = definition->types,
                         .type_count = definition->type_count,
                         .from = 1,
                         .to = UINT64_MAX,
                         .max_events = PAGE_EVENTS,
                         .max_bytes = PAGE_BYTES};
    neapi_page page = NEAPI_PAGE_INIT;
    neapi_documents documents = NEAPI_NO_DOCUMENTS;
    neap_status status = clear(job, collection_of(job), error);
    if (status == NEAP_OK)
        status = neapi_engine_documents_new(job->engine, definition, &documents, error);
    for (bool last = false; status == NEAP_OK && !last;) {
        status = neapi_read(job->session, &range, &page, error);
        if (status == NEAP_OK && page.count != 0)
            status = fold_page(job, documents, &page, error);
        last = page.last;
        range.from = page.next;
    }
    neapi_engine_documents_free(job->engine, documents);
    neapi_page_fini(&page);
    return status;
}

/* ---- Which build it is ----------------------------------------------------------------------- */

static neap_status name_collection(const opening *job, uint32_t number, neap_error *error)
{
    neapi_buffer *name = &job->in_unit->collection;
    neapi_buffer_clear(name);
    neapi_collection_name(name, job->in_unit->definition->name, number);
    return name->failed ? neapi_nomem(error) : NEAP_OK;
}

/* The build is the one that counts, from now on. */
static neap_status keep(opening *job, const neapi_record *old, const neapi_record *record,
                        neap_error *error)
{
    const neapi_subscription *definition = job->in_unit->definition;
    neapi_unit *unit = new_unit(job);
    neap_status status = unit != NULL ? neapi_record_put(unit, &job->record, record) : NEAP_NOMEM;
    if (status == NEAP_OK && old->schema != NEAPI_SCHEMA_INLINE && old->build != 0)
        status = neapi_checkpoints_drop(unit, definition, old->build, old->partitions);
    if (status == NEAP_OK && old->next != 0)
        status = neapi_checkpoints_drop(unit, definition, old->next, old->next_partitions);
    if (status == NEAP_OK)
        return commit(job, unit, error);
    neapi_unit_release(unit);
    return neapi_nomem(error);
}

static neap_status make_build(opening *job, const neapi_record *old, neap_error *error)
{
    const neapi_subscription *definition = job->in_unit->definition;
    const neapi_record record = {.build = old->last + 1,
                                 .last = old->last + 1,
                                 .partitions = 1,
                                 .version = definition->version,
                                 .schema = NEAPI_SCHEMA_INLINE};
    neapi_buffer replaced = NEAPI_BUFFER_INIT;
    neap_status status = name_collection(job, record.build, error);
    if (status == NEAP_OK)
        status = build(job, error);
    if (status == NEAP_OK)
        status = keep(job, old, &record, error);
    if (status == NEAP_OK && old->build != 0) {
        neapi_collection_name(&replaced, definition->name, old->build);
        status = replaced.failed ? neapi_nomem(error)
                                 : clear(job, neapi_text(replaced.data, replaced.size), error);
    }
    neapi_buffer_fini(&replaced);
    return status;
}

static neap_status open_one(opening *job, neap_error *error)
{
    const neapi_subscription *definition = job->in_unit->definition;
    neapi_record record = {0};
    neap_text data;
    bool found;
    neap_status status = neapi_find_document(job->session, NEAPI_SUBSCRIPTIONS, definition->name,
                                             &job->arena, &data, &found, error);
    if (status == NEAP_OK && found) {
        status = neapi_record_read(data, &record, error);
        neapi_buffer_text(&job->record.mark, data);
        if (status == NEAP_OK && job->record.mark.failed)
            status = neapi_nomem(error);
    }
    if (status != NEAP_OK)
        return status;
    job->in_unit->built =
        found && record.schema == NEAPI_SCHEMA_INLINE && record.version == definition->version;
    if (job->in_unit->built || !job->runtime->has_writer)
        return name_collection(job, record.build, error);
    status = make_build(job, &record, error);
    job->in_unit->built = status == NEAP_OK;
    return status;
}

neap_status neapi_in_unit_open(neap_runtime *runtime, neapi_session *session, neap_error *error)
{
    const neapi_catalog *catalog = runtime->catalog;
    uint32_t count = 0;
    for (uint32_t i = 0; i < catalog->subscription_count; i++)
        count += catalog->subscriptions[i]->is_inline;
    if (count == 0)
        return NEAP_OK;
    runtime->in_unit = neapi_alloc_zero(count, sizeof *runtime->in_unit);
    if (runtime->in_unit == NULL)
        return neapi_nomem(error);
    neap_status status = NEAP_OK;
    for (uint32_t i = 0; i < catalog->subscription_count && status == NEAP_OK; i++) {
        if (!catalog->subscriptions[i]->is_inline)
            continue;
        neapi_in_unit *it = &runtime->in_unit[runtime->in_unit_count++];
        it->definition = catalog->subscriptions[i];
        opening job = {.runtime = runtime,
                       .session = session,
                       .engine = runtime->router.lanes[0]->engine,
                       .in_unit = it,
                       .record = {.definition = it->definition}};
        neapi_uuid_source_init(&job.ids, runtime->platform);
        status = open_one(&job, error);
        neapi_buffer_fini(&job.record.mark);
        neapi_buffer_fini(&job.record.new_mark);
        neapi_arena_fini(&job.arena);
    }
    return status;
}

void neapi_in_unit_close(neap_runtime *runtime)
{
    for (uint32_t i = 0; i < runtime->in_unit_count; i++)
        neapi_buffer_fini(&runtime->in_unit[i].collection);
    neapi_free(runtime->in_unit);
    runtime->in_unit = NULL;
    runtime->in_unit_count = 0;
}
