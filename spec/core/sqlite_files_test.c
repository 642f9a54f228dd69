/* What a store's file may be, and what opening says of everything else. */
#include "core/sqlite_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void make_store(const spec_place *place)
{
    spec_writing writing = open_writing(place->url);
    append(writing.session, "Order-1", 1);
    close_writing(&writing);
}

static void write_file(const char *path, const char *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static void refused_both_ways(const spec_place *place, neap_status status, const char *words)
{
    assert_refused(place->url, NEAPI_MODE_READ, status, words);
    assert_refused(place->url, NEAPI_MODE_WRITE, status, words);
}

static void makes_a_store_and_finds_it_again(void **state)
{
    spec_place *place = *state;
    make_store(place);
    assert_sound(place->url);
    assert_int_equal(ask_sql(place->path, "PRAGMA application_id"), 0x4E656170);
    assert_int_equal(ask_sql(place->path, "PRAGMA user_version"), 5);
}

static void leaves_one_file_and_the_lock_when_closed(void **state)
{
    spec_place *place = *state;
    make_store(place);
    assert_int_equal(file_size(place->path, "-wal"), -1);
    assert_int_equal(file_size(place->path, "-shm"), -1);
    assert_true(file_size(place->path, "-lock") > 0);
}

static void knows_its_options(void **state)
{
    spec_place *place = *state;
    char url[200];
    snprintf(url, sizeof url, "%s?synchronous=normal", place->url);
    spec_writing writing = open_writing(url);
    append(writing.session, "Order-1", 1);
    close_writing(&writing);
    snprintf(url, sizeof url, "%s?synchronous=full", place->url);
    assert_sound(url);
    snprintf(url, sizeof url, "%s?synchronous=off", place->url);
    assert_refused(url, NEAPI_MODE_WRITE, NEAP_USAGE, "\"full\" or \"normal\", not \"off\"");
    snprintf(url, sizeof url, "%s?synchronus=full", place->url);
    assert_refused(url, NEAPI_MODE_READ, NEAP_USAGE, "did you mean \"synchronous\"");
    assert_refused("sqlite:", NEAPI_MODE_WRITE, NEAP_USAGE, "names no file");
}

static void takes_any_name_that_a_file_can_have(void **state)
{
    spec_place *place = *state;
    char url[200];
    snprintf(url, sizeof url, "sqlite:%s/a %%23b%%3Fc%%25=&ü", place->folder);
    spec_writing writing = open_writing(url);
    append(writing.session, "Order-1", 1);
    close_writing(&writing);
    assert_sound(url);
}

static void refuses_another_applications_database(void **state)
{
    spec_place *place = *state;
    run_sql(place->path, "CREATE TABLE people (name TEXT)");
    refused_both_ways(place, NEAP_CORRUPT, "of another application");
    run_sql(place->path, "PRAGMA application_id = 252006673");
    refused_both_ways(place, NEAP_CORRUPT, "application_id 252006673");
    /* And has not touched it. */
    assert_int_equal(ask_sql(place->path, "SELECT count(*) FROM sqlite_schema"), 1);
    assert_int_equal(file_size(place->path, "-wal"), -1);
}

static void refuses_what_is_no_database(void **state)
{
    spec_place *place = *state;
    char text[9000];
    memset(text, 'x', sizeof text);
    write_file(place->path, text, sizeof text);
    refused_both_ways(place, NEAP_CORRUPT, "is not a SQLite database");
    write_file(place->path, "hello", 5);
    refused_both_ways(place, NEAP_CORRUPT, "is not a SQLite database");
    assert_int_equal(file_size(place->path, ""), 5);
}

static void an_empty_file_becomes_a_store_when_written(void **state)
{
    spec_place *place = *state;
    write_file(place->path, "", 0);
    assert_refused(place->url, NEAPI_MODE_READ, NEAP_UNKNOWN, "is empty");
    make_store(place);
    assert_sound(place->url);
}

static void refuses_a_newer_schema(void **state)
{
    spec_place *place = *state;
    make_store(place);
    run_sql(place->path, "PRAGMA user_version = 999");
    refused_both_ways(place, NEAP_CORRUPT, "schema version 999; this library knows only up to 5");
    run_sql(place->path, "PRAGMA user_version = -4");
    refused_both_ways(place, NEAP_CORRUPT, "no valid schema version");
}

static void refuses_a_schema_that_is_not_its_own(void **state)
{
    spec_place *place = *state;
    make_store(place);
    run_sql(place->path, "DROP TABLE store; DROP TABLE events;"
                         "CREATE VIEW events AS SELECT 1 AS position");
    neapi_store *store = NULL;
    neapi_session *session = NULL;
    neap_error error = {0};
    assert_int_equal(neapi_store_open(place->url, NEAPI_MODE_WRITE, &store, &error), NEAP_OK);
    assert_int_equal(neapi_session_open(store, NEAPI_MODE_WRITE, &session, &error), NEAP_CORRUPT);
    session = open_session(store, NEAPI_MODE_READ);
    uint64_t position;
    assert_int_equal(neapi_head(session, &position, &error), NEAP_CORRUPT);
    neapi_session_close(session);
    neapi_store_close(store);
}

static void says_that_a_file_is_cut_off(void **state)
{
    spec_place *place = *state;
    make_store(place);
    int64_t size = file_size(place->path, "");
    assert_int_equal(truncate(place->path, size - 4096), 0);
    refused_both_ways(place, NEAP_CORRUPT, "is cut off");
    assert_int_equal(truncate(place->path, 3000), 0);
    refused_both_ways(place, NEAP_CORRUPT, "is cut off");
}

static void refuses_what_is_no_file(void **state)
{
    spec_place *place = *state;
    assert_int_equal(mkdir(place->path, 0755), 0);
    refused_both_ways(place, NEAP_STORE, "is a folder");
    assert_int_equal(rmdir(place->path), 0);
    assert_int_equal(mkfifo(place->path, 0644), 0);
    refused_both_ways(place, NEAP_STORE, "a device or a pipe");
}

static void refuses_a_path_that_leads_nowhere(void **state)
{
    spec_place *place = *state;
    char url[200];
    snprintf(url, sizeof url, "sqlite:%s/no/such/store.db", place->folder);
    assert_refused(url, NEAPI_MODE_WRITE, NEAP_STORE, "No such file or directory");
    assert_refused(url, NEAPI_MODE_READ, NEAP_UNKNOWN, "there is no store");
    assert_int_equal(symlink("nowhere.db", place->path), 0);
    assert_refused(place->url, NEAPI_MODE_WRITE, NEAP_STORE, "symbolic link");
}

static void refuses_to_write_a_file_with_two_names(void **state)
{
    spec_place *place = *state;
    char other[200];
    make_store(place);
    snprintf(other, sizeof other, "%s/other.db", place->folder);
    assert_int_equal(link(place->path, other), 0);
    assert_refused(place->url, NEAPI_MODE_WRITE, NEAP_STORE, "2 names");
    assert_sound(place->url);
}

/* Runs the check as a user to whom permissions apply; its result is the exit status. */
static void as_nobody(const spec_place *place, int (*check)(const spec_place *place))
{
    if (getuid() != 0)
        skip();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(setgid(65534) != 0 || setuid(65534) != 0 ? 99 : check(place));
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
}

/* 0: opening fails with the status and the words. */
static int refusal(const char *url, neapi_mode mode, neap_status status, const char *words)
{
    neapi_store *store;
    neap_error error = {0};
    neap_status actual = neapi_store_open(url, mode, &store, &error);
    if (actual == status && strstr(error.message, words) != NULL)
        return 0;
    fprintf(stderr, "%s: %s\n", neap_status_name(actual), error.message);
    return 1;
}

static int nobody_is_refused(const spec_place *place)
{
    return refusal(place->url, NEAPI_MODE_READ, NEAP_STORE, "Permission denied") +
           refusal(place->url, NEAPI_MODE_WRITE, NEAP_STORE, "Permission denied");
}

static void says_that_permission_is_missing(void **state)
{
    spec_place *place = *state;
    make_store(place);
    assert_int_equal(chmod(place->folder, 0755), 0);
    assert_int_equal(chmod(place->path, 0600), 0);
    as_nobody(place, nobody_is_refused);
}

static int nobody_reads_one_event(const spec_place *place)
{
    neapi_store *store;
    neapi_session *session;
    neap_error error = {0};
    uint64_t position = 0;
    neap_status status = neapi_store_open(place->url, NEAPI_MODE_READ, &store, &error);
    if (status == NEAP_OK) {
        status = neapi_session_open(store, NEAPI_MODE_READ, &session, &error);
        if (status == NEAP_OK) {
            status = neapi_head(session, &position, &error);
            neapi_session_close(session);
        }
        neapi_store_close(store);
    }
    if (status != NEAP_OK)
        fprintf(stderr, "%s\n", error.message);
    return position == 1 ? 0 : 1;
}

static int nobody_is_told_of_the_log(const spec_place *place)
{
    return refusal(place->url, NEAPI_MODE_READ, NEAP_STORE, "was not closed by its writer");
}

/* Reading takes files beside the store. They are there while somebody writes. */
static void reads_in_a_folder_that_it_cannot_write(void **state)
{
    spec_place *place = *state;
    spec_writing writing = open_writing(place->url);
    append(writing.session, "Order-1", 1);
    assert_int_equal(chmod(place->folder, 0755), 0);
    as_nobody(place, nobody_reads_one_event);
    close_writing(&writing);
    as_nobody(place, nobody_reads_one_event);
}

static void assert_nothing_beside(const spec_place *place)
{
    assert_int_equal(file_size(place->path, "-wal"), -1);
    assert_int_equal(file_size(place->path, "-shm"), -1);
}

/* Files that a reader made would be the reader's, and whoever writes the store could not. */
static void reading_makes_no_files_that_the_owner_cannot_write(void **state)
{
    spec_place *place = *state;
    make_store(place);
    assert_int_equal(chmod(place->folder, 0777), 0);
    assert_int_equal(chmod(place->path, 0644), 0);
    as_nobody(place, nobody_reads_one_event);
    assert_nothing_beside(place);
    assert_int_equal(chmod(place->path, 0666), 0);
    as_nobody(place, nobody_reads_one_event);
    assert_nothing_beside(place);
    write_file(strcat(place->path, "-wal"), "a log", 5);
    place->path[strlen(place->path) - 4] = '\0';
    assert_int_equal(chmod(place->path, 0644), 0);
    as_nobody(place, nobody_is_told_of_the_log);
}

/* Reads, tells so, and reads again once somebody has begun to write. */
static int nobody_is_told_of_the_writer(const spec_place *place, int told[2], int asked[2])
{
    neapi_store *store;
    neapi_session *session;
    neap_error error = {0};
    uint64_t position = 0;
    char byte = 0;
    if (neapi_store_open(place->url, NEAPI_MODE_READ, &store, &error) != NEAP_OK ||
        neapi_session_open(store, NEAPI_MODE_READ, &session, &error) != NEAP_OK ||
        neapi_head(session, &position, &error) != NEAP_OK || position != 1)
        return 1;
    if (write(told[1], &byte, 1) != 1 || read(asked[0], &byte, 1) != 1)
        return 2;
    neap_status status = neapi_head(session, &position, &error);
    neapi_session_close(session);
    neapi_store_close(store);
    if (status != NEAP_UNAVAILABLE || strstr(error.message, "open it again") == NULL)
        return 3;
    return nobody_reads_one_event(place) == 1 ? 0 : 4; /* there are two */
}

static void who_reads_a_still_file_is_told_of_its_writer(void **state)
{
    spec_place *place = *state;
    int told[2], asked[2], result;
    char byte = 0;
    if (getuid() != 0)
        skip();
    make_store(place);
    assert_int_equal(chmod(place->folder, 0755), 0);
    assert_int_equal(pipe(told), 0);
    assert_int_equal(pipe(asked), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(setgid(65534) != 0 || setuid(65534) != 0
                  ? 99
                  : nobody_is_told_of_the_writer(place, told, asked));
    close(told[1]); /* a child that fails is the end, not a wait */
    assert_int_equal(read(told[0], &byte, 1), 1);
    spec_writing writing = open_writing(place->url);
    append(writing.session, "Order-1", 2);
    assert_int_equal(write(asked[1], &byte, 1), 1);
    assert_int_equal(waitpid(child, &result, 0), child);
    close_writing(&writing);
    assert_int_equal(WEXITSTATUS(result), 0);
}

static void reading_changes_no_byte(void **state)
{
    spec_place *place = *state;
    make_store(place);
    struct stat before, after;
    assert_int_equal(stat(place->path, &before), 0);
    assert_sound(place->url);
    assert_int_equal(stat(place->path, &after), 0);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    assert_int_equal(before.st_size, after.st_size);
}

static void reading_leaves_no_file_beside(void **state)
{
    spec_place *place = *state;
    make_store(place);
    assert_sound(place->url);
    assert_int_equal(file_size(place->path, "-wal"), -1);
    assert_int_equal(file_size(place->path, "-shm"), -1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)
    const struct CMUnitTest tests[] = {
        TEST(makes_a_store_and_finds_it_again),
        TEST(leaves_one_file_and_the_lock_when_closed),
        TEST(knows_its_options),
        TEST(takes_any_name_that_a_file_can_have),
        TEST(refuses_another_applications_database),
        TEST(refuses_what_is_no_database),
        TEST(an_empty_file_becomes_a_store_when_written),
        TEST(refuses_a_newer_schema),
        TEST(refuses_a_schema_that_is_not_its_own),
        TEST(says_that_a_file_is_cut_off),
        TEST(refuses_what_is_no_file),
        TEST(refuses_a_path_that_leads_nowhere),
        TEST(refuses_to_write_a_file_with_two_names),
        TEST(says_that_permission_is_missing),
        TEST(reads_in_a_folder_that_it_cannot_write),
        TEST(reading_makes_no_files_that_the_owner_cannot_write),
        TEST(who_reads_a_still_file_is_told_of_its_writer),
        TEST(reading_changes_no_byte),
        TEST(reading_leaves_no_file_beside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
