/* Several processes on one file: one writer, any number of readers, and processes that die. */
#include "core/sqlite_support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stores/sqlite/backlog.h"

/* A child and the pipe on which it reports numbers. */
typedef struct spec_child {
    pid_t pid;
    int reports;
} spec_child;

static void report(int pipe, uint64_t number)
{
    if (write(pipe, &number, sizeof number) != sizeof number)
        _exit(2);
}

static spec_child start(const spec_place *place, void (*work)(const spec_place *place, int pipe))
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        work(place, ends[1]);
        _exit(0);
    }
    close(ends[1]);
    return (spec_child){pid, ends[0]};
}

/* The next number reported; 0: the child is gone. */
static uint64_t next_report(const spec_child *child)
{
    uint64_t number;
    return read(child->reports, &number, sizeof number) == sizeof number ? number : 0;
}

static int wait_for(const spec_child *child)
{
    int result;
    close(child->reports);
    assert_int_equal(waitpid(child->pid, &result, 0), child->pid);
    return result;
}

static void hold_the_store(const spec_place *place, int pipe)
{
    open_writing(place->url);
    report(pipe, 1);
    pause();
}

static void second_writer_is_told_who_holds_the_store(void **state)
{
    spec_place *place = *state;
    spec_child holder = start(place, hold_the_store);
    assert_int_equal(next_report(&holder), 1);
    char words[64];
    snprintf(words, sizeof words, "process %ld (", (long)holder.pid);
    assert_refused(place->url, NEAPI_MODE_WRITE, NEAP_BUSY, words);
    kill(holder.pid, SIGKILL);
    wait_for(&holder);
    spec_writing writing = open_writing(place->url);
    close_writing(&writing);
}

static void second_writer_in_the_same_process_is_busy(void **state)
{
    spec_place *place = *state;
    spec_writing writing = open_writing(place->url);
    char words[64];
    snprintf(words, sizeof words, "process %ld (", (long)getpid());
    assert_refused(place->url, NEAPI_MODE_WRITE, NEAP_BUSY, words);
    /* The attempt has not loosened the holder's lock. */
    assert_refused(place->url, NEAPI_MODE_WRITE, NEAP_BUSY, words);
    append(writing.session, "Order-1", 1);
    close_writing(&writing);
}

static void every_spelling_of_a_path_is_the_same_store(void **state)
{
    spec_place *place = *state;
    char url[256], other[128];
    spec_writing writing = open_writing(place->url);
    snprintf(url, sizeof url, "sqlite:%s/./../%s/store.db", place->folder,
             strrchr(place->folder, '/') + 1);
    assert_refused(url, NEAPI_MODE_WRITE, NEAP_BUSY, "process");
    snprintf(other, sizeof other, "%s/link.db", place->folder);
    assert_int_equal(symlink("store.db", other), 0);
    snprintf(url, sizeof url, "sqlite:%s", other);
    assert_refused(url, NEAPI_MODE_WRITE, NEAP_BUSY, "process");
    append(writing.session, "Order-1", 1);
    close_writing(&writing);
    assert_sound(url);
}

/* Commits until it is killed; reports the head after every commit. */
static void write_on(const spec_place *place, int pipe)
{
    spec_writing writing = open_writing(place->url);
    uint64_t head = head_of(writing.session);
    report(pipe, head + 1);
    for (;;) {
        neapi_unit *units[3];
        const char *streams[] = {"Order-1", "Order-2", "Invoice-1"};
        for (size_t i = 0; i < 3; i++)
            units[i] = new_unit(streams[i], NEAP_ANY_VERSION, head + i + 1);
        neapi_outcome outcome;
        neap_error error;
        bool more;
        if (neapi_commit(writing.session, units, 3, NOW, &outcome, &error) != NEAP_OK ||
            neapi_maintain(writing.session, NOW, &more, &error) != NEAP_OK)
            _exit(3);
        for (size_t i = 0; i < 3; i++)
            neapi_unit_release(units[i]);
        head += 3;
        report(pipe, head + 1);
    }
}

static uint64_t position_itself(uint64_t position)
{
    return position;
}

static void nothing_acknowledged_is_lost_when_the_writer_is_killed(void **state)
{
    spec_place *place = *state;
    uint64_t acknowledged = 0;
    srand(7);
    for (int round = 0; round < 40; round++) {
        spec_child writer = start(place, write_on);
        uint64_t wanted = 1 + (uint64_t)(rand() % 12), number = 0;
        while (wanted-- > 0 && (number = next_report(&writer)) != 0)
            acknowledged = number - 1;
        kill(writer.pid, SIGKILL);
        while ((number = next_report(&writer)) != 0)
            acknowledged = number - 1;
        assert_true(WIFSIGNALED(wait_for(&writer)));

        neapi_store *store = open_store(place->url, NEAPI_MODE_READ);
        neapi_session *reader = open_session(store, NEAPI_MODE_READ);
        uint64_t count = read_log(reader, position_itself);
        assert_documents_follow(reader);
        assert_true(count >= acknowledged && count <= acknowledged + 3);
        assert_int_equal(count % 3, 0);
        neapi_session_close(reader);
        neapi_store_close(store);
    }
    assert_sound(place->url);
}

static void write_many(const spec_place *place, int pipe)
{
    for (int opened = 0; opened < 8; opened++) {
        spec_writing writing = open_writing(place->url);
        if (opened == 0)
            report(pipe, 1);
        for (uint64_t i = 0; i < 60; i++) {
            bool more;
            neap_error error;
            append(writing.session, "Order-1", i);
            if (i % 4 == 0 && neapi_maintain(writing.session, NOW, &more, &error) != NEAP_OK)
                _exit(3);
        }
        close_writing(&writing);
    }
}

/* Also at the moments when a reader and the writer are most in each other's way: when the log is
 * made, emptied and removed. */
static void readers_go_on_while_another_process_writes(void **state)
{
    spec_place *place = *state;
    spec_child writer = start(place, write_many);
    assert_int_equal(next_report(&writer), 1);
    neapi_store *store = open_store(place->url, NEAPI_MODE_READ);
    neapi_session *reader = open_session(store, NEAPI_MODE_READ);
    uint64_t seen = 0;
    while (seen < 480) {
        uint64_t head = head_of(reader);
        assert_true(head >= seen);
        seen = head;
        neapi_store *brief = open_store(place->url, NEAPI_MODE_READ);
        neapi_session *visitor = open_session(brief, NEAPI_MODE_READ);
        assert_true(read_log(visitor, NULL) >= seen);
        neapi_session_close(visitor);
        neapi_store_close(brief);
    }
    assert_int_equal(read_log(reader, NULL), 480);
    neapi_session_close(reader);
    neapi_store_close(store);
    int result = wait_for(&writer);
    assert_true(WIFEXITED(result) && WEXITSTATUS(result) == 0);
    assert_sound(place->url);
}

static void write_and_die(const spec_place *place, int pipe)
{
    spec_writing writing = open_writing(place->url);
    append(writing.session, "Order-1", 1);
    report(pipe, 1);
    pause();
}

static void a_reader_recovers_what_a_killed_writer_left(void **state)
{
    spec_place *place = *state;
    spec_child writer = start(place, write_and_die);
    assert_int_equal(next_report(&writer), 1);
    kill(writer.pid, SIGKILL);
    wait_for(&writer);
    assert_true(file_size(place->path, "-wal") > 0);
    assert_sound(place->url);
    neapi_store *store = open_store(place->url, NEAPI_MODE_READ);
    neapi_session *reader = open_session(store, NEAPI_MODE_READ);
    assert_int_equal(head_of(reader), 1);
    neapi_session_close(reader);
    neapi_store_close(store);
    assert_true(file_size(place->path, "-wal") > 0); /* A reader never moves the log. */
}

/* Sees that the session writes no more, and says so every time. */
static void assert_lost(neapi_session *session, const char *words)
{
    for (int i = 0; i < 3; i++) {
        neapi_outcome outcome = NEAPI_OUTCOME_UNKNOWN;
        neap_error error = {0};
        neapi_unit *unit = new_unit("Order-1", NEAP_ANY_VERSION, 99);
        assert_int_equal(commit_unit(session, unit, &outcome, &error), NEAP_STORE);
        assert_int_equal(outcome, NEAPI_OUTCOME_NONE);
        assert_non_null(strstr(error.message, i == 0 ? words : "can write no more"));
    }
}

static void a_writer_whose_lock_was_deleted_loses_to_the_next(void **state)
{
    spec_place *place = *state;
    char lock[128];
    spec_writing first = open_writing(place->url);
    append(first.session, "Order-1", 1);
    snprintf(lock, sizeof lock, "%s-lock", place->path);
    assert_int_equal(unlink(lock), 0);
    spec_writing second = open_writing(place->url);
    append(second.session, "Order-1", 2);
    assert_lost(first.session, "another writer has taken the store over");
    append(second.session, "Order-1", 3);
    close_writing(&first);
    append(second.session, "Order-1", 4);
    close_writing(&second);
    assert_sound(place->url);
}

static void a_writer_whose_file_was_replaced_stops(void **state)
{
    spec_place *place = *state;
    char kept[128];
    spec_writing writing = open_writing(place->url);
    append(writing.session, "Order-1", 1);
    snprintf(kept, sizeof kept, "%s.kept", place->path);
    assert_int_equal(rename(place->path, kept), 0);
    assert_lost(writing.session, "moved, replaced or deleted");
    close_writing(&writing);
}

static void a_commit_that_is_not_its_own_stops_a_writer(void **state)
{
    spec_place *place = *state;
    spec_writing writing = open_writing(place->url);
    append(writing.session, "Order-1", 1);
    run_sql(place->path, "UPDATE store SET commits = commits + 1");
    assert_lost(writing.session, "another writer has written");
    close_writing(&writing);
}

int main(void)
{
    neapi_sqlite_run = 7; /* The indexes are always behind. */
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)
    const struct CMUnitTest tests[] = {
        TEST(second_writer_is_told_who_holds_the_store),
        TEST(second_writer_in_the_same_process_is_busy),
        TEST(every_spelling_of_a_path_is_the_same_store),
        TEST(nothing_acknowledged_is_lost_when_the_writer_is_killed),
        TEST(readers_go_on_while_another_process_writes),
        TEST(a_reader_recovers_what_a_killed_writer_left),
        TEST(a_writer_whose_lock_was_deleted_loses_to_the_next),
        TEST(a_writer_whose_file_was_replaced_stops),
        TEST(a_commit_that_is_not_its_own_stops_a_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
