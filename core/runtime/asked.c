#include "runtime/asked.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "bus/partition.h"
#include "message/field.h"
#include "message/json.h"
#include "runtime/call.h"
#include "runtime/host_reading.h"
#include "runtime/inline.h"
#include "runtime/members_state.h"
#include "store/walk.h"

#define LOOK_FIRST_US   2000
#define LOOK_LONGEST_US 100000
/* Nobody does it: it takes about so long until another process has taken the subscriber over. */
#define PATIENCE_US 60000000

/* What is asked, as the document has it. */
typedef struct question {
    neap_text subscription, stream; /* stream empty: all */
    uint64_t dropped;
    bool drops;
} question;

/* ---- Who asks -------------------------------------------------------------------------------- */

static void write_question(neapi_buffer *json, const question *asked)
{
    neapi_fields fields = {.json = json};
    neapi_fields_number(&fields, "dropped", (int64_t)asked->dropped);
    neapi_fields_raw(&fields, "drops",
                     asked->drops ? NEAPI_LITERAL("true") : NEAPI_LITERAL("false"));
    neapi_fields_text(&fields, "stream", asked->stream);
    neapi_fields_text(&fields, "subscription", asked->subscription);
    neapi_buffer_byte(json, '}');
}

static neap_status change(neap_runtime *runtime, const neapi_document *document, neap_error *error)
{
    neapi_uuid_source ids;
    neapi_uuid_source_init(&ids, runtime->platform);
    neapi_unit *unit = neapi_unit_new(neapi_uuid_new(&ids, neapi_wall_us(runtime->platform)));
    neap_status status = unit == NULL || neapi_unit_document(unit, document) != NEAP_OK
                             ? neapi_nomem(error)
                             : NEAP_OK;
    if (status == NEAP_OK) {
        unit->tells = true;
        status = neapi_members_submit(runtime, unit, error);
    }
    neapi_unit_release(unit);
    return status;
}

/* *over: there is an answer, which is what it returns. */
static neap_status look_for_answer(neap_runtime *runtime, neap_text key, bool *over,
                                   neap_error *error)
{
    neapi_session *session;
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_buffer texts = NEAPI_BUFFER_INIT;
    neap_text data, message;
    bool found = false;
    uint64_t answer;
    neap_status status = neapi_host_session(runtime, &session, error);
    *over = status != NEAP_OK && status != NEAP_UNAVAILABLE;
    if (status != NEAP_OK)
        return status;
    status = neapi_find_document(session, NEAPI_ASKED, key, &arena, &data, &found, error);
    neapi_host_session_done(runtime);
    *over = status == NEAP_OK && !found;
    if (status == NEAP_OK && found && neapi_field_number(data, "status", 100, &answer) &&
        neapi_buffer_reserve(&texts, data.size) &&
        neapi_field_text(data, "message", &texts, &message)) {
        *over = true;
        status = neapi_fail(error, (neap_status)answer, "%.*s", NEAPI_TEXT(message));
    }
    neapi_buffer_fini(&texts);
    neapi_arena_fini(&arena);
    return status;
}

static neap_status wait_for_answer(neap_runtime *runtime, neap_text key, neap_error *error)
{
    neapi_gate gate;
    bool over = false;
    neap_status status = NEAP_OK;
    int64_t pause_us = LOOK_FIRST_US;
    int64_t deadline_us = neapi_monotonic_us(runtime->platform) + PATIENCE_US;
    if (!neapi_gate_init(&gate))
        return neapi_nomem(error);
    while (!over) {
        status = look_for_answer(runtime, key, &over, error);
        int64_t now_us = neapi_monotonic_us(runtime->platform);
        if (!over && now_us >= deadline_us) {
            status = neapi_fail(error, NEAP_UNAVAILABLE,
                                "no process has answered that runs the subscriber");
            break;
        }
        if (!over)
            neapi_park(runtime->platform, &gate, neapi_gate_seen(&gate), now_us + pause_us);
        pause_us = 2 * pause_us < LOOK_LONGEST_US ? 2 * pause_us : LOOK_LONGEST_US;
    }
    neapi_gate_fini(&gate);
    return status;
}

neap_status neapi_asked_wait(neap_runtime *runtime, const neapi_subscribed *it, neap_text stream,
                             uint64_t dropped, bool drops, neap_error *error)
{
    const question asked = {it->definition->name, stream, dropped, drops};
    neapi_uuid_source ids;
    neapi_buffer json = NEAPI_BUFFER_INIT;
    char key[37];
    neap_error unwanted;
    neapi_uuid_source_init(&ids, runtime->platform);
    neap_uuid_format(neapi_uuid_new(&ids, neapi_wall_us(runtime->platform)), key);
    write_question(&json, &asked);
    neapi_document document = {.collection = NEAPI_ASKED,
                               .key = neapi_text_of(key),
                               .write = NEAPI_DOCUMENT_PUT,
                               .data = neapi_text(json.data, json.size)};
    neap_status status = json.failed ? neapi_nomem(error) : change(runtime, &document, error);
    neapi_buffer_fini(&json);
    if (status != NEAP_OK)
        return status;
    status = wait_for_answer(runtime, document.key, error);
    if (status == NEAP_OK)
        return NEAP_OK;
    document = (neapi_document){
        .collection = NEAPI_ASKED, .key = neapi_text_of(key), .write = NEAPI_DOCUMENT_DROP};
    change(runtime, &document, &unwanted);
    return status;
}

/* ---- Who is asked ---------------------------------------------------------------------------- */

struct neapi_asked {
    neapi_members *members;
    const neapi_subscribed *subscribed;
    char key[37];
    atomic_bool done;
    neap_status status;
    char message[512];
    neapi_asked *next;
};

static void answered(void *user, neap_status status, neap_reply *reply, const neap_error *error)
{
    neapi_asked *it = user;
    neap_reply_free(reply);
    it->status = status;
    snprintf(it->message, sizeof it->message, "%.500s", error != NULL ? error->message : "");
    atomic_store(&it->done, true);
    neapi_members_wake(it->members);
}

static bool is_under_way(const neapi_members *members, neap_text key)
{
    for (const neapi_asked *it = members->asked; it != NULL; it = it->next)
        if (neapi_text_equal(neapi_text_of(it->key), key))
            return true;
    return false;
}

static neap_status read_question(neap_text json, neapi_buffer *texts, question *asked)
{
    *asked = (question){.stream = {"", 0}};
    if (!neapi_buffer_reserve(texts, json.size))
        return NEAP_NOMEM;
    neapi_field_text(json, "stream", texts, &asked->stream);
    return neapi_field_text(json, "subscription", texts, &asked->subscription) &&
                   neapi_field_number(json, "dropped", INT64_MAX, &asked->dropped) &&
                   neapi_field_flag(json, "drops", &asked->drops)
               ? NEAP_OK
               : NEAP_CORRUPT;
}

/* Fills the request, and gives it to the lane of its partition. Takes `it` unless it fails. */
static neap_status begin(neapi_asked *it, const question *asked, neap_error *error)
{
    neap_runtime *runtime = it->members->runtime;
    neapi_build *live = atomic_load(&it->subscribed->live);
    neapi_request *request = neapi_request_new(runtime->platform, NEAPI_REQUEST_CATCH_UP, false,
                                               (neap_text){0}, (neap_text){0}, (neap_text){0});
    if (request == NULL)
        return neapi_nomem(error);
    uint32_t number =
        asked->stream.size != 0 ? neapi_partition_of(asked->stream, live->partition_count) : 0;
    request->deadline_us = NEAPI_NO_DEADLINE;
    request->partition = &live->partitions[number];
    request->letters.wanted = true;
    request->letters.dropped = asked->dropped;
    request->letters.drops = asked->drops;
    if (asked->stream.size != 0)
        request->letters.stream = neapi_arena_text(&request->arena, asked->stream);
    if (asked->stream.size != 0 && request->letters.stream.data == NULL) {
        neapi_call_discard(request);
        return neapi_nomem(error);
    }
    request->callback = answered;
    request->user = it;
    return neapi_call_push(runtime, request, true, error);
}

static neap_status see(void *user, const neapi_kept_document *document, bool *enough,
                       neap_error *error)
{
    neapi_members *members = user;
    neapi_buffer texts = NEAPI_BUFFER_INIT;
    question asked;
    uint64_t answer;
    (void)enough;
    if (document->key.size != 36 || is_under_way(members, document->key) ||
        neapi_field_number(document->data, "status", 100, &answer))
        return NEAP_OK;
    neap_status status = read_question(document->data, &texts, &asked);
    const neapi_subscribed *subscribed =
        status == NEAP_OK ? neapi_members_running(members, asked.subscription) : NULL;
    if (status == NEAP_OK && subscribed != NULL && atomic_load(&subscribed->owned) &&
        !atomic_load(&members->closing)) {
        neapi_asked *it = neapi_alloc_zero(1, sizeof *it);
        if (it != NULL) {
            it->members = members;
            it->subscribed = subscribed;
            memcpy(it->key, document->key.data, 36);
            atomic_init(&it->done, false);
        }
        status = it != NULL ? begin(it, &asked, error) : neapi_nomem(error);
        if (status == NEAP_OK) {
            it->next = members->asked;
            members->asked = it;
        } else {
            neapi_free(it);
        }
    }
    neapi_buffer_fini(&texts);
    return status == NEAP_NOMEM ? neapi_nomem(error) : NEAP_OK;
}

/* false: it is to be answered again. */
static bool answer(neapi_members *members, const neapi_asked *it)
{
    neapi_buffer json = NEAPI_BUFFER_INIT;
    neapi_document document = {.collection = NEAPI_ASKED,
                               .key = neapi_text_of(it->key),
                               .write = NEAPI_DOCUMENT_DROP,
                               .expect = NEAPI_DOCUMENT_PRESENT};
    if (it->status != NEAP_OK) {
        neapi_fields fields = {.json = &json};
        neapi_fields_name(&fields, "message");
        neapi_json_quote(&json, neapi_text_of(it->message));
        neapi_fields_number(&fields, "status", (int64_t)it->status);
        neapi_buffer_byte(&json, '}');
        document.write = NEAPI_DOCUMENT_PUT;
        document.data = neapi_text(json.data, json.size);
    }
    bool done = !json.failed && neapi_members_put(members, &document);
    neapi_buffer_fini(&json);
    return done || members->error.status == NEAP_CONFLICT; /* nobody waits any more */
}

/* Who runs it now is asked by the document. */
static bool is_others_now(const neapi_asked *it)
{
    return it->status == NEAP_UNAVAILABLE && !atomic_load(&it->subscribed->owned);
}

neap_status neapi_asked_look(neapi_members *members, neap_error *error)
{
    const neapi_document_range range = {.collection = NEAPI_ASKED};
    for (neapi_asked **link = &members->asked; *link != NULL;) {
        neapi_asked *it = *link;
        if (atomic_load(&it->done) && (is_others_now(it) || answer(members, it))) {
            *link = it->next;
            neapi_free(it);
        } else {
            link = &it->next;
        }
    }
    return neapi_documents_walk(members->session, &range, see, members, error);
}

void neapi_asked_forget(neapi_members *members)
{
    for (neapi_asked *it; (it = members->asked) != NULL;) {
        members->asked = it->next;
        neapi_free(it);
    }
}
