/* Calls of the file system that fail, one after another, once or for good: whatever fails, what was
 * acknowledged is there, what was refused is not, and an unknown outcome is found out. */
#include "core/sqlite_support.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/sqlite_shim.h"
#include "stores/sqlite/backlog.h"

/* One thread alone: ThreadSanitizer need not see each place. */
#ifdef __SANITIZE_THREAD__
#define SOME 2
#else
#define SOME 16
#endif

#define MOST 128

/* What the log must hold. */
static uint64_t model[MOST];
static uint64_t model_count;

static uint64_t of_model(uint64_t position)
{
    return position <= model_count ? model[position - 1] : 0;
}

static void remove_files(const char *path)
{
    const char *endings[] = {"", "-wal", "-shm", "-lock"};
    for (size_t i = 0; i < 4; i++) {
        char whole[160];
        snprintf(whole, sizeof whole, "%s%s", path, endings[i]);
        unlink(whole);
    }
}

static void copy_file(const char *from, const char *to, const char *ending)
{
    char bytes[65536], source[160], target[160];
    ssize_t size;
    snprintf(source, sizeof source, "%s%s", from, ending);
    snprintf(target, sizeof target, "%s%s", to, ending);
    FILE *in = fopen(source, "rb"), *out = fopen(target, "wb");
    while (in != NULL && (size = (ssize_t)fread(bytes, 1, sizeof bytes, in)) > 0)
        assert_int_equal(fwrite(bytes, 1, (size_t)size, out), size);
    if (in != NULL)
        fclose(in);
    fclose(out);
}

/* Whether there is a table that a row of each batch is put into: since the batch with number 1. */
static bool keeps_rows(void)
{
    return model_count != 0 && model[0] == 1;
}

static uint64_t highest_row(void)
{
    uint64_t highest = 0;
    for (uint64_t i = 0; i < model_count; i += 2)
        highest = model[i] > highest ? model[i] : highest;
    return highest;
}

static void assert_log(const char *url)
{
    neapi_store *store = open_store(url, NEAPI_MODE_READ);
    neapi_session *reader = open_session(store, NEAPI_MODE_READ);
    assert_int_equal(read_log(reader, of_model), model_count);
    assert_documents_follow(reader);
    if (keeps_rows())
        assert_rows(reader, model_count / 2, highest_row());
    neapi_session_close(reader);
    neapi_store_close(store);
}

/* Were the machine to stop now, the log would be the same. (Copying costs SQLite its locks on the
 * file, which here nobody else wants.) */
static void assert_log_after_a_crash(const spec_place *place)
{
    char path[128], url[160];
    snprintf(path, sizeof path, "%s/crashed.db", place->folder);
    snprintf(url, sizeof url, "sqlite:%s", path);
    remove_files(path);
    copy_file(place->path, path, "");
    copy_file(place->path, path, "-wal");
    assert_log(url);
}

static void add(uint64_t number)
{
    assert_true(model_count < MOST);
    model[model_count++] = number;
}

/* A batch of two units, with the numbers n and n + 1. */
typedef struct two_units {
    neapi_unit *units[2];
    uint64_t number;
    bool unknown;
} two_units;

static neap_status commit_batch(neapi_session *session, two_units *batch, uint64_t number)
{
    neap_error error = {0};
    neapi_outcome outcome;
    batch->number = number;
    batch->units[0] = new_unit("Order-1", NEAP_ANY_VERSION, number);
    batch->units[1] = new_unit("Order-2", NEAP_ANY_VERSION, number + 1);
    if (number == 1 || keeps_rows())
        add_row(batch->units[0], number, number == 1);
    neap_status status = neapi_commit(session, batch->units, 2, NOW, &outcome, &error);
    batch->unknown = status != NEAP_OK && outcome == NEAPI_OUTCOME_UNKNOWN;
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(batch->units[i]->state,
                         status == NEAP_OK ? NEAPI_UNIT_ACCEPTED : NEAPI_UNIT_BUILDING);
    if (status == NEAP_OK) {
        add(number);
        add(number + 1);
    }
    return status;
}

static neap_status resolve_batch(neapi_session *session, two_units *batch)
{
    bool durable;
    neap_error error = {0};
    neap_status status = neapi_resolve(session, batch->units, 2, &durable, &error);
    if (status != NEAP_OK)
        return status;
    batch->unknown = false;
    if (durable) {
        assert_int_equal(batch->units[0]->verdict.first_position, model_count + 1);
        assert_int_equal(batch->units[1]->state, NEAPI_UNIT_ACCEPTED);
        add(batch->number);
        add(batch->number + 1);
    }
    return NEAP_OK;
}

static void release_batch(two_units *batch)
{
    neapi_unit_release(batch->units[0]);
    neapi_unit_release(batch->units[1]);
}

/* Writes while the plan strikes. Returns whether it did. */
static bool write_under(neapi_session *session, shim_plan plan)
{
    bool more;
    uint64_t position;
    two_units batch = {.unknown = false};
    shim_arm(plan);
    for (uint64_t number = 100; number < 112; number += 2) {
        commit_batch(session, &batch, number);
        for (int i = 0; i < 3 && batch.unknown; i++)
            resolve_batch(session, &batch);
        if (batch.unknown)
            break;
        release_batch(&batch);
        neapi_maintain(session, NOW, &more, NULL);
        if (number % 8 == 0)
            neapi_maintain(session, NOW, &more, NULL);
        neapi_head(session, &position, NULL);
    }
    bool struck = shim_disarm();
    if (batch.unknown) {
        assert_true(plan.persistent);
        assert_int_equal(resolve_batch(session, &batch), NEAP_OK);
        release_batch(&batch);
    }
    return struck;
}

/* Whether the plan struck at all: if not, its n is beyond the last call. */
static bool survives(const spec_place *place, shim_plan plan)
{
    model_count = 0;
    remove_files(place->path);
    spec_writing writing = open_writing(place->url);
    two_units batch;
    assert_int_equal(commit_batch(writing.session, &batch, 1), NEAP_OK);
    release_batch(&batch);
    bool struck = write_under(writing.session, plan);
    assert_log_after_a_crash(place);
    assert_int_equal(commit_batch(writing.session, &batch, 3), NEAP_OK);
    release_batch(&batch);
    assert_log_after_a_crash(place);
    close_writing(&writing);
    assert_log(place->url);
    if (plan.nth % 16 == 0)
        assert_sound(place->url);
    return struck;
}

static void survives_all(const spec_place *place, shim_plan plan)
{
    for (int persistent = 0; persistent < 2; persistent++) {
        unsigned nth = 1;
        plan.persistent = persistent != 0;
        for (plan.nth = nth; survives(place, plan); plan.nth = nth)
            nth += 1 + nth / SOME; /* Every one of the first; then, of what is alike, some. */
        assert_true(nth > 1);
    }
}

static void failing_syncs(void **state)
{
    survives_all(*state, (shim_plan){.calls = SHIM_SYNC, .code = SQLITE_IOERR_FSYNC});
    survives_all(*state,
                 (shim_plan){.calls = SHIM_SYNC, .code = SQLITE_IOERR_FSYNC, .effect = SHIM_DONE});
}

static void failing_writes(void **state)
{
    static const shim_effect effects[] = {SHIM_NOT_DONE, SHIM_HALF_DONE, SHIM_DONE};
    for (size_t i = 0; i < 3; i++)
        survives_all(
            *state,
            (shim_plan){.calls = SHIM_WRITE, .code = SQLITE_IOERR_WRITE, .effect = effects[i]});
}

static void full_disks(void **state)
{
    survives_all(*state, (shim_plan){.calls = SHIM_WRITE, .code = SQLITE_FULL});
    survives_all(*state,
                 (shim_plan){.calls = SHIM_WRITE, .code = SQLITE_FULL, .effect = SHIM_HALF_DONE});
}

static void failing_reads(void **state)
{
    survives_all(*state, (shim_plan){.calls = SHIM_READ, .code = SQLITE_IOERR_READ});
}

static void failing_truncations(void **state)
{
    survives_all(*state, (shim_plan){.calls = SHIM_TRUNCATE, .code = SQLITE_IOERR_TRUNCATE});
}

static void failing_sizes(void **state)
{
    survives_all(*state, (shim_plan){.calls = SHIM_SIZE, .code = SQLITE_IOERR_FSTAT});
}

static void failing_allocations(void **state)
{
    survives_all(*state, (shim_plan){.calls = SHIM_MEMORY});
}

/* Opening under a fault fails or succeeds, and does no harm either way. */
static void failing_opens(void **state)
{
    spec_place *place = *state;
    unsigned all = SHIM_READ | SHIM_WRITE | SHIM_SYNC | SHIM_TRUNCATE | SHIM_LOCK |
                   SHIM_SHARED_MEMORY | SHIM_OPEN | SHIM_SIZE | SHIM_DELETE | SHIM_MEMORY;
    for (int made = 0; made < 2; made++) {
        bool struck = true;
        for (unsigned nth = 1; struck; nth += 1 + nth / SOME) {
            model_count = 0;
            remove_files(place->path);
            if (made) {
                spec_writing writing = open_writing(place->url);
                two_units batch;
                assert_int_equal(commit_batch(writing.session, &batch, 1), NEAP_OK);
                release_batch(&batch);
                close_writing(&writing);
            }
            neapi_store *store = NULL;
            neapi_session *session = NULL;
            neap_error error = {0};
            shim_arm((shim_plan){.calls = all, .nth = nth, .code = SQLITE_IOERR});
            if (neapi_store_open(place->url, NEAPI_MODE_WRITE, &store, &error) == NEAP_OK) {
                if (neapi_session_open(store, NEAPI_MODE_WRITE, &session, &error) == NEAP_OK)
                    neapi_session_close(session);
                neapi_store_close(store);
            }
            struck = shim_disarm();
            spec_writing writing = open_writing(place->url);
            two_units batch;
            assert_int_equal(commit_batch(writing.session, &batch, 3), NEAP_OK);
            release_batch(&batch);
            close_writing(&writing);
            assert_log(place->url);
        }
    }
}

/* A sync that fails after the whole transaction lies in the log: it may become durable, and only
 * the fence settles it. */
static void an_unknown_outcome_is_settled(void **state)
{
    spec_place *place = *state;
    model_count = 0;
    spec_writing writing = open_writing(place->url);
    two_units batch;
    assert_int_equal(commit_batch(writing.session, &batch, 1), NEAP_OK);
    release_batch(&batch);
    shim_arm((shim_plan){.calls = SHIM_SYNC, .nth = 1, .code = SQLITE_IOERR_FSYNC});
    assert_int_equal(commit_batch(writing.session, &batch, 3), NEAP_STORE);
    assert_true(shim_disarm());
    assert_true(batch.unknown);
    neapi_outcome outcome;
    neap_error error;
    assert_int_equal(commit_unit(writing.session, new_unit("Order-9", 0, 9), &outcome, &error),
                     NEAP_USAGE);
    assert_int_equal(resolve_batch(writing.session, &batch), NEAP_OK);
    release_batch(&batch);
    assert_int_equal(model_count, 2);
    assert_log_after_a_crash(place);
    assert_int_equal(neapi_resolve(writing.session, batch.units, 0, &(bool){false}, &error),
                     NEAP_USAGE);
    close_writing(&writing);
    assert_log(place->url);
}

static void another_session_settles_what_the_first_left_open(void **state)
{
    spec_place *place = *state;
    model_count = 0;
    spec_writing writing = open_writing(place->url);
    two_units batch;
    shim_arm((shim_plan){.calls = SHIM_SYNC, .nth = 1, .code = SQLITE_IOERR_FSYNC});
    assert_int_equal(commit_batch(writing.session, &batch, 1), NEAP_STORE);
    shim_disarm();
    assert_true(batch.unknown);
    neapi_session_close(writing.session);
    writing.session = open_session(writing.store, NEAPI_MODE_WRITE);
    assert_int_equal(resolve_batch(writing.session, &batch), NEAP_OK);
    release_batch(&batch);
    close_writing(&writing);
    assert_log(place->url);
}

static void a_full_disk_is_named(void **state)
{
    spec_place *place = *state;
    spec_writing writing = open_writing(place->url);
    neap_error error;
    neapi_outcome outcome;
    shim_arm((shim_plan){.calls = SHIM_WRITE, .nth = 1, .code = SQLITE_FULL});
    assert_int_equal(commit_unit(writing.session, new_unit("Order-1", 0, 1), &outcome, &error),
                     NEAP_STORE);
    shim_disarm();
    assert_int_equal(outcome, NEAPI_OUTCOME_NONE);
    assert_non_null(strstr(error.message, "disk is full"));
    append(writing.session, "Order-1", 1);
    close_writing(&writing);
}

int main(void)
{
    neapi_sqlite_run = 7; /* The indexes are always behind. */
    shim_install();
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_unknown_outcome_is_settled),
        TEST(another_session_settles_what_the_first_left_open),
        TEST(a_full_disk_is_named),
        TEST(failing_syncs),
        TEST(failing_writes),
        TEST(full_disks),
        TEST(failing_reads),
        TEST(failing_truncations),
        TEST(failing_sizes),
        TEST(failing_allocations),
        TEST(failing_opens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
