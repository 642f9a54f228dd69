#include "runtime/find.h"

#include "base/error.h"
#include "base/text.h"
#include "message/json.h"
#include "message/object.h"
#include "runtime/host_reading.h"
#include "runtime/in_unit.h"
#include "runtime/on_demand.h"
#include "runtime/options.h"
#include "runtime/thread.h"
#include "store/walk.h"

neap_status neapi_find_collection(const neap_runtime *runtime, neapi_session *session,
                                  neap_text projection, neapi_buffer *collection, neap_error *error)
{
    const neapi_subscription *definition;
    uint32_t build;
    neap_status status =
        neapi_catalog_subscription(runtime->catalog, projection, &definition, error);
    if (status != NEAP_OK)
        return status;
    if (definition->kind != NEAPI_PROJECTION || definition->is_sql)
        return neapi_fail(error, NEAP_USAGE, "%s '%.*s' keeps no documents",
                          definition->is_sql ? "the SQL projection"
                                             : neapi_subscription_kind_name(definition->kind),
                          NEAPI_TEXT(projection));
    if (definition->is_live)
        return neapi_fail(error, NEAP_USAGE,
                          "projection '%.*s' is live: it is folded for one key at a time, and "
                          "cannot be listed",
                          NEAPI_TEXT(projection));
    if (definition->is_inline)
        return neapi_in_unit_collection(runtime, definition, collection, error);
    status = neapi_subscribed_live_build(runtime, session, projection, &build, error);
    if (status != NEAP_OK)
        return status;
    neapi_collection_name(collection, projection, build);
    return collection->failed ? neapi_nomem(error) : NEAP_OK;
}

neap_status neapi_find_in(const neap_runtime *runtime, neapi_session *session, neap_text projection,
                          neap_text key, neapi_buffer *json, bool *found, neap_error *error)
{
    neap_text data;
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_buffer collection = NEAPI_BUFFER_INIT;
    neap_status status = neapi_find_collection(runtime, session, projection, &collection, error);
    if (status == NEAP_OK)
        status = neapi_find_document(session, neapi_text(collection.data, collection.size), key,
                                     &arena, &data, found, error);
    if (status == NEAP_OK && *found)
        neapi_buffer_text(json, data);
    neapi_buffer_fini(&collection);
    neapi_arena_fini(&arena);
    return status == NEAP_OK && json->failed ? neapi_nomem(error) : status;
}

/* The definition, if it is a live one. */
static const neapi_subscription *live_one(const neap_runtime *runtime, neap_text projection)
{
    const neapi_subscription *definition;
    neap_error unwanted;
    bool known =
        neapi_catalog_subscription(runtime->catalog, projection, &definition, &unwanted) == NEAP_OK;
    return known && definition->is_live ? definition : NULL;
}

static neap_status write_document(void *user, const neapi_kept_document *document, bool *enough,
                                  neap_error *error)
{
    neapi_buffer *json = user;
    (void)enough;
    NEAPI_BUFFER_LITERAL(json, "{\"key\":");
    neapi_json_quote(json, document->key);
    NEAPI_BUFFER_LITERAL(json, ",\"document\":");
    neapi_buffer_text(json, document->data);
    NEAPI_BUFFER_LITERAL(json, "},");
    return json->failed ? neapi_nomem(error) : NEAP_OK;
}

neap_status neapi_list_in(const neap_runtime *runtime, neapi_session *session, neap_text projection,
                          const neap_list_options *options, neapi_buffer *json, neap_error *error)
{
    neapi_document_range range = {.prefix = neapi_text_of(options->prefix),
                                  .behind = neapi_text_of(options->behind),
                                  .backward = options->backward,
                                  .limit = options->limit < SIZE_MAX ? (size_t)options->limit : 0};
    neapi_buffer collection = NEAPI_BUFFER_INIT;
    neap_status status = neapi_find_collection(runtime, session, projection, &collection, error);
    range.collection = neapi_text(collection.data, collection.size);
    neapi_buffer_byte(json, '[');
    if (status == NEAP_OK)
        status = neapi_documents_walk(session, &range, write_document, json, error);
    neapi_buffer_fini(&collection);
    if (status != NEAP_OK)
        return status;
    neapi_write_end(json, '[');
    return json->failed ? neapi_nomem(error) : NEAP_OK;
}

neap_status neapi_lane_find_document(void *host, neap_text projection, neap_text key,
                                     neapi_buffer *json, bool *found, neap_error *error)
{
    neapi_lane *lane = host;
    const neapi_subscription *live = live_one(lane->runtime, projection);
    if (live != NULL) {
        neapi_buffer own = NEAPI_BUFFER_INIT; /* the engine may need the other one */
        neap_status status = neapi_on_demand_find(lane, live, key, &own, found, error);
        if (status == NEAP_OK)
            neapi_buffer_append(json, own.data, own.size);
        neapi_buffer_fini(&own);
        return status == NEAP_OK && json->failed ? neapi_nomem(error) : status;
    }
    return neapi_find_in(lane->runtime, lane->session, projection, key, json, found, error);
}

neap_status neapi_lane_list_documents(void *host, neap_text projection,
                                      const neap_list_options *options, neapi_buffer *json,
                                      neap_error *error)
{
    const neapi_lane *lane = host;
    return neapi_list_in(lane->runtime, lane->session, projection, options, json, error);
}

/* ---- For the host ---------------------------------------------------------------------------- */

static neap_status check(neap_runtime *runtime, const char *call, const char *projection,
                         const void *out, neap_error *error)
{
    if (projection == NULL || out == NULL)
        return neapi_fail(error, NEAP_USAGE, "%s: projection and json must not be NULL", call);
    if (runtime->stage != NEAPI_RUNTIME_RUNNING)
        return neapi_fail(error, NEAP_USAGE, "%s: the runtime is not started", call);
    return NEAP_OK;
}

neap_status neap_find(neap_runtime *runtime, const char *projection, const char *key, char **json,
                      size_t *size, neap_error *error)
{
    neapi_session *session;
    neapi_buffer text = NEAPI_BUFFER_INIT;
    bool found = false;
    neap_status status = check(runtime, "neap_find", projection, json, error);
    if (status == NEAP_OK && key == NULL)
        status = neapi_fail(error, NEAP_USAGE, "neap_find: key must not be NULL");
    const neapi_subscription *live =
        status == NEAP_OK ? live_one(runtime, neapi_text_of(projection)) : NULL;
    if (live != NULL) {
        status = neapi_on_demand_ask(runtime, live, neapi_text_of(key), &text, &found, error);
    } else {
        if (status == NEAP_OK)
            status = neapi_host_session(runtime, &session, error);
        if (status != NEAP_OK)
            return status;
        status = neapi_find_in(runtime, session, neapi_text_of(projection), neapi_text_of(key),
                               &text, &found, error);
        neapi_host_session_done(runtime);
    }
    if (status == NEAP_OK && !found) {
        *json = NULL;
        return NEAP_OK;
    }
    return neapi_buffer_give(&text, status, json, size, error);
}

neap_status neap_list(neap_runtime *runtime, const char *projection,
                      const neap_list_options *options, char **json, size_t *size,
                      neap_error *error)
{
    neapi_session *session;
    neap_list_options taken;
    neapi_buffer text = NEAPI_BUFFER_INIT;
    neap_status status = check(runtime, "neap_list", projection, json, error);
    if (status == NEAP_OK)
        status = neapi_list_options_take(options, &taken, error);
    if (status == NEAP_OK)
        status = neapi_host_session(runtime, &session, error);
    if (status != NEAP_OK)
        return status;
    status = neapi_list_in(runtime, session, neapi_text_of(projection), &taken, &text, error);
    neapi_host_session_done(runtime);
    return neapi_buffer_give(&text, status, json, size, error);
}
