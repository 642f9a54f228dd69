/* Rows of projections in PostgreSQL, in what no other store has: roles, locks, deferred
 * constraints, other processes, and stores that were made before there were rows. */
#include "contract/world.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "database.h"

static void fresh(char url[CONTRACT_URL_SIZE])
{
    database_fresh(url, CONTRACT_URL_SIZE);
}

static const contract_fixture fixture = {
    .name = "postgresql", .fresh = fresh, .discard = database_discard, .persistent = true};

static void add_tables(neapi_unit *unit, uint32_t build, neapi_tables_change change,
                       const char *sql)
{
    const neapi_tables tables = {
        .projection = T("sums"), .build = build, .change = change, .text = T(sql)};
    assert_int_equal(neapi_unit_tables(unit, &tables), NEAP_OK);
}

static void change_tables(contract_world *world, uint32_t build, neapi_tables_change change,
                          const char *sql)
{
    neapi_unit *unit = new_unit();
    add_tables(unit, build, change, sql);
    commit(world, &unit, 1);
    if (unit->state != NEAPI_UNIT_ACCEPTED)
        fail_msg("%s", unit->message.data);
    neapi_unit_release(unit);
}

static neapi_unit *unit_of(const char *sql)
{
    neapi_unit *unit = new_unit();
    const neapi_statement statement = {
        .projection = T("sums"), .build = 1, .text = T(sql), .position = 3};
    assert_int_equal(neapi_unit_sql(unit, &statement), NEAP_OK);
    return unit;
}

static void assert_count(contract_world *world, const char *sql, int64_t count)
{
    neap_error error;
    neapi_result result = NEAPI_RESULT_INIT;
    const neapi_statement statement = {.projection = T("sums"), .build = 1, .text = T(sql)};
    if (neapi_select(world->reader, &statement, 9, &result, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    assert_int_equal(result.values[0].integer, count);
    neapi_result_fini(&result);
}

/* Commits units of the SQL side by side; the second is refused, with these words. */
static void assert_second_refused(contract_world *world, const char *first, const char *second,
                                  neap_status status, const char *words)
{
    neapi_unit *units[3] = {unit_of(first), unit_of(second), unit_of(first)};
    commit(world, units, 3);
    assert_verdict(units[0], NEAP_OK);
    assert_verdict(units[1], status);
    assert_verdict(units[2], NEAP_OK);
    if (strstr(units[1]->message.data, words) == NULL)
        fail_msg("%s", units[1]->message.data);
    release(units, 3);
}

static void deferred_constraint_refuses_its_unit_alone(void **state)
{
    contract_world *world = *state;
    change_tables(world, 1, NEAPI_TABLES_CREATE,
                  "CREATE TABLE {sums} (n bigint); CREATE TABLE {parts} (n bigint PRIMARY KEY, "
                  "of bigint REFERENCES {parts} DEFERRABLE INITIALLY DEFERRED)");
    assert_second_refused(world, "INSERT INTO {sums} VALUES (1)",
                          "INSERT INTO {parts} VALUES (1, 2)", NEAP_STORE,
                          "projection sums, event 3: insert or update on table \"parts@1\"");
    assert_count(world, "SELECT count(*) FROM {sums}", 2);
    neapi_unit *unit = unit_of("INSERT INTO {parts} VALUES (1, 2)");
    const neapi_statement behind = {
        .projection = T("sums"), .build = 1, .text = T("INSERT INTO {parts} VALUES (2, 1)")};
    assert_int_equal(neapi_unit_sql(unit, &behind), NEAP_OK);
    commit_one(world, unit, NEAP_OK);
}

static void lock_of_somebody_else_is_unavailable(void **state)
{
    contract_world *world = *state;
    neap_error error;
    neapi_outcome outcome;
    change_tables(world, 1, NEAPI_TABLES_CREATE, "CREATE TABLE {sums} (n bigint)");
    neapi_unit *unit = unit_of("INSERT INTO {sums} VALUES (1)");
    database_begin(world->url, "LOCK TABLE \"sums@1\"");
    assert_int_equal(neapi_commit(world->writer, &unit, 1, NOW, &outcome, &error),
                     NEAP_UNAVAILABLE);
    assert_int_equal(outcome, NEAPI_OUTCOME_NONE);
    assert_non_null(strstr(error.message, "lock timeout"));
    database_end();
    commit_one(world, unit, NEAP_OK);
    assert_count(world, "SELECT count(*) FROM {sums}", 1);
}

#define LONG_SQL "SELECT count(*) FROM generate_series(1, 2000000000)"

/* Somebody cancels whatever goes on, until the thread has ended. */
typedef struct cancelled {
    contract_world *world;
    bool reads;
    neap_status status;
    neap_error error;
    atomic_bool ended;
} cancelled;

static void *go_on_for_long(void *user)
{
    cancelled *it = user;
    neapi_outcome outcome;
    if (it->reads) {
        neapi_result result = NEAPI_RESULT_INIT;
        const neapi_statement statement = {
            .projection = T("sums"), .build = 1, .text = T(LONG_SQL)};
        it->status = neapi_select(it->world->reader, &statement, 9, &result, &it->error);
        neapi_result_fini(&result);
    } else {
        neapi_unit *unit = unit_of("INSERT INTO {sums} " LONG_SQL);
        it->status = neapi_commit(it->world->writer, &unit, 1, NOW, &outcome, &it->error);
        if (it->status == NEAP_OK)
            it->status = unit->verdict.status;
        neapi_unit_release(unit);
    }
    atomic_store(&it->ended, true);
    return NULL;
}

static void cancel_while_it_goes_on(cancelled *it)
{
    pthread_t thread;
    atomic_store(&it->ended, false);
    assert_int_equal(pthread_create(&thread, NULL, go_on_for_long, it), 0);
    while (!atomic_load(&it->ended))
        database_run(it->world->url,
                     "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE state = 'active' "
                     "AND query LIKE '%generate_series(1, 2000000000)%' AND "
                     "pid <> pg_backend_pid()");
    pthread_join(thread, NULL);
}

/* It may have another go: nothing is wrong with it. On a machine that is busy it may have gone on
 * for too long before. */
static void what_is_cancelled_is_unavailable(void **state)
{
    contract_world *world = *state;
    change_tables(world, 1, NEAPI_TABLES_CREATE, "CREATE TABLE {sums} (n bigint)");
    for (int reads = 0; reads < 2; reads++) {
        cancelled it = {.world = world, .reads = reads == 1};
        for (int i = 0; i < 10 && (i == 0 || it.status == NEAP_LIMIT); i++)
            cancel_while_it_goes_on(&it);
        assert_int_equal(it.status, NEAP_UNAVAILABLE);
        assert_non_null(strstr(it.error.message, "user request"));
    }
    commit_one(world, unit_of("INSERT INTO {sums} VALUES (1)"), NEAP_OK);
    assert_count(world, "SELECT count(*) FROM {sums}", 1);
}

static void view_in_its_place_is_read_by_the_same_roles(void **state)
{
    contract_world *world = *state;
    char sql[400];
    change_tables(world, 1, NEAPI_TABLES_CREATE, "CREATE TABLE {sums} (n bigint)");
    change_tables(world, 1, NEAPI_TABLES_SHOW, "");
    database_run(world->url, "GRANT SELECT ON sums TO PUBLIC");
    change_tables(world, 2, NEAPI_TABLES_CREATE, "CREATE TABLE {sums} (name text)");
    change_tables(world, 2, NEAPI_TABLES_SHOW, "");
    snprintf(sql, sizeof sql,
             "DO $$ BEGIN ASSERT EXISTS (SELECT 1 FROM pg_class c, aclexplode(c.relacl) a WHERE "
             "c.oid = 'sums'::regclass AND a.grantee = 0 AND a.privilege_type = 'SELECT'); "
             "ASSERT (SELECT count(*) FROM information_schema.columns WHERE table_schema = "
             "current_schema() AND table_name = 'sums' AND column_name = 'name') = 1; END $$");
    database_run(world->url, sql);
}

static void view_that_others_depend_on_stays(void **state)
{
    contract_world *world = *state;
    change_tables(world, 1, NEAPI_TABLES_CREATE, "CREATE TABLE {sums} (n bigint)");
    change_tables(world, 1, NEAPI_TABLES_SHOW, "");
    database_run(world->url, "CREATE VIEW mine AS SELECT n FROM sums");
    change_tables(world, 2, NEAPI_TABLES_CREATE, "CREATE TABLE {sums} (n bigint, more text)");
    change_tables(world, 2, NEAPI_TABLES_SHOW, ""); /* goes on as it was */
    change_tables(world, 3, NEAPI_TABLES_CREATE, "CREATE TABLE {sums} (other text)");
    neapi_unit *unit = new_unit();
    add_tables(unit, 3, NEAPI_TABLES_SHOW, "");
    commit(world, &unit, 1);
    assert_verdict(unit, NEAP_STORE);
    assert_non_null(strstr(unit->message.data, "other objects depend on it"));
    neapi_unit_release(unit);
    database_run(world->url, "SELECT n FROM mine");
}

/* What another process has changed of the tables, the first one learns. */
static void tables_of_another_process_are_seen(void **state)
{
    contract_world *world = *state;
    contract_world other = {.fixture = &fixture};
    memcpy(other.url, world->url, sizeof other.url);
    change_tables(world, 1, NEAPI_TABLES_CREATE, "CREATE TABLE {sums} (n bigint)");
    commit_one(world, unit_of("INSERT INTO {sums} VALUES (1)"), NEAP_OK);
    assert_count(world, "SELECT count(*) FROM {sums}", 1);
    world_open(&other);
    change_tables(&other, 1, NEAPI_TABLES_DROP, "");
    change_tables(&other, 1, NEAPI_TABLES_CREATE, "CREATE TABLE {sums} (name text, n bigint)");
    world_close(&other);
    neapi_arena_fini(&other.arena);
    assert_count(world, "SELECT count(*) FROM {sums}", 0);
    neapi_unit *unit = unit_of("INSERT INTO {sums} VALUES (1)");
    commit_one(world, unit, NEAP_OK);
    assert_count(world, "SELECT count(*) FROM {sums} WHERE name = '1'", 1);
}

/* More than are kept prepared, in one unit and beside it. */
static void statements_are_as_many_as_they_like(void **state)
{
    enum { STATEMENTS = 300 };
    contract_world *world = *state;
    char sql[64];
    neapi_unit *unit = new_unit();
    change_tables(world, 1, NEAPI_TABLES_CREATE, "CREATE TABLE {sums} (n bigint)");
    for (int i = 0; i < STATEMENTS; i++) {
        snprintf(sql, sizeof sql, "INSERT INTO {sums} VALUES (%d)", i);
        const neapi_statement given = {.projection = T("sums"), .build = 1, .text = T(sql)};
        assert_int_equal(neapi_unit_sql(unit, &given), NEAP_OK);
    }
    commit_one(world, unit, NEAP_OK);
    for (int i = 0; i < STATEMENTS; i++) {
        snprintf(sql, sizeof sql, "SELECT %d + count(*) FROM {sums}", i);
        assert_count(world, sql, STATEMENTS + i);
    }
}

static void store_of_layout_1_is_migrated(void **state)
{
    contract_world *world = *state;
    append(world, "A-1", "Opened");
    world_close(world);
    database_run(world->url,
                 "DROP TABLE projection_tables; DROP VIEW document_list; DROP FUNCTION as_text; "
                 "CREATE VIEW document_list AS SELECT collection, convert_from(key, 'UTF8') AS key "
                 "FROM documents; UPDATE store SET layout = 1");
    neapi_store *store;
    assert_int_equal(neapi_store_open(world->url, NEAPI_MODE_READ, &store, NULL), NEAP_OK);
    neapi_store_close(store);
    world_open(world);
    change_tables(world, 1, NEAPI_TABLES_CREATE, "CREATE TABLE {sums} (n bigint)");
    database_run(world->url, "SELECT data FROM document_list");
    assert_head(world, 1);
}

static void documents_that_are_no_text_are_listed(void **state)
{
    contract_world *world = *state;
    static const char *const all[] = {"caf\xC3\xA9", "\xFF\xFE", "a"};
    neapi_unit *unit = new_unit();
    for (int i = 0; i < 3; i++) {
        const neapi_document document = {.collection = T("c"),
                                         .key = T(i == 0   ? "a"
                                                  : i == 1 ? "b"
                                                           : "c"),
                                         .write = NEAPI_DOCUMENT_PUT,
                                         .data = i == 2 ? neapi_text("a\0b", 3) : T(all[i])};
        assert_int_equal(neapi_unit_document(unit, &document), NEAP_OK);
    }
    commit_one(world, unit, NEAP_OK);
    database_run(world->url,
                 "DO $$ BEGIN ASSERT (SELECT string_agg(key || '=' || data, ',' ORDER BY key) "
                 "FROM document_list) = E'a=caf\\u00e9,b=\\\\377\\\\376,c=a\\\\000b'; END $$");
}

int main(void)
{
#define TEST(name)                                                                                 \
    {                                                                                              \
#name, name, world_setup, world_teardown, (void *)&fixture                                 \
    }
    const struct CMUnitTest tests[] = {
        TEST(deferred_constraint_refuses_its_unit_alone),
        TEST(lock_of_somebody_else_is_unavailable),
        TEST(what_is_cancelled_is_unavailable),
        TEST(view_in_its_place_is_read_by_the_same_roles),
        TEST(view_that_others_depend_on_stays),
        TEST(tables_of_another_process_are_seen),
        TEST(statements_are_as_many_as_they_like),
        TEST(store_of_layout_1_is_migrated),
        TEST(documents_that_are_no_text_are_listed),
    };
    return database_is_there() ? cmocka_run_group_tests(tests, NULL, NULL) : DATABASE_SKIP;
}
