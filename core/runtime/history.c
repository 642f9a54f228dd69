#include "runtime/history.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/call.h"
#include "runtime/host_reading.h"
#include "runtime/past_store.h"

#define CHECKPOINT_BYTES   ((size_t)256 << 20)
#define CHECKPOINT_SPACING 50000
/* Folded from one question to the host, whether to go on, to the next. */
#define SHORTEST_STRIDE 100
#define FIRST_STRIDE    1000
#define LONGEST_STRIDE  10000

void neap_history_options_init_sized(neap_history_options *options, size_t size)
{
    const neap_history_options defaults = {.size = size,
                                           .store = "sqlite:neap.db",
                                           .checkpoint_bytes = CHECKPOINT_BYTES,
                                           .checkpoint_spacing = CHECKPOINT_SPACING};
    memcpy(options, &defaults, size < sizeof defaults ? size : sizeof defaults);
}

static neap_status take_options(const neap_history_options *given, neap_history_options *taken,
                                neap_error *error)
{
    neap_history_options_init(taken);
    if (given == NULL)
        return NEAP_OK;
    if (given->size < sizeof given->size || given->size > sizeof *taken)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_history_options.size is %zu; call neap_history_options_init() "
                          "first",
                          given->size);
    memcpy(taken, given, given->size);
    if (taken->checkpoint_spacing == 0 || taken->store == NULL)
        return neapi_fail(error, NEAP_USAGE, "option %s",
                          taken->store == NULL ? "store must not be NULL"
                                               : "checkpoint_spacing must be at least 1");
    return NEAP_OK;
}

/* ---- Opening and closing --------------------------------------------------------------------- */

/* What is folded: what keeps documents, and sagas. Nothing that acts outside. */
static neap_status choose(neap_history *history, neap_error *error)
{
    const neapi_catalog *catalog = history->model->catalog;
    for (uint32_t i = 0; i < catalog->subscription_count; i++) {
        const neapi_subscription *it = catalog->subscriptions[i];
        bool folds =
            it->kind == NEAPI_SAGA || (it->kind == NEAPI_PROJECTION && !it->is_sql && !it->is_live);
        if (!folds)
            continue;
        neapi_buffer_text(&history->chosen, it->name);
        neapi_buffer_byte(&history->chosen, ',');
    }
    return neapi_buffer_terminated(&history->chosen) != NULL ? NEAP_OK : neapi_nomem(error);
}

static neap_options options_of_a_past(const neap_history *history)
{
    neap_options options;
    neap_options_init(&options);
    options.lanes = 0;
    options.close_ms = 0;
    options.log = history->options.log;
    options.log_user = history->options.log_user;
    return options;
}

void neapi_history_release(neap_history *history)
{
    if (history == NULL || atomic_fetch_sub(&history->references, 1) != 1)
        return;
    neap_close(history->model);
    if (history->of != NULL)
        neapi_history_release(history->of);
    else
        neapi_store_close(history->log);
    neapi_buffer_fini(&history->chosen);
    neapi_past_keep_fini(&history->keep);
    neapi_stream_list_fini(&history->streams);
    pthread_mutex_destroy(&history->checking);
    neapi_free(history);
}

neap_history *neapi_history_hold(neap_history *history)
{
    atomic_fetch_add(&history->references, 1);
    return history;
}

static neap_history *new_history(const neap_history_options *options)
{
    neap_history *made = neapi_alloc_zero(1, sizeof *made);
    if (made == NULL)
        return NULL;
    atomic_init(&made->references, 1);
    made->options = *options;
    if (!neapi_past_keep_init(&made->keep, options->checkpoint_spacing,
                              options->checkpoint_bytes)) {
        neapi_free(made);
        return NULL;
    }
    if (!neapi_stream_list_init(&made->streams)) {
        neapi_past_keep_fini(&made->keep);
        neapi_free(made);
        return NULL;
    }
    if (pthread_mutex_init(&made->checking, NULL) != 0) {
        neapi_stream_list_fini(&made->streams);
        neapi_past_keep_fini(&made->keep);
        neapi_free(made);
        return NULL;
    }
    return made;
}

neap_status neap_history_open(const char *path, const neap_history_options *given,
                              neap_history **history, neap_error *error)
{
    neap_history_options taken;
    if (path == NULL || history == NULL)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_history_open: path and history must not be NULL");
    neap_status status = take_options(given, &taken, error);
    if (status != NEAP_OK)
        return status;
    neap_history *made = new_history(&taken);
    if (made == NULL)
        return neapi_nomem(error);
    const neap_options options = options_of_a_past(made);
    status = neap_load(path, &options, &made->model, error);
    if (status == NEAP_OK)
        status = choose(made, error);
    if (status == NEAP_OK)
        status = neapi_store_open(taken.store, NEAPI_MODE_READ, &made->log, error);
    made->options.store = NULL;
    if (status == NEAP_OK)
        *history = made;
    else
        neapi_history_release(made);
    return status;
}

neap_status neapi_history_with(neap_history *history, neapi_sources *sources,
                               neap_history **variant, neap_error *error)
{
    neap_history *made = new_history(&history->options);
    if (made == NULL) {
        neapi_sources_free(sources);
        return neapi_nomem(error);
    }
    /* Not a variant itself: else one after the other would keep all before it. */
    made->of = neapi_history_hold(history->of != NULL ? history->of : history);
    made->log = history->log;
    const neap_options options = options_of_a_past(made);
    neap_status status = neapi_runtime_load_sources(sources, &options, &made->model, error);
    if (status == NEAP_OK)
        status = choose(made, error);
    if (status == NEAP_OK)
        *variant = made;
    else
        neapi_history_release(made);
    return status;
}

void neap_history_close(neap_history *history)
{
    neapi_history_release(history);
}

/* ---- Folding --------------------------------------------------------------------------------- */

neap_status neapi_history_go_on(const neap_history *history, uint64_t position, uint64_t target,
                                neap_error *error)
{
    const neap_history_options *options = &history->options;
    if (options->go_on == NULL || options->go_on(options->go_on_user, position, target))
        return NEAP_OK;
    if (target == position)
        return neapi_fail(error, NEAP_UNAVAILABLE, "stopped behind position %llu",
                          (unsigned long long)position);
    return neapi_fail(error, NEAP_UNAVAILABLE, "stopped at position %llu, on the way to %llu",
                      (unsigned long long)position, (unsigned long long)target);
}

static void keep(neap_runtime *past, uint64_t position)
{
    neapi_session *session;
    neap_error unwanted;
    if (neapi_host_session(past, &session, &unwanted) != NEAP_OK)
        return;
    neapi_past_keep_add(&past->history->keep, session, position);
    neapi_host_session_done(past);
}

static bool folds(const neap_runtime *past)
{
    return past->options.subscriptions[0] != '\0';
}

static void move_to(neap_runtime *past, uint64_t position)
{
    neapi_past_store_move(past->store, position);
    neapi_hub_missed(past->hub, position);
}

neap_status neapi_history_fold(neap_runtime *past, neap_error *error)
{
    neapi_hub_missed(past->hub, neapi_past_store_head(past->store));
    neap_status status = neap_drain(past, 0, error);
    return status == NEAP_UNAVAILABLE ? NEAP_OK : status;
}

/* What has stopped at an event that it cannot handle stays there, as it did, or would have. */
static neap_status fold_to(neap_runtime *past, uint64_t position, neap_error *error)
{
    neapi_past_store_move(past->store, position);
    return neapi_history_fold(past, error);
}

/* Whether nothing up to the position was edited. */
static bool is_as_the_log(const neap_runtime *past, uint64_t position)
{
    const neapi_past_edits *edits = neapi_past_store_edits(past->store);
    return edits->count == 0 || position < edits->items[0].position;
}

/* It is asked some times a second whether to go on, however long an event takes. */
static uint64_t next_stride(uint64_t stride, int64_t took_us)
{
    if (took_us < 50000)
        return stride < LONGEST_STRIDE / 2 ? 2 * stride : LONGEST_STRIDE;
    if (took_us > 200000)
        return stride > 2 * SHORTEST_STRIDE ? stride / 2 : SHORTEST_STRIDE;
    return stride;
}

static neap_status fold_forward(neap_runtime *past, uint64_t target, neap_error *error)
{
    neap_history *history = past->history;
    uint64_t at = neapi_past_store_position(past->store), stride = FIRST_STRIDE;
    neap_status status = NEAP_OK;
    if (!folds(past)) {
        move_to(past, target);
        return NEAP_OK;
    }
    while (at < target && status == NEAP_OK) {
        uint64_t to_keep = neapi_past_keep_next(&history->keep, at);
        uint64_t next = target - at > stride ? at + stride : target;
        int64_t begun_us = neapi_monotonic_us(past->platform);
        if (next > to_keep)
            next = to_keep;
        status = neapi_history_go_on(history, at, target, error);
        if (status == NEAP_OK)
            status = fold_to(past, next, error);
        if (status == NEAP_OK && next == to_keep && is_as_the_log(past, next))
            keep(past, next);
        stride = next_stride(stride, neapi_monotonic_us(past->platform) - begun_us);
        at = next;
    }
    return status;
}

/* ---- Pasts ----------------------------------------------------------------------------------- */

/* The position itself, or for NEAP_LAST the last one. */
static neap_status find_position(const neap_history *history, uint64_t wanted, uint64_t *position,
                                 neap_error *error)
{
    neapi_session *session;
    uint64_t last;
    neap_status status = neapi_session_open(history->log, NEAPI_MODE_READ, &session, error);
    if (status != NEAP_OK)
        return status;
    status = neapi_head(session, &last, error);
    neapi_session_close(session);
    if (status == NEAP_OK && wanted != NEAP_LAST && wanted > last)
        status =
            neapi_fail(error, NEAP_UNKNOWN, "there is no position %llu: the last event is %llu",
                       (unsigned long long)wanted, (unsigned long long)last);
    if (status == NEAP_OK)
        *position = wanted != NEAP_LAST ? wanted : last;
    return status;
}

/* What a past shows of inline projections is folded as of all others: no command is decided. */
static void fold_all_alike(const neapi_catalog *catalog)
{
    for (uint32_t i = 0; i < catalog->subscription_count; i++)
        catalog->subscriptions[i]->is_inline = false;
}

/* The last of what is kept that is as it would be folded up to the position. */
static neapi_kept_past *nearest(neap_history *history, uint64_t position,
                                const neapi_past_edits *edits)
{
    if (edits != NULL && edits->count != 0 && edits->items[0].position <= position)
        position = edits->items[0].position - 1;
    return neapi_past_keep_nearest(&history->keep, position);
}

static neap_status start_from(neap_runtime *past, uint64_t position, const neapi_past_edits *edits,
                              neap_error *error)
{
    neap_history *history = past->history;
    neap_status status = neapi_past_store_new(history->log, &past->store, error);
    if (status == NEAP_OK && edits != NULL)
        status = neapi_past_store_edit(past->store, edits, error);
    if (status != NEAP_OK)
        return status;
    neapi_kept_past *kept = folds(past) ? nearest(history, position, edits) : NULL;
    if (kept != NULL) {
        status = neapi_kept_past_put(kept, past->store, error);
        neapi_past_store_move(past->store, kept->position);
    }
    neapi_kept_past_release(kept);
    return status == NEAP_OK ? neap_start(past, error) : status;
}

neap_status neapi_history_load(neap_history *history, const char *chosen, neap_clock clock,
                               void *clock_user, neap_runtime **past, neap_error *error)
{
    neap_options options = options_of_a_past(history);
    options.subscriptions = chosen;
    options.clock = clock;
    options.clock_user = clock_user;
    neap_status status =
        neapi_runtime_load_past(history, history->model->sources, &options, past, error);
    if (status == NEAP_OK)
        fold_all_alike((*past)->catalog);
    return status;
}

/* chosen: which subscriptions are folded there. */
static neap_status make_past(neap_history *history, const char *chosen, uint64_t position,
                             const neapi_past_edits *edits, neap_runtime **past, neap_error *error)
{
    neap_runtime *made;
    neap_status status = neapi_history_load(history, chosen, NULL, NULL, &made, error);
    if (status != NEAP_OK)
        return status;
    status = start_from(made, position, edits, error);
    if (status == NEAP_OK)
        status = fold_forward(made, position, error);
    if (status == NEAP_OK)
        *past = made;
    else
        neap_close(made);
    return status;
}

neap_status neapi_history_past(neap_history *history, uint64_t position,
                               const neapi_past_edits *edits, neap_runtime **past,
                               neap_error *error)
{
    return make_past(history, history->chosen.data, position, edits, past, error);
}

neap_status neap_history_at(neap_history *history, uint64_t position, neap_runtime **past,
                            neap_error *error)
{
    if (history == NULL || past == NULL)
        return neapi_fail(error, NEAP_USAGE, "neap_history_at: history and past must not be NULL");
    neap_status status = find_position(history, position, &position, error);
    return status == NEAP_OK ? neapi_history_past(history, position, NULL, past, error) : status;
}

neap_status neap_history_log(neap_history *history, neap_runtime **past, neap_error *error)
{
    if (history == NULL || past == NULL)
        return neapi_fail(error, NEAP_USAGE, "neap_history_log: history and past must not be NULL");
    uint64_t last;
    neap_status status = find_position(history, NEAP_LAST, &last, error);
    return status == NEAP_OK ? make_past(history, "", last, NULL, past, error) : status;
}

neap_status neap_history_last(neap_history *history, uint64_t *position, neap_error *error)
{
    if (history == NULL || position == NULL)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_history_last: history and position must not be NULL");
    return find_position(history, NEAP_LAST, position, error);
}

static neap_status check_past(const neap_runtime *past, const char *call, neap_error *error)
{
    if (past == NULL || past->history == NULL)
        return neapi_fail(error, NEAP_USAGE, "%s: it is no past of a history", call);
    return neapi_call_check(past, call, true, error);
}

neap_status neap_history_forward(neap_runtime *past, uint64_t position, neap_error *error)
{
    neap_status status = check_past(past, "neap_history_forward", error);
    if (status == NEAP_OK && past->branch != NULL)
        status = neapi_fail(error, NEAP_USAGE, "neap_history_forward: a branch goes on on its own");
    if (status == NEAP_OK)
        status = find_position(past->history, position, &position, error);
    if (status != NEAP_OK)
        return status;
    uint64_t at = neapi_past_store_position(past->store);
    if (position < at)
        return neapi_fail(
            error, NEAP_USAGE,
            "neap_history_forward: the past is at %llu, behind %llu; neap_history_at()"
            " gives another one",
            (unsigned long long)at, (unsigned long long)position);
    return fold_forward(past, position, error);
}

neap_status neap_history_position(const neap_runtime *past, uint64_t *position, neap_error *error)
{
    if (past == NULL || past->history == NULL || position == NULL)
        return neapi_fail(error, NEAP_USAGE, "neap_history_position: it is no past of a history");
    *position = neapi_past_store_head(past->store);
    return NEAP_OK;
}
