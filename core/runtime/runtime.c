/* Loading, starting and closing. */
#include "runtime/runtime.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/branch.h"
#include "runtime/chosen.h"
#include "runtime/drive.h"
#include "runtime/find.h"
#include "runtime/given.h"
#include "runtime/history.h"
#include "runtime/host_reading.h"
#include "runtime/inline.h"
#include "runtime/members.h"
#include "runtime/options.h"
#include "runtime/outlet.h"
#include "runtime/rescue.h"
#include "runtime/select.h"
#include "runtime/subscribed.h"

static void log_of_domain(void *user, neap_log_level level, const char *text)
{
    const neap_runtime *runtime = user;
    neapi_report_text(&runtime->report, level, "%s", text);
}

neapi_engine_options neapi_runtime_engine_options(const neap_runtime *runtime)
{
    const neap_options *options = &runtime->options;
    return (neapi_engine_options){
        .platform = runtime->platform,
        .memory_bytes = options->lane_memory_bytes,
        .allocation_bytes = options->allocation_bytes,
        .unit_bytes = options->unit_bytes,
        .message_bytes = options->message_bytes,
        .instructions = options->handler_instructions,
        .ms = options->handler_ms,
        .depth = options->nesting_depth,
        .unit_events = options->unit_events,
    };
}

/* Where a domain is that a host keeps in a lua_State of its own. */
typedef struct guest_place {
    void *lua_state; /* NULL: the domain gets a state of ours */
    int services;
} guest_place;

static neapi_engine_options engine_options_for(neap_runtime *runtime, neapi_lane *lane)
{
    neapi_engine_options options = neapi_runtime_engine_options(runtime);
    options.log = log_of_domain;
    options.log_user = runtime;
    options.load_state = neapi_lane_state_for_handler;
    options.find_document = neapi_lane_find_document;
    options.list_documents = neapi_lane_list_documents;
    options.select_rows = neapi_lane_select_rows;
    options.let_go = neapi_lane_let_go;
    if (!neapi_is_inline(runtime)) {
        options.entering = neapi_stay_begin;
        options.left = neapi_stay_end;
    }
    options.host = lane;
    return options;
}

/* The lane that it will belong to is not made yet. */
static neap_status open_first_engine(neap_runtime *runtime, guest_place place, neap_error *error)
{
    const neapi_engine_options options = engine_options_for(runtime, NULL);
    if (place.lua_state != NULL)
        return neapi_engine_open_guest(place.lua_state, place.services, runtime->sources, &options,
                                       &runtime->engine, error);
    return neapi_engine_open(runtime->sources, &options, &runtime->engine, error);
}

/* What it defines has the same place in every lane: messages are passed by it. */
neap_status neapi_runtime_open_engine(neap_runtime *runtime, neapi_lane *lane,
                                      neapi_engine **engine, neap_error *error)
{
    const neapi_engine_options options = engine_options_for(runtime, lane);
    neapi_engine *opened;
    neap_status status = neapi_engine_open(runtime->sources, &options, &opened, error);
    if (status != NEAP_OK)
        return status;
    status = neapi_catalog_same(runtime->catalog, neapi_engine_catalog(opened), error);
    if (status != NEAP_OK)
        neapi_engine_close(opened);
    else
        *engine = opened;
    return status;
}

static neap_runtime *new_runtime(void)
{
    neap_runtime *made = neapi_alloc_zero(1, sizeof *made);
    if (made == NULL)
        return NULL;
    if (pthread_mutex_init(&made->log_mutex, NULL) != 0) {
        neapi_free(made);
        return NULL;
    }
    if (pthread_mutex_init(&made->drive_mutex, NULL) != 0) {
        pthread_mutex_destroy(&made->log_mutex);
        neapi_free(made);
        return NULL;
    }
    if (pthread_mutex_init(&made->host_mutex, NULL) != 0) {
        pthread_mutex_destroy(&made->log_mutex);
        pthread_mutex_destroy(&made->drive_mutex);
        neapi_free(made);
        return NULL;
    }
    return made;
}

static neapi_report report_of(neap_runtime *runtime)
{
    const neap_options *options = &runtime->options;
    return (neapi_report){
        .log = options->log,
        .user = options->log_user,
        .mutex = &runtime->log_mutex,
        .record = options->log_record,
        .least = options->log_level,
        .platform = runtime->platform,
    };
}

static void measure_readers(neap_runtime *runtime)
{
    runtime->reader_calls.platform = runtime->platform;
    runtime->reader_calls.shared = true;
}

/* path: NULL only if the domain is in the state, or it is a past. Takes what was made. */
static neap_status load_into(neap_runtime *loaded, const char *path, guest_place place,
                             const neap_options *options, neap_runtime **runtime, neap_error *error)
{
    loaded->in_hosts_state = place.lua_state != NULL;
    neap_status status = neapi_options_take(options, &loaded->options, error);
    if (status == NEAP_OK && place.lua_state != NULL && !neapi_is_inline(loaded))
        status = neapi_fail(error, NEAP_USAGE,
                            "a domain in the caller's own Lua state has no lanes: option lanes "
                            "must be 0");
    if (status == NEAP_OK) {
        neapi_given_take(loaded);
        loaded->report = report_of(loaded);
        measure_readers(loaded);
        if (path != NULL)
            status = neapi_sources_open(path, &loaded->sources, error);
    }
    if (status == NEAP_OK)
        status = open_first_engine(loaded, place, error);
    if (status != NEAP_OK) {
        neap_close(loaded);
        return status;
    }
    loaded->catalog = neapi_engine_catalog(loaded->engine);
    status = neapi_subscriptions_check(loaded->catalog, &loaded->options, error);
    if (status != NEAP_OK) {
        neap_close(loaded);
        return status;
    }
    *runtime = loaded;
    return NEAP_OK;
}

neap_status neapi_runtime_load_sources(neapi_sources *sources, const neap_options *options,
                                       neap_runtime **runtime, neap_error *error)
{
    neap_runtime *made = new_runtime();
    if (made == NULL) {
        neapi_sources_free(sources);
        return neapi_nomem(error);
    }
    made->sources = sources;
    return load_into(made, NULL, (guest_place){NULL, 0}, options, runtime, error);
}

static neap_status load(const char *path, guest_place place, const neap_options *options,
                        neap_runtime **runtime, neap_error *error)
{
    neap_runtime *made = new_runtime();
    return made != NULL ? load_into(made, path, place, options, runtime, error)
                        : neapi_nomem(error);
}

neap_status neapi_runtime_load_past(neap_history *history, neapi_sources *sources,
                                    const neap_options *options, neap_runtime **past,
                                    neap_error *error)
{
    neap_runtime *made = new_runtime();
    if (made == NULL)
        return neapi_nomem(error);
    made->history = neapi_history_hold(history);
    made->sources = sources;
    return load_into(made, NULL, (guest_place){NULL, 0}, options, past, error);
}

neap_status neap_load(const char *path, const neap_options *options, neap_runtime **runtime,
                      neap_error *error)
{
    if (path == NULL || runtime == NULL)
        return neapi_fail(error, NEAP_USAGE, "neap_load: path and runtime must not be NULL");
    return load(path, (guest_place){NULL, 0}, options, runtime, error);
}

neap_status neap_load_in(void *lua_state, const char *path, int services,
                         const neap_options *options, neap_runtime **runtime, neap_error *error)
{
    if (lua_state == NULL || runtime == NULL)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_load_in: lua_state and runtime must not be NULL");
    return load(path, (guest_place){lua_state, services}, options, runtime, error);
}

neap_status neap_set_lua_thread(neap_runtime *runtime, void *lua_state, neap_error *error)
{
    if (neapi_is_inline(runtime) && neapi_inline_drives(runtime))
        return neapi_fail(error, NEAP_USAGE,
                          "a handler or callback cannot call the runtime that runs it");
    neapi_engine *engine =
        runtime->lane_count != 0 ? runtime->router.lanes[0]->engine : runtime->engine;
    if (engine != NULL)
        neapi_engine_set_thread(engine, lua_state);
    return NEAP_OK;
}

static neap_status open_writer(neap_runtime *runtime, neap_error *error)
{
    neapi_session *session;
    neap_status status = neapi_session_open(runtime->store, NEAPI_MODE_WRITE, &session, error);
    if (status == NEAP_OK)
        status = neapi_writer_init(&runtime->writer, runtime->platform, &runtime->report, session,
                                   error);
    runtime->has_writer = status == NEAP_OK;
    if (runtime->has_writer)
        runtime->writer.hub = runtime->hub;
    return status;
}

/* Whose folds the snapshots are. A domain that was given as an object is like no other. */
static neap_text fingerprint_of(neap_runtime *runtime)
{
    if (runtime->sources != NULL)
        return neapi_sources_fingerprint(runtime->sources);
    neap_uuid id;
    neapi_random(neapi_platform_machine(), id.bytes, sizeof id.bytes);
    neap_uuid_format(id, runtime->fingerprint);
    return neapi_text_of(runtime->fingerprint);
}

neap_status neap_start(neap_runtime *runtime, neap_error *error)
{
    if (runtime->stage != NEAPI_RUNTIME_LOADED)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_start: it was called before; a runtime is started once");
    neap_status status = neapi_catalog_complete(runtime->catalog, error);
    if (status != NEAP_OK)
        return status;
    bool reading = runtime->options.read_only;
    runtime->stage = NEAPI_RUNTIME_FAILED;
    status = neapi_lanes_make(runtime, error);
    if (status != NEAP_OK)
        return status;
    if (runtime->store == NULL) /* a past has one of its own */
        status =
            neapi_store_open(runtime->options.store, reading ? NEAPI_MODE_READ : NEAPI_MODE_WRITE,
                             &runtime->store, error);
    if (status == NEAP_OK)
        status = neapi_runtime_open_hub(runtime, error);
    if (status == NEAP_OK && !reading)
        status = open_writer(runtime, error);
    if (status == NEAP_OK)
        status = neapi_lanes_open(runtime, fingerprint_of(runtime), error);
    if (status == NEAP_OK)
        status = neapi_subscriptions_open(runtime, error);
    if (status == NEAP_OK && !reading && runtime->store->backend->shared)
        status = neapi_members_open(runtime, error);
    if (status == NEAP_OK && !reading && runtime->history == NULL)
        status = neapi_outlets_open(runtime, error);
    if (status == NEAP_OK && (runtime->last_barrier = neapi_barrier_new(runtime)) == NULL)
        status = neapi_nomem(error);
    bool threads = !neapi_is_inline(runtime);
    if (status == NEAP_OK && threads &&
        (runtime->ahead =
             neapi_ahead_new(runtime->store, runtime->platform, &runtime->reader_calls)) == NULL)
        status = neapi_nomem(error);
    if (status == NEAP_OK && threads && !reading)
        status = neapi_writer_start(&runtime->writer, error);
    if (status == NEAP_OK && threads)
        status = neapi_lanes_start(runtime, error);
    if (status == NEAP_OK && threads)
        status = neapi_watch_start(runtime, error);
    if (status == NEAP_OK && threads && runtime->members != NULL)
        status = neapi_members_start(runtime, error);
    if (status == NEAP_OK)
        runtime->stage = NEAPI_RUNTIME_RUNNING;
    runtime->started_us = neapi_monotonic_us(runtime->platform);
    return status;
}

neap_status neap_open(const char *path, const neap_options *options, neap_runtime **runtime,
                      neap_error *error)
{
    if (path == NULL || runtime == NULL)
        return neapi_fail(error, NEAP_USAGE, "neap_open: path and runtime must not be NULL");
    neap_runtime *opened;
    neap_status status = neap_load(path, options, &opened, error);
    if (status != NEAP_OK)
        return status;
    status = neap_start(opened, error);
    if (status != NEAP_OK) {
        neap_close(opened);
        return status;
    }
    *runtime = opened;
    return NEAP_OK;
}

/* Goes on with what was accepted for a while. */
static void finish_work(neap_runtime *runtime)
{
    neapi_request *barrier = runtime->last_barrier;
    runtime->last_barrier = NULL;
    neapi_drain(runtime, barrier, runtime->options.close_ms, NULL);
}

static void say_what_was_dropped(const neap_runtime *runtime)
{
    uint64_t dropped = neapi_lanes_dropped(runtime);
    if (dropped != 0)
        neapi_report_text(&runtime->report, NEAP_LOG_WARN,
                          "closing: %llu message%s that had been accepted could not be done within "
                          "%u ms, and %s answered \"closed\"",
                          (unsigned long long)dropped, dropped == 1 ? "" : "s",
                          runtime->options.close_ms, dropped == 1 ? "was" : "were");
}

/* Its threads cannot wait for themselves. */
static bool is_called_from_within(const neap_runtime *runtime)
{
    if (neapi_runtime_delivers(runtime))
        return true;
    if (neapi_is_inline(runtime))
        return neapi_inline_drives(runtime);
    return neapi_thread_works_for() == runtime ||
           (runtime->watch.running && pthread_equal(pthread_self(), runtime->watch.thread)) ||
           (runtime->writer.running && pthread_equal(pthread_self(), runtime->writer.thread));
}

static void end_work(neap_runtime *runtime)
{
    bool running = runtime->stage == NEAPI_RUNTIME_RUNNING;
    neapi_members_hold(runtime);
    if (running) {
        neapi_lanes_admit(runtime, NEAPI_ADMITS_BARRIERS);
        if (runtime->options.close_ms != 0)
            finish_work(runtime);
    }
    if (runtime->has_writer)
        neapi_writer_hurry(&runtime->writer);
    if (running && neapi_is_inline(runtime))
        neapi_inline_stop(runtime);
    neapi_lanes_stop(runtime);
    neapi_outlets_close(runtime);
    neapi_watch_stop(runtime);
    neapi_members_leave(runtime);
    if (runtime->has_writer)
        neapi_writer_stop(&runtime->writer);
    say_what_was_dropped(runtime);
}

static void free_rest(neap_runtime *runtime)
{
    neapi_lanes_free(runtime);
    neapi_subscriptions_close(runtime);
    neapi_ahead_free(runtime->ahead);
    if (runtime->sources != NULL && runtime->history == NULL)
        neapi_sources_free(runtime->sources);
    neapi_branch_free(runtime->branch);
    neapi_history_release(runtime->history);
    neapi_options_free(&runtime->options);
    neapi_runtime_free_services(runtime);
    neapi_publishers_free(runtime);
    neapi_free(runtime->uses);
    pthread_mutex_destroy(&runtime->log_mutex);
    pthread_mutex_destroy(&runtime->drive_mutex);
    pthread_mutex_destroy(&runtime->host_mutex);
    neapi_free(runtime);
}

/* A handler that never came back may still look at it. */
static void keep_for_good(neap_runtime *runtime)
{
    static _Atomic(neap_runtime *) kept;
    runtime->kept_before = atomic_load(&kept);
    while (!atomic_compare_exchange_weak(&kept, &runtime->kept_before, runtime))
        continue;
}

void neap_close(neap_runtime *runtime)
{
    if (runtime == NULL)
        return;
    if (is_called_from_within(runtime)) {
        neapi_report_text(&runtime->report, NEAP_LOG_ERROR,
                          "neap_close was called by a handler or callback of the runtime itself, "
                          "and did nothing");
        return;
    }
    end_work(runtime);
    neapi_runtime_close_hub(runtime);
    neapi_lanes_close(runtime);
    neapi_ahead_stop(runtime->ahead);
    neapi_host_session_close(runtime);
    neapi_members_close(runtime);
    if (runtime->has_writer)
        neapi_writer_fini(&runtime->writer);
    if (runtime->engine != NULL)
        neapi_engine_close(runtime->engine);
    if (runtime->store != NULL)
        neapi_store_close(runtime->store);
    neapi_barrier_free(runtime->last_barrier);
    if (neapi_rescue_close(runtime))
        free_rest(runtime);
    else
        keep_for_good(runtime);
}

const char *neap_domain_name(const neap_runtime *runtime)
{
    return runtime->catalog->domain.data;
}

static const char *handler_of(const neap_runtime *runtime, const neapi_message *message)
{
    switch (message->by) {
    case NEAPI_BY_AGGREGATE:
        return runtime->catalog->aggregates[message->aggregate]->name.data;
    case NEAPI_BY_LUA:
        return message->kind == NEAP_KIND_QUERY ? "answer" : "handler";
    case NEAPI_BY_HOST:
        return "host";
    default:
        return NULL;
    }
}

static neap_kind kind_of(neapi_subscription_kind kind)
{
    static const neap_kind kinds[] = {
        [NEAPI_PROJECTION] = NEAP_KIND_PROJECTION,
        [NEAPI_SUBSCRIBER] = NEAP_KIND_SUBSCRIBER,
        [NEAPI_SAGA] = NEAP_KIND_SAGA,
        [NEAPI_OUTBOX] = NEAP_KIND_OUTBOX,
    };
    return kinds[kind];
}

bool neap_definition_at(const neap_runtime *runtime, size_t index, neap_definition *definition)
{
    const neapi_catalog *catalog = runtime->catalog;
    if (index < catalog->message_count) {
        const neapi_message *message = catalog->messages[index];
        *definition = (neap_definition){message->kind, message->name.data, message->file.data,
                                        message->line, handler_of(runtime, message)};
        return true;
    }
    index -= catalog->message_count;
    if (index < catalog->aggregate_count) {
        const neapi_aggregate *aggregate = catalog->aggregates[index];
        *definition = (neap_definition){NEAP_KIND_AGGREGATE, aggregate->name.data,
                                        aggregate->file.data, aggregate->line, NULL};
        return true;
    }
    index -= catalog->aggregate_count;
    if (index >= catalog->subscription_count)
        return false;
    const neapi_subscription *subscription = catalog->subscriptions[index];
    *definition = (neap_definition){kind_of(subscription->kind), subscription->name.data,
                                    subscription->file.data, subscription->line, NULL};
    return true;
}

static const neapi_function_place *place_of(const neapi_catalog *catalog, neap_text by,
                                            const neapi_message *message)
{
    if (by.size == 0)
        return message->kind != NEAP_KIND_EVENT ? &message->handler : NULL;
    const neapi_aggregate *aggregate = neapi_map_get(&catalog->aggregate_by_name, by);
    const neapi_subscription *other = neapi_map_get(&catalog->subscription_by_name, by);
    const neapi_function_place *places = aggregate != NULL ? aggregate->folds
                                         : other != NULL   ? other->handlers
                                                           : NULL;
    return places != NULL ? &places[message->index] : NULL;
}

bool neap_handler_place(const neap_runtime *runtime, const char *by, const char *message,
                        const char **file, int *line)
{
    const neapi_catalog *catalog = runtime->catalog;
    const neapi_message *found = neapi_map_get(&catalog->message_by_name, neapi_text_of(message));
    const neapi_function_place *place =
        found != NULL ? place_of(catalog, neapi_text_of(by), found) : NULL;
    if (place == NULL || place->file.size == 0)
        return false;
    *file = place->file.data;
    *line = place->line;
    return true;
}

static neap_status register_handler(neap_runtime *runtime, neap_kind kind, const char *name,
                                    neap_command_handler command, neap_query_handler query,
                                    void *user, neap_error *error)
{
    if (name == NULL || (command == NULL && query == NULL))
        return neapi_fail(error, NEAP_USAGE, "a handler needs a message's name and a function");
    if (runtime->stage != NEAPI_RUNTIME_LOADED)
        return neapi_fail(error, NEAP_USAGE,
                          "the handler of %s comes too late: register between neap_load and "
                          "neap_start",
                          name);
    return neapi_catalog_handle(runtime->catalog, kind, neapi_text_of(name), command, query, user,
                                error);
}

neap_status neap_handle_command(neap_runtime *runtime, const char *name,
                                neap_command_handler handler, void *user, neap_error *error)
{
    return register_handler(runtime, NEAP_KIND_COMMAND, name, handler, NULL, user, error);
}

neap_status neap_handle_query(neap_runtime *runtime, const char *name, neap_query_handler handler,
                              void *user, neap_error *error)
{
    return register_handler(runtime, NEAP_KIND_QUERY, name, NULL, handler, user, error);
}
