/* Dead letters, as the host asks for them. */
#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "bus/partition.h"
#include "message/json.h"
#include "message/object.h"
#include "runtime/call.h"
#include "runtime/dead_letter.h"
#include "runtime/host_reading.h"
#include "runtime/queue_letters.h"
#include "runtime/subscribed.h"
#include "store/walk.h"

static neap_status write_letter(void *user, const neapi_kept_document *document, bool *enough,
                                neap_error *error)
{
    neapi_buffer *json = user;
    neap_text queued;
    (void)enough;
    if (neapi_queue_letter_key(document->key, &queued))
        neapi_queue_letter_json(json, queued, document->data);
    else
        neapi_buffer_text(json, document->data);
    neapi_buffer_byte(json, ',');
    return json->failed ? neapi_nomem(error) : NEAP_OK;
}

static neap_status give_list(neapi_session *session, const char *subscription, char **json,
                             size_t *size, neap_error *error)
{
    neapi_buffer text = NEAPI_BUFFER_INIT, prefix = NEAPI_BUFFER_INIT;
    if (subscription != NULL) {
        neapi_buffer_text(&prefix, neapi_text_of(subscription));
        neapi_buffer_byte(&prefix, '/');
    }
    const neapi_document_range range = {.collection = NEAPI_DEAD_LETTERS,
                                        .prefix = neapi_text(prefix.data, prefix.size)};
    neapi_buffer_byte(&text, '[');
    neap_status status = prefix.failed
                             ? neapi_nomem(error)
                             : neapi_documents_walk(session, &range, write_letter, &text, error);
    neapi_write_end(&text, '[');
    neapi_buffer_fini(&prefix);
    return neapi_buffer_give(&text, status, json, size, error);
}

neap_status neap_dead_letters(neap_runtime *runtime, const char *subscription, char **json,
                              size_t *size, neap_error *error)
{
    neapi_session *session;
    if (json == NULL || runtime->stage != NEAPI_RUNTIME_RUNNING)
        return neapi_fail(error, NEAP_USAGE, "neap_dead_letters: %s",
                          json == NULL ? "json must not be NULL" : "the runtime is not started");
    neap_status status = neapi_host_session(runtime, &session, error);
    if (status != NEAP_OK)
        return status;
    status = give_list(session, subscription, json, size, error);
    neapi_host_session_done(runtime);
    return status;
}

neap_status neap_store_dead_letters(neap_store *store, const char *subscription, char **json,
                                    size_t *size, neap_error *error)
{
    neapi_session *session;
    if (json == NULL)
        return neapi_fail(error, NEAP_USAGE, "neap_store_dead_letters: json must not be NULL");
    neap_status status = neapi_session_open(store->store, NEAPI_MODE_READ, &session, error);
    if (status != NEAP_OK)
        return status;
    status = give_list(session, subscription, json, size, error);
    neapi_session_close(session);
    return status;
}

static neap_status check_call(const neap_runtime *runtime, const char *call, neap_error *error)
{
    if (runtime->stage != NEAPI_RUNTIME_RUNNING || !runtime->has_writer)
        return neapi_fail(error, NEAP_USAGE, "%s: %s", call,
                          runtime->has_writer ? "the runtime is not started"
                                              : "the store is open for reading only");
    if (neapi_thread_own())
        return neapi_fail(error, NEAP_USAGE, "%s: a handler or callback cannot wait for a runtime",
                          call);
    return NEAP_OK;
}

static neap_status subscriber_named(const neap_runtime *runtime, const char *call, const char *name,
                                    neapi_subscribed **found, neap_error *error)
{
    neap_status status = check_call(runtime, call, error);
    if (status == NEAP_OK && name == NULL)
        status = neapi_fail(error, NEAP_USAGE, "%s: the subscriber's name must not be NULL", call);
    if (status == NEAP_OK)
        status = neapi_subscribed_named(runtime, neapi_text_of(name), found, error);
    if (status == NEAP_OK && !neapi_subscription_has_letters((*found)->definition))
        status = neapi_fail(error, NEAP_USAGE, "%s: '%s' is a %s, and has no dead letters", call,
                            name, neapi_subscription_kind_name((*found)->definition->kind));
    return status;
}

/* The stream of a dead letter, appended. Errors: NEAP_UNKNOWN, there is none. */
static neap_status find_stream(neap_runtime *runtime, const neapi_subscribed *it, uint64_t position,
                               neapi_buffer *stream, neap_error *error)
{
    neapi_session *session;
    neapi_buffer key = NEAPI_BUFFER_INIT;
    neapi_arena arena = NEAPI_ARENA_INIT;
    neap_text data, raw;
    bool found = false;
    neap_status status = neapi_host_session(runtime, &session, error);
    if (status != NEAP_OK)
        return status;
    neapi_dead_letter_key(&key, it->definition->name, position);
    status = key.failed
                 ? neapi_nomem(error)
                 : neapi_find_document(session, NEAPI_DEAD_LETTERS, neapi_text(key.data, key.size),
                                       &arena, &data, &found, error);
    neapi_host_session_done(runtime);
    if (status == NEAP_OK && !found)
        status = neapi_fail(error, NEAP_UNKNOWN, "'%.*s' has no dead letter at position %llu",
                            NEAPI_TEXT(it->definition->name), (unsigned long long)position);
    else if (status == NEAP_OK && (!neapi_json_member(data, NEAPI_LITERAL("stream"), &raw) ||
                                   !neapi_json_unquote(raw, stream)))
        status = neapi_fail(error, NEAP_CORRUPT, "the dead letter %.*s is damaged", (int)key.size,
                            key.data);
    neapi_buffer_fini(&key);
    neapi_arena_fini(&arena);
    return status;
}

/* All of the stream that the dead letter at the position is of. */
static neap_status try_stream(neap_runtime *runtime, neapi_subscribed *it, uint64_t position,
                              bool drop, neap_error *error)
{
    neapi_buffer stream = NEAPI_BUFFER_INIT;
    neap_status status = find_stream(runtime, it, position, &stream, error);
    if (status == NEAP_OK) {
        neapi_build *build = atomic_load(&it->live);
        neap_text name = neapi_text(stream.data, stream.size);
        uint32_t number = neapi_partition_of(name, build->partition_count);
        status = neapi_try_letters_again(runtime, &build->partitions[number], name,
                                         drop ? position : 0, false, error);
    }
    neapi_buffer_fini(&stream);
    return status;
}

static neap_status try_all(neap_runtime *runtime, const neapi_subscribed *it, bool drops,
                           neap_error *error)
{
    neapi_build *live = atomic_load(&it->live);
    return neapi_try_letters_again(runtime, &live->partitions[0], (neap_text){0}, 0, drops, error);
}

/* Has a unit made of it on the queue's lane, and waits until that is durable. */
static neap_status change_some(neap_runtime *runtime, neapi_queue_letters *letters,
                               neap_error *error)
{
    neapi_request *request = neapi_call_new(runtime, NEAPI_REQUEST_CANCEL, NEAPI_NO_DEADLINE);
    if (request == NULL)
        return neapi_nomem(error);
    request->schedule = neapi_arena_alloc(&request->arena, sizeof *request->schedule);
    if (request->schedule == NULL) {
        neapi_call_discard(request);
        return neapi_nomem(error);
    }
    *request->schedule =
        (neapi_schedule){.name = NEAPI_LITERAL("dead letters of the queue"), .letters = letters};
    neap_status status = neapi_call_push(runtime, request, false, error);
    return status == NEAP_OK ? neapi_call_wait(runtime, request, NULL, error) : status;
}

static neap_status change_commands(neap_runtime *runtime, const char *call, const char *id,
                                   bool drops, uint64_t *count, neap_error *error)
{
    neapi_queue_letters letters = {.drops = drops, .more = true};
    uint64_t total = 0;
    neap_status status = check_call(runtime, call, error);
    if (status == NEAP_OK && id != NULL && !neapi_uuid_parse(neapi_text_of(id), &letters.id))
        status = neapi_fail(error, NEAP_INVALID, "%s: \"%.80s\" is no id of a command", call, id);
    while (status == NEAP_OK && letters.more) {
        status = change_some(runtime, &letters, error);
        letters.behind = letters.through;
        letters.more = letters.more && neapi_uuid_is_zero(letters.id);
        total += status == NEAP_OK ? letters.count : 0;
    }
    if (count != NULL)
        *count = total;
    return status;
}

/* Each is tried, also if that failed with another one. */
static neap_status change_all(neap_runtime *runtime, const char *call, bool drops,
                              neap_error *error)
{
    neap_status first = check_call(runtime, call, error);
    if (first != NEAP_OK)
        return first;
    for (uint32_t i = 0; i < runtime->subscribed_count; i++) {
        neap_error unwanted;
        const neapi_subscribed *it = &runtime->subscribed[i];
        if (!neapi_subscription_has_letters(it->definition) || !it->runs)
            continue;
        neap_status status = try_all(runtime, it, drops, first == NEAP_OK ? error : &unwanted);
        first = first == NEAP_OK ? status : first;
    }
    neap_error unwanted;
    neap_status status =
        change_commands(runtime, call, NULL, drops, NULL, first == NEAP_OK ? error : &unwanted);
    return first == NEAP_OK ? status : first;
}

neap_status neap_retry_dead_letters(neap_runtime *runtime, const char *subscriber,
                                    uint64_t position, neap_error *error)
{
    static const char call[] = "neap_retry_dead_letters";
    neapi_subscribed *it;
    if (subscriber == NULL && position == 0)
        return change_all(runtime, call, false, error);
    neap_status status = subscriber_named(runtime, call, subscriber, &it, error);
    if (status != NEAP_OK)
        return status;
    return position != 0 ? try_stream(runtime, it, position, false, error)
                         : try_all(runtime, it, false, error);
}

neap_status neap_drop_dead_letter(neap_runtime *runtime, const char *subscriber, uint64_t position,
                                  neap_error *error)
{
    neapi_subscribed *it;
    neap_status status = subscriber_named(runtime, "neap_drop_dead_letter", subscriber, &it, error);
    return status == NEAP_OK ? try_stream(runtime, it, position, true, error) : status;
}

neap_status neap_drop_dead_letters(neap_runtime *runtime, const char *subscriber, neap_error *error)
{
    static const char call[] = "neap_drop_dead_letters";
    neapi_subscribed *it;
    if (subscriber == NULL)
        return change_all(runtime, call, true, error);
    neap_status status = subscriber_named(runtime, call, subscriber, &it, error);
    return status == NEAP_OK ? try_all(runtime, it, true, error) : status;
}

neap_status neap_retry_dead_commands(neap_runtime *runtime, const char *id, uint64_t *count,
                                     neap_error *error)
{
    return change_commands(runtime, "neap_retry_dead_commands", id, false, count, error);
}

neap_status neap_drop_dead_commands(neap_runtime *runtime, const char *id, uint64_t *count,
                                    neap_error *error)
{
    return change_commands(runtime, "neap_drop_dead_commands", id, true, count, error);
}
