/* Media that are full, or cannot be written. */
#include "core/sqlite_support.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SKIPPED 77

/* Appends until that fails; returns how many went through. */
static uint64_t append_until_full(neapi_session *session, neap_error *error)
{
    for (uint64_t count = 0; count < 100000; count++) {
        neapi_outcome outcome = NEAPI_OUTCOME_UNKNOWN;
        neap_status status =
            commit_unit(session, new_unit("Order-1", NEAP_ANY_VERSION, count), &outcome, error);
        if (status == NEAP_OK)
            continue;
        assert_int_equal(status, NEAP_STORE);
        if (outcome != NEAPI_OUTCOME_NONE)
            fail_msg("%s", error->message);
        return count;
    }
    fail_msg("the disk never became full");
    return 0;
}

/* Of this process, and no larger than it may be. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static int unlimited_teardown(void **state)
{
    limit_files(RLIM_INFINITY);
    return place_teardown(state);
}

static void a_file_that_may_not_grow_is_no_disaster(void **state)
{
    spec_place *place = *state;
    neap_error error = {0};
    signal(SIGXFSZ, SIG_IGN);
    spec_writing writing = open_writing(place->url);
    limit_files(300000);
    uint64_t count = append_until_full(writing.session, &error);
    assert_int_equal(append_until_full(writing.session, &error), 0);
    limit_files(RLIM_INFINITY);
    assert_true(count > 0);
    assert_non_null(strstr(error.message, "disk is full"));
    assert_int_equal(head_of(writing.session), count);
    append(writing.session, "Order-1", 1);
    close_writing(&writing);
    assert_sound(place->url);
}

/* Runs the work on a small medium of its own, in a child; a failure there is an exit status. */
static void on_a_medium(spec_place *place, void (*work)(spec_place *place))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
            mount("tmpfs", place->folder, "tmpfs", 0, "size=400k") != 0)
            _exit(SKIPPED);
        work(place);
        _exit(0);
    }
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    if (WIFEXITED(result) && WEXITSTATUS(result) == SKIPPED) {
        print_message("needs the right to mount: skipped\n");
        skip();
    }
    assert_int_equal(result, 0);
}

#define ENSURE(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static void fill_the_medium(spec_place *place)
{
    neapi_store *store;
    neapi_session *session;
    neap_error error = {0};
    uint64_t count = 0, head = 0;
    neapi_outcome outcome;
    ENSURE(neapi_store_open(place->url, NEAPI_MODE_WRITE, &store, &error) == NEAP_OK);
    ENSURE(neapi_session_open(store, NEAPI_MODE_WRITE, &session, &error) == NEAP_OK);
    while (commit_unit(session, new_unit("Order-1", count, count), &outcome, &error) == NEAP_OK)
        count++;
    ENSURE(count > 5 && outcome == NEAPI_OUTCOME_NONE);
    ENSURE(strstr(error.message, "full") != NULL);
    ENSURE(neapi_head(session, &head, &error) == NEAP_OK && head == count);
    /* What is in the log can be moved into the file or not; either way the store goes on once there
     * is room. */
    ENSURE(mount(NULL, place->folder, NULL, MS_REMOUNT, "size=4m") == 0);
    ENSURE(commit_unit(session, new_unit("Order-1", count, 1), &outcome, &error) == NEAP_OK);
    neapi_session_close(session);
    neapi_store_close(store);
    assert_sound(place->url);
}

static void a_full_medium_is_no_disaster(void **state)
{
    on_a_medium(*state, fill_the_medium);
}

static void read_what_cannot_be_written(spec_place *place)
{
    neapi_store *store, *another;
    neapi_session *session;
    neap_error error = {0};
    uint64_t head = 0;
    spec_writing writing = open_writing(place->url);
    append(writing.session, "Order-1", 1);
    close_writing(&writing);
    ENSURE(mount(NULL, place->folder, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
    ENSURE(neapi_store_open(place->url, NEAPI_MODE_READ, &store, &error) == NEAP_OK);
    ENSURE(neapi_session_open(store, NEAPI_MODE_READ, &session, &error) == NEAP_OK);
    ENSURE(neapi_head(session, &head, &error) == NEAP_OK && head == 1);
    ENSURE(neapi_store_open(place->url, NEAPI_MODE_WRITE, &another, &error) == NEAP_STORE);
    ENSURE(strstr(error.message, "Read-only file system") != NULL);

    /* It was not so read-only after all: what is read would be a mixture. */
    ENSURE(mount(NULL, place->folder, NULL, MS_REMOUNT, NULL) == 0);
    writing = open_writing(place->url);
    append(writing.session, "Order-1", 2);
    close_writing(&writing);
    ENSURE(neapi_head(session, &head, &error) == NEAP_UNAVAILABLE);
    ENSURE(strstr(error.message, "open it again") != NULL);
    neapi_session_close(session);
    neapi_store_close(store);
}

static void a_read_only_medium_can_be_read(void **state)
{
    on_a_medium(*state, read_what_cannot_be_written);
}

static void refuse_what_is_not_whole(spec_place *place)
{
    neapi_store *store;
    neap_error error = {0};
    pid_t child = fork();
    ENSURE(child >= 0);
    if (child == 0) {
        spec_writing writing = open_writing(place->url);
        append(writing.session, "Order-1", 1);
        _exit(0);
    }
    ENSURE(waitpid(child, NULL, 0) == child);
    char index[128];
    snprintf(index, sizeof index, "%s-shm", place->path);
    ENSURE(mount(NULL, place->folder, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
    ENSURE(neapi_store_open(place->url, NEAPI_MODE_READ, &store, &error) == NEAP_OK);
    neapi_store_close(store);
    ENSURE(mount(NULL, place->folder, NULL, MS_REMOUNT, NULL) == 0);
    ENSURE(unlink(index) == 0);
    ENSURE(mount(NULL, place->folder, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
    ENSURE(neapi_store_open(place->url, NEAPI_MODE_READ, &store, &error) == NEAP_STORE);
    ENSURE(strstr(error.message, "was not closed by its writer") != NULL);
}

static void a_read_only_medium_with_an_open_log_is_refused(void **state)
{
    on_a_medium(*state, refuse_what_is_not_whole);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_that_may_not_grow_is_no_disaster, place_setup,
                                        unlimited_teardown),
        TEST(a_full_medium_is_no_disaster),
        TEST(a_read_only_medium_can_be_read),
        TEST(a_read_only_medium_with_an_open_log_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
