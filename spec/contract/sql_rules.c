/* Projections that keep rows: statements, what they may do, and their tables. */
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "contract/documents.h"
#include "contract/rules.h"

#define SCHEMA                                                                                     \
    "CREATE TABLE {revenue} (customer TEXT PRIMARY KEY, total INTEGER NOT NULL);"                  \
    " CREATE INDEX {revenue_by_total} ON {revenue} (total)"
#define ADD                                                                                        \
    "INSERT INTO {revenue} VALUES (?, ?) ON CONFLICT (customer)"                                   \
    " DO UPDATE SET total = {revenue}.total + excluded.total"

static neapi_value text(const char *value)
{
    return (neapi_value){.kind = NEAPI_VALUE_TEXT, .bytes = T(value)};
}

static neapi_value integer(int64_t value)
{
    return (neapi_value){.kind = NEAPI_VALUE_INTEGER, .integer = value};
}

static void add_sql_of(neapi_unit *unit, const char *projection, uint32_t build, const char *sql,
                       const neapi_value *values, size_t count)
{
    const neapi_statement statement = {.projection = T(projection),
                                       .build = build,
                                       .text = T(sql),
                                       .values = values,
                                       .value_count = count,
                                       .position = 12};
    assert_int_equal(neapi_unit_sql(unit, &statement), NEAP_OK);
}

static void add_sql(neapi_unit *unit, const char *sql)
{
    add_sql_of(unit, "revenue", 1, sql, NULL, 0);
}

static void add_revenue(neapi_unit *unit, const char *customer, int64_t total)
{
    const neapi_value values[] = {text(customer), integer(total)};
    add_sql_of(unit, "revenue", 1, ADD, values, 2);
}

static void add_tables(neapi_unit *unit, const char *projection, uint32_t build,
                       neapi_tables_change change, const char *sql)
{
    const neapi_tables tables = {
        .projection = T(projection), .build = build, .change = change, .text = T(sql)};
    assert_int_equal(neapi_unit_tables(unit, &tables), NEAP_OK);
}

static void change_tables(contract_world *world, const char *projection, uint32_t build,
                          neapi_tables_change change, const char *sql)
{
    neapi_unit *unit = new_unit();
    add_tables(unit, projection, build, change, sql);
    commit_one(world, unit, NEAP_OK);
}

/* Commits one unit that is refused, for a reason that has these words. */
static void assert_refused(contract_world *world, neapi_unit *unit, neap_status status, size_t op,
                           const char *words)
{
    commit(world, &unit, 1);
    if (unit->verdict.status != status || strstr(unit->message.data, words) == NULL)
        fail_msg("expected %s with \"%s\", got %s: %s", neap_status_name(status), words,
                 neap_status_name(unit->verdict.status), unit->message.data);
    assert_verdict(unit, status);
    assert_int_equal(unit->verdict.op, op);
    neapi_unit_release(unit);
}

static void assert_sql_refused(contract_world *world, const char *sql, neap_status status,
                               const char *words)
{
    neapi_unit *unit = new_unit();
    add_sql(unit, sql);
    assert_refused(world, unit, status, 0, words);
}

/* What the SELECT answers, as one text: values by commas, rows by semicolons. */
static const char *rows_of(contract_world *world, neapi_session *session, const char *projection,
                           uint32_t build, const char *sql)
{
    neap_error error;
    neapi_result result = NEAPI_RESULT_INIT;
    neapi_statement statement = {.projection = T(projection), .build = build, .text = T(sql)};
    neap_status status = neapi_select(session, &statement, 100, &result, &error);
    if (status != NEAP_OK)
        fail_msg("%s", error.message);
    char all[1000] = "";
    size_t used = 0;
    for (size_t i = 0; i < result.rows * result.columns; i++) {
        const neapi_value *value = &result.values[i];
        const char *joint = i == 0 ? "" : i % result.columns == 0 ? ";" : ",";
        used += (size_t)snprintf(all + used, sizeof all - used, "%s", joint);
        if (value->kind == NEAPI_VALUE_INTEGER)
            used +=
                (size_t)snprintf(all + used, sizeof all - used, "%lld", (long long)value->integer);
        else if (value->kind == NEAPI_VALUE_BOOLEAN)
            used += (size_t)snprintf(all + used, sizeof all - used, "%s",
                                     value->integer != 0 ? "true" : "false");
        else if (value->kind == NEAPI_VALUE_FLOAT)
            used += (size_t)snprintf(all + used, sizeof all - used, "%g", value->number);
        else if (value->kind != NEAPI_VALUE_NULL)
            used += (size_t)snprintf(all + used, sizeof all - used, "%.*s", (int)value->bytes.size,
                                     value->bytes.data);
        assert_true(used < sizeof all);
    }
    neapi_result_fini(&result);
    return neapi_arena_text(&world->arena, T(all)).data;
}

static void assert_rows(contract_world *world, const char *sql, const char *expected)
{
    assert_string_equal(rows_of(world, world->reader, "revenue", 1, sql), expected);
    assert_string_equal(rows_of(world, world->writer, "revenue", 1, sql), expected);
}

static void assert_revenue(contract_world *world, const char *expected)
{
    assert_rows(world, "SELECT customer, total FROM {revenue} ORDER BY customer", expected);
}

static const contract_dialect *sql_of(const contract_world *world)
{
    return world->fixture->sql;
}

static void assert_all_refused(contract_world *world, const contract_refusal *refusals)
{
    for (; refusals->sql != NULL; refusals++)
        assert_sql_refused(world, refusals->sql, refusals->status, refusals->words);
}

static void make(contract_world *world)
{
    change_tables(world, "revenue", 1, NEAPI_TABLES_CREATE, SCHEMA);
}

void store_without_sql_says_so(void **state)
{
    contract_world *world = *state;
    neapi_unit *unit = new_unit();
    put(world, "c", "k", "1");
    add_document(unit, "c", "k", NEAPI_DOCUMENT_DROP, NULL, NEAPI_DOCUMENT_ANY, NULL);
    add_revenue(unit, "ada", 1);
    assert_refused(world, unit, NEAP_USAGE, 1, "projection revenue");
    unit = new_unit();
    add_tables(unit, "revenue", 1, NEAPI_TABLES_CREATE, SCHEMA);
    assert_refused(world, unit, NEAP_USAGE, 0, "projection revenue");
    assert_document(world, "c", "k", "1");
    neap_error error;
    neapi_result result = NEAPI_RESULT_INIT;
    const neapi_statement statement = {.projection = T("revenue"), .build = 1, .text = T("SELECT")};
    assert_int_equal(neapi_select(world->reader, &statement, 1, &result, &error), NEAP_USAGE);
    assert_non_null(strstr(error.message, "projection revenue"));
}

void rows_are_written_and_read(void **state)
{
    contract_world *world = *state;
    make(world);
    neapi_unit *unit = new_unit();
    add_revenue(unit, "ada", 4200);
    add_revenue(unit, "bob", 100);
    add(unit, "A-1", 0, "Opened");
    add_revenue(unit, "ada", 1);
    add_document(unit, "c", "k", NEAPI_DOCUMENT_PUT, "1", NEAPI_DOCUMENT_ANY, NULL);
    commit_one(world, unit, NEAP_OK);
    assert_revenue(world, "ada,4201;bob,100");
    assert_document(world, "c", "k", "1");
    assert_head(world, 1);

    unit = new_unit();
    add_sql(unit, "UPDATE {revenue} SET total = total * 2 WHERE customer = 'bob'");
    add_sql(unit, "DELETE FROM {revenue} WHERE customer = 'ada' RETURNING total");
    add_sql(unit, sql_of(world)->put);
    add_sql(unit, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) "
                  "INSERT INTO {revenue} SELECT 'n' || i, i FROM n WHERE (SELECT count(*) FROM n) "
                  "= 3");
    commit_one(world, unit, NEAP_OK);
    assert_revenue(world, "bob,200;eve,7;n1,1;n2,2;n3,3");

    neapi_result result = NEAPI_RESULT_INIT;
    const neapi_value least = integer(2);
    char query[160];
    snprintf(query, sizeof query,
             "SELECT customer AS who, total + 0.5, NULL, %s FROM {revenue} WHERE total >= ? "
             "ORDER BY total",
             sql_of(world)->blob);
    const neapi_statement statement = {.projection = T("revenue"),
                                       .build = 1,
                                       .text = T(query),
                                       .values = &least,
                                       .value_count = 1};
    assert_int_equal(neapi_select(world->reader, &statement, 3, &result, NULL), NEAP_OK);
    assert_int_equal(result.rows, 3);
    assert_int_equal(result.columns, 4);
    assert_true(result.more);
    assert_text(result.names[0], "who");
    assert_text(result.values[0].bytes, "n2");
    assert_true(result.values[1].number == 2.5);
    assert_int_equal(result.values[2].kind, NEAPI_VALUE_NULL);
    assert_int_equal(result.values[3].kind, NEAPI_VALUE_BLOB);
    assert_int_equal(neapi_select(world->reader, &statement, 4, &result, NULL), NEAP_OK);
    assert_false(result.more);
    neapi_result_fini(&result);
}

void values_are_bound(void **state)
{
    contract_world *world = *state;
    static const char *const attempts[] = {"'); DROP TABLE events; --", "' OR '1' = '1",
                                           "{revenue}", "\"; ATTACH 'x' AS y; --",
                                           "\xE2\x82\xAC ?1 :a"};
    make(world);
    neapi_unit *unit = new_unit();
    for (int i = 0; i < 5; i++)
        add_revenue(unit, attempts[i], i);
    commit_one(world, unit, NEAP_OK);
    for (int i = 0; i < 5; i++) {
        const neapi_value wanted = text(attempts[i]);
        neapi_result result = NEAPI_RESULT_INIT;
        const neapi_statement statement = {.projection = T("revenue"),
                                           .build = 1,
                                           .text =
                                               T("SELECT total FROM {revenue} WHERE customer = ?"),
                                           .values = &wanted,
                                           .value_count = 1};
        assert_int_equal(neapi_select(world->reader, &statement, 9, &result, NULL), NEAP_OK);
        assert_int_equal(result.rows, 1);
        assert_int_equal(result.values[0].integer, i);
        neapi_result_fini(&result);
    }
    change_tables(world, "kinds", 1, NEAPI_TABLES_CREATE, sql_of(world)->kinds);
    bool zeros = sql_of(world)->text_has_zeros;
    const neapi_value values[] = {
        {.kind = NEAPI_VALUE_NULL},
        {.kind = NEAPI_VALUE_FLOAT, .number = 0.1},
        integer(INT64_MIN),
        {.kind = NEAPI_VALUE_TEXT, .bytes = neapi_text(zeros ? "a\0b" : "a\1b", 3)},
        {.kind = NEAPI_VALUE_BLOB, .bytes = neapi_text("\0\xFF", 2)},
    };
    unit = new_unit();
    add_sql_of(unit, "kinds", 1, "INSERT INTO {kinds} VALUES (?, ?, ?, ?, ?)", values, 5);
    commit_one(world, unit, NEAP_OK);
    neapi_result result = NEAPI_RESULT_INIT;
    const neapi_statement all = {
        .projection = T("kinds"), .build = 1, .text = T("SELECT * FROM {kinds}")};
    assert_int_equal(neapi_select(world->reader, &all, 9, &result, NULL), NEAP_OK);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(result.values[i].kind, values[i].kind);
    assert_true(result.values[1].number == 0.1);
    assert_true(result.values[2].integer == INT64_MIN);
    assert_texts_equal(result.values[3].bytes, values[3].bytes);
    assert_texts_equal(result.values[4].bytes, values[4].bytes);
    neapi_result_fini(&result);

    unit = new_unit(); /* as many values as parameters */
    add_sql_of(unit, "kinds", 1, "INSERT INTO {kinds} VALUES (?, ?, ?, ?, ?)", values, 4);
    assert_refused(world, unit, NEAP_USAGE, 0, "5 parameters, and 4 values are given");
    unit = new_unit();
    add_sql_of(unit, "kinds", 1, "INSERT INTO {kinds} (a) VALUES (?2)", values, 1);
    assert_refused(world, unit, NEAP_USAGE, 0, "2 parameters, and 1 value is given");
    unit = new_unit();
    const neapi_value wrong = text("\xFF");
    add_sql_of(unit, "kinds", 1, "INSERT INTO {kinds} (a) VALUES (?)", &wrong, 1);
    commit_one(world, unit, NEAP_INVALID);
    if (zeros)
        return;
    unit = new_unit();
    const neapi_value zero = {.kind = NEAPI_VALUE_TEXT, .bytes = neapi_text("a\0b", 3)};
    add_sql_of(unit, "kinds", 1, "INSERT INTO {kinds} (a) VALUES (?)", &zero, 1);
    assert_refused(world, unit, NEAP_INVALID, 0, "value 1 has a zero byte");
}

void sql_sees_what_is_before_it(void **state)
{
    contract_world *world = *state;
    neapi_unit *units[3] = {new_unit(), new_unit(), new_unit()};
    add_tables(units[0], "revenue", 1, NEAPI_TABLES_CREATE, SCHEMA);
    add_revenue(units[0], "ada", 1);
    add_sql(units[0], "INSERT INTO {revenue} SELECT 'sum', sum(total) FROM {revenue}");
    add_revenue(units[1], "ada", 10);
    add_sql(units[1], "INSERT INTO {revenue} VALUES ('sum', 0)");
    add_revenue(units[2], "ada", 100);
    commit(world, units, 3);
    assert_verdict(units[0], NEAP_OK);
    assert_verdict(units[1], NEAP_STORE);
    assert_verdict(units[2], NEAP_OK);
    release(units, 3);
    assert_revenue(world, "ada,101;sum,1");
}

void failing_statement_refuses_its_unit_alone(void **state)
{
    contract_world *world = *state;
    make(world);
    neapi_unit *units[3] = {new_unit(), new_unit(), new_unit()};
    for (int i = 0; i < 3; i++) {
        char stream[8], key[8];
        snprintf(stream, sizeof stream, "A-%d", i);
        snprintf(key, sizeof key, "k%d", i);
        add(units[i], stream, 0, "Opened");
        add_document(units[i], "c", key, NEAPI_DOCUMENT_PUT, "1", NEAPI_DOCUMENT_ABSENT, NULL);
        add_revenue(units[i], key, i);
    }
    add_sql(units[1], "INSERT INTO {revenue} VALUES ('x', 1)");
    add_sql(units[1], "INSERT INTO {revenue} VALUES ('x', NULL)");
    add_sql(units[2], "INSERT INTO {revenue} VALUES ('x', 3)");
    commit(world, units, 3);
    assert_verdict(units[0], NEAP_OK);
    assert_verdict(units[1], NEAP_STORE);
    assert_int_equal(units[1]->verdict.op, 4);
    assert_verdict(units[2], NEAP_OK);
    assert_int_equal(units[2]->verdict.first_position, 2);
    const char *const words[] = {"projection revenue, event 12: ", sql_of(world)->not_null,
                                 sql_of(world)->table, "INSERT INTO {revenue} VALUES ('x', NULL)"};
    for (size_t i = 0; i < 4; i++)
        assert_non_null(strstr(units[1]->message.data, words[i]));
    assert_int_equal(units[0]->message.size, 0);
    release(units, 3);
    assert_revenue(world, "k0,0;k2,2;x,3");
    assert_document(world, "c", "k1", NULL);
    assert_stream_head(world, "A-1", 0, 0);
    assert_head(world, 2);

    assert_all_refused(world, sql_of(world)->failing);
    assert_revenue(world, "k0,0;k2,2;x,3");
}

void ended_transaction_refuses_its_unit_alone(void **state)
{
    contract_world *world = *state;
    make(world);
    neapi_unit *units[5];
    for (int i = 0; i < 5; i++) {
        char stream[8], key[8];
        snprintf(stream, sizeof stream, "A-%d", i);
        snprintf(key, sizeof key, "k%d", i);
        units[i] = new_unit();
        add_revenue(units[i], key, i);
        add(units[i], stream, 0, "Opened");
        add_document(units[i], "c", "count", NEAPI_DOCUMENT_PUT, key, NEAPI_DOCUMENT_ANY, NULL);
        if (i == 1 || i == 3)
            add_sql(units[i], sql_of(world)->fatal);
    }
    neapi_unit_follow(units[4], units[2]);
    commit(world, units, 5);
    for (int i = 0; i < 5; i++)
        assert_verdict(units[i], i % 2 == 0 ? NEAP_OK : NEAP_STORE);
    assert_int_equal(units[3]->verdict.op, 3);
    assert_non_null(strstr(units[3]->message.data, sql_of(world)->not_null));
    assert_int_equal(units[4]->verdict.last_position, 3);
    release(units, 5);
    assert_revenue(world, "k0,0;k2,2;k4,4");
    assert_document(world, "c", "count", "k4");
    assert_head(world, 3);
    append(world, "A-1", "Opened");
    assert_stream_head(world, "A-1", 1, 4);
}

void statement_may_touch_its_own_tables_only(void **state)
{
    contract_world *world = *state;
    append(world, "A-1", "Opened");
    put(world, "c", "k", "1");
    make(world);
    change_tables(world, "revenue", 2, NEAPI_TABLES_CREATE, SCHEMA);
    change_tables(world, "other", 1, NEAPI_TABLES_CREATE, "CREATE TABLE {other} (a TEXT)");
    assert_all_refused(world, sql_of(world)->foreign);
    for (const contract_refusal *each = sql_of(world)->foreign; each->sql != NULL; each++) {
        neap_error error;
        neapi_result result = NEAPI_RESULT_INIT;
        const neapi_statement statement = {
            .projection = T("revenue"), .build = 1, .text = T(each->sql)};
        assert_int_not_equal(neapi_select(world->reader, &statement, 9, &result, &error), NEAP_OK);
        assert_int_not_equal(neapi_select(world->writer, &statement, 9, &result, &error), NEAP_OK);
    }
    assert_all_refused(world, sql_of(world)->unsteady);
    assert_int_not_equal(access("/tmp/neap-contract-copy", F_OK), 0);
    assert_revenue(world, "");
    assert_document(world, "c", "k", "1");
    assert_head(world, 1);
    neapi_unit *unit = new_unit(); /* all is as it was */
    add_revenue(unit, "ada", 1);
    commit_one(world, unit, NEAP_OK);
    assert_revenue(world, "ada,1");
}

void statement_is_one_that_writes(void **state)
{
    contract_world *world = *state;
    make(world);
    assert_sql_refused(world, "SELECT * FROM {revenue}", NEAP_USAGE, "it changes nothing");
    assert_sql_refused(world, "EXPLAIN DELETE FROM {revenue}", NEAP_USAGE, "it changes nothing");
    assert_sql_refused(world, " -- nothing", NEAP_USAGE, "there is no statement in it");
    assert_sql_refused(world, "DELETE FROM {revenue}; DELETE FROM {revenue}", NEAP_USAGE,
                       "more than one statement");
    assert_sql_refused(world, "DELETE FROM {revenue};; /* */ COMMIT", NEAP_USAGE,
                       sql_of(world)->second);
    neapi_unit *unit = new_unit();
    const neapi_statement zero = {
        .projection = T("revenue"), .build = 1, .text = neapi_text("DELETE\0 FROM x", 14)};
    assert_int_equal(neapi_unit_sql(unit, &zero), NEAP_OK);
    assert_refused(world, unit, NEAP_USAGE, 0, "zero byte");
    const neapi_statement bad[] = {{.projection = T(""), .build = 1, .text = T("x")},
                                   {.projection = T("p"), .build = 0, .text = T("x")},
                                   {.projection = T("p"), .build = 1, .text = T("")}};
    for (size_t i = 0; i < 3; i++) {
        unit = new_unit();
        assert_int_equal(neapi_unit_sql(unit, &bad[i]), NEAP_OK);
        commit_one(world, unit, i == 0 ? NEAP_INVALID : NEAP_USAGE);
    }
    neapi_result result = NEAPI_RESULT_INIT;
    neap_error error;
    const neapi_statement writes = {
        .projection = T("revenue"), .build = 1, .text = T("DELETE FROM {revenue}")};
    assert_int_equal(neapi_select(world->writer, &writes, 9, &result, &error), NEAP_USAGE);
    assert_non_null(strstr(error.message, "projection revenue: it "));
}

void endless_statement_is_stopped(void **state)
{
    contract_world *world = *state;
    make(world);
    neapi_unit *units[2] = {new_unit(), new_unit()};
    add_revenue(units[0], "ada", 1);
    add_sql(units[1], "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                      "INSERT INTO {revenue} SELECT 'x', i FROM n WHERE i < 0");
    commit(world, units, 2);
    assert_verdict(units[0], NEAP_OK);
    assert_verdict(units[1], NEAP_LIMIT);
    assert_non_null(strstr(units[1]->message.data, "it goes on for more than"));
    release(units, 2);
    assert_revenue(world, "ada,1");
}

void tables_are_made_as_their_schema_says(void **state)
{
    contract_world *world = *state;
    append(world, "A-1", "Opened");
    for (const contract_refusal *each = sql_of(world)->tables; each->sql != NULL; each++) {
        neapi_unit *unit = new_unit();
        add_tables(unit, "revenue", 1, NEAPI_TABLES_CREATE, each->sql);
        commit(world, &unit, 1);
        if (unit->verdict.status != each->status || unit->state != NEAPI_UNIT_REFUSED ||
            strstr(unit->message.data, each->words) == NULL)
            fail_msg("%s: %s: %s", each->sql, neap_status_name(unit->verdict.status),
                     unit->message.data);
        neapi_unit_release(unit);
    }
    change_tables(world, "revenue", 1, NEAPI_TABLES_CREATE, sql_of(world)->schema);
    assert_rows(world, sql_of(world)->query, "{x},1");
    neapi_unit *unit = new_unit();
    add_tables(unit, "another", 1, NEAPI_TABLES_CREATE, "CREATE TABLE {lines} (a TEXT)");
    assert_refused(world, unit, NEAP_USAGE, 0, "it may not make the table of another projection");
}

void view_shows_the_live_build(void **state)
{
    contract_world *world = *state;
    make(world);
    change_tables(world, "revenue", 1, NEAPI_TABLES_SHOW, "");
    change_tables(world, "revenue", 1, NEAPI_TABLES_SHOW, "");
    change_tables(world, "revenue", 2, NEAPI_TABLES_CREATE, SCHEMA);
    change_tables(world, "revenue", 2, NEAPI_TABLES_SHOW, "");
    change_tables(world, "revenue", 1, NEAPI_TABLES_DROP, "");
    change_tables(world, "revenue", 1, NEAPI_TABLES_DROP, ""); /* is gone already */
    neapi_unit *unit = new_unit();
    add_tables(unit, "revenue", 1, NEAPI_TABLES_SHOW, "");
    assert_refused(world, unit, NEAP_USAGE, 0, "revenue has no tables of that build");
    static const char *const taken[] = {"events", "Documents", "REVENUE"};
    for (size_t i = 0; i < 3; i++) {
        char sql[64];
        snprintf(sql, sizeof sql, "CREATE TABLE {%s} (a TEXT)", taken[i]);
        unit = new_unit();
        add_tables(unit, "other", 3, NEAPI_TABLES_CREATE, sql);
        assert_refused(world, unit, NEAP_USAGE, 0, "the store has something else that is called");
    }
    change_tables(world, "revenue", 3, NEAPI_TABLES_CREATE,
                  "CREATE TABLE {revenue} (total TEXT, new TEXT)");
    change_tables(world, "revenue", 3, NEAPI_TABLES_SHOW, "");
    change_tables(world, "revenue", 2, NEAPI_TABLES_DROP, "");
    change_tables(world, "revenue", 3, NEAPI_TABLES_DROP, "");
    change_tables(world, "other", 3, NEAPI_TABLES_CREATE, "CREATE TABLE {revenue} (a TEXT)");
    change_tables(world, "other", 3, NEAPI_TABLES_SHOW, "");
    append(world, "A-1", "Opened");
}

void builds_stand_beside_each_other(void **state)
{
    contract_world *world = *state;
    const neapi_value values[] = {text("ada"), integer(5)};
    make(world);
    change_tables(world, "revenue", 2, NEAPI_TABLES_CREATE, SCHEMA);
    neapi_unit *unit = new_unit();
    add_revenue(unit, "ada", 1);
    add_sql_of(unit, "revenue", 2, ADD, values, 2);
    add_revenue(unit, "ada", 1);
    commit_one(world, unit, NEAP_OK);
    const char *all = "SELECT customer, total FROM {revenue}";
    assert_string_equal(rows_of(world, world->reader, "revenue", 1, all), "ada,2");
    assert_string_equal(rows_of(world, world->reader, "revenue", 2, all), "ada,5");

    unit = new_unit(); /* the swap, and the old one goes: whole, or not at all */
    add_tables(unit, "revenue", 2, NEAPI_TABLES_SHOW, "");
    add_tables(unit, "revenue", 1, NEAPI_TABLES_DROP, "");
    add_sql_of(unit, "revenue", 2, "INSERT INTO {revenue} VALUES ('ada', 1)", NULL, 0);
    assert_refused(world, unit, NEAP_STORE, 2, sql_of(world)->unique);
    assert_string_equal(rows_of(world, world->reader, "revenue", 1, all), "ada,2");
    unit = new_unit();
    add_tables(unit, "revenue", 2, NEAPI_TABLES_SHOW, "");
    add_tables(unit, "revenue", 1, NEAPI_TABLES_DROP, "");
    commit_one(world, unit, NEAP_OK);
    assert_string_equal(rows_of(world, world->reader, "revenue", 2, all), "ada,5");
    unit = new_unit();
    add_revenue(unit, "ada", 1);
    assert_refused(world, unit, NEAP_USAGE, 0, sql_of(world)->missing);
}

void rows_survive_reopening(void **state)
{
    contract_world *world = *state;
    make(world);
    neapi_unit *unit = new_unit();
    add_revenue(unit, "ada", 1);
    commit_one(world, unit, NEAP_OK);
    world_close(world);
    world_open(world);
    assert_revenue(world, "ada,1");
    unit = new_unit();
    add_revenue(unit, "ada", 1);
    commit_one(world, unit, NEAP_OK);
    assert_revenue(world, "ada,2");
}

/* ---- Refused allocations --------------------------------------------------------------------- */

#define MOST_REFUSED 1000

/* One store, one batch, one refusal. Whether all went well nevertheless. */
static bool commit_refused(const contract_fixture *fixture, uint64_t nth, bool persistent)
{
    void *state = (void *)fixture;
    world_setup(&state);
    contract_world *world = state;
    snprintf(world->note, sizeof world->note, "refusal %u%s", (unsigned)nth,
             persistent ? " and all after it" : "");
    neapi_unit *units[2] = {new_unit(), new_unit()};
    add_tables(units[0], "revenue", 1, NEAPI_TABLES_CREATE, SCHEMA);
    add_revenue(units[0], "ada", 1);
    add_tables(units[0], "revenue", 1, NEAPI_TABLES_SHOW, "");
    add_revenue(units[1], "ada", 10);
    add_sql(units[1], "INSERT INTO {revenue} VALUES ('ada', 0)");
    neapi_outcome outcome;
    neapi_alloc_refuse(nth, persistent);
    neap_error error;
    neap_status status = neapi_commit(world->writer, units, 2, NOW, &outcome, &error);
    neapi_alloc_refuse(0, false);
    bool well = status == NEAP_OK;
    if (!well) {
        if (status != NEAP_NOMEM)
            fail_msg("%s", error.message);
        commit(world, units, 2);
    }
    assert_verdict(units[0], NEAP_OK);
    assert_verdict(units[1], NEAP_STORE);
    release(units, 2);
    assert_revenue(world, "ada,1");
    world->note[0] = '\0';
    world_teardown(&state);
    return well;
}

static void select_refused(contract_world *world)
{
    neap_status status = NEAP_NOMEM;
    for (uint64_t nth = 1; status != NEAP_OK; nth++) {
        neapi_session *session = NULL;
        neapi_result result = NEAPI_RESULT_INIT;
        const neapi_statement statement = {.projection = T("revenue"),
                                           .build = 1,
                                           .text = T("SELECT 'a', count(*) FROM {revenue}")};
        assert_true(nth < MOST_REFUSED);
        neapi_alloc_refuse(nth, false);
        status = neapi_session_open(world->store, NEAPI_MODE_READ, &session, NULL);
        if (status == NEAP_OK)
            status = neapi_select(session, &statement, 9, &result, NULL);
        neapi_alloc_refuse(0, false);
        assert_int_equal(result.rows, status == NEAP_OK);
        if (status != NEAP_OK)
            assert_int_equal(status, NEAP_NOMEM);
        neapi_result_fini(&result);
        neapi_session_close(session);
    }
}

void refused_allocation_in_sql(void **state)
{
    contract_world *world = *state;
    uint64_t most = 1;
    while (!commit_refused(world->fixture, most, true))
        assert_true(++most < MOST_REFUSED);
    for (uint64_t nth = 1; nth < most; nth++)
        commit_refused(world->fixture, nth, false);
    make(world);
    select_refused(world);
}
