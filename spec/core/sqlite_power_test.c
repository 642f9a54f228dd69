/* The power goes off while a store is written: of what was not synced some arrives, some not, and
 * some in part. With synchronous=full nothing acknowledged is lost; with normal the last commits
 * may be, but what is there is a beginning of the log, and sound. */
#include "core/sqlite_support.h"

#include <stdio.h>
#include <unistd.h>

#include "core/sqlite_shim.h"
#include "stores/sqlite/backlog.h"

/* One thread alone: ThreadSanitizer need not see each round. */
#ifdef __SANITIZE_THREAD__
#define ROUNDS 24
#else
#define ROUNDS 150
#endif

/* What went through before the power was gone. */
typedef struct witnessed {
    uint64_t acknowledged; /* events */
    uint64_t under_way;    /* of the commit that failed, and of whose outcome nobody knows */
} witnessed;

static uint64_t position_itself(uint64_t position)
{
    return position;
}

/* Commits batches of two, three, … events; the data of each is its position. */
static void write_until_dark(const char *url, witnessed *witness, unsigned batches)
{
    neapi_store *store;
    neapi_session *session;
    neap_error error;
    *witness = (witnessed){0};
    if (neapi_store_open(url, NEAPI_MODE_WRITE, &store, &error) != NEAP_OK)
        return;
    if (neapi_session_open(store, NEAPI_MODE_WRITE, &session, &error) != NEAP_OK) {
        neapi_store_close(store);
        return;
    }
    for (unsigned i = 0; i < batches; i++) {
        neapi_unit *units[6];
        size_t count = 2 + i % 4;
        neapi_outcome outcome;
        bool more;
        for (size_t n = 0; n < count; n++) {
            uint64_t number = witness->acknowledged + n + 1;
            units[n] = new_unit(n % 2 == 0 ? "Order-1" : "Invoice-1", NEAP_ANY_VERSION, number);
            add_row(units[n], number, number == 1);
        }
        neap_status status = neapi_commit(session, units, count, NOW, &outcome, &error);
        for (size_t n = 0; n < count; n++)
            neapi_unit_release(units[n]);
        if (status != NEAP_OK) {
            witness->under_way = count;
            break;
        }
        witness->acknowledged += count;
        if (i % 3 == 2)
            neapi_maintain(session, NOW, &more, &error);
        if (i % 6 == 5)
            neapi_maintain(session, NOW, &more, &error);
    }
    neapi_session_close(session);
    neapi_store_close(store);
}

static void remove_files(const char *path)
{
    const char *endings[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        char whole[160];
        snprintf(whole, sizeof whole, "%s%s", path, endings[i]);
        unlink(whole);
    }
}

/* Returns how many acknowledged events are gone. */
static uint64_t lose_power(const char *path, const char *url, unsigned calls, uint32_t seed)
{
    witnessed witness;
    remove_files(path);
    shim_power_on();
    shim_power_off_after(calls);
    write_until_dark(url, &witness, 24);
    shim_power_back(seed);

    spec_writing writing = open_writing(url);
    uint64_t count = read_log(writing.session, position_itself);
    assert_documents_follow(writing.session);
    assert_rows(writing.session, count, count);
    assert_true(count <= witness.acknowledged + witness.under_way);
    assert_true(count <= witness.acknowledged || count == witness.acknowledged + witness.under_way);
    append(writing.session, "Order-1", count + 1);
    close_writing(&writing);
    assert_sound(url);
    return count < witness.acknowledged ? witness.acknowledged - count : 0;
}

/* How many calls a whole run takes. */
static unsigned calls_of_a_run(const char *path, const char *url)
{
    unsigned calls = 64;
    bool gone = true;
    while (gone) {
        witnessed witness;
        calls *= 2;
        remove_files(path);
        shim_power_on();
        shim_power_off_after(calls);
        write_until_dark(url, &witness, 24);
        gone = shim_power_back(1);
    }
    return calls;
}

static void nothing_acknowledged_is_lost_with_full_sync(void **state)
{
    spec_place *place = *state;
    unsigned calls = calls_of_a_run(place->path, place->url);
    for (unsigned round = 0; round < ROUNDS; round++)
        assert_int_equal(lose_power(place->path, place->url, round * calls / ROUNDS, round + 1), 0);
}

/* The loss is what shows that the power really goes off. */
static void a_beginning_of_the_log_is_left_with_normal_sync(void **state)
{
    spec_place *place = *state;
    char url[200];
    uint64_t lost = 0;
    snprintf(url, sizeof url, "%s?synchronous=normal", place->url);
    unsigned calls = calls_of_a_run(place->path, url);
    for (unsigned round = 0; round < ROUNDS; round++)
        lost += lose_power(place->path, url, round * calls / ROUNDS, round + 1);
    assert_true(lost > 0);
}

/* An update to a newer layout is there whole, or not at all; then the next one does it. */
static void an_update_is_whole_or_not_at_all(void **state)
{
    spec_place *place = *state;
    static const char *const fixtures[] = {"layout_1.sql", "layout_2.sql", "layout_3.sql",
                                           "layout_4.sql"};
    unsigned updated = 0, older = 0;
    for (unsigned round = 0; round < 4 * ROUNDS; round++) {
        neapi_store *store;
        neap_error error;
        remove_files(place->path);
        write_fixture(place->path, fixtures[round % 4]);
        static const uint64_t counts[] = {5, 10, 12, 3};
        uint64_t events = counts[round % 4];
        shim_power_on();
        shim_power_off_after(round / 4);
        if (neapi_store_open(place->url, NEAPI_MODE_WRITE, &store, &error) == NEAP_OK)
            neapi_store_close(store);
        shim_power_back(round + 1);
        int64_t version = ask_sql(place->path, "PRAGMA user_version");
        assert_true(version == 5 || version == 1 + (int64_t)round % 4);
        *(version == 5 ? &updated : &older) += 1;
        spec_writing writing = open_writing(place->url);
        assert_int_equal(read_log(writing.session, NULL), events);
        append(writing.session, "Order-1", 1);
        close_writing(&writing);
        assert_sound(place->url);
    }
    assert_true(updated > 0 && older > 0);
}

int main(void)
{
    neapi_sqlite_run = 7; /* The indexes are always behind. */
    shim_install();
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)
    const struct CMUnitTest tests[] = {
        TEST(nothing_acknowledged_is_lost_with_full_sync),
        TEST(a_beginning_of_the_log_is_left_with_normal_sync),
        TEST(an_update_is_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
