#include "runtime/subscribed.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/chosen.h"
#include "runtime/guard.h"
#include "runtime/in_unit.h"
#include "runtime/runtime.h"
#include "runtime/saga.h"
#include "runtime/stored.h"

#define OPEN_ATTEMPTS 3

/* ---- What is stored -------------------------------------------------------------------------- */

neap_status neapi_record_put(neapi_unit *unit, neapi_subscribed *it, const neapi_record *record)
{
    it->new_record = *record;
    neapi_buffer_clear(&it->new_mark);
    neapi_record_write(&it->new_mark, it->definition->kind, record);
    const neapi_document document = {.collection = NEAPI_SUBSCRIPTIONS,
                                     .key = it->definition->name,
                                     .write = NEAPI_DOCUMENT_PUT,
                                     .expect = it->mark.size != 0 ? NEAPI_DOCUMENT_EQUAL
                                                                  : NEAPI_DOCUMENT_ABSENT,
                                     .expected = neapi_text(it->mark.data, it->mark.size),
                                     .data = neapi_text(it->new_mark.data, it->new_mark.size)};
    unit->tells = true;
    return it->new_mark.failed ? NEAP_NOMEM : neapi_unit_document(unit, &document);
}

/* data NULL: there shall be none. */
static neap_status write_checkpoints(neapi_unit *unit, const neapi_subscription *definition,
                                     uint32_t build, uint32_t partitions, neap_text data)
{
    neapi_buffer key = NEAPI_BUFFER_INIT;
    neap_status status = NEAP_OK;
    for (uint32_t i = 0; i < partitions && status == NEAP_OK; i++) {
        neapi_buffer_clear(&key);
        neapi_checkpoint_key(&key, definition->name, build, i);
        const neapi_document document = {.collection = NEAPI_CHECKPOINTS,
                                         .key = neapi_text(key.data, key.size),
                                         .write = data.data != NULL ? NEAPI_DOCUMENT_PUT
                                                                    : NEAPI_DOCUMENT_DROP,
                                         .expect = NEAPI_DOCUMENT_ANY,
                                         .data = data};
        status = key.failed ? NEAP_NOMEM : neapi_unit_document(unit, &document);
    }
    neapi_buffer_fini(&key);
    return status;
}

neap_status neapi_checkpoints_put(neapi_unit *unit, const neapi_subscription *definition,
                                  uint32_t build, uint32_t partitions, uint64_t position)
{
    const neapi_checkpoint checkpoint = {.generation = 1, .position = position};
    neapi_buffer json = NEAPI_BUFFER_INIT;
    neapi_checkpoint_write(&json, &checkpoint);
    neap_status status = json.failed ? NEAP_NOMEM
                                     : write_checkpoints(unit, definition, build, partitions,
                                                         neapi_text(json.data, json.size));
    neapi_buffer_fini(&json);
    return status;
}

neap_status neapi_checkpoints_drop(neapi_unit *unit, const neapi_subscription *definition,
                                   uint32_t build, uint32_t partitions)
{
    return write_checkpoints(unit, definition, build, partitions, (neap_text){0});
}

static neap_status change_tables(neapi_unit *unit, const neapi_subscription *definition,
                                 uint32_t build, neapi_tables_change change)
{
    const neapi_tables tables = {.projection = definition->name,
                                 .build = build,
                                 .change = change,
                                 .text = change == NEAPI_TABLES_CREATE ? definition->schema
                                                                       : (neap_text){0}};
    return definition->is_sql ? neapi_unit_tables(unit, &tables) : NEAP_OK;
}

neap_status neapi_build_begin(neapi_unit *unit, const neapi_subscription *definition,
                              neapi_record *record)
{
    record->next = ++record->last;
    record->next_partitions = definition->partitions;
    record->next_version = definition->version;
    record->next_schema = neapi_schema_hash(definition);
    neap_status status = change_tables(unit, definition, record->next, NEAPI_TABLES_CREATE);
    return status == NEAP_OK
               ? neapi_checkpoints_put(unit, definition, record->next, record->next_partitions, 0)
               : status;
}

neap_status neapi_build_swap(neapi_unit *unit, const neapi_subscription *definition,
                             neapi_record *record)
{
    neap_status status =
        neapi_checkpoints_drop(unit, definition, record->build, record->partitions);
    const neapi_tables replaced = {
        .projection = definition->name, .build = record->build, .change = NEAPI_TABLES_DROP};
    if (status == NEAP_OK && record->schema != 0 && !definition->is_sql)
        status = neapi_unit_tables(unit, &replaced); /* nobody else would do it */
    record->build = record->next;
    record->partitions = record->next_partitions;
    record->version = record->next_version;
    record->schema = record->next_schema;
    record->next = record->next_partitions = record->next_version = record->next_schema = 0;
    return status == NEAP_OK ? change_tables(unit, definition, record->build, NEAPI_TABLES_SHOW)
                             : status;
}

neap_status neapi_build_drop_tables(neapi_unit *unit, const neapi_subscription *definition,
                                    uint32_t build)
{
    return change_tables(unit, definition, build, NEAPI_TABLES_DROP);
}

/* A subscription that the store does not know yet. */
static neap_status found_new(neapi_unit *unit, neapi_subscribed *it, uint64_t head)
{
    const neapi_subscription *definition = it->definition;
    neapi_record record = it->record;
    neap_status status = change_tables(unit, definition, 1, NEAPI_TABLES_CREATE);
    if (status == NEAP_OK)
        status = change_tables(unit, definition, 1, NEAPI_TABLES_SHOW);
    if (status == NEAP_OK)
        status = neapi_checkpoints_put(unit, definition, 1, record.partitions,
                                       definition->from_now ? head : 0);
    if (status == NEAP_OK && it->rebuild)
        status = neapi_build_begin(unit, definition, &record);
    return status == NEAP_OK ? neapi_record_put(unit, it, &record) : status;
}

static bool is_live_as_defined(const neapi_subscribed *it)
{
    return it->record.version == it->definition->version &&
           it->record.schema == neapi_schema_hash(it->definition);
}

static bool is_next_as_defined(const neapi_subscribed *it)
{
    return it->record.next_version == it->definition->version &&
           it->record.next_schema == neapi_schema_hash(it->definition);
}

/* One that is defined otherwise now: the next build is made by this definition. */
static neap_status found_older(neapi_unit *unit, neapi_subscribed *it)
{
    const neapi_subscription *definition = it->definition;
    neapi_record record = it->record;
    if (record.next != 0 && is_next_as_defined(it))
        return NEAP_OK;
    neap_status status = NEAP_OK;
    if (record.next != 0)
        status = neapi_checkpoints_drop(unit, definition, record.next, record.next_partitions);
    if (status == NEAP_OK)
        status = neapi_build_begin(unit, definition, &record);
    return status == NEAP_OK ? neapi_record_put(unit, it, &record) : status;
}

/* The live one is as defined. A build of another definition than today's is of no use. */
static neap_status found_as_defined(neapi_unit *unit, neapi_subscribed *it)
{
    const neapi_subscription *definition = it->definition;
    neapi_record record = it->record;
    bool useless = record.next != 0 && !is_next_as_defined(it);
    bool begins = it->rebuild && (record.next == 0 || useless);
    neap_status status = NEAP_OK;
    if (useless) {
        status = neapi_checkpoints_drop(unit, definition, record.next, record.next_partitions);
        record.next = record.next_partitions = record.next_version = record.next_schema = 0;
    }
    if (status == NEAP_OK && begins)
        status = neapi_build_begin(unit, definition, &record);
    return status == NEAP_OK && (useless || begins) ? neapi_record_put(unit, it, &record) : status;
}

static neap_status settle(neapi_unit *unit, neapi_subscribed *it, bool found, uint64_t head)
{
    if (!found)
        return found_new(unit, it, head);
    return is_live_as_defined(it) ? found_as_defined(unit, it) : found_older(unit, it);
}

/* unit NULL: nothing is to be changed. */
static neap_status look_up(neapi_session *session, neapi_subscribed *it, neapi_unit *unit,
                           uint64_t head, neap_error *error)
{
    const neapi_subscription *definition = it->definition;
    neapi_arena arena = NEAPI_ARENA_INIT;
    neap_text data;
    bool found;
    it->record = (neapi_record){.build = 1,
                                .last = 1,
                                .partitions = definition->partitions,
                                .version = definition->version,
                                .schema = neapi_schema_hash(definition)};
    neapi_buffer_clear(&it->mark);
    neapi_buffer_clear(&it->new_mark);
    neap_status status = neapi_find_document(session, NEAPI_SUBSCRIPTIONS, definition->name, &arena,
                                             &data, &found, error);
    if (status == NEAP_OK && found) {
        status = neapi_record_read(data, &it->record, error);
        neapi_buffer_text(&it->mark, data);
    }
    it->new_record = it->record;
    if (status == NEAP_OK &&
        (it->mark.failed || (unit != NULL && settle(unit, it, found, head) != NEAP_OK)))
        status = neapi_nomem(error);
    neapi_arena_fini(&arena);
    return status;
}

static neap_status commit(neap_runtime *runtime, neapi_unit *unit, neap_error *error)
{
    neapi_outcome outcome;
    if (unit->op_count == 0)
        return NEAP_OK;
    neap_status status = neapi_commit(runtime->writer.session, &unit, 1,
                                      neapi_wall_us(runtime->platform), &outcome, error);
    if (status != NEAP_OK || unit->state == NEAPI_UNIT_ACCEPTED)
        return status;
    return neapi_fail(error, unit->verdict.status, "%.900s",
                      unit->message.size != 0
                          ? unit->message.data
                          : "the store did not take what it is to keep of subscriptions");
}

/* As it is stored now. */
static void take_record(neapi_subscribed *it)
{
    it->record = it->new_record;
    if (it->new_mark.size == 0)
        return;
    neapi_buffer_clear(&it->mark);
    neapi_buffer_append(&it->mark, it->new_mark.data, it->new_mark.size);
}

/* Reads all records; without one it is as the definition says, and is stored if there is a writer.
 */
static neap_status settle_records(neap_runtime *runtime, neapi_session *session, neap_error *error)
{
    uint64_t head;
    neapi_uuid_source ids;
    neapi_unit *unit = NULL;
    neapi_uuid_source_init(&ids, runtime->platform);
    neap_status status = neapi_head(session, &head, error);
    if (status == NEAP_OK && runtime->has_writer) {
        unit = neapi_unit_new(neapi_uuid_new(&ids, neapi_wall_us(runtime->platform)));
        if (unit == NULL)
            status = neapi_nomem(error);
    }
    for (uint32_t i = 0; i < runtime->subscribed_count && status == NEAP_OK; i++)
        status = look_up(session, &runtime->subscribed[i],
                         runtime->subscribed[i].runs ? unit : NULL, head, error);
    if (status == NEAP_OK && unit != NULL)
        status = commit(runtime, unit, error);
    neapi_unit_release(unit);
    for (uint32_t i = 0; i < runtime->subscribed_count && status == NEAP_OK; i++)
        take_record(&runtime->subscribed[i]);
    return status;
}

/* ---- Builds ---------------------------------------------------------------------------------- */

/* The same lane for the same name in every run, if there are as many. */
static unsigned lane_for(const neapi_router *router, const neapi_subscription *definition,
                         uint32_t partition)
{
    bool pure = definition->kind == NEAPI_PROJECTION || router->reaction_lanes == 0;
    unsigned first = pure ? 0 : router->command_lanes;
    unsigned count = pure ? router->command_lanes : router->reaction_lanes;
    return first + (unsigned)((neapi_text_hash(definition->name, 0) + partition) % count);
}

void neapi_build_free(neapi_build *build)
{
    if (build == NULL)
        return;
    for (uint32_t i = 0; build->partitions != NULL && i < build->partition_count; i++)
        neapi_partition_fini(&build->partitions[i]);
    neapi_free(build->partitions);
    neapi_buffer_fini(&build->collection);
    neapi_free(build);
}

void neapi_build_nudge(const neapi_lane *lane, const neapi_build *build)
{
    for (uint32_t i = 0; build != NULL && i < build->partition_count; i++) {
        neapi_lane *other = lane->router->lanes[build->partitions[i].lane];
        if (other != lane)
            neapi_inbox_nudge(&other->mailbox->inbox);
    }
}

static neap_status make_partitions(const neap_runtime *runtime, neapi_build *build,
                                   neap_error *error)
{
    const neapi_subscription *definition = build->subscribed->definition;
    build->partitions = neapi_alloc_zero(build->partition_count, sizeof *build->partitions);
    if (build->partitions == NULL)
        return neapi_nomem(error);
    for (uint32_t i = 0; i < build->partition_count; i++) {
        neap_status status = neapi_partition_init(&build->partitions[i], build, i,
                                                  lane_for(&runtime->router, definition, i), error);
        if (status != NEAP_OK)
            return status;
    }
    return NEAP_OK;
}

neap_status neapi_build_make(const neap_runtime *runtime, neapi_subscribed *it,
                             const neapi_record *record, bool next, neapi_build **made,
                             neap_error *error)
{
    neapi_build *build = neapi_alloc_zero(1, sizeof *build);
    if (build == NULL)
        return neapi_nomem(error);
    build->subscribed = it;
    build->number = next ? record->next : record->build;
    build->version = next ? record->next_version : record->version;
    build->partition_count = next ? record->next_partitions : record->partitions;
    atomic_init(&build->retiring, false);
    neapi_collection_name(&build->collection, it->definition->name, build->number);
    neap_status status =
        build->collection.failed ? neapi_nomem(error) : make_partitions(runtime, build, error);
    if (status == NEAP_OK)
        *made = build;
    else
        neapi_build_free(build);
    return status;
}

static void give_to_lanes(const neap_runtime *runtime, neapi_build *build)
{
    for (uint32_t i = 0; i < build->partition_count; i++)
        neapi_partition_join(runtime->router.lanes[build->partitions[i].lane],
                             &build->partitions[i]);
}

/* It is of an earlier definition, and goes no further: it says how far it came, and answers with
 * what it has. */
static neap_status lay_to_rest(neapi_session *session, neapi_build *build, neap_error *error)
{
    neap_status status = NEAP_OK;
    atomic_store(&build->retiring, true);
    for (uint32_t i = 0; i < build->partition_count && status == NEAP_OK; i++)
        status = neapi_partition_look_up(session, &build->partitions[i], error);
    return status;
}

/* ---- Opening and closing --------------------------------------------------------------------- */

/* The lanes do not run yet. */
static neap_status open_one(neap_runtime *runtime, neapi_session *session, neapi_subscribed *it,
                            neap_error *error)
{
    neapi_build *live, *next;
    neap_status status = neapi_build_make(runtime, it, &it->record, false, &live, error);
    if (status != NEAP_OK)
        return status;
    neapi_lane *home = runtime->router.lanes[live->partitions[0].lane];
    atomic_store(&it->live, live);
    atomic_store(&it->paused, it->record.paused);
    it->home = home->number;
    if (!is_live_as_defined(it) || !it->runs)
        status = lay_to_rest(session, live, error);
    if (status != NEAP_OK || !it->runs)
        return status;
    it->next_home = home->at_home;
    home->at_home = it;
    give_to_lanes(runtime, live);
    if (it->record.next == 0)
        return NEAP_OK;
    status = neapi_build_make(runtime, it, &it->record, true, &next, error);
    if (status == NEAP_OK) {
        atomic_store(&it->next, next);
        give_to_lanes(runtime, next);
    }
    return status;
}

/* Whether the store can keep what the subscription makes. */
static neap_status check_store(const neapi_session *session, const neapi_subscription *definition,
                               neap_error *error)
{
    if (!definition->is_sql || session->store->backend->select != NULL)
        return NEAP_OK;
    return neapi_fail(error, NEAP_USAGE,
                      "projection '%.*s' (%.*s:%d) keeps rows in SQL, which the store %s has not; "
                      "use one that has, such as sqlite:PATH",
                      NEAPI_TEXT(definition->name), NEAPI_TEXT(definition->file), definition->line,
                      session->store->name);
}

static bool add(neap_runtime *runtime, const neapi_subscription *definition)
{
    neapi_subscribed *it = &runtime->subscribed[runtime->subscribed_count];
    if (pthread_mutex_init(&it->mutex, NULL) != 0)
        return false;
    it->definition = definition;
    const neap_options *options = &runtime->options;
    it->runs = runtime->has_writer && neapi_is_chosen(options, definition->name);
    it->rebuild = neapi_is_to_be_rebuilt(options, definition->name);
    atomic_init(&it->live, NULL);
    atomic_init(&it->next, NULL);
    atomic_init(&it->paused, false);
    atomic_init(&it->granted, false);
    atomic_init(&it->owned, !runtime->store->backend->shared);
    atomic_init(&it->looks, false);
    atomic_init(&it->resumed, 0);
    atomic_init(&it->resets, 0);
    it->report = &runtime->report;
    atomic_init(&it->signals, 0);
    atomic_init(&it->losing, false);
    neapi_guard_init(it);
    runtime->subscribed_count++;
    return true;
}

neap_status neapi_subscriptions_open(neap_runtime *runtime, neap_error *error)
{
    const neapi_catalog *catalog = runtime->catalog;
    if (catalog->subscription_count == 0)
        return NEAP_OK;
    runtime->subscribed =
        neapi_alloc_zero(catalog->subscription_count, sizeof *runtime->subscribed);
    if (runtime->subscribed == NULL)
        return neapi_nomem(error);
    for (uint32_t i = 0; i < catalog->subscription_count; i++)
        if (neapi_has_checkpoint(catalog->subscriptions[i]) &&
            !add(runtime, catalog->subscriptions[i]))
            return neapi_nomem(error);
    neapi_session *session = runtime->router.lanes[0]->session;
    for (uint32_t i = 0; i < runtime->subscribed_count; i++) {
        const neapi_subscription *definition = runtime->subscribed[i].definition;
        if (check_store(session, definition, error) != NEAP_OK)
            return NEAP_USAGE;
    }
    neap_status status = runtime->queue != NULL ? neapi_sagas_serve(runtime, error) : NEAP_OK;
    if (status != NEAP_OK)
        return status;
    status = NEAP_CONFLICT; /* another process may store them at the same time */
    for (int i = 0; status == NEAP_CONFLICT && i < OPEN_ATTEMPTS; i++)
        status = settle_records(runtime, session, error);
    for (uint32_t i = 0; i < runtime->subscribed_count && status == NEAP_OK; i++)
        status = open_one(runtime, session, &runtime->subscribed[i], error);
    return status == NEAP_OK ? neapi_in_unit_open(runtime, session, error) : status;
}

static void free_one(neapi_subscribed *it)
{
    neapi_build_free(atomic_load(&it->live));
    neapi_build_free(atomic_load(&it->next));
    for (neapi_build *old; (old = it->replaced) != NULL;) {
        it->replaced = old->replaced;
        neapi_build_free(old);
    }
    neapi_buffer_fini(&it->mark);
    neapi_buffer_fini(&it->new_mark);
    pthread_mutex_destroy(&it->mutex);
}

void neapi_subscriptions_close(neap_runtime *runtime)
{
    for (uint32_t i = 0; i < runtime->subscribed_count; i++)
        free_one(&runtime->subscribed[i]);
    neapi_free(runtime->subscribed);
    runtime->subscribed = NULL;
    runtime->subscribed_count = 0;
    neapi_in_unit_close(runtime);
}

static bool build_rests(const neapi_build *build)
{
    for (uint32_t i = 0; build != NULL && i < build->partition_count; i++) {
        int state = atomic_load(&build->partitions[i].state);
        if (state == NEAPI_PARTITION_STARTING || state == NEAPI_PARTITION_RUNNING)
            return false;
    }
    return true;
}

bool neapi_subscribed_rests(const neapi_subscribed *it)
{
    return !atomic_load(&it->owned) && build_rests(atomic_load(&it->live)) &&
           build_rests(atomic_load(&it->next));
}

neap_status neapi_subscribed_named(const neap_runtime *runtime, neap_text name,
                                   neapi_subscribed **found, neap_error *error)
{
    const neapi_subscription *definition;
    neap_status status = neapi_catalog_subscription(runtime->catalog, name, &definition, error);
    if (status != NEAP_OK)
        return status;
    for (uint32_t i = 0; i < runtime->subscribed_count; i++)
        if (runtime->subscribed[i].definition == definition) {
            *found = &runtime->subscribed[i];
            return NEAP_OK;
        }
    return neapi_say_no_checkpoint(definition, error);
}

neap_status neapi_subscribed_live_build(const neap_runtime *runtime, neapi_session *session,
                                        neap_text name, uint32_t *build, neap_error *error)
{
    neapi_subscribed *it = NULL;
    neapi_record record;
    bool found = false;
    neap_status status = neapi_subscribed_named(runtime, name, &it, error);
    if (status == NEAP_OK && !it->runs)
        status = neapi_stored_record(session, name, &record, &found, error);
    if (status == NEAP_OK)
        *build = found ? record.build : atomic_load(&it->live)->number;
    return status;
}

neap_status neapi_subscribed_running(const neap_runtime *runtime, const char *call, neap_text name,
                                     neapi_subscribed **found, neap_error *error)
{
    neapi_subscribed *it = NULL;
    neap_status status = neapi_subscribed_named(runtime, name, &it, error);
    if (status != NEAP_OK)
        return status;
    if (!runtime->has_writer)
        return neapi_fail(error, NEAP_USAGE,
                          "%s: the store is open for reading only, and nothing catches up here",
                          call);
    if (!it->runs)
        return neapi_fail(error, NEAP_USAGE,
                          "%s: %s '%.*s' does not run in this runtime (option subscriptions is "
                          "\"%.200s\")",
                          call, neapi_subscription_kind_name(it->definition->kind),
                          NEAPI_TEXT(name), runtime->options.subscriptions);
    *found = it;
    return NEAP_OK;
}
