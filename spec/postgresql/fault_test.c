/* The store in PostgreSQL, when its connection or its server goes away. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/text.h"
#include "database.h"
#include "opened.h"
#include "own_server.h"
#include "proxy.h"
#include "stores/postgresql/postgresql.h"

/* ---- Cuts ------------------------------------------------------------------------------------ */

/* One connection: the proxy serves no more at a time. */
static void open_to_cut(opened_store *cut, const char *through)
{
    neap_error error;
    if (neapi_store_open(through, NEAPI_MODE_WRITE, &cut->store, &error) != NEAP_OK ||
        neapi_session_open(cut->store, NEAPI_MODE_WRITE, &cut->writer, &error) != NEAP_OK)
        fail_msg("%s", error.message);
}

static void close_cut(opened_store *cut)
{
    neapi_session_close(cut->writer);
    neapi_store_close(cut->store);
}

/* Commits while the connection is cut behind the n-th message; what the commit or the resolution
 * says is what a reader of its own finds. Whether it is durable in the end. */
static bool commit_cut(proxy_between *between, opened_store *cut, neapi_session *reader, int nth,
                       neapi_unit *unit, uint64_t version, int *unknown, bool *was_cut)
{
    neap_error error;
    neapi_outcome outcome;
    bool durable = true;
    proxy_cut(between, nth);
    neap_status status = commit(cut->writer, unit, &outcome, &error);
    *was_cut = proxy_has_cut(between);
    proxy_cut(between, 0);
    if (status != NEAP_OK) {
        assert_int_equal(status, NEAP_UNAVAILABLE);
        assert_int_equal(unit->state, NEAPI_UNIT_BUILDING);
        durable = false;
        if (outcome == NEAPI_OUTCOME_UNKNOWN) {
            ++*unknown;
            assert_int_equal(commit(cut->writer, unit, &outcome, &error), NEAP_USAGE);
            assert_int_equal(neapi_resolve(cut->writer, &unit, 1, &durable, &error), NEAP_OK);
        }
    }
    assert_int_equal(version_of(reader), version + durable);
    assert_int_equal(unit->state, durable ? NEAPI_UNIT_ACCEPTED : NEAPI_UNIT_BUILDING);
    if (durable)
        assert_int_equal(unit->verdict.last_position, version + 1);
    neapi_unit_release(unit);
    return durable;
}

/* The commit's every message, with all statements known to the server already, and with none.
 * alone: nobody else writes, so that all messages are sent at once. */
static void cut_after_every_message(bool warm, bool alone)
{
    neapi_unit *(*make)(uint64_t version) = alone ? unit_of_event : unit_behind;
    char url[URL_SIZE], through[URL_SIZE];
    opened_store direct, cut;
    database_fresh(url, sizeof url);
    open_all(&direct, url);
    proxy_between *between = proxy_start(database_folder());
    snprintf(through, sizeof through, "postgresql://neap@/postgres?host=%s&%s",
             proxy_folder(between), strstr(url, "schema="));
    uint64_t version = 0;
    int unknown = 0, lost = 0, kept = 0;
    bool was_cut = true;
    for (int nth = 1; was_cut; nth++) {
        assert_true(nth < 300);
        open_to_cut(&cut, through);
        neapi_store_alone(cut.store, alone);
        for (int i = 0; warm && i < 1 + alone; i++, version++)
            commit_unit_well(cut.writer, make(version), version);
        int before = unknown;
        bool durable = commit_cut(between, &cut, direct.reader, nth, make(version), version,
                                  &unknown, &was_cut);
        version += durable;
        kept += durable && unknown != before;
        lost += !durable && unknown != before;
        commit_unit_well(cut.writer, make(version), version);
        version++;
        close_cut(&cut);
    }
    if (alone)
        assert_events(direct.reader, version);
    else
        assert_whole(direct.reader, version);
    assert_true(unknown > 5);
    assert_true(kept > 0);
    assert_true(lost > 0);
    proxy_stop(between);
    close_all(&direct);
    database_discard(url);
}

static void outcome_of_a_cut_commit_is_found_out(void **unused)
{
    (void)unused;
    cut_after_every_message(true, false);
}

static void outcome_of_a_cut_first_commit_is_found_out(void **unused)
{
    (void)unused;
    cut_after_every_message(false, false);
}

static void outcome_of_a_cut_commit_at_once_is_found_out(void **unused)
{
    (void)unused;
    cut_after_every_message(true, true);
}

/* The connection is given up, and what became of the batch is found out, before the server has read
 * what had been sent to it. */
static void batch_that_is_read_late_does_not_commit(void **unused)
{
    (void)unused;
    char url[URL_SIZE];
    opened_store opened;
    neap_error error;
    neapi_outcome outcome;
    bool durable = true;
    int silence_ms = neapi_pg_silence_ms;
    database_fresh(url, sizeof url);
    open_all(&opened, url);
    neapi_store_alone(opened.store, true);
    for (uint64_t version = 0; version < 2; version++)
        commit_unit_well(opened.writer, unit_of_event(version), version);
    pid_t late = PQbackendPID(neapi_pg_session_of(opened.writer)->connection.pg);
    assert_int_equal(kill(late, SIGSTOP), 0);
    neapi_pg_silence_ms = 300;
    neapi_unit *unit = unit_of_event(2);
    assert_int_equal(commit(opened.writer, unit, &outcome, &error), NEAP_UNAVAILABLE);
    assert_int_equal(outcome, NEAPI_OUTCOME_UNKNOWN); /* it was sent whole */
    neapi_pg_silence_ms = silence_ms;
    assert_int_equal(neapi_resolve(opened.writer, &unit, 1, &durable, &error), NEAP_OK);
    assert_false(durable);
    assert_int_equal(kill(late, SIGCONT), 0);
    for (int i = 0; kill(late, 0) == 0; i++) {
        assert_true(i < 6000);
        usleep(10000);
    }
    assert_events(opened.reader, 2);
    assert_int_equal(commit(opened.writer, unit, &outcome, &error), NEAP_OK);
    neapi_unit_release(unit);
    assert_events(opened.reader, 3);
    close_all(&opened);
    database_discard(url);
}

/* Who holds himself to be alone finds out that he is not. */
static void others_commits_are_seen_by_who_is_not_alone(void **unused)
{
    (void)unused;
    char url[URL_SIZE];
    opened_store first, second;
    neap_error error;
    neapi_outcome outcome;
    uint64_t version = 0;
    database_fresh(url, sizeof url);
    open_all(&first, url);
    open_all(&second, url);
    neapi_store_alone(first.store, true);
    neapi_store_alone(second.store, true);
    for (int i = 0; i < 4; i++) {
        for (int n = 0; n < 3; n++, version++)
            commit_unit_well(first.writer, unit_of_event(version), version);
        neapi_unit *stale = unit_of_event(version - 1);
        assert_int_equal(commit(second.writer, stale, &outcome, &error), NEAP_OK);
        assert_int_equal(stale->state, NEAPI_UNIT_REFUSED);
        assert_int_equal(stale->verdict.status, NEAP_CONFLICT);
        assert_int_equal(stale->verdict.actual, version);
        neapi_unit_release(stale);
        for (int n = 0; n < 3; n++, version++)
            commit_unit_well(second.writer, unit_of_event(version), version);
    }
    assert_events(first.reader, version);
    close_all(&second);
    close_all(&first);
    database_discard(url);
}

static bool has_document(neapi_session *reader, neap_text key)
{
    neapi_arena arena = NEAPI_ARENA_INIT;
    neap_text data;
    bool found;
    assert_int_equal(
        neapi_find_document(reader, NEAPI_LITERAL("c"), key, &arena, &data, &found, NULL), NEAP_OK);
    neapi_arena_fini(&arena);
    return found;
}

/* The same for what leaves no event by which it could be known. */
static void outcome_of_a_cut_commit_without_events_is_found_out(void **unused)
{
    (void)unused;
    char url[URL_SIZE], through[URL_SIZE];
    opened_store direct, cut;
    neap_error error;
    database_fresh(url, sizeof url);
    open_all(&direct, url);
    proxy_between *between = proxy_start(database_folder());
    snprintf(through, sizeof through, "postgresql://neap@/postgres?host=%s&%s",
             proxy_folder(between), strstr(url, "schema="));
    open_to_cut(&cut, through);
    commit_well(cut.writer, 0); /* an event that is not the batch's */
    int kept = 0, lost = 0;
    bool was_cut = true;
    for (int nth = 1; was_cut; nth++) {
        char key[16];
        neapi_outcome outcome;
        bool durable = true;
        snprintf(key, sizeof key, "d-%d", nth);
        neapi_unit *unit = unit_of_document(neapi_text_of(key));
        proxy_cut(between, nth);
        neap_status status = commit(cut.writer, unit, &outcome, &error);
        was_cut = proxy_has_cut(between);
        proxy_cut(between, 0);
        if (status != NEAP_OK) {
            durable = false;
            if (outcome == NEAPI_OUTCOME_UNKNOWN) {
                assert_int_equal(neapi_resolve(cut.writer, &unit, 1, &durable, &error), NEAP_OK);
                kept += durable;
                lost += !durable;
            }
        }
        assert_int_equal(has_document(direct.reader, neapi_text_of(key)), durable);
        neapi_unit_release(unit);
    }
    assert_true(kept > 0);
    assert_true(lost > 0);
    close_cut(&cut);
    proxy_stop(between);
    close_all(&direct);
    database_discard(url);
}

/* ---- Servers --------------------------------------------------------------------------------- */

#define TERMINATE                                                                                  \
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gone'"

static void terminated_backends_are_replaced(void **unused)
{
    (void)unused;
    char url[URL_SIZE], named[URL_SIZE + 32];
    opened_store opened;
    database_fresh(url, sizeof url);
    snprintf(named, sizeof named, "%s&application_name=gone", url);
    open_all(&opened, named);
    for (uint64_t version = 0; version < 5; version++) {
        commit_well(opened.writer, version);
        assert_int_equal(version_of(opened.reader), version + 1);
        database_run(url, TERMINATE);
    }
    assert_whole(opened.reader, 5);
    close_all(&opened);
    database_discard(url);
}

static void server_is_restarted(void **unused)
{
    (void)unused;
    static const char *const modes[] = {"fast", "immediate"};
    char url[URL_SIZE];
    own_server server;
    opened_store opened;
    neap_error error;
    neapi_outcome outcome;
    uint64_t position;
    own_server_start(&server, "");
    own_server_url(&server, "", url, sizeof url);
    open_all(&opened, url);
    for (uint64_t version = 0; version < 4; version += 2) {
        commit_well(opened.writer, version);
        assert_int_equal(own_server_do(&server, "down", modes[version / 2]), 0);
        neapi_unit *unit = unit_behind(version + 1);
        assert_int_equal(commit(opened.writer, unit, &outcome, &error), NEAP_UNAVAILABLE);
        assert_int_equal(outcome, NEAPI_OUTCOME_NONE);
        assert_int_equal(neapi_head(opened.reader, &position, &error), NEAP_UNAVAILABLE);
        assert_int_equal(own_server_do(&server, "up", ""), 0);
        assert_int_equal(version_of(opened.reader), version + 1);
        assert_int_equal(commit(opened.writer, unit, &outcome, &error), NEAP_OK);
        neapi_unit_release(unit);
    }
    assert_whole(opened.reader, 4);
    close_all(&opened);
    own_server_stop(&server);
}

static void lock_that_is_held_is_unavailable(void **unused)
{
    (void)unused;
    char url[URL_SIZE], hasty[URL_SIZE + 64];
    opened_store first, second;
    neap_error error;
    neapi_outcome outcome;
    database_fresh(url, sizeof url);
    open_all(&first, url);
    snprintf(hasty, sizeof hasty, "%s&options=-c%%20statement_timeout%%3D500", url);
    open_all(&second, hasty);
    commit_well(first.writer, 0);
    database_hold(url, true);
    neapi_unit *unit = unit_behind(1);
    assert_int_equal(commit(second.writer, unit, &outcome, &error), NEAP_UNAVAILABLE);
    assert_int_equal(outcome, NEAPI_OUTCOME_NONE);
    assert_non_null(strstr(error.message, "statement timeout"));
    database_hold(url, false);
    commit_patiently(second.writer, unit);
    neapi_unit_release(unit);
    assert_whole(first.reader, 2);
    close_all(&second);
    close_all(&first);
    database_discard(url);
}

/* ---- Several at once ------------------------------------------------------------------------- */

#define PROCESSES 6
#define EACH      20

/* What a process of its own would do: opens, and appends behind whatever there is. */
static void *write_some(void *url)
{
    opened_store opened;
    open_all(&opened, url);
    for (int done = 0; done < EACH;) {
        neapi_outcome outcome;
        neap_error error;
        neapi_unit *unit = unit_behind(version_of(opened.reader));
        if (commit(opened.writer, unit, &outcome, &error) != NEAP_OK)
            fail_msg("%s", error.message);
        done += unit->state == NEAPI_UNIT_ACCEPTED;
        neapi_unit_release(unit);
    }
    close_all(&opened);
    return NULL;
}

static void many_open_and_write_at_once(void **unused)
{
    (void)unused;
    char url[URL_SIZE];
    pthread_t threads[PROCESSES];
    opened_store opened;
    database_fresh(url, sizeof url);
    for (int i = 0; i < PROCESSES; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_some, url), 0);
    for (int i = 0; i < PROCESSES; i++)
        pthread_join(threads[i], NULL);
    open_all(&opened, url);
    assert_whole(opened.reader, PROCESSES * EACH);
    close_all(&opened);
    database_discard(url);
}

/* ---- Roles and secrets ----------------------------------------------------------------------- */

static void role_that_reads_is_enough_to_read(void **unused)
{
    (void)unused;
    char url[URL_SIZE], role[64], sql[512], reads[URL_SIZE];
    opened_store opened;
    neapi_store *store;
    neapi_session *reader;
    database_fresh(url, sizeof url);
    open_all(&opened, url);
    commit_well(opened.writer, 0);
    const char *schema = strstr(url, "schema=") + 7;
    snprintf(role, sizeof role, "reads_%s", schema);
    snprintf(sql, sizeof sql,
             "CREATE ROLE %s LOGIN; GRANT USAGE ON SCHEMA %s TO %s; "
             "GRANT SELECT ON ALL TABLES IN SCHEMA %s TO %s",
             role, schema, role, schema, role);
    database_run(url, sql);
    snprintf(reads, sizeof reads, "postgresql://%s@/postgres?host=%s&schema=%s", role,
             database_folder(), schema);
    assert_int_equal(neapi_store_open(reads, NEAPI_MODE_READ, &store, NULL), NEAP_OK);
    assert_int_equal(neapi_session_open(store, NEAPI_MODE_READ, &reader, NULL), NEAP_OK);
    assert_whole(reader, 1);
    neapi_session_close(reader);
    neapi_store_close(store);
    close_all(&opened);
    database_discard(url);
    snprintf(sql, sizeof sql, "DROP ROLE %s", role);
    database_run(url, sql);
}

static void password_is_never_shown(void **unused)
{
    (void)unused;
    static const struct {
        const char *url;
        neap_status status;
    } cases[] = {
        {"postgresql://ada:s3cret@/shop?host=/nowhere", NEAP_UNAVAILABLE},
        {"postgresql://ada@/shop?host=/nowhere&password=s3cret", NEAP_UNAVAILABLE},
        {"postgresql://ada@/shop?host=/nowhere&sslpassword=s3cret", NEAP_UNAVAILABLE},
        {"postgresql://ada:s3cret@[::1/shop", NEAP_USAGE},
        {"postgresql://ada:s3cret@host/shop?port=%zz", NEAP_USAGE},
        {"postgresql://ada:s3/cret@host/shop", NEAP_USAGE},
        {"postgresql://ada:s3cret@host/shop?schema=pg_catalog", NEAP_USAGE},
        {"postgresql://ada:s3cret@host/shop?hots=x", NEAP_USAGE},
        {"postgresql:ada", NEAP_USAGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        neapi_store *store;
        neap_error error;
        assert_int_equal(neapi_store_open(cases[i].url, NEAPI_MODE_WRITE, &store, &error),
                         cases[i].status);
        if (strstr(error.message, "s3") != NULL)
            fail_msg("%s", error.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(password_is_never_shown),
        cmocka_unit_test(outcome_of_a_cut_commit_is_found_out),
        cmocka_unit_test(outcome_of_a_cut_first_commit_is_found_out),
        cmocka_unit_test(outcome_of_a_cut_commit_at_once_is_found_out),
        cmocka_unit_test(batch_that_is_read_late_does_not_commit),
        cmocka_unit_test(others_commits_are_seen_by_who_is_not_alone),
        cmocka_unit_test(outcome_of_a_cut_commit_without_events_is_found_out),
        cmocka_unit_test(terminated_backends_are_replaced),
        cmocka_unit_test(lock_that_is_held_is_unavailable),
        cmocka_unit_test(many_open_and_write_at_once),
        cmocka_unit_test(role_that_reads_is_enough_to_read),
        cmocka_unit_test(server_is_restarted),
    };
    return database_is_there() ? cmocka_run_group_tests(tests, NULL, NULL) : DATABASE_SKIP;
}
