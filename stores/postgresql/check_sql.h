/* What is wrong with a statement, or with tables that were made, by what PostgreSQL made of them.
 */
#ifndef NEAPI_POSTGRESQL_CHECK_SQL_H
#define NEAPI_POSTGRESQL_CHECK_SQL_H

/* All answer with one row: whether rows are changed, what is wrong (empty: nothing) and with what.
 * Parameters: the projection, its build, whether it only reads, and whether a text in it may tell
 * the time. statement: the body of neap_statement(); reading: of pg_temp's; tables: of what the
 * build has, and whatever in the schema is neither Neap's nor anyone's. */
extern const char *const neapi_pg_check_statement_sql;
extern const char *const neapi_pg_check_reading_sql;
extern const char *const neapi_pg_check_tables_sql;

#endif
