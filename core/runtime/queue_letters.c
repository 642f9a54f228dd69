#include "runtime/queue_letters.h"

#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "message/field.h"
#include "message/json.h"

#define PREFIX         NEAPI_LITERAL("$queue/")
#define PAGE_DOCUMENTS 100
#define UNIT_LETTERS   200
#define UNIT_BYTES     ((size_t)4 << 20)

bool neapi_queue_letter_key(neap_text key, neap_text *queued)
{
    const neap_text prefix = PREFIX;
    if (key.size != prefix.size + NEAPI_QUEUED_KEY_BYTES || !neapi_text_begins(key, prefix))
        return false;
    *queued = neapi_text(key.data + prefix.size, NEAPI_QUEUED_KEY_BYTES);
    return true;
}

/* In the bytewise order of the names. */
void neapi_queue_letter_json(neapi_buffer *json, neap_text key, neap_text data)
{
    static const char *const kept[] = {"attempts", "entry", "error", "failed_at"};
    neapi_fields fields = {.json = json};
    neapi_queued entry = {0};
    char id[37];
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        neap_text raw = {0};
        if (neapi_json_member(data, neapi_text_of(kept[i]), &raw))
            neapi_fields_raw(&fields, kept[i], raw);
    }
    if (neapi_queued_read_key(key, &entry)) {
        neap_uuid_format(entry.id, id);
        neapi_fields_text(&fields, "id", neapi_text(id, 36));
    }
    neapi_fields_text(&fields, "subscription", NEAPI_QUEUE_LETTERS);
    neapi_buffer_byte(json, '}');
}

/* ---- Into a unit ----------------------------------------------------------------------------- */

static neap_status drop_letter(neapi_unit *unit, neap_text key, neap_error *error)
{
    const neapi_document document = {.collection = NEAPI_DEAD_LETTERS,
                                     .key = key,
                                     .write = NEAPI_DOCUMENT_DROP,
                                     .expect = NEAPI_DOCUMENT_PRESENT};
    return neapi_unit_document(unit, &document) == NEAP_OK ? NEAP_OK : neapi_nomem(error);
}

/* It begins anew: with all attempts before it. */
static neap_status read_entry(const neapi_kept_document *letter, neap_text key, neapi_arena *arena,
                              neapi_queued *entry, neap_error *error)
{
    neap_text json;
    if (!neapi_json_member(letter->data, NEAPI_LITERAL("entry"), &json))
        return neapi_fail(error, NEAP_CORRUPT, "the dead letter %.*s is damaged",
                          NEAPI_TEXT(letter->key));
    neap_status status = neapi_queued_read(key, json, arena, entry, error);
    entry->attempts = 0;
    entry->again_at = 0;
    entry->failure = (neap_text){0};
    return status;
}

static neap_status put_back(neapi_queue_letters *wanted, neapi_session *session, neapi_unit *unit,
                            const neapi_kept_document *letter, neap_text key, neap_error *error)
{
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_queued entry = {0};
    bool taken = false;
    neap_status status = read_entry(letter, key, &arena, &entry, error);
    if (status == NEAP_OK)
        status = neapi_queue_name_is_taken(unit, session, &entry, &taken, error);
    if (status == NEAP_OK && taken && !neapi_uuid_is_zero(wanted->id))
        status = neapi_fail(error, NEAP_CONFLICT,
                            "another command is called '%.*s' in the queue by now: cancel that "
                            "one, or drop the dead letter",
                            NEAPI_TEXT(entry.name));
    if (status == NEAP_OK && !taken)
        status = drop_letter(unit, letter->key, error);
    if (status == NEAP_OK && !taken)
        status = neapi_queue_put_back(unit, &entry, error);
    if (status == NEAP_OK && !taken)
        wanted->count++;
    neapi_arena_fini(&arena);
    return status;
}

static neap_status consider(neapi_queue_letters *wanted, neapi_session *session, neapi_unit *unit,
                            const neapi_kept_document *letter, neap_error *error)
{
    neap_text key;
    neapi_queued entry = {0};
    if (!neapi_queue_letter_key(letter->key, &key) || !neapi_queued_read_key(key, &entry))
        return neapi_fail(error, NEAP_CORRUPT, "%.*s is no dead letter of the queue",
                          NEAPI_TEXT(letter->key));
    memcpy(wanted->through.text, key.data, NEAPI_QUEUED_KEY_BYTES);
    wanted->through.text[NEAPI_QUEUED_KEY_BYTES] = '\0';
    if (!neapi_uuid_is_zero(wanted->id) && !neapi_uuid_equal(wanted->id, entry.id))
        return NEAP_OK;
    if (!wanted->drops)
        return put_back(wanted, session, unit, letter, key, error);
    wanted->count++;
    return drop_letter(unit, letter->key, error);
}

static bool is_enough(const neapi_queue_letters *wanted, const neapi_unit *unit)
{
    return wanted->count >= UNIT_LETTERS || neapi_unit_bytes(unit) >= UNIT_BYTES ||
           (wanted->count != 0 && !neapi_uuid_is_zero(wanted->id));
}

/* Goes over one page, from behind `through` on. */
static neap_status take_page(neapi_queue_letters *wanted, neapi_session *session, neapi_unit *unit,
                             neapi_document_page *page, neap_error *error)
{
    neapi_buffer behind = NEAPI_BUFFER_INIT;
    neapi_buffer_text(&behind, PREFIX);
    neapi_buffer_text(&behind, neapi_text_of(wanted->through.text));
    const neapi_document_range range = {.collection = NEAPI_DEAD_LETTERS,
                                        .prefix = PREFIX,
                                        .behind = neapi_text(behind.data, behind.size),
                                        .limit = PAGE_DOCUMENTS};
    neap_status status =
        behind.failed ? neapi_nomem(error) : neapi_list_documents(session, &range, page, error);
    wanted->more = status == NEAP_OK && !page->last;
    for (size_t i = 0; status == NEAP_OK && i < page->count; i++) {
        if (is_enough(wanted, unit)) {
            wanted->more = true;
            break;
        }
        status = consider(wanted, session, unit, &page->documents[i], error);
    }
    neapi_buffer_fini(&behind);
    return status;
}

neap_status neapi_queue_letters_fill(neapi_queue_letters *wanted, neapi_session *session,
                                     neapi_unit *unit, neap_error *error)
{
    neapi_document_page page = NEAPI_DOCUMENT_PAGE_INIT;
    neap_status status = NEAP_OK;
    wanted->through = wanted->behind;
    wanted->count = 0;
    wanted->more = true;
    while (status == NEAP_OK && wanted->more && !is_enough(wanted, unit))
        status = take_page(wanted, session, unit, &page, error);
    neapi_document_page_fini(&page);
    if (status != NEAP_OK || wanted->count != 0 || neapi_uuid_is_zero(wanted->id))
        return status;
    char id[37];
    neap_uuid_format(wanted->id, id);
    return neapi_fail(error, NEAP_UNKNOWN, "the queue has no dead letter %s", id);
}
