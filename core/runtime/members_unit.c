/* What a member changes in the store. */
#include "base/error.h"
#include "base/text.h"
#include "runtime/inline.h"
#include "runtime/members_state.h"
#include "runtime/stored.h"

/* ---- Committing ------------------------------------------------------------------------------ */

static neapi_unit *new_unit(neapi_members *members)
{
    int64_t now_us = neapi_wall_us(members->runtime->platform);
    return neapi_unit_new(neapi_uuid_new(&members->ids, now_us));
}

/* With all others that wait; without a thread of the writer it is done here. */
static bool commit_through(neap_runtime *runtime, neapi_mailbox *mailbox, neapi_unit *unit,
                           neap_error *error)
{
    neapi_writer *writer = &runtime->writer;
    neapi_inbox *inbox = &mailbox->inbox;
    neapi_submission submission = {.unit = unit, .answer_to = mailbox};
    neapi_mail_list list = {0}, judged = {0};
    submission.mail.kind = NEAPI_MAIL_UNIT;
    neapi_mail_push(&list, &submission.mail);
    neapi_writer_push(writer, &list);
    for (;;) {
        unsigned seen = neapi_inbox_seen(inbox);
        neapi_inbox_take(inbox, &judged);
        if (neapi_mail_pop(&judged) != NULL)
            break;
        if (writer->running) {
            neapi_writer_rouse(writer);
            neapi_inbox_wait(inbox, seen, NEAPI_NO_DEADLINE);
        } else {
            neapi_writer_step(writer);
        }
    }
    if (submission.failure != NULL)
        *error = submission.failure->error;
    else if (unit->state != NEAPI_UNIT_ACCEPTED)
        neapi_fail(error, unit->verdict.status, "%.900s",
                   unit->message.size != 0 ? unit->message.data : "the store did not take it");
    neapi_failure_release(submission.failure);
    return unit->state == NEAPI_UNIT_ACCEPTED;
}

neap_status neapi_members_submit(neap_runtime *runtime, neapi_unit *unit, neap_error *error)
{
    neap_error local;
    neapi_mailbox *mailbox = neapi_mailbox_new(runtime->platform, 1);
    if (error == NULL)
        error = &local;
    if (mailbox == NULL)
        return neapi_nomem(error);
    if (neapi_is_inline(runtime)) /* who drives has the writer, too */
        pthread_mutex_lock(&runtime->drive_mutex);
    bool accepted = commit_through(runtime, mailbox, unit, error);
    if (neapi_is_inline(runtime))
        pthread_mutex_unlock(&runtime->drive_mutex);
    neapi_mailbox_free(mailbox);
    return accepted ? NEAP_OK : error->status;
}

/* status: of what filled it. Takes the unit. */
static bool commit_filled(neapi_members *members, neapi_unit *unit, neap_status status)
{
    bool accepted = false;
    if (unit == NULL || status == NEAP_NOMEM)
        neapi_nomem(&members->error);
    else if (status == NEAP_OK)
        accepted = commit_through(members->runtime, members->mailbox, unit, &members->error);
    neapi_unit_release(unit);
    return accepted;
}

static neapi_document put(neap_text collection, neap_text key, const neapi_buffer *before,
                          const neapi_buffer *data)
{
    return (neapi_document){.collection = collection,
                            .key = key,
                            .write = NEAPI_DOCUMENT_PUT,
                            .expect =
                                before->size != 0 ? NEAPI_DOCUMENT_EQUAL : NEAPI_DOCUMENT_ABSENT,
                            .expected = neapi_text(before->data, before->size),
                            .data = neapi_text(data->data, data->size)};
}

static neapi_document drop(neap_text collection, neap_text key, const neapi_buffer *before)
{
    return (neapi_document){.collection = collection,
                            .key = key,
                            .write = NEAPI_DOCUMENT_DROP,
                            .expect = NEAPI_DOCUMENT_EQUAL,
                            .expected = neapi_text(before->data, before->size)};
}

bool neapi_members_put(neapi_members *members, const neapi_document *document)
{
    neapi_unit *unit = new_unit(members);
    neap_status status = unit != NULL ? neapi_unit_document(unit, document) : NEAP_NOMEM;
    return commit_filled(members, unit, status);
}

/* ---- Members --------------------------------------------------------------------------------- */

bool neapi_members_beat(neapi_members *members)
{
    neapi_buffer json = NEAPI_BUFFER_INIT;
    neapi_unit *unit = new_unit(members);
    members->self.beat++;
    members->self.beat_at = (uint64_t)neapi_wall_us(members->runtime->platform);
    neapi_member_write(&json, &members->self);
    const neapi_document document =
        put(NEAPI_MEMBERS, neapi_text_of(members->id), &members->mark, &json);
    neap_status status =
        unit == NULL || json.failed ? NEAP_NOMEM : neapi_unit_document(unit, &document);
    if (unit != NULL)
        unit->tells = members->mark.size == 0;
    bool accepted = commit_filled(members, unit, status);
    if (accepted) {
        neapi_buffer_fini(&members->mark);
        members->mark = json;
        return true;
    }
    neapi_buffer_fini(&json);
    return false;
}

void neapi_members_bury(neapi_members *members, const neapi_seen_member *dead)
{
    neapi_unit *unit = new_unit(members);
    const neapi_document document = drop(NEAPI_MEMBERS, neapi_text_of(dead->id), &dead->json);
    neap_status status = unit != NULL ? neapi_unit_document(unit, &document) : NEAP_NOMEM;
    if (commit_filled(members, unit, status))
        neapi_report_text(&members->runtime->report, NEAP_LOG_WARN,
                          "the process %llu on %s, which has the same store, is held for dead",
                          (unsigned long long)dead->is.at.pid, dead->is.at.host);
}

/* ---- What is owned --------------------------------------------------------------------------- */

/* Its own copy of the checkpoint, with the next generation. */
static neap_status fence(neapi_members *members, neapi_unit *unit, neap_text name, uint32_t build,
                         uint32_t partition)
{
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_buffer key = NEAPI_BUFFER_INIT, json = NEAPI_BUFFER_INIT;
    neapi_checkpoint checkpoint = {0};
    neap_text before = {0};
    bool found = false;
    neapi_checkpoint_key(&key, name, build, partition);
    neap_status status = key.failed ? NEAP_NOMEM
                                    : neapi_find_document(members->session, NEAPI_CHECKPOINTS,
                                                          neapi_text(key.data, key.size), &arena,
                                                          &before, &found, &members->error);
    if (status == NEAP_OK && found)
        status = neapi_checkpoint_read(before, &checkpoint, &members->error);
    if (status == NEAP_OK && found) {
        checkpoint.generation++;
        neapi_checkpoint_write(&json, &checkpoint);
        const neapi_document document = {.collection = NEAPI_CHECKPOINTS,
                                         .key = neapi_text(key.data, key.size),
                                         .write = NEAPI_DOCUMENT_PUT,
                                         .expect = NEAPI_DOCUMENT_EQUAL,
                                         .expected = before,
                                         .data = neapi_text(json.data, json.size)};
        status = json.failed ? NEAP_NOMEM : neapi_unit_document(unit, &document);
    }
    neapi_buffer_fini(&key);
    neapi_buffer_fini(&json);
    neapi_arena_fini(&arena);
    return status;
}

/* All checkpoints that the subscription has. */
static neap_status fence_all(neapi_members *members, neapi_unit *unit, neap_text name)
{
    neapi_record record = {0};
    bool found;
    neap_status status =
        neapi_stored_record(members->session, name, &record, &found, &members->error);
    for (uint32_t i = 0; found && i < record.partitions && status == NEAP_OK; i++)
        status = fence(members, unit, name, record.build, i);
    for (uint32_t i = 0; found && i < record.next_partitions && status == NEAP_OK; i++)
        status = fence(members, unit, name, record.next, i);
    return status;
}

bool neapi_members_take(neapi_members *members, neapi_owned *it)
{
    neapi_buffer json = NEAPI_BUFFER_INIT;
    neapi_unit *unit = new_unit(members);
    neapi_owner_write(&json, neapi_text_of(members->id));
    const neapi_document document = put(NEAPI_OWNERS, it->name, &it->json, &json);
    neap_status status =
        unit == NULL || json.failed ? NEAP_NOMEM : neapi_unit_document(unit, &document);
    if (status == NEAP_OK && it->subscribed != NULL)
        status = fence_all(members, unit, it->name);
    if (unit != NULL)
        unit->tells = true;
    bool accepted = commit_filled(members, unit, status);
    if (accepted) {
        neapi_buffer_fini(&it->json);
        it->json = json;
        return true;
    }
    neapi_buffer_fini(&json);
    return false;
}

bool neapi_members_give_back(neapi_members *members, neapi_owned *it)
{
    neapi_unit *unit = new_unit(members);
    const neapi_document document = drop(NEAPI_OWNERS, it->name, &it->json);
    neap_status status = unit != NULL ? neapi_unit_document(unit, &document) : NEAP_NOMEM;
    if (unit != NULL)
        unit->tells = true;
    bool accepted = commit_filled(members, unit, status);
    if (accepted)
        neapi_buffer_clear(&it->json);
    return accepted;
}

/* One that was taken over meanwhile stays with who has it. */
void neapi_members_end(neapi_members *members)
{
    for (neapi_owned *it = members->owned; it != NULL; it = it->next)
        if (it->held && !neapi_members_give_back(members, it) &&
            members->error.status == NEAP_UNAVAILABLE)
            return; /* it would be the same with all others: they wait until this one is dead */
    if (members->mark.size == 0)
        return;
    neapi_unit *unit = new_unit(members);
    const neapi_document document = drop(NEAPI_MEMBERS, neapi_text_of(members->id), &members->mark);
    neap_status status = unit != NULL ? neapi_unit_document(unit, &document) : NEAP_NOMEM;
    if (unit != NULL)
        unit->tells = true;
    commit_filled(members, unit, status);
}
