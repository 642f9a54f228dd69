/* Files with flipped bits, zeroed sectors and missing ends: whatever is read from them, nothing
 * crashes, and every answer is an event that could be one, or an error. */
#include "core/sqlite_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/sqlite_shim.h"
#include "stores/sqlite/backlog.h"

#define SEEDS 300

typedef struct file_bytes {
    unsigned char *data;
    size_t size;
} file_bytes;

static file_bytes read_file(const char *path, const char *ending)
{
    char whole[160];
    snprintf(whole, sizeof whole, "%s%s", path, ending);
    FILE *file = fopen(whole, "rb");
    assert_non_null(file);
    file_bytes read = {malloc(4 << 20), 0};
    assert_non_null(read.data);
    read.size = fread(read.data, 1, 4 << 20, file);
    fclose(file);
    return read;
}

static void write_file(const char *path, const char *ending, const unsigned char *data, size_t size)
{
    char whole[160];
    snprintf(whole, sizeof whole, "%s%s", path, ending);
    FILE *file = fopen(whole, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
}

static void remove_beside(const char *path)
{
    const char *endings[] = {"-wal", "-shm"};
    for (size_t i = 0; i < 2; i++) {
        char whole[160];
        snprintf(whole, sizeof whole, "%s%s", path, endings[i]);
        unlink(whole);
    }
}

/* A unit with one of everything. */
static neapi_unit *rich_unit(uint64_t number)
{
    char stream[32], key[32];
    neap_text tags[] = {NEAPI_LITERAL("course:c-1"), NEAPI_LITERAL("student:s-\"2\"")};
    snprintf(stream, sizeof stream, "%s-%d", number % 3 == 0 ? "Invoice" : "Order",
             (int)(number % 7));
    snprintf(key, sizeof key, "key-%d", (int)number);
    neapi_unit *unit = new_unit(stream, NEAP_ANY_VERSION, number);
    neap_event event = unit->events[0];
    event.id.bytes[15] = (uint8_t)~event.id.bytes[15];
    neap_text type = NEAPI_LITERAL("Enrolled");
    event.type = type;
    event.tags = tags;
    event.tag_count = 2;
    event.meta = NEAPI_LITERAL("{\"user\":\"ada\"}");
    event.correlation_id = unit->id;
    neapi_command command = {.id = unit->id,
                             .recorded_at = NOW,
                             .name = NEAPI_LITERAL("Enrol"),
                             .data = NEAPI_LITERAL("{}")};
    neapi_key kept = {.key = neapi_text_of(key),
                      .hash = number,
                      .command_id = unit->id,
                      .expires_at = NOW + 1000,
                      .types = NEAPI_LITERAL("[]")};
    neapi_snapshot snapshot = {.name = neapi_text_of(stream),
                               .version = 1 + number / 10,
                               .fingerprint = NEAPI_LITERAL("f"),
                               .state = NEAPI_LITERAL("state"),
                               .keep = 2};
    assert_int_equal(neapi_unit_append(unit, neapi_text_of(stream), NEAP_ANY_VERSION, &event),
                     NEAP_OK);
    assert_int_equal(neapi_unit_command(unit, &command), NEAP_OK);
    assert_int_equal(neapi_unit_key(unit, &kept), NEAP_OK);
    assert_int_equal(neapi_unit_snapshot(unit, &snapshot), NEAP_OK);
    assert_int_equal(neapi_unit_condition(unit, &type, 1, tags, 2, 2 * number), NEAP_OK);
    return unit;
}

static void fill(neapi_session *session, uint64_t units)
{
    for (uint64_t i = 0; i < units; i++) {
        neapi_outcome outcome;
        neap_error error = {0};
        if (commit_unit(session, rich_unit(i), &outcome, &error) != NEAP_OK)
            fail_msg("%s", error.message);
    }
}

static unsigned random_below(unsigned *seed, unsigned bound)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % bound;
}

static void harm(unsigned char *data, size_t *size, unsigned seed)
{
    unsigned kind = random_below(&seed, 8), blows = 1 + random_below(&seed, 6);
    if (kind == 0) {
        *size = random_below(&seed, (unsigned)*size);
        return;
    }
    for (unsigned i = 0; i < blows; i++) {
        size_t at = random_below(&seed, (unsigned)*size);
        if (kind == 1)
            memset(data + at / 512 * 512, 0, *size - at / 512 * 512 < 512 ? *size % 512 : 512);
        else if (kind == 2)
            data[at] = (unsigned char)random_below(&seed, 256);
        else
            data[at] ^= (unsigned char)(1 << random_below(&seed, 8));
    }
}

/* What may be said of a damaged file. */
static void allowed(neap_status status, const neap_error *error)
{
    if (status != NEAP_OK && status != NEAP_CORRUPT && status != NEAP_STORE)
        fail_msg("%s: %s", neap_status_name(status), error->message);
    if (status != NEAP_OK)
        assert_int_not_equal(error->message[0], '\0');
}

static void read_all(neapi_session *session, neapi_range range)
{
    neapi_page page = NEAPI_PAGE_INIT;
    neap_error error = {0};
    neap_status status = NEAP_OK;
    range.max_events = 50;
    range.max_bytes = 1 << 20;
    for (int pages = 0; pages < 40 && status == NEAP_OK && !page.last; pages++) {
        status = neapi_read(session, &range, &page, &error);
        allowed(status, &error);
        range.from = page.next;
        for (size_t i = 0; i < page.count; i++)
            assert_true(page.events[i].position > 0 && page.events[i].stream.size > 0);
    }
    neapi_page_fini(&page);
}

static void ignore_finding(void *user, const char *text)
{
    (void)user;
    assert_int_not_equal(text[0], '\0');
}

static void read_everything(neapi_session *session)
{
    neap_text type = NEAPI_LITERAL("Enrolled"), order = NEAPI_LITERAL("Order-1");
    neap_text tags[] = {NEAPI_LITERAL("course:c-1"), NEAPI_LITERAL("student:s-\"2\"")};
    read_all(session, (neapi_range){.from = 1, .to = UINT64_MAX});
    read_all(session, (neapi_range){.from = UINT64_MAX, .to = 1, .backward = true});
    read_all(session, (neapi_range){.from = 1, .to = UINT64_MAX, .stream = order});
    read_all(session,
             (neapi_range){.from = 1, .to = UINT64_MAX, .category = NEAPI_LITERAL("Order")});
    read_all(session, (neapi_range){.from = 1, .to = UINT64_MAX, .types = &type, .type_count = 1});
    read_all(session, (neapi_range){.from = 1, .to = UINT64_MAX, .tags = tags, .tag_count = 2});
    read_all(session, (neapi_range){.from = UINT64_MAX,
                                    .to = 1,
                                    .backward = true,
                                    .types = &type,
                                    .type_count = 1,
                                    .tags = tags,
                                    .tag_count = 2});

    neap_error error = {0};
    neapi_arena arena = NEAPI_ARENA_INIT;
    bool found;
    uint64_t version, position;
    neapi_key key;
    neapi_snapshot snapshot;
    neapi_command command;
    allowed(neapi_stream_head(session, order, &version, &position, &error), &error);
    allowed(neapi_head(session, &position, &error), &error);
    allowed(neapi_find_key(session, NEAPI_LITERAL("key-9"), NOW, &arena, &key, &found, &error),
            &error);
    allowed(neapi_find_snapshot(session, order, UINT64_MAX, NEAPI_LITERAL("f"), &arena, &snapshot,
                                &found, &error),
            &error);
    allowed(neapi_find_command(session, 7, &arena, &command, &found, &error), &error);
    neapi_verify_sink sink = {NULL, ignore_finding};
    neap_verification result = {0};
    allowed(neapi_verify(session, &sink, &result, &error), &error);
    neapi_arena_fini(&arena);
}

static void try_to_read(const char *url)
{
    neapi_store *store;
    neapi_session *session;
    neap_error error = {0};
    neap_status status = neapi_store_open(url, NEAPI_MODE_READ, &store, &error);
    if (status == NEAP_UNKNOWN) /* Cut off at its very beginning. */
        return;
    allowed(status, &error);
    if (status != NEAP_OK)
        return;
    status = neapi_session_open(store, NEAPI_MODE_READ, &session, &error);
    allowed(status, &error);
    if (status == NEAP_OK) {
        read_everything(session);
        neapi_session_close(session);
    }
    neapi_store_close(store);
}

static void try_to_write(const char *url)
{
    neapi_store *store;
    neapi_session *session;
    neap_error error = {0};
    neap_status status = neapi_store_open(url, NEAPI_MODE_WRITE, &store, &error);
    allowed(status, &error);
    if (status != NEAP_OK)
        return;
    status = neapi_session_open(store, NEAPI_MODE_WRITE, &session, &error);
    allowed(status, &error);
    for (uint64_t i = 0; i < 3 && status == NEAP_OK; i++) {
        neapi_outcome outcome;
        bool more;
        neapi_unit *unit = rich_unit(1000 + i);
        status = neapi_commit(session, &unit, 1, NOW, &outcome, &error);
        allowed(status, &error);
        neapi_unit_release(unit);
        allowed(neapi_maintain(session, NOW + 2000, &more, &error), &error);
        if (status != NEAP_OK || i == 2)
            neapi_session_close(session);
    }
    neapi_store_close(store);
}

static void a_damaged_file_is_an_error_or_a_finding(void **state)
{
    spec_place *place = *state;
    spec_writing writing = open_writing(place->url);
    fill(writing.session, 120);
    close_writing(&writing);
    file_bytes whole = read_file(place->path, "");
    unsigned char *data = malloc(whole.size);
    assert_non_null(data);
    for (unsigned seed = 1; seed <= SEEDS; seed++) {
        size_t size = whole.size;
        memcpy(data, whole.data, size);
        harm(data, &size, seed);
        remove_beside(place->path);
        write_file(place->path, "", data, size);
        try_to_read(place->url);
        try_to_write(place->url);
    }
    free(data);
    free(whole.data);
}

/* The log ends at the first frame that is not as it was written: what is left is a beginning. */
static void a_damaged_write_ahead_log_ends_early(void **state)
{
    spec_place *place = *state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        spec_writing writing = open_writing(place->url);
        for (uint64_t i = 0; i < 40; i++)
            append(writing.session, "Order-1", 0);
        _exit(0);
    }
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
    file_bytes file = read_file(place->path, ""), log = read_file(place->path, "-wal");
    unsigned char *data = malloc(log.size);
    assert_non_null(data);
    for (unsigned seed = 1; seed <= SEEDS / 3; seed++) {
        size_t size = log.size;
        memcpy(data, log.data, size);
        harm(data, &size, seed);
        remove_beside(place->path);
        write_file(place->path, "", file.data, file.size);
        write_file(place->path, "-wal", data, size);
        neapi_store *store = open_store(place->url, NEAPI_MODE_READ);
        neapi_session *session = open_session(store, NEAPI_MODE_READ);
        assert_true(read_log(session, NULL) <= 40);
        neapi_session_close(session);
        neapi_store_close(store);
        if (seed % 10 == 0)
            assert_sound(place->url);
    }
    free(data);
    free(log.data);
    free(file.data);
}

/* What SQLite itself cannot see is found by its meaning. */
static void verify_finds_what_does_not_agree(void **state)
{
    static const char *const harms[] = {
        "DELETE FROM streams WHERE name = 'Order-1'",
        "DELETE FROM types WHERE name = 'Said'",
        "DELETE FROM commands WHERE number = 3",
        "DELETE FROM events WHERE position = 9",
        "UPDATE events SET category = category + 1 WHERE position = 4",
        "UPDATE streams SET category = 77 WHERE name = 'Order-2'",
        "UPDATE categories SET name = 'Bill' WHERE name = 'Invoice'",
        "UPDATE events SET version = version + 90 WHERE position = 5",
        "UPDATE events SET id = x'00' WHERE position = 6",
        "DELETE FROM event_tags WHERE position = 8",
        "DELETE FROM event_tags WHERE position = 8 AND tag = 2",
        "INSERT INTO event_tags SELECT 1, position, type FROM events WHERE position = 7",
        "INSERT INTO event_tags VALUES (1, 5000, 2)",
        "INSERT INTO event_tags VALUES (77, 8, 2)",
        "UPDATE event_tags SET type = 77 WHERE position = 8",
        "UPDATE event_tags SET position = position - 1 WHERE position = 8",
        "UPDATE tags SET name = 'course:c-2' WHERE name = 'course:c-1'",
        "INSERT INTO tags (name) VALUES ('course:c-9')",
        "UPDATE events SET tags = NULL WHERE position = 8",
        "UPDATE events SET tags = '[1]' WHERE position = 8",
        "UPDATE events SET tags = '[\"course:c-1\"]' WHERE position = 8",
        "UPDATE keys SET position = 99999",
        "UPDATE keys SET command_id = 'x'",
        "DELETE FROM stream_index WHERE stream = 3",
        "DELETE FROM category_index",
        "UPDATE stream_index SET positions = replace(positions, '9', '8')",
        "UPDATE stream_index SET version = version + 1 WHERE stream = 2",
        "UPDATE stream_index SET stream = stream + 50 WHERE stream = 2",
        "UPDATE stream_index SET positions = '[' WHERE stream = 2",
        "UPDATE category_index SET category = category + 1",
        "UPDATE category_index SET positions = replace(positions, '9', '8')",
        "UPDATE store SET indexed = indexed - 4",
        "UPDATE store SET indexed = indexed + 4",
        "UPDATE store SET sealed = sealed + 4",
        "UPDATE store SET written = 3",
        "UPDATE events SET stream = stream % 2 + 1 WHERE position < 3",
        "UPDATE events SET version = version + 1 WHERE stream = 2",
        "DELETE FROM store",
        "UPDATE events SET data = '{' WHERE position = 8",
    };
    spec_place *place = *state;
    for (size_t i = 0; i < sizeof harms / sizeof *harms; i++) {
        unlink(place->path);
        spec_writing writing = open_writing(place->url);
        fill(writing.session, 20);
        close_writing(&writing);
        assert_sound(place->url);
        run_sql(place->path, harms[i]);
        neapi_store *store = open_store(place->url, NEAPI_MODE_READ);
        neapi_session *session = open_session(store, NEAPI_MODE_READ);
        neapi_verify_sink sink = {NULL, ignore_finding};
        neap_verification result = {0};
        neap_error error = {0};
        neap_status status = neapi_verify(session, &sink, &result, &error);
        if (status == NEAP_OK ? result.findings == 0 : status != NEAP_CORRUPT)
            fail_msg("not found: %s (%s)", harms[i], error.message);
        neapi_session_close(session);
        neapi_store_close(store);
    }
}

int main(void)
{
    neapi_sqlite_run = 7; /* The indexes are always behind. */
    shim_install();       /* Syncs nothing, which is a good deal faster. */
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_damaged_file_is_an_error_or_a_finding),
        TEST(a_damaged_write_ahead_log_ends_early),
        TEST(verify_finds_what_does_not_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
