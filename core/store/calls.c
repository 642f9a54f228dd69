#include "store/calls.h"

const char *neapi_call_name(neapi_call_kind kind)
{
    static const char *const names[NEAPI_CALL_KINDS] = {
        [NEAPI_CALL_COMMIT] = "commit",
        [NEAPI_CALL_RESOLVE] = "resolve",
        [NEAPI_CALL_READ] = "read",
        [NEAPI_CALL_STREAM_HEAD] = "stream_head",
        [NEAPI_CALL_HEAD] = "head",
        [NEAPI_CALL_FIND_KEY] = "find_key",
        [NEAPI_CALL_FIND_SNAPSHOT] = "find_snapshot",
        [NEAPI_CALL_FIND_COMMAND] = "find_command",
        [NEAPI_CALL_FIND_DOCUMENT] = "find_document",
        [NEAPI_CALL_LIST_DOCUMENTS] = "list_documents",
        [NEAPI_CALL_LIST_COLLECTIONS] = "list_collections",
        [NEAPI_CALL_SHOW_KEPT] = "show_kept",
        [NEAPI_CALL_SELECT] = "select",
        [NEAPI_CALL_MAINTAIN] = "maintain",
    };
    return names[kind];
}

void neapi_call_end(const neapi_session *session, neapi_call_kind kind, int64_t began_us,
                    neap_status status)
{
    neapi_store_calls *calls = session->calls;
    if (calls == NULL)
        return;
    neapi_store_call *call = &calls->of[kind];
    int64_t took_us = neapi_monotonic_us(calls->platform) - began_us;
    if (calls->shared) {
        neapi_histogram_record_shared(&call->us, took_us);
        neapi_count_add_shared(&call->failures, status != NEAP_OK);
    } else {
        neapi_histogram_record(&call->us, took_us);
        neapi_count_add(&call->failures, status != NEAP_OK);
    }
}
