#include "runtime/partition_state.h"

#include <stddef.h>

#include "base/error.h"
#include "base/text.h"
#include "runtime/runtime.h"
#include "runtime/saga.h"
#include "runtime/subscribed.h"

/* How much is committed at once, and how long what was handled waits for more, while there is more:
 * a document that changes often is written once. */
#define PENDING_EVENTS 8192
#define PENDING_US     50000
/* The same for who is far behind: nobody waits for a part of it. But what is committed at once is
 * bounded, since others wait for the writer meanwhile. */
#define FAR_EVENTS       262144
#define FAR_US           1000000
#define FAR_DOCUMENTS    20000
#define FIRST_DOCUMENTS  1000
#define FEWEST_DOCUMENTS 64 /* tell how large they are */
#define UNIT_BYTES       ((size_t)8 << 20)
/* A checkpoint moves past events that were not wanted when it is so far behind. */
#define LAZY_EVENTS    4096
#define KEPT_DOCUMENTS 50000

bool neapi_partition_is_to_rest(const neapi_partition *partition)
{
    const neapi_subscribed *it = partition->build->subscribed;
    return atomic_load(&partition->build->retiring) || atomic_load(&it->paused) ||
           !atomic_load(&it->owned);
}

/* Whether more comes together before it is committed: documents are written once however often they
 * change, while what an event does otherwise is in the unit for itself. */
static bool gathers(const neapi_partition *partition)
{
    return partition->is_far && partition->definition->kind == NEAPI_PROJECTION &&
           !partition->definition->is_sql;
}

bool neapi_partition_is_full(const neapi_lane *lane, const neapi_partition *partition,
                             unsigned times)
{
    unsigned events = gathers(partition) ? FAR_EVENTS : PENDING_EVENTS;
    size_t documents = partition->at_once != 0 ? partition->at_once : FIRST_DOCUMENTS;
    return partition->pending >= times * events || neapi_project_is_full(partition) ||
           (partition->documents != NEAPI_NO_DOCUMENTS &&
            neapi_engine_documents_changed(lane->engine, partition->documents) >=
                times * documents);
}

bool neapi_partition_is_due(const neapi_lane *lane, const neapi_partition *partition)
{
    if (partition->unit != NULL)
        return true;
    if (partition->pending == 0)
        return partition->through >= neapi_count_get(&partition->stored) + LAZY_EVENTS;
    if (partition->definition->kind != NEAPI_PROJECTION)
        return true; /* what it does shows outside; more comes together while this is in flight */
    return partition->at_end || partition->was_careful || neapi_partition_is_to_rest(partition) ||
           neapi_partition_is_full(lane, partition, 1) ||
           neapi_monotonic_us(lane->platform) - partition->pending_since_us >=
               (gathers(partition) ? FAR_US : PENDING_US);
}

/* Adds the checkpoint: whoever has moved it meanwhile has fenced this partition. */
static neap_status add_checkpoint(neapi_partition *partition, neapi_unit *unit)
{
    const neapi_checkpoint checkpoint = {partition->generation, partition->through};
    neapi_buffer_clear(&partition->new_mark);
    neapi_checkpoint_write(&partition->new_mark, &checkpoint);
    if (partition->new_mark.failed)
        return NEAP_NOMEM;
    const neapi_document document = {
        .collection = NEAPI_CHECKPOINTS,
        .key = neapi_text(partition->key.data, partition->key.size),
        .write = NEAPI_DOCUMENT_PUT,
        .expect = NEAPI_DOCUMENT_EQUAL,
        .expected = neapi_text(partition->mark.data, partition->mark.size),
        .data = neapi_text(partition->new_mark.data, partition->new_mark.size)};
    return neapi_unit_document(unit, &document);
}

static neap_status make_unit(neapi_lane *lane, neapi_partition *partition, neapi_unit **made,
                             neap_error *error)
{
    const neapi_buffer *collection = &partition->build->collection;
    neapi_unit *unit = partition->unit;
    partition->unit = NULL;
    if (unit == NULL)
        unit = neapi_unit_new(neapi_uuid_new(&lane->ids, neapi_wall_us(lane->platform)));
    if (unit == NULL)
        return neapi_nomem(error);
    neap_status status = add_checkpoint(partition, unit);
    if (status != NEAP_OK)
        neapi_nomem(error);
    else if (partition->documents != NEAPI_NO_DOCUMENTS)
        status = neapi_engine_documents_save(lane->engine, partition->documents,
                                             neapi_text(collection->data, collection->size), unit,
                                             error);
    else if (partition->sagas != NULL)
        status = neapi_sagas_save(lane, partition, unit, error);
    if (status == NEAP_OK)
        *made = unit;
    else
        neapi_unit_release(unit);
    return status;
}

/* The next unit shall not be larger than it may. */
static void learn_size(neapi_partition *partition)
{
    const neapi_unit *unit = partition->submission.unit;
    if (unit->op_count < FEWEST_DOCUMENTS)
        return;
    size_t documents = UNIT_BYTES / (neapi_unit_bytes(unit) / unit->op_count + 1);
    partition->at_once = documents < FAR_DOCUMENTS ? documents + 1 : FAR_DOCUMENTS;
}

void neapi_partition_submit(neapi_lane *lane, neapi_partition *partition)
{
    neap_status status = make_unit(lane, partition, &partition->submission.unit, &lane->error);
    if (status != NEAP_OK) {
        neapi_partition_cannot_handle_all(lane, partition, partition->through, &lane->error);
        return;
    }
    learn_size(partition);
    partition->submitted = partition->through;
    partition->pending = 0;
    partition->in_flight = true;
    neapi_lane_submit(lane, &partition->submission);
}

static void accepted(neapi_lane *lane, neapi_partition *partition)
{
    neapi_buffer mark = partition->mark;
    partition->mark = partition->new_mark;
    partition->new_mark = mark;
    partition->failures = 0;
    neapi_count_set(&partition->stored, partition->submitted);
    neapi_count_add(&partition->units, 1);
    if (partition->documents != NEAPI_NO_DOCUMENTS)
        neapi_engine_documents_trim(lane->engine, partition->documents, KEPT_DOCUMENTS);
    if (partition->sagas != NULL)
        neapi_sagas_accepted(lane, partition);
}

static void refused(neapi_lane *lane, neapi_partition *partition, const neapi_submission *judged)
{
    const neapi_verdict *verdict = &judged->unit->verdict;
    if (neapi_partition_is_reset(partition)) { /* which has fenced it */
        neapi_partition_begin_again(lane, partition, true);
        return;
    }
    if (partition->sagas != NULL && neapi_sagas_refused(partition, judged->unit)) {
        neapi_partition_begin_again(lane, partition, true);
        return;
    }
    if (judged->failure == NULL && verdict->status == NEAP_CONFLICT &&
        lane->runtime->members != NULL &&
        partition->failures == 0) { /* has another process taken it over? */
        neapi_partition_begin_again(lane, partition, false);
        return;
    }
    if (judged->failure != NULL)
        lane->error = judged->failure->error;
    else if (judged->unit->message.size != 0)
        neapi_project_refused(partition, judged->unit, &lane->error);
    else if (verdict->status == NEAP_CONFLICT)
        neapi_fail(&lane->error, NEAP_CONFLICT, "somebody else has moved the checkpoint %.*s",
                   (int)partition->key.size, partition->key.data);
    else
        neapi_fail(&lane->error, verdict->status, "the store did not take the unit of work: %s",
                   neap_status_name(verdict->status));
    neapi_partition_cannot_handle_all(lane, partition, partition->submitted, &lane->error);
}

void neapi_partition_judged(neapi_lane *lane, neapi_submission *submission)
{
    neapi_partition *partition =
        (void *)((char *)submission - offsetof(neapi_partition, submission));
    partition->in_flight = false;
    if (submission->unit->state == NEAPI_UNIT_ACCEPTED)
        accepted(lane, partition);
    else
        refused(lane, partition, submission);
    neapi_unit_release(submission->unit);
    neapi_failure_release(submission->failure);
    submission->unit = NULL;
    submission->failure = NULL;
    if (partition->again)
        neapi_partition_begin_again(lane, partition, true);
    neapi_partition_update_reached(lane, partition);
}
