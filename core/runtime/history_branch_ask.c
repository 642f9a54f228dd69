/* What can be asked of a branch beside what any runtime answers. */
#include "base/error.h"
#include "base/text.h"
#include "runtime/branch.h"
#include "runtime/find.h"
#include "runtime/history.h"
#include "runtime/host_reading.h"
#include "runtime/past_store.h"
#include "runtime/saga_record.h"

neap_status neap_history_calls(neap_runtime *branch, char **json, size_t *size, neap_error *error)
{
    neapi_buffer text = NEAPI_BUFFER_INIT;
    neap_status status = neapi_branch_check(branch, "neap_history_calls", error);
    if (status != NEAP_OK)
        return status;
    neapi_branch *it = branch->branch;
    neapi_buffer_byte(&text, '[');
    pthread_mutex_lock(&it->mutex);
    if (it->calls.size != 0)
        neapi_buffer_append(&text, it->calls.data, it->calls.size - 1);
    pthread_mutex_unlock(&it->mutex);
    neapi_buffer_byte(&text, ']');
    return neapi_buffer_give(&text, NEAP_OK, json, size, error);
}

neap_status neap_history_issued(neap_runtime *past, bool folded, char **json, size_t *size,
                                neap_error *error)
{
    neapi_session *session;
    neapi_buffer text = NEAPI_BUFFER_INIT;
    if (past == NULL || past->history == NULL || json == NULL)
        return neapi_fail(error, NEAP_USAGE, "neap_history_issued: it is no past of a history");
    neap_status status = neapi_host_session(past, &session, error);
    if (status != NEAP_OK)
        return status;
    status = neapi_past_store_issued(session, folded || past->branch == NULL, &text, error);
    neapi_host_session_done(past);
    return neapi_buffer_give(&text, status, json, size, error);
}

/* The collection of a projection's or a saga's documents. */
static neap_status find_collection(neap_runtime *branch, const char *name, neapi_buffer *collection,
                                   neap_error *error)
{
    const neapi_subscription *definition;
    neapi_session *session;
    neap_status status =
        neapi_catalog_subscription(branch->catalog, neapi_text_of(name), &definition, error);
    if (status == NEAP_OK && definition->kind == NEAPI_SAGA) {
        neapi_saga_collection(collection, definition->name);
        return collection->failed ? neapi_nomem(error) : NEAP_OK;
    }
    if (status == NEAP_OK)
        status = neapi_host_session(branch, &session, error);
    if (status != NEAP_OK)
        return status;
    status = neapi_find_collection(branch, session, definition->name, collection, error);
    neapi_host_session_done(branch);
    return status;
}

neap_status neap_history_changed(neap_runtime *branch, const char *name, char **json, size_t *size,
                                 neap_error *error)
{
    neapi_buffer text = NEAPI_BUFFER_INIT, collection = NEAPI_BUFFER_INIT;
    neap_status status = neapi_branch_check(branch, "neap_history_changed", error);
    if (status == NEAP_OK && (name == NULL || json == NULL))
        status =
            neapi_fail(error, NEAP_USAGE, "neap_history_changed: name and json must not be NULL");
    if (status == NEAP_OK)
        status = find_collection(branch, name, &collection, error);
    if (status == NEAP_OK)
        neapi_past_store_changed(branch->store, neapi_text(collection.data, collection.size),
                                 &text);
    neapi_buffer_fini(&collection);
    return neapi_buffer_give(&text, status, json, size, error);
}

neap_status neap_history_branch_compare(neap_runtime *branch,
                                        const neap_history_compare_options *given, char **json,
                                        size_t *size, neap_error *error)
{
    neap_history_compare_options options;
    neap_status status = neapi_branch_check(branch, "neap_history_branch_compare", error);
    if (status == NEAP_OK && json == NULL)
        status =
            neapi_fail(error, NEAP_USAGE, "neap_history_branch_compare: json must not be NULL");
    if (status != NEAP_OK)
        return status;
    neap_history *after = branch->history, *before = after->of;
    uint64_t position = neapi_past_store_position(branch->store);
    *json = NULL;
    if (before == NULL || position == 0)
        return NEAP_OK;
    neap_history_compare_options_init(&options);
    if (given != NULL && given->size <= sizeof options && given->size >= sizeof given->size)
        memcpy(&options, given, given->size);
    options.size = given != NULL ? given->size : sizeof options;
    options.to = position;
    return neap_history_compare(before, after, &options, json, size, error);
}
