/* Projections with rows of their own: the rows are the fold of the log, whatever happens meanwhile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the headers above. */
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "neap.h"

#ifndef LANES
#define LANES 2
#endif
#define WAIT_MS 20000

static neap_error error;
static char folder[] = "/tmp/neap-rows-XXXXXX";
static char store_path[64], store_url[96], domain_path[64];
static uint64_t seed;

static unsigned draw(unsigned below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % below;
}

/* The domain, with a note in its schema. */
static void write_domain(const char *note)
{
    FILE *from = fopen(DOMAIN, "r"), *to = fopen(domain_path, "w");
    char line[400];
    assert_non_null(from);
    assert_non_null(to);
    while (fgets(line, sizeof line, from) != NULL) {
        char *at = strstr(line, "%NOTE%");
        if (at != NULL && strncmp(line, "--", 2) != 0)
            fprintf(to, "%.*s%s%s", (int)(at - line), line, note, at + strlen("%NOTE%"));
        else
            fputs(line, to);
    }
    fclose(from);
    fclose(to);
}

static void remove_store(void)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-lock"};
    char path[80];
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(path, sizeof path, "%s%s", store_path, ends[i]);
        unlink(path);
    }
}

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(store_path, sizeof store_path, "%s/store", folder);
    snprintf(store_url, sizeof store_url, "sqlite:%s?synchronous=normal", store_path);
    snprintf(domain_path, sizeof domain_path, "%s/rows.lua", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(domain_path);
    return rmdir(folder);
}

static int begin(void **state)
{
    (void)state;
    seed = 20260101;
    write_domain("one");
    return 0;
}

static int end(void **state)
{
    (void)state;
    remove_store();
    return 0;
}

static neap_runtime *open_rows(void)
{
    neap_options options;
    neap_options_init(&options);
    options.lanes = LANES;
    options.store = store_url;
    neap_runtime *runtime;
    if (neap_open(domain_path, &options, &runtime, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    return runtime;
}

static void pay(neap_runtime *runtime, const char *customer, int cents)
{
    static unsigned number;
    char json[300];
    snprintf(json, sizeof json, "{\"id\":\"%d-%u\"%s%s%s,\"cents\":%d}", (int)getpid(), ++number,
             customer != NULL ? ",\"customer\":\"" : "", customer != NULL ? customer : "",
             customer != NULL ? "\"" : "", cents);
    neap_reply *reply;
    if (neap_dispatch(runtime, "Pay", json, strlen(json), NULL, &reply, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    neap_reply_free(reply);
}

static void drain(neap_runtime *runtime)
{
    if (neap_drain(runtime, WAIT_MS, &error) != NEAP_OK)
        fail_msg("%s", error.message);
}

/* ---- What the tables say --------------------------------------------------------------------- */

/* All rows of a query, one a line. */
static void ask(const char *sql, char *answer, size_t room)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    size_t size = 0;
    assert_int_equal(sqlite3_open_v2(store_path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, 10000);
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    answer[0] = '\0';
    while (sqlite3_step(statement) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(statement); i++)
            size += (size_t)snprintf(answer + size, room - size, "%s%s", i > 0 ? "|" : "",
                                     (const char *)sqlite3_column_text(statement, i));
        size += (size_t)snprintf(answer + size, room - size, "\n");
        assert_true(size < room);
    }
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

static long long number_of(const char *sql)
{
    char answer[100];
    ask(sql, answer, sizeof answer);
    return strtoll(answer, NULL, 10);
}

/* Texts that would do harm if they were pasted into statements. */
static const char *const customers[] = {"ada",
                                        "o'hara",
                                        "x'); DROP TABLE \\\"customers@1\\\"; --",
                                        "{customers}",
                                        "?1",
                                        "%s",
                                        "\\u00e9\\u4e2d",
                                        NULL};
#define CUSTOMERS (sizeof customers / sizeof *customers)

typedef struct totals {
    long long cents[CUSTOMERS], count[CUSTOMERS];
    long long payments;
} totals;

static void pay_somebody(neap_runtime *runtime, totals *model)
{
    unsigned who = draw(CUSTOMERS);
    int cents = (int)draw(600);
    pay(runtime, customers[who], cents);
    model->cents[who] += cents;
    model->count[who]++;
    model->payments++;
}

/* The name that the test's JSON says, as it is in the table. */
static const char *name_of(size_t who)
{
    static const char *const names[] = {
        "ada", "o'hara", "x'); DROP TABLE \"customers@1\"; --", "{customers}", "?1", "%s",
        "é中", "nobody"};
    return names[who];
}

static void check(const totals *model)
{
    char sql[300];
    for (size_t i = 0; i < CUSTOMERS; i++) {
        char *name = sqlite3_mprintf("%Q", name_of(i));
        snprintf(sql, sizeof sql, "SELECT ifnull(sum(cents), 0) FROM customers WHERE name = %s",
                 name);
        assert_int_equal(number_of(sql), model->cents[i]);
        snprintf(sql, sizeof sql, "SELECT ifnull(sum(count), 0) FROM customers WHERE name = %s",
                 name);
        assert_int_equal(number_of(sql), model->count[i]);
        sqlite3_free(name);
    }
    assert_int_equal(number_of("SELECT count(*) FROM payments"), model->payments);
    assert_int_equal(number_of("SELECT max(position) FROM payments"), model->payments);
    assert_int_equal(number_of("SELECT count(*) FROM payments WHERE typeof(euros) <> 'real' OR "
                               "typeof(large) <> 'integer' OR large <> (euros > 5.0)"),
                     0);
}

static void rebuild(neap_runtime *runtime, const char *name)
{
    if (neap_rebuild(runtime, name, WAIT_MS, &error) != NEAP_OK)
        fail_msg("%s", error.message);
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void rows_are_the_fold_of_the_log(void **state)
{
    (void)state;
    totals model = {0};
    for (int round = 0; round < 4; round++) {
        neap_runtime *runtime = open_rows();
        for (int i = 0; i < 100; i++)
            pay_somebody(runtime, &model);
        drain(runtime);
        check(&model);
        if (round % 2 == 1) {
            rebuild(runtime, "customers");
            rebuild(runtime, "payments");
            drain(runtime);
            check(&model);
            pay_somebody(runtime, &model);
            drain(runtime);
            check(&model);
        }
        neap_close(runtime);
    }
}

/* Until the query gives the number. */
static void await_number(neap_runtime *runtime, const char *sql, long long number)
{
    time_t deadline = time(NULL) + 60;
    while (number_of(sql) != number && time(NULL) < deadline)
        drain(runtime); /* without lanes nothing goes on by itself */
    assert_int_equal(number_of(sql), number);
}

/* What a SELECT gives as JSON. */
static void assert_selected(neap_runtime *runtime, const char *statement, const char *parameters,
                            const char *expected)
{
    char *json;
    size_t size;
    if (neap_select(runtime, "customers", statement, parameters, &json, &size, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    assert_string_equal(json, expected);
    assert_int_equal(size, strlen(json));
    neap_free(json);
}

static void assert_refused(neap_runtime *runtime, const char *statement, const char *parameters,
                           neap_status status, const char *message)
{
    char *json = NULL;
    size_t size;
    assert_int_equal(neap_select(runtime, "customers", statement, parameters, &json, &size, &error),
                     status);
    assert_null(json);
    if (strstr(error.message, message) == NULL)
        fail_msg("%s", error.message);
}

static void rows_are_selected_from_what_is_live(void **state)
{
    (void)state;
    neap_runtime *runtime = open_rows();
    pay(runtime, "ada", 100);
    pay(runtime, NULL, 7);
    drain(runtime);
    for (int built = 0; built < 2; built++) {
        assert_selected(runtime, "SELECT name, cents, NULL AS none FROM {customers} ORDER BY name",
                        NULL,
                        "[{\"name\":\"ada\",\"cents\":100},{\"name\":\"nobody\",\"cents\":7}]");
        assert_selected(runtime, "SELECT cents * ? AS a FROM {customers} WHERE name = ?",
                        " [ 0.5 , \"a\\u0064a\" ] ", "[{\"a\":50.0}]");
        assert_selected(runtime, "SELECT ? AS a, ? AS b, ? AS c", "[true,false,null]",
                        "[{\"a\":1,\"b\":0}]");
        assert_selected(runtime, "SELECT name FROM {customers} WHERE cents < 0", "[]", "[]");
        rebuild(runtime, "customers");
    }
    assert_refused(runtime, "SELECT ?", "{}", NEAP_INVALID, "parameters: ");
    assert_refused(runtime, "SELECT ?", "[[1]]", NEAP_INVALID,
                   "expected a text, a number, true, false or null");
    assert_refused(runtime, "SELECT ?", "[1", NEAP_INVALID, "expected ',' or ']'");
    assert_refused(runtime, "SELECT ?", "[1] 2", NEAP_INVALID, "parameters: ");
    assert_refused(runtime, "SELECT * FROM {payments}", NULL, NEAP_USAGE, "payments");
    assert_refused(runtime, "DELETE FROM {customers}", NULL, NEAP_USAGE, "DELETE");
    assert_refused(runtime, NULL, NULL, NEAP_USAGE, "must not be NULL");
    neap_close(runtime);
}

static void *change_often(void *user)
{
    neap_runtime *runtime = user;
    neap_error unwanted;
    for (int i = 0; i < 40; i++) {
        assert_int_equal(neap_pause(runtime, "customers", &unwanted), NEAP_OK);
        assert_int_equal(neap_resume(runtime, "customers", &unwanted), NEAP_OK);
        assert_int_equal(neap_rebuild_begin(runtime, "customers", &unwanted), NEAP_OK);
    }
    return NULL;
}

static void changes_wait_for_one_another(void **state)
{
    (void)state;
    totals model = {0};
    neap_runtime *runtime = open_rows();
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, change_often, runtime), 0);
    for (int i = 0; i < 20; i++)
        pay_somebody(runtime, &model);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    drain(runtime);
    check(&model);
    neap_close(runtime);
}

static void a_changed_schema_is_built_beside(void **state)
{
    (void)state;
    totals model = {0};
    char answer[200];
    neap_runtime *runtime = open_rows();
    for (int i = 0; i < 50; i++)
        pay_somebody(runtime, &model);
    drain(runtime);
    ask("SELECT DISTINCT note FROM payments", answer, sizeof answer);
    assert_string_equal(answer, "one\n");
    neap_close(runtime);

    write_domain("two");
    runtime = open_rows();
    pay_somebody(runtime, &model);
    if (neap_catch_up(runtime, "payments", 0, WAIT_MS, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    await_number(runtime, "SELECT count(*) FROM payments WHERE note = 'two'", model.payments);
    drain(runtime);
    check(&model);
    neap_close(runtime);

    /* What was of use to nobody goes when the store is opened again, at the latest. */
    runtime = open_rows();
    await_number(runtime, "SELECT count(*) FROM sqlite_schema WHERE name = 'payments@1'", 0);
    check(&model);
    neap_close(runtime);
}

static void a_statement_that_fails_stops_at_its_event(void **state)
{
    (void)state;
    totals model = {0};
    neap_runtime *runtime = open_rows();
    for (int i = 0; i < 30; i++)
        pay_somebody(runtime, &model);
    pay(runtime, "eve", 666);
    pay(runtime, "ada", 1);
    assert_int_equal(neap_catch_up(runtime, "payments", 0, WAIT_MS, &error), NEAP_UNAVAILABLE);
    assert_non_null(strstr(error.message, "projection 'payments' has stopped at position 31: "
                                          "event 'Paid' (Payment-"));
    assert_non_null(strstr(error.message,
                           ", 1): projection payments, event 31: UNIQUE constraint failed: "
                           "payments@1.position: UPDATE {payments} SET position = 1"));
    assert_int_equal(number_of("SELECT count(*) FROM payments"), 30);
    assert_int_equal(neap_catch_up(runtime, "customers", 0, WAIT_MS, &error), NEAP_OK);
    assert_int_equal(number_of("SELECT sum(count) FROM customers"), 32);
    neap_close(runtime);
}

static void pay_for_ever(int pipe)
{
    neap_runtime *runtime = open_rows();
    seed = (uint64_t)getpid();
    for (totals model = {0};; pay_somebody(runtime, &model))
        if (write(pipe, "x", 1) != 1)
            _exit(1);
}

static void no_row_is_lost_or_doubled_when_the_process_dies(void **state)
{
    (void)state;
    for (int round = 0; round < 8; round++) {
        char byte;
        int ends[2], left = 10 + 37 * round;
        assert_int_equal(pipe(ends), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            close(ends[0]);
            pay_for_ever(ends[1]);
        }
        close(ends[1]);
        while (left-- > 0 && read(ends[0], &byte, 1) == 1)
            continue;
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        close(ends[0]);
        /* Checkpoint and rows are together also before anybody goes on. */
        assert_int_equal(
            number_of("SELECT count(*) - max(position) FROM payments WHERE position > 0"), 0);
        neap_runtime *runtime = open_rows();
        drain(runtime);
        long long payments = number_of("SELECT count(*) FROM payments");
        assert_true(payments >= 9);
        assert_int_equal(number_of("SELECT max(position) FROM payments"), payments);
        assert_int_equal(number_of("SELECT sum(count) FROM customers"), payments);
        assert_int_equal(
            number_of("SELECT count(*) FROM (SELECT ifnull(customer, 'nobody') AS name, "
                      "CAST(round(sum(euros) * 100) AS INTEGER), count(*) FROM payments "
                      "GROUP BY 1 EXCEPT SELECT name, cents, count FROM customers)"),
            0);
        if (round % 3 == 2)
            rebuild(runtime, "payments");
        neap_close(runtime);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_are_the_fold_of_the_log, begin, end),
        cmocka_unit_test_setup_teardown(rows_are_selected_from_what_is_live, begin, end),
        cmocka_unit_test_setup_teardown(changes_wait_for_one_another, begin, end),
        cmocka_unit_test_setup_teardown(a_changed_schema_is_built_beside, begin, end),
        cmocka_unit_test_setup_teardown(a_statement_that_fails_stops_at_its_event, begin, end),
        cmocka_unit_test_setup_teardown(no_row_is_lost_or_doubled_when_the_process_dies, begin,
                                        end),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
