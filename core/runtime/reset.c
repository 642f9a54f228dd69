#include "runtime/reset.h"

#include "base/error.h"
#include "base/platform.h"
#include "base/text.h"
#include "base/uuid.h"
#include "runtime/dead_letter.h"
#include "runtime/stored.h"

/* Taken out by one unit. */
#define MOST_LETTERS 5000

neap_status neapi_reset_check(neapi_subscription_kind kind, neap_text name, neap_error *error)
{
    if (kind == NEAPI_PROJECTION)
        return neapi_fail(error, NEAP_USAGE,
                          "'%.*s' is a projection: it is rebuilt, which makes it anew from the "
                          "beginning of the log beside the one that answers",
                          NEAPI_TEXT(name));
    if (kind == NEAPI_SAGA)
        return neapi_fail(error, NEAP_USAGE,
                          "'%.*s' is a saga, and cannot be reset: its states hold what it has "
                          "handled already, and its commands took effect",
                          NEAPI_TEXT(name));
    return NEAP_OK;
}

/* The highest generation that one of the partitions has. */
static neap_status find_generation(neapi_session *session, neap_text name,
                                   const neapi_record *record, uint64_t *highest, neap_error *error)
{
    neap_status status = NEAP_OK;
    *highest = 0;
    for (uint32_t i = 0; i < record->partitions && status == NEAP_OK; i++) {
        neapi_checkpoint checkpoint = {0};
        status = neapi_stored_checkpoint(session, name, record->build, i, &checkpoint, error);
        if (checkpoint.generation > *highest)
            *highest = checkpoint.generation;
    }
    return status;
}

static neap_status put_checkpoints(neapi_unit *unit, neap_text name, const neapi_record *record,
                                   const neapi_checkpoint *checkpoint)
{
    neapi_buffer key = NEAPI_BUFFER_INIT, json = NEAPI_BUFFER_INIT;
    neapi_checkpoint_write(&json, checkpoint);
    neap_status status = json.failed ? NEAP_NOMEM : NEAP_OK;
    for (uint32_t i = 0; i < record->partitions && status == NEAP_OK; i++) {
        neapi_buffer_clear(&key);
        neapi_checkpoint_key(&key, name, record->build, i);
        const neapi_document document = {.collection = NEAPI_CHECKPOINTS,
                                         .key = neapi_text(key.data, key.size),
                                         .write = NEAPI_DOCUMENT_PUT,
                                         .expect = NEAPI_DOCUMENT_ANY,
                                         .data = neapi_text(json.data, json.size)};
        status = key.failed ? NEAP_NOMEM : neapi_unit_document(unit, &document);
    }
    neapi_buffer_fini(&key);
    neapi_buffer_fini(&json);
    return status;
}

typedef struct dropping {
    neapi_unit *unit;
    uint64_t behind;
    unsigned count;
} dropping;

static neap_status drop(void *user, const neapi_dead_letter *letter, neap_error *error)
{
    dropping *job = user;
    if (letter->position <= job->behind || job->count == MOST_LETTERS)
        return NEAP_OK;
    job->count++;
    return neapi_dead_letter_drop(job->unit, letter->subscription, letter->position) == NEAP_OK
               ? NEAP_OK
               : neapi_nomem(error);
}

neap_status neapi_reset_fill(neapi_session *session, neapi_unit *unit, neap_text name,
                             const neapi_record *record, uint64_t position, neap_error *error)
{
    uint64_t head, generation;
    neap_status status = neapi_head(session, &head, error);
    if (status == NEAP_OK && position != NEAP_NOW && position > head)
        status = neapi_fail(
            error, NEAP_INVALID, "'%.*s' cannot be put to position %llu: the store's last is %llu",
            NEAPI_TEXT(name), (unsigned long long)position, (unsigned long long)head);
    if (status == NEAP_OK)
        status = find_generation(session, name, record, &generation, error);
    if (status != NEAP_OK)
        return status;
    const neapi_checkpoint checkpoint = {generation + 1, position < head ? position : head};
    if (put_checkpoints(unit, name, record, &checkpoint) != NEAP_OK)
        return neapi_nomem(error);
    dropping job = {.unit = unit, .behind = checkpoint.position};
    return neapi_dead_letters_walk(session, name, drop, &job, error);
}

/* ---- Of a store that nobody runs ------------------------------------------------------------- */

/* Errors: NEAP_UNKNOWN. */
static neap_status find_record(neapi_session *session, neap_text name, neapi_record *record,
                               neap_error *error)
{
    neapi_subscription_kind kind;
    bool found;
    neap_status status = neapi_stored_record(session, name, record, &found, error);
    if (status == NEAP_OK && !found)
        return neapi_fail(error, NEAP_UNKNOWN, "the store knows no subscription '%.*s'",
                          NEAPI_TEXT(name));
    if (status == NEAP_OK)
        status = neapi_stored_kind(session, name, &kind, error);
    return status == NEAP_OK ? neapi_reset_check(kind, name, error) : status;
}

static neap_status commit(neapi_session *session, neap_text name, uint64_t position,
                          neap_error *error)
{
    neapi_record record;
    neapi_uuid_source ids;
    neapi_outcome outcome;
    const neapi_platform *platform = neapi_platform_machine();
    neap_status status = find_record(session, name, &record, error);
    if (status != NEAP_OK)
        return status;
    neapi_uuid_source_init(&ids, platform);
    neapi_unit *unit = neapi_unit_new(neapi_uuid_new(&ids, neapi_wall_us(platform)));
    status = unit == NULL ? neapi_nomem(error)
                          : neapi_reset_fill(session, unit, name, &record, position, error);
    if (status == NEAP_OK)
        status = neapi_commit(session, &unit, 1, neapi_wall_us(platform), &outcome, error);
    if (status == NEAP_OK && unit->state != NEAPI_UNIT_ACCEPTED)
        status = neapi_fail(error, unit->verdict.status, "the store did not take the checkpoints");
    neapi_unit_release(unit);
    return status;
}

neap_status neap_store_reset(const char *url, const char *subscription, uint64_t position,
                             neap_error *error)
{
    neapi_store *store;
    neapi_session *session;
    if (url == NULL || subscription == NULL)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_store_reset: url and subscription must not be NULL");
    neap_status status = neapi_store_open(url, NEAPI_MODE_WRITE, &store, error);
    if (status != NEAP_OK)
        return status;
    status = neapi_session_open(store, NEAPI_MODE_WRITE, &session, error);
    if (status == NEAP_OK) {
        status = commit(session, neapi_text_of(subscription), position, error);
        neapi_session_close(session);
    }
    neapi_store_close(store);
    return status;
}
