#include "runtime/writer.h"

#include "base/alloc.h"
#include "base/error.h"

#define BATCH_UNITS                 4096
#define BATCH_BYTES                 (16u << 20)
#define BATCHES_BETWEEN_MAINTENANCE 64
#define RESOLVE_FIRST_US            5000
#define RESOLVE_LONGEST_US          500000
#define RESOLVE_PATIENCE_US         10000000

neap_status neapi_writer_init(neapi_writer *writer, const neapi_platform *platform,
                              const neapi_report *report, neapi_session *session, neap_error *error)
{
    *writer = (neapi_writer){.platform = platform, .report = report, .session = session};
    writer->batch = neapi_alloc(BATCH_UNITS * sizeof *writer->batch);
    writer->unresolved = neapi_alloc(BATCH_UNITS * sizeof *writer->unresolved);
    if (writer->batch == NULL || writer->unresolved == NULL || !neapi_gate_init(&writer->work))
        goto nomem;
    if (pthread_mutex_init(&writer->mutex, NULL) == 0)
        return NEAP_OK;
    neapi_gate_fini(&writer->work);
nomem:
    neapi_free(writer->batch);
    neapi_free(writer->unresolved);
    neapi_session_close(session);
    return neapi_nomem(error);
}

void neapi_writer_fini(neapi_writer *writer)
{
    for (size_t i = 0; i < writer->unresolved_count; i++)
        neapi_unit_release(writer->unresolved[i]);
    neapi_session_close(writer->session);
    pthread_mutex_destroy(&writer->mutex);
    neapi_gate_fini(&writer->work);
    neapi_free(writer->batch);
    neapi_free(writer->unresolved);
}

void neapi_writer_push(neapi_writer *writer, neapi_submission_list *list)
{
    pthread_mutex_lock(&writer->mutex);
    neapi_submission_list_join(&writer->queue, list);
    pthread_mutex_unlock(&writer->mutex);
    neapi_wake(writer->platform, &writer->work);
}

bool neapi_writer_has_work(neapi_writer *writer)
{
    pthread_mutex_lock(&writer->mutex);
    bool work = writer->queue.first != NULL;
    pthread_mutex_unlock(&writer->mutex);
    return work;
}

/* Takes as many as one transaction shall have. */
static neapi_submission_list take_batch(neapi_writer *writer)
{
    neapi_submission_list taken = {0};
    size_t bytes = 0;
    writer->batch_count = 0;
    pthread_mutex_lock(&writer->mutex);
    while (writer->queue.first != NULL && writer->batch_count < BATCH_UNITS &&
           bytes < BATCH_BYTES) {
        neapi_submission *submission = neapi_submission_list_pop(&writer->queue);
        neapi_submission_list_push(&taken, submission);
        writer->batch[writer->batch_count++] = submission->unit;
        bytes += submission->unit->arena.total;
    }
    pthread_mutex_unlock(&writer->mutex);
    return taken;
}

static bool is_hurried(neapi_writer *writer)
{
    pthread_mutex_lock(&writer->mutex);
    bool hurried = writer->hurried;
    pthread_mutex_unlock(&writer->mutex);
    return hurried;
}

/* Asks the store until it knows, the patience is over, or the runtime closes. */
static neap_status resolve(neapi_writer *writer, bool *durable, neap_error *error)
{
    int64_t give_up = neapi_monotonic_us(writer->platform) + RESOLVE_PATIENCE_US;
    for (int64_t pause = RESOLVE_FIRST_US;;
         pause = pause < RESOLVE_LONGEST_US ? 2 * pause : pause) {
        neap_status status =
            neapi_resolve(writer->session, writer->batch, writer->batch_count, durable, error);
        int64_t now = neapi_monotonic_us(writer->platform);
        if (status == NEAP_OK || now >= give_up || is_hurried(writer))
            return status;
        neapi_report_text(writer->report, NEAP_LOG_WARN,
                          "a commit's outcome is unknown; asking again: %s", error->message);
        unsigned seen = neapi_gate_seen(&writer->work);
        neapi_park(writer->platform, &writer->work, seen, now + pause);
    }
}

static void keep_unresolved(neapi_writer *writer)
{
    for (size_t i = 0; i < writer->batch_count; i++)
        writer->unresolved[i] = neapi_unit_hold(writer->batch[i]);
    writer->unresolved_count = writer->batch_count;
}

/* One more question about the batch that is still open. */
static neap_status settle_unresolved(neapi_writer *writer, neap_error *error)
{
    if (writer->unresolved_count == 0)
        return NEAP_OK;
    bool durable;
    neap_status status = neapi_resolve(writer->session, writer->unresolved,
                                       writer->unresolved_count, &durable, error);
    if (status != NEAP_OK) {
        neapi_error_prefix(error, "an earlier commit's outcome is still unknown");
        return neapi_error_as(error, NEAP_UNAVAILABLE);
    }
    neapi_report_text(writer->report, NEAP_LOG_WARN, "the commit whose outcome was unknown %s",
                      durable ? "is durable" : "did not happen");
    for (size_t i = 0; i < writer->unresolved_count; i++)
        neapi_unit_release(writer->unresolved[i]);
    writer->unresolved_count = 0;
    return NEAP_OK;
}

static neap_status commit(neapi_writer *writer, neap_error *error)
{
    neap_status status = settle_unresolved(writer, error);
    if (status != NEAP_OK)
        return status;
    neapi_outcome outcome = NEAPI_OUTCOME_NONE;
    status = neapi_commit(writer->session, writer->batch, writer->batch_count,
                          neapi_wall_us(writer->platform), &outcome, error);
    if (status == NEAP_OK || outcome == NEAPI_OUTCOME_NONE)
        return status;
    neap_error reason;
    bool durable = false;
    if (resolve(writer, &durable, &reason) != NEAP_OK) {
        error->outcome_unknown = true;
        keep_unresolved(writer);
        return status;
    }
    return durable ? NEAP_OK : status;
}

/* Units that the front had refused on their own keep their verdict. */
static void fail_batch(neapi_writer *writer, neapi_submission_list *batch, const neap_error *error)
{
    neapi_failure *failure = neapi_alloc(sizeof *failure);
    if (failure != NULL) {
        atomic_init(&failure->references, 1);
        failure->error = *error;
    }
    for (neapi_submission *submission = batch->first; submission != NULL;
         submission = submission->next) {
        neapi_unit *unit = submission->unit;
        if (unit->state == NEAPI_UNIT_REFUSED)
            continue;
        neapi_unit_refuse(unit, error->status, 0, 0);
        if (error->outcome_unknown)
            unit->state = NEAPI_UNIT_UNKNOWN;
        if (failure != NULL) {
            atomic_fetch_add(&failure->references, 1);
            submission->failure = failure;
        }
    }
    neapi_failure_release(failure);
    neapi_report_text(writer->report, NEAP_LOG_ERROR, "a batch of %zu units failed: %s",
                      writer->batch_count, error->message);
}

/* Hands each run of submissions that go to the same mailbox over at once. */
static void give_back(neapi_submission_list *batch)
{
    neapi_submission_list run = {0};
    for (neapi_submission *submission = batch->first, *next; submission != NULL;
         submission = next) {
        next = submission->next;
        neapi_submission_list_push(&run, submission);
        if (next == NULL || next->answer_to != submission->answer_to)
            neapi_mailbox_judged(submission->answer_to, &run);
    }
}

static bool maintain(neapi_writer *writer)
{
    writer->since_maintenance = 0;
    bool more = false;
    neap_error error;
    if (neapi_maintain(writer->session, neapi_wall_us(writer->platform), &more, &error) !=
        NEAP_OK) {
        neapi_report_text(writer->report, NEAP_LOG_WARN, "the store's housekeeping failed: %s",
                          error.message);
        return false;
    }
    return more;
}

bool neapi_writer_step(neapi_writer *writer)
{
    neapi_submission_list batch = take_batch(writer);
    if (writer->batch_count == 0)
        return maintain(writer);
    neap_error error;
    if (commit(writer, &error) != NEAP_OK)
        fail_batch(writer, &batch, &error);
    give_back(&batch);
    if (++writer->since_maintenance >= BATCHES_BETWEEN_MAINTENANCE)
        maintain(writer);
    return true;
}

static void *run(void *argument)
{
    neapi_writer *writer = argument;
    neapi_thread_is_runtimes();
    for (;;) {
        unsigned seen = neapi_gate_seen(&writer->work);
        pthread_mutex_lock(&writer->mutex);
        bool done = writer->stopping && writer->queue.first == NULL;
        pthread_mutex_unlock(&writer->mutex);
        if (done)
            return NULL;
        if (neapi_writer_step(writer))
            continue;
        neapi_park(writer->platform, &writer->work, seen, NEAPI_NO_DEADLINE);
    }
}

neap_status neapi_writer_start(neapi_writer *writer, neap_error *error)
{
    neap_status status = neapi_thread_start(&writer->thread, run, writer, error);
    writer->running = status == NEAP_OK;
    return status;
}

static void set(neapi_writer *writer, bool *flag)
{
    pthread_mutex_lock(&writer->mutex);
    *flag = true;
    pthread_mutex_unlock(&writer->mutex);
    neapi_wake(writer->platform, &writer->work);
}

void neapi_writer_hurry(neapi_writer *writer)
{
    set(writer, &writer->hurried);
}

void neapi_writer_stop(neapi_writer *writer)
{
    if (!writer->running)
        return;
    set(writer, &writer->stopping);
    pthread_join(writer->thread, NULL);
    writer->running = false;
}
