#include "runtime/fault.h"

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "core/sqlite_shim.h"
#include "runtime/runtime.h"

#define MOST 100000

static char note[160]; /* how to repeat what failed */
static fault_kind kind;
static atomic_size_t largest; /* request that Lua may make; 0: any */
static atomic_bool refused;   /* something was, in this run */

#define check(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("%s: %s", note, #condition);                                                  \
    } while (0)

/* ---- Refusing -------------------------------------------------------------------------------- */

/* Before Lua 5.4.8 a request may be refused for its size only: from 1 MiB to 64 MiB. */
static size_t size_of(uint64_t nth)
{
    size_t size = (size_t)1 << 20;
    while (--nth > 0 && size < (size_t)64 << 20)
        size += size / 4;
    return size < (size_t)64 << 20 ? size : 0;
}

static void arm(uint64_t nth, bool persistent)
{
    refused = false;
    largest = kind == FAULT_LUA ? size_of(nth) : 0;
    neapi_alloc_refuse(kind == FAULT_CORE ? nth : 0, persistent);
    if (kind == FAULT_SQLITE)
        shim_arm((shim_plan){.calls = SHIM_MEMORY, .nth = (unsigned)nth, .persistent = persistent});
}

/* A lane may ask while disarm() moves the answer into `refused`: that is looked at again, last. */
static bool is_refused(void)
{
    return refused || largest != 0 || (kind == FAULT_CORE && neapi_alloc_struck()) ||
           (kind == FAULT_SQLITE && shim_struck()) || refused;
}

static void disarm(void)
{
    refused = is_refused();
    largest = 0;
    neapi_alloc_refuse(0, false);
    if (kind == FAULT_SQLITE)
        shim_disarm();
}

void fault_install(void)
{
    shim_install();
    neapi_alloc_refuse(0, false);
}

/* ---- What calls gave ------------------------------------------------------------------------- */

void fault_told(fault_world *world, const char *call, neap_status status, const neap_error *error,
                neap_status natural, unsigned also)
{
    (void)world;
    unsigned allowed = FAULT_ALSO(natural);
    if (is_refused())
        allowed |= FAULT_ALSO(kind == FAULT_LUA ? NEAP_LIMIT : NEAP_NOMEM) | also;
    if ((FAULT_ALSO(status) & allowed) == 0)
        fail_msg("%s: %s gave %s, expected %s: %s", note, call, neap_status_name(status),
                 neap_status_name(natural),
                 status != NEAP_OK && error != NULL ? error->message : "");
    if (status == NEAP_OK || error == NULL)
        return;
    check(error->status == status);
    check(error->message[0] != '\0' && error->code[0] != '\0');
}

bool fault_open(fault_world *world, bool (*handlers)(fault_world *world))
{
    neap_options options;
    neap_error error;
    neap_options_init(&options);
    options.store = world->url;
    options.lanes = world->lanes;
    if (largest != 0)
        options.allocation_bytes = largest;
    neap_status status = neap_load(world->domain, &options, &world->runtime, &error);
    fault_told(world, "neap_load", status, &error, NEAP_OK, 0);
    if (status != NEAP_OK) {
        world->runtime = NULL;
        return false;
    }
    bool started = handlers == NULL || handlers(world);
    if (started) {
        status = neap_start(world->runtime, &error);
        fault_told(world, "neap_start", status, &error, NEAP_OK, 0);
        started = status == NEAP_OK;
    }
    if (!started) {
        neap_close(world->runtime);
        world->runtime = NULL;
    }
    return started;
}

/* ---- Commands -------------------------------------------------------------------------------- */

/* The correlation id says in the log whose events they are. */
static neap_uuid id_of(unsigned index)
{
    neap_uuid id = {{0xfa}};
    id.bytes[15] = (uint8_t)index;
    return id;
}

static fault_answer *new_answer(fault_world *world, const char *name, const char *json,
                                const char *key)
{
    check(world->count < FAULT_COMMANDS);
    fault_answer *answer = &world->answers[world->count++];
    *answer = (fault_answer){0};
    snprintf(answer->what, sizeof answer->what, "%s %s", name, json);
    snprintf(answer->key, sizeof answer->key, "%s", key != NULL ? key : "");
    for (fault_answer *other = world->answers; key != NULL && other < answer; other++)
        answer->seen_key = answer->seen_key || strcmp(other->key, key) == 0;
    return answer;
}

static void take_answer(fault_answer *answer, neap_status status, neap_reply *reply,
                        const neap_error *error)
{
    check(!answer->answered);
    answer->answered = true;
    answer->status = status;
    answer->unknown = status != NEAP_OK && error->outcome_unknown;
    fault_told(NULL, answer->what, status, error, answer->natural, answer->also);
    if (status != NEAP_OK)
        return;
    const neap_receipt *receipt = neap_reply_receipt(reply);
    check(receipt != NULL && neap_reply_json(reply, NULL) != NULL);
    answer->repeated = receipt->repeated;
    answer->command_id = receipt->command_id;
    answer->version = receipt->version;
    answer->position = receipt->position;
    answer->events = receipt->event_count;
    neap_reply_free(reply);
}

static void called_back(void *user, neap_status status, neap_reply *reply, const neap_error *error)
{
    take_answer(user, status, reply, error);
}

static neap_dispatch_options options_of(const fault_world *world, const char *key, char id[37])
{
    neap_dispatch_options options;
    neap_dispatch_options_init(&options);
    neap_uuid_format(id_of(world->count - 1), id);
    options.correlation_id = id;
    options.idempotency_key = key;
    options.meta = "{\"by\":\"spec\"}";
    return options;
}

static fault_answer *prepare(fault_world *world, const char *name, const char *json,
                             const char *key, size_t events, neap_status natural, unsigned also)
{
    fault_answer *answer = new_answer(world, name, json, key);
    answer->wanted = events;
    answer->natural = natural;
    answer->also = also;
    return answer;
}

static void dispatch(fault_world *world, fault_answer *answer, const char *name, const char *json,
                     const char *key)
{
    char id[37];
    neap_reply *reply = NULL;
    neap_error error;
    neap_dispatch_options options = options_of(world, key, id);
    neap_status status =
        neap_dispatch(world->runtime, name, json, strlen(json), &options, &reply, &error);
    take_answer(answer, status, reply, &error);
}

void fault_dispatch(fault_world *world, const char *name, const char *json, const char *key,
                    size_t events, neap_status natural, unsigned also)
{
    dispatch(world, prepare(world, name, json, key, events, natural, also), name, json, key);
}

void fault_dispatch_nested(fault_world *world, const char *name, const char *json, size_t nested,
                           size_t events, neap_status natural, unsigned also)
{
    fault_answer *answer = prepare(world, name, json, NULL, events, natural, also);
    answer->nested = nested;
    dispatch(world, answer, name, json, NULL);
}

void fault_send(fault_world *world, const char *name, const char *json, const char *key,
                size_t events, neap_status natural, unsigned also)
{
    char id[37];
    neap_error error;
    fault_answer *answer = prepare(world, name, json, key, events, natural, also);
    neap_dispatch_options options = options_of(world, key, id);
    neap_status status =
        neap_send(world->runtime, name, json, strlen(json), &options, called_back, answer, &error);
    if (status != NEAP_OK)
        take_answer(answer, status, NULL, &error);
}

void fault_publish(fault_world *world, const char *stream, const char *type, const char *json,
                   neap_status natural, unsigned also)
{
    char id[37];
    neap_reply *reply = NULL;
    neap_error error;
    fault_answer *answer = prepare(world, type, json, NULL, 1, natural, also);
    neap_dispatch_options options = options_of(world, NULL, id);
    neap_status status = neap_publish(world->runtime, stream, NEAP_ANY_VERSION, type, json,
                                      strlen(json), &options, &reply, &error);
    take_answer(answer, status, reply, &error);
}

void fault_publish_earlier(fault_world *world, const char *stream, const char *type,
                           const char *json, const char *key, neap_status natural, unsigned also)
{
    static const neap_text tag = {"spec:1", 6};
    char id[37];
    neap_reply *reply = NULL;
    neap_error error;
    fault_answer *answer = prepare(world, type, json, key, 1, natural, also);
    neap_dispatch_options options = options_of(world, key, id);
    options.schema = 1;
    options.tags = &tag;
    options.tag_count = 1;
    neap_status status = neap_publish(world->runtime, stream, NEAP_ANY_VERSION, type, json,
                                      strlen(json), &options, &reply, &error);
    take_answer(answer, status, reply, &error);
}

/* ---- What the store holds -------------------------------------------------------------------- */

typedef struct recorded {
    size_t events;
    uint64_t version, position; /* of the last one */
} recorded;

static unsigned index_of(const fault_world *world, neap_uuid id)
{
    for (unsigned i = 0; i < world->count; i++)
        if (neapi_uuid_equal(id, id_of(i)))
            return i;
    return FAULT_COMMANDS;
}

static void check_answer(const fault_answer *answer, const recorded *found)
{
    if (!answer->answered)
        fail_msg("%s: %s was never answered", note, answer->what);
    bool right = found->events == 0;
    if (answer->status == NEAP_OK && !answer->repeated) {
        right =
            found->events == answer->nested + answer->wanted && answer->events == answer->wanted;
        if (found->events > 0)
            right =
                right && answer->version == found->version && answer->position == found->position;
    } else if (answer->status != NEAP_OK && answer->unknown) {
        right = found->events == 0 || found->events == answer->wanted ||
                (answer->nested > 0 && found->events <= answer->nested + answer->wanted);
    }
    if (!right)
        fail_msg("%s: %s was answered %s%s%s with %zu events, and the log has %zu of them", note,
                 answer->what, neap_status_name(answer->status),
                 answer->unknown ? " (unknown)" : "", answer->repeated ? " (repeated)" : "",
                 answer->events, found->events);
}

/* Of all commands with one key at most one took effect, and a repeated receipt is of that one. */
static void check_key(const fault_world *world, unsigned one, const recorded *found)
{
    const fault_answer *first = &world->answers[one];
    for (unsigned i = one + 1; first->key[0] != '\0' && i < world->count; i++) {
        const fault_answer *other = &world->answers[i];
        if (strcmp(first->key, other->key) != 0)
            continue;
        check(found[one].events == 0 || found[i].events == 0);
        if (first->status == NEAP_OK && other->status == NEAP_OK) {
            check(other->repeated);
            check(neapi_uuid_equal(first->command_id, other->command_id));
            check(first->version == other->version && first->position == other->position);
        }
    }
}

static uint64_t check_log(const fault_world *world, neap_cursor *cursor)
{
    recorded found[FAULT_COMMANDS + 1] = {{0}};
    const neap_event *event;
    neap_error error;
    uint64_t last = 0;
    for (;;) {
        if (neap_cursor_next(cursor, &event, &error) != NEAP_OK)
            fail_msg("%s: %s", note, error.message);
        if (event == NULL)
            break;
        check(event->position == ++last);
        recorded *of = &found[index_of(world, event->correlation_id)];
        of->events++;
        of->version = event->version;
        of->position = event->position;
    }
    neap_cursor_close(cursor);
    for (unsigned i = 0; i < world->count; i++) {
        check_answer(&world->answers[i], &found[i]);
        check_key(world, i, found);
    }
    return last;
}

static void print_finding(void *user, const char *text)
{
    (void)user;
    print_error("verify: %s\n", text);
}

static uint64_t check_store(const fault_world *world, neap_store *store)
{
    neap_cursor *cursor;
    neap_verification verification;
    neap_error error;
    if (neap_store_read(store, NULL, &cursor, &error) != NEAP_OK)
        fail_msg("%s: %s", note, error.message);
    uint64_t last = check_log(world, cursor);
    if (neap_store_verify(store, print_finding, NULL, &verification, &error) != NEAP_OK)
        fail_msg("%s: %s", note, error.message);
    check(verification.findings == 0 && verification.events == last);
    return last;
}

/* ---- Going on -------------------------------------------------------------------------------- */

static uint64_t last_version(neap_runtime *runtime, const char *stream)
{
    neap_filter filter;
    neap_cursor *cursor;
    const neap_event *event;
    neap_filter_init(&filter);
    filter.stream = stream;
    filter.backward = true;
    filter.limit = 1;
    check(neap_read(runtime, &filter, &cursor, NULL) == NEAP_OK);
    check(neap_cursor_next(cursor, &event, NULL) == NEAP_OK);
    uint64_t last = event == NULL ? 0 : stream == NULL ? event->position : event->version;
    neap_cursor_close(cursor);
    return last;
}

/* What the lane holds is the fold of what the store holds. */
static void check_states(neap_runtime *runtime, const fault_instance *instance)
{
    for (; instance->aggregate != NULL; instance++) {
        neap_reply *now = NULL, *past = NULL;
        neap_error error;
        uint64_t version = last_version(runtime, instance->stream);
        neap_status status =
            neap_state(runtime, instance->aggregate, instance->id, 0, &now, &error);
        if (version == 0) {
            check(status == NEAP_UNKNOWN);
            continue;
        }
        if (instance->stream == NULL && status == NEAP_UNKNOWN)
            continue; /* by tags there may be other events only */
        if (status != NEAP_OK)
            fail_msg("%s: state %s: %s", note, instance->id, error.message);
        status = neap_state(runtime, instance->aggregate, instance->id, version, &past, &error);
        if (status != NEAP_OK)
            fail_msg("%s: state %s at the end: %s", note, instance->id, error.message);
        if (strcmp(neap_reply_json(now, NULL), neap_reply_json(past, NULL)) != 0)
            fail_msg("%s: %s is %s, and its events say %s", note, instance->id,
                     neap_reply_json(now, NULL), neap_reply_json(past, NULL));
        neap_reply_free(now);
        neap_reply_free(past);
    }
}

static void check_life(const fault_scenario *scenario, neap_runtime *runtime)
{
    neap_error error;
    check(neap_drain(runtime, 60000, &error) == NEAP_OK);
    check_states(runtime, scenario->instances);
    if (neap_dispatch(runtime, scenario->command, scenario->json, strlen(scenario->json), NULL,
                      NULL, &error) != NEAP_OK)
        fail_msg("%s: with memory again: %s", note, error.message);
    check(neap_drain(runtime, 60000, &error) == NEAP_OK);
    check_states(runtime, scenario->instances);
}

/* ---- One run --------------------------------------------------------------------------------- */

static bool is_in_memory(const fault_world *world)
{
    return strncmp(world->url, "memory:", 7) == 0;
}

static void remove_store(const char *url)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-lock"};
    if (strncmp(url, "sqlite:", 7) != 0)
        return;
    for (size_t i = 0; i < 4; i++) {
        char path[256];
        snprintf(path, sizeof path, "%.200s%s", url + 7, endings[i]);
        unlink(path);
    }
}

/* What lasts is looked at again; a store that was never made is NEAP_UNKNOWN. */
static void check_reopened(const fault_scenario *scenario, fault_world *world, bool thoroughly)
{
    neap_store *store;
    neap_error error;
    if (is_in_memory(world) || neap_store_open(world->url, &store, &error) == NEAP_UNKNOWN)
        return;
    check_store(world, store);
    neap_store_close(store);
    if (scenario->command == NULL || !thoroughly)
        return;
    check(fault_open(world, scenario->handlers));
    check_life(scenario, world->runtime);
    neap_close(world->runtime);
    world->runtime = NULL;
}

/* Whether anything was refused. */
static bool run_once(const fault_scenario *scenario, fault_world *world, fault_mode mode,
                     uint64_t nth)
{
    remove_store(world->url);
    world->runtime = NULL;
    world->count = 0;
    if (scenario->prepare != NULL)
        scenario->prepare(world);
    int64_t blocks = neapi_alloc_blocks(), bytes = sqlite3_memory_used();
    arm(nth, mode != FAULT_ONCE);
    scenario->run(world);
    if (mode != FAULT_FOR_GOOD)
        disarm();
    if (world->runtime != NULL) {
        if (mode != FAULT_FOR_GOOD) {
            check_life(scenario, world->runtime);
            if (is_in_memory(world))
                check_store(world, &(neap_store){.store = world->runtime->store});
        }
        neap_close(world->runtime);
        world->runtime = NULL;
    }
    disarm();
    bool struck = refused;
    for (unsigned i = 0; i < world->count; i++)
        check(world->answers[i].answered);
    check_reopened(scenario, world, nth % 8 == 0);
    if (neapi_alloc_blocks() != blocks)
        fail_msg("%s: %lld blocks were left", note, (long long)(neapi_alloc_blocks() - blocks));
    if (sqlite3_memory_used() > bytes && bytes != 0)
        fail_msg("%s: %lld bytes of SQLite were left", note,
                 (long long)(sqlite3_memory_used() - bytes));
    return struck;
}

static unsigned asked(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? (unsigned)atoi(text) : otherwise;
}

static void every_nth(const fault_scenario *scenario, fault_world *world, fault_mode mode,
                      unsigned stride)
{
    static const char *const kinds[] = {"core", "SQLite", "Lua by size"};
    static const char *const modes[] = {"once", "for a while", "for good"};
    uint64_t nth = asked("NEAP_FAULT_FIRST", 1);
    for (bool struck = true; struck; nth += stride) {
        snprintf(note, sizeof note, "%.8s: allocation %llu of %s refused %s", world->url,
                 (unsigned long long)nth, kinds[kind], modes[mode]);
        struck = run_once(scenario, world, mode, nth);
        check(nth < MOST);
    }
    if (asked("NEAP_FAULT_VERBOSE", 0))
        print_message("%s, and %u behind that\n", note, stride);
}

void fault_every(const fault_scenario *scenario, const char *scheme, fault_kind of, fault_mode mode,
                 unsigned stride)
{
    static bool under_way; /* left so by one that failed, with a runtime that nobody can close */
    if (under_way)
        skip();
    under_way = true;
    fault_world *world = calloc(1, sizeof *world);
    char url[128] = "memory:", folder[64];
    bool in_files = strcmp(scheme, "sqlite") == 0;
    snprintf(folder, sizeof folder, "%s/neap-spec-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (in_files) {
        assert_non_null(mkdtemp(folder));
        snprintf(url, sizeof url, "sqlite:%s/store.db", folder);
    }
    world->url = url;
    world->domain = scenario->domain;
    world->lanes = scenario->lanes;
    world->much = of == FAULT_LUA ? 3000000 : 3000;
    kind = of;
    unsigned factor = asked("NEAP_FAULT_STRIDE", 1);
    every_nth(scenario, world, mode, factor == 0 ? 1 : stride * factor);
    remove_store(url);
    if (in_files)
        rmdir(folder);
    free(world);
    under_way = false;
}
