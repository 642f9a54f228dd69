/* The store in PostgreSQL, when its server is slow, full, hung, or another one than before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libpq-fe.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "database.h"
#include "opened.h"
#include "own_server.h"
#include "stores/postgresql/connection.h"

static own_server server;

static void ignore_notice(void *user, const PGresult *result)
{
    (void)user;
    (void)result;
}

static PGconn *connect_to(const char *text)
{
    char whole[256];
    snprintf(whole, sizeof whole, "host=%s user=neap dbname=postgres %s", server.folder, text);
    PGconn *pg = PQconnectdb(whole);
    assert_int_equal(PQstatus(pg), CONNECTION_OK);
    PQsetNoticeReceiver(pg, ignore_notice, NULL);
    return pg;
}

/* The first value that it answers, as a number. */
static long ask(const char *sql)
{
    PGconn *pg = connect_to("");
    PGresult *result = PQexec(pg, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(pg));
    long value = PQntuples(result) != 0 ? atol(PQgetvalue(result, 0, 0)) : 0;
    PQclear(result);
    PQfinish(pg);
    return value;
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- Slow ------------------------------------------------------------------------------------ */

static void servers_own_timeout_is_unavailable(void **unused)
{
    (void)unused;
    char url[URL_SIZE];
    opened_store opened;
    neap_error error;
    neapi_outcome outcome;
    own_server_start(&server, "'statement_timeout = 1s'");
    own_server_url(&server, "", url, sizeof url);
    open_all(&opened, url);
    neapi_unit *unit = unit_behind(0);
    commit_patiently(opened.writer, unit);
    neapi_unit_release(unit);
    PGconn *holder = connect_to("options='-c statement_timeout=0'");
    PQclear(PQexec(holder, "SELECT pg_advisory_lock(hashtextextended('neap neap', 0))"));
    unit = unit_behind(1);
    assert_int_equal(commit(opened.writer, unit, &outcome, &error), NEAP_UNAVAILABLE);
    assert_int_equal(outcome, NEAPI_OUTCOME_NONE);
    assert_non_null(strstr(error.message, "statement timeout"));
    PQclear(PQexec(holder, "BEGIN; LOCK TABLE neap.documents"));
    uint64_t position;
    neapi_collection_list list = NEAPI_COLLECTION_LIST_INIT;
    assert_int_equal(neapi_list_collections(opened.reader, &list, &error), NEAP_UNAVAILABLE);
    assert_int_equal(neapi_head(opened.reader, &position, &error), NEAP_OK);
    PQfinish(holder);
    commit_patiently(opened.writer, unit);
    neapi_unit_release(unit);
    assert_whole(opened.reader, 2);
    neapi_collection_list_fini(&list);
    close_all(&opened);
    own_server_stop(&server);
}

/* ---- Full ------------------------------------------------------------------------------------ */

/* An event of 50,000 bytes that nothing can press together. */
static neapi_unit *large_unit(void)
{
    static char data[50003] = "\"";
    static unsigned seed = 1;
    neapi_unit *unit = unit_behind(NEAP_ANY_VERSION);
    neapi_unit_clear(unit);
    for (size_t i = 1; i <= 50000; i++) {
        seed = seed * 1103515245 + 12345;
        data[i] = (char)('0' + (seed >> 16) % 75);
        if (data[i] == '\\')
            data[i] = 'x';
    }
    data[50001] = '"';
    neap_event event = {.id = {{7}},
                        .schema = 1,
                        .recorded_at = NOW,
                        .type = NEAPI_LITERAL("Changed"),
                        .data = neapi_text(data, 50002)};
    assert_int_equal(neapi_unit_append(unit, NEAPI_LITERAL("B-1"), NEAP_ANY_VERSION, &event),
                     NEAP_OK);
    return unit;
}

static void full_disk_is_unavailable(void **unused)
{
    (void)unused;
    char url[URL_SIZE], sql[256], ballast[200];
    opened_store opened;
    neap_error error;
    neapi_outcome outcome;
    own_server_start(&server, "");
    if (own_server_do(&server, "small", "12m") != 0) {
        own_server_stop(&server);
        print_message("skip: no file system of a fixed size can be mounted here\n");
        skip();
    }
    snprintf(sql, sizeof sql, "CREATE TABLESPACE small LOCATION '%s/small/space'", server.folder);
    ask(sql);
    snprintf(ballast, sizeof ballast, "%s/small/ballast", server.folder);
    own_server_url(&server, "&options=-c%20default_tablespace%3Dsmall", url, sizeof url);
    open_all(&opened, url);
    unsigned done = 0;
    neap_status status = NEAP_OK;
    for (; status == NEAP_OK && done < 1000; done += status == NEAP_OK) {
        neapi_unit *unit = large_unit();
        status = commit(opened.writer, unit, &outcome, &error);
        neapi_unit_release(unit);
    }
    assert_int_equal(status, NEAP_UNAVAILABLE);
    assert_int_equal(outcome, NEAPI_OUTCOME_NONE);
    assert_non_null(strstr(error.message, "No space left on device"));
    uint64_t position;
    assert_int_equal(neapi_head(opened.reader, &position, &error), NEAP_OK);
    assert_int_equal(position, done);
    assert_int_equal(unlink(ballast), 0);
    neapi_unit *unit = large_unit();
    if (commit(opened.writer, unit, &outcome, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    assert_int_equal(unit->verdict.last_position, done + 1);
    neapi_unit_release(unit);
    close_all(&opened);
    own_server_stop(&server);
}

/* ---- Hung ------------------------------------------------------------------------------------ */

#define SILENCE_MS 1000
#define BOUND_S    60.0 /* what is bounded, on a machine that is busy */

static void signal_backends(int signal)
{
    PGconn *pg = connect_to("");
    PGresult *pids = PQexec(pg, "SELECT pid FROM pg_stat_activity WHERE application_name = 'hung'");
    assert_true(PQntuples(pids) >= 2);
    for (int i = 0; i < PQntuples(pids); i++)
        kill((pid_t)atol(PQgetvalue(pids, i, 0)), signal);
    PQclear(pids);
    PQfinish(pg);
}

static pid_t postmaster(void)
{
    char path[200];
    long pid = 0;
    snprintf(path, sizeof path, "%s/data/postmaster.pid", server.folder);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld", &pid), 1);
    fclose(file);
    return (pid_t)pid;
}

static uint64_t head_patiently(neapi_session *session)
{
    uint64_t position;
    neap_error error;
    double began = now_s();
    while (neapi_head(session, &position, &error) != NEAP_OK)
        if (error.status != NEAP_UNAVAILABLE || now_s() - began > BOUND_S)
            fail_msg("%s", error.message);
    return position;
}

static void hung_server_is_unavailable_in_bounded_time(void **unused)
{
    (void)unused;
    char url[URL_SIZE];
    opened_store opened;
    neap_error error;
    neapi_outcome outcome;
    uint64_t position;
    int silence_ms = neapi_pg_silence_ms;
    own_server_start(&server, "");
    own_server_url(&server, "&application_name=hung&connect_timeout=2", url, sizeof url);
    open_all(&opened, url);
    commit_well(opened.writer, 0);
    neapi_pg_silence_ms = SILENCE_MS;
    signal_backends(SIGSTOP); /* those alone: another takes their place */
    double began = now_s();
    neapi_unit *unit = unit_behind(1);
    commit_patiently(opened.writer, unit);
    neapi_unit_release(unit);
    assert_int_equal(head_patiently(opened.reader), 2);
    assert_true(now_s() - began < BOUND_S);

    signal_backends(SIGSTOP);
    kill(postmaster(), SIGSTOP); /* and now nobody can be reached */
    began = now_s();
    unit = unit_behind(2);
    assert_int_equal(commit(opened.writer, unit, &outcome, &error), NEAP_UNAVAILABLE);
    assert_int_equal(outcome, NEAPI_OUTCOME_NONE);
    assert_int_equal(neapi_head(opened.reader, &position, &error), NEAP_UNAVAILABLE);
    assert_true(now_s() - began < BOUND_S);
    kill(postmaster(), SIGCONT);
    signal_backends(SIGCONT);
    neapi_pg_silence_ms = silence_ms;
    commit_patiently(opened.writer, unit);
    neapi_unit_release(unit);
    assert_whole(opened.reader, 3);
    close_all(&opened);
    own_server_stop(&server);
}

/* ---- Another one ----------------------------------------------------------------------------- */

/* The copy of the server's data takes its place. */
static void fail_over(void)
{
    assert_int_equal(own_server_do(&server, "down", "immediate"), 0);
    assert_int_equal(own_server_do(&server, "restore", ""), 0);
    assert_int_equal(own_server_do(&server, "up", ""), 0);
}

static void copy_that_lacks_the_last_commits_is_noticed(void **unused)
{
    (void)unused;
    char url[URL_SIZE];
    opened_store opened, other;
    neap_error error;
    neapi_outcome outcome;
    uint64_t position;
    own_server_start(&server, "");
    own_server_url(&server, "", url, sizeof url);
    open_all(&opened, url);
    commit_well(opened.writer, 0);
    assert_int_equal(own_server_do(&server, "down", "fast"), 0);
    assert_int_equal(own_server_do(&server, "copy", ""), 0);
    assert_int_equal(own_server_do(&server, "up", ""), 0);
    commit_well(opened.writer, 1);
    commit_well(opened.writer, 2);
    fail_over();

    neapi_unit *unit = unit_behind(3);
    assert_int_equal(commit(opened.writer, unit, &outcome, &error), NEAP_CORRUPT);
    assert_int_equal(outcome, NEAPI_OUTCOME_NONE);
    assert_non_null(strstr(error.message, "the log has gone back: it ends at position 1, and ended "
                                          "at 3 before"));
    assert_int_equal(neapi_head(opened.reader, &position, &error), NEAP_CORRUPT);
    assert_non_null(strstr(error.message, "the log has gone back"));

    open_all(&other, url); /* whoever knows nothing of it goes on, even past the place */
    assert_whole(other.reader, 1);
    for (uint64_t version = 1; version < 4; version++)
        commit_well(other.writer, version);
    assert_int_equal(commit(opened.writer, unit, &outcome, &error), NEAP_CORRUPT);
    assert_non_null(strstr(error.message, "the log has gone back: it has another event at position "
                                          "3 than before"));
    neapi_unit_release(unit);
    assert_whole(other.reader, 4);
    close_all(&other);
    close_all(&opened);
    open_all(&opened, url);
    commit_well(opened.writer, 4);
    close_all(&opened);
    own_server_stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers_own_timeout_is_unavailable),
        cmocka_unit_test(full_disk_is_unavailable),
        cmocka_unit_test(hung_server_is_unavailable_in_bounded_time),
        cmocka_unit_test(copy_that_lacks_the_last_commits_is_noticed),
    };
    return database_is_there() ? cmocka_run_group_tests(tests, NULL, NULL) : DATABASE_SKIP;
}
