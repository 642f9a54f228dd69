#include "runtime/filter.h"

#include "base/error.h"
#include "base/text.h"
#include "runtime/options.h"
#include "store/check.h"

#define PAGE_EVENTS 512
#define PAGE_BYTES  (1u << 20)

/* An empty name would read everything, which nobody means who gives one. */
static neap_status check_name(const char *name, const char *what, neap_error *error)
{
    if (name == NULL || name[0] != '\0')
        return NEAP_OK;
    return neapi_fail(error, NEAP_USAGE, "filter: the %s is empty; NULL reads all", what);
}

static neap_status check_filter(const neap_filter *filter, neap_error *error)
{
    neap_status status = check_name(filter->stream, "stream", error);
    if (status == NEAP_OK)
        status = check_name(filter->category, "category", error);
    if (status != NEAP_OK)
        return status;
    if (filter->stream != NULL && filter->category != NULL)
        return neapi_fail(error, NEAP_USAGE, "filter: give a stream or a category, not both");
    if (filter->from != 0 && filter->to != 0 && filter->from > filter->to)
        return neapi_fail(error, NEAP_USAGE, "filter: from (%llu) is above to (%llu)",
                          (unsigned long long)filter->from, (unsigned long long)filter->to);
    if (filter->type_count != 0 && filter->types == NULL)
        return neapi_fail(error, NEAP_USAGE, "filter: type_count is %zu and types is NULL",
                          filter->type_count);
    if (filter->follow && filter->backward)
        return neapi_fail(
            error, NEAP_USAGE,
            "filter: follow goes on with what comes, so backward does not go with it");
    if (filter->timeout_ms != 0 && !filter->follow)
        return neapi_fail(error, NEAP_USAGE,
                          "filter: timeout_ms is for follow; without it nobody waits");
    return NEAP_OK;
}

static bool copy(const neap_filter *filter, neapi_arena *arena, neapi_range *range)
{
    neap_text *types = neapi_arena_alloc(arena, (filter->type_count + 1) * sizeof *types);
    range->stream = neapi_arena_text(arena, neapi_text_of(filter->stream));
    range->category = neapi_arena_text(arena, neapi_text_of(filter->category));
    if (types == NULL || range->stream.data == NULL || range->category.data == NULL)
        return false;
    for (size_t i = 0; i < filter->type_count; i++) {
        types[i] = neapi_arena_text(arena, neapi_text_of(filter->types[i]));
        if (types[i].data == NULL)
            return false;
    }
    range->types = types;
    range->type_count = filter->type_count;
    uint64_t lowest = filter->from != 0 ? filter->from : 1;
    uint64_t highest = filter->to != 0 ? filter->to : UINT64_MAX;
    range->backward = filter->backward;
    range->from = filter->backward ? highest : lowest;
    range->to = filter->backward ? lowest : highest;
    range->max_events = PAGE_EVENTS;
    range->max_bytes = PAGE_BYTES;
    return true;
}

neap_status neapi_filter_read(const neap_filter *given, neapi_filter_use use, neapi_arena *arena,
                              neap_filter *taken, neapi_range *range, uint64_t *limit,
                              neap_error *error)
{
    neap_status status = neapi_filter_take(given, taken, error);
    if (status == NEAP_OK && use == NEAPI_FILTER_FOLLOWS) {
        taken->follow = true;
        if (taken->timeout_ms != 0)
            status = neapi_fail(error, NEAP_USAGE,
                                "filter: timeout_ms is for cursors; a follower is called back");
    }
    if (status == NEAP_OK)
        status = check_filter(taken, error);
    if (status == NEAP_OK && !copy(taken, arena, range))
        status = neapi_nomem(error);
    if (status == NEAP_OK)
        status = neapi_range_check(range, error);
    if (status == NEAP_OK)
        *limit = taken->limit != 0 ? taken->limit : UINT64_MAX;
    return status;
}
