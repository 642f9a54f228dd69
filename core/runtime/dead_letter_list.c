/* Dead letters as hosts read them: of a runtime, or of a store at rest, in pages. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "message/field.h"
#include "message/json.h"
#include "runtime/dead_letter.h"
#include "runtime/queue_letters.h"
#include "runtime/runtime.h"

#define MOST_AT_ONCE 1000

typedef struct listing {
    neap_dead_letter_list list; /* the first member */
    neapi_arena arena;
    neapi_buffer texts;
    const neap_dead_letter **end; /* where the next one is hung */
} listing;

void neap_dead_letter_list_free(const neap_dead_letter_list *list)
{
    listing *freed = (listing *)(uintptr_t)list;
    if (freed == NULL)
        return;
    neapi_arena_fini(&freed->arena);
    neapi_buffer_fini(&freed->texts);
    neapi_free(freed);
}

/* Texts of the arena are terminated, and never NULL. */
static neap_text kept(listing *to, neap_text text, bool *refused)
{
    neap_text copy = neapi_arena_text(&to->arena, text);
    *refused = *refused || copy.data == NULL;
    return copy;
}

/* Empty: it is not there. */
static neap_text text_of(listing *to, neap_text json, const char *name, bool *refused)
{
    neap_text text = {0};
    neapi_buffer_clear(&to->texts);
    *refused = *refused || !neapi_buffer_reserve(&to->texts, json.size);
    if (!*refused)
        neapi_field_text(json, name, &to->texts, &text);
    return kept(to, text, refused);
}

static bool fill_common(listing *to, neap_text key, neap_text data, neap_dead_letter *letter,
                        bool *refused)
{
    neap_text error = {0};
    uint64_t failed_at;
    neapi_json_member(data, NEAPI_LITERAL("error"), &error);
    letter->key = kept(to, key, refused);
    letter->code = text_of(to, error, "code", refused);
    letter->message = text_of(to, error, "message", refused);
    letter->traceback = text_of(to, error, "traceback", refused);
    if (!neapi_field_small(data, "attempts", &letter->attempts) ||
        !neapi_field_number(data, "failed_at", INT64_MAX, &failed_at))
        return false;
    letter->failed_at = (int64_t)failed_at;
    return true;
}

static bool fill_event(listing *to, neap_text data, neap_dead_letter *letter, bool *refused)
{
    neap_text id = text_of(to, data, "event_id", refused);
    letter->subscription = text_of(to, data, "subscription", refused);
    letter->stream = text_of(to, data, "stream", refused);
    letter->type = text_of(to, data, "type", refused);
    letter->data = kept(to, (neap_text){0}, refused);
    letter->json = kept(to, data, refused);
    return neapi_field_number(data, "position", INT64_MAX, &letter->position) &&
           neapi_uuid_parse(id, &letter->id);
}

static bool fill_queued(listing *to, neap_text key, neap_text data, neap_dead_letter *letter,
                        bool *refused)
{
    neapi_queued entry;
    neap_text raw = {0}, fields = {0};
    neapi_buffer json = NEAPI_BUFFER_INIT;
    if (!neapi_queued_read_key(key, &entry) ||
        !neapi_json_member(data, NEAPI_LITERAL("entry"), &raw))
        return false;
    letter->id = entry.id;
    letter->subscription = kept(to, NEAPI_QUEUE_LETTERS, refused);
    letter->stream = kept(to, (neap_text){0}, refused);
    letter->type = text_of(to, raw, "command", refused);
    if (letter->type.size == 0)
        letter->type = text_of(to, raw, "name", refused); /* a timeout's */
    neapi_json_member(raw, NEAPI_LITERAL("data"), &fields);
    letter->data = kept(to, fields, refused);
    neapi_queue_letter_json(&json, key, data);
    letter->json = kept(to, neapi_text(json.data, json.size), refused);
    *refused = *refused || json.failed;
    neapi_buffer_fini(&json);
    return true;
}

static neap_status add(listing *to, const neapi_kept_document *document, neap_error *error)
{
    bool refused = false;
    neap_text queued;
    neap_dead_letter *letter = neapi_arena_alloc(&to->arena, sizeof *letter);
    if (letter == NULL)
        return neapi_nomem(error);
    *letter = (neap_dead_letter){0};
    bool whole = fill_common(to, document->key, document->data, letter, &refused) &&
                 (neapi_queue_letter_key(document->key, &queued)
                      ? fill_queued(to, queued, document->data, letter, &refused)
                      : fill_event(to, document->data, letter, &refused));
    if (refused)
        return neapi_nomem(error);
    if (!whole)
        return neapi_fail(error, NEAP_CORRUPT, "the dead letter %.*s is damaged",
                          NEAPI_TEXT(document->key));
    *to->end = letter;
    to->end = &letter->next;
    to->list.count++;
    return NEAP_OK;
}

static neap_status fill(listing *to, neapi_session *session, const char *subscription,
                        const char *behind, size_t limit, neap_error *error)
{
    neapi_document_page page = NEAPI_DOCUMENT_PAGE_INIT;
    neapi_buffer prefix = NEAPI_BUFFER_INIT;
    if (subscription != NULL) {
        neapi_buffer_text(&prefix, neapi_text_of(subscription));
        neapi_buffer_byte(&prefix, '/');
    }
    const neapi_document_range range = {.collection = NEAPI_DEAD_LETTERS,
                                        .prefix = neapi_text(prefix.data, prefix.size),
                                        .behind = neapi_text_of(behind),
                                        .limit = limit < MOST_AT_ONCE ? limit : MOST_AT_ONCE};
    neap_status status =
        prefix.failed ? neapi_nomem(error) : neapi_list_documents(session, &range, &page, error);
    for (size_t i = 0; status == NEAP_OK && i < page.count; i++)
        status = add(to, &page.documents[i], error);
    if (status == NEAP_OK) {
        neap_text through = page.count > 0 ? page.documents[page.count - 1].key : range.behind;
        to->list.last = page.last;
        to->list.through = neapi_arena_text(&to->arena, through).data;
        if (to->list.through == NULL)
            status = neapi_nomem(error);
    }
    neapi_buffer_fini(&prefix);
    neapi_document_page_fini(&page);
    return status;
}

static neap_status list(neapi_store *store, neapi_store_calls *calls, const char *subscription,
                        const char *behind, size_t limit, const neap_dead_letter_list **found,
                        neap_error *error)
{
    neapi_session *session;
    if (limit == 0 || found == NULL)
        return neapi_fail(error, NEAP_USAGE,
                          "dead letters are read with a limit of at least 1, and a place for them");
    neap_status status = neapi_session_open(store, NEAPI_MODE_READ, &session, error);
    if (status != NEAP_OK)
        return status;
    neapi_session_count_calls(session, calls);
    listing *made = neapi_alloc_zero(1, sizeof *made);
    if (made == NULL) {
        neapi_session_close(session);
        return neapi_nomem(error);
    }
    made->end = &made->list.first;
    status = fill(made, session, subscription, behind, limit, error);
    neapi_session_close(session);
    if (status == NEAP_OK)
        *found = &made->list;
    else
        neap_dead_letter_list_free(&made->list);
    return status;
}

neap_status neap_dead_letters_read(neap_runtime *runtime, const char *subscription,
                                   const char *behind, size_t limit,
                                   const neap_dead_letter_list **found, neap_error *error)
{
    if (runtime == NULL || runtime->stage != NEAPI_RUNTIME_RUNNING)
        return neapi_fail(error, NEAP_USAGE, "neap_dead_letters_read: the runtime is not started");
    return list(runtime->store, &runtime->reader_calls, subscription, behind, limit, found, error);
}

neap_status neap_store_dead_letters_read(neap_store *store, const char *subscription,
                                         const char *behind, size_t limit,
                                         const neap_dead_letter_list **found, neap_error *error)
{
    if (store == NULL)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_store_dead_letters_read: store must not be NULL");
    return list(store->store, NULL, subscription, behind, limit, found, error);
}
