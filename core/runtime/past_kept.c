#include "runtime/past_kept_state.h"

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/queued.h"

neap_status neapi_kept_open_memory(neapi_store **store, neap_error *error)
{
    return neapi_store_open("memory:", NEAPI_MODE_WRITE, store, error);
}

static void release(neapi_frozen *frozen)
{
    if (frozen == NULL || atomic_fetch_sub(&frozen->references, 1) != 1)
        return;
    neapi_store_close(frozen->store);
    neapi_free(frozen);
}

neap_status neapi_past_kept_init(neapi_past_kept *kept, neap_error *error)
{
    *kept = (neapi_past_kept){.names = NEAPI_ARENA_INIT, .due_us = INT64_MIN};
    if (pthread_mutex_init(&kept->mutex, NULL) != 0)
        return neapi_nomem(error);
    neapi_map_init(&kept->changed);
    neapi_map_init(&kept->hidden);
    neap_status status = neapi_kept_open_memory(&kept->own, error);
    if (status != NEAP_OK)
        pthread_mutex_destroy(&kept->mutex);
    return status;
}

void neapi_past_kept_fini(neapi_past_kept *kept)
{
    if (kept->own == NULL)
        return;
    neapi_store_close(kept->own);
    release(kept->beneath);
    neapi_map_fini(&kept->changed);
    neapi_map_fini(&kept->hidden);
    neapi_arena_fini(&kept->names);
    pthread_mutex_destroy(&kept->mutex);
    *kept = (neapi_past_kept){0};
}

/* ---- Sessions -------------------------------------------------------------------------------- */

static void close_both(neapi_kept_session *session)
{
    if (session->own != NULL)
        neapi_session_close(session->own);
    if (session->beneath != NULL)
        neapi_session_close(session->beneath);
    session->own = session->beneath = NULL;
}

static neap_status refresh_locked(neapi_kept_session *session, neap_error *error)
{
    const neapi_past_kept *kept = session->kept;
    neap_status status = NEAP_OK;
    if (session->own != NULL && session->own->store != kept->own)
        close_both(session);
    if (session->own == NULL)
        status = neapi_session_open(kept->own, session->mode, &session->own, error);
    if (status == NEAP_OK && session->beneath == NULL && kept->beneath != NULL)
        status =
            neapi_session_open(kept->beneath->store, NEAPI_MODE_READ, &session->beneath, error);
    return status;
}

neap_status neapi_kept_begin(neapi_kept_session *session, neap_error *error)
{
    pthread_mutex_lock(&session->kept->mutex);
    return refresh_locked(session, error);
}

neap_status neapi_kept_end(const neapi_kept_session *session, neap_status status)
{
    pthread_mutex_unlock(&session->kept->mutex);
    return status;
}

neap_status neapi_kept_session_open(neapi_kept_session *session, neapi_past_kept *kept,
                                    neapi_mode mode, neap_error *error)
{
    *session = (neapi_kept_session){.kept = kept, .mode = mode};
    return neapi_kept_end(session, neapi_kept_begin(session, error));
}

void neapi_kept_session_close(neapi_kept_session *session)
{
    close_both(session);
}

neap_status neapi_kept_own(neapi_kept_session *session, neapi_session **own, neap_error *error)
{
    neap_status status = neapi_kept_end(session, neapi_kept_begin(session, error));
    *own = session->own;
    return status;
}

/* ---- What is changed ------------------------------------------------------------------------- */

/* Both are at most NEAPI_STREAM_BYTES long, and have no zero bytes. */
typedef struct place {
    char bytes[2 * NEAPI_STREAM_BYTES + 1];
    size_t size;
} place;

static neap_text place_of(place *it, neap_text collection, neap_text key)
{
    memcpy(it->bytes, collection.data, collection.size);
    it->bytes[collection.size] = '\0';
    memcpy(it->bytes + collection.size + 1, key.data, key.size);
    return neapi_text(it->bytes, collection.size + 1 + key.size);
}

/* What was done, when it was, is not in the log; so what was due counts as done. */
static bool counts_as_done(const neapi_past_kept *kept, neap_text collection, neap_text key)
{
    int64_t due_us;
    return kept->due_us != INT64_MIN && neapi_text_equal(collection, NEAPI_QUEUE) &&
           neapi_queued_due_of(key, &due_us) && due_us <= kept->due_us;
}

bool neapi_kept_is_changed(const neapi_past_kept *kept, neap_text collection, neap_text key)
{
    place it;
    return neapi_map_get(&kept->changed, place_of(&it, collection, key)) != NULL;
}

bool neapi_kept_is_own(const neapi_past_kept *kept, neap_text collection, neap_text key)
{
    return kept->beneath == NULL || counts_as_done(kept, collection, key) ||
           neapi_kept_is_changed(kept, collection, key);
}

neapi_hiding *neapi_kept_hiding_of(neapi_past_kept *kept, neap_text collection)
{
    neapi_hiding *it = neapi_map_get(&kept->hidden, collection);
    if (it != NULL)
        return it;
    it = neapi_arena_alloc(&kept->names, sizeof *it);
    if (it == NULL)
        return NULL;
    *it = (neapi_hiding){.collection = neapi_arena_text(&kept->names, collection)};
    bool put = it->collection.data != NULL && neapi_map_put(&kept->hidden, it->collection, it);
    return put ? it : NULL;
}

static bool note_changed(neapi_past_kept *kept, neap_text collection, neap_text key, bool was_there)
{
    place bytes;
    neap_text name = neapi_arena_text(&kept->names, place_of(&bytes, collection, key));
    neapi_hiding *hidden = neapi_kept_hiding_of(kept, collection);
    if (name.data == NULL || hidden == NULL || !neapi_map_put(&kept->changed, name, kept))
        return false;
    hidden->count += was_there;
    return true;
}

neap_status neapi_kept_commit_own(neapi_session *own, neapi_unit *unit, neap_error *error)
{
    neapi_outcome outcome;
    neap_status status = own->store->backend->commit(own, &unit, 1, 0, &outcome, error);
    if (status == NEAP_OK && unit->state != NEAPI_UNIT_ACCEPTED)
        status = neapi_fail(error, unit->verdict.status, "what a past has cannot be copied");
    return status;
}

neap_status neapi_kept_put_own(neapi_session *own, neap_text collection, neap_text key,
                               neap_text data, neap_error *error)
{
    const neapi_document document = {
        .collection = collection, .key = key, .write = NEAPI_DOCUMENT_PUT, .data = data};
    neapi_unit *unit = neapi_unit_new((neap_uuid){{1}});
    neap_status status = unit != NULL && neapi_unit_document(unit, &document) == NEAP_OK
                             ? neapi_kept_commit_own(own, unit, error)
                             : neapi_nomem(error);
    neapi_unit_release(unit);
    return status;
}

/* Before it is judged what becomes of a document, what it is comes on top. */
static neap_status take_over(neapi_kept_session *session, neap_text collection, neap_text key,
                             neap_error *error)
{
    neapi_past_kept *kept = session->kept;
    neapi_arena arena = NEAPI_ARENA_INIT;
    neap_text data;
    bool found;
    if (neapi_kept_is_own(kept, collection, key))
        return NEAP_OK;
    neap_status status =
        neapi_find_document(session->beneath, collection, key, &arena, &data, &found, error);
    if (status == NEAP_OK && found)
        status = neapi_kept_put_own(session->own, collection, key, data, error);
    if (status == NEAP_OK && !note_changed(kept, collection, key, found))
        status = neapi_nomem(error);
    neapi_arena_fini(&arena);
    return status;
}

/* ---- Reading --------------------------------------------------------------------------------- */

neap_status neapi_kept_find(neapi_kept_session *session, neap_text collection, neap_text key,
                            neapi_arena *arena, neap_text *data, bool *found, neap_error *error)
{
    neap_status status = neapi_kept_begin(session, error);
    if (status == NEAP_OK) {
        neapi_session *of =
            neapi_kept_is_own(session->kept, collection, key) ? session->own : session->beneath;
        status = neapi_find_document(of, collection, key, arena, data, found, error);
    }
    return neapi_kept_end(session, status);
}

/* ---- Committing ------------------------------------------------------------------------------ */

/* The first of a collection, which are to go. */
static neap_status take_over_first(neapi_kept_session *session, neap_text collection, uint32_t most,
                                   neap_error *error)
{
    const neapi_document_range range = {.collection = collection, .limit = most};
    neapi_document_page page = NEAPI_DOCUMENT_PAGE_INIT;
    neap_status status = neapi_kept_list_locked(session, &range, false, &page, error);
    for (size_t i = 0; i < page.count && status == NEAP_OK; i++)
        status = take_over(session, collection, page.documents[i].key, error);
    neapi_document_page_fini(&page);
    return status;
}

static neap_status take_over_all(neapi_kept_session *session, const neapi_unit *unit,
                                 neap_error *error)
{
    neap_status status = NEAP_OK;
    for (size_t i = 0; i < unit->op_count && status == NEAP_OK; i++) {
        const neapi_op *op = &unit->ops[i];
        if (op->kind == NEAPI_OP_DOCUMENT)
            status = take_over(session, op->document.collection, op->document.key, error);
        else if (op->kind == NEAPI_OP_CLEAR)
            status = take_over_first(session, op->clear.collection, op->clear.most, error);
    }
    return status;
}

neap_status neapi_kept_commit(neapi_kept_session *session, neapi_unit *unit, int64_t now_us,
                              neapi_outcome *outcome, neap_error *error)
{
    neap_status status = neapi_kept_begin(session, error);
    *outcome = NEAPI_OUTCOME_NONE;
    if (status == NEAP_OK && session->beneath != NULL)
        status = take_over_all(session, unit, error);
    if (status == NEAP_OK)
        status =
            session->own->store->backend->commit(session->own, &unit, 1, now_us, outcome, error);
    return neapi_kept_end(session, status);
}
