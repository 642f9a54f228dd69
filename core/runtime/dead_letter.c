#include "runtime/dead_letter.h"

#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "message/field.h"
#include "message/object.h"
#include "store/walk.h"

void neapi_dead_letter_key(neapi_buffer *key, neap_text subscription, uint64_t position)
{
    neapi_buffer_text(key, subscription);
    neapi_buffer_format(key, "/%020llu", (unsigned long long)position);
}

static void write_error(neapi_buffer *json, const neap_error *error)
{
    neapi_write_begin(json, NEAPI_LITERAL("error"), '{');
    neapi_field_write_text(json, "code", neapi_text_of(error->code));
    neapi_field_write_text(json, "message", neapi_text_of(error->message));
    if (error->traceback[0] != '\0')
        neapi_field_write_text(json, "traceback", neapi_text_of(error->traceback));
    neapi_write_member_end(json, '{');
}

static void write(neapi_buffer *json, const neapi_dead_letter *letter)
{
    char id[37];
    neap_uuid_format(letter->event_id, id);
    neapi_buffer_byte(json, '{');
    neapi_write_count(json, "attempts", letter->attempts);
    if (letter->error != NULL)
        write_error(json, letter->error);
    neapi_field_write_text(json, "event_id", neapi_text_of(id));
    neapi_write_count(json, "failed_at", (uint64_t)letter->failed_at);
    neapi_write_count(json, "position", letter->position);
    neapi_field_write_text(json, "stream", letter->stream);
    neapi_field_write_text(json, "subscription", letter->subscription);
    neapi_field_write_text(json, "type", letter->type);
    neapi_write_end(json, '{');
}

/* data NULL: it goes. */
static neap_status add(neapi_unit *unit, neap_text subscription, uint64_t position,
                       const neapi_buffer *data)
{
    neapi_buffer key = NEAPI_BUFFER_INIT;
    neapi_dead_letter_key(&key, subscription, position);
    neapi_document document = {.collection = NEAPI_DEAD_LETTERS,
                               .key = neapi_text(key.data, key.size),
                               .write = data != NULL ? NEAPI_DOCUMENT_PUT : NEAPI_DOCUMENT_DROP,
                               .expect =
                                   data != NULL ? NEAPI_DOCUMENT_ANY : NEAPI_DOCUMENT_PRESENT};
    if (data != NULL)
        document.data = neapi_text(data->data, data->size);
    neap_status status = key.failed ? NEAP_NOMEM : neapi_unit_document(unit, &document);
    neapi_buffer_fini(&key);
    return status;
}

neap_status neapi_dead_letter_put(neapi_unit *unit, const neapi_dead_letter *letter)
{
    neapi_buffer json = NEAPI_BUFFER_INIT;
    write(&json, letter);
    neap_status status =
        json.failed ? NEAP_NOMEM : add(unit, letter->subscription, letter->position, &json);
    neapi_buffer_fini(&json);
    return status;
}

neap_status neapi_dead_letter_drop(neapi_unit *unit, neap_text subscription, uint64_t position)
{
    return add(unit, subscription, position, NULL);
}

/* ---- Reading --------------------------------------------------------------------------------- */

bool neapi_dead_letter_read(neap_text json, neapi_buffer *texts, neapi_dead_letter *letter)
{
    uint64_t failed_at;
    neap_text id;
    *letter = (neapi_dead_letter){0};
    neapi_buffer_clear(texts);
    if (!neapi_buffer_reserve(texts, json.size)) /* so that it does not move */
        return false;
    if (!neapi_field_small(json, "attempts", &letter->attempts) ||
        !neapi_field_number(json, "failed_at", INT64_MAX, &failed_at) ||
        !neapi_field_number(json, "position", INT64_MAX, &letter->position) ||
        !neapi_field_text(json, "stream", texts, &letter->stream) ||
        !neapi_field_text(json, "subscription", texts, &letter->subscription) ||
        !neapi_field_text(json, "type", texts, &letter->type) ||
        !neapi_field_text(json, "event_id", texts, &id))
        return false;
    letter->failed_at = (int64_t)failed_at;
    return neapi_uuid_parse(id, &letter->event_id);
}

typedef struct walking {
    neapi_dead_letter_seen seen;
    void *user;
    neapi_buffer texts;
} walking;

static neap_status show(void *user, const neapi_kept_document *document, bool *enough,
                        neap_error *error)
{
    walking *it = user;
    neapi_dead_letter letter;
    (void)enough;
    if (neapi_dead_letter_read(document->data, &it->texts, &letter))
        return it->seen(it->user, &letter, error);
    return it->texts.failed ? neapi_nomem(error)
                            : neapi_fail(error, NEAP_CORRUPT, "the dead letter %.*s is damaged",
                                         NEAPI_TEXT(document->key));
}

neap_status neapi_dead_letters_walk(neapi_session *session, neap_text subscription,
                                    neapi_dead_letter_seen seen, void *user, neap_error *error)
{
    walking it = {.seen = seen, .user = user, .texts = NEAPI_BUFFER_INIT};
    neapi_buffer prefix = NEAPI_BUFFER_INIT;
    neapi_buffer_text(&prefix, subscription);
    neapi_buffer_byte(&prefix, '/');
    const neapi_document_range range = {.collection = NEAPI_DEAD_LETTERS,
                                        .prefix = neapi_text(prefix.data, prefix.size)};
    neap_status status = prefix.failed ? neapi_nomem(error)
                                       : neapi_documents_walk(session, &range, show, &it, error);
    neapi_buffer_fini(&prefix);
    neapi_buffer_fini(&it.texts);
    return status;
}
