/* The power goes off while a store is written: of what was not synced some arrives, some not, and
 * some in part. With synchronous=full nothing acknowledged is lost; with normal the last commits
 * may be, but what is there is a beginning of the log, and sound. */
#include "core/sqlite_support.h"

#include <stdio.h>
#include <unistd.h>

#include "core/sqlite_shim.h"

#define ROUNDS 150

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
        for (size_t n = 0; n < count; n++)
            units[n] = new_unit(n % 2 == 0 ? "Order-1" : "Invoice-1", NEAP_ANY_VERSION,
                                witness->acknowledged + n + 1);
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

int main(void)
{
    shim_install();
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)
    const struct CMUnitTest tests[] = {
        TEST(nothing_acknowledged_is_lost_with_full_sync),
        TEST(a_beginning_of_the_log_is_left_with_normal_sync),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
