#include "transfer/transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#ifdef WITH_POSTGRESQL
#include "postgresql/database.h"
#endif

/* ---- Stores ---------------------------------------------------------------------------------- */

static void fresh_sqlite(char url[CONTRACT_URL_SIZE])
{
    char path[] = "/tmp/neap-transfer-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    unlink(path);
    snprintf(url, CONTRACT_URL_SIZE, "sqlite:%s", path);
}

static void discard_sqlite(const char *url)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-lock"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        char path[CONTRACT_URL_SIZE + 8];
        snprintf(path, sizeof path, "%s%s", strchr(url, ':') + 1, endings[i]);
        unlink(path);
    }
}

static const contract_fixture sqlite = {
    .name = "sqlite", .fresh = fresh_sqlite, .discard = discard_sqlite, .persistent = true};

#ifdef WITH_POSTGRESQL
static void fresh_postgresql(char url[CONTRACT_URL_SIZE])
{
    database_fresh(url, CONTRACT_URL_SIZE);
}

static const contract_fixture postgresql = {.name = "postgresql",
                                            .fresh = fresh_postgresql,
                                            .discard = database_discard,
                                            .persistent = true,
                                            .text_only = true};

const contract_fixture *const transfer_stores[] = {&sqlite, &postgresql};
#else
static void fresh_memory(char url[CONTRACT_URL_SIZE])
{
    strcpy(url, "memory:");
}

static const contract_fixture memory = {.name = "memory", .fresh = fresh_memory};

const contract_fixture *const transfer_stores[] = {&memory, &sqlite};
#endif
const size_t transfer_store_count = sizeof transfer_stores / sizeof *transfer_stores;

static contract_world *open_world(size_t which)
{
    void *state = (void *)transfer_stores[which];
    world_setup(&state);
    return state;
}

static void close_world(contract_world *world, bool sound)
{
    if (sound)
        assert_sound(world);
    world_close(world);
    neapi_arena_fini(&world->arena);
    neapi_page_fini(&world->all);
    if (world->fixture->discard != NULL)
        world->fixture->discard(world->url);
    neapi_free(world);
}

void pair_open(transfer_pair *pair, size_t from, size_t to)
{
    pair->from = open_world(from);
    pair->to = open_world(to);
    neapi_session_close(pair->to->writer);
    pair->to->writer = NULL;
}

void pair_close(transfer_pair *pair, bool sound)
{
    int64_t blocks = pair->from->blocks;
    close_world(pair->to, sound);
    close_world(pair->from, sound);
    assert_int_equal(neapi_alloc_blocks(), blocks);
}

/* ---- Histories ------------------------------------------------------------------------------- */

typedef struct history {
    contract_world *world;
    uint32_t random;
    uint64_t events;
} history;

static uint32_t below(history *it, uint32_t bound)
{
    it->random ^= it->random << 13;
    it->random ^= it->random >> 17;
    it->random ^= it->random << 5;
    return it->random % bound;
}

/* JSON as it may be stored, in all its forms. */
static const char *const data[] = {
    "{}",
    "{\"a\":1}",
    "{ \"a\" : 1 }",
    "{\"a\":\n1}",
    " {\"a\":1}",
    "{\"a\":1}\t",
    "{\"a\":1.50}",
    "{\"a\":1e3,\"b\":-0.0}",
    "{\"a\":9223372036854775807}",
    "{\"a\":\"\\u00e4\\ud83d\\ude00\\/\\b\"}",
    "{\"a\":\"\xC3\xA4\xF0\x9F\x98\x80\x7F\"}",
    "{\"a\":[[[[{\"b\":[null,true,false]}]]]]}",
    "\"a text\"",
    "17",
    "null",
};
#define DATA (sizeof data / sizeof *data)

static void add_events(history *it, neapi_unit *unit, neap_uuid command)
{
    static const neap_text tags[] = {{"a:1", 3}, {"b:\xC3\xA4\"", 5}, {"c:\\", 3}};
    for (uint32_t i = 1 + below(it, 5); i > 0; i--) {
        char stream[32];
        snprintf(stream, sizeof stream, "Thing-%u \"\xE2\x82\xAC\"", below(it, 7));
        neap_event event = new_event(below(it, 2) != 0 ? "Happened" : "Was \\done\\", "");
        event.data = T(data[below(it, DATA)]);
        event.schema = 1 + below(it, 3);
        event.command_id = command;
        event.causation_id = below(it, 3) == 0 ? new_id() : command;
        event.correlation_id = below(it, 3) == 0 ? command : event.correlation_id;
        event.tags = tags;
        event.tag_count = below(it, 4);
        event.meta = below(it, 3) == 0 ? T("{\"user\":\"ada\\n\"}") : T("");
        if (below(it, 50) == 0)
            event.recorded_at = INT64_C(253402300800000000) + below(it, 1000000);
        add_event(unit, stream, NEAP_ANY_VERSION, &event);
        it->events++;
    }
}

static void add_one_key(history *it, neapi_unit *unit, unsigned number)
{
    char name[32];
    snprintf(name, sizeof name, "key %u %u", below(it, 1000000), number);
    const neapi_key key = {.key = T(name),
                           .hash = (uint64_t)below(it, UINT32_MAX) << 32 | below(it, UINT32_MAX),
                           .command_id = below(it, 2) != 0 ? new_id() : (neap_uuid){{0}},
                           .expires_at = below(it, 9) == 0 ? INT64_MAX : FAR_AWAY,
                           .stream = below(it, 2) != 0 ? T("Thing-1") : T(""),
                           .types = T(data[below(it, 2)]),
                           .version = below(it, 10),
                           .position = it->events};
    assert_int_equal(neapi_unit_key(unit, &key), NEAP_OK);
}

static void add_one_document(history *it, neapi_unit *unit)
{
    static const char *const collections[] = {
        "$queue", "$queue_name", "$saga:buy", "$saga_stopped:buy", "$dead_letter", "orders@1"};
    char key[32];
    snprintf(key, sizeof key, "%u/\xC3\xA4", below(it, 20));
    const bool drops = below(it, 4) == 0;
    add_document(unit, collections[below(it, 6)], key,
                 drops ? NEAPI_DOCUMENT_DROP : NEAPI_DOCUMENT_PUT, data[below(it, DATA)],
                 NEAPI_DOCUMENT_ANY, NULL);
}

void write_history(contract_world *world, uint32_t seed, unsigned units)
{
    history it = {.world = world, .random = seed * 2654435761u + 1};
    uint64_t head;
    assert_int_equal(neapi_head(world->reader, &head, NULL), NEAP_OK);
    it.events = head;
    for (unsigned i = 0; i < units; i++) {
        neapi_unit *unit = new_unit();
        neap_uuid command = {{0}};
        uint32_t kind = below(&it, 10);
        if (kind < 5)
            command = add_command(unit, "Do \"it\"");
        else if (kind == 5)
            command = new_id(); /* its command was not recorded */
        if (kind < 9)
            add_events(&it, unit, command);
        if (below(&it, 3) == 0)
            add_one_key(&it, unit, i);
        if (below(&it, 3) == 0)
            add_one_document(&it, unit);
        commit_one(world, unit, NEAP_OK);
    }
}

void write_event(contract_world *world, const char *stream, const char *json)
{
    neapi_unit *unit = new_unit();
    neap_event event = new_event("Happened", json);
    add_event(unit, stream, NEAP_ANY_VERSION, &event);
    commit_one(world, unit, NEAP_OK);
}

void write_document(contract_world *world, const char *collection, const char *key, neap_text bytes)
{
    neapi_unit *unit = new_unit();
    const neapi_document document = {
        .collection = T(collection), .key = T(key), .write = NEAPI_DOCUMENT_PUT, .data = bytes};
    assert_int_equal(neapi_unit_document(unit, &document), NEAP_OK);
    commit_one(world, unit, NEAP_OK);
}

/* ---- Exporting and importing ----------------------------------------------------------------- */

void export_lines(neapi_store *store, const neap_filter *filter, neapi_buffer *lines)
{
    neap_error error;
    neap_exporter *exporter;
    const char *json;
    size_t size;
    if (neapi_export_open(store, filter, NOW, &exporter, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    do {
        if (neap_exporter_next(exporter, &json, &size, &error) != NEAP_OK)
            fail_msg("%s", error.message);
        if (json == NULL)
            break;
        assert_int_equal(strlen(json), size);
        assert_null(memchr(json, '\n', size));
        neapi_buffer_append(lines, json, size);
        neapi_buffer_byte(lines, '\n');
    } while (true);
    neap_exporter_close(exporter);
    assert_false(lines->failed);
}

neap_status import_lines(contract_world *world, neap_text lines, size_t piece, bool renumber,
                         neap_error *error)
{
    neap_importer *importer;
    neap_import_options options;
    neap_import_options_init(&options);
    options.renumber = renumber;
    error->message[0] = '\0';
    neap_status status = neapi_import_open_into(world->store, &options, &importer, error);
    for (size_t at = 0; at < lines.size && status == NEAP_OK; at += piece)
        status = neap_importer_write(importer, lines.data + at,
                                     lines.size - at < piece ? lines.size - at : piece, error);
    if (status == NEAP_OK)
        status = neap_importer_finish(importer, error);
    neap_importer_close(importer);
    return status;
}

void import_all(contract_world *world, const neapi_buffer *lines)
{
    neap_error error;
    if (import_lines(world, neapi_text(lines->data, lines->size), 1000, false, &error) != NEAP_OK)
        fail_msg("%s", error.message);
}

static void keep_difference(void *user, const char *text)
{
    snprintf(user, 2048, "%s", text);
}

bool same(neapi_store *store, neapi_store *other, char *difference)
{
    neap_error error;
    neap_comparison result;
    difference[0] = '\0';
    if (neapi_stores_compare(store, other, keep_difference, difference, &result, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    assert_int_equal(result.same, difference[0] == '\0');
    return result.same;
}

void assert_same(const transfer_pair *pair)
{
    char difference[2048];
    if (!same(pair->from->store, pair->to->store, difference))
        fail_msg("%s", difference);
}

neap_text line_of(const neapi_buffer *lines, size_t number)
{
    const char *at = lines->data, *end = lines->data + lines->size;
    while (--number > 0)
        at = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
    return neapi_text(at, (size_t)((const char *)memchr(at, '\n', (size_t)(end - at)) - at) + 1);
}

size_t count_lines(const neapi_buffer *lines)
{
    size_t count = 0;
    for (size_t i = 0; i < lines->size; i++)
        count += lines->data[i] == '\n';
    return count;
}
