/* What a host asks about sagas: of a runtime, or of a store at rest. */
#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "message/json.h"
#include "message/write.h"
#include "runtime/host_reading.h"
#include "runtime/options.h"
#include "runtime/saga.h"
#include "runtime/saga_record.h"
#include "store/walk.h"

/* ---- One ------------------------------------------------------------------------------------- */

static void write_text(neapi_buffer *json, const char *name, neap_text text)
{
    if (text.size == 0)
        return;
    neapi_buffer_format(json, ",\"%s\":", name);
    neapi_json_quote(json, text);
}

static void write_time(neapi_buffer *json, const char *name, int64_t us)
{
    if (us == 0)
        return;
    neapi_buffer_format(json, ",\"%s\":", name);
    neapi_json_time(json, us);
}

/* What waits in the queue, oldest first; what is not there any more was done. */
static neap_status write_waiting(neapi_session *session, neapi_buffer *json,
                                 const neapi_saga_sent *newest, bool *any, neap_error *error)
{
    if (newest == NULL)
        return NEAP_OK;
    neapi_arena arena = NEAPI_ARENA_INIT;
    neap_text data;
    bool found = false;
    int64_t due_us = 0;
    neap_text key = neapi_queued_key_text(&newest->key);
    neap_status status = write_waiting(session, json, newest->next, any, error);
    if (status == NEAP_OK)
        status = neapi_find_document(session, NEAPI_QUEUE, key, &arena, &data, &found, error);
    neapi_arena_fini(&arena);
    if (status != NEAP_OK || !found || !neapi_queued_due_of(key, &due_us))
        return status;
    neapi_buffer_text(json, *any ? NEAPI_LITERAL(",{\"due_at\":")
                                 : NEAPI_LITERAL(",\"waiting\":[{\"due_at\":"));
    neapi_json_time(json, due_us);
    write_text(json, "command", newest->command);
    write_text(json, "name", newest->name);
    write_text(json, "timeout", newest->timeout);
    neapi_buffer_byte(json, '}');
    *any = true;
    return NEAP_OK;
}

/* One that has been completed takes nothing back any more. */
static void write_compensations(neapi_buffer *json, const neapi_saga *saga)
{
    if (saga->status == NEAPI_SAGA_COMPLETED)
        return;
    const char *before = ",\"compensations\":[";
    for (const neapi_saga_compensation *it = saga->compensations; it != NULL; it = it->next) {
        neapi_buffer_format(json, "%s{\"command\":", before);
        neapi_json_quote(json, it->command);
        NEAPI_BUFFER_LITERAL(json, ",\"data\":");
        neapi_buffer_text(json, it->data);
        neapi_buffer_byte(json, '}');
        before = ",";
    }
    if (saga->compensations != NULL)
        neapi_buffer_byte(json, ']');
}

/* Kept newest first, shown oldest first. */
static void write_failure(neapi_buffer *json, const neapi_saga_failure *failure)
{
    if (failure == NULL)
        return;
    write_failure(json, failure->next);
    neapi_buffer_text(json, failure->next != NULL ? NEAPI_LITERAL(",{\"command\":")
                                                  : NEAPI_LITERAL(",\"failures\":[{\"command\":"));
    neapi_json_quote(json, failure->command);
    write_text(json, "code", failure->code);
    write_text(json, "message", failure->message);
    neapi_buffer_byte(json, '}');
}

static neap_status write_saga(neapi_session *session, neapi_buffer *json, neap_text name,
                              const neapi_saga *saga, neap_text data, neap_error *error)
{
    char correlation[37];
    neap_text state;
    bool any = false;
    NEAPI_BUFFER_LITERAL(json, "{\"saga\":");
    neapi_json_quote(json, name);
    write_text(json, "key", saga->key);
    write_text(json, "status", neapi_text_of(neapi_saga_status_name(saga->status)));
    write_text(json, "reason", saga->reason);
    write_text(json, "stopped_by", saga->stopped_by);
    write_text(json, "traceback", saga->traceback);
    write_time(json, "started_at", saga->started_at);
    write_time(json, "updated_at", saga->updated_at);
    write_time(json, "ended_at", saga->ended_at);
    neapi_buffer_format(json, ",\"position\":%llu", (unsigned long long)saga->position);
    if (neapi_json_member(data, NEAPI_LITERAL("state"), &state)) {
        NEAPI_BUFFER_LITERAL(json, ",\"state\":");
        neapi_buffer_text(json, state);
    }
    neap_status status = write_waiting(session, json, saga->sent, &any, error);
    if (any)
        neapi_buffer_byte(json, ']');
    write_compensations(json, saga);
    write_failure(json, saga->failures);
    if (saga->failures != NULL)
        neapi_buffer_byte(json, ']');
    neap_uuid_format(saga->correlation_id, correlation);
    write_text(json, "correlation_id", neapi_text(correlation, 36));
    neapi_buffer_byte(json, '}');
    return status;
}

static neap_status count(void *user, const neapi_kept_document *document, bool *enough,
                         neap_error *error)
{
    uint64_t *counted = user;
    (void)document, (void)enough, (void)error;
    ++*counted;
    return NEAP_OK;
}

neap_status neapi_sagas_count_stopped(neapi_session *session, neap_text saga, uint64_t *counted,
                                      neap_error *error)
{
    neapi_buffer collection = NEAPI_BUFFER_INIT;
    neapi_saga_stopped_collection(&collection, saga);
    const neapi_document_range range = {.collection = neapi_text(collection.data, collection.size)};
    *counted = 0;
    neap_status status = collection.failed
                             ? neapi_nomem(error)
                             : neapi_documents_walk(session, &range, count, counted, error);
    neapi_buffer_fini(&collection);
    return status;
}

/* ---- Reading --------------------------------------------------------------------------------- */

typedef struct listing {
    neapi_session *session;
    const neap_saga_options *options;
    neap_text name;           /* of those that are gone through */
    neapi_saga_status status; /* ABSENT: any */
    uint64_t left;
    neapi_buffer *json;
    bool begun;
} listing;

/* Adds it, if it has the status that is wanted. */
static neap_status add(listing *job, neap_text name, neap_text key, neap_text data,
                       neap_error *error)
{
    neapi_saga *saga = neapi_saga_new(key);
    if (saga == NULL)
        return neapi_nomem(error);
    neap_status status = neapi_saga_read(data, saga, error);
    bool wanted = job->status == NEAPI_SAGA_ABSENT || job->status == saga->status;
    if (status == NEAP_OK && wanted) {
        if (job->begun)
            neapi_buffer_text(job->json, NEAPI_LITERAL(",\n"));
        job->begun = true;
        job->left--;
        status = write_saga(job->session, job->json, name, saga, data, error);
    }
    neapi_saga_free(saga);
    return status == NEAP_OK && job->json->failed ? neapi_nomem(error) : status;
}

static neap_status add_document(void *user, const neapi_kept_document *document, bool *enough,
                                neap_error *error)
{
    listing *job = user;
    neap_status status = add(job, job->name, document->key, document->data, error);
    *enough = job->left == 0;
    return status;
}

static neap_status add_of(listing *job, neap_text name, neap_error *error)
{
    neapi_buffer collection = NEAPI_BUFFER_INIT;
    neapi_saga_collection(&collection, name);
    const neapi_document_range range = {.collection = neapi_text(collection.data, collection.size),
                                        .prefix = neapi_text_of(job->options->prefix),
                                        .behind = neapi_text_of(job->options->behind),
                                        .backward = job->options->backward};
    job->name = name;
    neap_status status = collection.failed ? neapi_nomem(error) : NEAP_OK;
    if (status == NEAP_OK && job->left > 0)
        status = neapi_documents_walk(job->session, &range, add_document, job, error);
    neapi_buffer_fini(&collection);
    return status;
}

/* All that the store has. */
static neap_status add_of_all(listing *job, neap_error *error)
{
    static const char prefix[] = "$saga:";
    const size_t size = sizeof prefix - 1;
    neapi_collection_list list = NEAPI_COLLECTION_LIST_INIT;
    neap_status status = neapi_list_collections(job->session, &list, error);
    for (size_t i = 0; i < list.count && status == NEAP_OK; i++) {
        neap_text name = list.collections[i].name;
        if (name.size > size && memcmp(name.data, prefix, size) == 0)
            status = add_of(job, neapi_text(name.data + size, name.size - size), error);
    }
    neapi_collection_list_fini(&list);
    return status;
}

static neap_status list(neapi_session *session, const neap_saga_options *options,
                        neapi_buffer *json, neap_error *error)
{
    listing job = {.session = session,
                   .options = options,
                   .left = options->limit != 0 ? options->limit : UINT64_MAX,
                   .json = json};
    if (options->status != NULL &&
        !neapi_saga_status_named(neapi_text_of(options->status), &job.status))
        return neapi_fail(error, NEAP_USAGE,
                          "a saga's status is running, completed, compensating, failed, "
                          "compensation_failed or stopped, not '%.100s'",
                          options->status);
    if (options->behind != NULL && options->saga == NULL)
        return neapi_fail(error, NEAP_USAGE, "sagas are listed behind a key of one saga");
    neapi_buffer_byte(json, '[');
    neap_status status = options->saga != NULL ? add_of(&job, neapi_text_of(options->saga), error)
                                               : add_of_all(&job, error);
    neapi_buffer_byte(json, ']');
    return status;
}

static neap_status find(neapi_session *session, neap_text name, neap_text key, neapi_buffer *json,
                        bool *found, neap_error *error)
{
    const neap_saga_options options = {0};
    listing job = {.session = session, .options = &options, .left = 1, .json = json};
    neapi_buffer collection = NEAPI_BUFFER_INIT;
    neapi_arena arena = NEAPI_ARENA_INIT;
    neap_text data;
    neapi_saga_collection(&collection, name);
    neap_status status =
        collection.failed
            ? neapi_nomem(error)
            : neapi_find_document(session, neapi_text(collection.data, collection.size), key,
                                  &arena, &data, found, error);
    if (status == NEAP_OK && *found)
        status = add(&job, name, key, data, error);
    neapi_arena_fini(&arena);
    neapi_buffer_fini(&collection);
    return status;
}

/* ---- For the host ---------------------------------------------------------------------------- */

static neap_status check_saga(const neap_runtime *runtime, const char *name, neap_error *error)
{
    const neapi_subscription *definition;
    neap_status status =
        neapi_catalog_subscription(runtime->catalog, neapi_text_of(name), &definition, error);
    if (status == NEAP_OK && definition->kind != NEAPI_SAGA)
        status = neapi_fail(error, NEAP_USAGE, "'%s' is a %s, not a saga", name,
                            neapi_subscription_kind_name(definition->kind));
    return status;
}

static neap_status check(const neap_runtime *runtime, const char *call, const void *out,
                         neap_error *error)
{
    if (out == NULL)
        return neapi_fail(error, NEAP_USAGE, "%s: json must not be NULL", call);
    if (runtime->stage != NEAPI_RUNTIME_RUNNING)
        return neapi_fail(error, NEAP_USAGE, "%s: the runtime is not started", call);
    return NEAP_OK;
}

neap_status neap_sagas(neap_runtime *runtime, const neap_saga_options *options, char **json,
                       size_t *size, neap_error *error)
{
    neapi_session *session;
    neap_saga_options taken;
    neapi_buffer text = NEAPI_BUFFER_INIT;
    neap_status status = check(runtime, "neap_sagas", json, error);
    if (status == NEAP_OK)
        status = neapi_saga_options_take(options, &taken, error);
    if (status == NEAP_OK && taken.saga != NULL)
        status = check_saga(runtime, taken.saga, error);
    if (status == NEAP_OK)
        status = neapi_host_session(runtime, &session, error);
    if (status != NEAP_OK)
        return status;
    status = list(session, &taken, &text, error);
    neapi_host_session_done(runtime);
    return neapi_buffer_give(&text, status, json, size, error);
}

neap_status neap_saga(neap_runtime *runtime, const char *saga, const char *key, char **json,
                      size_t *size, neap_error *error)
{
    neapi_session *session;
    neapi_buffer text = NEAPI_BUFFER_INIT;
    bool found = false;
    neap_status status = check(runtime, "neap_saga", json, error);
    if (status == NEAP_OK && (saga == NULL || key == NULL))
        status = neapi_fail(error, NEAP_USAGE, "neap_saga: saga and key must not be NULL");
    if (status == NEAP_OK)
        status = check_saga(runtime, saga, error);
    if (status == NEAP_OK)
        status = neapi_host_session(runtime, &session, error);
    if (status != NEAP_OK)
        return status;
    status = find(session, neapi_text_of(saga), neapi_text_of(key), &text, &found, error);
    neapi_host_session_done(runtime);
    if (status == NEAP_OK && !found) {
        *json = NULL;
        return NEAP_OK;
    }
    return neapi_buffer_give(&text, status, json, size, error);
}

neap_status neap_store_sagas(neap_store *store, const neap_saga_options *options, char **json,
                             size_t *size, neap_error *error)
{
    neapi_session *session;
    neap_saga_options taken;
    neapi_buffer text = NEAPI_BUFFER_INIT;
    if (store == NULL || json == NULL)
        return neapi_fail(error, NEAP_USAGE, "neap_store_sagas: store and json must not be NULL");
    neap_status status = neapi_saga_options_take(options, &taken, error);
    if (status == NEAP_OK)
        status = neapi_session_open(store->store, NEAPI_MODE_READ, &session, error);
    if (status != NEAP_OK)
        return status;
    status = list(session, &taken, &text, error);
    neapi_session_close(session);
    return neapi_buffer_give(&text, status, json, size, error);
}

neap_status neap_store_saga(neap_store *store, const char *saga, const char *key, char **json,
                            size_t *size, neap_error *error)
{
    neapi_session *session;
    neapi_buffer text = NEAPI_BUFFER_INIT;
    bool found = false;
    if (store == NULL || saga == NULL || key == NULL || json == NULL)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_store_saga: store, saga, key and json must not be NULL");
    neap_status status = neapi_session_open(store->store, NEAPI_MODE_READ, &session, error);
    if (status != NEAP_OK)
        return status;
    status = find(session, neapi_text_of(saga), neapi_text_of(key), &text, &found, error);
    neapi_session_close(session);
    if (status == NEAP_OK && !found) {
        *json = NULL;
        return NEAP_OK;
    }
    return neapi_buffer_give(&text, status, json, size, error);
}
