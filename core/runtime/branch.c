#include "runtime/branch.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "message/json.h"

neapi_branch *neapi_branch_new(const char *answers)
{
    neapi_branch *made = neapi_alloc_zero(1, sizeof *made);
    if (made == NULL)
        return NULL;
    if (answers != NULL)
        made->answers = neapi_alloc_text(answers, strlen(answers));
    if ((answers != NULL && made->answers == NULL) || pthread_mutex_init(&made->mutex, NULL) != 0) {
        neapi_free(made->answers);
        neapi_free(made);
        return NULL;
    }
    atomic_init(&made->now_us, 0);
    return made;
}

void neapi_branch_free(neapi_branch *branch)
{
    if (branch == NULL)
        return;
    pthread_mutex_destroy(&branch->mutex);
    neapi_buffer_fini(&branch->calls);
    neapi_free(branch->answers);
    neapi_free(branch);
}

int64_t neapi_branch_clock(void *branch)
{
    return atomic_load(&((neapi_branch *)branch)->now_us);
}

static neap_status note(void *user, const char *service, const char *name, neap_text arguments,
                        neap_error *error)
{
    neapi_branch *branch = user;
    pthread_mutex_lock(&branch->mutex);
    neapi_buffer *calls = &branch->calls;
    size_t before = calls->size;
    NEAPI_BUFFER_LITERAL(calls, "{\"service\":");
    neapi_json_quote(calls, neapi_text_of(service));
    NEAPI_BUFFER_LITERAL(calls, ",\"name\":");
    neapi_json_quote(calls, neapi_text_of(name));
    neapi_buffer_format(calls, ",\"arguments\":%.*s},", NEAPI_TEXT(arguments));
    bool failed = calls->failed;
    if (failed) {
        calls->size = before;
        calls->failed = false;
    }
    pthread_mutex_unlock(&branch->mutex);
    return failed ? neapi_nomem(error) : NEAP_OK;
}

neapi_service_recorder neapi_branch_recorder(neapi_branch *branch)
{
    return (neapi_service_recorder){note, branch, neapi_text_of(branch->answers)};
}
