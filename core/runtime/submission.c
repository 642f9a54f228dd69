#include "runtime/submission.h"

#include "base/alloc.h"

void neapi_failure_release(neapi_failure *failure)
{
    if (failure != NULL && atomic_fetch_sub(&failure->references, 1) == 1)
        neapi_free(failure);
}

void neapi_submission_list_push(neapi_submission_list *list, neapi_submission *submission)
{
    submission->next = NULL;
    if (list->first == NULL)
        list->first = submission;
    else
        list->last->next = submission;
    list->last = submission;
}

void neapi_submission_list_join(neapi_submission_list *to, neapi_submission_list *from)
{
    if (from->first == NULL)
        return;
    if (to->first == NULL)
        to->first = from->first;
    else
        to->last->next = from->first;
    to->last = from->last;
    *from = (neapi_submission_list){0};
}

neapi_submission *neapi_submission_list_pop(neapi_submission_list *list)
{
    neapi_submission *submission = list->first;
    if (submission != NULL)
        list->first = submission->next;
    return submission;
}
