/* Services that the host gives in C, between loading and starting. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/branch.h"
#include "runtime/runtime.h"

static const neapi_service *find(const neap_runtime *runtime, const char *service, const char *name)
{
    for (size_t i = 0; i < runtime->provided_count; i++) {
        const neapi_service *known = &runtime->provided[i];
        if (strcmp(known->service, service) == 0 && strcmp(known->name, name) == 0)
            return known;
    }
    return NULL;
}

static neap_status add(neap_runtime *runtime, neapi_service added, neap_error *error)
{
    neapi_service *larger =
        neapi_realloc(runtime->provided, (runtime->provided_count + 1) * sizeof *larger);
    if (larger == NULL)
        return neapi_nomem(error);
    runtime->provided = larger;
    added.service = neapi_alloc_text(added.service, strlen(added.service));
    added.name = neapi_alloc_text(added.name, strlen(added.name));
    larger[runtime->provided_count++] = added;
    if (added.service != NULL && added.name != NULL)
        return NEAP_OK;
    runtime->provided_count--;
    neapi_free((void *)(uintptr_t)added.service);
    neapi_free((void *)(uintptr_t)added.name);
    return neapi_nomem(error);
}

neap_status neap_service_provide(neap_runtime *runtime, const char *service, const char *name,
                                 neap_service_function function, void *user, neap_error *error)
{
    if (service == NULL || service[0] == '\0' || name == NULL || name[0] == '\0' ||
        function == NULL)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_service_provide needs the names of a service and of its function, "
                          "and the function");
    if (runtime->stage != NEAPI_RUNTIME_LOADED)
        return neapi_fail(error, NEAP_USAGE,
                          "%s.%s comes too late: provide services between neap_load and neap_start",
                          service, name);
    if (find(runtime, service, name) != NULL)
        return neapi_fail(error, NEAP_USAGE, "%s.%s was provided before", service, name);
    return add(runtime, (neapi_service){service, name, function, user}, error);
}

neap_status neapi_runtime_start_services(const neap_runtime *runtime, neapi_engine *engine,
                                         neap_error *error)
{
    const neapi_service_options options = {
        .config = neapi_text_of(runtime->options.config),
        .modules = neapi_text_of(runtime->options.services),
        .provided = runtime->provided,
        .provided_count = runtime->provided_count,
        .recorder = runtime->branch != NULL ? neapi_branch_recorder(runtime->branch)
                                            : (neapi_service_recorder){0},
    };
    return neapi_engine_start(engine, runtime->sources, &options, error);
}

void neapi_runtime_free_services(neap_runtime *runtime)
{
    for (size_t i = 0; i < runtime->provided_count; i++) {
        neapi_free((void *)(uintptr_t)runtime->provided[i].service);
        neapi_free((void *)(uintptr_t)runtime->provided[i].name);
    }
    neapi_free(runtime->provided);
}
