#include "runtime/mailbox.h"

#include "base/error.h"

bool neapi_mailbox_init(neapi_mailbox *mailbox, const neapi_platform *platform, unsigned capacity)
{
    *mailbox = (neapi_mailbox){.platform = platform, .capacity = capacity};
    if (!neapi_gate_init(&mailbox->work))
        return false;
    if (!neapi_gate_init(&mailbox->room)) {
        neapi_gate_fini(&mailbox->work);
        return false;
    }
    if (pthread_mutex_init(&mailbox->mutex, NULL) != 0) {
        neapi_gate_fini(&mailbox->work);
        neapi_gate_fini(&mailbox->room);
        return false;
    }
    return true;
}

void neapi_mailbox_fini(neapi_mailbox *mailbox)
{
    pthread_mutex_destroy(&mailbox->mutex);
    neapi_gate_fini(&mailbox->work);
    neapi_gate_fini(&mailbox->room);
}

/* A barrier goes in even if the box is full or refuses requests. */
static neap_status try_push(neapi_mailbox *mailbox, neapi_request *request, bool even_if_full)
{
    neap_status status = NEAP_OK;
    pthread_mutex_lock(&mailbox->mutex);
    if (mailbox->closed || (mailbox->refusing && !even_if_full)) {
        status = NEAP_CLOSED;
    } else if (mailbox->waiting >= mailbox->capacity && !even_if_full) {
        mailbox->missed = true;
        status = NEAP_BUSY;
    } else {
        neapi_request_list_push(&mailbox->requests, request);
        mailbox->waiting++;
    }
    pthread_mutex_unlock(&mailbox->mutex);
    if (status == NEAP_OK)
        neapi_wake(mailbox->platform, &mailbox->work);
    return status;
}

static neap_status closed(neap_error *error)
{
    return neapi_fail(error, NEAP_CLOSED, "the runtime is closing");
}

neap_status neapi_mailbox_push(neapi_mailbox *mailbox, neapi_request *request, int64_t deadline_us,
                               neap_error *error)
{
    for (;;) {
        unsigned seen = neapi_gate_seen(&mailbox->room);
        neap_status status = try_push(mailbox, request, false);
        if (status == NEAP_OK)
            return NEAP_OK;
        if (status == NEAP_CLOSED)
            return closed(error);
        if (deadline_us == 0)
            return neapi_fail(error, NEAP_BUSY, "the queue is full: %u messages wait",
                              mailbox->capacity);
        if (neapi_monotonic_us(mailbox->platform) >= deadline_us)
            return neapi_fail(error, NEAP_TIMEOUT,
                              "no room in the queue in time: %u messages wait; nothing was done",
                              mailbox->capacity);
        neapi_park(mailbox->platform, &mailbox->room, seen, deadline_us);
    }
}

neap_status neapi_mailbox_push_barrier(neapi_mailbox *mailbox, neapi_request *barrier,
                                       neap_error *error)
{
    return try_push(mailbox, barrier, true) == NEAP_OK ? NEAP_OK : closed(error);
}

void neapi_mailbox_judged(neapi_mailbox *mailbox, neapi_submission_list *list)
{
    if (list->first == NULL)
        return;
    pthread_mutex_lock(&mailbox->mutex);
    neapi_submission_list_join(&mailbox->judged, list);
    pthread_mutex_unlock(&mailbox->mutex);
    neapi_wake(mailbox->platform, &mailbox->work);
}

void neapi_mailbox_take(neapi_mailbox *mailbox, neapi_request_list *requests,
                        neapi_submission_list *judged)
{
    pthread_mutex_lock(&mailbox->mutex);
    neapi_submission_list_join(judged, &mailbox->judged);
    neapi_request_list_join(requests, &mailbox->requests);
    pthread_mutex_unlock(&mailbox->mutex);
}

/* Who waits for room is woken when there is plenty, not for every single place. */
void neapi_mailbox_begun(neapi_mailbox *mailbox, unsigned count)
{
    pthread_mutex_lock(&mailbox->mutex);
    mailbox->waiting -= count;
    bool plenty = mailbox->missed && mailbox->waiting <= mailbox->capacity / 2;
    if (plenty)
        mailbox->missed = false;
    pthread_mutex_unlock(&mailbox->mutex);
    if (plenty)
        neapi_wake(mailbox->platform, &mailbox->room);
}

static void stop(neapi_mailbox *mailbox, bool *how)
{
    pthread_mutex_lock(&mailbox->mutex);
    *how = true;
    pthread_mutex_unlock(&mailbox->mutex);
    neapi_wake(mailbox->platform, &mailbox->work);
    neapi_wake(mailbox->platform, &mailbox->room);
}

void neapi_mailbox_refuse(neapi_mailbox *mailbox)
{
    stop(mailbox, &mailbox->refusing);
}

void neapi_mailbox_close(neapi_mailbox *mailbox)
{
    stop(mailbox, &mailbox->closed);
}
