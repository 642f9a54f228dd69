/* Idempotency keys: a command with a key takes effect once while the key is kept. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/command.h"
#include "runtime/reply.h"

static uint64_t command_hash(const neapi_request *request)
{
    const neapi_earlier *earlier = &request->earlier;
    neap_text name = request->message != NULL ? request->message->name : earlier->type;
    uint64_t hash = neapi_text_hash(request->json, neapi_text_hash(name, earlier->schema));
    for (uint32_t i = 0; i < earlier->tag_count; i++)
        hash = neapi_text_hash(earlier->tags[i], hash);
    return request->stream.size != 0 ? neapi_text_hash(request->stream, hash) : hash;
}

/* Answers from the store if it knows the key; *answered says so. */
neap_status neapi_key_answer(neapi_lane *lane, neapi_request *request, bool *answered,
                             neap_error *error)
{
    neapi_key known;
    neapi_arena arena = NEAPI_ARENA_INIT;
    *answered = false;
    neap_status status = neapi_find_key(lane->session, request->key, neapi_wall_us(lane->platform),
                                        &arena, &known, answered, error);
    if (status == NEAP_OK && *answered && known.hash == request->hash) {
        neapi_lane_succeed(lane, request, neapi_reply_repeated(&known));
    } else if (status == NEAP_OK && *answered) {
        neapi_fail(error, NEAP_DUPLICATE,
                   "the idempotency key \"%.*s\" was used with another command",
                   NEAPI_TEXT(request->key));
        neapi_lane_fail(lane, request, error);
    }
    neapi_arena_fini(&arena);
    return status;
}

/* The hash is that of the canonical form, so that the order of keys and white space do not make
 * another command. */
static neap_status make_canonical(neapi_lane *lane, neapi_request *request, neap_error *error)
{
    neapi_buffer_clear(&lane->canonical);
    neap_status status = request->earlier.schema != 0
                             ? neapi_engine_check_earlier(lane->engine, &request->earlier,
                                                          request->json, &lane->canonical, error)
                             : neapi_engine_check(lane->engine, request->message, request->json,
                                                  &lane->canonical, error);
    if (status != NEAP_OK)
        return status;
    if (lane->canonical.failed)
        return neapi_nomem(error);
    neap_text copy =
        neapi_arena_text(&request->arena, neapi_text(lane->canonical.data, lane->canonical.size));
    if (copy.data == NULL)
        return neapi_nomem(error);
    request->json = copy;
    request->hash = command_hash(request);
    request->hashed = true;
    return NEAP_OK;
}

neap_status neapi_key_prepare(neapi_lane *lane, neapi_request *request, neap_error *error)
{
    if (request->key.size == 0 || request->hashed)
        return NEAP_OK;
    return make_canonical(lane, request, error);
}

/* What middleware makes of a command, a time that it adds, say, is not what the caller repeats: the
 * hash is that of what the caller sent. */
static neap_status prepare(neapi_lane *lane, neapi_request *request, neap_error *error)
{
    neap_status status = make_canonical(lane, request, error);
    if (status == NEAP_OK && request->past_middleware)
        request->hash = request->outer->hash;
    return status;
}

neap_status neapi_key_in_use(neap_text key, neap_error *error)
{
    return neapi_fail(error, NEAP_UNAVAILABLE, "the idempotency key \"%.*s\" is in use; try again",
                      NEAPI_TEXT(key));
}

static void fail_in_use(neapi_lane *lane, neapi_request *request)
{
    neapi_key_in_use(request->key, &lane->error);
    neapi_lane_fail(lane, request, &lane->error);
}

/* true: the request holds its key now and is to be decided. Else it was answered, or waits for who
 * holds the key. */
bool neapi_key_take(neapi_lane *lane, neapi_request *request)
{
    if (request->key.size == 0 || request->holds_key)
        return true;
    neapi_request *holder = neapi_map_get(&lane->keys, request->key);
    if (holder != NULL && request->depth != 0) { /* which might wait for this one */
        fail_in_use(lane, request);
        return false;
    }
    if (holder != NULL) {
        atomic_store(&request->stage, NEAPI_STAGE_WAITING);
        neapi_request_list_push(&holder->same_key, request);
        return false;
    }
    bool answered = false;
    neap_status status = prepare(lane, request, &lane->error);
    if (status == NEAP_OK)
        status = neapi_key_answer(lane, request, &answered, &lane->error);
    if (status == NEAP_OK && answered)
        return false;
    if (status == NEAP_OK && !neapi_map_put(&lane->keys, request->key, request))
        status = neapi_nomem(&lane->error);
    if (status == NEAP_OK) {
        request->holds_key = true;
        return true;
    }
    neapi_lane_fail(lane, request, &lane->error);
    return false;
}

neap_status neapi_key_add(const neapi_lane *lane, const neapi_request *request, neapi_unit *unit,
                          neap_text stream, uint64_t version, uint64_t position)
{
    neapi_buffer types = NEAPI_BUFFER_INIT;
    neapi_receipt_types(&types, unit);
    const neapi_key key = {
        .key = request->key,
        .hash = request->hash,
        .command_id = neapi_request_command_id(request),
        .expires_at = request->call.now_us + lane->options->key_retention_ms * 1000,
        .stream = unit->event_count > 0 ? unit->events[unit->event_count - 1].stream : stream,
        .types = neapi_text(types.data, types.size),
        .version = version,
        .position = position,
    };
    neap_status status = types.failed ? NEAP_NOMEM : neapi_unit_key(unit, &key);
    neapi_buffer_fini(&types);
    return status;
}
