#include "runtime/stored.h"

#include "base/error.h"
#include "base/text.h"
#include "message/field.h"
#include "message/object.h"
#include "runtime/dead_letter.h"
#include "runtime/runtime.h"
#include "runtime/saga_record.h"
#include "store/walk.h"

neap_status neapi_stored_record(neapi_session *session, neap_text name, neapi_record *record,
                                bool *found, neap_error *error)
{
    neapi_arena arena = NEAPI_ARENA_INIT;
    neap_text data;
    neap_status status =
        neapi_find_document(session, NEAPI_SUBSCRIPTIONS, name, &arena, &data, found, error);
    if (status == NEAP_OK && *found)
        status = neapi_record_read(data, record, error);
    neapi_arena_fini(&arena);
    return status;
}

neap_status neapi_stored_kind(neapi_session *session, neap_text name, neapi_subscription_kind *kind,
                              neap_error *error)
{
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_buffer texts = NEAPI_BUFFER_INIT;
    neap_text data, said = {0};
    bool found = false;
    neap_status status =
        neapi_find_document(session, NEAPI_SUBSCRIPTIONS, name, &arena, &data, &found, error);
    *kind = NEAPI_PROJECTION;
    if (status == NEAP_OK && found && neapi_field_text(data, "kind", &texts, &said))
        for (int each = NEAPI_PROJECTION; each <= NEAPI_OUTBOX; each++)
            if (neapi_text_equal(said, neapi_text_of(neapi_subscription_kind_name(
                                           (neapi_subscription_kind)each))))
                *kind = (neapi_subscription_kind)each;
    if (texts.failed)
        status = neapi_nomem(error);
    neapi_buffer_fini(&texts);
    neapi_arena_fini(&arena);
    return status;
}

neap_status neapi_stored_checkpoint(neapi_session *session, neap_text name, uint32_t build,
                                    uint32_t partition, neapi_checkpoint *checkpoint,
                                    neap_error *error)
{
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_buffer key = NEAPI_BUFFER_INIT;
    neap_text data;
    bool found = false;
    neapi_checkpoint_key(&key, name, build, partition);
    neap_status status =
        key.failed ? neapi_nomem(error)
                   : neapi_find_document(session, NEAPI_CHECKPOINTS, neapi_text(key.data, key.size),
                                         &arena, &data, &found, error);
    if (status == NEAP_OK && found)
        status = neapi_checkpoint_read(data, checkpoint, error);
    if (status == NEAP_OK && !found)
        *checkpoint = (neapi_checkpoint){0};
    neapi_buffer_fini(&key);
    neapi_arena_fini(&arena);
    return status;
}

static neap_status position_of(neapi_session *session, neap_text name, uint32_t build,
                               uint32_t partition, uint64_t *position, neap_error *error)
{
    neapi_checkpoint checkpoint = {0};
    neap_status status =
        neapi_stored_checkpoint(session, name, build, partition, &checkpoint, error);
    *position = checkpoint.position;
    return status;
}

static void write_position(neapi_buffer *json, uint64_t position, uint64_t head)
{
    neapi_write_count(json, "position", position);
    neapi_write_count(json, "lag", position < head ? head - position : 0);
}

/* The partition that is furthest behind stands for all. */
static neap_status write_build(neapi_buffer *json, neapi_session *session, neap_text name,
                               uint32_t build, uint32_t version, uint32_t partitions, uint64_t head,
                               neap_error *error)
{
    uint64_t least = UINT64_MAX;
    neap_status status = NEAP_OK;
    neapi_write_count(json, "version", version);
    neapi_write_count(json, "build", build);
    neapi_write_begin(json, NEAPI_LITERAL("partitions"), '[');
    for (uint32_t i = 0; i < partitions && status == NEAP_OK; i++) {
        uint64_t position = 0;
        status = position_of(session, name, build, i, &position, error);
        least = position < least ? position : least;
        neapi_buffer_byte(json, '{');
        write_position(json, position, head);
        neapi_write_member_end(json, '{');
    }
    neapi_write_member_end(json, '[');
    write_position(json, least, head);
    return status;
}

neap_status neapi_stored_write_builds(neapi_buffer *json, neapi_session *session, neap_text name,
                                      const neapi_record *record, uint64_t head, neap_error *error)
{
    neap_status status = write_build(json, session, name, record->build, record->version,
                                     record->partitions, head, error);
    if (status != NEAP_OK || record->next == 0)
        return status;
    neapi_write_begin(json, NEAPI_LITERAL("next"), '{');
    status = write_build(json, session, name, record->next, record->next_version,
                         record->next_partitions, head, error);
    neapi_write_member_end(json, '{');
    return status;
}

/* ---- All that a store has -------------------------------------------------------------------- */

typedef struct surveying {
    neapi_session *session;
    neapi_survey *survey;
    neapi_collection_list collections;
    const neap_subscription_statistics **end; /* of the list */
    uint64_t head;
} surveying;

static neap_status count_letter(void *user, const neapi_dead_letter *letter, neap_error *error)
{
    neap_subscription_statistics *one = user;
    (void)error;
    one->dead_letters++;
    one->waiting += letter->attempts == 0;
    return NEAP_OK;
}

static neap_status count_command(void *user, const neapi_kept_document *document, bool *enough,
                                 neap_error *error)
{
    uint64_t *count = user;
    (void)document, (void)enough, (void)error;
    ++*count;
    return NEAP_OK;
}

static neap_status least_position(const surveying *it, neap_text name, uint32_t build,
                                  uint32_t partitions, uint64_t *least, neap_error *error)
{
    neap_status status = NEAP_OK;
    *least = UINT64_MAX;
    for (uint32_t i = 0; i < partitions && status == NEAP_OK; i++) {
        uint64_t position = 0;
        status = position_of(it->session, name, build, i, &position, error);
        *least = position < *least ? position : *least;
    }
    return status;
}

/* How many documents the collection has, whose name is cleared. */
static uint64_t count_of(const surveying *it, neapi_buffer *name)
{
    uint64_t count = 0;
    for (size_t i = 0; i < it->collections.count && !name->failed; i++)
        if (neapi_text_equal(it->collections.collections[i].name,
                             neapi_text(name->data, name->size)))
            count = it->collections.collections[i].documents;
    neapi_buffer_clear(name);
    return count;
}

static bool count_documents(const surveying *it, neap_subscription_statistics *one)
{
    neapi_buffer name = NEAPI_BUFFER_INIT;
    if (neapi_text_equal(one->kind, NEAPI_LITERAL("saga"))) {
        neapi_saga_collection(&name, one->name);
        one->sagas = count_of(it, &name);
        neapi_saga_stopped_collection(&name, one->name);
        one->stopped_sagas = count_of(it, &name);
    } else {
        neapi_collection_name(&name, one->name, one->build);
        one->documents = count_of(it, &name);
    }
    bool counted = !name.failed;
    neapi_buffer_fini(&name);
    return counted;
}

/* Which kind a record is of, copied into the survey. */
static bool read_kind(neapi_arena *arena, neap_text data, neap_text *kind)
{
    neapi_buffer texts = NEAPI_BUFFER_INIT;
    bool read =
        neapi_buffer_reserve(&texts, data.size) && neapi_field_text(data, "kind", &texts, kind);
    if (read)
        *kind = neapi_arena_text(arena, *kind);
    neapi_buffer_fini(&texts);
    return read;
}

static neap_status add(void *user, const neapi_kept_document *document, bool *enough,
                       neap_error *error)
{
    surveying *it = user;
    neap_text name = document->key, data = document->data;
    neapi_record record;
    neapi_arena *arena = &it->survey->arena;
    (void)enough;
    neap_status status = neapi_record_read(data, &record, error);
    if (status != NEAP_OK)
        return status;
    neap_subscription_statistics *one = neapi_arena_alloc(arena, sizeof *one);
    if (one == NULL)
        return neapi_nomem(error);
    *one = (neap_subscription_statistics){0};
    one->build = record.build;
    one->version = record.version;
    one->partitions = record.partitions;
    one->paused = record.paused;
    one->next_build = record.next;
    one->name = neapi_arena_text(arena, name);
    if (!read_kind(arena, data, &one->kind))
        return neapi_fail(error, NEAP_CORRUPT, "a subscription's record is damaged: %.*s",
                          NEAPI_TEXT(data));
    if (one->name.data == NULL || one->kind.data == NULL || !count_documents(it, one))
        return neapi_nomem(error);
    status = least_position(it, name, record.build, record.partitions, &one->position, error);
    one->lag = it->head > one->position ? it->head - one->position : 0;
    if (status == NEAP_OK && record.next != 0)
        status = least_position(it, name, record.next, record.next_partitions, &one->next_position,
                                error);
    if (status == NEAP_OK)
        status = neapi_dead_letters_walk(it->session, name, count_letter, one, error);
    *it->end = one;
    it->end = &one->next;
    return status;
}

neap_status neapi_stored_survey(neapi_session *session, neapi_survey *survey, neap_error *error)
{
    surveying it = {.session = session, .survey = survey, .end = &survey->result.subscriptions};
    const neapi_document_range all = {.collection = NEAPI_SUBSCRIPTIONS};
    const neapi_document_range commands = {.collection = NEAPI_DEAD_LETTERS,
                                           .prefix = NEAPI_LITERAL("$queue/")};
    neap_status status = neapi_head(session, &it.head, error);
    if (status == NEAP_OK)
        status = neapi_list_collections(session, &it.collections, error);
    if (status == NEAP_OK)
        status = neapi_documents_walk(session, &all, add, &it, error);
    if (status == NEAP_OK)
        status = neapi_documents_walk(session, &commands, count_command,
                                      &survey->result.dead_commands, error);
    neapi_collection_list_fini(&it.collections);
    return status;
}
