#include "runtime/host_reading.h"

neap_status neapi_host_session(neap_runtime *runtime, neapi_session **session, neap_error *error)
{
    neap_status status = NEAP_OK;
    pthread_mutex_lock(&runtime->host_mutex);
    if (runtime->host_session == NULL) {
        status = neapi_session_open(runtime->store, NEAPI_MODE_READ, &runtime->host_session, error);
        if (status == NEAP_OK)
            neapi_session_count_calls(runtime->host_session, &runtime->reader_calls);
    }
    if (status == NEAP_OK)
        *session = runtime->host_session;
    else
        pthread_mutex_unlock(&runtime->host_mutex);
    return status;
}

void neapi_host_session_done(neap_runtime *runtime)
{
    pthread_mutex_unlock(&runtime->host_mutex);
}

void neapi_host_session_close(neap_runtime *runtime)
{
    if (runtime->host_session != NULL)
        neapi_session_close(runtime->host_session);
    runtime->host_session = NULL;
}

neap_status neapi_host_head(neap_runtime *runtime, uint64_t *head, neap_error *error)
{
    neapi_session *session;
    neap_status status = neapi_host_session(runtime, &session, error);
    if (status != NEAP_OK)
        return status;
    status = neapi_head(session, head, error);
    neapi_host_session_done(runtime);
    return status;
}
