/* Loading, starting and closing. */
#include "runtime/runtime.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/inline.h"
#include "runtime/options.h"

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

static neap_status open_engine(neap_runtime *runtime, guest_place place, neap_error *error)
{
    neapi_engine_options engine_options = neapi_runtime_engine_options(runtime);
    engine_options.log = log_of_domain;
    engine_options.log_user = runtime;
    engine_options.load_state = neapi_lane_accepted_state;
    engine_options.let_go = neapi_lane_let_go;
    engine_options.host = &runtime->lane;
    if (place.lua_state != NULL)
        return neapi_engine_open_guest(place.lua_state, place.services, runtime->sources,
                                       &engine_options, &runtime->engine, error);
    return neapi_engine_open(runtime->sources, &engine_options, &runtime->engine, error);
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
    return made;
}

static int64_t given_clock(void *self)
{
    const neap_runtime *runtime = self;
    return runtime->options.clock(runtime->options.clock_user);
}

/* SplitMix64: the same bits for the same seed. */
static void seeded_random(void *self, void *bytes, size_t size)
{
    neap_runtime *runtime = self;
    const uint64_t step = 0x9E3779B97F4A7C15u;
    for (char *at = bytes; size > 0;) {
        uint64_t bits = atomic_fetch_add(&runtime->random, step) + step;
        bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9u;
        bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EBu;
        bits ^= bits >> 31;
        size_t taken = size < sizeof bits ? size : sizeof bits;
        memcpy(at, &bits, taken);
        at += taken;
        size -= taken;
    }
}

static void take_report_and_time(neap_runtime *runtime)
{
    const neap_options *options = &runtime->options;
    runtime->report = (neapi_report){options->log, options->log_user, &runtime->log_mutex};
    runtime->platform = neapi_platform_machine();
    if (options->clock == NULL && options->seed == 0)
        return;
    runtime->given = *runtime->platform;
    runtime->given.self = runtime; /* the machine's own functions do not look at it */
    if (options->clock != NULL)
        runtime->given.wall_us = given_clock;
    if (options->seed != 0)
        runtime->given.random = seeded_random;
    atomic_init(&runtime->random, options->seed);
    runtime->platform = &runtime->given;
}

/* path: NULL only if the domain is in the state. */
static neap_status load(const char *path, guest_place place, const neap_options *options,
                        neap_runtime **runtime, neap_error *error)
{
    neap_runtime *loaded = new_runtime();
    if (loaded == NULL)
        return neapi_nomem(error);
    neap_status status = neapi_options_take(options, &loaded->options, error);
    if (status == NEAP_OK && place.lua_state != NULL && !neapi_is_inline(loaded))
        status = neapi_fail(error, NEAP_USAGE,
                            "a domain in the caller's own Lua state has no lanes: option lanes "
                            "must be 0");
    if (status == NEAP_OK) {
        take_report_and_time(loaded);
        if (path != NULL)
            status = neapi_sources_open(path, &loaded->sources, error);
    }
    if (status == NEAP_OK)
        status = open_engine(loaded, place, error);
    if (status != NEAP_OK) {
        neap_close(loaded);
        return status;
    }
    loaded->catalog = neapi_engine_catalog(loaded->engine);
    *runtime = loaded;
    return NEAP_OK;
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
    neapi_engine *engine = runtime->has_lane ? runtime->lane.engine : runtime->engine;
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

static neap_status open_lane(neap_runtime *runtime, neap_error *error)
{
    neapi_session *session;
    neap_status status = neapi_session_open(runtime->store, NEAPI_MODE_READ, &session, error);
    if (status != NEAP_OK)
        return status;
    neapi_lane *lane = &runtime->lane;
    lane->options = &runtime->options;
    lane->platform = runtime->platform;
    lane->report = &runtime->report;
    lane->catalog = runtime->catalog;
    lane->writer = runtime->has_writer ? &runtime->writer : NULL;
    lane->uses = runtime->uses;
    lane->use_count = runtime->use_count;
    lane->fingerprint = fingerprint_of(runtime);
    status = neapi_lane_init(lane, runtime->engine, session, error);
    if (status != NEAP_OK) {
        neapi_session_close(session);
        return status;
    }
    runtime->engine = NULL;
    runtime->has_lane = true;
    return NEAP_OK;
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
    status = neapi_runtime_start_services(runtime, error);
    if (status != NEAP_OK)
        return status;
    status = neapi_store_open(runtime->options.store, reading ? NEAPI_MODE_READ : NEAPI_MODE_WRITE,
                              &runtime->store, error);
    if (status == NEAP_OK && !reading)
        status = open_writer(runtime, error);
    if (status == NEAP_OK)
        status = open_lane(runtime, error);
    if (status == NEAP_OK && (runtime->last_barrier = neapi_barrier_new(runtime)) == NULL)
        status = neapi_nomem(error);
    bool threads = !neapi_is_inline(runtime);
    if (status == NEAP_OK && threads && !reading)
        status = neapi_writer_start(&runtime->writer, error);
    if (status == NEAP_OK && threads)
        status = neapi_lane_start(&runtime->lane, error);
    if (status == NEAP_OK)
        runtime->stage = NEAPI_RUNTIME_RUNNING;
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

/* Goes on with what was accepted for a while; what is left then is dropped, and said. */
static void finish_work(neap_runtime *runtime)
{
    uint32_t patience = runtime->options.close_ms;
    neap_error error;
    if (patience == 0)
        return;
    neapi_request *barrier = runtime->last_barrier;
    runtime->last_barrier = NULL;
    if (neapi_drain(runtime, barrier, patience, &error) == NEAP_TIMEOUT)
        neapi_report_text(
            &runtime->report, NEAP_LOG_WARN,
            "closing: not everything that was accepted could be done within %u ms; the rest is "
            "answered \"closed\"",
            patience);
}

/* Its threads cannot wait for themselves. */
static bool is_called_from_within(const neap_runtime *runtime)
{
    pthread_t self = pthread_self();
    if (neapi_is_inline(runtime))
        return neapi_inline_drives(runtime);
    return (runtime->lane.running && pthread_equal(self, runtime->lane.thread)) ||
           (runtime->writer.running && pthread_equal(self, runtime->writer.thread));
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
    if (runtime->stage == NEAPI_RUNTIME_RUNNING) {
        neapi_mailbox_refuse(&runtime->lane.mailbox);
        finish_work(runtime);
    }
    if (runtime->has_writer)
        neapi_writer_hurry(&runtime->writer);
    if (runtime->stage == NEAPI_RUNTIME_RUNNING && neapi_is_inline(runtime))
        neapi_inline_stop(runtime);
    neapi_lane_stop(&runtime->lane);
    if (runtime->has_writer)
        neapi_writer_stop(&runtime->writer);
    if (runtime->has_lane)
        neapi_lane_fini(&runtime->lane);
    if (runtime->has_writer)
        neapi_writer_fini(&runtime->writer);
    if (runtime->engine != NULL)
        neapi_engine_close(runtime->engine);
    if (runtime->store != NULL)
        neapi_store_close(runtime->store);
    if (runtime->sources != NULL)
        neapi_sources_free(runtime->sources);
    neapi_barrier_free(runtime->last_barrier);
    neapi_options_free(&runtime->options);
    neapi_runtime_free_services(runtime);
    neapi_free(runtime->uses);
    pthread_mutex_destroy(&runtime->log_mutex);
    pthread_mutex_destroy(&runtime->drive_mutex);
    neapi_free(runtime);
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
    if (index >= catalog->aggregate_count)
        return false;
    const neapi_aggregate *aggregate = catalog->aggregates[index];
    *definition = (neap_definition){NEAP_KIND_AGGREGATE, aggregate->name.data, aggregate->file.data,
                                    aggregate->line, NULL};
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
