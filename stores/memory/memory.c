#include "memory.h"

#include "base/alloc.h"
#include "base/error.h"

#define EXPIRED_AT_ONCE 1000

static bool lock_init(pthread_rwlock_t *lock)
{
    pthread_rwlockattr_t attributes;
    if (pthread_rwlockattr_init(&attributes) != 0)
        return false;
    /* However many readers poll, the writer gets its turn. */
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    bool made = pthread_rwlock_init(lock, &attributes) == 0;
    pthread_rwlockattr_destroy(&attributes);
    return made;
}

static neap_status open_store(const neapi_url *url, neapi_mode mode, neapi_store **store,
                              neap_error *error)
{
    static const char *const options[] = {NULL};
    neap_status status = neapi_url_check_options(url, options, error);
    if (status != NEAP_OK)
        return status;
    if (url->path.size != 0)
        return neapi_fail(error, NEAP_USAGE,
                          "a store in memory has no path: every one is new and private");
    if (mode != NEAPI_MODE_WRITE)
        return neapi_fail(error, NEAP_UNKNOWN,
                          "a store in memory is new and private: there is nothing to read");
    neapi_memory_store *opened = neapi_alloc_zero(1, sizeof *opened);
    if (opened == NULL || !lock_init(&opened->lock)) {
        neapi_free(opened);
        return neapi_nomem(error);
    }
    neapi_memory_log_init(&opened->log);
    neapi_memory_keys_init(&opened->keys);
    neapi_memory_snapshots_init(&opened->snapshots);
    neapi_memory_documents_init(&opened->documents);
    *store = &opened->base;
    return NEAP_OK;
}

static void close_store(neapi_store *base)
{
    neapi_memory_store *store = (neapi_memory_store *)base;
    neapi_memory_documents_fini(&store->documents);
    neapi_memory_snapshots_fini(&store->snapshots);
    neapi_memory_log_fini(&store->log);
    neapi_memory_keys_fini(&store->keys);
    pthread_rwlock_destroy(&store->lock);
    neapi_free(store);
}

static neap_status open_session(neapi_store *store, neapi_mode mode, neapi_session **session,
                                neap_error *error)
{
    neapi_memory_session *opened = neapi_alloc_zero(1, sizeof *opened);
    if (opened == NULL)
        return neapi_nomem(error);
    opened->base.store = store;
    opened->base.mode = mode;
    *session = &opened->base;
    return NEAP_OK;
}

static void close_session(neapi_session *base)
{
    neapi_memory_session *session = (neapi_memory_session *)base;
    neapi_free(session->walkers);
    neapi_free(session);
}

static neap_status stream_head(neapi_session *session, neap_text name, uint64_t *version,
                               uint64_t *position, neap_error *error)
{
    (void)error;
    neapi_memory_store *store = neapi_memory_of(session);
    pthread_rwlock_rdlock(&store->lock);
    const neapi_memory_stream *stream = neapi_memory_stream_get(&store->log, name);
    size_t count = stream != NULL ? stream->positions.count : 0;
    *version = count;
    *position = count != 0 ? stream->positions.items[count - 1] : 0;
    pthread_rwlock_unlock(&store->lock);
    return NEAP_OK;
}

static neap_status head(neapi_session *session, uint64_t *position, neap_error *error)
{
    (void)error;
    *position = atomic_load_explicit(&neapi_memory_of(session)->head, memory_order_acquire);
    return NEAP_OK;
}

/* Copies the texts into the arena, each in its place. */
static bool copy_texts(neapi_arena *arena, neap_text *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        *texts[i] = neapi_arena_text(arena, *texts[i]);
        if (texts[i]->data == NULL)
            return false;
    }
    return true;
}

static neap_status find_key(neapi_session *session, neap_text key, int64_t now_us,
                            neapi_arena *arena, neapi_key *result, bool *found, neap_error *error)
{
    neapi_memory_store *store = neapi_memory_of(session);
    neapi_key copy;
    bool copied = true;
    pthread_rwlock_rdlock(&store->lock);
    const neapi_memory_key *kept = neapi_memory_keys_find(&store->keys, key, now_us);
    if (kept != NULL) {
        copy = kept->key;
        copied = copy_texts(arena, (neap_text *[]){&copy.key, &copy.stream, &copy.types}, 3);
    }
    pthread_rwlock_unlock(&store->lock);
    if (!copied)
        return neapi_nomem(error);
    if (kept != NULL)
        *result = copy;
    *found = kept != NULL;
    return NEAP_OK;
}

static neap_status find_snapshot(neapi_session *session, neap_text name, uint64_t max_version,
                                 neap_text fingerprint, neapi_arena *arena, neapi_snapshot *result,
                                 bool *found, neap_error *error)
{
    neapi_memory_store *store = neapi_memory_of(session);
    neapi_snapshot copy;
    bool copied = true;
    pthread_rwlock_rdlock(&store->lock);
    const neapi_snapshot *kept =
        neapi_memory_snapshot_find(&store->snapshots, name, max_version, fingerprint);
    if (kept != NULL) {
        copy = *kept;
        copied = copy_texts(arena, (neap_text *[]){&copy.name, &copy.fingerprint, &copy.state}, 3);
    }
    pthread_rwlock_unlock(&store->lock);
    if (!copied)
        return neapi_nomem(error);
    if (kept != NULL)
        *result = copy;
    *found = kept != NULL;
    return NEAP_OK;
}

static neap_status find_command(neapi_session *session, uint64_t position, neapi_arena *arena,
                                neapi_command *result, bool *found, neap_error *error)
{
    neapi_memory_store *store = neapi_memory_of(session);
    pthread_rwlock_rdlock(&store->lock);
    const neapi_command *command =
        position <= store->log.head ? neapi_memory_at(&store->log, position)->command : NULL;
    pthread_rwlock_unlock(&store->lock);
    if (command != NULL && !neapi_memory_copy_command(arena, command, result))
        return neapi_nomem(error);
    *found = command != NULL;
    return NEAP_OK;
}

static neap_status find_document(neapi_session *session, neap_text collection, neap_text key,
                                 neapi_arena *arena, neap_text *data, bool *found,
                                 neap_error *error)
{
    neapi_memory_store *store = neapi_memory_of(session);
    neap_text copy = {NULL, 0};
    pthread_rwlock_rdlock(&store->lock);
    const neapi_memory_value *value =
        neapi_memory_document_find(&store->documents, collection, key);
    if (value != NULL)
        copy = neapi_arena_text(arena, value->data);
    pthread_rwlock_unlock(&store->lock);
    if (value != NULL && copy.data == NULL)
        return neapi_nomem(error);
    if (value != NULL)
        *data = copy;
    *found = value != NULL;
    return NEAP_OK;
}

static neap_status list_documents(neapi_session *session, const neapi_document_range *range,
                                  neapi_document_page *page, neap_error *error)
{
    neapi_memory_store *store = neapi_memory_of(session);
    pthread_rwlock_rdlock(&store->lock);
    bool listed = neapi_memory_documents_list(&store->documents, range, page);
    pthread_rwlock_unlock(&store->lock);
    return listed ? NEAP_OK : neapi_nomem(error);
}

static neap_status list_collections(neapi_session *session, neapi_collection_list *list,
                                    neap_error *error)
{
    neapi_memory_store *store = neapi_memory_of(session);
    pthread_rwlock_rdlock(&store->lock);
    bool listed = neapi_memory_collections_list(&store->documents, list);
    pthread_rwlock_unlock(&store->lock);
    return listed ? NEAP_OK : neapi_nomem(error);
}

static neap_status maintain(neapi_session *session, int64_t now_us, bool *more, neap_error *error)
{
    (void)error;
    neapi_memory_store *store = neapi_memory_of(session);
    pthread_rwlock_wrlock(&store->lock);
    *more = neapi_memory_keys_expire(&store->keys, now_us, EXPIRED_AT_ONCE);
    pthread_rwlock_unlock(&store->lock);
    return NEAP_OK;
}

const neapi_backend neapi_backend_memory = {
    .scheme = "memory",
    .shared = false,
    .waits = false,
    .open = open_store,
    .close = close_store,
    .session_open = open_session,
    .session_close = close_session,
    .commit = neapi_memory_commit,
    .resolve = NULL,
    .read = neapi_memory_read,
    .stream_head = stream_head,
    .head = head,
    .find_key = find_key,
    .find_snapshot = find_snapshot,
    .find_command = find_command,
    .find_document = find_document,
    .list_documents = list_documents,
    .list_collections = list_collections,
    .show_kept = neapi_memory_show_kept,
    .maintain = maintain,
    .verify = neapi_memory_verify,
    .survey = neapi_memory_survey,
};
