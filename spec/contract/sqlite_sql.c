/* SQL of projections as SQLite has it. */
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
    REFUSED("INSERT INTO {revenue} VALUES ('y')", "2 columns"),
    REFUSED("INSERT INTO {revenue} SELEC 1", "syntax error"),
    REFUSED("INSERT INTO {returns} VALUES (1)", "no such table"),
    REFUSED("INSERT INTO {revenue VALUES (1)", "names no table"),
    REFUSED("INSERT INTO {} VALUES (1)", "names no table"),
    {"UPDATE {revenue} SET total = abs(-9223372036854775808)", NEAP_STORE, "integer overflow"},
    END};

static const contract_refusal foreign[] = {
    REFUSED("DELETE FROM events", "it may not write to \"events\""),
    REFUSED("UPDATE document_rows SET data = 'x'", "it may not write to \"document_rows\""),
    REFUSED("INSERT INTO store SELECT * FROM store", "it may not"),
    REFUSED("INSERT INTO {revenue} SELECT data, 1 FROM events", "it may not read \"events\""),
    REFUSED("INSERT INTO {revenue} SELECT 'n', count(*) FROM events", "it may not read \"events\""),
    REFUSED("INSERT INTO {revenue} SELECT 'n', count(*) FROM Events", "it may not read"),
    REFUSED("INSERT INTO {revenue} SELECT sql, 1 FROM sqlite_schema", "it may not read"),
    REFUSED("INSERT INTO {revenue} SELECT 'n', count(*) FROM sqlite_master", "it may not read"),
    REFUSED("INSERT INTO {revenue} SELECT name, 1 FROM pragma_table_info('events')", "it may not"),
    REFUSED("INSERT INTO {revenue} SELECT 'n', count(*) FROM neap_events", "it may not read"),
    REFUSED("INSERT INTO {revenue} SELECT neap_wanted(1), 1", "neap_wanted"),
    REFUSED("INSERT INTO {revenue} SELECT load_extension('x'), 1", "it may not call"),
    REFUSED("INSERT INTO {revenue} SELECT fts3_tokenizer('x', x'00'), 1", "it may not call"),
    REFUSED("INSERT INTO \"revenue@2\" VALUES ('a', 1)", "it may not write to \"revenue@2\""),
    REFUSED("INSERT INTO {other} VALUES (1)", "it may not write to \"other@1\""),
    REFUSED("INSERT INTO {revenue} SELECT a, 1 FROM {other}", "it may not read \"other@1\""),
    REFUSED("INSERT INTO {revenue} SELECT 'n', count(*) FROM {other}",
            "it may not read \"other@1\""),
    REFUSED("DELETE FROM projection_tables", "it may not write to \"projection_tables\""),
    REFUSED("CREATE TABLE x (a)", "it may not"),
    REFUSED("DROP TABLE {revenue}", "it may not"),
    REFUSED("ALTER TABLE {revenue} RENAME TO x", "it may not"),
    REFUSED("CREATE TEMP TABLE x (a)", "it may not"),
    REFUSED("CREATE TRIGGER x AFTER INSERT ON {revenue} BEGIN SELECT 1; END", "it may not"),
    REFUSED("CREATE VIEW x AS SELECT 1", "it may not"),
    REFUSED("CREATE VIRTUAL TABLE x USING fts5(a)", "it may not"),
    REFUSED("ANALYZE", "it may not"),
    REFUSED("COMMIT", "it may not control transactions"),
    REFUSED("BEGIN", "it may not control transactions"),
    REFUSED("SAVEPOINT x", "it may not control transactions"),
    REFUSED("RELEASE neap", "it may not control transactions"),
    REFUSED("PRAGMA journal_mode = DELETE", "it may not use the pragma \"journal_mode\""),
    REFUSED("PRAGMA user_version = 9", "it may not use the pragma"),
    REFUSED("ATTACH 'x' AS y", "it may not attach"),
    REFUSED("DETACH main", "it may not attach or detach"),
    {"VACUUM", NEAP_STORE, "VACUUM"},
    {"VACUUM INTO '/tmp/neap-contract-copy'", NEAP_STORE, "VACUUM"},
    END};

#define UNSTEADY(value)                                                                            \
    REFUSED("INSERT INTO {revenue} VALUES (" value ", 1)", "answers differently each time")
#define CLOCK(value)                                                                               \
    REFUSED("INSERT INTO {revenue} VALUES (" value ", 1)", "it may not ask what time it is")
#define ZONE(value)                                                                                \
    REFUSED("INSERT INTO {revenue} VALUES (" value ", 1)", "depends on the zone of the machine")
static const contract_refusal unsteady[] = {UNSTEADY("random()"),
                                            UNSTEADY("hex(randomblob(3))"),
                                            UNSTEADY("CURRENT_TIMESTAMP"),
                                            UNSTEADY("last_insert_rowid()"),
                                            CLOCK("datetime('now')"),
                                            CLOCK("date()"),
                                            CLOCK("strftime('%s', 'NoW')"),
                                            CLOCK("julianday('now', '-1 day')"),
                                            ZONE("datetime(0, 'unixepoch', 'LocalTime')"),
                                            ZONE("datetime('2026-01-01', 'utc')"),
                                            END};

static const contract_refusal tables[] = {
    REFUSED("CREATE TABLE revenue (a)", "make a table other than {name}"),
    REFUSED("CREATE TABLE {revenue} (a); CREATE INDEX i ON {revenue} (a)", "make an index other"),
    {"CREATE TABLE {revenue} (a); CREATE TABLE {revenue} (a)", NEAP_STORE, "already exists"},
    REFUSED("CREATE TABLE {revenue} (a); DELETE FROM events", "it may not write to \"events\""),
    REFUSED("CREATE TABLE {revenue} AS SELECT * FROM events", "it may not read \"events\""),
    REFUSED("CREATE INDEX {i} ON events (stream)", "make an index of \"events\""),
    REFUSED("CREATE TEMP TABLE {revenue} (a)", "it may not"),
    REFUSED("CREATE TABLE {revenue} (a INTEGER PRIMARY KEY AUTOINCREMENT)", "sqlite_sequence"),
    REFUSED("CREATE TABLE {revenue} (a); CREATE VIEW {v} AS SELECT 1", "make the view"),
    REFUSED("CREATE TABLE {revenue} (a); COMMIT", "it may not control transactions"),
    {"CREATE TABLE {revenue} (a", NEAP_STORE, "incomplete input"},
    REFUSED("CREATE TABLE {revenue} (a DEFAULT (random()))", "differently each time"),
    REFUSED("CREATE TABLE {revenue} (a, b NOT NULL DEFAULT (1 + abs(RANDOM() /**/ % 7)))",
            "differently each time (give it a parameter instead): \"random\""),
    REFUSED("CREATE TABLE {lines} (k); CREATE TABLE {revenue} (a DEFAULT CURRENT_TIMESTAMP)",
            "differently each time"),
    REFUSED("CREATE TABLE {revenue} (a, b AS (date(a, 'localtime')))", "the zone of the machine"),
    REFUSED("-- nothing", "its schema makes no table"),
    REFUSED("CREATE TABLE {1} (a)", "names no table"),
    END};

const contract_dialect contract_sqlite_sql = {
    .put = "REPLACE INTO {revenue} VALUES ('eve', 7) -- the {last} one\n;",
    .blob = "x'00'",
    .kinds = "CREATE TABLE {kinds} (a, b, c, d, e)",
    .text_has_zeros = true,
    .fatal = "INSERT OR ROLLBACK INTO {revenue} VALUES ('k0', NULL)",
    .not_null = "NOT NULL",
    .table = "revenue@1.total",
    .unique = "UNIQUE",
    .missing = "no such table",
    .second = "it may not control transactions",
    .failing = failing,
    .foreign = foreign,
    .unsteady = unsteady,
    .tables = tables,
    .schema = "/* '{' */ CREATE TABLE {revenue} (a TEXT DEFAULT '{x}' UNIQUE, b TEXT AS (a || 1)) "
              "STRICT; CREATE UNIQUE INDEX {r} ON {revenue} (a);"
              "CREATE TABLE {lines} (k INTEGER PRIMARY KEY, l DEFAULT word, m DEFAULT \"w\", "
              "n DEFAULT (lower('X'))) WITHOUT ROWID;"
              "INSERT INTO {revenue} DEFAULT VALUES;",
    .query = "SELECT a, count(*) FROM {revenue}, (SELECT 1) LEFT JOIN {lines}",
};
