#include "runtime/crashing.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include "base/error.h"
#include "store/backend.h"
#include "store/store.h"

bool crashing_in_memory;
atomic_bool crashing_is_dead;
char crashing_path[64], crashing_url[96];

#define MOST 600 /* commits of a life */

static const crashing_lifetime *tried;
static char *expected; /* what is there when nobody died */

/* ---- Dying ----------------------------------------------------------------------------------- */

static atomic_uint commits;
static unsigned dies_at; /* 0: it does not */
static bool dies_before;

neap_status __real_neapi_commit(neapi_session *session, neapi_unit *const *units, size_t count,
                                int64_t at_us, neapi_outcome *outcome, neap_error *error);
neap_status __wrap_neapi_commit(neapi_session *session, neapi_unit *const *units, size_t count,
                                int64_t at_us, neapi_outcome *outcome, neap_error *error);

static void die(void)
{
    if (!crashing_in_memory)
        kill(getpid(), SIGKILL);
    atomic_store(&crashing_is_dead, true);
}

neap_status __wrap_neapi_commit(neapi_session *session, neapi_unit *const *units, size_t count,
                                int64_t at_us, neapi_outcome *outcome, neap_error *error)
{
    unsigned number = atomic_fetch_add(&commits, 1) + 1;
    if (number == dies_at && dies_before)
        die();
    if (atomic_load(&crashing_is_dead)) {
        *outcome = NEAPI_OUTCOME_NONE;
        return neapi_fail(error, NEAP_UNAVAILABLE, "the store is gone");
    }
    neap_status status = __real_neapi_commit(session, units, count, at_us, outcome, error);
    if (number == dies_at && !dies_before)
        die();
    return status;
}

/* ---- What is durable ------------------------------------------------------------------------- */

/* What is in memory stays there from one runtime to the next. */
extern const neapi_backend __real_neapi_backend_memory;
extern neapi_backend __wrap_neapi_backend_memory;
neapi_backend __wrap_neapi_backend_memory;
static neapi_store *kept;

static neap_status open_kept(const neapi_url *url, neapi_mode mode, neapi_store **store,
                             neap_error *error)
{
    neap_status status = NEAP_OK;
    if (kept == NULL)
        status = __real_neapi_backend_memory.open(url, mode, &kept, error);
    if (status == NEAP_OK)
        *store = kept;
    return status;
}

static void keep(neapi_store *store)
{
    (void)store;
}

/* Everything that is durable goes. */
static void forget(void)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-lock"};
    char name[80];
    if (kept != NULL)
        __real_neapi_backend_memory.close(kept);
    kept = NULL;
    for (size_t i = 0; !crashing_in_memory && i < sizeof ends / sizeof *ends; i++) {
        snprintf(name, sizeof name, "%s%s", crashing_path, ends[i]);
        unlink(name);
    }
}

/* From here on lives are over that store, which is empty. */
static void begin(bool in_memory)
{
    __wrap_neapi_backend_memory = __real_neapi_backend_memory;
    __wrap_neapi_backend_memory.open = open_kept;
    __wrap_neapi_backend_memory.close = keep;
    crashing_in_memory = in_memory;
    snprintf(crashing_path, sizeof crashing_path, "%s_%ld.db", tried->name, (long)getpid());
    if (in_memory)
        snprintf(crashing_url, sizeof crashing_url, "memory:");
    else
        snprintf(crashing_url, sizeof crashing_url, "sqlite:%s?synchronous=normal", crashing_path);
    forget();
}

/* ---- Lives ----------------------------------------------------------------------------------- */

bool crashing_lives(const char *call, neap_status status, const neap_error *error)
{
    if (status == NEAP_OK)
        return true;
    if (!atomic_load(&crashing_is_dead)) {
        fprintf(stderr, "%s: %s\n", call, error->message);
        exit(1);
    }
    return false;
}

static bool run_in_memory(void)
{
    tried->live();
    dies_at = 0;
    return atomic_exchange(&crashing_is_dead, false);
}

/* true: it died on the way, at that commit (0: it does not). */
static bool run(unsigned at, bool before)
{
    dies_at = at;
    dies_before = before;
    atomic_store(&commits, 0);
    if (crashing_in_memory)
        return run_in_memory();
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        tried->live();
        _exit(0);
    }
    int status;
    dies_at = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    bool died = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    assert_true(died || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
    return died;
}

/* ---- What is there in the end ---------------------------------------------------------------- */

static void verify(void)
{
    neap_error error;
    neap_store *store;
    neap_verification verification;
    if (crashing_in_memory)
        return;
    assert_int_equal(neap_store_open(crashing_url, &store, &error), NEAP_OK);
    assert_int_equal(neap_store_verify(store, NULL, NULL, &verification, &error), NEAP_OK);
    assert_int_equal(verification.findings, 0);
    neap_store_close(store);
}

static void check(void)
{
    char *shown = tried->show();
    assert_string_equal(shown, expected);
    free(shown);
    verify();
}

unsigned crashing_count(const char *wanted)
{
    unsigned count = 0;
    for (const char *at = expected; (at = strstr(at, wanted)) != NULL; at++)
        count++;
    return count;
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void set_up(bool in_memory)
{
    begin(in_memory);
    assert_false(run(0, false));
    expected = tried->show();
}

static int set_up_sqlite(void **state)
{
    (void)state;
    set_up(false);
    return 0;
}

static int set_up_memory(void **state)
{
    (void)state;
    set_up(true);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    forget();
    free(expected);
    return 0;
}

static void a_life_without_an_end_does_all_of_it(void **unused)
{
    (void)unused;
    tried->does_all_of_it();
}

static void dying_at_any_commit_changes_nothing(void **unused)
{
    (void)unused;
    unsigned at = 1;
    for (bool died = true; died; at += tried->each)
        for (int before = 0; before < 2; before++) {
            forget();
            died = run(at, before);
            assert_true(at < MOST);
            if (died)
                assert_false(run(0, false));
            check();
        }
    assert_true(at > 10);
}

static void dying_all_the_time_changes_nothing(void **unused)
{
    (void)unused;
    for (unsigned each = tried->first; each <= tried->last; each++) {
        unsigned lives = 0;
        forget();
        while (run(each, false))
            assert_true(++lives < MOST);
        assert_true(lives > 3);
        check();
    }
}

int crashing_main(const crashing_lifetime *lifetime)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_life_without_an_end_does_all_of_it),
        cmocka_unit_test(dying_at_any_commit_changes_nothing),
        cmocka_unit_test(dying_all_the_time_changes_nothing),
    };
    tried = lifetime;
    int failed = cmocka_run_group_tests_name("sqlite", tests, set_up_sqlite, tear_down);
    return failed + cmocka_run_group_tests_name("memory", tests, set_up_memory, tear_down);
}
