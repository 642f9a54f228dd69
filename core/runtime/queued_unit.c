/* What is done to the queue in a unit of work. */
#include "base/error.h"
#include "base/text.h"
#include "message/json.h"
#include "message/write.h"
#include "runtime/queued.h"

#define MOST_OF_ONE_SOURCE 9999

static neap_status add(neapi_unit *unit, const neapi_document *document, neap_error *error)
{
    return neapi_unit_document(unit, document) == NEAP_OK ? NEAP_OK : neapi_nomem(error);
}

/* Who looks after the queue is told once the unit is accepted. */
static void note_due(neapi_unit *unit, int64_t due_us)
{
    int64_t at_us = due_us > 0 ? due_us : 1;
    if (unit->due_us == 0 || at_us < unit->due_us)
        unit->due_us = at_us;
}

static neap_text name_text(const neapi_queued_name *name)
{
    return neapi_text(name->text, name->size);
}

static neap_status put_entry(neapi_unit *unit, const neapi_queued *entry,
                             const neapi_queued_key *key, neap_error *error)
{
    neapi_buffer json = NEAPI_BUFFER_INIT;
    neapi_queued_write(&json, entry);
    const neapi_document document = {
        .collection = NEAPI_QUEUE,
        .key = neapi_queued_key_text(key),
        .write = NEAPI_DOCUMENT_PUT,
        .data = neapi_text(json.data, json.size),
    };
    neap_status status = json.failed ? neapi_nomem(error) : add(unit, &document, error);
    neapi_buffer_fini(&json);
    if (status == NEAP_OK)
        note_due(unit, entry->again_at > entry->due_us ? entry->again_at : entry->due_us);
    return status;
}

static neap_status put_name(neapi_unit *unit, const neapi_queued_name *name,
                            neapi_document_expect expect, const neapi_queued_key *key,
                            neap_error *error)
{
    const neapi_document document = {
        .collection = NEAPI_QUEUE_NAMES,
        .key = name_text(name),
        .write = NEAPI_DOCUMENT_PUT,
        .expect = expect,
        .data = neapi_queued_key_text(key),
    };
    return add(unit, &document, error);
}

/* The entry that has the name now, if that can be read, goes; whether or not it is there by then.
 */
static neap_status drop_named(neapi_unit *unit, neapi_session *session,
                              const neapi_queued_name *name, neap_error *error)
{
    neapi_arena arena = NEAPI_ARENA_INIT;
    neap_text key;
    bool found = false;
    int64_t due_us;
    neap_status status = NEAP_OK;
    if (session == NULL)
        return NEAP_OK;
    if (neapi_find_document(session, NEAPI_QUEUE_NAMES, name_text(name), &arena, &key, &found,
                            NULL) == NEAP_OK &&
        found && neapi_queued_due_of(key, &due_us)) {
        const neapi_document document = {
            .collection = NEAPI_QUEUE, .key = key, .write = NEAPI_DOCUMENT_DROP};
        status = add(unit, &document, error);
    }
    neapi_arena_fini(&arena);
    return status;
}

neap_status neapi_queue_put(neapi_unit *unit, neapi_session *session, const neapi_queued *entry,
                            neap_error *error)
{
    neapi_queued_key key;
    neapi_queued_name name;
    neap_status status = NEAP_OK;
    if (entry->order % 10000 == 0)
        return neapi_fail(error, NEAP_LIMIT, "more than %d commands are sent at once",
                          MOST_OF_ONE_SOURCE);
    neapi_queued_key_of(entry, &key);
    if (entry->name.size != 0) {
        status = neapi_queued_name_of(entry->owner, entry->name, &name, error);
        if (status == NEAP_OK)
            status = drop_named(unit, session, &name, error);
        if (status == NEAP_OK)
            status = put_name(unit, &name, NEAPI_DOCUMENT_ANY, &key, error);
    }
    return status == NEAP_OK ? put_entry(unit, entry, &key, error) : status;
}

neap_status neapi_queue_cancel(neapi_unit *unit, neapi_session *session, neap_text owner,
                               neap_text name, neap_error *error)
{
    neapi_queued_name key;
    neap_status status = neapi_queued_name_of(owner, name, &key, error);
    if (status == NEAP_OK)
        status = drop_named(unit, session, &key, error);
    if (status != NEAP_OK)
        return status;
    const neapi_document document = {
        .collection = NEAPI_QUEUE_NAMES, .key = name_text(&key), .write = NEAPI_DOCUMENT_DROP};
    return add(unit, &document, error);
}

static neap_status drop_known(neapi_unit *unit, const neapi_queued_name *name, neap_text key,
                              neap_error *error)
{
    const neapi_document named = {
        .collection = NEAPI_QUEUE_NAMES,
        .key = name_text(name),
        .write = NEAPI_DOCUMENT_DROP,
        .expect = NEAPI_DOCUMENT_EQUAL,
        .expected = key,
    };
    const neapi_document entry = {
        .collection = NEAPI_QUEUE, .key = key, .write = NEAPI_DOCUMENT_DROP};
    neap_status status = add(unit, &named, error);
    return status == NEAP_OK ? add(unit, &entry, error) : status;
}

neap_status neapi_queue_cancel_known(neapi_unit *unit, neapi_session *session, neap_text name,
                                     neap_uuid *id, neap_error *error)
{
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_queued_name named;
    neapi_queued entry;
    neap_text key;
    bool found = false;
    *id = (neap_uuid){{0}};
    neap_status status = neapi_queued_name_of((neap_text){0}, name, &named, error);
    if (status == NEAP_OK)
        status = neapi_find_document(session, NEAPI_QUEUE_NAMES, name_text(&named), &arena, &key,
                                     &found, error);
    if (status == NEAP_OK && found && neapi_queued_read_key(key, &entry)) {
        *id = entry.id;
        status = drop_known(unit, &named, key, error);
    }
    neapi_arena_fini(&arena);
    return status;
}

const neapi_document *neapi_queue_consuming(neapi_arena *arena, const neapi_queued *entry,
                                            unsigned *count)
{
    neapi_queued_key key;
    neapi_queued_name name;
    neapi_document *documents = neapi_arena_alloc(arena, 2 * sizeof *documents);
    neapi_queued_key_of(entry, &key);
    neap_text text = neapi_arena_text(arena, neapi_queued_key_text(&key));
    if (documents == NULL || text.data == NULL)
        return NULL;
    documents[0] = (neapi_document){.collection = NEAPI_QUEUE,
                                    .key = text,
                                    .write = NEAPI_DOCUMENT_DROP,
                                    .expect = NEAPI_DOCUMENT_PRESENT};
    *count = 1;
    if (entry->name.size == 0 ||
        neapi_queued_name_of(entry->owner, entry->name, &name, NULL) != NEAP_OK)
        return documents;
    documents[1] = (neapi_document){.collection = NEAPI_QUEUE_NAMES,
                                    .key = neapi_arena_text(arena, name_text(&name)),
                                    .write = NEAPI_DOCUMENT_DROP,
                                    .expect = NEAPI_DOCUMENT_EQUAL,
                                    .expected = text};
    *count = 2;
    return documents[1].key.data != NULL ? documents : NULL;
}

bool neapi_queue_is_consuming(const neapi_op *op)
{
    return op->kind == NEAPI_OP_DOCUMENT &&
           (neapi_text_equal(op->document.collection, NEAPI_QUEUE) ||
            neapi_text_equal(op->document.collection, NEAPI_QUEUE_NAMES));
}

neap_status neapi_queue_take_out(neapi_unit *unit, const neapi_queued *entry, neap_error *error)
{
    neapi_arena arena = NEAPI_ARENA_INIT;
    unsigned count = 0;
    const neapi_document *documents = neapi_queue_consuming(&arena, entry, &count);
    neap_status status = documents != NULL ? NEAP_OK : neapi_nomem(error);
    for (unsigned i = 0; i < count && status == NEAP_OK; i++)
        status = add(unit, &documents[i], error);
    neapi_arena_fini(&arena);
    return status;
}

neap_status neapi_queue_put_again(neapi_unit *unit, const neapi_queued *entry,
                                  const neapi_queued *changed, neap_error *error)
{
    neapi_queued_key key;
    neapi_queued_name name;
    neap_status status = neapi_queue_take_out(unit, entry, error);
    if (status != NEAP_OK)
        return status;
    neapi_queued_key_of(changed, &key);
    if (changed->name.size != 0) {
        status = neapi_queued_name_of(changed->owner, changed->name, &name, error);
        if (status == NEAP_OK)
            status = put_name(unit, &name, NEAPI_DOCUMENT_ANY, &key, error);
    }
    return status == NEAP_OK ? put_entry(unit, changed, &key, error) : status;
}

static bool is_put(const neapi_unit *unit, const neapi_queued_name *name)
{
    for (size_t i = 0; i < unit->op_count; i++) {
        const neapi_op *op = &unit->ops[i];
        if (op->kind == NEAPI_OP_DOCUMENT &&
            neapi_text_equal(op->document.collection, NEAPI_QUEUE_NAMES) &&
            neapi_text_equal(op->document.key, name_text(name)))
            return true;
    }
    return false;
}

neap_status neapi_queue_name_is_taken(const neapi_unit *unit, neapi_session *session,
                                      const neapi_queued *entry, bool *taken, neap_error *error)
{
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_queued_name name;
    neap_text key;
    *taken = false;
    if (entry->name.size == 0)
        return NEAP_OK;
    neap_status status = neapi_queued_name_of(entry->owner, entry->name, &name, error);
    if (status == NEAP_OK)
        status = neapi_find_document(session, NEAPI_QUEUE_NAMES, name_text(&name), &arena, &key,
                                     taken, error);
    if (status == NEAP_OK)
        *taken = *taken || is_put(unit, &name);
    neapi_arena_fini(&arena);
    return status;
}

neap_status neapi_queue_put_back(neapi_unit *unit, const neapi_queued *entry, neap_error *error)
{
    neapi_queued_key key;
    neapi_queued_name name;
    neap_status status = NEAP_OK;
    neapi_queued_key_of(entry, &key);
    if (entry->name.size != 0) {
        status = neapi_queued_name_of(entry->owner, entry->name, &name, error);
        if (status == NEAP_OK)
            status = put_name(unit, &name, NEAPI_DOCUMENT_ABSENT, &key, error);
    }
    return status == NEAP_OK ? put_entry(unit, entry, &key, error) : status;
}

/* In the bytewise order of the names. */
static void write_letter(neapi_buffer *json, const neapi_queued *entry, int64_t now_us,
                         const neap_error *why)
{
    char *text = NULL;
    size_t size = 0;
    json->failed = json->failed || neap_error_json(why, &text, &size) != NEAP_OK;
    NEAPI_BUFFER_LITERAL(json, "{\"attempts\":");
    neapi_write_integer(json, entry->attempts);
    NEAPI_BUFFER_LITERAL(json, ",\"entry\":");
    neapi_queued_write(json, entry);
    NEAPI_BUFFER_LITERAL(json, ",\"error\":");
    neapi_buffer_append(json, text, size);
    NEAPI_BUFFER_LITERAL(json, ",\"failed_at\":");
    neapi_write_integer(json, now_us);
    neapi_buffer_byte(json, '}');
    neap_free(text);
}

neap_status neapi_queue_bury(neapi_unit *unit, const neapi_queued *entry, int64_t now_us,
                             const neap_error *why, neap_error *error)
{
    static const char prefix[] = "$queue/";
    char name[sizeof prefix + NEAPI_QUEUED_KEY_BYTES];
    neapi_queued_key key;
    neapi_buffer json = NEAPI_BUFFER_INIT;
    neap_status status = neapi_queue_take_out(unit, entry, error);
    neapi_queued letter = *entry;
    letter.due_us = letter.first_us != 0 ? letter.first_us : letter.due_us;
    letter.first_us = 0;
    neapi_queued_key_of(&letter, &key);
    memcpy(name, prefix, sizeof prefix - 1);
    memcpy(name + sizeof prefix - 1, key.text, NEAPI_QUEUED_KEY_BYTES);
    write_letter(&json, &letter, now_us, why);
    const neapi_document document = {
        .collection = NEAPI_DEAD_LETTERS,
        .key = neapi_text(name, sizeof prefix - 1 + NEAPI_QUEUED_KEY_BYTES),
        .write = NEAPI_DOCUMENT_PUT,
        .data = neapi_text(json.data, json.size),
    };
    if (status == NEAP_OK)
        status = json.failed ? neapi_nomem(error) : add(unit, &document, error);
    neapi_buffer_fini(&json);
    return status;
}

neap_status neapi_queued_is_wanted(neapi_session *session, const neapi_queued *entry, bool *wanted,
                                   neap_error *error)
{
    neapi_queued_key key;
    neapi_queued_name name;
    neapi_arena arena = NEAPI_ARENA_INIT;
    neap_text current;
    *wanted = true;
    if (entry->name.size == 0)
        return NEAP_OK;
    neap_status status = neapi_queued_name_of(entry->owner, entry->name, &name, error);
    if (status == NEAP_OK)
        status = neapi_find_document(session, NEAPI_QUEUE_NAMES, name_text(&name), &arena, &current,
                                     wanted, error);
    neapi_queued_key_of(entry, &key);
    *wanted =
        status == NEAP_OK && *wanted && neapi_text_equal(current, neapi_queued_key_text(&key));
    neapi_arena_fini(&arena);
    return status;
}
