#include "runtime/mailbox.h"

#include "base/alloc.h"
#include "base/error.h"

neapi_mailbox *neapi_mailbox_new(const neapi_platform *platform, unsigned capacity)
{
    neapi_mailbox *made = neapi_alloc_zero(1, sizeof *made);
    if (made == NULL)
        return NULL;
    made->capacity = capacity;
    atomic_init(&made->waiting, 0);
    atomic_init(&made->missed, false);
    atomic_init(&made->admission, NEAPI_ADMITS_ALL);
    if (neapi_inbox_init(&made->inbox, platform)) {
        if (neapi_gate_init(&made->room))
            return made;
        neapi_inbox_fini(&made->inbox);
    }
    neapi_free(made);
    return NULL;
}

void neapi_mailbox_free(neapi_mailbox *mailbox)
{
    neapi_inbox_fini(&mailbox->inbox);
    neapi_gate_fini(&mailbox->room);
    neapi_free(mailbox);
}

static bool post(neapi_mailbox *mailbox, neapi_mail_kind kind, neapi_mail *mail, bool quietly)
{
    neapi_mail_list one = {0};
    mail->kind = kind;
    neapi_mail_push(&one, mail);
    return quietly ? neapi_inbox_push_quietly(&mailbox->inbox, &one)
                   : neapi_inbox_push(&mailbox->inbox, &one);
}

bool neapi_mailbox_send(neapi_mailbox *mailbox, neapi_mail_kind kind, neapi_mail *mail)
{
    return post(mailbox, kind, mail, false);
}

/* Takes one of the places. */
static bool enter(neapi_mailbox *mailbox)
{
    if (atomic_fetch_add(&mailbox->waiting, 1) < mailbox->capacity)
        return true;
    atomic_fetch_sub(&mailbox->waiting, 1);
    return false;
}

/* A place may have become free before anybody could see that one is missed: hence the second try.
 */
static neap_status try_push(neapi_mailbox *mailbox, neapi_request *request, bool quietly)
{
    if (atomic_load(&mailbox->admission) != NEAPI_ADMITS_ALL)
        return NEAP_CLOSED;
    if (!enter(mailbox)) {
        atomic_store(&mailbox->missed, true);
        if (!enter(mailbox))
            return NEAP_BUSY;
    }
    if (post(mailbox, NEAPI_MAIL_REQUEST, &request->mail, quietly))
        return NEAP_OK;
    atomic_fetch_sub(&mailbox->waiting, 1);
    return NEAP_CLOSED;
}

static neap_status closed(neap_error *error)
{
    return neapi_fail(error, NEAP_CLOSED, "the runtime is closing");
}

static neap_status full(const neapi_mailbox *mailbox, neap_error *error)
{
    return neapi_fail(error, NEAP_BUSY, "the queue is full: %u messages wait", mailbox->capacity);
}

neap_status neapi_mailbox_push(neapi_mailbox *mailbox, neapi_request *request, int64_t deadline_us,
                               neap_error *error)
{
    const neapi_platform *platform = mailbox->inbox.platform;
    for (;;) {
        unsigned seen = neapi_gate_seen(&mailbox->room);
        neap_status status = try_push(mailbox, request, false);
        if (status == NEAP_OK)
            return NEAP_OK;
        if (status == NEAP_CLOSED)
            return closed(error);
        if (deadline_us == 0)
            return full(mailbox, error);
        if (neapi_monotonic_us(platform) >= deadline_us)
            return neapi_fail(error, NEAP_TIMEOUT,
                              "no room in the queue in time: %u messages wait; nothing was done",
                              mailbox->capacity);
        neapi_park(platform, &mailbox->room, seen, deadline_us);
    }
}

neap_status neapi_mailbox_push_quietly(neapi_mailbox *mailbox, neapi_request *request,
                                       neap_error *error)
{
    neap_status status = try_push(mailbox, request, true);
    return status == NEAP_OK ? NEAP_OK : status == NEAP_BUSY ? full(mailbox, error) : closed(error);
}

neap_status neapi_mailbox_push_barrier(neapi_mailbox *mailbox, neapi_request *barrier,
                                       neap_error *error)
{
    if (atomic_load(&mailbox->admission) == NEAPI_ADMITS_NOTHING)
        return closed(error);
    atomic_fetch_add(&mailbox->waiting, 1);
    if (neapi_mailbox_send(mailbox, NEAPI_MAIL_REQUEST, &barrier->mail))
        return NEAP_OK;
    atomic_fetch_sub(&mailbox->waiting, 1);
    return closed(error);
}

/* Who waits for room is woken when there is plenty, not for every single place. */
void neapi_mailbox_begun(neapi_mailbox *mailbox, unsigned count)
{
    unsigned left = atomic_fetch_sub(&mailbox->waiting, count) - count;
    if (left <= mailbox->capacity / 2 && atomic_load(&mailbox->missed) &&
        atomic_exchange(&mailbox->missed, false))
        neapi_wake(mailbox->inbox.platform, &mailbox->room);
}

unsigned neapi_mailbox_waiting(const neapi_mailbox *mailbox)
{
    return atomic_load(&mailbox->waiting);
}

void neapi_mailbox_admit(neapi_mailbox *mailbox, neapi_admission admission)
{
    atomic_store(&mailbox->admission, admission);
    neapi_inbox_nudge(&mailbox->inbox);
    neapi_wake(mailbox->inbox.platform, &mailbox->room);
}
