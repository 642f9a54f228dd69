/* Imports that end in the middle: killed before and behind any commit, or with a disk that is full.
 * Nothing else opens the store until an import of the same has completed it, which goes on where
 * the one before stopped. */
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/sqlite_shim.h"
#include "transfer/transfer.h"

#define SQLITE 1

/* The commit that this process is killed at; 0: none. */
static unsigned killed_before, killed_behind, commits;

neap_status __real_neapi_commit(neapi_session *session, neapi_unit *const *units, size_t count,
                                int64_t now_us, neapi_outcome *outcome, neap_error *error);
neap_status __wrap_neapi_commit(neapi_session *session, neapi_unit *const *units, size_t count,
                                int64_t now_us, neapi_outcome *outcome, neap_error *error);

neap_status __wrap_neapi_commit(neapi_session *session, neapi_unit *const *units, size_t count,
                                int64_t now_us, neapi_outcome *outcome, neap_error *error)
{
    if (++commits == killed_before)
        kill(getpid(), SIGKILL);
    neap_status status = __real_neapi_commit(session, units, count, now_us, outcome, error);
    if (commits == killed_behind)
        kill(getpid(), SIGKILL);
    return status;
}

static neap_status import_by_url(const char *url, const neapi_buffer *lines, neap_error *error)
{
    neap_importer *importer;
    neap_status status = neap_import(url, NULL, &importer, error);
    if (status != NEAP_OK)
        return status;
    status = neap_importer_write(importer, lines->data, lines->size, error);
    if (status == NEAP_OK)
        status = neap_importer_finish(importer, error);
    neap_importer_close(importer);
    return status;
}

/* Whether the child was killed; else it has imported everything. */
static bool is_killed(const char *url, const neapi_buffer *lines, unsigned before, unsigned behind)
{
    neap_error error;
    int how;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        commits = 0;
        killed_before = before;
        killed_behind = behind;
        _exit(import_by_url(url, lines, &error) == NEAP_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how) || WEXITSTATUS(how) == 0);
    return WIFSIGNALED(how);
}

/* A part of it is there, or nothing: then it may be opened. */
static void assert_closed(const char *url)
{
    neap_store *store;
    neap_error error;
    neap_status status = neap_store_open(url, &store, &error);
    if (status == NEAP_OK) {
        neap_cursor *cursor;
        const neap_event *event;
        assert_int_equal(neap_store_read(store, NULL, &cursor, &error), NEAP_OK);
        assert_int_equal(neap_cursor_next(cursor, &event, &error), NEAP_OK);
        assert_null(event);
        neap_cursor_close(cursor);
        neap_store_close(store);
        return;
    }
    assert_true(status == NEAP_UNAVAILABLE || status == NEAP_UNKNOWN);
    if (status == NEAP_UNAVAILABLE)
        assert_non_null(strstr(error.message, "is not complete: import the same again"));
}

static void assert_equal_to(neapi_store *store, const char *url)
{
    neapi_store *other;
    neap_error error;
    char difference[2048];
    if (neapi_store_open(url, NEAPI_MODE_READ, &other, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    if (!same(store, other, difference))
        fail_msg("%s", difference);
    neapi_store_close(other);
}

/* A history of several checks. */
static void make_lines(transfer_pair *pair, neapi_buffer *lines)
{
    pair_open(pair, 0, 0);
    for (int i = 0; i < 9000; i++) {
        neapi_unit *unit = new_unit();
        neap_event event = new_event("Happened", "{}");
        add_event(unit, "A-1", NEAP_ANY_VERSION, &event);
        commit_one(pair->from, unit, NEAP_OK);
    }
    write_history(pair->from, 1, 40);
    export_lines(pair->from->store, NULL, lines);
}

static void killed_import_is_gone_on_with(void **state)
{
    (void)state;
    transfer_pair pair;
    neapi_buffer lines = NEAPI_BUFFER_INIT;
    make_lines(&pair, &lines);
    for (int behind = 0; behind < 2; behind++) {
        bool killed = true;
        unsigned n = 0;
        while (killed) {
            char url[CONTRACT_URL_SIZE];
            transfer_stores[SQLITE]->fresh(url);
            n++;
            killed = is_killed(url, &lines, behind ? 0 : n, behind ? n : 0);
            if (killed && is_killed(url, &lines, 0, 2)) /* and again, on the way */
                assert_closed(url);
            assert_false(is_killed(url, &lines, 0, 0));
            assert_equal_to(pair.from->store, url);
            transfer_stores[SQLITE]->discard(url);
        }
        assert_true(n > 4);
    }
    neapi_buffer_fini(&lines);
    pair_close(&pair, true);
}

static void store_is_closed_until_it_is_complete(void **state)
{
    (void)state;
    transfer_pair pair;
    neapi_buffer lines = NEAPI_BUFFER_INIT;
    char url[CONTRACT_URL_SIZE];
    neap_error error;
    neapi_store *store;
    make_lines(&pair, &lines);
    transfer_stores[SQLITE]->fresh(url);
    assert_true(is_killed(url, &lines, 0, 2));
    for (neapi_mode mode = NEAPI_MODE_READ; mode <= NEAPI_MODE_WRITE; mode++) {
        assert_int_equal(neapi_store_open(url, mode, &store, &error), NEAP_UNAVAILABLE);
        assert_non_null(strstr(error.message, "is not complete: import the same again"));
    }
    neap_text half = {lines.data, (size_t)(line_of(&lines, 9).data - lines.data)};
    neapi_buffer cut = {.data = (char *)half.data, .size = half.size};
    assert_int_equal(import_by_url(url, &cut, &error), NEAP_INVALID);
    assert_int_equal(neapi_store_open(url, NEAPI_MODE_READ, &store, &error), NEAP_UNAVAILABLE);
    assert_int_equal(import_by_url(url, &lines, &error), NEAP_OK);
    assert_equal_to(pair.from->store, url);
    transfer_stores[SQLITE]->discard(url);
    neapi_buffer_fini(&lines);
    pair_close(&pair, true);
}

static void full_disk_is_survived(void **state)
{
    (void)state;
    transfer_pair pair;
    neapi_buffer lines = NEAPI_BUFFER_INIT;
    make_lines(&pair, &lines);
    bool struck = true;
    for (unsigned nth = 1; struck; nth += nth < 20 ? 1 : nth / 4) {
        char url[CONTRACT_URL_SIZE];
        neap_error error;
        transfer_stores[SQLITE]->fresh(url);
        shim_arm((shim_plan){.calls = SHIM_WRITE,
                             .nth = nth,
                             .persistent = true,
                             .effect = SHIM_NOT_DONE,
                             .code = SQLITE_FULL});
        neap_status status = import_by_url(url, &lines, &error);
        struck = shim_disarm();
        if (!struck)
            assert_int_equal(status, NEAP_OK);
        if (status != NEAP_OK)
            assert_closed(url);
        assert_int_equal(import_by_url(url, &lines, &error), NEAP_OK);
        assert_equal_to(pair.from->store, url);
        transfer_stores[SQLITE]->discard(url);
    }
    neapi_buffer_fini(&lines);
    pair_close(&pair, true);
}

static void second_import_is_busy(void **state)
{
    (void)state;
    static const char header[] = "{\"neap_export\":{\"format\":1}}\n";
    char url[CONTRACT_URL_SIZE];
    neap_error error;
    neap_importer *first, *second;
    transfer_stores[SQLITE]->fresh(url);
    assert_int_equal(neap_import(url, NULL, &first, &error), NEAP_OK);
    assert_int_equal(neap_import(url, NULL, &second, &error), NEAP_OK);
    assert_int_equal(neap_importer_write(first, header, strlen(header), &error), NEAP_OK);
    assert_int_equal(neap_importer_write(second, header, strlen(header), &error), NEAP_BUSY);
    assert_non_null(strstr(error.message, "holds"));
    neap_importer_close(second);
    neap_importer_close(first);
    transfer_stores[SQLITE]->discard(url);
}

static void memory_takes_no_import(void **state)
{
    (void)state;
    neap_error error;
    neap_importer *importer;
    assert_int_equal(neap_import("memory:", NULL, &importer, &error), NEAP_USAGE);
    assert_int_equal(neap_import(NULL, NULL, &importer, &error), NEAP_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_import_is_gone_on_with),
        cmocka_unit_test(store_is_closed_until_it_is_complete),
        cmocka_unit_test(full_disk_is_survived),
        cmocka_unit_test(second_import_is_busy),
        cmocka_unit_test(memory_takes_no_import),
    };
    shim_install();
    return cmocka_run_group_tests_name("crash", tests, NULL, NULL);
}
