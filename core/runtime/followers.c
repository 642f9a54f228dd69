/* Live reading of a runtime: its hub, and those who are called back. */
#include "base/error.h"
#include "runtime/delivery.h"
#include "runtime/inline.h"

neap_status neapi_runtime_open_hub(neap_runtime *runtime, neap_error *error)
{
    const neap_options *options = &runtime->options;
    runtime->hub = neapi_hub_new(runtime->platform, options->live_bytes, options->live_events);
    return runtime->hub != NULL ? NEAP_OK : neapi_nomem(error);
}

neapi_followed neapi_runtime_followed(neap_runtime *runtime)
{
    return (neapi_followed){.runtime = runtime,
                            .store = runtime->store,
                            .calls = &runtime->reader_calls,
                            .hub = runtime->hub,
                            .platform = runtime->platform,
                            .others_write = runtime->options.read_only,
                            .nobody_works =
                                neapi_is_inline(runtime) && !runtime->options.read_only};
}

void neapi_runtime_close_hub(neap_runtime *runtime)
{
    if (runtime->hub == NULL)
        return;
    neapi_hub_end(runtime->hub);
    neapi_delivery *delivery = atomic_load(&runtime->delivery);
    if (delivery != NULL)
        neapi_delivery_stop(delivery, runtime->options.close_ms);
    neapi_delivery_release(delivery);
    neapi_hub_detach_all(runtime->hub);
    neapi_hub_release(runtime->hub);
}

bool neapi_runtime_delivers(const neap_runtime *runtime)
{
    const neapi_delivery *delivery = atomic_load(&runtime->delivery);
    return delivery != NULL && neapi_delivery_is_here(delivery);
}

bool neapi_runtime_deliver(neap_runtime *runtime)
{
    neapi_delivery *delivery = atomic_load(&runtime->delivery);
    return delivery != NULL && neapi_delivery_step(delivery);
}

static neap_status make_delivery(neap_runtime *runtime, neap_error *error)
{
    const neapi_followed where = neapi_runtime_followed(runtime);
    neapi_delivery *made;
    neap_status status = neapi_delivery_new(&where, &made, error);
    if (status != NEAP_OK)
        return status;
    if (!neapi_is_inline(runtime))
        status = neapi_delivery_start(made, error);
    if (status == NEAP_OK)
        atomic_store(&runtime->delivery, made);
    else
        neapi_delivery_release(made);
    return status;
}

/* The thread is there from the first follower on. */
static neap_status get_delivery(neap_runtime *runtime, neap_error *error)
{
    static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&making);
    neap_status status =
        atomic_load(&runtime->delivery) == NULL ? make_delivery(runtime, error) : NEAP_OK;
    pthread_mutex_unlock(&making);
    return status;
}

neap_status neap_follow(neap_runtime *runtime, const neap_filter *filter,
                        neap_follow_callback callback, void *user, neap_follower **follower,
                        neap_error *error)
{
    if (callback == NULL || follower == NULL)
        return neapi_fail(error, NEAP_USAGE, "neap_follow: callback and follower must not be NULL");
    if (runtime->stage != NEAPI_RUNTIME_RUNNING)
        return neapi_fail(error, NEAP_USAGE, "neap_follow: the runtime is not started");
    neap_status status = get_delivery(runtime, error);
    return status == NEAP_OK ? neapi_delivery_follow(atomic_load(&runtime->delivery), filter,
                                                     callback, user, follower, error)
                             : status;
}
