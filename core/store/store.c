#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "store/check.h"
#include "store/mark.h"
#include "store/url.h"

static const neapi_backend *const backends[] = {&neapi_backend_memory, &neapi_backend_sqlite,
                                                &neapi_backend_postgresql};
#define BACKENDS (sizeof backends / sizeof *backends)

static neap_status find_backend(const neapi_url *url, const neapi_backend **found,
                                neap_error *error)
{
    const char *names[BACKENDS];
    char known[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < BACKENDS; i++) {
        names[i] = backends[i]->scheme;
        if (neapi_text_equal(url->scheme, neapi_text_of(names[i]))) {
            *found = backends[i];
            return NEAP_OK;
        }
        const char *joint = i == 0 ? "" : i + 1 == BACKENDS ? " and " : ", ";
        int written = snprintf(known + used, sizeof known - used, "%s%s", joint, names[i]);
        used += written > 0 && used + (size_t)written < sizeof known ? (size_t)written : 0;
    }
    const char *meant = neapi_nearest(url->scheme, names, BACKENDS);
    return neapi_fail(error, NEAP_USAGE, "unknown kind of store \"%.*s\"%s%s%s; known are %s",
                      NEAPI_TEXT(url->scheme), meant != NULL ? "; did you mean \"" : "",
                      meant != NULL ? meant : "", meant != NULL ? "\"?" : "", known);
}

neap_status neapi_store_open_unfinished(const char *url, neapi_mode mode, neapi_store **store,
                                        neap_error *error)
{
    neap_error local;
    if (error == NULL)
        error = &local;
    char *name = NULL;
    neapi_store *opened = NULL;
    const neapi_backend *backend = NULL;
    neapi_url parsed;
    neapi_arena arena = NEAPI_ARENA_INIT;
    neap_status status = neapi_url_parse(url, &arena, &parsed, error);
    if (status == NEAP_OK)
        status = find_backend(&parsed, &backend, error);
    if (status != NEAP_OK)
        goto cleanup;
    name = neapi_alloc_text(parsed.whole.data, parsed.whole.size);
    status = name != NULL ? backend->open(&parsed, mode, &opened, error) : neapi_nomem(error);
    if (status != NEAP_OK) {
        neapi_error_prefix(error, "open %.*s", NEAPI_TEXT(parsed.whole));
        goto cleanup;
    }
    opened->backend = backend;
    opened->mode = mode;
    opened->name = name;
    atomic_init(&opened->writing, false);
    atomic_init(&opened->alone, false);
    *store = opened;
    name = NULL;

cleanup:
    neapi_free(name);
    neapi_arena_fini(&arena);
    return status;
}

neap_status neapi_store_open(const char *url, neapi_mode mode, neapi_store **store,
                             neap_error *error)
{
    neap_error local;
    if (error == NULL)
        error = &local;
    neapi_store *opened;
    neap_status status = neapi_store_open_unfinished(url, mode, &opened, error);
    if (status != NEAP_OK)
        return status;
    status = neapi_mark_check(opened, error);
    if (status != NEAP_OK) {
        neapi_error_prefix(error, "open %s", opened->name);
        neapi_store_close(opened);
        return status;
    }
    *store = opened;
    return NEAP_OK;
}

void neapi_store_close(neapi_store *store)
{
    if (store == NULL)
        return;
    char *name = store->name;
    store->backend->close(store);
    neapi_free(name);
}

void neapi_store_alone(neapi_store *store, bool alone)
{
    atomic_store(&store->alone, alone);
}

/* Prefixes what the backend said with the operation and the store. */
static neap_status failed(const neapi_session *session, neap_status status, const char *operation,
                          neap_error *error)
{
    if (status != NEAP_OK)
        neapi_error_prefix(error, "%s %s", operation, session->store->name);
    return status;
}

neap_status neapi_session_open(neapi_store *store, neapi_mode mode, neapi_session **session,
                               neap_error *error)
{
    neap_error local;
    if (error == NULL)
        error = &local;
    bool writes = mode == NEAPI_MODE_WRITE;
    if (writes && store->mode != NEAPI_MODE_WRITE)
        return neapi_fail(error, NEAP_USAGE, "%s is open for reading only", store->name);
    if (writes && atomic_exchange(&store->writing, true))
        return neapi_fail(error, NEAP_USAGE, "%s has a writing session already", store->name);
    neapi_session *opened;
    neap_status status = store->backend->session_open(store, mode, &opened, error);
    if (status != NEAP_OK) {
        if (writes)
            atomic_store(&store->writing, false);
        neapi_error_prefix(error, "open a session of %s", store->name);
        return status;
    }
    opened->store = store;
    opened->mode = mode;
    opened->calls = NULL;
    *session = opened;
    return NEAP_OK;
}

void neapi_session_count_calls(neapi_session *session, neapi_store_calls *calls)
{
    session->calls = calls;
}

void neapi_session_close(neapi_session *session)
{
    if (session == NULL)
        return;
    neapi_store *store = session->store;
    bool writes = session->mode == NEAPI_MODE_WRITE;
    store->backend->session_close(session);
    if (writes)
        atomic_store(&store->writing, false);
}

/* What a commit is about, for its errors. */
static void prefix_commit(const neapi_session *session, neapi_unit *const *units, size_t count,
                          neap_error *error)
{
    neap_text stream = {NULL, 0};
    for (size_t i = 0; count == 1 && i < units[0]->op_count && stream.size == 0; i++)
        if (units[0]->ops[i].kind == NEAPI_OP_APPEND)
            stream = units[0]->ops[i].append.stream;
    if (stream.size != 0)
        neapi_error_prefix(error, "append %.*s: %s", NEAPI_TEXT(stream), session->store->name);
    else
        neapi_error_prefix(error, "commit %zu unit%s: %s", count, count == 1 ? "" : "s",
                           session->store->name);
}

/* A batch without the units that no store could hold. */
typedef struct checked_batch {
    neapi_unit *const *units; /* the good ones */
    size_t count;
    neapi_unit **copy; /* NULL as long as all are good: then nothing is allocated */
} checked_batch;

/* The bad ones get a verdict, which holds back what follows them, but are not judged yet. */
static neap_status check_batch(neapi_unit *const *units, size_t count, checked_batch *batch,
                               neap_error *error)
{
    *batch = (checked_batch){.units = units, .count = count};
    for (size_t i = 0; i < count; i++) {
        size_t op;
        neap_status status = neapi_unit_check(units[i], &op, NULL);
        if (status != NEAP_OK && batch->copy == NULL) {
            batch->copy = neapi_alloc(count * sizeof(neapi_unit *));
            if (batch->copy == NULL)
                return neapi_nomem(error);
            memcpy(batch->copy, units, i * sizeof(neapi_unit *));
            batch->units = batch->copy;
            batch->count = i;
        }
        if (status != NEAP_OK)
            units[i]->verdict = (neapi_verdict){.status = status, .op = op};
        else if (batch->copy != NULL)
            batch->copy[batch->count++] = units[i];
    }
    return NEAP_OK;
}

/* Refuses the bad ones if the batch was judged; else nobody was. */
static void finish_batch(neapi_unit *const *units, size_t count, checked_batch *batch, bool judged)
{
    size_t good = 0;
    for (size_t i = 0; batch->copy != NULL && i < count; i++) {
        if (good < batch->count && units[i] == batch->units[good])
            good++;
        else if (judged)
            neapi_unit_refuse(units[i], units[i]->verdict.status, units[i]->verdict.op, 0);
        else
            units[i]->verdict = (neapi_verdict){0};
    }
    neapi_free(batch->copy);
}

neap_status neapi_commit(neapi_session *session, neapi_unit *const *units, size_t count,
                         int64_t now_us, neapi_outcome *outcome, neap_error *error)
{
    neap_error local;
    if (error == NULL)
        error = &local;
    *outcome = NEAPI_OUTCOME_NONE;
    if (session->mode != NEAPI_MODE_WRITE)
        return neapi_fail(error, NEAP_USAGE, "a session that reads cannot commit");
    checked_batch batch;
    neap_status status = check_batch(units, count, &batch, error);
    if (status == NEAP_OK && batch.count != 0) {
        int64_t began_us = neapi_call_begin(session);
        status = session->store->backend->commit(session, batch.units, batch.count, now_us, outcome,
                                                 error);
        neapi_call_end(session, NEAPI_CALL_COMMIT, began_us, status);
    }
    if (status != NEAP_OK)
        prefix_commit(session, units, count, error);
    finish_batch(units, count, &batch, status == NEAP_OK);
    return status;
}

neap_status neapi_resolve(neapi_session *session, neapi_unit *const *units, size_t count,
                          bool *durable, neap_error *error)
{
    neap_error local;
    if (error == NULL)
        error = &local;
    if (session->store->backend->resolve == NULL)
        return neapi_fail(error, NEAP_USAGE, "%s never leaves a commit's outcome unknown",
                          session->store->name);
    checked_batch batch;
    bool answer = false;
    neap_status status = check_batch(units, count, &batch, error);
    if (status == NEAP_OK) {
        int64_t began_us = neapi_call_begin(session);
        status =
            session->store->backend->resolve(session, batch.units, batch.count, &answer, error);
        neapi_call_end(session, NEAPI_CALL_RESOLVE, began_us, status);
    }
    if (status == NEAP_OK)
        *durable = answer;
    finish_batch(units, count, &batch, status == NEAP_OK && answer);
    return failed(session, status, "resolve", error);
}

neap_status neapi_read(neapi_session *session, const neapi_range *range, neapi_page *page,
                       neap_error *error)
{
    neap_error local;
    if (error == NULL)
        error = &local;
    neap_status status = neapi_range_check(range, error);
    if (status != NEAP_OK)
        return status;
    neapi_page_clear(page);
    bool nothing = range->backward ? range->from < range->to : range->from > range->to;
    if (nothing) {
        page->next = range->from;
        page->last = true;
        return NEAP_OK;
    }
    int64_t began_us = neapi_call_begin(session);
    status = session->store->backend->read(session, range, page, error);
    neapi_call_end(session, NEAPI_CALL_READ, began_us, status);
    if (status != NEAP_OK)
        neapi_page_clear(page);
    return failed(session, status, "read", error);
}

neap_status neapi_stream_head(neapi_session *session, neap_text stream, uint64_t *version,
                              uint64_t *position, neap_error *error)
{
    neap_error local;
    if (error == NULL)
        error = &local;
    neap_status status = neapi_stream_check(stream, error);
    if (status != NEAP_OK)
        return status;
    int64_t began_us = neapi_call_begin(session);
    status = session->store->backend->stream_head(session, stream, version, position, error);
    neapi_call_end(session, NEAPI_CALL_STREAM_HEAD, began_us, status);
    return failed(session, status, "read", error);
}

neap_status neapi_head(neapi_session *session, uint64_t *position, neap_error *error)
{
    neap_error local;
    if (error == NULL)
        error = &local;
    int64_t began_us = neapi_call_begin(session);
    neap_status status = session->store->backend->head(session, position, error);
    neapi_call_end(session, NEAPI_CALL_HEAD, began_us, status);
    return failed(session, status, "read", error);
}

neap_status neapi_find_key(neapi_session *session, neap_text key, int64_t now_us,
                           neapi_arena *arena, neapi_key *result, bool *found, neap_error *error)
{
    neap_error local;
    if (error == NULL)
        error = &local;
    neap_status status = neapi_name_check(key, "an idempotency key", error);
    if (status != NEAP_OK)
        return status;
    int64_t began_us = neapi_call_begin(session);
    status = session->store->backend->find_key(session, key, now_us, arena, result, found, error);
    neapi_call_end(session, NEAPI_CALL_FIND_KEY, began_us, status);
    return failed(session, status, "find a key in", error);
}

neap_status neapi_find_snapshot(neapi_session *session, neap_text name, uint64_t max_version,
                                neap_text fingerprint, neapi_arena *arena, neapi_snapshot *result,
                                bool *found, neap_error *error)
{
    neap_error local;
    if (error == NULL)
        error = &local;
    neap_status status = neapi_name_check(name, "a snapshot's name", error);
    if (status != NEAP_OK)
        return status;
    int64_t began_us = neapi_call_begin(session);
    status = session->store->backend->find_snapshot(session, name, max_version, fingerprint, arena,
                                                    result, found, error);
    neapi_call_end(session, NEAPI_CALL_FIND_SNAPSHOT, began_us, status);
    return failed(session, status, "find a snapshot in", error);
}

neap_status neapi_find_command(neapi_session *session, uint64_t position, neapi_arena *arena,
                               neapi_command *result, bool *found, neap_error *error)
{
    neap_error local;
    if (error == NULL)
        error = &local;
    if (position == 0)
        return neapi_fail(error, NEAP_USAGE, "there is no event 0; positions count from 1");
    int64_t began_us = neapi_call_begin(session);
    neap_status status =
        session->store->backend->find_command(session, position, arena, result, found, error);
    neapi_call_end(session, NEAPI_CALL_FIND_COMMAND, began_us, status);
    return failed(session, status, "find a command in", error);
}

neap_status neapi_find_document(neapi_session *session, neap_text collection, neap_text key,
                                neapi_arena *arena, neap_text *data, bool *found, neap_error *error)
{
    neap_error local;
    if (error == NULL)
        error = &local;
    neap_status status = neapi_document_check(collection, key, error);
    if (status != NEAP_OK)
        return status;
    int64_t began_us = neapi_call_begin(session);
    status =
        session->store->backend->find_document(session, collection, key, arena, data, found, error);
    neapi_call_end(session, NEAPI_CALL_FIND_DOCUMENT, began_us, status);
    return failed(session, status, "find a document in", error);
}

neap_status neapi_list_documents(neapi_session *session, const neapi_document_range *range,
                                 neapi_document_page *page, neap_error *error)
{
    neap_error local;
    if (error == NULL)
        error = &local;
    neap_status status = neapi_document_range_check(range, error);
    if (status != NEAP_OK)
        return status;
    neapi_document_page_clear(page);
    int64_t began_us = neapi_call_begin(session);
    status = session->store->backend->list_documents(session, range, page, error);
    neapi_call_end(session, NEAPI_CALL_LIST_DOCUMENTS, began_us, status);
    if (status != NEAP_OK)
        neapi_document_page_clear(page);
    return failed(session, status, "list documents of", error);
}

static int by_name(const void *a, const void *b)
{
    const neapi_collection *left = a, *right = b;
    return neapi_text_compare(left->name, right->name);
}

neap_status neapi_list_collections(neapi_session *session, neapi_collection_list *list,
                                   neap_error *error)
{
    neap_error local;
    if (error == NULL)
        error = &local;
    neapi_arena_clear(&list->arena);
    list->count = 0;
    int64_t began_us = neapi_call_begin(session);
    neap_status status = session->store->backend->list_collections(session, list, error);
    neapi_call_end(session, NEAPI_CALL_LIST_COLLECTIONS, began_us, status);
    if (status != NEAP_OK)
        list->count = 0;
    if (list->count != 0)
        qsort(list->collections, list->count, sizeof *list->collections, by_name);
    return failed(session, status, "list collections of", error);
}

static bool wants_all(void *user, neap_text collection)
{
    (void)user;
    (void)collection;
    return true;
}

static bool wants_none(void *user, neap_text collection)
{
    (void)user;
    (void)collection;
    return false;
}

static neap_status pass_key(void *user, const neapi_key *key, neap_error *error)
{
    (void)user;
    (void)key;
    (void)error;
    return NEAP_OK;
}

neap_status neapi_show_kept(neapi_session *session, int64_t now_us, const neapi_kept_sink *sink,
                            uint64_t *head, neap_error *error)
{
    neap_error local;
    neapi_kept_sink whole = *sink;
    if (error == NULL)
        error = &local;
    if (whole.key == NULL)
        whole.key = pass_key;
    if (whole.wants == NULL)
        whole.wants = whole.document != NULL ? wants_all : wants_none;
    int64_t began_us = neapi_call_begin(session);
    neap_status status = session->store->backend->show_kept(session, now_us, &whole, head, error);
    neapi_call_end(session, NEAPI_CALL_SHOW_KEPT, began_us, status);
    return failed(session, status, "read", error);
}

neap_status neapi_select(neapi_session *session, const neapi_statement *statement, size_t limit,
                         neapi_result *result, neap_error *error)
{
    neap_error local;
    if (error == NULL)
        error = &local;
    neapi_result_clear(result);
    neap_status status = neapi_statement_check(statement, error);
    if (status != NEAP_OK)
        return status;
    if (session->store->backend->select == NULL)
        return neapi_fail(error, NEAP_USAGE, "projection %.*s keeps rows with SQL; %s has none",
                          NEAPI_TEXT(statement->projection), session->store->name);
    int64_t began_us = neapi_call_begin(session);
    status = session->store->backend->select(session, statement, limit, result, error);
    neapi_call_end(session, NEAPI_CALL_SELECT, began_us, status);
    if (status != NEAP_OK)
        neapi_result_clear(result);
    return failed(session, status, "select from", error);
}

neap_status neapi_maintain(neapi_session *session, int64_t now_us, bool *more, neap_error *error)
{
    neap_error local;
    if (error == NULL)
        error = &local;
    if (session->mode != NEAPI_MODE_WRITE)
        return neapi_fail(error, NEAP_USAGE, "a session that reads cannot maintain the store");
    int64_t began_us = neapi_call_begin(session);
    neap_status status = session->store->backend->maintain(session, now_us, more, error);
    neapi_call_end(session, NEAPI_CALL_MAINTAIN, began_us, status);
    return failed(session, status, "maintain", error);
}
neap_status neapi_listen(neapi_session *session, int wake, int timeout_ms, neapi_told *told,
                         neap_error *error)
{
    neap_error local;
    if (error == NULL)
        error = &local;
    *told = (neapi_told){0};
    return failed(session, session->store->backend->listen(session, wake, timeout_ms, told, error),
                  "listen to", error);
}
