/* Publishers that the host gives, between loading and starting. */
#include "base/alloc.h"
#include "base/error.h"
#include "runtime/outlet.h"
#include "runtime/runtime.h"

static neap_status add(neap_runtime *runtime, const neapi_provided_publisher *given,
                       neap_error *error)
{
    neapi_provided_publisher *larger =
        neapi_realloc(runtime->publishers, (runtime->publisher_count + 1) * sizeof *larger);
    if (larger == NULL)
        return neapi_nomem(error);
    runtime->publishers = larger;
    larger[runtime->publisher_count] = *given;
    larger[runtime->publisher_count].name = neapi_alloc_text(given->name, strlen(given->name));
    if (larger[runtime->publisher_count].name == NULL)
        return neapi_nomem(error);
    runtime->publisher_count++;
    return NEAP_OK;
}

neap_status neap_publisher_provide(neap_runtime *runtime, const char *name,
                                   const neap_publisher *publisher, void *user, neap_error *error)
{
    neapi_provided_publisher given = {.name = name, .user = user};
    if (name == NULL || name[0] == '\0' || strchr(name, ':') != NULL || publisher == NULL)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_publisher_provide needs a name without ':', and the publisher");
    if (strcmp(name, "service") == 0)
        return neapi_fail(error, NEAP_USAGE,
                          "a publisher cannot be called 'service': \"service:\" is for the "
                          "domain's own services");
    if (publisher->size < sizeof(size_t) || publisher->size > sizeof given.publisher)
        return neapi_fail(error, NEAP_USAGE, "neap_publisher.size is %zu; set it to sizeof",
                          publisher->size);
    memcpy(&given.publisher, publisher, publisher->size);
    if (given.publisher.publish == NULL)
        return neapi_fail(error, NEAP_USAGE, "the publisher '%s' has no function publish", name);
    if (runtime->stage != NEAPI_RUNTIME_LOADED)
        return neapi_fail(
            error, NEAP_USAGE,
            "publisher '%s' comes too late: provide it between neap_load and neap_start", name);
    for (size_t i = 0; i < runtime->publisher_count; i++)
        if (strcmp(runtime->publishers[i].name, name) == 0)
            return neapi_fail(error, NEAP_USAGE, "publisher '%s' was provided before", name);
    return add(runtime, &given, error);
}

void neapi_publishers_free(neap_runtime *runtime)
{
    for (size_t i = 0; i < runtime->publisher_count; i++)
        neapi_free((void *)(uintptr_t)runtime->publishers[i].name);
    neapi_free(runtime->publishers);
}
