/* Two pasts that have the same documents: what the one has is frozen, and beneath both from then
 * on. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "message/json.h"
#include "runtime/past_kept_state.h"

static neap_status freeze_locked(neapi_past_kept *kept, neap_error *error)
{
    neapi_store *fresh;
    neapi_frozen *frozen = neapi_alloc_zero(1, sizeof *frozen);
    neap_status status =
        frozen != NULL ? neapi_kept_open_memory(&fresh, error) : neapi_nomem(error);
    if (status != NEAP_OK) {
        neapi_free(frozen);
        return status;
    }
    atomic_init(&frozen->references, 1);
    frozen->store = kept->own;
    kept->beneath = frozen;
    kept->own = fresh;
    return NEAP_OK;
}

typedef struct copying {
    neapi_session *from, *to;
} copying;

static neap_status copy_key(void *user, const neapi_key *key, neap_error *error)
{
    const copying *job = user;
    neapi_unit *unit = neapi_unit_new((neap_uuid){{1}});
    neap_status status = unit != NULL && neapi_unit_key(unit, key) == NEAP_OK
                             ? neapi_kept_commit_own(job->to, unit, error)
                             : neapi_nomem(error);
    neapi_unit_release(unit);
    return status;
}

static neap_status copy_document(void *user, neap_text collection, neap_text key, neap_text data,
                                 neap_error *error)
{
    const copying *job = user;
    return neapi_kept_put_own(job->to, collection, key, data, error);
}

/* The event, and the command that decided it. */
static neap_status copy_event(const copying *job, const neap_event *event, neap_error *error)
{
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_command command;
    bool found;
    neap_status status =
        neapi_find_command(job->from, event->position, &arena, &command, &found, error);
    neapi_unit *unit = status == NEAP_OK ? neapi_unit_new(event->id) : NULL;
    if (status == NEAP_OK && unit == NULL)
        status = neapi_nomem(error);
    if (status == NEAP_OK && found && neapi_unit_command(unit, &command) != NEAP_OK)
        status = neapi_nomem(error);
    if (status == NEAP_OK &&
        neapi_unit_append(unit, event->stream, NEAP_ANY_VERSION, event) != NEAP_OK)
        status = neapi_nomem(error);
    if (status == NEAP_OK)
        status = neapi_kept_commit_own(job->to, unit, error);
    neapi_unit_release(unit);
    neapi_arena_fini(&arena);
    return status;
}

static neap_status copy_events(const copying *job, neap_error *error)
{
    neapi_range range = {
        .from = 1, .to = UINT64_MAX, .max_events = 1000, .max_bytes = (size_t)1 << 20};
    neapi_page page = NEAPI_PAGE_INIT;
    neap_status status = NEAP_OK;
    do {
        status = neapi_read(job->from, &range, &page, error);
        for (size_t i = 0; i < page.count && status == NEAP_OK; i++)
            status = copy_event(job, &page.events[i], error);
        range.from = page.next;
    } while (status == NEAP_OK && !page.last);
    neapi_page_fini(&page);
    return status;
}

/* Runs one of the copyings, with a session of each one's own. */
static neap_status copy(neapi_past_kept *kept, const neapi_past_kept *other,
                        neap_status (*work)(const copying *job, neap_error *error),
                        neap_error *error)
{
    copying job = {NULL, NULL};
    neap_status status = neapi_session_open(other->own, NEAPI_MODE_READ, &job.from, error);
    if (status == NEAP_OK)
        status = neapi_session_open(kept->own, NEAPI_MODE_READ, &job.to, error);
    if (status == NEAP_OK)
        status = work(&job, error);
    if (job.to != NULL)
        neapi_session_close(job.to);
    if (job.from != NULL)
        neapi_session_close(job.from);
    return status;
}

static neap_status copy_what_follows(const copying *job, neap_error *error)
{
    uint64_t unused;
    const neapi_kept_sink sink = {.user = (void *)job, .key = copy_key};
    neap_status status = copy_events(job, error);
    return status == NEAP_OK ? neapi_show_kept(job->from, 0, &sink, &unused, error) : status;
}

static neap_status copy_documents(const copying *job, neap_error *error)
{
    uint64_t unused;
    const neapi_kept_sink sink = {.user = (void *)job, .document = copy_document};
    return neapi_show_kept(job->from, 0, &sink, &unused, error);
}

static bool copy_changed(neapi_past_kept *kept, const neapi_past_kept *other)
{
    for (size_t i = 0; i < other->changed.capacity; i++) {
        const neapi_map_slot *slot = &other->changed.slots[i];
        if (slot->value == NULL)
            continue;
        neap_text name = neapi_arena_text(&kept->names, slot->key);
        if (name.data == NULL || !neapi_map_put(&kept->changed, name, kept))
            return false;
    }
    const neapi_hiding *it;
    for (size_t at = 0; (it = neapi_map_next(&other->hidden, &at)) != NULL;) {
        neapi_hiding *copied = neapi_kept_hiding_of(kept, it->collection);
        if (copied == NULL)
            return false;
        copied->count = it->count;
    }
    return true;
}

neap_status neapi_past_kept_share(neapi_past_kept *kept, neapi_past_kept *other, neap_error *error)
{
    pthread_mutex_lock(&other->mutex);
    neap_status status = other->beneath == NULL ? freeze_locked(other, error) : NEAP_OK;
    if (status == NEAP_OK) {
        kept->beneath = other->beneath;
        atomic_fetch_add(&kept->beneath->references, 1);
        kept->due_us = other->due_us;
        status = copy_changed(kept, other) ? copy(kept, other, copy_documents, error)
                                           : neapi_nomem(error);
    }
    pthread_mutex_unlock(&other->mutex);
    return status;
}

neap_status neapi_past_kept_add_events(neapi_past_kept *kept, neapi_past_kept *other,
                                       neap_error *error)
{
    pthread_mutex_lock(&other->mutex);
    neap_status status = copy(kept, other, copy_what_follows, error);
    pthread_mutex_unlock(&other->mutex);
    return status;
}

void neapi_past_kept_write_changed(neapi_past_kept *kept, neap_text collection, neapi_buffer *json)
{
    pthread_mutex_lock(&kept->mutex);
    for (size_t i = 0; i < kept->changed.capacity; i++) {
        const neapi_map_slot *slot = &kept->changed.slots[i];
        bool is_of_it = slot->value != NULL && slot->key.size > collection.size &&
                        slot->key.data[collection.size] == '\0' &&
                        memcmp(slot->key.data, collection.data, collection.size) == 0;
        if (!is_of_it)
            continue;
        size_t before = collection.size + 1;
        neapi_json_quote(json, neapi_text(slot->key.data + before, slot->key.size - before));
        neapi_buffer_byte(json, ',');
    }
    pthread_mutex_unlock(&kept->mutex);
}
