#include "runtime/uses.h"

#include "base/alloc.h"
#include "base/error.h"
#include "runtime/context.h"
#include "runtime/partition.h"
#include "runtime/runtime.h"

static neap_passing passing_of(const neapi_request *request)
{
    bool delivers = request->kind == NEAPI_REQUEST_DELIVERY;
    return (neap_passing){
        .size = sizeof(neap_passing),
        .kind = delivers ? NEAP_KIND_EVENT : request->message->kind,
        .name = delivers ? request->delivered.type.data : request->message->name.data,
        .data = delivers ? request->delivered.data : request->json,
        .meta = request->meta,
        .idempotency_key = request->key,
        .command_id = request->call.id,
        .correlation_id = request->call.correlation_id,
        .subscription = delivers ? request->partition->definition->name.data : NULL,
        .event = delivers ? &request->delivered : NULL,
    };
}

neap_status neapi_uses_before(neapi_lane *lane, neapi_request *request, neap_error *error)
{
    const neap_passing message = passing_of(request);
    request->uses_asked = true;
    request->asked_us = neapi_monotonic_us(lane->platform);
    for (size_t i = 0; i < lane->use_count; i++) {
        const neapi_use *use = &lane->uses[i];
        neap_status status = NEAP_OK;
        if (use->before != NULL) {
            neapi_fail(error, NEAP_OK, "%s", "");
            status = neapi_context_returned(use->before(use->user, &message, error), error);
        }
        if (status != NEAP_OK)
            return status;
        request->uses_passed = i + 1;
    }
    return NEAP_OK;
}

void neapi_uses_after(neapi_lane *lane, neapi_request *request, const neap_reply *reply,
                      const neap_error *error)
{
    const neap_passing message = passing_of(request);
    int64_t elapsed_us = neapi_monotonic_us(lane->platform) - request->asked_us;
    neap_status status = error != NULL ? error->status : NEAP_OK;
    for (; request->uses_passed > 0; request->uses_passed--) {
        const neapi_use *use = &lane->uses[request->uses_passed - 1];
        if (use->after != NULL)
            use->after(use->user, &message, status, reply, error, elapsed_us);
    }
}

neap_status neap_use(neap_runtime *runtime, neap_before_callback before, neap_after_callback after,
                     void *user, neap_error *error)
{
    if (before == NULL && after == NULL)
        return neapi_fail(error, NEAP_USAGE, "neap_use needs a function before, after, or both");
    if (runtime->stage != NEAPI_RUNTIME_LOADED)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_use comes too late: add middleware between neap_load and "
                          "neap_start");
    neapi_use *larger = neapi_realloc(runtime->uses, (runtime->use_count + 1) * sizeof *larger);
    if (larger == NULL)
        return neapi_nomem(error);
    runtime->uses = larger;
    larger[runtime->use_count++] = (neapi_use){before, after, user};
    return NEAP_OK;
}
