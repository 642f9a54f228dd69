#include "runtime/changed.h"

#include <limits.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"

#define LIMIT       20
#define PAGE_EVENTS 1024
#define PAGE_BYTES  ((size_t)1 << 20)

void neap_history_compare_options_init_sized(neap_history_compare_options *options, size_t size)
{
    const neap_history_compare_options defaults = {
        .size = size, .from = 1, .to = NEAP_LAST, .limit = LIMIT};
    memcpy(options, &defaults, size < sizeof defaults ? size : sizeof defaults);
}

static neap_status take_options(const neap_history_compare_options *given,
                                neap_history_compare_options *taken, neap_error *error)
{
    neap_history_compare_options_init(taken);
    if (given == NULL)
        return NEAP_OK;
    if (given->size < sizeof given->size || given->size > sizeof *taken)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_history_compare_options.size is %zu; call "
                          "neap_history_compare_options_init() first",
                          given->size);
    memcpy(taken, given, given->size);
    if (taken->from == 0 || taken->limit == 0)
        return neapi_fail(error, NEAP_USAGE, "neap_history_compare: option %s must be at least 1",
                          taken->from == 0 ? "from" : "limit");
    if (taken->from > taken->to)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_history_compare: option from, %llu, is behind to, %llu",
                          (unsigned long long)taken->from, (unsigned long long)taken->to);
    return NEAP_OK;
}

/* ---- What both define ------------------------------------------------------------------------ */

#define GONE     "the new code has none"
#define IS_ADDED "the code before has none"

static bool is_wanted(const neapi_changed *it, neap_text aggregate)
{
    return it->aggregate.size == 0 || neapi_text_equal(it->aggregate, aggregate);
}

static neap_status compare_aggregate(neapi_changed *it, const neapi_aggregate *before,
                                     neap_error *error)
{
    neap_error unwanted;
    const neapi_aggregate *both[NEAPI_CODES] = {before, NULL};
    if (neapi_catalog_aggregate(it->codes[NEAPI_AFTER].catalog, before->name, &both[NEAPI_AFTER],
                                &unwanted) != NEAP_OK)
        return neapi_changed_pass_over(it, "aggregate", before->name, GONE, error);
    bool by_tags = before->tag_count != 0;
    if (by_tags != (both[NEAPI_AFTER]->tag_count != 0))
        return neapi_changed_pass_over(it, "aggregate", before->name,
                                       "it is by key in one code and by tags in the other", error);
    return by_tags ? neapi_changed_by_tags(it, both, error)
                   : neapi_changed_streams(it, both, error);
}

static neap_status compare_aggregates(neapi_changed *it, neap_error *error)
{
    const neapi_catalog *before = it->codes[NEAPI_BEFORE].catalog;
    const neapi_catalog *after = it->codes[NEAPI_AFTER].catalog;
    neap_status status = NEAP_OK;
    for (uint32_t i = 0; i < before->aggregate_count && status == NEAP_OK; i++)
        if (is_wanted(it, before->aggregates[i]->name))
            status = compare_aggregate(it, before->aggregates[i], error);
    for (uint32_t i = 0; i < after->aggregate_count && status == NEAP_OK; i++) {
        neap_text name = after->aggregates[i]->name;
        if (neapi_map_get(&before->aggregate_by_name, name) == NULL && is_wanted(it, name))
            status = neapi_changed_pass_over(it, "aggregate", name, IS_ADDED, error);
    }
    return status;
}

static bool folds(const neapi_subscription *subscription)
{
    return subscription->kind == NEAPI_SAGA || subscription->kind == NEAPI_PROJECTION;
}

/* Why a projection or a saga cannot be compared; NULL: it can. */
static const char *why_not(const neapi_subscription *const both[NEAPI_CODES])
{
    if (both[NEAPI_AFTER] == NULL || both[NEAPI_AFTER]->kind != both[NEAPI_BEFORE]->kind)
        return GONE;
    return both[NEAPI_BEFORE]->is_sql || both[NEAPI_AFTER]->is_sql ? "it keeps rows" : NULL;
}

/* Adds it to those that are folded, or says why not. */
static neap_status choose(neapi_changed *it, const neapi_subscription *before,
                          neapi_changed_fold **all, size_t *count, neap_error *error)
{
    const neapi_subscription *both[NEAPI_CODES] = {
        before, neapi_map_get(&it->codes[NEAPI_AFTER].catalog->subscription_by_name, before->name)};
    const char *why = why_not(both);
    if (why != NULL)
        return neapi_changed_pass_over(it, neapi_subscription_kind_name(before->kind), before->name,
                                       why, error);
    all[*count] = neapi_changed_fold_new(it, both, error);
    if (all[*count] == NULL)
        return NEAP_NOMEM;
    (*count)++;
    return NEAP_OK;
}

static neap_status note_added(neapi_changed *it, neap_error *error)
{
    const neapi_catalog *before = it->codes[NEAPI_BEFORE].catalog;
    const neapi_catalog *after = it->codes[NEAPI_AFTER].catalog;
    neap_status status = NEAP_OK;
    for (uint32_t i = 0; i < after->subscription_count && status == NEAP_OK; i++) {
        const neapi_subscription *one = after->subscriptions[i];
        const neapi_subscription *other = neapi_map_get(&before->subscription_by_name, one->name);
        if (folds(one) && (other == NULL || other->kind != one->kind))
            status = neapi_changed_pass_over(it, neapi_subscription_kind_name(one->kind), one->name,
                                             IS_ADDED, error);
    }
    return status;
}

/* ---- Projections and sagas ------------------------------------------------------------------- */

static neap_status fold_log(neapi_changed *it, neapi_changed_fold *const *all, size_t count,
                            neap_error *error)
{
    neapi_page page = NEAPI_PAGE_INIT;
    neapi_range range = {
        .from = 1, .to = it->to, .max_events = PAGE_EVENTS, .max_bytes = PAGE_BYTES};
    neap_status status = NEAP_OK;
    while (status == NEAP_OK && range.from <= range.to) {
        neapi_page_clear(&page);
        status = neapi_read(it->session, &range, &page, error);
        for (size_t i = 0; i < count && status == NEAP_OK; i++)
            status = neapi_changed_fold_events(it, all[i], page.events, page.count, error);
        if (page.last)
            break;
        range.from = page.next;
    }
    neapi_page_fini(&page);
    return status;
}

static neap_status compare_folds(neapi_changed *it, neap_error *error)
{
    const neapi_catalog *before = it->codes[NEAPI_BEFORE].catalog;
    size_t count = 0;
    neapi_changed_fold **all = neapi_alloc_zero(before->subscription_count + 1, sizeof *all);
    if (all == NULL)
        return neapi_nomem(error);
    neap_status status = NEAP_OK;
    for (uint32_t i = 0; i < before->subscription_count && status == NEAP_OK; i++)
        if (folds(before->subscriptions[i]))
            status = choose(it, before->subscriptions[i], all, &count, error);
    if (status == NEAP_OK)
        status = note_added(it, error);
    if (status == NEAP_OK && count != 0)
        status = fold_log(it, all, count, error);
    for (size_t i = 0; i < count; i++)
        neapi_changed_fold_free(it, all[i]);
    neapi_free(all);
    return status;
}

/* ---- All of it ------------------------------------------------------------------------------- */

/* An engine of its own: those of pasts know what happens there. What was recorded may have been so
 * with larger limits than the usual ones. */
static neap_status open_code(neapi_changed *it, int which, const neap_history *history,
                             neap_error *error)
{
    const neap_runtime *model = history->model;
    neapi_changed_code *code = &it->codes[which];
    neapi_engine_options options = neapi_runtime_engine_options(model);
    options.unit_events = UINT_MAX;
    options.unit_bytes = options.message_bytes = NEAPI_CHANGED_BYTES;
    options.ordered = it->twice;
    options.backward = it->twice && which == NEAPI_AFTER;
    neap_status status = neapi_engine_open(model->sources, &options, &code->engine, error);
    if (status == NEAP_OK)
        code->catalog = neapi_engine_catalog(code->engine);
    return status;
}

static uint64_t count_folds(const neapi_catalog *catalog)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < catalog->subscription_count; i++)
        count += folds(catalog->subscriptions[i]);
    return count;
}

static neap_status begin(neapi_changed *it, neap_history *before, neap_history *after,
                         neap_error *error)
{
    uint64_t last;
    it->unit = neapi_unit_new((neap_uuid){{1}});
    if (it->unit == NULL)
        return neapi_nomem(error);
    neap_status status = neapi_session_open(before->log, NEAPI_MODE_READ, &it->session, error);
    if (status == NEAP_OK)
        status = neapi_head(it->session, &last, error);
    if (status == NEAP_OK && it->to != NEAP_LAST && it->to > last)
        status =
            neapi_fail(error, NEAP_UNKNOWN, "there is no position %llu: the last event is %llu",
                       (unsigned long long)it->to, (unsigned long long)last);
    if (status == NEAP_OK && it->to == NEAP_LAST)
        it->to = last;
    if (status == NEAP_OK)
        status = open_code(it, NEAPI_BEFORE, before, error);
    if (status == NEAP_OK)
        it->target = it->to * (1 + count_folds(it->codes[NEAPI_BEFORE].catalog));
    return status == NEAP_OK ? open_code(it, NEAPI_AFTER, after, error) : status;
}

static neap_status check_aggregate(const neapi_changed *it, neap_error *error)
{
    const neapi_aggregate *unwanted;
    neap_status status = NEAP_OK;
    for (int code = 0; code < NEAPI_CODES && status == NEAP_OK && it->aggregate.size != 0; code++)
        status = neapi_catalog_aggregate(it->codes[code].catalog, it->aggregate, &unwanted, error);
    return status;
}

static neap_status compare(neapi_changed *it, neap_error *error)
{
    neap_status status = check_aggregate(it, error);
    if (status == NEAP_OK)
        status = compare_aggregates(it, error);
    it->done = it->to;
    if (status == NEAP_OK && it->aggregate.size == 0)
        status = compare_folds(it, error);
    return status;
}

static neap_status check_arguments(const neap_history *before, const neap_history *after,
                                   char *const *json, neap_error *error)
{
    if (before == NULL || after == NULL || json == NULL)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_history_compare: before, after and json must not be NULL");
    if (strcmp(before->log->name, after->log->name) != 0)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_history_compare: one history is on %s, the other on %s",
                          before->log->name, after->log->name);
    return NEAP_OK;
}

static neap_status report(neap_history *before, neap_history *after, bool twice,
                          const neap_history_compare_options *given, char **json, size_t *size,
                          neap_error *error)
{
    neap_history_compare_options options;
    neap_status status = take_options(given, &options, error);
    if (status != NEAP_OK)
        return status;
    neapi_changed it = {.history = before,
                        .from = options.from,
                        .to = options.to,
                        .limit = options.limit,
                        .twice = twice,
                        .aggregate = neapi_text_of(options.aggregate),
                        .arena = NEAPI_ARENA_INIT,
                        .command = NEAPI_ARENA_INIT};
    it.end = &it.definitions;
    neapi_buffer text = NEAPI_BUFFER_INIT;
    status = begin(&it, before, after, error);
    if (status == NEAP_OK)
        status = compare(&it, error);
    if (status == NEAP_OK)
        neapi_changed_write(&text, &it);
    neapi_changed_fini(&it);
    return neapi_buffer_give(&text, status, json, size, error);
}

neap_status neap_history_compare(neap_history *before, neap_history *after,
                                 const neap_history_compare_options *options, char **json,
                                 size_t *size, neap_error *error)
{
    neap_error own;
    if (error == NULL)
        error = &own;
    neap_status status = check_arguments(before, after, json, error);
    return status == NEAP_OK ? report(before, after, false, options, json, size, error) : status;
}

neap_status neap_history_deterministic(neap_history *history,
                                       const neap_history_compare_options *options, char **json,
                                       size_t *size, neap_error *error)
{
    neap_error own;
    if (error == NULL)
        error = &own;
    if (history == NULL || json == NULL)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_history_deterministic: history and json must not be NULL");
    return report(history, history, true, options, json, size, error);
}
