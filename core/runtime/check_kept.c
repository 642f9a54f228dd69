#include "runtime/check_kept.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "base/map.h"
#include "base/text.h"
#include "message/field.h"
#include "message/json.h"
#include "runtime/checkpoint.h"
#include "runtime/dead_letter.h"
#include "runtime/queue_letters.h"
#include "runtime/stored.h"
#include "store/walk.h"

#define TEXT 700

typedef struct checker {
    neap_store_check *check;
    neapi_arena *arena;
    neapi_engine *engine;
    const neapi_catalog *catalog;
    neapi_session *session;
    uint64_t head;
    neapi_map by_text; /* findings */
    const neap_kept_finding *breaking, *others;
    const neap_kept_finding **last_breaking, **last_other;
    neapi_arena scratch;
} checker;

/* ---- Findings -------------------------------------------------------------------------------- */

static neap_kept_finding *make(checker *it, bool breaks, neap_text name, const char *where,
                               const char *what, const char *advice)
{
    neap_kept_finding *made = neapi_arena_alloc(it->arena, sizeof *made);
    if (made == NULL)
        return NULL;
    *made = (neap_kept_finding){.breaks = breaks,
                                .where = neapi_arena_text(it->arena, neapi_text_of(where)),
                                .what = neapi_arena_text(it->arena, neapi_text_of(what)),
                                .advice = neapi_arena_text(it->arena, neapi_text_of(advice))};
    name = neapi_arena_text(it->arena, name);
    if (made->where.data == NULL || made->what.data == NULL || made->advice.data == NULL ||
        name.data == NULL || !neapi_map_put(&it->by_text, name, made))
        return NULL;
    const neap_kept_finding ***last = breaks ? &it->last_breaking : &it->last_other;
    **last = made;
    *last = &made->next;
    return made;
}

/* The same of another one is counted. */
static neap_status note(checker *it, bool breaks, const char *where, const char *what,
                        const char *advice, neap_error *error)
{
    neapi_buffer name = NEAPI_BUFFER_INIT;
    neapi_buffer_format(&name, "%s\n%s", where, what);
    neap_kept_finding *finding =
        name.failed ? NULL : neapi_map_get(&it->by_text, neapi_text(name.data, name.size));
    if (!name.failed && finding == NULL)
        finding = make(it, breaks, neapi_text(name.data, name.size), where, what, advice);
    neapi_buffer_fini(&name);
    if (finding == NULL)
        return neapi_nomem(error);
    finding->count++;
    it->check->kept_broken += breaks;
    return NEAP_OK;
}

static const neapi_subscription *defined(const checker *it, neap_text name)
{
    return neapi_map_get(&it->catalog->subscription_by_name, name);
}

/* ---- Subscriptions --------------------------------------------------------------------------- */

typedef struct subscription {
    const neapi_subscription *definition;
    neapi_record record;
    uint64_t position; /* of the partition that is furthest behind */
    char where[TEXT];
} subscription;

static bool wants(const neapi_subscription *definition, const neap_store_finding *finding)
{
    if (definition->type_count == 0)
        return finding->reading != NEAP_READING_UNKNOWN && !definition->only_transient;
    for (size_t i = 0; i < definition->type_count; i++)
        if (neapi_text_equal(definition->types[i], finding->type))
            return true;
    return false;
}

/* Where it will come to events that it cannot read. */
static neap_status check_types(checker *it, const subscription *one, neap_error *error)
{
    neap_status status = NEAP_OK;
    const neap_store_finding *each = it->check->findings;
    for (; each != NULL && status == NEAP_OK; each = each->next) {
        char what[TEXT], advice[TEXT];
        bool ahead = each->last > one->position;
        if (each->reading == NEAP_READING_REFUSED || !wants(one->definition, each) ||
            (!ahead && one->definition->kind != NEAPI_PROJECTION))
            continue;
        snprintf(what, sizeof what,
                 "%s events '%.*s' of schema version %u that cannot be read, positions %" PRIu64
                 " to %" PRIu64 ": %.*s",
                 ahead ? "comes to" : "built anew, would come to", NEAPI_TEXT(each->type),
                 each->schema, each->first, each->last, NEAPI_TEXT(each->message));
        snprintf(advice, sizeof advice, "give '%.*s' an upcaster from version %u on",
                 NEAPI_TEXT(each->type), each->schema);
        status = note(it, ahead, one->where, what, advice, error);
    }
    return status;
}

static neap_status least_position(const checker *it, neap_text name, subscription *one,
                                  neap_error *error)
{
    neap_status status = NEAP_OK;
    one->position = UINT64_MAX;
    for (uint32_t i = 0; i < one->record.partitions && status == NEAP_OK; i++) {
        neapi_checkpoint checkpoint = {0};
        status =
            neapi_stored_checkpoint(it->session, name, one->record.build, i, &checkpoint, error);
        one->position = checkpoint.position < one->position ? checkpoint.position : one->position;
    }
    return status;
}

/* Whether something that it wants is behind its position. */
static neap_status is_behind(const checker *it, const subscription *one, uint64_t *first,
                             neap_error *error)
{
    neapi_page page = NEAPI_PAGE_INIT;
    const neapi_range range = {.types = one->definition->types,
                               .type_count = one->definition->type_count,
                               .from = one->position + 1,
                               .to = UINT64_MAX,
                               .max_events = 1,
                               .max_bytes = SIZE_MAX};
    neap_status status = neapi_read(it->session, &range, &page, error);
    *first = status == NEAP_OK && page.count != 0 ? page.events[0].position : 0;
    neapi_page_fini(&page);
    return status;
}

static neap_status check_position(checker *it, const subscription *one, neap_error *error)
{
    char what[TEXT];
    uint64_t first = 0;
    if (one->position > it->head) {
        snprintf(what, sizeof what, "is at position %" PRIu64 ", ahead of the last event, %" PRIu64,
                 one->position, it->head);
        return note(it, true, one->where, what,
                    one->definition->kind == NEAPI_PROJECTION
                        ? "has somebody put back an older store? `neap rebuild` makes it anew"
                        : "has somebody put back an older store? It would miss what comes until "
                          "there",
                    error);
    }
    neap_status status = one->position == UINT64_MAX || one->definition->only_transient
                             ? NEAP_OK
                             : is_behind(it, one, &first, error);
    if (status != NEAP_OK || first == 0)
        return status;
    snprintf(what, sizeof what, "is at position %" PRIu64 " of %" PRIu64, one->position, it->head);
    return note(it, false, one->where, what, "a runtime catches up with it", error);
}

static neap_status check_defined(checker *it, const subscription *one, neap_error *error)
{
    char what[TEXT];
    bool same_version = one->record.version == one->definition->version;
    neap_status status = NEAP_OK;
    if (one->record.partitions != one->definition->partitions && same_version) {
        snprintf(what, sizeof what, "has %u partitions in the store, and %u in the domain",
                 one->record.partitions, one->definition->partitions);
        status = note(it, false, one->where, what,
                      one->definition->kind == NEAPI_PROJECTION
                          ? "the store's number holds until it is built anew: `neap rebuild`"
                          : "the store's number holds",
                      error);
    }
    if (status == NEAP_OK)
        status = check_position(it, one, error);
    return status == NEAP_OK ? check_types(it, one, error) : status;
}

static neap_status check_record(void *user, const neapi_kept_document *document, bool *enough,
                                neap_error *error)
{
    checker *it = user;
    subscription one = {.definition = defined(it, document->key)};
    neapi_buffer texts = NEAPI_BUFFER_INIT;
    neap_text kind = NEAPI_LITERAL("subscription");
    (void)enough;
    if (neapi_buffer_reserve(&texts, document->data.size))
        neapi_field_text(document->data, "kind", &texts, &kind);
    const char *now =
        one.definition != NULL ? neapi_subscription_kind_name(one.definition->kind) : "";
    bool same = neapi_text_equal(kind, neapi_text_of(now));
    char what[TEXT];
    snprintf(one.where, sizeof one.where, "%.*s '%.*s'", NEAPI_TEXT(kind),
             NEAPI_TEXT(document->key));
    snprintf(what, sizeof what, "is a %s in the domain", now);
    neapi_buffer_fini(&texts);
    if (one.definition == NULL)
        return note(it, false, one.where, "is in the store, and not in the domain",
                    "nothing runs it; what it keeps stays as it is", error);
    if (!same)
        return note(it, true, one.where, what,
                    "give it another name: it would go on from the other one's checkpoint", error);
    neap_status status = neapi_record_read(document->data, &one.record, error);
    if (status != NEAP_OK || one.record.schema == NEAPI_SCHEMA_INLINE)
        return status;
    status = least_position(it, document->key, &one, error);
    return status == NEAP_OK ? check_defined(it, &one, error) : status;
}

/* ---- Sagas ----------------------------------------------------------------------------------- */

static neap_status count_open(void *user, const neapi_kept_document *document, bool *enough,
                              neap_error *error)
{
    static const char *const open[] = {"\"running\"", "\"compensating\"", "\"stopped\""};
    uint64_t *count = user;
    neap_text status = {0};
    (void)enough, (void)error;
    neapi_json_member(document->data, NEAPI_LITERAL("status"), &status);
    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        *count += neapi_text_equal(status, neapi_text_of(open[i]));
    return NEAP_OK;
}

static neap_status check_saga(checker *it, neap_text collection, neap_error *error)
{
    const neap_text prefix = NEAPI_LITERAL("$saga:");
    uint64_t open = 0;
    if (collection.size == prefix.size || !neapi_text_begins(collection, prefix))
        return NEAP_OK;
    neap_text name = neapi_text(collection.data + prefix.size, collection.size - prefix.size);
    const neapi_subscription *definition = defined(it, name);
    if (definition != NULL && definition->kind == NEAPI_SAGA)
        return NEAP_OK;
    const neapi_document_range all = {.collection = collection};
    neap_status status = neapi_documents_walk(it->session, &all, count_open, &open, error);
    if (status != NEAP_OK || open == 0)
        return status;
    char where[TEXT], what[TEXT], advice[TEXT];
    snprintf(where, sizeof where, "saga '%.*s'", NEAPI_TEXT(name));
    snprintf(what, sizeof what,
             "%" PRIu64 " of them %s not ended, and the domain has no saga of that name", open,
             open == 1 ? "has" : "have");
    snprintf(advice, sizeof advice,
             "define it until they have ended; `neap sagas list %.*s` shows them",
             NEAPI_TEXT(name));
    return note(it, true, where, what, advice, error);
}

static neap_status check_sagas(checker *it, neap_error *error)
{
    neapi_collection_list list = NEAPI_COLLECTION_LIST_INIT;
    neap_status status = neapi_list_collections(it->session, &list, error);
    for (size_t i = 0; i < list.count && status == NEAP_OK; i++)
        status = check_saga(it, list.collections[i].name, error);
    neapi_collection_list_fini(&list);
    return status;
}

/* ---- The queue ------------------------------------------------------------------------------- */

static neap_status check_command(checker *it, const char *whose, const neapi_queued *entry,
                                 neap_error *error)
{
    const neapi_message *message;
    neap_error why;
    char where[TEXT];
    neap_status status =
        neapi_catalog_message(it->catalog, NEAP_KIND_COMMAND, entry->command, &message, &why);
    bool unknown = status != NEAP_OK;
    if (!unknown)
        status = neapi_engine_check(it->engine, message, entry->data, NULL, &why);
    if (status == NEAP_NOMEM)
        return neapi_nomem(error);
    if (status == NEAP_OK)
        return NEAP_OK;
    snprintf(where, sizeof where, "%s, command '%.*s'", whose, NEAPI_TEXT(entry->command));
    return note(it, true, where, why.message,
                unknown ? "define it until they are done, or cancel or drop them"
                        : "let its fields be what they were, too, until they are done",
                error);
}

/* "saga/<name>/<key>" */
static bool is_of_saga(const checker *it, neap_text owner, neap_text *name)
{
    const neap_text prefix = NEAPI_LITERAL("saga/");
    *name = owner;
    if (owner.size == prefix.size || !neapi_text_begins(owner, prefix))
        return false;
    const char *begin = owner.data + prefix.size;
    const char *end = memchr(begin, '/', owner.size - prefix.size);
    *name = neapi_text(begin, end != NULL ? (size_t)(end - begin) : owner.size - prefix.size);
    const neapi_subscription *definition = defined(it, *name);
    return definition != NULL && definition->kind == NEAPI_SAGA;
}

static neap_status check_timeout(checker *it, const char *whose, neap_text saga, neap_text name,
                                 neap_error *error)
{
    bool has;
    char where[TEXT];
    neap_status status = neapi_engine_has_timeout(it->engine, defined(it, saga), name, &has, error);
    if (status != NEAP_OK || has)
        return status;
    snprintf(where, sizeof where, "%s, saga '%.*s'", whose, NEAPI_TEXT(saga));
    char what[TEXT];
    snprintf(what, sizeof what, "nothing in 'timeouts' is called '%.*s'", NEAPI_TEXT(name));
    return note(it, true, where, what, "keep a function for it until they have ended", error);
}

static neap_status check_entry(checker *it, const char *whose, const neapi_queued *entry,
                               neap_error *error)
{
    neap_text saga;
    char where[TEXT];
    if (entry->owner.size != 0 && !is_of_saga(it, entry->owner, &saga)) {
        snprintf(where, sizeof where, "%s, saga '%.*s'", whose, NEAPI_TEXT(saga));
        neap_status status =
            note(it, true, where, "what it has there waits, and the domain has no such saga",
                 "define it until it has ended", error);
        return status == NEAP_OK && !entry->is_timeout ? check_command(it, whose, entry, error)
                                                       : status;
    }
    if (entry->is_timeout)
        return entry->owner.size != 0 ? check_timeout(it, whose, saga, entry->name, error)
                                      : NEAP_OK;
    return check_command(it, whose, entry, error);
}

static neap_status check_queued(void *user, const neapi_kept_document *document, bool *enough,
                                neap_error *error)
{
    checker *it = user;
    neapi_queued entry;
    bool wanted = true;
    (void)enough;
    neapi_arena_clear(&it->scratch);
    neap_status status =
        neapi_queued_read(document->key, document->data, &it->scratch, &entry, error);
    if (status == NEAP_OK)
        status = neapi_queued_is_wanted(it->session, &entry, &wanted, error);
    return status == NEAP_OK && wanted ? check_entry(it, "queue", &entry, error) : status;
}

/* ---- Dead letters ---------------------------------------------------------------------------- */

static neap_status check_event(checker *it, const char *where, uint64_t position, neap_error *error)
{
    neapi_page page = NEAPI_PAGE_INIT;
    const neapi_range range = {
        .from = position, .to = position, .max_events = 1, .max_bytes = SIZE_MAX};
    neap_reading reading = NEAP_READING_CURRENT;
    neap_error why;
    neap_status status = neapi_read(it->session, &range, &page, error);
    if (status == NEAP_OK && page.count != 0)
        status = neapi_engine_examine(it->engine, &page.events[0], &reading, &why);
    if (status == NEAP_OK && reading > NEAP_READING_REFUSED) {
        char what[TEXT];
        snprintf(what, sizeof what, "events '%.*s' of schema version %u cannot be read: %.400s",
                 NEAPI_TEXT(page.events[0].type), page.events[0].schema, why.message);
        status = note(it, true, where, what, "give it an upcaster, or drop them", error);
    }
    neapi_page_fini(&page);
    return status;
}

static neap_status check_letter_of_queue(checker *it, neap_text key, neap_text data,
                                         neap_error *error)
{
    neapi_queued entry;
    neap_text json = {0};
    neapi_json_member(data, NEAPI_LITERAL("entry"), &json);
    neapi_arena_clear(&it->scratch);
    neap_status status = neapi_queued_read(key, json, &it->scratch, &entry, error);
    return status == NEAP_OK ? check_entry(it, "dead letters of the queue", &entry, error) : status;
}

static neap_status check_letter(void *user, const neapi_kept_document *document, bool *enough,
                                neap_error *error)
{
    checker *it = user;
    neap_text queued;
    neapi_buffer texts = NEAPI_BUFFER_INIT;
    neapi_dead_letter letter;
    (void)enough;
    if (neapi_queue_letter_key(document->key, &queued))
        return check_letter_of_queue(it, queued, document->data, error);
    if (!neapi_dead_letter_read(document->data, &texts, &letter)) {
        bool refused = texts.failed;
        neapi_buffer_fini(&texts);
        return refused ? neapi_nomem(error)
                       : neapi_fail(error, NEAP_CORRUPT, "the dead letter %.*s is damaged",
                                    NEAPI_TEXT(document->key));
    }
    char where[TEXT], advice[TEXT];
    const neapi_subscription *definition = defined(it, letter.subscription);
    snprintf(where, sizeof where, "dead letters of '%.*s'", NEAPI_TEXT(letter.subscription));
    snprintf(advice, sizeof advice, "`neap dead-letters drop %.*s`",
             NEAPI_TEXT(letter.subscription));
    neapi_buffer_fini(&texts);
    if (definition == NULL || !neapi_subscription_has_letters(definition))
        return note(it, true, where, "the domain has no such subscriber", advice, error);
    return check_event(it, where, letter.position, error);
}

/* ---- All of it ------------------------------------------------------------------------------- */

neap_status neapi_check_kept(neap_store_check *check, neapi_arena *arena, neapi_engine *engine,
                             neapi_session *session, neap_error *error)
{
    checker it = {.check = check,
                  .arena = arena,
                  .engine = engine,
                  .catalog = neapi_engine_catalog(engine),
                  .session = session};
    static const struct {
        const char *collection;
        neapi_document_seen check;
    } parts[] = {
        {"$subscription", check_record}, {"$queue", check_queued}, {"$dead_letter", check_letter}};
    it.last_breaking = &it.breaking;
    it.last_other = &it.others;
    neapi_map_init(&it.by_text);
    neap_status status = neapi_head(session, &it.head, error);
    for (size_t i = 0; i < sizeof parts / sizeof *parts && status == NEAP_OK; i++) {
        const neapi_document_range all = {.collection = neapi_text_of(parts[i].collection)};
        status = neapi_documents_walk(session, &all, parts[i].check, &it, error);
    }
    if (status == NEAP_OK)
        status = check_sagas(&it, error);
    *it.last_breaking = it.others;
    check->kept = it.breaking;
    neapi_map_fini(&it.by_text);
    neapi_arena_fini(&it.scratch);
    return status;
}
