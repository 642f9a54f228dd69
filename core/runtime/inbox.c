#include "runtime/inbox.h"

#include <stddef.h>

/* What a closed box has on top. */
static neapi_mail closed;

void neapi_mail_push(neapi_mail_list *list, neapi_mail *mail)
{
    mail->next = NULL;
    if (list->first == NULL)
        list->first = mail;
    else
        list->last->next = mail;
    list->last = mail;
}

neapi_mail *neapi_mail_pop(neapi_mail_list *list)
{
    neapi_mail *mail = list->first;
    if (mail != NULL)
        list->first = mail->next;
    return mail;
}

void neapi_mail_join(neapi_mail_list *to, neapi_mail_list *from)
{
    if (from->first == NULL)
        return;
    if (to->first == NULL)
        to->first = from->first;
    else
        to->last->next = from->first;
    to->last = from->last;
    *from = (neapi_mail_list){0};
}

bool neapi_inbox_init(neapi_inbox *inbox, const neapi_platform *platform)
{
    inbox->platform = platform;
    atomic_init(&inbox->newest, NULL);
    atomic_init(&inbox->drowsy, false);
    return neapi_gate_init(&inbox->work);
}

void neapi_inbox_fini(neapi_inbox *inbox)
{
    neapi_gate_fini(&inbox->work);
}

/* The other way round; *last is then the one that was first. */
static neapi_mail *reverse(neapi_mail *mail, neapi_mail **last)
{
    neapi_mail *reversed = NULL;
    *last = mail;
    while (mail != NULL) {
        neapi_mail *next = mail->next;
        mail->next = reversed;
        reversed = mail;
        mail = next;
    }
    return reversed;
}

/* *was_empty: there was no mail before. */
static bool push(neapi_inbox *inbox, neapi_mail_list *list, bool *was_empty)
{
    neapi_mail *oldest, *newest = list->first;
    neapi_mail *top = atomic_load(&inbox->newest);
    *was_empty = false;
    if (newest == NULL)
        return true;
    if (top == &closed)
        return false;
    newest = reverse(newest, &oldest);
    do {
        if (top == &closed) {
            list->first = reverse(newest, &list->last);
            return false;
        }
        oldest->next = top;
    } while (!atomic_compare_exchange_weak(&inbox->newest, &top, newest));
    *was_empty = top == NULL;
    *list = (neapi_mail_list){0};
    return true;
}

bool neapi_inbox_push(neapi_inbox *inbox, neapi_mail_list *list)
{
    bool was_empty;
    if (!push(inbox, list, &was_empty))
        return false;
    if (was_empty) /* else whoever came first has woken the worker, or it does not sleep */
        neapi_inbox_rouse(inbox);
    return true;
}

bool neapi_inbox_push_quietly(neapi_inbox *inbox, neapi_mail_list *list)
{
    bool was_empty;
    return push(inbox, list, &was_empty);
}

void neapi_inbox_rouse(neapi_inbox *inbox)
{
    if (atomic_load(&inbox->drowsy))
        neapi_wake(inbox->platform, &inbox->work);
}

void neapi_inbox_nudge(neapi_inbox *inbox)
{
    neapi_wake(inbox->platform, &inbox->work);
}

bool neapi_inbox_has_mail(const neapi_inbox *inbox)
{
    neapi_mail *newest = atomic_load(&inbox->newest);
    return newest != NULL && newest != &closed;
}

void neapi_inbox_take(neapi_inbox *inbox, neapi_mail_list *list)
{
    if (!neapi_inbox_has_mail(inbox))
        return;
    neapi_mail_list taken;
    taken.first = reverse(atomic_exchange(&inbox->newest, NULL), &taken.last);
    neapi_mail_join(list, &taken);
}

void neapi_inbox_stand_by(neapi_inbox *inbox, unsigned seen, const atomic_bool *instead,
                          int64_t deadline_us)
{
    atomic_store(&inbox->drowsy, true);
    if (atomic_load(instead) || !neapi_inbox_has_mail(inbox))
        neapi_park(inbox->platform, &inbox->work, seen, deadline_us);
    atomic_store(&inbox->drowsy, false);
}

void neapi_inbox_wait(neapi_inbox *inbox, unsigned seen, int64_t deadline_us)
{
    static const atomic_bool nobody = false;
    neapi_inbox_stand_by(inbox, seen, &nobody, deadline_us);
}

void neapi_inbox_attend(neapi_inbox *inbox)
{
    atomic_store(&inbox->drowsy, false);
}

void neapi_inbox_leave(neapi_inbox *inbox)
{
    atomic_store(&inbox->drowsy, true); /* it may be awake: it is woken for nothing at most */
}

bool neapi_inbox_close(neapi_inbox *inbox)
{
    neapi_mail *none = NULL;
    return atomic_compare_exchange_strong(&inbox->newest, &none, &closed) || none == &closed;
}
