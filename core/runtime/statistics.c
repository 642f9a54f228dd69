/* The figures of a store, for hosts. */
#include "base/alloc.h"
#include "base/error.h"
#include "message/json.h"
#include "runtime/members.h"
#include "runtime/queued.h"
#include "runtime/runtime.h"
#include "runtime/stored.h"

/* calls: where what it asks of the store is counted; NULL: nowhere. */
static neap_status take(neapi_store *store, neapi_store_calls *calls,
                        const neapi_platform *platform, const neap_statistics **statistics,
                        neap_error *error)
{
    neapi_session *session;
    neap_status status = neapi_session_open(store, NEAPI_MODE_READ, &session, error);
    if (status != NEAP_OK)
        return status;
    neapi_session_count_calls(session, calls);
    neapi_survey *survey = neapi_alloc(sizeof *survey);
    if (survey == NULL) {
        neapi_session_close(session);
        return neapi_nomem(error);
    }
    int64_t now = neapi_wall_us(platform);
    status = neapi_survey_take(session, now, survey, error);
    if (status == NEAP_OK)
        status = neapi_queue_count(session, &survey->result, error);
    if (status == NEAP_OK)
        status = neapi_stored_survey(session, survey, error);
    if (status == NEAP_OK)
        status = neapi_members_survey(session, survey, error);
    neapi_session_close(session);
    if (status == NEAP_OK)
        *statistics = &survey->result;
    else
        neap_statistics_free(&survey->result);
    return status;
}

neap_status neap_store_stats(neap_store *store, const neap_statistics **statistics,
                             neap_error *error)
{
    if (store == NULL || statistics == NULL)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_store_stats: store and statistics must not be NULL");
    return take(store->store, NULL, neapi_platform_machine(), statistics, error);
}

neap_status neap_stats(neap_runtime *runtime, const neap_statistics **statistics, neap_error *error)
{
    if (runtime == NULL || statistics == NULL)
        return neapi_fail(error, NEAP_USAGE, "neap_stats: runtime and statistics must not be NULL");
    if (runtime->stage != NEAPI_RUNTIME_RUNNING)
        return neapi_fail(error, NEAP_USAGE, "neap_stats: the runtime is not started");
    return take(runtime->store, &runtime->reader_calls, runtime->platform, statistics, error);
}

neap_status neap_statistics_json(const neap_statistics *statistics, char **json, size_t *size,
                                 neap_error *error)
{
    neapi_buffer buffer = NEAPI_BUFFER_INIT;
    neapi_json_statistics(&buffer, statistics);
    return neapi_buffer_give(&buffer, NEAP_OK, json, size, error);
}

void neap_statistics_free(const neap_statistics *statistics)
{
    neapi_survey *survey = (neapi_survey *)(uintptr_t)statistics;
    if (survey == NULL)
        return;
    neapi_survey_fini(survey);
    neapi_free(survey);
}
