/* SQL of projections as PostgreSQL has it. */
#include "contract/dialects.h"

#define REFUSED(sql, words)                                                                        \
    {                                                                                              \
        sql, NEAP_USAGE, words                                                                     \
    }
#define END                                                                                        \
    {                                                                                              \
        NULL, NEAP_OK, NULL                                                                        \
    }

static const contract_refusal failing[] = {
    {"INSERT INTO {revenue} VALUES ('y')", NEAP_STORE, "not-null"},
    REFUSED("INSERT INTO {revenue} VALUES ('y', 1, 2)", "more expressions than target columns"),
    REFUSED("INSERT INTO {revenue} SELEC 1", "syntax error"),
    REFUSED("INSERT INTO {returns} VALUES (1)", "\"returns@1\" does not exist"),
    REFUSED("INSERT INTO {revenue VALUES (1)", "names no table"),
    REFUSED("INSERT INTO {} VALUES (1)", "names no table"),
    REFUSED("INSERT INTO {revenue2345678901234567890123456789012345678901234567890123456789abc} "
            "VALUES (1)",
            "is too long"),
    REFUSED("INSERT INTO {revenue} VALUES ('y', 'x' || 1)", "is of type integer but"),
    {"UPDATE {revenue} SET total = total + 2147483647", NEAP_STORE, "integer out of range"},
    {"UPDATE {revenue} SET total = total / 0", NEAP_STORE, "division by zero"},
    END};

static const contract_refusal foreign[] = {
    REFUSED("DELETE FROM events", "it may not use \"events\""),
    REFUSED("UPDATE documents SET data = 'x'", "it may not use \"documents\""),
    REFUSED("INSERT INTO store SELECT * FROM store", "it may not use \"store\""),
    REFUSED("INSERT INTO {revenue} SELECT data, 1 FROM events", "it may not use \"events\""),
    REFUSED("INSERT INTO {revenue} SELECT 'n', count(*) FROM Events", "it may not use \"events\""),
    REFUSED("INSERT INTO {revenue} SELECT 'n', count(*) FROM event_log", "it may not use"),
    REFUSED("INSERT INTO {revenue} SELECT relname, 1 FROM pg_class", "it may not use \"pg_class\""),
    REFUSED("INSERT INTO {revenue} SELECT 'n', 1 WHERE EXISTS (SELECT 1 FROM keys)", "\"keys\""),
    REFUSED("WITH gone AS (DELETE FROM events RETURNING 1) INSERT INTO {revenue} SELECT 'n', "
            "count(*) FROM gone",
            "it may not use \"events\""),
    REFUSED("UPDATE {revenue} SET total = 1 FROM documents", "it may not use \"documents\""),
    REFUSED("DELETE FROM {revenue} USING documents", "it may not use \"documents\""),
    REFUSED("INSERT INTO {revenue} VALUES ('a', 1) ON CONFLICT (customer) DO UPDATE SET total = "
            "(SELECT max(position) FROM events)",
            "it may not use \"events\""),
    REFUSED("INSERT INTO \"revenue@2\" VALUES ('a', 1)", "it may not use \"revenue@2\""),
    REFUSED("INSERT INTO U&\"revenue\\00402\" VALUES ('a', 1)", "it may not use \"revenue@2\""),
    REFUSED("INSERT INTO {other} VALUES ('1')", "it may not use \"other@1\""),
    REFUSED("INSERT INTO {revenue} SELECT a, 1 FROM {other}", "it may not use \"other@1\""),
    REFUSED("DELETE FROM projection_tables", "it may not use \"projection_tables\""),
    REFUSED("INSERT INTO {revenue} SELECT as_json('1')::text, 1", "it may not call \"as_json"),
    REFUSED("INSERT INTO {revenue} SELECT 'x'::information_schema.sql_identifier::text, 1",
            "it may not call \"the checks of a domain\""),
    REFUSED("CREATE TABLE x (a text)", "it may not begin with \"CREATE\""),
    REFUSED("DROP TABLE {revenue}", "it may not begin with \"DROP\""),
    REFUSED("ALTER TABLE {revenue} RENAME TO x", "it may not begin with"),
    REFUSED("TRUNCATE {revenue}", "it may not begin with"),
    REFUSED("MERGE INTO {revenue} USING {revenue} r ON true WHEN MATCHED THEN DELETE",
            "it may not begin with"),
    REFUSED("COPY {revenue} TO PROGRAM 'true'", "it may not begin with \"COPY\""),
    REFUSED("DO $$ BEGIN DELETE FROM events; END $$", "it may not begin with \"DO\""),
    REFUSED("CALL x()", "it may not begin with"),
    REFUSED("GRANT ALL ON {revenue} TO PUBLIC", "it may not begin with \"GRANT\""),
    REFUSED("NOTIFY neap", "it may not begin with"),
    REFUSED("VACUUM", "it may not begin with"),
    REFUSED("{revenue}", "it may not begin with"),
    REFUSED("SET search_path = pg_catalog", "it may not control transactions"),
    REFUSED("COMMIT", "it may not control transactions"),
    REFUSED("BEGIN", "it may not control transactions"),
    REFUSED("SAVEPOINT x", "it may not control transactions"),
    REFUSED("RELEASE neap", "it may not control transactions"),
    REFUSED("ROLLBACK", "it may not control transactions"),
    REFUSED("LOCK TABLE {revenue}", "it may not control transactions"),
    REFUSED("PREPARE x AS SELECT 1", "it may not control transactions"),
    REFUSED("DELETE FROM {revenue}; END; DROP TABLE events; --", "more than one statement"),
    END};

#define CALL(value)                                                                                \
    REFUSED("INSERT INTO {revenue} VALUES (" value ", 1)", "answers differently each time")
#define CLOCK(value)                                                                               \
    REFUSED("INSERT INTO {revenue} VALUES ((" value ")::text, 1)", "which could say 'now'")
static const contract_refusal unsteady[] = {
    CALL("random()"),
    CALL("now()"),
    CALL("clock_timestamp()"),
    CALL("CURRENT_TIMESTAMP"),
    CALL("LOCALTIME"),
    CALL("CURRENT_USER"),
    CALL("gen_random_uuid()"),
    CALL("nextval('projection_tables_made_seq')"),
    CALL("set_config('search_path', 'x', true)"),
    CALL("current_setting('search_path')"),
    CALL("pg_sleep(0)"),
    CALL("pg_read_file('x')"),
    CALL("pg_notify('x', 'y')"),
    CALL("pg_advisory_xact_lock(1)"),
    CALL("pg_terminate_backend(1)"),
    CALL("lo_create(0)"),
    CALL("txid_current()"),
    CALL("query_to_xml('SELECT * FROM events', true, true, '')"),
    CALL("table_to_xml('events', true, true, '')"),
    CALL("age('2020-01-01'::timestamp)"),
    CALL("(SELECT at::text FROM json_to_record('{}') AS r (at timestamptz))"),
    CALL("(SELECT at::text FROM XMLTABLE('/a' PASSING ('<a/>'::xml) COLUMNS at timestamptz) AS x)"),
    REFUSED("DELETE FROM {revenue} WHERE random() < 0.5", "answers differently each time"),
    REFUSED("DELETE FROM {revenue} WHERE ctid = '(0,1)'", "answers differently each time"),
    REFUSED("INSERT INTO {revenue} SELECT customer, 1 FROM {revenue} TABLESAMPLE system (1)",
            "answers differently each time"),
    CLOCK("'now'::timestamptz"),
    CLOCK("timestamp 'today'"),
    CLOCK("date $$tomorrow$$"),
    CLOCK("E'\\x6eow'::timestamptz"),
    CLOCK("'n'\n'ow'::timestamptz"),
    CLOCK("'{now}'::timestamptz[]"),
    CLOCK("('no' || 'w')::date"),
    CLOCK("'[now,)'::tstzrange"),
    END};

static const contract_refusal tables[] = {
    REFUSED("CREATE TABLE revenue (a text)", "make a table other than {name}"),
    REFUSED("CREATE TABLE \"revenue@1\" (a text)", "make a table other than {name}"),
    REFUSED("CREATE TABLE {revenue} (a text); CREATE INDEX i ON {revenue} (a)",
            "make an index other"),
    {"CREATE TABLE {revenue} (a text); CREATE TABLE {revenue} (a text)", NEAP_STORE,
     "already exists"},
    REFUSED("CREATE TABLE {revenue} (a text); DELETE FROM events", "it may not use \"events\""),
    REFUSED("CREATE TABLE {revenue} AS SELECT * FROM events", "it may not read to make"),
    REFUSED("CREATE TABLE {revenue} AS TABLE events", "it may not read to make"),
    REFUSED("CREATE INDEX {i} ON events (stream)", "make an index of \"events\""),
    REFUSED("CREATE TEMP TABLE {revenue} (a text)", "it may not make anything but tables"),
    REFUSED("CREATE UNLOGGED TABLE {revenue} (a text)", "it may not make anything but tables"),
    REFUSED("CREATE TABLE {revenue} (a bigserial)", "is numbered by a sequence"),
    REFUSED("CREATE TABLE {revenue} (a bigint GENERATED ALWAYS AS IDENTITY)",
            "is numbered by a sequence"),
    REFUSED("CREATE TABLE {revenue} (a timestamptz DEFAULT now())", "answers differently"),
    REFUSED("CREATE TABLE {revenue} (a timestamptz DEFAULT 'now')", "which could say 'now'"),
    REFUSED("CREATE TABLE {revenue} (a text CHECK (a <> current_setting('x')))",
            "answers differently"),
    REFUSED("CREATE TABLE {revenue} (a bigint REFERENCES events (position))",
            "it may not refer to \"events\""),
    REFUSED("CREATE TABLE {revenue} () INHERITS (events)", "it may not inherit from \"events\""),
    REFUSED("CREATE TABLE {revenue} (a text); CREATE VIEW {v} AS SELECT 1",
            "it may not make anything but tables and indexes"),
    REFUSED("CREATE TABLE {revenue} (a text); COMMIT", "expected is CREATE TABLE or CREATE INDEX"),
    {"CREATE TABLE {revenue} (a text", NEAP_STORE, "syntax error"},
    REFUSED("-- nothing", "its schema makes no table"),
    REFUSED("CREATE TABLE {1} (a text)", "names no table"),
    REFUSED("CREATE TABLE {revenue} (a text DEFAULT ?)", "there are no values"),
    END};

const contract_dialect contract_postgresql_sql = {
    .put = "INSERT INTO {revenue} VALUES ('eve', 7) ON CONFLICT (customer) DO UPDATE SET total = 7 "
           "-- the {last} one\n;",
    .blob = "'\\x00'::bytea",
    .kinds = "CREATE TABLE {kinds} (a text, b double precision, c bigint, d text, e bytea)",
    .fatal = "INSERT INTO {revenue} VALUES ('k0', NULL)",
    .not_null = "not-null",
    .table = "\"total\" of relation \"revenue@1\"",
    .unique = "unique",
    .missing = "does not exist",
    .second = "more than one statement",
    .failing = failing,
    .foreign = foreign,
    .unsteady = unsteady,
    .tables = tables,
    .schema = "/* '{' /* */ */ CREATE TABLE {revenue} (a text DEFAULT '{x}' UNIQUE, b text "
              "GENERATED ALWAYS AS (a || '1') STORED, c jsonb CHECK (c ?? 'x'), "
              "at timestamptz DEFAULT to_timestamp(0) CHECK (at >= '1970-01-01')); "
              "CREATE UNIQUE INDEX {r} ON {revenue} (lower(a)) WHERE a > $q$;$q$;"
              "CREATE TABLE {lines} (k bigint PRIMARY KEY, a text REFERENCES {revenue} (a) "
              "DEFERRABLE INITIALLY DEFERRED);"
              "INSERT INTO {revenue} DEFAULT VALUES;",
    .query = "SELECT r.a, count(*) FROM {revenue} r LEFT JOIN {lines} ON true GROUP BY r.a",
};
