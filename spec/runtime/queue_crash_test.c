/* A process that sends for later and does what is due dies before or after each of its commits, and
 * another one goes on: each command has taken effect once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the headers above. */
#include <cmocka.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "runtime/runtime.h"

#define SECOND 1000000
#define START  1700000000000000
#define DIED   9
#define MOST   200

static neap_error error;
static int64_t now_us;
static char path[64], url[80];

/* Hands on to SQLite's, and dies before or after one of the commits. */
static neapi_backend mortal;
static const neapi_backend *inner;
static unsigned commits, dies_at;
static bool dies_before;

static neap_status commit(neapi_session *session, neapi_unit *const *units, size_t count,
                          int64_t at_us, neapi_outcome *outcome, neap_error *why)
{
    commits++;
    if (commits == dies_at && dies_before)
        _exit(DIED);
    neap_status status = inner->commit(session, units, count, at_us, outcome, why);
    if (commits == dies_at)
        _exit(DIED);
    return status;
}

static int64_t read_clock(void *user)
{
    (void)user;
    return now_us;
}

static neap_runtime *open_runtime(void)
{
    neap_options options;
    neap_options_init(&options);
    options.lanes = 0;
    options.store = url;
    options.clock = read_clock;
    neap_runtime *runtime;
    if (neap_open(DOMAIN, &options, &runtime, &error) != NEAP_OK) {
        fprintf(stderr, "%s\n", error.message);
        _exit(1);
    }
    return runtime;
}

static void send(neap_runtime *runtime, const char *name, const char *json, uint64_t after_ms,
                 const char *called, const char *key)
{
    neap_dispatch_options options;
    neap_dispatch_options_init(&options);
    options.queued = true;
    options.after_ms = after_ms;
    options.name = called;
    options.idempotency_key = key;
    if (neap_send(runtime, name, json, strlen(json), &options, NULL, NULL, &error) != NEAP_OK ||
        neap_drain(runtime, 0, &error) != NEAP_OK) {
        fprintf(stderr, "%s\n", error.message);
        _exit(1);
    }
}

static void live(void)
{
    now_us = START;
    neap_runtime *runtime = open_runtime();
    inner = runtime->store->backend;
    mortal = *inner;
    mortal.commit = commit;
    runtime->store->backend = &mortal;
    send(runtime, "Add", "{\"id\":\"a\",\"n\":1}", 0, NULL, "k1");
    send(runtime, "Add", "{\"id\":\"a\",\"n\":7}", 5000, "x", "k2");
    send(runtime, "Add", "{\"id\":\"a\",\"n\":2}", 6000, "x", "k3");
    send(runtime, "Chain", "{\"id\":\"c\",\"n\":13}", 1000, "chain", "k4");
    send(runtime, "Add", "{\"id\":\"a\",\"n\":13}", 2000, NULL, "k5");
    send(runtime, "Group", "{\"group\":\"g\",\"n\":0}", 3000, NULL, "k6");
    send(runtime, "Group", "{\"group\":\"g\",\"n\":5}", 3000, NULL, "k7");
    send(runtime, "Add", "{\"id\":\"a\",\"n\":8}", 60000, "y", "k8");
    if (neap_cancel(runtime, "y", 0, NULL, &error) != NEAP_OK)
        _exit(1);
    for (int i = 0; i < 4; i++) {
        now_us += 3 * SECOND;
        if (neap_drain(runtime, 0, &error) != NEAP_OK)
            _exit(1);
    }
    runtime->store->backend = inner;
    neap_close(runtime);
    _exit(0);
}

/* true: it died on the way. */
static bool run(unsigned at, bool before)
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dies_at = at;
        dies_before = before;
        live();
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == DIED);
    return WEXITSTATUS(status) == DIED;
}

static int compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void check(unsigned at, bool before)
{
    static const int expected[] = {1, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10, 11, 12, 13};
    enum { COUNT = sizeof expected / sizeof *expected };
    int found[64];
    size_t count = 0;
    neap_store *store;
    neap_cursor *cursor;
    const neap_event *event;
    const neap_queue *queued;
    assert_int_equal(neap_store_open(url, &store, &error), NEAP_OK);
    assert_int_equal(neap_store_read(store, NULL, &cursor, &error), NEAP_OK);
    while (neap_cursor_next(cursor, &event, &error) == NEAP_OK && event != NULL && count < 64) {
        const char *n = strstr(event->data.data, "\"n\":");
        assert_non_null(n);
        found[count++] = atoi(n + 4);
    }
    neap_cursor_close(cursor);
    qsort(found, count, sizeof *found, compare);
    if (count != COUNT || memcmp(found, expected, sizeof expected) != 0)
        fail_msg("died %s commit %u: %zu events", before ? "before" : "behind", at, count);
    assert_int_equal(neap_store_queue_read(store, NULL, 10, &queued, &error), NEAP_OK);
    assert_int_equal(queued->count, 0);
    neap_queue_free(queued);
    neap_verification verification;
    assert_int_equal(neap_store_verify(store, NULL, NULL, &verification, &error), NEAP_OK);
    assert_int_equal(verification.findings, 0);
    neap_store_close(store);
}

static void remove_file(void)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-lock"};
    char name[80];
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
}

static void dying_at_any_commit_changes_nothing(void **unused)
{
    (void)unused;
    unsigned at = 1;
    for (bool died = true; died; at++) {
        for (int before = 0; before < 2; before++) {
            remove_file();
            died = run(at, before);
            assert_true(at < MOST);
            assert_false(run(0, false));
            check(at, before);
        }
    }
    assert_true(at > 20);
    remove_file();
}

/* And again and again in one life. */
static void dying_all_the_time_changes_nothing(void **unused)
{
    (void)unused;
    remove_file();
    unsigned lives = 0;
    while (run(2, lives % 2 == 0)) {
        lives++;
        if (lives % 2 == 0) /* else it would die before the same commit for ever */
            assert_true(lives < MOST);
    }
    assert_true(lives > 5);
    check(2, true);
    remove_file();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dying_at_any_commit_changes_nothing),
        cmocka_unit_test(dying_all_the_time_changes_nothing),
    };
    snprintf(path, sizeof path, "queue_crash_%ld.db", (long)getpid());
    snprintf(url, sizeof url, "sqlite:%s", path);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
