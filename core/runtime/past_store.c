#include "runtime/past_state.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "message/json.h"
#include "runtime/queued.h"

typedef struct past_session {
    neapi_session base;
    neapi_session *log;
    neapi_kept_session kept;
} past_session;

static neapi_past_store *store_of(const neapi_session *session)
{
    return (neapi_past_store *)session->store;
}

neapi_session *neapi_past_log(const neapi_session *session)
{
    return ((const past_session *)session)->log;
}

neapi_kept_session *neapi_past_kept_of(neapi_session *session)
{
    return &((past_session *)session)->kept;
}

static uint64_t position_of(const neapi_session *session)
{
    return atomic_load(&store_of(session)->position);
}

static void close_store(neapi_store *base)
{
    neapi_past_store *store = (neapi_past_store *)base;
    neapi_past_kept_fini(&store->kept);
    neapi_past_edits_fini(&store->edits);
    neapi_map_fini(&store->begun);
    neapi_arena_fini(&store->names);
    neapi_buffer_fini(&store->issued);
    pthread_mutex_destroy(&store->mutex);
    neapi_free(store);
}

static void close_session(neapi_session *base)
{
    past_session *session = (past_session *)base;
    if (session->log != NULL)
        neapi_session_close(session->log);
    neapi_kept_session_close(&session->kept);
    neapi_free(session);
}

static neap_status open_session(neapi_store *base, neapi_mode mode, neapi_session **opened,
                                neap_error *error)
{
    neapi_past_store *store = (neapi_past_store *)base;
    past_session *session = neapi_alloc_zero(1, sizeof *session);
    if (session == NULL)
        return neapi_nomem(error);
    session->base.store = base;
    session->base.mode = mode;
    neap_status status = neapi_session_open(store->log, NEAPI_MODE_READ, &session->log, error);
    if (status == NEAP_OK)
        status = neapi_kept_session_open(&session->kept, &store->kept, mode, error);
    if (status == NEAP_OK)
        *opened = &session->base;
    else
        close_session(&session->base);
    return status;
}

static neap_status head(neapi_session *session, uint64_t *position, neap_error *error)
{
    (void)error;
    *position = neapi_past_store_head(session->store);
    return NEAP_OK;
}

/* A snapshot has a version of its stream, or where it is of none, a position. */
static neap_status find_in_log(neapi_session *session, neap_text name, uint64_t max_version,
                               neap_text fingerprint, neapi_arena *arena, neapi_snapshot *result,
                               bool *found, neap_error *error)
{
    uint64_t version, unused;
    neap_status status = neapi_past_log_head(session, name, &version, &unused, error);
    if (status != NEAP_OK)
        return status;
    uint64_t newest = version != 0 ? version : position_of(session);
    uint64_t same = neapi_past_edits_before(&store_of(session)->edits, name, version != 0);
    if (newest > same)
        newest = same;
    if (max_version > newest)
        max_version = newest;
    *found = false;
    return max_version == 0 ? NEAP_OK
                            : neapi_find_snapshot(neapi_past_log(session), name, max_version,
                                                  fingerprint, arena, result, found, error);
}

/* The newer one of the log's and the branch's own. */
static neap_status find_snapshot(neapi_session *session, neap_text name, uint64_t max_version,
                                 neap_text fingerprint, neapi_arena *arena, neapi_snapshot *result,
                                 bool *found, neap_error *error)
{
    neapi_session *own;
    neapi_snapshot other;
    bool has_own;
    neap_status status =
        find_in_log(session, name, max_version, fingerprint, arena, result, found, error);
    if (status != NEAP_OK || !store_of(session)->is_branch)
        return status;
    status = neapi_kept_own(neapi_past_kept_of(session), &own, error);
    if (status == NEAP_OK)
        status = neapi_find_snapshot(own, name, max_version, fingerprint, arena, &other, &has_own,
                                     error);
    if (status == NEAP_OK && has_own && (!*found || other.version >= result->version)) {
        *result = other;
        *found = true;
    }
    return status;
}

static neap_status find_command(neapi_session *session, uint64_t position, neapi_arena *arena,
                                neapi_command *result, bool *found, neap_error *error)
{
    uint64_t base = position_of(session);
    neapi_session *own;
    *found = false;
    const neapi_past_edit *edit = neapi_past_edits_find(&store_of(session)->edits, position);
    if (edit != NULL && edit->data.size == 0)
        return NEAP_OK;
    if (position <= base)
        return neapi_find_command(neapi_past_log(session), position, arena, result, found, error);
    if (position > neapi_past_store_head(session->store))
        return NEAP_OK;
    neap_status status = neapi_kept_own(neapi_past_kept_of(session), &own, error);
    return status == NEAP_OK ? neapi_find_command(own, position - base, arena, result, found, error)
                             : status;
}

/* ---- What is kept beside events -------------------------------------------------------------- */

static neap_status commit(neapi_session *session, neapi_unit *const *units, size_t count,
                          int64_t now_us, neapi_outcome *outcome, neap_error *error)
{
    (void)outcome;
    (void)error;
    for (size_t i = 0; i < count; i++)
        neapi_past_judge(session, units[i], now_us);
    return NEAP_OK;
}

/* Of a branch, what the log's commands were given counts too. */
static neap_status find_key(neapi_session *session, neap_text key, int64_t now_us,
                            neapi_arena *arena, neapi_key *result, bool *found, neap_error *error)
{
    neapi_session *own;
    neap_status status = neapi_kept_own(neapi_past_kept_of(session), &own, error);
    if (status == NEAP_OK)
        status = neapi_find_key(own, key, now_us, arena, result, found, error);
    if (status == NEAP_OK && *found)
        return neapi_past_key_shown(session, result, error);
    if (status != NEAP_OK || !store_of(session)->is_branch)
        return status;
    status = neapi_find_key(neapi_past_log(session), key, now_us, arena, result, found, error);
    if (status == NEAP_OK && *found)
        *found = result->position <= position_of(session);
    return status;
}

static neap_status find_document(neapi_session *session, neap_text collection, neap_text key,
                                 neapi_arena *arena, neap_text *data, bool *found,
                                 neap_error *error)
{
    return neapi_kept_find(neapi_past_kept_of(session), collection, key, arena, data, found, error);
}

static neap_status list_documents(neapi_session *session, const neapi_document_range *range,
                                  neapi_document_page *page, neap_error *error)
{
    return neapi_kept_list(neapi_past_kept_of(session), range, page, error);
}

static neap_status list_collections(neapi_session *session, neapi_collection_list *list,
                                    neap_error *error)
{
    return neapi_kept_collections(neapi_past_kept_of(session), list, error);
}

typedef struct showing {
    neapi_session *session;
    const neapi_kept_sink *sink;
} showing;

static bool shows(void *user, neap_text collection)
{
    const neapi_kept_sink *sink = ((const showing *)user)->sink;
    return sink->wants(sink->user, collection);
}

static neap_status show_key(void *user, const neapi_key *key, neap_error *error)
{
    const showing *it = user;
    neapi_key shown = *key;
    neap_status status = neapi_past_key_shown(it->session, &shown, error);
    return status == NEAP_OK ? it->sink->key(it->sink->user, &shown, error) : status;
}

static neap_status show_document(void *user, neap_text collection, neap_text key, neap_text data,
                                 neap_error *error)
{
    const neapi_kept_sink *sink = ((const showing *)user)->sink;
    return sink->document(sink->user, collection, key, data, error);
}

static neap_status show_kept(neapi_session *session, int64_t now_us, const neapi_kept_sink *sink,
                             uint64_t *position, neap_error *error)
{
    showing it = {session, sink};
    const neapi_kept_sink numbered = {
        .user = &it, .wants = shows, .key = show_key, .document = show_document};
    uint64_t added = 0;
    neap_status status =
        neapi_kept_show(neapi_past_kept_of(session), now_us, &numbered, &added, error);
    if (status == NEAP_OK)
        *position = position_of(session) + added;
    return status;
}

/* Projections that keep rows may be in the domain; in a past they answer nothing. */
static neap_status refuse_select(neapi_session *session, const neapi_statement *statement,
                                 size_t limit, neapi_result *result, neap_error *error)
{
    (void)session;
    (void)limit;
    (void)result;
    return neapi_fail(error, NEAP_USAGE, "projection %.*s: " NEAPI_PAST_NO_ROWS,
                      NEAPI_TEXT(statement->projection));
}

static neap_status maintain(neapi_session *session, int64_t now_us, bool *more, neap_error *error)
{
    neapi_session *own;
    neap_status status = neapi_kept_own(neapi_past_kept_of(session), &own, error);
    return status == NEAP_OK ? neapi_maintain(own, now_us, more, error) : status;
}

static const neapi_backend backend = {
    .scheme = "past",
    .shared = false,
    .waits = false,
    .close = close_store,
    .session_open = open_session,
    .session_close = close_session,
    .commit = commit,
    .read = neapi_past_read,
    .stream_head = neapi_past_stream_head,
    .head = head,
    .find_key = find_key,
    .find_snapshot = find_snapshot,
    .find_command = find_command,
    .find_document = find_document,
    .list_documents = list_documents,
    .list_collections = list_collections,
    .show_kept = show_kept,
    .select = refuse_select,
    .maintain = maintain,
    .verify = neapi_past_verify,
    .survey = neapi_past_survey,
};

neap_status neapi_past_store_new(neapi_store *log, neapi_store **past, neap_error *error)
{
    neapi_past_store *made = neapi_alloc_zero(1, sizeof *made);
    if (made == NULL)
        return neapi_nomem(error);
    made->base.backend = &backend;
    made->base.mode = NEAPI_MODE_WRITE;
    made->base.name = neapi_alloc_text(log->name, strlen(log->name));
    made->log = log;
    atomic_init(&made->base.writing, false);
    atomic_init(&made->position, 0);
    atomic_init(&made->added, 0);
    neap_status status =
        made->base.name != NULL ? neapi_past_kept_init(&made->kept, error) : neapi_nomem(error);
    neapi_map_init(&made->begun);
    if (status == NEAP_OK && pthread_mutex_init(&made->mutex, NULL) != 0) {
        neapi_past_kept_fini(&made->kept);
        status = neapi_nomem(error);
    }
    if (status != NEAP_OK) {
        neapi_free(made->base.name);
        neapi_free(made);
        return status;
    }
    *past = &made->base;
    return NEAP_OK;
}

neapi_store *neapi_past_store_log(const neapi_store *past)
{
    return ((const neapi_past_store *)past)->log;
}

void neapi_past_store_move(neapi_store *past, uint64_t position)
{
    atomic_store(&((neapi_past_store *)past)->position, position);
}

uint64_t neapi_past_store_position(const neapi_store *past)
{
    return atomic_load(&((const neapi_past_store *)past)->position);
}

uint64_t neapi_past_store_head(const neapi_store *past)
{
    const neapi_past_store *store = (const neapi_past_store *)past;
    return atomic_load(&store->position) + atomic_load(&store->added);
}

bool neapi_past_store_is_branch(const neapi_store *past)
{
    return ((const neapi_past_store *)past)->is_branch;
}

/* ---- What was queued ------------------------------------------------------------------------- */

void neapi_past_write_issued(neapi_buffer *json, neap_text key, neap_text entry)
{
    NEAPI_BUFFER_LITERAL(json, "{\"key\":");
    neapi_json_quote(json, key);
    neapi_buffer_format(json, ",\"entry\":%.*s},", NEAPI_TEXT(entry));
}

static neap_status write_queued(void *user, neap_text collection, neap_text key, neap_text data,
                                neap_error *error)
{
    (void)collection;
    neapi_past_write_issued(user, key, data);
    return ((neapi_buffer *)user)->failed ? neapi_nomem(error) : NEAP_OK;
}

neap_status neapi_past_store_issued(neapi_session *session, bool folded, neapi_buffer *json,
                                    neap_error *error)
{
    neapi_past_store *store = store_of(session);
    const neapi_kept_sink sink = {.user = json, .document = write_queued};
    neap_status status = NEAP_OK;
    neapi_buffer_byte(json, '[');
    if (folded)
        status = neapi_kept_show_queued(neapi_past_kept_of(session), &sink, error);
    pthread_mutex_lock(&store->mutex);
    if (store->issued.failed)
        status = neapi_nomem(error);
    if (store->issued.size != 0)
        neapi_buffer_append(json, store->issued.data, store->issued.size);
    pthread_mutex_unlock(&store->mutex);
    if (!json->failed && json->size > 1)
        json->size--; /* the last comma */
    neapi_buffer_byte(json, ']');
    return status == NEAP_OK && json->failed ? neapi_nomem(error) : status;
}

void neapi_past_store_changed(neapi_store *branch, neap_text collection, neapi_buffer *json)
{
    neapi_buffer_byte(json, '[');
    size_t before = json->size;
    neapi_past_kept_write_changed(&((neapi_past_store *)branch)->kept, collection, json);
    if (!json->failed && json->size > before)
        json->size--; /* the last comma */
    neapi_buffer_byte(json, ']');
}

/* ---- Branching ------------------------------------------------------------------------------- */

neap_status neapi_past_store_edit(neapi_store *past, const neapi_past_edits *edits,
                                  neap_error *error)
{
    return neapi_past_edits_add_all(&((neapi_past_store *)past)->edits, edits, error);
}

const neapi_past_edits *neapi_past_store_edits(const neapi_store *past)
{
    return &((const neapi_past_store *)past)->edits;
}

neap_status neapi_past_store_share(neapi_store *branch, neapi_store *past, neap_error *error)
{
    return neapi_past_kept_share(&((neapi_past_store *)branch)->kept,
                                 &((neapi_past_store *)past)->kept, error);
}

neap_status neapi_past_store_extend(neapi_store *branch, neapi_store *past, neap_error *error)
{
    neapi_past_store *made = (neapi_past_store *)branch;
    neapi_past_store *from = (neapi_past_store *)past;
    neap_status status = neapi_past_kept_add_events(&made->kept, &from->kept, error);
    if (status != NEAP_OK)
        return status;
    made->is_branch = true;
    atomic_store(&made->added, atomic_load(&from->added));
    return NEAP_OK;
}

void neapi_past_store_count_as_done(neapi_store *branch, int64_t due_us)
{
    ((neapi_past_store *)branch)->kept.due_us = due_us;
}
