#include "check_sql.h"

/* PostgreSQL writes down what it has taken apart as nodes, {KIND :field value …}, in which names
 * and texts are escaped, so that none of them can look like a field. */
#define EACH(field) "trees, regexp_matches(tree, '" field "', 'g') AS m (m)"

/* Those whose answer depends on the settings of a session, which Neap's sessions all have alike
 * (connection.c), or on nothing but what they are given. */
#define STEADY                                                                                     \
    "'{textanycat,anytextcat,concat,concat_ws,format,quote_literal,quote_nullable,to_char,"        \
    "to_date,to_timestamp,to_number,date_trunc,date_part,extract,timezone,date,timestamp,"         \
    "timestamptz,time,timetz,timestamptz_pl_interval,timestamptz_mi_interval,"                     \
    "interval_pl_timestamptz,make_timestamptz,generate_series,to_json,to_jsonb,row_to_json,"       \
    "array_to_json,json_build_object,json_build_array,jsonb_build_object,jsonb_build_array,"       \
    "json_agg,jsonb_agg,json_object_agg,jsonb_object_agg,array_to_string}'::text[]"
#define COMPARES_TIMES "'^(date|timestamp|timestamptz)_(lt|le|eq|gt|ge|ne|cmp)_'"

/* What is found by reading it as a text would not be seen here. */
#define MAY_CALL                                                                                   \
    "(p.pronamespace = 'pg_catalog'::regnamespace AND (p.provolatile = 'i' OR p.proname = ANY "    \
    "(" STEADY ") OR p.proname ~ " COMPARES_TIMES " OR ($3::boolean AND p.provolatile = 's' "      \
    "AND p.proname !~ '^pg_|_to_xml')))"

#define FAULTS                                                                                                                                                                                                        \
    "functions (id) AS (SELECT m.m[1]::oid FROM " EACH(                                                                                                                                                               \
        ":(?:funcid|aggfnoid|winfnoid) (\\d+)") " UNION SELECT o.oprcode::oid FROM "                                                                                                                                  \
                                                "(SELECT m.m[1]::oid AS id FROM " EACH(                                                                                                                               \
                                                    ":opno (\\d+)") ") w JOIN pg_operator o ON "                                                                                                                      \
                                                                    "o.oid = w.id), "                                                                                                                                 \
                                                                    "inputs (name, id, kind) AS "                                                                                                                     \
                                                                    "(SELECT DISTINCT t.typname, "                                                                                                                    \
                                                                    "e.typinput::oid, w.kind "                                                                                                                        \
                                                                    "FROM ("                                                                                                                                          \
                                                                    "SELECT m.m[1]::oid AS id, "                                                                                                                      \
                                                                    "'cast' AS kind FROM " EACH(                                                                                                                      \
                                                                        ":resulttype (\\d+) "                                                                                                                         \
                                                                        ":resultcollid \\d+ "                                                                                                                         \
                                                                        ":coerceformat") " UNION "                                                                                                                    \
                                                                                         "SELECT "                                                                                                                    \
                                                                                         "m.m[1]:"                                                                                                                    \
                                                                                         ":oid, "                                                                                                                     \
                                                                                         "'consta"                                                                                                                    \
                                                                                         "nt' "                                                                                                                       \
                                                                                         "FROM"                                                                                                                       \
                                                                                         " " EACH(                                                                                                                    \
                                                                                             "\\{"                                                                                                                    \
                                                                                             "CON"                                                                                                                    \
                                                                                             "ST "                                                                                                                    \
                                                                                             ":co"                                                                                                                    \
                                                                                             "nst"                                                                                                                    \
                                                                                             "typ"                                                                                                                    \
                                                                                             "e "                                                                                                                     \
                                                                                             "(\\"                                                                                                                    \
                                                                                             "d+)"                                                                                                                    \
                                                                                             " [^"                                                                                                                    \
                                                                                             "{}]"                                                                                                                    \
                                                                                             "*:"                                                                                                                     \
                                                                                             "con"                                                                                                                    \
                                                                                             "sti"                                                                                                                    \
                                                                                             "snu"                                                                                                                    \
                                                                                             "ll "                                                                                                                    \
                                                                                             "fal"                                                                                                                    \
                                                                                             "se") ") w "                                                                                                             \
                                                                                                   "JOIN pg_type t ON t.oid = w.id LEFT JOIN pg_range r ON r.rngtypid = t.oid JOIN pg_type e "                        \
                                                                                                   "ON e.oid = coalesce(r.rngsubtype, CASE WHEN t.typcategory = 'A' THEN t.typelem END, t.oid)), "                    \
                                                                                                   "faults (rank, what, name) AS ("                                                                                   \
                                                                                                   "SELECT 1, 'use', c.relname::text FROM (SELECT DISTINCT m.m[1]::oid AS id FROM " EACH(                             \
                                                                                                       ":relid (\\d+)") ") w JOIN pg_class c ON c.oid = w.id WHERE c.oid NOT IN "                                     \
                                                                                                                        "(SELECT id FROM own) "                                                                       \
                                                                                                                        "UNION ALL SELECT 2, 'call', p.oid::regprocedure::text FROM functions f JOIN pg_proc p "      \
                                                                                                                        "ON p.oid = f.id WHERE p.pronamespace <> 'pg_catalog'::regnamespace "                         \
                                                                                                                        "UNION ALL SELECT 3, 'unsteady', p.proname::text FROM functions f JOIN pg_proc p "            \
                                                                                                                        "ON p.oid = f.id WHERE p.pronamespace = 'pg_catalog'::regnamespace AND NOT " MAY_CALL         \
                                                                                                                        " UNION ALL SELECT 3, 'unsteady', 'CURRENT_TIMESTAMP, CURRENT_USER and the like' FROM trees " \
                                                                                                                        "WHERE NOT $3::boolean AND tree ~ '\\{SQLVALUEFUNCTION' "                                     \
                                                                                                                        "UNION ALL SELECT 3, 'unsteady', 'TABLESAMPLE' FROM trees WHERE NOT $3::boolean "             \
                                                                                                                        "AND tree ~ '\\{(TABLESAMPLECLAUSE|RANGETABLESAMPLE)' "                                       \
                                                                                                                        "UNION ALL SELECT 3, 'unsteady', 'XMLTABLE and JSON_TABLE' FROM trees WHERE NOT $3::boolean " \
                                                                                                                        "AND tree ~ '\\{TABLEFUNC ' "                                                                 \
                                                                                                                        "UNION ALL SELECT 2, 'call', 'the checks of a domain' FROM trees WHERE tree ~ "               \
                                                                                                                        "'\\{COERCETODOMAIN ' "                                                                       \
                                                                                                                        "UNION ALL SELECT 3, 'unsteady', 'nextval' FROM trees WHERE tree ~ '\\{NEXTVALUEEXPR' "       \
                                                                                                                        "UNION ALL SELECT 3, 'unsteady', 'ctid, xmin and the like' FROM trees WHERE NOT $3::boolean " \
                                                                                                                        "AND tree ~ '\\{VAR :varno \\d+ :varattno -' "                                                \
                                                                                                                        "UNION ALL SELECT 4, 'clock', i.name::text FROM inputs i JOIN pg_proc p ON p.oid = i.id "     \
                                                                                                                        "WHERE NOT $3::boolean AND p.provolatile <> 'i' AND p.proname <> 'enum_in' AND (i.kind = "    \
                                                                                                                        "'cast' OR ($4::boolean AND p.proname ~ '^(date|time|timestamp|timetz|timestamptz|record)_in" \
                                                                                                                        "$'))), "

#define ANSWER                                                                                     \
    "answer AS (SELECT what, name FROM faults ORDER BY rank, name LIMIT 1) "                       \
    "SELECT coalesce((SELECT bool_or(tree ~ '\\{QUERY :commandType [2345]') FROM trees), false), " \
    "coalesce((SELECT what FROM answer), ''), coalesce((SELECT name FROM answer), '')"

#define OWN                                                                                        \
    "own (id, name) AS MATERIALIZED (SELECT c.oid, c.relname FROM projection_tables p "            \
    "JOIN pg_class c ON c.relname = p.name || '@' || p.build AND c.relkind = 'r' AND "             \
    "c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'events'::regclass) "         \
    "WHERE p.projection = $1::text AND p.build = $2::bigint), "

#define OF_FUNCTION(name)                                                                          \
    "WITH trees (tree) AS MATERIALIZED (SELECT prosqlbody::text FROM pg_proc WHERE oid = '" name   \
    "'::regproc), " OWN FAULTS ANSWER

const char *const neapi_pg_check_statement_sql = OF_FUNCTION("neap_statement");
const char *const neapi_pg_check_reading_sql = OF_FUNCTION("pg_temp.neap_statement");

/* Defaults, generated columns, checks, and expressions of indexes. */
#define TREES_OF_TABLES                                                                            \
    "trees (tree) AS MATERIALIZED (SELECT d.adbin::text FROM pg_attrdef d WHERE d.adrelid IN "     \
    "(SELECT id FROM own) UNION ALL SELECT k.conbin::text FROM pg_constraint k WHERE k.conrelid "  \
    "IN (SELECT id FROM own) AND k.conbin IS NOT NULL UNION ALL SELECT concat(i.indexprs::text, "  \
    "i.indpred::text) FROM pg_index i WHERE i.indrelid IN (SELECT id FROM own)), "

const char *const neapi_pg_check_tables_sql =
    "WITH " OWN TREES_OF_TABLES FAULTS
    "strange AS (SELECT 0 AS rank, 'key' AS what, k.confrelid::regclass::text AS name "
    "FROM pg_constraint k WHERE k.contype = 'f' AND k.conrelid IN (SELECT id FROM own) "
    "AND k.confrelid NOT IN (SELECT id FROM own) "
    "UNION ALL SELECT 0, 'inherit', i.inhparent::regclass::text FROM pg_inherits i "
    "WHERE i.inhrelid IN (SELECT id FROM own) AND i.inhparent NOT IN (SELECT id FROM own) "
    "UNION ALL SELECT 0, 'sequence', a.attname::text FROM pg_attribute a WHERE a.attrelid IN "
    "(SELECT id FROM own) AND (a.attidentity <> '' OR EXISTS (SELECT 1 FROM pg_depend d "
    "JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' WHERE d.refobjid = a.attrelid "
    "AND d.refobjsubid = a.attnum)) "
    "UNION ALL SELECT rank, what, name FROM faults), "
    "answer AS (SELECT what, name FROM strange ORDER BY rank, name LIMIT 1) "
    "SELECT false, coalesce((SELECT what FROM answer), ''), coalesce((SELECT name FROM answer), "
    "'')";
