#include "runtime/verify_kept.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "base/map.h"
#include "base/platform.h"
#include "base/text.h"
#include "base/uuid.h"
#include "bus/partition.h"
#include "message/json.h"
#include "runtime/checkpoint.h"
#include "runtime/dead_letter.h"
#include "runtime/queue_letters.h"
#include "runtime/saga_record.h"

#define DEPTH (NEAPI_JSON_DEPTH + 4) /* what holds a message's data, or a state */

/* An entry of the queue: what its name is as `$queue_name` has it; empty: none. */
typedef struct seen_entry {
    neapi_queued_name name;
} seen_entry;

typedef struct seen_record {
    neapi_record record;
    neap_text name;
} seen_record;

/* A name of the queue, a letter, or a saga that has stopped. */
typedef struct seen {
    struct seen *next;
    neap_text name, key; /* a name and what it points to; a collection and a key in it */
    neapi_dead_letter letter;
} seen;

typedef struct verifier {
    neapi_session *session;
    const neapi_verify_sink *sink;
    uint64_t findings;
    uint64_t head;
    neapi_arena arena, scratch;
    neapi_buffer texts;
    neapi_map entries;      /* of the queue, by key */
    neapi_map records;      /* of subscriptions, by name */
    neapi_map checkpoints;  /* by key */
    uint64_t saga_position; /* the highest that one has handled */
    neap_text saga_key;     /* and which */
    neapi_map stopped;      /* `$saga_stopped:…`, by collection and key */
    neapi_map waiting;      /* streams of dead letters, by subscription and name */
    seen *names, *letters, *sagas;
    seen **last_name, **last_letter, **last_saga;
} verifier;

static void find(verifier *it, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void find(verifier *it, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (char *at = text; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == 127)
            *at = '?';
    it->findings++;
    it->sink->finding(it->sink->user, text);
}

static neap_text keep(verifier *it, neap_text text)
{
    return neapi_arena_text(&it->arena, text);
}

/* Two texts as one that no other two give. */
static neap_text both(verifier *it, neap_text first, neap_text second)
{
    neapi_buffer text = NEAPI_BUFFER_INIT;
    neapi_buffer_text(&text, first);
    neapi_buffer_byte(&text, '\0');
    neapi_buffer_text(&text, second);
    neap_text kept = {0};
    if (!text.failed)
        kept = keep(it, neapi_text(text.data, text.size));
    neapi_buffer_fini(&text);
    return kept;
}

static seen *add(verifier *it, seen ***last, neap_text name, neap_text key)
{
    seen *added = neapi_arena_alloc(&it->arena, sizeof *added);
    if (added == NULL)
        return NULL;
    *added = (seen){.name = keep(it, name), .key = keep(it, key)};
    if (added->name.data == NULL || added->key.data == NULL)
        return NULL;
    **last = added;
    *last = &added->next;
    return added;
}

/* ---- One document ---------------------------------------------------------------------------- */

static neap_status see_entry(verifier *it, neap_text key, neap_text data, neap_error *error)
{
    neapi_queued entry;
    neap_error why;
    seen_entry *made = neapi_arena_alloc(&it->arena, sizeof *made);
    neap_text kept = keep(it, key);
    if (made == NULL || kept.data == NULL || !neapi_map_put(&it->entries, kept, made))
        return neapi_nomem(error);
    made->name.size = 0;
    neap_status status = neapi_queued_read(key, data, &it->scratch, &entry, &why);
    if (status == NEAP_OK && entry.name.size != 0)
        status = neapi_queued_name_of(entry.owner, entry.name, &made->name, &why);
    if (status == NEAP_NOMEM)
        return neapi_nomem(error);
    if (status != NEAP_OK)
        find(it, "%s.", why.message);
    return NEAP_OK;
}

static neap_status see_record(verifier *it, neap_text name, neap_text data, neap_error *error)
{
    seen_record *made = neapi_arena_alloc(&it->arena, sizeof *made);
    neap_error why;
    if (made == NULL)
        return neapi_nomem(error);
    neapi_record *record = &made->record;
    made->name = keep(it, name);
    if (made->name.data == NULL)
        return neapi_nomem(error);
    if (neapi_record_read(data, record, &why) != NEAP_OK) {
        find(it, "The subscription %.*s: %s.", NEAPI_TEXT(name), why.message);
        return NEAP_OK;
    }
    if (record->build == 0 || record->build > record->last || record->next > record->last ||
        record->next == record->build || record->partitions == 0)
        find(it,
             "The subscription %.*s has build %u and next %u of %u, in %u partitions; that cannot "
             "be.",
             NEAPI_TEXT(name), record->build, record->next, record->last, record->partitions);
    return neapi_map_put(&it->records, made->name, made) ? NEAP_OK : neapi_nomem(error);
}

static neap_status see_checkpoint(verifier *it, neap_text key, neap_text data, neap_error *error)
{
    neapi_checkpoint *checkpoint = neapi_arena_alloc(&it->arena, sizeof *checkpoint);
    neap_text kept = keep(it, key);
    neap_error why;
    if (checkpoint == NULL || kept.data == NULL)
        return neapi_nomem(error);
    if (neapi_checkpoint_read(data, checkpoint, &why) != NEAP_OK) {
        find(it, "The checkpoint %.*s: %s.", NEAPI_TEXT(key), why.message);
        return NEAP_OK;
    }
    return neapi_map_put(&it->checkpoints, kept, checkpoint) ? NEAP_OK : neapi_nomem(error);
}

static neap_status see_letter(verifier *it, neap_text key, neap_text data, neap_error *error)
{
    neap_text queued, raw = {0};
    neapi_queued entry;
    neap_error why;
    if (neapi_queue_letter_key(key, &queued)) {
        neapi_json_member(data, NEAPI_LITERAL("entry"), &raw);
        neap_status status = neapi_queued_read(queued, raw, &it->scratch, &entry, &why);
        if (status != NEAP_OK && status != NEAP_NOMEM)
            find(it, "The dead letter %.*s has no entry of the queue in it.", NEAPI_TEXT(key));
        return status == NEAP_NOMEM ? neapi_nomem(error) : NEAP_OK;
    }
    seen *added = add(it, &it->last_letter, NEAPI_DEAD_LETTERS, key);
    if (added == NULL)
        return neapi_nomem(error);
    neapi_dead_letter *letter = &added->letter;
    if (!neapi_dead_letter_read(data, &it->texts, letter)) {
        find(it, "The dead letter %.*s is damaged.", NEAPI_TEXT(key));
        return it->texts.failed ? neapi_nomem(error) : NEAP_OK;
    }
    letter->subscription = keep(it, letter->subscription);
    letter->stream = keep(it, letter->stream);
    letter->type = keep(it, letter->type);
    return letter->subscription.data != NULL && letter->stream.data != NULL &&
                   letter->type.data != NULL
               ? NEAP_OK
               : neapi_nomem(error);
}

static neap_status see_saga(verifier *it, neap_text collection, neap_text key, neap_text data,
                            neap_error *error)
{
    neap_error why;
    neapi_saga *saga = neapi_saga_new(key);
    neap_status status = saga != NULL ? neapi_saga_read(data, saga, &why) : neapi_nomem(&why);
    if (status == NEAP_OK && saga->position > it->saga_position) {
        it->saga_position = saga->position;
        it->saga_key = both(it, collection, key);
    }
    if (status == NEAP_OK && saga->status == NEAPI_SAGA_STOPPED &&
        add(it, &it->last_saga, collection, key) == NULL)
        status = NEAP_NOMEM;
    neapi_saga_free(saga);
    if (status == NEAP_NOMEM)
        return neapi_nomem(error);
    if (status != NEAP_OK)
        find(it, "%.*s %.*s: %s.", NEAPI_TEXT(collection), NEAPI_TEXT(key), why.message);
    return NEAP_OK;
}

static neap_status see(void *user, neap_text collection, neap_text key, neap_text data,
                       neap_error *error)
{
    verifier *it = user;
    neap_error why;
    neapi_arena_clear(&it->scratch);
    if (neapi_text_equal(collection, NEAPI_QUEUE_NAMES))
        return add(it, &it->last_name, key, data) != NULL ? NEAP_OK : neapi_nomem(error);
    neap_status status = neapi_json_check(data, DEPTH, &why);
    if (status == NEAP_NOMEM)
        return neapi_nomem(error);
    if (status != NEAP_OK) {
        find(it, "The document %.*s of %.*s is no JSON: %s.", NEAPI_TEXT(key),
             NEAPI_TEXT(collection), why.message);
        return NEAP_OK;
    }
    if (neapi_text_equal(collection, NEAPI_QUEUE))
        return see_entry(it, key, data, error);
    if (neapi_text_equal(collection, NEAPI_SUBSCRIPTIONS))
        return see_record(it, key, data, error);
    if (neapi_text_equal(collection, NEAPI_CHECKPOINTS))
        return see_checkpoint(it, key, data, error);
    if (neapi_text_equal(collection, NEAPI_DEAD_LETTERS))
        return see_letter(it, key, data, error);
    if (neapi_text_begins(collection, NEAPI_LITERAL("$saga:")))
        return see_saga(it, collection, key, data, error);
    if (!neapi_text_begins(collection, NEAPI_LITERAL("$saga_stopped:")))
        return NEAP_OK;
    neap_text name = both(it, neapi_text(collection.data + 14, collection.size - 14), key);
    return name.data != NULL && neapi_map_put(&it->stopped, name, it) ? NEAP_OK
                                                                      : neapi_nomem(error);
}

/* ---- Whether they agree ---------------------------------------------------------------------- */

static void compare_names(verifier *it)
{
    for (const seen *each = it->names; each != NULL; each = each->next) {
        const seen_entry *entry = neapi_map_get(&it->entries, each->key);
        if (entry == NULL)
            find(it, "The name %.*s of the queue points to %.*s, which is not there.",
                 NEAPI_TEXT(each->name), NEAPI_TEXT(each->key));
        else if (!neapi_text_equal(neapi_text(entry->name.text, entry->name.size), each->name))
            find(it, "The name %.*s of the queue points to %.*s, which has the name '%.*s'.",
                 NEAPI_TEXT(each->name), NEAPI_TEXT(each->key), (int)entry->name.size,
                 entry->name.text);
    }
}

static neap_status compare_build(verifier *it, neap_text name, uint32_t build, uint32_t partitions,
                                 neap_error *error)
{
    neapi_buffer key = NEAPI_BUFFER_INIT;
    for (uint32_t i = 0; i < partitions && !key.failed; i++) {
        neapi_buffer_clear(&key);
        neapi_checkpoint_key(&key, name, build, i);
        const neapi_checkpoint *checkpoint =
            key.failed ? NULL : neapi_map_remove(&it->checkpoints, neapi_text(key.data, key.size));
        if (!key.failed && checkpoint == NULL)
            find(it, "The subscription %.*s has no checkpoint %.*s.", NEAPI_TEXT(name),
                 (int)key.size, key.data);
        else if (!key.failed && checkpoint->position > it->head)
            find(it, "The checkpoint %.*s is at position %" PRIu64 "; the last one is %" PRIu64 ".",
                 (int)key.size, key.data, checkpoint->position, it->head);
    }
    bool failed = key.failed;
    neapi_buffer_fini(&key);
    return failed ? neapi_nomem(error) : NEAP_OK;
}

/* The checkpoint of the partition that the letter's stream is in. */
static const neapi_checkpoint *checkpoint_of(verifier *it, const neapi_dead_letter *letter)
{
    neapi_buffer key = NEAPI_BUFFER_INIT;
    const seen_record *of = neapi_map_get(&it->records, letter->subscription);
    const neapi_checkpoint *found = NULL;
    if (of != NULL && of->record.partitions != 0) {
        neapi_checkpoint_key(&key, letter->subscription, of->record.build,
                             neapi_partition_of(letter->stream, of->record.partitions));
        if (!key.failed)
            found = neapi_map_get(&it->checkpoints, neapi_text(key.data, key.size));
    }
    neapi_buffer_fini(&key);
    return found;
}

static neap_status compare_event(verifier *it, const seen *each, neap_error *error)
{
    const neapi_dead_letter *letter = &each->letter;
    neapi_page page = NEAPI_PAGE_INIT;
    const neapi_range range = {
        .from = letter->position, .to = letter->position, .max_events = 1, .max_bytes = SIZE_MAX};
    neap_status status = neapi_read(it->session, &range, &page, error);
    if (status == NEAP_OK && page.count == 0)
        find(it, "The dead letter %.*s is of an event that is not there.", NEAPI_TEXT(each->key));
    else if (status == NEAP_OK && (!neapi_uuid_equal(page.events[0].id, letter->event_id) ||
                                   !neapi_text_equal(page.events[0].stream, letter->stream) ||
                                   !neapi_text_equal(page.events[0].type, letter->type)))
        find(it, "The dead letter %.*s names another event than the one at its position.",
             NEAPI_TEXT(each->key));
    neapi_page_fini(&page);
    return status;
}

/* In the order of the log: of a stream the first one failed, and the others wait. */
static neap_status compare_letter(verifier *it, const seen *each, neap_error *error)
{
    const neapi_dead_letter *letter = &each->letter;
    if (letter->subscription.data == NULL)
        return NEAP_OK; /* damaged, which was found */
    neapi_buffer key = NEAPI_BUFFER_INIT;
    neapi_dead_letter_key(&key, letter->subscription, letter->position);
    if (!key.failed && !neapi_text_equal(neapi_text(key.data, key.size), each->key))
        find(it, "The dead letter %.*s is of '%.*s' at position %" PRIu64 ".",
             NEAPI_TEXT(each->key), NEAPI_TEXT(letter->subscription), letter->position);
    bool failed = key.failed;
    neapi_buffer_fini(&key);
    neap_text stream = both(it, letter->subscription, letter->stream);
    if (failed || stream.data == NULL)
        return neapi_nomem(error);
    if (neapi_map_get(&it->waiting, stream) != NULL && letter->attempts != 0)
        find(it, "The dead letter %.*s was tried, and not the one before it in its stream.",
             NEAPI_TEXT(each->key));
    const neapi_checkpoint *checkpoint = checkpoint_of(it, letter);
    if (checkpoint != NULL && letter->position > checkpoint->position)
        find(it, "The dead letter %.*s is behind its checkpoint, %" PRIu64 ".",
             NEAPI_TEXT(each->key), checkpoint->position);
    if (!neapi_map_put(&it->waiting, stream, it))
        return neapi_nomem(error);
    return compare_event(it, each, error);
}

static neap_status compare_stopped(verifier *it, neap_error *error)
{
    for (const seen *each = it->sagas; each != NULL; each = each->next) {
        neap_text saga = neapi_text(each->name.data + 6, each->name.size - 6);
        neap_text name = both(it, saga, each->key);
        if (name.data == NULL)
            return neapi_nomem(error);
        if (neapi_map_remove(&it->stopped, name) == NULL)
            find(it, "The saga %.*s %.*s has stopped, and is not among those that have.",
                 NEAPI_TEXT(saga), NEAPI_TEXT(each->key));
    }
    if (it->stopped.count != 0)
        find(it, "%zu of the sagas that are listed as stopped have not.", it->stopped.count);
    return NEAP_OK;
}

static neap_status compare_records(verifier *it, neap_error *error)
{
    size_t at = 0;
    neap_status status = NEAP_OK;
    for (const seen_record *each;
         status == NEAP_OK && (each = neapi_map_next(&it->records, &at)) != NULL;) {
        const neapi_record *record = &each->record;
        if (record->schema == NEAPI_SCHEMA_INLINE)
            continue;
        status = compare_build(it, each->name, record->build, record->partitions, error);
        if (status == NEAP_OK && record->next != 0)
            status = compare_build(it, each->name, record->next, record->next_partitions, error);
    }
    if (status == NEAP_OK && it->checkpoints.count != 0)
        find(it, "%zu of the checkpoints are of no subscription's build.", it->checkpoints.count);
    return status;
}

static neap_status compare(verifier *it, neap_error *error)
{
    neap_status status = NEAP_OK;
    compare_names(it);
    if (it->saga_position > it->head)
        find(it, "%.*s %s has handled position %" PRIu64 "; the last one is %" PRIu64 ".",
             (int)strlen(it->saga_key.data), it->saga_key.data,
             it->saga_key.data + strlen(it->saga_key.data) + 1, it->saga_position, it->head);
    for (const seen *each = it->letters; each != NULL && status == NEAP_OK; each = each->next)
        status = compare_letter(it, each, error);
    if (status == NEAP_OK)
        status = compare_stopped(it, error);
    return status == NEAP_OK ? compare_records(it, error) : status;
}

static void fini(verifier *it)
{
    neapi_map *maps[] = {&it->entries, &it->records, &it->checkpoints, &it->stopped, &it->waiting};
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        neapi_map_fini(maps[i]);
    neapi_arena_fini(&it->arena);
    neapi_arena_fini(&it->scratch);
    neapi_buffer_fini(&it->texts);
}

neap_status neapi_verify_kept(neapi_session *session, const neapi_verify_sink *sink,
                              uint64_t *findings, neap_error *error)
{
    verifier it = {.session = session, .sink = sink};
    const neapi_kept_sink kept = {.user = &it, .document = see};
    neapi_map *maps[] = {&it.entries, &it.records, &it.checkpoints, &it.stopped, &it.waiting};
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        neapi_map_init(maps[i]);
    it.last_name = &it.names;
    it.last_letter = &it.letters;
    it.last_saga = &it.sagas;
    neap_status status =
        neapi_show_kept(session, neapi_wall_us(neapi_platform_machine()), &kept, &it.head, error);
    if (status == NEAP_OK)
        status = compare(&it, error);
    *findings = it.findings;
    fini(&it);
    return status;
}
