#include "runtime/writer.h"

#include "base/alloc.h"
#include "base/error.h"
#include "runtime/queue.h"

#define BATCH_UNITS                 4096
#define BATCH_BYTES                 (16u << 20)
#define BATCHES_BETWEEN_MAINTENANCE 64
/* The store is looked after when nothing was committed for so long. */
#define QUIET_US            100000
#define RESOLVE_FIRST_US    5000
#define RESOLVE_LONGEST_US  500000
#define RESOLVE_PATIENCE_US 10000000

neap_status neapi_writer_init(neapi_writer *writer, const neapi_platform *platform,
                              const neapi_report *report, neapi_session *session, neap_error *error)
{
    *writer = (neapi_writer){.platform = platform, .report = report, .session = session};
    writer->batch = neapi_alloc(BATCH_UNITS * sizeof *writer->batch);
    writer->unresolved = neapi_alloc(BATCH_UNITS * sizeof *writer->unresolved);
    writer->metrics = neapi_alloc_zero(1, sizeof *writer->metrics);
    atomic_init(&writer->driven, false);
    atomic_init(&writer->left, false);
    atomic_init(&writer->commits, 0);
    atomic_init(&writer->untidy, true);
    atomic_init(&writer->is_open, false);
    atomic_init(&writer->hurried, false);
    atomic_init(&writer->stopping, false);
    if (writer->batch != NULL && writer->unresolved != NULL && writer->metrics != NULL &&
        neapi_inbox_init(&writer->inbox, platform)) {
        writer->metrics->calls.platform = platform;
        neapi_session_count_calls(session, &writer->metrics->calls);
        return NEAP_OK;
    }
    neapi_free(writer->batch);
    neapi_free(writer->unresolved);
    neapi_session_close(session);
    neapi_free(writer->metrics);
    return neapi_nomem(error);
}

void neapi_writer_fini(neapi_writer *writer)
{
    for (size_t i = 0; i < writer->unresolved_count; i++)
        neapi_unit_release(writer->unresolved[i]);
    neapi_session_close(writer->session);
    neapi_inbox_fini(&writer->inbox);
    neapi_free(writer->batch);
    neapi_free(writer->unresolved);
    neapi_free(writer->metrics);
}

void neapi_writer_push(neapi_writer *writer, neapi_mail_list *list)
{
    neapi_inbox_push_quietly(&writer->inbox, list);
}

bool neapi_writer_has_work(const neapi_writer *writer)
{
    return atomic_load(&writer->left) || neapi_inbox_has_mail(&writer->inbox) ||
           atomic_load(&writer->is_open);
}

/* Who commits looks for more before he leaves. */
void neapi_writer_rouse(neapi_writer *writer)
{
    if (!atomic_load(&writer->driven))
        neapi_inbox_rouse(&writer->inbox);
}

static bool take_right(neapi_writer *writer)
{
    return !atomic_load(&writer->driven) && !atomic_exchange(&writer->driven, true);
}

bool neapi_writer_try(neapi_writer *writer)
{
    if (atomic_load(&writer->is_open) || !take_right(writer))
        return false;
    if (!atomic_load(&writer->is_open))
        return true;
    neapi_writer_leave(writer);
    return false;
}

void neapi_writer_leave(neapi_writer *writer)
{
    atomic_store(&writer->driven, false);
    if (atomic_load(&writer->left) || atomic_load(&writer->is_open))
        neapi_inbox_nudge(&writer->inbox); /* what is no mail keeps nobody awake */
    else if (neapi_inbox_has_mail(&writer->inbox))
        neapi_inbox_rouse(&writer->inbox);
}

/* Takes as many as one transaction shall have. */
static neapi_mail_list take_batch(neapi_writer *writer)
{
    neapi_mail_list taken = {0};
    size_t bytes = 0;
    writer->batch_count = 0;
    neapi_inbox_take(&writer->inbox, &writer->queue);
    while (writer->queue.first != NULL && writer->batch_count < BATCH_UNITS &&
           bytes < BATCH_BYTES) {
        neapi_mail *mail = neapi_mail_pop(&writer->queue);
        neapi_unit *unit = neapi_submission_of(mail)->unit;
        neapi_mail_push(&taken, mail);
        writer->batch[writer->batch_count++] = unit;
        bytes += unit->arena.total;
    }
    atomic_store(&writer->left, writer->queue.first != NULL);
    return taken;
}

/* Asks the store until it knows, the patience is over, or the runtime closes. */
static neap_status resolve(neapi_writer *writer, bool *durable, neap_error *error)
{
    int64_t give_up = neapi_monotonic_us(writer->platform) + RESOLVE_PATIENCE_US;
    for (int64_t pause = RESOLVE_FIRST_US;;
         pause = pause < RESOLVE_LONGEST_US ? 2 * pause : pause) {
        unsigned seen = neapi_inbox_seen(&writer->inbox);
        neap_status status =
            neapi_resolve(writer->session, writer->batch, writer->batch_count, durable, error);
        int64_t now = neapi_monotonic_us(writer->platform);
        if (status == NEAP_OK || now >= give_up || atomic_load(&writer->hurried))
            return status;
        neapi_report_text(writer->report, NEAP_LOG_WARN,
                          "a commit's outcome is unknown; asking again: %s", error->message);
        neapi_park(writer->platform, &writer->inbox.work, seen, now + pause);
    }
}

static void keep_unresolved(neapi_writer *writer)
{
    for (size_t i = 0; i < writer->batch_count; i++)
        writer->unresolved[i] = neapi_unit_hold(writer->batch[i]);
    writer->unresolved_count = writer->batch_count;
}

/* Before anybody is answered, so that who waits for what is due waits for that, too. */
static void tell_queue(const neapi_writer *writer, neapi_unit *const *units, size_t count)
{
    int64_t due_us = INT64_MAX;
    for (size_t i = 0; i < count; i++)
        if (units[i]->due_us != 0 && units[i]->due_us < due_us &&
            units[i]->state != NEAPI_UNIT_REFUSED)
            due_us = units[i]->due_us;
    if (due_us != INT64_MAX && writer->told != NULL)
        neapi_queue_tell(writer->told, due_us);
}

static void publish(neapi_writer *writer, neapi_unit *const *units, size_t count)
{
    tell_queue(writer, units, count);
    if (writer->hub != NULL)
        neapi_hub_publish(writer->hub, units, count);
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
    if (durable)
        publish(writer, writer->unresolved, writer->unresolved_count);
    if (durable && writer->hub != NULL)
        neapi_hub_wake(writer->hub);
    for (size_t i = 0; i < writer->unresolved_count; i++)
        neapi_unit_release(writer->unresolved[i]);
    writer->unresolved_count = 0;
    return NEAP_OK;
}

static neap_status commit(neapi_writer *writer, neapi_outcome *outcome, neap_error *error)
{
    *outcome = NEAPI_OUTCOME_NONE;
    neap_status status = settle_unresolved(writer, error);
    if (status != NEAP_OK)
        return status;
    return neapi_commit(writer->session, writer->batch, writer->batch_count,
                        neapi_wall_us(writer->platform), outcome, error);
}

/* Units that the front had refused on their own keep their verdict. */
static void fail_batch(neapi_writer *writer, neapi_mail_list *batch, const neap_error *error)
{
    neapi_failure *failure = neapi_alloc(sizeof *failure);
    if (failure != NULL) {
        atomic_init(&failure->references, 1);
        failure->error = *error;
    }
    for (neapi_mail *mail = batch->first; mail != NULL; mail = mail->next) {
        neapi_submission *submission = neapi_submission_of(mail);
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

/* Hands each run of submissions that go to the same mailbox over at once. A lane does not end while
 * a unit of its is here. */
static void give_back(neapi_mail_list *batch)
{
    neapi_mail_list run = {0};
    for (neapi_mail *mail; (mail = neapi_mail_pop(batch)) != NULL;) {
        struct neapi_mailbox *to = neapi_submission_of(mail)->answer_to;
        neapi_mail *next = batch->first;
        neapi_mail_push(&run, mail);
        if (next == NULL || neapi_submission_of(next)->answer_to != to)
            neapi_inbox_push(&to->inbox, &run);
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

/* The hub has the events before anybody has a receipt, so that who has one finds them there. But
 * who waits for them is woken behind that: replies do not wait for it. */
static void done(neapi_writer *writer, neapi_mail_list *batch, bool committed)
{
    if (committed)
        publish(writer, writer->batch, writer->batch_count);
    give_back(batch);
    if (writer->hub != NULL)
        neapi_hub_wake(writer->hub);
    atomic_fetch_add(&writer->commits, 1);
    if (!atomic_load(&writer->untidy) && !atomic_exchange(&writer->untidy, true))
        neapi_inbox_nudge(&writer->inbox);
}

/* Finds out what became of the open batch. */
static void settle(neapi_writer *writer)
{
    neap_error reason;
    bool durable = false;
    if (resolve(writer, &durable, &reason) != NEAP_OK) {
        writer->open_error.outcome_unknown = true;
        keep_unresolved(writer);
    }
    neapi_metrics_batch(writer->metrics, writer->batch, writer->batch_count,
                        durable ? NULL : &writer->open_error);
    if (!durable)
        fail_batch(writer, &writer->open, &writer->open_error);
    atomic_store(&writer->is_open, false);
    done(writer, &writer->open, durable);
}

bool neapi_writer_step(neapi_writer *writer)
{
    if (atomic_load(&writer->is_open)) {
        settle(writer);
        return true;
    }
    neapi_mail_list batch = take_batch(writer);
    if (writer->batch_count == 0)
        return maintain(writer);
    neapi_outcome outcome;
    neap_status status = commit(writer, &outcome, &writer->open_error);
    if (status != NEAP_OK && outcome == NEAPI_OUTCOME_UNKNOWN) {
        writer->open = batch;
        atomic_store(&writer->is_open, true);
        return true;
    }
    neapi_metrics_batch(writer->metrics, writer->batch, writer->batch_count,
                        status == NEAP_OK ? NULL : &writer->open_error);
    if (status != NEAP_OK)
        fail_batch(writer, &batch, &writer->open_error);
    done(writer, &batch, status == NEAP_OK);
    if (++writer->since_maintenance >= BATCHES_BETWEEN_MAINTENANCE)
        maintain(writer);
    return true;
}

/* If nobody has committed since the last time it is a good moment to look after the store. */
static void tidy_up(neapi_writer *writer, unsigned *known)
{
    unsigned commits = atomic_load(&writer->commits);
    bool quiet = commits == *known, more = true;
    neap_error error;
    *known = commits;
    if (quiet && settle_unresolved(writer, &error) != NEAP_OK)
        return; /* it stays untidy: asked again after the next quiet while */
    while (quiet && more && !neapi_writer_has_work(writer))
        more = maintain(writer);
    if (quiet && !more)
        atomic_store(&writer->untidy, false);
}

/* Waits for work; while the store is untidy, for so long that it may be quiet. */
static void rest(neapi_writer *writer, unsigned seen, unsigned *known)
{
    bool untidy = atomic_load(&writer->untidy);
    int64_t until = untidy ? neapi_monotonic_us(writer->platform) + QUIET_US : NEAPI_NO_DEADLINE;
    neapi_inbox_stand_by(&writer->inbox, seen, &writer->driven, until);
    if (untidy && neapi_monotonic_us(writer->platform) >= until && take_right(writer)) {
        tidy_up(writer, known);
        neapi_writer_leave(writer);
    }
}

static void *run(void *argument)
{
    neapi_writer *writer = argument;
    unsigned known = 0; /* how many commits there were when it was looked last */
    neapi_thread_is_runtimes();
    for (;;) {
        unsigned seen = neapi_inbox_seen(&writer->inbox);
        if (neapi_writer_has_work(writer) && take_right(writer)) {
            neapi_writer_step(writer);
            neapi_writer_leave(writer);
        } else if (atomic_load(&writer->stopping) && !neapi_writer_has_work(writer)) {
            return NULL;
        } else {
            rest(writer, seen, &known);
        }
    }
}

neap_status neapi_writer_start(neapi_writer *writer, neap_error *error)
{
    neap_status status = neapi_thread_start(&writer->thread, run, writer, error);
    writer->running = status == NEAP_OK;
    return status;
}

void neapi_writer_hurry(neapi_writer *writer)
{
    atomic_store(&writer->hurried, true);
    neapi_inbox_nudge(&writer->inbox);
}

void neapi_writer_stop(neapi_writer *writer)
{
    if (!writer->running)
        return;
    atomic_store(&writer->stopping, true);
    neapi_inbox_nudge(&writer->inbox);
    pthread_join(writer->thread, NULL);
    writer->running = false;
}
