/* Figures of a past: of the events that are in it, and of what is kept in its store, and in memory.
 */
#include "base/error.h"
#include "base/text.h"
#include "runtime/past_state.h"

#define PAGE_EVENTS 1000
#define PAGE_BYTES  ((size_t)1 << 20)

/* Names of streams, categories and types: each is kept once, so its place can stand for it. */
typedef struct naming {
    neapi_map names;
    neapi_arena texts;
    bool failed;
} naming;

static void naming_fini(naming *it)
{
    neapi_map_fini(&it->names);
    neapi_arena_fini(&it->texts);
}

static uint64_t number_of(naming *it, neap_text name)
{
    const char *known = neapi_map_get(&it->names, name);
    if (known != NULL)
        return (uint64_t)(uintptr_t)known;
    neap_text kept = neapi_arena_text(&it->texts, name);
    if (kept.data == NULL || !neapi_map_put(&it->names, kept, (void *)(uintptr_t)kept.data)) {
        it->failed = true;
        return 0;
    }
    return (uint64_t)(uintptr_t)kept.data;
}

static bool see(naming *it, const neap_event *event, void *survey)
{
    const neapi_survey_event seen = {
        .position = event->position,
        .version = event->version,
        .stream = number_of(it, event->stream),
        .category = number_of(it, neapi_stream_category(event->stream)),
        .type = number_of(it, event->type),
        .schema = event->schema,
        .recorded_at = event->recorded_at,
        .data_bytes = event->data.size,
        .tagged = event->tag_count != 0,
    };
    return !it->failed && neapi_survey_see(survey, &seen);
}

/* Goes through the events up to a position. */
static neap_status see_all(neapi_session *session, uint64_t last, naming *it, void *user,
                           bool (*see_one)(naming *it, const neap_event *event, void *user),
                           neap_error *error)
{
    neapi_page page = NEAPI_PAGE_INIT;
    neapi_range range = {.from = 1, .to = last, .max_events = PAGE_EVENTS, .max_bytes = PAGE_BYTES};
    neap_status status = NEAP_OK;
    while (status == NEAP_OK && range.from <= range.to) {
        neapi_page_clear(&page);
        status = session->store->backend->read(session, &range, &page, error);
        for (size_t i = 0; i < page.count && status == NEAP_OK; i++)
            if (!see_one(it, &page.events[i], user))
                status = neapi_nomem(error);
        if (page.last)
            break;
        range.from = page.next;
    }
    neapi_page_fini(&page);
    return status;
}

static neap_status name_all(neapi_survey *survey, neap_error *error)
{
    if (!neapi_survey_close(survey))
        return neapi_nomem(error);
    for (const neapi_survey_name *each = survey->names; each != NULL; each = each->next) {
        *each->name =
            neapi_arena_text(&survey->arena, neapi_text_of((const char *)(uintptr_t)each->number));
        if (each->name->data == NULL)
            return neapi_nomem(error);
    }
    return NEAP_OK;
}

/* What a store keeps beside its events comes on top of what was counted. */
static neap_status add_kept(neapi_session *session, neap_statistics *result, neap_error *error)
{
    neapi_survey kept = {0};
    neap_status status = session->store->backend->survey(session, &kept, error);
    result->commands += kept.result.commands;
    result->keys += kept.result.keys;
    result->snapshots += kept.result.snapshots;
    result->snapshot_bytes += kept.result.snapshot_bytes;
    result->documents += kept.result.documents;
    result->document_bytes += kept.result.document_bytes;
    result->collections += kept.result.collections;
    result->store_bytes += kept.result.store_bytes;
    neapi_survey_fini(&kept);
    return status;
}

neap_status neapi_past_survey(neapi_session *session, neapi_survey *survey, neap_error *error)
{
    naming it = {.texts = NEAPI_ARENA_INIT};
    neapi_session *own;
    neapi_map_init(&it.names);
    neap_status status = see_all(session, survey->result.events, &it, survey, see, error);
    if (status == NEAP_OK)
        status = name_all(survey, error);
    if (status == NEAP_OK)
        status = add_kept(neapi_past_log(session), &survey->result, error);
    if (status == NEAP_OK)
        status = neapi_kept_own(neapi_past_kept_of(session), &own, error);
    if (status == NEAP_OK)
        status = add_kept(own, &survey->result, error);
    naming_fini(&it);
    return status;
}

/* ---- Verifying ------------------------------------------------------------------------------- */

static bool count(naming *streams, const neap_event *event, void *user)
{
    naming *types = user;
    number_of(streams, event->stream);
    number_of(types, event->type);
    return !streams->failed && !types->failed;
}

static neap_status count_names(neapi_session *session, neap_verification *result, neap_error *error)
{
    naming streams = {.texts = NEAPI_ARENA_INIT};
    naming types = {.texts = NEAPI_ARENA_INIT};
    neapi_map_init(&streams.names);
    neapi_map_init(&types.names);
    result->events = neapi_past_store_head(session->store);
    neap_status status = see_all(session, result->events, &streams, &types, count, error);
    result->streams = streams.names.count;
    result->types = types.names.count;
    naming_fini(&streams);
    naming_fini(&types);
    return status;
}

neap_status neapi_past_verify(neapi_session *session, const neapi_verify_sink *sink,
                              neap_verification *result, neap_error *error)
{
    neapi_session *log = neapi_past_log(session), *own;
    neap_verification added = {0};
    neap_status status = log->store->backend->verify(log, sink, result, error);
    if (status == NEAP_OK)
        status = neapi_kept_own(neapi_past_kept_of(session), &own, error);
    if (status == NEAP_OK)
        status = own->store->backend->verify(own, sink, &added, error);
    result->commands += added.commands;
    result->keys += added.keys;
    result->snapshots += added.snapshots;
    result->documents += added.documents;
    return status == NEAP_OK ? count_names(session, result, error) : status;
}
