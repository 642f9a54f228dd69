#include "runtime/options.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

#define MIB    ((size_t)1 << 20)
#define DAY_MS ((int64_t)24 * 60 * 60 * 1000)

void neap_options_init_sized(neap_options *options, size_t size)
{
    const neap_options defaults = {
        .size = size,
        .store = "memory:",
        .record_commands = true,
        .lanes = 1,
        .queue_length = 10000,
        .conflict_retries = 3,
        .warm_aggregates = 100000,
        .nesting_depth = 100,
        .unit_events = 1000,
        .unit_bytes = 4 * MIB,
        .message_bytes = 4 * MIB,
        .lane_memory_bytes = 256 * MIB,
        .allocation_bytes = 64 * MIB,
        .handler_instructions = 100000000,
        .handler_ms = 5000,
        .close_ms = 10000,
        .key_retention_ms = 7 * DAY_MS,
        .snapshot_bytes = 16 * MIB,
        .live_bytes = 8 * MIB,
        .live_events = 65536,
        .reaction_lanes = 1,
        .log_level = NEAP_LOG_INFO,
    };
    memcpy(options, &defaults, size < sizeof defaults ? size : sizeof defaults);
}

void neap_dispatch_options_init_sized(neap_dispatch_options *options, size_t size)
{
    const neap_dispatch_options defaults = {.size = size};
    memcpy(options, &defaults, size < sizeof defaults ? size : sizeof defaults);
}

void neap_list_options_init_sized(neap_list_options *options, size_t size)
{
    const neap_list_options defaults = {.size = size};
    memcpy(options, &defaults, size < sizeof defaults ? size : sizeof defaults);
}

void neap_progress_init_sized(neap_progress *progress, size_t size)
{
    const neap_progress none = {.size = size};
    memcpy(progress, &none, size < sizeof none ? size : sizeof none);
}

void neapi_progress_give(const neap_progress *now, neap_progress *progress)
{
    size_t size = progress->size;
    memcpy(progress, now, size < sizeof *now ? size : sizeof *now);
    progress->size = size;
}

void neap_import_options_init_sized(neap_import_options *options, size_t size)
{
    const neap_import_options defaults = {.size = size};
    memcpy(options, &defaults, size < sizeof defaults ? size : sizeof defaults);
}

void neap_saga_options_init_sized(neap_saga_options *options, size_t size)
{
    const neap_saga_options defaults = {.size = size};
    memcpy(options, &defaults, size < sizeof defaults ? size : sizeof defaults);
}

void neap_filter_init_sized(neap_filter *filter, size_t size)
{
    const neap_filter defaults = {.size = size};
    memcpy(filter, &defaults, size < sizeof defaults ? size : sizeof defaults);
}

/* A struct that the host did not initialise has no size that makes sense. */
static neap_status take(void *taken, size_t known, const void *given, size_t given_size,
                        const char *name, neap_error *error)
{
    if (given == NULL)
        return NEAP_OK;
    if (given_size < sizeof(size_t) || given_size > known)
        return neapi_fail(error, NEAP_USAGE, "%s.size is %zu; call %s_init() first", name,
                          given_size, name);
    memcpy(taken, given, given_size);
    return NEAP_OK;
}

neap_status neapi_dispatch_options_take(const neap_dispatch_options *given,
                                        neap_dispatch_options *taken, neap_error *error)
{
    neap_dispatch_options_init(taken);
    return take(taken, sizeof *taken, given, given != NULL ? given->size : 0,
                "neap_dispatch_options", error);
}

neap_status neapi_list_options_take(const neap_list_options *given, neap_list_options *taken,
                                    neap_error *error)
{
    neap_list_options_init(taken);
    return take(taken, sizeof *taken, given, given != NULL ? given->size : 0, "neap_list_options",
                error);
}

neap_status neapi_saga_options_take(const neap_saga_options *given, neap_saga_options *taken,
                                    neap_error *error)
{
    neap_saga_options_init(taken);
    return take(taken, sizeof *taken, given, given != NULL ? given->size : 0, "neap_saga_options",
                error);
}

neap_status neapi_import_options_take(const neap_import_options *given, neap_import_options *taken,
                                      neap_error *error)
{
    neap_import_options_init(taken);
    return take(taken, sizeof *taken, given, given != NULL ? given->size : 0, "neap_import_options",
                error);
}

neap_status neapi_filter_take(const neap_filter *given, neap_filter *taken, neap_error *error)
{
    neap_filter_init(taken);
    return take(taken, sizeof *taken, given, given != NULL ? given->size : 0, "neap_filter", error);
}

typedef struct bounded_option {
    const char *name;
    uint64_t value, least, most;
} bounded_option;

static neap_status check_bounds(const neap_options *options, neap_error *error)
{
    const bounded_option bounds[] = {
        {"lanes", options->lanes, 0, 64},
        {"reaction_lanes", options->reaction_lanes, 1, 64},
        {"queue_length", options->queue_length, 1, 10000000},
        {"conflict_retries", options->conflict_retries, 0, 1000},
        {"warm_aggregates", options->warm_aggregates, 1, 100000000},
        {"nesting_depth", options->nesting_depth, 1, 100},
        {"unit_events", options->unit_events, 1, 1000000},
        {"unit_bytes", options->unit_bytes, 1024, 1024 * MIB},
        {"message_bytes", options->message_bytes, 64, 1024 * MIB},
        {"lane_memory_bytes", options->lane_memory_bytes, 4 * MIB, SIZE_MAX / 2},
        {"allocation_bytes", options->allocation_bytes, MIB, SIZE_MAX / 2},
        {"handler_instructions", options->handler_instructions, 10000, UINT64_MAX / 2},
        {"handler_ms", options->handler_ms, 1, 86400000},
        {"snapshot_bytes", options->snapshot_bytes, 1024, 512 * MIB},
        {"live_bytes", options->live_bytes, 1, SIZE_MAX / 2},
        {"live_events", options->live_events, 1, 100000000},
        {"key_retention_ms", (uint64_t)options->key_retention_ms, 1, (uint64_t)(36500 * DAY_MS)},
    };
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        if (bounds[i].value < bounds[i].least || bounds[i].value > bounds[i].most)
            return neapi_fail(error, NEAP_USAGE, "option %s is %llu; from %llu to %llu is allowed",
                              bounds[i].name, (unsigned long long)bounds[i].value,
                              (unsigned long long)bounds[i].least,
                              (unsigned long long)bounds[i].most);
    return NEAP_OK;
}

/* Replaces the text by a copy; NULL stays NULL. */
static bool own_text(const char **text)
{
    if (*text != NULL)
        *text = neapi_alloc_text(*text, strlen(*text));
    return *text != NULL;
}

static bool own_texts(neap_options *options)
{
    bool configured = options->config != NULL, replaced = options->services != NULL;
    bool chosen = options->subscriptions != NULL, rebuilt = options->rebuild != NULL;
    bool url = own_text(&options->store);
    bool config = own_text(&options->config) || !configured;
    bool services = own_text(&options->services) || !replaced;
    bool subscriptions = own_text(&options->subscriptions) || !chosen;
    bool rebuild = own_text(&options->rebuild) || !rebuilt;
    return url && config && services && subscriptions && rebuild;
}

void neapi_options_free(neap_options *options)
{
    neapi_free((void *)(uintptr_t)options->store);
    neapi_free((void *)(uintptr_t)options->config);
    neapi_free((void *)(uintptr_t)options->services);
    neapi_free((void *)(uintptr_t)options->subscriptions);
    neapi_free((void *)(uintptr_t)options->rebuild);
}

neap_status neapi_options_take(const neap_options *given, neap_options *taken, neap_error *error)
{
    neap_options options;
    neap_options_init(&options);
    neap_status status = take(&options, sizeof options, given, given != NULL ? given->size : 0,
                              "neap_options", error);
    if (status == NEAP_OK)
        status = check_bounds(&options, error);
    if (status != NEAP_OK)
        return status;
    if (options.store == NULL)
        options.store = "memory:";
    if (!own_texts(&options)) {
        neapi_options_free(&options);
        return neapi_nomem(error);
    }
    *taken = options;
    return NEAP_OK;
}
